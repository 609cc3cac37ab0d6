"""A year of an employer, to the đồng against the law's own running account, which knows no database and no ledger.

Declared on the first of each month; a winter unpaid, then paid in part and late; a wage raised backwards; a worker who
leaves and is served first; money paid ahead, carried forward, and given back.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import builders
import pytest
from employer_world import EmployerWorld
from sqlalchemy import text

from engine.clock import VIET_NAM
from engine.contributions.declaration_form import DeclaredWorker
from engine.contributions.dues import FUND_NAMES
from engine.contributions.employer import employer_on
from engine.contributions.notices import Position, position
from engine.contributions.refunds import request_refund
from engine.contributions.tracing import trace_receipts
from engine.database import Database
from engine.law.calendar import Month
from engine.law.contributions import Fund
from engine.law.employer_account import Dues, EmployerAccount, Receipt, employer_account
from engine.law.parameters import Parameters
from engine.payments import run
from engine.payments.refunds import plan_refunds
from engine.people.accounts import Account
from engine.vault import Vault
from ledger.balances import balance

LAW = Parameters.load()
PER_THOUSAND = {Fund.HEALTH: 45, Fund.UNEMPLOYMENT: 20, Fund.ACCIDENT: 5, Fund.SICKNESS: 30, Fund.RETIREMENT: 220}
"""Worker and employer together, 32 % in all (2026)."""


def _first(month: int) -> datetime:
    return datetime(2026, month, 1, 8, tzinfo=VIET_NAM)


class Year:
    """The same events, told to the product and to the law's account."""

    def __init__(self, world: EmployerWorld) -> None:
        self.world = world
        self.code = ""
        self.dues: list[Dues] = []
        self.receipts: list[Receipt] = []
        world.next_day = date(2026, 1, 1)

    def owe(self, month: int, wages_vnd: int) -> None:
        funds = {fund: wages_vnd * rate // 1000 for fund, rate in PER_THOUSAND.items()}
        self.dues.append(Dues(Month.of(2026, month), funds))

    def declare(
        self, month: int, wages_vnd: int, staff: Sequence[DeclaredWorker], *, changes_only: bool = False
    ) -> None:
        declared = self.world.declare(date(2026, month, 1), _first(month), staff, changes_only=changes_only)
        self.code = declared.payment_code
        self.owe(month, wages_vnd)

    def pay(self, on: date, amount_vnd: int) -> None:
        self.world.credit(on, [(self.code, amount_vnd)])
        self.receipts.append(Receipt(on, amount_vnd))

    def expected(self, until: date) -> EmployerAccount:
        return employer_account(self.dues, self.receipts, until, LAW)

    def stands(self, on: date) -> Position:
        with self.world.database.transaction() as connection:
            employer = employer_on(connection, "TZ0001Z", on)
            assert employer is not None
            return position(connection, employer, on, LAW)

    def agrees(self, until: date) -> Position:
        """What is owed, charged and paid ahead is the same on a day, and the ledger says so, too."""
        expected, found = self.expected(until), self.stands(until)
        assert found.principal_vnd + found.late_charge_vnd == expected.outstanding_vnd
        assert found.surplus_vnd == expected.unallocated_vnd
        row = self.world.row()
        assert row.receivable_vnd == found.principal_vnd
        return found


@pytest.fixture
def year(database: Database, vault: Vault, tmp_path: Path) -> Year:
    world = EmployerWorld(database, vault, tmp_path)
    with database.transaction("lan") as connection:
        builders.add_staff(connection)
    return Year(world)


def test_a_year_of_an_employer_is_the_same_by_the_laws_own_account(year: Year) -> None:
    world = year.world
    ann, bob = world.worker(0), world.worker(1)
    for month in (1, 2, 3, 4):
        year.declare(month, 20_000_000, [ann, bob])
        if month == 2:
            year.pay(date(2026, 2, 10), 6_400_000)
    year.agrees(date(2026, 4, 15))

    # In May a wage is raised from March on: 640,000 for March and for April are collected afterwards.
    raised = replace(ann, wage_vnd=12_000_000, from_month=date(2026, 3, 1))
    year.declare(5, 22_000_000, [raised], changes_only=True)
    year.owe(3, 2_000_000)
    year.owe(4, 2_000_000)
    year.agrees(date(2026, 5, 10))
    year.pay(date(2026, 5, 15), 5_000_000)
    year.agrees(date(2026, 5, 15))
    year.declare(6, 22_000_000, [replace(ann, wage_vnd=12_000_000), bob])
    year.pay(date(2026, 6, 20), 10_000_000)
    late = year.agrees(date(2026, 6, 30))
    assert late.late_charge_vnd > 0
    _same_allocations(year, date(2026, 6, 30))
    year.pay(date(2026, 6, 30), late.principal_vnd + late.late_charge_vnd)
    assert year.agrees(date(2026, 6, 30)) == Position(0, 0, 0)

    # Bob leaves with the end of July; what is paid then serves him first.
    year.declare(7, 22_000_000, [replace(ann, wage_vnd=12_000_000), bob])
    year.declare(8, 12_000_000, [replace(bob, leaves=True, from_month=date(2026, 8, 1))], changes_only=True)
    year.pay(date(2026, 8, 10), 3_200_000)
    with world.database.transaction() as connection:
        first = connection.execute(
            text("SELECT fund, sum(amount_vnd)::bigint AS vnd FROM engine.allocation WHERE priority GROUP BY fund")
        ).all()
    assert {row.fund: row.vnd for row in first} == {
        FUND_NAMES[fund]: 10_000 * rate for fund, rate in PER_THOUSAND.items()
    }
    year.pay(date(2026, 8, 20), 3_840_000 + 3_840_000)
    assert year.agrees(date(2026, 8, 31)) == Position(0, 0, 0)

    # Five million too much in September pay October in part, and the rest of the year is paid in time.
    year.declare(9, 12_000_000, [replace(ann, wage_vnd=12_000_000)])
    year.pay(date(2026, 9, 10), 3_840_000 + 5_000_000)
    assert year.agrees(date(2026, 9, 30)).surplus_vnd == 5_000_000
    year.declare(10, 12_000_000, [replace(ann, wage_vnd=12_000_000)])
    assert year.agrees(date(2026, 10, 31)).surplus_vnd == 1_160_000
    year.declare(11, 12_000_000, [replace(ann, wage_vnd=12_000_000)])
    year.declare(12, 12_000_000, [replace(ann, wage_vnd=12_000_000)])
    year.pay(date(2026, 12, 10), 2 * 3_840_000 - 1_160_000 + 2_000_000)
    assert year.agrees(date(2026, 12, 31)) == Position(0, 0, 2_000_000)

    _refund(world, 1_500_000)
    assert year.stands(date(2026, 12, 31)) == Position(0, 0, 500_000)
    row = world.row()
    assert row.dues_vnd == sum(sum(due.funds.values()) for due in year.dues)
    assert row.charged_vnd == year.expected(date(2026, 12, 31)).late_charge_vnd
    assert row.received_vnd == sum(receipt.amount_vnd for receipt in year.receipts)
    with world.database.transaction() as connection:
        assert balance(connection, "receipts_unallocated.TZ0001Z").vnd == 500_000
        assert balance(connection, "refunds_payable").vnd == 1_500_000
        lives = [life for number in range(1, 8) for life in trace_receipts(connection, f"receipt {number}", LAW)]
    for life in lives:
        parts = sum(part["amount_vnd"] for part in life["parts"])
        assert parts + life["receipt"]["surplus_vnd"] == life["receipt"]["amount_vnd"]
        assert all(part["article"]["vi"] and part["numbers"] for part in life["parts"])


def _same_allocations(year: Year, until: date) -> None:
    """Every part of every receipt stands where the law's account puts it."""
    expected: dict[tuple[date, str, str], int] = {}
    for step in year.expected(until).allocations:
        key = (step.month.first_day, FUND_NAMES[step.fund], step.kind.value)
        expected[key] = expected.get(key, 0) + step.amount_vnd
    with year.world.database.transaction() as connection:
        rows = connection.execute(
            text("""
                SELECT c.period, a.fund, a.kind, sum(a.amount_vnd)::bigint AS vnd
                FROM engine.allocation a JOIN engine.declaration c USING (declaration_id) GROUP BY 1, 2, 3""")
        )
        assert {(row.period, row.fund, row.kind): row.vnd for row in rows} == expected


def _refund(world: EmployerWorld, amount_vnd: int) -> None:
    at = datetime(2026, 12, 20, 9, tzinfo=VIET_NAM)
    payee = Account("970436", "1021000000017", "CONG TY HUU NGHI")
    with world.database.transaction("lan") as connection:
        request_refund(connection, world.vault, "TZ0001Z", amount_vnd, payee, "nộp thừa", at)
        planned = plan_refunds(connection, at.date(), "simbank", at)
        run.submit(connection, planned.run_code, "lan", at)
    for person in ("minh", "hoa"):
        with world.database.transaction(person) as connection:
            run.approve(connection, planned.run_code, person, at)
