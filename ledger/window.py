"""Which part of the book is read: by business date, and by what had been recorded at an instant (as known on)."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any


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
        known = "e.recorded_at <= :known_at" if self.known_at is not None else ""
        return " AND ".join(filter(None, (begun, ended, known))) or "true"

    @property
    def beyond(self) -> str:
        """The condition in SQL on an entry `e`: it is dated after the window, or was not known yet."""
        later = "e.business_on > :until" if self.until is not None else ""
        unknown = "e.recorded_at > :known_at" if self.known_at is not None else ""
        return " OR ".join(filter(None, (later, unknown))) or "false"

    @property
    def arguments(self) -> dict[str, Any]:
        given = {"since": self.since, "until": self.until, "known_at": self.known_at}
        return {name: value for name, value in given.items() if value is not None}


WHOLE = Window()
"""The whole book, as it stands now."""
