from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from typing import TypeVar

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from ledger.accounts import BalanceLimit, open_account
from ledger.balances import balance
from ledger.book import Posted, post, post_entries
from ledger.entries import Entry, EntryHeader, Line
from ledger.errors import PastLimit, PeriodClosed
from ledger.money import Dong
from ledger.periods import close_period
from ledger.verifier import verify

Result = TypeVar("Result")
AT = datetime(2026, 11, 3, 9, 30, tzinfo=UTC)
WRITERS = 50


@pytest.fixture
def writers(application: Engine) -> Iterator[Engine]:
    """The application's role with a connection of its own for every writer."""
    engine = create_engine(application.url, poolclass=NullPool)
    yield engine
    engine.dispose()


def posted(engine: Engine, key: str, *lines: tuple[str, str, int]) -> Posted:
    header = EntryHeader(key=key, event="x", document="d", business_on=date(2026, 11, 1), description="")
    with engine.begin() as connection:
        return post(connection, header, [Line(a, b, Dong(amount), "retirement") for a, b, amount in lines], AT)


def together(work: Callable[[int], Result]) -> list[Result]:
    with ThreadPoolExecutor(WRITERS) as pool:
        return list(pool.map(work, range(WRITERS)))


def test_fifty_writers_never_pass_a_limit(writers: Engine) -> None:
    with writers.begin() as connection:
        advance, cash = open_account(connection, "advance_to_agent", "vnpost"), open_account(connection, "cash_at_bank")
        payable = open_account(connection, "benefits_payable")
    posted(writers, "fund", (advance, cash, 500))

    def withdraw(writer: int) -> int:
        done = 0
        for number in range(4):
            try:
                posted(writers, f"{writer}-{number}", (payable, advance, 7))
            except PastLimit:
                continue
            done += 1
        return done

    assert sum(together(withdraw)) == 500 // 7
    with writers.begin() as connection:
        assert balance(connection, advance) == Dong(500 % 7)
        assert verify(connection).first_difference is None


def test_two_hundred_writers_one_by_one_and_in_batches_never_pass_a_limit_nor_deadlock(writers: Engine) -> None:
    with writers.begin() as connection:
        advances = [open_account(connection, "advance_to_agent", name) for name in ("vnpost", "other")]
        cash, payable = open_account(connection, "cash_at_bank"), open_account(connection, "benefits_payable")
    posted(writers, "fund", *((advance, cash, 700) for advance in advances))

    def withdraw(writer: int) -> int:
        turned = advances[:: (-1) ** writer]
        if writer % 2:
            entries = [_entry(f"{writer}-{number}", (payable, turned[number % 2], 7)) for number in range(4)]
            with writers.begin() as connection:
                results = post_entries(connection, entries, AT, on_refusal="leave_out")
            return sum(result.refusal is None for result in results)
        done = 0
        for number in range(2):
            try:
                posted(writers, f"{writer}-{number}", *((payable, advance, 7) for advance in turned))
            except PastLimit:
                continue
            done += 2
        return done

    with ThreadPoolExecutor(200) as pool:
        assert sum(pool.map(withdraw, range(200))) == 200
    with writers.begin() as connection:
        assert [balance(connection, advance) for advance in advances] == [Dong(0), Dong(0)]
        assert verify(connection).first_difference is None
        assert connection.scalar(_DEADLOCKS) == 0


_DEADLOCKS = text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")


def _entry(key: str, *lines: tuple[str, str, int]) -> Entry:
    given = tuple(Line(debit, credit, Dong(amount), "retirement") for debit, credit, amount in lines)
    return Entry(key=key, event="x", document="d", business_on=date(2026, 11, 1), description="", lines=given)


def test_writers_on_the_same_limited_accounts_in_any_order_never_deadlock(writers: Engine) -> None:
    with writers.begin() as connection:
        accounts = [
            open_account(connection, "receipts_unallocated", f"e{n}", limit=BalanceLimit.NEVER_NEGATIVE)
            for n in range(6)
        ]
        income = open_account(connection, "contribution_income")
        cash = open_account(connection, "cash_at_bank")
    posted(writers, "fund", *((cash, account, 1_000) for account in accounts))

    def shuffle(writer: int) -> None:
        turned = accounts[writer % 6 :] + accounts[: writer % 6]
        for number in range(3):
            posted(writers, f"{writer}-{number}", *((account, income, 1) for account in turned[:: (-1) ** writer]))

    together(shuffle)
    with writers.begin() as connection:
        assert {balance(connection, account) for account in accounts} == {Dong(1_000 - 3 * WRITERS)}
        assert verify(connection).first_difference is None


def test_one_key_posted_by_all_at_once_stands_once(writers: Engine) -> None:
    with writers.begin() as connection:
        debit, credit = open_account(connection, "benefit_expense"), open_account(connection, "benefits_payable")
    results = together(lambda _: posted(writers, "same", (debit, credit, 5)))
    assert Counter(result.replayed for result in results) == {False: 1, True: WRITERS - 1}
    assert len({result.entry_id for result in results}) == 1
    with writers.begin() as connection:
        assert balance(connection, credit) == Dong(5)


def test_all_may_open_the_same_account_at_once(writers: Engine) -> None:
    def open_once(_: int) -> str:
        with writers.begin() as connection:
            return open_account(connection, "in_transit", "simbank")

    assert set(together(open_once)) == {"in_transit.simbank"}
    with writers.begin() as connection:
        assert verify(connection).first_difference is None


def test_a_long_posting_on_an_account_without_a_limit_holds_nobody_up(writers: Engine) -> None:
    header = EntryHeader(key="long", event="x", document="d", business_on=date(2026, 11, 1), description="")
    with writers.begin() as connection:
        debit, credit = open_account(connection, "benefit_expense"), open_account(connection, "benefits_payable")
    with writers.begin() as long:
        post(long, header, [Line(debit, credit, Dong(5), "retirement")], AT)
        with writers.begin() as other:
            other.execute(text("SET LOCAL lock_timeout = '5s'"))
            short = EntryHeader(key="short", event="x", document="d", business_on=date(2026, 11, 1), description="")
            post(other, short, [Line(debit, credit, Dong(7), "retirement")], AT)
            assert balance(other, credit) == Dong(7)
        assert balance(long, credit) == Dong(12)


def test_closing_waits_for_postings_and_postings_for_closing(writers: Engine) -> None:
    header = EntryHeader(key="a", event="x", document="d", business_on=date(2026, 11, 1), description="")
    with writers.begin() as connection:
        debit, credit = open_account(connection, "benefit_expense"), open_account(connection, "benefits_payable")
    with writers.begin() as poster:
        post(poster, header, [Line(debit, credit, Dong(5), "retirement")], AT)
        with writers.connect() as closer:
            closer.execute(text("SET LOCAL lock_timeout = '50ms'"))
            with pytest.raises(OperationalError, match="lock timeout"):
                close_period(closer, date(2026, 11, 1), AT)
    with writers.begin() as closer:
        assert close_period(closer, date(2026, 11, 1), AT)
        with writers.connect() as poster:
            poster.execute(text("SET LOCAL lock_timeout = '50ms'"))
            later = EntryHeader(key="b", event="x", document="d", business_on=date(2026, 11, 1), description="")
            with pytest.raises(OperationalError, match="lock timeout"):
                post(poster, later, [Line(debit, credit, Dong(5), "retirement")], AT)
    with pytest.raises(PeriodClosed):
        posted(writers, "b", (debit, credit, 5))
