"""Taking in a declaration (tờ khai): read, recognise, assess, record, post, and tell the employer what to pay."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb
from psycopg.types.range import Range
from sqlalchemy import Connection, table, text

from engine import bookkeeping
from engine.clock import business_date
from engine.contributions import notices
from engine.contributions.account import allocate_money
from engine.contributions.declaration_form import (
    AGENCY,
    INSURED_NUMBER,
    PERIOD,
    UNIT,
    Mention,
)
from engine.contributions.declaration_sheet import DeclaredMonth, read_declaration
from engine.contributions.dues import FUND_LABELS, FUND_NAMES, AssessedMonth, AssessedWorker, assess_dues, compact_json
from engine.contributions.employer import Employer, employer_on, lock_employer
from engine.contributions.participants import Participants, enrol_workers, likely_elsewhere, recognise_workers
from engine.contributions.wage_notes import notes_of
from engine.law.calendar import Month
from engine.law.parameters import Parameters, law_version
from engine.people.bulk import copy_rows
from engine.people.imported_file import keep, receive
from engine.people.workbook import Problems
from engine.vault import Vault
from ledger.accounts import AccountRequest, open_accounts
from ledger.entries import Line
from ledger.money import Dong

_KIND = "declaration"


@dataclass(frozen=True, slots=True)
class DeclarationImported:
    """What a declaration did; `already` where the same file had done it before."""

    declaration_no: str
    unit_code: str
    period: str
    """YYYY-MM."""
    staff: int
    """Workers for whom the month is declared; those who left are not among them."""
    dues_vnd: int
    due_on: str
    """YYYY-MM-DD."""
    notice_no: int
    payment_code: str
    amount_vnd: int
    """What the notice asks for: dues, arrears and charges carried in, less a surplus."""
    unconfirmed: Sequence[str]
    notes: Sequence[str] = ()
    """What the law allows and a person may yet want to look at, by rows."""
    already: bool = False


def import_declaration(connection: Connection, vault: Vault, path: Path, recorded_at: datetime) -> DeclarationImported:
    """Accepts a declaration of one employer's month; refused whole, with all its problems, if anything is wrong."""
    arrival = receive(connection, path, _KIND)
    if arrival.outcome is not None:
        noticed = notices.amount_vnd(connection, arrival.outcome["notice_no"])
        return DeclarationImported(**arrival.outcome, amount_vnd=noticed, already=True)
    problems = Problems()
    law, on = Parameters.load(), business_date(recorded_at)
    declared = read_declaration(path, on, law, problems)
    employer = _employer(connection, declared, on)
    participants = recognise_workers(connection, vault, employer, declared.mentions)
    if employer is not None and declared.period is not None:
        _refuse_declared_elsewhere(connection, declared, participants)
    problems.refuse_if_any()
    if employer is None or declared.period is None:
        raise AssertionError("a declaration without problems names its employer and month")

    period = declared.period
    staying = [worker for _, worker in declared.workers if not worker.leaves]
    assessed = assess_dues(employer, period, staying, law)
    accepted = _Accepted(f"{employer.unit_code}/{period:%Y-%m}/1", employer, period, recorded_at)
    before = notices.position(connection, employer, on, law)
    notice = notices.number(connection)
    outcome: dict[str, Any] = {
        "declaration_no": accepted.declaration_no,
        "unit_code": employer.unit_code,
        "period": f"{period:%Y-%m}",
        "staff": len(staying),
        "dues_vnd": assessed.total_vnd,
        "due_on": assessed.due_on.isoformat(),
        "notice_no": notice.notice_no,
        "payment_code": notice.payment_code,
        "unconfirmed": list(assessed.unconfirmed),
        "notes": [
            *likely_elsewhere(connection, employer, declared),
            *notes_of(declared, assessed, employer, law),
        ],
    }
    # The declaration refers to its file, so the file is kept first; what the notice asks for is known last.
    keep(connection, arrival, rows=len(declared.workers), outcome=outcome, recorded_at=recorded_at)
    enrol_workers(connection, vault, participants)
    declaration_id = _write(connection, accepted, arrival.sha256, participants, assessed)
    _post(connection, accepted, assessed)
    allocate_money(connection, employer, on, recorded_at, law)
    asked = notices.asked(before, assessed.total_vnd, notices.position(connection, employer, on, law))
    notices.issue(connection, employer, declaration_id, notice, asked, assessed.due_on, recorded_at)
    return DeclarationImported(**outcome, amount_vnd=asked.amount_vnd)


