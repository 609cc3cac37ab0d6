"""Unemployment, work accidents, the social pension, and the allowance before its age."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from math import ceil

from engine.law.calendar import counted_years
from engine.law.errors import FactsImpossible
from engine.law.findings import Record, Step, number_text
from engine.law.parameters import DatedValue, Parameters
from engine.law.rounding import HALF_UP, benefit_vnd

_MONTHS = Step(
    "unemployment_months",
    "đủ 12 tháng: 3 tháng; từ tháng 37 trở đi cứ đủ 12 tháng thêm 1 tháng; tối đa 12 tháng",
    "from 12 months paid: three months; above 36 one more for each further 12; at most twelve",
)
_MONTHLY = Step(
    "unemployment",
    "trợ cấp thất nghiệp tháng = 60% bình quân 6 tháng, tối đa 5 × lương tối thiểu vùng",
    "unemployment benefit a month = 60% of the average of six months, at most 5 x regional minimum wage",
)


def unemployment_months(months_paid: int, on: date, law: Parameters, record: Record) -> int:
    """Months of benefit; 0 when too few months were paid.

    >>> unemployment_months(72, date(2026, 3, 1), Parameters.load(), Record())
    6
    """
    rule = law.at("unemployment_benefit", on)
    months = 0
    if months_paid >= rule.value["qualifying_months"]:
        further = max(0, months_paid - rule.value["first_months"]) // rule.value["further_months"]
        months = min(rule.value["first_benefit"] + further, rule.value["most"])
    record.find(_MONTHS, rule.citation, months, {"months_paid": months_paid}, f"{months_paid} → {months}", (rule,))
    return months


def unemployment_monthly(average_vnd: int, region: str, on: date, law: Parameters, record: Record) -> int:
    """Benefit of one month."""
    rule = law.at("unemployment_benefit", on)
    wages = law.at("regional_minimum_wage", on)
    cap = rule.value["cap_multiple"] * wages.value[region]
    amount = benefit_vnd(min(average_vnd * Fraction(rule.value["percent"]) / 100, Fraction(cap)))
    record.find(
        _MONTHLY,
        rule.citation,
        amount,
        {"average_6m": average_vnd, "region": region},
        f"min({rule.value['percent']} % × {average_vnd}, {cap}) = {amount}",
        (rule, wages),
        HALF_UP,
    )
    return amount


@dataclass(frozen=True, slots=True)
class AccidentBenefit:
    """The part by impairment and the part by years in the fund, in đồng."""

    by_impairment_vnd: int
    by_years_vnd: int

    @property
    def total_vnd(self) -> int:
        return self.by_impairment_vnd + self.by_years_vnd


_ACCIDENT_LUMP = Step(
    "accident_lump",
    "trợ cấp một lần = (5 + 0,5 × (mức suy giảm - 5)) × mức tham chiếu + (0,5 + 0,3 × (số năm - 1)) × tiền lương",
    "lump sum = (5 + 0.5 x (impairment - 5)) x reference level + (0.5 + 0.3 x (years - 1)) x wage",
)
_ACCIDENT_MONTHLY = Step(
    "accident_monthly",
    "trợ cấp tháng = (30% + 2% × (mức suy giảm - 31)) × mức tham chiếu + (0,5% + 0,3% × (số năm - 1)) × tiền lương",
    "monthly allowance = (30% + 2% x (impairment - 31)) x reference level + (0.5% + 0.3% x (years - 1)) x wage",
)


def accident_lump(
    impairment_percent: Decimal | int, years_in_fund: int, wage_vnd: int, on: date, law: Parameters, record: Record
) -> AccidentBenefit:
    """Impairment of 5 to 30 percent (Law 84/2015 Article 48).

    >>> accident_lump(20, 10, 8_000_000, date(2026, 8, 1), Parameters.load(), Record()).total_vnd
    57225000
    """
    rule = law.at("accident_lump", on)
    return _accident(_ACCIDENT_LUMP, rule, 1, impairment_percent, years_in_fund, wage_vnd, on, law, record)


def accident_monthly(
    impairment_percent: Decimal | int, years_in_fund: int, wage_vnd: int, on: date, law: Parameters, record: Record
) -> AccidentBenefit:
    """Impairment from 31 percent (Law 84/2015 Article 49).

    >>> accident_monthly(40, 10, 8_000_000, date(2026, 8, 1), Parameters.load(), Record()).total_vnd
    1470400
    """
    rule = law.at("accident_monthly", on)
    return _accident(_ACCIDENT_MONTHLY, rule, 100, impairment_percent, years_in_fund, wage_vnd, on, law, record)


def _accident(
    step: Step,
    rule: DatedValue,
    divisor: int,
    impairment_percent: Decimal | int,
    years_in_fund: int,
    wage_vnd: int,
    on: date,
    law: Parameters,
    record: Record,
) -> AccidentBenefit:
    lowest, highest = rule.value["impairment_from"], rule.value["impairment_to"]
    if not lowest <= impairment_percent <= highest:
        raise FactsImpossible("impairment_percent", f"{impairment_percent} lies outside {lowest} to {highest}")
    level = law.at("reference_level", on)
    by_impairment = rule.value["base"] + (impairment_percent - lowest) * rule.value["per_percent"]
    by_years = rule.value["first_year"] + max(0, years_in_fund - 1) * rule.value["per_year"]
    found = AccidentBenefit(
        benefit_vnd(Fraction(by_impairment) * level.value / divisor),
        benefit_vnd(Fraction(by_years) * wage_vnd / divisor),
    )
    record.find(
        step,
        rule.citation,
        found.total_vnd,
        {"impairment_percent": impairment_percent, "years_in_fund": years_in_fund, "wage_vnd": wage_vnd},
        f"{by_impairment} × {level.value} + {by_years} × {wage_vnd} → {found.by_impairment_vnd} + {found.by_years_vnd}",
        (rule, level),
        HALF_UP,
    )
    return found


_SOCIAL = Step(
    "social_pension",
    "từ đủ 75 tuổi không có lương hưu; từ 70 tuổi nếu thuộc hộ nghèo, cận nghèo",
    "from 75 without other pension; from 70 in a poor or near-poor household",
)


def social_pension(
    age: int, other_pension: bool, poor_household: bool, on: date, law: Parameters, record: Record
) -> int:
    """Social pension a month in đồng, from the State budget; 0 when none is due."""
    rule = law.at("social_pension", on)
    old_enough = age >= rule.value["years"] or (poor_household and age >= rule.value["poor_years"])
    amount: int = rule.value["amount"] if old_enough and not other_pension else 0
    inputs = {"age": age, "other_pension": other_pension, "poor_household": poor_household}
    record.find(_SOCIAL, rule.citation, amount, inputs, str(amount), (rule,))
    return amount


@dataclass(frozen=True, slots=True)
class BridgingAllowance:
    """Months and đồng a month of the allowance, and what may be paid in to reach the age of the social pension."""

    months: int
    monthly_vnd: int
    optional_topup_vnd: int


_BRIDGING = Step(
    "pre_social_pension_allowance",
    "số tháng T = bình quân × 2 × số năm / trợ cấp hưu trí xã hội, làm tròn lên; T vượt số tháng D đến tuổi thì mức = "
    "S + (T - D) × S / D",
    "months T = average x 2 x years / social pension, rounded up; if T exceeds the months D to its age, the amount is "
    "S + (T - D) x S / D",
)


def bridging_allowance(
    average_vnd: int,
    contribution_months: int,
    months_to_age: int,
    social_pension_vnd: int,
    on: date,
    law: Parameters,
    record: Record,
) -> BridgingAllowance:
    """Monthly allowance of those without a pension until the age of the social pension (Law 41/2024 Article 23)."""
    rule = law.at("pre_social_pension", on)
    if months_to_age <= 0 or social_pension_vnd <= 0:
        raise FactsImpossible("months_to_social_pension_age", "the age of the social pension is reached")
    years = counted_years(contribution_months, on, law, record)
    earned = ceil(average_vnd * Fraction(Decimal(rule.value)) * years / social_pension_vnd)
    if earned > months_to_age:
        more = Fraction((earned - months_to_age) * social_pension_vnd, months_to_age)
        found = BridgingAllowance(months_to_age, benefit_vnd(social_pension_vnd + more), 0)
    else:
        found = BridgingAllowance(earned, social_pension_vnd, (months_to_age - earned) * social_pension_vnd)
    record.find(
        _BRIDGING,
        rule.citation,
        found.monthly_vnd,
        {"average_vnd": average_vnd, "months_to_social_pension_age": months_to_age},
        f"T = {average_vnd} × {rule.value} × {number_text(years)} / {social_pension_vnd} → {earned}",
        (rule,),
        HALF_UP,
    )
    return found
