"""Recording a declared month: the first time whole, later as a correction with what it adds or takes away by fund.

A correction is another declaration of the same month, numbered on. What it adds is collected afterwards (truy thu):
dues of its own, late from the day on which the month was due, unless a wage was raised backwards by a decision, which
leaves until the end of the month after it (Decree 158/2025, Article 8). What it takes away was never owed: it is the
employer's money, first for what is unpaid of the same fund and month, then by the order of the law, else a surplus.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb
from psycopg.types.range import Range
from sqlalchemy import Connection, table, text

from engine import bookkeeping
from engine.clock import business_date
from engine.contributions.account import Money, allocate_to
from engine.contributions.declaration_form import DeclaredWorker
from engine.contributions.dues import FUND_LABELS, FUND_NAMES, AssessedMonth, AssessedWorker, compact_json
from engine.contributions.employer import Employer
from engine.errors import NotFound
from engine.law.calendar import Month
from engine.law.contributions import Share
from engine.law.due_dates import due_date
from engine.law.findings import Record
from engine.law.parameters import Parameters, law_version
from engine.people.bulk import copy_rows, new_ids
from ledger.accounts import AccountRequest, open_accounts
from ledger.entries import Line
from ledger.money import Dong


@dataclass(frozen=True, slots=True)
class Accepted:
    """What is accepted: whose month, from which file, when; `decided_on` of a wage raised backwards."""

    employer: Employer
    period: date
    sha256: bytes
    at: datetime
    decided_on: date | None = None


@dataclass(frozen=True, slots=True)
class Earlier:
    """The declaration of a month that stands so far."""

    declaration_no: str
    number: int
    content_hash: bytes


@dataclass(frozen=True, slots=True)
class RecordedMonth:
    """What recording a month did, in đồng by fund: above zero what is due more, below zero what is due less."""

    declaration_id: UUID
    declaration_no: str
    period: date
    due_on: date
    changes: Mapping[str, Share]

    @property
    def added_vnd(self) -> int:
        return sum(change.total_vnd for change in self.changes.values() if change.total_vnd > 0)

    @property
    def net_vnd(self) -> int:
        return sum(change.total_vnd for change in self.changes.values())


_Staff = Sequence[tuple[UUID, DeclaredWorker]]


def earlier_of(connection: Connection, employer: Employer, period: date) -> Earlier | None:
    row = connection.execute(
        text("""
            SELECT declaration_no, number, content_hash FROM engine.declaration
            WHERE employer_id = :id AND period = :period ORDER BY number DESC LIMIT 1"""),
        {"id": employer.employer_id, "period": period},
    ).one_or_none()
    return None if row is None else Earlier(**row._asdict())


def staff_of(connection: Connection, employer: Employer, period: date) -> list[tuple[UUID, DeclaredWorker]]:
    """Whom an employer has declared for a month, as it is known now; their numbers stay sealed."""
    rows = connection.execute(
        text("""
            SELECT p.person_id, p.name, p.birth_date, m.position, m.wage_vnd, m.unpaid
            FROM engine.employment m JOIN engine.person p USING (person_id)
            WHERE m.employer_id = :id AND m.months @> CAST(:period AS date) AND upper_inf(m.recorded_during)
            ORDER BY p.person_id"""),
        {"id": employer.employer_id, "period": period},
    )
    return [
        (row.person_id, DeclaredWorker("", row.name, row.birth_date, row.position, row.wage_vnd, row.unpaid, False))
        for row in rows
    ]


def content_hash(employer: Employer, period: date, staff: _Staff) -> bytes:
    """Of what is declared, whatever the file looks like and in whatever order the rows stand."""
    told: list[Any] = sorted(
        [str(person_id), worker.wage_vnd, worker.position, worker.unpaid] for person_id, worker in staff
    )
    content = [employer.unit_code, period.isoformat(), told]
    return hashlib.sha256(compact_json(content).encode()).digest()


def record_month(
    connection: Connection,
    accepted: Accepted,
    staff: _Staff,
    assessed: AssessedMonth,
    earlier: Earlier | None,
    changes: Mapping[str, Share],
    law: Parameters,
) -> RecordedMonth:
    """Writes a month down with its dues, or with what a correction changes in them, and posts it."""
    month = RecordedMonth(
        declaration_id=new_ids(connection, 1)[0],
        declaration_no=declaration_no(accepted.employer, accepted.period, earlier),
        period=accepted.period,
        due_on=_due_on(accepted, assessed, earlier, law),
        changes=changes,
    )
    _write(connection, accepted, month, _number(earlier), staff, assessed)
    _write_people(connection, accepted, month, staff, assessed, corrects=earlier is not None)
    _post_increase(connection, accepted, month)
    _post_decrease(connection, accepted, month, law)
    return month


def declaration_no(employer: Employer, period: date, earlier: Earlier | None) -> str:
    """The number under which a month is accepted: employer, month, and the how-manieth declaration of it."""
    return f"{employer.unit_code}/{period:%Y-%m}/{_number(earlier)}"


def _number(earlier: Earlier | None) -> int:
    return earlier.number + 1 if earlier else 1


def _due_on(accepted: Accepted, assessed: AssessedMonth, earlier: Earlier | None, law: Parameters) -> date:
    if earlier is None or accepted.decided_on is None:
        return assessed.due_on
    return max(assessed.due_on, due_date(Month.containing(accepted.decided_on), 1, law, Record()))


def changes_of(connection: Connection, employer: Employer, period: date, assessed: AssessedMonth) -> dict[str, Share]:
    """What the month's dues now are by fund, less what was declared for it so far."""
    declared = {
        row.fund: Share(row.employee_vnd, row.employer_vnd)
        for row in connection.execute(_DECLARED, {"id": employer.employer_id, "period": period})
    }
    nothing = Share(0, 0)
    changes = {}
    for fund in FUND_NAMES.values():
        now, before = assessed.funds.get(fund, nothing), declared.get(fund, nothing)
        changes[fund] = Share(now.employee_vnd - before.employee_vnd, now.employer_vnd - before.employer_vnd)
    return changes


