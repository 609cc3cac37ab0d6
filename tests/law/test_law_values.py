"""The values of the law are those of the list beside this file, and those of the second opinion."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from law import second_opinion

from engine.law.findings import plain
from engine.law.parameters import Parameters

LAW = Parameters.load()
LISTED = yaml.safe_load((Path(__file__).parent / "values.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", LAW.names())
def test_a_value_is_the_listed_one(name: str) -> None:
    """A change of law changes both: the parameter file and tests/law/values.yaml."""
    held = [[value.starts_on, value.ends_on, plain(value.value)] for value in LAW.parameter(name).values]

    assert held == LISTED[name]


def test_the_list_holds_nothing_else() -> None:
    assert set(LISTED) == set(LAW.names())


def test_base_salary_and_minimum_wages_are_those_of_the_second_opinion_in_every_month() -> None:
    for month in range(1993 * 12 + 3, 2027 * 12):
        assert LAW.value("reference_level", second_opinion.first_of(month)) == second_opinion.base_salary(month)
    for year, number, wages in second_opinion.REGIONS:
        value = LAW.value("regional_minimum_wage", date(year, number, 1))
        assert [value[region] for region in ("I", "II", "III", "IV")] == [wage * 1000 for wage in wages]


@pytest.mark.parametrize("year", second_opinion.INDICES)
def test_indices_are_those_of_the_second_opinion(year: int) -> None:
    table = LAW.value("wage_indices", date(year, 6, 1))

    assert {
        row: Decimal(second_opinion.index(year, row * 12).numerator) / second_opinion.index(year, row * 12).denominator
        for row in table
    } == dict(table)


def test_retirement_ages_are_those_of_the_second_opinion_in_every_year() -> None:
    for year in range(1962, 2060):
        ages = LAW.value("retirement_age", date(year, 7, 1))
        assert {sex: second_opinion.ordinary_age(sex, year) for sex in "MF"} == dict(ages)
