"""Contributions (tiền đóng) of one worker in one month, by component fund, and of a whole employer month."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any

from engine.law.calendar import Month
from engine.law.due_dates import due_date
from engine.law.errors import FactsImpossible
from engine.law.findings import Finding, Record, Step
from engine.law.parameters import DatedValue, Parameters
from engine.law.people import Category
from engine.law.rounding import HALF_UP, contribution_vnd


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


@dataclass(frozen=True, slots=True)
class Share:
    """What worker and employer pay into one fund, in đồng."""

    employee_vnd: int
    employer_vnd: int

    @property
    def total_vnd(self) -> int:
        return self.employee_vnd + self.employer_vnd


_NOTHING = Share(0, 0)


@dataclass(frozen=True, slots=True)
class Contribution:
    """A worker's contribution. `insured`: subject to compulsory social insurance."""

    insured: bool
    base_vnd: int
    shares: Mapping[Fund, Share]

    @property
    def employee_vnd(self) -> int:
        return sum(share.employee_vnd for share in self.shares.values())

    @property
    def employer_vnd(self) -> int:
        return sum(share.employer_vnd for share in self.shares.values())

    @property
    def total_vnd(self) -> int:
        return self.employee_vnd + self.employer_vnd

    def share(self, fund: Fund) -> Share:
        return self.shares.get(fund, _NOTHING)


_NOT_INSURED = Step(
    "subject_to_compulsory_si",
    "không thuộc diện tham gia bảo hiểm xã hội bắt buộc",
    "not subject to compulsory social insurance",
)
_UNPAID = Step(
    "unpaid_month",
    "không hưởng lương từ 14 ngày làm việc trở lên trong tháng: không đóng; bảo hiểm y tế của tháng này pháp luật "
    "hiện hành chưa nói rõ, mặc định không thu",
    "unpaid for 14 working days or more: nothing is due; the present rules leave health insurance of such a month "
    "open, by default none is collected",
)
_BASE = Step(
    "contribution_base",
    "căn cứ đóng = tiền lương, không thấp hơn mức sàn, không cao hơn mức trần",
    "contribution base = wage, no lower than the floor and no higher than the cap",
)
_UNEMPLOYMENT_BASE = Step(
    "unemployment_base",
    "căn cứ đóng bảo hiểm thất nghiệp = tiền lương, không cao hơn 20 × lương tối thiểu vùng",
    "unemployment insurance base = wage, no higher than 20 x regional minimum wage",
)
_SHARE = Step(
    "contribution",
    "tiền đóng vào quỹ = căn cứ đóng × tỷ lệ của người lao động và của người sử dụng lao động",
    "contribution to a fund = base x rate of the worker and of the employer",
)


def assess_contribution(employment: Employment, on: date, law: Parameters, record: Record) -> Contribution:
    """The contribution of a month, read on any of its days.

    >>> found = assess_contribution(
    ...     Employment(wage_vnd=10_000_000, region="I"), date(2026, 8, 1), Parameters.load(), Record()
    ... )
    >>> found.total_vnd
    3200000
    """
    if employment.unpaid_working_days and _unpaid(employment, on, law, record):
        return Contribution(True, 0, {})
    if not _insured(employment, on, law, record):
        return Contribution(False, 0, {})
    rates, ground = _rates(employment, on, law)
    base = _base(employment, on, law, record)
    shares: dict[Fund, Share] = {}
    for fund, (employee_percent, employer_percent) in rates.items():
        fund_base = _unemployment_base(employment, on, law, record) if fund is Fund.UNEMPLOYMENT else base
        shares[fund] = Share(_part(fund_base, employee_percent), _part(fund_base, employer_percent))
        record.find(
            _SHARE,
            ground[-1].citation,
            {"employee": shares[fund].employee_vnd, "employer": shares[fund].employer_vnd},
            {"fund": fund, "base_vnd": fund_base},
            f"{fund_base} × {employee_percent} % = {shares[fund].employee_vnd}; "
            f"{fund_base} × {employer_percent} % = {shares[fund].employer_vnd}",
            ground,
            HALF_UP,
        )
    social = {Fund.RETIREMENT, Fund.SICKNESS, Fund.ACCIDENT}
    return Contribution(bool(social & set(shares)), base, shares)


def _part(base: int, percent: Decimal) -> int:
    return contribution_vnd(Fraction(base * percent) / 100)


def _unpaid(employment: Employment, on: date, law: Parameters, record: Record) -> bool:
    limit = law.at("unpaid_working_days", on)
    if employment.unpaid_working_days < limit.value:
        return False
    health = law.at("unpaid_month_health", on)
    if health.value != "not_due":
        raise FactsImpossible("unpaid_working_days", f"no rule is known for health insurance being {health.value}")
    record.find(
        _UNPAID,
        limit.citation,
        0,
        {"unpaid_working_days": employment.unpaid_working_days},
        f"{employment.unpaid_working_days} ≥ {limit.value}",
        (limit, health),
    )
    return True


def _insured(employment: Employment, on: date, law: Parameters, record: Record) -> bool:
    match employment.category:
        case Category.PART_TIME:
            ground = law.at("part_time_threshold", on)
            level = law.value("reference_level", on)
            insured: bool = ground.value == "none" or employment.wage_vnd >= level
        case Category.HOUSEHOLD_OWNER | Category.UNPAID_MANAGER:
            ground = law.at("household_owner_rates", on)
            insured = bool(ground.value)
        case _:
            return True
    if not insured:
        record.find(
            _NOT_INSURED,
            ground.citation,
            False,
            {"category": employment.category, "wage_vnd": employment.wage_vnd},
            f"{employment.category}: {employment.wage_vnd}",
            (ground,),
        )
    return insured


