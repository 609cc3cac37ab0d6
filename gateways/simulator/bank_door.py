"""The bank's door for its customers: payment files, status reports, questions about accounts, statements.

Every answer is signed with the bank's own key (RFC 9421 over status and digest), which stands in its home; customers
who were given the public half verify it.
"""

import os
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import APIRouter, Request, Response

from gateways.simulator.bank import Bank, Receipt
from gateways.simulator.errors import Declined, Unread, Unsigned
from gateways.simulator.faults import Call, Fault, Faults, Plan, Subject
from gateways.simulator.reading import digest_of, payments_named, verify_signature
from gateways.simulator.reports import Listing
from gateways.simulator.wire import told

_MAX_UPLOAD_BYTES = 32 * 1024 * 1024
_KEY_FILE = "bank_key.pem"
_LISTINGS = {
    Fault.STATUS_LATE: Listing.NOT_YET,
    Fault.STATUS_DUPLICATED: Listing.TWICE,
    Fault.STATUS_REORDERED: Listing.REVERSED,
}

Answered = Callable[[Plan | None, Callable[[], Response]], Awaitable[Response]]


class BankSeal:
    """The key by which the bank signs its answers; made when the bank first opens."""

    def __init__(self, home: Path) -> None:
        path = home / _KEY_FILE
        if not path.exists():
            fresh = Ed25519PrivateKey.generate().private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
                file.write(fresh)
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        assert isinstance(key, Ed25519PrivateKey)  # noqa: S101 - made above
        self._key = key

    def public_key(self) -> str:
        encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        return self._key.public_key().public_bytes(encoding, form).decode()

    def signed(self, answer: Response, wrongly: bool = False) -> Response:
        key = Ed25519PrivateKey.generate() if wrongly else self._key
        digest = digest_of(bytes(answer.body))
        stated = f'("@status" "content-digest");created={int(time.time())};keyid="simbank";alg="ed25519"'
        lines = f'"@status": {answer.status_code}\n"content-digest": {digest}\n"@signature-params": {stated}'
        answer.headers["content-digest"] = digest
        answer.headers["signature-input"] = f"sig1={stated}"
        answer.headers["signature"] = f"sig1=:{b64encode(key.sign(lines.encode())).decode()}:"
        return answer


def bank_door(bank: Bank, faults: Faults, answered: Answered, seal: BankSeal) -> APIRouter:
    """`answered` does the work and answers, unless the plan it is given is a fault of the line."""
    door = APIRouter(prefix="/h2h")

    async def let_in(
        request: Request, body: bytes, call: Call, subject: Subject, work: Callable[[Plan | None], Response]
    ) -> Response:
        """Believes the caller, does the work and signs what comes of it, as far as no fault is planned."""
        try:
            _verify(request, body, bank)
        except Unsigned as error:
            return seal.signed(told(401, code=error.answer_code, text=str(error)))
        plan = faults.strike(call, subject)
        wrongly = plan is not None and plan.fault is Fault.WRONG_SIGNATURE

        def sealed() -> Response:
            try:
                answer = work(plan)
            except Unread as error:
                answer = told(422, code=error.answer_code, text=str(error))
            except Declined as error:
                answer = told(409, code=error.answer_code, text=str(error))
            return seal.signed(answer, wrongly)

        return await answered(plan, sealed)

    @door.put("/payments/{message_id}")
    async def upload(message_id: str, request: Request) -> Response:
        content = await _bounded_body(request)
        if content is None:
            return seal.signed(told(413, code="TOO_LARGE", text=f"at most {_MAX_UPLOAD_BYTES} bytes are taken"))
        subject = Subject(message_id, bank.now(_computer_time()), lambda: payments_named(content))

        def work(_: Plan | None) -> Response:
            return _receipt(message_id, bank.receive(message_id, content, _computer_time()))

        return await let_in(request, content, Call.SUBMIT, subject, work)

    @door.get("/payments/{message_id}/status")
    async def status(message_id: str, request: Request) -> Response:
        def work(plan: Plan | None) -> Response:
            listing = Listing.IN_ORDER if plan is None else _LISTINGS.get(plan.fault, Listing.IN_ORDER)
            hidden = plan is not None and plan.fault is Fault.STATUS_NOT_FOUND
            document = bank.status(message_id, _computer_time(), listing)
            if document is None or hidden:
                return told(404, code="NOT_FOUND", text="there is no such file", message_id=message_id)
            return _document(document)

        subject = Subject(message_id, bank.now(_computer_time()), lambda: bank.payments_of(message_id))
        return await let_in(request, b"", Call.INQUIRE, subject, work)

    @door.post("/verifications/{message_id}")
    async def verify(message_id: str, request: Request) -> Response:
        content = await _bounded_body(request)
        if content is None:
            return seal.signed(told(413, code="TOO_LARGE", text=f"at most {_MAX_UPLOAD_BYTES} bytes are taken"))

        def work(_: Plan | None) -> Response:
            return _document(bank.verify_accounts(message_id, content, _computer_time()))

        subject = Subject(message_id, bank.now(_computer_time()))
        return await let_in(request, content, Call.VERIFY, subject, work)

    @door.get("/statements")
    async def statements(on: date, request: Request) -> Response:
        subject = Subject("", bank.now(_computer_time()))

        def work(_: Plan | None) -> Response:
            return told(200, statements=bank.statements(on))

        return await let_in(request, b"", Call.LIST_STATEMENTS, subject, work)

    @door.get("/statements/{name}")
    async def statement(name: str, request: Request) -> Response:
        def work(_: Plan | None) -> Response:
            document = bank.statement(name)
            return told(404, code="NOT_FOUND", text="no such statement") if document is None else _document(document)

        subject = Subject("", bank.now(_computer_time()))
        return await let_in(request, b"", Call.FETCH_STATEMENT, subject, work)

    return door


def _verify(request: Request, body: bytes, bank: Bank) -> None:
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
    return Response(content, media_type="application/xml")


def _computer_time() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC)
