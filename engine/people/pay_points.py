"""Điểm chi trả: where benefits are handed out in cash, and who is paid there because they have no account.

A payee of a pay point is a payout account like any other, with the pay point in the bank's place and the insurance
number in the account's: that is what the list C72a-HD names them by. So a change from cash to an account, or back, is
a change of account. Both files are CSV or XLSX; Luật 41/2024/QH15, Điều 93, lets a service organisation pay directly.
"""

from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from uuid import UUID

from sqlalchemy import Connection, text

from engine import audit
from engine.people.accounts import Account, Change, change_accounts
from engine.people.files import VALID_FROM, PayoutAccountsImported
from engine.people.imported_file import keep, receive
from engine.people.person import NAME, PERSONAL_ID, PERSONAL_ID_DIGITS, provinces
from engine.people.workbook import Problems, Sheet, fold, read_sheets
from engine.vault import Vault
from gateways.banks.directory import bank_of

PAY_POINT, POINT_NAME, PROVINCE = "Mã điểm chi trả", "Tên điểm chi trả", "Mã tỉnh"
PAY_POINTS = Sheet("Điểm chi trả", required=(PAY_POINT, POINT_NAME, PROVINCE))
CASH_PAYEES = Sheet("Nhận tiền mặt", required=(PERSONAL_ID, NAME, PAY_POINT, VALID_FROM))

_DIGITS = 6
_KIND = "cash_payee"

IN_CASH = "EXISTS (SELECT FROM engine.pay_point c WHERE c.pay_point = o.bank_bin)"
"""SQL: whether a payout account `o` is no account but a pay point."""


@dataclass(frozen=True, slots=True)
class PayPoint:
    """One counter at which benefits are paid; the code has six digits and is no bank's."""

    pay_point: str
    name: str
    province: str


@dataclass(frozen=True, slots=True)
class _Person:
    person_id: UUID
    folded_name: str
    number: str | None = field(repr=False)
    """The insurance number."""


def import_pay_points(connection: Connection, path: Path, at: datetime) -> int:
    """Reads a list of pay points; a known one gets its new name. Refused whole if one is wrong; returns how many."""
    problems = Problems()
    points: dict[str, PayPoint] = {}
    for row in read_sheets(path, [PAY_POINTS], problems)[PAY_POINTS.name]:
        code, name = row.digits(PAY_POINT, _DIGITS), row.required_text(POINT_NAME)
        province = row.digits(PROVINCE, 2)
        if code is None or not (len(code) == _DIGITS and code.isascii() and code.isdigit()):
            row.problem(PAY_POINT, "a pay point has six digits")
        elif bank_of(code) is not None:
            row.problem(PAY_POINT, "is the number of a bank")
        elif code in points:
            row.problem(PAY_POINT, "stands in this file twice")
        if province not in provinces():
            row.problem(PROVINCE, "is no province")
        if code and name and province:
            points[code] = PayPoint(code, name, province)
    problems.refuse_if_any()
    if points:
        connection.execute(
            text("""
                INSERT INTO engine.pay_point (pay_point, name, province) VALUES (:pay_point, :name, :province)
                ON CONFLICT (pay_point) DO UPDATE SET name = excluded.name, province = excluded.province"""),
            [asdict(point) for point in points.values()],
        )
    audit.record(connection, "pay_points_imported", path.name, at, pay_points=len(points))
    return len(points)


def import_cash_payees(
    connection: Connection, vault: Vault, path: Path, recorded_at: datetime
) -> PayoutAccountsImported:
    """Reads who is paid in cash at which pay point, and puts it in place; refused whole, with all its problems."""
    arrival = receive(connection, path, _KIND)
    if arrival.outcome is not None:
        return PayoutAccountsImported(**arrival.outcome, already=True)
    known_points = set(connection.scalars(text("SELECT pay_point FROM engine.pay_point")))
    problems = Problems()
    rows = read_sheets(path, [CASH_PAYEES], problems)[CASH_PAYEES.name]
    read = [(row, row.digits(PERSONAL_ID, PERSONAL_ID_DIGITS)) for row in rows]
    people = _people(connection, vault, {personal_id for _, personal_id in read if personal_id})
    changes: dict[str, Change] = {}
    for row, personal_id in read:
        person = people.get(personal_id or "")
        name, valid_from = row.required_text(NAME), row.required_day(VALID_FROM)
        point = row.digits(PAY_POINT, _DIGITS)
        if point not in known_points:
            row.problem(PAY_POINT, "is no pay point on record")
        if person is None:
            row.problem(PERSONAL_ID, "nobody with this personal id is on record: import the claim first")
            continue
        if name and fold(name) != person.folded_name:
            row.problem(NAME, "is not the name on record for this personal id")
        if person.number is None:
            row.problem(PERSONAL_ID, "has no insurance number on record, by which the list would name them")
        elif personal_id in changes:
            row.problem(PERSONAL_ID, "stands in this file twice")
        elif personal_id and point and valid_from:
            account = Account(point, person.number, person.folded_name)
            changes[personal_id] = Change(person.person_id, account, valid_from)
    problems.refuse_if_any()
    changed = change_accounts(connection, vault, changes.values(), recorded_at)
    result = PayoutAccountsImported(len(rows), changed.opened, changed.replaced, changed.unchanged)
    outcome = asdict(result)
    del outcome["already"]
    keep(connection, arrival, rows=len(rows), outcome=outcome, recorded_at=recorded_at)
    return result


def _people(connection: Connection, vault: Vault, personal_ids: set[str]) -> dict[str, _Person]:
    prints = {vault.fingerprint("personal_id", number): number for number in personal_ids}
    rows = connection.execute(
        text("""
            SELECT person_id, folded_name, personal_id_fingerprint, insured_number_ciphertext FROM engine.person
            WHERE personal_id_fingerprint = ANY(:prints)"""),
        {"prints": list(prints)},
    )
    return {
        prints[bytes(row.personal_id_fingerprint)]: _Person(
            row.person_id,
            row.folded_name,
            vault.open("insured_number", bytes(row.insured_number_ciphertext))
            if row.insured_number_ciphertext is not None
            else None,
        )
        for row in rows
    }
