"""Contributions outside employment: the voluntary scheme, household health insurance, voluntary accident insurance."""

from collections.abc import Collection, Mapping
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from engine.law.calendar import MONTHS_IN_YEAR
from engine.law.errors import FactsImpossible
from engine.law.findings import Record, Step
from engine.law.parameters import DatedValue, Parameters
from engine.law.rounding import HALF_UP, contribution_vnd

_INSTALMENT = Step(
    "voluntary",
    "mức đóng = 22% × thu nhập × số tháng",
    "contribution = 22% x income x months",
)
_LATE = Step(
    "voluntary_late",
    "đóng bù = số tiền chưa đóng × (1 + lãi suất tháng) ^ số tháng",
    "made up = unpaid amount x (1 + monthly rate) ^ months",
)
_AHEAD = Step(
    "voluntary_ahead",
    "đóng trước = tổng 22% × thu nhập / (1 + lãi suất tháng)^(i-1) (công thức dựng lại từ định nghĩa biến)",
    "paid ahead = sum of 22% x income / (1 + monthly rate)^(i-1) (rebuilt from the definition of its variables)",
)
_MISSING = Step(
    "voluntary_missing",
    "đóng cho những năm còn thiếu = tổng 22% × thu nhập × (1 + lãi suất tháng)^i (công thức dựng lại)",
    "missing time paid at once = sum of 22% x income x (1 + monthly rate)^i (rebuilt)",
)
_REFUND = Step(
    "voluntary_refund",
    "hoàn trả = giá trị của các tháng chưa dùng - số tiền Nhà nước hỗ trợ",
    "refund = value of the unused months - State subsidy",
)
_SUBSIDY = Step(
    "voluntary_subsidy",
    "hỗ trợ = tỷ lệ hỗ trợ × 22% × chuẩn hộ nghèo nông thôn",
    "subsidy = rate of support x 22% x rural poverty line",
)


def instalment(income_vnd: int, months: int, on: date, law: Parameters, record: Record) -> int:
    """Months of contribution at the chosen income.

    >>> instalment(4_000_000, 1, date(2017, 4, 1), Parameters.load(), Record())
    880000
    """
    rule = law.at("voluntary_contribution", on)
    amount = contribution_vnd(_month(income_vnd, rule) * months)
    inputs = {"income_vnd": income_vnd, "months": months}
    numbers = f"{rule.value['percent']} % × {income_vnd} × {months} = {amount}"
    record.find(_INSTALMENT, rule.citation, amount, inputs, numbers, (rule,), HALF_UP)
    return amount


def late_instalment(
    unpaid_vnd: int, months: int, rate_percent: Decimal, on: date, law: Parameters, record: Record
) -> int:
    """An unpaid instalment made up later. Decision 595, example 10: 6,600,000 after four months is 6,820,781."""
    rule = law.at("voluntary_contribution", on)
    amount = contribution_vnd(unpaid_vnd * _growth(rate_percent) ** months)
    inputs = {"unpaid_vnd": unpaid_vnd, "late_months": months, "monthly_rate_percent": rate_percent}
    numbers = f"{unpaid_vnd} × (1 + {rate_percent} %)^{months} = {amount}"
    record.find(_LATE, rule.citation, amount, inputs, numbers, (rule,), HALF_UP)
    return amount


def paid_ahead(income_vnd: int, years: int, rate_percent: Decimal, on: date, law: Parameters, record: Record) -> int:
    """Years paid at once in advance, each month discounted."""
    rule = law.at("voluntary_contribution", on)
    if years > rule.value["years_ahead"]:
        raise FactsImpossible("years_ahead", f"at most {rule.value['years_ahead']} years may be paid ahead")
    months = years * MONTHS_IN_YEAR
    amount = contribution_vnd(_discounted(_month(income_vnd, rule), rate_percent, 0, months))
    inputs = {"income_vnd": income_vnd, "months": months, "monthly_rate_percent": rate_percent}
    record.find(_AHEAD, rule.citation, amount, inputs, f"Σ i = 1 … {months} = {amount}", (rule,), HALF_UP)
    return amount


def missing_time(income_vnd: int, months: int, rate_percent: Decimal, on: date, law: Parameters, record: Record) -> int:
    """Missing months paid at once at retirement age, each with compound interest."""
    rule = law.at("voluntary_contribution", on)
    if months > rule.value["missing_months"]:
        raise FactsImpossible("missing_months", f"at most {rule.value['missing_months']} may be paid at once")
    growth = _growth(rate_percent)
    month = _month(income_vnd, rule)
    amount = contribution_vnd(sum((month * growth**i for i in range(1, months + 1)), Fraction(0)))
    inputs = {"income_vnd": income_vnd, "months": months, "monthly_rate_percent": rate_percent}
    record.find(_MISSING, rule.citation, amount, inputs, f"Σ i = 1 … {months} = {amount}", (rule,), HALF_UP)
    return amount


def refund(
    income_vnd: int,
    years: int,
    remaining_months: int,
    rate_percent: Decimal,
    subsidy_vnd: int,
    on: date,
    law: Parameters,
    record: Record,
) -> int:
    """What is returned of years paid ahead when their last months are not used."""
    rule = law.at("voluntary_contribution", on)
    months = years * MONTHS_IN_YEAR
    if remaining_months > months:
        raise FactsImpossible("remaining_months", f"exceeds the {months} months paid ahead")
    value = _discounted(_month(income_vnd, rule), rate_percent, months - remaining_months, months)
    amount = contribution_vnd(value - subsidy_vnd)
    inputs = {"income_vnd": income_vnd, "remaining_months": remaining_months, "state_subsidy_vnd": subsidy_vnd}
    numbers = f"Σ i = {months - remaining_months + 1} … {months} - {subsidy_vnd} = {amount}"
    record.find(_REFUND, rule.citation, amount, inputs, numbers, (rule,), HALF_UP)
    return amount