def _write(
    connection: Connection,
    accepted: Accepted,
    month: RecordedMonth,
    number: int,
    staff: _Staff,
    assessed: AssessedMonth,
) -> None:
    connection.execute(
        text("""
            INSERT INTO engine.declaration (declaration_id, declaration_no, employer_id, period, number, imported_from,
                content_hash, staff, due_on, law_version, unconfirmed, grounds, findings, accepted_at)
            VALUES (:declaration_id, :declaration_no, :employer_id, :period, :number, :sha256, :content_hash, :staff,
                :due_on, :law_version, :unconfirmed, CAST(:grounds AS jsonb), CAST(:findings AS jsonb), :at)"""),
        {
            "declaration_id": month.declaration_id,
            "declaration_no": month.declaration_no,
            "employer_id": accepted.employer.employer_id,
            "period": accepted.period,
            "number": number,
            "sha256": accepted.sha256,
            "content_hash": content_hash(accepted.employer, accepted.period, staff),
            "staff": len(staff),
            "due_on": month.due_on,
            "law_version": law_version(),
            "unconfirmed": list(assessed.unconfirmed),
            "grounds": compact_json(assessed.grounds),
            "findings": compact_json(assessed.findings),
            "at": accepted.at,
        },
    )
    copy_rows(
        connection,
        table("dues", schema="engine"),
        (
            {
                "declaration_id": month.declaration_id,
                "fund": fund,
                "employee_vnd": change.employee_vnd,
                "employer_vnd": change.employer_vnd,
            }
            for fund, change in month.changes.items()
            if change.total_vnd > 0 or (number == 1 and fund in assessed.funds)
        ),
    )


