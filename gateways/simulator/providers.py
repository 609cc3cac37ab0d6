"""The doors of the simulated wallets and payment pages: each provider's own addresses, and a control door for them.

They stand in the process of the simulated bank, keep its time, take the same faults (a reference is their pattern), and
call back over real HTTP, to this machine only.
"""

import contextlib
import json
from collections.abc import Awaitable, Callable
from datetime import date, datetime
from typing import Annotated, Any, Literal
from urllib.parse import parse_qs, urlsplit

import httpx2
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field

from gateways.simulator import mbbank, momo, payos, vnpay, zalopay
from gateways.simulator.errors import Contradiction
from gateways.simulator.faults import Call, Fault, Faults, Plan, Subject
from gateways.simulator.purse import Order, Purse, Stage
from gateways.simulator.settlements import settlement_file
from gateways.simulator.wire import told

Answered = Callable[[Plan | None, Callable[[], Response]], Awaitable[Response]]
Provider = Literal["momo", "zalopay", "vnpay", "payos", "mbbank"]
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_REFERENCES = ("orderId", "app_trans_id", "partner_order_id", "m_refund_id", "vnp_TxnRef", "referenceId", "orderCode")
_INQUIRIES = ("query", "txn", "querydr")
_SECRET_OF = {"momo": "secret_key", "zalopay": "key2", "vnpay": "hash_secret", "payos": "checksum_key"}
_ANSWER_SECONDS = 15.0


class Merchant(BaseModel):
    """Our side, as a provider knows it: keys, and where it may call us."""

    provider: Provider
    keys: dict[str, str]
    balance_vnd: Annotated[int, Field(strict=True, ge=0)] = 0


class Decision(BaseModel):
    provider: Provider
    kind: Literal["collection", "payout", "refund"]
    reference: str
    stage: Stage


class ToTell(BaseModel):
    provider: Provider
    kind: Literal["collection", "payout"] = "collection"
    reference: str
    times: Annotated[int, Field(ge=1, le=10)] = 1
    more_vnd: int = 0
    """How much the told amount differs from the true one."""
    bad_signature: bool = False


class _Forgetful:
    """The books as they look to a provider that has lost an order for the moment."""

    def __init__(self, purse: Purse) -> None:
        self._purse = purse

    def find(self, *_: str) -> None:
        return None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._purse, name)


def open_provider_doors(
    app: FastAPI,
    purse: Purse,
    faults: Faults,
    answered: Answered,
    admit: Callable[[Request], None],
    now: Callable[[], datetime],
) -> None:
    purse.now = now
    app.include_router(_customer_doors(purse, faults, answered, now))
    app.include_router(_control_door(purse), dependencies=[Depends(admit)])


def _customer_doors(purse: Purse, faults: Faults, answered: Answered, now: Callable[[], datetime]) -> APIRouter:
    router = APIRouter()

    async def worked(request: Request, work: Callable[[Purse, bytes], Response]) -> Response:
        body = await request.body()
        call, reference, fields = _call_of(request, body)

        def payments() -> list[tuple[str, str]]:
            return [(reference, _number_of(purse, reference, fields))]

        plan = faults.strike(call, Subject(reference, now(), payments))
        hidden = plan is not None and plan.fault is Fault.STATUS_NOT_FOUND
        books: Any = _Forgetful(purse) if hidden else purse
        return await answered(plan, lambda: work(books, body))

    @router.post("/v2/gateway/api/{path:path}")
    async def momo_api(path: str, request: Request) -> Response:
        def work(books: Purse, body: bytes) -> Response:
            status, fields = momo.answer(books, path, body)
            return told(status, **fields)

        return await worked(request, work)

    @router.post("/v2/payment-requests")
    @router.get("/v2/payment-requests/{reference}")
    @router.api_route("/v1/{path:path}", methods=["GET", "POST"])
    async def payos_api(request: Request) -> Response:
        def work(books: Purse, body: bytes) -> Response:
            path, query = request.url.path, request.url.query
            status, fields, headers = payos.answer(books, request.method, path, query, request.headers, body)
            answer = told(status, **fields)
            answer.headers.update(headers)
            return answer

        return await worked(request, work)

    @router.post("/v2/{path:path}")
    async def zalopay_api(path: str, request: Request) -> Response:
        def work(books: Purse, body: bytes) -> Response:
            return told(200, **zalopay.answer(books, path, body, round(now().timestamp() * 1000)))

        return await worked(request, work)

    @router.api_route(f"{mbbank.PREFIX}/{{path:path}}", methods=["GET", "POST"])
    async def mbbank_api(request: Request) -> Response:
        def work(books: Purse, body: bytes) -> Response:
            status, fields = mbbank.answer(books, request.url.path, request.url.query, request.headers, body)
            return told(status, **fields)

        return await worked(request, work)

    @router.post("/merchant_webapi/api/transaction")
    async def vnpay_api(request: Request) -> Response:
        return await worked(request, lambda books, body: told(200, **vnpay.answer(books, body)))

    @router.get("/paymentv2/vpcpay.html")
    def vnpay_page(request: Request) -> Response:
        status = vnpay.open_page(purse, request.url.query)
        return Response(vnpay.page(request.query_params.get("vnp_TxnRef", "")), status, media_type="text/html")

    @router.post("/paymentv2/{reference}/{ending}")
    def vnpay_payer(reference: str, ending: Literal["paid", "cancelled"]) -> Response:
        """The payer pays or cancels: the merchant is told, and the browser is sent back to it."""
        order = _known(purse, vnpay.NAME, "collection", reference)
        if order.stage is Stage.WORKING:
            purse.decide(order, Stage.DONE if ending == "paid" else Stage.REFUSED)
            # Whether the merchant answers is nothing to the payer.
            with contextlib.suppress(httpx2.HTTPError, Contradiction):
                _notify(purse, order, ToTell(provider="vnpay", reference=reference))
        return RedirectResponse(vnpay.way_back(purse, order), 303)

    return router


