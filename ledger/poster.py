"""Posts entries that many threads bring at once: whatever came while the last commit was under way goes as one call.

No timer and no thread of its own: a thread that finds nobody posting posts what is waiting, its own entry with it, and
then hands over to one of those that came meanwhile. A single caller so pays for one journey and one commit, and the
more callers there are the more entries share a commit. Accounts with a limit gain most: what waited for a lock before
now travels together.

The call is the transaction. What must commit together with other changes is posted by `ledger.book` instead.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from types import TracebackType
from typing import Self

from sqlalchemy import Connection, Engine, text

from ledger.book import Posted, post, post_entries
from ledger.entries import Entry
from ledger.errors import Refused

MOST_LINES = 1_000
"""An entry with more lines is large enough to be posted by itself."""

_MOST_ENTRIES = 1_000
"""So many entries share a commit at most, so that nobody waits long."""


class _Waiting:
    """One entry and the thread that waits for it: `woken` is released when it has an answer, or is to lead."""

    __slots__ = ("answer", "entry", "woken")

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.answer: Posted | BaseException | None = None
        self.woken = threading.Lock()
        self.woken.acquire()


class Poster:
    """Posts in transactions of its own, on a connection of its own, in the name of `person`."""

    def __init__(self, engine: Engine, clock: Callable[[], datetime], person: str = "") -> None:
        self._engine = engine
        self._clock = clock
        self._person = person
        self._connection: Connection | None = None
        self._lock = threading.Lock()
        self._waiting: deque[_Waiting] = deque()
        self._busy = False

    def post(self, entry: Entry) -> Posted:
        """Posts one entry and returns when it is committed. A refused entry refuses only itself.

        After any other error it is unknown whether the entry stands; posting it again under its key is safe.
        """
        if len(entry.lines) > MOST_LINES:
            raise ValueError(f"an entry of {len(entry.lines)} lines is posted by itself, through ledger.book")
        mine = _Waiting(entry)
        with self._lock:
            self._waiting.append(mine)
            leads = not self._busy
            self._busy = True
        if not leads:
            mine.woken.acquire()
        if mine.answer is None:
            self._lead()
        if isinstance(mine.answer, Posted):
            return mine.answer
        raise mine.answer or Refused

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.invalidate()  # it carries the person, so nobody else may have it
                self._connection.close()
                self._connection = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _lead(self) -> None:
        """Posts what waits, the caller's own entry first of all, answers, and hands over."""
        with self._lock:
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), _MOST_ENTRIES))]
        try:
            answers = self._answers([waiting.entry for waiting in batch])
        except BaseException as error:  # noqa: BLE001 whatever it is, those who wait must hear of it
            answers = [error] * len(batch)
        for waiting, answer in zip(batch, answers, strict=True):
            waiting.answer = answer
        with self._lock:
            self._busy = bool(self._waiting)
            if self._busy:
                self._waiting[0].woken.release()
        for waiting in batch[1:]:
            waiting.woken.release()

    def _answers(self, entries: Sequence[Entry]) -> Sequence[Posted | BaseException]:
        if len(entries) == 1:
            return [self._alone(entries[0])]
        try:
            results = post_entries(self._connected(), entries, self._clock(), on_refusal="leave_out")
        except Exception:  # noqa: BLE001 one of them may be at fault: each is tried by itself, under its key
            self._disconnect()
            return [self._alone(entry) for entry in entries]
        return [
            result.refusal
            if result.entry_id is None and result.refusal
            else Posted(result.entry_id or 0, result.replayed)
            for result in results
        ]

    def _alone(self, entry: Entry) -> Posted | BaseException:
        try:
            return post(self._connected(), entry, entry.lines, self._clock())
        except Refused as refusal:
            return refusal
        except Exception as error:  # noqa: BLE001 told to the thread that brought the entry
            self._disconnect()
            return error

    def _connected(self) -> Connection:
        if self._connection is None:
            # Each call commits by itself: one journey instead of three.
            self._connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            self._connection.execute(
                text("SELECT set_config('thuchi.person', :person, false)"), {"person": self._person}
            )
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.invalidate()
            self._connection.close()
            self._connection = None
