"""Places in the book: lines in the order of business date, entry and line, page by page from a place on.

A page begins where the one before it ended, by key and never by counting rows, so the last page of a million lines
costs what the first one does.
"""

from datetime import date
from typing import NamedTuple

from ledger.window import Window

STREAMED = {"stream_results": True, "max_row_buffer": 2_000}
"""How whole books are read: through a cursor of the server, so many rows at a time."""


class Place(NamedTuple):
    """The line after which reading goes on; for a statement also the running balance after it, on the normal side.

    >>> str(Place(date(2026, 11, 3), 17, 4, -1200)), Place.read("2026-11-03.17.4.-1200").entry_id
    ('2026-11-03.17.4.-1200', 17)
    """

    business_on: date
    entry_id: int
    line_no: int
    balance_vnd: int = 0

    def __str__(self) -> str:
        return ".".join((self.business_on.isoformat(), *map(str, self[1:])))

    @classmethod
    def read(cls, text: str) -> "Place":
        """The place that was printed; ValueError if it is none."""
        day, *numbers = text.split(".")
        entry_id, line_no, balance_vnd = map(int, numbers)
        return cls(date.fromisoformat(day), entry_id, line_no, balance_vnd)

    @property
    def arguments(self) -> dict[str, object]:
        return {"after_on": self.business_on, "after_entry": self.entry_id, "after_line": self.line_no}


def lines_in_order(window: Window, after: Place | None, of_line: str = "true") -> str:
    """SQL of the lines `l` with their entries `e`, in order, for those that fulfil `of_line`; a LIMIT may follow.

    The entries are walked in order and the lines of each are fetched by key. OFFSET 0 keeps PostgreSQL from pulling
    the two parts together, so that it can only join them in this way, which keeps the order: an ORDER BY on the whole
    would sort the largest entry, say of a million lines, before the first line came out.
    """
    from_entry = from_line = ""
    if after is not None:
        from_entry = "AND e.business_on >= :after_on AND (e.business_on, e.entry_id) >= (:after_on, :after_entry)"
        from_line = "AND l.line_no > CASE WHEN e.entry_id = :after_entry THEN :after_line ELSE 0 END"
    return f"""
        (SELECT e.* FROM ledger.entry e WHERE {window.holds} {from_entry}
            ORDER BY e.business_on, e.entry_id OFFSET 0) e
        CROSS JOIN LATERAL (SELECT l.* FROM ledger.line l
            WHERE l.entry_id = e.entry_id {from_line} AND ({of_line}) ORDER BY l.line_no OFFSET 0) l
    """
