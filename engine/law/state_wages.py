"""The average of wages under the State regime (chế độ tiền lương do Nhà nước quy định).

The last months of a window, brought to the reference level of the pension's start (who first took part before 2016)
or indexed. A professional seniority allowance (phụ cấp thâm niên nghề) that was contributed before a change of
profession is kept, and under Decree 158/2025 a window that averages less than the whole time gives way to it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

from engine.law.calendar import MONTHS_IN_YEAR, Month
from engine.law.findings import Record, Step, number_text
from engine.law.indices import YearOfWages, indexed_sum
from engine.law.parameters import DatedValue, Parameters
from engine.law.people import Period

_WINDOW = Step(
    "average_window",
    "số tháng cuối lấy bình quân theo thời điểm bắt đầu tham gia bảo hiểm xã hội bắt buộc",
    "last months averaged, by the day of first participation in compulsory insurance",
)


def average_window(first_contribution: date, law: Parameters, record: Record) -> int | None:
    """Months of the window for State wages; None means the whole career.

    >>> average_window(date(1999, 3, 1), Parameters.load(), Record())
    72
    """
    window = law.at("average_window", first_contribution)
    months = None if window.value == "whole_career" else int(window.value)
    record.find(
        _WINDOW,
        window.citation,
        months,
        {"first_contribution": first_contribution},
        "toàn bộ thời gian / whole career" if months is None else f"{months} tháng / months",
        (window,),
    )
    return months


def last_months(periods: Iterable[Period], months: int | None) -> tuple[Period, ...]:
    """The last so many months of the given periods, skipping whatever lies between them (None: all)."""
    ordered = tuple(periods)
    if months is None:
        return ordered
    kept: list[Period] = []
    left = months
    for period in reversed(ordered):
        if left == 0:
            break
        taken = min(left, period.months)
        kept.append(period if taken == period.months else replace(period, first=period.last + (1 - taken)))
        left -= taken
    return tuple(reversed(kept))


@dataclass(frozen=True, slots=True)
class _Averaged:
    """The exact average of some months, and how it came about."""

    average: Fraction
    months: Sequence[Period]
    numbers: str
    used: tuple[DatedValue, ...]


_Average = Callable[[Sequence[Period], Record], _Averaged]

_STATE = Step(
    "state_average",
    "bình quân theo chế độ Nhà nước = tổng (hệ số kể cả thâm niên × mức áp dụng × số tháng) / số tháng lấy bình quân",
    "State average = sum of (coefficient with seniority x level x months) / months averaged",
)
_BETTER = Step(
    "state_average",
    "bình quân những năm cuối thấp hơn bình quân toàn bộ thời gian đóng theo chế độ Nhà nước: lấy toàn bộ thời gian",
    "the last years average less than all the time under the State regime: the whole time is taken",
)
_BEFORE_CHANGE = Step(
    "state_average",
    "những năm cuối chỉ có một phần phụ cấp thâm niên nghề và bình quân thấp hơn những năm trước khi chuyển nghề: "
    "lấy những năm trước khi chuyển nghề",
    "the last years hold the seniority allowance in part and average less than the years before the change of "
    "profession: those are taken",
)
_KEPT = Step(
    "state_average",
    "những năm cuối không có phụ cấp thâm niên nghề: cộng khoản phụ cấp thâm niên nghề cao nhất đã đóng",
    "the last years hold no seniority allowance: the highest one contributed is added",
)


def state_average(state: Sequence[Period], first_on: date, on: date, law: Parameters, record: Record) -> Fraction:
    """Exact average of the State wages. `first_on` is the first day in compulsory insurance, under whichever regime.

    Law 41/2024 Articles 72(1) and 73(1) speak of the start of participation; Decree 115/2015 Article 9(3) says for a
    mixed career that it is the start in compulsory insurance, and Circular 12/2025 Article 16(3) keeps the rule.
    """
    months = average_window(first_on, law, record)
    average_of = _valuation(first_on, on, law)
    window = average_of(last_months(state, months), record)
    record.find(_STATE, window.used[0].citation, window.average, _span(window), window.numbers, window.used)
    found = _with_seniority(state, window, average_of, on, law, record)
    better = law.at("average_better_of", on)
    if (
        better.value == "whole_career"
        and len(window.months)
        and sum(part.months for part in window.months) < _months(state)
    ):
        whole = average_of(state, record)
        if whole.average > found:
            record.find(_BETTER, better.citation, whole.average, _span(whole), whole.numbers, (better, *whole.used))
            return whole.average
    return found


def _with_seniority(
    state: Sequence[Period], window: _Averaged, average_of: _Average, on: date, law: Parameters, record: Record
) -> Fraction:
    """What a seniority allowance of an earlier profession adds; the last profession before retirement decides."""
    if state[-1].seniority_percent or not any(period.seniority_percent for period in state):
        return window.average
    kept = law.at("seniority_kept", on)
    if not any(period.seniority_percent for period in window.months):
        if kept.value["none_in_window"] != "highest_added":
            return window.average
        allowances = [average_of([_allowance(period)], Record()) for period in state if period.seniority_percent]
        highest = max(allowances, key=lambda one: one.average)
        total = window.average + highest.average
        record.find(
            _KEPT,
            kept.citation,
            total,
            _span(highest),
            f"{number_text(window.average)} + {number_text(highest.average)} = {number_text(total)}",
            (kept, *highest.used),
        )
        return total
    left_on = max(place for place, period in enumerate(state) if period.seniority_percent)
    before = average_of(last_months(state[: left_on + 1], _months(window.months)), record)
    if kept.value["part_of_window"] != "years_before_change" or before.average <= window.average:
        return window.average
    record.find(_BEFORE_CHANGE, kept.citation, before.average, _span(before), before.numbers, (kept, *before.used))
    return before.average


def _valuation(first_on: date, on: date, law: Parameters) -> _Average:
    """How wages are brought up to date, by the day of first participation (Law 41/2024 Article 73(1))."""
    valuation = law.at("state_wage_valuation", first_on)

    def at_the_level(periods: Sequence[Period], _record: Record) -> _Averaged:
        level = law.at("reference_level", on)
        weighted = sum((period.coefficient_with_seniority * period.months for period in periods), Decimal(0))
        average: Fraction = Fraction(weighted) * level.value / _months(periods)
        terms = " + ".join(f"{part.coefficient_with_seniority} × {part.months}" for part in periods)
        numbers = f"({terms}) × {level.value} / {_months(periods)} = {number_text(average)}"
        return _Averaged(average, periods, numbers, (valuation, level))

    def indexed(periods: Sequence[Period], record: Record) -> _Averaged:
        total = Fraction(indexed_sum(_wages_by_year(periods, law), on, law, record))
        average: Fraction = total / _months(periods)
        numbers = f"{number_text(total)} / {_months(periods)} = {number_text(average)}"
        return _Averaged(average, periods, numbers, (valuation,))

    return at_the_level if valuation.value == "reference_level" else indexed


def _wages_by_year(periods: Iterable[Period], law: Parameters) -> list[YearOfWages]:
    """Coefficients times the base salary of their own months, split where the year or the base salary changes."""
    parts: list[YearOfWages] = []
    for period in periods:
        month = period.first
        while month <= period.last:
            level = law.at("reference_level", month.first_day)
            last = min(period.last, Month.of(month.year, MONTHS_IN_YEAR))
            if level.ends_on is not None:
                last = min(last, Month.containing(level.ends_on))
            wage = period.coefficient_with_seniority * level.value
            parts.append(YearOfWages(month.year, last - month + 1, wage))
            month = Month(last + 1)
    return parts


def _allowance(period: Period) -> Period:
    """The seniority allowance alone, of the last month in which a period paid it."""
    coefficient = period.coefficient_with_seniority - period.coefficient
    return replace(period, first=period.last, coefficient=coefficient, seniority_percent=Decimal(0))


def _months(periods: Iterable[Period]) -> int:
    return sum(period.months for period in periods)


def _span(found: _Averaged) -> dict[str, object]:
    return {"from": found.months[0].first, "to": found.months[-1].last, "months": _months(found.months)}
