"""Months turn, and old ones leave the books."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, Engine, text

from ledger.accounts import open_account
from ledger.balances import balance, positions, trial_balance
from ledger.book import Posted, post, reverse
from ledger.entries import EntryHeader, Line
from ledger.errors import Refused, UnknownEntry
from ledger.money import Dong
from ledger.periods import close_period, detach_partition
from ledger.seals import seal_entries
from ledger.verifier import verify

NOVEMBER, DECEMBER, JANUARY = (
    datetime(year, month, 5, tzinfo=UTC) for year, month in ((2026, 11), (2026, 12), (2027, 1))
)
EXPENSE, PAYABLE, CASH = "benefit_expense.pension", "benefits_payable", "cash_at_bank.one"
KEPT = ["benefits_payable"]


@pytest.fixture(autouse=True)
def accounts(application: Engine) -> None:
    with application.begin() as connection:
        for code in (EXPENSE, PAYABLE, CASH):
            open_account(connection, *code.split("."))


def posted(application: Engine, key: str, at: datetime, *lines: tuple[str, str, int, str]) -> Posted:
    header = EntryHeader(key=key, event="x", document="d", business_on=at.date(), description="")
    given = [Line(debit, credit, Dong(amount), "retirement", "run", ref, ref) for debit, credit, amount, ref in lines]
    with application.begin() as connection:
        return post(connection, header, given, at)


def used(connection: Connection) -> list[str]:
    rows = connection.scalars(text("SELECT DISTINCT tableoid::regclass::text FROM ledger.entry ORDER BY 1")).all()
    return [row.removeprefix("ledger_partition.") for row in rows]


def test_each_month_of_recording_has_its_partition(application: Engine) -> None:
    last_second = datetime(2026, 11, 30, 16, 59, 59, tzinfo=UTC)  # still November in Viet Nam
    for key, at in (("a", NOVEMBER), ("b", last_second), ("c", last_second.replace(hour=17)), ("d", JANUARY)):
        posted(application, key, at, (EXPENSE, PAYABLE, 5, "p"))
    with application.begin() as connection:
        rows = connection.execute(
            text("SELECT tableoid::regclass::text, count(*) FROM ledger.line GROUP BY 1 ORDER BY 1")
        )
        assert [tuple(row) for row in rows] == [(f"ledger_partition.line_{no}", n) for no, n in enumerate((2, 1, 1))]
        assert connection.scalar(text("SELECT max(partition_no) FROM ledger.partition")) == 4
        # What is recorded late under an earlier instant stands where the book is now.
        posted(application, "late", NOVEMBER, (EXPENSE, PAYABLE, 5, "p"))
        assert used(connection) == ["entry_0", "entry_1", "entry_2"]
        assert verify(connection).first_difference is None


def test_all_writers_may_find_the_month_turned_at_once(application: Engine) -> None:
    posted(application, "first", NOVEMBER, (EXPENSE, PAYABLE, 5, "p"))

    def write(number: int) -> bool:
        return posted(application, f"w{number}", DECEMBER, (EXPENSE, PAYABLE, 5, "p")).replayed

    with ThreadPoolExecutor(20) as pool:
        assert not any(pool.map(write, range(100)))
    with application.begin() as connection:
        assert verify(connection).entries == 101
        assert used(connection) == ["entry_0", "entry_1"]


def test_a_month_that_turned_in_a_transaction_that_failed_turns_again(application: Engine) -> None:
    posted(application, "first", NOVEMBER, (EXPENSE, PAYABLE, 5, "p"))
    header = EntryHeader(key="undone", event="x", document="d", business_on=DECEMBER.date(), description="")
    with application.connect() as connection:
        post(connection, header, [Line(EXPENSE, PAYABLE, Dong(5), "retirement")], DECEMBER)
        connection.rollback()
    for number, at in enumerate(
        (DECEMBER, JANUARY, datetime(2027, 2, 2, tzinfo=UTC), datetime(2027, 5, 2, tzinfo=UTC))
    ):
        posted(application, f"then {number}", at, (EXPENSE, PAYABLE, 5, "p"))
    with application.begin() as connection:
        assert verify(connection).first_difference is None
        assert len(used(connection)) == 5


def test_posting_goes_on_while_somebody_works_on_the_tables(application: Engine, owner: Engine) -> None:
    posted(application, "first", NOVEMBER, (EXPENSE, PAYABLE, 5, "p"))
    with owner.begin() as connection:
        connection.execute(text("LOCK TABLE ledger.entry, ledger.line IN SHARE UPDATE EXCLUSIVE MODE"))
        for month in (2, 3, 4, 5, 6):
            posted(application, f"m{month}", datetime(2027, month, 5, tzinfo=UTC), (EXPENSE, PAYABLE, 5, "p"))
    with application.begin() as connection:
        assert verify(connection).entries == 6
        assert used(connection) == ["entry_0", "entry_1", "entry_2"]


@pytest.fixture
def two_months(application: Engine) -> Iterator[None]:
    posted(application, "k1", NOVEMBER, (EXPENSE, PAYABLE, 100, "p-1"), (EXPENSE, PAYABLE, 50, "p-2"))
    posted(application, "k2", NOVEMBER, (PAYABLE, CASH, 100, "p-1"))
    posted(application, "k3", DECEMBER, (PAYABLE, CASH, 20, "p-2"))
    yield
    with application.begin() as connection:
        assert verify(connection).first_difference is None


def sealed_and_closed(application: Engine) -> None:
    with application.begin() as connection:
        seal_entries(connection, Ed25519PrivateKey.generate(), DECEMBER, new_epoch=True)
        close_period(connection, NOVEMBER.date(), DECEMBER)


def test_an_old_month_leaves_and_every_balance_stays(application: Engine, owner: Engine, two_months: None) -> None:
    sealed_and_closed(application)
    with application.begin() as connection:
        before = trial_balance(connection), positions(connection, PAYABLE), trial_balance(connection, DECEMBER.date())
    with owner.begin() as connection:
        carried = detach_partition(connection, 0, JANUARY, KEPT)
    with application.begin() as connection:
        found = verify(connection)
        assert (found.entries, found.lines, found.seals_match, found.first_difference) == (2, 4, True, None)
        assert before == (
            trial_balance(connection),
            positions(connection, PAYABLE),
            trial_balance(connection, DECEMBER.date()),
        )
        lines = connection.execute(
            text("""SELECT amount_vnd, debit_reference, credit_reference FROM ledger.line
                WHERE entry_id = :carried ORDER BY line_no"""),
            {"carried": carried},
        ).all()
        assert [tuple(row) for row in lines] == [(50, None, "p-2"), (100, None, None), (100, None, None)]
        with pytest.raises(UnknownEntry):
            reverse(
                connection, 1, key="r", document="d", business_on=JANUARY.date(), description="", recorded_at=JANUARY
            )
    with owner.connect() as connection:
        names = text("SELECT tablename FROM pg_tables WHERE schemaname = 'ledger_archive' ORDER BY 1")
        assert connection.scalars(names).all() == ["entry_0", "entry_key_0", "line_0", "sealed_entry_0"]
    assert posted(application, "k2", NOVEMBER, (PAYABLE, CASH, 100, "p-1")).replayed
    with application.begin() as connection:
        assert balance(connection, PAYABLE) == Dong(30)


def test_a_month_does_not_leave_before_it_is_closed_sealed_and_past(
    application: Engine, owner: Engine, two_months: None
) -> None:
    def refused(no: int, words: str) -> None:
        with owner.connect() as connection, pytest.raises(Refused, match=words):
            detach_partition(connection, no, JANUARY, KEPT)

    refused(0, "not closed")
    with application.begin() as connection:
        close_period(connection, NOVEMBER.date(), DECEMBER)
    refused(0, "not sealed")
    refused(1, "not the oldest")
    sealed_and_closed(application)
    with owner.begin() as connection:
        detach_partition(connection, 0, JANUARY, KEPT)
    refused(1, "still in use")
    with application.connect() as connection, pytest.raises(Exception, match="permission denied"):
        detach_partition(connection, 1, JANUARY, KEPT)


def test_an_entry_of_an_archived_month_that_is_changed_later_is_still_named(
    application: Engine, owner: Engine, superuser: Engine, two_months: None
) -> None:
    sealed_and_closed(application)
    with owner.begin() as connection:
        carried = detach_partition(connection, 0, JANUARY, KEPT)
    with superuser.connect() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text(f"UPDATE ledger.line SET amount_vnd = 51 WHERE entry_id = {carried} AND line_no = 1"))
        assert f"entry {carried}" in (verify(connection).first_difference or "")
        connection.rollback()
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("UPDATE ledger.sealed_entry SET content_hash = sha256('') WHERE entry_id = 1"))
        assert "seal 1" in (verify(connection).first_difference or "")
