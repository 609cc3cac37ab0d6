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

from gateways.simulator.bank import Bank, Receipt
from gateways.simulator.errors import Declined, Unsigned
from gateways.simulator.faults import Call, Fault, Faults, Plan
from gateways.simulator.providers import open_provider_doors
from gateways.simulator.purse import Purse
from gateways.simulator.reading import digest_of, verify_signature
from gateways.simulator.wire import Cut, Line, proxy_page, told

IDLE_SECONDS = 15 * 60
_MAX_UPLOAD_BYTES = 32 * 1024 * 1024
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
    _open_customer_door(app, bank, faults)
    admit = _doorkeeper(control_token)
    _open_control_door(app, bank, faults, admit)
    if purse is not None:
        open_provider_doors(app, purse, faults, _answered, admit)
    return app


def _open_customer_door(app: FastAPI, bank: Bank, faults: Faults) -> None:
    @app.put("/h2h/payments/{message_id}")
    async def upload(message_id: str, request: Request) -> Response:
        content = await _bounded_body(request)
        if content is None:
            return told(413, code="TOO_LARGE", text=f"at most {_MAX_UPLOAD_BYTES} bytes are taken")
        await _verify(request, content, bank)

        def work() -> Response:
            return _receipt(message_id, bank.receive(message_id, content, _computer_time()))

        return await _answered(faults.strike(Call.SUBMIT, message_id), work)

    @app.get("/h2h/payments/{message_id}/status")
    async def status(message_id: str, request: Request) -> Response:
        await _verify(request, b"", bank)
        plan = faults.strike(Call.INQUIRE, message_id)

        def work() -> Response:
            late = plan is not None and plan.fault is Fault.STATUS_LATE
            hidden = plan is not None and plan.fault is Fault.STATUS_NOT_FOUND
            document = bank.status(message_id, _computer_time(), settled=not late)
            if document is None or hidden:
                return told(404, code="NOT_FOUND", text="there is no such file", message_id=message_id)
            return _document(document)

        return await _answered(plan, work)

    @app.get("/h2h/statements")
    async def statements(on: date, request: Request) -> Response:
        await _verify(request, b"", bank)
        return await _answered(
            faults.strike(Call.LIST_STATEMENTS, ""), lambda: told(200, statements=bank.statements(on))
        )

    @app.get("/h2h/statements/{name}")
    async def statement(name: str, request: Request) -> Response:
        await _verify(request, b"", bank)

        def work() -> Response:
            document = bank.statement(name)
            return told(404, code="NOT_FOUND", text="no such statement") if document is None else _document(document)

        return await _answered(faults.strike(Call.FETCH_STATEMENT, ""), work)


def _doorkeeper(control_token: str) -> Callable[[Request], None]:
    def admit(request: Request) -> None:
        given = request.headers.get("authorization", "")
        at_home = request.client is not None and request.client.host in _LOOPBACK
        if not at_home or not hmac.compare_digest(given.encode(), f"Bearer {control_token}".encode()):
            raise HTTPException(403)

    return admit


def _open_control_door(app: FastAPI, bank: Bank, faults: Faults, admit: Callable[[Request], None]) -> None:
    guarded = [Depends(admit)]

    @app.get("/control/health", dependencies=guarded)
    def health() -> dict[str, str]:
        return {"service": "simbank"}

    @app.post("/control/clients", dependencies=guarded)
    def register_client(client: ClientKey) -> None:
        bank.register_client(client.client_id, client.public_key)

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
    if plan.fault is Fault.HTTP_500:
        return told(500, code="ERROR", text="internal error")
    answer = await run_in_threadpool(work)
    match plan.fault:
        case Fault.DROP_AFTER:
            return Cut(None)
        case Fault.HTML_PAGE:
            return proxy_page()
        case Fault.TRUNCATED:
            return Cut(answer)
        case Fault.DELAY:
            await asyncio.sleep(plan.delay_seconds)
    return answer


async def _verify(request: Request, body: bytes, bank: Bank) -> None:
    verify_signature(
        request.method,
        request.scope["raw_path"].decode("ascii"),
        request.scope["query_string"].decode("ascii"),
        request.headers,
        body,
        bank.public_keys(),
        time.time(),
    )


async def _bounded_body(request: Request) -> bytes | None:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _MAX_UPLOAD_BYTES:
            return None
    return bytes(body)


def _receipt(message_id: str, receipt: Receipt) -> Response:
    return told(
        receipt.status,
        code=receipt.code,
        text=receipt.text,
        message_id=message_id,
        content_digest=receipt.content_digest,
    )


def _document(content: bytes) -> Response:
    return Response(content, media_type="application/xml", headers={"content-digest": digest_of(content)})


def _computer_time() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC)
