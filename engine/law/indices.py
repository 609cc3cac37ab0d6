"""Wages and incomes brought to the prices of the year in which a benefit starts (Decree 158/2025 Article 16)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from engine.law.calendar import MONTHS_IN_YEAR
from engine.law.documents import cite
from engine.law.errors import FactsImpossible, NoValueOnDate
from engine.law.findings import Record, Step, number_text
from engine.law.parameters import DatedValue, Parameters
from engine.law.people import Period

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
    first = law.at("first_index_year", on)
    rows = {part.year: max(part.year, first.value) for part in wages}
    missing = sorted(row for row in set(rows.values()) if row not in table.value)
    if missing:
        if missing[-1] > max(table.value):
            raise FactsImpossible("year", f"there is no wage index for {missing[-1]} in the table of {on.year}")
        known = f"{min(table.value)} to {max(table.value)}"
        raise NoValueOnDate(f"wage_indices of {on.year} has no row for {missing[0]} that we have read; rows: {known}")
    used = table.narrowed(*sorted(set(rows.values())))
    early = any(year < first.value for year in rows)
    return _indexed(wages, table.value, first.value, record, (used, first) if early else (used,))


def indexed_by(wages: Sequence[YearOfWages], table: Mapping[int, Decimal], record: Record) -> Decimal:
    """The same with a table that is given; its first row stands for all years before it."""
    for part in wages:
        if part.year not in table and part.year >= min(table):
            raise FactsImpossible("year", f"there is no wage index for {part.year}")
    return _indexed(wages, table, min(table), record, ())


def _indexed(
    wages: Sequence[YearOfWages],
    table: Mapping[int, Decimal],
    first: int,
    record: Record,
    used: tuple[DatedValue, ...],
) -> Decimal:
    total = Decimal(0)
    terms: list[str] = []
    for part in wages:
        index = table[max(part.year, first)]
        total += part.wage_vnd * part.months * index
        terms.append(f"{part.wage_vnd} × {part.months} × {index}")
    article = used[0].citation if used else cite("L41", "73", "2")
    months = sum(part.months for part in wages)
    numbers = f"{' + '.join(terms)} = {number_text(total)}"
    record.find(_INDEXED, article, total, {"months": months, "parts": len(wages)}, numbers, used)
    return total


def wages_by_year(periods: Iterable[Period]) -> list[YearOfWages]:
    """Stretches of a career cut at the turns of the years."""
    parts: list[YearOfWages] = []
    for period in periods:
        first_year, last_year = period.first.year, period.last.year
        for year in range(first_year, last_year + 1):
            first = period.first.month if year == first_year else 1
            last = period.last.month if year == last_year else MONTHS_IN_YEAR
            parts.append(YearOfWages(year, last - first + 1, period.wage_vnd))
    return parts
