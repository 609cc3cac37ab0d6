"""Late knowledge: what a corrected record, a late decree or a late-reported death changes, month by month.

A decision is never edited. It is made again with what is known now, both decisions stay with their findings, and the
difference of each month is back pay (truy lĩnh) or a recoverable amount (thu hồi). "As known on D" means facts
recorded before the end of D and documents issued by D.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

from engine.law.calendar import Month
from engine.law.errors import FactsImpossible
from engine.law.findings import Finding, Record, Step
from engine.law.indexation import adjust_pension
from engine.law.parameters import Parameters
from engine.law.pension import PensionFacts, assess_pension
from engine.law.survivors import Kind, SurvivorFacts, assess_survivors, monthly_allowance

_Facts = TypeVar("_Facts")


@dataclass(frozen=True, slots=True)
class Recorded(Generic[_Facts]):
    """Facts as they were recorded on a day; the latest record that was known counts."""

    recorded_on: date
    facts: _Facts


def as_known(records: Sequence[Recorded[_Facts]], known_on: date) -> _Facts | None:
    """The facts known by the end of a day; None before the first record."""
    known = [record for record in records if record.recorded_on <= known_on]
    return max(known, key=lambda record: record.recorded_on).facts if known else None


class Way(StrEnum):
    """Where the difference of a month goes."""

    BACK_PAY = "back_pay"
    RECOVERY = "recovery"


@dataclass(frozen=True, slots=True)
class Entitlement:
    """What one payee is due month by month, with the findings it rests on; months without an entry are due nothing."""

    months: dict[Month, int]
    record: Record = field(repr=False)

    def of(self, month: Month) -> int:
        return self.months.get(month, 0)


@dataclass(frozen=True, slots=True)
class MonthDifference:
    """One month that was due another amount than was known; amounts in đồng."""

    month: Month
    before_vnd: int
    after_vnd: int

    @property
    def difference_vnd(self) -> int:
        return self.after_vnd - self.before_vnd

    @property
    def way(self) -> Way:
        return Way.BACK_PAY if self.difference_vnd > 0 else Way.RECOVERY


@dataclass(frozen=True, slots=True)
class Difference:
    """The months that differ, and both decisions' findings with the comparison at the end."""

    months: tuple[MonthDifference, ...]
    before: Record = field(repr=False)
    after: Record = field(repr=False)

    @property
    def back_pay_vnd(self) -> int:
        return sum(month.difference_vnd for month in self.months if month.way is Way.BACK_PAY)

    @property
    def recoverable_vnd(self) -> int:
        return -sum(month.difference_vnd for month in self.months if month.way is Way.RECOVERY)


class Entitled(Protocol):
    """Works out an entitlement up to a month under one state of the law."""

    def __call__(self, until: Month, law: Parameters) -> Entitlement: ...


_DIFFERENCE = Step(
    "difference",
    "chênh lệch của tháng = mức hưởng tính lại - mức hưởng đã tính; dương thì truy lĩnh, âm thì thu hồi",
    "difference of a month = amount decided anew - amount decided before; above zero back pay, below zero recoverable",
)


def compare(before: Entitlement, after: Entitlement, known_on: date, law: Parameters) -> Difference:
    """Both entitlements month by month; months with the same amount are left out."""
    months = sorted({*before.months, *after.months})
    found = tuple(
        MonthDifference(month, before.of(month), after.of(month))
        for month in months
        if before.of(month) != after.of(month)
    )
    difference = Difference(found, before.record, after.record)
    after.record.find(
        _DIFFERENCE,
        law.at("governing_law", known_on).citation,
        difference.back_pay_vnd - difference.recoverable_vnd,
        {"known_on": known_on, "months": len(found)},
        "; ".join(f"{one.month}: {one.after_vnd} - {one.before_vnd} = {one.difference_vnd}" for one in found),
    )
    return difference


