"""Hoàn trả tiền đóng (mẫu C16-TS): what goes back to an employer, or to whoever paid what nobody could be found for.

A refund takes what is left of receipts, or a line in suspense. It is only proposed here: it is paid by a payment run,
under the signatures that every run needs, and the ledger moves when the run is approved. From the proposal on nothing
else takes the money. Late charges are never given back (Decision 595/QĐ-BHXH, Article 43(3)).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from psycopg.types.range import Range
from sqlalchemy import Connection, text

from engine import audit
from engine.clock import business_date
from engine.contributions.account import money_of
from engine.contributions.collection import HOLDER_FORM
from engine.contributions.employer import employer_on, lock_employers
from engine.contributions.suspense import UNIDENTIFIED
from engine.errors import NotFound, WrongInput
from engine.people.accounts import Account, bank_problem, number_problem
from engine.vault import Vault, mask
from ledger.sheets import Column, Kind, write_xlsx
from reconciliation import breaks


@dataclass(frozen=True, slots=True)
class Refund:
    """One line of list C16-TS. Amount in đồng; the account shows its end only."""

    refund_no: int
    unit_code: str | None
    """None where nobody could be found for the money."""
    reason: str
    amount_vnd: int
    holder_name: str
    bank_bin: str
    account_masked: str
    requested_on: date
    requested_by: str
    payment: str | None
    """The reference of the payment that pays it, once a run has it."""
    state: str


def request_refund(
    connection: Connection,
    vault: Vault,
    unit_code: str,
    amount_vnd: int,
    account: Account,
    reason: str,
    at: datetime,
) -> int:
    """Proposes to give an employer back what it has paid ahead; returns the number of the refund."""
    employer = employer_on(connection, unit_code, business_date(at))
    if employer is None:
        raise NotFound(f"there is no employer {unit_code}")
    lock_employers(connection, [employer.employer_id])
    moneys = money_of(connection, employer.employer_id)
    surplus_vnd = sum(money.left_vnd for money in moneys)
    wrong = [*_problems(account, reason)]
    if not 0 < amount_vnd <= surplus_vnd:
        wrong.append(f"{unit_code} has a surplus of {surplus_vnd} đ: no refund of {amount_vnd} đ")
    if wrong:
        raise WrongInput(wrong)
    refund = _record(connection, vault, employer.employer_id, None, amount_vnd, account, reason, at)
    left_vnd = amount_vnd
    for money in reversed(moneys):
        part_vnd = min(left_vnd, money.left_vnd)
        if part_vnd:
            connection.execute(
                text("""
                    INSERT INTO engine.refund_part (refund_id, receipt_id, amount_vnd)
                    VALUES (:refund_id, :receipt_id, :amount_vnd)"""),
                {"refund_id": refund.refund_id, "receipt_id": money.receipt_id, "amount_vnd": part_vnd},
            )
        left_vnd -= part_vnd
    audit.record(connection, "refund_requested", f"refund {refund.refund_no}", at, amount_vnd=amount_vnd)
    return int(refund.refund_no)


def request_return(
    connection: Connection, vault: Vault, break_id: int, account: Account, reason: str, at: datetime
) -> int:
    """Proposes to send money in suspense back to the account from which it came; returns the number of the refund."""
    line = connection.execute(_SUSPENDED, {"break_id": break_id}).one_or_none()
    if line is None:
        raise NotFound(f"break {break_id} is no money in suspense")
    wrong = [*_problems(account, reason)]
    if line.counterparty is not None and line.counterparty != vault.fingerprint("account", account.number):
        wrong.append("the money came from another account than this one")
    if wrong:
        raise WrongInput(wrong)
    refund = _record(connection, vault, None, line.item_id, line.amount_vnd, account, reason, at)
    # Nothing recognises the line any more; it comes back if the refund is cancelled.
    breaks.close(connection, [break_id], f"sent back by refund {refund.refund_no}", business_date(at))
    audit.record(connection, "return_requested", f"refund {refund.refund_no}", at, amount_vnd=line.amount_vnd)
    return int(refund.refund_no)


def _problems(account: Account, reason: str) -> Sequence[str]:
    found = [] if reason.strip() else ["a refund has a reason"]
    if not HOLDER_FORM.fullmatch(account.holder_name):
        found.append("the holder's name is written in capital letters without marks, as the bank has it")
    if (problem := bank_problem(account.bank_bin)) is not None:
        found.append(f"the bank {account.bank_bin} {problem}")
    if (problem := number_problem(account.number)) is not None:
        found.append(f"the account {problem}")
    return found


def _record(
    connection: Connection,
    vault: Vault,
    employer_id: UUID | None,
    item_id: int | None,
    amount_vnd: int,
    account: Account,
    reason: str,
    at: datetime,
) -> Any:
    sealed = vault.seal("account", account.number)
    payout_account_id = connection.execute(
        text("""
            INSERT INTO engine.payout_account (person_id, bank_bin, account_ciphertext, account_fingerprint,
                holder_name, valid_during, recorded_during)
            VALUES (NULL, :bank_bin, :ciphertext, :fingerprint, :holder_name, :valid_during, :recorded_during)
            RETURNING payout_account_id"""),
        {
            "bank_bin": account.bank_bin,
            "ciphertext": sealed.ciphertext,
            "fingerprint": sealed.fingerprint,
            "holder_name": account.holder_name,
            "valid_during": Range(business_date(at), None, bounds="[)"),
            "recorded_during": Range(at, None, bounds="[)"),
        },
    ).scalar_one()
    return connection.execute(
        text("""
            INSERT INTO engine.refund (employer_id, item_id, amount_vnd, reason, payout_account_id, source_account,
                requested_at)
            SELECT :employer_id, CAST(:item_id AS bigint), :amount_vnd, :reason, :payout_account_id,
                coalesce('receipts_unallocated.' || (
                    SELECT unit_code FROM engine.employer WHERE employer_id = :employer_id), :unidentified), :at
            RETURNING refund_id, refund_no"""),
        {
            "employer_id": employer_id,
            "item_id": item_id,
            "amount_vnd": amount_vnd,
            "reason": reason.strip(),
            "payout_account_id": payout_account_id,
            "unidentified": UNIDENTIFIED,
            "at": at,
        },
    ).one()


def reopen_cancelled_returns(connection: Connection, at: datetime) -> None:
    """Money whose sending back was cancelled is in suspense for its owner again."""
    for row in connection.execute(_CANCELLED_RETURNS).all():
        breaks.open_undone(connection, row.item_id, f"refund {row.refund_no} was cancelled", business_date(at))


def list_refunds(connection: Connection, vault: Vault) -> list[Refund]:
    """Every refund in the order of their numbers, with where it stands: requested, or the state of its payment."""
    found = []
    for row in connection.execute(_REFUNDS):
        told = row._asdict()
        told["account_masked"] = mask(vault.open("account", bytes(told.pop("account_ciphertext"))))
        told["requested_on"] = business_date(told.pop("requested_at"))
        found.append(Refund(**told))
    return found


C16_COLUMNS = (
    Column("refund_no", "STT", "Number", Kind.NUMBER),
    Column("unit_code", "Mã đơn vị", "Unit code"),
    Column("reason", "Lý do hoàn trả", "Reason"),
    Column("amount_vnd", "Số tiền", "Amount", Kind.MONEY),
    Column("holder_name", "Chủ tài khoản", "Account holder"),
    Column("bank_bin", "Ngân hàng", "Bank"),
    Column("account_masked", "Tài khoản", "Account"),
    Column("requested_on", "Ngày đề nghị", "Requested on", Kind.DATE),
    Column("requested_by", "Người lập", "Requested by"),
    Column("payment", "Lệnh chi", "Payment"),
    Column("state", "Trạng thái", "State"),
)


def write_refunds(path: Path, refunds: Sequence[Refund], made_at: datetime) -> None:
    """Danh sách hoàn trả, mẫu C16-TS."""
    rows = ([getattr(refund, column.name) for column in C16_COLUMNS] for refund in refunds)
    write_xlsx(path, "C16-TS", C16_COLUMNS, rows, made_at)


_SUSPENDED = text("""
    SELECT i.item_id, i.amount_vnd, i.counterparty
    FROM reconciliation.break b JOIN reconciliation.suspense u USING (item_id)
    JOIN reconciliation.statement_item i USING (item_id)
    WHERE b.break_id = :break_id AND b.closed_on IS NULL FOR UPDATE OF b
