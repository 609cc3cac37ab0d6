"""Invented careers: contribution histories as long and as mixed as those of people who retire in 2025 and 2026.

Private wages follow a rough path of the average wage of their year (invented, in đồng per month); state wages are
coefficients of the official scale that grow by a step every three years.
"""

from datetime import date
from decimal import Decimal
from itertools import pairwise
from random import Random

from engine.awards.claim import Stretch

# Average wage subject to contributions, by the year it begins to hold; between two years it grows evenly.
_WAGE_PATH = (
    (1995, 450_000),
    (2002, 900_000),
    (2008, 1_900_000),
    (2014, 3_900_000),
    (2020, 5_900_000),
    (2026, 7_900_000),
)
_STATE_SCALES = (("1.86", "0.20"), ("2.10", "0.31"), ("2.34", "0.33"))
"""First coefficient and step of three common scales: intermediate, college and university degrees."""
_SENIORITY_FROM_YEARS = 5
_FIRST_PRIVATE_YEAR = 1995


def career(random: Random, first_month: date, last_month: date) -> tuple[Stretch, ...]:
    """A history between two months, both included: state, private, or one after the other, perhaps with a gap."""
    kind = random.choices(("private", "state", "state_then_private"), (50, 28, 22))[0]
    months = _months_between(first_month, last_month) + 1
    if kind == "state":
        return _state(random, first_month, months)
    if kind == "private":
        return _private(random, max(first_month, date(_FIRST_PRIVATE_YEAR, 1, 1)), last_month)
    state_months = random.randint(months // 4, months // 2)
    gap = random.choice((0, 0, 3, 7))
    return _state(random, first_month, state_months) + _private(
        random, max(add_months(first_month, state_months + gap), date(_FIRST_PRIVATE_YEAR, 1, 1)), last_month
    )


def private_career(random: Random, last_month: date, months: int) -> tuple[Stretch, ...]:
    """So many months in private employment, without a gap, up to a month."""
    return _private(random, add_months(last_month, 1 - months), last_month)


def add_months(month: date, count: int) -> date:
    years, in_year = divmod(month.year * 12 + month.month - 1 + count, 12)
    return date(years, in_year + 1, 1)


def _months_between(earlier: date, later: date) -> int:
    return (later.year - earlier.year) * 12 + later.month - earlier.month


def _private(random: Random, first_month: date, last_month: date) -> tuple[Stretch, ...]:
    """One wage a calendar year, at the employee's own level of the year's average."""
    level = random.triangular(0.7, 2.6, 1.0)
    stretches = []
    for year in range(first_month.year, last_month.year + 1):
        wage_vnd = round(_average_wage(year) * level * random.uniform(0.96, 1.04) / 1000) * 1000
        first = max(first_month, date(year, 1, 1))
        last = min(last_month, date(year, 12, 1))
        stretches.append(Stretch(first, last, "private", wage_vnd, None, None))
    return tuple(stretches)


def _state(random: Random, first_month: date, months: int) -> tuple[Stretch, ...]:
    """A step of the scale every three years; a third also has a seniority allowance, 1% a year from the fifth."""
    first_coefficient, step = (Decimal(text) for text in random.choice(_STATE_SCALES))
    with_seniority = random.random() < 1 / 3
    stretches = []
    for number, begin in enumerate(range(0, months, 36)):
        years = begin // 12
        seniority = Decimal(years) if with_seniority and years >= _SENIORITY_FROM_YEARS else None
        last = add_months(first_month, min(begin + 36, months) - 1)
        coefficient = first_coefficient + step * min(number, 9)
        stretches.append(Stretch(add_months(first_month, begin), last, "state", None, coefficient, seniority))
    return tuple(stretches)


def _average_wage(year: int) -> int:
    for (begin, wage), (end, next_wage) in pairwise(_WAGE_PATH):
        if year <= end:
            return wage + (next_wage - wage) * max(year - begin, 0) // (end - begin)
    return _WAGE_PATH[-1][1]
