"""What running benefits cost under two laws: by month, benefit, province, sex and age, and who wins or loses.

A population is a CSV table, one row for so many persons alike: benefit (pension, survivor_allowance, social_pension or
funeral_grant), province, sex, birth_date, persons, and what the benefit rests on. Amounts are what was paid in the
month before the first one compared.
"""

import csv
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, assert_never

from engine.law.batch import TableUnreadable
from engine.law.calendar import MONTHS_IN_YEAR, Month
from engine.law.case_fields import Reader, day, flag_text, read_keys, text, whole_text, word
from engine.law.findings import Record
from engine.law.funeral import assess_funeral
from engine.law.indexation import adjust_pension
from engine.law.other_benefits import social_pension
from engine.law.parameters import Parameters
from engine.law.people import Sex
from engine.law.survivors import monthly_allowance

AGE_BANDS = (18, 60, 70, 80)
"""Ages at which a new band of the tables begins; bands of a table, no ages of the law."""


class Benefit(StrEnum):
    PENSION = "pension"
    SURVIVOR_ALLOWANCE = "survivor_allowance"
    SOCIAL_PENSION = "social_pension"
    FUNERAL_GRANT = "funeral_grant"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Persons alike. `persons` of a funeral grant are deaths a month."""

    benefit: Benefit
    province: str
    sex: Sex
    birth_date: date
    persons: int
    amount_vnd: int = 0
    started_on: date | None = None
    stopped_before_1995: bool = False
    percent: int = 0


_COLUMNS: Mapping[str, Reader] = {
    "benefit": word(Benefit),
    "province": text,
    "sex": word(Sex),
    "birth_date": day,
    "persons": whole_text(0),
    "amount_vnd": whole_text(0),
    "started_on": day,
    "stopped_before_1995": flag_text,
    "percent": whole_text(0, 100),
}
_REQUIRED = ("benefit", "province", "sex", "birth_date", "persons")
_NEEDED = {
    Benefit.PENSION: ("amount_vnd", "started_on"),
    Benefit.SURVIVOR_ALLOWANCE: ("percent",),
    Benefit.SOCIAL_PENSION: (),
    Benefit.FUNERAL_GRANT: (),
}


def read_population(path: Path) -> list[Group]:
    """Every group of a table; all problems are named at once."""
    problems: list[str] = []
    groups: list[Group] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for number, row in enumerate(csv.DictReader(file), 2):
                cells = {key: value for key, value in row.items() if value and key}
                place = f"{path.name}: line {number}"
                before = len(problems)
                read = read_keys(cells, _COLUMNS, _REQUIRED, place, problems)
                if len(problems) == before:
                    missing = [key for key in _NEEDED[read["benefit"]] if key not in read]
                    problems += [f"{place}.{key}: missing" for key in missing]
                    groups.append(Group(**read))
    except (OSError, UnicodeDecodeError) as error:
        raise TableUnreadable([f"{path}: {error}"]) from error
    if problems or not groups:
        raise TableUnreadable(problems or [f"{path}: holds no rows"])
    return groups


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """One place of the table of costs."""

    month: str
    benefit: str
    province: str
    sex: str
    age: str


@dataclass(frozen=True, slots=True)
class Cost:
    """Persons and đồng of one place under today's law and under the changed one."""

    cell: Cell
    persons: int
    before_vnd: int
    after_vnd: int

    def as_row(self) -> dict[str, Any]:
        return {
            "month": self.cell.month,
            "benefit": self.cell.benefit,
            "province": self.cell.province,
            "sex": self.cell.sex,
            "age": self.cell.age,
            "persons": self.persons,
            "before_vnd": self.before_vnd,
            "after_vnd": self.after_vnd,
            "difference_vnd": self.after_vnd - self.before_vnd,
        }


@dataclass(frozen=True, slots=True)
class Balance:
    """Persons who gain, lose or keep over all months, and đồng gained and lost."""

    winners: int
    losers: int
    unchanged: int
    gained_vnd: int
    lost_vnd: int


