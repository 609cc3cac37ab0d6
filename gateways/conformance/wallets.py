"""The benches of MoMo, ZaloPay and payOS: their payouts, tried by the same fifteen cases as a bank's files.

What a provider's protocol has no place for is no problem of its adapter: ZaloPay and payOS carry no name, so what
arrived is judged by the receiver's number; only payOS says of its own that a payout came back.
"""

import json
import os
import secrets
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from gateways.attempts import Attempt, inquired, notified
from gateways.conformance.bench import Bench, Inquiry, Limits, LineFault, Mapped, Payment
from gateways.contract import Instrument, Outcome
from gateways.credentials import Environment, MixedEnvironments, Profile
from gateways.errors import Unsupported
from gateways.http import Answer
from gateways.momo import answers as momo_answers
from gateways.momo import codes as momo_codes
from gateways.momo import signing as momo
from gateways.momo.gateway import Momo
from gateways.online import Asking, Notification, OnlineAnswer, OnlineOperation, Payout, Receiver
from gateways.payos import codes as payos_codes
from gateways.payos import signing as payos
from gateways.payos.gateway import PayOs
from gateways.providers import open_provider
from gateways.simulator.client import SimulatorControl
from gateways.simulator.faults import Call, Fault
from gateways.simulator.process import ensure_running, stop
from gateways.simulator.providers_client import ProvidersControl
from gateways.simulator.purse import Stage, orders_of
from gateways.vectors import compute
from gateways.zalopay import codes as zalopay_codes
from gateways.zalopay import signing as zalopay
from gateways.zalopay.gateway import ZaloPay
from gateways.zalopay.requests import order_id

FUNDS_VND = 10**12
NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
UNLISTED = "424242"
_HTML = b"<html><body>502 Bad Gateway</body></html>"


