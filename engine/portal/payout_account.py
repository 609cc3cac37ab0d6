"""Nơi nhận tiền: the page on which a beneficiary asks for another account, sees what becomes of it, and objects.

What is asked for here waits for a person of ours. Until it counts, the account on record is paid, and the beneficiary
is told by the telephone on record; whoever did not ask objects here, and the money waits rather than goes astray.
"""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form, Path, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import Connection

from engine.api.asking import Beneficiary, Reading, TheInstallation, TheSession
from engine.api.identity import Session, User
from engine.errors import NotAllowed, WrongInput
from engine.installation import Installation, clock_of
from engine.payments import payout_requests
from engine.people.accounts import change_rules
from engine.people.receivers import takes_effect_on
from engine.portal import pages
from engine.portal.beneficiary import own
from engine.portal.sign_in import require_own_form
from gateways.banks.directory import bank_of, banks

router = APIRouter(prefix="/beneficiary/account")

_OBJECTED = "người hưởng không đồng ý"


@router.get("")
def show(
    request: Request, user: Beneficiary, session: TheSession, installation: TheInstallation, connection: Reading
) -> Response:
    return _page(request, user, session, installation, connection)


@router.post("")
def ask(
    request: Request,
    user: Beneficiary,
    session: TheSession,
    installation: TheInstallation,
    connection: Reading,
    bank: Annotated[str, Form(max_length=6)],
    account: Annotated[str, Form(max_length=30)],
    form_token: Annotated[str, Form(max_length=80)],
) -> Response:
    require_own_form(session, form_token, installation)
    number = account.replace(" ", "")
    at = clock_of(connection).now()
    try:
        with installation.database.transaction(user.code) as writing:
            payout_requests.ask_for_own(writing, installation.vault, own(user.subject), bank, number, "portal", at)
    except (WrongInput, NotAllowed):
        return _page(request, user, session, installation, connection, refused=(bank, number))
    return RedirectResponse(pages.address(request, "/beneficiary/account"), HTTPStatus.SEE_OTHER)


@router.post("/{request_no}/objection")
def oppose(
    request: Request,
    user: Beneficiary,
    session: TheSession,
    installation: TheInstallation,
    connection: Reading,
    request_no: Annotated[int, Path(ge=1, lt=2**63)],
    form_token: Annotated[str, Form(max_length=80)],
) -> Response:
    require_own_form(session, form_token, installation)
    with installation.database.transaction(user.code) as writing:
        payout_requests.oppose(writing, own(user.subject), request_no, _OBJECTED, clock_of(connection).now())
    return RedirectResponse(pages.address(request, "/beneficiary/account"), HTTPStatus.SEE_OTHER)


def _page(
    request: Request,
    user: User,
    session: Session | None,
    installation: Installation,
    connection: Connection,
    refused: tuple[str, str] | None = None,
) -> Response:
    requests = payout_requests.list_requests(connection, installation.vault, person_id=own(user.subject))
    for each in requests:
        bank = bank_of(each["bank_bin"])
        each["bank"] = bank.short_name if bank else each["bank_bin"]
        each["stands"] = "revoked" if each["revoked_for"] else each["decision"]
    return pages.render(
        request,
        "beneficiary/account.html",
        status=HTTPStatus.BAD_REQUEST if refused else HTTPStatus.OK,
        requests=requests,
        waiting=any(each["stands"] == "waiting" for each in requests),
        banks=sorted(banks().values(), key=lambda bank: bank.short_name),
        refused=refused,
        counts_from=takes_effect_on(clock_of(connection).today()),
        days_to_object=change_rules()["days_to_object"],
        user=user,
        form_token=session.form_token(installation.vault) if session else "",
    )
