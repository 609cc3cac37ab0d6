"""Gửi lệnh chi: the file that decides whether a payment may be sent again.

The order of steps is the whole safety. (1) Attempt, batch, references and outbox message were stored together. (2) The
file is written and synced, then one transaction sets everything to `sending` and posts the money as in transit. (3)
Only then the bank is called, once. (4) What it answers is stored in a new transaction. A process killed between 2 and 4
leaves `sending`: whoever comes next knows that the bank may have the file, marks it `unknown` and inquires under the
same message id. It never sends again on hope.

Sent again, under the same message id, is only a batch that the bank refused before anything started (`not_accepted`)
while no earlier call of it is unknown. A file that the bank does not know becomes a failed attempt only after the grace
time and after an accepted statement that covers the day shows no movement; then the payments go in a new batch.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, assert_never
from uuid import UUID

import structlog
from sqlalchemy import Connection, Row, text

from engine import outbox
from engine.clock import business_date
from engine.database import Database
from engine.errors import DoesNotHold, NotAllowed
from engine.payments import observation
from engine.payments.batch import INQUIRE_BATCH, dispatch
from engine.payments.observation import Source
from engine.payments.outgoing import PAUSED_SECONDS, expect_debits, lock_batch, may_send, open_account, remittance
from engine.payments.payment import SEND, TRY_AGAIN, Voucher, move
from engine.payments.run import cancel_what_came_back
from engine.payments.signed_content import require_signed, require_unchanged
from engine.payments.undue import hold_undue
from engine.vault import Vault
from gateways.contract import BatchOrder, CategoryPurpose, Gateway, Instruction, Outcome, Rail, StatusReport
from gateways.errors import BadBatch

INITIATOR = "BAO HIEM XA HOI VIET NAM"
_REFUSED_SECONDS = 2
"""How long a batch waits after the bank refused a call before anything started."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Sender:
    """What sending needs: the database, the vault, one open gateway and the directory of files in use."""

    database: Database
    vault: Vault
    gateway: Gateway
    outgoing: Path


def send_batch(sender: Sender, message_id: int, batch_id: UUID, at: datetime) -> None:
    """Works an outbox message: sends a batch that was never sent, or finds out about one that was."""
    with sender.database.transaction() as connection:
        batch = lock_batch(connection, batch_id)
        if batch.state == "sending":
            observation.note_batch(connection, batch_id, Source.ANSWER, "unknown", "INTERRUPTED", at)
            outbox.put(connection, INQUIRE_BATCH, str(batch_id))
        if batch.state != "ready":
            outbox.finish(connection, message_id)
            return
        if batch.run_state == "cancelled":
            observation.fail_batch(connection, batch_id, Source.ANSWER, "CANCELLED", at)
            outbox.finish(connection, message_id)
            return
        if not may_send(connection, batch.gateway, batch.run_id):
            outbox.postpone(connection, message_id, PAUSED_SECONDS)
            return
        hold_undue(connection, batch_id, at)
        try:
            content = _write_file(sender, connection, batch)
        except (NotAllowed, DoesNotHold, BadBatch) as error:
            # Nothing of it went out. A person must look; until then its payments wait as they were approved.
            observation.fail_batch(connection, batch_id, Source.ANSWER, "STOPPED", at)
            observation.open_case(connection, batch.message_id, str(error), at)
            outbox.finish(connection, message_id)
            return
        if content is None:
            observation.fail_batch(connection, batch_id, Source.ANSWER, "EMPTY", at)
            outbox.finish(connection, message_id)
            return
        _seal(connection, batch, content, at)
    answer = sender.gateway.submit_batch(batch.message_id, batch.file_name, content)
    log.info("batch_sent", batch=batch.message_id, outcome=answer.outcome.value, code=answer.code)
    with sender.database.transaction() as connection:
        lock_batch(connection, batch_id)
        match answer.outcome:
            case Outcome.PENDING | Outcome.SUCCESS:
                observation.note_batch(connection, batch_id, Source.ANSWER, "accepted", answer.code, at)
                outbox.put(connection, INQUIRE_BATCH, str(batch_id))
                outbox.finish(connection, message_id)
            case Outcome.UNKNOWN | Outcome.RETURNED:
                observation.note_batch(connection, batch_id, Source.ANSWER, "unknown", answer.code, at)
                outbox.put(connection, INQUIRE_BATCH, str(batch_id))
                outbox.finish(connection, message_id)
            case Outcome.FAILED:
                observation.fail_batch(connection, batch_id, Source.ANSWER, answer.code, at)
                outbox.finish(connection, message_id)
            case Outcome.NOT_ACCEPTED:
                _take_back(connection, batch_id, answer.code, at)
                outbox.postpone(connection, message_id, _REFUSED_SECONDS)
            case _:
                assert_never(answer.outcome)


