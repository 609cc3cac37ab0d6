"""The bench of SimDrop: files through directories, the bank's side played by the simulated bank in this process."""

import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from gateways.banks import simdrop
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
from gateways.filedrop import FileDrop
from gateways.iso20022.host_to_host import HostToHostBank
from gateways.iso20022.over_files import OverFiles
from gateways.registry import open_gateway
from gateways.simulator.bank import Bank
from gateways.simulator.bank_files import BankFiles
from gateways.simulator.reports import Listing


class SimDropBench(HostToHostBench):
    """The bank looks into the directory right after every file, and answers at once unless it is told not to."""

    adapter = "simdrop"
    sheet = simdrop.SHEET
    vector = VECTORS / "simdrop.xml"

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self._bank = Bank(self.bank_home)
        self._bank.set_clock(self._at)
        self._bank.open_account(FUND, "BHXH VIET NAM", 10**14, self._at)
        self._exchange = home / "exchange"
        self.settings = GatewaySettings(self.adapter, self._exchange.as_uri(), "conformance", self.key)
        self._gateway = self.opened()
        self._side = BankFiles(self._bank, self._exchange)
        self._hidden: set[str] = set()

    @property
    def gateway(self) -> Gateway:
        return self._gateway

    @property
    def bank_home(self) -> Path:
        return self.home / "bank"

    @property
    def _at(self) -> datetime:
        return at_nine(self.today or FIRST_DAY)

    def opened(self) -> Gateway:
        return open_gateway(self.adapter, self.settings)

    def restart(self) -> None:
        self._gateway = self.opened()

    def pay(self, payment: Payment) -> Outcome:
        outcome = self._dropped(payment)
        for message_id in self._side.take(self._at):
            self._side.report(message_id, self._at)
        return outcome

    def inquire(self, reference: str) -> Inquiry:
        if reference not in self._hidden:
            return super().inquire(reference)
        self._hidden.discard(reference)
        aside = self.home / "aside"
        shutil.move(self._exchange / "in", aside)
        (self._exchange / "in").mkdir()
        told = super().inquire(reference)
        (self._exchange / "in").rmdir()
        shutil.move(aside, self._exchange / "in")
        return told

    def hide_once(self, reference: str) -> None:
        self._hidden.add(reference)

    def break_line(self, fault: LineFault, payment: Payment) -> Outcome:
        match fault:
            case LineFault.BEFORE_SENDING:
                shutil.move(self._exchange / "out", self.home / "away")
                outcome = self._dropped(payment)
                shutil.move(self.home / "away", self._exchange / "out")
                return outcome
            case LineFault.AFTER_SENDING:
                self._dropped(payment)
                self._side.take(self._at)
                return self._dropped(payment)
            case LineFault.WHILE_READING:
                self._dropped(payment)
                self._side.take(self._at)
                self._side.report(payment.reference, self._at, cut=200)
                inquiry = self.inquire(payment.reference)
                return Outcome.UNKNOWN if inquiry.found is None else Outcome.FAILED

    def vector_problems(self) -> Iterator[str]:
        return self.written_vector_problems()

    def codes(self) -> Iterator[Mapped]:
        for number, (code, outcome, document) in enumerate(status_documents("CF02A")):
            reference = f"CF02N{number}"
            self._put_report(reference, document.replace(b"CF02A", reference.encode()))
            yield Mapped(code, outcome, self.inquire(reference).outcome)

    def odd_answers(self) -> Iterator[tuple[str, Outcome]]:
        """A file that is dropped is not answered."""
        yield "no answer", self._dropped(Payment("CF04A"))

    def odd_inquiries(self) -> Iterator[tuple[str, Inquiry]]:
        odd = {
            "HTML": b"<html>no such file</html>",
            "empty": b"",
            "cut": next(document for _, _, document in status_documents("CF04A"))[:200],
            "text": b"REJECTED\n",
            "another message": b'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"></Document>',
        }
        for name, content in odd.items():
            self._put_report("CF04A", content)
            yield name, self.inquire("CF04A")

    def repeated_news_problems(self, payment: Payment) -> Iterator[str]:
        self.pay(payment)
        straight = self._gateway.inquire_batch(payment.reference).instructions
        for listing in (Listing.TWICE, Listing.REVERSED, Listing.IN_ORDER):
            self._side.report(payment.reference, self._at, listing)
            if self._gateway.inquire_batch(payment.reference).instructions != straight:
                yield f"a report {listing} says something else"
        another = next(document for _, _, document in status_documents("CF07B"))
        self._put_report("CF07C", another)
        if self.inquire("CF07C").found is not None:
            yield "a report about another file was believed"

    def return_problems(self, payment: Payment) -> Iterator[str]:
        self.pay(replace(payment, account=RETURNING_ACCOUNT))
        if self.inquire(payment.reference).outcome is not Outcome.SUCCESS:
            yield "the payment was not a success before its return"
        for returned in (False, True):
            self._side.close_day(self.today, self._at)
            names = self._gateway.list_statements(self.today)
            contents = [self._gateway.fetch_statement(name).content for name in names]
            if any(b"RRTN" in one and payment.reference.encode() in one for one in contents) is not returned:
                yield f"the return is shown wrongly on {self.today}"
            self.today += timedelta(days=1)
            self._bank.set_clock(self._at)

    def clock_problems(self) -> Iterator[str]:
        """Files carry no signature with a time; only the day can be wrong."""
        return self.day_problems()

    def recording_problems(self, payment: Payment) -> Iterator[str]:
        """Nothing is recorded; what is noted of a file that was sent is its hash."""
        outcome = self.pay(payment)
        shown = repr(self._gateway) + repr(self.settings) + repr(payment) + outcome
        shown += "".join(path.read_text() for path in (self._exchange / "sent").iterdir())
        if str(payment.account) in shown or FUND in shown:
            yield "an account stands where anybody looks"

    def environment_problems(self) -> Iterator[str]:
        """Directories are reached without keys of ours; an address of another kind is refused."""
        try:
            open_gateway(self.adapter, replace(self.settings, base_url="https://bank.example.vn"))
        except Exception:  # noqa: BLE001 - any refusal will do
            return
        yield "an address that is no directory was not refused"

    def gateway_without(self, operation: Operation) -> Gateway:
        sheet = self._gateway.capabilities
        how = profile_on(self.sheet, self.today)
        delivery = OverFiles(FileDrop(self._exchange, time.time), how.report_names, how.statement_names)
        return HostToHostBank(replace(sheet, operations=sheet.operations - {operation}), how, delivery)

    def close(self) -> None:
        self._bank.close()

    def _dropped(self, payment: Payment) -> Outcome:
        return self._gateway.submit_batch(payment.reference, f"{payment.reference}.xml", self.file(payment)).outcome

    def _put_report(self, message_id: str, content: bytes) -> None:
        (self._exchange / "in" / f"{message_id}.001.pain002.xml").write_bytes(content)
