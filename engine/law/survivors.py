"""Survivor benefits (chế độ tử tuất): the monthly allowance, the one-time allowance, and the choice between them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any

from engine.law.calendar import MONTHS_IN_YEAR, Month
from engine.law.findings import Finding, Record, Step
from engine.law.funeral import assess_funeral
from engine.law.parameters import DatedValue, Parameters
from engine.law.people import Sex
from engine.law.retirement import retirement_age
from engine.law.rounding import HALF_UP, benefit_vnd
from engine.law.survivor_lump_sums import (
    accident_death_lump,
    accident_pensioner_lump_sum,
    contributor_lump_sum,
    pensioner_lump_sum,
    voluntary_lump_sum,
)


class Cause(StrEnum):
    ORDINARY = "ordinary"
    WORK_ACCIDENT = "work_accident"


class Status(StrEnum):
    """What the deceased was: contributing, with preserved time, pensioner, or on a monthly accident allowance."""

    CONTRIBUTING = "contributing"
    RESERVED = "reserved"
    PENSIONER = "pensioner"
    ACCIDENT_ALLOWANCE = "accident_allowance"


class Relation(StrEnum):
    CHILD = "child"
    SPOUSE = "spouse"
    FATHER = "father"
    MOTHER = "mother"
    FATHER_IN_LAW = "father_in_law"
    MOTHER_IN_LAW = "mother_in_law"
    OTHER = "other"


class Kind(StrEnum):
    """Which survivor benefit is paid."""

    MONTHLY = "monthly"
    ONE_TIME = "one_time"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deceased:
    """The insured person; amounts in đồng. `pension_vnd` is the running pension or accident allowance."""

    died_on: date
    status: Status
    cause: Cause = Cause.ORDINARY
    compulsory_months: int = 0
    voluntary_months: int = 0
    average_vnd: int = 0
    months_pre_2014: int = 0
    months_from_2014: int = 0
    pension_vnd: int = 0
    pension_months_received: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Relative:
    """A relative (thân nhân) as of the end of the month of death.

    `alone`: nobody is left to look after them. `deaths`: insured persons whose survivor they are, this death included.
    """

    name: str
    relation: Relation
    sex: Sex
    birth_date: date
    monthly_income_vnd: int = 0
    impairment_percent: Decimal | int = 0
    alone: bool = False
    deaths: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SurvivorFacts:
    deceased: Deceased
    relatives: Sequence[Relative]
    choice: Kind | None = None


@dataclass(frozen=True, slots=True)
class Allowance:
    """One relative's monthly allowance in đồng, from a day on."""

    name: str
    percent: int
    amount_vnd: int
    starts_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class SurvivorDecision:
    """Everything due after a death. The accident lump sum comes from the accident fund, beside the rest."""

    funeral_grant_vnd: int
    monthly: tuple[Allowance, ...]
    one_time_vnd: int
    kind: Kind
    accident_lump_sum_vnd: int
    record: Record = field(repr=False)

    @property
    def findings(self) -> Sequence[Finding]:
        return self.record.findings

    @property
    def unconfirmed(self) -> tuple[str, ...]:
        return self.record.unconfirmed()


def assess_survivors(facts: SurvivorFacts, as_of: date, law: Parameters) -> SurvivorDecision:
    """Decides on the death under the law of `as_of`, which for an award is the day of death."""
    record = Record()
    deceased = facts.deceased
    funeral = assess_funeral(
        as_of,
        law,
        compulsory_months=deceased.compulsory_months,
        voluntary_months=deceased.voluntary_months,
        work_accident=deceased.cause is Cause.WORK_ACCIDENT,
        monthly_benefit=deceased.status in (Status.PENSIONER, Status.ACCIDENT_ALLOWANCE),
        record=record,
    )
    accident = accident_death_lump(as_of, law, record) if deceased.cause is Cause.WORK_ACCIDENT else 0
    qualifying: list[Relative] = []
    if gives_monthly_allowance(deceased, as_of, law, record):
        qualifying = [relative for relative in facts.relatives if qualifies(relative, as_of, law, record)]
    one_time_chosen = facts.choice is Kind.ONE_TIME and may_choose(qualifying, as_of, law, record)
    if qualifying and not one_time_chosen:
        monthly = _allowances(qualifying, as_of, law, record)
        one_time, kind = 0, Kind.MONTHLY
    else:
        monthly = ()
        one_time = _one_time(deceased, as_of, law, record)
        kind = Kind.ONE_TIME if one_time else Kind.NONE
    return SurvivorDecision(
        funeral_grant_vnd=funeral.grant_vnd,
        monthly=monthly,
        one_time_vnd=one_time,
        kind=kind,
        accident_lump_sum_vnd=accident,
        record=record,
    )


