"""A death as the law reads it: what the deceased had earned, and which relatives qualify for how long."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from engine.awards.claim import Claim, Relative
from engine.law import survivors as law_of_survivors
from engine.law.average import career_average
from engine.law.calendar import MONTHS_IN_YEAR, Month
from engine.law.errors import FactsImpossible
from engine.law.findings import Record
from engine.law.parameters import Parameters
from engine.law.people import Period, Sex, WageRegime, in_order
from engine.law.survivors import Allowance, Cause, Deceased, Kind, Relation, Status, SurvivorFacts, assess_survivors

_YEARS_COUNT_MORE_FROM = Month.of(2014, 1)
"""The law gives each year from 2014 on more months of the average than those before (months_from_2014)."""


@dataclass(frozen=True, slots=True)
class Loss:
    """What the survivors get; allowances beside the relatives they belong to."""

    died_on: date
    kind: Kind
    monthly: Sequence[tuple[Relative, Allowance]]
    one_time_vnd: int
    record: Record = field(repr=False)


def assess_loss(claim: Claim, chosen: Kind | None, law: Parameters) -> Loss:
    """The survivor benefits after a death, under the law of the day of death."""
    deceased = deceased_of(claim)
    # Two relatives may bear one name: their place in the claim tells them apart in the findings too.
    named = {f"{place}. {relative.person.name}": relative for place, relative in enumerate(claim.relatives, 1)}
    relatives = [_relative(name, relative) for name, relative in named.items()]
    facts = SurvivorFacts(deceased=deceased, relatives=relatives, choice=chosen)
    decision = assess_survivors(facts, deceased.died_on, law)
    if not decision.monthly and claim.history and deceased.status is not Status.PENSIONER:
        # Only a lump sum rests on the average wage; no other award should name the values that it depends on.
        averaging = Record()
        average = career_average(_history(claim), deceased.died_on, law, averaging)
        deceased = replace(deceased, average_vnd=average.average_vnd)
        decision = assess_survivors(replace(facts, deceased=deceased), deceased.died_on, law)
        decision.record.findings[:0] = averaging.findings
    monthly = [(named[allowance.name], allowance) for allowance in decision.monthly]
    return Loss(deceased.died_on, decision.kind, monthly, decision.one_time_vnd, decision.record)


def deceased_of(claim: Claim) -> Deceased:
    """The deceased with the contribution time of the claim, the average wage left open."""
    death = claim.death
    if death is None:
        raise FactsImpossible("death", "a death benefit is claimed without a death")
    history = _history(claim)
    months = sum(period.months for period in history)
    voluntary = sum(period.months for period in history if period.regime is WageRegime.VOLUNTARY)
    before = sum(max(0, min(period.last + 1, _YEARS_COUNT_MORE_FROM) - period.first) for period in history)
    return Deceased(
        died_on=death.on,
        status=Status(death.status),
        cause=Cause.WORK_ACCIDENT if death.work_accident else Cause.ORDINARY,
        compulsory_months=months - voluntary,
        voluntary_months=voluntary,
        months_pre_2014=before,
        months_from_2014=months - before,
        pension_vnd=death.pension_vnd or 0,
        pension_months_received=death.pension_months or 0,
    )


def end_month_of(relative: Relative, died_on: date, law: Parameters) -> date | None:
    """The month from which a child's allowance is no longer paid: the one after the child grew up; others have none.

    A child impaired as much as the law demands keeps the allowance.
    """
    rule = law.value("survivor_allowance", died_on)
    if relative.relation != Relation.CHILD or relative.impairment_percent >= rule["impairment_percent"]:
        return None
    childhood_years: int = rule["child_years"]
    grown = Month.containing(relative.person.birth_date) + childhood_years * MONTHS_IN_YEAR
    return (grown + 1).first_day


def _relative(name: str, relative: Relative) -> law_of_survivors.Relative:
    return law_of_survivors.Relative(
        name=name,
        relation=Relation(relative.relation),
        sex=Sex(relative.person.sex),
        birth_date=relative.person.birth_date,
        monthly_income_vnd=relative.monthly_income_vnd,
        impairment_percent=relative.impairment_percent,
        alone=relative.alone,
    )


def _history(claim: Claim) -> tuple[Period, ...]:
    return in_order(stretch.as_period() for stretch in claim.history)
