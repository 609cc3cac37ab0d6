"""Nộp trực tuyến: the page on which an employer chooses how to pay a notice, and the page that tells what became of it.

The form makes an order and leads to a page of ours, which sends the browser on to the provider; a form may lead to no
other site itself. The provider sends the browser back to an address that anybody may open: it believes nothing that
stands in it and only finds the way to the order, since a visit that comes from another site brings no session along.
"""

from datetime import date, datetime
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Path, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import Connection

from engine.api.asking import Employer, Reading, TheInstallation, TheSession
from engine.api.contributions import NoticeSummary, list_notices, list_receipts, show_notice
from engine.api.identity import Session, User
from engine.contributions.online import OPEN, OnlineOrder, Wish, begin, gateways_for_payers, list_orders
from engine.errors import NotFound
from engine.installation import RETURNS, Installation, clock_of
from engine.portal import pages
from engine.portal.employer import drawn, own, standing
from engine.portal.sign_in import require_own_form
from gateways.contract import Outcome
from gateways.online import OnlineOperation
from gateways.providers import capabilities_of
from reconciliation.references import find_references

router = APIRouter()

_SEPARATORS = str.maketrans("", "", "., \u00a0")
_RETURNED_NAMES = ("vnp_TxnRef", "orderId", "apptransid")
"""Where VNPAY, MoMo and ZaloPay put the order's reference when they send a browser back."""


@router.get("/employer/notices/{notice_no}/pay")
def choose_payment(
    request: Request,
    user: Employer,
    session: TheSession,
    installation: TheInstallation,
    connection: Reading,
    notice_no: int,
) -> Response:
    return _chooser(request, user, session, installation, connection, notice_no)


@router.post("/employer/notices/{notice_no}/pay")
def pay(
    request: Request,
    user: Employer,
    session: TheSession,
    installation: TheInstallation,
    connection: Reading,
    notice_no: int,
    amount: Annotated[str, Form(max_length=30)],
    gateway: Annotated[str, Form(max_length=40)],
    form_token: Annotated[str, Form(max_length=80)],
) -> Response:
    """Makes the order and leads to its page, which leads on to the provider."""
    require_own_form(session, form_token, installation)
    adapter = next((adapter for name, adapter, _ in gateways_for_payers(connection) if name == gateway), None)
    if adapter is None:
        raise NotFound(f"nothing can be paid through {gateway} now")
    limit = capabilities_of(adapter).limit(OnlineOperation.COLLECT_CREATE)
    digits = amount.translate(_SEPARATORS)
    amount_vnd = int(digits) if digits.isascii() and digits.isdigit() else 0
    if not limit.min_vnd <= amount_vnd <= limit.max_vnd:
        wrong = (limit.min_vnd, limit.max_vnd)
        return _chooser(request, user, session, installation, connection, notice_no, (gateway, amount), wrong)
    payer_address = request.client.host if request.client else "127.0.0.1"
    till = installation.till(gateway, returning_to=str(request.base_url).rstrip("/"))
    try:
        wish = Wish(notice_no, own(user.subject), amount_vnd, payer_address)
        reference = begin(till, wish, user.code, clock_of(connection).now())
    finally:
        till.provider.close()
    return RedirectResponse(pages.address(request, f"/employer/orders/{reference}", go="1"), HTTPStatus.SEE_OTHER)


@router.get("/employer/orders/{reference}")
def show_order(
    request: Request,
    user: Employer,
    session: TheSession,
    installation: TheInstallation,
    connection: Reading,
    reference: str,
    go: bool = False,
) -> Response:
    """What is known of an order; `go` leads on to the provider while it can be paid."""
    found = list_orders(connection, installation.vault, employer_id=own(user.subject), reference=reference)
    if not found:
        raise NotFound(f"there is no order {reference}")
    (order,) = found
    state_now = state_of(order, clock_of(connection).now())
    return pages.render(
        request,
        "employer/order.html",
        order=order,
        state_now=state_now,
        moving=state_now in ("waiting", "asked_about"),
        going_to=order.pay_url if go and state_now == "waiting" else None,
        user=user,
        form_token=session.form_token(installation.vault) if session else "",
    )


