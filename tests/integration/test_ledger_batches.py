"""Many entries in one call: all of them or none, or those that can stand; and what a Poster makes of many threads."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime

import pytest
from conftest import TestDatabase
from sqlalchemy import Connection, Engine, text

from ledger.accounts import open_account
from ledger.balances import balance
from ledger.book import Posted, Result, post, post_entries
from ledger.entries import Entry, EntryHeader, Line
from ledger.errors import KeyTaken, LedgerError, PastLimit, PeriodClosed, Refused, WrongLines
from ledger.money import Dong
from ledger.periods import close_period
from ledger.poster import MOST_LINES, Poster
from ledger.verifier import verify

AT = datetime(2026, 11, 3, 9, 30, tzinfo=UTC)
EXPENSE, PAYABLE, CASH, ADVANCE = (
    "benefit_expense.pension",
    "benefits_payable",
    "cash_at_bank.one",
    "advance_to_agent.vnpost",
)


@pytest.fixture(autouse=True)
def accounts(application: Engine) -> Iterator[None]:
    with application.begin() as connection:
        for code in (EXPENSE, PAYABLE, CASH, ADVANCE):
            open_account(connection, *code.split("."))
    yield
    with application.begin() as connection:
        assert verify(connection).first_difference is None


def entry(key: str, *lines: Line, on: date = date(2026, 11, 1), event: str = "run_approved") -> Entry:
    return Entry(key=key, event=event, document="đợt 11/2026", business_on=on, description="Duyệt chi", lines=lines)


def line(debit: str, credit: str, amount: int, reference: str | None = None) -> Line:
    return Line(debit, credit, Dong(amount), "retirement", "run-1", reference, reference)


def simple(key: str, amount: int = 5) -> Entry:
    return entry(key, line(EXPENSE, PAYABLE, amount))


def told(results: list[Result]) -> list[str]:
    """What became of each entry, in a word."""
    return [
        type(result.refusal).__name__ if result.refusal else "replayed" if result.replayed else "posted"
        for result in results
    ]


def count(connection: Connection) -> int:
    return connection.scalar(text("SELECT count(*) FROM ledger.entry")) or 0


MIXED = [
    simple("first"),
    entry("two lines", line(EXPENSE, PAYABLE, 7, "p-1"), line(PAYABLE, CASH, 3, "p-2")),
    entry("empty"),
    entry("no account", line(EXPENSE, "unheard", 5)),
    entry("bare", Line(EXPENSE, PAYABLE, Dong(5), "retirement", None, "079123456789")),
    entry("closed", line(EXPENSE, PAYABLE, 5), on=date(2026, 9, 30)),
    entry("wrong event", line(EXPENSE, PAYABLE, 5), event="Not a code"),
    entry("0912345678", line(EXPENSE, PAYABLE, 5)),
    simple("first"),
    simple("first", 6),
    entry("overdraw", line(PAYABLE, ADVANCE, 1)),
    entry("fund", line(ADVANCE, CASH, 10)),
    entry("spend", line(PAYABLE, ADVANCE, 8)),
    entry("overspend", line(PAYABLE, ADVANCE, 3)),
    entry("spend the rest", line(PAYABLE, ADVANCE, 2)),
    simple("stood before"),
    simple("other before", 6),
]
EXPECTED = [
    *("posted", "posted", "WrongLines", "WrongLines", "WrongLines", "PeriodClosed", "Refused", "Refused"),
    *("replayed", "KeyTaken", "PastLimit", "posted", "posted", "PastLimit", "posted", "replayed", "KeyTaken"),
]


@pytest.mark.parametrize("streamed", [False, True])
def test_each_entry_is_answered_for_itself(
    application: Engine, monkeypatch: pytest.MonkeyPatch, streamed: bool
) -> None:
    if streamed:
        monkeypatch.setattr("ledger.book._AT_ONCE", 3)
    with application.begin() as connection:
        close_period(connection, date(2026, 9, 1), AT)
        before = [simple("stood before"), simple("other before")]
        assert told(post_entries(connection, before, AT)) == ["posted", "posted"]
    with application.begin() as connection:
        results = post_entries(connection, MIXED, AT, on_refusal="leave_out")
    assert [result.key for result in results] == [given.key for given in MIXED]
    assert told(results) == EXPECTED
    assert results[8].entry_id == results[0].entry_id
    assert [result.entry_id is None for result in results] == [result.refusal is not None for result in results]
    assert "no account unheard" in str(results[3].refusal)
    assert "079123456789" not in str(results[4].refusal)
    assert "advance_to_agent.vnpost would pass its limit" in str(results[10].refusal)
    with application.begin() as connection:
        assert count(connection) == 2 + EXPECTED.count("posted")
        assert balance(connection, ADVANCE) == Dong(0)
        assert told(post_entries(connection, MIXED, AT, on_refusal="leave_out"))[:2] == ["replayed", "replayed"]


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("wrong", "error"),
    [(MIXED[3], WrongLines), (MIXED[5], PeriodClosed), (MIXED[9], KeyTaken), (MIXED[10], PastLimit)],
)
def test_one_refused_entry_undoes_the_call_and_no_more(
    application: Engine, monkeypatch: pytest.MonkeyPatch, streamed: bool, wrong: Entry, error: type[LedgerError]
) -> None:
    if streamed:
        monkeypatch.setattr("ledger.book._AT_ONCE", 1)
    with application.begin() as connection:
        close_period(connection, date(2026, 9, 1), AT)
    with application.begin() as connection:
        post(connection, simple("of the caller"), [line(EXPENSE, PAYABLE, 5)], AT)
        with pytest.raises(error, match=r"entry 2 \("):
            post_entries(connection, [simple("first"), wrong, simple("third")], AT)
    with application.begin() as connection:
        assert count(connection) == 1
        assert told(post_entries(connection, [simple("first"), simple("third")], AT)) == ["posted", "posted"]


def test_an_entry_posted_with_others_is_the_one_posted_alone(application: Engine) -> None:
    many = entry("many", *(line(EXPENSE, PAYABLE, number, f"p-{number}") for number in range(1, 1_201)))
    two = MIXED[1]
    with application.begin() as connection:
        together = post_entries(connection, [simple("one"), two, many], AT)
        alone = [post(connection, given, given.lines, AT) for given in (simple("one"), two, many)]
        assert alone == [Posted(result.entry_id or 0, replayed=True) for result in together]
        assert post_entries(connection, [], AT) == []


def test_ten_thousand_entries_are_one_call(application: Engine) -> None:
    given = [simple(f"e-{number}", number) for number in range(1, 10_002)]
    with application.begin() as connection:
        assert Counter(told(post_entries(connection, iter(given), AT))) == {"posted": 10_001}
        assert balance(connection, PAYABLE) == Dong(sum(range(10_002)))
        assert Counter(told(post_entries(connection, reversed(given), AT))) == {"replayed": 10_001}


def test_calls_with_the_same_keys_in_any_order_never_deadlock_and_post_each_once(application: Engine) -> None:
    keys = [f"k-{number}" for number in range(40)]

    def call(writer: int) -> list[Result]:
        turned = keys[writer * 7 % 40 :] + keys[: writer * 7 % 40]
        with application.begin() as connection:
            return post_entries(connection, [simple(key) for key in turned[:: (-1) ** writer]], AT)

    with ThreadPoolExecutor(12) as pool:
        results = [result for results in pool.map(call, range(24)) for result in results]
    assert Counter(told(results)) == {"posted": 40, "replayed": 23 * 40}
    assert {len({result.entry_id for result in results if result.key == key}) for key in keys} == {1}


def test_staging_of_the_callers_own_making_is_refused(application: Engine) -> None:
    application.dispose()
    with application.begin() as connection:
        connection.execute(text("CREATE TEMPORARY TABLE staged_batch (entry_no integer)"))
        with pytest.raises(Refused, match="open_batch"):
            post_entries(connection, [simple(f"{number}") for number in range(10_001)], AT)


# A Poster


@pytest.fixture
def poster(application: Engine) -> Iterator[Poster]:
    with Poster(application, lambda: AT, "lan") as poster:
        yield poster


def test_what_many_threads_post_is_answered_for_each(application: Engine, poster: Poster) -> None:
    poster.post(entry("fund", line(ADVANCE, CASH, 100)))

    def client(number: int) -> str:
        given = entry(f"p-{number % 60}", line(PAYABLE, ADVANCE, 3))
        try:
            return "replayed" if poster.post(given).replayed else "posted"
        except PastLimit:
            return "refused"

    with ThreadPoolExecutor(20) as pool:
        results = Counter(pool.map(client, range(120)))
    assert results["posted"] == 33
    assert sum(results.values()) == 120
    with application.begin() as connection:
        assert balance(connection, ADVANCE) == Dong(1)
        assert connection.scalars(text("SELECT DISTINCT person FROM ledger.entry")).all() == ["lan"]


def test_a_wrong_entry_refuses_only_itself(application: Engine, poster: Poster) -> None:
    def client(number: int) -> bool:
        try:
            poster.post(entry(f"p-{number}", line(EXPENSE, "unheard" if number % 5 == 0 else PAYABLE, 3)))
        except WrongLines:
            return False
        return True

    with ThreadPoolExecutor(20) as pool:
        assert list(pool.map(client, range(100))) == [number % 5 != 0 for number in range(100)]
    with application.begin() as connection:
        assert count(connection) == 80


def test_a_poster_outlives_its_connection(superuser: Engine, poster: Poster) -> None:
    poster.post(simple("a"))
    with superuser.begin() as connection:
        connection.execute(
            text("""SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE usename = 'thuchi_app' AND datname = current_database()""")
        )
    with pytest.raises(Exception, match="terminating connection"):
        poster.post(simple("b"))
    assert not poster.post(simple("b")).replayed


def test_a_long_entry_is_not_for_the_poster(poster: Poster) -> None:
    with pytest.raises(ValueError, match="posted by itself"):
        poster.post(entry("long", *[line(EXPENSE, PAYABLE, 5)] * (MOST_LINES + 1)))


# A process that is killed

LINES = 60_000

_KILLED = """
import sys
from datetime import UTC, date, datetime
from sqlalchemy import create_engine
from ledger.book import post
from ledger.entries import EntryHeader, Line
from ledger.money import Dong

