"""Danh sách người tham gia của đơn vị (D09-TS) with the result of paying: paid to which month, fund by fund (C83a-HD).

Of an employer that is not late every worker counts as paid to the last declared month; of one that is late, to the last
month that is paid whole. Who has left or claims a benefit is served first, so may be paid further than the others.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from uuid import UUID

from sqlalchemy import Connection, text

from engine.contributions.account import debits_on, first_served
from engine.contributions.employer import Employer, employer_on
from engine.errors import NotFound
from engine.law.calendar import Month
from engine.law.parameters import Parameters
from engine.vault import Vault
from ledger.sheets import Cell, Column, Kind, write_xlsx

FUNDS = ("sickness", "retirement", "health", "unemployment", "accident")


@dataclass(frozen=True, slots=True)
class Participant:
    """One worker of an employer, and to which month each fund is paid for them. The number never appears in a repr."""

    person_id: UUID
    name: str
    number: str
    birth_date: date
    position: str | None
    wage_vnd: int
    from_month: date
    to_month: date
    """The last month for which they are declared."""
    left: bool
    paid_to: Mapping[str, date | None]
    """By fund; None where no month of theirs is paid."""

    def __repr__(self) -> str:
        return f"Participant({self.name!r}, {self.from_month} to {self.to_month})"


def participants_of(
    connection: Connection, vault: Vault, unit_code: str, on: date, law: Parameters
) -> Iterator[Participant]:
    """Everybody an employer has declared, the present staff and who has left, by name."""
    employer = employer_on(connection, unit_code, on)
    if employer is None:
        raise NotFound(f"there is no employer {unit_code}")
    last = connection.scalar(
        text("SELECT max(period) FROM engine.declaration WHERE employer_id = :id"), {"id": employer.employer_id}
    )
    paid = _Paid(connection, employer, on, law)
    for row in connection.execute(_STAFF, {"id": employer.employer_id}):
        number = row.insured_number_ciphertext or row.personal_id_ciphertext
        kind = "insured_number" if row.insured_number_ciphertext else "personal_id"
        yield Participant(
            person_id=row.person_id,
            name=row.name,
            number=vault.open(kind, bytes(number)),
            birth_date=row.birth_date,
            position=row.position,
            wage_vnd=row.wage_vnd,
            from_month=row.from_month,
            to_month=row.to_month,
            left=row.to_month < last,
            paid_to={fund: paid.to(row.person_id, fund, row.from_month, row.to_month) for fund in FUNDS},
        )


class _Paid:
    """To which month each fund is paid, for everybody and for those who are served first."""

    def __init__(self, connection: Connection, employer: Employer, on: date, law: Parameters) -> None:
        debits = debits_on(connection, employer.employer_id, on, law)
        self._late = any(debit.principal_vnd and debit.due_on < on for debit in debits)
        unpaid: dict[str, list[date]] = defaultdict(list)
        for debit in debits:
            if debit.principal_vnd:
                unpaid[debit.fund].append(debit.period)
        self._first_unpaid = {fund: min(months) for fund, months in unpaid.items()}
        served = first_served(connection, employer, on)
        self._served = served.people
        owed: dict[str, list[date]] = defaultdict(list)
        for (period, fund), vnd in served.owed.items():
            if vnd > 0 and period in unpaid.get(fund, ()):
                owed[fund].append(period)
        self._first_owed = {fund: min(months) for fund, months in owed.items()}

    def to(self, person_id: UUID, fund: str, first: date, last: date) -> date | None:
        """The last month of a worker's own that is paid."""
        if not self._late:
            return last
        unpaid = (self._first_owed if person_id in self._served else self._first_unpaid).get(fund)
        if unpaid is None:
            return last
        paid_to = min(last, (Month.containing(unpaid) + -1).first_day)
        return paid_to if paid_to >= first else None


D09_COLUMNS = (
    Column("place", "A STT", "No.", Kind.NUMBER),
    Column("name", "B Họ và tên", "Name"),
    Column("number", "1 Mã số BHXH", "Insured number"),
    Column("birth_date", "2 Ngày sinh", "Birth date", Kind.DATE),
    Column("position", "3 Chức vụ", "Position"),
    Column("wage", "4 Mức lương", "Wage", Kind.MONEY),
    Column("from_month", "14 Từ tháng", "From month"),
    Column("to_month", "15 Đến tháng", "To month"),
    Column("change", "18 Phương án", "Change"),
    Column("paid_si", "Đã đóng BHXH đến", "Social insurance paid to"),
    Column("paid_accident", "Đã đóng TNLĐ, BNN đến", "Accident paid to"),
    Column("paid_hi", "Đã đóng BHYT đến", "Health insurance paid to"),
    Column("paid_ui", "Đã đóng BHTN đến", "Unemployment insurance paid to"),
)


def write_register(path: Path, participants: Iterator[Participant], made_at: datetime) -> int:
    """The list as a workbook, row by row; returns how many people stand on it."""
    rows = (_cells(place, one) for place, one in enumerate(participants, 1))
    return write_xlsx(path, "D09-TS", D09_COLUMNS, rows, made_at)


def _cells(place: int, one: Participant) -> Sequence[Cell]:
    social = [one.paid_to["sickness"], one.paid_to["retirement"]]
    return [
        place,
        one.name,
        one.number,
        one.birth_date,
        one.position,
        one.wage_vnd,
        _month(one.from_month),
        _month(one.to_month),
        "Giảm" if one.left else "",
        _month(None if None in social else min(month for month in social if month is not None)),
        *(_month(one.paid_to[fund]) for fund in ("accident", "health", "unemployment")),
    ]


def _month(first_day: date | None) -> str:
    return f"{first_day:%m/%Y}" if first_day is not None else ""


_STAFF = text("""
    SELECT p.person_id, p.name, p.birth_date, p.insured_number_ciphertext, p.personal_id_ciphertext, m.from_month,
        m.to_month, last.position, last.wage_vnd
    FROM (
        SELECT person_id, min(lower(months)) AS from_month, (max(upper(months)) - interval '1 month')::date AS to_month
        FROM engine.employment WHERE employer_id = :id AND upper_inf(recorded_during) GROUP BY person_id
    ) m
    JOIN engine.person p USING (person_id)
    JOIN engine.employment last ON last.employer_id = :id AND last.person_id = m.person_id
        AND upper_inf(last.recorded_during) AND last.months @> m.to_month
    ORDER BY p.folded_name, p.birth_date, p.person_id
""")
