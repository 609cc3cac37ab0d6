"""Messages stored with the change they announce (hộp thư đi).

A message names an actor and a subject, never a payload to be trusted: the actor reads the truth from the database. It
is done only in the transaction that did its work. Brokers carry copies of it; losing every copy loses nothing, since
the relay offers an open message again when its lease is over. The times here are those of the computer that waits, not
the dates of business.

Work that fails is tried again after a growing pause. What failed several times in a row is stuck: it is still tried
now and then, but nobody waits for it, and a person must look.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, text

LEASE_SECONDS = 10
"""How long an offered message is left to whoever took it. Too short costs a wasted look, never a second payment."""
STUCK_AFTER = 3
"""Failures in a row after which a message waits for a person."""
PAUSES_SECONDS = (1, 5, 60, 600, 3600)
"""How long work rests after its first, second, ... failure in a row; after any further one as after the last."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A message on its way to a worker."""

    message_id: int
    actor: str


def put(connection: Connection, actor: str, subject: str, delay_seconds: int = 0, weight: int = 0) -> None:
    """`weight` says how much work was put in together with it: what is due goes by it, the lightest first."""
    connection.execute(
        text(
            "INSERT INTO engine.outbox (actor, subject, due_at, weight)"
            " VALUES (:actor, :subject, clock_timestamp() + :delay * interval '1 second', :weight)"
        ),
        {"actor": actor, "subject": subject, "delay": delay_seconds, "weight": weight},
    )


def put_once(connection: Connection, actor: str, subject: str) -> None:
    """Puts a message in unless one of the same kind about the same subject is open."""
    still_open = connection.scalar(
        text(
            "SELECT EXISTS (SELECT FROM engine.outbox WHERE actor = :actor AND subject = :subject AND done_at IS NULL)"
        ),
        {"actor": actor, "subject": subject},
    )
    if not still_open:
        put(connection, actor, subject)


def offer(connection: Connection, limit: int) -> list[Offer]:
    """Leases messages that are due and that nobody holds, as long as no more than `limit` are leased and not done.

    So a run of a thousand files does not fill the queues of the workers, and a small one put in later goes before it.
    Several relays may ask at once.
    """
    rows = connection.execute(
        text("""
            UPDATE engine.outbox SET offered_at = clock_timestamp()
            WHERE message_id IN (
                SELECT message_id FROM engine.outbox
                WHERE done_at IS NULL AND due_at <= clock_timestamp()
                  AND (offered_at IS NULL OR offered_at < clock_timestamp() - :lease * interval '1 second')
                ORDER BY weight, due_at, message_id
                LIMIT greatest(0, :limit - (SELECT count(*) FROM engine.outbox WHERE done_at IS NULL
                    AND offered_at >= clock_timestamp() - :lease * interval '1 second'))
                FOR UPDATE SKIP LOCKED)
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
            "UPDATE engine.outbox SET offered_at = NULL, failures = 0,"
            " due_at = clock_timestamp() + :delay * interval '1 second' WHERE message_id = :id"
        ),
        {"id": message_id, "delay": seconds},
    )


def note_failure(connection: Connection, message_id: int) -> int:
    """The work of a message has failed: it rests, longer each time. Returns how often it has failed in a row."""
    failures: int = connection.execute(
        text("""
            UPDATE engine.outbox SET offered_at = NULL, failures = failures + 1,
                due_at = clock_timestamp() + (CAST(:pauses AS integer[]))[least(failures + 1, :most)]
                    * interval '1 second'
            WHERE message_id = :id RETURNING failures"""),
        {"id": message_id, "pauses": list(PAUSES_SECONDS), "most": len(PAUSES_SECONDS)},
    ).scalar_one()
    return failures


def stuck_messages(connection: Connection) -> int:
    """Open messages whose work has failed so often that a person must look."""
    return (
        connection.scalar(
            text("SELECT count(*) FROM engine.outbox WHERE done_at IS NULL AND failures >= :stuck_after"),
            {"stuck_after": STUCK_AFTER},
        )
        or 0
    )


def try_again(connection: Connection) -> int:
    """The cause is mended: every message that had failed is due now. Returns how many that are."""
    return connection.execute(
        text("""
            UPDATE engine.outbox SET failures = 0, offered_at = NULL, due_at = clock_timestamp()
            WHERE done_at IS NULL AND failures > 0""")
    ).rowcount


def open_messages(connection: Connection) -> int:
    return connection.scalar(text("SELECT count(*) FROM engine.outbox WHERE done_at IS NULL")) or 0
