"""How the bank misbehaves on the line: answers that are cut, late, of another kind, or do not come at all."""

import asyncio
import json
from typing import Any

from fastapi import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

_OPEN: dict[tuple[str, int], asyncio.Transport] = {}


class Line(H11Protocol):
    """Keeps the connection of each client at hand, so that it can be cut under an answer."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._caller = tuple(transport.get_extra_info("peername")[:2])
        _OPEN[self._caller] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        _OPEN.pop(self._caller, None)
        super().connection_lost(exc)


class Cut(Response):
    """No answer, or its first half; then the connection is gone."""

    def __init__(self, answer: Response | None) -> None:
        super().__init__()
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        line = _OPEN[tuple(scope["client"])]
        if self._answer is None:
            line.abort()
        else:
            body = bytes(self._answer.body)
            await send(
                {"type": "http.response.start", "status": self._answer.status_code, "headers": self._answer.raw_headers}
            )
            await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
            line.close()
        while (await receive())["type"] != "http.disconnect":
            pass


def told(status: int, **told: Any) -> Response:
    """A JSON answer."""
    return Response(json.dumps(told, ensure_ascii=False), status, media_type="application/json")


def refusing(status: int) -> Response:
    """A server in trouble, or one that has too much to do."""
    answer = told(status, code="ERROR", text="internal error")
    answer.headers["retry-after"] = "1"
    return answer


def proxy_page() -> Response:
    """What a proxy in between says when it has lost the bank."""
    return Response("<html><body><h1>502 Bad Gateway</h1></body></html>", 502, media_type="text/html")
