"""Months declared again: the same content is the same declaration, other content adds or takes away by fund."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import builders
import pytest
from counting import counted
from employer_world import DUE_ON, DUES, NOVEMBER, OCTOBER, EmployerWorld
from sqlalchemy import text

from engine.clock import VIET_NAM
from engine.contributions.declaration import import_declaration
from engine.contributions.declaration_export import export_declaration
from engine.contributions.recording import certificate
from engine.database import Database
from engine.demonstration import employer
from engine.errors import WrongInput
from engine.people.workbook import read_every_sheet
from engine.vault import Vault
from ledger.balances import balance

DECEMBER_5 = datetime(2026, 12, 5, 9, tzinfo=VIET_NAM)
RISE = 640_000
"""32 % of the 2,000,000 by which a wage of 10,000,000 rises."""


@pytest.fixture
def world(database: Database, vault: Vault, tmp_path: Path) -> EmployerWorld:
    return EmployerWorld(database, vault, tmp_path)


def test_a_file_saved_again_with_the_same_content_is_the_same_declaration(world: EmployerWorld) -> None:
    first = world.declare(OCTOBER, staff=[world.worker(0), world.worker(1)])
    again = world.declare(OCTOBER, DECEMBER_5, [world.worker(1), world.worker(0)])
    assert again == replace(first, already=True, unconfirmed=list(first.unconfirmed), corrections=[])
    with world.database.transaction() as connection:
        assert connection.scalar(text("SELECT count(*) FROM engine.declaration")) == 1
        shown = certificate(connection, "TZ0001Z/2026-10/1")
    assert (shown["staff"], shown["accepted_at"], shown["accepted_by"]) == (2, builders.AT, "lan")
    assert len(shown["content_sha256"]) == len(shown["file_sha256"]) == 64


def test_a_correction_asks_as_much_of_the_database_for_four_hundred_workers_as_for_forty(world: EmployerWorld) -> None:
    """The cost of a correction once grew with the square of the staff: every worker was looked for by itself."""
    counts = []
    for period, size in ((OCTOBER, 40), (NOVEMBER, 400)):
        staff = employer.invent_staff(size, size)
        world.declare(period, DECEMBER_5, staff)
        path = world.directory / "again.xlsx"
        employer.write_declaration(path, period, [replace(one, wage_vnd=one.wage_vnd + 50_000) for one in staff])
        with world.database.transaction("lan") as connection, counted(connection) as asked:
            declared = import_declaration(connection, world.vault, path, DECEMBER_5 + timedelta(hours=1))
        assert (declared.staff, declared.declaration_no[-2:]) == (size, "/2")
        counts.append(len(asked))
    assert counts[1] <= counts[0] + 5


@pytest.mark.parametrize("ending", ["xlsx", "csv"])
def test_an_exported_month_taken_in_again_changes_nothing(world: EmployerWorld, ending: str) -> None:
    """Someone unpaid, one without a position, one whose position begins like a formula, one known by a personal id."""
    staff = [
        replace(world.worker(0), unpaid=True),
        replace(world.worker(1), position=None),
        replace(world.worker(2), position="- Tổ trưởng"),
        replace(world.worker(3), number="001099000011", position="Kỹ sư"),
    ]
    declared = world.declare(OCTOBER, staff=staff)
    path, again = world.directory / f"exported.{ending}", world.directory / f"again.{ending}"
    with world.database.transaction("lan") as connection:
        assert export_declaration(connection, world.vault, "TZ0001Z", OCTOBER, path, DECEMBER_5) == 4
        taken = import_declaration(connection, world.vault, path, DECEMBER_5)
        export_declaration(connection, world.vault, "TZ0001Z", OCTOBER, again, DECEMBER_5)
        assert connection.scalar(text("SELECT count(*) FROM engine.declaration")) == 1
    assert (taken.already, taken.declaration_no) == (True, declared.declaration_no)
    sheets = [list(read_every_sheet(one)) for one in (path, again)]
    assert sheets[0] == sheets[1]


def test_a_wage_raised_backwards_is_collected_afterwards_with_its_charge(world: EmployerWorld) -> None:
    """640,000 of October were due on 30 November; five days later they bear 640,000 × 0.03 % × 5 = 960."""
    paid = world.declare(OCTOBER)
    world.credit(builders.PAY_ON, [(paid.payment_code, DUES)])
    raised = replace(world.worker(0, 12_000_000), from_month=OCTOBER)
    declared = world.declare(NOVEMBER, DECEMBER_5, [raised], changes_only=True)
    assert [(one["declaration_no"], one["net_vnd"]) for one in declared.corrections] == [("TZ0001Z/2026-10/2", RISE)]
    assert (declared.dues_vnd, declared.staff) == (DUES + 2 * RISE, 1)
    notice = world.notice(declared.notice_no)
    assert (notice["dues_vnd"], notice["adjustments_vnd"], notice["late_charge_vnd"]) == (DUES + RISE, RISE, 960)
    assert declared.amount_vnd == DUES + 2 * RISE + 960
    world.credit(DECEMBER_5.date(), [(declared.payment_code, declared.amount_vnd)])
    row = world.row()
    assert (row.receivable_vnd, row.charge_receivable_vnd, row.surplus_vnd) == (0, 0, 0)


def test_a_rise_decided_late_bears_no_charge_until_the_month_after_the_decision_is_over(world: EmployerWorld) -> None:
    world.declare(OCTOBER)
    raised = replace(world.worker(0, 12_000_000), from_month=OCTOBER)
    declared = world.declare(NOVEMBER, DECEMBER_5, [raised], changes_only=True, decided_on=date(2026, 11, 20))
    # Five days of what was due by 30 November; the rise has time until 31 December.
    assert world.notice(declared.notice_no)["late_charge_vnd"] == DUES * 5 * 3 // 10_000
    with world.database.transaction() as connection:
        due = connection.scalars(text("SELECT due_on FROM engine.declaration ORDER BY period, number")).all()
    assert due == [DUE_ON, date(2026, 12, 31), date(2026, 12, 31)]


def test_what_was_declared_too_much_and_paid_is_the_employers_again(world: EmployerWorld) -> None:
    first = world.declare(OCTOBER, staff=[world.worker(0), world.worker(1)])
    world.credit(builders.PAY_ON, [(first.payment_code, 2 * DUES)])
    corrected = world.declare(OCTOBER, DECEMBER_5)
    assert (corrected.declaration_no, corrected.dues_vnd, corrected.amount_vnd) == ("TZ0001Z/2026-10/2", -DUES, 0)
    row = world.row()
    assert (row.reduced_vnd, row.surplus_vnd, row.receivable_vnd, row.charged_vnd) == (DUES, DUES, 0, 0)
    with world.database.transaction() as connection:
        assert balance(connection, "contribution_income.retirement").vnd == 2_200_000
        people = connection.scalar(text("SELECT count(*) FROM engine.employment WHERE upper_inf(recorded_during)"))
        assert people == 1
    # It pays the next month, as money that came in time.
    second = world.declare(NOVEMBER, DECEMBER_5)
    assert second.amount_vnd == 0
    assert world.row().surplus_vnd == 0


def test_what_was_declared_too_much_and_not_paid_was_never_owed(world: EmployerWorld) -> None:
    world.declare(OCTOBER, staff=[world.worker(0), world.worker(1)])
    corrected = world.declare(OCTOBER, DECEMBER_5)
    row = world.row()
    assert (row.reduced_vnd, row.surplus_vnd, row.receivable_vnd) == (DUES, 0, DUES)
    # Late is only what was owed.
    assert corrected.amount_vnd == DUES + DUES * 5 * 3 // 10_000


def test_changes_alone_leave_everybody_else_as_declared_last(world: EmployerWorld) -> None:
    world.declare(OCTOBER, staff=[world.worker(0), world.worker(1)])
    gone, new = (
        replace(world.worker(1), leaves=True, from_month=NOVEMBER),
        replace(world.worker(2), from_month=NOVEMBER),
    )
    declared = world.declare(NOVEMBER, DECEMBER_5, [gone, new], changes_only=True)
    assert (declared.staff, declared.dues_vnd, declared.corrections) == (2, 2 * DUES, [])
    with world.database.transaction() as connection:
        known = connection.execute(
            text("""
                SELECT lower(months) AS month, count(*) AS people FROM engine.employment
                WHERE upper_inf(recorded_during) GROUP BY 1 ORDER BY 1""")
        ).all()
    assert [(row.month, row.people) for row in known] == [(OCTOBER, 2), (NOVEMBER, 2)]


def test_changes_that_cannot_be_are_all_told(world: EmployerWorld) -> None:
    world.declare(OCTOBER)
    stranger = replace(world.worker(1), leaves=True, from_month=NOVEMBER)
    early = replace(world.worker(0, 11_000_000), from_month=date(2026, 8, 1))
    with pytest.raises(WrongInput) as refused:
        world.declare(NOVEMBER, DECEMBER_5, [stranger, early], changes_only=True)
    assert [problem.split(": ", 1)[1] for problem in refused.value.problems] == [
        "is not declared for 11/2026, so it cannot leave",
        "08/2026 is not declared yet, so nothing in it can change",
        "09/2026 is not declared yet, so nothing in it can change",
    ]


def test_who_has_left_is_served_first_by_a_part_payment(world: EmployerWorld) -> None:
    """Of two equal workers one leaves in November: 3,200,000 pay all of hers for October, in every fund."""
    world.declare(OCTOBER, staff=[world.worker(0), world.worker(1)])
    declared = world.declare(NOVEMBER, staff=[world.worker(0)])
    world.credit(builders.PAY_ON, [(declared.payment_code, DUES)])
    assert world.allocated() == {
        ("health", "principal"): 450_000,
        ("unemployment", "principal"): 200_000,
        ("accident", "principal"): 50_000,
        ("sickness", "principal"): 300_000,
        ("retirement", "principal"): 2_200_000,
    }
    with world.database.transaction() as connection:
        assert set(connection.scalars(text("SELECT DISTINCT priority FROM engine.allocation"))) == {True}
    # The rest of October, then November, by the funds.
    world.credit(date(2026, 11, 20), [(declared.payment_code, 900_000)])
    assert world.allocated()["health", "principal"] == 450_000 + 900_000
    assert world.row().receivable_vnd == 3 * DUES - DUES - 900_000
