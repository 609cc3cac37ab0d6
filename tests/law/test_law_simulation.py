"""What-if scenarios compare the same cases under two laws."""

import csv
import json
from datetime import date
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from typer.testing import CliRunner

from engine.law.commands import app
from engine.law.errors import NoSuchParameter, ParametersUnreadable
from engine.law.parameters import Parameters
from engine.law.simulation import simulate_file

SCENARIO = """
changes:
- {parameter: reference_level, from: 2026-10-01, value: 3000000}
cases:
- {name: before, rule: recuperation, as_of: 2026-09-30, given: {days: 5}}
- {name: after, rule: recuperation, as_of: 2026-10-01, given: {days: 5}}
"""


def test_a_scenario_shows_what_changes_and_what_does_not(tmp_path: Path) -> None:
    file = tmp_path / "scenario.yaml"
    file.write_text(SCENARIO)

    result = CliRunner().invoke(app, ["simulate", str(file), "--json"])

    assert result.exit_code == 0
    assert json.loads(result.stdout) == [
        {
            "name": "before",
            "before": {"amount": 3_795_000},
            "after": {"amount": 3_795_000},
            "changed": [],
            "errors": [],
        },
        {
            "name": "after",
            "before": {"amount": 3_795_000},
            "after": {"amount": 4_500_000},
            "changed": ["amount"],
            "errors": [],
        },
    ]


def test_a_scenario_may_name_a_case_file_beside_it(tmp_path: Path) -> None:
    (tmp_path / "cases.yaml").write_text("- {name: a, rule: recuperation, as_of: 2026-10-01, given: {days: 5}}\n")
    file = tmp_path / "scenario.yaml"
    file.write_text(SCENARIO.split("cases:", maxsplit=1)[0] + "cases: cases.yaml\n")

    result = CliRunner().invoke(app, ["simulate", str(file)])

    assert "amount: 3795000 → 4500000" in result.stdout


@pytest.mark.parametrize(
    "content",
    ["- 1\n", "changes: []\ncases: []\n", "changes: [{parameter: nothing, from: 2026-01-01, value: 1}]\ncases: []\n"],
)
def test_a_scenario_that_makes_no_sense_is_refused(content: str, tmp_path: Path) -> None:
    file = tmp_path / "scenario.yaml"
    file.write_text(content)

    assert CliRunner().invoke(app, ["simulate", str(file)]).exit_code == 2


def test_a_change_is_unconfirmed_and_leaves_the_law_itself_alone() -> None:
    law = Parameters.load()
    changed = law.changed("reference_level", date(2026, 10, 1), 3_000_000)

    assert changed.value("reference_level", date(2026, 9, 30)) == 2_530_000
    assert changed.at("reference_level", date(2026, 10, 1)).confidence == "unconfirmed"
    assert law.value("reference_level", date(2026, 10, 1)) == 2_530_000


@pytest.mark.parametrize("value", [2.5, "many", {"I": 1}, None])
def test_a_value_of_another_kind_is_refused(value: object) -> None:
    with pytest.raises(ParametersUnreadable):
        Parameters.load().changed("reference_level", date(2026, 10, 1), value)


def test_an_unknown_parameter_cannot_be_changed() -> None:
    with pytest.raises(NoSuchParameter):
        Parameters.load().changed("nothing", date(2026, 10, 1), 1)


POPULATION = """benefit,province,sex,birth_date,persons,amount_vnd,started_on,stopped_before_1995,percent
pension,01,F,1955-03-10,100,4000000,2012-05-01,,
pension,79,M,1935-03-10,10,3300000,1990-05-01,true,
pension,79,M,1964-12-01,5,6000000,2027-08-01,,
survivor_allowance,01,F,2015-03-10,20,,,,50
social_pension,79,F,1950-01-01,30,,,,
funeral_grant,01,M,1950-01-01,3,,,,
"""
COSTS = """
changes:
- {parameter: reference_level, from: 2027-07-01, value: 2783000}
- parameter: pension_adjustment
  from: 2027-07-01
  value: {percent: '5', supplement_to: 3500000, supplement: 300000, raised_to: 3800000}
population: people.csv
months: {from: 2027-06, to: 2027-08}
"""


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    (tmp_path / "people.csv").write_text(POPULATION)
    file = tmp_path / "scenario.yaml"
    file.write_text(COSTS)
    return file


def test_a_population_is_costed_by_month_beside_todays_law(scenario: Path) -> None:
    found = simulate_file(scenario, Parameters.load()).costs
    assert found is not None

    # Before: 100 × 4,000,000, 10 × 3,300,000, 20 × 1,265,000, 30 × 500,000, 3 × 25,300,000; in August 5 × 6,000,000.
    todays = 400_000_000 + 33_000_000 + 25_300_000 + 15_000_000 + 75_900_000
    # After: 4,200,000; 3,465,000 + 300,000; 50 % of 2,783,000; funeral 27,830,000.
    changed = 420_000_000 + 37_650_000 + 27_830_000 + 15_000_000 + 83_490_000
    assert found.by_month == {
        "2027-06": (todays, todays),
        "2027-07": (todays, changed),
        "2027-08": (todays + 30_000_000, changed + 30_000_000),
    }
    assert (found.balance.winners, found.balance.losers, found.balance.unchanged) == (133, 0, 35)
    assert found.balance.gained_vnd == 2 * (changed - todays)


def test_costs_are_told_by_benefit_province_sex_and_age_with_chart_and_data(scenario: Path) -> None:
    table, chart = scenario.with_name("costs.csv"), scenario.with_name("costs.svg")

    result = CliRunner().invoke(app, ["simulate", str(scenario), "--csv", str(table), "--svg", str(chart)])

    assert result.exit_code == 0, result.output
    assert "tỉnh / province 79" in result.stdout
    assert "tuổi / age 80+" in result.stdout
    rows = list(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))
    assert sum(int(row["after_vnd"]) - int(row["before_vnd"]) for row in rows) == 2 * 34_770_000
    root = ET.fromstring(chart.read_text(encoding="utf-8"))  # noqa: S314 - our own picture
    svg = "{http://www.w3.org/2000/svg}"
    bars = [bar for bar in root.iter(f"{svg}rect") if bar.find(f"{svg}title") is not None]
    assert len(bars) == 6


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("pension,01", "pensions,01", "line 2.benefit: 'pensions' is none of"),
        ("100,4000000", "100,4.5", "line 2.amount_vnd: must be a whole number"),
        ("100,4000000,2012-05-01", "100,4000000,", "line 2.started_on: missing"),
        ("20,,,,50", "20,,,,", "line 5.percent: missing"),
        ("persons,", "people,", "line 2.people: unknown key"),
    ],
)
def test_a_population_that_makes_no_sense_is_refused(old: str, new: str, problem: str, scenario: Path) -> None:
    people = scenario.with_name("people.csv")
    people.write_text(POPULATION.replace(old, new))

    result = CliRunner().invoke(app, ["simulate", str(scenario)])

    assert result.exit_code == 2
    assert problem in result.stderr


@pytest.mark.parametrize("missing", ["population: people.csv\n", "months: {from: 2027-06, to: 2027-08}\n"])
def test_a_population_needs_its_months(missing: str, scenario: Path) -> None:
    scenario.write_text(COSTS.replace(missing, ""))

    assert CliRunner().invoke(app, ["simulate", str(scenario)]).exit_code == 2
