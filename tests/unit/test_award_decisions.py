"""Awards worked by hand: each expected amount has its arithmetic beside it."""

from dataclasses import replace
from datetime import date

import pytest

from engine.awards.award import Award, decide
from engine.awards.claim import Claim, Claimed, Death, Relative, Stretch
from engine.law.errors import FactsImpossible
from engine.law.parameters import Parameters
from engine.people.person import Person

LAW = Parameters.load()
DECIDED_ON = date(2026, 11, 2)
NOVEMBER, DECEMBER = date(2026, 11, 1), date(2026, 12, 1)


def person(name: str, sex: str, birth_date: date) -> Person:
    return Person(name, sex, birth_date, "0" * 12, None, None, "01", "urban")


HOA = person("Trần Thị Hoa", "F", date(1969, 5, 20))
BINH = person("Đỗ Văn Bình", "M", date(1965, 1, 15))


def claim(benefit: Claimed, insured: Person = HOA, **facts: object) -> Claim:
    plain = Claim("HS-1", benefit, received_on=date(2026, 10, 1), insured=insured, claimant=insured)
    return replace(plain, **facts)  # type: ignore[arg-type]


def private(first: date, last: date, wage_vnd: int = 10_000_000) -> Stretch:
    return Stretch(first, last, "private", wage_vnd, None, None)


def amounts(award: Award) -> list[tuple[date, date | None, int]]:
    return [(amount.from_month, amount.end_month, amount.amount_vnd) for amount in award.amounts]


@pytest.mark.parametrize(
    ("before_vnd", "stopped_before_1995", "after_vnd", "fund"),
    [
        (4_000_001, False, 4_320_001, "retirement"),  # × 1.08 = 4,320,001.08
        (3_000_000, False, 3_240_000, "retirement"),  # no supplement after 1995
        (3_000_000, True, 3_540_000, "state_budget"),  # × 1.08 = 3,240,000; not above 3.5 million: + 300,000
        (3_300_000, True, 3_800_000, "state_budget"),  # × 1.08 = 3,564,000; between 3.5 and 3.8 million: 3.8 million
        (5_000_000, True, 5_400_000, "state_budget"),  # × 1.08, above 3.8 million already
    ],
)
def test_a_running_pension_is_adjusted_once_from_july_2026(
    before_vnd: int, stopped_before_1995: bool, after_vnd: int, fund: str
) -> None:
    taken_over = claim(
        Claimed.RUNNING_PENSION,
        starts_on=date(1994, 3, 1) if stopped_before_1995 else date(2019, 3, 1),
        amount_before_vnd=before_vnd,
        stopped_before_1995=stopped_before_1995,
    )
    (award,) = decide(taken_over, DECIDED_ON, LAW).awards
    assert amounts(award) == [(date(2026, 7, 1), None, after_vnd)]
    assert (award.fund, award.frequency, award.benefit) == (fund, "monthly", "pension")
    assert award.findings.findings


def test_a_pension_of_june_2026_is_raised_in_july() -> None:
    # Born in May 1969: 57 years in May 2026, pension from June. June 2011 to May 2026 are 180 months: 45%.
    # Indices of 2026, each year's 12 months at 10 million (2011: 7 months at 1.65; 2026: 5 months at 1.00):
    #   7 × 1.65 + 12 × (1.51 + 1.42 + 1.36 + 1.36 + 1.32 + 1.28 + 1.23 + 1.20 + 1.16 + 1.14 + 1.11 + 1.07 + 1.03 + 1)
    #   + 5 × 1.00 = 11.55 + 12 × 17.19 + 5 = 222.83
    # Average 2,228,300,000 / 180 = 12,379,444.4, truncated; × 45% = 5,570,749.8, half up; × 1.08 = 6,016,410
    retired = claim(Claimed.PENSION, starts_on=date(2026, 6, 1), history=(private(date(2011, 6, 1), date(2026, 5, 1)),))
    (award,) = decide(retired, DECIDED_ON, LAW).awards
    assert amounts(award) == [
        (date(2026, 6, 1), date(2026, 7, 1), 5_570_750),
        (date(2026, 7, 1), None, 6_016_410),
    ]
    assert award.award_no == "QĐ-HS-1"
    assert not award.amounts[0].findings.findings
    assert award.amounts[1].findings.findings


