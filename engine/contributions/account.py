"""The running account of an employer: what it owes by fund and month, and how its money is allocated to that.

A receipt goes to the debts in the order that the law has on its day: first all that is owed for workers who have left
or claim a benefit, so that their time can be confirmed; then the funds one after the other, inside a fund the principal
before the charge, the oldest month first. What is above all debts stays with the employer and waits for the next dues.
Money counts as paid from the day on which the bank booked it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from uuid import UUID

from sqlalchemy import Connection, text

from engine import bookkeeping
from engine.clock import business_date
from engine.contributions.dues import FUND_LABELS, FUND_NAMES, FUNDS_BY_NAME
from engine.contributions.employer import Employer
from engine.law.allocation import Debt, allocate
from engine.law.due_dates import days_late
from engine.law.employer_account import Kind
from engine.law.findings import Record
from engine.law.late_interest import months_of_interest
from engine.law.parameters import Parameters
from engine.law.rounding import charge_vnd
from ledger import book
from ledger.accounts import AccountRequest, open_accounts
from ledger.entries import Line
from ledger.money import Dong

_AT_A_TIME = 1_000
"""How many employers are allocated to at once: enough for few journeys, few enough for little memory."""
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
    """Late charge accrued up to the day, of what was paid late and of what is unpaid, less what was allocated to it.

    With it, of what was due before July 2025, the monthly interest of the old law.
    """
    uncharged_vnd: int
    """The part of that charge that is not in the books yet."""
    priority_principal_vnd: int = 0
    """Of the principal, what is owed for workers who have left or claim a benefit."""
    priority_charge_vnd: int = 0
    """Of the charge, what that principal bears."""

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
    """Neither allocated nor on its way back to the employer."""
    allocated_vnd: int


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a receipt: to principal or charge of one fund and month; `priority` for who has left or claims."""

    debit: Debit
    kind: Kind
    amount_vnd: int
    priority: bool = False


@dataclass(frozen=True, slots=True)
class FirstServed:
    """Workers who have left or claim a benefit, and what is owed for them by month and fund, in đồng."""

    people: frozenset[UUID]
    owed: Mapping[tuple[date, str], int]


@dataclass(frozen=True, slots=True)
class Share:
    """A receipt of an employer in parts, and the day of its entries in the books."""

    employer: Employer
    money: Money
    business_on: date
    parts: Sequence[Part]


def debits_on(connection: Connection, employer_id: UUID, on: date, law: Parameters) -> list[Debit]:
    """Every month and fund of an employer that is declared, with what is owed on a day; the oldest month first."""
    return debits_of(connection, [employer_id], on, law).get(employer_id, [])


