"""Sickness benefits (chế độ ốm đau): days, daily amounts, sick children, recuperation."""

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from engine.law.findings import Record, Step, number_text
from engine.law.parameters import Parameters
from engine.law.rounding import HALF_UP, benefit_vnd

SUNDAY = 6

_WORKING_DAYS = Step(
    "sickness_days",
    "số ngày hưởng = số ngày nghỉ thực tế trừ ngày nghỉ hằng tuần; các khoảng trùng nhau tính một lần; "
    "ngày lễ, Tết phải được khai cùng ngày nghỉ",
    "days paid = days of leave less weekly rest days; overlapping stretches count once; public holidays must be named "
    "with the rest days",
)


def days_of_leave(
    stretches: Iterable[tuple[date, date]],
    on: date,
    law: Parameters,
    record: Record,
    rest_days: frozenset[date] | None = None,
) -> int:
    """Days of leave that are no rest days; without named rest days the weekly rest is Sunday.

    Circular 59/2015, example 6: 4–10 and 7–13 January 2016 are nine days.
    """
    ground = law.at("sickness_day_limits", on)
    days: set[date] = set()
    listed = list(stretches)
    for first, last in listed:
        days |= {first + timedelta(days=offset) for offset in range((last - first).days + 1)}
    worked = {day for day in days if (day.weekday() != SUNDAY if rest_days is None else day not in rest_days)}
    record.find(
        _WORKING_DAYS,
        ground.citation,
        len(worked),
        {"stretches": [f"{first}..{last}" for first, last in listed]},
        f"{len(days)} - {len(days) - len(worked)} = {len(worked)}",
        (ground,),
    )
    return len(worked)


_LIMIT = Step(
    "sickness_day_limit",
    "số ngày được hưởng = số ngày đề nghị, không quá số ngày còn lại trong năm",
    "days paid = days requested, no more than what is left of the year's limit",
)


def days_within_limit(
    requested: int, used: int, insured_years: Decimal, hazardous: bool, on: date, law: Parameters, record: Record
) -> int:
    """Days paid of a request; the job at the time of sickness decides on the hazardous limit."""
    rule = law.at("sickness_day_limits", on)
    step = sum(insured_years >= years for years in rule.value["years"])
    limit = rule.value["hazardous" if hazardous else "ordinary"][step]
    paid: int = max(0, min(requested, limit - used))
    record.find(
        _LIMIT,
        rule.citation,
        paid,
        {"insured_years": insured_years, "hazardous": hazardous, "used_days": used, "requested": requested},
        f"min({requested}, {limit} - {used}) = {paid}",
        (rule,),
    )
    return paid


_CHILD = Step(
    "sick_child_days",
    "tối đa 20 ngày cho con dưới 3 tuổi, 15 ngày cho con từ 3 đến dưới 7 tuổi, cho mỗi con và mỗi cha, mẹ",
    "at most 20 days for a child under 3 and 15 for one under 7, for each child and each parent",
)


def child_days(days: int, child_age: int, on: date, law: Parameters, record: Record) -> int:
    """Days paid to one parent for one child in a year."""
    rule = law.at("sick_child_days", on)
    limit = next(
        (most for below, most in zip(rule.value["below_years"], rule.value["days"], strict=True) if child_age < below),
        0,
    )
    paid = min(days, limit)
    record.find(_CHILD, rule.citation, paid, {"days": days, "child_age": child_age}, f"min({days}, {limit})", (rule,))
    return paid


_BENEFIT = Step(
    "sickness",
    "mức hưởng = tiền lương tháng trước khi nghỉ × 75% / 24 × số ngày; nửa ngày tính một nửa",
    "benefit = wage of the month before leave x 75% / 24 x days; half a day counts half",
)


def sickness_benefit(
    wage_vnd: int, days: int, half_days: int, on: date, law: Parameters, record: Record
) -> tuple[int, int]:
    """Đồng a day, and for all days; only the total is rounded for payment.

    >>> sickness_benefit(12_000_000, 5, 0, date(2026, 8, 1), Parameters.load(), Record())
    (375000, 1875000)
    """
    rule = law.at("sickness_benefit", on)
    daily = Fraction(wage_vnd) * Fraction(rule.value["percent"]) / 100 / rule.value["days_of_month"]
    counted = days + Fraction(half_days, 2)
    amount = benefit_vnd(daily * counted)
    record.find(
        _BENEFIT,
        rule.citation,
        amount,
        {"last_month_wage": wage_vnd, "days": counted},
        f"{wage_vnd} × {rule.value['percent']} % / {rule.value['days_of_month']} × {number_text(counted)} = {amount}",
        (rule,),
        HALF_UP,
    )
    return benefit_vnd(daily), amount


_LONG = Step(
    "long_illness_benefit",
    "hết thời hạn hưởng mà còn điều trị dài ngày: mức hưởng = tiền lương × tỷ lệ theo số năm đóng / 24 × số ngày",
    "past the limit of days in a long illness: benefit = wage x percent by years insured / 24 x days",
)


def long_illness_benefit(
    wage_vnd: int, days: int, insured_years: Decimal, on: date, law: Parameters, record: Record
) -> int:
    """Đồng for working days past the yearly limit (Law 41/2024 Article 45(3), Circular 12/2025 Article 6(2)).

    >>> long_illness_benefit(12_000_000, 10, Decimal(15), date(2026, 8, 1), Parameters.load(), Record())
    2750000
    """
    rule = law.at("long_illness", on)
    month = law.at("sickness_benefit", on)
    percent = rule.value["percent"][sum(insured_years >= bound for bound in rule.value["years"])]
    amount = benefit_vnd(Fraction(wage_vnd * days * percent) / 100 / month.value["days_of_month"])
    record.find(
        _LONG,
        rule.citation,
        amount,
        {"last_month_wage": wage_vnd, "days": days, "insured_years": insured_years},
        f"{wage_vnd} × {percent} % / {month.value['days_of_month']} × {days} = {amount}",
        (rule, month.narrowed("days_of_month")),
        HALF_UP,
    )
    return amount


_RECUPERATION = Step(
    "recuperation",
    "dưỡng sức = số ngày × 30% × mức tham chiếu",
    "recuperation = days x 30% x reference level",
)
_LEFT = Step(
    "recuperation_days_left",
    "số ngày còn lại = số ngày tối đa trong năm - số ngày đã nghỉ",
    "days left = most days of the year - days taken",
)


def recuperation(days: int, on: date, law: Parameters, record: Record) -> int:
    """Recuperation for days, no more than the most a year allows.

    >>> recuperation(5, date(2026, 8, 1), Parameters.load(), Record())
    3795000
    """
    rule = law.at("recuperation", on)
    level = law.at("reference_level", on)
    paid = min(days, rule.value["days"])
    amount = benefit_vnd(Fraction(paid * rule.value["percent"]) / 100 * level.value)
    record.find(
        _RECUPERATION,
        rule.citation,
        amount,
        {"days": days},
        f"{paid} × {rule.value['percent']} % × {level.value} = {amount}",
        (rule, level),
        HALF_UP,
    )
    return amount


def recuperation_left(used: int, most: int, on: date, law: Parameters, record: Record) -> int:
    """Days of recuperation left in the year."""
    rule = law.at("recuperation", on)
    left = max(0, most - used)
    record.find(_LEFT, rule.citation, left, {"recuperation_used": used}, f"{most} - {used} = {left}", (rule,))
    return left
