"""Messages stored with the change they announce (hộp thư đi).

A message names an actor and a subject, never a payload to be trusted: the actor reads the truth from the database. It
is done only in the transaction that did its work. Brokers carry copies of it; losing every copy loses nothing, since
the relay offers an open message again when its lease is over. The times here are those of the computer that waits, not
the dates of business.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, text

LEASE_SECONDS = 10
"""How long an offered message is left to whoever took it. Too short costs a wasted look, never a second payment."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A message on its way to a worker."""

    message_id: int
    actor: str


def put(connection: Connection, actor: str, subject: str, delay_seconds: int = 0) -> None:
    connection.execute(
        text(
            "INSERT INTO engine.outbox (actor, subject, due_at)"
            " VALUES (:actor, :subject, clock_timestamp() + :delay * interval '1 second')"
        ),
        {"actor": actor, "subject": subject, "delay": delay_seconds},
    )


def offer(connection: Connection, limit: int) -> list[Offer]:
    """Leases messages that are due and that nobody holds; several relays may ask at once."""
    rows = connection.execute(
        text("""
            UPDATE engine.outbox SET offered_at = clock_timestamp()
            WHERE message_id IN (
                SELECT message_id FROM engine.outbox
                WHERE done_at IS NULL AND due_at <= clock_timestamp()
                  AND (offered_at IS NULL OR offered_at < clock_timestamp() - :lease * interval '1 second')
                ORDER BY due_at, message_id LIMIT :limit FOR UPDATE SKIP LOCKED)
            RETURNING message_id, actor"""),
        {"lease": LEASE_SECONDS, "limit": limit},
    )
    return [Offer(row.message_id, row.actor) for row in rows]


def subject(connection: Connection, message_id: int) -> str | None:
    """What an open message is about; None if its work is done."""
    found: str | None = connection.scalar(
        text("SELECT subject FROM engine.outbox WHERE message_id = :id AND done_at IS NULL"), {"id": message_id}
    )
    return found


def finish(connection: Connection, message_id: int) -> None:
    connection.execute(
        text("UPDATE engine.outbox SET done_at = clock_timestamp() WHERE message_id = :id"), {"id": message_id}
    )


def postpone(connection: Connection, message_id: int, seconds: int) -> None:
    connection.execute(
        text(
            "UPDATE engine.outbox SET offered_at = NULL, due_at = clock_timestamp() + :delay * interval '1 second'"
            " WHERE message_id = :id"
        ),
        {"id": message_id, "delay": seconds},
    )


def open_messages(connection: Connection) -> int:
    return connection.scalar(text("SELECT count(*) FROM engine.outbox WHERE done_at IS NULL")) or 0
