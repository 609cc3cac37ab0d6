"""From a claim, through the law, to awards (quyết định hưởng). Read it from the top: it is the story of this room.

A claim states facts. The law of the day the benefit starts says what they give, with a finding for every step. What
it gives becomes one award for each payee, with an amount for each stretch of months; what it does not give is a
refusal, with the same findings. Nothing here is stored, and nothing here knows a number that a law fixes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TypeVar, assert_never

from engine.awards.claim import Claim, Claimed, month_after
from engine.awards.survivors import assess_loss, deceased_of, end_month_of
from engine.law.errors import FactsImpossible
from engine.law.findings import Record
from engine.law.funeral import assess_funeral
from engine.law.indexation import adjust_pension
from engine.law.parameters import Parameters
from engine.law.pension import PensionFacts, assess_pension
from engine.law.people import Sex
from engine.law.survivors import Cause, Kind, Status, monthly_allowance
from engine.people.person import Person

_T = TypeVar("_T")

RETIREMENT, STATE_BUDGET = "retirement", "state_budget"
"""Who pays: the retirement and survivorship fund (quỹ hưu trí và tử tuất), or the state budget."""


@dataclass(frozen=True, slots=True)
class Amount:
    """Đồng per month from one month until (not with) another, or without end; of an award paid once, its month.

    Its findings tell how it came from the award's first amount, and are empty where the award's own findings give it.
    """

    from_month: date
    end_month: date | None
    amount_vnd: int
    findings: Record = field(default_factory=Record, repr=False)


@dataclass(frozen=True, slots=True)
class Award:
    """A benefit for one payee. `starts_on` is the first day of the first month it is for."""

    award_no: str
    payee: Person
    benefit: str
    fund: str
    frequency: str
    starts_on: date
    amounts: tuple[Amount, ...]
    findings: Record = field(repr=False)

    @property
    def unconfirmed(self) -> tuple[str, ...]:
        """The legal values it rests on that nobody has confirmed."""
        records = (self.findings, *(amount.findings for amount in self.amounts))
        return tuple(sorted({name for record in records for name in record.unconfirmed()}))


@dataclass(frozen=True, slots=True)
class Decision:
    """What a claim leads to: awards, or a reason for none; either way with the findings."""

    awards: tuple[Award, ...]
    refused_for: str | None
    findings: Record = field(repr=False)


def decide(claim: Claim, decided_on: date, law: Parameters) -> Decision:
    """Decides a claim under the law as it stands on the day of decision."""
    match claim.benefit:
        case Claimed.PENSION:
            return _pension(claim, decided_on, law)
        case Claimed.RUNNING_PENSION:
            return _running_pension(claim, decided_on, law)
        case Claimed.FUNERAL_GRANT:
            return _funeral_grant(claim, decided_on, law)
        case Claimed.SURVIVOR_ALLOWANCE | Claimed.SURVIVOR_LUMP_SUM:
            return _survivors(claim, decided_on, law)
        case _:
            assert_never(claim.benefit)


def _pension(claim: Claim, decided_on: date, law: Parameters) -> Decision:
    """A new pension under the law of its first day, with the adjustments since; perhaps a lump sum on retirement."""
    starts_on = _given(claim.starts_on)
    facts = PensionFacts(
        sex=Sex(claim.insured.sex),
        birth_date=claim.insured.birth_date,
        pension_from=starts_on,
        history=[stretch.as_period() for stretch in claim.history],
        impairment_percent=claim.impairment_percent,
    )
    decision = assess_pension(facts, starts_on, law)
    if decision.reason is not None:
        return Decision((), decision.reason.value, decision.record)
    days = [day for day in adjustment_days(law) if starts_on < day <= decided_on]
    (first_month, end_month), *later = _stretches(starts_on, days, None)
    amounts = [Amount(first_month, end_month, decision.amount_vnd)]
    for from_month, end_month in later:
        adjusted = adjust_pension(decision.amount_vnd, starts_on, stopped_before_1995=False, on=from_month, law=law)
        amounts.append(Amount(from_month, end_month, adjusted.amount_vnd, adjusted.record))
    awards = [_monthly(claim, claim.claimant, "pension", amounts, decision.record)]
    if decision.retirement_lump_sum_vnd:
        amount_vnd = decision.retirement_lump_sum_vnd
        awards.append(_once(claim, "retirement_lump_sum", amount_vnd, max(starts_on, decided_on), decision.record))
    return Decision(tuple(awards), None, decision.record)


def _running_pension(claim: Claim, decided_on: date, law: Parameters) -> Decision:
    """A pension taken over: the amount paid before the last adjustment, and what that adjustment makes of it."""
    starts_on = _given(claim.starts_on)
    adjusted_on = max(day for day in adjustment_days(law) if day <= decided_on)
    if starts_on >= adjusted_on:
        raise FactsImpossible("starts_on", "a pension that began after the last adjustment is claimed as a new one")
    adjusted = adjust_pension(
        _given(claim.amount_before_vnd),
        starts_on,
        claim.stopped_before_1995,
        decided_on,
        law,
        paid_since=max(starts_on, adjusted_on - timedelta(days=1)),
    )
    amounts = [Amount(adjusted_on, None, adjusted.amount_vnd)]
    award = _monthly(claim, claim.claimant, "pension", amounts, adjusted.record)
    return Decision((award,), None, adjusted.record)


def _funeral_grant(claim: Claim, decided_on: date, law: Parameters) -> Decision:
    """The grant of the month of death, to whoever arranged the funeral."""
    deceased = deceased_of(claim)
    decision = assess_funeral(
        deceased.died_on,
        law,
        compulsory_months=deceased.compulsory_months,
        voluntary_months=deceased.voluntary_months,
        work_accident=deceased.cause is Cause.WORK_ACCIDENT,
        monthly_benefit=deceased.status in (Status.PENSIONER, Status.ACCIDENT_ALLOWANCE),
    )
    if not decision.eligible:
        return Decision((), "contribution_time", decision.record)
    award = _once(claim, "funeral_grant", decision.grant_vnd, decided_on, decision.record)
    return Decision((award,), None, decision.record)


def _survivors(claim: Claim, decided_on: date, law: Parameters) -> Decision:
    """An allowance for each qualifying relative, or one lump sum where the law gives or the relatives chose that."""
    chosen = Kind.ONE_TIME if claim.benefit is Claimed.SURVIVOR_LUMP_SUM else None
    loss = assess_loss(claim, chosen, law)
    if loss.kind is Kind.NONE:
        return Decision((), "no_survivor_benefit", loss.record)
    if loss.kind is Kind.ONE_TIME:
        award = _once(claim, "survivor_lump_sum", loss.one_time_vnd, decided_on, loss.record)
        return Decision((award,), None, loss.record)
    if chosen is Kind.ONE_TIME:
        return Decision((), "monthly_allowance_due", loss.record)
    awards = []
    for place, (relative, allowance) in enumerate(loss.monthly, 1):
        grown = end_month_of(relative, loss.died_on, law)
        days = [day for day in _level_days(law) if allowance.starts_on < day <= decided_on]
        (first_month, end_month), *later = _stretches(allowance.starts_on, days, grown)
        amounts = [Amount(first_month, end_month, allowance.amount_vnd)]
        for from_month, end_month in later:
            record = Record()
            amount_vnd = monthly_allowance(allowance.percent, 1, from_month, law, record)
            amounts.append(Amount(from_month, end_month, amount_vnd, record))
        awards.append(_monthly(claim, relative.person, "survivor_allowance", amounts, loss.record, f"-{place}"))
    return Decision(tuple(awards), None, loss.record)


def _monthly(
    claim: Claim, payee: Person, benefit: str, amounts: Sequence[Amount], findings: Record, suffix: str = ""
) -> Award:
    starts_on = claim.starts_on or amounts[0].from_month
    award_no = _award_no(claim) + suffix
    return Award(award_no, payee, benefit, _fund(claim), "monthly", starts_on, tuple(amounts), findings)


def _once(claim: Claim, benefit: str, amount_vnd: int, due_on: date, findings: Record) -> Award:
    """An award paid once, in the month it falls due in."""
    month = due_on.replace(day=1)
    suffix = "-L" if benefit == "retirement_lump_sum" else ""
    amount = Amount(month, month_after(month), amount_vnd)
    return Award(_award_no(claim) + suffix, claim.claimant, benefit, _fund(claim), "once", month, (amount,), findings)


def _award_no(claim: Claim) -> str:
    """Số quyết định: the claim's own number, so that both are found by either."""
    return f"QĐ-{claim.claim_no}"


def _fund(claim: Claim) -> str:
    """The state budget pays for those who stopped work before 1995, the fund for all others."""
    return STATE_BUDGET if claim.stopped_before_1995 else RETIREMENT


def _stretches(starts_on: date, changes: Sequence[date], end: date | None) -> list[tuple[date, date | None]]:
    """The months from a start to an end (not with it), cut at the days of change before the end."""
    cuts = [starts_on, *(day for day in changes if end is None or day < end)]
    return list(zip(cuts, [*cuts[1:], end], strict=True))


def adjustment_days(law: Parameters) -> list[date]:
    """Days on which running pensions were adjusted."""
    return [value.starts_on for value in law.parameter("pension_adjustment").values]


def _level_days(law: Parameters) -> list[date]:
    """Days on which the reference level, which survivor allowances follow, was changed."""
    return [value.starts_on for value in law.parameter("reference_level").values]


def _given(value: _T | None) -> _T:
    """A fact that reading the claim made sure of."""
    if value is None:
        raise FactsImpossible("claim", "lacks a fact that its benefit needs")
    return value
