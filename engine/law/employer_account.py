"""An employer's account over time: dues, receipts, their allocation, and the charge for what is paid late."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from fractions import Fraction

from engine.law.calendar import Month
from engine.law.contributions import Fund
from engine.law.due_dates import days_late, due_date
from engine.law.findings import Finding, Record, Step, number_text
from engine.law.late_interest import months_of_interest
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
    """An employer's account at the end of a day. `outstanding_vnd` holds contributions and charges still owed.

    `late_interest_vnd` is the monthly interest up to June 2025; it is owed and paid with the daily charge.
    """

    late_charge_vnd: int
    late_interest_vnd: int
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
    interest_of_paid: Fraction = Fraction(0)
    charge_paid_vnd: int = 0

    def interest_vnd(self, on: date, law: Parameters) -> int:
        """Interest of the old law to a day: of what was paid late, and of what is unpaid still."""
        return charge_vnd(self.interest_of_paid + self._interest(self.unpaid_vnd, on, law))

    def _interest(self, amount_vnd: int, on: date, law: Parameters) -> Fraction:
        months = months_of_interest(self.fund, self.due_on, on, law)
        return sum((month.interest(amount_vnd) for month in months), Fraction(0))

    def pay(self, amount_vnd: int, on: date, law: Parameters) -> None:
        """Takes principal that is paid; what it bore until then stays."""
        self.money_days += amount_vnd * days_late(self.due_on, on, law)
        self.interest_of_paid += self._interest(amount_vnd, on, law)
        self.unpaid_vnd -= amount_vnd

    def charge_vnd(self, on: date, law: Parameters) -> int:
        """Daily charge accrued to a day: of what was paid late, and of what is unpaid still."""
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


_ITEM_INTEREST = Step(
    "late_interest",
    "lãi chậm đóng đến 30/6/2025 của quỹ và tháng = tổng (số nợ đầu mỗi tháng × k); tháng chưa rõ k thì chưa tính",
    "interest of a fund and month up to 30 June 2025 = sum of (debt on the first of each month x k); a month whose k "
    "is not known is not charged",
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
    interest_vnd = sum(item.interest_vnd(until, law) for item in items)
    owed_charges = sum(charges.values()) + interest_vnd - sum(item.charge_paid_vnd for item in items)
    found = EmployerAccount(
        late_charge_vnd=sum(charges.values()),
        late_interest_vnd=interest_vnd,
        outstanding_vnd=sum(item.unpaid_vnd for item in items) + owed_charges,
        unallocated_vnd=surplus,
        allocations=allocations,
        record=record,
    )
    _find_interest(items, until, law, record)
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
                item.pay(paid, on, law)
                amount -= paid
                allocations.append(Allocated(on, item.fund, item.month, Kind.PRINCIPAL, paid))
        for item in of_place:
            paid = min(amount, item.charge_vnd(on, law) + item.interest_vnd(on, law) - item.charge_paid_vnd)
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


def _find_interest(items: Sequence[_Item], until: date, law: Parameters, record: Record) -> None:
    for item in items:
        months = months_of_interest(item.fund, item.due_on, until, law)
        interest_vnd = item.interest_vnd(until, law)
        if not months or not (interest_vnd or item.unpaid_vnd):
            continue
        first_after = law.at("late_interest_months", item.due_on)
        rates = {month.rate.starts_on: month.rate for month in months if month.rate is not None}
        unknown = [month.on for month in months if month.rate is None]
        percents = " + ".join("?" if month.percent is None else f"{month.percent} %" for month in months)
        record.find(
            _ITEM_INTEREST,
            first_after.citation,
            interest_vnd,
            {"fund": item.fund, "month": item.month, "unpaid_vnd": item.unpaid_vnd, "k_unknown_on": unknown},
            f"{number_text(item.interest_of_paid)} + {item.unpaid_vnd} × ({percents}) = {interest_vnd}",
            (first_after, *rates.values()),
            HALF_UP,
        )


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