def recompute(entitled: Callable[[date], Entitled], decided_on: date, known_on: date, law: Parameters) -> Difference:
    """What was due by the knowledge of the decision against what is due by the knowledge of a later day.

    Compared are the months up to that of the later day. `entitled` gives the entitlement as the facts of a day were.
    """
    if known_on < decided_on:
        raise FactsImpossible("known_on", "lies before the decision that is compared")
    until = Month.containing(known_on)
    before = entitled(decided_on)(until, law.known_on(decided_on))
    after = entitled(known_on)(until, law.known_on(known_on))
    return compare(before, after, known_on, law)


@dataclass(frozen=True, slots=True)
class LivingPension:
    """A pension with the death that ends it, if one is known: the month of death is paid, later ones are not."""

    facts: PensionFacts
    died_on: date | None = None
    stopped_before_1995: bool = False


def pension_entitlement(pension: LivingPension | None) -> Entitled:
    """A pension by the law of its first day, and every adjustment since on its own day."""

    def entitled(until: Month, law: Parameters) -> Entitlement:
        if pension is None:
            return Entitlement({}, Record())
        facts = pension.facts
        decision = assess_pension(facts, facts.pension_from, law)
        record = decision.record
        if not decision.eligible:
            return Entitlement({}, record)
        last = until if pension.died_on is None else min(until, Month.containing(pension.died_on))
        months: dict[Month, int] = {}
        amount = decision.amount_vnd
        month = Month.containing(facts.pension_from)
        turns = {value.starts_on for value in law.parameter("pension_adjustment").values}
        while month <= last:
            if month.first_day in turns and month.first_day > facts.pension_from:
                adjusted = adjust_pension(
                    decision.amount_vnd, facts.pension_from, pension.stopped_before_1995, month.first_day, law
                )
                amount = adjusted.amount_vnd
                record.findings += adjusted.findings[-_findings_of_one(adjusted.findings) :]
            months[month] = amount
            month = month + 1
        return Entitlement(months, record)

    return entitled


def _findings_of_one(findings: Sequence[Finding]) -> int:
    """The last adjustment has a finding, and another where a supplement of before 1995 was looked at."""
    return 2 if findings[-1].step.rule == "pre_1995_supplement" else 1


@dataclass(frozen=True, slots=True)
class LivingAllowance:
    """One relative's allowance after a death, until (not with) a month where one is known."""

    facts: SurvivorFacts
    name: str
    until: Month | None = None


def allowance_entitlement(allowance: LivingAllowance | None) -> Entitled:
    """A survivor allowance, re-based with every change of the reference level and never adjusted in percent."""

    def entitled(until: Month, law: Parameters) -> Entitlement:
        if allowance is None:
            return Entitlement({}, Record())
        deceased = allowance.facts.deceased
        decision = assess_survivors(allowance.facts, deceased.died_on, law)
        record = decision.record
        granted = [one for one in decision.monthly if one.name == allowance.name]
        if decision.kind is not Kind.MONTHLY or not granted:
            return Entitlement({}, record)
        (one,) = granted
        relative = next(found for found in allowance.facts.relatives if found.name == allowance.name)
        rule = law.value("survivor_allowance", deceased.died_on)
        multiplier = rule["multiplier_of_two_deaths"] if relative.deaths > 1 else 1
        last = until if allowance.until is None else min(until, allowance.until + -1)
        months: dict[Month, int] = {}
        month, amount = Month.containing(one.starts_on), one.amount_vnd
        turns = {value.starts_on for value in law.parameter("reference_level").values}
        while month <= last:
            if month.first_day in turns and month.first_day > one.starts_on:
                amount = monthly_allowance(one.percent, multiplier, month.first_day, law, record)
            months[month] = amount
            month = month + 1
        return Entitlement(months, record)

    return entitled


def corrected(pension: LivingPension, **facts: object) -> LivingPension:
    """The same pension with other facts about the person, for a record that corrects an earlier one."""
    return replace(pension, facts=replace(pension.facts, **facts))  # type: ignore[arg-type]
