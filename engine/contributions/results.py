"""Kết quả đóng của từng người (C83a-HD): what is due for each worker, what of it is paid, and of which months not.

Receipts are allocated by month and fund. What of a month and fund is unpaid is first that of the workers whom a receipt
serves first and has not reached yet, as far as it is owed for them; the rest is shared among the others in proportion
to their dues. No text says how it is shared among them: it is our reading. The parts add up to what the employer owes.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from engine.contributions.account import FirstServed, debits_on, first_served
from engine.contributions.dues import FUND_LABELS
from engine.contributions.employer import employer_on
from engine.contributions.register import FUNDS, Participant, participants_of
from engine.errors import NotFound
from engine.law.parameters import Parameters
from engine.vault import Vault, mask
from ledger.money import Dong, share
from ledger.sheets import Cell, Column, Kind, write_xlsx


@dataclass(frozen=True, slots=True)
class Unpaid:
    """What is unpaid for a worker, of one month and fund, in đồng."""

    period: date
    fund: str
    amount_vnd: int


@dataclass(frozen=True, slots=True)
class PersonResult:
    """One worker, what is due for them by fund over all declared months, in đồng, and what of it is not paid."""

    participant: Participant
    due_vnd: Mapping[str, int]
    unpaid: Sequence[Unpaid]

    def unpaid_vnd(self, fund: str) -> int:
        return sum(part.amount_vnd for part in self.unpaid if part.fund == fund)

    def as_json(self) -> dict[str, Any]:
        """Without the number in full, which an employer's list (D09-TS) has."""
        one = self.participant
        funds = {}
        for fund in FUNDS:
            paid_to, unpaid_vnd = one.paid_to[fund], self.unpaid_vnd(fund)
            funds[fund] = {
                "paid_to": f"{paid_to:%Y-%m}" if paid_to else None,
                "due_vnd": self.due_vnd.get(fund, 0),
                "paid_vnd": self.due_vnd.get(fund, 0) - unpaid_vnd,
                "unpaid_vnd": unpaid_vnd,
            }
        unpaid = [
            {"month": f"{part.period:%Y-%m}", "fund": part.fund, "unpaid_vnd": part.amount_vnd} for part in self.unpaid
        ]
        return {
            "name": one.name,
            "number": mask(one.number),
            "birth_date": one.birth_date.isoformat(),
            "from_month": f"{one.from_month:%Y-%m}",
            "to_month": f"{one.to_month:%Y-%m}",
            "left": one.left,
            "funds": funds,
            "unpaid": unpaid,
        }


def results_of(
    connection: Connection, vault: Vault, unit_code: str, on: date, law: Parameters
) -> Iterator[PersonResult]:
    """The result of everybody whom an employer has declared, as it stands on a day, by name."""
    employer = employer_on(connection, unit_code, on)
    if employer is None:
        raise NotFound(f"there is no employer {unit_code}")
    owed: dict[tuple[date, str], int] = defaultdict(int)
    for debit in debits_on(connection, employer.employer_id, on, law):
        owed[debit.period, debit.fund] += debit.principal_vnd
    due: dict[UUID, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    dues: dict[tuple[date, str], dict[UUID, int]] = {key: {} for key, unpaid_vnd in owed.items() if unpaid_vnd}
    for row in connection.execute(_DUE, {"id": employer.employer_id}):
        for fund, parts in row.shares.items():
            amount_vnd = parts["employee_vnd"] + parts["employer_vnd"]
            due[row.person_id][fund] += amount_vnd
            if amount_vnd and (row.period, fund) in dues:
                dues[row.period, fund][row.person_id] = amount_vnd
    served = first_served(connection, employer, on)
    unpaid: dict[UUID, list[Unpaid]] = defaultdict(list)
    for (period, fund), people in dues.items():
        for person_id, amount_vnd in _shared(owed[period, fund], people, served, served.owed.get((period, fund), 0)):
            unpaid[person_id].append(Unpaid(period, fund, amount_vnd))
    for participant in participants_of(connection, vault, unit_code, on, law):
        yield PersonResult(participant, due[participant.person_id], unpaid[participant.person_id])


def _shared(
    unpaid_vnd: int, people: Mapping[UUID, int], served: FirstServed, owed_first_vnd: int
) -> Iterator[tuple[UUID, int]]:
    """Whose the unpaid part of a month and fund is: of those served first what is owed for them, else of the others."""
    first = {one: vnd for one, vnd in people.items() if one in served.people}
    others = {one: vnd for one, vnd in people.items() if one not in served.people}
    first_vnd = min(unpaid_vnd, max(owed_first_vnd, 0)) if others else unpaid_vnd
    for group, group_vnd in ((first, first_vnd), (others, unpaid_vnd - first_vnd)):
        if group_vnd:
            for person_id, part in zip(group, share(Dong(group_vnd), list(group.values())), strict=True):
                if part.vnd:
                    yield person_id, part.vnd


C83A_COLUMNS = (
    Column("place", "STT", "No.", Kind.NUMBER),
    Column("name", "Họ và tên", "Name"),
    Column("number", "Mã số BHXH", "Insured number"),
    Column("birth_date", "Ngày sinh", "Birth date", Kind.DATE),
    *(
        column
        for fund in FUNDS
        for column in (
            Column(f"{fund}_paid_to", f"{FUND_LABELS[fund]}: đã đóng đến", f"{fund}: paid to"),
            Column(f"{fund}_due_vnd", f"{FUND_LABELS[fund]}: phải thu", f"{fund}: due", Kind.MONEY),
            Column(f"{fund}_paid_vnd", f"{FUND_LABELS[fund]}: đã phân bổ", f"{fund}: paid", Kind.MONEY),
            Column(f"{fund}_unpaid_vnd", f"{FUND_LABELS[fund]}: còn thiếu", f"{fund}: unpaid", Kind.MONEY),
        )
    ),
    Column("unpaid_months", "Còn thiếu của các tháng", "Months not paid whole"),
)


def write_results(path: Path, results: Iterator[PersonResult], made_at: datetime) -> int:
    """The results as a workbook, row by row; returns how many people stand on it."""
    return write_xlsx(path, "C83a-HD", C83A_COLUMNS, (_cells(no, one) for no, one in enumerate(results, 1)), made_at)


def _cells(place: int, one: PersonResult) -> Sequence[Cell]:
    person = one.participant
    cells: list[Cell] = [place, person.name, person.number, person.birth_date]
    for fund in FUNDS:
        paid_to, due_vnd, unpaid_vnd = person.paid_to[fund], one.due_vnd.get(fund, 0), one.unpaid_vnd(fund)
        cells += [f"{paid_to:%m/%Y}" if paid_to else "", due_vnd, due_vnd - unpaid_vnd, unpaid_vnd]
    months = sorted({part.period for part in one.unpaid})
    return [*cells, ", ".join(f"{month:%m/%Y}" for month in months)]


# A worker whom a correction took out of a month has no employment in it any more.
_DUE = text("""
    SELECT DISTINCT ON (c.period, d.person_id) c.period, d.person_id, d.shares
    FROM engine.declaration c
    JOIN engine.person_dues d USING (declaration_id)
    JOIN engine.employment m ON m.employer_id = c.employer_id AND m.person_id = d.person_id
        AND m.months @> c.period AND upper_inf(m.recorded_during)
    WHERE c.employer_id = :id
    ORDER BY c.period, d.person_id, c.number DESC
""")
