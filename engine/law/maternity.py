"""Maternity benefits (chế độ thai sản)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from engine.law.calendar import Month
from engine.law.errors import FactsImpossible
from engine.law.findings import Record, Step, number_text
from engine.law.parameters import Parameters
from engine.law.rounding import HALF_UP, TRUNCATED, average_earnings_vnd, benefit_vnd

_WINDOW = Step(
    "maternity_window",
    "sinh trước ngày 15: không tính tháng sinh; từ ngày 15 và tháng đó có đóng: tính tháng sinh; lấy 12 tháng",
    "born before the 15th: the birth month is left out; from the 15th and contributed: it counts; twelve months",
)


def maternity_window(born_on: date, paid_in_birth_month: bool, law: Parameters, record: Record) -> tuple[Month, Month]:
    """First and last of the twelve months before birth.

    >>> maternity_window(date(2017, 1, 18), True, Parameters.load(), Record())
    (2016-02, 2017-01)
    """
    rule = law.at("maternity_window", born_on)
    counted = born_on.day >= rule.value["day"] and paid_in_birth_month
    last = Month.containing(born_on) + (0 if counted else -1)
    first = last + (1 - rule.value["months"])
    record.find(
        _WINDOW,
        rule.citation,
        [str(first), str(last)],
        {"birth": born_on, "paid_in_birth_month": paid_in_birth_month},
        f"{first} – {last}",
        (rule,),
    )
    return first, last


_AVERAGE = Step(
    "maternity_average",
    "bình quân = tổng tiền lương của 6 tháng có đóng gần nhất / số tháng",
    "average = wages of the six nearest months contributed / months",
)


def maternity_average(wages_vnd: Sequence[int], on: date, law: Parameters, record: Record) -> int:
    """Average of the nearest paid months; fewer where there are fewer."""
    rule = law.at("maternity_benefit", on)
    if len(wages_vnd) > rule.value["averaged_months"]:
        raise FactsImpossible("wages", f"holds more than {rule.value['averaged_months']} months")
    average = average_earnings_vnd(Fraction(sum(wages_vnd), len(wages_vnd)))
    record.find(
        _AVERAGE,
        rule.citation,
        average,
        {"months": len(wages_vnd)},
        f"{sum(wages_vnd)} / {len(wages_vnd)} = {average}",
        (rule,),
        TRUNCATED,
    )
    return average


@dataclass(frozen=True, slots=True)
class Maternity:
    """Part for the months or days of leave, and the lump sum for the children, in đồng."""

    wage_part_vnd: int
    lump_sum_vnd: int


_BENEFIT = Step(
    "maternity",
    "mức hưởng = bình quân × số tháng + bình quân / 30 × số ngày lẻ; trợ cấp một lần 2 × mức tham chiếu cho mỗi con",
    "benefit = average x months + average / 30 x odd days; lump sum of 2 x reference level for each child",
)


def maternity_benefit(
    average_vnd: int, months: int, days: int, children: int, on: date, law: Parameters, record: Record
) -> Maternity:
    """Leave of months and odd days, and the lump sum at the level of the month of birth.

    >>> maternity_benefit(18_000_000, 6, 0, 1, date(2026, 8, 10), Parameters.load(), Record())
    Maternity(wage_part_vnd=108000000, lump_sum_vnd=5060000)
    """
    rule = law.at("maternity_benefit", on)
    level = law.at("reference_level", on)
    leave = benefit_vnd(average_vnd * (months + Fraction(days, rule.value["days_of_month"])))
    lump_sum = children * rule.value["lump_multiple"] * level.value
    record.find(
        _BENEFIT,
        rule.citation,
        leave + lump_sum,
        {"average_vnd": average_vnd, "months": months, "days": days, "children": children},
        f"{average_vnd} × ({months} + {days}/{rule.value['days_of_month']}) = {leave}; "
        f"{children} × {rule.value['lump_multiple']} × {level.value} = {lump_sum}",
        (rule, level),
        HALF_UP,
    )
    return Maternity(leave, lump_sum)


def months_of_leave(children: int, birth_order: int, on: date, law: Parameters) -> int:
    """Months of leave for a birth: more for a second child (from July 2026) and for each further child of one birth."""
    rule = law.value("maternity_benefit", on)
    months: int = rule["second_child_months"] if birth_order == 2 else rule["months"]
    return months + max(0, children - 1) * int(rule["further_child_months"])


_MISCARRIAGE = Step(
    "miscarriage_days",
    "số ngày nghỉ tối đa theo tuổi thai",
    "most days of leave by weeks of pregnancy",
)


def miscarriage_days(weeks: int, on: date, law: Parameters, record: Record) -> int:
    """Most days paid after a miscarriage."""
    rule = law.at("miscarriage_days", on)
    place = sum(weeks >= below for below in rule.value["below_weeks"])
    days: int = rule.value["days"][place]
    record.find(_MISCARRIAGE, rule.citation, days, {"weeks": weeks}, f"{weeks} → {days}", (rule,))
    return days


_FATHER = Step(
    "maternity_father",
    "lao động nam nghỉ khi vợ sinh con = bình quân / 24 × số ngày",
    "leave of the father = average / 24 x days",
)


def father_benefit(average_vnd: int, days: int, on: date, law: Parameters, record: Record) -> int:
    """The father's working days, rounded once.

    >>> father_benefit(10_000_000, 7, date(2026, 8, 10), Parameters.load(), Record())
    2916667
    """
    rule = law.at("maternity_benefit", on)
    amount = benefit_vnd(Fraction(average_vnd * days, rule.value["father_days_of_month"]))
    record.find(
        _FATHER,
        rule.citation,
        amount,
        {"average_vnd": average_vnd, "days": days},
        f"{average_vnd} × {days} / {number_text(rule.value['father_days_of_month'])} = {amount}",
        (rule,),
        HALF_UP,
    )
    return amount


_VOLUNTARY = Step(
    "voluntary_maternity",
    "trợ cấp thai sản tự nguyện = 2.000.000 đồng × số con",
    "maternity allowance of the voluntary scheme = 2,000,000 x children",
)


def voluntary_maternity(children: int, on: date, law: Parameters, record: Record) -> int:
    """Allowance of the voluntary scheme."""
    rule = law.at("voluntary_maternity", on)
    amount: int = children * rule.value
    record.find(_VOLUNTARY, rule.citation, amount, {"children": children}, f"{children} × {rule.value}", (rule,))
    return amount
