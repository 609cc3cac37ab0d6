"""Average earnings (mức bình quân tiền lương làm căn cứ đóng), the base of pensions and lump sums.

State wages: the last months of the window, brought to the reference level of the pension's start (careers begun
before 2016) or indexed. Wages decided by employers and voluntary incomes: all months, indexed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from engine.law.calendar import MONTHS_IN_YEAR, Month
from engine.law.documents import Citation, cite
from engine.law.errors import FactsImpossible
from engine.law.findings import Record, Step, number_text
from engine.law.parameters import DatedValue, Parameters
from engine.law.people import Period, WageRegime
from engine.law.rounding import TRUNCATED, average_earnings_vnd

_WINDOW = Step(
    "average_window",
    "số tháng cuối lấy bình quân theo thời điểm bắt đầu tham gia theo chế độ tiền lương do Nhà nước quy định",
    "last months averaged, by the day of first participation under the State wage regime",
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
        kept.append(
            period
            if taken == period.months
            else Period(
                period.last + (1 - taken),
                period.last,
                period.regime,
                period.wage_vnd,
                period.coefficient,
                period.seniority_percent,
            )
        )
        left -= taken
    return tuple(reversed(kept))


@dataclass(frozen=True, slots=True)
class Average:
    """The average in whole đồng, and the months it rests on."""

    average_vnd: int
    months: int
    compulsory_months: int


_AVERAGE = Step(
    "average_earnings",
    "bình quân = (số tháng theo chế độ Nhà nước × bình quân Nhà nước + tổng tiền lương, thu nhập đã điều chỉnh) "
    "/ tổng số tháng",
    "average = (State months x State average + sum of indexed wages and incomes) / all months",
)
_AVERAGE_ARTICLE = cite("L41", "72", "3")
_AVERAGE_ARTICLE_2014 = cite("L58", "62", "3")


def career_average(history: Sequence[Period], on: date, law: Parameters, record: Record) -> Average:
    """The average of a whole career for a benefit that starts on a day. The history stands in order of time."""
    state = [period for period in history if period.regime is WageRegime.STATE]
    indexed = [period for period in history if period.regime is not WageRegime.STATE]
    months = sum(period.months for period in history)
    total = Fraction(0)
    state_months = sum(period.months for period in state)
    if state:
        total += state_months * state_average(state, on, law, record)
    if indexed:
        total += Fraction(indexed_sum(_wages_by_year(indexed), on, law, record))
    average = average_earnings_vnd(total / months)
    record.find(
        _AVERAGE,
        average_article(on, law),
        average,
        {"months": months, "state_months": state_months},
        f"{number_text(total)} / {months} = {average}",
        rounding=TRUNCATED,
    )
    voluntary = sum(period.months for period in indexed if period.regime is WageRegime.VOLUNTARY)
    return Average(average, months, months - voluntary)


def average_article(on: date, law: Parameters) -> Citation:
    return _AVERAGE_ARTICLE if law.value("governing_law", on) == "law_2024" else _AVERAGE_ARTICLE_2014


_STATE = Step(
    "state_average",
    "bình quân theo chế độ Nhà nước = tổng (hệ số kể cả thâm niên × mức áp dụng × số tháng) / số tháng lấy bình quân",
    "State average = sum of (coefficient with seniority x level x months) / months averaged",
)


def state_average(state: Sequence[Period], on: date, law: Parameters, record: Record) -> Fraction:
    """Exact average of the State wages of the window."""
    first = state[0].first.first_day
    window = last_months(state, average_window(first, law, record))
    valuation = law.at("state_wage_valuation", first)
    months = sum(period.months for period in window)
    if valuation.value == "reference_level":
        level = law.at("reference_level", on)
        weighted = sum((period.coefficient_with_seniority * period.months for period in window), Decimal(0))
        total = Fraction(weighted) * level.value
        terms = " + ".join(f"{part.coefficient_with_seniority} × {part.months}" for part in window)
        numbers = f"({terms}) × {level.value} / {months}"
        used: tuple[DatedValue, ...] = (valuation, level)
    else:
        total = Fraction(indexed_sum(_state_wages_by_year(window, law), on, law, record))
        numbers = f"{number_text(total)} / {months}"
        used = (valuation,)
    average: Fraction = total / months
    record.find(
        _STATE,
        valuation.citation,
        average,
        {"from": window[0].first, "to": window[-1].last, "months": months},
        f"{numbers} = {number_text(average)}",
        used,
    )
    return average


_INDEXED = Step(
    "indexed_wages",
    "tổng = tiền lương hoặc thu nhập từng năm × số tháng × mức điều chỉnh của năm đó",
    "sum of wage or income x months x index of its year",
)


@dataclass(frozen=True, slots=True)
class YearOfWages:
    """Months of one calendar year at one monthly wage or income."""

    year: int
    months: int
    wage_vnd: Decimal | int


def indexed_sum(wages: Sequence[YearOfWages], on: date, law: Parameters, record: Record) -> Decimal:
    """Sum of wages brought to the prices of the year in which the benefit starts."""
    table = law.at("wage_indices", on)
    used = table.narrowed(*sorted({_index_year(table.value, part.year) for part in wages}))
    return indexed_by(wages, table.value, record, (used,))


def indexed_by(
    wages: Sequence[YearOfWages], table: Mapping[int, Decimal], record: Record, used: tuple[DatedValue, ...] = ()
) -> Decimal:
    """The same with a table that is given."""
    total = Decimal(0)
    terms: list[str] = []
    for part in wages:
        index = table[_index_year(table, part.year)]
        total += part.wage_vnd * part.months * index
        terms.append(f"{part.wage_vnd} × {part.months} × {index}")
    article = used[0].citation if used else cite("L41", "73", "2")
    months = sum(part.months for part in wages)
    numbers = f"{' + '.join(terms)} = {number_text(total)}"
    record.find(_INDEXED, article, total, {"months": months, "parts": len(wages)}, numbers, used)
    return total


def _index_year(table: Mapping[int, Decimal], year: int) -> int:
    """The row of a year; the first row stands for all years before it."""
    if year in table:
        return year
    first = min(table)
    if year < first:
        return first
    raise FactsImpossible("year", f"there is no wage index for {year}")


def _wages_by_year(periods: Iterable[Period]) -> list[YearOfWages]:
    parts: list[YearOfWages] = []
    for period in periods:
        first_year, last_year = period.first.year, period.last.year
        for year in range(first_year, last_year + 1):
            first = period.first.month if year == first_year else 1
            last = period.last.month if year == last_year else MONTHS_IN_YEAR
            parts.append(YearOfWages(year, last - first + 1, period.wage_vnd))
    return parts


def _state_wages_by_year(periods: Iterable[Period], law: Parameters) -> list[YearOfWages]:
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
