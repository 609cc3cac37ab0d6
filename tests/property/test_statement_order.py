"""The same files in any order, any of them twice, give what their own order gives: entries, matches and breaks."""

import re
import tempfile
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

from bank_paper import Batch, Line, document
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from engine.database import Database
from reconciliation import expectations, matching
from reconciliation.breaks import open_breaks
from reconciliation.intake import load_statement, register_account
from reconciliation.references import make_reference

ACCOUNT = "8800000000001"
OPENING_VND = 1_000_000_000
DAY = date(2026, 11, 2)
DAYS = 3
AT = datetime(2026, 11, 6, 18, tzinfo=timezone(timedelta(hours=7)))
PAYMENTS = {1: 3_000_000, 2: 4_000_000, 3: 3_000_000}
PAYEE = "19039999999999"


def reference(number: int) -> str:
    return make_reference("PN", number)


COMPETING: list[Line | Batch] = [
    Line(-3_000_000, reference(1)),
    Line(-4_000_000, reference(2)),
    Line(-7_000_000, text=f"{reference(1)} va {reference(2)}"),
    Batch((Line(-3_000_000), Line(-4_000_000)), payment_info_id="B1", with_details=False),
    Line(-1_000_000, text=reference(1)),
    Line(-2_000_000, text=reference(1)),
    Line(-3_000_000, account=PAYEE),
    Line(3_000_000, reference(1), reason="AC04"),
]
"""Each wants a payment that others want as well: singly, together, in parts, by the payee's account, or back."""
PLAIN: list[Line | Batch] = [Line(-11_000), Line(5_000), Line(-5_000), Line(5_000, bank_reference="FT1")]
"""Lines of which many are equal, most of them without any number of the bank."""
ONE_WAY: list[Line | Batch] = [Line(-11_000), Line(-5_000), Line(-5_000, bank_reference="FT1")]
"""Of these no two balances are equal, so nothing but the balances can tell a line again from an equal one."""


@dataclass(frozen=True)
class File:
    """What the bank writes of a stretch of its book: the lines from one place to another, the days they are of."""

    first: int
    end: int
    from_on: date
    to_on: date


@dataclass(frozen=True)
class Book:
    """The account as the bank has it: its lines in order, each with its day."""

    lines: tuple[tuple[int, Line | Batch], ...]

    def write(self, path: Path, file: File, number: int, *, numbered: bool) -> Path:
        balances = [*accumulate((line.amount_vnd for _, line in self.lines), initial=OPENING_VND)]
        days = [DAY + timedelta(days=day) for day, _ in self.lines[file.first : file.end]]
        told = document(
            ACCOUNT,
            file.to_on,
            [line for _, line in self.lines[file.first : file.end]],
            sequence=number,
            opening_vnd=balances[file.first],
            closing_vnd=balances[file.end],
            from_on=file.from_on,
        )
        booked = iter(days)
        told = re.sub("<BookgDt><Dt>[^<]*", lambda _: f"<BookgDt><Dt>{next(booked)}", told)
        if not numbered:
            told = re.sub("<ElctrncSeqNb>[^<]*</ElctrncSeqNb>", "", told)
        path.write_text(told, encoding="utf-8")
        return path

    def returns_to_a_balance(self, files: list[File]) -> bool:
        """Whether two places where a file begins or ends have the same balance, so that one is taken for the other."""
        balances = [*accumulate((line.amount_vnd for _, line in self.lines), initial=OPENING_VND)]
        places = {place for file in files for place in (file.first, file.end)}
        return len({balances[place] for place in places}) < len(places)

    def edges(self) -> list[int]:
        """Where each day begins, and the end."""
        return [sum(day < until for day, _ in self.lines) for until in range(DAYS)] + [len(self.lines)]

    def days(self, first: int, last: int) -> File:
        """The file of whole days, from one to another."""
        edges = self.edges()
        return File(edges[first], edges[last + 1], DAY + timedelta(days=first), DAY + timedelta(days=last))

    def parts(self, day: int, cuts: list[int]) -> list[File]:
        """The files of one day in parts."""
        first, end = self.edges()[day : day + 2]
        places = sorted({first, end, *(first + cut % (end - first + 1) for cut in cuts)})
        on = DAY + timedelta(days=day)
        return [File(start, stop, on, on) for start, stop in pairwise(places)] or [File(first, end, on, on)]


def books(lines: list[Line | Batch]) -> st.SearchStrategy[Book]:
    return st.lists(st.tuples(st.integers(0, DAYS - 1), st.sampled_from(lines)), max_size=9).map(
        lambda found: Book(tuple(sorted(found, key=lambda told: told[0])))
    )


