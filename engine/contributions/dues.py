"""Số phải đóng: what an employer and its staff owe each fund for a month, with the findings that say why.

A big employer has thousands of workers whose findings differ in numbers only. So the words, articles and parameters
stand once with the declaration, as its grounds, and the findings of a worker refer to them by place.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from engine.contributions.declaration_form import DeclaredWorker
from engine.contributions.employer import Employer
from engine.law.calendar import Month
from engine.law.contributions import (
    Contribution,
    Employment,
    Fund,
    Share,
    assess_contribution,
    sum_month,
)
from engine.law.due_dates import due_date, end_of_cycle
from engine.law.findings import Finding, Record
from engine.law.late_interest import months_of_interest
from engine.law.parameters import Parameters

FUND_NAMES = {fund: fund.name.lower() for fund in Fund}
"""Quỹ thành phần as the ledger and the tables write it: retirement, sickness, accident, unemployment, health."""

FUNDS_BY_NAME = {name: fund for fund, name in FUND_NAMES.items()}

FUND_LABELS = {
    "retirement": "Hưu trí, tử tuất",
    "sickness": "Ốm đau, thai sản",
    "accident": "Tai nạn lao động, bệnh nghề nghiệp",
    "unemployment": "Bảo hiểm thất nghiệp",
    "health": "Bảo hiểm y tế",
}
"""The same as notices and accounts print it."""

_Findings = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class AssessedWorker:
    """A worker's dues of the month, and the findings in their short form."""

    worker: DeclaredWorker
    contribution: Contribution
    findings: _Findings


@dataclass(frozen=True, slots=True)
class AssessedMonth:
    """The dues of an employer's month."""

    staff: Sequence[AssessedWorker]
    funds: dict[str, Share]
    due_on: date
    grounds: _Findings
    findings: _Findings
    unconfirmed: tuple[str, ...]

    @property
    def total_vnd(self) -> int:
        return sum(share.total_vnd for share in self.funds.values())


class Grounds:
    """What the findings of many people have in common, each kept once."""

    def __init__(self) -> None:
        self._places: dict[tuple[object, ...], int] = {}
        self.listed: _Findings = []

    def short(self, finding: Finding) -> dict[str, Any]:
        """A finding without what its ground says."""
        used = tuple((parameter.name, parameter.starts_on) for parameter in finding.parameters)
        key = (finding.step, finding.article, used)
        told = finding.as_json()
        if key not in self._places:
            self._places[key] = len(self.listed)
            self.listed.append(
                {name: told[name] for name in ("rule", "article", "parameters", "rounding")}
                | {"formula": {language: told["formula"][language] for language in ("vi", "en")}}
            )
        return {
            "ground": self._places[key],
            "inputs": told["inputs"],
            "numbers": told["formula"]["numbers"],
            "value": told["value"],
        }


def in_full(grounds: Sequence[dict[str, Any]], findings: Sequence[dict[str, Any]]) -> _Findings:
    """Findings with the words, articles and parameters of their grounds, as an award keeps them."""
    full = []
    for short in findings:
        ground = grounds[short["ground"]]
        formula = {**ground["formula"], "numbers": short["numbers"]}
        full.append({**ground, "formula": formula, "inputs": short["inputs"], "value": short["value"]})
    return full


def assess_dues(employer: Employer, period: date, workers: Sequence[DeclaredWorker], law: Parameters) -> AssessedMonth:
    """Assesses every declared worker who is still with the employer, and the employer's sums and due date.

    Many workers have the same wage: what is the same is assessed once.
    """
    month = Month.containing(period)
    grounds, record = Grounds(), Record()
    cycle_end = end_of_cycle(month, employer.cycle_months)
    due_on = due_date(cycle_end, employer.cycle_months, law, record)
    known: dict[Employment, tuple[Contribution, _Findings]] = {}
    unconfirmed: set[str] = set()
    staff = []
    for worker in workers:
        employment = _employment(employer, worker, month, law)
        if employment not in known:
            own = Record()
            contribution = assess_contribution(employment, month.first_day, law, own)
            known[employment] = contribution, [grounds.short(finding) for finding in own.findings]
            unconfirmed.update(own.unconfirmed())
        staff.append(AssessedWorker(worker, *known[employment]))
    funds = sum_month(month, [one.contribution for one in staff], law, record)
    unconfirmed.update(record.unconfirmed())
    if due_on < law.parameter("late_charge").values[0].starts_on:
        # Until then lateness bore interest by the month. No text says whether 1 July 2025 still did; here it did not.
        unconfirmed.add("late_interest_months")
        if any(month.rate is None for month in months_of_interest(Fund.HEALTH, due_on, date.max, law)):
            unconfirmed.add("late_interest_rate")
    return AssessedMonth(
        staff=staff,
        funds={FUND_NAMES[fund]: share for fund, share in funds.items()},
        due_on=due_on,
        grounds=grounds.listed,
        findings=[grounds.short(finding) for finding in record.findings],
        unconfirmed=tuple(sorted(unconfirmed)),
    )


def compact_json(value: Any) -> str:
    """JSON in one way only, so that equal content has an equal hash."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _employment(employer: Employer, worker: DeclaredWorker, month: Month, law: Parameters) -> Employment:
    unpaid = int(law.value("unpaid_working_days", month.first_day)) if worker.unpaid else 0
    return Employment(wage_vnd=worker.wage_vnd, region=employer.region, unpaid_working_days=unpaid)