def _control_door(purse: Purse) -> APIRouter:
    router = APIRouter(prefix="/control/providers")

    @router.post("/merchants")
    def register(merchant: Merchant) -> None:
        purse.register(merchant.provider, merchant.keys, merchant.balance_vnd)

    @router.post("/decisions")
    def decide(decision: Decision) -> None:
        """A payer pays or refuses; a payout in work is done or refused; one that is done comes back."""
        purse.decide(_known(purse, decision.provider, decision.kind, decision.reference), decision.stage)

    @router.post("/notifications")
    def tell(what: ToTell) -> list[dict[str, Any]]:
        """Calls the merchant about an order, and says what it answered."""
        order = _known(purse, what.provider, what.kind, what.reference)
        return [_notify(purse, order, what) for _ in range(what.times)]

    @router.get("/{provider}/settlement/{on}")
    def settlement(provider: Provider, on: date) -> Response:
        """The file of a day, which its merchant gets when the day is over."""
        return Response(settlement_file(purse, provider, on), media_type="text/csv")

    @router.get("/{provider}/overview")
    def overview(provider: Provider) -> dict[str, Any]:
        orders = {f"{order.kind} {order.reference}": order.stage.value for order in purse.orders(provider)}
        return {"balance_vnd": purse.balance_vnd(provider), "orders": orders}

    return router


def _notify(purse: Purse, order: Order, what: ToTell) -> dict[str, Any]:
    merchant = purse.merchant(what.provider)
    if what.provider not in _SECRET_OF:
        raise Contradiction(f"{what.provider} tells nothing of its own accord")
    address = str(order.about.get("notification_url") or merchant.get("notification_url", ""))
    if urlsplit(address).hostname not in _LOOPBACK:
        raise Contradiction("a simulator calls this machine only")
    key = "somebody else's" if what.bad_signature else merchant[_SECRET_OF[what.provider]]
    amount_vnd = order.amount_vnd + what.more_vnd
    with httpx2.Client(timeout=_ANSWER_SECONDS, trust_env=False, follow_redirects=False) as client:
        match what.provider:
            case "vnpay":
                query = vnpay.notification(purse, order, amount_vnd=amount_vnd, key=key)
                answer = client.get(f"{address}?{query}")
            case "momo":
                answer = _post(client, address, momo.notification(purse, order, amount_vnd=amount_vnd, key=key))
            case "zalopay":
                answer = _post(client, address, zalopay.notification(purse, order, amount_vnd=amount_vnd, key=key))
            case "payos":
                answer = _post(client, address, payos.notification(order, amount_vnd=amount_vnd, key=key))
    return {"status": answer.status_code, "body": answer.text}


def _post(client: httpx2.Client, address: str, body: bytes) -> httpx2.Response:
    return client.post(address, content=body, headers={"content-type": "application/json"})


def _known(purse: Purse, provider: str, kind: str, reference: str) -> Order:
    order = purse.find(provider, kind, reference)
    if order is None:
        raise HTTPException(404)
    return order


def _call_of(request: Request, body: bytes) -> tuple[Call, str, dict[str, Any]]:
    """Whether a call asks or inquires, about which reference, and its fields: what faults are planned by."""
    path = request.url.path
    try:
        fields = json.loads(body) if body else {}
    except ValueError:
        fields = {}
    fields = fields if isinstance(fields, dict) else {}
    inquiry = request.method == "GET" or path.rsplit("/", 1)[-1] in _INQUIRIES or "query" in path
    inquiry = inquiry or fields.get("vnp_Command") == "querydr"
    named = [str(fields[name]) for name in _REFERENCES if name in fields]
    asked = parse_qs(request.url.query)
    beside = [*asked.get("referenceId", []), *asked.get("transactionId", []), request.headers.get("transactionid", "")]
    reference = (named or [one for one in beside if one] or [path.rsplit("/", 1)[-1]])[0]
    return (Call.INQUIRE if inquiry else Call.SUBMIT), reference, fields


def _number_of(purse: Purse, reference: str, fields: dict[str, Any]) -> str:
    """The account or wallet a call is about: in the call, or in what was asked before."""
    for name in ("toAccountNumber", "creditResourceNumber", "m_u_id", "phone"):
        if name in fields:
            return str(fields[name])
    if "disbursementMethod" in fields:
        return momo.receiver_number(purse, fields) or ""
    known = [order for order in purse.orders() if order.reference == reference and "number" in order.about]
    return str(known[0].about["number"]) if known else ""
