"""Case rules of retirement: age, start, rate, amount, adjustment, and the whole award."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from engine.law.calendar import MONTHS_IN_YEAR, Month, age_text
from engine.law.case_fields import age, flag, list_of, month, table, whole, word
from engine.law.case_rules.forms import (
    CATEGORY,
    COEFFICIENT,
    DAY,
    IMPAIRMENT,
    MONEY,
    MONTHS,
    PERCENT,
    SEX,
    YEAR,
    YEARS,
    Given,
    rule,
)
from engine.law.findings import Record
from engine.law.indexation import adjusted_by
from engine.law.lump_sums import (
    retirement_lump_sum,
)
from engine.law.parameters import Parameters
from engine.law.pension import PensionFacts, assess_pension, pension_amount
from engine.law.pension_rate import Earliness, pension_rate
from engine.law.people import Category, Period, Sex, WageRegime
from engine.law.retirement import (
    age_condition_from,
    early_start,
    missing_months,
    retirement_age,
    start_after_topup,
)

LOWERED = whole(0, 10)


@rule("retirement_age", sex=SEX, birth_month=month, lowered_by_years=LOWERED)
def _retirement_age(given: Given, _as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    given.need("sex", "birth_month")
    found = retirement_age(given["sex"], given["birth_month"], law, record, given.get("lowered_by_years", 0))
    return {
        "age": age_text(found.age_months),
        "age_reached_month": str(found.reached),
        "pension_start": found.start.first_day,
    }


@rule(
    "pension_start",
    birth_date=DAY,
    birth_month=month,
    birth_year_only=YEAR,
    contribution_months=MONTHS,
    contribution_years=YEARS,
    impairment_percent=IMPAIRMENT,
    medical_conclusion=DAY,
    sex=SEX,
    topup_paid_in=month,
)
def _pension_start(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    if "birth_year_only" in given:
        given.need("sex")
        condition = age_condition_from(given["sex"], given["birth_year_only"], as_of, law, record)
        return {"age_condition_from": condition}
    given.need_one("birth_date", "birth_month")
    if "topup_paid_in" in given:
        return _start_after_topup(given, as_of, law, record)
    given.need("sex")
    reached = retirement_age(given["sex"], _birth_month(given), law, record)
    result: dict[str, Any] = {"age_condition_from": reached.start.first_day}
    months = _contribution_months(given)
    needed = law.value("qualifying_months", as_of)
    if "medical_conclusion" in given:
        given.need("impairment_percent")
        start = early_start(reached, given["impairment_percent"], given["medical_conclusion"], as_of, law, record)
        enough = months is None or months >= needed["impaired" if start < reached.start else "ordinary"]
    else:
        start = reached.start
        if months is not None:
            result["missing_months"] = missing_months(months, as_of, law, record)
        enough = not result.get("missing_months")
    return {**result, "pension_from": start.first_day if enough else None}


def _start_after_topup(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    """The age is a man's where the case names no sex, as in the example of Circular 59/2015 it comes from."""
    months = _contribution_months(given)
    if months is None:
        given.need("contribution_months")
        raise AssertionError
    reached = retirement_age(given.get("sex", Sex.MALE), _birth_month(given), law, record)
    missing = missing_months(months, as_of, law, record)
    start = max(reached.start, start_after_topup(missing, given["topup_paid_in"], as_of, law, record))
    return {
        "age_condition_from": reached.start.first_day,
        "missing_months": missing,
        "pension_from": start.first_day,
    }


def _birth_month(given: Given) -> Month:
    found: Month = Month.containing(given["birth_date"]) if "birth_date" in given else given["birth_month"]
    return found


def _contribution_months(given: Given) -> int | None:
    if "contribution_months" in given:
        return int(given["contribution_months"])
    return int(given["contribution_years"] * MONTHS_IN_YEAR) if "contribution_years" in given else None


OLD_LAW_NOTE = "medical conclusion before 2016 -> rules of the 2006 law"


