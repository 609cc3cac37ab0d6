"""The history of a break (chênh lệch): every class of its line, who proposed and approved what, what matched.

Nothing of it is written down for this page alone: it is read from breaks, decisions, matches and suspense, none of
which is ever deleted.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from reconciliation.breaks import day_of
from reconciliation.errors import ReconciliationError


class UnknownBreak(ReconciliationError):
    """There is no break of this number."""

    code = "unknown_break"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened to a line, on a day in Viet Nam."""

    on: date
    what: str
    by: str | None = None
    """Who did it, where a person did."""
    why: str | None = None


@dataclass(frozen=True, slots=True)
class History:
    """A line of the bank, or a statement, that stood alone, and all that was done about it. Amount in đồng."""

    break_id: int
    item_id: int | None
    """The line; none where a whole statement waits."""
    account: str
    sign: str | None
    amount_vnd: int | None
    booked_on: date
    file_name: str
    place: str | None
    """Where in the file it stands."""
    open: bool
    steps: tuple[Step, ...]

    def as_json(self) -> dict[str, Any]:
        plain = asdict(self) | {"booked_on": self.booked_on.isoformat()}
        plain["steps"] = [asdict(step) | {"on": step.on.isoformat()} for step in self.steps]
        return plain


_SUBJECT = text(
    """
SELECT b.break_id, b.item_id, b.statement_id, a.ledger_account AS account, i.sign, i.amount_vnd,
    coalesce(e.booked_on, s.from_on) AS booked_on, f.file_name, e.place
FROM reconciliation.break b
LEFT JOIN reconciliation.statement_item i USING (item_id)
LEFT JOIN reconciliation.statement_entry e ON e.statement_id = i.statement_id AND e.entry_no = i.entry_no
JOIN reconciliation.statement s ON s.statement_id = coalesce(b.statement_id, i.statement_id)
JOIN reconciliation.statement_file f ON f.file_id = s.file_id
JOIN reconciliation.own_account a ON a.own_account_id = s.own_account_id
WHERE b.break_id = :break_id
"""
)
_BREAKS = text(
    """
SELECT break_id, class AS class_name, opened_on, closed_on, reason FROM reconciliation.break
WHERE item_id = :item_id OR statement_id = :statement_id OR break_id = :break_id ORDER BY break_id
"""
)
_DECISIONS = text(
    """
SELECT d.decision_id, d.kind, d.reason, d.prepared_by, d.prepared_at, d.approved_by, d.approved_at
FROM reconciliation.decision d
LEFT JOIN reconciliation.match m USING (match_id)
WHERE d.break_id = ANY(:breaks) OR m.item_id = :item_id ORDER BY d.decision_id
"""
)
_MATCHES = text(
    """
SELECT m.match_id, m.rule, m.matched_at, m.undone_at, m.undone_reason, x.reference
FROM reconciliation.match m JOIN reconciliation.expectation x USING (expectation_id)
WHERE m.item_id = :item_id ORDER BY m.match_id
"""
)
_SUSPENSE = text("SELECT booked_at FROM reconciliation.suspense WHERE item_id = :item_id")


def history(connection: Connection, break_id: int) -> History:
    """All that happened to the line or statement of a break, the earliest first; `UnknownBreak` if there is none."""
    subject = connection.execute(_SUBJECT, {"break_id": break_id}).one_or_none()
    if subject is None:
        raise UnknownBreak(str(break_id))
    found = connection.execute(_BREAKS, subject._asdict()).all()
    told = [*_of_breaks(found), *_of_decisions(connection, subject, [row.break_id for row in found])]
    if subject.item_id is not None:
        told += _of_line(connection, subject.item_id)
    plain = subject._asdict()
    del plain["statement_id"]
    # Of one day what opened comes before what was decided, and that before what closed.
    steps = tuple(step for _, _, step in sorted(told, key=lambda one: (one[0], one[1])))
    return History(**plain, open=any(row.closed_on is None for row in found), steps=steps)


_Told = tuple[date, int, Step]
"""A step with its day and its place among those of one day."""


def _of_breaks(found: Sequence[Row[Any]]) -> Iterator[_Told]:
    for row in found:
        yield row.opened_on, 0, Step(row.opened_on, f"break {row.break_id} opened: {row.class_name}")
        if row.closed_on is not None:
            yield row.closed_on, 3, Step(row.closed_on, f"break {row.break_id} closed", why=row.reason)


def _of_decisions(connection: Connection, subject: Row[Any], break_ids: list[int]) -> Iterator[_Told]:
    for row in connection.execute(_DECISIONS, {"breaks": break_ids, "item_id": subject.item_id}):
        on, what = day_of(row.prepared_at), f"decision {row.decision_id}: {row.kind}"
        yield on, 1, Step(on, f"{what} proposed", row.prepared_by, row.reason)
        if row.approved_at is not None:
            on = day_of(row.approved_at)
            yield on, 2, Step(on, f"{what} approved", row.approved_by)


def _of_line(connection: Connection, item_id: int) -> Iterator[_Told]:
    booked_at: datetime | None = connection.scalar(_SUSPENSE, {"item_id": item_id})
    if booked_at is not None:
        yield day_of(booked_at), 1, Step(day_of(booked_at), "booked in suspense")
    for row in connection.execute(_MATCHES, {"item_id": item_id}):
        on = day_of(row.matched_at)
        yield on, 2, Step(on, f"match {row.match_id}: {row.reference} by the rule {row.rule}")
        if row.undone_at is not None:
            on = day_of(row.undone_at)
            yield on, 2, Step(on, f"match {row.match_id} undone", why=row.undone_reason)
