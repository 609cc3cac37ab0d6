"""Khoản chi trả: the states of a payment, the one table of transitions, and the one function that moves payments.

A transition that touches money carries its journal entry: state and ledger change in the same statement's transaction,
so they cannot disagree. The database holds the same table (`engine.payment_transition`) and refuses anything else.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, text

from engine import bookkeeping
from engine.bookkeeping import PaymentEvent
from engine.errors import DoesNotHold
from ledger import book


class PaymentState(StrEnum):
    """Where a payment stands. Settled only when its debit stands on an accepted statement."""

    PLANNED = "planned"
    APPROVED = "approved"
    HELD = "held"
    IN_TRANSIT = "in_transit"
    SETTLED = "settled"
    FAILED = "failed"
    RETURNED = "returned"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Transition:
    """One permitted step and the journal entry it makes; None where no money changes its place."""

    name: str
    source: PaymentState
    target: PaymentState
    event: PaymentEvent | None


APPROVE = Transition("approve", PaymentState.PLANNED, PaymentState.APPROVED, bookkeeping.RUN_APPROVED)
HOLD = Transition("hold", PaymentState.APPROVED, PaymentState.HELD, None)
RELEASE = Transition("release", PaymentState.HELD, PaymentState.APPROVED, None)
SEND = Transition("send", PaymentState.APPROVED, PaymentState.IN_TRANSIT, bookkeeping.PAYMENT_SENT)
TRY_AGAIN = Transition("try_again", PaymentState.IN_TRANSIT, PaymentState.APPROVED, bookkeeping.PAYMENT_NOT_SENT)
FAIL = Transition("fail", PaymentState.IN_TRANSIT, PaymentState.FAILED, bookkeeping.PAYMENT_NOT_SENT)
SETTLE = Transition("settle", PaymentState.IN_TRANSIT, PaymentState.SETTLED, bookkeeping.PAYMENT_SETTLED)
RETURN = Transition("return", PaymentState.SETTLED, PaymentState.RETURNED, bookkeeping.PAYMENT_RETURNED)
DROP = Transition("drop", PaymentState.PLANNED, PaymentState.CANCELLED, None)
CANCEL = Transition("cancel", PaymentState.APPROVED, PaymentState.CANCELLED, bookkeeping.PAYMENT_CANCELLED)
CANCEL_HELD = Transition("cancel", PaymentState.HELD, PaymentState.CANCELLED, bookkeeping.PAYMENT_CANCELLED)

TAKE_BACK = Transition("take_back", PaymentState.FAILED, PaymentState.CANCELLED, bookkeeping.PAYMENT_CANCELLED)
TAKE_BACK_RETURNED = Transition(
    "take_back", PaymentState.RETURNED, PaymentState.CANCELLED, bookkeeping.RETURN_TAKEN_BACK
)
UNDO_SETTLED = Transition("undo", PaymentState.SETTLED, PaymentState.IN_TRANSIT, bookkeeping.SETTLED_UNDONE)
UNDO_RETURN = Transition("undo", PaymentState.RETURNED, PaymentState.SETTLED, bookkeeping.RETURN_UNDONE)

TRANSITIONS = (
    APPROVE,
    HOLD,
    RELEASE,
    SEND,
    TRY_AGAIN,
    FAIL,
    SETTLE,
    RETURN,
    DROP,
    CANCEL,
    CANCEL_HELD,
    TAKE_BACK,
    TAKE_BACK_RETURNED,
    UNDO_SETTLED,
    UNDO_RETURN,
)


def free_for_reissue(connection: Connection) -> None:
    """What was to be paid again by a payment that is cancelled may be paid again by another one.

    Unless that one had gone out and come back, and was given up then: the money of both has found its end.
    """
    connection.execute(
        text("""
            UPDATE engine.payment o SET reissued_by = NULL FROM engine.payment p
            WHERE o.reissued_by = p.payment_id AND p.state = 'cancelled' AND p.reissued_by IS NULL
                AND NOT EXISTS (
                    SELECT FROM engine.attempt t WHERE t.payment_id = p.payment_id AND t.state = 'returned')""")
    )


@dataclass(frozen=True, slots=True)
class Voucher:
    """What a journal entry of payments stands on: its key for ever, its document, its date, when it is recorded."""

    key: str
    document: str
    business_on: date
    at: datetime


def move(
    connection: Connection, transition: Transition, voucher: Voucher, *, chosen: str, expected: int, **parameters: Any
) -> None:
    """Moves the payments that `chosen` (SQL giving payment_id and reason) selects, with their journal entry.

    All of them must stand at the transition's source: if fewer than `expected` move, nothing does (`DoesNotHold`).
    """
    if expected == 0:
        return
    moved_rows = f"""
        WITH chosen AS ({chosen}), moved AS (
            UPDATE engine.payment p SET state = :target, state_reason = chosen.reason
            FROM chosen WHERE p.payment_id = chosen.payment_id AND p.state = :source
            RETURNING p.*)
        """
    parameters |= {"source": transition.source.value, "target": transition.target.value}
    if transition.event is None:
        moved = connection.scalar(text(f"{moved_rows} SELECT count(*) FROM moved"), parameters)
    else:
        book.open_staging(connection)
        staged = connection.execute(
            text(f"""{moved_rows}
                INSERT INTO pg_temp.staged_line
                    (debit, credit, amount_vnd, fund, run, debit_reference, credit_reference)
                SELECT {transition.event.debit}, {transition.event.credit}, p.amount_vnd, p.fund, r.run_code,
                       p.reference, p.reference
                FROM moved p JOIN engine.payment_run r USING (run_id)
                JOIN engine.paying_account a ON a.gateway = p.gateway AND a.fund = p.fund
                ORDER BY p.payment_no"""),
            parameters,
        )
        moved = staged.rowcount
        if moved == expected:
            bookkeeping.post_staged(
                connection,
                transition.event,
                key=voucher.key,
                document=voucher.document,
                business_on=voucher.business_on,
                at=voucher.at,
            )
    if moved != expected:
        raise DoesNotHold(
            f"{voucher.key}: {expected} payments should {transition.name} from {transition.source},"
            f" {moved} stand there; nothing was changed"
        )