@rule(
    "pension_rate",
    age=age,
    birth_year_only=YEAR,
    contribution_months=MONTHS,
    full_years_before_reference_age=whole(0, 60),
    impairment_percent=IMPAIRMENT,
    months_before_reference_age=whole(0, 720),
    odd_months_of_age_at_retirement=whole(0, 11),
    pension_year=YEAR,
    reduction_per_year_percent=PERCENT,
    reference_age=YEARS,
    regime_note=word({OLD_LAW_NOTE: OLD_LAW_NOTE}),
    sex=SEX,
    years_early=whole(0, 60),
)
def _pension_rate(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    given.need("sex", "contribution_months")
    on = _rate_date(given, as_of, law)
    sex, months = given["sex"], given["contribution_months"]
    rate = pension_rate(sex, months, on, law, record, _earliness(given), given.get("reduction_per_year_percent"))
    lump_sum = retirement_lump_sum(sex, months, 0, 0, on, law, record)
    return {"rate_percent": rate, "lump_sum_months_of_average": lump_sum.months}


def _rate_date(given: Given, as_of: date, law: Parameters) -> date:
    if "regime_note" in given:
        first = law.parameter("governing_law").values[0]
        return first.ends_on or as_of
    year = given.get("pension_year", as_of.year)
    return as_of if year == as_of.year else date(year, 1, 1)


def _earliness(given: Given) -> Earliness | None:
    reference = int(given.get("reference_age", Decimal(0)) * MONTHS_IN_YEAR)
    if "months_before_reference_age" in given:
        before = given["months_before_reference_age"]
        return Earliness.of(before, reference) if before else None
    if "years_early" in given:
        return Earliness(given["years_early"], 0, 0)
    if "full_years_before_reference_age" in given or "odd_months_of_age_at_retirement" in given:
        odd = given.get("odd_months_of_age_at_retirement", 0)
        return Earliness(given.get("full_years_before_reference_age", 0), odd, -odd % MONTHS_IN_YEAR)
    if "age" in given and reference > given["age"]:
        return Earliness.of(reference - given["age"], reference)
    return None


@rule(
    "pension",
    average=MONEY,
    category=CATEGORY,
    compulsory_months=MONTHS,
    participated_before_2025_07_01=flag,
    rate_percent=PERCENT,
)
def _pension(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    given.need("average", "rate_percent", "compulsory_months")
    amount = pension_amount(
        given["average"],
        Fraction(given["rate_percent"]),
        given["compulsory_months"],
        given.get("category", Category.EMPLOYEE),
        given.get("participated_before_2025_07_01", True),
        as_of,
        law,
        record,
    )
    return {"computed": amount.computed_vnd, "pension": amount.pension_vnd}


@rule("pension_adjustment", adjusted_by_108_2021=flag, monthly_amount_before=MONEY, stopped_work_before_1995=flag)
def _pension_adjustment(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    given.need("monthly_amount_before")
    after = adjusted_by(
        law.at("pension_adjustment", as_of),
        given["monthly_amount_before"],
        given.get("stopped_work_before_1995", False),
        not given.get("adjusted_by_108_2021", True),
        record,
    )
    return {"monthly_amount_after": after}


_HISTORY_PERIOD = table(
    {"from": month, "to": month, "regime": word(WageRegime)},
    {"wage": MONEY, "coefficient": COEFFICIENT, "seniority_percent": PERCENT},
)


def _career_period(value: Any, place: str, problems: list[str]) -> Period | None:
    """One stretch of a career: a coefficient under the State regime, a wage or income otherwise."""
    found = _HISTORY_PERIOD(value, place, problems)
    if not found or any(found.get(key) is None for key in ("from", "to", "regime")):
        return None
    state = found["regime"] is WageRegime.STATE
    wanted, barred = ("coefficient", ("wage",)) if state else ("wage", ("coefficient", "seniority_percent"))
    if wanted not in found:
        problems.append(f"{place}.{wanted}: missing")
    problems += [f"{place}.{key}: has no meaning under regime {found['regime']}" for key in barred if key in found]
    if found["to"] < found["from"]:
        problems.append(f"{place}: ends before it begins")
    return Period(
        found["from"],
        found["to"],
        found["regime"],
        found.get("wage") or 0,
        found.get("coefficient") or Decimal(0),
        found.get("seniority_percent") or Decimal(0),
    )


@rule(
    "pension_award",
    sex=SEX,
    birth_date=DAY,
    pension_from=DAY,
    history=list_of(_career_period),
    impairment_percent=IMPAIRMENT,
    lowered_by_years=LOWERED,
    participated_before_2025_07_01=flag,
    category=CATEGORY,
)
def _pension_award(given: Given, _as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    """A pension follows the law of the day it starts."""
    given.need("sex", "birth_date", "pension_from", "history")
    facts = PensionFacts(
        sex=given["sex"],
        birth_date=given["birth_date"],
        pension_from=given["pension_from"],
        history=given["history"],
        impairment_percent=given.get("impairment_percent", 0),
        lowered_by_years=given.get("lowered_by_years", 0),
        participated_before_july_2025=given.get("participated_before_2025_07_01"),
        category=given.get("category", Category.EMPLOYEE),
    )
    decision = assess_pension(facts, given["pension_from"], law)
    record.findings.extend(decision.findings)
    result: dict[str, Any] = {
        "eligible": decision.eligible,
        "contribution_months": decision.contribution_months,
        "months_before_reference_age": decision.months_before_reference_age,
    }
    if not decision.eligible:
        return {**result, "reason": decision.reason}
    return {
        **result,
        "average": decision.average_vnd,
        "rate_percent": decision.rate_percent,
        "amount": decision.amount_vnd,
        "retirement_lump_sum": decision.retirement_lump_sum_vnd,
    }
