"""The web door: JSON under `/v1`, the portal under `/`, where providers tell us, and what watches over the process.

It composes the API and the portal and decides nothing itself. Until an identity provider is configured it listens on
this computer alone, and signs in only over a demonstration database.
"""

import asyncio
import contextlib
import re
import socket
import uuid
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import structlog
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse
from fastapi.staticfiles import StaticFiles
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from engine.api import callbacks, problems
from engine.api import routes as api
from engine.api.answers import PROBLEMS
from engine.api.asking import Reading, TheInstallation
from engine.api.errors import AddressUnreadable, BodyTooLarge, WrongHost
from engine.database import require_current_schema
from engine.errors import ServerUnavailable, WrongInput
from engine.installation import CALLBACKS, Installation
from engine.outbox import open_messages
from engine.portal import approval, beneficiary, employer, finance, online_payment, pages, payout_account, sign_in

LOOPBACK = ("127.0.0.1", "localhost", "::1")

_SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self';"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_STATIC = "/static"
_FOR_PROGRAMS = re.compile(r"/(v1|callbacks|static|healthz|readyz|metrics|openapi\.json)(/|$)")
_OUR_HOSTS = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE)
"""The names under which this computer alone is reached, as a browser sends them."""

_AT_ONCE = 12
"""Requests worked on at once; the others wait. Each may hold two of the thirty connections to the database, and one
that holds a connection must never wait for a thread whose request waits for a connection."""


def serve(installation: Installation, host: str, port: int, announce: Callable[[str], None]) -> None:
    """Answers until the process is told to stop; its address is announced once it is its own."""
    if host not in LOOPBACK:
        raise WrongInput(
            [f"{host}: without an identity provider the portal listens on this computer alone: use --host 127.0.0.1"]
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family)
    except OSError as error:
        raise WrongInput([f"--port {port}: {error}; name another, or stop what listens there"]) from error
    with listening:
        place = f"[{host}]" if ":" in host else host
        announce(f"http://{place}:{listening.getsockname()[1]}/")
        # Nobody in front of the portal may tell it another address than the one it listens on.
        configuration = uvicorn.Config(
            create_app(installation), log_config=None, access_log=False, server_header=False, proxy_headers=False
        )
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(configuration).run(sockets=[listening])


def create_app(installation: Installation) -> FastAPI:
    """The whole application over one installation."""
    app = FastAPI(
        title="Thuchi",
        description="Thu chi bảo hiểm xã hội: payment runs, payments, proof and books. Amounts are whole đồng.",
        version="1",
        docs_url=None,
        redoc_url=None,
    )
    app.state.installation = installation
    app.state.worked_on = asyncio.Semaphore(_AT_ONCE)
    app.middleware("http")(_careful)
    app.add_middleware(_HeadAsGet)
    app.state.notifiers = {}
    app.include_router(api.router)
    app.include_router(callbacks.router, include_in_schema=False)
    for page in (sign_in, beneficiary, payout_account, employer, online_payment, finance, approval):
        app.include_router(page.router, include_in_schema=False)
    app.mount(_STATIC, StaticFiles(directory=pages.STATIC), name="static")
    app.get("/healthz", tags=["operation"])(_healthz)
    app.get("/readyz", tags=["operation"], responses=PROBLEMS)(_readyz)
    app.get("/metrics", tags=["operation"], response_class=PlainTextResponse)(_metrics)
    for kind in problems.ROOTS:
        app.add_exception_handler(kind, _answer_refusal)
    app.add_exception_handler(RequestValidationError, _by_reader(problems.answer_invalid, pages.misunderstood))
    app.add_exception_handler(HTTPException, _by_reader(problems.answer_http, pages.not_served))
    return app


_Answer = Callable[[Request, Exception], Response]


def _by_reader(for_program: _Answer, for_person: _Answer) -> _Answer:
    """Programs are answered with a problem document, people with a page."""

    def answer(request: Request, error: Exception) -> Response:
        read_by_program = _FOR_PROGRAMS.match(request.scope["path"])
        return (for_program if read_by_program else for_person)(request, error)

    return answer


_answer_refusal = _by_reader(problems.answer, pages.refusal)


