"""Sums paid once for contribution years: on retirement, abroad, on withdrawal, and for regional allowances."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from engine.law.calendar import MONTHS_IN_YEAR, counted_years
from engine.law.findings import Record, Step, number_text
from engine.law.parameters import Parameters
from engine.law.people import Sex
from engine.law.rounding import HALF_UP, average_earnings_vnd, benefit_vnd


@dataclass(frozen=True, slots=True)
class LumpSum:
    """A number of months of something, and the amount in đồng."""

    months: Fraction
    amount_vnd: int


_RETIREMENT = Step(
    "lump_sum_on_retirement",
    "số tháng = số năm vượt đến tuổi × mức mỗi năm + số năm vượt đóng sau tuổi × mức sau tuổi; "
    "trợ cấp = số tháng × bình quân",
    "months = excess years up to the legal age x months for a year + excess years after it x months after it; "
    "amount = months x average",
)


def retirement_lump_sum(
    sex: Sex,
    contribution_months: int,
    months_after_age: int,
    average_vnd: int,
    on: date,
    law: Parameters,
    record: Record,
) -> LumpSum:
    """Lump sum for the years above those that bring the highest pension (trợ cấp một lần khi nghỉ hưu).

    >>> law = Parameters.load()
    >>> retirement_lump_sum(Sex.MALE, 456, 0, 10_000_000, date(2026, 8, 1), law, Record()).amount_vnd
    15000000
    """
    rule = law.at("retirement_lump_sum", on)
    years = counted_years(contribution_months, on, law, record)
    excess = max(Fraction(0), years - rule.value[sex])
    after = Fraction(0)
    if excess and months_after_age:
        after = min(excess, counted_years(months_after_age, on, law, record))
    months = (excess - after) * Fraction(rule.value["per_year"]) + after * Fraction(rule.value["after_age"])
    amount = benefit_vnd(months * average_vnd)
    record.find(
        _RETIREMENT,
        rule.citation,
        amount,
        {"contribution_months": contribution_months, "months_contributed_after_legal_age": months_after_age},
        f"({number_text(excess)} - {number_text(after)}) × {rule.value['per_year']} + {number_text(after)} × "
        f"{rule.value['after_age']} = {number_text(months)}; × {average_vnd} = {amount}",
        (rule,),
        HALF_UP,
    )
    return LumpSum(months, amount)


_SERVICE = Step(
    "service_months",
    "số tháng bình quân = số năm trước 2014 × 1,5 + số năm từ 2014 × 2; tháng lẻ trước 2014 chuyển sang sau",
    "months of average = years before 2014 and years since, each with its multiple; odd months before 2014 move on",
)


def service_months(months_pre_2014: int, months_from_2014: int, on: date, law: Parameters, record: Record) -> Fraction:
    """Months of average for a career, as withdrawals and one-time survivor allowances count them.

    >>> service_months(65, 103, date(2026, 8, 1), Parameters.load(), Record())
    Fraction(51, 2)
    """
    rule = law.at("service_multiples", on)
    if months_from_2014:
        full_years, odd = divmod(months_pre_2014, MONTHS_IN_YEAR)
        before = Fraction(full_years)
        since = counted_years(months_from_2014 + odd, on, law, record)
    else:
        before = counted_years(months_pre_2014, on, law, record)
        since = Fraction(0)
    months = before * Fraction(rule.value["before_2014"]) + since * Fraction(rule.value["from_2014"])
    record.find(
        _SERVICE,
        rule.citation,
        months,
        {"months_pre_2014": months_pre_2014, "months_from_2014": months_from_2014},
        f"{number_text(before)} × {rule.value['before_2014']} + {number_text(since)} × {rule.value['from_2014']}"
        f" = {number_text(months)}",
        (rule,),
    )
    return months


_WITHDRAWAL = Step(
    "withdrawal",
    "bảo hiểm xã hội một lần = số tháng bình quân × mức bình quân",
    "withdrawal = months of average x average",
)
_SHORT = Step(
    "withdrawal_under_one_year",
    "dưới 12 tháng: số tiền đã đóng (22% tiền lương), tối đa 02 tháng mức bình quân",
    "under 12 months: what was paid in (22% of the wages), at most two months of the average",
)
_SUBSIDY = Step(
    "state_subsidy_deducted",
    "trừ số tiền Nhà nước hỗ trợ đóng, trừ trường hợp mắc bệnh hiểm nghèo",
    "less the State subsidy, except in case of a grave illness",
)


def withdrawal(
    average_vnd: int, months_pre_2014: int, months_from_2014: int, on: date, law: Parameters, record: Record
) -> LumpSum:
    """Withdrawal (bảo hiểm xã hội một lần) for a career known by its average."""
    months_total = months_pre_2014 + months_from_2014
    short = law.at("withdrawal_under_one_year", on)
    if months_total < short.value["below_months"]:
        return withdrawal_under_one_year([average_vnd] * months_total, on, law, record)
    months = service_months(months_pre_2014, months_from_2014, on, law, record)
    amount = benefit_vnd(months * average_vnd)
    record.find(
        _WITHDRAWAL,
        law.at("service_multiples", on).citation,
        amount,
        {"average_vnd": average_vnd},
        f"{number_text(months)} × {average_vnd} = {amount}",
        rounding=HALF_UP,
    )
    return LumpSum(months, amount)


def withdrawal_under_one_year(monthly_wages_vnd: Sequence[int], on: date, law: Parameters, record: Record) -> LumpSum:
    """Withdrawal of a career under twelve months: what was paid in, up to two months of the average.

    >>> withdrawal_under_one_year([5_000_000] * 11, date(2026, 8, 1), Parameters.load(), Record()).amount_vnd
    10000000

    The average is cut off before it is doubled, as everywhere: ten months with a sum of 70,000,009.

    >>> wages = [7_000_000] * 9 + [7_000_009]
    >>> withdrawal_under_one_year(wages, date(2026, 8, 1), Parameters.load(), Record()).amount_vnd
    14000000
    """
    rule = law.at("withdrawal_under_one_year", on)
    total = sum(monthly_wages_vnd)
    average = average_earnings_vnd(Fraction(total, len(monthly_wages_vnd))) if monthly_wages_vnd else 0
    paid = total * Fraction(rule.value["percent"]) / 100
    exact = min(paid, Fraction(average * rule.value["cap_months"]))
    amount = benefit_vnd(exact)
    record.find(
        _SHORT,
        rule.citation,
        amount,
        {"months": len(monthly_wages_vnd), "wages_vnd": total},
        f"min({rule.value['percent']} % × {total}, {rule.value['cap_months']} × {average}) = {amount}",
        (rule,),
        HALF_UP,
    )
    return LumpSum(exact / average if average else Fraction(0), amount)


def less_subsidy(
    gross_vnd: int, subsidy_vnd: int, serious_illness: bool, on: date, law: Parameters, record: Record
) -> int:
    """What remains of a voluntary withdrawal after the State subsidy is taken back."""
    net = gross_vnd if serious_illness else max(0, gross_vnd - subsidy_vnd)
    record.find(
        _SUBSIDY,
        law.at("service_multiples", on).citation,
        net,
        {"gross_vnd": gross_vnd, "state_subsidy_vnd": subsidy_vnd, "serious_illness": serious_illness},
        f"{gross_vnd} → {net}",
    )
    return net


_ABROAD = Step(
    "settlement_abroad",
    "số tháng = 1,5 × năm trước 2014 + 2 × năm từ 2014 - 0,5 × số tháng đã hưởng, tối thiểu 3 tháng lương hưu",
    "months = 1.5 x years before 2014 + 2 x years since - 0.5 x pension months received, at least 3",
)
_ABROAD_ALLOWANCE = Step(
    "settlement_abroad",
    "người hưởng trợ cấp hằng tháng: 3 tháng trợ cấp",
    "recipients of a monthly allowance: three months of it",
)


def settlement_abroad(
    years_pre_2014: Decimal,
    years_from_2014: Decimal,
    months_received: int,
    pension_vnd: int,
    on: date,
    law: Parameters,
    record: Record,
) -> LumpSum:
    """Lump sum of a pensioner who settles abroad. Circular 59/2015, example 41: 31 months, 124,000,000."""
    multiples = law.at("service_multiples", on)
    rule = law.at("settlement_abroad", on)
    earned = years_pre_2014 * multiples.value["before_2014"] + years_from_2014 * multiples.value["from_2014"]
    months = Fraction(max(earned - months_received * rule.value["per_month_received"], Decimal(rule.value["minimum"])))
    amount = benefit_vnd(months * pension_vnd)
    record.find(
        _ABROAD,
        rule.citation,
        amount,
        {"years_pre_2014": years_pre_2014, "years_from_2014": years_from_2014, "months_received": months_received},
        f"max({rule.value['minimum']}, {earned} - {months_received} × {rule.value['per_month_received']})"
        f" × {pension_vnd} = {amount}",
        (multiples, rule),
        HALF_UP,
    )
    return LumpSum(months, amount)


def settlement_abroad_of_allowance(monthly_vnd: int, on: date, law: Parameters, record: Record) -> LumpSum:
    """Lump sum of a recipient of a monthly allowance who settles abroad."""
    rule = law.at("settlement_abroad", on)
    months = Fraction(rule.value["allowance_months"])
    amount = benefit_vnd(months * monthly_vnd)
    record.find(
        _ABROAD_ALLOWANCE, rule.citation, amount, {"monthly_vnd": monthly_vnd}, f"{months} × {monthly_vnd}", (rule,)
    )
    return LumpSum(months, amount)


_REGIONAL = Step(
    "regional_allowance_lump",
    "trợ cấp khu vực một lần = tổng (hệ số × số tháng × 15%) × lương cơ sở",
    "regional allowance lump sum = sum of (coefficient x months x 15%) x base salary",
)


def regional_allowance_lump(
    segments: Sequence[tuple[Decimal, int]], base_salary_vnd: int, on: date, law: Parameters, record: Record
) -> int:
    """Coefficients with their months, paid back at the base salary of the pension's start."""
    rule = law.at("regional_allowance_lump", on)
    weighted = sum((coefficient * months for coefficient, months in segments), Decimal(0))
    amount = benefit_vnd(weighted * rule.value / 100 * base_salary_vnd)
    record.find(
        _REGIONAL,
        rule.citation,
        amount,
        {"segments": len(segments), "base_salary_vnd": base_salary_vnd},
        f"{weighted} × {rule.value} % × {base_salary_vnd} = {amount}",
        (rule,),
        HALF_UP,
    )
    return amount
