"""Closed periods (khóa sổ): a closed month, and every month before it, takes no more entries. Months that are closed
and sealed can leave the books for the archive."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, func, select, text

from ledger import tables
from ledger.errors import refusals


def close_period(connection: Connection, month: date, closed_at: datetime) -> bool:
    """Closes the month of the date `month` and all before it; False if it was closed already.

    Waits for postings under way, and holds new ones back until the caller's transaction ends.
    """
    if closed_at.tzinfo is None:
        raise ValueError("closed_at is an instant: it needs its time zone")
    with refusals():
        return bool(
            connection.scalar(
                text("SELECT ledger.close_period(:month, :closed_at)"),
                {"month": month.replace(day=1), "closed_at": closed_at},
            )
        )


def closed_through(connection: Connection) -> date | None:
    """The first day of the last closed month, if any month is closed."""
    last: date | None = connection.scalar(select(func.max(tables.closed_period.c.month)))
    return last


def open_day(connection: Connection, on: date) -> date:
    """The date that an entry of a day bears in the books: the day itself, or the first one after the closed months.

    What comes to be known of a closed month belongs to the month in which it is recorded.
    """
    last = closed_through(connection)
    return on if last is None else max(on, (last + timedelta(days=31)).replace(day=1))


def detach_partition(
    connection: Connection, partition_no: int, detached_at: datetime, keep_references_of: Sequence[str]
) -> int | None:
    """Takes the oldest month of entries and lines out of the books, on a connection of the ledger's owner.

    The tables then stand in the schema `ledger_archive`, with their keys and sealed positions. Tells the entry that
    carries their sums forward, null if the month held nothing. Balances at dates before the end of that month are no
    longer to be had; all later ones, and items still open on accounts of `keep_references_of` (chart codes), are.
    """
    if detached_at.tzinfo is None:
        raise ValueError("detached_at is an instant: it needs its time zone")
    with refusals():
        carried: int | None = connection.scalar(
            text("SELECT ledger.detach_partition(:no, :at, CAST(:kept AS text[]))"),
            {"no": partition_no, "at": detached_at, "kept": list(keep_references_of)},
        )
    return carried
