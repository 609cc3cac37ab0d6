"""Allocation of one receipt to debts in the legal order (thứ tự phân bổ)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from engine.law.findings import Record, Step
from engine.law.parameters import Parameters


@dataclass(frozen=True, slots=True)
class Debt:
    """What is owed to one fund in đồng: contributions, and charge or interest on them."""

    principal_vnd: int
    interest_vnd: int

    @property
    def total_vnd(self) -> int:
        return self.principal_vnd + self.interest_vnd


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """A receipt divided among the funds; what is above all debts stays unallocated."""

    paid: Mapping[str, int]
    unpaid: Mapping[str, Debt]
    priority_paid_vnd: int
    surplus_vnd: int

    @property
    def allocated_vnd(self) -> int:
        return sum(self.paid.values())

    @property
    def unpaid_vnd(self) -> int:
        return sum(debt.total_vnd for debt in self.unpaid.values())


_ALLOCATION = Step(
    "allocation",
    "trước hết toàn bộ nợ của người nghỉ hưu, thôi việc; sau đó y tế, thất nghiệp, tai nạn, bảo hiểm xã hội; "
    "trong quỹ trả gốc trước lãi; phần thừa không phân bổ, chuyển kỳ sau "
    "(từ 01/5/2026 chưa có văn bản nêu lại thứ tự, giữ như cũ)",
    "first all debts of workers who retire or leave; then health, unemployment, accident, social insurance; inside a "
    "fund principal before charge; the surplus stays unallocated (no text restates the order since May 2026; the old "
    "one is kept)",
)


def allocate(
    received_vnd: int, debts: Mapping[str, Debt], on: date, law: Parameters, record: Record, priority_vnd: int = 0
) -> Allocation:
    """Divides one receipt. `priority_vnd` is all that is owed for workers who retire or leave, part of the debts.

    Their part of each fund is not known from the totals; it is taken in proportion to what the funds are owed.
    """
    order = law.at("allocation_order", on)
    owed = {fund: debts[fund].total_vnd for fund in order.value if fund in debts}
    priority_paid = min(received_vnd, priority_vnd)
    first = _filled(priority_paid, _in_proportion(priority_vnd, owed))
    rest = _filled(received_vnd - priority_paid, {fund: owed[fund] - first[fund] for fund in owed})
    paid = {fund: first[fund] + rest[fund] for fund in owed}
    unpaid = {}
    for fund, amount in paid.items():
        principal = min(amount, debts[fund].principal_vnd)
        unpaid[fund] = Debt(debts[fund].principal_vnd - principal, debts[fund].interest_vnd - (amount - principal))
    found = Allocation(
        paid=paid,
        unpaid=unpaid,
        priority_paid_vnd=priority_paid,
        surplus_vnd=received_vnd - sum(paid.values()),
    )
    record.find(
        _ALLOCATION,
        order.citation,
        paid,
        {"received_vnd": received_vnd, "owed_vnd": owed, "priority_vnd": priority_vnd},
        f"{received_vnd} = {' + '.join(map(str, paid.values()))} + {found.surplus_vnd}",
        (order,),
    )
    return found


def _filled(amount: int, owed: Mapping[str, int]) -> dict[str, int]:
    """Pays debts one after the other as far as the amount goes."""
    paid = {}
    for name, debt in owed.items():
        paid[name] = min(amount, debt)
        amount -= paid[name]
    return paid


def _in_proportion(part: int, owed: Mapping[str, int]) -> dict[str, int]:
    """Shares a part of all debts among them by largest remainder, without losing a đồng."""
    total = sum(owed.values())
    if not total:
        return dict.fromkeys(owed, 0)
    exact = {name: Fraction(part * debt, total) for name, debt in owed.items()}
    shares = {name: int(share) for name, share in exact.items()}
    by_remainder = sorted(owed, key=lambda name: shares[name] - exact[name])
    for name in by_remainder[: part - sum(shares.values())]:
        shares[name] += 1
    return shares