@dataclass(frozen=True, slots=True)
class Costs:
    cells: Sequence[Cost]
    balance: Balance

    @property
    def by_month(self) -> Mapping[str, tuple[int, int]]:
        """Đồng before and after of each month."""
        months: dict[str, tuple[int, int]] = {}
        for cost in self.cells:
            before, after = months.get(cost.cell.month, (0, 0))
            months[cost.cell.month] = before + cost.before_vnd, after + cost.after_vnd
        return months

    def as_json(self) -> dict[str, Any]:
        balance = self.balance
        return {
            "months": [
                {"month": month, "before_vnd": before, "after_vnd": after, "difference_vnd": after - before}
                for month, (before, after) in self.by_month.items()
            ],
            "cells": [cost.as_row() for cost in self.cells],
            "winners": {"persons": balance.winners, "vnd": balance.gained_vnd},
            "losers": {"persons": balance.losers, "vnd": balance.lost_vnd},
            "unchanged": {"persons": balance.unchanged},
        }


def costs_of(population: Sequence[Group], first: Month, last: Month, today: Parameters, changed: Parameters) -> Costs:
    """Costs of every month from the first to the last under both laws."""
    months = [Month(month) for month in range(first, last + 1)]
    persons: dict[Cell, int] = defaultdict(int)
    sums: dict[Cell, list[int]] = defaultdict(lambda: [0, 0])
    won: list[tuple[int, int]] = []
    for group in population:
        before, after = _amounts(group, months, today), _amounts(group, months, changed)
        for month, old, new in zip(months, before, after, strict=True):
            cell = Cell(str(month), group.benefit.value, group.province, group.sex.value, _band(group, month))
            persons[cell] += group.persons if old or new else 0
            sums[cell][0] += old * group.persons
            sums[cell][1] += new * group.persons
        won.append(((sum(after) - sum(before)) * group.persons, group.persons))
    cells = [Cost(cell, persons[cell], *sums[cell]) for cell in sorted(sums) if any(sums[cell])]
    return Costs(cells, _balance(won))


def _balance(won: Sequence[tuple[int, int]]) -> Balance:
    return Balance(
        winners=sum(persons for vnd, persons in won if vnd > 0),
        losers=sum(persons for vnd, persons in won if vnd < 0),
        unchanged=sum(persons for vnd, persons in won if vnd == 0),
        gained_vnd=sum(vnd for vnd, _ in won if vnd > 0),
        lost_vnd=-sum(vnd for vnd, _ in won if vnd < 0),
    )


def _amounts(group: Group, months: Sequence[Month], law: Parameters) -> list[int]:
    """Đồng for one person in each month."""
    match group.benefit:
        case Benefit.PENSION:
            return _pension(group, months, law)
        case Benefit.SURVIVOR_ALLOWANCE:
            return [monthly_allowance(Decimal(group.percent), 1, month.first_day, law, Record()) for month in months]
        case Benefit.SOCIAL_PENSION:
            return [
                social_pension(_age(group, month), False, False, month.first_day, law, Record()) for month in months
            ]
        case Benefit.FUNERAL_GRANT:
            needed = law.value("funeral_grant", months[0].first_day)["compulsory_months"]
            return [assess_funeral(month.first_day, law, compulsory_months=needed).grant_vnd for month in months]
        case _:
            assert_never(group.benefit)


def _pension(group: Group, months: Sequence[Month], law: Parameters) -> list[int]:
    """The amount before the first month, with every adjustment since; computed where one falls into the months."""
    started_on = group.started_on or group.birth_date
    paid_since = max(started_on, months[0].first_day - timedelta(days=1))
    turns = {value.starts_on for value in law.parameter("pension_adjustment").values}
    amounts: list[int] = []
    amount = group.amount_vnd
    for month in months:
        if month.first_day in turns:
            adjusted = adjust_pension(
                group.amount_vnd, started_on, group.stopped_before_1995, month.first_day, law, paid_since
            )
            amount = adjusted.amount_vnd
        amounts.append(amount if month.first_day >= started_on else 0)
    return amounts


def _age(group: Group, month: Month) -> int:
    return max(0, (month - Month.containing(group.birth_date)) // MONTHS_IN_YEAR)


def _band(group: Group, month: Month) -> str:
    age = _age(group, month)
    below = [bound for bound in AGE_BANDS if bound <= age]
    above = [bound for bound in AGE_BANDS if bound > age]
    return f"{below[-1] if below else 0}–{above[0] - 1}" if above else f"{AGE_BANDS[-1]}+"


def write_table(costs: Costs, path: Path) -> None:
    """The data under the chart, one row for each place of the table."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = [cost.as_row() for cost in costs.cells]
        table = csv.DictWriter(file, fieldnames=list(rows[0]) if rows else ["month"], lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
