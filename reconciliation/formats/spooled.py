"""A long sequence that stays flat in memory: what one booking holds may be a hundred thousand payments."""

import pickle
import tempfile
from collections.abc import Collection, Iterator
from typing import IO, TypeVar

_CHUNK = 500
"""So many members are held at once; a shorter sequence never leaves the memory."""

Member = TypeVar("Member")


class Spooled(Collection[Member]):
    """Members in the order they were added, to be read from the start any number of times.

    What does not fit a chunk stands in an unnamed temporary file of our own process, written and read by it alone.
    """

    def __init__(self) -> None:
        self._count = 0
        self._last: list[Member] = []
        self._file: IO[bytes] | None = None
        self._ends: list[int] = []
        """Where each chunk ends in the file."""

    def add(self, member: Member) -> None:
        if len(self._last) == _CHUNK:
            if self._file is None:
                self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with this sequence
            self._file.seek(0, 2)
            pickle.dump(self._last, self._file, pickle.HIGHEST_PROTOCOL)
            self._ends.append(self._file.tell())
            self._last = []
        self._last.append(member)
        self._count += 1

    def __len__(self) -> int:
        return self._count

    def __contains__(self, member: object) -> bool:
        return any(own == member for own in self)

    def __iter__(self) -> Iterator[Member]:
        if self._file is not None:
            start = 0
            for end in self._ends:
                self._file.seek(start)
                chunk: list[Member] = pickle.loads(self._file.read(end - start))  # noqa: S301 - written by this process
                start = end
                yield from chunk
        yield from self._last

    def __del__(self) -> None:
        if self._file is not None:
            self._file.close()
