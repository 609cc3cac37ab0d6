"""Lets each caller of a callback address in only so often, so that nobody can keep us busy verifying signatures.

A caller has a bucket of `burst` calls that fills again by `per_second`. Buckets of callers who have been quiet are
forgotten; when there are too many, the ones that were quiet longest go first.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

_MOST_CALLERS = 10_000


@dataclass(slots=True)
class _Bucket:
    calls: float
    at_seconds: float


class CallerLimit:
    """Safe under threads; one for each process and address."""

    def __init__(self, seconds_now: Callable[[], float], *, burst: int = 60, per_second: float = 10.0) -> None:
        self._seconds_now = seconds_now
        self._burst = burst
        self._per_second = per_second
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def admits(self, caller: str) -> bool:
        """Whether this call of the caller, such as an IP address, is let in; a call that is not costs nothing."""
        with self._lock:
            now = self._seconds_now()
            bucket = self._buckets.pop(caller, None) or _Bucket(self._burst, now)
            bucket.calls = min(self._burst, bucket.calls + (now - bucket.at_seconds) * self._per_second)
            bucket.at_seconds = now
            self._buckets[caller] = bucket
            while len(self._buckets) > _MOST_CALLERS:
                self._buckets.popitem(last=False)
            if bucket.calls < 1:
                return False
            bucket.calls -= 1
            return True

    def wait_seconds(self, caller: str) -> int:
        """What `Retry-After` tells a caller who was not let in."""
        with self._lock:
            bucket = self._buckets.get(caller)
            missing = 0.0 if bucket is None else max(0.0, 1 - bucket.calls)
        return max(1, round(missing / self._per_second + 0.5))