def subsidy(poverty_line_vnd: int, percent: Decimal, on: date, law: Parameters, record: Record) -> tuple[int, int]:
    """State subsidy for a month, and what remains to pay at the lowest income."""
    rule = law.at("voluntary_contribution", on)
    month = _month(poverty_line_vnd, rule)
    amount = contribution_vnd(month * Fraction(percent) / 100)
    inputs = {"poverty_line_vnd": poverty_line_vnd, "subsidy_percent": percent}
    numbers = f"{percent} % × {rule.value['percent']} % × {poverty_line_vnd} = {amount}"
    record.find(_SUBSIDY, rule.citation, amount, inputs, numbers, (rule,), HALF_UP)
    return amount, contribution_vnd(month) - amount


class SupportedGroup(StrEnum):
    """Groups whose voluntary contributions the State supports: poor and near-poor households, minorities, others."""

    POOR = "poor"
    NEAR_POOR = "near_poor"
    ETHNIC_MINORITY = "ethnic_minority"
    OTHER = "other"


_GROUP = Step(
    "voluntary_subsidy_group",
    "người thuộc nhiều nhóm được hỗ trợ theo tỷ lệ cao nhất, không quá số tháng tối đa",
    "who belongs to several groups is supported at the highest rate, up to the most months",
)


def subsidy_percent(
    groups: Collection[SupportedGroup], months_supported: int, on: date, law: Parameters, record: Record
) -> Decimal:
    """The rate of support of a month, after so many months with support already; 0 when they are used up.

    >>> groups = {SupportedGroup.OTHER, SupportedGroup.ETHNIC_MINORITY}
    >>> subsidy_percent(groups, 0, date(2026, 8, 1), Parameters.load(), Record())
    Decimal('30')
    """
    rule = law.at("voluntary_subsidy", on)
    left = months_supported < rule.value["months"]
    percent = max((rule.value[group] for group in groups), default=Decimal(0)) if left else Decimal(0)
    record.find(
        _GROUP,
        rule.citation,
        percent,
        {"groups": sorted(groups), "months_supported": months_supported},
        f"{months_supported} < {rule.value['months']} → {percent} %",
        (rule,),
    )
    return percent


def published_yield(on: date, law: Parameters) -> DatedValue:
    """Percent a month by which payments of that day are discounted or compounded; an error where none was read."""
    return law.at("fund_yield", on)


def _month(income_vnd: int, rule: DatedValue) -> Fraction:
    return income_vnd * Fraction(rule.value["percent"]) / 100


def _growth(rate_percent: Decimal) -> Fraction:
    return 1 + Fraction(rate_percent) / 100


def _discounted(month: Fraction, rate_percent: Decimal, first: int, last: int) -> Fraction:
    growth = _growth(rate_percent)
    return sum((month / growth**i for i in range(first, last)), Fraction(0))


_HOUSEHOLD = Step(
    "health_insurance_household",
    "người thứ nhất 4,5% mức tham chiếu; người thứ hai, ba, tư, từ thứ năm bằng 70, 60, 50, 40% người thứ nhất",
    "first member 4.5% of the reference level; second to fifth and later 70, 60, 50, 40% of the first",
)


def household_health_insurance(level_vnd: int, on: date, law: Parameters, record: Record) -> Mapping[str, int]:
    """Monthly health contributions of a household's members, by place: first, second, third, fourth, later."""
    rule = law.at("household_health_insurance", on)
    first = Fraction(rule.value["first"]) / 100 * level_vnd
    members = {"first": contribution_vnd(first)}
    for place in ("second", "third", "fourth", "later"):
        members[place] = contribution_vnd(first * Fraction(rule.value[place]) / 100)
    record.find(
        _HOUSEHOLD,
        rule.citation,
        members,
        {"reference_level_vnd": level_vnd},
        f"{rule.value['first']} % × {level_vnd} = {members['first']}",
        (rule,),
        HALF_UP,
    )
    return members


_VOLUNTARY_ACCIDENT = Step(
    "voluntary_accident",
    "6 tháng: 6%, 12 tháng: 12% của một tháng lương tối thiểu vùng IV",
    "six months 6%, twelve months 12% of one monthly minimum wage of region IV",
)


def voluntary_accident_insurance(minimum_wage_vnd: int, on: date, law: Parameters, record: Record) -> Mapping[str, int]:
    """Voluntary accident insurance for six and for twelve months."""
    rule = law.at("voluntary_accident_insurance", on)
    amounts = {
        term: contribution_vnd(Fraction(percent) / 100 * minimum_wage_vnd) for term, percent in rule.value.items()
    }
    record.find(
        _VOLUNTARY_ACCIDENT,
        rule.citation,
        amounts,
        {"minimum_wage_vnd": minimum_wage_vnd},
        "; ".join(f"{percent} % × {minimum_wage_vnd}" for percent in rule.value.values()),
        (rule,),
        HALF_UP,
    )
    return amounts
