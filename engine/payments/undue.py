"""Không còn phải chi: what became known after the signatures keeps a payment back at the last moment before it is sent.

Deaths, suspensions and ends of awards stop what waits on the day they become known. What was on its way that day, and
was never taken, waits again later: so each batch is looked through when it is sealed.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, text

from engine.clock import business_date
from engine.payments.deaths import AFTER_DEATH, PAYEE_HAS_DIED
from engine.payments.payment import HOLD, Voucher, move
from engine.payments.suspensions import AWARD_SUSPENDED, STANDS
from engine.payments.terminations import AWARD_TERMINATED, ENDED

_REASON = f"""CASE WHEN {AFTER_DEATH} THEN '{PAYEE_HAS_DIED}' WHEN {STANDS} THEN '{AWARD_SUSPENDED}'
    WHEN {ENDED} THEN '{AWARD_TERMINATED}' END"""
_UNDUE = f"""
    SELECT payment_id, reason FROM (
        SELECT p.payment_id, {_REASON} AS reason FROM engine.attempt t JOIN engine.payment p USING (payment_id)
        WHERE t.batch_id = :batch_id AND t.state = 'ready' AND p.state = 'approved') looked_at
    WHERE reason IS NOT NULL"""


def hold_undue(connection: Connection, batch_id: UUID, at: datetime) -> None:
    """Holds every payment of a batch that is no longer due; no money moves, and the others go out."""
    parameters = {"batch_id": batch_id, "at": at}
    held: int = connection.execute(text(f"SELECT count(*) FROM ({_UNDUE}) undue"), parameters).scalar_one()
    move(
        connection,
        HOLD,
        Voucher(f"batch:{batch_id}:undue", "no longer due", business_date(at), at),
        chosen=_UNDUE,
        expected=held,
        **parameters,
    )
    connection.execute(
        text("""
            UPDATE engine.attempt t SET state = 'failed', code = 'HELD' FROM engine.payment p
            WHERE p.payment_id = t.payment_id AND t.batch_id = :batch_id AND t.state = 'ready'
                AND p.state = 'held'"""),
        parameters,
    )