@router.get("/employer/receipts/{receipt_no}")
def show_receipt(
    request: Request,
    user: Employer,
    session: TheSession,
    installation: TheInstallation,
    connection: Reading,
    receipt_no: Annotated[int, Path(ge=1, lt=2**63)],
) -> Response:
    """Biên nhận: what was received under a number, where it went, and the order that brought it, if it was one."""
    employer_id = own(user.subject)
    found = list_receipts(connection, employer_id=employer_id, after=receipt_no - 1, limit=1)
    if not found or found[0].receipt_no != receipt_no:
        raise NotFound(f"there is no receipt {receipt_no}")
    (receipt,) = found
    orders = list_orders(connection, installation.vault, employer_id=employer_id, notice_no=receipt.notice_no)
    return pages.render(
        request,
        "employer/receipt.html",
        receipt=receipt,
        orders=[order for order in orders if receipt_no in order.receipts],
        user=user,
        form_token=session.form_token(installation.vault) if session else "",
    )


@router.get(RETURNS)
def come_back(request: Request) -> Response:
    """Where a provider sends the payer's browser. Nothing is learnt here: the page of the order tells what is known."""
    told = " ".join(request.query_params.get(name, "")[:64] for name in _RETURNED_NAMES)
    references = find_references(told)
    path = f"/employer/orders/{references[0]}" if len(references) == 1 else "/employer"
    return pages.render(request, "paid_online.html", path=path)


def state_of(order: OnlineOrder, now: datetime) -> str:
    """Where an order stands, as one of `wording.ORDER_STATES`."""
    if order.receipts:
        return "received"
    if order.state in OPEN:
        return "waiting" if now < order.expires_at else "asked_about"
    return {
        Outcome.SUCCESS: "announced",
        Outcome.RETURNED: "returned",
    }.get(order.state, "failed")


def still_asked_vnd(connection: Connection, employer_id: UUID, notice: NoticeSummary, today: date) -> int:
    """What a notice still asks for: no more than is owed in all, and nothing that is announced already."""
    stands = standing(connection, employer_id, today)
    if notice.outstanding_vnd == 0 or stands is None:
        return 0
    asked = min(stands.owed_vnd, notice.amount_vnd + notice.late_charge_outstanding_vnd)
    return max(0, asked - notice.announced_vnd)


def _chooser(
    request: Request,
    user: User,
    session: Session | None,
    installation: Installation,
    connection: Connection,
    notice_no: int,
    typed: tuple[str, str] | None = None,
    wrong: tuple[int, int] | None = None,
) -> Response:
    """The page to pay at; `typed` is what a refused form held, `wrong` what its provider takes at least and at most."""
    employer_id, clock = own(user.subject), clock_of(connection)
    document = show_notice(connection, installation.vault, notice_no, employer_id)
    (summary,) = list_notices(connection, clock.today(), employer_id=employer_id, after=notice_no - 1, limit=1)
    asked_vnd = still_asked_vnd(connection, employer_id, summary, clock.today())
    gateways = [
        (gateway, name, capabilities_of(adapter).limit(OnlineOperation.COLLECT_CREATE))
        for gateway, adapter, name in gateways_for_payers(connection)
    ]
    now = clock.now()
    orders = list_orders(connection, installation.vault, employer_id=employer_id, notice_no=notice_no)
    return pages.render(
        request,
        "employer/pay.html",
        status=HTTPStatus.BAD_REQUEST if wrong else HTTPStatus.OK,
        notice=document,
        summary=summary,
        asked_vnd=asked_vnd,
        gateways=gateways,
        chosen=typed[0] if typed else (gateways[0][0] if gateways else ""),
        amount=typed[1] if typed else str(asked_vnd or ""),
        wrong=wrong,
        orders=[(order, state_of(order, now)) for order in orders],
        qr=drawn(document["qr"]) if document["qr"] else None,
        user=user,
        form_token=session.form_token(installation.vault) if session else "",
    )
