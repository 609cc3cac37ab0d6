"""What ended awards do to payments: what is planned for their months is dropped, what waits is held.

What has arrived is above what is due by then, and recoverable (`overpayments.follow_lowered_amounts`). A held payment
is ended by `run withdraw`. It follows from what is on record and can be run again at any time.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from engine.clock import business_date
from engine.payments.overpayments import follow_lowered_amounts
from engine.payments.payment import DROP, HOLD, Transition, Voucher, free_for_reissue, move

AWARD_TERMINATED = "award_terminated"
"""Why a payment is held, or was cancelled."""

ENDED = """EXISTS (SELECT FROM engine.termination x WHERE x.award_id = p.award_id AND x.approved_at IS NOT NULL
    AND x.from_month <= p.entitled_month) AND NOT EXISTS (SELECT FROM engine.award_amount w
        WHERE w.award_id = p.award_id AND upper_inf(w.recorded_during) AND w.entitled_during @> p.entitled_month)"""
"""SQL: whether the award of a payment `p` ended before its month."""


@dataclass(frozen=True, slots=True)
class TerminationsFollowed:
    """Payments that terminations have newly stopped, and what was paid for months after the end, in đồng."""

    dropped: int
    held: int
    overpaid: int
    overpaid_vnd: int


def follow_terminations(connection: Connection, at: datetime) -> TerminationsFollowed:
    """Brings payments into line with the awards that ended. Again changes nothing."""
    dropped = _move(connection, DROP, at)
    free_for_reissue(connection)
    connection.execute(
        text(f"""
            UPDATE engine.attempt t SET state = 'failed', code = 'HELD' FROM engine.payment p
            WHERE p.payment_id = t.payment_id AND p.state = 'approved' AND t.state = 'ready' AND {ENDED}""")
    )
    held = _move(connection, HOLD, at)
    return TerminationsFollowed(dropped, held, *follow_lowered_amounts(connection, at))


def _move(connection: Connection, transition: Transition, at: datetime) -> int:
    chosen = f"""
        SELECT p.payment_id, '{AWARD_TERMINATED}' AS reason FROM engine.payment p
        WHERE p.state = :from_state AND {ENDED}"""
    parameters = {"from_state": transition.source.value}
    expected: int = connection.execute(text(f"SELECT count(*) FROM ({chosen}) c"), parameters).scalar_one()
    on = business_date(at)
    voucher = Voucher(f"terminations:{transition.name}", f"terminations known on {on}", on, at)
    move(connection, transition, voucher, chosen=chosen, expected=expected, **parameters)
    return expected
