"""The bench of the post office: lists out, settlements in, the post's side played by the simulated one."""

import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from gateways.conformance.bench import Inquiry, LineFault, Mapped, Payment
from gateways.conformance.host_to_host import FUND, VECTORS, HostToHostBench, account_of
from gateways.contract import Gateway, GatewaySettings, Operation, Outcome
from gateways.errors import Refused
from gateways.filedrop import FileDrop
from gateways.post_office import gateway as post_office
from gateways.registry import open_gateway
from gateways.sheets import read_sheet
from gateways.simulator.post_office import PostOfficeSide


class PostOfficeBench(HostToHostBench):
    """The post looks into the directory right after every list, pays, and settles at once."""

    adapter = "post_office"
    sheet = post_office.SHEET
    vector = VECTORS / "post_office.csv"

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self._exchange = home / "exchange"
        self.settings = GatewaySettings(self.adapter, self._exchange.as_uri(), "conformance", self.key)
        self._gateway = open_gateway(self.adapter, self.settings)
        self._side = PostOfficeSide(self.bank_home, self._exchange)
        self._hidden: set[str] = set()

    @property
    def gateway(self) -> Gateway:
        return self._gateway

    @property
    def bank_home(self) -> Path:
        return self.home / "post"

    def restart(self) -> None:
        self._gateway = open_gateway(self.adapter, self.settings)

    def pay(self, payment: Payment) -> Outcome:
        outcome = self._dropped(payment)
        for message_id in self._side.take():
            self._side.settle(message_id)
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

    def credits(self, reference: str) -> int:
        person = account_of(Payment(reference))
        return sum(counter.person == person and counter.result == "01" for counter in self._side.counters())

    def received_name(self, reference: str) -> str:
        return next((one.name for one in self._side.counters() if one.reference == reference), "")

    def break_line(self, fault: LineFault, payment: Payment) -> Outcome:
        match fault:
            case LineFault.BEFORE_SENDING:
                shutil.move(self._exchange / "out", self.home / "away")
                outcome = self._dropped(payment)
                shutil.move(self.home / "away", self._exchange / "out")
                return outcome
            case LineFault.AFTER_SENDING:
                self._dropped(payment)
                self._side.take()
                return self._dropped(payment)
            case LineFault.WHILE_READING:
                self._dropped(payment)
                self._side.take()
                self._side.settle(payment.reference, cut=100)
                inquiry = self.inquire(payment.reference)
                return Outcome.UNKNOWN if inquiry.found is None else Outcome.FAILED

    def vector_problems(self) -> Iterator[str]:
        return self.written_vector_problems()

    def codes(self) -> Iterator[Mapped]:
        documented = {code: row["outcome"] for code, row in read_sheet(self.sheet, self.today)["codes"].items()}
        for number, (code, word) in enumerate((documented | {"99": "unknown", "": "unknown"}).items()):
            reference = f"CF02N{number}"
            self._put(reference, _settlement(reference, code, 4_250_000 if word == "success" else 0))
            yield Mapped(code, Outcome(word), self.inquire(reference).outcome)
        self._put("CF02X", _settlement("CF02X", "01", 0))
        yield Mapped("01 without money", Outcome.UNKNOWN, self.inquire("CF02X").outcome)

    def odd_answers(self) -> Iterator[tuple[str, Outcome]]:
        """A list that is dropped is not answered."""
        yield "no answer", self._dropped(Payment("CF04A"))

    def odd_inquiries(self) -> Iterator[tuple[str, Inquiry]]:
        whole = _settlement("CF04A", "11", 0)
        odd = {
            "HTML": b"<html>no such list</html>",
            "empty": b"",
            "cut within a line": whole[:-20],
            "cut after a line": whole[: whole.rindex("Cộng".encode())],
            "another sum": whole.replace(b"1,,0,", b"1,,5,"),
            "no text": b"\xff\xfe\x00\n",
            "an amount with a point": whole.replace(b",11,0,", b",11,0.5,"),
        }
        for name, content in odd.items():
            self._put("CF04A", content)
            yield name, self.inquire("CF04A")

    def repeated_news_problems(self, payment: Payment) -> Iterator[str]:
        self.pay(payment)
        straight = self._gateway.inquire_batch(payment.reference).instructions
        for reverse in (False, True):
            self._side.settle(payment.reference, reverse=reverse)
            if self._gateway.inquire_batch(payment.reference).instructions != straight:
                yield "a settlement that came again says something else"
        self._put("CF07C", _settlement("CF07B", "11", 0))
        if self.inquire("CF07C").found is not None:
            yield "a settlement of another list was believed"

    def return_problems(self, payment: Payment) -> Iterator[str]:
        """Cash that was handed over does not come back by itself; money nobody came for is settled as unpaid."""
        self.pay(payment)
        if self.inquire(payment.reference).outcome is not Outcome.SUCCESS:
            yield "cash that was handed over is not a success"
        unpaid = replace(payment, reference=f"{payment.reference}U", account="790219001")
        self.pay(unpaid)
        if self.inquire(unpaid.reference).outcome is not Outcome.FAILED:
            yield "money that nobody came for is not told"
        name = self._side.close_day(self.today, unpaid.reference)
        shown = [self._gateway.fetch_statement(one).content for one in self._gateway.list_statements(self.today)]
        if not any(f"{unpaid.reference},11,0".encode() in content for content in shown):
            yield f"{name} does not come through"
        self.today += timedelta(days=1)

    def clock_problems(self) -> Iterator[str]:
        """Lists carry no signature and no instant, only the day of payment."""
        day = self.today.isoformat().encode()
        if day not in self.file(Payment("CF11A")).splitlines()[0]:
            yield f"the list does not say {self.today}"

    def recording_problems(self, payment: Payment) -> Iterator[str]:
        outcome = self.pay(payment)
        shown = repr(self._gateway) + repr(self.settings) + repr(payment) + outcome
        shown += "".join(path.read_text() for path in (self._exchange / "sent").iterdir())
        shown += repr(self._side.counters())
        if str(payment.account) in shown or FUND in shown:
            yield "a person's number stands where anybody looks"

    def environment_problems(self) -> Iterator[str]:
        """Directories are reached without keys of ours; an address of another kind is refused."""
        try:
            open_gateway(self.adapter, replace(self.settings, base_url="https://post.example.vn"))
        except Refused:
            return
        yield "an address that is no directory was not refused"

    def gateway_without(self, operation: Operation) -> Gateway:
        sheet = dict(read_sheet(self.sheet, self.today))
        sheet["operations"] = [name for name in sheet["operations"] if name != operation]
        return post_office.over(self.adapter, sheet, FileDrop(self._exchange, time.time))

    def close(self) -> None:
        self._gateway.close()

    def _dropped(self, payment: Payment) -> Outcome:
        return self._gateway.submit_batch(payment.reference, f"{payment.reference}.csv", self.file(payment)).outcome

    def _put(self, message_id: str, content: bytes) -> None:
        (self._exchange / "in" / f"{message_id}.001.C74a-HD.csv").write_bytes(content)


def _settlement(reference: str, code: str, paid_vnd: int) -> bytes:
    head = f"C74a-HD,{reference}\r\nSTT,Mã khoản chi,Kết quả,Số tiền đã chi (đồng),Ngày chi\r\n"
    return f"{head}1,{reference},{code},{paid_vnd},2026-11-25\r\nCộng,1,,{paid_vnd},\r\n".encode()