@dataclass(frozen=True, slots=True)
class _Accepted:
    declaration_no: str
    employer: Employer
    period: date
    at: datetime


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
    lock_employer(connection, employer.employer_id)
    if declared.agency_code not in (None, employer.agency_code):
        declared.problem(AGENCY, f"{declared.agency_code} is not the agency on record ({employer.agency_code})")
    earlier = connection.scalar(
        text("SELECT declaration_no FROM engine.declaration WHERE employer_id = :id AND period = :period"),
        {"id": employer.employer_id, "period": declared.period},
    )
    if earlier is not None:
        declared.problem(PERIOD, f"{declared.period:%m/%Y} is declared already ({earlier})")
    return employer


def _refuse_declared_elsewhere(connection: Connection, declared: DeclaredMonth, participants: Participants) -> None:
    """Of several contracts the first one counts for social insurance (Law 41/2024 Article 2(5))."""
    mentions: dict[UUID, Mention] = {
        participants.ids[one.number]: one
        for one in declared.mentions
        if one.number is not None and one.number in participants.ids and not one.leaves
    }
    elsewhere = connection.execute(
        text("""
            SELECT DISTINCT p.person_id, e.unit_code
            FROM engine.employment p JOIN engine.employer e USING (employer_id)
            WHERE p.person_id = ANY (:people) AND p.months @> CAST(:period AS date)
                AND upper_inf(p.recorded_during) AND e.unit_code <> :unit_code"""),
        {"people": list(mentions), "period": declared.period, "unit_code": declared.unit_code},
    )
    for person_id, unit_code in elsewhere:
        rule = f"is declared for this month by another employer ({unit_code})"
        mentions[person_id].row.problem(INSURED_NUMBER, rule)


def _write(
    connection: Connection, accepted: _Accepted, sha256: bytes, participants: Participants, assessed: AssessedMonth
) -> UUID:
    people = [(participants.ids[one.worker.number], one) for one in assessed.staff]
    declaration_id: UUID = connection.execute(
        text("""
            INSERT INTO engine.declaration (declaration_no, employer_id, period, number, imported_from, content_hash,
                staff, due_on, law_version, unconfirmed, grounds, findings, accepted_at)
            VALUES (:declaration_no, :employer_id, :period, 1, :sha256, :content_hash, :staff, :due_on, :law_version,
                :unconfirmed, CAST(:grounds AS jsonb), CAST(:findings AS jsonb), :at)
            RETURNING declaration_id"""),
        {
            "declaration_no": accepted.declaration_no,
            "employer_id": accepted.employer.employer_id,
            "period": accepted.period,
            "sha256": sha256,
            "content_hash": _content_hash(accepted, people),
            "staff": len(people),
            "due_on": assessed.due_on,
            "law_version": law_version(),
            "unconfirmed": list(assessed.unconfirmed),
            "grounds": compact_json(assessed.grounds),
            "findings": compact_json(assessed.findings),
            "at": accepted.at,
        },
    ).scalar_one()
    months = Range(accepted.period, (Month.containing(accepted.period) + 1).first_day, bounds="[)")
    common: dict[str, object] = {
        "employer_id": accepted.employer.employer_id,
        "declaration_id": declaration_id,
        "months": months,
        "recorded_during": Range(accepted.at, None, bounds="[)"),
    }
    copy_rows(connection, table("employment", schema="engine"), (_employment(*one) | common for one in people))
    copy_rows(
        connection,
        table("person_dues", schema="engine"),
        (row | {"declaration_id": declaration_id} for row in _person_dues(people)),
    )
    copy_rows(
        connection,
        table("dues", schema="engine"),
        (
            {
                "declaration_id": declaration_id,
                "fund": fund,
                "employee_vnd": share.employee_vnd,
                "employer_vnd": share.employer_vnd,
            }
            for fund, share in assessed.funds.items()
        ),
    )
    return declaration_id


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


def _content_hash(accepted: _Accepted, people: Sequence[tuple[UUID, AssessedWorker]]) -> bytes:
    """Of what is declared, whatever the file looks like and in whatever order the rows stand."""
    told: list[Any] = sorted(
        [str(person_id), one.worker.wage_vnd, one.worker.position, one.worker.unpaid] for person_id, one in people
    )
    content = [accepted.employer.unit_code, accepted.period.isoformat(), told]
    return hashlib.sha256(compact_json(content).encode()).digest()


def _post(connection: Connection, accepted: _Accepted, assessed: AssessedMonth) -> None:
    """Nợ phải thu của đơn vị / Có thu của từng quỹ."""
    funds = {fund: share.total_vnd for fund, share in assessed.funds.items() if share.total_vnd}
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
                debit_reference=accepted.declaration_no,
                credit_reference=accepted.declaration_no,
            )
            for fund, amount_vnd in funds.items()
        ],
        key=f"declaration:{accepted.declaration_no}",
        document=f"declaration {accepted.declaration_no}",
        business_on=business_date(accepted.at),
        at=accepted.at,
    )
