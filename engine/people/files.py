"""The payout-account file (danh sách tài khoản nhận tiền), CSV or XLSX: who is paid to which account from which day."""

from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from engine.people.accounts import Account, Change, bank_problem, change_accounts, holder_problem, number_problem
from engine.people.imported_file import keep, receive
from engine.people.person import NAME, PERSONAL_ID, PERSONAL_ID_DIGITS, PERSONAL_ID_FORM, ids_by_personal_id
from engine.people.workbook import Problems, Row, Sheet, fold, read_sheets
from engine.vault import Vault

BANK, ACCOUNT, HOLDER, VALID_FROM = "Mã ngân hàng", "Số tài khoản", "Tên chủ tài khoản", "Hiệu lực từ ngày"
PAYOUT_ACCOUNTS = Sheet("Tài khoản", required=(PERSONAL_ID, NAME, BANK, ACCOUNT, HOLDER, VALID_FROM))

_KIND = "payout_account"


@dataclass(frozen=True, slots=True)
class PayoutAccountsImported:
    """What a file of accounts did; `already` where the same file had done it before."""

    rows: int
    opened: int
    replaced: int
    unchanged: int
    already: bool = False


def import_payout_accounts(
    connection: Connection, vault: Vault, path: Path, recorded_at: datetime, *, wallets: bool = False
) -> PayoutAccountsImported:
    """Reads a file of accounts and puts them in place; refused whole, with all its problems, if any row is wrong.

    Wallets are taken only where somebody allowed them by name: a run that pays there must name it as well.
    """
    arrival = receive(connection, path, _KIND)
    if arrival.outcome is not None:
        return PayoutAccountsImported(**arrival.outcome, already=True)
    problems = Problems()
    rows = read_sheets(path, [PAYOUT_ACCOUNTS], problems)[PAYOUT_ACCOUNTS.name]
    read = [(row, *read_account(row, wallets=wallets)) for row in rows]
    people = ids_by_personal_id(connection, vault, {personal_id for _, personal_id, _ in read if personal_id})
    changes: dict[str, Change] = {}
    for row, personal_id, account in read:
        valid_from = row.required_day(VALID_FROM)
        person_id, folded_name = people.get(personal_id or "", (None, ""))
        if personal_id and person_id is None:
            row.problem(PERSONAL_ID, "nobody with this personal id is on record: import the claim first")
        if personal_id in changes:
            row.problem(PERSONAL_ID, "stands in this file twice")
        name = row.required_text(NAME)
        if person_id and name and fold(name) != folded_name:
            row.problem(NAME, "is not the name on record for this personal id")
        if person_id and account and (rule := holder_problem(account.holder_name, folded_name)):
            row.problem(HOLDER, rule)
        if personal_id and person_id and account and valid_from:
            changes[personal_id] = Change(person_id, account, valid_from)
    problems.refuse_if_any()
    changed = change_accounts(connection, vault, changes.values(), recorded_at)
    result = PayoutAccountsImported(len(rows), changed.opened, changed.replaced, changed.unchanged)
    outcome = asdict(result)
    del outcome["already"]
    keep(connection, arrival, rows=len(rows), outcome=outcome, recorded_at=recorded_at)
    return result


def read_account(row: Row, *, wallets: bool = False) -> tuple[str | None, Account | None]:
    """The personal id and the account of a row, each only if it can be one."""
    personal_id = row.digits(PERSONAL_ID, PERSONAL_ID_DIGITS)
    if personal_id is None or not PERSONAL_ID_FORM.fullmatch(personal_id):
        row.problem(PERSONAL_ID, "a personal id has 12 digits")
        personal_id = None
    bank_bin = row.required_text(BANK)
    bank_rule = bank_problem(bank_bin, wallets=wallets) if bank_bin else None
    if bank_rule:
        row.problem(BANK, bank_rule)
    number = row.required_text(ACCOUNT)
    number_rule = number_problem(number) if number else None
    if number and isinstance(row.cells[ACCOUNT], (int, float)):
        number_rule = "is a number cell, which loses leading zeros: make the column text"
    if number_rule:
        row.problem(ACCOUNT, number_rule)
    holder_name = row.required_text(HOLDER)
    if not (bank_bin and number and holder_name) or bank_rule or number_rule:
        return personal_id, None
    return personal_id, Account(bank_bin, number, holder_name)
