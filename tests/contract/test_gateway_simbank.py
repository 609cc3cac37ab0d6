"""The conformance suite against the simulated bank, over the wire; what a restart must survive, against its process."""

import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from simulated_bank import FUND, PAY_DAY, SimulatedBank, bank_on_a_thread, outcomes, statements

from gateways.contract import (
    Outcome,
    StatusReport,
)
from gateways.errors import Refused
from gateways.registry import open_gateway
from gateways.signing import ensure_key
from gateways.simulator.books import read_books
from gateways.simulator.errors import ControlRefused
from gateways.simulator.faults import Call, Fault
from gateways.simulator.process import ensure_running, read_address, stop


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[SimulatedBank]:
    with bank_on_a_thread(tmp_path / "bank") as opened:
        yield opened


@pytest.fixture
def process(tmp_path: Path) -> Iterator[SimulatedBank]:
    """The bank as a process of its own."""
    bank = SimulatedBank(tmp_path / "bank", ensure_running(tmp_path / "bank"))
    yield bank
    bank.close()
    stop(bank.home)


def test_a_file_is_accepted_and_each_payment_answered_by_how_its_account_ends(bank: SimulatedBank) -> None:
    endings = ("0000", "9001", "9002", "9003", "9004", "9011", "9012", "9013")
    content = bank.file("M1", *(f"10001{ending}" for ending in endings))

    assert bank.submit("M1", content) is Outcome.PENDING

    report = bank.gateway.inquire_batch("M1")
    assert report.found is True
    assert report.group_status == "PART"
    assert outcomes(report) == [
        (Outcome.SUCCESS, None),
        (Outcome.FAILED, "AC01"),
        (Outcome.FAILED, "AC04"),
        (Outcome.FAILED, "BE01"),
        (Outcome.UNKNOWN, "AM05"),
        (Outcome.SUCCESS, None),
        (Outcome.SUCCESS, None),
        (Outcome.SUCCESS, None),
    ]
    assert bank.credits_of("M1") == [1, 1, 1, 1]


@pytest.mark.parametrize("fault", [Fault.DROP_BEFORE, Fault.HTTP_500])
def test_a_call_lost_before_the_work_is_unknown_and_inquiry_does_not_find_the_file(
    bank: SimulatedBank, fault: Fault
) -> None:
    content = bank.file("M1", "100010000")
    bank.control.plan_fault(fault)

    assert bank.submit("M1", content) is Outcome.UNKNOWN
    assert bank.gateway.inquire_batch("M1") == StatusReport(found=False)
    assert bank.credits_of("M1") == []


@pytest.mark.parametrize("fault", [Fault.DROP_AFTER, Fault.HTML_PAGE, Fault.TRUNCATED])
def test_a_call_lost_after_the_work_is_unknown_and_inquiry_finds_the_file(bank: SimulatedBank, fault: Fault) -> None:
    content = bank.file("M1", "100010000")
    bank.control.plan_fault(fault)

    assert bank.submit("M1", content) is Outcome.UNKNOWN
    assert outcomes(bank.gateway.inquire_batch("M1")) == [(Outcome.SUCCESS, None)]
    assert bank.credits_of("M1") == [1]


def test_an_answer_that_comes_too_late_is_unknown(bank: SimulatedBank) -> None:
    content = bank.file("M1", "100010000")
    bank.control.plan_fault(Fault.DELAY, delay_seconds=1)
    impatient = open_gateway("simbank", replace(bank.settings, answer_timeout_seconds=0.3))

    assert impatient.submit_batch("M1", "M1.xml", content).outcome is Outcome.UNKNOWN
    assert bank.gateway.inquire_batch("M1").found is True
    impatient.close()


def test_faults_strike_the_nth_call_about_matching_files_only(bank: SimulatedBank) -> None:
    bank.control.plan_fault(Fault.DROP_BEFORE, message_id="RUN-*", nth=2)
    contents = {name: bank.file(name, "100010000") for name in ("RUN-1", "OTHER", "RUN-2", "RUN-3")}

    answers = [bank.submit(name, content) for name, content in contents.items()]

    assert answers == [Outcome.PENDING, Outcome.PENDING, Outcome.UNKNOWN, Outcome.PENDING]


