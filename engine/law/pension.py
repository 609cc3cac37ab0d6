"""The pension (lương hưu): who gets one, from which month, and how much."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from engine.law.average import career_average
from engine.law.calendar import Month
from engine.law.errors import FactsImpossible
from engine.law.findings import Finding, Record, Step, number_text
from engine.law.lump_sums import retirement_lump_sum
from engine.law.parameters import Parameters
from engine.law.pension_rate import Earliness, pension_rate
from engine.law.people import Category, Period, Sex, WageRegime, in_order
from engine.law.retirement import RetirementAge, months_allowed_early, retirement_age
from engine.law.rounding import HALF_UP, benefit_vnd


class Refusal(StrEnum):
    """Why no pension is due yet."""

    AGE = "age"
    CONTRIBUTION_TIME = "contribution_time"


@dataclass(frozen=True, slots=True, kw_only=True)
class PensionFacts:
    """What must be known about a person to award a pension from a month on."""

    sex: Sex
    birth_date: date
    pension_from: date
    history: Sequence[Period]
    impairment_percent: Decimal | int = 0
    lowered_by_years: int = 0
    participated_before_july_2025: bool | None = None
    category: Category = Category.EMPLOYEE


@dataclass(frozen=True, slots=True, kw_only=True)
class PensionDecision:
    """The answer to a claim; amounts in đồng a month (pension) and once (retirement lump sum)."""

    eligible: bool
    reason: Refusal | None
    contribution_months: int
    months_before_reference_age: int
    average_vnd: int = 0
    rate_percent: Fraction = Fraction(0)
    amount_vnd: int = 0
    retirement_lump_sum_vnd: int = 0
    record: Record = field(repr=False)

    @property
    def findings(self) -> Sequence[Finding]:
        return self.record.findings

    @property
    def unconfirmed(self) -> tuple[str, ...]:
        return self.record.unconfirmed()


def assess_pension(facts: PensionFacts, as_of: date, law: Parameters) -> PensionDecision:
    """Decides a claim under the law of `as_of`, which for an award is the day the pension starts.

    >>> career = [Period(Month.of(2024, 1), Month.of(2026, 5), WageRegime.PRIVATE, 10_000_000)]
    >>> woman = PensionFacts(
    ...     sex=Sex.FEMALE, birth_date=date(1969, 5, 20), pension_from=date(2026, 6, 1), history=career
    ... )
    >>> assess_pension(woman, date(2026, 6, 1), Parameters.load()).reason
    <Refusal.CONTRIBUTION_TIME: 'contribution_time'>
    """
    record = Record()
    if facts.pension_from.day != 1:
        raise FactsImpossible("pension_from", "a pension starts on the first day of a month")
    start = Month.containing(facts.pension_from)
    history = in_order(facts.history)
    if not history:
        raise FactsImpossible("history", "holds no month")
    if history[-1].last >= start:
        raise FactsImpossible("history", f"{history[-1].last} does not lie before the pension starts")
    months = sum(period.months for period in history)
    compulsory = sum(period.months for period in history if period.regime is not WageRegime.VOLUNTARY)
    reference = _reference_age(facts, history, as_of, law, record)
    early_months = max(0, reference.start - start)
    reason = _refusal(facts, months, compulsory, early_months, as_of, law, record)
    if reason is not None:
        return PensionDecision(
            eligible=False,
            reason=reason,
            contribution_months=months,
            months_before_reference_age=early_months,
            record=record,
        )
    average = career_average(history, as_of, law, record)
    early = Earliness.of(early_months, reference.age_months) if early_months else None
    needed = law.value("qualifying_months", as_of)
    fewer = not early_months and compulsory == months and months < needed["ordinary"]
    rate = pension_rate(facts.sex, months, as_of, law, record, early, commune_woman=fewer)
    joined_before = facts.participated_before_july_2025
    first = next((period.first for period in history if period.regime is not WageRegime.VOLUNTARY), start)
    amount = pension_amount(
        average.average_vnd,
        rate,
        compulsory,
        facts.category,
        _joined_in_time(first, as_of, law) if joined_before is None else joined_before,
        as_of,
        law,
        record,
    )
    after_age = _months_from(history, reference.start)
    lump_sum = retirement_lump_sum(facts.sex, months, after_age, average.average_vnd, as_of, law, record)
    return PensionDecision(
        eligible=True,
        reason=None,
        contribution_months=months,
        months_before_reference_age=early_months,
        average_vnd=average.average_vnd,
        rate_percent=rate,
        amount_vnd=amount.pension_vnd,
        retirement_lump_sum_vnd=lump_sum.amount_vnd,
        record=record,
    )


@dataclass(frozen=True, slots=True)
class PensionAmount:
    """The pension as computed, and as paid after the lowest pension."""

    computed_vnd: int
    pension_vnd: int
    protected: bool


_COMPUTED = Step(
    "pension",
    "lương hưu = bình quân × tỷ lệ",
    "pension = average x rate",
)
_LOWEST = Step(
    "minimum_pension",
    "người được bảo vệ hưởng không thấp hơn mức tham chiếu (lương cơ sở)",
    "protected persons receive no less than the reference level (base salary)",
)


def pension_amount(
    average_vnd: int,
    rate_percent: Fraction,
    compulsory_months: int,
    category: Category,
    joined_in_time: bool,
    on: date,
    law: Parameters,
    record: Record,
) -> PensionAmount:
    """Average times rate, raised to the lowest pension for those it protects.

    >>> law = Parameters.load()
    >>> facts = (4_200_000, Fraction(50), 252, Category.EMPLOYEE, True, date(2026, 8, 1), law, Record())
    >>> pension_amount(*facts).pension_vnd
    2530000
    """
    computed = benefit_vnd(average_vnd * rate_percent / 100)
    article = law.at("accrual", on).citation
    record.find(
        _COMPUTED,
        article,
        computed,
        {"average_vnd": average_vnd, "rate_percent": rate_percent},
        f"{average_vnd} × {number_text(rate_percent)} % = {computed}",
        rounding=HALF_UP,
    )
    rule = law.at("minimum_pension", on)
    protected = (
        joined_in_time and compulsory_months >= rule.value["months"] and category.value in rule.value["categories"]
    )
    level = law.at("reference_level", on)
    pension = max(computed, level.value) if protected else computed
    record.find(
        _LOWEST,
        rule.citation,
        pension,
        {"compulsory_months": compulsory_months, "category": category, "joined_in_time": joined_in_time},
        f"max({computed}, {level.value}) = {pension}" if protected else f"{computed}",
        (rule, level),
    )
    return PensionAmount(computed, pension, protected)


def _joined_in_time(first: Month, on: date, law: Parameters) -> bool:
    limit = date.fromisoformat(law.value("minimum_pension", on)["joined_before"])
    return first.first_day < limit


def _months_from(history: Sequence[Period], month: Month) -> int:
    """Months contributed in and after a month."""
    return sum(max(0, period.last - max(period.first, month) + 1) for period in history)


_KEPT_AGE = Step(
    "voluntary_kept_age",
    "tham gia tự nguyện trước năm 2021 và đủ 20 năm tự nguyện: giữ tuổi cũ",
    "joined the voluntary scheme before 2021 and 20 voluntary years: the former age is kept",
)


def _reference_age(
    facts: PensionFacts, history: Sequence[Period], on: date, law: Parameters, record: Record
) -> RetirementAge:
    """The age without reduction: the ordinary or lowered one, or the one that voluntary participants keep."""
    birth = Month.containing(facts.birth_date)
    age = retirement_age(facts.sex, birth, law, record, facts.lowered_by_years)
    voluntary = [period for period in history if period.regime is WageRegime.VOLUNTARY]
    if not voluntary or law.value("governing_law", on) != "law_2024":
        return age
    kept = law.at("voluntary_kept_age", on)
    months = sum(period.months for period in voluntary)
    joined_before = date.fromisoformat(kept.value["joined_before"])
    # Decree 158/2025 Article 17(2) gives the former age to mixed careers too, however long their compulsory part.
    if (
        months < kept.value["months"]
        or voluntary[0].first.first_day >= joined_before
        or kept.value[facts.sex] >= age.age_months
    ):
        return age
    found = RetirementAge(kept.value[facts.sex], birth + kept.value[facts.sex])
    record.find(
        _KEPT_AGE,
        kept.citation,
        found.start.first_day,
        {"voluntary_months": months, "joined": voluntary[0].first},
        f"{birth} + {found.age_months} → {found.start.first_day}",
        (kept,),
    )
    return found


_AGE_CONDITION = Step(
    "age_condition",
    "số tháng hưởng trước tuổi không vượt số tháng được phép theo mức suy giảm khả năng lao động",
    "the pension starts no more months before the reference age than the impairment allows",
)
_TIME_CONDITION = Step(
    "contribution_time_condition",
    "thời gian đóng không ngắn hơn thời gian tối thiểu",
    "the contribution time is not shorter than the shortest qualifying time",
)


def _refusal(
    facts: PensionFacts,
    months: int,
    compulsory: int,
    early_months: int,
    on: date,
    law: Parameters,
    record: Record,
) -> Refusal | None:
    """The first condition that is not met: age, then contribution time."""
    early = law.at("early_pension", on)
    old_enough = early_months == 0 or _allowed_early(facts, on, law)
    record.find(
        _AGE_CONDITION,
        early.citation,
        old_enough,
        {"months_before_reference_age": early_months, "impairment_percent": facts.impairment_percent},
        f"{early_months} tháng / months",
        (early,),
    )
    if not old_enough:
        return Refusal.AGE
    needed = law.at("qualifying_months", on)
    shortest = needed.value["impaired"] if early_months else _shortest_time(facts, needed.value)
    # Mixed careers too short in the compulsory part count all their months, but not when ability to work is reduced.
    mixed = not early_months and compulsory < months and months >= needed.value["voluntary"]
    long_enough = compulsory >= shortest or mixed
    record.find(
        _TIME_CONDITION,
        needed.citation,
        long_enough,
        {"contribution_months": months, "compulsory_months": compulsory},
        f"{compulsory} / {months} ≥ {shortest}",
        (needed,),
    )
    return None if long_enough else Refusal.CONTRIBUTION_TIME


def _shortest_time(facts: PensionFacts, needed: Mapping[str, int]) -> int:
    """Months for a pension at the age itself; Law 58/2014 Article 54(3) asked less of women in commune offices."""
    in_office = facts.category is Category.COMMUNE_OFFICIAL and facts.sex is Sex.FEMALE
    return needed.get("commune_women", needed["ordinary"]) if in_office else needed["ordinary"]


def _allowed_early(facts: PensionFacts, on: date, law: Parameters) -> bool:
    """Earliness is measured from the ordinary age (Article 65(1)a, b); underground miners may be of any age (c)."""
    lowered = law.value("lowered_age_years", on)
    allowed = months_allowed_early(facts.impairment_percent, on, law)
    if allowed and facts.lowered_by_years >= lowered["underground"]:
        return True
    ordinary = retirement_age(facts.sex, Month.containing(facts.birth_date), law, Record())
    return ordinary.start - Month.containing(facts.pension_from) <= allowed