def debits_of(
    connection: Connection, employers: Sequence[UUID], on: date, law: Parameters
) -> Mapping[UUID, list[Debit]]:
    """The same of many employers at once, in two queries; who has declared nothing is not among them."""
    known = {"employers": list(employers)}
    late: dict[tuple[UUID, str], int] = defaultdict(int)
    interest: dict[tuple[UUID, str], Fraction | int] = defaultdict(int)
    for part in connection.execute(_LATE_PARTS, known):
        late[part.declaration_id, part.fund] += part.amount_vnd * days_late(part.due_on, part.value_on, law)
        interest[part.declaration_id, part.fund] += _interest(
            part.amount_vnd, part.fund, part.due_on, part.value_on, law
        )
    debits: dict[UUID, list[Debit]] = defaultdict(list)
    for row in connection.execute(_OWED, known):
        unpaid = row.dues_vnd - row.principal_paid_vnd
        money_days = late[row.declaration_id, row.fund] + unpaid * days_late(row.due_on, on, law)
        of_months = interest[row.declaration_id, row.fund] + _interest(unpaid, row.fund, row.due_on, on, law)
        accrued = charge_vnd(of_months) + (_charge_of(money_days, on, law) if money_days else 0)
        # A receipt that comes to our knowledge late may find more charged than its own day accounts for.
        accrued = max(accrued, row.charged_vnd)
        debits[row.employer_id].append(
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


def _interest(amount_vnd: int, fund: str, due_on: date, paid_on: date, law: Parameters) -> Fraction | int:
    """Interest of the old law on an amount, exact; rounded once for a fund and month."""
    months = months_of_interest(FUNDS_BY_NAME[fund], due_on, paid_on, law)
    return sum(month.interest(amount_vnd) for month in months)


def money_of(connection: Connection, employer_id: UUID) -> list[Money]:
    """The receipts of an employer that no dues have taken whole, in the order in which they came."""
    return moneys_of(connection, [employer_id]).get(employer_id, [])


def moneys_of(connection: Connection, employers: Sequence[UUID]) -> dict[UUID, list[Money]]:
    """The same of many employers at once; who has none is not among them."""
    found: dict[UUID, list[Money]] = defaultdict(list)
    for employer_id, *money in connection.execute(_MONEY, {"employers": list(employers)}):
        found[employer_id].append(Money(*money))
    return dict(found)


def allocate_money(
    connection: Connection, payers: Sequence[tuple[Employer, date]], at: datetime, law: Parameters
) -> int:
    """Allocates whatever money of these employers is left, as far as they owe anything; returns the đồng allocated.

    Each is given with the day of its entries. Of one employer a receipt is allocated after the one before it, of many
    the first ones together, then the second ones: a statement of a hundred thousand receipts takes few journeys.
    """
    allocated = 0
    for start in range(0, len(payers), _AT_A_TIME):
        some = payers[start : start + _AT_A_TIME]
        known = {employer.employer_id: (employer, business_on) for employer, business_on in some}
        left = moneys_of(connection, list(known))
        while left:
            first = {employer_id: moneys.pop(0) for employer_id, moneys in left.items()}
            left = {employer_id: moneys for employer_id, moneys in left.items() if moneys}
            shares = list(_shares(connection, known, first, law))
            _charge(connection, shares, at)
            _post(connection, shares, at)
            allocated += sum(part.amount_vnd for share in shares for part in share.parts)
    return allocated


def _shares(
    connection: Connection,
    known: Mapping[UUID, tuple[Employer, date]],
    moneys: Mapping[UUID, Money],
    law: Parameters,
) -> Iterator[Share]:
    """One receipt of each employer, divided among what it owes on the day of the receipt."""
    by_day: dict[date, list[UUID]] = defaultdict(list)
    for employer_id, money in moneys.items():
        by_day[money.booked_on].append(employer_id)
    for booked_on, employers in sorted(by_day.items()):
        debits = debits_of(connection, employers, booked_on, law)
        short = [one for one, owed in debits.items() if sum(debit.total_vnd for debit in owed) > moneys[one].left_vnd]
        for employer_id, served in first_served_of(connection, short, booked_on).items():
            _mark_priority(served, debits[employer_id], booked_on, law)
        for employer_id, owed in debits.items():
            (employer, business_on), money = known[employer_id], moneys[employer_id]
            parts = divide(money, owed, law)
            if parts:
                yield Share(employer, money, business_on, parts)


def allocate_to(
    connection: Connection, employer: Employer, money: Money, period: date, fund: str, at: datetime, law: Parameters
) -> None:
    """Allocates money to the principal of one fund and month, as far as that is unpaid."""
    debits = debits_on(connection, employer.employer_id, money.booked_on, law)
    own = [debit for debit in debits if (debit.period, debit.fund) == (period, fund)]
    owed = [_Owed(one, one.principal_vnd, 0) for one in own]
    parts = list(_fill(money.left_vnd, Kind.PRINCIPAL, owed, priority=False))
    if parts:
        _post(connection, [Share(employer, money, business_date(at), parts)], at)


def _mark_priority(served: FirstServed, debits: Sequence[Debit], on: date, law: Parameters) -> None:
    """Tells in the debits what is owed for workers who have left or claim a benefit, and was not paid as such yet."""
    owed = dict(served.owed)
    for debit in debits:
        marked = min(debit.principal_vnd, owed.get((debit.period, debit.fund), 0))
        if marked <= 0:
            continue
        owed[debit.period, debit.fund] -= marked
        debit.priority_principal_vnd = marked
        money_days = marked * days_late(debit.due_on, on, law)
        daily_vnd = _charge_of(money_days, on, law) if money_days else 0
        interest_vnd = charge_vnd(_interest(marked, debit.fund, debit.due_on, on, law))
        debit.priority_charge_vnd = min(debit.charge_vnd, daily_vnd + interest_vnd)


def first_served(connection: Connection, employer: Employer, on: date) -> FirstServed:
    """Whom a receipt serves first: declared before and not for the last declared month, or with a claim by the day."""
    found = first_served_of(connection, [employer.employer_id], on)
    return found.get(employer.employer_id, FirstServed(frozenset(), {}))


def first_served_of(connection: Connection, employers: Sequence[UUID], on: date) -> Mapping[UUID, FirstServed]:
    """The same of many employers; who has no such worker is not among them."""
    people: dict[UUID, set[UUID]] = defaultdict(set)
    for employer_id, person_id in connection.execute(_FIRST_SERVED, {"employers": list(employers), "on": on}):
        people[employer_id].add(person_id)
    served = {}
    for employer_id, those in people.items():
        rows = connection.execute(_PRIORITY, {"employer_id": employer_id, "people": list(those)})
        served[employer_id] = FirstServed(frozenset(those), {(row.period, row.fund): row.owed_vnd for row in rows})
    return served


def divide(money: Money, debits: Sequence[Debit], law: Parameters) -> list[Part]:
    """The parts of a receipt by the order of the law on its day: who has left or claims first, then all."""
    first = _divide(money.left_vnd, money.booked_on, [_Owed.first(debit) for debit in debits], law, priority=True)
    paid: dict[tuple[int, Kind], int] = {(id(part.debit), part.kind): part.amount_vnd for part in first}
    rest = [
        _Owed(
            debit,
            debit.principal_vnd - paid.get((id(debit), Kind.PRINCIPAL), 0),
            debit.charge_vnd - paid.get((id(debit), Kind.LATE_CHARGE), 0),
        )
        for debit in debits
    ]
    left_vnd = money.left_vnd - sum(paid.values())
    return [*first, *_divide(left_vnd, money.booked_on, rest, law, priority=False)]


@dataclass(frozen=True, slots=True)
class _Owed:
    """What one pass of the division may pay of a debit."""

    debit: Debit
    principal_vnd: int
    charge_vnd: int

    @classmethod
    def first(cls, debit: Debit) -> "_Owed":
        return cls(debit, debit.priority_principal_vnd, debit.priority_charge_vnd)

    def of(self, kind: Kind) -> int:
        return self.principal_vnd if kind is Kind.PRINCIPAL else self.charge_vnd


def _divide(amount_vnd: int, on: date, owed: Sequence[_Owed], law: Parameters, *, priority: bool) -> list[Part]:
    if not amount_vnd or not any(one.principal_vnd or one.charge_vnd for one in owed):
        return []
    order = law.value("allocation_order", on)
    inside = {name: [_NAMES[fund] for fund in _funds(name, on, law)] for name in order}
    of = {name: [one for fund in funds for one in owed if one.debit.fund == fund] for name, funds in inside.items()}
    debts = {
        name: Debt(sum(one.principal_vnd for one in found), sum(one.charge_vnd for one in found))
        for name, found in of.items()
    }
    found = allocate(amount_vnd, debts, on, law, Record())
    parts: list[Part] = []
    for name in order:
        principal = debts[name].principal_vnd - found.unpaid[name].principal_vnd
        parts += _fill(principal, Kind.PRINCIPAL, of[name], priority=priority)
        charge = debts[name].interest_vnd - found.unpaid[name].interest_vnd
        parts += _fill(charge, Kind.LATE_CHARGE, of[name], priority=priority)
    return parts


def _funds(name: str, on: date, law: Parameters) -> Sequence[str]:
    inside: Sequence[str] = law.value("social_insurance_funds", on)
    return inside if name == _SOCIAL_INSURANCE else (name,)


def _fill(amount_vnd: int, kind: Kind, owed: Iterable[_Owed], *, priority: bool) -> Iterator[Part]:
    """Fills the debits of one place, the oldest month first; the sort keeps the order of the funds inside a month."""
    for one in sorted(owed, key=lambda one: one.debit.period):
        paid = min(amount_vnd, one.of(kind))
        if paid:
            amount_vnd -= paid
            yield Part(one.debit, kind, paid, priority)


def _charge(connection: Connection, shares: Sequence[Share], at: datetime) -> None:
    """Puts the late charge of what these receipts pay into the books, as far as it is not there yet."""
    charged = []
    for share in shares:
        touched = {(part.debit.declaration_id, part.debit.fund): part.debit for part in share.parts}
        debits = [debit for debit in touched.values() if debit.uncharged_vnd]
        if debits:
            charged.append((share, debits))
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
                "charged_until": share.money.booked_on,
                "amount_vnd": debit.uncharged_vnd,
                "at": at,
            }
            for share, debits in charged
            for debit in debits
        ],
    )
    funds = sorted({debit.fund for _, debits in charged for debit in debits})
    open_accounts(connection, [AccountRequest("late_charge_income", fund, label=FUND_LABELS[fund]) for fund in funds])
    entries = [
        bookkeeping.employer_entry(
            bookkeeping.LATE_CHARGED,
            [
                Line(
                    debit=share.employer.charge_receivable,
                    credit=f"late_charge_income.{debit.fund}",
                    amount=Dong(debit.uncharged_vnd),
                    fund=debit.fund,
                    debit_reference=debit.declaration_no,
                    credit_reference=debit.declaration_no,
                )
                for debit in debits
            ],
            key=f"charged_by:{share.money.receipt_no}:{share.money.allocated_vnd}",
            document=f"receipt {share.money.receipt_no}",
            business_on=share.business_on,
        )
        for share, debits in charged
    ]
    book.post_entries(connection, entries, at)


