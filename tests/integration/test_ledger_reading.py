"""Reading the book: each answer beside the same one counted line by line in Python."""

import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import Connection, Engine

from ledger import statement as statements
from ledger.accounts import AccountRequest, open_accounts
from ledger.balances import balance, trial_balance, turnover
from ledger.book import post
from ledger.entries import EntryHeader, Line
from ledger.journal import JournalLine, journal, stream_journal
from ledger.money import Dong, total
from ledger.open_items import OpenItem, open_items, stream_open_items
from ledger.places import Place
from ledger.statement import StatementLine, statement, stream_statement
from ledger.window import WHOLE, Window

FIRST = date(2026, 10, 1)
START = datetime(2026, 11, 1, tzinfo=UTC)
BOUNDS = (7, 30)
ACCOUNTS = (
    ("cash_at_bank", "simbank.retirement"),
    ("in_transit", "simbank"),
    ("benefits_payable", None),
    ("benefit_expense", "pension"),
    ("benefit_expense", "sickness"),
)


@dataclass(frozen=True)
class Noted:
    """A posted line as the test remembers it."""

    entry_id: int
    line_no: int
    business_on: date
    recorded_at: datetime
    line: Line

    def is_in(self, window: Window) -> bool:
        return (
            (window.since is None or self.business_on >= window.since)
            and (window.until is None or self.business_on <= window.until)
            and (window.known_at is None or self.recorded_at <= window.known_at)
        )


@pytest.fixture
def book(application: Engine) -> list[Noted]:
    """Forty entries of one to five lines, dated in any order and recorded one after the other."""
    invented = random.Random(20261122)
    noted = []
    with application.begin() as connection:
        codes = open_accounts(connection, [AccountRequest(chart, qualifier) for chart, qualifier in ACCOUNTS])
        for number in range(40):
            lines = [_line(invented, codes) for _ in range(invented.randint(1, 5))]
            on = FIRST + timedelta(days=invented.randint(0, 40))
            at = START + timedelta(hours=number)
            header = EntryHeader(key=f"k{number}", event="test", document=f"D{number}", business_on=on, description="")
            posted = post(connection, header, lines, at)
            noted += [Noted(posted.entry_id, place, on, at, line) for place, line in enumerate(lines, 1)]
    return sorted(noted, key=lambda line: (line.business_on, line.entry_id, line.line_no))


def _line(invented: random.Random, codes: list[str]) -> Line:
    debit, credit = invented.sample(codes, 2)
    fund = invented.choice(("retirement", "sickness"))
    references = [invented.choice((None, "P1", "P2", "P3")) for _ in range(2)]
    return Line(debit, credit, Dong(invented.choice((100, 200, 300))), fund, "R1", *references)


@pytest.fixture
def reading(application: Engine, book: list[Noted]) -> Iterator[Connection]:
    with application.connect() as connection:
        yield connection


DAYS = (None, FIRST - timedelta(days=1), FIRST + timedelta(days=13), FIRST + timedelta(days=50))
INSTANTS = (None, START - timedelta(hours=1), START + timedelta(hours=17), START + timedelta(hours=99))


def moved(book: list[Noted], window: Window, account: str, fund: str | None = None) -> tuple[int, int]:
    """Nợ and Có of an account in a window."""
    lines = [noted.line for noted in book if noted.is_in(window) and fund in (None, noted.line.fund)]
    return (
        sum(line.amount.vnd for line in lines if line.debit == account),
        sum(line.amount.vnd for line in lines if line.credit == account),
    )


@pytest.mark.parametrize("known_at", INSTANTS)
def test_balances_on_any_day_as_known_at_any_instant(
    reading: Connection, book: list[Noted], known_at: datetime | None
) -> None:
    for on in DAYS:
        window = Window(until=on, known_at=known_at)
        rows = {row.account: row.debit.vnd - row.credit.vnd for row in trial_balance(reading, on, known_at)}
        for chart, qualifier in ACCOUNTS:
            code = chart if qualifier is None else f"{chart}.{qualifier}"
            debit, credit = moved(book, window, code)
            assert rows.get(code, 0) == debit - credit
            assert (code in rows) is (debit + credit > 0)
            sign = 1 if chart in ("cash_at_bank", "benefit_expense") else -1
            assert balance(reading, code, on, known_at).vnd == sign * (debit - credit)


@pytest.mark.parametrize("fund", [None, "retirement"])
@pytest.mark.parametrize("known_at", INSTANTS)
def test_a_period_has_opening_turnover_and_closing(
    reading: Connection, book: list[Noted], known_at: datetime | None, fund: str | None
) -> None:
    for since in DAYS:
        for until in DAYS:
            if since and until and since > until:
                continue
            rows = turnover(reading, Window(since, until, known_at), fund)
            before = Window(until=since - timedelta(days=1), known_at=known_at) if since else None
            for row in rows:
                opened = moved(book, before, row.account, fund) if before else (0, 0)
                turned = moved(book, Window(since, until, known_at), row.account, fund)
                assert row.opening_debit.vnd - row.opening_credit.vnd == opened[0] - opened[1]
                assert (row.debit.vnd, row.credit.vnd) == turned
                closed = opened[0] - opened[1] + turned[0] - turned[1]
                assert row.closing_debit.vnd - row.closing_credit.vnd == closed
                assert not (row.opening_debit and row.opening_credit)
                assert not (row.closing_debit and row.closing_credit)
            for debit, credit in (
                ("opening_debit", "opening_credit"), ("debit", "credit"), ("closing_debit", "closing_credit")
            ):  # fmt: skip
                assert total(getattr(row, debit) for row in rows) == total(getattr(row, credit) for row in rows)