def test_the_same_file_twice_credits_once(bank: SimulatedBank) -> None:
    content = bank.file("M1", "100010000", "100020000")

    assert [bank.submit("M1", content) for _ in range(2)] == [Outcome.PENDING, Outcome.PENDING]
    assert bank.credits_of("M1") == [1, 1]


def test_other_content_under_the_same_message_id_is_unknown_and_changes_nothing(bank: SimulatedBank) -> None:
    bank.submit("M1", bank.file("M1", "100010000"))

    assert bank.submit("M1", bank.file("M1", "100020000")) is Outcome.UNKNOWN
    assert [row["account"] for row in read_books(bank.home)] == ["100010000"]


def test_a_reference_that_was_paid_is_a_duplicate_in_another_file(bank: SimulatedBank) -> None:
    bank.submit("M1", bank.file("M1", "100010000", references=("E1",)))
    bank.submit("M2", bank.file("M2", "100010000", references=("E1",)))

    assert outcomes(bank.gateway.inquire_batch("M2")) == [(Outcome.UNKNOWN, "AM05")]
    assert [(row["reference"], row["credits"]) for row in read_books(bank.home)] == [("E1", 1)]


def test_a_reference_that_was_rejected_may_come_again(bank: SimulatedBank) -> None:
    bank.submit("M1", bank.file("M1", "100019001", references=("E1",)))
    bank.submit("M2", bank.file("M2", "100010000", references=("E1",)))

    assert outcomes(bank.gateway.inquire_batch("M2")) == [(Outcome.SUCCESS, None)]


def test_an_inquiry_may_not_find_the_file_at_first_and_then_find_it(bank: SimulatedBank) -> None:
    bank.control.plan_fault(Fault.STATUS_NOT_FOUND, Call.INQUIRE)
    bank.control.plan_fault(Fault.STATUS_LATE, Call.INQUIRE, nth=2)
    bank.submit("M1", bank.file("M1", "100010000"))

    first, second, third = (bank.gateway.inquire_batch("M1") for _ in range(3))

    assert first.found is False
    assert (second.found, second.group_status, second.group_outcome) == (True, "RCVD", Outcome.PENDING)
    assert outcomes(third) == [(Outcome.SUCCESS, None)]


@pytest.mark.parametrize("fault", [Fault.DROP_BEFORE, Fault.HTTP_500, Fault.HTML_PAGE, Fault.TRUNCATED])
def test_an_inquiry_that_fails_says_nothing(bank: SimulatedBank, fault: Fault) -> None:
    bank.submit("M1", bank.file("M1", "100010000"))
    bank.control.plan_fault(fault, Call.INQUIRE)

    assert bank.gateway.inquire_batch("M1") == StatusReport(found=None)


def test_a_file_of_another_form_is_refused_for_good_and_stays_refused(bank: SimulatedBank) -> None:
    content = bank.file("M1", "100010000").replace(b"<ChrgBr>DEBT</ChrgBr>", b"<ChrgBr>NONE</ChrgBr>")

    answers = [bank.gateway.submit_batch("M1", "M1.xml", content) for _ in range(2)]

    assert [(answer.outcome, answer.code) for answer in answers] == [(Outcome.FAILED, "FF01")] * 2
    report = bank.gateway.inquire_batch("M1")
    assert (report.group_status, report.group_outcome, report.instructions) == ("RJCT", Outcome.FAILED, ())


def test_a_file_whose_sum_is_wrong_is_refused(bank: SimulatedBank) -> None:
    content = bank.file("M1", "100010000").replace(b"<CtrlSum>4000000<", b"<CtrlSum>4000001<")

    assert bank.gateway.submit_batch("M1", "M1.xml", content).code == "AM10"


