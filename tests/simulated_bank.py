"""The simulated bank with a gateway to it, as several contract tests use it, and its statements read independently."""

import os
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta, timezone
from io import BytesIO
from pathlib import Path

from lxml import etree

from gateways.contract import BatchOrder, CategoryPurpose, Gateway, GatewaySettings, Instruction, Outcome, StatusReport
from gateways.iso20022.schemas import validate
from gateways.registry import open_gateway
from gateways.signing import ensure_key
from gateways.simulator.bank import Bank
from gateways.simulator.books import read_books
from gateways.simulator.client import SimulatorControl
from gateways.simulator.process import Address, ensure_running, read_address, write_address
from gateways.simulator.service import server

VIET_NAM = timezone(timedelta(hours=7))
PAY_DAY = date(2026, 11, 25)
FUND = "1020000123456"
OPENING_VND = 1_000_000_000


class SimulatedBank:
    """One bank process, a gateway to it, and files made for it."""

    def __init__(self, home: Path, base_url: str) -> None:
        self.home = home
        self.key = home.parent / "keys" / "signing.pem"
        self.base_url = base_url
        self.control = SimulatorControl(self.home)
        self.control.register_client("thuchi", ensure_key(self.key))
        self.set_day(PAY_DAY)
        self.control.open_account(FUND, "BHXH VIET NAM", OPENING_VND)
        self.settings = GatewaySettings("simbank", self.base_url, "thuchi", self.key)
        self.gateway: Gateway = open_gateway("simbank", self.settings)

    def close(self) -> None:
        self.control.close()
        self.gateway.close()

    def set_day(self, on: date, hour: int = 9) -> None:
        self.control.set_clock(datetime(on.year, on.month, on.day, hour, tzinfo=VIET_NAM))

    def restart(self, by: Callable[[], object]) -> None:
        by()
        assert ensure_running(self.home) == self.base_url

    def kill(self) -> None:
        address = read_address(self.home)
        assert address is not None
        assert address.pid is not None
        os.kill(address.pid, signal.SIGKILL)
        deadline = time.monotonic() + 10
        while Path(f"/proc/{address.pid}/cmdline").exists() and time.monotonic() < deadline:
            os.sched_yield()

    def file(
        self, message_id: str, *accounts: str, references: tuple[str, ...] = (), on: date = PAY_DAY, debtor: str = FUND
    ) -> bytes:
        instructions = [
            Instruction(
                reference=references[number] if references else f"{message_id}-E{number}",
                instruction_id=f"{message_id}-{number}",
                uetr=str(uuid.uuid4()),
                amount_vnd=4_000_000 + number,
                creditor_name="Nguyễn Văn Ân",
                creditor_account=account,
                creditor_bank_bin="970436",
                purpose_code="PENS",
                remittance="Lương hưu T11/2026",
            )
            for number, account in enumerate(accounts)
        ]
        order = BatchOrder(
            message_id=message_id,
            payment_info_id=f"{message_id}-P",
            created_at=datetime(2026, 11, 25, 1, tzinfo=UTC),
            execution_on=on,
            initiator_name="BHXH VIET NAM",
            debtor_name="BHXH VIET NAM",
            debtor_account=debtor,
            debtor_bank_bic="SIMBVNVX",
            category_purpose=CategoryPurpose.PENSION,
            count=len(instructions),
            total_vnd=sum(instruction.amount_vnd for instruction in instructions),
        )
        to = BytesIO()
        self.gateway.write_batch(order, instructions, to)
        return to.getvalue()

    def submit(self, message_id: str, content: bytes) -> Outcome:
        return self.gateway.submit_batch(message_id, f"{message_id}.xml", content).outcome

    def credits_of(self, message_id: str) -> list[int]:
        return [row["credits"] for row in read_books(self.home) if row["reference"].startswith(f"{message_id}-E")]


@contextmanager
def bank_on_a_thread(home: Path) -> Iterator[SimulatedBank]:
    """The bank's server on a thread of this process: the same code on the same wire, started in an instant."""
    books = Bank(home)
    token = Address.new(0).control_token
    serving = server(books, 0, token)
    thread = threading.Thread(target=serving.run)
    thread.start()
    while not serving.started:
        assert thread.is_alive()
        os.sched_yield()
    address = Address(serving.servers[0].sockets[0].getsockname()[1], token, None)
    write_address(home, address)
    bank = SimulatedBank(home, address.base_url)
    yield bank
    bank.close()
    serving.should_exit = True
    thread.join()
    books.close()


def outcomes(report: StatusReport) -> list[tuple[Outcome, str | None]]:
    return [(status.outcome, status.reason) for status in report.instructions]


class _Statement:
    """A statement as this test reads it, apart from the code under test."""

    def __init__(self, statement: etree._Element) -> None:
        balances = {balance.findtext("Tp/CdOrPrtry/Cd"): _signed(balance) for balance in statement.findall("Bal")}
        self.opening, self.closing = balances["OPBD"], balances["CLBD"]
        self.sequence = int(statement.findtext("ElctrncSeqNb") or 0)
        self.account = statement.findtext("Acct/Id/Othr/Id")
        entries = statement.findall("Ntry")
        self.adds_up = self.opening + sum(map(_signed, entries)) == self.closing
        self.adds_up &= all(
            _signed(entry) == sum(map(_signed, entry.findall("NtryDtls/TxDtls")))
            and entry.findtext("NtryDtls/Btch/TtlAmt", entry.findtext("Amt")) == entry.findtext("Amt")
            for entry in entries
        )
        self.entries = [
            (
                str(_signed(entry)),
                entry.findtext("BkTxCd/Domn/Fmly/SubFmlyCd"),
                [reference.text for reference in entry.iter("EndToEndId")],
                entry.findtext("NtryDtls/TxDtls/RtrInf/Rsn/Cd"),
            )
            for entry in entries
        ]


def _signed(element: etree._Element) -> int:
    return int(element.findtext("Amt") or 0) * (1 if element.findtext("CdtDbtInd") == "CRDT" else -1)


def statements(bank: SimulatedBank, on: date) -> dict[str | None, _Statement]:
    """Closes the day and reads its statement file, which must be valid against the schema."""
    bank.control.close_day(on)
    (name,) = bank.gateway.list_statements(on)
    fetched = bank.gateway.fetch_statement(name)
    validate(fetched.content, fetched.format_name)
    root = etree.fromstring(fetched.content)
    for element in root.iter(etree.Element):
        element.tag = etree.QName(element).localname
    return {read.account: read for read in map(_Statement, root.iter("Stmt"))}