@pytest.mark.parametrize("many", [0, 1_000])
@pytest.mark.parametrize("known_at", INSTANTS[:3])
def test_a_statement_by_pages_is_the_whole_one(
    reading: Connection,
    book: list[Noted],
    known_at: datetime | None,
    many: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same by both ways of reading: along the book, and by the account's own index."""
    monkeypatch.setattr(statements, "_MANY_LINES", many)
    for since in DAYS[:3]:
        window = Window(since, FIRST + timedelta(days=30), known_at)
        whole = statement(reading, "benefits_payable", window)
        expected = [
            noted
            for noted in book
            if noted.is_in(window) and "benefits_payable" in (noted.line.debit, noted.line.credit)
        ]
        assert [(line.entry_id, line.line_no) for line in whole.lines] == [(n.entry_id, n.line_no) for n in expected]
        for line, noted in zip(whole.lines, expected, strict=True):
            on_debit = noted.line.debit == "benefits_payable"
            assert (line.debit if on_debit else line.credit) == noted.line.amount
            assert line.contra_account == (noted.line.credit if on_debit else noted.line.debit)
            assert line.reference == (noted.line.debit_reference if on_debit else noted.line.credit_reference)
            assert line.contra_reference == (noted.line.credit_reference if on_debit else noted.line.debit_reference)
        balances = [whole.opening, *(line.balance for line in whole.lines)]
        assert [b.vnd - a.vnd for a, b in pairwise(balances)] == [n.credit.vnd - n.debit.vnd for n in whole.lines]
        assert whole.closing == balance(reading, "benefits_payable", window.until, known_at)
        assert list(stream_statement(reading, "benefits_payable", window)) == whole.lines
        paged: list[StatementLine] = []
        after = None
        while True:
            page = statement(reading, "benefits_payable", window, after=after, limit=3)
            paged += page.lines
            if page.next is None:
                break
            after = Place.read(str(page.next))
        assert paged == whole.lines


@pytest.mark.parametrize("known_at", INSTANTS[:3])
def test_the_journal_by_pages_is_the_whole_one(
    reading: Connection, book: list[Noted], known_at: datetime | None
) -> None:
    window = Window(FIRST + timedelta(days=3), FIRST + timedelta(days=30), known_at)
    expected = [(noted.entry_id, noted.line_no) for noted in book if noted.is_in(window)]
    streamed = list(stream_journal(reading, window))
    assert [(line.entry_id, line.line_no) for line in streamed] == expected
    paged: list[JournalLine] = []
    after = None
    while True:
        page = journal(reading, window, limit=7, after=after)
        paged += page.lines
        if page.next is None:
            break
        after = page.next
    assert paged == streamed
    assert [line.amount for line in stream_journal(reading, WHOLE)] == [noted.line.amount for noted in book]


def counted_open_items(
    book: list[Noted], accounts: set[str], window: Window, on: date
) -> dict[tuple[str, str], list[object]]:
    """Net and the lines still open, newest first, by account and reference."""
    lines: dict[tuple[str, str], list[tuple[date, int]]] = defaultdict(list)
    for noted in book:
        if noted.is_in(window):
            for account, reference, sign in (
                (noted.line.debit, noted.line.debit_reference, 1), (noted.line.credit, noted.line.credit_reference, -1)
            ):  # fmt: skip
                if account in accounts:
                    lines[account, reference or ""].append((noted.business_on, sign * noted.line.amount.vnd))
    found = {}
    for key, moves in lines.items():
        net = remaining = sum(amount for _, amount in moves)
        ages = [0] * (len(BOUNDS) + 1)
        oldest = None
        for day, amount in sorted(moves, reverse=True):
            if remaining and amount * net > 0:
                part = min(abs(amount), abs(remaining)) * (1 if net > 0 else -1)
                remaining -= part
                ages[sum((on - day).days > bound for bound in BOUNDS)] += part
                oldest = day
        if net:
            found[key] = [net, ages, oldest, len(moves)]
    return found


@pytest.mark.parametrize("known_at", INSTANTS[:3])
def test_open_items_are_what_does_not_cancel_out(
    reading: Connection, book: list[Noted], known_at: datetime | None
) -> None:
    for on in (FIRST + timedelta(days=13), FIRST + timedelta(days=50)):
        for asked, sign in (("benefit_expense", 1), ("in_transit.simbank", -1)):
            codes = {f"benefit_expense.{kind}" for kind in ("pension", "sickness")} if sign > 0 else {asked}
            expected = counted_open_items(book, codes, Window(until=on, known_at=known_at), on)
            found = list(stream_open_items(reading, asked, on, BOUNDS, known_at=known_at))
            assert {
                (item.account, item.reference or ""): [
                    sign * item.amount.vnd, [sign * age.vnd for age in item.ages], item.oldest_on, item.lines
                ]
                for item in found
            } == expected  # fmt: skip
            paged: list[OpenItem] = []
            after = None
            while True:
                page = open_items(reading, asked, on, BOUNDS, known_at=known_at, after=after, limit=2)
                paged += page.items
                if page.next is None:
                    break
                after = page.next
            assert paged == found
            assert total(item.amount for item in found) == total(balance(reading, code, on, known_at) for code in codes)


def test_a_window_that_ends_before_it_begins_is_refused(reading: Connection) -> None:
    with pytest.raises(ValueError, match="before it begins"):
        Window(date(2026, 2, 1), date(2026, 1, 1))
    with pytest.raises(ValueError, match="time zone"):
        Window(known_at=datetime(2026, 1, 1))
    with pytest.raises(ValueError, match="bounds of ages"):
        open_items(reading, "in_transit", FIRST, (30, 7), limit=1)
    for text in ("", "2026-11-03", "2026-11-03.1.2", "x.1.2.3"):
        with pytest.raises(ValueError, match=r"isoformat|unpack|invalid literal"):
            Place.read(text)
