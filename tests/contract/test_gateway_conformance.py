"""The conformance suite: every adapter of ours passes it, and an adapter with one fault is red in the right row."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime
from importlib.metadata import entry_points
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import httpx2
import pytest
from typer.testing import CliRunner

import gateways.http
import gateways.recording
from engine.cli import app
from gateways import registry
from gateways.banks import simdrop
from gateways.conformance import suite
from gateways.conformance.host_to_host import VECTORS
from gateways.conformance.simbank import SimBankBench
from gateways.contract import (
    AccountQuestion,
    BatchAnswer,
    BatchOrder,
    Capabilities,
    Gateway,
    GatewaySettings,
    Health,
    Instruction,
    Operation,
    Outcome,
    StatementFile,
    StatusReport,
    VerifiedAccount,
)
from gateways.errors import Unsupported
from gateways.iso20022.schemas import validate
from gateways.registry import adapters

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("adapter", adapters())
def test_every_adapter_of_ours_conforms(adapter: str, tmp_path: Path) -> None:
    bench = suite.open_bench(adapter, tmp_path)
    rows = suite.run(bench)
    bench.close()

    assert [(row.number, row.problems) for row in rows if not row.passed] == []
    assert [row.number for row in rows] == list(range(1, 16))


class Wrapped:
    """An adapter that passes everything on; each fault overrides one call."""

    def __init__(self, inner: Gateway) -> None:
        self.inner = inner

    @property
    def capabilities(self) -> Capabilities:
        return self.inner.capabilities

    def write_batch(self, order: BatchOrder, instructions: Iterable[Instruction], to: BinaryIO) -> None:
        self.inner.write_batch(order, instructions, to)

    def submit_batch(self, message_id: str, file_name: str, content: bytes) -> BatchAnswer:
        return self.inner.submit_batch(message_id, file_name, content)

    def inquire_batch(self, message_id: str) -> StatusReport:
        return self.inner.inquire_batch(message_id)

    def list_statements(self, on: date) -> tuple[str, ...]:
        return self.inner.list_statements(on)

    def fetch_statement(self, name: str) -> StatementFile:
        return self.inner.fetch_statement(name)

    def verify_accounts(
        self, message_id: str, questions: Sequence[AccountQuestion], at: datetime
    ) -> tuple[VerifiedAccount, ...]:
        return self.inner.verify_accounts(message_id, questions, at)

    def check(self, on: date) -> Health:
        return self.inner.check(on)

    def close(self) -> None:
        self.inner.close()


class OtherBytes(Wrapped):
    """1: writes another charge bearer than the vector has."""

    def write_batch(self, order: BatchOrder, instructions: Iterable[Instruction], to: BinaryIO) -> None:
        written = BytesIO()
        self.inner.write_batch(order, instructions, written)
        to.write(written.getvalue().replace(b"<ChrgBr>DEBT", b"<ChrgBr>SHAR"))


class UnlistedIsFailed(Wrapped):
    """2: takes a code that is not in the table for a refusal."""

    def submit_batch(self, message_id: str, file_name: str, content: bytes) -> BatchAnswer:
        answer = self.inner.submit_batch(message_id, file_name, content)
        return replace(answer, outcome=Outcome.FAILED) if answer.code == "ZZ99" else answer


class CutIsFailed(Wrapped):
    """3: takes a connection that broke for a refusal."""

    def submit_batch(self, message_id: str, file_name: str, content: bytes) -> BatchAnswer:
        answer = self.inner.submit_batch(message_id, file_name, content)
        return replace(answer, outcome=Outcome.FAILED) if "RemoteProtocolError" in answer.text else answer


class TroubleIsFailed(Wrapped):
    """4: takes a proxy's page for a refusal."""

    def submit_batch(self, message_id: str, file_name: str, content: bytes) -> BatchAnswer:
        answer = self.inner.submit_batch(message_id, file_name, content)
        return replace(answer, outcome=Outcome.FAILED) if "text/html" in answer.text else answer


class ForgetsTheFirst(Wrapped):
    """5: after a duplicate it says that there is no such file."""

    def __init__(self, inner: Gateway) -> None:
        super().__init__(inner)
        self.doubled: set[str] = set()

    def submit_batch(self, message_id: str, file_name: str, content: bytes) -> BatchAnswer:
        answer = self.inner.submit_batch(message_id, file_name, content)
        if answer.code == "DUPL":
            self.doubled.add(message_id)
        return answer

    def inquire_batch(self, message_id: str) -> StatusReport:
        return StatusReport(found=False) if message_id in self.doubled else self.inner.inquire_batch(message_id)


