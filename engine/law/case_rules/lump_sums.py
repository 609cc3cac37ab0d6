"""Case rules of sums paid once: on retirement, abroad, on withdrawal, for regional allowances."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from engine.law.calendar import counted_years
from engine.law.case_fields import flag, list_of, table, whole, word
from engine.law.case_rules.forms import (
    COEFFICIENT,
    MONEY,
    MONTHS,
    SEX,
    YEARS,
    Given,
    rule,
)
from engine.law.errors import FactsImpossible
from engine.law.findings import Record
from engine.law.lump_sums import (
    less_subsidy,
    regional_allowance_lump,
    retirement_lump_sum,
    settlement_abroad,
    settlement_abroad_of_allowance,
    withdrawal,
    withdrawal_under_one_year,
)
from engine.law.parameters import Parameters


@rule(
    "lump_sum_on_retirement",
    average=MONEY,
    contribution_months=MONTHS,
    months_contributed_after_legal_age=MONTHS,
    sex=SEX,
)
def _lump_sum_on_retirement(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    given.need("sex", "contribution_months", "average")
    after = given.get("months_contributed_after_legal_age", 0)
    if after > given["contribution_months"]:
        raise FactsImpossible("months_contributed_after_legal_age", "exceeds contribution_months")
    found = retirement_lump_sum(given["sex"], given["contribution_months"], after, given["average"], as_of, law, record)
    return {"months_of_average": found.months, "amount": found.amount_vnd}


@rule(
    "settlement_abroad",
    benefit=word({"monthly_disability_allowance": "monthly_disability_allowance"}),
    monthly=MONEY,
    months_received=MONTHS,
    pension=MONEY,
    years_from_2014=YEARS,
    years_pre_2014=YEARS,
)
def _settlement_abroad(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    if "benefit" in given:
        given.need("monthly")
        found = settlement_abroad_of_allowance(given["monthly"], as_of, law, record)
    else:
        given.need("pension")
        given.need_one("years_pre_2014", "years_from_2014")
        found = settlement_abroad(
            given.get("years_pre_2014", Decimal(0)),
            given.get("years_from_2014", Decimal(0)),
            given.get("months_received", 0),
            given["pension"],
            as_of,
            law,
            record,
        )
    return {"months": found.months, "amount": found.amount_vnd}


@rule(
    "withdrawal",
    average=MONEY,
    income=MONEY,
    months_from_2014=MONTHS,
    months_pre_2014=MONTHS,
    months_total=MONTHS,
    scheme=word({"compulsory": "compulsory", "voluntary": "voluntary"}),
    serious_illness=flag,
    state_subsidy_per_month=MONEY,
)
def _withdrawal(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    given.need_one("months_total", "months_pre_2014", "months_from_2014")
    before = given.get("months_pre_2014", 0)
    since = given.get("months_from_2014", max(0, given.get("months_total", 0) - before))
    months = before + since
    if given.get("months_total", months) != months:
        raise FactsImpossible("months_total", f"is not the sum of its parts, {months}")
    years = counted_years(months, as_of, law, record)
    average = given.get("average", given.get("income"))
    if average is None:
        if set(given) & {"months_pre_2014", "months_from_2014"}:
            given.need("income" if given.get("scheme") == "voluntary" else "average")
        return {"years": years}
    gross = withdrawal(average, before, since, as_of, law, record)
    result: dict[str, Any] = {"years": years, "months_of_average": gross.months, "gross": gross.amount_vnd}
    subsidy = months * given.get("state_subsidy_per_month", 0)
    amount = gross.amount_vnd
    if subsidy:
        amount = less_subsidy(amount, subsidy, given.get("serious_illness", False), as_of, law, record)
    return {**result, "state_subsidy": subsidy, "amount": amount}


@rule("withdrawal_under_one_year", monthly_wages=list_of(MONEY))
def _withdrawal_under_one_year(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    given.need("monthly_wages")
    limit = law.value("withdrawal_under_one_year", as_of)["below_months"]
    if len(given["monthly_wages"]) >= limit:
        raise FactsImpossible("monthly_wages", f"holds {limit} months or more: rule withdrawal decides")
    return {"amount": withdrawal_under_one_year(given["monthly_wages"], as_of, law, record).amount_vnd}


@rule(
    "regional_allowance_lump",
    base_salary=MONEY,
    segments=list_of(table({"coef": COEFFICIENT, "months": whole(1, 1200)})),
)
def _regional_allowance_lump(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    given.need("segments")
    level = given.get("base_salary", law.value("reference_level", as_of))
    segments = [(segment["coef"], segment["months"]) for segment in given["segments"]]
    return {"amount": regional_allowance_lump(segments, level, as_of, law, record)}
