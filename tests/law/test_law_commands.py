"""`thuchi law`: what is printed, where, and with which exit code."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine.law.commands import app

CASE = "- {name: one, rule: recuperation, as_of: 2026-08-01, given: {days: 5}, expect: {amount: 3795000}}\n"
WRONG = "- {name: two, rule: recuperation, as_of: 2026-08-01, given: {days: 5}, expect: {amount: 1}}\n"
BROKEN = "- {name: three, rule: recuperation, as_of: 2026-08-01, given: {day: 5}}\n"
OPEN = "- {name: four, rule: recuperation, as_of: 2026-08-01, given: {days: 5}}\n"


@pytest.mark.parametrize(
    ("content", "code", "passed"),
    [
        (CASE, 0, [True]),
        (OPEN, 0, [None]),
        (CASE + WRONG, 1, [True, False]),
        (CASE + WRONG + BROKEN, 2, [True, False, None]),
    ],
)
def test_the_exit_code_tells_malformed_from_different(
    content: str, code: int, passed: list[bool | None], tmp_path: Path
) -> None:
    file = tmp_path / "cases.yaml"
    file.write_text(content)

    result = CliRunner().invoke(app, ["assess", str(file), "--json"])

    assert result.exit_code == code
    answers = json.loads(result.stdout)
    assert [answer["passed"] for answer in answers] == passed
    assert all(answer["findings"] for answer in answers if not answer["errors"])


def test_errors_go_to_standard_error_and_the_others_are_printed(tmp_path: Path) -> None:
    file = tmp_path / "cases.yaml"
    file.write_text(CASE + BROKEN)

    result = CliRunner().invoke(app, ["assess", str(file)])

    assert "three: given.day: unknown key" in result.stderr
    assert "three: given.day" not in result.stdout
    assert "one: đạt / passed" in result.stdout


def test_an_explanation_names_article_formula_and_parameters_in_both_languages(tmp_path: Path) -> None:
    file = tmp_path / "cases.yaml"
    file.write_text(CASE)

    text = CliRunner().invoke(app, ["assess", str(file), "--explain"]).stdout

    assert "khoản 3 Điều 46 Luật 41/2024/QH15: dưỡng sức = số ngày × 30% × mức tham chiếu" in text
    assert "Law 41/2024/QH15, Article 46(3): recuperation = days x 30% x reference level" in text
    assert "reference_level = 2530000" in text
    assert "5 × 30 % × 2530000 = 3795000" in text


def test_a_file_that_cannot_be_read_is_a_wrong_call(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["assess", str(tmp_path / "nothing.yaml")])

    assert result.exit_code == 2
    assert "nothing.yaml" in result.stderr


def test_a_parameter_is_shown_with_its_ground() -> None:
    result = CliRunner().invoke(app, ["show", "reference_level", "--on", "2026-07-01", "--json"])

    shown = json.loads(result.stdout)
    assert (shown["unit"], shown["value"]) == ("VND/month", 2_530_000)
    (value,) = shown["values"]
    assert (value["value"], value["from"], value["confidence"]) == (2_530_000, "2026-07-01", "official")
    assert value["citation"]["document"] == "161/2026/NĐ-CP"


def test_without_a_date_all_values_are_shown() -> None:
    result = CliRunner().invoke(app, ["show", "pension_adjustment"])

    assert result.exit_code == 0
    assert "Nghị định 42/2023/NĐ-CP" in result.stdout
    assert "Nghị định 162/2026/NĐ-CP" in result.stdout


def test_years_that_nobody_has_read_are_shown_as_such() -> None:
    shown = json.loads(CliRunner().invoke(app, ["show", "wage_indices", "--json"]).stdout)

    assert [gap["from"] for gap in shown["unknown"]] == ["2016-01-01", "2018-01-01", "2021-01-01", "2023-01-01"]
    text = CliRunner().invoke(app, ["show", "wage_indices"]).stdout
    assert "2023-01-01 – 2023-12-31: không có giá trị / no value (the table of Circular 01/2023" in text
    for on, index in (("2026-08-01", "5.81"), ("2024-12-01", "5.43")):
        held = json.loads(CliRunner().invoke(app, ["show", "wage_indices", "--on", on, "--json"]).stdout)
        assert held["value"]["1994"] == index


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["show", "nothing"], "there is no parameter 'nothing'. Known: accident_death_lump, "),
        (["show", "wage_index"], "there is no parameter 'wage_index'. Did you mean wage_indices?"),
        (["show", "funeral"], "Did you mean funeral_grant?"),
        (["show", "reference_level", "--on", "1990-01-01"], "values exist from 1993-04-01"),
        (["show", "reference_level", "--on", "soon"], "'soon' is not a date"),
        (["show", "wage_indices", "--on", "2023-05-01"], "values exist from 2017-01-01 to 2017-12-31, from 2020"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(arguments: list[str], problem: str) -> None:
    result = CliRunner().invoke(app, arguments)

    assert result.exit_code == 2
    assert problem in result.stderr