def inquire_batch(sender: Sender, message_id: int, batch_id: UUID, at: datetime) -> None:
    """Works an outbox message: asks the bank about a batch under its message id, and stores what it says."""
    with sender.database.transaction() as connection:
        batch = lock_batch(connection, batch_id)
        if batch.state not in ("accepted", "unknown"):
            outbox.finish(connection, message_id)
            return
    report = sender.gateway.inquire_batch(batch.message_id)
    log.info("batch_inquired", batch=batch.message_id, found=report.found, group=report.group_status)
    with sender.database.transaction() as connection:
        batch = lock_batch(connection, batch_id)
        if report.found:
            answered = observation.apply_report(connection, batch_id, Source.INQUIRY, report, at)
        else:
            answered = _resolve_not_found(sender, connection, batch, report, at)
        if answered:
            outbox.finish(connection, message_id)
        else:
            _inquire_later(sender.gateway, connection, batch, message_id, at)


def _write_file(sender: Sender, connection: Connection, batch: Row[Any]) -> bytes | None:
    """Writes the bank's file under a temporary name, syncs it, renames it; None if nothing is left to send."""
    rows = connection.execute(
        text("""
            SELECT p.reference, t.instruction_id, t.uetr, p.amount_vnd, p.purpose, p.benefit, p.entitled_month, p.shard,
                   o.bank_bin, o.holder_name, o.account_ciphertext, o.account_fingerprint
            FROM engine.attempt t JOIN engine.payment p USING (payment_id)
            JOIN engine.payout_account o USING (payout_account_id)
            WHERE t.batch_id = :batch_id AND t.state = 'ready' AND p.state = 'approved' ORDER BY p.payment_no"""),
        {"batch_id": batch.batch_id},
    ).all()
    if not rows:
        return None
    require_signed(connection, batch.run_id)
    require_unchanged(connection, batch.run_id, sorted({row.shard for row in rows}))
    order = BatchOrder(
        message_id=batch.message_id,
        payment_info_id=batch.message_id,
        created_at=batch.created_at,
        execution_on=batch.execution_on,
        initiator_name=INITIATOR,
        debtor_name=batch.holder_name,
        debtor_account=open_account(sender.vault, batch),
        debtor_bank_bic=sender.gateway.capabilities.bic,
        category_purpose=CategoryPurpose(batch.category_purpose),
        count=len(rows),
        total_vnd=sum(row.amount_vnd for row in rows),
        rail=Rail(batch.rail),
    )
    path: Path = sender.outgoing / batch.file_name
    draft = path.with_suffix(".draft")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        sender.gateway.write_batch(order, _instructions(sender.vault, rows), file)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
    return path.read_bytes()


def _instructions(vault: Vault, rows: Sequence[Row[Any]]) -> Iterator[Instruction]:
    for row in rows:
        yield Instruction(
            reference=row.reference,
            instruction_id=row.instruction_id,
            uetr=str(row.uetr),
            amount_vnd=row.amount_vnd,
            creditor_name=row.holder_name,
            creditor_account=open_account(vault, row),
            creditor_bank_bin=row.bank_bin,
            purpose_code=row.purpose,
            remittance=remittance(row),
        )


