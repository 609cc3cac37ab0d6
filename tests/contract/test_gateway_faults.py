"""The simulated bank misbehaves as planned: by reference, by account, by schedule; and signs what it says."""

import time
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from simulated_bank import FUND, PAY_DAY, VIET_NAM, SimulatedBank, bank_on_a_thread, outcomes, statements

from gateways.contract import AccountQuestion, NameCheck, Outcome, StatusReport
from gateways.errors import Ambiguous
from gateways.registry import open_gateway
from gateways.signing import ensure_key
from gateways.simulator.books import read_books
from gateways.simulator.faults import Call, Fault


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[SimulatedBank]:
    with bank_on_a_thread(tmp_path / "bank") as opened:
        yield opened


def test_a_fault_strikes_the_file_that_holds_a_reference_or_an_account(bank: SimulatedBank) -> None:
    bank.control.plan_fault(Fault.DROP_BEFORE, reference="M2-E1")
    bank.control.plan_fault(Fault.DROP_AFTER, account="*777")
    contents = {name: bank.file(name, "100010000", account) for name, account in zip("ABC", "123", strict=True)}
    contents["M2"] = bank.file("M2", "1", "2")
    contents["M3"] = bank.file("M3", "1", "1000777")

    answers = {name: bank.submit(name, content) for name, content in contents.items()}

    assert [name for name, outcome in answers.items() if outcome is Outcome.UNKNOWN] == ["M2", "M3"]
    assert bank.gateway.inquire_batch("M2").found is False
    assert bank.gateway.inquire_batch("M3").found is True


def test_an_outage_lasts_from_one_instant_of_the_bank_s_clock_to_another(bank: SimulatedBank) -> None:
    def at(hour: int) -> datetime:
        return datetime(2026, 11, 25, hour, tzinfo=VIET_NAM)

    bank.control.plan_fault(Fault.HTTP_503, from_at=at(10), until_at=at(12), times=1000)
    content = bank.file("M1", "100010000")
    seen = []
    for hour in (9, 10, 11, 12):
        bank.set_day(PAY_DAY, hour)
        seen.append(bank.submit("M1", content))

    assert seen == [Outcome.PENDING, Outcome.UNKNOWN, Outcome.UNKNOWN, Outcome.PENDING]
    assert bank.credits_of("M1") == [1]


@pytest.mark.parametrize("fault", [Fault.HTTP_503, Fault.TOO_BUSY])
def test_a_server_in_trouble_did_nothing(bank: SimulatedBank, fault: Fault) -> None:
    bank.control.plan_fault(fault)

    assert bank.submit("M1", bank.file("M1", "100010000")) is Outcome.UNKNOWN
    assert bank.credits_of("M1") == []


@pytest.mark.parametrize("fault", [Fault.HTTP_500_AFTER, Fault.EMPTY_BODY])
def test_a_server_that_stumbles_over_its_answer_did_the_work(bank: SimulatedBank, fault: Fault) -> None:
    bank.control.plan_fault(fault)

    assert bank.submit("M1", bank.file("M1", "100010000")) is Outcome.UNKNOWN
    assert bank.credits_of("M1") == [1]


def test_an_answer_signed_by_another_says_nothing(bank: SimulatedBank) -> None:
    bank_key = bank.control.register_client("thuchi", _public_key(bank))
    bank.key.with_name("signing.bank.pem").write_text(bank_key)
    gateway = open_gateway("simbank", bank.settings)
    bank.control.plan_fault(Fault.WRONG_SIGNATURE)
    bank.control.plan_fault(Fault.WRONG_SIGNATURE, Call.INQUIRE)
    content = bank.file("M1", "100010000")

    assert gateway.submit_batch("M1", "M1.xml", content).outcome is Outcome.UNKNOWN
    assert gateway.inquire_batch("M1") == StatusReport(found=None)
    assert outcomes(gateway.inquire_batch("M1")) == [(Outcome.SUCCESS, None)]
    assert gateway.submit_batch("M1", "M1.xml", content).outcome is Outcome.PENDING
    gateway.close()


def test_an_answer_signed_long_ago_is_a_replay(bank: SimulatedBank) -> None:
    bank.key.with_name("signing.bank.pem").write_text(bank.control.register_client("thuchi", _public_key(bank)))
    late = open_gateway("simbank", bank.settings, seconds_now=_later)

    assert late.inquire_batch("M1") == StatusReport(found=None)
    with pytest.raises(Ambiguous, match="another time"):
        late.list_statements(PAY_DAY)
    late.close()


