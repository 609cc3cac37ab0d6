"""Thông tin ghi nhận được: everything learnt about attempts comes through here, whatever brought it.

An answer, a callback, an inquiry, a status file and a statement may come in any order, late and twice. Each has a rank;
nothing of lower rank undoes what a higher one said, a final word stays, and a contradiction opens a case for a person.
"""

from datetime import datetime
from enum import IntEnum
from importlib.resources import files
from typing import Any, Final
from uuid import UUID

import yaml
from sqlalchemy import Connection, Row, text

from engine.clock import business_date
from engine.payments.payment import FAIL, HOLD, TRY_AGAIN, Transition, Voucher, move
from engine.payments.reported_deaths import follow_reported_deaths
from engine.payments.run import cancel_what_came_back
from gateways.contract import InstructionStatus, Outcome, StatusReport
from reconciliation import expectations


class Source(IntEnum):
    """Where news came from; the number is its rank."""

    ANSWER = 1
    CALLBACK = 2
    INQUIRY = 3
    FILE = 4
    STATEMENT = 5


_REASONS: Final[dict[str, list[str]]] = yaml.safe_load((files("engine.payments") / "reasons.yaml").read_text())
_TRY_AGAIN_CODES: Final = _REASONS["order"]
_FINAL: Final = ("success", "failed", "returned")

_ATTEMPT_STATE: Final = {
    Outcome.SUCCESS: "success",
    Outcome.FAILED: "failed",
    Outcome.NOT_ACCEPTED: "unknown",
    Outcome.PENDING: "pending",
    Outcome.UNKNOWN: "unknown",
    Outcome.RETURNED: "success",
}
"""What an outcome word makes of an attempt. A return counts only when the books show it, so until then it went out."""


def note_batch(connection: Connection, batch_id: UUID, source: Source, state: str, code: str, at: datetime) -> None:
    """Moves a batch and its open attempts to what one piece of news about the whole file says."""
    attempts = {"accepted": "pending", "unknown": "unknown", "ready": "ready"}[state]
    _record(connection, batch_id, source, state, code, at)
    connection.execute(
        text("""
            UPDATE engine.attempt SET state = :state, code = :code, rank = :rank
            WHERE batch_id = :batch_id AND state IN ('sending', 'pending', 'unknown') AND rank <= :rank"""),
        {"batch_id": batch_id, "state": attempts, "code": code, "rank": 0 if state == "ready" else source},
    )


def note_parcel(connection: Connection, batch_id: UUID, source: Source, state: str, code: str, at: datetime) -> None:
    """Moves a parcel of single calls alone: its attempts were each told of by themselves."""
    _record(connection, batch_id, source, state, code, at)
    if state == "answered":
        _close_cases(connection, batch_id, at)


def fail_batch(connection: Connection, batch_id: UUID, source: Source, code: str, at: datetime) -> None:
    """No payment of this batch was made: its attempts failed, and the payments may go again as new attempts."""
    observation_id = _record(connection, batch_id, source, "rejected", code, at)
    _close_cases(connection, batch_id, at)
    _empty_observed(connection)
    connection.execute(
        text("""
            INSERT INTO observed SELECT p.reference, 'failed', :code
            FROM engine.attempt t JOIN engine.payment p USING (payment_id)
            WHERE t.batch_id = :batch_id AND t.state IN ('ready', 'sending', 'pending', 'unknown')"""),
        {"batch_id": batch_id, "code": code},
    )
    _apply_observed(connection, batch_id, source, observation_id, at, everything_again=True)


def apply_report(connection: Connection, batch_id: UUID, source: Source, report: StatusReport, at: datetime) -> bool:
    """Applies what the bank says of each payment; True when it has said a final word of every one.

    A payment that the report does not list keeps its state, unless the whole group was answered.
    """
    group = report.group_outcome
    observation_id = _record(connection, batch_id, source, _batch_state(report), report.group_status or "NONE", at)
    _stage(connection, batch_id, report.instructions, group)
    _apply_observed(connection, batch_id, source, observation_id, at, everything_again=False)
    open_attempts = connection.scalar(
        text("""
            SELECT count(*) FROM engine.attempt
            WHERE batch_id = :batch_id AND state IN ('ready', 'sending', 'pending', 'unknown')"""),
        {"batch_id": batch_id},
    )
    if not open_attempts:
        connection.execute(
            text("UPDATE engine.batch SET state = 'answered' WHERE batch_id = :batch_id"), {"batch_id": batch_id}
        )
        _close_cases(connection, batch_id, at)
    return not open_attempts


