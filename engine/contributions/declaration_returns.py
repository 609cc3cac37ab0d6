"""What became of the declarations of an employer: accepted, or returned with all that is wrong (trả lại hồ sơ).

Nothing waits between the two: a file that keeps every rule is accepted at once, any other is returned at once. So there
is no state of its own for what was only handed in, and no officer takes back what the rules have accepted: another file
corrects it.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from uuid import UUID

from sqlalchemy import Connection, text

from engine import audit
from engine.clock import business_date
from engine.contributions.declaration_sheet import read_declaration
from engine.contributions.employer import employer_on
from engine.errors import WrongInput
from engine.law.parameters import Parameters
from engine.people.workbook import Problems

_MOST_KEPT = 200
"""How many problems of a file are kept; whoever hands it in again is told all of them."""


@dataclass(frozen=True, slots=True)
class Handled:
    """One declaration that was handed in: `declaration_no` if it was accepted, else what is wrong with it."""

    declaration_no: str | None
    period: date | None
    file_name: str
    file_sha256: str
    handled_at: datetime
    handled_by: str
    problem_count: int
    problems: Sequence[str]

    @property
    def accepted(self) -> bool:
        return self.declaration_no is not None


def note_return(
    connection: Connection, path: Path, problems: Sequence[str], at: datetime, *, changes_only: bool = False
) -> int:
    """Notes a declaration that is sent back, with its reasons; returns its number."""
    unit_code, period = _told(path, business_date(at), changes_only=changes_only)
    employer = employer_on(connection, unit_code, period or business_date(at)) if unit_code else None
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").digest()
    return_no: int = connection.execute(
        text("""
            INSERT INTO engine.returned_declaration
                (employer_id, period, file_name, file_sha256, problem_count, problems, returned_at)
            VALUES (:employer_id, :period, :file_name, :sha256, :count, CAST(:problems AS jsonb), :at)
            RETURNING return_no"""),
        {
            "employer_id": employer.employer_id if employer else None,
            "period": period,
            "file_name": path.name.encode(errors="replace").decode(),
            "sha256": sha256,
            "count": len(problems),
            "problems": json.dumps(list(problems[:_MOST_KEPT]), ensure_ascii=False),
            "at": at,
        },
    ).scalar_one()
    audit.record(connection, "declaration_returned", f"return {return_no}", at, problems=len(problems))
    return return_no


def _told(path: Path, today: date, *, changes_only: bool) -> tuple[str | None, date | None]:
    """Whose file it says it is, and of which month, as far as it can be read."""
    try:
        declared = read_declaration(path, today, Parameters.load(), Problems(), changes_only=changes_only)
    except WrongInput:
        return None, None
    return declared.unit_code, declared.period


def handled(connection: Connection, employer_id: UUID, *, skip: int = 0, limit: int) -> list[Handled]:
    """What an employer has handed in, the latest first."""
    rows = connection.execute(_HANDLED, {"id": employer_id, "skip": skip, "limit": limit})
    return [Handled(**row._asdict()) for row in rows]


_HANDLED = text("""
    SELECT c.declaration_no, c.period, f.file_name, encode(c.imported_from, 'hex') AS file_sha256,
        c.accepted_at AS handled_at, c.accepted_by AS handled_by, 0 AS problem_count, '[]'::jsonb AS problems
    FROM engine.declaration c JOIN engine.imported_file f ON f.sha256 = c.imported_from
    WHERE c.employer_id = :id
    UNION ALL
    SELECT NULL, period, file_name, encode(file_sha256, 'hex'), returned_at, returned_by, problem_count, problems
    FROM engine.returned_declaration WHERE employer_id = :id
    ORDER BY handled_at DESC, declaration_no DESC LIMIT :limit OFFSET :skip
""")