def test_a_file_without_funds_is_rejected_as_a_whole_and_its_references_may_come_again(bank: SimulatedBank) -> None:
    bank.control.open_account("1020000999999", "QUY NHO", 1)
    bank.submit("M1", bank.file("M1", "100010000", references=("E1",), debtor="1020000999999"))

    report = bank.gateway.inquire_batch("M1")
    assert (report.group_status, report.group_outcome) == ("RJCT", Outcome.FAILED)
    bank.submit("M2", bank.file("M2", "100010000", references=("E1",)))
    assert outcomes(bank.gateway.inquire_batch("M2")) == [(Outcome.SUCCESS, None)]


def test_a_file_for_a_later_day_or_after_the_cut_off_waits_for_its_day(bank: SimulatedBank) -> None:
    bank.submit("M1", bank.file("M1", "100010000", on=date(2026, 11, 26)))
    bank.set_day(PAY_DAY, hour=17)
    bank.submit("M2", bank.file("M2", "100010000"))

    assert [outcomes(bank.gateway.inquire_batch(name)) for name in ("M1", "M2")] == [[(Outcome.PENDING, None)]] * 2
    bank.set_day(date(2026, 11, 26))
    assert [outcomes(bank.gateway.inquire_batch(name)) for name in ("M1", "M2")] == [[(Outcome.SUCCESS, None)]] * 2


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_restart_keeps_the_books(process: SimulatedBank, how: str) -> None:
    content = process.file("M1", "100010000")
    process.submit("M1", content)
    process.restart((lambda: stop(process.home)) if how == "stop" else process.kill)

    assert process.submit("M1", content) is Outcome.PENDING
    assert outcomes(process.gateway.inquire_batch("M1")) == [(Outcome.SUCCESS, None)]
    assert process.credits_of("M1") == [1]


def test_books_are_read_while_the_bank_is_stopped(process: SimulatedBank) -> None:
    process.submit("M1", process.file("M1", "100010000", "100029011"))
    stop(process.home)

    assert read_books(process.home) == [
        {"reference": "M1-E0", "account": "100010000", "amount_vnd": 4_000_000, "credits": 1},
        {"reference": "M1-E1", "account": "100029011", "amount_vnd": 4_000_001, "credits": 1},
    ]
    assert process.submit("M1", b"x") is Outcome.NOT_ACCEPTED
    assert process.gateway.inquire_batch("M1") == StatusReport(found=None)


def test_a_stranger_s_signature_is_refused_before_anything_starts(bank: SimulatedBank, tmp_path: Path) -> None:
    ensure_key(tmp_path / "other.pem")
    stranger = open_gateway("simbank", replace(bank.settings, signing_key_path=tmp_path / "other.pem"))
    unknown = open_gateway("simbank", replace(bank.settings, client_id="nobody"))
    content = bank.file("M1", "100010000")

    answers = [gateway.submit_batch("M1", "M1.xml", content) for gateway in (stranger, unknown)]

    assert [(answer.outcome, answer.code) for answer in answers] == [
        (Outcome.NOT_ACCEPTED, "BAD_SIGNATURE"),
        (Outcome.NOT_ACCEPTED, "UNKNOWN_CLIENT"),
    ]
    with pytest.raises(Refused):
        stranger.list_statements(PAY_DAY)
    assert bank.gateway.inquire_batch("M1").found is False
    stranger.close()
    unknown.close()


@pytest.mark.parametrize(("minutes", "code"), [(-9, "ACCEPTED"), (9, "ACCEPTED"), (-11, "CLOCK"), (11, "CLOCK")])
def test_a_signature_ten_minutes_away_is_not_believed(bank: SimulatedBank, minutes: int, code: str) -> None:
    shifted = open_gateway("simbank", bank.settings, seconds_now=lambda: time.time() + 60 * minutes)

    assert shifted.submit_batch("M1", "M1.xml", bank.file("M1", "100010000")).code == code
    shifted.close()


