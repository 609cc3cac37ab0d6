"""Người nhận: who a benefit is handed to - the beneficiary, a proxy (người được ủy quyền) or a guardian (giám hộ).

The file of proxies and guardians, CSV or XLSX, names the account of somebody else with the document that allows it.
A power of attorney ends; how long one may last at most, and when a change counts, is data (`payout_channels.yaml`).
"""

from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path
from uuid import UUID

from sqlalchemy import Connection

from engine.law.calendar import Month
from engine.people.accounts import Account, change_rules, holder_form_problem, longest_authority_months
from engine.people.files import ACCOUNT, BANK, HOLDER, VALID_FROM, read_account
from engine.people.person import NAME, PERSONAL_ID, PERSONAL_ID_DIGITS, PERSONAL_ID_FORM, ids_by_personal_id
from engine.people.workbook import Problems, Row, Sheet, fold, read_sheets
from engine.vault import Vault

RECEIVED_AS, RECEIVER_ID, EVIDENCE, VALID_UNTIL = (
    "Hình thức nhận thay",
    "Số định danh người nhận thay",
    "Văn bản",
    "Đến ngày",
)
RECEIVERS = Sheet(
    "Người nhận thay",
    required=(PERSONAL_ID, NAME, RECEIVED_AS, RECEIVER_ID, BANK, ACCOUNT, HOLDER, EVIDENCE, VALID_FROM),
    optional=(VALID_UNTIL,),
)


class Receiver(StrEnum):
    """Who stands behind a payout account."""

    BENEFICIARY = "beneficiary"
    PROXY = "proxy"
    GUARDIAN = "guardian"


RECEIVED_AS_WORDS = {"Ủy quyền": Receiver.PROXY, "Giám hộ": Receiver.GUARDIAN}


@dataclass(frozen=True, slots=True)
class Mandate:
    """Somebody else receives a person's benefit on this account, by this document, from a day until another."""

    person_id: UUID
    receiver: Receiver
    receiver_id: str = field(repr=False)
    account: Account
    evidence: str
    valid_from: date
    valid_until: date | None


def takes_effect_on(requested_on: date) -> date:
    """The first day for which a changed account is paid to: that of a list not closed yet, after the days to object.

    >>> takes_effect_on(date(2026, 11, 20)), takes_effect_on(date(2026, 11, 21))
    (datetime.date(2026, 12, 1), datetime.date(2027, 1, 1))
    """
    rules = change_rules()
    months = 1 if requested_on.day <= rules["cut_off_day"] else 2
    listed = (Month.containing(requested_on) + months).first_day
    return max(listed, requested_on + timedelta(days=rules["days_to_object"]))


def read_mandates(connection: Connection, vault: Vault, path: Path) -> list[Mandate]:
    """The rows of a file of proxies and guardians; refused whole, with all its problems, if any row is wrong."""
    problems = Problems()
    rows = read_sheets(path, [RECEIVERS], problems)[RECEIVERS.name]
    read = [(row, *read_account(row)) for row in rows]
    people = ids_by_personal_id(connection, vault, {personal_id for _, personal_id, _ in read if personal_id})
    mandates: dict[str, Mandate] = {}
    for row, personal_id, account in read:
        person_id, folded_name = people.get(personal_id or "", (None, ""))
        if personal_id and person_id is None:
            row.problem(PERSONAL_ID, "nobody with this personal id is on record: import the claim first")
        if personal_id in mandates:
            row.problem(PERSONAL_ID, "stands in this file twice")
        name = row.required_text(NAME)
        if person_id and name and fold(name) != folded_name:
            row.problem(NAME, "is not the name on record for this personal id")
        if account and (rule := holder_form_problem(account.holder_name)):
            row.problem(HOLDER, rule)
        mandate = _mandate(row, person_id, personal_id, account)
        if mandate and personal_id:
            mandates[personal_id] = mandate
    problems.refuse_if_any()
    return list(mandates.values())


def _mandate(row: Row, person_id: UUID | None, personal_id: str | None, account: Account | None) -> Mandate | None:
    receiver = row.required_choice(RECEIVED_AS, RECEIVED_AS_WORDS)
    receiver_id = row.digits(RECEIVER_ID, PERSONAL_ID_DIGITS)
    if receiver_id is None or not PERSONAL_ID_FORM.fullmatch(receiver_id):
        row.problem(RECEIVER_ID, "a personal id has 12 digits")
        receiver_id = None
    elif receiver_id == personal_id:
        row.problem(RECEIVER_ID, "is the beneficiary's own: an account of their own is no mandate")
    evidence = row.required_text(EVIDENCE)
    valid_from, valid_until = row.required_day(VALID_FROM), row.day(VALID_UNTIL)
    if valid_from and (rule := _validity_problem(receiver, valid_from, valid_until)):
        row.problem(VALID_UNTIL, rule)
    if not (person_id and receiver and receiver_id and account and evidence and valid_from):
        return None
    return Mandate(person_id, Receiver(receiver), receiver_id, account, evidence, valid_from, valid_until)


def _validity_problem(receiver: str | None, valid_from: date, valid_until: date | None) -> str | None:
    if valid_until is None:
        return "a power of attorney has a last day" if receiver == Receiver.PROXY else None
    if valid_until < valid_from:
        return "lies before the first day"
    most = longest_authority_months()
    months = (valid_until.year - valid_from.year) * 12 + valid_until.month - valid_from.month
    if receiver == Receiver.PROXY and (months, valid_until.day) > (most, valid_from.day):
        return f"a power of attorney is taken for {most} months at most"
    return None
