"""The bench of SimBank, and of any bank that keeps to its contract over HTTPS: a bank on loopback, in this process."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx2

from gateways.banks import simbank
from gateways.banks.host_to_host import profile_on
from gateways.conformance.bench import Inquiry, LineFault, Mapped, Payment
from gateways.conformance.host_to_host import (
    FIRST_DAY,
    FUND,
    RETURNING_ACCOUNT,
    VECTORS,
    HostToHostBench,
    at_nine,
    status_documents,
)
from gateways.contract import Gateway, GatewaySettings, Operation, Outcome
from gateways.credentials import MixedEnvironments
from gateways.http import Wire
from gateways.iso20022.host_to_host import HostToHostBank
from gateways.iso20022.over_https import OverHttps
from gateways.registry import open_gateway
from gateways.sheets import read_sheet
from gateways.signing import content_digest, ensure_key
from gateways.simulator.bank import Bank
from gateways.simulator.client import SimulatorControl
from gateways.simulator.errors import Unsigned
from gateways.simulator.faults import Call, Fault
from gateways.simulator.process import Address, write_address
from gateways.simulator.reading import verify_signature
from gateways.simulator.service import server

CLIENT = "conformance"
_SECRET_NAME = "NGUYEN VAN AN"  # noqa: S105 - a name that must not be recorded
_CLOSED_MINUTES, _OPEN_MINUTES = 11, 9
_OFFSET_TOLERANCE_SECONDS = 5

Clock = Callable[[], float]


class SimBankBench(HostToHostBench):
    """The adapter named in `adapter`, against the simulated bank."""

    adapter = "simbank"
    sheet = simbank.SHEET
    vector = VECTORS / "simbank.xml"

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self._bank = Bank(self.bank_home)
        token = Address.new(0).control_token
        self._serving = server(self._bank, 0, token)
        self._thread = threading.Thread(target=self._serving.run)
        self._thread.start()
        while not self._serving.started:
            os.sched_yield()
        address = Address(self._serving.servers[0].sockets[0].getsockname()[1], token, None)
        write_address(self.bank_home, address)
        self.control = SimulatorControl(self.bank_home)
        bank_key = self.control.register_client(CLIENT, ensure_key(self.key))
        self.key.with_name("bench.bank.pem").write_text(bank_key)
        self.control.set_clock(at_nine(FIRST_DAY))
        self.control.open_account(FUND, "BHXH VIET NAM", 10**14)
        self.settings = GatewaySettings(self.adapter, address.base_url, CLIENT, self.key)
        self._gateway = self.opened(self.settings)

    @property
    def gateway(self) -> Gateway:
        return self._gateway

    @property
    def bank_home(self) -> Path:
        return self.home / "bank"

    def opened(
        self, settings: GatewaySettings, transport: httpx2.BaseTransport | None = None, clock: Clock = time.time
    ) -> Gateway:
        return open_gateway(self.adapter, settings, transport, clock)

    def restart(self) -> None:
        self._gateway.close()
        self._gateway = self.opened(self.settings)

    def pay(self, payment: Payment) -> Outcome:
        return self._submitted(self._gateway, payment)

    def hide_once(self, reference: str) -> None:
        self.control.plan_fault(Fault.STATUS_NOT_FOUND, Call.INQUIRE, message_id=reference)

    def break_line(self, fault: LineFault, payment: Payment) -> Outcome:
        match fault:
            case LineFault.BEFORE_SENDING:
                with socket.create_server(("127.0.0.1", 0)) as probe:
                    port = probe.getsockname()[1]
                away = self.opened(replace(self.settings, base_url=f"http://127.0.0.1:{port}"))
                try:
                    return self._submitted(away, payment)
                finally:
                    away.close()
            case LineFault.AFTER_SENDING:
                self.control.plan_fault(Fault.DROP_AFTER, message_id=payment.reference)
            case LineFault.WHILE_READING:
                self.control.plan_fault(Fault.TRUNCATED, message_id=payment.reference)
        return self.pay(payment)

    def vector_problems(self) -> Iterator[str]:
        yield from self.written_vector_problems()
        seen: list[httpx2.Request] = []

        def keep(request: httpx2.Request) -> httpx2.Response:
            seen.append(request)
            return httpx2.Response(503)

        now = 1_763_778_600
        gateway = self.opened(self.settings, httpx2.MockTransport(keep), lambda: float(now))
        gateway.submit_batch("CF01A", "CF01A.xml", b"<Document/>")
        gateway.close()
        keys = {CLIENT: ensure_key(self.key)}
        for body, good in ((b"<Document/>", True), (b"<Document />", False)):
            request = seen[0]
            try:
                verify_signature("PUT", request.url.path, "", request.headers, body, keys, now)
            except Unsigned as error:
                if good:
                    yield f"the bank does not believe our signature: {error}"
            else:
                if not good:
                    yield "the bank believes our signature over another body"

    def codes(self) -> Iterator[Mapped]:
        payment = Payment("CF02A")
        content = self.file(payment)
        documented = dict(read_sheet(self.sheet, self.today)["submit_codes"])
        documented |= {"202 NEW_CODE": "unknown", "422 ZZ99": "unknown", "418 ACCEPTED": "unknown"}
        for code, word in documented.items():
            status, _, told = code.partition(" ")
            answer = {"code": told, "message_id": "CF02A", "content_digest": content_digest(content), "text": ""}
            yield Mapped(code, Outcome(word), self._told(httpx2.Response(int(status), json=answer), payment))
        for code, outcome, document in status_documents("CF02A"):
            response = httpx2.Response(200, content=document, headers={"content-digest": content_digest(document)})
            yield Mapped(code, outcome, self._asked(response, "CF02A").outcome)

    def odd_answers(self) -> Iterator[tuple[str, Outcome]]:
        payment = Payment("CF04A")
        echo = {"code": "ACCEPTED", "message_id": "CF04A", "content_digest": content_digest(self.file(payment))}
        for status in (500, 502, 503, 504, 429):
            yield f"{status}", self._told(httpx2.Response(status, json=echo), payment)
        for status in (200, 202, 401, 404, 502):
            yield f"HTML with {status}", self._told(httpx2.Response(status, html="<html/>"), payment)
        for name, response in _odd(202).items():
            yield name, self._told(response, payment)
        yield "more fields", self._told(httpx2.Response(202, json={**echo, "more": [1]}), payment)

    def odd_inquiries(self) -> Iterator[tuple[str, Inquiry]]:
        for status in (500, 502, 503, 504, 429):
            yield f"{status}", self._asked(httpx2.Response(status), "CF04A")
        for status in (200, 404, 502):
            yield f"HTML with {status}", self._asked(httpx2.Response(status, html="<html/>"), "CF04A")
        for name, response in (_odd(200) | {f"{name} with 404": odd for name, odd in _odd(404).items()}).items():
            yield name, self._asked(response, "CF04A")

    def repeated_news_problems(self, payment: Payment) -> Iterator[str]:
        self.pay(payment)
        straight = self._gateway.inquire_batch(payment.reference)
        for fault in (Fault.STATUS_DUPLICATED, Fault.STATUS_REORDERED):
            self.control.plan_fault(fault, Call.INQUIRE, message_id=payment.reference)
            if self._gateway.inquire_batch(payment.reference).instructions != straight.instructions:
                yield f"{fault}: the report says something else"
        another = next(document for _, _, document in status_documents("CF07B"))
        response = httpx2.Response(200, content=another, headers={"content-digest": content_digest(another)})
        if self._asked(response, payment.reference).found is not None:
            yield "a report about another file was believed"
        self.control.plan_fault(Fault.WRONG_SIGNATURE, Call.INQUIRE, message_id=payment.reference)
        if self.inquire(payment.reference).found is not None:
            yield "an answer that another signed was believed"

    def return_problems(self, payment: Payment) -> Iterator[str]:
        self.pay(replace(payment, account=RETURNING_ACCOUNT))
        if self.inquire(payment.reference).outcome is not Outcome.SUCCESS:
            yield "the payment was not a success before its return"
        for returned in (False, True):
            self.control.close_day(self.today)
            names = self._gateway.list_statements(self.today)
            contents = [self._gateway.fetch_statement(name).content for name in names]
            shown = any(b"RRTN" in content and payment.reference.encode() in content for content in contents)
            if shown is not returned:
                yield f"the return {'does not stand' if returned else 'stands'} on the statement of {self.today}"
            self.today += timedelta(days=1)
            self.control.set_clock(at_nine(self.today))

    def clock_problems(self) -> Iterator[str]:
        yield from self.day_problems()
        for minutes in (-_CLOSED_MINUTES, -_OPEN_MINUTES, _OPEN_MINUTES, _CLOSED_MINUTES):
            payment = Payment(f"CF11M{minutes + _CLOSED_MINUTES}")
            shifted = self.opened(self.settings, clock=lambda minutes=minutes: time.time() + 60 * minutes)  # type: ignore[misc]
            outcome = self._submitted(shifted, payment)
            offset_seconds = shifted.check(self.today).clock_offset_seconds
            shifted.close()
            believed = abs(minutes) < _CLOSED_MINUTES
            if (outcome is Outcome.PENDING) is not believed or self.credits(payment.reference) != believed:
                yield f"{minutes} minutes away: {outcome}"
            if offset_seconds is None or abs(offset_seconds + 60 * minutes) > _OFFSET_TOLERANCE_SECONDS:
                yield f"{minutes} minutes away, the check tells {offset_seconds} seconds"

    def recording_problems(self, payment: Payment) -> Iterator[str]:
        path = self.home / "recording.jsonl"
        gateway = self.opened(replace(self.settings, recording_path=path))
        outcome = self._submitted(gateway, payment)
        gateway.inquire_batch(payment.reference)
        gateway.close()
        recorded = path.read_text("utf-8") + repr(gateway) + repr(self.settings) + repr(payment) + repr(outcome)
        if payment.reference not in recorded:
            yield "nothing was recorded"
        secrets = {"an account": str(payment.account), "a name": _SECRET_NAME, "our account": FUND}
        secrets |= {"our key": self.key.read_text().splitlines()[1], "a signature": "sig1=:"}
        yield from (f"{what} stands in the recording" for what, secret in secrets.items() if secret in recorded)

    def environment_problems(self) -> Iterator[str]:
        live = self.home / "keys" / "live.pem"
        live.write_text("Environment: live\n" + self.key.read_text())
        live.chmod(0o600)
        tried = {
            "a live key at a simulator": replace(self.settings, signing_key_path=live),
            "a live key at an unknown address": replace(
                self.settings, signing_key_path=live, base_url="https://bank.example.vn"
            ),
            "a simulator's key at a bank": replace(self.settings, base_url="https://bank.example.vn"),
        }
        for what, settings in tried.items():
            try:
                self.opened(settings).close()
            except MixedEnvironments:
                continue
            yield f"{what} was not refused"

    def gateway_without(self, operation: Operation) -> Gateway:
        sheet = self._gateway.capabilities
        wire = Wire(self.settings, None, time.time)
        less = replace(sheet, operations=sheet.operations - {operation})
        return HostToHostBank(less, profile_on(self.sheet, self.today), OverHttps(wire, {}))

    def close(self) -> None:
        self._gateway.close()
        self.control.close()
        self._serving.should_exit = True
        self._thread.join()
        self._bank.close()

    def _submitted(self, gateway: Gateway, payment: Payment) -> Outcome:
        return gateway.submit_batch(payment.reference, f"{payment.reference}.xml", self.file(payment)).outcome

    def _told(self, response: httpx2.Response, payment: Payment) -> Outcome:
        gateway = self._scripted(response)
        try:
            return self._submitted(gateway, payment)
        finally:
            gateway.close()

    def _asked(self, response: httpx2.Response, reference: str) -> Inquiry:
        gateway = self._scripted(response)
        try:
            report = gateway.inquire_batch(reference)
        finally:
            gateway.close()
        outcomes = [status.outcome for status in report.instructions]
        return Inquiry(report.found, outcomes[0] if outcomes else report.group_outcome)

    def _scripted(self, response: httpx2.Response) -> Gateway:
        """The adapter over a line that gives this answer. Nobody signs it, so our key stands alone here."""
        alone = self.home / "keys" / "scripted.pem"
        if not alone.exists():
            alone.write_bytes(self.key.read_bytes())
            alone.chmod(0o600)
        settings = replace(self.settings, signing_key_path=alone)
        return self.opened(settings, httpx2.MockTransport(lambda _: response))


def _odd(status: int) -> dict[str, httpx2.Response]:
    json_type = {"content-type": "application/json"}
    return {
        "an empty body": httpx2.Response(status, content=b"", headers=json_type),
        "cut JSON": httpx2.Response(status, content=b'{"code": "ACC', headers=json_type),
        "a list": httpx2.Response(status, content=b'["ACCEPTED"]', headers=json_type),
        "text": httpx2.Response(status, text="ACCEPTED"),
        "deep JSON": httpx2.Response(status, content=b"[" * 100_000, headers=json_type),
    }