def _seal(connection: Connection, batch: Row[Any], content: bytes, at: datetime) -> None:
    """From here on the bank may have the file: batch and attempts are `sending`, the money is in transit."""
    sealed = connection.execute(
        text("""
            WITH sealed AS (
                UPDATE engine.attempt t SET state = 'sending' FROM engine.payment p
                WHERE p.payment_id = t.payment_id AND t.batch_id = :batch_id AND t.state = 'ready'
                  AND p.state = 'approved' RETURNING p.amount_vnd)
            SELECT count(*) AS payments, sum(amount_vnd)::bigint AS amount_vnd FROM sealed"""),
        {"batch_id": batch.batch_id},
    ).one()
    connection.execute(
        text("""
            UPDATE engine.batch SET state = 'sending', sends = sends + 1, sent_at = :at, content_sha256 = :digest,
                payments = :payments, amount_vnd = :amount_vnd
            WHERE batch_id = :batch_id"""),
        {
            "batch_id": batch.batch_id,
            "at": at,
            "digest": hashlib.sha256(content).digest(),
            "payments": sealed.payments,
            "amount_vnd": sealed.amount_vnd,
        },
    )
    move(
        connection,
        SEND,
        Voucher(f"batch:{batch.message_id}:sent:{batch.sends + 1}", batch.message_id, batch.execution_on, at),
        chosen="SELECT payment_id, NULL AS reason FROM engine.attempt WHERE batch_id = :batch_id AND state = 'sending'",
        expected=sealed.payments,
        batch_id=batch.batch_id,
    )
    expect_debits(connection, batch, sealed="sending")


def _take_back(connection: Connection, batch_id: UUID, code: str, at: datetime) -> None:
    """The bank refused the call before anything started: the batch is ready again, the money is payable again."""
    batch = lock_batch(connection, batch_id)
    earlier_unknown = connection.scalar(
        text("SELECT count(*) FROM engine.observation WHERE batch_id = :batch_id AND state_after = 'unknown'"),
        {"batch_id": batch_id},
    )
    if earlier_unknown:
        observation.note_batch(connection, batch_id, Source.ANSWER, "unknown", code, at)
        return
    move(
        connection,
        TRY_AGAIN,
        Voucher(f"batch:{batch.message_id}:refused:{batch.sends}", batch.message_id, batch.execution_on, at),
        chosen="SELECT payment_id, NULL AS reason FROM engine.attempt WHERE batch_id = :batch_id AND state = 'sending'",
        expected=batch.payments,
        batch_id=batch_id,
    )
    observation.withdraw_expectations(connection, batch_id)
    observation.note_batch(connection, batch_id, Source.ANSWER, "ready", code, at)
    cancel_what_came_back(connection, batch.run_id, at)


def _resolve_not_found(
    sender: Sender, connection: Connection, batch: Row[Any], report: StatusReport, at: datetime
) -> bool:
    """The bank does not know the file: a failure only when grace is over and a statement shows no movement."""
    if report.found is None or batch.sent_at is None:
        return False
    grace = timedelta(seconds=sender.gateway.capabilities.not_found_grace_seconds)
    covered = connection.scalar(
        text("""
            SELECT EXISTS (SELECT FROM reconciliation.statement s WHERE s.own_account_id = :account
                       AND s.state = 'accepted' AND s.to_on >= :execution_on)
               AND NOT EXISTS (SELECT FROM reconciliation.statement s WHERE s.own_account_id = :account
                       AND s.state <> 'accepted' AND s.from_on <= :execution_on)
               -- What was held or cancelled before the file was sealed is not in it.
               AND NOT EXISTS (SELECT FROM engine.attempt t JOIN engine.payment p USING (payment_id)
                       WHERE t.batch_id = :batch_id AND p.state <> 'in_transit'
                           AND NOT (t.state = 'failed' AND t.code IN ('HELD', 'CANCELLED')))"""),
        {"account": batch.own_account_id, "execution_on": batch.execution_on, "batch_id": batch.batch_id},
    )
    if at - batch.sent_at <= grace or not covered:
        return False
    observation.fail_batch(connection, batch.batch_id, Source.INQUIRY, "NOT_FOUND", at)
    if batch.run_state == "approved":
        dispatch(connection, batch.run_code, sender.gateway.capabilities, business_date(at), at)
    return True


def _inquire_later(gateway: Gateway, connection: Connection, batch: Row[Any], message_id: int, at: datetime) -> None:
    """Asks again by the gateway's schedule; after its last step the statement decides, and a person is told."""
    schedule = gateway.capabilities.inquiry_schedule_seconds
    connection.execute(
        text("UPDATE engine.batch SET inquiries = inquiries + 1 WHERE batch_id = :batch_id"),
        {"batch_id": batch.batch_id},
    )
    if batch.inquiries < len(schedule):
        outbox.postpone(connection, message_id, schedule[batch.inquiries])
        return
    outbox.finish(connection, message_id)
    observation.open_case(connection, batch.message_id, "no inquiry brought a final answer; a statement decides", at)
