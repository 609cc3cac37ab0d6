"""What-if scenarios compare the same cases under two laws."""

import json
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine.law.commands import app
from engine.law.errors import NoSuchParameter, ParametersUnreadable
from engine.law.parameters import Parameters

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
