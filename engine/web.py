"""The web door: JSON under `/v1`, the portal under `/`, and what watches over the process asks for.

It composes the API and the portal and decides nothing itself. Until an identity provider is configured it listens on
this computer alone, and signs in only over a demonstration database.
"""

import uuid
from collections.abc import Awaitable, Callable

import structlog
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse
from fastapi.staticfiles import StaticFiles
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware

from engine.api import problems
from engine.api import routes as api
from engine.api.asking import Reading, TheInstallation
from engine.database import require_current_schema
from engine.errors import ServerUnavailable, WrongInput
from engine.installation import Installation
from engine.outbox import open_messages
from engine.portal import beneficiary, employer, finance, pages, sign_in

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


def serve(installation: Installation, host: str, port: int) -> None:
    """Answers until the process is told to stop."""
    if host not in LOOPBACK:
        raise WrongInput(
            [f"{host}: without an identity provider the portal listens on this computer alone: use --host 127.0.0.1"]
        )
    uvicorn.run(create_app(installation), host=host, port=port, log_config=None, access_log=False, server_header=False)


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
    # A name that an attacker makes point to this computer is not one of ours.
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost", "[::1]"])
    app.middleware("http")(_careful)
    app.include_router(api.router)
    for page in (sign_in, beneficiary, employer, finance):
        app.include_router(page.router, include_in_schema=False)
    app.mount(_STATIC, StaticFiles(directory=pages.STATIC), name="static")
    app.get("/healthz", tags=["operation"])(_healthz)
    app.get("/readyz", tags=["operation"])(_readyz)
    app.get("/metrics", tags=["operation"], response_class=PlainTextResponse)(_metrics)
    for kind in (*problems.ROOTS, Exception):
        app.add_exception_handler(kind, _by_reader(problems.answer, pages.refusal))
    app.add_exception_handler(RequestValidationError, _by_reader(problems.answer_invalid, pages.not_found))
    app.add_exception_handler(HTTPException, _by_reader(problems.answer_http, pages.not_found))
    return app


_Answer = Callable[[Request, Exception], Response]


def _by_reader(for_program: _Answer, for_person: _Answer) -> _Answer:
    """Programs are answered with a problem document, people with a page."""

    def answer(request: Request, error: Exception) -> Response:
        path = request.url.path
        read_by_program = path.startswith(("/v1/", _STATIC)) or path in ("/healthz", "/readyz", "/metrics")
        return (for_program if read_by_program else for_person)(request, error)

    return answer


async def _careful(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """A correlation id for everything logged under a request, and headers that trust nothing."""
    correlation_id = uuid.uuid4().hex
    with structlog.contextvars.bound_contextvars(correlation_id=correlation_id):
        response = await call_next(request)
    response.headers.update(_SECURITY_HEADERS)
    response.headers["X-Correlation-Id"] = correlation_id
    if not request.url.path.startswith(_STATIC):
        response.headers["Cache-Control"] = "no-store"
    return response


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
