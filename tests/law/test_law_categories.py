"""Participants beside the ordinary employee, reliefs of single employers, channels of payment and support."""

from datetime import date
from decimal import Decimal

import pytest

from engine.law.channels import Channel, Scheme, channel_allowed
from engine.law.contribution_terms import Employment, Fund, Hazard
from engine.law.contributions import assess_contribution
from engine.law.errors import NoValueOnDate
from engine.law.findings import Record
from engine.law.parameters import Parameters
from engine.law.people import Category
from engine.law.sickness import long_illness_benefit
from engine.law.voluntary import SupportedGroup, published_yield, subsidy_percent

LAW = Parameters.load()
ON = date(2026, 8, 1)


def shares(on: date = ON, **facts: object) -> dict[str, tuple[int, int]]:
    employment = Employment(wage_vnd=10_000_000, region="I", **facts)  # type: ignore[arg-type]
    found = assess_contribution(employment, on, LAW, Record())
    return {fund: (share.employee_vnd, share.employer_vnd) for fund, share in found.shares.items()}


@pytest.mark.parametrize(
    ("category", "funds"),
    [
        (Category.EMPLOYEE, set(Fund)),
        (Category.DEFENCE_WORKER, set(Fund)),
        (Category.CIVIL_SERVANT, set(Fund) - {Fund.UNEMPLOYMENT}),
        (Category.PAID_MANAGER, set(Fund) - {Fund.UNEMPLOYMENT}),
        (Category.OFFICER, {Fund.RETIREMENT, Fund.SICKNESS, Fund.ACCIDENT}),
        (Category.CONSCRIPT, {Fund.RETIREMENT}),
        (Category.ABROAD, {Fund.RETIREMENT}),
    ],
)
def test_each_category_pays_into_its_funds(category: Category, funds: set[Fund]) -> None:
    assert set(shares(category=category)) == funds


def test_conscripts_are_paid_for_and_workers_abroad_pay_themselves() -> None:
    assert shares(category=Category.CONSCRIPT) == {"retirement": (0, 2_200_000)}
    assert shares(category=Category.ABROAD) == {"retirement": (2_200_000, 0)}


def test_a_safe_employer_pays_the_lower_accident_rate_and_never_above_the_pandemic_relief() -> None:
    assert shares(safe_employer=True)[Fund.ACCIDENT] == (0, 30_000)
    assert shares(date(2021, 8, 1), safe_employer=True, relieved_employer=True)[Fund.ACCIDENT] == (0, 0)


@pytest.mark.parametrize(("months", "employer"), [(0, 100_000), (12, 0), (13, 100_000)])
def test_hiring_a_person_with_disability_frees_the_first_twelve_months_of_unemployment(
    months: int, employer: int
) -> None:
    assert shares(months_with_disability=months)[Fund.UNEMPLOYMENT] == (100_000, employer)


def test_trained_and_hazardous_work_had_a_higher_floor_until_june_2025() -> None:
    def base(on: date) -> int:
        employment = Employment(wage_vnd=3_000_000, region="I", trained=True, hazard=Hazard.HAZARDOUS)
        return assess_contribution(employment, on, LAW, Record()).base_vnd

    assert base(date(2025, 6, 1)) == 5_572_560  # 4,960,000 × 1.07 × 1.05
    assert base(date(2025, 7, 1)) == 3_000_000


def test_benefits_of_insurance_go_to_bank_accounts_and_never_to_wallets_or_cards() -> None:
    def allowed(scheme: Scheme, channel: Channel) -> bool:
        return channel_allowed(scheme, channel, ON, LAW, Record())

    assert allowed(Scheme.COMPULSORY, Channel.EMPLOYER)
    assert not allowed(Scheme.VOLUNTARY, Channel.EMPLOYER)
    assert allowed(Scheme.SOCIAL_PENSION, Channel.ELECTRONIC_ACCOUNT)
    for scheme in (Scheme.COMPULSORY, Scheme.VOLUNTARY):
        assert not allowed(scheme, Channel.ELECTRONIC_ACCOUNT)
        assert not allowed(scheme, Channel.CARD)


def test_support_of_voluntary_contributions_takes_the_highest_rate_and_ends_after_ten_years() -> None:
    groups = {SupportedGroup.OTHER, SupportedGroup.POOR}

    assert subsidy_percent(groups, 119, ON, LAW, Record()) == 50
    assert subsidy_percent(groups, 120, ON, LAW, Record()) == 0
    assert subsidy_percent(groups, 0, date(2025, 6, 30), LAW, Record()) == 30


@pytest.mark.parametrize(("years", "amount"), [("14.9", 2_500_000), ("15", 2_750_000), ("30", 3_250_000)])
def test_a_long_illness_is_paid_at_a_lower_rate_by_years_insured(years: str, amount: int) -> None:
    assert long_illness_benefit(12_000_000, 10, Decimal(years), ON, LAW, Record()) == amount


def test_the_yield_of_a_year_is_known_or_an_error() -> None:
    assert published_yield(date(2017, 6, 1), LAW).value == Decimal("0.826")
    with pytest.raises(NoValueOnDate, match="have not been read"):
        published_yield(date(2022, 6, 1), LAW)
