"""Chậm đóng, trốn đóng: what each month's debt is by now, the letters that urge, and every day of a charge explained.

A debt is late from the day after its due date. It is evaded from the 61st day on if the employer was urged in writing
(Law 41/2024, Article 39(1)đ; Decree 274/2025). Letters go out in the first ten days of a month (mẫu 01-ĐĐ).
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from importlib.resources import files
from typing import Any
from uuid import UUID

import typst
from sqlalchemy import Connection, Row, text

from engine import audit
from engine.clock import business_date
from engine.contributions.account import Debit, debits_of
from engine.contributions.announcements import announced_by_employer
from engine.contributions.dues import FUND_LABELS, FUNDS_BY_NAME
from engine.contributions.employer import Employer, employer_on, employers_on
from engine.errors import NotFound, WrongInput
from engine.law.due_dates import days_late, evasion
from engine.law.findings import Record, number_text
from engine.law.late_interest import months_of_interest
from engine.law.parameters import Parameters

_AT_A_TIME = 1_000
"""How many employers are looked at at once: enough for few queries, few enough for little memory."""


class Lateness(StrEnum):
    """How a debt stands on a day."""

    NOT_DUE = "not_due"
    LATE = "late"
    EVADED = "evaded"


@dataclass(frozen=True, slots=True)
class LateMonth:
    """What an employer owes for one declared month on a day, in đồng."""

    declaration_no: str
    period: date
    due_on: date
    status: Lateness
    days_late: int
    principal_vnd: int
    charge_vnd: int
    last_late_day: date
    """The sixtieth day; evasion begins after it if the employer was urged by then, else with the letter."""
    urged_on: date | None
    """When a letter first named this month."""

    def as_json(self) -> dict[str, Any]:
        return {key: value.isoformat() if isinstance(value, date) else value for key, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class LateEmployer:
    """One line of the list of employers that owe."""

    unit_code: str
    name: str
    agency_code: str
    status: Lateness
    months: int
    days_late: int
    principal_vnd: int
    charge_vnd: int
    urged_on: date | None
    evasion_from: date | None
    """The first day of evasion of the oldest debt, if nothing is paid; none as long as nobody urged."""


@dataclass(frozen=True, slots=True)
class ChargedDays:
    """One step of a charge: an amount that was unpaid for some days after it was due, or, until June 2025, for a month.

    A month bears interest on its first day: `days` is 0, and both dates are that day.
    """

    declaration_no: str
    fund: str
    amount_vnd: int
    from_on: date
    to_on: date
    days: int
    paid: bool
    percent: str | None
    """By the day, or by the month; None where the rate of the month is not known to us."""
    charge: str | None
    """Amount × days × rate, exact; of a fund and month the days are rounded once, and the months once."""


def months_owed(connection: Connection, employer_id: UUID, on: date, law: Parameters) -> list[LateMonth]:
    """Every declared month of which something is owed on a day, the oldest first."""
    return _months_of(connection, [employer_id], on, law).get(employer_id, [])


def _months_of(
    connection: Connection, employers: Sequence[UUID], on: date, law: Parameters
) -> Mapping[UUID, list[LateMonth]]:
    """The same of many employers, in a fixed number of queries."""
    urged = {
        (row.employer_id, row.declaration_no): row.urged_on
        for row in connection.execute(_URGED, {"employers": list(employers), "on": on})
    }
    owed = {}
    for employer_id, debits in debits_of(connection, employers, on, law).items():
        by_month: dict[str, list[Debit]] = defaultdict(list)
        for debit in debits:
            if debit.total_vnd > 0:
                by_month[debit.declaration_no].append(debit)
        owed[employer_id] = [_month(of, on, urged.get((employer_id, no)), law) for no, of in by_month.items()]
    return owed


def _month(debits: Sequence[Debit], on: date, urged_on: date | None, law: Parameters) -> LateMonth:
    first = debits[0]
    last_late_day = evasion(first.due_on, urged_on is not None, law, Record()).last_late_day
    if on <= first.due_on:
        status = Lateness.NOT_DUE
    elif on > last_late_day and urged_on is not None:
        status = Lateness.EVADED
    else:
        status = Lateness.LATE
    return LateMonth(
        declaration_no=first.declaration_no,
        period=first.period,
        due_on=first.due_on,
        status=status,
        days_late=max(0, (on - first.due_on).days),
        principal_vnd=sum(debit.principal_vnd for debit in debits),
        charge_vnd=sum(debit.charge_vnd for debit in debits),
        last_late_day=last_late_day,
        urged_on=urged_on,
    )


def late_employers(connection: Connection, on: date, law: Parameters) -> list[LateEmployer]:
    """Employers that owe something past its due date on a day, the greatest debt first."""
    found = [
        _line(employer, late, law)
        for shard in _overdue(connection, on)
        for employer, late in _late(connection, shard, on, law)
    ]
    return sorted(found, key=lambda line: (-line.principal_vnd - line.charge_vnd, line.unit_code))


def _late(
    connection: Connection, employers: Sequence[UUID], on: date, law: Parameters
) -> list[tuple[Employer, list[LateMonth]]]:
    """Employers that are late on a day, by unit code, each with its months past their due dates."""
    months = _months_of(connection, employers, on, law)
    found = []
    for employer in employers_on(connection, employers, on):
        late = [month for month in months.get(employer.employer_id, ()) if month.status is not Lateness.NOT_DUE]
        if late:
            found.append((employer, late))
    return found


def _line(employer: Employer, late: Sequence[LateMonth], law: Parameters) -> LateEmployer:
    oldest = min(late, key=lambda month: month.due_on)
    urged = [month.urged_on for month in late if month.urged_on is not None]
    return LateEmployer(
        unit_code=employer.unit_code,
        name=employer.name,
        agency_code=employer.agency_code,
        status=Lateness.EVADED if any(month.status is Lateness.EVADED for month in late) else Lateness.LATE,
        months=len({month.period for month in late}),
        days_late=oldest.days_late,
        principal_vnd=sum(month.principal_vnd for month in late),
        charge_vnd=sum(month.charge_vnd for month in late),
        urged_on=min(urged) if urged else None,
        evasion_from=_evasion_from(oldest, oldest.urged_on, law) if oldest.urged_on else None,
    )


def _evasion_from(month: LateMonth, urged_on: date, law: Parameters) -> date:
    """Day 61, or the day of the letter if that came later."""
    return max(evasion(month.due_on, True, law, Record()).evasion_from or urged_on, urged_on)


def urge(connection: Connection, on: date, at: datetime, law: Parameters) -> list[int]:
    """Đôn đốc: writes to every employer that is late on a day; returns the numbers of the letters.

    An employer that was written to this month is not written to again, nor one that has paid all of it by what banks
    and providers say, while a statement or settlement file has yet to show the money.
    """
    if on > business_date(at):
        raise WrongInput([f"{on} has not come: a letter tells what is owed on its day"])
    letters: list[int] = []
    for shard in _overdue(connection, on):
        written = set(connection.scalars(_WRITTEN_THIS_MONTH, {"employers": shard, "on": on}))
        announced = announced_by_employer(connection, shard)
        contents = {
            employer.employer_id: _letter(employer, late, on, law)
            for employer, late in _late(connection, [one for one in shard if one not in written], on, law)
            if sum(month.principal_vnd + month.charge_vnd for month in late) > announced.get(employer.employer_id, 0)
        }
        told = {
            "employers": list(contents),
            "contents": [json.dumps(content, ensure_ascii=False) for content in contents.values()],
            "on": on,
            "at": at,
        }
        letters += connection.scalars(_WRITE, told)
    audit.record(connection, "urged", f"{on:%Y-%m}", at, letters=len(letters))
    return letters


def _letter(employer: Employer, late: Sequence[LateMonth], on: date, law: Parameters) -> dict[str, Any]:
    rule = law.at("late_charge", on)
    return {
        "unit_code": employer.unit_code,
        "name": employer.name,
        "agency_code": employer.agency_code,
        "issued_on": on.isoformat(),
        "months": [
            month.as_json() | {"evasion_from": _evasion_from(month, month.urged_on or on, law).isoformat()}
            for month in late
        ],
        "principal_vnd": sum(month.principal_vnd for month in late),
        "charge_vnd": sum(month.charge_vnd for month in late),
        "percent_per_day": str(rule.value["percent_per_day"]),
        "articles": [rule.citation.vietnamese],
    }


def letter_document(connection: Connection, letter_no: int) -> dict[str, Any]:
    """All that stands on a letter, as it was written."""
    row = connection.execute(
        text("SELECT letter_no, content FROM engine.urging_letter WHERE letter_no = :no"), {"no": letter_no}
    ).one_or_none()
    if row is None:
        raise NotFound(f"there is no urging letter {letter_no}")
    return {"letter_no": row.letter_no, **row.content}


def letter_pdf(document: dict[str, Any]) -> bytes:
    """Mẫu 01-ĐĐ as PDF; the same letter gives the same bytes."""
    inputs = {"letter": json.dumps(document, ensure_ascii=False)}
    template = files("engine.contributions").joinpath("urging.typ").read_bytes()
    compiled = typst.Compiler(template, ignore_system_fonts=True).compile(format="pdf", sys_inputs=inputs)
    if not isinstance(compiled, bytes):
        raise TypeError("a letter is one PDF")
    return compiled


def explain_charge(connection: Connection, unit_code: str, on: date, law: Parameters) -> list[ChargedDays]:
    """Every day of an employer's late charge: what was unpaid from when to when, paid since or not."""
    employer = employer_on(connection, unit_code, on)
    if employer is None:
        raise NotFound(f"there is no employer {unit_code}")
    return [
        step for row in connection.execute(_STEPS, {"id": employer.employer_id, "on": on}) for step in _steps(row, law)
    ]


