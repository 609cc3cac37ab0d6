"""Tra soát từng lệnh: how single payouts are asked about, and what their provider tells of its own accord.

An inquiry names the reference of the attempt, for ever the same. That the provider does not know it proves nothing
before its grace time is over and a settlement file covers the day; only then the attempt failed and the payment goes
again, as a new attempt under a new reference.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection, Row, text

from engine import outbox
from engine.clock import business_date
from engine.payments import observation
from engine.payments.batch import dispatch
from engine.payments.observation import Source
from engine.payments.outgoing import lock_batch
from engine.payments.parcel import SingleSender, asked, rows, settle_state
from gateways.contract import Outcome
from gateways.online import Asking, Notification, OnlineAnswer, Verdict


def inquire_parcel(sender: SingleSender, message_id: int, batch_id: UUID, at: datetime) -> None:
    """Works an outbox message: asks about every attempt of a parcel whose end is not known, and stores what is said."""
    with sender.database.transaction() as connection:
        batch = lock_batch(connection, batch_id)
        if batch.state not in ("ready", "accepted", "unknown"):
            outbox.finish(connection, message_id)
            return
        found = rows(connection, batch_id, "t.state IN ('pending', 'unknown')")
    failed = False
    for row in found:
        due = asked(sender, row)
        sender.pace.wait()
        answer = sender.payer.query_payout(due.payout, Asking(uuid4().hex, at))
        with sender.database.transaction() as connection:
            failed |= _take_inquiry(sender, connection, batch, row, answer, at)
    with sender.database.transaction() as connection:
        batch = lock_batch(connection, batch_id)
        if settle_state(connection, batch, Source.INQUIRY, at):
            outbox.finish(connection, message_id)
        else:
            _inquire_later(sender, connection, batch, message_id, at)
        if failed and batch.run_state == "approved":
            # A temporary table is made for each dispatch, so it is the last thing in its transaction.
            dispatch(connection, batch.run_code, sender.payer.capabilities, business_date(at), at)


def take_notification(connection: Connection, gateway: str, notification: Notification, at: datetime) -> Verdict | None:
    """News that a provider brought of its own accord; None if the reference is that of no attempt through it."""
    attempt = connection.execute(
        text("""
            SELECT t.attempt_id, t.state, t.rank, p.reference, p.amount_vnd FROM engine.attempt t
            JOIN engine.batch b USING (batch_id) JOIN engine.payment p USING (payment_id)
            WHERE t.instruction_id = :reference AND b.gateway = :gateway"""),
        {"reference": notification.reference, "gateway": gateway},
    ).one_or_none()
    if attempt is None:
        return None
    if notification.amount_vnd != attempt.amount_vnd:
        problem = f"{gateway} tells of {notification.amount_vnd} đ, {attempt.amount_vnd} đ were asked for"
        observation.open_case(connection, attempt.reference, problem, at)
        return Verdict.WRONG_AMOUNT
    if attempt.state == "ready":
        # Nothing was asked, so nobody can tell what became of it.
        observation.open_case(connection, attempt.reference, f"{gateway} tells of a payout that was not sent", at)
        return Verdict.TAKEN
    observation.observe_attempt(
        connection, attempt.attempt_id, Source.CALLBACK, notification.outcome, notification.code, at
    )
    return Verdict.TAKEN


def _take_inquiry(
    sender: SingleSender, connection: Connection, batch: Row[Any], row: Row[Any], answer: OnlineAnswer, at: datetime
) -> bool:
    """What an inquiry told of one attempt; True if it failed so that the payment goes again."""
    if answer.found is not False:
        observation.observe_attempt(connection, row.attempt_id, Source.INQUIRY, answer.outcome, answer.code, at)
        return False
    grace = timedelta(seconds=sender.payer.capabilities.not_found_grace_seconds)
    if batch.sent_at is None or at - batch.sent_at <= grace or not _is_covered(connection, batch, row.attempt_id):
        return False
    observation.observe_attempt(connection, row.attempt_id, Source.INQUIRY, Outcome.FAILED, "NOT_FOUND", at)
    return True


def _is_covered(connection: Connection, batch: Row[Any], attempt_id: UUID) -> bool:
    """Whether accepted settlement files tell of the day on which an attempt was sent, and none of it moved."""
    return bool(
        connection.scalar(
            text("""
                SELECT EXISTS (SELECT FROM reconciliation.statement s WHERE s.own_account_id = :account
                           AND s.state = 'accepted' AND s.to_on >= :sent_on)
                   AND NOT EXISTS (SELECT FROM reconciliation.statement s WHERE s.own_account_id = :account
                           AND s.state <> 'accepted' AND s.from_on <= :sent_on)
                   AND EXISTS (SELECT FROM engine.attempt t JOIN engine.payment p USING (payment_id)
                           WHERE t.attempt_id = :attempt_id AND p.state = 'in_transit')"""),
            {
                "account": batch.own_account_id,
                "sent_on": max(batch.execution_on, business_date(batch.sent_at)),
                "attempt_id": attempt_id,
            },
        )
    )


def _inquire_later(
    sender: SingleSender, connection: Connection, batch: Row[Any], message_id: int, at: datetime
) -> None:
    """Asks again by the provider's schedule; after its last step the settlement file decides, and a person is told."""
    schedule = sender.payer.capabilities.inquiry_schedule_seconds
    connection.execute(
        text("UPDATE engine.batch SET inquiries = inquiries + 1 WHERE batch_id = :batch_id"),
        {"batch_id": batch.batch_id},
    )
    if batch.inquiries < len(schedule):
        outbox.postpone(connection, message_id, schedule[batch.inquiries])
        return
    outbox.finish(connection, message_id)
    open_attempts = connection.scalar(
        text("SELECT count(*) FROM engine.attempt WHERE batch_id = :id AND state = 'unknown'"), {"id": batch.batch_id}
    )
    if open_attempts:
        problem = f"{open_attempts} payouts still unknown after every inquiry; a settlement file decides"
        observation.open_case(connection, batch.message_id, problem, at)
