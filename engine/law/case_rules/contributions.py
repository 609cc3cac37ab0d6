"""Case rules of what is due: contributions of a worker, a household, a volunteer, and of an employer's month."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from engine.law.case_fields import flag, list_of, month, table, text, whole, word
from engine.law.case_rules.forms import (
    CONTRIBUTION_CATEGORY,
    MONEY,
    MONTHS,
    PERCENT,
    REGION,
    TOP_UP,
    Given,
    rule,
)
from engine.law.contributions import (
    Contribution,
    Employment,
    Fund,
    Member,
    Share,
    assess_contribution,
    assess_month,
    missing_months_payment,
)
from engine.law.errors import FactsImpossible
from engine.law.findings import Record
from engine.law.parameters import Parameters
from engine.law.people import Category
from engine.law.voluntary import (
    household_health_insurance,
    instalment,
    late_instalment,
    missing_time,
    paid_ahead,
    refund,
    subsidy,
    voluntary_accident_insurance,
)

_FOREIGN = word({"foreign": True, "foreign, contract >=12 months": True})
_EMPLOYER = word({"eligible private employer": True})
_UNPAID_DAYS = whole(0, 31)


@rule(
    "contribution",
    category=CONTRIBUTION_CATEGORY,
    employer_type=_EMPLOYER,
    missing_months=whole(0, 1200),
    region=REGION,
    retirement_fund_suspended=flag,
    unpaid_working_days=_UNPAID_DAYS,
    wage=MONEY,
    worker=_FOREIGN,
)
def _contribution(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    given.need("wage")
    if given.get("category") == TOP_UP:
        return _missing_months(given, as_of, law, record)
    employment = _employment(given, given.get("region"), given.get("employer_type", False))
    found = assess_contribution(employment, as_of, law, record)
    result: dict[str, Any] = {
        "subject_to_compulsory_si": found.insured,
        "base": found.base_vnd,
        "total": found.total_vnd,
        "retirement_due": found.share(Fund.RETIREMENT).total_vnd,
        "sickness": found.share(Fund.SICKNESS).total_vnd,
        "accident": found.share(Fund.ACCIDENT).total_vnd,
    }
    if employment.category is Category.HOUSEHOLD_OWNER:
        return {**result, "self": {fund.value: share.total_vnd for fund, share in found.shares.items()}}
    return {**result, **_two_payers(found)}


def _employment(given: Mapping[str, Any], region: str | None, relieved: bool) -> Employment:
    return Employment(
        wage_vnd=given["wage"],
        region=region,
        category=given.get("category", Category.EMPLOYEE),
        foreign=given.get("worker", False),
        unpaid_working_days=given.get("unpaid_working_days", 0),
        relieved_employer=relieved,
        retirement_suspended=given.get("retirement_fund_suspended", False),
    )


def _two_payers(found: Contribution) -> Mapping[str, Any]:
    """Social insurance of the employer is retirement, sickness and accident; the worker pays for retirement only."""
    shares = {fund: found.share(fund) for fund in Fund}
    social = [shares[fund] for fund in (Fund.RETIREMENT, Fund.SICKNESS, Fund.ACCIDENT)]
    return {
        "ee": {fund.value: share.employee_vnd for fund, share in shares.items()},
        "er": {fund.value: share.employer_vnd for fund, share in shares.items()},
        "ee_si": sum(share.employee_vnd for share in social),
        "ee_hi": shares[Fund.HEALTH].employee_vnd,
        "ee_ui": shares[Fund.UNEMPLOYMENT].employee_vnd,
        "ee_total": found.employee_vnd,
        "er_si": sum(share.employer_vnd for share in social),
        "er_total": found.employer_vnd,
    }


def _missing_months(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    most = law.value("missing_months", as_of)["months"]
    monthly, total = missing_months_payment(given["wage"], given.get("missing_months", most), as_of, law, record)
    _, six = missing_months_payment(given["wage"], most, as_of, law, record)
    return {"base": given["wage"], "monthly_22_percent": monthly, "six_months": six, "total": total}


@rule(
    "voluntary",
    income=MONEY,
    late_months=MONTHS,
    missing_months=MONTHS,
    monthly_rate_percent=PERCENT,
    months=MONTHS,
    poverty_line=MONEY,
    remaining_months=MONTHS,
    state_subsidy=MONEY,
    subsidy_percent=PERCENT,
    unpaid_amount=MONEY,
    years_ahead=whole(0, 100),
)
def _voluntary(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    if "subsidy_percent" in given:
        line = given["poverty_line"] if "poverty_line" in given else law.value("rural_poverty_line", as_of)
        supported, own = subsidy(line, given["subsidy_percent"], as_of, law, record)
        return {"state_subsidy": supported, "own_payment_at_floor": own}
    if "unpaid_amount" in given or "late_months" in given:
        given.need("unpaid_amount", "late_months", "monthly_rate_percent")
        rate = given["monthly_rate_percent"]
        return {"amount": late_instalment(given["unpaid_amount"], given["late_months"], rate, as_of, law, record)}
    given.need("income")
    income = given["income"]
    if "years_ahead" in given:
        given.need("monthly_rate_percent")
        return _ahead(given, as_of, law, record)
    if "missing_months" in given:
        given.need("monthly_rate_percent")
        rate = given["monthly_rate_percent"]
        return {"amount": missing_time(income, given["missing_months"], rate, as_of, law, record)}
    return {"amount": instalment(income, given.get("months", 1), as_of, law, record)}


def _ahead(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    income, years, rate = given["income"], given["years_ahead"], given["monthly_rate_percent"]
    result = {"amount": paid_ahead(income, years, rate, as_of, law, record)}
    if "remaining_months" in given:
        supported = given.get("state_subsidy", 0)
        result["refund"] = refund(income, years, given["remaining_months"], rate, supported, as_of, law, record)
    return result


@rule("health_insurance_household", reference_level=MONEY)
def _health_insurance_household(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    level = given["reference_level"] if "reference_level" in given else law.value("reference_level", as_of)
    members = household_health_insurance(level, as_of, law, record)
    return {
        "member_1": members["first"],
        "member_1_month": members["first"],
        "member_1_year": members["first"] * 12,
        "member_2": members["second"],
        "member_3": members["third"],
        "member_4": members["fourth"],
        "member_5_plus": members["later"],
    }


@rule("voluntary_accident", region_IV_min_wage=MONEY)
def _voluntary_accident(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    wage = given.get("region_IV_min_wage") or law.value("regional_minimum_wage", as_of)["IV"]
    return voluntary_accident_insurance(wage, as_of, law, record)


_STAFF = table(
    {"name": text, "wage": MONEY},
    {"worker": _FOREIGN, "unpaid_working_days": _UNPAID_DAYS, "category": CONTRIBUTION_CATEGORY},
)


@rule("contribution_month", month=month, region=REGION, employer_type=_EMPLOYER, staff=list_of(_STAFF))
def _contribution_month(given: Given, _as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    """The law of the month decides."""
    given.need("month", "region", "staff")
    relieved = given.get("employer_type", False)
    for place, person in enumerate(given["staff"], 1):
        if person.get("category") == TOP_UP:
            raise FactsImpossible(f"staff[{place}].category", "missing months are no dues of an employer month")
    members = [Member(one["name"], _employment(one, given["region"], relieved)) for one in given["staff"]]
    found = assess_month(given["month"], members, law)
    record.findings.extend(found.findings)
    return {
        "funds": {fund.value: _share(share) for fund, share in found.funds.items()},
        "total": found.total_vnd,
        "due_date": found.due_on,
        "staff": [
            {"name": name, "base": one.base_vnd, "ee": one.employee_vnd, "er": one.employer_vnd}
            for name, one in found.staff
        ],
    }


def _share(share: Share) -> Mapping[str, int]:
    return {"ee": share.employee_vnd, "er": share.employer_vnd}
