"""Decisions of two people (quyết định xử lý chênh lệch): what matching does not dare, one prepares, another approves.

A forced match ties a line to an expectation of the same account, sign and amount; a write-off ends a small debit of the
bank that nobody can explain, within limits that are data; a gap is closed when the bank will never give the missing
statement; of two files that tell one day one is chosen; a match is undone when it was found wrong. Nothing happens
before the second person has approved.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import Connection, Row, text

from reconciliation import chain, intake, matching
from reconciliation.breaks import day_of
from reconciliation.errors import ReconciliationError
from reconciliation.matching import Rule

_LIMITS: dict[str, int] = yaml.safe_load(Path(__file__).with_name("limits.yaml").read_text(encoding="utf-8"))[
    "write_off"
]


class DecisionKind(StrEnum):
    FORCE = "force"
    WRITE_OFF = "write_off"
    CLOSE_GAP = "close_gap"
    UNDO = "undo"
    REPLACE = "replace"
    """Of two files that tell one day the later holds."""
    KEEP = "keep"
    """Of two files that tell one day the earlier holds; of a statement that waits nothing is taken up."""


class DecisionRefused(ReconciliationError):
    """The break, match or expectation does not allow this decision, or the limits or the persons do not."""

    code = "decision_refused"


@dataclass(frozen=True, slots=True)
class Decided:
    """An approved decision, for the engine to book. Amount in đồng."""

    decision_id: int
    kind: DecisionKind
    amount_vnd: int
    run_id: int | None
    """The matching run of a forced match."""
    match_id: int | None
    item_id: int | None


def prepare_force(connection: Connection, break_id: int, reference: str, reason: str, person: str, at: datetime) -> int:
    """Proposes that a line left open is the payment or receipt of this reference."""
    line = _line(connection, break_id)
    expectation_id = connection.scalar(
        text(
            "SELECT expectation_id FROM reconciliation.awaited WHERE reference = :reference "
            "AND own_account_id = :own_account_id AND sign = :sign "
            "AND (amount_vnd IS NULL OR amount_vnd = :amount_vnd)"
        ),
        {"reference": reference, **line},
    )
    if expectation_id is None:
        raise DecisionRefused(
            f"{reference} is not expected on this account, in this direction, for {line['amount_vnd']} đ"
        )
    return _prepare(
        connection,
        DecisionKind.FORCE,
        reason,
        person,
        at,
        line["amount_vnd"],
        break_id=break_id,
        expectation_id=expectation_id,
    )


def prepare_write_off(connection: Connection, break_id: int, reason: str, person: str, at: datetime) -> int:
    """Proposes to bear a small debit of the bank. Money that came in is somebody's and is never written off."""
    line = _line(connection, break_id)
    _require_within_limits(connection, line, at)
    return _prepare(connection, DecisionKind.WRITE_OFF, reason, person, at, line["amount_vnd"], break_id=break_id)


def prepare_close_gap(connection: Connection, break_id: int, reason: str, person: str, at: datetime) -> int:
    """Proposes to go on without a statement that the bank will not give."""
    found = connection.scalar(
        text(
            "SELECT count(*) FROM reconciliation.break WHERE break_id = :break_id AND class = 'statement_gap' "
            "AND closed_on IS NULL"
        ),
        {"break_id": break_id},
    )
    if not found:
        raise DecisionRefused(f"break {break_id} is no open gap")
    return _prepare(connection, DecisionKind.CLOSE_GAP, reason, person, at, 0, break_id=break_id)


def prepare_choice(
    connection: Connection, break_id: int, kind: DecisionKind, reason: str, person: str, at: datetime
) -> int:
    """Proposes which of two files holds that tell one day: the later (`replace`) or the earlier (`keep`).

    `keep` also leaves out a statement that waits and never ought to have come: of a time before our books began, or
    replaced by a corrected one.
    """
    break_class = connection.scalar(
        text("SELECT class FROM reconciliation.break WHERE break_id = :break_id AND closed_on IS NULL"),
        {"break_id": break_id},
    )
    if break_class != "statement_reissued" and (break_class, kind) != ("statement_gap", DecisionKind.KEEP):
        raise DecisionRefused(f"break {break_id} is no statement that waits beside an earlier one")
    return _prepare(connection, kind, reason, person, at, 0, break_id=break_id)


