"""What suspended awards do to payments: nothing new is planned for them, and what waits does not go out.

It follows from the suspensions on record and can be run again at any time. What has gone out stays: a suspended month
is not lost, so nothing of it is recoverable.
"""

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from engine import audit
from engine.clock import business_date
from engine.payments.payment import DROP, HOLD, RELEASE, Transition, Voucher, free_for_reissue, move

AWARD_SUSPENDED = "award_suspended"
"""Why a payment is held, or was cancelled."""


@dataclass(frozen=True, slots=True)
class SuspensionsFollowed:
    """Payments that suspensions have newly stopped, and that resumptions have let go."""

    dropped: int
    """Planned, and not planned any more; their months are due again after a resumption."""
    held: int
    released: int


STANDS = """EXISTS (SELECT FROM engine.suspension s WHERE s.award_id = p.award_id
    AND s.from_month <= p.entitled_month AND s.suspended_at <= CAST(:at AS timestamptz)
    AND (s.resumed_at IS NULL OR s.resumed_at > CAST(:at AS timestamptz)))"""
"""SQL: whether a suspension stands against paying a payment `p`, as known at an instant."""


def follow_suspensions(connection: Connection, at: datetime) -> SuspensionsFollowed:
    """Brings payments into line with the suspensions on record. Again changes nothing."""
    dropped = _move(connection, DROP, STANDS, at)
    free_for_reissue(connection)
    connection.execute(
        text(f"""
            UPDATE engine.attempt t SET state = 'failed', code = 'HELD' FROM engine.payment p
            WHERE p.payment_id = t.payment_id AND p.state = 'approved' AND t.state = 'ready' AND {STANDS}"""),
        {"at": at},
    )
    followed = SuspensionsFollowed(
        dropped=dropped,
        held=_move(connection, HOLD, STANDS, at),
        released=_move(connection, RELEASE, f"p.state_reason = '{AWARD_SUSPENDED}' AND NOT {STANDS}", at),
    )
    if any(asdict(followed).values()):
        audit.record(connection, "suspensions_followed", business_date(at).isoformat(), at, **asdict(followed))
    return followed


def _move(connection: Connection, transition: Transition, condition: str, at: datetime) -> int:
    parameters = {"from_state": transition.source.value, "at": at}
    chosen = f"SELECT p.payment_id FROM engine.payment p WHERE p.state = :from_state AND {condition}"
    expected: int = connection.execute(text(f"SELECT count(*) FROM ({chosen}) c"), parameters).scalar_one()
    on = business_date(at)
    move(
        connection,
        transition,
        Voucher(f"suspensions:{transition.name}", f"suspensions known on {on}", on, at),
        chosen=f"SELECT payment_id, '{AWARD_SUSPENDED}' AS reason FROM ({chosen}) c",
        expected=expected,
        **parameters,
    )
    return expected
