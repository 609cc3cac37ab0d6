"""What the approved decision of two people does to payments and to the ledger."""

from datetime import datetime

from sqlalchemy import Connection, text

from engine import audit
from engine.clock import business_date
from engine.contributions.suspense import UNALLOCATED
from engine.errors import NotAllowed
from engine.payments import repayments
from engine.payments.payment import UNDO_RETURN, UNDO_SETTLED, Voucher, move
from engine.payments.settlement import apply_matches, apply_runs
from ledger import book
from ledger.accounts import open_account
from ledger.entries import EntryHeader, Line
from ledger.money import Dong
from ledger.periods import open_day
from reconciliation import decisions, matching
from reconciliation.decisions import Decided, DecisionKind


def approve(connection: Connection, decision_id: int, person: str, at: datetime) -> Decided:
    """Approves a decision as the second person and books what follows from it, in the same transaction."""
    decided = decisions.approve(connection, decision_id, person, at)
    match decided.kind:
        case DecisionKind.FORCE:
            if decided.run_id is not None:
                apply_matches(connection, decided.run_id, at)
        case DecisionKind.CLOSE_GAP | DecisionKind.KEEP:
            apply_runs(connection, matching.match_again(connection, at), at)
        case DecisionKind.WRITE_OFF:
            _write_off(connection, decided, at)
        case DecisionKind.UNDO:
            _reverse(connection, decided, at)
        case DecisionKind.REPLACE:
            pass  # the file is imported again and finds what was decided
    audit.record(connection, "decision_approved", f"decision {decision_id}", at, kind=decided.kind.value)
    return decided


def _write_off(connection: Connection, decided: Decided, at: datetime) -> None:
    """Nợ chi phí ngân hàng / Có tiền gửi ngân hàng, on the day of the line if its month is not closed."""
    line = connection.execute(
        text("""
            SELECT e.booked_on, c.ledger_account, coalesce(p.fund, :unallocated) AS fund
            FROM reconciliation.statement_item i JOIN reconciliation.statement_entry e USING (statement_id, entry_no)
            JOIN reconciliation.own_account c ON c.own_account_id = e.own_account_id
            LEFT JOIN engine.paying_account p ON p.own_account_id = e.own_account_id
            WHERE i.item_id = :item_id"""),
        {"item_id": decided.item_id, "unallocated": UNALLOCATED},
    ).one()
    reference = f"decision {decided.decision_id}"
    header = EntryHeader(
        key=f"decision:{decided.decision_id}",
        event="written_off",
        document=reference,
        business_on=open_day(connection, line.booked_on),
        description="Xử lý chênh lệch: hai người cùng quyết định ghi vào chi phí",
    )
    expense = open_account(connection, "bank_fee_expense")
    posted = Line(
        debit=expense,
        credit=line.ledger_account,
        amount=Dong(decided.amount_vnd),
        fund=line.fund,
        debit_reference=reference,
        credit_reference=reference,
    )
    book.post(connection, header, [posted], recorded_at=at)


def _reverse(connection: Connection, decided: Decided, at: datetime) -> None:
    """The reversing entry of what the undone match had settled or returned."""
    found = connection.execute(_UNDONE, {"match_id": decided.match_id}).one()
    if found.run_id is None:
        return  # on a statement that waits: nothing has been booked
    if found.kind == "bank_fee":
        _reverse_fee(connection, decided, at)
        return
    if found.kind == repayments.KIND:
        repayments.take_back(connection, found.paid[0], decided.decision_id, at)
        return
    if found.kind != "payment":
        raise NotAllowed("a receipt is refunded or allocated anew, a transfer sent back: such a match is not undone")
    move(
        connection,
        UNDO_RETURN if found.returned else UNDO_SETTLED,
        Voucher(f"decision:{decided.decision_id}", f"decision {decided.decision_id}", business_date(at), at),
        chosen="SELECT payment_id, 'match undone' AS reason FROM engine.payment WHERE reference = ANY(:paid)",
        expected=len(found.paid),
        paid=found.paid,
    )
    connection.execute(
        text("""
            UPDATE engine.attempt t SET state = CASE WHEN :returned THEN 'success' ELSE 'pending' END
            FROM engine.payment p WHERE p.payment_id = t.payment_id AND p.reference = ANY(:paid)
                AND t.state <> 'failed'"""),
        {"returned": found.returned, "paid": found.paid},
    )


_UNDONE = text("""
    SELECT x.kind, chosen.returns_match_id IS NOT NULL AS returned, chosen.run_id,
        array_agg(DISTINCT x.reference) AS paid
    FROM reconciliation.match chosen
    JOIN reconciliation.match m ON m.undone_at = chosen.undone_at AND (
        m.match_id = chosen.match_id
        OR (m.item_id = chosen.item_id AND chosen.rule IN ('batch', 'merge'))
        OR (m.expectation_id = chosen.expectation_id AND chosen.rule = 'split' AND m.rule = 'split'))
    JOIN reconciliation.expectation x ON x.expectation_id = m.expectation_id
    WHERE chosen.match_id = :match_id
    GROUP BY x.kind, chosen.returns_match_id, chosen.run_id""")


def _reverse_fee(connection: Connection, decided: Decided, at: datetime) -> None:
    """Nợ tiền gửi ngân hàng / Có chi phí ngân hàng: what was taken for a fee was none."""
    fee = connection.execute(
        text("""
            SELECT e.reference, e.amount_vnd, c.ledger_account, coalesce(p.fund, :unallocated) AS fund
            FROM reconciliation.match m JOIN reconciliation.expectation e USING (expectation_id)
            JOIN reconciliation.own_account c USING (own_account_id)
            LEFT JOIN engine.paying_account p USING (own_account_id)
            WHERE m.match_id = :match_id"""),
        {"match_id": decided.match_id, "unallocated": UNALLOCATED},
    ).one()
    header = EntryHeader(
        key=f"decision:{decided.decision_id}",
        event="bank_fee_undone",
        document=f"decision {decided.decision_id}",
        business_on=business_date(at),
        description="Đảo bút toán phí ngân hàng: hai người cùng quyết định không phải là phí",
    )
    line = Line(
        debit=fee.ledger_account,
        credit=open_account(connection, "bank_fee_expense"),
        amount=Dong(fee.amount_vnd),
        fund=fee.fund,
        debit_reference=fee.reference,
        credit_reference=fee.reference,
    )
    book.post(connection, header, [line], recorded_at=at)
