"""Files exchanged with a bank through directories: whole or not at all, known after a crash, picked up by name."""

import os
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from io import BytesIO
from pathlib import Path

import pytest

from gateways.contract import (
    AccountQuestion,
    BatchOrder,
    CategoryPurpose,
    Gateway,
    GatewaySettings,
    Instruction,
    Outcome,
    StatusReport,
)
from gateways.errors import Ambiguous, BadBatch, Refused, Unsupported
from gateways.filedrop import FileDrop, Whereabouts
from gateways.iso20022.schemas import validate
from gateways.registry import open_gateway
from gateways.signing import ensure_key
from gateways.simulator.bank import Bank
from gateways.simulator.bank_files import BankFiles
from gateways.simulator.reports import Listing

AT = datetime(2026, 11, 25, 9, tzinfo=timezone(timedelta(hours=7)))
PAY_DAY = date(2026, 11, 25)
FUND = "1020000123456"
CONTENT = b"<Document>1</Document>"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "exchange"


@pytest.fixture
def drop(root: Path) -> FileDrop:
    return FileDrop(root, lambda: 10_000.0)


def test_a_file_stands_out_whole_under_its_name_and_again_is_the_same_file(drop: FileDrop, root: Path) -> None:
    assert drop.put("M1.xml", CONTENT) is Whereabouts.WAITING
    assert drop.put("M1.xml", CONTENT) is Whereabouts.WAITING

    assert [path.name for path in (root / "out").iterdir()] == ["M1.xml"]
    assert (root / "out" / "M1.xml").read_bytes() == CONTENT
    assert (root / "out" / "M1.xml").stat().st_mode & 0o077 == 0


def test_other_content_under_the_same_name_is_refused(drop: FileDrop, root: Path) -> None:
    drop.put("M1.xml", CONTENT)

    with pytest.raises(Refused):
        drop.put("M1.xml", b"<Document>2</Document>")
    assert (root / "out" / "M1.xml").read_bytes() == CONTENT


def test_a_file_that_was_taken_is_never_put_out_again(drop: FileDrop, root: Path) -> None:
    drop.put("M1.xml", CONTENT)
    (root / "out" / "M1.xml").unlink()

    assert drop.put("M1.xml", CONTENT) is Whereabouts.GONE
    assert list((root / "out").iterdir()) == []


@pytest.mark.parametrize("name", ["", "../M1.xml", ".hidden", "a/b", "x" * 101, "M 1"])
def test_a_name_that_could_leave_the_directory_is_refused(drop: FileDrop, name: str) -> None:
    with pytest.raises(BadBatch):
        drop.put(name, CONTENT)
    assert drop.take(name) is None


