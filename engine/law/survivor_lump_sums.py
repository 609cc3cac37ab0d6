"""One-time survivor allowance (trợ cấp tuất một lần), and the lump sum after death by work accident."""

from datetime import date
from fractions import Fraction

from engine.law.findings import Record, Step, number_text
from engine.law.lump_sums import LumpSum, service_months
from engine.law.parameters import Parameters
from engine.law.rounding import HALF_UP, benefit_vnd

_CONTRIBUTOR = Step(
    "survivor_one_time",
    "trợ cấp tuất một lần = số tháng bình quân × mức bình quân, tối thiểu 3 tháng",
    "one-time survivor allowance = months of average x average, at least three months",
)
_PENSIONER = Step(
    "survivor_one_time",
    "người hưởng lương hưu chết trong 2 tháng đầu: 48 tháng lương hưu; sau đó mỗi tháng giảm 0,5, tối thiểu 3 tháng",
    "death in the first two pension months: 48 months of pension; each later month takes 0.5 off, at least three",
)
_THREE_MONTHS = Step(
    "survivor_one_time",
    "người hưởng trợ cấp tai nạn lao động hằng tháng đã nhận một lần: 3 tháng trợ cấp",
    "monthly accident allowance, social insurance already withdrawn: three months of the allowance",
)
_PAID_IN = Step(
    "survivor_one_time",
    "tự nguyện, thời gian đóng ngắn: số tiền đã đóng = 22% × số tháng × thu nhập (luật cũ tối đa 2 tháng thu nhập)",
    "voluntary scheme, short time: what was paid in = 22% x months x income (old law: at most two months of income)",
)


def contributor_lump_sum(
    average_vnd: int, months_pre_2014: int, months_from_2014: int, on: date, law: Parameters, record: Record
) -> LumpSum:
    """One-time allowance of a contributor or of preserved time, at least three months of the average."""
    rule = law.at("survivor_lump_sum", on)
    earned = service_months(months_pre_2014, months_from_2014, on, law, record)
    months = max(earned, Fraction(rule.value["minimum"]))
    amount = benefit_vnd(months * average_vnd)
    record.find(
        _CONTRIBUTOR,
        rule.citation,
        amount,
        {"average_vnd": average_vnd, "months_of_average": months},
        f"max({rule.value['minimum']}, {number_text(earned)}) × {average_vnd} = {amount}",
        (rule,),
        HALF_UP,
    )
    return LumpSum(months, amount)


def voluntary_lump_sum(
    average_vnd: int, months_pre_2014: int, months_from_2014: int, on: date, law: Parameters, record: Record
) -> LumpSum:
    """One-time allowance of a purely voluntary career; a short one returns what was paid in."""
    rule = law.at("survivor_lump_sum", on)
    months = months_pre_2014 + months_from_2014
    if months < rule.value["voluntary_paid_below"]:
        paid = months * Fraction(rule.value["paid_percent"]) / 100
        if "paid_cap_months" in rule.value:
            paid = min(paid, Fraction(rule.value["paid_cap_months"]))
        amount = benefit_vnd(paid * average_vnd)
        record.find(
            _PAID_IN,
            rule.citation,
            amount,
            {"monthly_income": average_vnd, "months": months},
            f"{number_text(paid)} × {average_vnd} = {amount}",
            (rule,),
            HALF_UP,
        )
        return LumpSum(paid, amount)
    earned = service_months(months_pre_2014, months_from_2014, on, law, record)
    amount = benefit_vnd(earned * average_vnd)
    record.find(
        _CONTRIBUTOR,
        rule.citation,
        amount,
        {"average_vnd": average_vnd, "months_of_average": earned},
        f"{number_text(earned)} × {average_vnd} = {amount}",
        (rule,),
        HALF_UP,
    )
    return LumpSum(earned, amount)


def pensioner_lump_sum(pension_vnd: int, nth_month: int, on: date, law: Parameters, record: Record) -> LumpSum:
    """One-time allowance of a pensioner who died in the nth month of the pension.

    >>> pensioner_lump_sum(5_000_000, 3, date(2026, 8, 1), Parameters.load(), Record()).amount_vnd
    237500000
    """
    rule = law.at("survivor_lump_sum", on)
    later = max(0, nth_month - rule.value["first_months"])
    earned = Fraction(rule.value["pension_months"]) - later * Fraction(rule.value["per_month"])
    months = max(earned, Fraction(rule.value["minimum"]))
    amount = benefit_vnd(months * pension_vnd)
    record.find(
        _PENSIONER,
        rule.citation,
        amount,
        {"pension_vnd": pension_vnd, "death_in_nth_pension_month": nth_month},
        f"max({rule.value['minimum']}, {rule.value['pension_months']} - {later} × {rule.value['per_month']})"
        f" × {pension_vnd} = {amount}",
        (rule,),
        HALF_UP,
    )
    return LumpSum(months, amount)


def accident_pensioner_lump_sum(allowance_vnd: int, on: date, law: Parameters, record: Record) -> LumpSum:
    """One-time allowance of a holder of a monthly accident allowance who had withdrawn before."""
    rule = law.at("survivor_lump_sum", on)
    months = Fraction(rule.value["allowance_months"])
    amount = benefit_vnd(months * allowance_vnd)
    record.find(
        _THREE_MONTHS,
        rule.citation,
        amount,
        {"monthly_allowance": allowance_vnd},
        f"{months} × {allowance_vnd}",
        (rule,),
    )
    return LumpSum(months, amount)


_ACCIDENT = Step(
    "accident_death_lump",
    "trợ cấp một lần khi chết do tai nạn lao động = 36 × mức tham chiếu, từ quỹ tai nạn lao động",
    "lump sum after death by work accident = 36 x reference level, from the accident fund",
)


def accident_death_lump(on: date, law: Parameters, record: Record) -> int:
    """Paid by the accident fund beside the survivor benefits (Law 84/2015 Article 53)."""
    rule = law.at("accident_death_lump", on)
    level = law.at("reference_level", on)
    amount: int = rule.value * level.value
    record.find(_ACCIDENT, rule.citation, amount, {}, f"{rule.value} × {level.value} = {amount}", (rule, level))
    return amount
