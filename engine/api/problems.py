"""Refusals as RFC 9457 problems: one table from exception class to HTTP status.

A problem's code is the exception's own, its title the exception's docstring. What the caller can do something about is
told in full; what is ours to repair is told by its code and the trace id alone.
"""

from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import structlog
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from engine import errors, vault
from engine.api import errors as asking
from engine.law import batch, cases
from engine.law import errors as law
from engine.law.case_rules import forms
from engine.payments import run, signed_content
from gateways import banking_days, breaker, credentials, public_web, vietqr, witness
from gateways import errors as gateways
from gateways.simulator.errors import SimulatorError
from ledger import errors as ledger
from reconciliation import break_history, decisions, intake, matching
from reconciliation import errors as reconciliation
from reconciliation.formats import layouts

MEDIA_TYPE = "application/problem+json"

STATUS: dict[type[Exception], HTTPStatus] = {
    errors.ThuchiError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.WrongInput: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.DoesNotHold: HTTPStatus.CONFLICT,
    errors.NotAllowed: HTTPStatus.FORBIDDEN,
    run.SignedAlready: HTTPStatus.FORBIDDEN,
    run.RoleMayNotSign: HTTPStatus.FORBIDDEN,
    signed_content.ContentChanged: HTTPStatus.CONFLICT,
    run.ReasonMissing: HTTPStatus.UNPROCESSABLE_ENTITY,
    run.RunHasMoved: HTTPStatus.CONFLICT,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.ServerUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    asking.AskingError: HTTPStatus.BAD_REQUEST,
    asking.NotSignedIn: HTTPStatus.UNAUTHORIZED,
    asking.NoIdentity: HTTPStatus.SERVICE_UNAVAILABLE,
    asking.NotForThisRole: HTTPStatus.FORBIDDEN,
    asking.FormExpired: HTTPStatus.FORBIDDEN,
    asking.BadCursor: HTTPStatus.BAD_REQUEST,
    asking.WrongHost: HTTPStatus.BAD_REQUEST,
    asking.AddressUnreadable: HTTPStatus.BAD_REQUEST,
    asking.BodyTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    vault.CannotOpen: HTTPStatus.INTERNAL_SERVER_ERROR,
    vault.UnsafeKeyFile: HTTPStatus.INTERNAL_SERVER_ERROR,
    law.LawError: HTTPStatus.UNPROCESSABLE_ENTITY,
    law.ParametersUnreadable: HTTPStatus.INTERNAL_SERVER_ERROR,
    law.NoSuchParameter: HTTPStatus.NOT_FOUND,
    law.NoValueOnDate: HTTPStatus.UNPROCESSABLE_ENTITY,
    law.FactsImpossible: HTTPStatus.UNPROCESSABLE_ENTITY,
    cases.CaseFileUnreadable: HTTPStatus.UNPROCESSABLE_ENTITY,
    batch.TableUnreadable: HTTPStatus.UNPROCESSABLE_ENTITY,
    batch.Disagreement: HTTPStatus.INTERNAL_SERVER_ERROR,
    forms.KeysMissing: HTTPStatus.UNPROCESSABLE_ENTITY,
    ledger.LedgerError: HTTPStatus.INTERNAL_SERVER_ERROR,
    ledger.Refused: HTTPStatus.CONFLICT,
    ledger.WrongLines: HTTPStatus.UNPROCESSABLE_ENTITY,
    ledger.KeyTaken: HTTPStatus.UNPROCESSABLE_ENTITY,
    ledger.PeriodClosed: HTTPStatus.CONFLICT,
    ledger.AlreadyReversed: HTTPStatus.CONFLICT,
    ledger.PastLimit: HTTPStatus.CONFLICT,
    ledger.AppendOnly: HTTPStatus.CONFLICT,
    ledger.UnknownEntry: HTTPStatus.NOT_FOUND,
    ledger.UnknownAccount: HTTPStatus.NOT_FOUND,
    ledger.AccountDiffers: HTTPStatus.CONFLICT,
    ledger.ChartInvalid: HTTPStatus.INTERNAL_SERVER_ERROR,
    gateways.GatewayError: HTTPStatus.BAD_GATEWAY,
    gateways.Refused: HTTPStatus.BAD_GATEWAY,
    gateways.BadBatch: HTTPStatus.UNPROCESSABLE_ENTITY,
    gateways.BadDocument: HTTPStatus.BAD_GATEWAY,
    gateways.UnsafeKey: HTTPStatus.INTERNAL_SERVER_ERROR,
    gateways.Unsupported: HTTPStatus.NOT_IMPLEMENTED,
    banking_days.UnknownYear: HTTPStatus.INTERNAL_SERVER_ERROR,
    credentials.MixedEnvironments: HTTPStatus.INTERNAL_SERVER_ERROR,
    public_web.PrivateAddress: HTTPStatus.UNPROCESSABLE_ENTITY,
    gateways.NotSent: HTTPStatus.SERVICE_UNAVAILABLE,
    breaker.CircuitOpen: HTTPStatus.SERVICE_UNAVAILABLE,
    gateways.Ambiguous: HTTPStatus.GATEWAY_TIMEOUT,
    witness.SignedAtAnotherTime: HTTPStatus.GATEWAY_TIMEOUT,
    vietqr.QrImpossible: HTTPStatus.UNPROCESSABLE_ENTITY,
    vietqr.QrUnreadable: HTTPStatus.UNPROCESSABLE_ENTITY,
    SimulatorError: HTTPStatus.BAD_GATEWAY,
    reconciliation.ReconciliationError: HTTPStatus.INTERNAL_SERVER_ERROR,
    reconciliation.StatementRefused: HTTPStatus.UNPROCESSABLE_ENTITY,
    reconciliation.UnknownFormat: HTTPStatus.UNPROCESSABLE_ENTITY,
    layouts.WrongLayout: HTTPStatus.INTERNAL_SERVER_ERROR,
    intake.AccountRegisteredDifferently: HTTPStatus.CONFLICT,
    matching.MatchNotUndone: HTTPStatus.CONFLICT,
    break_history.UnknownBreak: HTTPStatus.NOT_FOUND,
    decisions.DecisionRefused: HTTPStatus.CONFLICT,
}
"""Every class that our rooms raise; a branch of the simulated bank's own errors is told as its root."""