def taken(connection: Connection, paths: list[Path]) -> dict[str, Any]:
    """What stands after files were loaded in an order: entries, matches, breaks, and what still waits."""
    own = register_account(connection, ACCOUNT.encode(), "cash_at_bank.order", OPENING_VND)
    expectations.open_staging(connection)
    for number, amount in PAYMENTS.items():
        connection.execute(
            text(
                f"INSERT INTO {expectations.STAGING} (own_account_id, sign, reference, batch_reference, amount_vnd, "
                "due_on, kind, counterparty, until_on) "
                "VALUES (:own, 'debit', :reference, :batch, :amount, :day, 'payment', :payee, :until)"
            ),
            {
                "own": own,
                "reference": reference(number),
                "batch": "B1" if number < 3 else None,
                "amount": amount,
                "day": DAY,
                "payee": PAYEE.encode() if number == 3 else None,
                "until": DAY + timedelta(days=9),
            },
        )
    expectations.expect_staged(connection)
    for path in paths:
        loaded = load_statement(connection, path, fingerprint=str.encode, protect=str.encode, recorded_at=AT)
        assert loaded.waits_for == ()
        for _ in matching.match_file(connection, loaded.file_id, AT):
            pass
    entries = text("SELECT booked_on, sign, amount_vnd, bank_reference FROM reconciliation.statement_entry")
    matches = text("SELECT reference, rule, returned, sign, amount_vnd, booked_on FROM reconciliation.matched_item")
    waiting = text("SELECT count(*) FROM reconciliation.statement WHERE state = 'waiting'")
    return {
        "entries": Counter(tuple(row) for row in connection.execute(entries)),
        "matches": Counter(tuple(row) for row in connection.execute(matches)),
        "breaks": Counter(
            (found.break_class, found.reference, found.line_vnd, found.since)
            for found in open_breaks(connection, DAY + timedelta(days=20))
        ),
        "waiting": connection.scalar(waiting),
        "set aside": connection.scalar(text("SELECT count(*) FROM reconciliation.waiting_line")),
    }


def both_orders(
    database: Database, book: Book, files: list[File], arrival: list[int], *, numbered: bool
) -> tuple[dict[str, Any], dict[str, Any]]:
    with tempfile.TemporaryDirectory() as directory:
        paths = [
            book.write(Path(directory) / f"{number}.xml", file, number, numbered=numbered)
            for number, file in enumerate(files, 1)
        ]
        found = []
        for order in (paths, [paths[place % len(paths)] for place in arrival] + paths):
            with database.engine.connect() as connection:
                found.append(taken(connection, order))
                connection.rollback()
        return found[0], found[1]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    book=books([*COMPETING, *PLAIN]),
    cuts=st.lists(st.lists(st.integers(0, 8), max_size=2), min_size=DAYS, max_size=DAYS),
    arrival=st.lists(st.integers(0, 20), max_size=12),
    numbered=st.booleans(),
)
def test_files_in_any_order_and_any_of_them_twice_give_the_same(
    database: Database, book: Book, cuts: list[list[int]], arrival: list[int], numbered: bool
) -> None:
    files = [file for day in range(DAYS) for file in book.parts(day, cuts[day])]
    assume(not book.returns_to_a_balance(files))
    in_order, in_another = both_orders(database, book, files, arrival, numbered=numbered)
    assert in_another == in_order
    assert (in_order["waiting"], in_order["set aside"]) == (0, 0)
    assert in_order["entries"].total() == len(book.lines)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    book=books(ONE_WAY),
    cuts=st.lists(st.lists(st.integers(0, 8), max_size=2), min_size=DAYS, max_size=DAYS),
    longer=st.lists(st.tuples(st.integers(0, DAYS - 1), st.integers(0, DAYS - 1)), min_size=1, max_size=3),
    arrival=st.lists(st.integers(0, 20), max_size=12),
)
def test_files_that_overlap_bring_every_line_once(
    database: Database, book: Book, cuts: list[list[int]], longer: list[tuple[int, int]], arrival: list[int]
) -> None:
    parts = [file for day in range(DAYS) for file in book.parts(day, cuts[day])]
    files = [*parts, *(book.days(min(days), max(days)) for days in longer)]
    in_order, in_another = both_orders(database, book, files, arrival, numbered=False)
    assert in_another["entries"] == in_order["entries"]
    assert in_order["entries"].total() == len(book.lines)
    assert (in_another["waiting"], in_another["set aside"]) == (0, 0)


def test_a_day_that_leaves_the_balance_as_it_was_is_told_once_and_again(database: Database) -> None:
    book = Book(((0, Line(5_000)), (0, Line(-5_000)), (1, Line(7_000))))
    in_order, again = both_orders(database, book, [book.days(0, 0), book.days(1, 1)], [0, 1, 0], numbered=False)
    assert again == in_order
    files = [book.days(0, 0), book.days(0, 0), book.days(1, 1)]
    assert both_orders(database, book, files, [2, 1], numbered=False)[1]["entries"] == in_order["entries"]
