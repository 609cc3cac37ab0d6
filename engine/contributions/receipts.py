"""Thu: what an accepted statement says an employer has paid is booked, and allocated by the legal order.

Only a line that matching recognised by our payment code comes here. The money is first the employer's, not yet any
fund's; allocation moves it to the dues.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from engine import audit, bookkeeping
from engine.contributions.account import allocate_money
from engine.contributions.collection import RECEIPT
from engine.contributions.employer import Employer, employer_on, lock_employer
from engine.law.parameters import Parameters
from ledger.entries import Line
from ledger.money import Dong
from reconciliation import matching

UNALLOCATED = "unallocated"
"""As the fund of a ledger line: money of an employer that belongs to no fund yet."""


@dataclass(frozen=True, slots=True)
class ReceiptsApplied:
    """What a matching run brought in, in đồng; nothing if it had been applied before."""

    receipts: int
    received_vnd: int
    allocated_vnd: int


def apply_receipts(connection: Connection, run_id: int, at: datetime) -> ReceiptsApplied:
    """Books and allocates the receipts that a matching run found. Again changes nothing."""
    found = connection.execute(_NEW_RECEIPTS, {"run_id": run_id, "kind": RECEIPT, "at": at}).all()
    if not found:
        return ReceiptsApplied(0, 0, 0)
    by_statement: dict[tuple[str, date], list[Row[Any]]] = defaultdict(list)
    for row in found:
        by_statement[row.document, row.booked_on].append(row)
    for (document, booked_on), rows in sorted(by_statement.items()):
        _book(connection, run_id, document, booked_on, rows, at)
    law, allocated = Parameters.load(), 0
    latest = {row.unit_code: row.booked_on for row in sorted(found, key=lambda row: row.booked_on)}
    for unit_code, booked_on in sorted(latest.items()):
        employer = _employer(connection, unit_code, booked_on)
        lock_employer(connection, employer.employer_id)
        allocated += allocate_money(connection, employer, booked_on, at, law)
    received = sum(row.amount_vnd for row in found)
    audit.record(connection, "receipts_applied", f"matching {run_id}", at, receipts=len(found), received_vnd=received)
    return ReceiptsApplied(len(found), received, allocated)


def _book(
    connection: Connection, run_id: int, document: str, booked_on: date, rows: list[Row[Any]], at: datetime
) -> None:
    """Nợ tiền gửi ngân hàng / Có khoản thu chờ phân bổ của đơn vị: one line for each receipt."""
    bookkeeping.post_employer_event(
        connection,
        bookkeeping.RECEIPT_BOOKED,
        [
            Line(
                debit=row.ledger_account,
                credit=f"receipts_unallocated.{row.unit_code}",
                amount=Dong(row.amount_vnd),
                fund=UNALLOCATED,
                debit_reference=f"receipt {row.receipt_no}",
                credit_reference=f"receipt {row.receipt_no}",
            )
            for row in rows
        ],
        key=f"matching:{run_id}:{document}:{booked_on}:receipts",
        document=document,
        business_on=booked_on,
        at=at,
    )


def _employer(connection: Connection, unit_code: str, on: date) -> Employer:
    employer = employer_on(connection, unit_code, on)
    if employer is None:
        raise AssertionError(f"a receipt names the employer {unit_code}, which is not on record")
    return employer


_NEW_RECEIPTS = text(f"""
    WITH added AS (
        INSERT INTO engine.receipt
            (match_id, employer_id, notice_id, collection_account_id, booked_on, amount_vnd, document, recorded_at)
        SELECT m.match_id, n.employer_id, n.notice_id, c.collection_account_id, m.booked_on, m.amount_vnd, m.document,
            :at
        FROM ({matching.MATCHED_ITEMS}) m
        JOIN engine.notice n ON n.payment_code = m.reference
        JOIN engine.collection_account c ON c.own_account_id = m.own_account_id
        WHERE m.kind = :kind AND NOT m.returned
        ORDER BY m.booked_on, m.match_id
        ON CONFLICT (match_id) DO NOTHING
        RETURNING *
    )
    SELECT added.receipt_no, added.booked_on, added.amount_vnd, added.document, e.unit_code, c.ledger_account
    FROM added
    JOIN engine.employer e USING (employer_id)
    JOIN engine.collection_account c USING (collection_account_id)
    ORDER BY added.receipt_no
""")
