"""Taking in a declaration (tờ khai): read, recognise, assess, record, post, and tell the employer what to pay.

A file tells the whole list of a month, or its changes alone: then all others stay as they were declared last, and a row
may reach back to months that are declared already. A month declared again with other content is a correction; with the
same content it is the same declaration.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from engine.clock import business_date
from engine.contributions import notices
from engine.contributions.account import allocate_money
from engine.contributions.declaration_form import (
    AGENCY,
    FROM_MONTH,
    INSURED_NUMBER,
    PERIOD,
    UNIT,
    DeclaredWorker,
    Mention,
)
from engine.contributions.declaration_sheet import DeclaredMonth, read_declaration
from engine.contributions.dues import AssessedMonth, assess_dues
from engine.contributions.employer import Employer, employer_on, lock_employers
from engine.contributions.participants import Participants, enrol_workers, likely_elsewhere, recognise_workers
from engine.contributions.recording import (
    Accepted,
    Earlier,
    RecordedMonth,
    changes_of,
    content_hash,
    declaration_no,
    earlier_of,
    record_month,
    staff_of,
)
from engine.contributions.wage_notes import notes_of
from engine.law.calendar import Month
from engine.law.contributions import Share
from engine.law.parameters import Parameters
from engine.people.imported_file import keep, receive
from engine.people.workbook import Problems
from engine.vault import Vault

_KIND = "declaration"


@dataclass(frozen=True, slots=True)
class Correction:
    """What a file changed in a month that was declared before, in đồng; below zero if less is due."""

    declaration_no: str
    period: str
    """YYYY-MM."""
    net_vnd: int


@dataclass(frozen=True, slots=True)
class DeclarationImported:
    """What a declaration did; `already` where the same file, or one of the same content, had done it before."""

    declaration_no: str
    unit_code: str
    period: str
    """YYYY-MM."""
    staff: int
    """Workers for whom the month is declared; those who left are not among them."""
    dues_vnd: int
    """What the file makes due: of a correction what it adds less what it takes away."""
    due_on: str
    """YYYY-MM-DD."""
    notice_no: int
    payment_code: str
    amount_vnd: int
    """What the notice asks for: dues, arrears and charges carried in, less a surplus."""
    unconfirmed: Sequence[str]
    notes: Sequence[str] = ()
    """What the law allows and a person may yet want to look at, by rows."""
    corrections: Sequence[dict[str, Any]] = ()
    already: bool = False


@dataclass(frozen=True, slots=True)
class _Month:
    """A month that a file declares or corrects, ready to be recorded."""

    employer: Employer
    period: date
    staff: Sequence[tuple[UUID, DeclaredWorker]]
    assessed: AssessedMonth
    earlier: Earlier | None
    changes: dict[str, Share]

    @property
    def net_vnd(self) -> int:
        return sum(change.total_vnd for change in self.changes.values())


def import_declaration(
    connection: Connection,
    vault: Vault,
    path: Path,
    recorded_at: datetime,
    *,
    changes_only: bool = False,
    decided_on: date | None = None,
) -> DeclarationImported:
    """Accepts a declaration of one employer's month; refused whole, with all its problems, if anything is wrong.

    `changes_only`: rows tell changes, everybody else stays as declared last. `decided_on`: wages were raised backwards
    by a decision of that day.
    """
    arrival = receive(connection, path, _KIND)
    if arrival.outcome is not None:
        return _again(connection, arrival.outcome)
    problems = Problems()
    law, on = Parameters.load(), business_date(recorded_at)
    declared = read_declaration(path, on, law, problems, changes_only=changes_only)
    employer = _employer(connection, declared, on)
    participants = recognise_workers(connection, vault, employer, declared.mentions)
    staffs: dict[date, list[tuple[UUID, DeclaredWorker]]] = {}
    if employer is not None and declared.period is not None:
        staffs = _staffs(connection, employer, declared, participants, changes_only=changes_only)
        _refuse_declared_elsewhere(connection, declared, participants, sorted(staffs))
    problems.refuse_if_any()
    if employer is None or declared.period is None:
        raise AssertionError("a declaration without problems names its employer and month")
    months = [_assessed(connection, employer, period, staff, law) for period, staff in sorted(staffs.items())]
    changed = [month for month in months if month is not None]
    if not changed:
        return _same_content(connection, employer, declared.period)

    last = changed[-1]
    before = notices.position(connection, employer, on, law)
    notice = notices.number(connection)
    outcome: dict[str, Any] = {
        "declaration_no": declaration_no(last.employer, last.period, last.earlier),
        "unit_code": employer.unit_code,
        "period": f"{last.period:%Y-%m}",
        "staff": len(last.staff),
        "dues_vnd": sum(month.net_vnd for month in changed),
        "due_on": last.assessed.due_on.isoformat(),
        "notice_no": notice.notice_no,
        "payment_code": notice.payment_code,
        "unconfirmed": sorted({name for month in changed for name in month.assessed.unconfirmed}),
        "notes": [
            *likely_elsewhere(connection, employer, declared),
            *(notes_of(declared, last.assessed, employer, law) if last.period == declared.period else ()),
        ],
        "corrections": [
            asdict(Correction(declaration_no(month.employer, month.period, month.earlier), f"{month.period:%Y-%m}",
                              month.net_vnd))
            for month in changed if month.earlier is not None
        ],
    }  # fmt: skip
    # The declaration refers to its file, so the file is kept first; what the notice asks for is known last.
    keep(connection, arrival, rows=len(declared.workers), outcome=outcome, recorded_at=recorded_at)
    enrol_workers(connection, vault, participants)
    recorded = [
        record_month(
            connection,
            Accepted(month.employer, month.period, arrival.sha256, recorded_at, decided_on),
            month.staff,
            month.assessed,
            month.earlier,
            month.changes,
            law,
        )
        for month in changed
    ]
    allocate_money(connection, [(employer, on)], recorded_at, law)
    net_vnd = sum(month.net_vnd for month in recorded)
    asked = notices.asked(before, net_vnd, notices.position(connection, employer, on, law))
    asked = replace(asked, adjustments_vnd=net_vnd - recorded[-1].added_vnd)
    _issue(connection, employer, recorded[-1], notice, asked, recorded_at, law)
    return DeclarationImported(**outcome, amount_vnd=asked.amount_vnd)


@dataclass(frozen=True, slots=True)
class UnchangedMonth:
    """A month declared as the one before; dues in đồng."""

    staff: int
    dues_vnd: int


def declare_unchanged(
    connection: Connection,
    employer: Employer,
    period: date,
    before: date,
    sha256: bytes,
    at: datetime,
    law: Parameters,
) -> UnchangedMonth:
    """Declares a month with the staff of the month before, assessed by its own law, and issues its notice."""
    on = business_date(at)
    month = _assessed(connection, employer, period, staff_of(connection, employer, before), law)
    if month is None:
        raise AssertionError(f"{period:%m/%Y} of {employer.unit_code} is declared already")
    standing = notices.position(connection, employer, on, law)
    notice = notices.number(connection)
    recorded = record_month(
        connection, Accepted(employer, period, sha256, at), month.staff, month.assessed, None, month.changes, law
    )
    allocate_money(connection, [(employer, on)], at, law)
    asked = notices.asked(standing, recorded.net_vnd, notices.position(connection, employer, on, law))
    _issue(connection, employer, recorded, notice, asked, at, law)
    return UnchangedMonth(len(month.staff), recorded.net_vnd)


def _issue(
    connection: Connection,
    employer: Employer,
    month: RecordedMonth,
    notice: notices.NoticeNumber,
    asked: notices.Asked,
    at: datetime,
    law: Parameters,
) -> None:
    notices.issue(connection, employer, month.declaration_id, notice, asked, month.due_on, at, law)


def _again(connection: Connection, outcome: Any) -> DeclarationImported:
    noticed = notices.amount_vnd(connection, outcome["notice_no"])
    return DeclarationImported(**outcome, amount_vnd=noticed, already=True)


def _same_content(connection: Connection, employer: Employer, period: date) -> DeclarationImported:
    """A file saved again tells nothing new: it is answered as the one whose content it has."""
    row = connection.execute(
        text("""
            SELECT f.outcome, c.declaration_no, c.staff, c.due_on, c.unconfirmed, n.notice_no, n.payment_code,
                (SELECT sum(d.employee_vnd + d.employer_vnd)::bigint FROM engine.dues d
                 WHERE d.declaration_id = c.declaration_id) AS dues_vnd
            FROM engine.declaration c JOIN engine.imported_file f ON f.sha256 = c.imported_from
            LEFT JOIN engine.notice n USING (declaration_id)
            WHERE c.employer_id = :id AND c.period = :period ORDER BY c.number DESC LIMIT 1"""),
        {"id": employer.employer_id, "period": period},
    ).one()
    if row.outcome:
        return _again(connection, row.outcome)
    # No file declared it: it was taken as unchanged.
    told = {name: value for name, value in row._asdict().items() if name != "outcome"}
    told |= {"unit_code": employer.unit_code, "period": f"{period:%Y-%m}", "due_on": row.due_on.isoformat()}
    return _again(connection, told)


def _assessed(
    connection: Connection,
    employer: Employer,
    period: date,
    staff: Sequence[tuple[UUID, DeclaredWorker]],
    law: Parameters,
) -> _Month | None:
    """A month assessed by its own law and the employer as it was; none if it is declared so already."""
    then = employer_on(connection, employer.unit_code, period) or employer
    earlier = earlier_of(connection, then, period)
    if earlier is not None and earlier.content_hash == content_hash(then, period, staff):
        return None
    assessed = assess_dues(then, period, [worker for _, worker in staff], law)
    return _Month(then, period, staff, assessed, earlier, changes_of(connection, then, period, assessed))


def _staffs(
    connection: Connection,
    employer: Employer,
    declared: DeclaredMonth,
    participants: Participants,
    *,
    changes_only: bool,
) -> dict[date, list[tuple[UUID, DeclaredWorker]]]:
    """Who is with the employer in each month that the file tells of."""
    period = declared.period
    if period is None:
        return {}
    rows = [(row, participants.ids[worker.number], worker) for row, worker in declared.workers]
    if not changes_only:
        return {period: [(person_id, worker) for _, person_id, worker in rows if not worker.leaves]}
    staffs = {period: _last_staff(connection, employer, period)}
    for row, person_id, worker in rows:
        month, last = Month.containing(worker.from_month or period), Month.containing(worker.to_month or period)
        while month <= last and month.first_day <= period:
            first_day = month.first_day
            if first_day not in staffs:
                staffs[first_day] = dict(staff_of(connection, employer, first_day))
                if not staffs[first_day]:
                    row.problem(FROM_MONTH, f"{first_day:%m/%Y} is not declared yet, so nothing in it can change")
            if not worker.leaves:
                staffs[first_day][person_id] = worker
            elif staffs[first_day].pop(person_id, None) is None and staffs[first_day]:
                row.problem(INSURED_NUMBER, f"is not declared for {first_day:%m/%Y}, so it cannot leave")
            month += 1
    if not staffs[period]:
        declared.problem(PERIOD, "nobody is with the employer in the declared month")
    return {first_day: list(staff.items()) for first_day, staff in staffs.items()}


def _last_staff(connection: Connection, employer: Employer, period: date) -> dict[UUID, DeclaredWorker]:
    """The staff of the month if it is declared, else that of the last month before it."""
    last = connection.scalar(
        text("SELECT max(period) FROM engine.declaration WHERE employer_id = :id AND period <= :period"),
        {"id": employer.employer_id, "period": period},
    )
    return dict(staff_of(connection, employer, last)) if last is not None else {}


def _employer(connection: Connection, declared: DeclaredMonth, today: date) -> Employer | None:
    """The employer of a declaration, if it is one of ours; what it may not declare now is a problem."""
    if declared.period is not None and declared.period > today:
        declared.problem(PERIOD, f"{declared.period:%m/%Y} has not begun")
    if declared.unit_code is None:
        return None
    employer = employer_on(connection, declared.unit_code, declared.period or today)
    if employer is None:
        declared.problem(UNIT, f"no employer {declared.unit_code} is on record: import the employer first")
        return None
    lock_employers(connection, [employer.employer_id])
    if declared.agency_code not in (None, employer.agency_code):
        declared.problem(AGENCY, f"{declared.agency_code} is not the agency on record ({employer.agency_code})")
    return employer


def _refuse_declared_elsewhere(
    connection: Connection, declared: DeclaredMonth, participants: Participants, months: Sequence[date]
) -> None:
    """Of several contracts the first one counts for social insurance (Law 41/2024 Article 2(5))."""
    mentions: dict[UUID, Mention] = {
        participants.ids[one.number]: one
        for one in declared.mentions
        if one.number is not None and one.number in participants.ids and not one.leaves
    }
    elsewhere = connection.execute(
        text("""
            SELECT DISTINCT p.person_id, e.unit_code, month
            FROM engine.employment p JOIN engine.employer e USING (employer_id)
            JOIN unnest(CAST(:months AS date[])) AS month ON p.months @> month
            WHERE p.person_id = ANY (:people) AND upper_inf(p.recorded_during) AND e.unit_code <> :unit_code"""),
        {"people": list(mentions), "months": list(months), "unit_code": declared.unit_code},
    )
    for person_id, unit_code, month in elsewhere:
        one = mentions[person_id]
        worker = one.worker
        if worker is not None and not (worker.from_month or month) <= month <= (worker.to_month or month):
            continue
        which = "this month" if month == declared.period else f"{month:%m/%Y}"
        one.row.problem(INSURED_NUMBER, f"is declared for {which} by another employer ({unit_code})")
