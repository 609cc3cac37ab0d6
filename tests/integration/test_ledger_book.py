from datetime import UTC, date, datetime

import pytest
from sqlalchemy import Connection, Engine, text

from ledger import book
from ledger.accounts import AccountRequest, BalanceLimit, find_account, open_account, open_accounts
from ledger.balances import Position, balance, positions, trial_balance
from ledger.book import Posted, post, post_staged, reverse
from ledger.entries import Entry, Line, reversal_of
from ledger.errors import (
    AccountDiffers,
    AlreadyReversed,
    KeyTaken,
    LedgerError,
    PastLimit,
    PeriodClosed,
    Refused,
    UnknownAccount,
    UnknownEntry,
    WrongLines,
)
from ledger.money import Dong, total
from ledger.periods import close_period, closed_through
from ledger.statement import statement
from ledger.verifier import verify
from ledger.window import Window

AT = datetime(2026, 11, 3, 9, 30, tzinfo=UTC)
EXPENSE, PAYABLE, TRANSIT, CASH = (
    "benefit_expense.pension",
    "benefits_payable",
    "in_transit.simbank",
    "cash_at_bank.one",
)


@pytest.fixture(autouse=True)
def accounts(application: Engine) -> None:
    with application.begin() as connection:
        open_account(connection, "benefit_expense", "pension", label="lương hưu")
        open_account(connection, "benefits_payable")
        open_account(connection, "in_transit", "simbank")
        open_account(connection, "cash_at_bank", "one")


def entry(key: str, *lines: Line, on: date = date(2026, 11, 1), event: str = "run_approved") -> Entry:
    return Entry(key=key, event=event, document="đợt 11/2026", business_on=on, description="Duyệt chi", lines=lines)


def line(debit: str, credit: str, amount: int, reference: str | None = None, run: str | None = "run-1") -> Line:
    return Line(debit, credit, Dong(amount), "retirement", run, reference, reference)


def posted(application: Engine, given: Entry) -> Posted:
    with application.begin() as connection:
        return post(connection, given, given.lines, AT)


def refused(application: Engine, given: Entry, error: type[LedgerError], words: str) -> None:
    with pytest.raises(error, match=words):
        posted(application, given)


def test_an_entry_moves_both_sides(application: Engine) -> None:
    posted(application, entry("a", line(EXPENSE, PAYABLE, 300), line(EXPENSE, PAYABLE, 200)))
    posted(application, entry("b", line(PAYABLE, TRANSIT, 200)))
    with application.begin() as connection:
        assert balance(connection, EXPENSE) == Dong(500)
        assert balance(connection, PAYABLE) == Dong(300)
        assert balance(connection, TRANSIT) == Dong(200)


def test_an_entry_keeps_what_it_was_given(application: Engine) -> None:
    given = entry("a", line(EXPENSE, PAYABLE, 300, "payment-1"), line(EXPENSE, PAYABLE, 200, None, None))
    with application.begin() as connection:
        connection.execute(text("SET LOCAL thuchi.person = 'lan.ke-toan'"))
        entry_id = post(connection, given, given.lines, AT).entry_id
        row = connection.execute(text("SELECT * FROM ledger.entry WHERE entry_id = :id"), {"id": entry_id}).one()
        lines = connection.execute(text("SELECT * FROM ledger.line ORDER BY line_no")).all()
    assert (row.event, row.document, row.business_on, row.recorded_at) == (
        "run_approved",
        "đợt 11/2026",
        date(2026, 11, 1),
        AT,
    )
    assert (row.description, row.person, len(row.content_hash)) == ("Duyệt chi", "lan.ke-toan", 32)
    assert [(row.line_no, row.amount_vnd, row.debit_reference, row.run) for row in lines] == [
        (1, 300, "payment-1", "run-1"),
        (2, 200, None, None),
    ]


