"""Working days of banks (ngày làm việc): from Monday to Friday, without the public holidays of `working_days.yaml`."""

from datetime import date, timedelta
from functools import cache
from pathlib import Path

import yaml


def working_days_between(earlier: date, later: date) -> int:
    """How many working days lie after the first day, up to and with the second.

    >>> working_days_between(date(2026, 2, 13), date(2026, 2, 23))
    1
    """
    days = max((later - earlier).days, 0)
    closed = _closed()
    return sum(_works(earlier + timedelta(days=passed), closed) for passed in range(1, days + 1))


def working_days_after(day: date, count: int) -> date:
    """The day on which so many working days have passed.

    >>> working_days_after(date(2026, 2, 13), 2)
    datetime.date(2026, 2, 24)
    """
    closed = _closed()
    while count:
        day += timedelta(days=1)
        count -= _works(day, closed)
    return day


def _works(day: date, closed: frozenset[str]) -> bool:
    return day.weekday() < 5 and day.isoformat() not in closed and f"{day:%m-%d}" not in closed


@cache
def _closed() -> frozenset[str]:
    told = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
    return frozenset([*told["every_year"], *(day for days in told["days"].values() for day in days)])
