"""One request to an online provider, made once, and what went wrong with it by the only thing that matters for money:
whether a byte of it can have left. Signatures are in the call already; nothing is repeated, followed or kept open.
"""

import json
import logging
from collections.abc import Mapping
from typing import Any

import httpx2

from gateways.contract import Outcome
from gateways.errors import Ambiguous, GatewayError, NotSent
from gateways.http import Answer
from gateways.online import Call, OnlineAnswer
from gateways.scrub import scrub

_MAX_ANSWER_BYTES = 8 * 1024 * 1024
_LOGGED_CHARACTERS = 2000
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
    """The way to one provider. Each connection is used once, so none can have gone stale under a payment."""

    def __init__(self, base_url: str, answer_timeout_seconds: float, transport: httpx2.BaseTransport | None) -> None:
        self._client = httpx2.Client(
            base_url=base_url,
            transport=transport or httpx2.HTTPTransport(retries=0, limits=httpx2.Limits(max_keepalive_connections=0)),
            timeout=httpx2.Timeout(answer_timeout_seconds, connect=_CONNECT_SECONDS),
            follow_redirects=False,
            trust_env=False,
        )

    def send(self, call: Call) -> Answer:
        """Raises `NotSent` or `Ambiguous`; any HTTP status is an answer."""
        try:
            with self._client.stream(call.method, call.path, content=call.body, headers=dict(call.headers)) as response:
                answer = Answer(
                    response.status_code,
                    response.headers.get("content-type", "").partition(";")[0].strip().lower(),
                    dict(response.headers),
                    _whole(response),
                )
        except _BEFORE_SENDING as error:
            raise NotSent(f"{call.method} {_shown_path(call)}: {type(error).__name__}") from error
        except (httpx2.HTTPError, httpx2.StreamError) as error:
            raise Ambiguous(f"{call.method} {_shown_path(call)}: {type(error).__name__}") from error
        if _log.isEnabledFor(logging.DEBUG):
            told = (_shown(call.body), answer.status, _shown(answer.body))
            _log.debug("%s %s\n%s\n-> %s\n%s", call.method, _shown_path(call), *told)
        return answer

    def close(self) -> None:
        self._client.close()


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


def failed_call(error: GatewayError) -> OnlineAnswer:
    """What a call that came to no answer says: not accepted if nothing left our side, else unknown."""
    outcome = Outcome.NOT_ACCEPTED if isinstance(error, NotSent) else Outcome.UNKNOWN
    return OnlineAnswer(outcome, error.code, text=str(error))


def whole_vnd(value: object) -> int | None:
    """An amount as it came: a whole number, or one in digits; anything else, such as 1000.0, is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else None


def require_echo(told: Mapping[str, object], **sent: object) -> None:
    """What an answer repeats of our request must be what we sent; what it leaves out is not held against it."""
    for name, value in sent.items():
        if name in told and told[name] != value:
            raise Ambiguous(f"the answer is about another {name}")


def json_body(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


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


def _shown(content: bytes) -> str:
    return scrub(content[: 4 * _LOGGED_CHARACTERS].decode("utf-8", "replace"))[:_LOGGED_CHARACTERS]