@pytest.mark.parametrize("count", [1, 100, 101, 5_000])
def test_few_lines_and_many_are_posted_alike(application: Engine, count: int) -> None:
    with application.begin() as connection:
        lines = (line(EXPENSE, PAYABLE, number, f"payment-{number}") for number in range(1, count + 1))
        first = post(connection, entry("a"), lines, AT)
        again = (line(EXPENSE, PAYABLE, number, f"payment-{number}") for number in range(1, count + 1))
        assert post(connection, entry("a"), again, AT) == Posted(first.entry_id, replayed=True)
        assert balance(connection, PAYABLE) == Dong(count * (count + 1) // 2)
        numbers = connection.scalars(text("SELECT amount_vnd FROM ledger.line ORDER BY line_no")).all()
        assert numbers == list(range(1, count + 1))
    with application.begin() as connection:
        assert verify(connection).first_difference is None


def test_lines_staged_in_sql_are_the_same_entry_whatever_their_order(application: Engine) -> None:
    with application.begin() as connection:
        first = post(connection, entry("a"), [line(EXPENSE, PAYABLE, n, f"p-{n}") for n in range(1, 201)], AT)
        book.open_staging(connection)
        connection.execute(
            text(f"""INSERT INTO {book.STAGING}
                    (debit, credit, amount_vnd, fund, run, debit_reference, credit_reference)
                SELECT '{EXPENSE}', '{PAYABLE}', n, 'retirement', 'run-1', 'p-' || n, 'p-' || n
                FROM generate_series(1, 200) n ORDER BY -n""")
        )
        assert post_staged(connection, entry("a"), AT) == Posted(first.entry_id, replayed=True)


def test_staged_lines_are_posted_only_once(application: Engine) -> None:
    with application.begin() as connection:
        book.open_staging(connection)
        connection.execute(
            text(f"""INSERT INTO {book.STAGING} (debit, credit, amount_vnd, fund)
                VALUES ('{EXPENSE}', '{PAYABLE}', 5, 'retirement')""")
        )
        post_staged(connection, entry("a"), AT)
        with pytest.raises(WrongLines, match="at least one line"):
            post_staged(connection, entry("b"), AT)


def test_gaps_between_staged_lines_do_not_matter(application: Engine) -> None:
    add = text(f"""INSERT INTO {book.STAGING} (debit, credit, amount_vnd, fund)
        VALUES ('{EXPENSE}', '{PAYABLE}', :amount, 'retirement')""")
    with application.begin() as connection:
        book.open_staging(connection)
        for amount in (5, 7):
            connection.execute(add, {"amount": amount})
            with connection.begin_nested() as taken_back:
                connection.execute(add, {"amount": 1})
                taken_back.rollback()
        post_staged(connection, entry("a"), AT)
        lines = connection.execute(text("SELECT line_no, amount_vnd FROM ledger.line ORDER BY line_no")).all()
        assert [tuple(line) for line in lines] == [(1, 5), (2, 7)]
        assert verify(connection).first_difference is None


def test_posting_without_staging_is_refused(application: Engine) -> None:
    with application.begin() as connection, pytest.raises(Refused, match="open_staging"):
        post_staged(connection, entry("a"), AT)


def test_nothing_stays_after_the_callers_rollback(application: Engine) -> None:
    with application.connect() as connection:
        post(connection, entry("a"), [line(EXPENSE, PAYABLE, 5)], AT)
        connection.rollback()
        assert balance(connection, PAYABLE) == Dong(0)
    assert not posted(application, entry("a", line(EXPENSE, PAYABLE, 7))).replayed


def test_the_same_key_stands_for_one_content_for_ever(application: Engine) -> None:
    first = posted(application, entry("a", line(EXPENSE, PAYABLE, 5)))
    assert posted(application, entry("a", line(EXPENSE, PAYABLE, 5))) == Posted(first.entry_id, replayed=True)
    for other in (
        entry("a", line(EXPENSE, PAYABLE, 6)),
        entry("a", line(EXPENSE, PAYABLE, 5, "payment-1")),
        entry("a", line(EXPENSE, PAYABLE, 5), line(EXPENSE, PAYABLE, 5)),
        entry("a", line(EXPENSE, TRANSIT, 5)),
        entry("a", line(EXPENSE, PAYABLE, 5), on=date(2026, 11, 2)),
        entry("a", line(EXPENSE, PAYABLE, 5), event="payment_sent"),
    ):
        refused(application, other, KeyTaken, f"key a stands for entry {first.entry_id}, which has other content")
    with application.begin() as connection:
        assert balance(connection, PAYABLE) == Dong(5)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (line("benefit_expense.unheard", PAYABLE, 5), "line 2: no account benefit_expense.unheard"),
        (line(EXPENSE, "benefits_payable.079123456789", 5), r"line 2: no account \(a number\)"),
        (Line(EXPENSE, PAYABLE, Dong(5), "retirement", None, "079123456789"), "line 2: a reference must not be a bare"),
        (Line(EXPENSE, PAYABLE, Dong(5), "retirement", "0912 345 678"), "line 2: a reference must not be a bare"),
        (Line(EXPENSE, PAYABLE, Dong(5), "retirement", None, None, "+84912345678"), "line 2: a reference must not be"),
        (Line(EXPENSE, PAYABLE, Dong(5), "retirement", None, "a\x1fb"), "control characters"),
        (Line(EXPENSE, PAYABLE, Dong(5), "retirement", None, ""), "empty"),
        (Line(EXPENSE, PAYABLE, Dong(5), "Hưu trí"), "line 2: the fund is missing or no code"),
        (Line(EXPENSE, PAYABLE, Dong(2**63), "retirement"), "out of range"),
    ],
)
def test_a_line_that_cannot_stand_is_named(application: Engine, wrong: Line, words: str) -> None:
    refused(application, entry("a", line(EXPENSE, PAYABLE, 5), wrong), WrongLines, words)
    refused(
        application, entry("a", line(EXPENSE, PAYABLE, 5), wrong, *[line(EXPENSE, PAYABLE, 5)] * 200), WrongLines, words
    )


