"""Contributions (tiền đóng) of one worker in one month, by component fund, and of a whole employer month."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from engine.law.calendar import Month
from engine.law.contribution_terms import Employment, Fund, Limits, terms_of
from engine.law.due_dates import due_date
from engine.law.errors import FactsImpossible
from engine.law.findings import Finding, Record, Step
from engine.law.parameters import Parameters
from engine.law.rounding import HALF_UP, contribution_vnd

__all__ = [
    "Contribution",
    "EmployerMonth",
    "Employment",
    "Fund",
    "Member",
    "Share",
    "assess_contribution",
    "assess_month",
    "missing_months_payment",
    "sum_month",
]


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
    terms = terms_of(employment, on, law)
    if not terms.insures(employment.wage_vnd):
        record.find(
            _NOT_INSURED,
            terms.insured_ground[0].citation,
            False,
            {"category": employment.category, "wage_vnd": employment.wage_vnd},
            f"{employment.category}: {employment.wage_vnd}",
            terms.insured_ground,
        )
        return Contribution(False, 0, {})
    base = _base(_BASE, employment, terms.limits_of(Fund.RETIREMENT), record)
    shares: dict[Fund, Share] = {}
    for fund, (employee_percent, employer_percent) in terms.rates.items():
        fund_base = base
        if fund is Fund.UNEMPLOYMENT:
            fund_base = _base(_UNEMPLOYMENT_BASE, employment, terms.limits_of(fund), record)
        shares[fund] = Share(_part(fund_base, employee_percent), _part(fund_base, employer_percent))
        record.find(
            _SHARE,
            terms.ground[-1].citation,
            {"employee": shares[fund].employee_vnd, "employer": shares[fund].employer_vnd},
            {"fund": fund, "base_vnd": fund_base},
            f"{fund_base} × {employee_percent} % = {shares[fund].employee_vnd}; "
            f"{fund_base} × {employer_percent} % = {shares[fund].employer_vnd}",
            terms.ground,
            HALF_UP,
        )
    social = {Fund.RETIREMENT, Fund.SICKNESS, Fund.ACCIDENT}
    return Contribution(bool(social & set(shares)), base, shares)


def _base(step: Step, employment: Employment, limits: Limits, record: Record) -> int:
    base = limits.base_vnd(employment.wage_vnd)
    article = limits.ground[-1].citation if step is _UNEMPLOYMENT_BASE else limits.ground[0].citation
    record.find(
        step,
        article,
        base,
        {"wage_vnd": employment.wage_vnd, "region": employment.region},
        f"min(max({employment.wage_vnd}, {limits.lowest_vnd}), {limits.highest_vnd}) = {base}",
        limits.ground,
    )
    return base


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
    due_on = due_date(month, cycle_months, law, record)
    funds = sum_month(month, [contribution for _, contribution in assessed], law, record)
    return EmployerMonth(staff=assessed, funds=funds, due_on=due_on, record=record)


def sum_month(month: Month, staff: Sequence[Contribution], law: Parameters, record: Record) -> Mapping[Fund, Share]:
    """The dues of a month by fund, from what each worker's contribution is."""
    funds = {
        fund: Share(
            sum(found.share(fund).employee_vnd for found in staff),
            sum(found.share(fund).employer_vnd for found in staff),
        )
        for fund in Fund
    }
    by_fund: dict[str, Any] = {fund.value: share.total_vnd for fund, share in funds.items()}
    rates = law.at("contribution_rates", month.first_day)
    total_vnd = sum(share.total_vnd for share in funds.values())
    record.find(_MONTH, rates.citation, total_vnd, {"month": month, "workers": len(staff)}, str(by_fund), (rates,))
    return funds
