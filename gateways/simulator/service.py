"""The bank's two doors: host to host for its customers, and a control door for whoever runs the simulation."""

import asyncio
import hmac
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import AwareDatetime, BaseModel, Field
from starlette.types import ASGIApp, Receive, Scope, Send

from gateways.simulator.bank import Bank
from gateways.simulator.bank_door import BankSeal, bank_door
from gateways.simulator.behaviour import Behaviour
from gateways.simulator.errors import Declined, Unsigned
from gateways.simulator.faults import Call, Fault, Faults, Plan
from gateways.simulator.providers import open_provider_doors
from gateways.simulator.purse import Purse
from gateways.simulator.wire import Cut, Line, proxy_page, refusing, told

IDLE_SECONDS = 15 * 60
_REFUSING_STATUS = {Fault.HTTP_500: 500, Fault.HTTP_503: 503, Fault.TOO_BUSY: 429}
_LOOPBACK = frozenset({"127.0.0.1", "::1"})

Amount = Annotated[int, Field(strict=True, gt=0, lt=10**15)]
Text = Annotated[str, Field(min_length=1, max_length=140)]


class ClientKey(BaseModel):
    client_id: Text
    public_key: str


class BankTime(BaseModel):
    at: AwareDatetime


class NewAccount(BaseModel):
    account: Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,34}$")]
    name: Text
    balance_vnd: Annotated[int, Field(strict=True, ge=0, lt=10**15)]


class IncomingCredit(BaseModel):
    credit_id: Text
    account: str
    payer_name: Text
    payer_account: Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,34}$")]
    memo: Annotated[str, Field(max_length=140)]
    amount_vnd: Amount


class PlannedFault(BaseModel):
    fault: Fault
    call: Call
    message_id: str
    nth: Annotated[int, Field(ge=1)]
    times: Annotated[int, Field(ge=1)]
    delay_seconds: Annotated[float, Field(ge=0, le=60)]
    reference: str = "*"
    account: str = "*"
    from_at: AwareDatetime | None = None
    until_at: AwareDatetime | None = None
    every: Annotated[int, Field(ge=1)] | None = None


class PlannedPayment(BaseModel):
    reference: str
    rejected_for: str | None = None
    returned_for: str | None = None
    return_days: Annotated[int, Field(ge=1, le=30)] = 1
    extra_vnd: Annotated[int, Field(ge=0, lt=10**9)] = 0


class DayToClose(BaseModel):
    on: date


def server(bank: Bank, port: int, control_token: str, purse: Purse | None = None) -> uvicorn.Server:
    """A server on loopback that ends by itself when it is idle."""

    def stop() -> None:
        serving.should_exit = True

    serving = uvicorn.Server(
        uvicorn.Config(
            application(bank, control_token, stop, purse),
            host="127.0.0.1",
            port=port,
            http=Line,
            ws="none",
            log_level="warning",
            access_log=False,
        )
    )
    return serving


def application(bank: Bank, control_token: str, stop: Callable[[], None], purse: Purse | None = None) -> FastAPI:
    """The service over a bank, and over wallets where there are books of theirs.

    `stop` is called after `IDLE_SECONDS` without a request.
    """
    last_request = [time.monotonic()]

    async def watch() -> None:
        # Every request moves the moment on; to be told of each would cost more than to look once.
        while (idle := time.monotonic() - last_request[0]) < IDLE_SECONDS:  # noqa: ASYNC110
            await asyncio.sleep(IDLE_SECONDS - idle)
        stop()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        watching = asyncio.create_task(watch())
        yield
        watching.cancel()

    app = FastAPI(title="SimBank", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)

    def notice_requests(inner: ASGIApp) -> ASGIApp:
        async def noticing(scope: Scope, receive: Receive, send: Send) -> None:
            last_request[0] = time.monotonic()
            await inner(scope, receive, send)

        return noticing

    app.add_middleware(notice_requests)

    @app.exception_handler(Declined)
    def declined(_: Request, error: Declined) -> Response:
        return told(401 if isinstance(error, Unsigned) else 409, code=error.answer_code, text=str(error))

    faults = Faults()
    seal = BankSeal(bank.home)
    app.include_router(bank_door(bank, faults, _answered, seal))
    admit = _doorkeeper(control_token)
    _open_control_door(app, bank, faults, seal, admit)
    if purse is not None:
        open_provider_doors(app, purse, faults, _answered, admit, lambda: bank.now(_computer_time()))
    return app


def _doorkeeper(control_token: str) -> Callable[[Request], None]:
    def admit(request: Request) -> None:
        given = request.headers.get("authorization", "")
        at_home = request.client is not None and request.client.host in _LOOPBACK
        if not at_home or not hmac.compare_digest(given.encode(), f"Bearer {control_token}".encode()):
            raise HTTPException(403)

    return admit


def _open_control_door(
    app: FastAPI, bank: Bank, faults: Faults, seal: BankSeal, admit: Callable[[Request], None]
) -> None:
    guarded = [Depends(admit)]

    @app.get("/control/health", dependencies=guarded)
    def health() -> dict[str, str]:
        return {"service": "simbank"}

    @app.post("/control/clients", dependencies=guarded)
    def register_client(client: ClientKey) -> dict[str, str]:
        bank.register_client(client.client_id, client.public_key)
        return {"bank_public_key": seal.public_key()}

    @app.post("/control/clock", dependencies=guarded)
    def set_clock(bank_time: BankTime) -> None:
        bank.set_clock(bank_time.at)

    @app.post("/control/accounts", dependencies=guarded)
    def open_account(new: NewAccount) -> None:
        bank.open_account(new.account, new.name, new.balance_vnd, _computer_time())

    @app.post("/control/credits", dependencies=guarded)
    def add_credit(paid: IncomingCredit) -> None:
        bank.add_credit(**paid.model_dump(), computer_time=_computer_time())

    @app.post("/control/faults", dependencies=guarded)
    def plan_fault(planned: PlannedFault) -> None:
        faults.plan(Plan(**planned.model_dump()))

    @app.post("/control/payments", dependencies=guarded)
    def plan_payment(planned: PlannedPayment) -> None:
        bank.plan_payment(planned.reference, Behaviour(**planned.model_dump(exclude={"reference"})))

    @app.delete("/control/faults", dependencies=guarded)
    def clear_faults() -> None:
        faults.clear()

    @app.post("/control/days", dependencies=guarded)
    def close_day(day: DayToClose) -> dict[str, str]:
        return {"statement": bank.close_day(day.on, _computer_time())}

    @app.get("/control/overview", dependencies=guarded)
    def overview() -> dict[str, object]:
        return bank.overview()


async def _answered(plan: Plan | None, work: Callable[[], Response]) -> Response:
    """Does the work and answers, unless a fault is planned for this call."""
    if plan is None:
        return await run_in_threadpool(work)
    if plan.fault is Fault.DROP_BEFORE:
        return Cut(None)
    if plan.fault in _REFUSING_STATUS:
        return refusing(_REFUSING_STATUS[plan.fault])
    answer = await run_in_threadpool(work)
    match plan.fault:
        case Fault.DROP_AFTER:
            return Cut(None)
        case Fault.HTTP_500_AFTER:
            return refusing(500)
        case Fault.HTML_PAGE:
            return proxy_page()
        case Fault.TRUNCATED:
            return Cut(answer)
        case Fault.EMPTY_BODY:
            return Response(status_code=answer.status_code, media_type="application/json")
        case Fault.DELAY:
            await asyncio.sleep(plan.delay_seconds)
    return answer


def _computer_time() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC)
