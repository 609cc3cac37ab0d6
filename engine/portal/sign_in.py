"""The door: in a demonstration a visitor chooses one of its users; elsewhere an identity provider is needed."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from engine.api.asking import Reading, TheInstallation, TheSession
from engine.api.errors import FormExpired, NoIdentity
from engine.api.identity import (
    COOKIE,
    SESSION_LASTS,
    Role,
    Session,
    demonstration_users,
    end_session,
    is_demonstration,
    user_of,
)
from engine.clock import Clock
from engine.errors import NotFound
from engine.installation import Installation
from engine.portal import pages

router = APIRouter()

HOMES = {Role.BENEFICIARY: "/beneficiary", Role.EMPLOYER: "/employer", Role.FINANCE: "/finance"}


@router.get("/")
def begin(request: Request, connection: Reading, session: TheSession) -> Response:
    """Leads to the home of the signed-in user's role, or to the door."""
    home = "/sign-in"
    if session and session.user_code:
        try:
            home = HOMES[user_of(connection, session.user_code).role]
        except NotFound:
            home = "/sign-in"
    return RedirectResponse(pages.address(request, home), HTTPStatus.SEE_OTHER)


@router.get("/sign-in")
def choose_user(request: Request, installation: TheInstallation, connection: Reading, session: TheSession) -> Response:
    if not is_demonstration(connection):
        raise NoIdentity(NoIdentity.__doc__)
    visit = session or Session.begin("", Clock().now())
    response = pages.render(
        request,
        "sign_in.html",
        users=demonstration_users(connection),
        form_token=visit.form_token(installation.vault),
    )
    _remember(response, visit, installation)
    return response


@router.post("/sign-in")
def sign_in(
    request: Request,
    installation: TheInstallation,
    connection: Reading,
    session: TheSession,
    user: Annotated[str, Form(max_length=80)],
    form_token: Annotated[str, Form(max_length=80)],
) -> Response:
    """Begins a new session for the chosen user; the visitor's session ends, so none can be planted."""
    require_own_form(session, form_token, installation)
    chosen = next((each for _scene, each in demonstration_users(connection) if each.code == user), None)
    if not is_demonstration(connection) or chosen is None:
        raise NotFound("there is no such user")
    _end(session, installation)
    response = RedirectResponse(pages.address(request, HOMES[chosen.role]), HTTPStatus.SEE_OTHER)
    _remember(response, Session.begin(chosen.code, Clock().now()), installation)
    return response


@router.post("/sign-out")
def sign_out(
    request: Request,
    installation: TheInstallation,
    session: TheSession,
    form_token: Annotated[str, Form(max_length=80)],
) -> Response:
    """Ends the session wherever its cookie may be by now."""
    require_own_form(session, form_token, installation)
    _end(session, installation)
    response = RedirectResponse(pages.address(request, "/sign-in"), HTTPStatus.SEE_OTHER)
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return response


def require_own_form(session: Session | None, form_token: str, installation: Installation) -> None:
    """Refuses a form that does not carry the token of the visit that it comes from."""
    if session is None or not session.owns_form(form_token, installation.vault):
        raise FormExpired(FormExpired.__doc__)


def _end(session: Session | None, installation: Installation) -> None:
    if session is not None and session.user_code:
        with installation.database.transaction(session.user_code) as connection:
            end_session(connection, session)


def _remember(response: Response, session: Session, installation: Installation) -> None:
    """The cookie is out of reach of scripts and of other sites. It is not limited to TLS: the portal is on loopback."""
    response.set_cookie(
        COOKIE,
        session.sealed(installation.vault),
        max_age=int(SESSION_LASTS.total_seconds()),
        httponly=True,
        samesite="strict",
    )