class NewNumberEachTime(Wrapped):
    """6: gives a repeated file a message id of its own, and references that no bank can know again."""

    def __init__(self, inner: Gateway) -> None:
        super().__init__(inner)
        self.sent: dict[str, bytes] = {}

    def submit_batch(self, message_id: str, file_name: str, content: bytes) -> BatchAnswer:
        if self.sent.get(message_id) == content:
            fresh = f"{message_id}N{len(self.sent)}"
            self.sent[fresh] = content
            return self.inner.submit_batch(fresh, file_name, content.replace(message_id.encode(), fresh.encode()))
        self.sent[message_id] = content
        return self.inner.submit_batch(message_id, file_name, content)


class NotFoundIsFailed(Wrapped):
    """8: takes a file that the bank took and does not find yet for one that failed."""

    def __init__(self, inner: Gateway) -> None:
        super().__init__(inner)
        self.taken: set[str] = set()

    def submit_batch(self, message_id: str, file_name: str, content: bytes) -> BatchAnswer:
        self.taken.add(message_id)
        return self.inner.submit_batch(message_id, file_name, content)

    def inquire_batch(self, message_id: str) -> StatusReport:
        report = self.inner.inquire_batch(message_id)
        if report.found is False and message_id in self.taken:
            return StatusReport(found=True, group_status="RJCT", group_outcome=Outcome.FAILED)
        return report


class HidesReturns(Wrapped):
    """9: hands on statements without the returns."""

    def fetch_statement(self, name: str) -> StatementFile:
        file = self.inner.fetch_statement(name)
        return replace(file, content=file.content.replace(b"RRTN", b"DMCT"))


class CutsAmounts(Wrapped):
    """10: pays the most that can be paid where more was ordered."""

    def write_batch(self, order: BatchOrder, instructions: Iterable[Instruction], to: BinaryIO) -> None:
        most = self.capabilities.max_amount_vnd
        fitting = [replace(one, amount_vnd=min(one.amount_vnd, most)) for one in instructions]
        self.inner.write_batch(replace(order, total_vnd=sum(one.amount_vnd for one in fitting)), fitting, to)


class KnowsNoClock(Wrapped):
    """11: does not tell that the clocks differ."""

    def check(self, on: date) -> Health:
        return replace(self.inner.check(on), clock_offset_seconds=None)


class RemembersOnlyItself(Wrapped):
    """15: knows of a file only while its own process lives."""

    def __init__(self, inner: Gateway) -> None:
        super().__init__(inner)
        self.own: set[str] = set()

    def submit_batch(self, message_id: str, file_name: str, content: bytes) -> BatchAnswer:
        self.own.add(message_id)
        return self.inner.submit_batch(message_id, file_name, content)

    def inquire_batch(self, message_id: str) -> StatusReport:
        known = message_id in self.own or message_id.startswith(("CF02", "CF04", "CF07"))
        return self.inner.inquire_batch(message_id) if known else StatusReport(found=False)


class UnsignedIsBelieved(SimBankBench):
    """7: forgets the bank's key."""

    def opened(
        self,
        settings: GatewaySettings,
        transport: httpx2.BaseTransport | None = None,
        clock: Callable[[], float] = time.time,
    ) -> Gateway:
        settings.signing_key_path.with_name("bench.bank.pem").unlink(missing_ok=True)
        return super().opened(settings, transport, clock)


class OffersEverything(SimBankBench):
    """13: does what its sheet does not declare."""

    def gateway_without(self, _: Operation) -> Gateway:
        return self.opened(self.settings)


def bench_with(fault: type[Wrapped]) -> type[SimBankBench]:
    class Faulty(SimBankBench):
        def opened(
            self,
            settings: GatewaySettings,
            transport: httpx2.BaseTransport | None = None,
            clock: Callable[[], float] = time.time,
        ) -> Gateway:
            return fault(super().opened(settings, transport, clock))

    return Faulty


@contextmanager
def patched(row: int) -> Iterator[None]:
    """Faults of what adapters share: the scrubber (12), the check of environments (14)."""
    with pytest.MonkeyPatch.context() as patch:
        if row == 12:
            patch.setattr(gateways.recording, "scrub", lambda text: text)
        if row == 14:
            patch.setattr(gateways.http, "require_one_environment", lambda *_: None)
        yield


PLANTED: dict[int, type[SimBankBench]] = {
    1: bench_with(OtherBytes),
    2: bench_with(UnlistedIsFailed),
    3: bench_with(CutIsFailed),
    4: bench_with(TroubleIsFailed),
    5: bench_with(ForgetsTheFirst),
    6: bench_with(NewNumberEachTime),
    7: UnsignedIsBelieved,
    8: bench_with(NotFoundIsFailed),
    9: bench_with(HidesReturns),
    10: bench_with(CutsAmounts),
    11: bench_with(KnowsNoClock),
    12: SimBankBench,
    13: OffersEverything,
    14: SimBankBench,
    15: bench_with(RemembersOnlyItself),
}


