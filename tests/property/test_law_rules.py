"""What must hold for any career, any wage and any receipt."""

from datetime import date
from decimal import Decimal
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.law.allocation import Debt, allocate
from engine.law.average import career_average
from engine.law.calendar import Month, counted_years
from engine.law.contributions import Employment, Fund, assess_contribution
from engine.law.employer_account import Dues, Receipt, employer_account
from engine.law.findings import Record, number_text
from engine.law.parameters import Parameters
from engine.law.pension_rate import Earliness, pension_rate
from engine.law.people import Period, Sex, WageRegime
from engine.law.retirement import retirement_age
from engine.law.state_wages import last_months
from engine.law.survivor_lump_sums import pensioner_lump_sum

LAW = Parameters.load()
UNHURRIED = settings(deadline=None)
"""A busy machine is no failure of the law."""
NEW_LAW = date(2026, 8, 1)

sexes = st.sampled_from(Sex)
days = st.dates(date(2016, 1, 1), date(2026, 12, 31))
money = st.integers(0, 10**9)


@UNHURRIED
@given(st.fractions())
def test_the_text_of_a_number_is_exact(number: Fraction) -> None:
    assert Fraction(number_text(number)) == number


@UNHURRIED
@given(st.integers(0, 900), days)
def test_counted_years_are_never_less_than_the_months_and_less_than_one_year_more(months: int, on: date) -> None:
    years = counted_years(months, on, LAW, Record())

    assert 0 <= years - Fraction(months, 12) < 1
    assert years.denominator in (1, 2)


@UNHURRIED
@given(sexes, st.integers(180, 700), st.integers(180, 700), days)
def test_a_longer_career_never_lowers_the_rate(sex: Sex, one: int, other: int, on: date) -> None:
    lowest = max(180, LAW.value("accrual", on)[sex][0]["months"])
    shorter, longer = sorted((max(one, lowest), max(other, lowest)))

    assert pension_rate(sex, shorter, on, LAW, Record()) <= pension_rate(sex, longer, on, LAW, Record()) <= 75


@UNHURRIED
@given(sexes, st.integers(240, 700), st.integers(0, 119), st.integers(0, 119))
def test_an_earlier_start_never_raises_the_rate(sex: Sex, months: int, one: int, other: int) -> None:
    later, earlier = sorted((one, other))
    rates = [
        pension_rate(sex, months, NEW_LAW, LAW, Record(), Earliness.of(before, 57 * 12)) for before in (later, earlier)
    ]

    assert rates[0] >= rates[1]


@UNHURRIED
@given(sexes, st.integers(0, 600))
def test_who_is_born_later_never_retires_earlier(sex: Sex, offset: int) -> None:
    birth = Month.of(1940, 1) + offset

    older, younger = (retirement_age(sex, month, LAW, Record()) for month in (birth, birth + 1))

    assert older.start < younger.start
    assert LAW.value("retirement_age", older.reached.first_day)[sex] == older.age_months


@UNHURRIED
@given(st.lists(st.integers(1, 40), min_size=1, max_size=8), st.integers(1, 300))
def test_the_window_takes_the_last_months_and_no_other(lengths: list[int], window: int) -> None:
    periods, first = [], Month.of(1990, 1)
    for length in lengths:
        periods.append(Period(first, first + (length - 1), WageRegime.STATE, coefficient=Decimal(2)))
        first = first + (length + 3)

    taken = last_months(periods, window)

    assert sum(part.months for part in taken) == min(window, sum(lengths))
    assert taken[-1].last == periods[-1].last
    assert last_months(periods, None) == tuple(periods)


@UNHURRIED
@given(st.lists(st.tuples(st.integers(1, 60), st.integers(1, 10**8)), min_size=1, max_size=6))
def test_an_average_lies_between_the_lowest_and_the_highest_indexed_wage(parts: list[tuple[int, int]]) -> None:
    history, first = [], Month.of(1994, 1)
    for length, wage in parts:
        history.append(Period(first, first + (length - 1), WageRegime.PRIVATE, wage))
        first = first + length

    average = career_average(history, NEW_LAW, LAW, Record()).average_vnd

    assert min(wage for _, wage in parts) <= average <= max(wage for _, wage in parts) * Decimal("5.81")


@UNHURRIED
@given(money, st.integers(1, 400))
def test_a_month_more_of_pension_never_raises_the_lump_sum(pension: int, month: int) -> None:
    amounts = [pensioner_lump_sum(pension, n, NEW_LAW, LAW, Record()).amount_vnd for n in (month, month + 1)]

    assert amounts[0] >= amounts[1] >= 3 * pension


@UNHURRIED
@given(money, st.sampled_from(["I", "II", "III", "IV"]), days)
def test_a_contribution_is_made_of_whole_dong_on_a_base_within_the_limits(wage: int, region: str, on: date) -> None:
    found = assess_contribution(Employment(wage_vnd=wage, region=region), on, LAW, Record())
    level = LAW.value("reference_level", on)

    assert found.base_vnd <= 20 * level
    assert found.base_vnd >= min(wage, 20 * level)
    assert found.total_vnd == sum(share.total_vnd for share in found.shares.values())
    assert set(found.shares) == set(Fund)


funds = st.dictionaries(
    st.sampled_from(["hi", "ui", "accident", "si"]), st.builds(Debt, money, money), min_size=1, max_size=4
)


@UNHURRIED
@given(money, funds, st.data())
def test_an_allocation_neither_loses_nor_makes_money(
    received: int, debts: dict[str, Debt], data: st.DataObject
) -> None:
    owed = sum(debt.total_vnd for debt in debts.values())
    priority = data.draw(st.integers(0, owed))

    found = allocate(received, debts, NEW_LAW, LAW, Record(), priority)

    assert found.allocated_vnd + found.surplus_vnd == received
    assert found.allocated_vnd + found.unpaid_vnd == owed
    assert found.surplus_vnd == max(0, received - owed)
    assert all(debt.principal_vnd >= 0 and debt.interest_vnd >= 0 for debt in found.unpaid.values())
    assert found.priority_paid_vnd == min(received, priority)


months = st.integers(0, 15).map(lambda offset: Month.of(2025, 7) + offset)
dues = st.lists(
    st.builds(Dues, months, st.dictionaries(st.sampled_from(Fund), st.integers(0, 10**8), max_size=5)),
    max_size=4,
    unique_by=lambda due: due.month,
)
receipts = st.lists(
    st.builds(Receipt, st.dates(date(2025, 7, 1), date(2026, 12, 31)), st.integers(0, 10**8)), max_size=5
)


@UNHURRIED
@given(dues, receipts)
def test_an_employers_account_adds_up(dues: list[Dues], receipts: list[Receipt]) -> None:
    account = employer_account(dues, receipts, date(2026, 12, 31), LAW)

    received = sum(receipt.amount_vnd for receipt in receipts)
    allocated = sum(step.amount_vnd for step in account.allocations)
    owed = sum(sum(due.funds.values()) for due in dues) + account.late_charge_vnd
    assert allocated + account.unallocated_vnd == received
    assert owed - allocated == account.outstanding_vnd
    assert account.outstanding_vnd >= 0
    assert account.unallocated_vnd == 0 or account.outstanding_vnd == 0
