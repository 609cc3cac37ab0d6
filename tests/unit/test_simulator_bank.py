"""The simulated bank's decisions and books, without a wire."""

import json
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from gateways.iso20022 import pain001
from gateways.iso20022.schemas import validate
from gateways.simulator.bank import Bank
from gateways.simulator.behaviour import BY_ENDING
from gateways.simulator.books import read_books
from gateways.simulator.errors import BooksInUse, Contradiction
from gateways.simulator.faults import Call, Fault, Faults, Plan
from gateways.simulator.journal import FILE_NAME, Journal, events
from gateways.simulator.reports import statement_document
from gateways.simulator.state import State

NOW = datetime(2026, 11, 25, 2, tzinfo=UTC)
PAY_DAY = NOW.date()
FUND = "1020000123456"
DOCS = Path(__file__).parent.parent.parent / "docs" / "add-a-bank.md"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "bank"


@pytest.fixture
def open_bank(home: Path) -> Iterator[Callable[[], Bank]]:
    opened: list[Bank] = []

    def open_again() -> Bank:
        for bank in opened:
            bank.close()
        opened.append(Bank(home))
        return opened[-1]

    yield open_again
    for bank in opened:
        bank.close()


def order(message_id: str, *payments: tuple[str, str, int], on: date = PAY_DAY) -> bytes:
    """A file with payments given as reference, account and amount."""
    header = pain001.Header(
        message=pain001.V09,
        message_id=message_id,
        created_at=NOW,
        initiator_name="BHXH",
        payment_info_id=f"{message_id}-P",
        batch_booking=True,
        category_purpose="PENS",
        execution_on=on,
        debtor_name="BHXH",
        debtor_account=FUND,
        debtor_agent=pain001.Agent(bic="SIMBVNVX"),
        count=len(payments),
        total_vnd=sum(amount_vnd for _, _, amount_vnd in payments),
    )
    lines = [
        pain001.Payment(
            reference, reference, str(uuid.uuid4()), amount, pain001.Agent(bin="970436"), "A", account, "PENS", "x"
        )
        for reference, account, amount in payments
    ]
    to = BytesIO()
    pain001.write(header, lines, to)
    return to.getvalue()


def test_books_in_use_are_not_opened_twice(home: Path) -> None:
    journal = Journal(home)
    with pytest.raises(BooksInUse):
        Journal(home)
    journal.close()
    Journal(home).close()


def test_a_line_cut_by_a_crash_is_dropped_and_writing_goes_on(home: Path) -> None:
    journal = Journal(home)
    journal.append({"event": "date", "on": "2026-11-25"})
    journal.close()
    with (home / FILE_NAME).open("ab") as file:
        file.write(b'{"event": "date", "on": "20')

    assert [event["on"] for event in events(home)] == ["2026-11-25"]
    journal = Journal(home)
    journal.append({"event": "date", "on": "2026-11-26"})
    journal.close()
    assert [event["on"] for event in events(home)] == ["2026-11-25", "2026-11-26"]


def test_a_bank_opened_again_stands_where_it_stood(open_bank: Callable[[], Bank]) -> None:
    bank = open_bank()
    bank.set_clock(NOW)
    bank.open_account(FUND, "BHXH", 10**9, NOW)
    bank.receive("M1", order("M1", ("E1", "100010000", 5), ("E2", "100019011", 7), ("E3", "100019001", 9)), NOW)
    bank.add_credit("C1", FUND, "CTY", "01", "x", 11, NOW)
    bank.close_day(NOW.date(), NOW)
    before = bank.overview()
    again = open_bank()

    assert again.overview() == before
    again.add_credit("C1", FUND, "CTY", "01", "x", 11, NOW)
    again.open_account(FUND, "BHXH", 10**9, NOW)
    assert again.overview() == before


def test_a_closed_day_stays_closed(open_bank: Callable[[], Bank]) -> None:
    bank = open_bank()
    bank.set_clock(NOW)
    bank.open_account(FUND, "BHXH", 100, NOW)
    bank.close_day(NOW.date(), NOW)

    with pytest.raises(Contradiction):
        bank.close_day(NOW.date() - timedelta(days=1), NOW)
    with pytest.raises(Contradiction):
        bank.set_clock(NOW - timedelta(days=1))
    assert bank.close_day(NOW.date(), NOW) == "SIMBVNVX_20261125_camt053.xml"


def test_a_file_that_comes_after_the_day_was_closed_is_executed_on_the_next(open_bank: Callable[[], Bank]) -> None:
    bank = open_bank()
    bank.set_clock(NOW)
    bank.open_account(FUND, "BHXH", 100, NOW)
    bank.close_day(NOW.date(), NOW)
    bank.receive("M1", order("M1", ("E1", "100010000", 5)), NOW)

    assert bank.overview()["files"] == {"M1": "waiting"}
    bank.set_clock(NOW + timedelta(days=1))
    assert bank.overview()["files"] == {"M1": "booked"}


