"""The one way out: a client that never repeats a call, never follows, never waits without end, and classifies what
went wrong by the only thing that matters for money: whether one byte of the request can have left.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx2

from gateways.contract import GatewaySettings
from gateways.errors import Ambiguous, NotSent, Refused
from gateways.scrub import scrub
from gateways.signing import load_key

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_MAX_ANSWER_BYTES = 512 * 1024 * 1024  # a statement of a million payments
_LOGGED_CHARACTERS = 2000
_BEFORE_SENDING = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
    httpx2.UnsupportedProtocol,
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whole: an answer that was cut short never becomes one of these."""

    status: int
    content_type: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Wire:
    """Signed calls to one bank. A connection is used once, so none can have gone stale under a payment."""

    def __init__(
        self,
        settings: GatewaySettings,
        transport: httpx2.BaseTransport | None,
        seconds_now: Callable[[], float],
    ) -> None:
        if urlsplit(settings.base_url).scheme != "https" and urlsplit(settings.base_url).hostname not in _LOOPBACK:
            raise Refused(f"{settings.base_url}: only https leaves this machine")
        self._key = load_key(settings.client_id, settings.signing_key_path)
        self._seconds_now = seconds_now
        self._client = httpx2.Client(
            base_url=settings.base_url,
            transport=transport or httpx2.HTTPTransport(retries=0, limits=httpx2.Limits(max_keepalive_connections=0)),
            timeout=httpx2.Timeout(settings.answer_timeout_seconds, connect=settings.connect_timeout_seconds),
            follow_redirects=False,
            trust_env=False,
        )

    def call(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        """One call, made once. Raises `NotSent` or `Ambiguous`; any HTTP status is an answer."""
        signed = self._key.signed_headers(method, path, body, headers or {}, created=int(self._seconds_now()))
        try:
            with self._client.stream(method, path, content=body, headers=signed) as response:
                answer = Answer(
                    response.status_code,
                    response.headers.get("content-type", "").partition(";")[0].strip().lower(),
                    dict(response.headers),
                    _read_whole(response),
                )
        except _BEFORE_SENDING as error:
            _log.warning("%s %s not sent: %s", method, path, type(error).__name__)
            raise NotSent(f"{method} {path}: {type(error).__name__}") from error
        except (httpx2.HTTPError, httpx2.StreamError) as error:
            _log.warning("%s %s ambiguous: %s", method, path, type(error).__name__)
            raise Ambiguous(f"{method} {path}: {type(error).__name__}") from error
        if _log.isEnabledFor(logging.DEBUG):
            _log.debug("%s %s\n%s\n-> %s\n%s", method, path, _shown(body), answer.status, _shown(answer.body))
        return answer

    def close(self) -> None:
        self._client.close()


def _read_whole(response: Any) -> bytes:
    parts = bytearray()
    for part in response.iter_bytes():
        parts += part
        if len(parts) > _MAX_ANSWER_BYTES:
            raise Ambiguous("the answer is too large to be read")
    return bytes(parts)


def _shown(content: bytes) -> str:
    """The beginning of a body with nothing in it that must not be seen; cut after scrubbing, never through a number."""
    return scrub(content[: 4 * _LOGGED_CHARACTERS].decode("utf-8", "replace"))[:_LOGGED_CHARACTERS]
