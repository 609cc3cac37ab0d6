"""Every case of the collected file holds, and a case file is read strictly."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from engine.law.cases import CaseFileUnreadable, assess_cases, assess_file, read_cases
from engine.law.parameters import Parameters

CASES = Path(__file__).parent / "cases.yaml"
DATED_CASES = read_cases(Path(__file__).parent / "dated_cases.yaml")


@pytest.mark.parametrize("case", read_cases(CASES), ids=lambda case: case["name"])
def test_a_collected_case_holds_and_carries_its_findings(case: Mapping[str, Any]) -> None:
    (assessment,) = assess_cases([case], Parameters.load())

    assert assessment.errors == []
    assert assessment.differences == []
    assert assessment.record.findings


@pytest.mark.parametrize("rule", sorted({case["rule"] for case in DATED_CASES}))
def test_decisions_on_both_sides_of_each_change_of_a_value_hold(rule: str) -> None:
    cases = [case for case in DATED_CASES if case["rule"] == rule]

    wrong = {one.name: one.differences + one.errors for one in assess_cases(cases, Parameters.load()) if not one.passed}

    assert wrong == {}


def rate_case(**given: Any) -> dict[str, Any]:
    return {
        "name": "one",
        "rule": "pension_rate",
        "as_of": "2026-08-01",
        "given": {"sex": "F", "contribution_months": 316, **given},
    }


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"sexx": "F"}, "one: given.sexx: unknown key"),
        ({"sex": "X"}, "one: given.sex: 'X' is none of F, M"),
        ({"sex": None}, "one: given.sex: missing"),
        ({"contribution_months": "316"}, "one: given.contribution_months: must be a whole number, not '316'"),
        ({"contribution_months": 316.0}, "one: given.contribution_months: must be a whole number, not 316.0"),
        ({"contribution_months": -1}, "one: given.contribution_months: -1 is impossible"),
        ({"contribution_months": 179}, "one: given.contribution_months: 179 is below 180"),
        ({"age": "53y12m"}, "one: given.age: must be an age such as 53y0m, not '53y12m'"),
        ({"contribution_months": True}, "one: given.contribution_months: must be a whole number, not True"),
    ],
)
def test_a_malformed_case_names_itself_and_the_key(given: dict[str, Any], problem: str) -> None:
    (assessment,) = assess_cases([rate_case(**given)], Parameters.load())

    assert len(assessment.errors) == 1
    assert assessment.errors[0].startswith(problem)
    assert assessment.passed is None


def test_all_problems_of_a_case_are_named_at_once() -> None:
    (assessment,) = assess_cases([rate_case(sex="X", age=3, nothing=1)], Parameters.load())

    assert len(assessment.errors) == 3


def test_a_malformed_case_leaves_the_others_assessed() -> None:
    broken, sound = rate_case(sex="X"), rate_case() | {"name": "two", "expect": {"rate_percent": "68.0"}}

    assessments = assess_cases([broken, "not a case", sound], Parameters.load())

    assert [bool(one.errors) for one in assessments] == [True, True, False]
    assert assessments[2].passed is True


@pytest.mark.parametrize("key", ["rule", "as_of", "given", "name"])
def test_a_case_without_one_of_its_parts_is_malformed(key: str) -> None:
    case = rate_case()
    del case[key]

    (assessment,) = assess_cases([case], Parameters.load())

    assert any(key in problem for problem in assessment.errors)


def test_a_misspelt_expectation_is_an_error_and_a_remark_is_not() -> None:
    misspelt, remarked = rate_case() | {"expects": {}}, rate_case() | {"name": "two", "seen_in": "a letter"}

    assessments = assess_cases([misspelt, remarked], Parameters.load())

    assert assessments[0].errors == ["one: expects: unknown key"]
    assert assessments[1].errors == []


def test_two_cases_of_one_name_are_an_error() -> None:
    assessments = assess_cases([rate_case(), rate_case()], Parameters.load())

    assert assessments[1].errors == ["one: name: stands twice in the file"]


@pytest.mark.parametrize("expect", [{"rate_percent": "67"}, {"rate": "68"}, {"rate_percent": 68.0}, [68], "68"])
def test_an_expectation_that_does_not_fit_is_a_difference_and_not_an_error(expect: Any) -> None:
    (assessment,) = assess_cases([rate_case() | {"expect": expect}], Parameters.load())

    assert assessment.errors == []
    assert assessment.passed is False


def test_a_date_before_all_values_is_an_error_that_says_which_dates_exist() -> None:
    (assessment,) = assess_cases([rate_case() | {"as_of": "1990-01-01"}], Parameters.load())

    assert "values exist from 2007-01-01" in assessment.errors[0]


def test_a_file_is_read_the_way_case_files_mean_it(tmp_path: Path) -> None:
    file = tmp_path / "cases.yaml"
    file.write_text("- {name: a, on: 2026-08-01, born: 2016-05, sex: F, so: yes, no: 0.5, n: 12, x: 010}\n")

    assert read_cases(file) == [
        {
            "name": "a",
            "on": "2026-08-01",
            "born": "2016-05",
            "sex": "F",
            "so": "yes",
            "no": 0.5,
            "n": 12,
            "x": "010",
        }
    ]


@pytest.mark.parametrize("content", ["name: alone\n", "- [unclosed\n", ""])
def test_a_file_that_is_no_list_of_cases_is_refused(content: str, tmp_path: Path) -> None:
    file = tmp_path / "cases.yaml"
    file.write_text(content)

    with pytest.raises(CaseFileUnreadable, match=r"cases\.yaml"):
        assess_file(file, Parameters.load())


def test_an_unconfirmed_parameter_is_named() -> None:
    case = {
        "name": "receipt",
        "rule": "allocation",
        "as_of": "2026-08-01",
        "given": {"received": 10_000_000, "debts_total": 8_000_000},
    }

    (assessment,) = assess_cases([case], Parameters.load())

    assert assessment.record.unconfirmed() == ("allocation_order",)


@pytest.mark.parametrize(
    ("given", "expect"),
    [
        ({"multiplier": 2}, {"amount_per_person": 2_530_000}),
        ({"benefit_before_2026_07_01": 1_170_000}, {"amount_from_2026_07": 1_265_000}),
        ({"eligible_relatives": 3, "deaths": 1}, {"max_persons": 4, "total": 3_795_000}),
        ({"eligible_relatives": 6, "percent": 70}, {"max_persons": 4, "total": 7_084_000}),
    ],
)
def test_a_survivor_without_a_percent_is_an_ordinary_one(given: dict[str, int], expect: dict[str, int]) -> None:
    """Law 41/2024 Article 87(1): half of the reference level of 2,530,000, seven tenths for those left alone."""
    case = {"name": "a", "rule": "survivor_monthly", "as_of": "2026-08-01", "given": given, "expect": expect}

    (assessment,) = assess_cases([case], Parameters.load())

    assert assessment.passed, assessment.differences + assessment.errors