def observe_attempt(
    connection: Connection, attempt_id: UUID, source: Source, outcome: Outcome, code: str, at: datetime
) -> None:
    """Applies one piece of news about one attempt that was sent by a call of its own.

    Where a batch needs an inquiry or more, here a final word of any rank counts: a callback that was verified tells
    more than an inquiry that said "in work" before it. What contradicts a final word opens a case, and keeps
    back a payment that would go again.
    """
    attempt = connection.execute(
        text("""
            SELECT t.attempt_id, t.batch_id, t.payment_id, t.instruction_id, t.state, t.rank, p.reference,
                   p.state AS payment_state, p.run_id, b.gateway
            FROM engine.attempt t JOIN engine.payment p USING (payment_id) JOIN engine.batch b USING (batch_id)
            WHERE t.attempt_id = :attempt_id FOR UPDATE OF t, p"""),
        {"attempt_id": attempt_id},
    ).one()
    says = _ATTEMPT_STATE[outcome]
    if attempt.state in _FINAL:
        if {attempt.state, says} == {"success", "failed"}:
            _contradicted(connection, attempt, says, at)
        return
    if says not in _FINAL and source < attempt.rank:
        return
    observation_id: int = connection.execute(
        text("""
            WITH changed AS (
                UPDATE engine.attempt SET state = :state, code = :code, rank = :rank WHERE attempt_id = :attempt_id)
            INSERT INTO engine.observation (batch_id, attempt_id, source, observed_at, state_before, state_after, code,
                payments)
            VALUES (:batch_id, :attempt_id, :source, :at, :before, :state, :code, 1) RETURNING observation_id"""),
        {
            "attempt_id": attempt_id,
            "batch_id": attempt.batch_id,
            "source": source.name.lower(),
            "rank": source,
            "at": at,
            "before": attempt.state,
            "state": says,
            "code": code,
        },
    ).scalar_one()
    if says == "failed" and attempt.payment_state == "in_transit":
        _fail_one(connection, attempt, code, observation_id, at)


def _fail_one(connection: Connection, attempt: Row[Any], code: str, observation_id: int, at: datetime) -> None:
    transition = TRY_AGAIN if code in _TRY_AGAIN_CODES else FAIL
    move(
        connection,
        transition,
        Voucher(
            f"attempt:{attempt.instruction_id}:{transition.name}:{observation_id}",
            attempt.instruction_id,
            business_date(at),
            at,
        ),
        chosen="SELECT CAST(:payment_id AS uuid) AS payment_id, CAST(:code AS text) AS reason",
        expected=1,
        payment_id=attempt.payment_id,
        code=code,
    )
    expectations.withdraw(connection, "SELECT :reference", {"reference": attempt.reference})
    if transition is TRY_AGAIN:
        cancel_what_came_back(connection, attempt.run_id, at)
    told = "SELECT CAST(:payment_id AS uuid) AS payment_id, CAST(:code AS text) AS reason"
    follow_reported_deaths(connection, told, at, payment_id=attempt.payment_id, code=code)


def _contradicted(connection: Connection, attempt: Row[Any], says: str, at: datetime) -> None:
    """Said to have failed and to have been paid: nobody is paid again before a person has looked."""
    open_case(connection, attempt.reference, f"{attempt.gateway} said {attempt.state} and now says {says}", at)
    if attempt.payment_state != "approved":
        return
    connection.execute(
        text("""
            UPDATE engine.attempt SET state = 'failed', code = 'HELD'
            WHERE payment_id = :payment_id AND state = 'ready'"""),
        {"payment_id": attempt.payment_id},
    )
    move(
        connection,
        HOLD,
        Voucher(f"attempt:{attempt.instruction_id}:contradicted", attempt.instruction_id, business_date(at), at),
        chosen="SELECT CAST(:payment_id AS uuid) AS payment_id, 'CONTRADICTED' AS reason",
        expected=1,
        payment_id=attempt.payment_id,
    )


def withdraw_expectations(connection: Connection, batch_id: UUID) -> None:
    """What was taken back or failed is no longer expected on a statement."""
    expectations.withdraw(
        connection,
        """SELECT p.reference FROM engine.attempt t JOIN engine.payment p USING (payment_id)
           WHERE t.batch_id = :batch_id AND t.state IN ('sending', 'failed') AND p.state <> 'in_transit'""",
        {"batch_id": batch_id},
    )


def answered_by_statement(connection: Connection, batch_id: UUID, at: datetime) -> None:
    """The statement has told what became of every payment of this batch."""
    _record(connection, batch_id, Source.STATEMENT, "answered", "STATEMENT", at)
    _close_cases(connection, batch_id, at)


def open_case(connection: Connection, subject: str, problem: str, at: datetime) -> None:
    """A person must look; the same problem of the same thing is one case."""
    connection.execute(
        text("""
            INSERT INTO engine.open_case (opened_at, subject, problem) VALUES (:at, :subject, :problem)
            ON CONFLICT (subject, problem) DO UPDATE SET closed_at = NULL"""),
        {"at": at, "subject": subject, "problem": problem},
    )


def _close_cases(connection: Connection, batch_id: UUID, at: datetime) -> None:
    """What a batch's fate was unclear about is clear now."""
    connection.execute(
        text("""
            UPDATE engine.open_case SET closed_at = :at FROM engine.batch b
            WHERE b.batch_id = :batch_id AND subject = b.message_id AND closed_at IS NULL"""),
        {"batch_id": batch_id, "at": at},
    )


def _batch_state(report: StatusReport) -> str:
    return "unknown" if report.group_outcome is Outcome.UNKNOWN and not report.instructions else "accepted"