def test_all_wrong_lines_are_listed_at_once(application: Engine) -> None:
    wrong = entry("a", line("x", PAYABLE, 5), line(EXPENSE, PAYABLE, 5), line(EXPENSE, "y", 5))
    refused(application, wrong, WrongLines, "line 1: no account x\nline 3: no account y")


def test_an_amount_is_positive_and_moves_between_two_accounts() -> None:
    for amount in (0, -5):
        with pytest.raises(WrongLines, match="positive"):
            line(EXPENSE, PAYABLE, amount)
    with pytest.raises(WrongLines, match="same account"):
        line(EXPENSE, EXPENSE, 5)
    with pytest.raises(TypeError, match="Dong"):
        Line(EXPENSE, PAYABLE, 5, "retirement")  # type: ignore[arg-type]


def test_an_entry_without_lines_is_refused(application: Engine) -> None:
    refused(application, entry("a"), WrongLines, "at least one line")


@pytest.mark.parametrize(("key", "document"), [("123456789", "d"), ("k", "0123456789")])
def test_keys_and_documents_are_no_bare_numbers(application: Engine, key: str, document: str) -> None:
    given = Entry(key=key, event="x", document=document, business_on=AT.date(), description="", lines=())
    with application.begin() as connection, pytest.raises(Refused, match="bare number"):
        post(connection, given, [line(EXPENSE, PAYABLE, 5)], AT)


def test_posting_needs_read_committed(application: Engine) -> None:
    with application.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        with pytest.raises(Refused, match="read committed"):
            post(connection, entry("a"), [line(EXPENSE, PAYABLE, 5)], AT)


def test_the_instant_of_recording_has_a_time_zone(application: Engine) -> None:
    with application.begin() as connection, pytest.raises(ValueError, match="time zone"):
        post(connection, entry("a"), [line(EXPENSE, PAYABLE, 5)], AT.replace(tzinfo=None))


# Reversals


def undo(connection: Connection, entry_id: int, key: str, on: date = date(2026, 11, 5)) -> Posted:
    return reverse(
        connection, entry_id, key=key, document="BB-01", business_on=on, description="Ghi nhầm", recorded_at=AT
    )


def test_a_reversal_undoes_an_entry_once(application: Engine) -> None:
    given = entry("a", line(EXPENSE, PAYABLE, 300, "payment-1"), line(PAYABLE, TRANSIT, 300))
    original = posted(application, given)
    with application.begin() as connection:
        first = undo(connection, original.entry_id, "undo-a")
        assert undo(connection, original.entry_id, "undo-a") == Posted(first.entry_id, replayed=True)
        assert {row.debit.vnd + row.credit.vnd for row in trial_balance(connection)} == {0}
        link = connection.execute(text("SELECT * FROM ledger.reversal")).one()
        assert tuple(link) == (original.entry_id, first.entry_id)
    with application.begin() as connection, pytest.raises(AlreadyReversed, match=f"by entry {first.entry_id}"):
        undo(connection, original.entry_id, "undo-a-again")
    with application.begin() as connection, pytest.raises(UnknownEntry):
        undo(connection, 10**6, "undo-nothing")
    with application.begin() as connection:
        assert verify(connection).first_difference is None


