"""An employer's account over time: dues, receipts, their allocation, and the charge for what is paid late."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from fractions import Fraction

from engine.law.calendar import Month
from engine.law.contributions import Fund
from engine.law.due_dates import days_late, due_date
from engine.law.findings import Finding, Record, Step
from engine.law.parameters import Parameters
from engine.law.rounding import HALF_UP, charge_vnd


class Kind(StrEnum):
    PRINCIPAL = "principal"
    LATE_CHARGE = "late_charge"


@dataclass(frozen=True, slots=True)
class Dues:
    """An employer's contributions of a month, by fund, in đồng."""

    month: Month
    funds: Mapping[Fund, int]


@dataclass(frozen=True, slots=True)
class Receipt:
    """Money received from the employer on a day."""

    on: date
    amount_vnd: int


@dataclass(frozen=True, slots=True)
class Allocated:
    """One step of the allocation: to principal or charge of one fund and month."""

    on: date
    fund: Fund
    month: Month
    kind: Kind
    amount_vnd: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EmployerAccount:
    """An employer's account at the end of a day. `outstanding_vnd` holds contributions and charges still owed."""

    late_charge_vnd: int
    outstanding_vnd: int
    unallocated_vnd: int
    allocations: Sequence[Allocated]
    record: Record = field(repr=False)

    @property
    def findings(self) -> Sequence[Finding]:
        return self.record.findings

    @property
    def unconfirmed(self) -> tuple[str, ...]:
        return self.record.unconfirmed()


@dataclass(slots=True)
class _Item:
    """What is owed to one fund for one month, while receipts come in."""

    fund: Fund
    month: Month
    due_on: date
    unpaid_vnd: int
    money_days: int = 0
    charge_paid_vnd: int = 0

    def charge_vnd(self, on: date, law: Parameters) -> int:
        """Charge accrued to a day: of what was paid late, and of what is unpaid still."""
        days = self.money_days + self.unpaid_vnd * days_late(self.due_on, on, law)
        if not days:
            return 0
        percent = law.at("late_charge", on).value["percent_per_day"]
        return charge_vnd(days * Fraction(percent) / 100)


_ACCOUNT = Step(
    "employer_account",
    "số phải đóng phát sinh từ ngày đầu tháng; tiền thu phân bổ theo thứ tự quỹ, trong quỹ trả gốc từ tháng cũ nhất "
    "rồi tiền chậm đóng; trong bảo hiểm xã hội trả hết gốc của các quỹ thành phần rồi mới đến tiền chậm đóng; "
    "phần thừa chờ số phải đóng của tháng sau",
    "dues open on the first day of their month; receipts go by the order of funds, inside a fund to principal from the "
    "oldest month and then to charges; inside social insurance all principal of its component funds comes before any "
    "charge; a surplus waits for the dues of the next month",
)
_ITEM_CHARGE = Step(
    "late_charge",
    "tiền chậm đóng của quỹ và tháng = tổng (số tiền × số ngày) × 0,03%",
    "late charge of a fund and month = sum of (amount x days) x 0.03%",
)


def employer_account(
    dues: Sequence[Dues], receipts: Sequence[Receipt], until: date, law: Parameters
) -> EmployerAccount:
    """Runs receipts against dues in order of time, up to the end of a day.

    A receipt is allocated as far as dues are open; the rest waits and is allocated when the next dues open.
    """
    record = Record()
    items: list[_Item] = []
    allocations: list[Allocated] = []
    surplus = 0
    opening: list[tuple[date, Dues | Receipt]] = [(due.month.first_day, due) for due in dues]
    coming: list[tuple[date, Dues | Receipt]] = [(receipt.on, receipt) for receipt in receipts]
    for on, event in sorted(opening + coming, key=lambda entry: entry[0]):
        if on > until:
            break
        if isinstance(event, Dues):
            due_on = due_date(event.month, 1, law, record)
            items += [_Item(fund, event.month, due_on, amount) for fund, amount in event.funds.items()]
        else:
            surplus += event.amount_vnd
        surplus = _allocate_on(on, surplus, items, allocations, law)
    charges = {id(item): item.charge_vnd(until, law) for item in items}
    owed_charges = sum(charges[id(item)] - item.charge_paid_vnd for item in items)
    found = EmployerAccount(
        late_charge_vnd=sum(charges.values()),
        outstanding_vnd=sum(item.unpaid_vnd for item in items) + owed_charges,
        unallocated_vnd=surplus,
        allocations=allocations,
        record=record,
    )
    _find_charges(items, charges, until, law, record)
    order = law.at("allocation_order", until)
    record.find(
        _ACCOUNT,
        order.citation,
        found.outstanding_vnd,
        {"months": len(dues), "receipts": len(receipts), "until": until},
        f"{sum(item.unpaid_vnd for item in items)} + {owed_charges} = {found.outstanding_vnd}; "
        f"thừa / surplus {surplus}",
        (order, law.at("social_insurance_funds", until)),
    )
    return found


def _allocate_on(on: date, amount: int, items: Sequence[_Item], allocations: list[Allocated], law: Parameters) -> int:
    """Allocates on a day as far as it goes; returns what is left.

    Decision 595 Article 43 treats social insurance as one place in the order: in its example 17 the shortfall is
    23,150,000 of principal and the whole charge of 2,600,000, so no charge of one component fund is paid while
    principal of the other is open.
    """
    for funds in _places_in_order(on, law):
        of_place = sorted((item for item in items if item.fund in funds), key=lambda one: _rank(one, funds))
        for item in of_place:
            paid = min(amount, item.unpaid_vnd)
            if paid:
                item.money_days += paid * days_late(item.due_on, on, law)
                item.unpaid_vnd -= paid
                amount -= paid
                allocations.append(Allocated(on, item.fund, item.month, Kind.PRINCIPAL, paid))
        for item in of_place:
            paid = min(amount, item.charge_vnd(on, law) - item.charge_paid_vnd)
            if paid > 0:
                item.charge_paid_vnd += paid
                amount -= paid
                allocations.append(Allocated(on, item.fund, item.month, Kind.LATE_CHARGE, paid))
    return amount


def _rank(item: _Item, funds: Sequence[Fund]) -> tuple[Month, int]:
    return item.month, funds.index(item.fund)


def _places_in_order(on: date, law: Parameters) -> Sequence[Sequence[Fund]]:
    """The places of the order with their component funds."""
    inside = law.value("social_insurance_funds", on)
    return [
        [Fund(fund) for fund in inside] if name == "si" else [Fund(name)] for name in law.value("allocation_order", on)
    ]


def _find_charges(
    items: Sequence[_Item], charges: Mapping[int, int], until: date, law: Parameters, record: Record
) -> None:
    for item in items:
        charge = charges[id(item)]
        if charge:
            rule = law.at("late_charge", until)
            record.find(
                _ITEM_CHARGE,
                rule.citation,
                charge,
                {"fund": item.fund, "month": item.month, "due_date": item.due_on, "unpaid_vnd": item.unpaid_vnd},
                f"({item.money_days} + {item.unpaid_vnd} × {days_late(item.due_on, until, law)}) × "
                f"{rule.value['percent_per_day']} % = {charge}",
                (rule.narrowed("percent_per_day", "payment_day"),),
                HALF_UP,
            )