class _HeadAsGet:
    """Whatever can be got can be asked for by its head alone (RFC 9110, 9.3.2): the same answer without its content."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self._app({**scope, "method": "GET"}, receive, send_head)


async def _careful(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """A correlation id for everything logged under a request, and headers that trust nothing; on failures too."""
    correlation_id = uuid.uuid4().hex
    with structlog.contextvars.bound_contextvars(correlation_id=correlation_id):
        try:
            _refuse_odd_request(request)
            async with request.app.state.worked_on:
                response = await call_next(request)
        except (OperationalError, NoConnectionFree) as error:
            structlog.get_logger().error("database_unavailable", exc_info=error)
            response = _answer_refusal(request, ServerUnavailable("the database does not answer"))
        except Exception as error:  # noqa: BLE001  the last catch: what nobody expected is answered like the rest
            response = _answer_refusal(request, error)
    response.headers.update(_SECURITY_HEADERS)
    response.headers["X-Correlation-Id"] = correlation_id
    if not request.scope["path"].startswith(f"{_STATIC}/"):
        response.headers["Cache-Control"] = "no-store"
        if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            response.headers["Allow"] = ", ".join(_methods_of(request))
    return response


def _refuse_odd_request(request: Request) -> None:
    # A name that an attacker makes point to this computer is not one of ours.
    if not _OUR_HOSTS.fullmatch(request.headers.get("host", "")):
        raise WrongHost(WrongHost.__doc__)
    parts = (request.scope["path"], *(part for pair in request.query_params.multi_items() for part in pair))
    if any("\0" in part for part in parts):
        raise AddressUnreadable(AddressUnreadable.__doc__)
    length = request.headers.get("content-length", "0")
    # Providers may tell in chunks, and then the callback counts them itself.
    unmeasured = "transfer-encoding" in request.headers and not request.scope["path"].startswith(f"{CALLBACKS}/")
    if unmeasured or not length.isdecimal() or int(length) > callbacks.LONGEST_BODY:
        raise BodyTooLarge(BodyTooLarge.__doc__)


def _methods_of(request: Request) -> list[str]:
    """What the address of a request may be asked with; a route tells its own methods alone."""
    found = [
        method
        for method in ("GET", "POST")
        if any(
            route.matches({**request.scope, "method": method})[0] is Match.FULL for route in request.app.router.routes
        )
    ]
    return [*found, "HEAD"] if "GET" in found else found


def _healthz() -> dict[str, str]:
    """The process is alive."""
    return {"status": "ok"}


def _readyz(installation: TheInstallation) -> dict[str, str]:
    """The database can be reached and is at the newest migration; 503 otherwise."""
    try:
        require_current_schema(installation.database)
    except (OperationalError, WrongInput) as error:
        raise ServerUnavailable(str(error)) from error
    return {"status": "ready"}


def _metrics(connection: Reading) -> str:
    """Counts for Prometheus, in its text format."""
    return "".join(
        f"# HELP {name} {meaning}\n# TYPE {name} gauge\n"
        + "".join(f"{name}{labels} {value}\n" for labels, value in samples)
        for name, meaning, samples in _gauges(connection)
    )


def _gauges(connection: Connection) -> list[tuple[str, str, list[tuple[str, int]]]]:
    states = connection.execute(
        text("SELECT state, count(*) AS payments, sum(amount_vnd)::bigint AS amount_vnd FROM engine.payment GROUP BY 1")
    ).all()
    unknown = connection.scalar(text("SELECT count(*) FROM engine.batch WHERE state = 'unknown'")) or 0
    return [
        ("thuchi_outbox_open_messages", "Messages whose work is not done.", [("", open_messages(connection))]),
        (
            "thuchi_payments",
            "Payments by state.",
            [(f'{{state="{row.state}"}}', row.payments) for row in states],
        ),
        (
            "thuchi_payments_vnd",
            "Payments by state, in dong.",
            [(f'{{state="{row.state}"}}', row.amount_vnd) for row in states],
        ),
        ("thuchi_batches_unknown", "Batches whose fate is being inquired about.", [("", unknown)]),
    ]