_Rates = dict[Fund, tuple[Decimal, Decimal]]


def _rates(employment: Employment, on: date, law: Parameters) -> tuple[_Rates, tuple[DatedValue, ...]]:
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


def _ordinary_rates(employment: Employment, on: date, law: Parameters) -> tuple[_Rates, tuple[DatedValue, ...]]:
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
    employment: Employment, rates: _Rates, ground: tuple[DatedValue, ...], on: date, law: Parameters
) -> tuple[_Rates, tuple[DatedValue, ...]]:
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


def _of_table(table: Mapping[str, Mapping[str, Decimal]]) -> _Rates:
    return {Fund(fund): (rate["ee"], rate["er"]) for fund, rate in table.items()}


def _base(employment: Employment, on: date, law: Parameters, record: Record) -> int:
    level = law.at("reference_level", on)
    cap = law.at("base_cap_multiple", on)
    highest = cap.value["social"] * level.value
    lowest, ground = _floor(employment, on, law)
    base: int = min(max(employment.wage_vnd, lowest), highest)
    if employment.category is Category.COMMUNE_OFFICIAL:
        chosen = law.at("commune_official", on)
        base = level.value if chosen.value["base"] == "reference_level" else base
        ground = (*ground, chosen)
    record.find(
        _BASE,
        ground[0].citation,
        base,
        {"wage_vnd": employment.wage_vnd, "region": employment.region},
        f"min(max({employment.wage_vnd}, {lowest}), {cap.value['social']} × {level.value}) → {base}",
        (*ground, level, cap),
    )
    return base


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


def _unemployment_base(employment: Employment, on: date, law: Parameters, record: Record) -> int:
    wages = law.at("regional_minimum_wage", on)
    cap = law.at("base_cap_multiple", on)
    highest = cap.value["unemployment"] * _of_region(employment, wages)
    lowest, _ = _floor(employment, on, law)
    base: int = min(max(employment.wage_vnd, lowest), highest)
    record.find(
        _UNEMPLOYMENT_BASE,
        cap.citation,
        base,
        {"wage_vnd": employment.wage_vnd, "region": employment.region},
        f"min({max(employment.wage_vnd, lowest)}, {cap.value['unemployment']} × {wages.value[employment.region]})",
        (wages, cap),
    )
    return base


_TOP_UP = Step(
    "missing_months_paid_at_once",
    "đóng một lần cho số tháng còn thiếu = 22% × tiền lương cuối × số tháng",
    "missing months paid at once = 22% x last wage x months",
)


def missing_months_payment(
    wage_vnd: int, missing_months: int, on: date, law: Parameters, record: Record
) -> tuple[int, int]:
    """Đồng for one missing month, and for all of them (Law 41/2024 Article 33(7))."""
    rule = law.at("missing_months", on)
    if missing_months > rule.value["months"]:
        raise FactsImpossible("missing_months", f"at most {rule.value['months']} may be paid at once")
    month = _part(wage_vnd, rule.value["percent"])
    total = contribution_vnd(Fraction(wage_vnd * missing_months * rule.value["percent"]) / 100)
    record.find(
        _TOP_UP,
        rule.citation,
        total,
        {"wage_vnd": wage_vnd, "missing_months": missing_months},
        f"{wage_vnd} × {rule.value['percent']} % × {missing_months} = {total}",
        (rule,),
        HALF_UP,
    )
    return month, total


@dataclass(frozen=True, slots=True)
class Member:
    """One worker of an employer month."""

    name: str
    employment: Employment


@dataclass(frozen=True, slots=True, kw_only=True)
class EmployerMonth:
    """An employer's dues of a month in đồng, by fund and by worker, and the last day to pay them."""

    staff: Sequence[tuple[str, Contribution]]
    funds: Mapping[Fund, Share]
    due_on: date
    record: Record = field(repr=False)

    @property
    def total_vnd(self) -> int:
        return sum(share.total_vnd for share in self.funds.values())

    @property
    def findings(self) -> Sequence[Finding]:
        return self.record.findings

    @property
    def unconfirmed(self) -> tuple[str, ...]:
        return self.record.unconfirmed()


_MONTH = Step(
    "contribution_month",
    "số phải đóng của đơn vị = tổng số phải đóng của từng người vào từng quỹ",
    "dues of the employer = sum of each worker's contributions to each fund",
)


def assess_month(month: Month, staff: Sequence[Member], law: Parameters, cycle_months: int = 1) -> EmployerMonth:
    """Dues of an employer for a month; each worker's part of each fund is rounded by itself."""
    record = Record()
    on = month.first_day
    assessed = [(member.name, assess_contribution(member.employment, on, law, record)) for member in staff]
    funds = {
        fund: Share(
            sum(found.share(fund).employee_vnd for _, found in assessed),
            sum(found.share(fund).employer_vnd for _, found in assessed),
        )
        for fund in Fund
    }
    due_on = due_date(month, cycle_months, law, record)
    result = EmployerMonth(staff=assessed, funds=funds, due_on=due_on, record=record)
    by_fund: dict[str, Any] = {fund.value: share.total_vnd for fund, share in funds.items()}
    rates = law.at("contribution_rates", on)
    record.find(
        _MONTH, rates.citation, result.total_vnd, {"month": month, "workers": len(staff)}, str(by_fund), (rates,)
    )
    return result