def _write_people(
    connection: Connection,
    accepted: Accepted,
    month: RecordedMonth,
    staff: _Staff,
    assessed: AssessedMonth,
    *,
    corrects: bool,
) -> None:
    """Employment and dues of every worker, of a correction only of those for whom something is otherwise."""
    ids = [person_id for person_id, _ in staff]
    people = list(zip(ids, assessed.staff, strict=True))
    known = dict(staff_of(connection, accepted.employer, accepted.period))
    if corrects:
        people = [(person_id, one) for person_id, one in people if not _same(known.get(person_id), one.worker)]
    present = set(ids)
    gone = [person_id for person_id in known if person_id not in present]
    connection.execute(
        text("""
            UPDATE engine.employment SET recorded_during = tstzrange(lower(recorded_during), :at)
            WHERE employer_id = :id AND months @> CAST(:period AS date) AND upper_inf(recorded_during)
                AND person_id = ANY (:people)"""),
        {
            "at": accepted.at,
            "id": accepted.employer.employer_id,
            "period": accepted.period,
            "people": gone + [person_id for person_id, _ in people if person_id in known],
        },
    )
    common: dict[str, object] = {
        "employer_id": accepted.employer.employer_id,
        "declaration_id": month.declaration_id,
        "months": Range(accepted.period, (Month.containing(accepted.period) + 1).first_day, bounds="[)"),
        "recorded_during": Range(accepted.at, None, bounds="[)"),
    }
    copy_rows(connection, table("employment", schema="engine"), (_employment(*one) | common for one in people))
    nothing = {"base_vnd": 0, "employee_vnd": 0, "employer_vnd": 0, "shares": Jsonb({}), "findings": Jsonb([])}
    dues = [*_person_dues(people), *({"person_id": person_id, **nothing} for person_id in gone)]
    copy_rows(
        connection,
        table("person_dues", schema="engine"),
        (row | {"declaration_id": month.declaration_id} for row in dues),
    )


def _same(known: DeclaredWorker | None, worker: DeclaredWorker) -> bool:
    return known is not None and (known.wage_vnd, known.unpaid, known.position) == (
        worker.wage_vnd,
        worker.unpaid,
        worker.position,
    )


def _employment(person_id: UUID, one: AssessedWorker) -> dict[str, object]:
    return {
        "person_id": person_id,
        "position": one.worker.position,
        "wage_vnd": one.worker.wage_vnd,
        "unpaid": one.worker.unpaid,
    }


def _person_dues(people: Sequence[tuple[UUID, AssessedWorker]]) -> Iterator[dict[str, object]]:
    for person_id, one in people:
        shares = {
            FUND_NAMES[fund]: {"employee_vnd": share.employee_vnd, "employer_vnd": share.employer_vnd}
            for fund, share in one.contribution.shares.items()
        }
        yield {
            "person_id": person_id,
            "base_vnd": one.contribution.base_vnd,
            "employee_vnd": one.contribution.employee_vnd,
            "employer_vnd": one.contribution.employer_vnd,
            "shares": Jsonb(shares),
            "findings": Jsonb(one.findings),
        }


def _post_increase(connection: Connection, accepted: Accepted, month: RecordedMonth) -> None:
    """Nợ phải thu của đơn vị / Có thu của từng quỹ."""
    funds = {fund: change.total_vnd for fund, change in month.changes.items() if change.total_vnd > 0}
    if not funds:
        return
    open_accounts(connection, [AccountRequest("contribution_income", fund, label=FUND_LABELS[fund]) for fund in funds])
    bookkeeping.post_employer_event(
        connection,
        bookkeeping.DECLARATION_ACCEPTED,
        [
            Line(
                debit=accepted.employer.receivable,
                credit=f"contribution_income.{fund}",
                amount=Dong(amount_vnd),
                fund=fund,
                debit_reference=month.declaration_no,
                credit_reference=month.declaration_no,
            )
            for fund, amount_vnd in funds.items()
        ],
        key=f"declaration:{month.declaration_no}",
        document=f"declaration {month.declaration_no}",
        business_on=business_date(accepted.at),
        at=accepted.at,
    )


