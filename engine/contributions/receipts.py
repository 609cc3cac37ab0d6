"""Thu: what an accepted statement says an employer has paid is booked, and allocated by the legal order.

A line that matching recognised brings a receipt: of a bank by the code of a notice, of a wallet or payment page by the
reference of an order for one. The money is first the employer's, not yet any fund's; allocation
moves it to the dues. What nothing identifies is booked in suspense, and moved from there once it is recognised.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from engine import audit, bookkeeping
from engine.clock import business_date
from engine.contributions.account import allocate_money
from engine.contributions.announcements import hold_against_receipts
from engine.contributions.collection import RECEIPT
from engine.contributions.employer import Employer, employers_on, lock_employers
from engine.contributions.online import note_settled
from engine.contributions.online_inquiry import inquire_unanswered
from engine.contributions.refunds import reopen_cancelled_returns
from engine.contributions.suspense import UNALLOCATED, UNIDENTIFIED, book_unidentified
from engine.law.parameters import Parameters
from ledger.entries import Line
from ledger.money import Dong
from ledger.periods import open_day
from reconciliation import expectations, matching


@dataclass(frozen=True, slots=True)
class ReceiptsApplied:
    """What a matching run brought in, in đồng; nothing if it had been applied before."""

    receipts: int
    received_vnd: int
    allocated_vnd: int
    suspense_vnd: int = 0
    """Of money that nothing identified."""

    def __add__(self, other: "ReceiptsApplied") -> "ReceiptsApplied":
        return ReceiptsApplied(
            self.receipts + other.receipts,
            self.received_vnd + other.received_vnd,
            self.allocated_vnd + other.allocated_vnd,
            self.suspense_vnd + other.suspense_vnd,
        )


def apply_receipts(connection: Connection, run_id: int, at: datetime) -> ReceiptsApplied:
    """Books and allocates the receipts that a matching run found, and the rest in suspense. Again changes nothing."""
    reopen_cancelled_returns(connection, at)
    inquire_unanswered(connection)
    found = connection.execute(_NEW_RECEIPTS, {"run_id": run_id, "kind": RECEIPT, "at": at}).all()
    suspense_vnd = book_unidentified(connection, run_id, at)
    hold_against_receipts(connection, at)
    if not found:
        return ReceiptsApplied(0, 0, 0, suspense_vnd)
    note_settled(connection, [row.order_id for row in found if row.order_id is not None], at)
    # What was in suspense is in the books of its day already: it is the employer's from today.
    today = business_date(at)
    groups: dict[tuple[str, date, bool], list[Row[Any]]] = defaultdict(list)
    for row in found:
        groups[row.document, row.booked_on, row.in_suspense].append(row)
    for (document, booked_on, in_suspense), rows in sorted(groups.items()):
        _book(connection, run_id, document, booked_on, rows, at, today if in_suspense else booked_on)
    allocated = allocate_money(connection, _payers(connection, found, today), at, Parameters.load())
    _know_payers(connection, run_id, today)
    received = sum(row.amount_vnd for row in found)
    audit.record(connection, "receipts_applied", f"matching {run_id}", at, receipts=len(found), received_vnd=received)
    return ReceiptsApplied(len(found), received, allocated, suspense_vnd)


def _know_payers(connection: Connection, run_id: int, on: date) -> None:
    """An account from which an employer has paid is a sign of it: for a suggestion, never for a match."""
    expectations.know_parties(
        connection,
        "payer_account",
        on,
        f"""
            SELECT e.unit_code, encode(i.counterparty, 'hex')
            FROM ({matching.MATCHED_ITEMS}) m
            JOIN reconciliation.statement_item i USING (item_id)
            JOIN engine.receipt r USING (match_id)
            JOIN engine.employer e ON e.employer_id = r.employer_id
            WHERE i.counterparty IS NOT NULL""",
        {"run_id": run_id},
    )


def _book(
    connection: Connection,
    run_id: int,
    document: str,
    booked_on: date,
    rows: list[Row[Any]],
    at: datetime,
    business_on: date,
) -> None:
    """Nợ tiền gửi ngân hàng (or khoản chờ xử lý) / Có khoản thu chờ phân bổ của đơn vị: a line for each receipt."""
    identified = rows[0].in_suspense
    bookkeeping.post_employer_event(
        connection,
        bookkeeping.RECEIPT_IDENTIFIED if identified else bookkeeping.RECEIPT_BOOKED,
        [
            Line(
                debit=UNIDENTIFIED if identified else row.ledger_account,
                credit=f"receipts_unallocated.{row.unit_code}",
                amount=Dong(row.amount_vnd),
                fund=UNALLOCATED,
                debit_reference=f"line {row.item_id}" if identified else f"receipt {row.receipt_no}",
                credit_reference=f"receipt {row.receipt_no}",
            )
            for row in rows
        ],
        key=f"matching:{run_id}:{document}:{booked_on}:{'identified' if identified else 'receipts'}",
        document=document,
        business_on=open_day(connection, business_on),
        at=at,
    )


def _payers(connection: Connection, found: Sequence[Row[Any]], today: date) -> list[tuple[Employer, date]]:
    """Who has paid, locked, each with the day of its latest receipt."""
    latest: dict[UUID, date] = {}
    for row in found:
        on = today if row.in_suspense else row.booked_on
        latest[row.employer_id] = max(on, latest.get(row.employer_id, on))
    lock_employers(connection, list(latest))
    by_day: dict[date, list[UUID]] = defaultdict(list)
    for employer_id, on in latest.items():
        by_day[on].append(employer_id)
    payers = [
        (employer, open_day(connection, on))
        for on, those in by_day.items()
        for employer in employers_on(connection, those, on)
    ]
    if len(payers) != len(latest):
        raise AssertionError("a receipt names an employer of which nothing is on record")
    return payers


_NEW_RECEIPTS = text(f"""
    WITH added AS (
        INSERT INTO engine.receipt
            (match_id, employer_id, notice_id, order_id, collection_account_id, booked_on, amount_vnd, document,
             recorded_at)
        SELECT m.match_id, n.employer_id, n.notice_id, o.order_id, c.collection_account_id, m.booked_on, m.amount_vnd,
            m.document, :at
        FROM ({matching.MATCHED_ITEMS}) m
        -- A bank's line names a notice, a settlement file an order for one.
        LEFT JOIN engine.online_order o ON o.reference = m.reference
        JOIN engine.notice n ON n.notice_id = coalesce(
            o.notice_id, (SELECT notice_id FROM engine.notice WHERE payment_code = m.reference))
        JOIN engine.collection_account c ON c.own_account_id = m.own_account_id
        -- Looked up first, so that a run applied again leaves no gap in the numbers.
        WHERE m.kind = :kind AND NOT m.returned
            AND NOT EXISTS (SELECT FROM engine.receipt known WHERE known.match_id = m.match_id)
        ORDER BY m.booked_on, m.match_id
        ON CONFLICT (match_id) DO NOTHING
        RETURNING *
    )
    SELECT added.receipt_no, added.booked_on, added.amount_vnd, added.document, e.unit_code, e.employer_id,
        c.ledger_account, m.item_id, added.order_id,
        EXISTS (SELECT FROM reconciliation.suspense u WHERE u.item_id = m.item_id) AS in_suspense
    FROM added
    JOIN reconciliation.match m USING (match_id)
    JOIN engine.employer e USING (employer_id)
    JOIN engine.collection_account c USING (collection_account_id)
    ORDER BY added.receipt_no
""")
