"""What the law asks of a worker's month beside the wage: rates by fund, floors, caps, and who is insured at all.

Everybody whose other facts are the same has the same terms; a wage meets them in `contributions` with findings, and in
`batch` a million times without.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from engine.law.errors import FactsImpossible
from engine.law.parameters import DatedValue, Parameters
from engine.law.people import Category
from engine.law.rounding import contribution_vnd


class Fund(StrEnum):
    """Quỹ thành phần: retirement and survivors, sickness and maternity, accident, unemployment, health."""

    RETIREMENT = "retirement"
    SICKNESS = "sickness"
    ACCIDENT = "accident"
    UNEMPLOYMENT = "ui"
    HEALTH = "hi"


class Hazard(StrEnum):
    """Công việc nặng nhọc, độc hại, nguy hiểm; đặc biệt nặng nhọc, độc hại, nguy hiểm."""

    HAZARDOUS = "hazardous"
    SPECIALLY_HAZARDOUS = "specially_hazardous"


@dataclass(frozen=True, slots=True, kw_only=True)
class Employment:
    """What decides a worker's contribution in a month; the wage in đồng.

    `relieved_employer` is an employer to whom the pandemic relief of 2021 and 2022 applies. `safe_employer` has the
    lower accident rate approved. `months_with_disability` counts the months worked so far, this one included, by a
    person with disability; 0 for everybody else.
    """

    wage_vnd: int
    region: str | None = None
    category: Category = Category.EMPLOYEE
    foreign: bool = False
    unpaid_working_days: int = 0
    relieved_employer: bool = False
    safe_employer: bool = False
    trained: bool = False
    hazard: Hazard | None = None
    months_with_disability: int = 0
    retirement_suspended: bool = False


Rates = dict[Fund, tuple[Decimal, Decimal]]
"""Percent of worker and employer by fund."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Lowest and highest base in đồng, and what fixes them."""

    lowest_vnd: int
    highest_vnd: int
    ground: tuple[DatedValue, ...]

    def base_vnd(self, wage_vnd: int) -> int:
        return min(max(wage_vnd, self.lowest_vnd), self.highest_vnd)


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of a month. `insured_from_vnd` is the lowest insured wage, None where nobody of the kind is insured."""

    insured_from_vnd: int | None
    insured_ground: tuple[DatedValue, ...]
    rates: Rates
    ground: tuple[DatedValue, ...]
    limits: Limits | None
    unemployment: Limits | None

    def insures(self, wage_vnd: int) -> bool:
        return self.insured_from_vnd is not None and wage_vnd >= self.insured_from_vnd

    def limits_of(self, fund: Fund) -> Limits:
        """The limits of the base of one fund."""
        found = self.unemployment if fund is Fund.UNEMPLOYMENT else self.limits
        if found is None:
            raise AssertionError(fund)
        return found


def terms_of(employment: Employment, on: date, law: Parameters) -> Terms:
    """The terms of a month, read on any of its days; the wage of the employment plays no part."""
    insured_from, insured_ground = _insured_from(employment, on, law)
    if insured_from is None:
        return Terms(None, insured_ground, {}, (), None, None)
    rates, ground = _rates(employment, on, law)
    unemployment = _unemployment_limits(employment, on, law) if Fund.UNEMPLOYMENT in rates else None
    return Terms(insured_from, insured_ground, rates, ground, _limits(employment, on, law), unemployment)


def _insured_from(employment: Employment, on: date, law: Parameters) -> tuple[int | None, tuple[DatedValue, ...]]:
    match employment.category:
        case Category.PART_TIME:
            ground = law.at("part_time_threshold", on)
            return (0 if ground.value == "none" else law.value("reference_level", on)), (ground,)
        case Category.HOUSEHOLD_OWNER | Category.UNPAID_MANAGER:
            ground = law.at("household_owner_rates", on)
            return (0 if ground.value else None), (ground,)
        case _:
            return 0, ()


def _rates(employment: Employment, on: date, law: Parameters) -> tuple[Rates, tuple[DatedValue, ...]]:
    """Percent of worker and employer for each fund, and the parameters that say so."""
    match employment.category:
        case Category.COMMUNE_OFFICIAL:
            ground = law.at("commune_official", on)
            rates = _of_table({fund: rate for fund, rate in ground.value.items() if fund != "base"})
            return rates, (ground,)
        case Category.HOUSEHOLD_OWNER | Category.UNPAID_MANAGER:
            ground = law.at("household_owner_rates", on)
            return {Fund(fund): (rate, Decimal(0)) for fund, rate in ground.value.items()}, (ground,)
        case Category.CONSCRIPT | Category.MILITIA | Category.ABROAD | Category.DIPLOMATIC_SPOUSE:
            ground = law.at("retirement_only_rates", on)
            rate = ground.value[employment.category]
            return {Fund.RETIREMENT: (rate["ee"], rate["er"])}, (ground.narrowed(employment.category.value),)
        case _:
            return _ordinary_rates(employment, on, law)


def _ordinary_rates(employment: Employment, on: date, law: Parameters) -> tuple[Rates, tuple[DatedValue, ...]]:
    ordinary = law.at("contribution_rates", on)
    rates = _of_table(ordinary.value)
    ground: tuple[DatedValue, ...] = (ordinary,)
    if employment.relieved_employer:
        relief = law.at("pandemic_relief", on)
        if relief.value:
            rates |= {Fund(fund): (rates[Fund(fund)][0], percent) for fund, percent in relief.value.items()}
            ground = (ordinary, relief)
    if employment.foreign:
        funds = law.at("foreign_worker_funds", on)
        rates = {fund: rate for fund, rate in rates.items() if fund in funds.value}
        ground = (*ground, funds)
    not_joined = law.at("funds_not_joined", on)
    if employment.category in not_joined.value:
        missing = not_joined.value[employment.category]
        rates = {fund: rate for fund, rate in rates.items() if fund not in missing}
        ground = (*ground, not_joined.narrowed(employment.category.value))
    rates, ground = _employer_reliefs(employment, rates, ground, on, law)
    if employment.retirement_suspended:
        rates.pop(Fund.RETIREMENT, None)
    return rates, ground


def _employer_reliefs(
    employment: Employment, rates: Rates, ground: tuple[DatedValue, ...], on: date, law: Parameters
) -> tuple[Rates, tuple[DatedValue, ...]]:
    """Rates that an employer has lower for itself or for one worker; never above what another relief leaves."""
    if employment.safe_employer and Fund.ACCIDENT in rates:
        lower = law.at("accident_rate_reduced", on)
        rates |= {Fund.ACCIDENT: (rates[Fund.ACCIDENT][0], min(lower.value, rates[Fund.ACCIDENT][1]))}
        ground = (*ground, lower)
    if employment.months_with_disability and Fund.UNEMPLOYMENT in rates:
        relief = law.at("disability_hiring_relief", on)
        if employment.months_with_disability <= relief.value["months"]:
            rates |= {Fund.UNEMPLOYMENT: (rates[Fund.UNEMPLOYMENT][0], relief.value["percent"])}
            ground = (*ground, relief)
    return rates, ground


def _of_table(table: Mapping[str, Mapping[str, Decimal]]) -> Rates:
    return {Fund(fund): (rate["ee"], rate["er"]) for fund, rate in table.items()}


def _limits(employment: Employment, on: date, law: Parameters) -> Limits:
    level = law.at("reference_level", on)
    cap = law.at("base_cap_multiple", on)
    lowest, ground = _floor(employment, on, law)
    highest = cap.value["social"] * level.value
    if employment.category is Category.COMMUNE_OFFICIAL:
        chosen = law.at("commune_official", on)
        ground = (*ground, chosen)
        if chosen.value["base"] == "reference_level":
            lowest = highest = level.value
    return Limits(lowest, highest, (*ground, level, cap))


def _unemployment_limits(employment: Employment, on: date, law: Parameters) -> Limits:
    wages = law.at("regional_minimum_wage", on)
    cap = law.at("base_cap_multiple", on)
    lowest, _ = _floor(employment, on, law)
    return Limits(lowest, cap.value["unemployment"] * _of_region(employment, wages), (wages, cap))


def _floor(employment: Employment, on: date, law: Parameters) -> tuple[int, tuple[DatedValue, ...]]:
    rule = law.at("base_floor", on)
    if rule.value == "reference_level" or employment.category is Category.COMMUNE_OFFICIAL:
        return law.value("reference_level", on), (rule,)
    wages = law.at("regional_minimum_wage", on)
    lowest = _of_region(employment, wages)
    if not employment.trained and employment.hazard is None:
        return lowest, (rule, wages)
    more = law.at("base_floor_supplement", on)
    exact = Fraction(lowest)
    if employment.trained:
        exact *= 1 + Fraction(more.value["trained"]) / 100
    if employment.hazard:
        exact *= 1 + Fraction(more.value[employment.hazard]) / 100
    return contribution_vnd(exact), (rule, wages, more)


def _of_region(employment: Employment, wages: DatedValue) -> int:
    if employment.region is None:
        raise FactsImpossible("region", "missing")
    return int(wages.value[employment.region])
