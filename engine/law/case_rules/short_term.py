"""Case rules of short-term and other benefits: sickness, maternity, unemployment, accidents, social pension."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from engine.law.calendar import months_and_days
from engine.law.case_fields import days_between, flag, list_of, ranges, whole, word
from engine.law.case_rules.forms import DAY, DAYS, IMPAIRMENT, MONEY, MONTHS, REGION, YEARS, Given, rule
from engine.law.errors import FactsImpossible
from engine.law.findings import Record, Step
from engine.law.maternity import (
    father_benefit,
    maternity_average,
    maternity_benefit,
    maternity_window,
    miscarriage_days,
    months_of_leave,
    voluntary_maternity,
)
from engine.law.other_benefits import (
    accident_lump,
    accident_monthly,
    bridging_allowance,
    social_pension,
    unemployment_monthly,
    unemployment_months,
)
from engine.law.parameters import Parameters
from engine.law.sickness import (
    child_days,
    days_of_leave,
    days_within_limit,
    recuperation,
    recuperation_left,
    sickness_benefit,
)


@rule(
    "sickness_days",
    both_parents=ranges,
    child_1=ranges,
    child_2=ranges,
    child_age=whole(0, 20),
    father=ranges,
    hazardous_at_sickness=flag,
    insured_years=YEARS,
    long_illness=days_between,
    max_after_surgery=whole(0, 30),
    mother=ranges,
    recuperation_used=DAYS,
    requested=DAYS,
    to=DAY,
    used_days=DAYS,
    weekly_rest=word({"Sunday": "Sunday"}),
    weekly_rest_days=list_of(DAY, fewest=0),
    **{"from": DAY},
)
def _sickness_days(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    if "long_illness" in given:
        return _long_illness(given, as_of, law, record)
    if "recuperation_used" in given or "max_after_surgery" in given:
        given.need("recuperation_used", "max_after_surgery")
        left = recuperation_left(given["recuperation_used"], given["max_after_surgery"], as_of, law, record)
        return {"recuperation_left": left}
    if "requested" in given or "insured_years" in given:
        given.need("requested", "insured_years")
        hazardous = given.get("hazardous_at_sickness", False)
        used = given.get("used_days", 0)
        paid = days_within_limit(given["requested"], used, given["insured_years"], hazardous, as_of, law, record)
        return {"paid_days": paid}
    if {"mother", "father", "both_parents"} & set(given):
        return _parents(given, as_of, law, record)
    stretches = [*given.get("child_1", ()), *given.get("child_2", ())]
    if not stretches:
        given.need("from", "to")
        if given["to"] < given["from"]:
            raise FactsImpossible("to", "lies before from")
        stretches = [(given["from"], given["to"])]
    return {"paid_days": _days(given, stretches, as_of, law, record)}


def _days(given: Given, stretches: Any, as_of: date, law: Parameters, record: Record) -> int:
    rest = frozenset(given["weekly_rest_days"]) if "weekly_rest_days" in given else None
    return days_of_leave(stretches, as_of, law, record, rest)


def _parents(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    """Days of each parent at a sick child, each with a limit of their own."""
    given.need("child_age")
    result: dict[str, Any] = {}
    for parent in ("mother", "father"):
        stretches = [*given.get(parent, ()), *given.get("both_parents", ())]
        days = _days(given, stretches, as_of, law, record)
        result[f"{parent}_days"] = child_days(days, given["child_age"], as_of, law, record)
        if parent == "mother":
            result["mother_days_before_cap"] = days
    return result


_LONG = Step(
    "long_illness",
    "thời gian nghỉ ốm dài ngày = số tháng tròn và số ngày lẻ, kể cả ngày nghỉ",
    "a long illness counts whole months and odd days, rest days included",
)


def _long_illness(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    first, last = given["long_illness"]
    months, odd = months_and_days(first, last)
    ground = law.at("sickness_day_limits", as_of)
    record.find(_LONG, ground.citation, months, {"from": first, "to": last}, f"{months} + {odd}", (ground,))
    return {"months": months, "odd_days": odd}


@rule("sickness", days=DAYS, half_days=DAYS, last_month_wage=MONEY)
def _sickness(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    given.need("last_month_wage")
    given.need_one("days", "half_days")
    daily, amount = sickness_benefit(
        given["last_month_wage"], given.get("days", 0), given.get("half_days", 0), as_of, law, record
    )
    return {"daily": daily, "amount": amount}


@rule("recuperation", days=DAYS)
def _recuperation(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    given.need("days")
    return {"amount": recuperation(given["days"], as_of, law, record)}


@rule("maternity_window", birth=DAY, paid_in_birth_month=flag)
def _maternity_window(given: Given, _as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    given.need("birth")
    first, last = maternity_window(given["birth"], given.get("paid_in_birth_month", True), law, record)
    return {"from": str(first), "to": str(last)}


@rule(
    "maternity_average",
    unpaid_months_skipped=MONTHS,
    wages=list_of(MONEY),
    wages_most_recent_paid_months=list_of(MONEY),
)
def _maternity_average(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    given.need_one("wages", "wages_most_recent_paid_months")
    key = "wages" if "wages" in given else "wages_most_recent_paid_months"
    return {"average": maternity_average(given[key], as_of, law, record)}


@rule(
    "maternity",
    average=MONEY,
    birth_order=whole(1, 20),
    children=whole(0, 10),
    days=DAYS,
    miscarriage_weeks=whole(0, 45),
    months=whole(0, 24),
)
def _maternity(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    given.need("average")
    if "miscarriage_weeks" in given:
        most = miscarriage_days(given["miscarriage_weeks"], as_of, law, record)
        found = maternity_benefit(given["average"], 0, min(given.get("days", most), most), 0, as_of, law, record)
        return {"amount": found.wage_part_vnd}
    days_only = "days" in given and "months" not in given
    children = given.get("children", 0 if days_only else 1)
    months = given.get("months")
    if months is None:
        months = 0 if days_only else months_of_leave(children, given.get("birth_order", 1), as_of, law)
    found = maternity_benefit(given["average"], months, given.get("days", 0), children, as_of, law, record)
    total = found.wage_part_vnd + found.lump_sum_vnd
    return {"wage_part": found.wage_part_vnd, "one_time": found.lump_sum_vnd, "total": total, "amount": total}


@rule("maternity_father", average=MONEY, days=DAYS)
def _maternity_father(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    given.need("average", "days")
    return {"amount": father_benefit(given["average"], given["days"], as_of, law, record)}


@rule("voluntary_maternity", children=whole(1, 10))
def _voluntary_maternity(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    given.need("children")
    return {"amount": voluntary_maternity(given["children"], as_of, law, record)}


@rule("unemployment", average_6m=MONEY, months_paid=MONTHS, region=REGION)
def _unemployment(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    given.need("months_paid")
    months = unemployment_months(given["months_paid"], as_of, law, record)
    result: dict[str, Any] = {"eligible": months > 0, "months": months}
    if "average_6m" in given and months:
        given.need("region")
        monthly = unemployment_monthly(given["average_6m"], given["region"], as_of, law, record)
        result |= {"monthly": monthly, "total": monthly * months}
    elif not months:
        result |= {"monthly": 0, "total": 0}
    return result


@rule("accident_lump", impairment_percent=IMPAIRMENT, wage=MONEY, years_in_fund=whole(0, 60))
def _accident_lump(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    given.need("impairment_percent", "wage", "years_in_fund")
    found = accident_lump(given["impairment_percent"], given["years_in_fund"], given["wage"], as_of, law, record)
    return {"by_impairment": found.by_impairment_vnd, "by_years": found.by_years_vnd, "total": found.total_vnd}


@rule("accident_monthly", impairment_percent=IMPAIRMENT, wage=MONEY, years_in_fund=whole(0, 60))
def _accident_monthly(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    given.need("impairment_percent", "wage", "years_in_fund")
    found = accident_monthly(given["impairment_percent"], given["years_in_fund"], given["wage"], as_of, law, record)
    return {"by_impairment": found.by_impairment_vnd, "by_years": found.by_years_vnd, "total": found.total_vnd}


@rule(
    "pre_social_pension_allowance",
    average=MONEY,
    contribution_months=MONTHS,
    months_to_social_pension_age=MONTHS,
    social_pension=MONEY,
)
def _pre_social_pension_allowance(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    given.need("average", "contribution_months", "months_to_social_pension_age")
    level = given["social_pension"] if "social_pension" in given else law.value("social_pension", as_of)["amount"]
    found = bridging_allowance(
        given["average"],
        given["contribution_months"],
        given["months_to_social_pension_age"],
        level,
        as_of,
        law,
        record,
    )
    return {"months": found.months, "monthly": found.monthly_vnd, "optional_topup": found.optional_topup_vnd}


@rule("social_pension", age=whole(0, 130), other_pension=flag, poor_household=flag)
def _social_pension(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    given.need("age")
    monthly = social_pension(
        given["age"], given.get("other_pension", False), given.get("poor_household", False), as_of, law, record
    )
    return {"eligible": monthly > 0, "monthly": monthly}
