from datetime import UTC, date, datetime

import pytest

from gateways.banking_days import UnknownYear, executed_on, is_banking_day, is_open, next_banking_day
from gateways.banks import simbank
from gateways.contract import Rail
from gateways.registry import capabilities_of
from gateways.sheets import read_sheet

FAST, HIGH_VALUE = simbank.capabilities("simbank").rails


@pytest.mark.parametrize(
    ("on", "opens"),
    [
        (date(2026, 2, 13), date(2026, 2, 13)),
        (date(2026, 2, 14), date(2026, 2, 23)),  # Tết: Saturday the 14th to Sunday the 22nd
        (date(2026, 4, 30), date(2026, 5, 4)),
        (date(2026, 11, 24), date(2026, 11, 25)),
        (date(2027, 1, 1), date(2027, 1, 4)),
    ],
)
def test_banks_open_again_on_the_next_banking_day(on: date, opens: date) -> None:
    assert next_banking_day(on) == opens


def test_a_year_whose_holidays_are_not_known_is_refused() -> None:
    with pytest.raises(UnknownYear, match="2031"):
        is_banking_day(date(2031, 1, 2))


@pytest.mark.parametrize(
    ("handed_over", "wanted", "executed"),
    [
        ("2026-11-25T02:00+00:00", date(2026, 11, 25), date(2026, 11, 25)),  # 9:00 in Viet Nam
        ("2026-11-25T09:00+00:00", date(2026, 11, 25), date(2026, 11, 25)),  # 16:00, the cut-off itself
        ("2026-11-25T09:01+00:00", date(2026, 11, 25), date(2026, 11, 26)),
        ("2026-11-27T09:01+00:00", date(2026, 11, 27), date(2026, 11, 30)),  # Friday evening
        ("2026-11-25T17:30+00:00", date(2026, 11, 25), date(2026, 11, 26)),  # 0:30 of the 26th in Viet Nam
        ("2026-11-25T02:00+00:00", date(2026, 11, 28), date(2026, 11, 30)),
    ],
)
def test_a_file_on_the_high_value_rail_is_executed_on_a_banking_day(
    handed_over: str, wanted: date, executed: date
) -> None:
    assert executed_on(HIGH_VALUE, datetime.fromisoformat(handed_over), wanted) == executed


def test_the_fast_rail_keeps_no_banking_days() -> None:
    saturday = datetime(2026, 11, 28, 2, tzinfo=UTC)

    assert executed_on(FAST, saturday, date(2026, 11, 28)) == date(2026, 11, 28)
    assert (is_open(FAST, saturday), is_open(HIGH_VALUE, saturday)) == (True, False)


def test_an_amount_goes_by_the_rail_that_takes_it() -> None:
    sheet = simbank.capabilities("simbank")

    rails = [sheet.rail_of(amount) for amount in (0, 1, 499_999_999, 500_000_000, 500_000_000_001)]

    assert [rail and rail.rail for rail in rails] == [None, Rail.FAST, Rail.FAST, Rail.HIGH_VALUE, None]


def test_a_sheet_says_what_held_on_each_day() -> None:
    before, after = (capabilities_of("ours", "simbank", on) for on in (date(2026, 10, 31), date(2026, 11, 1)))

    assert [len(sheet.rails) for sheet in (before, after)] == [1, 2]
    assert [sheet.effective_on for sheet in (before, after)] == [date(2026, 1, 1), date(2026, 11, 1)]
    assert capabilities_of("ours", "simbank", date(2020, 1, 1)).effective_on == date(2026, 1, 1)
    assert read_sheet(simbank.SHEET, date.max)["limits"] == read_sheet(simbank.SHEET, date.min)["limits"]