def test_an_account_of_somebody_else_is_not_opened_again(open_bank: Callable[[], Bank]) -> None:
    bank = open_bank()
    bank.open_account(FUND, "BHXH", 100, NOW)

    with pytest.raises(Contradiction):
        bank.open_account(FUND, "OTHER", 100, NOW)
    with pytest.raises(Contradiction):
        bank.add_credit("C1", "999", "CTY", "01", "x", 11, NOW)


def test_one_line_of_the_books_is_one_file_of_payments(open_bank: Callable[[], Bank], home: Path) -> None:
    bank = open_bank()
    bank.set_clock(NOW)
    before = len(list(events(home)))
    bank.receive("M1", order("M1", *((f"E{number}", "100010000", 5) for number in range(1000))), NOW)

    assert len(list(events(home))) == before + 1


movements = st.one_of(
    st.tuples(st.just("pay"), st.lists(st.sampled_from(["0000", *BY_ENDING]), min_size=1, max_size=4)),
    st.tuples(st.just("receive"), st.integers(1, 10**6)),
    st.tuples(st.just("next day"), st.integers(1, 3)),
    st.tuples(st.just("close"), st.none()),
)


@settings(max_examples=30, deadline=None)
@given(st.lists(movements, max_size=12))
def test_statements_add_up_in_any_order_of_events(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, object]]
) -> None:
    home = tmp_path_factory.mktemp("bank")
    bank, at = Bank(home), NOW
    bank.set_clock(at)
    bank.open_account(FUND, "BHXH", 2_000, at)
    for number, (what, given_value) in enumerate(steps):
        if what == "pay":
            assert isinstance(given_value, list)
            payments = [
                (f"E{number}-{line}", f"1{line}{ending}", 100 + line) for line, ending in enumerate(given_value)
            ]
            bank.receive(f"M{number}", order(f"M{number}", *payments, on=at.date()), at)
        elif what == "receive":
            assert isinstance(given_value, int)
            bank.add_credit(f"C{number}", FUND, "CTY", "01", "", given_value, at)
        elif what == "next day":
            assert isinstance(given_value, int)
            at += timedelta(days=given_value)
            bank.set_clock(at)
        else:
            bank.close_day(at.date(), at)
    bank.close_day(at.date() + timedelta(days=2), at)
    bank.close()

    state = State()
    for event in events(home):
        state.apply(event)
    closing_vnd, returned_vnd = 2_000, 0
    for sequence, statement in enumerate(state.statements.values(), 1):
        validate(statement_document(statement), "camt.053.001.08")
        (account,) = statement.accounts
        assert (account.sequence, account.opening_vnd) == (sequence, closing_vnd)
        assert account.closing_vnd == account.opening_vnd + sum(entry.amount_vnd for entry in account.entries)
        assert all(statement.from_on <= entry.on <= statement.on for entry in account.entries)
        returned_vnd += sum(entry.amount_vnd for entry in account.entries if entry.return_reason)
        closing_vnd = account.closing_vnd
    books = read_books(home)
    received_vnd = sum(amount for what, amount in steps if what == "receive" and isinstance(amount, int))
    assert {row["credits"] for row in books} <= {1}
    assert closing_vnd == 2_000 + received_vnd + returned_vnd - sum(row["amount_vnd"] for row in books)
    assert closing_vnd >= 0


def test_an_entry_stands_on_the_statement_of_its_own_account_only(open_bank: Callable[[], Bank]) -> None:
    bank = open_bank()
    bank.set_clock(NOW)
    bank.open_account(FUND, "BHXH", 10**9, NOW)
    bank.open_account("777", "OTHER", 10**9, NOW)
    bank.receive("M1", order("M1", ("E1", "100010000", 5)), NOW)
    document = bank.statement(bank.close_day(NOW.date(), NOW))
    assert document is not None

    namespace = {"c": "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"}
    root = etree.fromstring(document)
    assert [len(statement.findall("c:Ntry", namespace)) for statement in root.iter(f"{{{namespace['c']}}}Stmt")] == [
        1,
        0,
    ]


def test_a_plan_counts_every_matching_call_and_strikes_as_often_as_told() -> None:
    faults = Faults()
    faults.plan(Plan(Fault.DROP_AFTER, Call.SUBMIT, "A*", nth=2, times=2, delay_seconds=0))
    calls = [(Call.SUBMIT, "A1"), (Call.INQUIRE, "A1"), (Call.SUBMIT, "B1"), *[(Call.SUBMIT, "A2")] * 4]

    struck = [faults.strike(call, message_id) is not None for call, message_id in calls]

    assert struck == [False, False, False, True, True, False, False]
    faults.clear()
    assert faults.strike(Call.SUBMIT, "A1") is None


@pytest.mark.parametrize("word", [*BY_ENDING, *Fault])
def test_every_way_to_misbehave_is_documented(word: str) -> None:
    assert f"`{word}`" in DOCS.read_text("utf-8")


def test_books_hold_no_unknown_event(home: Path) -> None:
    home.mkdir()
    (home / FILE_NAME).write_text(json.dumps({"event": "surprise"}) + "\n")

    with pytest.raises(ValueError, match="surprise"):
        read_books(home)