@pytest.mark.parametrize("fault", [Fault.STATUS_DUPLICATED, Fault.STATUS_REORDERED])
def test_a_report_that_repeats_or_reorders_says_the_same(bank: SimulatedBank, fault: Fault) -> None:
    bank.submit("M1", bank.file("M1", "100010000", "100019001", "100010001"))
    straight = bank.gateway.inquire_batch("M1")
    bank.control.plan_fault(fault, Call.INQUIRE)

    twisted = bank.gateway.inquire_batch("M1")

    assert set(twisted.instructions) == set(straight.instructions)
    assert len(twisted.instructions) == 3


@pytest.mark.parametrize("reason", ["AC06", "AM04", "BE01", "MD07", "RC01", "NARR"])
def test_a_payment_is_rejected_for_any_reason_by_account_or_by_plan(bank: SimulatedBank, reason: str) -> None:
    bank.control.plan_payment("M1-E1", rejected_for=reason)
    bank.submit("M1", bank.file("M1", f"1000RJ{reason}", "100010000", "100010000"))

    assert outcomes(bank.gateway.inquire_batch("M1")) == [
        (Outcome.FAILED, reason),
        (Outcome.FAILED, reason),
        (Outcome.SUCCESS, None),
    ]


def test_a_payment_comes_back_after_as_many_days_as_planned(bank: SimulatedBank) -> None:
    bank.control.plan_payment("M1-E1", returned_for="MD07", return_days=2)
    bank.submit("M1", bank.file("M1", "1000R3AC04", "100010000"))
    returned = {}
    for day in range(25, 30):
        on = date(2026, 11, day)
        returned[day] = [entry[2:] for entry in statements(bank, on)[FUND].entries if entry[1] == "RRTN"]

    assert returned == {25: [], 26: [], 27: [(["M1-E1"], "MD07")], 28: [(["M1-E0"], "AC04")], 29: []}


def test_a_wrong_amount_stands_in_the_books_and_on_the_statement(bank: SimulatedBank) -> None:
    bank.control.plan_payment("M1-E1", extra_vnd=5)
    bank.submit("M1", bank.file("M1", "1000EX2", "100010000"))

    statement = statements(bank, PAY_DAY)[FUND]
    assert statement.adds_up
    assert statement.entries == [("-8000008", "DMCT", ["M1-E0", "M1-E1"], None)]


def test_what_was_planned_of_a_payment_stands_in_the_books_after_a_restart(bank: SimulatedBank) -> None:
    bank.control.plan_payment("M1-E0", rejected_for="AC06")
    bank.submit("M1", bank.file("M1", "100010000", "100010001"))

    assert [row["reference"] for row in read_books(bank.home)] == ["M1-E1"]


def test_accounts_are_verified_without_a_word_in_the_books(bank: SimulatedBank) -> None:
    before = (bank.home / "books.jsonl").read_bytes()
    endings = ("0000", "9001", "9003", "9021", "9022", "9023")
    questions = [AccountQuestion(f"Q{ending}", "Nguyễn Văn Ân", f"10001{ending}", "970436") for ending in endings]

    answers = bank.gateway.verify_accounts("V1", questions, datetime(2026, 11, 25, 9, tzinfo=VIET_NAM))

    assert [(answer.id, answer.result) for answer in answers] == [
        ("Q0000", NameCheck.MATCH),
        ("Q9001", NameCheck.INVALID_ACCOUNT),
        ("Q9003", NameCheck.NO_MATCH),
        ("Q9021", NameCheck.CLOSE_MATCH),
        ("Q9022", NameCheck.UNABLE),
        ("Q9023", NameCheck.NOT_ALLOWED),
    ]
    assert answers[3].right_name == "NGUYEN VAN AN ANH"
    assert "NGUYEN" not in repr(answers)
    assert (bank.home / "books.jsonl").read_bytes() == before


def test_a_check_is_a_live_test_of_credentials_and_clock(bank: SimulatedBank) -> None:
    health = bank.gateway.check(PAY_DAY)
    late = open_gateway("simbank", bank.settings, seconds_now=_later).check(PAY_DAY)

    assert (health.reachable, health.credentials_accepted) == (True, True)
    assert health.clock_offset_seconds is not None
    assert abs(health.clock_offset_seconds) <= 1
    assert (late.credentials_accepted, late.text) == (False, "HTTP 401 CLOCK")
    assert late.clock_offset_seconds is not None
    assert abs(late.clock_offset_seconds + timedelta(hours=1).total_seconds()) <= 1


def _later() -> float:
    return time.time() + 3600


def _public_key(bank: SimulatedBank) -> str:
    return ensure_key(bank.key)
