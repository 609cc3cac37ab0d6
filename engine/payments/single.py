"""Gửi từng lệnh: payouts through a provider that is asked one payment at a time (wallets, single transfers).

The safety is that of a file, for each payment by itself. A batch is here a parcel without a file: sealing it posts its
money as in transit. Then its attempts leave one after another. (1) The call with everything random in it is stored and
the attempt set to `sending` in one transaction; (2) only then the provider is called, once; (3) its answer is stored
in the transaction that stores the next call. A process killed in between leaves one attempt `sending`: it becomes
`unknown` and is inquired about under the same reference. What was not called yet is called by whoever comes next.

Refused before anything started is the only answer after which the same reference is called again, by a new call; when
a parcel ends, the money of those goes back to be payable. Unknown stays unknown until an inquiry or the provider's
settlement file tells; `not found` fails one only after the grace time and a settlement file that covers its day.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Connection, Row, text

from engine import outbox
from engine.clock import business_date
from engine.errors import DoesNotHold, NotAllowed
from engine.payments import observation
from engine.payments.batch import INQUIRE_BATCH
from engine.payments.observation import Source
from engine.payments.outgoing import PAUSED_SECONDS, expect_debits, lock_batch, may_send
from engine.payments.parcel import Due, SingleSender, asked, payout, rows, settle_state
from engine.payments.payment import SEND, TRY_AGAIN, Voucher, move
from engine.payments.run import cancel_what_came_back
from engine.payments.signed_content import require_signed, require_unchanged
from engine.payments.undue import hold_undue
from gateways.contract import Outcome
from gateways.errors import Ambiguous, BadBatch, NotSent
from gateways.online import Asking, Call, Finder, OnlineAnswer
from reconciliation import expectations

_LOOK_EVERY = 20
"""Calls after which a worker looks whether sending was stopped."""
_REFUSED_IN_A_ROW = 5
"""Refusals after which the rest of a parcel waits: the provider is busy, or does not take our keys."""
_REFUSED_SECONDS = (2, 10, 60, 300, 900)
"""Waits before a parcel is tried again for what was refused; after the last one a person must look."""

log = structlog.get_logger()


def send_parcel(sender: SingleSender, message_id: int, batch_id: UUID, at: datetime) -> None:
    """Works an outbox message: seals a parcel that waits, sends what of it was not called yet, and ends it."""
    with sender.database.transaction() as connection:
        batch = lock_batch(connection, batch_id)
        if batch.state not in ("ready", "sending"):
            outbox.finish(connection, message_id)
            return
        if not may_send(connection, batch.gateway, batch.run_id):
            if batch.state == "sending":
                _interrupted(connection, batch_id, at)
            if batch.state == "sending" or batch.run_state == "cancelled":
                _end(connection, batch_id, message_id, at, paused=True)
            else:
                outbox.postpone(connection, message_id, PAUSED_SECONDS)
            return
        try:
            sealed = _take_up(connection, batch, at)
        except NotAllowed as error:
            # Nothing more of it goes out. A person must look; until then what is left waits as it was approved.
            observation.open_case(connection, batch.message_id, str(error), at)
            sealed = False
        if not sealed:
            _close(connection, batch, "STOPPED", at)
            outbox.finish(connection, message_id)
            return
        waiting = rows(connection, batch_id, "t.state = 'ready'")
    paused = _call_each(sender, batch, waiting, at)
    with sender.database.transaction() as connection:
        _end(connection, batch_id, message_id, at, paused=paused)


def _take_up(connection: Connection, batch: Row[Any], at: datetime) -> bool:
    """Seals what is left of a parcel, also of one whose worker died; False if nothing of it is left to send."""
    if batch.state == "sending":
        _interrupted(connection, batch.batch_id, at)
        _take_back(connection, batch, at)
    hold_undue(connection, batch.batch_id, at)
    shards = connection.scalars(
        text(f"SELECT DISTINCT p.shard {_WAITING} ORDER BY p.shard"), {"batch_id": batch.batch_id}
    ).all()
    if not shards:
        return False
    require_signed(connection, batch.run_id)
    require_unchanged(connection, batch.run_id, list(shards))
    sealed = connection.execute(
        text(f"SELECT count(*) AS payments, sum(p.amount_vnd)::bigint AS amount_vnd {_WAITING}"),
        {"batch_id": batch.batch_id},
    ).one()
    connection.execute(
        text("UPDATE engine.batch SET state = 'sending', sends = sends + 1, sent_at = :at WHERE batch_id = :batch_id"),
        {"batch_id": batch.batch_id, "at": at},
    )
    move(
        connection,
        SEND,
        Voucher(f"batch:{batch.message_id}:sent:{batch.sends + 1}", batch.message_id, batch.execution_on, at),
        chosen=f"SELECT p.payment_id, NULL AS reason {_WAITING}",
        expected=sealed.payments,
        batch_id=batch.batch_id,
    )
    expect_debits(connection, batch, sealed="ready")
    return True


_WAITING = """
    FROM engine.attempt t JOIN engine.payment p USING (payment_id)
    WHERE t.batch_id = :batch_id AND t.state = 'ready' AND p.state = 'approved'"""


def _interrupted(connection: Connection, batch_id: UUID, at: datetime) -> None:
    """Whoever worked on the parcel died: what it had stored as being called may have been called."""
    for row in connection.execute(
        text("SELECT attempt_id FROM engine.attempt WHERE batch_id = :batch_id AND state = 'sending'"),
        {"batch_id": batch_id},
    ).all():
        observation.observe_attempt(connection, row.attempt_id, Source.ANSWER, Outcome.UNKNOWN, "INTERRUPTED", at)


def _call_each(sender: SingleSender, batch: Row[Any], waiting: Sequence[Row[Any]], at: datetime) -> bool:
    """Calls for one attempt after another; True if it stopped before the end.

    One transaction stores what the last call was answered and what the next one says.
    """
    answered: tuple[Due, OnlineAnswer] | None = None
    refused_in_a_row = 0
    for place, row in enumerate(waiting):
        if refused_in_a_row == _REFUSED_IN_A_ROW:
            break
        prepared = _prepared(sender, row, batch, at)
        with sender.database.transaction() as connection:
            if answered is not None:
                _take_answer(connection, *answered, at)
                answered = None
            if place % _LOOK_EVERY == 0 and not may_send(connection, batch.gateway, batch.run_id):
                return True
            if isinstance(prepared, OnlineAnswer):
                _not_called(connection, row, prepared, at)
                refused_in_a_row += prepared.outcome is Outcome.NOT_ACCEPTED
                continue
            due, call = prepared
            if not _store(sender, connection, due, call, batch.sends + 1):
                continue
        sender.pace.wait()
        answer = sender.payer.send_payout(call, due.payout)
        refused_in_a_row = refused_in_a_row + 1 if answer.outcome is Outcome.NOT_ACCEPTED else 0
        answered = due, answer
    if answered is not None:
        with sender.database.transaction() as connection:
            _take_answer(connection, *answered, at)
    return False


def _prepared(sender: SingleSender, row: Row[Any], batch: Row[Any], at: datetime) -> tuple[Due, Call] | OnlineAnswer:
    """The payout with its call, built and signed; or why there is none."""
    asking = Asking(f"{row.instruction_id}.{batch.sends + 1}", at)
    try:
        due = asked(sender, row, opened=True)
        if isinstance(sender.payer, Finder):
            sender.pace.wait()
            receiver = sender.payer.find_receiver(due.payout, asking)
            if receiver is None:
                return OnlineAnswer(Outcome.FAILED, "NO_SUCH_WALLET")
            due = Due(due.attempt_id, payout(sender, row, receiver))
        return due, sender.payer.build_payout(due.payout, asking)
    except (NotSent, Ambiguous) as error:
        return OnlineAnswer(Outcome.NOT_ACCEPTED, error.code, text=str(error))
    except (BadBatch, DoesNotHold) as error:
        return OnlineAnswer(Outcome.FAILED, error.code, text=str(error))


def _store(sender: SingleSender, connection: Connection, due: Due, call: Call, number: int) -> bool:
    """From here on the provider may have the call; False if the attempt is no longer to be sent."""
    kept = {"method": call.method, "path": call.path, "headers": dict(call.headers), "body": call.body.decode()}
    stored = connection.execute(
        text("""
            WITH sent AS (
                UPDATE engine.attempt SET state = 'sending', rank = 0
                WHERE attempt_id = :attempt_id AND state = 'ready' RETURNING attempt_id)
            INSERT INTO engine.single_call (attempt_id, request_id, call_ciphertext, receiver_ciphertext)
            SELECT attempt_id, :request_id, :call, :receiver FROM sent
            ON CONFLICT (attempt_id) DO UPDATE SET request_id = excluded.request_id,
                call_ciphertext = excluded.call_ciphertext, receiver_ciphertext = excluded.receiver_ciphertext"""),
        {
            "attempt_id": due.attempt_id,
            "request_id": f"{due.payout.reference}.{number}",
            "call": sender.vault.encrypt("single_call", json.dumps(kept).encode()),
            "receiver": sender.vault.encrypt("account", due.payout.receiver.number.encode()),
        },
    )
    return stored.rowcount == 1


def _take_answer(connection: Connection, due: Due, answer: OnlineAnswer, at: datetime) -> None:
    if answer.provider_reference is not None:
        connection.execute(
            text("UPDATE engine.single_call SET provider_reference = :number WHERE attempt_id = :attempt_id"),
            {"number": answer.provider_reference, "attempt_id": due.attempt_id},
        )
    if answer.outcome is not Outcome.NOT_ACCEPTED:
        observation.observe_attempt(connection, due.attempt_id, Source.ANSWER, answer.outcome, answer.code, at)
        return
    # Nothing of this call started, and no earlier one of this reference is unknown: those are never called again.
    connection.execute(
        text("UPDATE engine.attempt SET state = 'ready', code = :code WHERE attempt_id = :id AND state = 'sending'"),
        {"id": due.attempt_id, "code": answer.code},
    )


def _not_called(connection: Connection, row: Row[Any], answer: OnlineAnswer, at: datetime) -> None:
    """No call could be made: the attempt fails, unless it was only the provider that did not answer."""
    if answer.outcome is Outcome.NOT_ACCEPTED:
        return
    observation.observe_attempt(connection, row.attempt_id, Source.ANSWER, answer.outcome, answer.code, at)
    observation.open_case(connection, row.reference, f"no payout could be asked for: {answer.text or answer.code}", at)


def _end(connection: Connection, batch_id: UUID, message_id: int, at: datetime, *, paused: bool) -> None:
    """The end of a pass over a parcel: the money of what was not taken is payable again, the rest is inquired about."""
    batch = lock_batch(connection, batch_id)
    left = _take_back(connection, batch, at)
    over = not left or batch.run_state == "cancelled"
    if not over and (paused or batch.sends <= len(_REFUSED_SECONDS)):
        observation.note_parcel(connection, batch_id, Source.ANSWER, "ready", "PAUSED" if paused else "REFUSED", at)
        outbox.postpone(connection, message_id, PAUSED_SECONDS if paused else _REFUSED_SECONDS[batch.sends - 1])
        # However long the others wait, what was called is asked about.
        if not settle_state(connection, lock_batch(connection, batch_id), Source.ANSWER, at):
            outbox.put_once(connection, INQUIRE_BATCH, str(batch_id))
        return
    if not over:
        problem = f"{left} payouts were refused every time; look why, and dispatch again"
        observation.open_case(connection, batch.message_id, problem, at)
    _close(connection, batch, "REFUSED", at)
    outbox.finish(connection, message_id)


def _take_back(connection: Connection, batch: Row[Any], at: datetime) -> int:
    """What of a sealed parcel was not called, or was refused, is payable again; returns how many payments that are."""
    parameters = {"batch_id": batch.batch_id}
    left: int = connection.execute(text(f"SELECT count(*) {_LEFT}"), parameters).scalar_one()
    if left:
        expectations.withdraw(connection, f"SELECT p.reference {_LEFT}", parameters)
        move(
            connection,
            TRY_AGAIN,
            Voucher(f"batch:{batch.message_id}:refused:{batch.sends}", batch.message_id, business_date(at), at),
            chosen=f"SELECT p.payment_id, t.code AS reason {_LEFT}",
            expected=left,
            **parameters,
        )
        cancel_what_came_back(connection, batch.run_id, at)
    return left


def _close(connection: Connection, batch: Row[Any], code: str, at: datetime) -> None:
    """Nothing more of a parcel is sent: attempts that never left end, the others are inquired about."""
    connection.execute(
        text("""
            UPDATE engine.attempt SET state = 'failed', code = coalesce(code, :code)
            WHERE batch_id = :batch_id AND state = 'ready'"""),
        {"batch_id": batch.batch_id, "code": code},
    )
    if not settle_state(connection, batch, Source.ANSWER, at):
        outbox.put(connection, INQUIRE_BATCH, str(batch.batch_id))


_LEFT = """
    FROM engine.attempt t JOIN engine.payment p USING (payment_id)
    WHERE t.batch_id = :batch_id AND t.state = 'ready' AND p.state = 'in_transit'"""
