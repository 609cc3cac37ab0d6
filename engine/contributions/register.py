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

from engine.contributions import declaration_form as form
from engine.contributions.account import debits_on, first_served
from engine.contributions.employer import Employer, employer_on
from engine.errors import NotFound
from engine.law.calendar import Month
from engine.law.parameters import Parameters
from engine.vault import Vault
from ledger.sheets import Cell, write_form

_LEFT, _UNPAID = (
    next(words for words, change in form.CHANGES.items() if change == meant) for meant in (form.LEAVES, form.UNPAID)
)
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
    unpaid: bool
    """Declared without pay for the last month."""
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
    last = connection.scalar(_LAST_MONTH, {"id": employer.employer_id})
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
            unpaid=row.unpaid,
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


_COLUMNS = (
    form.NUMBER,
    form.NAME,
    form.INSURED_NUMBER,
    form.BIRTH_DATE,
    form.POSITION,
    form.WAGE,
    form.FROM_MONTH,
    form.TO_MONTH,
    form.CHANGE,
)
_PAID_TO = ("Đã đóng BHXH đến", "Đã đóng TNLĐ, BNN đến", "Đã đóng BHYT đến", "Đã đóng BHTN đến")


def export_register(
    connection: Connection, vault: Vault, unit_code: str, path: Path, on: date, law: Parameters, made_at: datetime
) -> int:
    """Writes the list as form D09-TS, row by row; returns how many people stand on it.

    Taken in as a declaration it is that of the last month: who has left is marked so.
    """
    employer = employer_on(connection, unit_code, on)
    if employer is None:
        raise NotFound(f"there is no employer {unit_code}")
    last = connection.scalar(_LAST_MONTH, {"id": employer.employer_id})
    if last is None:
        raise NotFound(f"{unit_code} has declared nobody")
    count = 0

    def rows() -> Iterator[Sequence[Cell]]:
        nonlocal count
        yield [f"Tên đơn vị: {employer.name}"]
        yield [f"{form.UNIT}: {employer.unit_code}"]
        yield [f"{form.AGENCY}: {employer.agency_code}"]
        yield ["DANH SÁCH NGƯỜI THAM GIA BHXH, BHYT, BHTN, BHTNLĐ, BNN (D09-TS)"]
        yield [f"{form.PERIOD}: {last:%m/%Y}"]
        yield [*(column.partition(" ")[2] for column in _COLUMNS), *_PAID_TO]
        yield [column.partition(" ")[0] for column in _COLUMNS]
        for count, one in enumerate(participants_of(connection, vault, unit_code, on, law), 1):
            yield _cells(count, one)

    write_form(path, "D09-TS", rows(), made_at)
    return count


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
        _LEFT if one.left else _UNPAID if one.unpaid else None,
        _month(None if None in social else min(month for month in social if month is not None)),
        *(_month(one.paid_to[fund]) for fund in ("accident", "health", "unemployment")),
    ]


def _month(first_day: date | None) -> str:
    return f"{first_day:%m/%Y}" if first_day is not None else ""


_LAST_MONTH = text("SELECT max(period) FROM engine.declaration WHERE employer_id = :id")

_STAFF = text("""
    SELECT p.person_id, p.name, p.birth_date, p.insured_number_ciphertext, p.personal_id_ciphertext, m.from_month,
        m.to_month, last.position, last.wage_vnd, last.unpaid
    FROM (
        SELECT person_id, min(lower(months)) AS from_month, (max(upper(months)) - interval '1 month')::date AS to_month
        FROM engine.employment WHERE employer_id = :id AND upper_inf(recorded_during) GROUP BY person_id
    ) m
    JOIN engine.person p USING (person_id)
    JOIN engine.employment last ON last.employer_id = :id AND last.person_id = m.person_id
        AND upper_inf(last.recorded_during) AND last.months @> m.to_month
    ORDER BY p.folded_name, p.birth_date, p.person_id
""")