def _record(connection: Connection, batch_id: UUID, source: Source, state: str, code: str, at: datetime) -> int:
    observation_id: int = connection.execute(
        text("""
            WITH batch AS (
                UPDATE engine.batch b SET state = :state FROM engine.batch before
                WHERE b.batch_id = :batch_id AND before.batch_id = b.batch_id
                RETURNING b.batch_id, before.state AS state_before, b.state AS state_after, b.payments)
            INSERT INTO engine.observation (batch_id, source, observed_at, state_before, state_after, code, payments)
            SELECT batch_id, :source, :at, state_before, state_after, :code, payments FROM batch
            RETURNING observation_id"""),
        {"batch_id": batch_id, "source": source.name.lower(), "state": state, "code": code, "at": at},
    ).scalar_one()
    return observation_id


def _empty_observed(connection: Connection) -> None:
    connection.execute(
        text("""
            CREATE TEMPORARY TABLE IF NOT EXISTS observed (reference text PRIMARY KEY, state text, code text)
            ON COMMIT DELETE ROWS""")
    )
    connection.execute(text("TRUNCATE observed"))


def _stage(
    connection: Connection, batch_id: UUID, statuses: tuple[InstructionStatus, ...], group: Outcome | None
) -> None:
    _empty_observed(connection)
    rows = {
        status.reference: {
            "reference": status.reference,
            "state": _ATTEMPT_STATE[status.outcome],
            "code": status.reason or status.code,
        }
        for status in statuses
    }
    if rows:
        connection.execute(text("INSERT INTO observed VALUES (:reference, :state, :code)"), list(rows.values()))
    if group is not None:
        connection.execute(
            text("""
                INSERT INTO observed SELECT p.reference, :state, 'GROUP'
                FROM engine.attempt t JOIN engine.payment p USING (payment_id) WHERE t.batch_id = :batch_id
                ON CONFLICT DO NOTHING"""),
            {"batch_id": batch_id, "state": _ATTEMPT_STATE[group]},
        )


def _apply_observed(
    connection: Connection,
    batch_id: UUID,
    source: Source,
    observation_id: int,
    at: datetime,
    *,
    everything_again: bool,
) -> None:
    parameters: dict[str, Any] = {
        "batch_id": batch_id,
        "rank": source,
        "inquiry": Source.INQUIRY,
        "again": _TRY_AGAIN_CODES,
    }
    contradictions = connection.execute(
        text("""
            SELECT p.reference, t.state AS said, o.state AS says
            FROM observed o JOIN engine.payment p USING (reference)
            JOIN engine.attempt t ON t.payment_id = p.payment_id AND t.batch_id = :batch_id
            WHERE (t.state, o.state) IN (('success', 'failed'), ('failed', 'success'))"""),
        parameters,
    ).all()
    for row in contradictions:
        open_case(connection, row.reference, f"the bank said {row.said} and now says {row.says}", at)
    connection.execute(
        text("""
            CREATE TEMPORARY TABLE IF NOT EXISTS newly_failed (payment_id uuid PRIMARY KEY, again boolean, reason text)
            ON COMMIT DELETE ROWS""")
    )
    connection.execute(text("TRUNCATE newly_failed"))
    connection.execute(
        text("""
            WITH changed AS (
                UPDATE engine.attempt t SET state = o.state, code = o.code, rank = :rank
                FROM observed o JOIN engine.payment p USING (reference)
                WHERE t.payment_id = p.payment_id AND t.batch_id = :batch_id
                  -- "In work" in a file, however late it is read, does not outweigh the end that an inquiry tells.
                  AND (t.rank <= :rank OR :rank >= :inquiry AND o.state IN ('success', 'failed'))
                  AND t.state IN ('ready', 'sending', 'pending', 'unknown')
                RETURNING t.payment_id, t.state, t.code)
            INSERT INTO newly_failed
            SELECT payment_id, :everything_again OR code = ANY(:again), code FROM changed
            JOIN engine.payment p USING (payment_id) WHERE changed.state = 'failed' AND p.state = 'in_transit'"""),
        parameters | {"everything_again": everything_again},
    )
    batch = connection.execute(
        text("SELECT message_id, run_id FROM engine.batch WHERE batch_id = :batch_id"), parameters
    ).one()
    for transition, again in ((FAIL, False), (TRY_AGAIN, True)):
        _move_failed(connection, transition, again, batch.message_id, observation_id, at)
    withdraw_expectations(connection, batch_id)
    if connection.scalar(text("SELECT EXISTS (SELECT FROM newly_failed WHERE again)")):
        cancel_what_came_back(connection, batch.run_id, at)
    follow_reported_deaths(connection, "SELECT payment_id, reason FROM newly_failed", at)


def _move_failed(
    connection: Connection, transition: Transition, again: bool, message_id: str, observation_id: int, at: datetime
) -> None:
    count = connection.scalar(text("SELECT count(*) FROM newly_failed WHERE again = :again"), {"again": again})
    move(
        connection,
        transition,
        Voucher(f"batch:{message_id}:{transition.name}:{observation_id}", message_id, business_date(at), at),
        chosen="SELECT payment_id, reason FROM newly_failed WHERE again = :again",
        expected=count or 0,
        again=again,
    )