INVALID_PARAMETER = "invalid_parameter"
_INVALID_TITLE = "A parameter is not as described."
_OF_HTTP = (HTTPStatus.BAD_REQUEST, HTTPStatus.METHOD_NOT_ALLOWED)
"""What the address or the form itself may answer, besides not_found, which has its class."""

ROOTS = (errors.ThuchiError, ledger.LedgerError, gateways.GatewayError, reconciliation.ReconciliationError)
INTERNAL_ERROR = "internal_error"
_INTERNAL_TITLE = "Something failed on our side; the trace id finds it in the log."


def status_of(error: Exception) -> HTTPStatus:
    """The status of the nearest class that has a row."""
    for kind in type(error).__mro__:
        if kind in STATUS:
            return STATUS[kind]
    return HTTPStatus.INTERNAL_SERVER_ERROR


def title_of(kind: type[Exception]) -> str:
    return (kind.__doc__ or "").strip().splitlines()[0]


def catalogue() -> list[dict[str, Any]]:
    """Every problem that this API tells, as `type` addresses point to."""
    told = [
        {"code": getattr(kind, "code", "error"), "status": status.value, "title": title_of(kind)}
        for kind, status in STATUS.items()
    ]
    invalid = HTTPStatus.UNPROCESSABLE_ENTITY
    told.append({"code": INVALID_PARAMETER, "status": invalid.value, "title": _INVALID_TITLE})
    internal = HTTPStatus.INTERNAL_SERVER_ERROR
    told.append({"code": INTERNAL_ERROR, "status": internal.value, "title": _INTERNAL_TITLE})
    told += [{"code": status.name.lower(), "status": status.value, "title": f"{status.phrase}."} for status in _OF_HTTP]
    return told


def answer(request: Request, error: Exception) -> JSONResponse:
    """The problem document of an exception; of one that is not the project's own, nothing but the trace id is told."""
    status = status_of(error)
    ours = isinstance(error, (*ROOTS, SimulatorError))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and not isinstance(error, asking.AskingError):
        structlog.get_logger().error("request_failed", path=request.scope["path"], exc_info=error)
        code, title = (_code(error), title_of(type(error))) if ours else (INTERNAL_ERROR, _INTERNAL_TITLE)
        return _document(request, status, code, title, None, [])
    details = [
        {"code": getattr(problem, "code", _code(error)), "detail": str(problem)}
        for problem in getattr(error, "problems", ())
    ]
    return _document(request, status, _code(error), title_of(type(error)), str(error), details)


def answer_invalid(request: Request, error: Exception) -> JSONResponse:
    """A parameter that is not what the description of the API says; each with its place."""
    assert isinstance(error, RequestValidationError)  # noqa: S101  registered for this class alone
    details = [
        {
            "pointer": "/" + "/".join(str(part) for part in found["loc"]),
            "code": str(found["type"]),
            "detail": str(found["msg"]),
        }
        for found in error.errors()
    ]
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    return _document(request, status, INVALID_PARAMETER, _INVALID_TITLE, None, details)


def answer_http(request: Request, error: Exception) -> JSONResponse:
    """No such address, or a method that it does not have."""
    assert isinstance(error, HTTPException)  # noqa: S101  registered for this class alone
    status = HTTPStatus(error.status_code)
    detail = error.detail if status is HTTPStatus.BAD_REQUEST else None
    return _document(request, status, status.name.lower(), f"{status.phrase}.", detail, [], error.headers)


def _code(error: Exception) -> str:
    return str(getattr(error, "code", "error"))


def _document(
    request: Request,
    status: HTTPStatus,
    code: str,
    title: str,
    detail: str | None,
    details: list[dict[str, Any]],
    headers: Any = None,
) -> JSONResponse:
    # A name that is not ours must not come to stand in an address that we give out.
    host = "" if code == asking.WrongHost.code else str(request.base_url).rstrip("/")
    content = {
        "type": f"{host}{request.app.url_path_for('show_problem', code=code)}",
        "title": title,
        "status": status.value,
        "detail": detail,
        "instance": quote(request.scope["path"]),
        "code": code,
        "errors": details,
        "trace_id": structlog.contextvars.get_contextvars().get("correlation_id"),
    }
    told = {key: value for key, value in content.items() if value is not None}
    return JSONResponse(told, status_code=status, media_type=MEDIA_TYPE, headers=headers)
