"""The running account of an employer: what it owes by fund and month, and how its money is allocated to that.

A receipt goes to the debts in the order that the law has on its day: the funds one after the other, inside a fund the
principal before the charge, the oldest month first. What is above all debts stays with the employer and waits for the
next dues. Money counts as paid from the day on which the bank booked it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from uuid import UUID

from sqlalchemy import Connection, text

from engine import bookkeeping
from engine.contributions.dues import FUND_LABELS, FUND_NAMES
from engine.contributions.employer import Employer
from engine.law.allocation import Debt, allocate
from engine.law.due_dates import days_late
from engine.law.employer_account import Kind
from engine.law.findings import Record
from engine.law.parameters import Parameters
from engine.law.rounding import charge_vnd
from ledger.accounts import AccountRequest, open_accounts
from ledger.entries import Line
from ledger.money import Dong

_SOCIAL_INSURANCE = "si"
"""In the law's order: the funds of social insurance that are allocated as one."""
_NAMES = {fund.value: name for fund, name in FUND_NAMES.items()}


@dataclass(slots=True)
class Debit:
    """What is owed to one fund for one declared month, in đồng, on a day."""

    declaration_id: UUID
    declaration_no: str
    period: date
    due_on: date
    fund: str
    principal_vnd: int
    """Dues less what was allocated to them."""
    charge_vnd: int
    """Late charge accrued up to the day, of what was paid late and of what is unpaid, less what was allocated to it."""
    uncharged_vnd: int
    """The part of that charge that is not in the books yet."""

    @property
    def total_vnd(self) -> int:
        return self.principal_vnd + self.charge_vnd


