"""The bank's own books: a file of events, one a line, each on the disk before the bank answers.

The state of the bank is what these lines say and nothing else. A last line that was cut short by a crash was never
answered and is dropped when the books are opened for writing.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gateways.simulator.errors import BooksInUse

FILE_NAME = "books.jsonl"

Event = dict[str, Any]


class Journal:
    """The books open for writing, by one process at a time."""

    def __init__(self, home: Path) -> None:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(home / FILE_NAME, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise BooksInUse(str(home)) from error
        self._file = os.fdopen(descriptor, "ab")
        _drop_cut_line(home / FILE_NAME)
        _keep_name(home)

    def append(self, event: Event) -> None:
        """Writes the event and waits for the disk: one wait for a file of payments, however many it holds."""
        self._file.write(json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


def events(home: Path) -> Iterator[Event]:
    """All events in order; works while the bank is stopped."""
    path = home / FILE_NAME
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield json.loads(line)


def _keep_name(home: Path) -> None:
    """A new file survives a power cut only once its directory is on the disk too."""
    directory = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(directory)
    os.close(directory)


def _drop_cut_line(path: Path) -> None:
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole != len(content):
        os.truncate(path, whole)