_DECEASED = Step(
    "survivor_deceased",
    "người chết đã đóng đủ 15 năm bắt buộc, hoặc đang hưởng lương hưu, hoặc chết do tai nạn lao động, "
    "hoặc đang hưởng trợ cấp tai nạn lao động hằng tháng",
    "the deceased had 15 compulsory years, or a pension, or died by work accident, or had a monthly accident allowance",
)


def gives_monthly_allowance(deceased: Deceased, on: date, law: Parameters, record: Record) -> bool:
    """Whether a death opens the monthly allowance. A pension of mixed scheme needs the compulsory years itself."""
    rule = law.at("survivor_allowance", on)
    long_enough = deceased.compulsory_months >= rule.value["qualifying_months"]
    match deceased.status:
        case Status.PENSIONER:
            opens = long_enough or not deceased.voluntary_months
        case Status.ACCIDENT_ALLOWANCE:
            opens = True
        case Status.CONTRIBUTING | Status.RESERVED:
            opens = long_enough
    opens = opens or deceased.cause is Cause.WORK_ACCIDENT
    record.find(
        _DECEASED,
        rule.citation,
        opens,
        {"status": deceased.status, "cause": deceased.cause, "compulsory_months": deceased.compulsory_months},
        f"{deceased.compulsory_months} ≥ {rule.value['qualifying_months']}",
        (rule,),
    )
    return opens


_RELATIVE = Step(
    "survivor_relative",
    "con chưa đủ 18 tuổi hoặc suy giảm từ 81%; vợ, chồng, cha, mẹ, người khác đủ tuổi hoặc suy giảm từ 81%, "
    "thu nhập thấp hơn mức tham chiếu; xét vào cuối tháng chết",
    "child under 18 or impaired by 81%; spouse, parent or other of full age or impaired by 81%, with an income below "
    "the reference level; tested at the end of the month of death",
)


def qualifies(relative: Relative, on: date, law: Parameters, record: Record) -> bool:
    """Whether a relative receives the monthly allowance, tested at the end of the month of death."""
    rule = law.at("survivor_allowance", on)
    level = law.at("reference_level", on)
    month = Month.containing(on)
    impaired = relative.impairment_percent >= rule.value["impairment_percent"]
    if relative.relation is Relation.CHILD:
        grown = _reached(relative.birth_date, rule.value["child_years"] * MONTHS_IN_YEAR, month)
        # Law 58/2014 Article 67(3) tests no child for income; Law 41/2024 Article 86(3) tests those of full age.
        fit, tested = not grown or impaired, grown and rule.value["impaired_child"] == "tested"
    else:
        fit, tested = impaired or _full_age(relative, month, rule, law), True
    poor = relative.monthly_income_vnd < level.value
    found = fit and (poor or not tested)
    record.find(
        _RELATIVE,
        rule.citation,
        found,
        {
            "name": relative.name,
            "relation": relative.relation,
            "birth_date": relative.birth_date,
            "impairment_percent": relative.impairment_percent,
            "monthly_income_vnd": relative.monthly_income_vnd,
        },
        f"{relative.monthly_income_vnd} < {level.value}" if tested else f"{relative.birth_date} → {month}",
        (rule, level),
    )
    return found


def _full_age(relative: Relative, month: Month, rule: DatedValue, law: Parameters) -> bool:
    if rule.value["adult_age"] == "fixed":
        return _reached(relative.birth_date, rule.value[relative.sex], month)
    age = retirement_age(relative.sex, Month.containing(relative.birth_date), law, Record())
    return age.reached <= month


def _reached(birth_date: date, age_months: int, month: Month) -> bool:
    return Month.containing(birth_date) + age_months <= month


_CHOICE = Step(
    "survivor_choice",
    "thân nhân được chọn trợ cấp một lần; luật cũ loại trừ khi có con dưới 6 tuổi, con hoặc vợ, chồng suy giảm từ 81%",
    "relatives may choose the lump sum; the old law barred it with a child under 6, or an impaired child or spouse",
)