def _post(connection: Connection, shares: Sequence[Share], at: datetime) -> None:
    """Nợ khoản thu chờ phân bổ / Có phải thu của đơn vị: an entry for each receipt, a line for each part."""
    if not shares:
        return
    connection.execute(
        text("""
            INSERT INTO engine.allocation
                (receipt_id, declaration_id, fund, kind, priority, value_on, amount_vnd, recorded_at)
            VALUES (:receipt_id, :declaration_id, :fund, :kind, :priority, :value_on, :amount_vnd, :at)"""),
        [
            {
                "receipt_id": share.money.receipt_id,
                "declaration_id": part.debit.declaration_id,
                "fund": part.debit.fund,
                "kind": part.kind.value,
                "priority": part.priority,
                "value_on": share.money.booked_on,
                "amount_vnd": part.amount_vnd,
                "at": at,
            }
            for share in shares
            for part in share.parts
        ],
    )
    entries = [
        bookkeeping.employer_entry(
            bookkeeping.RECEIPT_ALLOCATED,
            [
                Line(
                    debit=share.employer.unallocated,
                    credit=_receivable(share.employer, part.kind),
                    amount=Dong(part.amount_vnd),
                    fund=part.debit.fund,
                    debit_reference=f"receipt {share.money.receipt_no}",
                    credit_reference=part.debit.declaration_no,
                )
                for part in share.parts
            ],
            # What is allocated of a receipt only ever grows, so it names this step.
            key=f"allocated:{share.money.receipt_no}:{share.money.allocated_vnd}",
            document=f"receipt {share.money.receipt_no}",
            business_on=share.business_on,
        )
        for share in shares
    ]
    book.post_entries(connection, entries, at)