def test_the_control_door_is_closed_without_its_token(bank: SimulatedBank) -> None:
    address = read_address(bank.home)
    assert address is not None
    bank.control._client.headers["authorization"] = "Bearer wrong"

    with pytest.raises(ControlRefused, match="HTTP 403"):
        bank.control.overview()
    assert address.control_token not in repr(address)
    assert {path.name: path.stat().st_mode & 0o077 for path in bank.home.glob("*.json*")} == {
        "simulator.json": 0,
        "books.jsonl": 0,
    }


def test_statements_add_up_and_follow_each_other_day_by_day(bank: SimulatedBank) -> None:
    bank.control.open_account("1020000777777", "QUY THAT NGHIEP", 5_000_000)
    bank.submit("M1", bank.file("M1", "100010000", "100019001", "100019011", "100019013"))
    bank.submit("M2", bank.file("M2", "100020000", debtor="1020000777777"))
    first = statements(bank, PAY_DAY)
    bank.set_day(date(2026, 11, 26))
    bank.control.add_credit("C1", FUND, "CTY ANH DUONG", "0101123456", "CTY ANH DUONG NOP BHXH C26110001", 18_750_000)
    bank.control.add_credit("C1", FUND, "CTY ANH DUONG", "0101123456", "CTY ANH DUONG NOP BHXH C26110001", 18_750_000)
    second = statements(bank, date(2026, 11, 26))

    assert [first[FUND].entries, second[FUND].entries] == [
        [("-12000005", "DMCT", ["M1-E0", "M1-E2", "M1-E3"], None)],
        [
            ("18750000", "DMCT", ["NOTPROVIDED"], None),
            ("4000002", "RRTN", ["M1-E2"], "AC04"),
            ("4000003", "RRTN", ["M1-E3"], "MD07"),
        ],
    ]
    assert first["1020000777777"].entries == [("-4000000", "DMCT", ["M2-E0"], None)]
    assert second["1020000777777"].entries == []
    for account in (FUND, "1020000777777"):
        assert first[account].adds_up
        assert second[account].adds_up
        assert second[account].opening == first[account].closing
        assert (first[account].sequence, second[account].sequence) == (1, 2)


def test_a_statement_is_the_same_after_a_restart(process: SimulatedBank) -> None:
    process.submit("M1", process.file("M1", "100010000"))
    name = process.control.close_day(PAY_DAY)
    before = process.gateway.fetch_statement(name)
    process.restart(process.kill)

    assert process.control.close_day(PAY_DAY) == name
    assert process.gateway.fetch_statement(name) == before


def test_a_statement_cut_on_the_way_is_not_taken_for_one(bank: SimulatedBank) -> None:
    name = bank.control.close_day(PAY_DAY)
    bank.control.plan_fault(Fault.TRUNCATED, Call.FETCH_STATEMENT)

    with pytest.raises(Exception, match="RemoteProtocolError"):
        bank.gateway.fetch_statement(name)
    assert bank.gateway.fetch_statement(name).file_name == name


def test_nothing_that_is_logged_shows_an_account_a_name_or_a_key(
    bank: SimulatedBank, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        bank.submit("M1", bank.file("M1", "100010000", "1000199011"))
        bank.gateway.inquire_batch("M1")
        bank.gateway.fetch_statement(bank.control.close_day(PAY_DAY))

    logged = caplog.text
    assert "InstdAmt" in logged
    assert "M1-E0" in logged
    for secret in (FUND, "100010000", "1000199011", "NGUYEN VAN AN", bank.key.read_text().splitlines()[1]):
        assert secret not in logged


def test_a_thousand_payments_take_less_than_a_second(bank: SimulatedBank) -> None:
    half = bank.gateway.capabilities.max_lines_per_file
    contents = {name: bank.file(name, *["100010000"] * half) for name in ("M1", "M2")}
    bank.control.open_account("1020000555555", "QUY LON", 10**13)
    contents = {name: content.replace(FUND.encode(), b"1020000555555") for name, content in contents.items()}

    start = time.monotonic()
    answers = [bank.submit(name, content) for name, content in contents.items()]
    seconds = time.monotonic() - start

    assert answers == [Outcome.PENDING, Outcome.PENDING]
    assert len(read_books(bank.home)) == 2 * half
    assert seconds < 1
