"""Which part of the book is read: by business date, and by what had been recorded at an instant (as known on)."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, text

from ledger.errors import Refused


@dataclass(frozen=True, slots=True)
class Window:
    """Entries dated from `since` to the end of `until`, of which the book knew at `known_at`; open where it is null.

    An entry has two times: the date that it bears in the books, and the instant at which it was recorded. The trial
    balance of March as it was known on 5 April leaves out what was dated in March and recorded later.
    """

    since: date | None = None
    until: date | None = None
    known_at: datetime | None = None

    def __post_init__(self) -> None:
        if self.known_at is not None and self.known_at.tzinfo is None:
            raise ValueError("known_at is an instant: it needs its time zone")
        if self.since is not None and self.until is not None and self.since > self.until:
            raise ValueError(f"the window ends on {self.until}, before it begins on {self.since}")

    @property
    def holds(self) -> str:
        """The condition in SQL on an entry `e`: it is in the window."""
        begun = "e.business_on >= :since" if self.since is not None else ""
        ended = "e.business_on <= :until" if self.until is not None else ""
        known = f"(e.recorded_at <= :known_at OR {_CARRIED})" if self.known_at is not None else ""
        return " AND ".join(filter(None, (begun, ended, known))) or "true"

    @property
    def beyond(self) -> str:
        """The condition in SQL on an entry `e`: it is dated after the window, or was not known yet."""
        later = "e.business_on > :until" if self.until is not None else ""
        unknown = f"(e.recorded_at > :known_at AND NOT {_CARRIED})" if self.known_at is not None else ""
        return " OR ".join(filter(None, (later, unknown))) or "false"

    @property
    def arguments(self) -> dict[str, Any]:
        given = {"since": self.since, "until": self.until, "known_at": self.known_at}
        return {name: value for name, value in given.items() if value is not None}


WHOLE = Window()
"""The whole book, as it stands now."""

_CARRIED = "e.event = 'carried_forward'"
"""The entry that stands for those of a month that left the books: it was recorded when they left, they long before."""


def require_in_books(connection: Connection, window: Window) -> None:
    """Refuses a window that ends or begins among months that have left the books, or an instant before they ended."""
    gone = connection.execute(
        text("""
            SELECT max(p.ends_at) AS recorded_until, max(e.business_on) AS dated_until
            FROM ledger.partition p
            LEFT JOIN ledger.entry_key k ON k.key = 'carried_forward:' || p.partition_no
            LEFT JOIN ledger.entry e USING (entry_id)
            WHERE p.detached_at IS NOT NULL
        """)
    ).one()
    if gone.recorded_until is not None and window.known_at is not None and window.known_at < gone.recorded_until:
        raise Refused(f"what was recorded before {gone.recorded_until:%Y-%m-%d %H:%M %Z} has left the books")
    if gone.dated_until is not None and (
        (window.until is not None and window.until < gone.dated_until)
        or (window.since is not None and window.since <= gone.dated_until)
    ):
        raise Refused(f"entries dated up to {gone.dated_until} have left the books: only their sums are here")
