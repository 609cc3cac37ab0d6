"""Closed periods (khóa sổ): a closed month, and every month before it, takes no more entries."""

from datetime import date, datetime

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