def _post_decrease(connection: Connection, accepted: Accepted, month: RecordedMonth, law: Parameters) -> None:
    """Nợ thu của từng quỹ / Có khoản chờ phân bổ của đơn vị: what was declared too much is the employer's money.

    What nobody had paid yet counts as paid when it was due, for it never was owed; what had been paid is the
    employer's from the day on which it was.
    """
    moneys: list[tuple[str, Money]] = []
    for fund, change in month.changes.items():
        if change.total_vnd >= 0:
            continue
        known = {"id": accepted.employer.employer_id, "period": accepted.period, "fund": fund}
        unpaid = connection.execute(_UNPAID, known).one()
        first_vnd = min(-change.total_vnd, unpaid.unpaid_vnd)
        for amount_vnd, on in ((first_vnd, unpaid.due_on), (-change.total_vnd - first_vnd, unpaid.paid_on)):
            if amount_vnd:
                row = connection.execute(
                    _REDUCED,
                    {
                        "employer_id": accepted.employer.employer_id,
                        "declaration_id": month.declaration_id,
                        "booked_on": on or unpaid.due_on,
                        "amount_vnd": amount_vnd,
                        "document": f"declaration {month.declaration_no}",
                        "fund": fund,
                        "at": accepted.at,
                    },
                ).one()
                moneys.append((fund, Money(row.receipt_id, row.receipt_no, row.booked_on, amount_vnd, 0)))
    if not moneys:
        return
    bookkeeping.post_employer_event(
        connection,
        bookkeeping.DUES_REDUCED,
        [
            Line(
                debit=f"contribution_income.{fund}",
                credit=accepted.employer.unallocated,
                amount=Dong(money.left_vnd),
                fund=fund,
                debit_reference=month.declaration_no,
                credit_reference=f"receipt {money.receipt_no}",
            )
            for fund, money in moneys
        ],
        key=f"reduction:{month.declaration_no}",
        document=f"declaration {month.declaration_no}",
        business_on=business_date(accepted.at),
        at=accepted.at,
    )
    for fund, money in moneys:
        allocate_to(connection, accepted.employer, money, accepted.period, fund, accepted.at, law)


def certificate(connection: Connection, number: str) -> dict[str, Any]:
    """Xác nhận tiếp nhận: what was accepted under a number, when and by whom, with the hashes of content and file."""
    row = connection.execute(
        text("""
            SELECT c.declaration_no, e.unit_code, c.period, c.staff, c.due_on, c.accepted_at, c.accepted_by,
                   f.file_name, encode(c.content_hash, 'hex') AS content_sha256,
                   encode(c.imported_from, 'hex') AS file_sha256,
                   c.law_version, n.notice_no
            FROM engine.declaration c JOIN engine.employer e USING (employer_id)
            JOIN engine.imported_file f ON f.sha256 = c.imported_from LEFT JOIN engine.notice n USING (declaration_id)
            WHERE c.declaration_no = :number"""),
        {"number": number},
    ).one_or_none()
    if row is None:
        raise NotFound(f"there is no declaration {number}")
    return row._asdict()


_DECLARED = text("""
    SELECT fund, sum(employee_vnd)::bigint AS employee_vnd, sum(employer_vnd)::bigint AS employer_vnd
    FROM (
        SELECT d.fund, d.employee_vnd, d.employer_vnd
        FROM engine.declaration c JOIN engine.dues d USING (declaration_id)
        WHERE c.employer_id = :id AND c.period = :period
        UNION ALL
        -- Of a decrease it is not kept whose share it was; the sum of both is what is owed.
        SELECT r.fund, 0, -r.amount_vnd
        FROM engine.declaration c JOIN engine.receipt r USING (declaration_id)
        WHERE c.employer_id = :id AND c.period = :period
    ) told
    GROUP BY fund
""")

_UNPAID = text("""
    SELECT coalesce(sum(d.employee_vnd + d.employer_vnd - coalesce(a.paid_vnd, 0)), 0)::bigint AS unpaid_vnd,
           min(c.due_on) AS due_on, max(a.paid_on) AS paid_on
    FROM engine.declaration c JOIN engine.dues d USING (declaration_id)
    LEFT JOIN LATERAL (
        SELECT sum(amount_vnd) AS paid_vnd, max(value_on) AS paid_on FROM engine.allocation
        WHERE declaration_id = d.declaration_id AND fund = d.fund AND kind = 'principal') a ON true
    WHERE c.employer_id = :id AND c.period = :period AND d.fund = :fund
""")

_REDUCED = text("""
    INSERT INTO engine.receipt (employer_id, declaration_id, booked_on, amount_vnd, document, fund, recorded_at)
    VALUES (:employer_id, :declaration_id, :booked_on, :amount_vnd, :document, :fund, :at)
    RETURNING receipt_id, receipt_no, booked_on
""")