def test_a_reversal_posts_what_reversal_of_says(application: Engine) -> None:
    given = entry("a", line(EXPENSE, PAYABLE, 300, "payment-1"), line(PAYABLE, TRANSIT, 200))
    expected = reversal_of(given, key="undo", document="BB-01", business_on=AT.date(), description="Ghi nhầm")
    original = posted(application, given)
    with application.begin() as connection:
        undo(connection, original.entry_id, "undo", AT.date())
        lines = [(row.contra_account, row.debit, row.credit) for row in statement(connection, PAYABLE).lines][2:]
    assert lines == [(EXPENSE, Dong(300), Dong(0)), (TRANSIT, Dong(0), Dong(200))]
    assert [(line.debit, line.credit) for line in expected.lines] == [(PAYABLE, EXPENSE), (TRANSIT, PAYABLE)]


def test_an_ordinary_entry_never_stands_for_a_reversal(application: Engine) -> None:
    given = entry("a", line(EXPENSE, PAYABLE, 300))
    original = posted(application, given)
    with application.begin() as connection:
        undo(connection, original.entry_id, "undo")
    as_posted = reversal_of(given, key="undo", document="BB-01", business_on=date(2026, 11, 5), description="Ghi nhầm")
    refused(application, as_posted, KeyTaken, "other content")


# Limits


def test_a_limited_account_never_passes_its_limit(application: Engine) -> None:
    with application.begin() as connection:
        advance = open_account(connection, "advance_to_agent", "vnpost")
    posted(application, entry("fund", line(advance, CASH, 100)))
    refused(
        application, entry("a", line(PAYABLE, advance, 101)), PastLimit, "account advance_to_agent.vnpost would pass"
    )
    posted(application, entry("b", line(PAYABLE, advance, 100)))
    refused(application, entry("c", line(PAYABLE, advance, 1)), PastLimit, "advance_to_agent.vnpost")


def test_the_limit_counts_what_one_entry_does_in_all(application: Engine) -> None:
    with application.begin() as connection:
        advance = open_account(connection, "advance_to_agent", "vnpost")
    posted(application, entry("a", line(PAYABLE, advance, 70), line(advance, CASH, 100)))
    with application.begin() as connection:
        assert balance(connection, advance) == Dong(30)


@pytest.mark.parametrize(
    ("chart_code", "limit", "allowed"),
    [
        ("benefits_payable", BalanceLimit.NEVER_NEGATIVE, "credit"),
        ("benefits_payable", BalanceLimit.NEVER_POSITIVE, "debit"),
        ("cash_at_bank", BalanceLimit.NEVER_NEGATIVE, "debit"),
        ("cash_at_bank", BalanceLimit.NEVER_POSITIVE, "credit"),
    ],
)
def test_limits_follow_the_normal_side(application: Engine, chart_code: str, limit: BalanceLimit, allowed: str) -> None:
    with application.begin() as connection:
        limited = open_account(connection, chart_code, "limited", limit=limit)
    debit, credit = entry("debit", line(limited, TRANSIT, 5)), entry("credit", line(TRANSIT, limited, 5))
    right, wrong = (debit, credit) if allowed == "debit" else (credit, debit)
    refused(application, wrong, PastLimit, limited)
    assert not posted(application, right).replayed


# Accounts


def test_opening_an_account_again_changes_nothing(application: Engine) -> None:
    with application.begin() as connection:
        assert open_account(connection, "benefit_expense", "pension") == EXPENSE
        assert open_accounts(connection, []) == []
        codes = open_accounts(connection, [AccountRequest("in_transit", name) for name in ("b", "simbank", "a", "b")])
        assert codes == ["in_transit.b", "in_transit.simbank", "in_transit.a", "in_transit.b"]
        assert find_account(connection, EXPENSE).name == "Chi chế độ bảo hiểm – lương hưu"
        assert verify(connection).first_difference is None
        with pytest.raises(AccountDiffers, match=EXPENSE):
            open_account(connection, "benefit_expense", "pension", limit=BalanceLimit.NEVER_NEGATIVE)