@dataclass(frozen=True, slots=True)
class Money:
    """What is left of a receipt."""

    receipt_id: UUID
    receipt_no: int
    booked_on: date
    left_vnd: int


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a receipt: to principal or charge of one fund and month."""

    debit: Debit
    kind: Kind
    amount_vnd: int


def debits_on(connection: Connection, employer_id: UUID, on: date, law: Parameters) -> list[Debit]:
    """Every month and fund of an employer that is declared, with what is owed on a day; the oldest month first."""
    late: dict[tuple[UUID, str], int] = defaultdict(int)
    for part in connection.execute(_LATE_PARTS, {"employer_id": employer_id}):
        late[part.declaration_id, part.fund] += part.amount_vnd * days_late(part.due_on, part.value_on, law)
    debits = []
    for row in connection.execute(_OWED, {"employer_id": employer_id}):
        unpaid = row.dues_vnd - row.principal_paid_vnd
        money_days = late[row.declaration_id, row.fund] + unpaid * days_late(row.due_on, on, law)
        accrued = _charge_of(money_days, on, law) if money_days else 0
        # A receipt that comes to our knowledge late may find more charged than its own day accounts for.
        accrued = max(accrued, row.charged_vnd)
        debits.append(
            Debit(
                declaration_id=row.declaration_id,
                declaration_no=row.declaration_no,
                period=row.period,
                due_on=row.due_on,
                fund=row.fund,
                principal_vnd=unpaid,
                charge_vnd=accrued - row.charge_paid_vnd,
                uncharged_vnd=accrued - row.charged_vnd,
            )
        )
    return debits


def _charge_of(money_days: int, on: date, law: Parameters) -> int:
    """The charge for đồng times days, rounded once for a fund and month, as `engine.law.employer_account` does."""
    rule = law.at("late_charge", on)
    return charge_vnd(money_days * Fraction(rule.value["percent_per_day"]) / 100)


def money_of(connection: Connection, employer_id: UUID) -> list[Money]:
    """The receipts of an employer that no dues have taken whole, in the order in which they came."""
    return [Money(*row) for row in connection.execute(_MONEY, {"employer_id": employer_id})]


def allocate_money(connection: Connection, employer: Employer, business_on: date, at: datetime, law: Parameters) -> int:
    """Allocates whatever money of an employer is left, as far as it owes anything; returns the đồng allocated."""
    allocated = 0
    for money in money_of(connection, employer.employer_id):
        debits = debits_on(connection, employer.employer_id, money.booked_on, law)
        parts = divide(money, debits, law)
        _charge(connection, employer, parts, money, business_on, at)
        _post(connection, employer, money, parts, business_on, at)
        allocated += sum(part.amount_vnd for part in parts)
    return allocated


def divide(money: Money, debits: Sequence[Debit], law: Parameters) -> list[Part]:
    """The parts of a receipt by the order of the law on its day."""
    order = law.value("allocation_order", money.booked_on)
    inside = {name: [_NAMES[fund] for fund in _funds(name, money.booked_on, law)] for name in order}
    of = {name: [debit for fund in funds for debit in debits if debit.fund == fund] for name, funds in inside.items()}
    debts = {
        name: Debt(sum(debit.principal_vnd for debit in found), sum(debit.charge_vnd for debit in found))
        for name, found in of.items()
    }
    found = allocate(money.left_vnd, debts, money.booked_on, law, Record())
    parts: list[Part] = []
    for name in order:
        principal = debts[name].principal_vnd - found.unpaid[name].principal_vnd
        parts += _oldest_first(principal, Kind.PRINCIPAL, of[name])
        charge = debts[name].interest_vnd - found.unpaid[name].interest_vnd
        parts += _oldest_first(charge, Kind.LATE_CHARGE, of[name])
    return parts


def _funds(name: str, on: date, law: Parameters) -> Sequence[str]:
    inside: Sequence[str] = law.value("social_insurance_funds", on)
    return inside if name == _SOCIAL_INSURANCE else (name,)


def _oldest_first(amount_vnd: int, kind: Kind, debits: Iterable[Debit]) -> Iterator[Part]:
    """Fills the debits of one place in the order; the sort keeps the order of the funds inside a month."""
    for debit in sorted(debits, key=lambda debit: debit.period):
        owed = debit.principal_vnd if kind is Kind.PRINCIPAL else debit.charge_vnd
        paid = min(amount_vnd, owed)
        if paid:
            amount_vnd -= paid
            yield Part(debit, kind, paid)


def _charge(
    connection: Connection,
    employer: Employer,
    parts: Sequence[Part],
    money: Money,
    business_on: date,
    at: datetime,
) -> None:
    """Puts the late charge of what this receipt pays into the books, as far as it is not there yet."""
    touched = {(part.debit.declaration_id, part.debit.fund): part.debit for part in parts}
    charged = [debit for debit in touched.values() if debit.uncharged_vnd]
    if not charged:
        return
    connection.execute(
        text("""
            INSERT INTO engine.late_charge (declaration_id, fund, charged_until, amount_vnd, recorded_at)
            VALUES (:declaration_id, :fund, :charged_until, :amount_vnd, :at)"""),
        [
            {
                "declaration_id": debit.declaration_id,
                "fund": debit.fund,
                "charged_until": money.booked_on,
                "amount_vnd": debit.uncharged_vnd,
                "at": at,
            }
            for debit in charged
        ],
    )
    open_accounts(
        connection,
        [AccountRequest("late_charge_income", debit.fund, label=FUND_LABELS[debit.fund]) for debit in charged],
    )
    bookkeeping.post_employer_event(
        connection,
        bookkeeping.LATE_CHARGED,
        [
            Line(
                debit=employer.charge_receivable,
                credit=f"late_charge_income.{debit.fund}",
                amount=Dong(debit.uncharged_vnd),
                fund=debit.fund,
                debit_reference=debit.declaration_no,
                credit_reference=debit.declaration_no,
            )
            for debit in charged
        ],
        key=f"late_charge:{money.receipt_no}:{money.left_vnd}",
        document=f"receipt {money.receipt_no}",
        business_on=business_on,
        at=at,
    )


def _post(
    connection: Connection,
    employer: Employer,
    money: Money,
    parts: Sequence[Part],
    business_on: date,
    at: datetime,
) -> None:
    if not parts:
        return
    connection.execute(
        text("""
            INSERT INTO engine.allocation (receipt_id, declaration_id, fund, kind, value_on, amount_vnd, recorded_at)
            VALUES (:receipt_id, :declaration_id, :fund, :kind, :value_on, :amount_vnd, :at)"""),
        [
            {
                "receipt_id": money.receipt_id,
                "declaration_id": part.debit.declaration_id,
                "fund": part.debit.fund,
                "kind": part.kind.value,
                "value_on": money.booked_on,
                "amount_vnd": part.amount_vnd,
                "at": at,
            }
            for part in parts
        ],
    )
    receivable: Mapping[Kind, str] = {
        Kind.PRINCIPAL: employer.receivable,
        Kind.LATE_CHARGE: employer.charge_receivable,
    }
    bookkeeping.post_employer_event(
        connection,
        bookkeeping.RECEIPT_ALLOCATED,
        [
            Line(
                debit=employer.unallocated,
                credit=receivable[part.kind],
                amount=Dong(part.amount_vnd),
                fund=part.debit.fund,
                debit_reference=f"receipt {money.receipt_no}",
                credit_reference=part.debit.declaration_no,
            )
            for part in parts
        ],
        # What is left of a receipt only ever falls, so it names this step of its allocation.
        key=f"allocation:{money.receipt_no}:{money.left_vnd}",
        document=f"receipt {money.receipt_no}",
        business_on=business_on,
        at=at,
    )


_OWED = text("""
    SELECT c.declaration_id, c.declaration_no, c.period, c.due_on, d.fund,
           d.employee_vnd + d.employer_vnd AS dues_vnd,
           coalesce(a.principal_vnd, 0)::bigint AS principal_paid_vnd,
           coalesce(a.charge_vnd, 0)::bigint AS charge_paid_vnd, coalesce(l.charged_vnd, 0)::bigint AS charged_vnd
    FROM engine.declaration c JOIN engine.dues d USING (declaration_id)
    LEFT JOIN LATERAL (
        SELECT sum(amount_vnd) FILTER (WHERE kind = 'principal') AS principal_vnd,
               sum(amount_vnd) FILTER (WHERE kind = 'late_charge') AS charge_vnd
        FROM engine.allocation WHERE declaration_id = d.declaration_id AND fund = d.fund) a ON true
    LEFT JOIN LATERAL (
        SELECT sum(amount_vnd) AS charged_vnd FROM engine.late_charge
        WHERE declaration_id = d.declaration_id AND fund = d.fund) l ON true
    WHERE c.employer_id = :employer_id
    ORDER BY c.period, c.number, d.fund
""")

_LATE_PARTS = text("""
    SELECT a.declaration_id, a.fund, c.due_on, a.value_on, a.amount_vnd
    FROM engine.declaration c JOIN engine.allocation a USING (declaration_id)
    WHERE c.employer_id = :employer_id AND a.kind = 'principal' AND a.value_on > c.due_on
""")

_MONEY = text("""
    SELECT receipt_id, receipt_no, booked_on, (amount_vnd - allocated_vnd)::bigint
    FROM (SELECT r.*, coalesce((SELECT sum(a.amount_vnd) FROM engine.allocation a
                                WHERE a.receipt_id = r.receipt_id), 0) AS allocated_vnd
          FROM engine.receipt r WHERE r.employer_id = :employer_id) r
    WHERE amount_vnd > allocated_vnd ORDER BY booked_on, receipt_no
""")