def _steps(row: Row[Any], law: Parameters) -> Iterator[ChargedDays]:
    """The months, then the days, for which an amount bears a charge."""
    common = {
        "declaration_no": row.declaration_no,
        "fund": FUND_LABELS[row.fund],
        "amount_vnd": row.amount_vnd,
        "paid": row.paid,
    }
    for month in months_of_interest(FUNDS_BY_NAME[row.fund], row.due_on, row.to_on, law):
        percent = month.percent
        charge = None if percent is None else number_text(month.interest(row.amount_vnd))
        yield ChargedDays(
            **common,
            from_on=month.on,
            to_on=month.on,
            days=0,
            percent=None if percent is None else str(percent),
            charge=charge,
        )
    days = days_late(row.due_on, row.to_on, law)
    if days:
        percent = law.at("late_charge", row.to_on).value["percent_per_day"]
        charged_from = max(row.due_on, law.parameter("late_charge").values[0].starts_on - timedelta(days=1))
        charge = number_text(row.amount_vnd * days * Fraction(percent) / 100)
        yield ChargedDays(
            **common, from_on=charged_from, to_on=row.to_on, days=days, percent=str(percent), charge=charge
        )


def _overdue(connection: Connection, on: date) -> Iterator[list[UUID]]:
    """Employers of whom a month past its due date is not paid whole, by unit code, some at a time."""
    employers = [row.employer_id for row in connection.execute(_OVERDUE, {"on": on})]
    return (employers[first : first + _AT_A_TIME] for first in range(0, len(employers), _AT_A_TIME))