def test_a_pension_that_starts_after_the_adjustment_has_one_amount() -> None:
    # Born in January 1965: 61 years 6 months in July 2026. 36 years: 75% and 0.5 month for the year above 35,
    # so the lump sum is two thirds of the pension, but for rounding.
    retired = claim(
        Claimed.PENSION, BINH, starts_on=date(2026, 8, 1), history=(private(date(1990, 8, 1), date(2026, 7, 1)),)
    )
    pension, lump_sum = decide(retired, DECIDED_ON, LAW).awards
    assert [(from_month, end) for from_month, end, _ in amounts(pension)] == [(date(2026, 8, 1), None)]
    assert (lump_sum.benefit, lump_sum.frequency, lump_sum.award_no) == ("retirement_lump_sum", "once", "QĐ-HS-1-L")
    ((from_month, end_month, lump_sum_vnd),) = amounts(lump_sum)
    assert (from_month, end_month) == (NOVEMBER, DECEMBER)
    assert abs(3 * lump_sum_vnd - 2 * pension.amounts[0].amount_vnd) <= 3


@pytest.mark.parametrize(
    ("starts_on", "first_month", "reason"),
    [
        (date(2026, 5, 1), date(2005, 1, 1), "age"),  # the age is reached in May, so June is the first month
        (date(2026, 6, 1), date(2011, 7, 1), "contribution_time"),  # 179 months
    ],
)
def test_a_claim_that_the_law_does_not_grant_is_refused_with_findings(
    starts_on: date, first_month: date, reason: str
) -> None:
    history = (private(first_month, date(2026, 4, 1) if starts_on.month == 5 else date(2026, 5, 1)),)
    decision = decide(claim(Claimed.PENSION, starts_on=starts_on, history=history), DECIDED_ON, LAW)
    assert decision.refused_for == reason
    assert decision.awards == ()
    assert decision.findings.findings


def test_a_pension_begun_after_the_adjustment_cannot_be_taken_over_as_running() -> None:
    late = claim(Claimed.RUNNING_PENSION, starts_on=date(2026, 8, 1), amount_before_vnd=5_000_000)
    with pytest.raises(FactsImpossible):
        decide(late, DECIDED_ON, LAW)


CONTRIBUTOR = Death(date(2025, 12, 10), False, "contributing", None, None)
PENSIONER = Death(date(2026, 10, 3), False, "pensioner", 5_000_000, 3)
CHILD = Relative(person("Đỗ Thị Mai", "F", date(2015, 3, 10)), "child", 0, 0, studying=True, alone=False)
MOTHER = Relative(person("Lê Thị Sáu", "F", date(1950, 1, 1)), "mother", 0, 0, studying=False, alone=True)
YOUNG_WIDOW = Relative(person("Lý Thị Lan", "F", date(1985, 1, 1)), "spouse", 0, 0, studying=False, alone=False)


def test_each_qualifying_relative_has_an_award_that_follows_the_reference_level() -> None:
    survivors = claim(
        Claimed.SURVIVOR_ALLOWANCE,
        BINH,
        death=CONTRIBUTOR,
        history=(private(date(2009, 1, 1), date(2025, 11, 1)),),
        relatives=(YOUNG_WIDOW, CHILD, MOTHER),
    )
    child, mother = decide(survivors, DECIDED_ON, LAW).awards
    assert (child.payee.name, mother.payee.name) == ("Đỗ Thị Mai", "Lê Thị Sáu")
    assert (child.award_no, mother.award_no) == ("QĐ-HS-1-1", "QĐ-HS-1-2")
    assert amounts(child) == [
        (date(2026, 1, 1), date(2026, 7, 1), 1_170_000),  # 50% of 2,340,000
        (date(2026, 7, 1), date(2033, 4, 1), 1_265_000),  # 50% of 2,530,000, until she is 18 in March 2033
    ]
    assert amounts(mother) == [
        (date(2026, 1, 1), date(2026, 7, 1), 1_638_000),  # 70% of 2,340,000
        (date(2026, 7, 1), None, 1_771_000),  # 70% of 2,530,000
    ]