class WalletBench(Bench):
    """What the three share: a simulation of its own, keys on the disk, payouts as the engine would make them."""

    provider: str
    used = frozenset({OnlineOperation.PAYOUT_SUBMIT, OnlineOperation.PAYOUT_QUERY})
    """What the bench asks for."""
    instrument = Instrument.WALLET
    number = "0901234567"
    bank: str | None = None
    key_bits = 2048

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._simulation = home / "simulation"
        self.base_url = ensure_running(self._simulation)
        self.control, self.faults = ProvidersControl(self._simulation), SimulatorControl(self._simulation)
        self.private_key = rsa.generate_private_key(65537, self.key_bits)
        self.ours, theirs = self.keys()
        self.control.register(self.provider, theirs, FUNDS_VND)
        self.recording = home / "exchanges.jsonl"
        self.keys_path = home / "keys.yaml"
        self._write_keys("simulated")
        self.adapter = self.open(None)
        self._payments: dict[str, Payment] = {}

    @abstractmethod
    def keys(self) -> tuple[dict[str, str], dict[str, str]]:
        """Our keys, and what the provider knows of us."""

    @property
    def vectors_path(self) -> Path:
        return Path(__file__).parent.parent / self.provider / "vectors.json"

    @abstractmethod
    def open(self, transport: httpx2.BaseTransport | None) -> Any: ...

    @abstractmethod
    def told(self, payment: Payment, *, more_vnd: int = 0, key: str | None = None) -> bytes:
        """A notification that this was paid, signed with the provider's key, or with another."""

    @property
    def limits(self) -> Limits:
        limit = self.adapter.capabilities.limit(OnlineOperation.PAYOUT_SUBMIT, self.instrument)
        return Limits(limit.min_vnd, limit.max_vnd)

    @property
    def profile(self) -> Profile:
        address = "https://pay.example.vn/return"
        path, environment = self.keys_path, Environment.SIMULATED
        return Profile(self.provider, environment, self.base_url, path, "", address, self.recording)

    def restart(self) -> None:
        self.adapter.close()
        self.faults.clear_faults()
        self.adapter = self.open(None)

    def pay(self, payment: Payment) -> Outcome:
        self._payments[payment.reference] = payment
        return self._sent(self.adapter, payment, f"R{payment.reference}")

    def pay_something_else(self, payment: Payment) -> Outcome:
        return self._sent(self.adapter, payment, f"X{payment.reference}")

    def inquire(self, reference: str) -> Inquiry:
        return self._inquired(self.adapter, reference)

    def hide_once(self, reference: str) -> None:
        self.faults.plan_fault(Fault.STATUS_NOT_FOUND, Call.INQUIRE, message_id=reference)

    def credits(self, reference: str) -> int:
        orders = orders_of(self._simulation)
        return sum(order.times_done for order in orders if order.kind == "payout" and order.reference == reference)

    def received_name(self, reference: str) -> str:
        found = [order.about for order in orders_of(self._simulation) if order.reference == reference]
        return str(found[0].get("name") or found[0]["number"]) if found else ""

    def break_line(self, fault: LineFault, payment: Payment) -> Outcome:
        errors: Mapping[LineFault, type[httpx2.TransportError]] = {
            LineFault.BEFORE_SENDING: httpx2.ConnectTimeout,
            LineFault.AFTER_SENDING: httpx2.ReadTimeout,
            LineFault.WHILE_READING: httpx2.ReadError,
        }

        def respond(request: httpx2.Request) -> httpx2.Response:
            raise errors[fault]("bench", request=request)

        return self._answered(respond, payment)

    def vector_problems(self) -> Iterator[str]:
        for vector in json.loads(self.vectors_path.read_text("utf-8"))["vectors"]:
            got = compute(self.provider, vector["operation"], vector["inputs"], vector["keys"])
            for name in ("string_to_sign", "expected_signature"):
                if vector[name] is not None and got.get(name) != vector[name]:
                    yield f"{vector['id']}: {name} differs"

    def odd_answers(self) -> Iterator[tuple[str, Outcome]]:
        for number, (name, response) in enumerate(odd_responses()):
            yield name, self._answered(lambda _, response=response: response, Payment(f"CF04{number}"))

    def odd_inquiries(self) -> Iterator[tuple[str, Inquiry]]:
        for name, response in odd_responses():
            adapter = self.open(httpx2.MockTransport(lambda _, response=response: response))
            yield name, self._inquired(adapter, "CF04")
            adapter.close()

    def repeated_news_problems(self, payment: Payment) -> Iterator[str]:
        fresh = Attempt(self.notified_reference(payment), payment.amount_vnd)
        good = self._read(self.told(payment))
        attempt = notified(notified(fresh, good), good)
        attempt = inquired(attempt, OnlineAnswer(Outcome.SUCCESS, "", amount_vnd=payment.amount_vnd, found=True))
        if (attempt.outcome, attempt.booked_times, attempt.cases) != (Outcome.SUCCESS, 1, ()):
            yield f"told twice and asked: {attempt}"
        late = notified(attempt, self._read(self.told(payment, more_vnd=1)))
        other = notified(fresh, self._read(self.told(payment, more_vnd=1)))
        if not late.cases or other.booked_times or not other.cases:
            yield "another amount is not for a person"
        if self._read(self.told(payment, key="somebody else's")) is not None:
            yield "a bad signature was believed"
        if notified(fresh, self._read(self.told(Payment("99")))) != fresh:
            yield "news about another payment changed this one"

    def notified_reference(self, payment: Payment) -> str:
        return payment.reference

    def return_problems(self, payment: Payment) -> Iterator[str]:
        self.pay(payment)
        self.control.decide(self.provider, "payout", payment.reference, Stage.RETURNED)
        inquiry = self.inquire(payment.reference)
        if inquiry.outcome not in (Outcome.SUCCESS, Outcome.RETURNED):
            yield f"paid and returned is told as {inquiry.outcome}"

    def clock_problems(self) -> Iterator[str]:
        evening = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)
        if (order_id("C", evening), order_id("C", evening - timedelta(seconds=1))) != ("261123_C", "261122_C"):
            yield "the day does not change at GMT+7"

    def recording_problems(self, payment: Payment) -> Iterator[str]:
        number = str(payment.account)
        self.pay(payment)
        recorded = self.recording.read_text("utf-8")
        if payment.reference not in recorded and self.provider not in recorded and "POST" not in recorded:
            yield "nothing was recorded"
        for name, value in self.ours.items():
            if name not in ("app_id", "partner_code", "client_id") and value in recorded:
                yield f"{name} was recorded"
        for what in (number, payment.name):
            if what in recorded:
                yield "an account or a name was recorded"
        if self.recording.stat().st_mode & 0o077:
            yield "others can read the record"

    def capability_problems(self) -> Iterator[str]:
        sheet = self.adapter.capabilities
        for operation in set(OnlineOperation) - sheet.operations:
            try:
                sheet.require(operation)
            except Unsupported:
                continue
            yield f"{operation} is not declared and not refused"
        if self.used - sheet.operations:
            yield "an operation is used and not declared"

    def environment_problems(self) -> Iterator[str]:
        hosts = self.adapter.capabilities.hosts
        for environment, keys_for, address in (
            (Environment.LIVE, "test", hosts["live"]),
            (Environment.TEST, "live", hosts["test"]),
            (Environment.LIVE, "live", "https://simulated.example"),
            (Environment.LIVE, "live", self.base_url),
            (Environment.SIMULATED, "simulated", hosts["live"]),
        ):
            self._write_keys(keys_for)
            try:
                open_provider(Profile(self.provider, environment, address, self.keys_path)).close()
            except MixedEnvironments:
                continue
            yield f"{keys_for} keys reach {address} as {environment}"
        self._write_keys("simulated")

    def close(self) -> None:
        for opened in (self.adapter, self.control, self.faults):
            opened.close()
        stop(self._simulation)

    def payout(self, payment: Payment) -> Payout:
        number = payment.account or self.number
        receiver = Receiver(self.instrument, number, payment.name, self.bank, "001060001234")
        return Payout(payment.reference, payment.amount_vnd, "Tro cap BHXH", receiver)

    def _sent(self, adapter: Any, payment: Payment, request_id: str) -> Outcome:
        payout = self.payout(payment)
        outcome: Outcome = adapter.send_payout(adapter.build_payout(payout, Asking(request_id, NOW)), payout).outcome
        return outcome

    def _inquired(self, adapter: Any, reference: str) -> Inquiry:
        payout = self.payout(self._payments.get(reference, Payment(reference)))
        answer: OnlineAnswer = adapter.query_payout(payout, Asking(f"Q{secrets.token_hex(4)}", NOW))
        return Inquiry(answer.found, answer.outcome)

    def _answered(self, respond: Any, payment: Payment) -> Outcome:
        adapter = self.open(httpx2.MockTransport(respond))
        outcome = self._sent(adapter, payment, f"R{payment.reference}")
        adapter.close()
        return outcome

    def _read(self, told: bytes) -> Notification | None:
        notification: Notification | None = self.adapter.read_notification(told)
        return notification

    def _write_keys(self, environment: str) -> None:
        self.keys_path.unlink(missing_ok=True)
        with os.fdopen(os.open(self.keys_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump({"provider": self.provider, "environment": environment, "keys": self.ours}, file)


class MomoBench(WalletBench):
    """Payouts to wallets by MoMo."""

    provider = "momo"
    key_bits = 3072
    """MoMo's own has 4096; this one, too, takes the longest name, and is made sooner."""

    def keys(self) -> tuple[dict[str, str], dict[str, str]]:
        ours = {"partner_code": "MOMOBENCH", "access_key": "ACbench01", "secret_key": "SKbench01"}
        return ours | {"rsa_public_key": public_pem(self.private_key)}, ours | {
            "rsa_private_key": private_pem(self.private_key)
        }

    def open(self, transport: httpx2.BaseTransport | None) -> Momo:
        return Momo(self.profile, transport=transport)

    def codes(self) -> Iterator[Mapped]:
        rows = [(code, outcome) for _, field, code, outcome in momo_codes.table().rows() if field == "resultCode"]
        for code, documented in [*rows, (UNLISTED, Outcome.UNKNOWN)]:
            number, _, condition = code.partition(" ")
            body = {"orderId": "P1", "resultCode": int(number), "amount": 1}
            capture = "false" not in condition
            read = momo_answers.moved(_json(body), "P1", amount_vnd=1, auto_capture=capture)
            yield Mapped(code, documented, read.outcome)

    def told(self, payment: Payment, *, more_vnd: int = 0, key: str | None = None) -> bytes:
        keys = momo.Keys("MOMOBENCH", "ACbench01", key or "SKbench01")
        names = momo.SIGNED[momo.Operation.NOTIFICATION]
        fields: dict[str, Any] = {name: "" for name in names if name != "accessKey"} | {"partnerCode": "MOMOBENCH"}
        fields |= {"orderId": payment.reference, "amount": payment.amount_vnd + more_vnd, "resultCode": 0}
        return json.dumps({**fields, "signature": momo.sign(momo.Operation.NOTIFICATION, fields, keys)}).encode()


class ZaloPayBench(WalletBench):
    """Top-ups of wallets by ZaloPay; its callbacks are about orders."""

    provider = "zalopay"
    number = "mu0901234567"

    def keys(self) -> tuple[dict[str, str], dict[str, str]]:
        ours = {"app_id": "2553", "key1": "K1bench01", "key2": "K2bench01"}
        return ours | {"rsa_private_key": private_pem(self.private_key)}, ours | {
            "rsa_public_key": public_pem(self.private_key)
        }

    def open(self, transport: httpx2.BaseTransport | None) -> ZaloPay:
        return ZaloPay(self.profile, transport=transport)

    def codes(self) -> Iterator[Mapped]:
        for operation, field, code, documented in zalopay_codes.table().rows():
            if operation not in (zalopay.Operation.TOPUP, zalopay.Operation.TRANSACTION):
                continue
            by_status = {"return_code": 1, "data": {"status": int(code)}}
            by_code = {"return_code": 2, "sub_return_code": int(code)}
            fields = by_status if field == "data.status" else by_code
            made = zalopay_codes.outcome(zalopay.Operation(operation), fields)
            yield Mapped(f"{operation} {field} {code}", documented, made)
        unlisted = {"return_code": 2, "sub_return_code": int(UNLISTED)}
        yield Mapped(UNLISTED, Outcome.UNKNOWN, zalopay_codes.outcome(zalopay.Operation.TOPUP, unlisted))

    def told(self, payment: Payment, *, more_vnd: int = 0, key: str | None = None) -> bytes:
        order = {"app_id": 2553, "app_trans_id": payment.reference, "amount": payment.amount_vnd + more_vnd}
        data = json.dumps({**order, "zp_trans_id": 1})
        mac = zalopay.callback_mac(data, zalopay.Keys(2553, "", key or "K2bench01"))
        return json.dumps({"data": data, "mac": mac, "type": 1}).encode()


class PayOsBench(WalletBench):
    """Payouts to bank accounts by payOS; its webhooks are about payment links."""

    provider = "payos"
    instrument = Instrument.BANK_ACCOUNT
    number = "0011004000001"
    bank = "970436"

    def keys(self) -> tuple[dict[str, str], dict[str, str]]:
        ours = {"client_id": "bench", "api_key": "APIbench01", "checksum_key": "CSbench01"}
        return ours, ours

    def open(self, transport: httpx2.BaseTransport | None) -> PayOs:
        return PayOs(self.profile, transport=transport)

    def codes(self) -> Iterator[Mapped]:
        for operation, field, code, documented in payos_codes.table().rows():
            by_state = operation == "payout_transaction"
            made = payos_codes.payout_outcome(code) if by_state else payos_codes.link_outcome(code)
            yield Mapped(f"{field} {code}", documented, made)
        yield Mapped(UNLISTED, Outcome.UNKNOWN, payos_codes.payout_outcome(UNLISTED))

    def notified_reference(self, payment: Payment) -> str:
        """payOS counts its links in whole numbers."""
        return str(int("".join(character for character in payment.reference if character.isdigit())))

    def told(self, payment: Payment, *, more_vnd: int = 0, key: str | None = None) -> bytes:
        number = int(self.notified_reference(payment))
        data = {"orderCode": number, "amount": payment.amount_vnd + more_vnd, "currency": "VND", "code": "00"}
        signature = payos.signature(payos.data_string(data), payos.Keys("", "", key or "CSbench01"))
        return json.dumps({"data": data, "signature": signature}).encode()

    def return_problems(self, payment: Payment) -> Iterator[str]:
        yield from super().return_problems(payment)
        if self.inquire(payment.reference).outcome is not Outcome.RETURNED:
            yield "REVERSED did not come through"


def odd_responses() -> Iterator[tuple[str, httpx2.Response]]:
    for status in (500, 502, 503, 504, 429):
        yield str(status), httpx2.Response(status, json={"resultCode": 0, "return_code": 1, "code": "00"})
    yield "a redirect", httpx2.Response(302, headers={"location": "https://elsewhere.example/"})
    yield "HTML", httpx2.Response(200, content=_HTML, headers={"content-type": "text/html"})
    yield "an empty body", httpx2.Response(200, headers={"content-type": "application/json"})
    yield (
        "half an answer",
        httpx2.Response(200, content=b'{"resultCode":', headers={"content-type": "application/json"}),
    )
    yield "another type", httpx2.Response(200, content=b'{"resultCode":0}', headers={"content-type": "text/plain"})
    yield "a list", httpx2.Response(200, json=[{"resultCode": 0}])
    yield "fields nobody knows", httpx2.Response(200, json={"hello": "world"})


def _json(fields: dict[str, Any]) -> Answer:
    return Answer(200, "application/json", {}, json.dumps(fields).encode())


def private_pem(key: rsa.RSAPrivateKey) -> str:
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, plain).decode()


def public_pem(key: rsa.RSAPrivateKey) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()
