"""Late, urged, evaded: by the days that the law counts, each of them explained."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import builders
import pytest
from counting import counted
from employer_world import DUE_ON, DUES, NOVEMBER, OCTOBER, EmployerWorld

from engine.clock import VIET_NAM
from engine.contributions.declaration import import_declaration
from engine.contributions.employer import EMPLOYERS, import_employers
from engine.contributions.lateness import (
    ChargedDays,
    Lateness,
    explain_charge,
    late_employers,
    letter_document,
    letter_pdf,
    urge,
)
from engine.database import Database
from engine.demonstration import employer
from engine.law.calendar import Month
from engine.law.contributions import Fund
from engine.law.employer_account import Dues, employer_account
from engine.law.parameters import Parameters
from engine.vault import Vault

LAW = Parameters.load()
DAY_60, DAY_61 = date(2027, 1, 29), date(2027, 1, 30)


@pytest.fixture
def world(database: Database, vault: Vault, tmp_path: Path) -> EmployerWorld:
    world = EmployerWorld(database, vault, tmp_path)
    world.declare(OCTOBER)
    return world


def _urge(world: EmployerWorld, on: date) -> list[int]:
    with world.database.transaction("lan") as connection:
        return urge(connection, on, datetime(on.year, on.month, on.day, 9, tzinfo=VIET_NAM), LAW)


def _status(world: EmployerWorld, on: date) -> Lateness | None:
    with world.database.transaction() as connection:
        found = late_employers(connection, on, LAW)
    return found[0].status if found else None


def test_a_debt_is_late_from_the_day_after_it_is_due_and_evaded_after_sixty_days_if_urged(world: EmployerWorld) -> None:
    assert _status(world, DUE_ON) is None
    assert _status(world, date(2026, 12, 1)) is Lateness.LATE
    assert _status(world, DAY_61) is Lateness.LATE  # nobody urged
    assert _urge(world, DUE_ON) == []
    (number,) = _urge(world, date(2026, 12, 8))
    assert _urge(world, date(2026, 12, 9)) == []
    assert _status(world, DAY_60) is Lateness.LATE
    assert _status(world, DAY_61) is Lateness.EVADED
    with world.database.transaction() as connection:
        letter = letter_document(connection, number)
        (line,) = late_employers(connection, DAY_60, LAW)
    assert (letter["principal_vnd"], letter["charge_vnd"]) == (DUES, DUES * 8 * 3 // 10_000)
    assert [month["evasion_from"] for month in letter["months"]] == ["2027-01-30"]
    assert (line.evasion_from, line.urged_on, line.days_late) == (DAY_61, date(2026, 12, 8), 60)
    assert letter_pdf(letter) == letter_pdf(letter)


def test_what_was_declared_after_the_letter_was_not_urged(world: EmployerWorld) -> None:
    _urge(world, date(2026, 12, 8))
    world.declare(NOVEMBER, datetime(2026, 12, 20, 9, tzinfo=VIET_NAM))
    with world.database.transaction() as connection:
        (line,) = late_employers(connection, date(2027, 3, 20), LAW)
    assert (line.months, line.status) == (2, Lateness.EVADED)
    (number,) = _urge(world, date(2027, 3, 20))
    with world.database.transaction() as connection:
        told = letter_document(connection, number)["months"]
    assert [(month["status"], month["evasion_from"]) for month in told] == [
        ("evaded", "2027-01-30"),
        ("late", "2027-03-20"),
    ]


def test_every_day_of_a_charge_is_told(world: EmployerWorld) -> None:
    """Ten days of all, then ten of the 2,100 đồng of principal that the first payment left."""
    with world.database.transaction() as connection:
        code = connection.exec_driver_sql("SELECT payment_code FROM engine.notice").scalar_one()
    world.credit(date(2026, 12, 10), [(code, DUES)])
    with world.database.transaction() as connection:
        steps = explain_charge(connection, "TZ0001Z", date(2026, 12, 20), LAW)
    assert [(step.amount_vnd, step.days, step.paid) for step in steps] == [
        (50_000, 10, True),
        (450_000, 10, True),
        (2_197_900, 10, True),
        (2_100, 20, False),
        (300_000, 10, True),
        (200_000, 10, True),
    ]
    assert _sum(steps) == Fraction(9_600) + Fraction("6.3")


def _sum(steps: Sequence[ChargedDays]) -> Fraction:
    return sum((Fraction(step.charge) for step in steps if step.charge is not None), Fraction(0))


def test_a_debt_across_the_border_bears_months_until_june_2025_and_days_from_july(world: EmployerWorld) -> None:
    """March 2025 of 10,000,000, due on 31 March: interest on 1 May and 1 June, and 36 days up to 5 August.

    At an assumed k of 0.6 % (0.7 % of health): 2 × 0.7 % of 450,000 is 6,300; 2 × 0.6 % of 2,750,000 is 33,000.
    """
    law = LAW.changed("late_interest_rate", date(2025, 1, 1), {"si": Decimal("0.6"), "hi": Decimal("0.7")})
    world.declare(date(2025, 3, 1))
    on = date(2025, 8, 5)
    dues = [Dues(Month.of(2025, 3), {Fund.HEALTH: 450_000, Fund.RETIREMENT: 2_200_000, Fund.SICKNESS: 300_000,
                                     Fund.UNEMPLOYMENT: 200_000, Fund.ACCIDENT: 50_000})]  # fmt: skip
    computed = employer_account(dues, [], on, law)
    with world.database.transaction() as connection:
        steps = explain_charge(connection, "TZ0001Z", on, law)
        unknown = explain_charge(connection, "TZ0001Z", on, LAW)
        (month,) = late_employers(connection, on, law)
        (without,) = late_employers(connection, on, LAW)
    assert computed.late_interest_vnd == 6_300 + 33_000
    assert month.charge_vnd == computed.late_charge_vnd + 39_300
    assert month.charge_vnd == _sum(steps)
    health = [step for step in steps if step.fund == "Bảo hiểm y tế"]
    assert [(step.from_on, step.to_on, step.days, step.percent, step.charge) for step in health] == [
        (date(2025, 5, 1), date(2025, 5, 1), 0, "0.7", "3150"),
        (date(2025, 6, 1), date(2025, 6, 1), 0, "0.7", "3150"),
        (date(2025, 6, 30), on, 36, "0.03", "4860"),
    ]
    assert without.charge_vnd == computed.late_charge_vnd
    assert [(step.percent, step.charge) for step in unknown if step.days == 0] == [(None, None)] * 10


def test_many_late_employers_are_written_to_in_as_many_statements_as_one(world: EmployerWorld) -> None:
    """The first is late for October; then eight more for the same month. Nobody is written to twice in a month."""
    counts = []
    for units in ([], [f"TB000{number}B" for number in range(8)]):
        for unit_code in units:
            _declare_as(world, unit_code)
        with world.database.transaction("lan") as connection:
            with counted(connection) as asked:
                late = late_employers(connection, date(2026, 12, 8), LAW)
                letters = urge(connection, date(2026, 12, 8), datetime(2026, 12, 8, 9, tzinfo=VIET_NAM), LAW)
            told = [letter_document(connection, number)["unit_code"] for number in letters]
        assert told == (units or ["TZ0001Z"])
        counts.append((len(late), len(asked)))
    assert counts == [(1, counts[0][1]), (9, counts[0][1])]
    assert _urge(world, date(2026, 12, 9)) == []


def _declare_as(world: EmployerWorld, unit_code: str) -> None:
    """Another employer, with one worker of its own."""
    employers = world.directory / f"{unit_code}.csv"
    heading = ",".join(EMPLOYERS.required)
    employers.write_text(f"{heading}\n{unit_code},Khác,0100000002,07901,I,1,01/01/2026\n", encoding="utf-8")
    declaration = world.directory / f"{unit_code}.xlsx"
    number = f"97{100_000 + int(unit_code[2:-1]):08}"
    employer.write_declaration(declaration, OCTOBER, [replace(world.worker(), number=number)], unit_code)
    with world.database.transaction("lan") as connection:
        import_employers(connection, world.vault, employers, builders.AT)
        import_declaration(connection, world.vault, declaration, builders.AT)
