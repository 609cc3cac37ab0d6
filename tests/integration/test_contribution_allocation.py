"""How a receipt is divided, against the law's own running account and by what must always hold."""

from datetime import date, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from engine.contributions.account import Debit, Money, Part, divide
from engine.contributions.dues import FUND_NAMES
from engine.law.calendar import Month
from engine.law.contributions import Fund
from engine.law.employer_account import Dues, Kind, Receipt, employer_account
from engine.law.parameters import Parameters

LAW = Parameters.load()
ORDER = ["health", "unemployment", "accident", "sickness", "retirement"]
ON = date(2026, 11, 2)

debits = st.builds(
    lambda month, fund, principal, charge: Debit(
        UUID(int=month), f"TZ0001Z/2026-{month:02}/1", date(2026, month, 1), date(2026, month + 1, 28), fund, principal,
        charge, charge,
    ),
    st.integers(1, 10),
    st.sampled_from(ORDER),
    st.integers(0, 10**9),
    st.integers(0, 10**6),
)  # fmt: skip
owed = st.lists(debits, max_size=12, unique_by=lambda debit: (debit.period, debit.fund)).map(
    lambda found: sorted(found, key=lambda debit: (debit.period, debit.fund))
)


def _money(amount_vnd: int) -> Money:
    return Money(UUID(int=1), 1, ON, amount_vnd, 0)


@given(owed, st.integers(1, 10**10))
def test_no_dong_is_lost_and_nothing_is_paid_twice(found: list[Debit], amount_vnd: int) -> None:
    parts = divide(_money(amount_vnd), found, LAW)
    total = sum(debit.total_vnd for debit in found)
    assert sum(part.amount_vnd for part in parts) == min(amount_vnd, total)
    for debit in found:
        paid = {part.kind: part.amount_vnd for part in parts if part.debit is debit}
        assert paid.get(Kind.PRINCIPAL, 0) <= debit.principal_vnd
        assert paid.get(Kind.LATE_CHARGE, 0) <= debit.charge_vnd
    assert len({(id(part.debit), part.kind) for part in parts}) == len(parts)


@given(owed, st.integers(1, 10**10))
def test_what_comes_first_in_the_law_is_paid_first(found: list[Debit], amount_vnd: int) -> None:
    """Health, unemployment, accident, social insurance; there principal before charge; the oldest month first."""

    def rank(debit: Debit, kind: Kind) -> tuple[int, bool, date]:
        return min(ORDER.index(debit.fund), 3), kind is Kind.LATE_CHARGE, debit.period

    parts = divide(_money(amount_vnd), found, LAW)
    paid = {(id(part.debit), part.kind): part.amount_vnd for part in parts}
    open_ranks = [
        rank(debit, kind)
        for debit in found
        for kind, vnd in ((Kind.PRINCIPAL, debit.principal_vnd), (Kind.LATE_CHARGE, debit.charge_vnd))
        if paid.get((id(debit), kind), 0) < vnd
    ]
    if open_ranks:
        assert max((rank(part.debit, part.kind) for part in parts), default=min(open_ranks)) <= min(open_ranks)


@given(
    st.lists(st.tuples(*[st.integers(1, 10**8)] * 5), min_size=1, max_size=4),
    st.integers(1, 2 * 10**9),
    st.integers(0, 200),
)
def test_one_receipt_goes_where_the_laws_own_account_puts_it(
    months: list[tuple[int, ...]], amount_vnd: int, days: int
) -> None:
    """Before anything is late the two must agree in every part; later in the funds before social insurance.

    Inside social insurance the running account takes the charge of sickness before the principal of retirement.
    """
    first = Month.of(2026, 6)
    dues = [Dues(first + place, dict(zip(Fund, amounts, strict=True))) for place, amounts in enumerate(months)]
    on = (first + len(months)).first_day + timedelta(days=days)
    expected = employer_account(dues, [Receipt(on, amount_vnd)], on, LAW)
    opened = employer_account(dues, [], on, LAW)
    found = [
        Debit(UUID(int=place), str(due.month), due.month.first_day, (due.month + 1).last_day, FUND_NAMES[fund], vnd,
              _charge(due, fund, on), 0)
        for place, due in enumerate(dues)
        for fund, vnd in due.funds.items()
    ]  # fmt: skip
    assert sum(debit.charge_vnd for debit in found) == opened.late_charge_vnd
    parts = divide(Money(UUID(int=1), 1, on, amount_vnd, 0), found, LAW)
    funds = set(ORDER) if not opened.late_charge_vnd else set(ORDER[:3])
    assert {_told(part) for part in parts if part.debit.fund in funds} == {
        (step.month.first_day, FUND_NAMES[step.fund], step.kind, step.amount_vnd)
        for step in expected.allocations
        if FUND_NAMES[step.fund] in funds
    }
    assert amount_vnd - sum(part.amount_vnd for part in parts) == expected.unallocated_vnd


def _charge(due: Dues, fund: Fund, on: date) -> int:
    alone = employer_account([Dues(due.month, {fund: due.funds[fund]})], [], on, LAW)
    return alone.late_charge_vnd


def _told(part: Part) -> tuple[date, str, Kind, int]:
    return part.debit.period, part.debit.fund, part.kind, part.amount_vnd