def prepare_undo(connection: Connection, match_id: int, reason: str, person: str, at: datetime) -> int:
    """Proposes to take a match back."""
    amount = connection.scalar(
        text("SELECT amount_vnd FROM reconciliation.match WHERE match_id = :match_id AND undone_at IS NULL"),
        {"match_id": match_id},
    )
    if amount is None:
        raise DecisionRefused(f"match {match_id} does not stand")
    return _prepare(connection, DecisionKind.UNDO, reason, person, at, amount, match_id=match_id)


def approve(connection: Connection, decision_id: int, person: str, at: datetime) -> Decided:
    """The second person agrees, and the decision takes effect. The first one cannot: the database refuses it too."""
    decision = connection.execute(
        text("SELECT * FROM reconciliation.decision WHERE decision_id = :decision_id FOR UPDATE"),
        {"decision_id": decision_id},
    ).one_or_none()
    if decision is None or decision.approved_by is not None:
        raise DecisionRefused(f"decision {decision_id} does not wait for approval")
    if decision.prepared_by == person:
        raise DecisionRefused(f"{person} prepared decision {decision_id} and cannot approve it")
    connection.execute(
        text(
            "UPDATE reconciliation.decision SET approved_by = :person, approved_at = :at "
            "WHERE decision_id = :decision_id"
        ),
        {"person": person, "at": at, "decision_id": decision_id},
    )
    kind = DecisionKind(decision.kind)
    match kind:
        case DecisionKind.FORCE:
            run_id = _force(connection, decision, at)
            return Decided(decision_id, kind, decision.amount_vnd, run_id, None, None)
        case DecisionKind.WRITE_OFF:
            line = _line(connection, decision.break_id)
            _require_within_limits(connection, line, at)
            _close(connection, decision, at)
            return Decided(decision_id, kind, decision.amount_vnd, None, None, line["item_id"])
        case DecisionKind.CLOSE_GAP:
            _close_gap(connection, decision, at)
            return Decided(decision_id, kind, 0, None, None, None)
        case DecisionKind.KEEP:
            _keep(connection, decision, at)
            return Decided(decision_id, kind, 0, None, None, None)
        case DecisionKind.REPLACE:
            _close(connection, decision, at)
            return Decided(decision_id, kind, 0, None, None, None)
        case DecisionKind.UNDO:
            matching.undo(connection, decision.match_id, decision.reason, at)
            return Decided(decision_id, kind, decision.amount_vnd, None, decision.match_id, None)


def _line(connection: Connection, break_id: int) -> dict[str, Any]:
    """The line of an open break that no match uses."""
    row = connection.execute(
        text(
            """
            SELECT i.item_id, s.own_account_id, i.sign, i.amount_vnd
            FROM reconciliation.break b
            JOIN reconciliation.statement_item i USING (item_id)
            JOIN reconciliation.statement s ON s.statement_id = i.statement_id
            WHERE b.break_id = :break_id AND b.closed_on IS NULL AND NOT EXISTS (
                SELECT FROM reconciliation.match m WHERE m.item_id = i.item_id AND m.undone_at IS NULL)
            """
        ),
        {"break_id": break_id},
    ).one_or_none()
    if row is None:
        raise DecisionRefused(f"break {break_id} is no open line")
    return row._asdict()


def _require_within_limits(connection: Connection, line: dict[str, Any], at: datetime) -> None:
    if line["sign"] == "credit":
        raise DecisionRefused("money that came in is never written off")
    today = connection.scalar(
        text(
            "SELECT coalesce(sum(amount_vnd), 0) FROM reconciliation.decision WHERE kind = 'write_off' "
            "AND approved_at IS NOT NULL AND (approved_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date = :day "
            "AND break_id NOT IN (SELECT break_id FROM reconciliation.break WHERE item_id = :item_id)"
        ),
        {"day": day_of(at), "item_id": line["item_id"]},
    )
    if line["amount_vnd"] > _LIMITS["per_case_vnd"]:
        raise DecisionRefused(f"{line['amount_vnd']} đ is more than the {_LIMITS['per_case_vnd']} đ of one case")
    if int(today or 0) + line["amount_vnd"] > _LIMITS["per_day_vnd"]:
        raise DecisionRefused(f"more than the {_LIMITS['per_day_vnd']} đ of one day")


