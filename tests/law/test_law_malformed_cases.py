"""Malformed case files: every error names its case and key, and nothing else is skipped."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine.law.commands import app

SOUND = "- {name: sound, rule: recuperation, as_of: 2026-08-01, given: {days: 5}, expect: {amount: 3795000}}\n"

NO_MONTH = "{month: 2026-13, region: V, staff: [{name: x}]}"
MONTH = f"- {{name: a, rule: contribution_month, as_of: 2026-08-01, given: {NO_MONTH}}}"
ALIVE = "{deceased: {death_date: 2026-08-10, status: alive}, relatives: []}"

ONE_CASE = [
    ("- {rule: recuperation, as_of: 2026-08-01, given: {days: 5}}", "case 1: name:"),
    ("- {name: 5, rule: recuperation, as_of: 2026-08-01, given: {days: 5}}", "case 1: name: must be text, not 5"),
    ("- {name: a, as_of: 2026-08-01, given: {days: 5}}", "a: rule: missing"),
    ("- {name: a, rule: pensions, as_of: 2026-08-01, given: {days: 5}}", "a: rule: 'pensions' is unknown"),
    ("- {name: a, rule: [recuperation], as_of: 2026-08-01, given: {days: 5}}", "a: rule: ['recuperation'] is unknown"),
    ("- {name: a, rule: recuperation, given: {days: 5}}", "a: as_of: must be a date"),
    ("- {name: a, rule: recuperation, as_of: 2026-02-30, given: {days: 5}}", "a: as_of: there is no day 2026-02-30"),
    ("- {name: a, rule: recuperation, as_of: 2026-08, given: {days: 5}}", "a: as_of: must be a date"),
    ("- {name: a, rule: recuperation, as_of: 20260801, given: {days: 5}}", "a: as_of: must be a date"),
    ("- {name: a, rule: recuperation, as_of: 2012-08-01, given: {days: 5}}", "a: as_of: recuperation has no value"),
    ("- {name: a, rule: recuperation, as_of: 2026-08-01}", "a: given: missing"),
    ("- {name: a, rule: recuperation, as_of: 2026-08-01, given: [5]}", "a: given: must be a table"),
    ("- {name: a, rule: recuperation, as_of: 2026-08-01, given: {}}", "a: given.days: missing"),
    ("- {name: a, rule: recuperation, as_of: 2026-08-01, given: {days: ~}}", "a: given.days: missing"),
    ("- {name: a, rule: recuperation, as_of: 2026-08-01, given: {day: 5}}", "a: given.day: unknown key"),
    ("- {name: a, rule: recuperation, as_of: 2026-08-01, given: {days: 5.0}}", "a: given.days: must be a whole number"),
    ("- {name: a, rule: recuperation, as_of: 2026-08-01, given: {days: '5'}}", "a: given.days: must be a whole number"),
    ("- {name: a, rule: recuperation, as_of: 2026-08-01, given: {days: yes}}", "a: given.days: must be a whole number"),
    ("- {name: a, rule: recuperation, as_of: 2026-08-01, given: {days: -1}}", "a: given.days: -1 is impossible"),
    (
        "- {name: a, rule: recuperation, as_of: 2026-08-01, given: {days: .nan}}",
        "a: given.days: must be a whole number",
    ),
    ("- {name: a, rule: recuperation, as_of: 2026-08-01, given: {days: 1e1}}", "a: given.days: must be a whole number"),
    (f"- {{name: a, rule: recuperation, as_of: 2026-08-01, given: {{days: {'9' * 6000}}}}}", "a: given.days: must be"),
    ("- {name: a, rule: recuperation, as_of: 2026-08-01, givens: {days: 5}}", "a: givens: unknown key"),
    ("- {name: sound, rule: recuperation, as_of: 2026-08-01, given: {days: 5}}", "sound: name: stands twice"),
    (
        "- {name: a, rule: recuperation, as_of: 2026-08-01, given: {days: 5, days: 6}}",
        "a: given.days: stands twice",
    ),
    ("- {name: a, rule: recuperation, rule: funeral, as_of: 2026-08-01, given: {}}", "a: rule: stands twice"),
    (
        MONTH.replace("{name: x}", "{name: x, wage: 5}, {name: y, wage: 5, wage: 6}"),
        "a: given.staff[2].wage: stands twice",
    ),
    ("- just a text", "case 1: must be a table"),
    ("- &a {name: a, rule: recuperation, as_of: 2026-08-01, given: *a}", "a: given.name: unknown key"),
    ("- &a [*a]", "case 1: must be a table"),
    (
        MONTH,
        "a: given.staff[1].wage: missing",
    ),
    (
        MONTH,
        "a: given.region: 'V' is none of I, II, III, IV",
    ),
    (
        MONTH,
        "a: given.month: must be a month YYYY-MM, not '2026-13'",
    ),
    (
        "- {name: a, rule: average_earnings, as_of: 2026-08-01, given: {periods: [{year: 2020, months: 0, wage: 5}]}}",
        "a: given.periods[1].months: 0 is impossible",
    ),
    (
        "- {name: a, rule: average_earnings, as_of: 2017-08-01, given: {periods: [{year: 2010, months: 1, wage: 5}]}}",
        "a: as_of: wage_indices of 2017 has no row for 2010",
    ),
    (
        f"- {{name: a, rule: survivor_award, as_of: 2026-08-01, given: {ALIVE}}}",
        "a: given.deceased.status: 'alive' is none of",
    ),
]


@pytest.mark.parametrize(("case", "problem"), ONE_CASE)
def test_an_error_names_case_and_key_and_the_others_are_assessed(case: str, problem: str, tmp_path: Path) -> None:
    file = tmp_path / "cases.yaml"
    file.write_text(case + "\n" + SOUND if "name: sound" not in case else SOUND + case + "\n")

    result = CliRunner().invoke(app, ["assess", str(file), "--json"])

    assert result.exit_code == 2
    assert problem in result.stderr
    answers = json.loads(result.stdout)
    assert len(answers) == 2
    assert [answer["passed"] for answer in answers].count(True) == 1
    assert all(len(line) < 400 for line in result.stderr.splitlines())


def test_aliases_cannot_blow_up_a_message_or_a_difference(tmp_path: Path) -> None:
    rows = ["bomb: &a0 [x, x, x, x, x, x, x, x, x]"]
    rows += [f"bomb{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, 12)]
    content = "- name: bomb\n  rule: recuperation\n  as_of: 2026-08-01\n  given: {days: 5}\n  expect: {amount: *a11}\n"
    lines = content.splitlines()
    file = tmp_path / "cases.yaml"
    file.write_text("\n".join([lines[0], *(f"  {row}" for row in rows), *lines[1:]]) + "\n" + SOUND)

    result = CliRunner().invoke(app, ["assess", str(file)])

    assert result.exit_code == 1
    assert "sound: đạt" in result.stdout
    assert len(result.stdout) < 2000


@pytest.mark.parametrize(
    "content",
    [
        "",
        "~\n",
        "name: alone\n",
        "a text\n",
        "- {name: a}\n---\n- {name: b}\n",
        "- {[1, 2]: 3}\n",
        "- !!python/object/apply:os.getcwd []\n",
        "-\t{name: x}\n",
        "\0\1",
        "- " + "[" * 4000 + "]" * 4000 + "\n",
    ],
)
def test_a_file_that_cannot_be_read_as_a_list_is_a_wrong_call_that_names_it(content: str, tmp_path: Path) -> None:
    file = tmp_path / "cases.yaml"
    file.write_text(content)

    result = CliRunner().invoke(app, ["assess", str(file)])

    assert result.exit_code == 2
    assert "cases.yaml" in result.stderr
    assert result.stdout == ""
