"""Files that were imported: the same file a second time changes nothing and answers with what it did the first time."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, select, text

from engine import audit
from engine.errors import NotFound, WrongInput
from engine.people.tables import imported_file


@dataclass(frozen=True, slots=True)
class Arrival:
    """A file as it came in: its content's hash, and what it did if it was here before."""

    path: Path
    kind: str
    sha256: bytes
    outcome: Mapping[str, Any] | None


def receive(connection: Connection, path: Path, kind: str) -> Arrival:
    """Recognises a file by its content. Of two imports of one kind at once, the second waits for the first.

    Both might tell of the same people, whom only one may enrol.
    """
    if not path.is_file():
        raise NotFound(f"there is no file {path}")
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").digest()
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:kind, 0))"), {"kind": f"import of {kind}"})
    columns = imported_file.c
    known = connection.execute(select(columns.kind, columns.outcome).where(columns.sha256 == sha256)).one_or_none()
    if known is not None and known.kind != kind:
        raise WrongInput([f"{path.name}: was imported before as another kind of file ({known.kind})"])
    return Arrival(path, kind, sha256, known.outcome if known else None)


def keep_made(connection: Connection, kind: str, name: str, *, rows: int, recorded_at: datetime) -> bytes:
    """Notes a list that this program made itself where no file came in; returns the hash by which it is known."""
    sha256 = hashlib.sha256(f"{kind}: {name} {recorded_at.isoformat()}".encode()).digest()
    keep(connection, Arrival(Path(name), kind, sha256, None), rows=rows, outcome={}, recorded_at=recorded_at)
    return sha256


def keep(
    connection: Connection, arrival: Arrival, *, rows: int, outcome: Mapping[str, object], recorded_at: datetime
) -> None:
    """Notes that the file was imported, what it did and who did it."""
    connection.execute(
        insert(imported_file).values(
            sha256=arrival.sha256,
            kind=arrival.kind,
            # A name may hold bytes that are no text; the database keeps text only.
            file_name=arrival.path.name.encode(errors="replace").decode(),
            rows=rows,
            outcome=dict(outcome),
            recorded_at=recorded_at,
        )
    )
    audit.record(connection, "imported", arrival.sha256.hex(), recorded_at, kind=arrival.kind, rows=rows)