def _receivable(employer: Employer, kind: Kind) -> str:
    return employer.receivable if kind is Kind.PRINCIPAL else employer.charge_receivable


_OWED = text("""
    SELECT c.employer_id, c.declaration_id, c.declaration_no, c.period, c.due_on, d.fund,
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
    WHERE c.employer_id = ANY (:employers)
    ORDER BY c.period, c.number, d.fund
""")

# Who has left: declared before, and not for the last month that the employer has declared.
_FIRST_SERVED = text("""
    WITH last AS (
        SELECT employer_id, max(period) AS period FROM engine.declaration
        WHERE employer_id = ANY (:employers) GROUP BY employer_id
    )
    SELECT DISTINCT m.employer_id, m.person_id FROM engine.employment m JOIN last USING (employer_id)
    WHERE upper_inf(m.recorded_during) AND (
        NOT EXISTS (
            SELECT FROM engine.employment n
            WHERE n.employer_id = m.employer_id AND n.person_id = m.person_id AND upper_inf(n.recorded_during)
                AND n.months @> last.period)
        OR EXISTS (
            SELECT FROM engine.claim k WHERE k.insured_person_id = m.person_id AND k.received_on <= :on))
""")

_PRIORITY = text("""
    WITH owed AS (
        SELECT DISTINCT ON (c.period, d.person_id) c.period, d.shares
        FROM engine.declaration c JOIN engine.person_dues d USING (declaration_id)
        WHERE c.employer_id = :employer_id AND d.person_id = ANY (:people)
        ORDER BY c.period, d.person_id, c.number DESC
    ), paid AS (
        SELECT c.period, a.fund, sum(a.amount_vnd) AS paid_vnd
        FROM engine.declaration c JOIN engine.allocation a USING (declaration_id)
        WHERE c.employer_id = :employer_id AND a.priority AND a.kind = 'principal' GROUP BY 1, 2
    )
    SELECT o.period, s.key AS fund,
        (sum((s.value ->> 'employee_vnd')::bigint + (s.value ->> 'employer_vnd')::bigint)
            - coalesce(min(p.paid_vnd), 0))::bigint AS owed_vnd
    FROM owed o CROSS JOIN LATERAL jsonb_each(o.shares) s
    LEFT JOIN paid p ON p.period = o.period AND p.fund = s.key
    GROUP BY 1, 2
""")

_LATE_PARTS = text("""
    SELECT a.declaration_id, a.fund, c.due_on, a.value_on, a.amount_vnd
    FROM engine.declaration c JOIN engine.allocation a USING (declaration_id)
    WHERE c.employer_id = ANY (:employers) AND a.kind = 'principal' AND a.value_on > c.due_on
""")

_MONEY = text("""
    SELECT employer_id, receipt_id, receipt_no, booked_on, (amount_vnd - allocated_vnd - refunded_vnd)::bigint,
        allocated_vnd::bigint
    FROM (SELECT r.*, coalesce((SELECT sum(a.amount_vnd) FROM engine.allocation a
                                WHERE a.receipt_id = r.receipt_id), 0) AS allocated_vnd,
                coalesce((SELECT sum(f.amount_vnd) FROM engine.refund_part f
                          WHERE f.receipt_id = r.receipt_id AND engine.refund_stands(f.refund_id)), 0) AS refunded_vnd
          FROM engine.receipt r WHERE r.employer_id = ANY (:employers)) r
    WHERE amount_vnd > allocated_vnd + refunded_vnd ORDER BY booked_on, receipt_no
""")
