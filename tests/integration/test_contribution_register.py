"""Everybody whom an employer has declared, and to which month each fund is paid for them."""

from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path

import builders
import pytest
from employer_world import DUES, NOVEMBER, OCTOBER, EmployerWorld
from python_calamine import CalamineWorkbook

from engine.clock import VIET_NAM
from engine.contributions.account import debits_on
from engine.contributions.declaration import import_declaration
from engine.contributions.employer import employer_on
from engine.contributions.register import export_register, participants_of
from engine.contributions.results import results_of, write_results
from engine.database import Database
from engine.law.parameters import Parameters
from engine.people.workbook import read_every_sheet
from engine.vault import Vault

LAW = Parameters.load()
SEPTEMBER = date(2026, 9, 1)
IN_DECEMBER = date(2026, 12, 15)
"""October is past its due date, November is not."""
AT_IN_DECEMBER = datetime(2026, 12, 15, 9, tzinfo=VIET_NAM)


@pytest.fixture
def world(database: Database, vault: Vault, tmp_path: Path) -> EmployerWorld:
    world = EmployerWorld(database, vault, tmp_path)
    world.declare(SEPTEMBER, staff=[world.worker(0), world.worker(1)])
    world.declare(OCTOBER, staff=[world.worker(0), world.worker(1)])
    return world


def _paid(world: EmployerWorld, on: date) -> Mapping[str, Mapping[str, date | None]]:
    with world.database.transaction() as connection:
        return {
            "left" if one.left else "stays": one.paid_to
            for one in participants_of(connection, world.vault, "TZ0001Z", on, LAW)
        }


def test_an_employer_that_is_not_late_counts_as_paid_to_its_last_declared_month(world: EmployerWorld) -> None:
    assert set(_paid(world, date(2026, 10, 31))["stays"].values()) == {OCTOBER}


def test_of_a_late_employer_what_is_paid_whole_counts_and_who_has_left_comes_first(world: EmployerWorld) -> None:
    declared = world.declare(NOVEMBER, staff=[world.worker(0)])
    # Both months of the one who left, with the charge of September, and then the health fund of September and most of
    # that of October of the other.
    world.credit(builders.PAY_ON, [(declared.payment_code, 2 * DUES + 2 * 450_000)])
    paid = _paid(world, IN_DECEMBER)
    assert set(paid["left"].values()) == {OCTOBER}
    assert paid["stays"] == {
        "sickness": None,
        "retirement": None,
        "health": SEPTEMBER,
        "unemployment": None,
        "accident": None,
    }


def test_the_parts_of_each_person_add_up_to_what_is_owed(world: EmployerWorld, tmp_path: Path) -> None:
    """All of who left is paid; of who stays the health fund of September, and 424,920 of 450,000 of October's."""
    declared = world.declare(NOVEMBER, staff=[world.worker(0)])
    world.credit(builders.PAY_ON, [(declared.payment_code, 2 * DUES + 2 * 450_000)])
    with world.database.transaction() as connection:
        results = list(results_of(connection, world.vault, "TZ0001Z", IN_DECEMBER, LAW))
        employer = employer_on(connection, "TZ0001Z", IN_DECEMBER)
        assert employer is not None
        owed: dict[tuple[date, str], int] = {}
        for debit in debits_on(connection, employer.employer_id, IN_DECEMBER, LAW):
            if debit.principal_vnd:
                owed[debit.period, debit.fund] = debit.principal_vnd
        written = write_results(tmp_path / "c83a.xlsx", iter(results), builders.AT)
    gone, stays = sorted(results, key=lambda one: not one.participant.left)
    assert (gone.unpaid, sum(gone.due_vnd.values()), sum(stays.due_vnd.values())) == ([], 2 * DUES, 3 * DUES)
    assert {(part.period, part.fund): part.amount_vnd for part in stays.unpaid} == owed
    told = stays.as_json()["funds"]["health"]
    assert (told["paid_to"], told["due_vnd"], told["unpaid_vnd"]) == (
        "2026-09",
        1_350_000,
        owed[OCTOBER, "health"] + 450_000,
    )
    assert world.worker(0).number not in str(stays.as_json())
    heading, *rows = CalamineWorkbook.from_path(tmp_path / "c83a.xlsx").get_sheet_by_index(0).to_python()
    assert (written, {row[-1] for row in rows}, len(heading)) == (2, {"", "09/2026, 10/2026, 11/2026"}, 25)


def test_what_nobody_has_paid_is_shared_in_proportion_to_the_dues(world: EmployerWorld) -> None:
    declared = world.declare(NOVEMBER, staff=[world.worker(0), world.worker(1, 20_000_000)])
    world.credit(builders.PAY_ON, [(declared.payment_code, 4 * DUES + 450_001)])
    with world.database.transaction() as connection:
        results = results_of(connection, world.vault, "TZ0001Z", IN_DECEMBER, LAW)
        unpaid = sorted(
            part.amount_vnd
            for one in results
            for part in one.unpaid
            if (part.period, part.fund) == (NOVEMBER, "retirement")
        )
    assert unpaid == [2_200_000, 4_400_000]


@pytest.mark.parametrize("ending", ["xlsx", "csv"])
def test_the_list_has_the_columns_of_the_form_and_is_the_declaration_of_its_month(
    world: EmployerWorld, tmp_path: Path, ending: str
) -> None:
    """Form D09-TS: taken in as it is, it is the declaration that stands; with another wage a correction of it."""
    declared = world.declare(NOVEMBER, staff=[world.worker(0)])
    path = tmp_path / f"d09.{ending}"
    with world.database.transaction() as connection:
        assert export_register(connection, world.vault, "TZ0001Z", path, IN_DECEMBER, LAW, builders.AT) == 2
    (sheet,) = read_every_sheet(path)
    assert sheet.grid[1][0] == "Mã đơn vị: TZ0001Z"
    assert sheet.grid[6][:9] == ["A", "B", "1", "2", "3", "4", "14", "15", "18"]
    assert {(row[2], row[6], row[7], (*row[8:], None)[0]) for row in sheet.grid[7:]} == {
        (world.worker(0).number, "09/2026", "11/2026", None),
        (world.worker(1).number, "09/2026", "10/2026", "Giảm"),
    }
    with world.database.transaction("lan") as connection:
        again = import_declaration(connection, world.vault, path, AT_IN_DECEMBER)
    assert (again.already, again.declaration_no) == (True, declared.declaration_no)