_OVERDUE = text("""
    SELECT DISTINCT e.unit_code, e.employer_id
    FROM engine.declaration c
    JOIN engine.employer e USING (employer_id)
    JOIN engine.dues d USING (declaration_id)
    LEFT JOIN LATERAL (
        SELECT sum(amount_vnd) FILTER (WHERE kind = 'principal') AS paid_vnd FROM engine.allocation
        WHERE declaration_id = d.declaration_id AND fund = d.fund) a ON true
    LEFT JOIN LATERAL (
        SELECT coalesce(sum(l.amount_vnd), 0) - coalesce((
            SELECT sum(amount_vnd) FROM engine.allocation
            WHERE declaration_id = d.declaration_id AND fund = d.fund AND kind = 'late_charge'), 0) AS charge_vnd
        FROM engine.late_charge l WHERE l.declaration_id = d.declaration_id AND l.fund = d.fund) q ON true
    WHERE c.due_on < :on AND (d.employee_vnd + d.employer_vnd > coalesce(a.paid_vnd, 0) OR q.charge_vnd > 0)
    ORDER BY e.unit_code
""")

_URGED = text("""
    SELECT u.employer_id, month ->> 'declaration_no' AS declaration_no, min(u.issued_on) AS urged_on
    FROM engine.urging_letter u CROSS JOIN LATERAL jsonb_array_elements(u.content -> 'months') month
    WHERE u.employer_id = ANY (:employers) AND u.issued_on <= :on GROUP BY 1, 2
""")

_WRITTEN_THIS_MONTH = text("""
    SELECT employer_id FROM engine.urging_letter
    WHERE employer_id = ANY (:employers)
        AND date_trunc('month', issued_on) = date_trunc('month', CAST(:on AS date))
""")

_WRITE = text("""
    INSERT INTO engine.urging_letter (employer_id, issued_on, content, issued_at)
    SELECT employer_id, :on, content, :at
    FROM unnest(CAST(:employers AS uuid[]), CAST(:contents AS jsonb[]))
        WITH ORDINALITY AS told (employer_id, content, place)
    ORDER BY place
    RETURNING letter_no
""")

_STEPS = text("""
    SELECT c.declaration_no, a.fund, a.amount_vnd, c.due_on, a.value_on AS to_on, true AS paid, c.period
    FROM engine.declaration c JOIN engine.allocation a USING (declaration_id)
    WHERE c.employer_id = :id AND a.kind = 'principal' AND a.value_on > c.due_on AND a.value_on <= :on
    UNION ALL
    SELECT c.declaration_no, d.fund, d.employee_vnd + d.employer_vnd - coalesce(a.paid_vnd, 0)::bigint, c.due_on,
        CAST(:on AS date), false, c.period
    FROM engine.declaration c JOIN engine.dues d USING (declaration_id)
    LEFT JOIN LATERAL (
        SELECT sum(amount_vnd) AS paid_vnd FROM engine.allocation
        WHERE declaration_id = d.declaration_id AND fund = d.fund AND kind = 'principal' AND value_on <= :on) a ON true
    WHERE c.employer_id = :id AND c.due_on < :on AND d.employee_vnd + d.employer_vnd > coalesce(a.paid_vnd, 0)
    ORDER BY period, declaration_no, fund, to_on
""")