def test_only_accounts_of_the_chart_are_opened(application: Engine) -> None:
    with application.begin() as connection:
        with pytest.raises(UnknownAccount, match="knows no account suspense"):
            open_account(connection, "suspense")
        with pytest.raises(UnknownAccount, match="there is no account x"):
            balance(connection, "x")
        with pytest.raises(UnknownAccount):
            positions(connection, "x")


@pytest.mark.parametrize("qualifier", ["079123456789", "simbank.079123456789", "a b", "", ".a", "đơn-vị"])
def test_a_qualifier_is_a_code_and_no_bare_number(application: Engine, qualifier: str) -> None:
    with application.begin() as connection, pytest.raises(Refused):
        open_account(connection, "in_transit", qualifier)


# Periods


def test_a_closed_month_and_those_before_take_no_entries(application: Engine) -> None:
    november = posted(application, entry("a", line(EXPENSE, PAYABLE, 5), on=date(2026, 11, 30)))
    with application.begin() as connection:
        assert closed_through(connection) is None
        assert close_period(connection, date(2026, 11, 17), AT)
        assert not close_period(connection, date(2026, 11, 1), AT)
        assert not close_period(connection, date(2026, 10, 1), AT)
        assert closed_through(connection) == date(2026, 11, 1)
    for day in (date(2026, 11, 30), date(2026, 10, 31)):
        refused(application, entry("b", line(EXPENSE, PAYABLE, 5), on=day), PeriodClosed, "closed through 2026-11")
    with application.begin() as connection, pytest.raises(PeriodClosed):
        undo(connection, november.entry_id, "undo", date(2026, 11, 30))
    # What was posted before is still recognised, and undone in the open month.
    assert posted(application, entry("a", line(EXPENSE, PAYABLE, 5), on=date(2026, 11, 30))).replayed
    with application.begin() as connection:
        undo(connection, november.entry_id, "undo", date(2026, 12, 1))
        assert balance(connection, PAYABLE, date(2026, 11, 30)) == Dong(5)


# Balances


def test_balances_and_statements_by_date_come_from_the_same_lines(application: Engine) -> None:
    posted(application, entry("a", line(EXPENSE, PAYABLE, 500, "payment-1"), on=date(2026, 11, 1)))
    posted(application, entry("c", line(TRANSIT, CASH, 200, "payment-1", "run-2"), on=date(2026, 11, 4)))
    posted(application, entry("b", line(PAYABLE, TRANSIT, 200, "payment-1"), on=date(2026, 11, 3)))
    with application.begin() as connection:
        assert balance(connection, PAYABLE, date(2026, 10, 31)) == Dong(0)
        assert balance(connection, PAYABLE, date(2026, 11, 2)) == Dong(500)
        assert balance(connection, CASH, date(2026, 11, 30)) == balance(connection, CASH) == Dong(-200)
        assert trial_balance(connection, date(2026, 11, 30)) == trial_balance(connection)
        rows = {row.account: (row.debit.vnd, row.credit.vnd) for row in trial_balance(connection, date(2026, 11, 3))}
        assert rows == {EXPENSE: (500, 0), TRANSIT: (0, 200), PAYABLE: (0, 300)}
        everything = trial_balance(connection)
        assert total(row.debit for row in everything) == total(row.credit for row in everything)
        transit = statement(connection, TRANSIT, Window(until=date(2026, 11, 30)))
        assert [(row.contra_account, row.debit.vnd, row.credit.vnd, row.balance.vnd) for row in transit.lines] == [
            (PAYABLE, 0, 200, 200),
            (CASH, 200, 0, 0),
        ]
        later = statement(connection, PAYABLE, Window(since=date(2026, 11, 2)))
        assert (later.opening, later.closing, len(later.lines)) == (Dong(500), Dong(300), 1)
        assert statement(connection, PAYABLE, Window(until=date(2026, 10, 1))).lines == []
        assert positions(connection, "in_transit") == {
            Position(TRANSIT, "retirement", "run-1"): Dong(200),
            Position(TRANSIT, "retirement", "run-2"): Dong(-200),
        }
        assert positions(connection, "in_transit", run="run-2") == {
            Position(TRANSIT, "retirement", "run-2"): Dong(-200)
        }
