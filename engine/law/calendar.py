"""Months and days as social insurance counts them."""

import calendar as _gregorian
import re
from datetime import date
from fractions import Fraction

from engine.law.findings import Record, Step
from engine.law.parameters import Parameters

MONTHS_IN_YEAR = 12

_MONTH = re.compile(r"(\d{4})-(\d{2})")


class Month(int):
    """A calendar month as a count of months since year 0, so that months subtract and compare.

    >>> Month.of(2026, 11) + 3
    2027-02
    """

    __slots__ = ()

    @classmethod
    def of(cls, year: int, month: int) -> "Month":
        return cls(year * MONTHS_IN_YEAR + month - 1)

    @classmethod
    def containing(cls, day: date) -> "Month":
        return cls(day.year * MONTHS_IN_YEAR + day.month - 1)

    @classmethod
    def parse(cls, text: str) -> "Month":
        """Reads YYYY-MM; raises ValueError for anything else."""
        found = _MONTH.fullmatch(text)
        if not found or not 1 <= int(found[2]) <= MONTHS_IN_YEAR or int(found[1]) == 0:
            raise ValueError(text)
        return cls.of(int(found[1]), int(found[2]))

    @property
    def year(self) -> int:
        return int(self) // MONTHS_IN_YEAR

    @property
    def month(self) -> int:
        return int(self) % MONTHS_IN_YEAR + 1

    @property
    def first_day(self) -> date:
        return date(self.year, self.month, 1)

    @property
    def last_day(self) -> date:
        return date(self.year, self.month, _gregorian.monthrange(self.year, self.month)[1])

    def __add__(self, months: int) -> "Month":
        return Month(int(self) + months)

    def __repr__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"

    __str__ = __repr__


def age_text(months: int) -> str:
    """An age the way case files and decisions write it.

    >>> age_text(723)
    '60y3m'
    """
    return f"{months // MONTHS_IN_YEAR}y{months % MONTHS_IN_YEAR}m"


def months_and_days(first: date, last: date) -> tuple[int, int]:
    """Whole months from the first day on, and the days left over, both ends counted.

    >>> months_and_days(date(2016, 3, 28), date(2016, 6, 5))
    (2, 9)
    """
    months = 0
    while _same_day(first, months + 1) <= date.fromordinal(last.toordinal() + 1):
        months += 1
    return months, last.toordinal() - _same_day(first, months).toordinal() + 1


def _same_day(first: date, months: int) -> date:
    month = Month.containing(first) + months
    return date(month.year, month.month, min(first.day, month.last_day.day))


_YEARS = Step(
    "counted_years",
    "số năm = số tháng / 12; tháng lẻ từ 1 đến 6 tính nửa năm, từ 7 đến 11 tính một năm",
    "years = months / 12; 1 to 6 odd months count as half a year, 7 to 11 as a whole one",
)


def counted_years(months: int, on: date, law: Parameters, record: Record) -> Fraction:
    """Years of contribution for an amount, with its odd months rounded (Law 41/2024 Article 5(6)).

    >>> record = Record()
    >>> counted_years(187, date(2026, 8, 1), Parameters.load(), record)
    Fraction(16, 1)
    """
    half = law.at("odd_months_half_year", on)
    years, odd = divmod(months, MONTHS_IN_YEAR)
    counted = Fraction(years)
    if odd > half.value:
        counted += 1
    elif odd:
        counted += Fraction(1, 2)
    record.find(
        _YEARS, half.citation, counted, {"months": months}, f"{months} → {years} + {odd}/12 → {counted}", (half,)
    )
    return counted