@pytest.mark.parametrize("row", PLANTED)
def test_one_planted_fault_is_red_in_its_row_alone(row: int, tmp_path: Path) -> None:
    with patched(row):
        bench = PLANTED[row](tmp_path)
        rows = suite.run(bench)
        bench.close()

    assert [found.number for found in rows if not found.passed] == [row], rows
    assert not any("it broke" in problem for found in rows for problem in found.problems)


def test_the_files_of_the_vectors_are_valid() -> None:
    for name, message in (("simbank", "pain.001.001.09"), ("simdrop", "pain.001.001.03")):
        validate((VECTORS / f"{name}.xml").read_bytes(), message)


def test_an_adapter_without_a_vector_of_its_own_is_told_where_to_find_one(tmp_path: Path) -> None:
    class Unwritten(SimBankBench):
        vector = tmp_path / "vector.xml"

    bench = Unwritten(tmp_path / "home")
    row = suite.row_of(bench, 1)
    bench.close()

    assert "keep it as" in row.problems[0]
    assert (tmp_path / "home" / "vector.xml").read_bytes() == (VECTORS / "simbank.xml").read_bytes()


def test_the_command_prints_fifteen_rows_and_an_unknown_adapter_is_refused() -> None:
    done = CliRunner().invoke(app, ["gateway", "conformance", "simdrop", "--json"])

    assert done.exit_code == 0, done.output
    assert [row["case"] for row in json.loads(done.stdout)] == list(range(1, 16))
    with pytest.raises(Unsupported):
        suite.open_bench("nobank", Path())


THIRD_PARTY = """
from pathlib import Path
from gateways.banks.host_to_host import files_bank

SHEET = Path(__file__).with_suffix(".yaml")
ADAPTER = files_bank(SHEET, "thuchi_mybank_bench:MyBankBench")
NOTHING = "no adapter"
"""
BENCH = """
from gateways.conformance.simdrop import SimDropBench

class MyBankBench(SimDropBench):
    adapter = "mybank"
"""


@pytest.fixture
def third_party(tmp_path: Path) -> Path:
    """A distribution as pip leaves it in a site directory: a module and its metadata."""
    (tmp_path / "thuchi_mybank.py").write_text(THIRD_PARTY)
    (tmp_path / "thuchi_mybank_bench.py").write_text(BENCH)
    sheet = simdrop.SHEET.read_text("utf-8").replace("Ngân hàng Mô phỏng (SimBank), trao đổi tệp", "Ngân hàng khác")
    (tmp_path / "thuchi_mybank.yaml").write_text(sheet, "utf-8")
    metadata = tmp_path / "thuchi_mybank-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: thuchi-mybank\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        f"[{registry.ENTRY_POINT_GROUP}]\nmybank = thuchi_mybank:ADAPTER\n"
        "simbank = thuchi_mybank:ADAPTER\nnothing = thuchi_mybank:NOTHING\n"
    )
    return tmp_path


def test_an_adapter_of_another_distribution_is_found_used_and_conforms(third_party: Path) -> None:
    """In a process of its own, as a stranger would run it; our own names cannot be taken."""
    script = (
        "from gateways.registry import adapters, capabilities_of; from gateways.errors import Unsupported\n"
        "assert 'mybank' in adapters() and adapters().count('simbank') == 1\n"
        "assert capabilities_of('ours', 'mybank').bank_name == 'Ngân hàng khác'\n"
        "assert 'SimBank' in capabilities_of('ours', 'simbank').bank_name\n"
        "try: capabilities_of('ours', 'nothing')\n"
        "except Unsupported as error: print(error)\n"
    )
    environment = {**os.environ, "PYTHONPATH": f"{third_party}{os.pathsep}{ROOT}"}
    told = subprocess.run(
        [sys.executable, "-c", script], env=environment, cwd=third_party, check=True, capture_output=True, text=True
    )
    assert "is no gateways.adapter.Adapter" in told.stdout

    command = [sys.executable, "-m", "pytest", "-q", "-p", "gateways.conformance.plugin", "-p", "no:cacheprovider"]
    command += ["--pyargs", "gateways.conformance", "--gateway", "mybank"]
    suite_run = subprocess.run(command, env=environment, cwd=third_party, check=False, capture_output=True, text=True)
    assert suite_run.returncode == 0, suite_run.stdout
    assert "15 passed" in suite_run.stdout
    assert not [point for point in entry_points(group=registry.ENTRY_POINT_GROUP) if point.name == "mybank"]