def test_two_relatives_of_one_name_both_have_their_award() -> None:
    namesake = replace(CHILD, person=person(CHILD.person.name, "F", date(2018, 8, 8)))
    survivors = claim(
        Claimed.SURVIVOR_ALLOWANCE,
        BINH,
        death=CONTRIBUTOR,
        history=(private(date(2009, 1, 1), date(2025, 11, 1)),),
        relatives=(CHILD, namesake),
    )
    awards = decide(survivors, DECIDED_ON, LAW).awards
    assert [award.payee.birth_date for award in awards] == [date(2015, 3, 10), date(2018, 8, 8)]


def test_relatives_who_chose_it_get_the_lump_sum() -> None:
    # Death in the third pension month: 48 - 0.5 = 47.5 months of 5,000,000
    chosen = claim(Claimed.SURVIVOR_LUMP_SUM, BINH, death=PENSIONER, relatives=(MOTHER,))
    (award,) = decide(chosen, DECIDED_ON, LAW).awards
    assert (award.benefit, amounts(award)) == ("survivor_lump_sum", [(NOVEMBER, DECEMBER, 237_500_000)])


def test_a_contributor_leaves_a_lump_sum_of_the_average_wage() -> None:
    # 2024 and 2025 are 24 months: 2 years × 2 months of the average. Index of 2025, year of the death: 2024 and 2025
    # have 1.00, so the average is 10,000,000 and the lump sum 4 × 10,000,000.
    death = replace(CONTRIBUTOR, on=date(2025, 12, 31))
    history = (private(date(2024, 1, 1), date(2025, 12, 1)),)
    left = claim(Claimed.SURVIVOR_ALLOWANCE, BINH, death=death, history=history, relatives=(CHILD,))
    (award,) = decide(left, DECIDED_ON, LAW).awards
    assert (award.benefit, award.amounts[0].amount_vnd) == ("survivor_lump_sum", 40_000_000)


def test_an_allowance_rests_on_no_wage_index() -> None:
    history = (private(date(2009, 1, 1), date(2025, 11, 1)),)
    survivors = claim(Claimed.SURVIVOR_ALLOWANCE, BINH, death=CONTRIBUTOR, history=history, relatives=(CHILD,))
    (award,) = decide(survivors, DECIDED_ON, LAW).awards
    used = {used.name for finding in award.findings.findings for used in finding.parameters}
    assert "survivor_allowance" in used
    assert "wage_indices" not in used


def test_without_a_qualifying_relative_the_law_gives_the_lump_sum() -> None:
    nobody = claim(Claimed.SURVIVOR_ALLOWANCE, BINH, death=PENSIONER, relatives=(YOUNG_WIDOW,))
    (award,) = decide(nobody, DECIDED_ON, LAW).awards
    assert award.benefit == "survivor_lump_sum"


@pytest.mark.parametrize(("died_on", "grant_vnd"), [(date(2026, 6, 30), 23_400_000), (date(2026, 7, 1), 25_300_000)])
def test_a_funeral_grant_takes_the_level_of_the_month_of_death(died_on: date, grant_vnd: int) -> None:
    # 10 × 2,340,000 until June 2026, 10 × 2,530,000 since; paid to who arranged the funeral in the month of decision
    buried = claim(Claimed.FUNERAL_GRANT, BINH, claimant=HOA, death=replace(PENSIONER, on=died_on))
    (award,) = decide(buried, DECIDED_ON, LAW).awards
    assert (award.payee, amounts(award)) == (HOA, [(NOVEMBER, DECEMBER, grant_vnd)])


def test_eleven_months_of_contributions_give_no_funeral_grant() -> None:
    history = (private(date(2025, 1, 1), date(2025, 11, 1)),)
    buried = claim(Claimed.FUNERAL_GRANT, BINH, claimant=HOA, death=CONTRIBUTOR, history=history)
    assert decide(buried, DECIDED_ON, LAW).refused_for == "contribution_time"