def may_choose(qualifying: Sequence[Relative], on: date, law: Parameters, record: Record) -> bool:
    """Whether the qualifying relatives may take the one-time allowance in place of the monthly one."""
    barred_below = law.at("survivor_choice", on)
    impairment = law.value("survivor_allowance", on)["impairment_percent"]
    month = Month.containing(on)
    barred = bool(barred_below.value) and any(
        (
            relative.relation is Relation.CHILD
            and not _reached(relative.birth_date, barred_below.value * MONTHS_IN_YEAR, month)
        )
        or (relative.relation in (Relation.CHILD, Relation.SPOUSE) and relative.impairment_percent >= impairment)
        for relative in qualifying
    )
    record.find(
        _CHOICE,
        barred_below.citation,
        not barred,
        {"relatives": len(qualifying)},
        f"{barred_below.value} → {not barred}",
        (barred_below,),
    )
    return not barred


_START = Step(
    "survivor_start",
    "hưởng từ tháng liền kề sau tháng chết; con sinh sau khi cha chết hưởng từ tháng sinh",
    "from the month after the month of death; a posthumous child from its month of birth",
)


def allowance_start(died_on: date, law: Parameters, record: Record, posthumous_birth: date | None = None) -> date:
    """First day of the monthly allowance.

    >>> allowance_start(date(2026, 8, 3), Parameters.load(), Record(), date(2026, 12, 20))
    datetime.date(2026, 12, 1)
    """
    month = Month.containing(posthumous_birth) if posthumous_birth else Month.containing(died_on) + 1
    record.find(
        _START,
        law.at("survivor_rebased", died_on).citation,
        month.first_day,
        {"death_date": died_on, "posthumous_child_birth": posthumous_birth},
        str(month.first_day),
    )
    return month.first_day


_ALLOWANCE = Step(
    "survivor_monthly",
    "trợ cấp tuất hằng tháng = tỷ lệ × mức tham chiếu (× 2 nếu có từ hai người chết)",
    "monthly survivor allowance = percent x reference level (x 2 when two insured persons died)",
)


def monthly_allowance(percent: Any, multiplier: int, on: date, law: Parameters, record: Record) -> int:
    """One person's allowance in a month; it follows every change of the reference level.

    >>> monthly_allowance(50, 1, date(2026, 8, 1), Parameters.load(), Record())
    1265000
    """
    level = law.at("reference_level", on)
    article = law.at("survivor_rebased", on)
    amount = benefit_vnd(Fraction(percent) * level.value * multiplier / 100)
    record.find(
        _ALLOWANCE,
        article.citation,
        amount,
        {"percent": percent, "multiplier": multiplier},
        f"{percent} % × {level.value} × {multiplier} = {amount}",
        (level, article),
        HALF_UP,
    )
    return amount


def _allowances(
    qualifying: Sequence[Relative], died_on: date, law: Parameters, record: Record
) -> tuple[Allowance, ...]:
    """At most four, in the order in which the relatives are named."""
    rule = law.value("survivor_allowance", died_on)
    allowances = []
    for relative in qualifying[: rule["persons"]]:
        percent = rule["alone_percent"] if relative.alone else rule["percent"]
        born_after = relative.birth_date if relative.birth_date > died_on else None
        start = allowance_start(died_on, law, record, born_after)
        # Article 87(2): relatives of two or more insured persons who died receive the allowance twice.
        multiplier = rule["multiplier_of_two_deaths"] if relative.deaths > 1 else 1
        amount = monthly_allowance(percent, multiplier, start, law, record)
        allowances.append(Allowance(relative.name, int(percent), amount, start))
    return tuple(allowances)


def _one_time(deceased: Deceased, on: date, law: Parameters, record: Record) -> int:
    months = deceased.months_pre_2014 + deceased.months_from_2014
    if deceased.status is Status.PENSIONER:
        return pensioner_lump_sum(deceased.pension_vnd, deceased.pension_months_received, on, law, record).amount_vnd
    if deceased.status is Status.ACCIDENT_ALLOWANCE and not (months and deceased.average_vnd):
        return accident_pensioner_lump_sum(deceased.pension_vnd, on, law, record).amount_vnd
    if not months:
        return 0
    if not deceased.compulsory_months and deceased.voluntary_months:
        return voluntary_lump_sum(
            deceased.average_vnd, deceased.months_pre_2014, deceased.months_from_2014, on, law, record
        ).amount_vnd
    return contributor_lump_sum(
        deceased.average_vnd, deceased.months_pre_2014, deceased.months_from_2014, on, law, record
    ).amount_vnd
