"""Payment runs as people watch them: what stands in which state, with money, signatures and batches."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, text

from engine.errors import NotFound


@dataclass(frozen=True, slots=True)
class StateMoney:
    """Payments of a run in one state, and their sum in đồng."""

    state: str
    payments: int
    amount_vnd: int


@dataclass(frozen=True, slots=True)
class RunSummary:
    """Đợt chi trả, in one line."""

    run: str
    period: date
    pay_on: date
    state: str
    planned_at: datetime
    planned_by: str
    payments: int
    amount_vnd: int
    states: Sequence[StateMoney]


@dataclass(frozen=True, slots=True)
class Signature:
    """Chữ ký: level 0 made the run, the others checked it."""

    level: int
    role: str
    person: str
    name: str
    signed_at: datetime
    content_hash: str


@dataclass(frozen=True, slots=True)
class BatchSummary:
    """Lô lệnh: one file to one bank. `inquiries_made` counts how often its fate was asked about."""

    message_id: str
    gateway: str
    fund: str
    state: str
    payments: int
    amount_vnd: int
    sent_at: datetime | None
    inquiries_made: int


@dataclass(frozen=True, slots=True)
class RunDetail:
    """Đợt chi trả with everything an authoriser wants to see of it."""

    summary: RunSummary
    allowed_unconfirmed: Sequence[str]
    signatures: Sequence[Signature]
    batches: Sequence[BatchSummary]


_SUMMARIES = """
    SELECT r.run_code AS run, r.period, r.pay_on, r.state, r.planned_at, r.planned_by,
           coalesce(sum(s.payments), 0)::bigint AS payments, coalesce(sum(s.amount_vnd), 0)::bigint AS amount_vnd,
           coalesce(json_agg(json_build_object('state', s.state, 'payments', s.payments, 'amount_vnd', s.amount_vnd)
                             ORDER BY s.state) FILTER (WHERE s.state IS NOT NULL), '[]') AS states
    FROM engine.payment_run r LEFT JOIN (
        SELECT run_id, state, count(*) AS payments, sum(amount_vnd)::bigint AS amount_vnd
        FROM engine.payment GROUP BY run_id, state) s USING (run_id)
    {where} GROUP BY r.run_id"""


def list_runs(connection: Connection, *, skip: int, limit: int) -> list[RunSummary]:
    """Runs, the latest planned first."""
    rows = connection.execute(
        text(f"{_SUMMARIES.format(where='')} ORDER BY r.planned_at DESC, r.run_code DESC OFFSET :skip LIMIT :limit"),
        {"skip": skip, "limit": limit},
    )
    return [_summary(row._asdict()) for row in rows]


def show_run(connection: Connection, run: str) -> RunDetail:
    """One run; raises `NotFound`."""
    row = connection.execute(text(_SUMMARIES.format(where="WHERE r.run_code = :run")), {"run": run}).one_or_none()
    if row is None:
        raise NotFound(f"there is no payment run {run}")
    allowed: list[str] = connection.execute(
        text("SELECT allowed_unconfirmed FROM engine.payment_run WHERE run_code = :run"), {"run": run}
    ).scalar_one()
    return RunDetail(_summary(row._asdict()), allowed, _signatures(connection, run), _batches(connection, run))


def _summary(row: dict[str, object]) -> RunSummary:
    states = row.pop("states")
    assert isinstance(states, list)  # noqa: S101  json_agg gives a list
    return RunSummary(states=[StateMoney(**state) for state in states], **row)  # type: ignore[arg-type]


def _signatures(connection: Connection, run: str) -> list[Signature]:
    rows = connection.execute(
        text("""
            SELECT s.level, f.role, s.person, f.name, s.signed_at, encode(s.content_hash, 'hex') AS content_hash
            FROM engine.run_signature s JOIN engine.payment_run r USING (run_id) JOIN engine.staff f USING (person)
            WHERE r.run_code = :run ORDER BY s.level"""),
        {"run": run},
    )
    return [Signature(**row._asdict()) for row in rows]


def _batches(connection: Connection, run: str) -> list[BatchSummary]:
    rows = connection.execute(
        text("""
            SELECT b.message_id, b.gateway, a.fund, b.state, b.payments, b.amount_vnd, b.sent_at,
                   (SELECT count(*) FROM engine.observation o
                    WHERE o.batch_id = b.batch_id AND o.source = 'inquiry') AS inquiries_made
            FROM engine.batch b JOIN engine.payment_run r USING (run_id)
            JOIN engine.paying_account a USING (paying_account_id)
            WHERE r.run_code = :run ORDER BY b.batch_no"""),
        {"run": run},
    )
    return [BatchSummary(**row._asdict()) for row in rows]
