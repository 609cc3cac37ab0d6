"""What may keep a statement waiting and what may not, and how people get out; no line counts twice and none is lost."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from bank_paper import Line, document
from sqlalchemy import text

from engine.clock import VIET_NAM
from engine.database import Database
from reconciliation.breaks import BreakClass, open_breaks
from reconciliation.decisions import DecisionKind, DecisionRefused, approve, prepare_choice, prepare_close_gap
from reconciliation.intake import Intake, load_statement, register_account

ACCOUNT = "8800000000001"
DAY = date(2026, 11, 2)
AT = datetime(2027, 1, 8, 18, tzinfo=VIET_NAM)


@dataclass
class Chain:
    """One account of ours that our books began with 1,000,000 on it."""

    database: Database
    directory: Path
    files: int = 0

    def load(
        self,
        on: date,
        opening_vnd: int,
        lines: Sequence[Line],
        *,
        sequence: int | None = None,
        from_on: date | None = None,
        of_first_day: int = 0,
    ) -> Intake:
        """Loads a statement; so many of its lines are of its first day, the others of its last."""
        self.files += 1
        told = document(
            ACCOUNT,
            on,
            lines,
            sequence=sequence or 0,
            opening_vnd=opening_vnd,
            closing_vnd=opening_vnd + sum(line.amount_vnd for line in lines),
            from_on=from_on or on,
        )
        told = told.replace(f"<BookgDt><Dt>{on}", f"<BookgDt><Dt>{from_on}", of_first_day)
        path = self.directory / f"{self.files}.xml"
        path.write_text(told.replace(f"<Id>{on:%Y%m%d}-{sequence or 0}<", f"<Id>FILE-{self.files}<"), encoding="utf-8")
        with self.database.transaction() as connection:
            return load_statement(connection, path, fingerprint=str.encode, protect=str.encode, recorded_at=AT)

    @property
    def states(self) -> list[str]:
        """In the order in which the files came."""
        with self.database.transaction() as connection:
            return list(connection.scalars(text("SELECT state FROM reconciliation.statement ORDER BY statement_id")))

    @property
    def standing(self) -> list[int]:
        """Every entry, in đồng, below zero for money out."""
        signed = "CASE sign WHEN 'credit' THEN amount_vnd ELSE -amount_vnd END"
        with self.database.transaction() as connection:
            return list(connection.scalars(text(f"SELECT {signed} FROM reconciliation.statement_entry ORDER BY 1")))

    @property
    def gaps(self) -> list[int]:
        with self.database.transaction() as connection:
            return [
                found.break_id
                for found in open_breaks(connection, AT.date())
                if found.break_class is BreakClass.STATEMENT_GAP and found.break_id is not None
            ]

    def close_gap(self) -> None:
        (gap,) = self.gaps
        with self.database.transaction() as connection:
            decision = prepare_close_gap(connection, gap, "the bank will not give it", "lan", AT)
            approve(connection, decision, "minh", AT)

    def leave_out(self) -> None:
        gap = self.gaps[0]
        with self.database.transaction() as connection:
            decision = prepare_choice(connection, gap, DecisionKind.KEEP, "not of our books", "lan", AT)
            approve(connection, decision, "minh", AT)


@pytest.fixture
def chain(database: Database, tmp_path: Path) -> Chain:
    with database.transaction() as connection:
        register_account(connection, ACCOUNT.encode(), "cash_at_bank.simbank.retirement", 1_000_000)
    return Chain(database, tmp_path)


@pytest.mark.parametrize(
    ("before", "after", "days"),
    [
        (365, 4, 4),
        (31, 3, 3),
        (20261130, 20261201, 1),
        (1130, 1201, 1),
        (26365, 27001, 1),
        (7, 8, 3),
        (310, 313, 3),
    ],
)
def test_numbers_that_begin_anew_or_are_the_day_itself_skip_nothing(
    chain: Chain, before: int, after: int, days: int
) -> None:
    first = date(2026, 11, 30) if before in (20261130, 1130) else date(2026, 12, 31)
    chain.load(first, 1_000_000, [Line(10)], sequence=before)
    chain.load(first + timedelta(days=days), 1_000_010, [Line(20)], sequence=after)
    assert chain.states == ["accepted", "accepted"]


@pytest.mark.parametrize(("weekend", "monday"), [(6, 7), (1, 6)], ids=["one series", "two series"])
def test_a_weekend_told_in_one_skips_nothing(chain: Chain, weekend: int, monday: int) -> None:
    friday = date(2026, 11, 6)
    chain.load(friday, 1_000_000, [Line(-1_000)], sequence=5)
    chain.load(
        friday + timedelta(days=2), 999_000, [Line(-2_000)], sequence=weekend, from_on=friday + timedelta(days=1)
    )
    chain.load(friday + timedelta(days=3), 997_000, [Line(-3_000)], sequence=monday)
    assert chain.states == ["accepted"] * 3


def test_behind_a_gap_that_is_closed_equal_lines_are_new(chain: Chain) -> None:
    chain.load(DAY, 1_000_000, [Line(-11), Line(-11)])
    chain.load(DAY, 999_000, [Line(-11)])
    chain.load(DAY, 998_989, [Line(-11), Line(-7)])
    assert chain.states == ["accepted", "waiting", "waiting"]
    chain.close_gap()
    assert chain.states == ["accepted"] * 3
    assert chain.standing == [-11, -11, -11, -11, -7]
    assert chain.gaps == []


def test_behind_a_gap_that_is_closed_a_number_of_the_bank_tells_what_was_told(chain: Chain) -> None:
    chain.load(DAY, 1_000_000, [Line(-11, bank_reference="FT1"), Line(-11)])
    chain.load(DAY, 999_000, [Line(-11, bank_reference="FT1"), Line(-11), Line(-7)])
    chain.close_gap()
    assert chain.standing == [-11, -11, -11, -7]


@pytest.mark.parametrize("reference", ["FT1", ""])
def test_lines_that_leave_the_balance_as_it_was_do_not_count_twice(chain: Chain, reference: str) -> None:
    paid_and_back = [Line(-500, bank_reference=reference), Line(500, bank_reference=reference)]
    chain.load(DAY, 1_000_000, paid_and_back)
    chain.load(DAY + timedelta(days=1), 1_000_000, [*paid_and_back, Line(9)], from_on=DAY, of_first_day=2)
    assert chain.standing == [-500, 9, 500]


def test_a_statement_of_a_time_before_our_books_is_left_out(chain: Chain) -> None:
    before = DAY - timedelta(days=1)
    chain.load(before, 400_000, [Line(600_000)])
    chain.load(DAY, 1_000_000, [Line(7)])
    assert chain.states == ["waiting", "accepted"]
    chain.leave_out()
    assert (chain.states, chain.standing, chain.gaps) == (["left_out", "accepted"], [7], [])
    chain.load(before, 400_000, [Line(600_000)])
    assert (chain.states[2], len(chain.gaps)) == ("waiting", 1)


def test_a_spoiled_statement_is_left_out_beside_the_corrected_one(chain: Chain) -> None:
    chain.load(DAY, 900_000, [Line(7), Line(-66)], sequence=1)
    chain.load(DAY + timedelta(days=1), 1_000_013, [Line(8)], sequence=2)
    chain.load(DAY, 1_000_000, [Line(7), Line(6)], sequence=1)
    assert chain.states == ["waiting", "accepted", "accepted"]
    chain.leave_out()
    assert (chain.states, chain.standing, chain.gaps) == (["left_out", "accepted", "accepted"], [6, 7, 8], [])


def test_a_gap_that_was_filled_before_the_second_person_came_is_not_closed(chain: Chain) -> None:
    chain.load(DAY + timedelta(days=1), 1_000_007, [Line(8)])
    (gap,) = chain.gaps
    with chain.database.transaction() as connection:
        decision = prepare_close_gap(connection, gap, "the bank will not give it", "lan", AT)
    chain.load(DAY, 1_000_000, [Line(7)])
    with chain.database.transaction() as connection, pytest.raises(DecisionRefused, match="waits no more"):
        approve(connection, decision, "minh", AT)
    assert chain.states == ["accepted", "accepted"]