@pytest.mark.parametrize("step", ["fsync", "rename"])
def test_after_a_crash_before_the_rename_the_file_was_never_out_and_goes_out_once(
    drop: FileDrop, root: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        if step == "fsync":
            patched.setattr(os, "fsync", crash)
        else:
            patched.setattr(Path, "rename", crash)
        with pytest.raises(KeyboardInterrupt):
            drop.put("M1.xml", CONTENT)

    after = FileDrop(root, lambda: 10_000.0)
    assert after.whereabouts("M1.xml") is Whereabouts.NEVER_OUT
    assert after.put("M1.xml", CONTENT) is Whereabouts.WAITING
    assert [path.name for path in (root / "out").iterdir()] == ["M1.xml"]


def test_half_files_are_left_alone_for_a_minute_and_then_quarantined(drop: FileDrop, root: Path) -> None:
    for name, age in (("young.xml", 30), ("old.xml", 90)):
        (root / "in" / name).write_bytes(b"<Document><Half>")
        os.utime(root / "in" / name, (10_000 - age, 10_000 - age))
    (root / "in" / "coming.xml.part").write_bytes(b"<Document/>")
    (root / "in" / "whole.xml").write_bytes(CONTENT)

    assert [file.name for file in drop.received("*")] == ["whole.xml"]
    assert drop.quarantined() == ["old.xml"]
    assert (root / "in" / "young.xml").exists()
    assert "old.xml" not in repr(next(drop.received("*")))


class FilesBank:
    """A gateway that drops files and the bank that takes them."""

    def __init__(self, home: Path, root: Path) -> None:
        self.bank = Bank(home)
        self.bank.set_clock(AT)
        self.bank.open_account(FUND, "BHXH", 10**12, AT)
        ensure_key(home / "simdrop.pem")
        settings = GatewaySettings("simdrop", root.as_uri(), "thuchi", home / "simdrop.pem")
        self.gateway: Gateway = open_gateway("simdrop", settings, seconds_now=AT.timestamp)
        self.side = BankFiles(self.bank, root)

    def file(self, message_id: str, *accounts: str) -> bytes:
        instructions = [
            Instruction(
                f"{message_id}-E{number}", f"{message_id}-{number}", str(uuid.uuid4()), 4_000_000 + number,
                "Nguyễn Văn Ân", account, "970436", "PENS", "Lương hưu",
            )
            for number, account in enumerate(accounts)
        ]  # fmt: skip
        total_vnd = sum(one.amount_vnd for one in instructions)
        order = BatchOrder(
            message_id, message_id, AT.astimezone(UTC), PAY_DAY, "BHXH", "BHXH", FUND, "SIMBVNVX",
            CategoryPurpose.PENSION, len(instructions), total_vnd,
        )  # fmt: skip
        to = BytesIO()
        self.gateway.write_batch(order, instructions, to)
        return to.getvalue()

    def submit(self, message_id: str, content: bytes) -> Outcome:
        return self.gateway.submit_batch(message_id, f"{message_id}.xml", content).outcome


@pytest.fixture
def files(tmp_path: Path, root: Path) -> Iterator[FilesBank]:
    bank = FilesBank(tmp_path / "bank", root)
    yield bank
    bank.bank.close()


def test_a_file_is_dropped_taken_and_answered(files: FilesBank) -> None:
    content = files.file("M1", "100010000", "1000RJAC06")
    assert files.gateway.inquire_batch("M1") == StatusReport(found=False)

    assert files.submit("M1", content) is Outcome.PENDING
    waiting = files.gateway.inquire_batch("M1")
    assert (waiting.found, waiting.group_outcome) == (True, Outcome.PENDING)
    assert files.side.take(AT) == ["M1"]
    assert files.gateway.inquire_batch("M1") == StatusReport(found=None)
    assert files.submit("M1", content) is Outcome.UNKNOWN
    files.side.report("M1", AT)

    report = files.gateway.inquire_batch("M1")
    assert [(one.outcome, one.reason) for one in report.instructions] == [
        (Outcome.SUCCESS, None),
        (Outcome.FAILED, "AC06"),
    ]


def test_a_half_report_tells_nothing_and_several_reports_count_together(files: FilesBank) -> None:
    files.submit("M1", files.file("M1", "100010000"))
    files.side.take(AT)
    files.side.report("M1", AT, cut=300)
    assert files.gateway.inquire_batch("M1") == StatusReport(found=None)

    files.side.report("M1", AT, Listing.NOT_YET)
    assert files.gateway.inquire_batch("M1").group_outcome is Outcome.PENDING
    files.side.report("M1", AT, Listing.TWICE)
    assert [one.outcome for one in files.gateway.inquire_batch("M1").instructions] == [Outcome.SUCCESS]


def test_statements_are_picked_up_by_day_and_say_what_they_are(files: FilesBank) -> None:
    files.submit("M1", files.file("M1", "100010000"))
    files.side.take(AT)
    name = files.side.close_day(PAY_DAY, AT)

    assert files.gateway.list_statements(PAY_DAY) == (name,)
    assert files.gateway.list_statements(date(2026, 11, 26)) == ()
    fetched = files.gateway.fetch_statement(name)
    assert fetched.format_name == "camt.053.001.08"
    validate(fetched.content, fetched.format_name)
    with pytest.raises(Ambiguous):
        files.gateway.fetch_statement("another.xml")


def test_what_the_sheet_does_not_offer_is_refused(files: FilesBank) -> None:
    with pytest.raises(Unsupported, match="verify_accounts"):
        files.gateway.verify_accounts("V1", [AccountQuestion("Q1", "A", "1", "970436")], AT)


def test_a_check_tells_of_directories_and_quarantine(files: FilesBank, root: Path) -> None:
    assert files.gateway.check(PAY_DAY).reachable
    (root / "quarantine" / "half.xml").write_bytes(b"<")
    assert "half.xml is in quarantine" in files.gateway.check(PAY_DAY).text
    (root / "in").chmod(0o755)
    assert not files.gateway.check(PAY_DAY).reachable


def test_a_disk_that_is_full_before_the_file_stands_out_is_not_accepted(
    files: FilesBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = files.file("M1", "100010000")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        assert files.submit("M1", content) is Outcome.NOT_ACCEPTED
    assert files.submit("M1", content) is Outcome.PENDING
