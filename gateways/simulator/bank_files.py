"""The simulated bank behind exchange directories: told to look, it takes the files that wait and puts its answers in.

It reads the directories with code of its own. Nothing here runs by itself: whoever plays the day says when the bank
looks, so that a file can wait, be taken without an answer, or be answered in two parts.
"""

from datetime import date, datetime
from pathlib import Path

from gateways.simulator.bank import Bank
from gateways.simulator.reports import Listing


class BankFiles:
    """The bank's side of one customer's directory."""

    def __init__(self, bank: Bank, root: Path) -> None:
        self._bank = bank
        self._out, self._in = root / "out", root / "in"
        self._taken: dict[str, int] = {}

    def take(self, at: datetime) -> list[str]:
        """Takes every file that stands whole in `out/`; their message ids. Hidden names are not the bank's to see."""
        taken = []
        for path in sorted(self._out.glob("[!.]*.xml")):
            self._bank.receive(path.stem, path.read_bytes(), at)
            path.unlink()
            taken.append(path.stem)
            self._taken.setdefault(path.stem, 0)
        return taken

    def report(self, message_id: str, at: datetime, listing: Listing = Listing.IN_ORDER, cut: int | None = None) -> str:
        """Puts a status report into `in/`; its name. `cut`: only so many bytes of it, as when a transfer breaks."""
        document = self._bank.status(message_id, at, listing)
        if document is None:
            raise LookupError(message_id)
        self._taken[message_id] = self._taken.get(message_id, 0) + 1
        name = f"{message_id}.{self._taken[message_id]:03d}.pain002.xml"
        (self._in / name).write_bytes(document if cut is None else document[:cut])
        return name

    def close_day(self, on: date, at: datetime) -> str:
        """Closes the bank's day and puts its statement into `in/`; its name."""
        name = self._bank.close_day(on, at)
        document = self._bank.statement(name)
        assert document is not None  # noqa: S101 - it was just closed
        (self._in / name).write_bytes(document)
        return name