def _prepare(
    connection: Connection,
    kind: DecisionKind,
    reason: str,
    person: str,
    at: datetime,
    amount_vnd: int,
    *,
    break_id: int | None = None,
    match_id: int | None = None,
    expectation_id: int | None = None,
) -> int:
    decision_id: int = connection.execute(
        text(
            "INSERT INTO reconciliation.decision "
            "(kind, break_id, match_id, expectation_id, amount_vnd, reason, prepared_by, prepared_at) "
            "VALUES (:kind, :break_id, :match_id, :expectation_id, :amount_vnd, :reason, :person, :at) "
            "RETURNING decision_id"
        ),
        {
            "kind": kind.value,
            "break_id": break_id,
            "match_id": match_id,
            "expectation_id": expectation_id,
            "amount_vnd": amount_vnd,
            "reason": reason,
            "person": person,
            "at": at,
        },
    ).scalar_one()
    return decision_id


def _force(connection: Connection, decision: Row[Any], at: datetime) -> int:
    line = _line(connection, decision.break_id)
    chain.lock_accounts(connection, [line["own_account_id"]])
    run_id = matching.open_run(connection, None, at)
    connection.execute(
        text(
            """
            INSERT INTO reconciliation.match (item_id, expectation_id, amount_vnd, open_amount, rule, rank, evidence,
                matched_at, run_id, decision_id)
            SELECT :item_id, x.expectation_id, :amount_vnd, x.amount_vnd IS NULL, :rule, :rank,
                jsonb_build_object('reason', CAST(:reason AS text)), :at, :run_id, :decision_id
            FROM reconciliation.awaited x WHERE x.expectation_id = :expectation_id
            """
        ),
        {
            **line,
            "rule": Rule.FORCED.value,
            "rank": Rule.FORCED.rank,
            "reason": decision.reason,
            "at": at,
            "run_id": run_id,
            "decision_id": decision.decision_id,
            "expectation_id": decision.expectation_id,
        },
    )
    _close(connection, decision, at)
    return run_id


def _close(connection: Connection, decision: Row[Any], at: datetime) -> None:
    connection.execute(
        text(
            "UPDATE reconciliation.break SET closed_on = greatest(:on, opened_on), reason = :reason "
            "WHERE break_id = :break_id AND closed_on IS NULL"
        ),
        {
            "on": day_of(at),
            "reason": f"{decision.kind} by decision {decision.decision_id}: {decision.reason}",
            "break_id": decision.break_id,
        },
    )


def _close_gap(connection: Connection, decision: Row[Any], at: datetime) -> None:
    """The statement after the gap is taken up, and those that have waited behind it; they are to be matched."""
    waiting = _waiting(connection, decision)
    connection.execute(
        text("UPDATE reconciliation.statement SET gap_decision_id = :decision_id WHERE statement_id = :statement_id"),
        {"decision_id": decision.decision_id, "statement_id": waiting.statement_id},
    )
    _close(connection, decision, at)
    intake.take_up(connection, [waiting.own_account_id])
    chain.keep_gaps(connection, [waiting.own_account_id], day_of(at))


def _keep(connection: Connection, decision: Row[Any], at: datetime) -> None:
    """Of two files the earlier holds; or nothing of a statement that waits is taken up."""
    break_class = connection.scalar(
        text("SELECT class FROM reconciliation.break WHERE break_id = :break_id"), {"break_id": decision.break_id}
    )
    if break_class == "statement_gap":
        waiting = _waiting(connection, decision)
        intake.leave_out(connection, waiting.statement_id, decision.decision_id)
        intake.take_up(connection, [waiting.own_account_id])
        chain.keep_gaps(connection, [waiting.own_account_id], day_of(at))
    _close(connection, decision, at)


def _waiting(connection: Connection, decision: Row[Any]) -> Row[Any]:
    """The statement behind a gap, and its account; nobody else loads statements of that until the end."""
    row = connection.execute(
        text(
            "SELECT s.statement_id, s.own_account_id FROM reconciliation.break b "
            "JOIN reconciliation.statement s USING (statement_id) WHERE b.break_id = :break_id"
        ),
        {"break_id": decision.break_id},
    ).one()
    chain.lock_accounts(connection, [row.own_account_id])
    state = connection.scalar(
        text("SELECT state FROM reconciliation.statement WHERE statement_id = :statement_id"), row._asdict()
    )
    if state != "waiting":
        raise DecisionRefused(f"the statement of break {decision.break_id} waits no more")
    return row
