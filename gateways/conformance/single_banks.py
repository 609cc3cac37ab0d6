"""The benches of MB Bank (single transfers) and VietinBank (it only tells of movements)."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import httpx2
from cryptography.hazmat.primitives.asymmetric import rsa

from gateways.banks import mbbank, vietinbank
from gateways.banks.vietinbank import Expected
from gateways.banks.vietinbank_gateway import VietinBank
from gateways.conformance.bench import Bench, Inquiry, Limits, LineFault, Mapped, Payment
from gateways.conformance.wallets import UNLISTED, WalletBench, private_pem, public_pem
from gateways.contract import Instrument, Outcome
from gateways.credentials import Credentials, Environment, MixedEnvironments, Profile
from gateways.errors import Unsupported
from gateways.macs import rsa_sign
from gateways.online import Notification, OnlineOperation, Verdict
from gateways.providers import open_provider
from gateways.vectors import compute

_BANKS = Path(mbbank.__file__).parent
_CALLED = "the bank is not called: it tells of movements on our account, and the statement settles"


class MbBankBench(WalletBench):
    """Transfers to bank accounts by MB."""

    provider = "mbbank"
    instrument = Instrument.BANK_ACCOUNT
    number = "0011004000001"
    bank = "970436"
    not_for: ClassVar = {
        7: "MB tells of movements alone, and signs nothing: who may tell is known by a token that we give",
        9: "no code of MB says that a transfer came back: the statement does",
    }

    @property
    def vectors_path(self) -> Path:
        return _BANKS / "mbbank.vectors.json"

    def keys(self) -> tuple[dict[str, str], dict[str, str]]:
        shared = {"client_id": "bench", "client_secret": "CSbench01", "debit_account": "0123456789"}
        ours = shared | {"debit_name": "BHXH VIET NAM", "rsa_private_key": private_pem(self.private_key)}
        return ours, shared | {"rsa_public_key": public_pem(self.private_key)}

    def open(self, transport: httpx2.BaseTransport | None) -> Any:
        return open_provider(self.profile, transport=None if transport is None else _WithToken(transport))

    def codes(self) -> Iterator[Mapped]:
        for operation, field, code, documented in mbbank.codes().rows():
            if operation == "transfer_status":
                made = mbbank.status_outcome({"errorCode": code})[1]
            elif field == "data.status":
                made = mbbank.transfer_outcome({"errorCode": "000", "data": {"status": code}})
            elif code == "000":
                continue  # it says only that the status is to be read
            else:
                made = mbbank.transfer_outcome({"errorCode": code})
            yield Mapped(f"{field} {code}", documented, made)
        yield Mapped(UNLISTED, Outcome.UNKNOWN, mbbank.transfer_outcome({"errorCode": UNLISTED}))

    def told(self, payment: Payment, *, more_vnd: int = 0, key: str | None = None) -> bytes:
        raise NotImplementedError(f"{payment.reference}, {more_vnd}, {key}: MB does not tell of transfers")


class _WithToken(httpx2.BaseTransport):
    """A line that breaks only after a token was given: what breaks is the transfer, not the question for one."""

    def __init__(self, inner: httpx2.BaseTransport) -> None:
        self._inner = inner

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/oauth2/v1/token"):
            return httpx2.Response(200, json={"access_token": "T", "expires_in": 3600})
        return self._inner.handle_request(request)


class VietinBankBench(Bench):
    """Notifications of movements: only what concerns what is told, and our answer to it, can be tried."""

    not_for: ClassVar = dict.fromkeys((3, 4, 5, 6, 8, 9, 10, 12, 15), _CALLED) | {
        11: "a notification carries no time under its signature that could be held against a clock"
    }

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._bank = rsa.generate_private_key(65537, 2048)
        keys = {"bank_rsa_public_key": public_pem(self._bank), "rsa_private_key": private_pem(self._bank)}
        self._keys = keys | {"provider_id": "VTB01"}
        self.adapter = VietinBank(Credentials("vietinbank", Environment.TEST, self._keys), Expected("VND", "VTB01"))

    @property
    def limits(self) -> Limits:
        raise Unsupported(_CALLED)

    def restart(self) -> None:
        """It keeps nothing."""

    def pay(self, payment: Payment) -> Outcome:
        raise Unsupported(f"{payment.reference}: {_CALLED}")

    def pay_something_else(self, payment: Payment) -> Outcome:
        raise Unsupported(f"{payment.reference}: {_CALLED}")

    def inquire(self, reference: str) -> Inquiry:
        raise Unsupported(f"{reference}: {_CALLED}")

    def hide_once(self, reference: str) -> None:
        raise Unsupported(f"{reference}: {_CALLED}")

    def credits(self, reference: str) -> int:
        raise Unsupported(f"{reference}: {_CALLED}")

    def received_name(self, reference: str) -> str:
        raise Unsupported(f"{reference}: {_CALLED}")

    def break_line(self, fault: LineFault, payment: Payment) -> Outcome:
        raise Unsupported(f"{fault}, {payment.reference}: {_CALLED}")

    def odd_answers(self) -> Iterator[tuple[str, Outcome]]:
        raise Unsupported(_CALLED)

    def odd_inquiries(self) -> Iterator[tuple[str, Inquiry]]:
        raise Unsupported(_CALLED)

    def return_problems(self, payment: Payment) -> Iterator[str]:
        raise Unsupported(f"{payment.reference}: {_CALLED}")

    def clock_problems(self) -> Iterator[str]:
        raise Unsupported(_CALLED)

    def recording_problems(self, payment: Payment) -> Iterator[str]:
        raise Unsupported(f"{payment.reference}: {_CALLED}")

    def vector_problems(self) -> Iterator[str]:
        for vector in json.loads((_BANKS / "vietinbank.vectors.json").read_text("utf-8"))["vectors"]:
            got = compute("vietinbank", vector["operation"], vector["inputs"], vector["keys"])
            for name in ("string_to_sign", "expected_signature"):
                if got[name] != vector[name]:
                    yield f"{vector['id']}: {name} differs"

    def codes(self) -> Iterator[Mapped]:
        for operation, field, code, documented in vietinbank.codes().rows():
            reply = operation == "notification_reply"
            made = vietinbank.reply_outcome(code) if reply else vietinbank.statement_outcome(code)
            yield Mapped(f"{field} {code}", documented, made)
        yield Mapped(UNLISTED, Outcome.UNKNOWN, vietinbank.reply_outcome(UNLISTED))

    def repeated_news_problems(self, payment: Payment) -> Iterator[str]:
        good = self._read(self._told(payment))
        if good is None or (good.reference, good.amount_vnd) != (payment.reference, payment.amount_vnd):
            yield "a good notification was not understood"
        for changed in ({"amount": "1"}, {"remark": "another"}, {"transId": "another"}):
            if self._read(self._told(payment, changed)) is not None:
                yield f"a changed {', '.join(changed)} was believed"
        for changed in ({"currencyCode": "USD"}, {"transType": "D"}, {"providerId": "VTB99"}):
            if self._read(self._told(payment, changed)) is not None:
                yield f"an unsigned {', '.join(changed)} that is not ours was taken as money in"
        body = self._told(payment)
        answers = [json.loads(self.adapter.acknowledge(word, body).body) for word in (Verdict.TAKEN, Verdict.REPEATED)]
        if [answer["errorCode"] for answer in answers] != ["00", "05"] or not all(
            answer["signature"] for answer in answers
        ):
            yield f"taken and repeated are answered {answers}"

    def capability_problems(self) -> Iterator[str]:
        for operation in set(OnlineOperation) - self.adapter.capabilities.operations:
            try:
                self.adapter.capabilities.require(operation)
            except Unsupported:
                continue
            yield f"{operation} is not declared and not refused"

    def environment_problems(self) -> Iterator[str]:
        for environment, keys_for in ((Environment.LIVE, "test"), (Environment.TEST, "live")):
            path = self.home / f"{keys_for}.yaml"
            path.unlink(missing_ok=True)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                json.dump({"provider": "vietinbank", "environment": keys_for, "keys": self._keys}, file)
            try:
                open_provider(Profile("vietinbank", environment, "", path)).close()
            except MixedEnvironments:
                continue
            yield f"{keys_for} keys serve as {environment}"

    def close(self) -> None:
        self.adapter.close()

    def _told(self, payment: Payment, changed: dict[str, str] | None = None) -> bytes:
        """What the bank tells; `changed` after it was signed."""
        fields = {"transId": payment.reference, "amount": str(payment.amount_vnd), "transTime": "20261122093214"}
        fields |= {"bankTransId": "1", "remark": "BHXH", "transType": "C", "currencyCode": "VND", "providerId": "VTB01"}
        fields["signature"] = rsa_sign(self._bank, vietinbank.string_to_sign(fields))
        return json.dumps(fields | (changed or {})).encode()

    def _read(self, told: bytes) -> Notification | None:
        return self.adapter.read_notification(told)
