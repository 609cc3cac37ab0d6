"""Who did what, when (nhật ký thao tác). Records are appended in the transaction of the act and never changed."""

import json
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text


def record(connection: Connection, act: str, subject: str, at: datetime, **detail: str | int) -> None:
    """The acting person is that of the unit of work. `detail` holds no personal data."""
    connection.execute(
        text(
            "INSERT INTO engine.audit_record (recorded_at, act, subject, detail)"
            " VALUES (:at, :act, :subject, CAST(:detail AS jsonb))"
        ),
        {"at": at, "act": act, "subject": subject, "detail": json.dumps(detail, ensure_ascii=False)},
    )


def records_of(connection: Connection, subject: str) -> list[dict[str, Any]]:
    """What was done to a subject, in order of time."""
    rows = connection.execute(
        text("""
            SELECT audit_id, recorded_at, person, act, detail, correlation FROM engine.audit_record
            WHERE subject = :subject ORDER BY audit_id"""),
        {"subject": subject},
    )
    return [row._asdict() for row in rows]