def lines():
    for number in range(1, 60_001):
        if number == 45_000:
            print("midway", flush=True)
            sys.stdin.readline()
        yield Line("benefit_expense.pension", "benefits_payable", Dong(number), "retirement")

header = EntryHeader(key="killed", event="x", document="d", business_on=date(2026, 11, 1), description="")
with create_engine(sys.argv[1]).begin() as connection:
    post(connection, header, lines(), datetime(2026, 11, 3, tzinfo=UTC))
    print("posted", flush=True)
    sys.stdin.readline()
print("committed", flush=True)
"""


@pytest.mark.parametrize(("seen", "entries"), [("midway", 0), ("posted", 0), ("committed", 1)])
def test_a_killed_process_leaves_nothing_or_all(
    application: Engine, test_database: TestDatabase, seen: str, entries: int
) -> None:
    address = test_database.url("application").replace("postgresql:", "postgresql+psycopg:")
    arguments = [sys.executable, "-c", _KILLED, address]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        while process.stdout.readline().strip() != seen:
            process.stdin.write("\n")
            process.stdin.flush()
        os.kill(process.pid, signal.SIGKILL)
    header = EntryHeader(key="killed", event="x", document="d", business_on=date(2026, 11, 1), description="")
    with application.begin() as connection:
        # Waits for the killed one's session, as long as the server has not noticed.
        again = [Line(EXPENSE, PAYABLE, Dong(number), "retirement") for number in range(1, LINES + 1)]
        assert post(connection, header, again, AT).replayed is bool(entries)
        assert count(connection) == 1
        assert connection.scalar(text("SELECT count(*) FROM ledger.line")) == LINES
        assert balance(connection, PAYABLE) == Dong(sum(range(LINES + 1)))
