"""Duyệt chi: the page on which a run is looked at and signed, sent back, stopped; and where one payment is held.

The page says what it showed: the state of the run and the number of its signatures come back with the form, and the run
is locked while they are compared. Of two who act at once one wins, and the other is told and shown what stands now.
What may be signed by whom is decided below the portal, by `engine.payments.run` and the database.
"""

from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Any, assert_never

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import Connection, text

from engine.api import problems, runs
from engine.api.asking import FinanceStaff, Reading, TheInstallation, TheSession
from engine.api.errors import NotForThisRole
from engine.api.identity import Session, User
from engine.errors import NotAllowed
from engine.installation import Installation, clock_of
from engine.payments import run
from engine.payments.gateways import most_vnd_of_run
from engine.payments.signed_content import LEVELS
from engine.payments.validation import validate
from engine.portal import pages, wording
from engine.portal.sign_in import require_own_form

router = APIRouter(prefix="/finance")

_NEEDS_A_LOOK = ("planned", "submitted")


class Act(StrEnum):
    """What a person does to a run."""

    SUBMIT = "submit"
    APPROVE = "approve"
    SEND_BACK = "send_back"
    STOP = "stop"
    RESUME = "resume"


ACTS_IN = {
    "planned": (Act.SUBMIT, Act.STOP),
    "submitted": (Act.APPROVE, Act.SEND_BACK, Act.STOP),
    "approved": (Act.STOP,),
    "stopped": (Act.RESUME,),
    "cancelled": (),
}


class PaymentAct(StrEnum):
    """What a person does to one payment."""

    HOLD = "hold"
    RELEASE = "release"


FormToken = Annotated[str, Form(max_length=80)]
Reason = Annotated[str, Form(max_length=200)]


@router.get("/approvals/{code:path}")
def look_at_run(
    request: Request,
    user: FinanceStaff,
    session: TheSession,
    installation: TheInstallation,
    connection: Reading,
    code: str,
    done: bool = False,
) -> Response:
    return _page(request, user, session, installation, connection, code, done=done)


@router.post("/approvals/{code:path}")
def act_on_run(
    request: Request,
    user: FinanceStaff,
    session: TheSession,
    installation: TheInstallation,
    connection: Reading,
    code: str,
    act: Annotated[Act, Form()],
    seen_state: Annotated[str, Form(max_length=20)],
    seen_signatures: Annotated[int, Form(ge=0, le=3)],
    form_token: FormToken,
    reason: Reason = "",
) -> Response:
    """Does it, or shows the run as it stands now with the reason of the refusal."""
    require_own_form(session, form_token, installation)
    person, at = _signer(user), clock_of(connection).now()
    try:
        with installation.database.transaction(person) as writing:
            run.require_seen(writing, code, seen_state, seen_signatures)
            match act:
                case Act.SUBMIT:
                    run.submit(writing, code, person, at)
                case Act.APPROVE:
                    run.approve(writing, code, person, at)
                case Act.SEND_BACK:
                    run.send_back(writing, code, _given(reason), at)
                case Act.STOP:
                    run.stop(writing, code, at)
                case Act.RESUME:
                    run.resume(writing, code, at)
                case _:
                    assert_never(act)
    except NotAllowed as error:
        # What this request has read before is older than what it was refused for.
        with installation.database.engine.connect() as fresh:
            return _page(request, user, session, installation, fresh, code, refused=error)
    return RedirectResponse(pages.address(request, f"/finance/approvals/{code}", done="1"), HTTPStatus.SEE_OTHER)


@router.post("/payments/{reference}")
def act_on_payment(
    request: Request,
    user: FinanceStaff,
    session: TheSession,
    installation: TheInstallation,
    connection: Reading,
    reference: str,
    act: Annotated[PaymentAct, Form()],
    form_token: FormToken,
    reason: Reason = "",
) -> Response:
    """Tạm giữ một khoản, hoặc cho đi; no signature is voided by it."""
    require_own_form(session, form_token, installation)
    at = clock_of(connection).now()
    with installation.database.transaction(_signer(user)) as writing:
        if act is PaymentAct.HOLD:
            run.hold(writing, reference, _given(reason), at)
        else:
            run.release(writing, reference, _given(reason), at)
    return RedirectResponse(pages.address(request, f"/finance/payments/{reference}"), HTTPStatus.SEE_OTHER)


def _signer(user: User) -> str:
    if user.staff is None:
        raise NotForThisRole(NotForThisRole.__doc__)
    return user.staff


def _given(reason: str) -> str:
    if not reason.strip():
        raise run.ReasonMissing(run.ReasonMissing.__doc__)
    return reason.strip()


def _page(
    request: Request,
    user: User,
    session: Session | None,
    installation: Installation,
    connection: Connection,
    code: str,
    *,
    done: bool = False,
    refused: NotAllowed | None = None,
) -> Response:
    found = runs.show_run(connection, code)
    state = found.summary.state
    report = None
    if state in _NEEDS_A_LOOK:
        report = validate(connection, code, most_vnd_of_run(connection, code), clock_of(connection).now())
    return pages.render(
        request,
        "finance/approval.html",
        status=problems.status_of(refused) if refused else HTTPStatus.OK,
        run=found,
        parts=_parts(connection, code),
        report=report,
        acts=[act.value for act in ACTS_IN[state]] if user.staff else [],
        next_role=LEVELS[min(len(found.signatures), len(LEVELS) - 1)],
        done=done,
        refused=refused and wording.RUN_REFUSALS.get(refused.code, wording.RUN_REFUSALS[NotAllowed.code]),
        user=user,
        form_token=session.form_token(installation.vault) if session else "",
    )


def _parts(connection: Connection, code: str) -> list[dict[str, Any]]:
    """What the run pays, by benefit, fund and gateway; cancelled payments left out."""
    rows = connection.execute(
        text("""
            SELECT p.benefit, p.fund, p.gateway, count(*) AS payments, sum(p.amount_vnd)::bigint AS amount_vnd
            FROM engine.payment p JOIN engine.payment_run r USING (run_id)
            WHERE r.run_code = :code AND p.state <> 'cancelled' GROUP BY 1, 2, 3 ORDER BY amount_vnd DESC"""),
        {"code": code},
    )
    return [row._asdict() for row in rows]
