"""Ngày làm việc ngân hàng: on which day a file that is handed over now is executed.

Days are of Viet Nam (GMT+7); Saturdays and Sundays are none. Interbank clearing keeps no working Saturdays, even where
one is exchanged for a holiday in between. A year that `holidays.yaml` does not hold is refused: a guess would pay late.
"""

from datetime import date, datetime, timedelta, timezone
from functools import cache
from pathlib import Path

import yaml

from gateways.contract import RailLimits
from gateways.errors import Refused

_VIET_NAM = timezone(timedelta(hours=7))
_SATURDAY = 5


class UnknownYear(Refused):
    """The holidays of this year are not known yet; add them to gateways/holidays.yaml."""

    code = "holidays_unknown"


def is_banking_day(on: date) -> bool:
    """Whether banks settle on this day.

    >>> [is_banking_day(date(2026, 2, day)) for day in (13, 14, 16, 23)]
    [True, False, False, True]
    """
    years = _closed_days()
    if on.year not in years:
        raise UnknownYear(str(on.year))
    return on.weekday() < _SATURDAY and on not in years[on.year]


def next_banking_day(on: date) -> date:
    """The day itself where banks settle on it, else the first one after it.

    >>> next_banking_day(date(2026, 4, 30))
    datetime.date(2026, 5, 4)
    """
    while not is_banking_day(on):
        on += timedelta(days=1)
    return on


def is_open(rail: RailLimits, at: datetime) -> bool:
    """Whether the rail takes payments at this instant."""
    local = at.astimezone(_VIET_NAM)
    open_today = is_banking_day(local.date()) or not rail.banking_days_only
    return open_today and rail.opens_at <= local.time() <= rail.cut_off


def executed_on(rail: RailLimits, handed_over_at: datetime, wanted_on: date) -> date:
    """The day on which a file is executed: not before it is wanted, not today after the cut-off, and on a banking day
    where the rail keeps to them."""
    local = handed_over_at.astimezone(_VIET_NAM)
    earliest = local.date() + timedelta(days=1) if local.time() > rail.cut_off else local.date()
    on = max(earliest, wanted_on)
    return next_banking_day(on) if rail.banking_days_only else on


@cache
def _closed_days() -> dict[int, frozenset[date]]:
    sheet = yaml.safe_load((Path(__file__).parent / "holidays.yaml").read_text("utf-8"))
    return {year: frozenset(row["closed"]) for year, row in sheet["years"].items()}
