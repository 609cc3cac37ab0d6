"""Cầu dao: stops calling a provider that does not answer, so that calls fail at once and before anything leaves.

After `threshold` failures in a row nothing is called for `open_seconds`; then one call is let through, and its fate
decides. A refusal is an answer and no failure. What is held back was not sent, so it may be sent later.
"""

import threading
from collections.abc import Callable

from gateways.errors import NotSent

THRESHOLD = 5
OPEN_SECONDS = 5.0


class CircuitOpen(NotSent):
    """The provider did not answer several times in a row; nothing is sent to it for a moment."""

    code = "circuit_open"


class Breaker:
    """One for each gateway, used by all of its calls; safe under threads."""

    def __init__(
        self, seconds_now: Callable[[], float], threshold: int = THRESHOLD, open_seconds: float = OPEN_SECONDS
    ) -> None:
        self._seconds_now = seconds_now
        self._threshold = threshold
        self._open_seconds = open_seconds
        self._lock = threading.Lock()
        self._failures = 0
        self._open_until = 0.0

    def admit(self) -> None:
        """Raises `CircuitOpen` while the circuit is open. The call let through afterwards keeps others out."""
        with self._lock:
            if self._failures < self._threshold:
                return
            now = self._seconds_now()
            if now < self._open_until:
                raise CircuitOpen("the provider did not answer; it is called again in a moment")
            self._open_until = now + self._open_seconds

    def succeeded(self) -> None:
        with self._lock:
            self._failures = 0

    def failed(self) -> None:
        with self._lock:
            self._failures += 1
            if self._failures >= self._threshold:
                self._open_until = self._seconds_now() + self._open_seconds
