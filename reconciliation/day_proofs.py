"""Numbered proofs of a day (biên bản đối chiếu): what was proven is kept as it was, with its hash, and never edited.

The hash is SHA-256 over the content as JSON with sorted keys and no blanks, so that anybody can compute it again from
the JSON or hold a printed proof against the kept one.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class KeptProof:
    """A proof with its number. The same content of a day has one number, however often it is asked for."""

    number: int
    on: date
    sha256: str
    closes: bool
    content: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        return {"number": self.number, "sha256": self.sha256, **self.content}


def content_hash(content: dict[str, Any]) -> bytes:
    """Of the content alone: neither number nor instant."""
    plain = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(plain.encode()).digest()


def keep(connection: Connection, on: date, content: dict[str, Any], at: datetime, *, closes: bool) -> KeptProof:
    """Gives a proof its number; that of the first time if nothing has changed since."""
    sha256 = content_hash(content)
    values = {"on": on, "sha256": sha256, "content": json.dumps(content), "closes": closes, "at": at}
    connection.execute(
        text(
            "INSERT INTO reconciliation.day_proof (on_day, sha256, content, closes, made_at) "
            "VALUES (:on, :sha256, CAST(:content AS jsonb), :closes, :at) ON CONFLICT DO NOTHING"
        ),
        values,
    )
    number: int = connection.execute(
        text("SELECT proof_no FROM reconciliation.day_proof WHERE on_day = :on AND sha256 = :sha256"), values
    ).scalar_one()
    return KeptProof(number, on, sha256.hex(), closes, content)
