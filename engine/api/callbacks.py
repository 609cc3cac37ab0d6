"""`/callbacks/{gateway}`: where wallets, payment pages and banks tell us of their own accord (thông báo của ví).

The bytes are verified as they came, with the key of this gateway; what is not the provider's changes nothing. What is
good is taken once: the same again is answered and not booked, however late, so no age limit is needed against replays.
A bank whose news carry no signature fetches a token here first, and only who shows one is listened to.
A notification settles nothing: it is news about an order, of the rank of a callback. The answer is in the provider's
own words, so that it calls again when we could not look and stops when we know.
"""

import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from engine.api.asking import TheInstallation
from engine.api.errors import BodyTooLarge
from engine.contributions import announcements, online
from engine.errors import NotFound, ThuchiError
from engine.installation import CALLBACKS, Installation
from engine.payments import single_inquiry
from gateways.callers import CallerLimit
from gateways.online import Acknowledgement, Doorkeeper, Notification, Notifier, Verdict
from ledger.errors import LedgerError

Taker = Callable[[Connection, str, Notification, datetime], Verdict | None]
"""Takes a verified notification of a gateway at an instant, once or again; None: the reference is none of its own."""

LONGEST_BODY = 16 * 1024
"""In bytes: the most that anything we are sent may hold, a form of ours or a provider's news."""

router = APIRouter()
_LIMIT = CallerLimit(time.monotonic, burst=1000, per_second=200)
"""Wide enough for a provider that tells of every payout of a large run from one address, and may do so only once."""
_log = structlog.get_logger()


async def _told(request: Request) -> bytes:
    """What was told, as it came: the body, or of a provider that only asks for an address, VNPAY, the query."""
    if request.method == "GET":
        query: bytes = request.scope["query_string"]
        return query
    told = bytearray()
    async for part in request.stream():
        told += part
        if len(told) > LONGEST_BODY:
            raise BodyTooLarge(BodyTooLarge.__doc__)
    return bytes(told)


@router.post(f"{CALLBACKS}/{{gateway}}/api/token_generate")
def token(gateway: str, request: Request, installation: TheInstallation) -> Response:
    """Gives a bank that knows its name and password a token for its next news."""
    if (busy := _too_often(request)) is not None:
        return busy
    notifier = _notifier(request.app.state, installation, gateway)
    if not isinstance(notifier, Doorkeeper):
        raise NotFound(f"{gateway} signs what it tells: it needs no token")
    return _response(notifier.give_token(_authorization(request), installation.clock().now()))


@router.post(f"{CALLBACKS}/{{gateway}}/bank/api/transaction-sync")
@router.api_route(f"{CALLBACKS}/{{gateway}}", methods=["GET", "POST"])
def callback(
    gateway: str, request: Request, installation: TheInstallation, told: Annotated[bytes, Depends(_told)]
) -> Response:
    """Takes one notification and answers in the provider's words."""
    if (busy := _too_often(request)) is not None:
        return busy
    notifier = _notifier(request.app.state, installation, gateway)
    if isinstance(notifier, Doorkeeper) and not notifier.admits(_authorization(request), installation.clock().now()):
        _log.warning("callback_not_admitted", gateway=gateway)
        return Response(status_code=HTTPStatus.UNAUTHORIZED, headers={"WWW-Authenticate": "Bearer"})
    notification = notifier.read_notification(told)
    if notification is None:
        _log.warning("callback_not_verified", gateway=gateway)
        return _response(notifier.acknowledge(Verdict.BAD_SIGNATURE, told))
    try:
        with installation.database.transaction() as connection:
            verdict = take(connection, installation, gateway, notification, installation.clock().now())
    except (SQLAlchemyError, ThuchiError, LedgerError) as error:
        _log.error("callback_not_taken", gateway=gateway, exc_info=error)
        verdict = Verdict.TROUBLE
    _log.info("callback", gateway=gateway, reference=notification.reference, verdict=verdict.value)
    return _response(notifier.acknowledge(verdict, told))


def take(
    connection: Connection, installation: Installation, gateway: str, notification: Notification, at: datetime
) -> Verdict:
    """Hands a verified notification to who knows its reference, and keeps it."""
    row: dict[str, Any] = {
        "gateway": gateway,
        "reference": notification.reference,
        "provider_reference": notification.provider_reference,
        "outcome": notification.outcome.value,
        "code": notification.code,
        "amount_vnd": notification.amount_vnd,
    }
    if connection.scalar(text(_TAKEN_BEFORE), row):
        return Verdict.REPEATED
    # Who may know what it is about, asked in this order.
    takers: tuple[Taker, ...] = (
        single_inquiry.take_notification,
        online.take_notification,
        partial(announcements.take_movement, installation.vault),
    )
    verdicts = (taker(connection, gateway, notification, at) for taker in takers)
    verdict = next((each for each in verdicts if each is not None), Verdict.UNKNOWN_REFERENCE)
    document = installation.vault.encrypt("callback", notification.document)
    kept = connection.execute(text(_KEEP), row | {"verdict": verdict.value, "document": document, "at": at})
    return Verdict.REPEATED if verdict is Verdict.TAKEN and kept.rowcount == 0 else verdict


_TAKEN_BEFORE = """
    SELECT EXISTS (SELECT FROM engine.callback
        WHERE gateway = :gateway AND reference = :reference AND provider_reference = :provider_reference
            AND outcome = :outcome AND code = :code AND amount_vnd = :amount_vnd AND verdict = 'taken')"""

_KEEP = """
    INSERT INTO engine.callback (gateway, reference, provider_reference, outcome, code, amount_vnd, verdict,
        document_ciphertext, received_at)
    VALUES (:gateway, :reference, :provider_reference, :outcome, :code, :amount_vnd, :verdict, :document, :at)
    ON CONFLICT DO NOTHING"""


def _too_often(request: Request) -> Response | None:
    """The answer to an address that calls too often."""
    caller = request.client.host if request.client else ""
    if _LIMIT.admits(caller):
        return None
    return Response(status_code=HTTPStatus.TOO_MANY_REQUESTS, headers={"Retry-After": str(_LIMIT.wait_seconds(caller))})


def _authorization(request: Request) -> str:
    return request.headers.get("authorization", "")


def _notifier(state: Any, installation: Installation, gateway: str) -> Notifier:
    """The provider behind a callback address, opened once; its keys are read when the first call comes."""
    opened: dict[str, Notifier] = state.notifiers
    if gateway not in opened:
        provider = installation.provider(gateway)
        if not isinstance(provider, Notifier):
            provider.close()
            raise NotFound(f"{gateway} tells nothing of its own accord")
        opened[gateway] = provider
    return opened[gateway]


def _response(acknowledgement: Acknowledgement) -> Response:
    if acknowledgement.status == HTTPStatus.NO_CONTENT:
        return Response(status_code=HTTPStatus.NO_CONTENT)
    return Response(acknowledgement.body, acknowledgement.status, media_type=acknowledgement.content_type)