""")

_CANCELLED_RETURNS = text("""
    SELECT DISTINCT ON (f.item_id) f.item_id, f.refund_no
    FROM engine.refund f JOIN engine.payment p USING (refund_id)
    WHERE f.item_id IS NOT NULL AND p.state = 'cancelled'
        AND NOT EXISTS (SELECT FROM engine.payment q WHERE q.refund_id = f.refund_id AND q.state <> 'cancelled')
        AND NOT EXISTS (SELECT FROM engine.refund g WHERE g.item_id = f.item_id AND g.refund_no > f.refund_no)
        AND NOT EXISTS (SELECT FROM reconciliation.break b WHERE b.item_id = f.item_id AND b.closed_on IS NULL)
        AND NOT EXISTS (SELECT FROM reconciliation.match m WHERE m.item_id = f.item_id AND m.undone_at IS NULL)
    ORDER BY f.item_id, f.refund_no
""")

_REFUNDS = text("""
    SELECT f.refund_no, e.unit_code, f.reason, f.amount_vnd, o.holder_name, o.bank_bin, o.account_ciphertext,
        f.requested_at, f.requested_by, p.reference AS payment, coalesce(p.state, 'requested') AS state
    FROM engine.refund f JOIN engine.payout_account o USING (payout_account_id)
    LEFT JOIN engine.employer e USING (employer_id)
    LEFT JOIN LATERAL (
        SELECT reference, state FROM engine.payment p WHERE p.refund_id = f.refund_id ORDER BY payment_no DESC LIMIT 1
    ) p ON true
    ORDER BY f.refund_no
""")
