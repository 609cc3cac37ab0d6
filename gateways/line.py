"""One request to an online provider, made once, and what went wrong with it by the only thing that matters for money:
whether a byte of it can have left. Signatures are in the call already; nothing is repeated, followed or kept open.
"""

import json
import logging
import ssl
import time
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import cache
from typing import Any

import httpx2

from gateways.breaker import Breaker
from gateways.contract import Outcome
from gateways.credentials import Profile
from gateways.errors import Ambiguous, GatewayError, NotSent
from gateways.http import Answer
from gateways.online import Call, OnlineAnswer
from gateways.recording import Recorder, shown

_MAX_ANSWER_BYTES = 8 * 1024 * 1024
_MOST_DIGITS = 18
_LOGGED_CHARACTERS = 2000
_SERVER_TROUBLE = 500
_CONNECT_SECONDS = 5.0
_BEFORE_SENDING = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
    httpx2.UnsupportedProtocol,
)

_log = logging.getLogger(__name__)


class Line:
    """The way to one provider. Each connection is used once, so none can have gone stale under a payment.

    `seconds_now` dates recorded exchanges and times the breaker; business never sees it.
    """

    def __init__(
        self,
        profile: Profile,
        answer_timeout_seconds: float,
        transport: httpx2.BaseTransport | None,
        seconds_now: Callable[[], float] = time.time,
    ) -> None:
        self._seconds_now = seconds_now
        self._breaker = Breaker(seconds_now)
        self._recorder = Recorder(profile.recording_path)
        self._client = httpx2.Client(
            base_url=profile.base_url,
            transport=transport or _transport(),
            timeout=httpx2.Timeout(answer_timeout_seconds, connect=_CONNECT_SECONDS),
            follow_redirects=False,
            trust_env=False,
        )

    def send(self, call: Call) -> Answer:
        """Raises `NotSent` or `Ambiguous`; any HTTP status is an answer."""
        self._breaker.admit()
        answer: Answer | None = None
        came = ""
        try:
            answer = self._exchange(call)
            came = str(answer.status)
        except (NotSent, Ambiguous) as error:
            came = str(error)
            self._breaker.failed()
            raise
        finally:
            self._record(call, came, answer)
        if answer.status >= _SERVER_TROUBLE:
            self._breaker.failed()
        else:
            self._breaker.succeeded()
        return answer

    def close(self) -> None:
        self._client.close()

    def _exchange(self, call: Call) -> Answer:
        try:
            with self._client.stream(call.method, call.path, content=call.body, headers=dict(call.headers)) as response:
                return Answer(
                    response.status_code,
                    response.headers.get("content-type", "").partition(";")[0].strip().lower(),
                    dict(response.headers),
                    _whole(response),
                )
        except _BEFORE_SENDING as error:
            raise NotSent(f"{call.method} {_shown_path(call)}: {type(error).__name__}") from error
        except (httpx2.HTTPError, httpx2.StreamError) as error:
            raise Ambiguous(f"{call.method} {_shown_path(call)}: {type(error).__name__}") from error

    def _record(self, call: Call, came: str, answer: Answer | None) -> None:
        answer_body = b"" if answer is None else answer.body
        if _log.isEnabledFor(logging.DEBUG):
            bodies = (shown(call.body)[:_LOGGED_CHARACTERS], came, shown(answer_body)[:_LOGGED_CHARACTERS])
            _log.debug("%s %s\n%s\n-> %s\n%s", call.method, _shown_path(call), *bodies)
        self._recorder.record(
            at_seconds=int(self._seconds_now()),
            method=call.method,
            path=_shown_path(call),
            headers={name: "•" if "token" in name.lower() else value for name, value in call.headers.items()},
            body=call.body,
            came=came,
            answer_headers={} if answer is None else answer.headers,
            answer_body=answer_body,
        )


def told(answer: Answer) -> dict[str, Any]:
    """The JSON object of an answer. A page of HTML, half an object or a list tell nothing."""
    if not answer.content_type.endswith("json"):
        raise Ambiguous(f"HTTP {answer.status} with {answer.content_type or 'no content type'}")
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        raise Ambiguous(f"HTTP {answer.status} with JSON that cannot be read") from error
    if not isinstance(found, dict):
        raise Ambiguous(f"HTTP {answer.status} with JSON that is no object")
    return found


def asked(line: Line, call: Call, read: Callable[[Answer], OnlineAnswer]) -> OnlineAnswer:
    """A call that may move money: sent once, and read. Never raises for what the network or the provider does."""
    try:
        return read(line.send(call))
    except (NotSent, Ambiguous) as error:
        return failed_call(error)


def inquired(line: Line, call: Call, read: Callable[[Answer], OnlineAnswer]) -> OnlineAnswer:
    """An inquiry: one that did not come through, or was refused, leaves the payment as unknown as it was."""
    try:
        answer = read(line.send(call))
    except (NotSent, Ambiguous) as error:
        return failed_call(Ambiguous(str(error)))
    return OnlineAnswer(Outcome.UNKNOWN, answer.code) if answer.outcome is Outcome.NOT_ACCEPTED else answer


def failed_call(error: GatewayError) -> OnlineAnswer:
    """What a call that came to no answer says: not accepted if nothing left our side, else unknown."""
    outcome = Outcome.NOT_ACCEPTED if isinstance(error, NotSent) else Outcome.UNKNOWN
    return OnlineAnswer(outcome, error.code, text=str(error))


def read_object(body: bytes) -> dict[str, Any] | None:
    """The JSON object that somebody sent us. None: it is none, or holds text that nobody can write or keep (half a
    surrogate pair, a NUL)."""
    try:
        found = json.loads(body)
        written = json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and b"\\u0000" not in written else None


def whole_vnd(value: object) -> int | None:
    """An amount as it came: a whole number, or one in digits, of at most 18; anything else, such as 1000.0, is none."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _MOST_DIGITS:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**_MOST_DIGITS:
        return value
    return None


def day_of(value: str, form: str) -> date | None:
    """The day of a time as a provider writes it, by the clock of Việt Nam; None: it is none."""
    try:
        return datetime.strptime(value, form).date()
    except ValueError:
        return None


def require_echo(told: Mapping[str, object], **sent: object) -> None:
    """What an answer repeats of our request must be what we sent; what it leaves out is not held against it."""
    for name, value in sent.items():
        if name in told and told[name] != value:
            raise Ambiguous(f"the answer is about another {name}")


def json_body(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def _transport() -> httpx2.HTTPTransport:
    limits = httpx2.Limits(max_keepalive_connections=0)
    return httpx2.HTTPTransport(verify=_verified(), trust_env=False, retries=0, limits=limits)


@cache
def _verified() -> ssl.SSLContext:
    """TLS is always verified, by the machine's authorities; reading them costs more than a call, so it is done once."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _whole(response: Any) -> bytes:
    parts = bytearray()
    for part in response.iter_bytes():
        parts += part
        if len(parts) > _MAX_ANSWER_BYTES:
            raise Ambiguous("the answer is too large to be read")
    return bytes(parts)


def _shown_path(call: Call) -> str:
    """Without the query, which may hold account numbers."""
    return call.path.partition("?")[0]
