"""Nhịp gọi: keeps the calls of one process to a provider below what its sheet allows, whatever threads make them."""

import threading
import time
from collections.abc import Callable


class Pace:
    """Hands out the moments of calls, evenly; one for each provider and process, safe under threads."""

    def __init__(
        self,
        calls_per_second: int,
        seconds_now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._between_seconds = 1 / calls_per_second
        self._seconds_now = seconds_now
        self._sleep = sleep
        self._lock = threading.Lock()
        self._next_at = 0.0

    def wait(self) -> None:
        """Returns when the next call may be made."""
        with self._lock:
            now = self._seconds_now()
            at = max(now, self._next_at)
            self._next_at = at + self._between_seconds
        if at > now:
            self._sleep(at - now)
