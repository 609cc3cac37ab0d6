"""Whole decisions worked by hand; the arithmetic stands beside the expected amounts."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest

from engine.law.calendar import Month
from engine.law.cases import assess_cases
from engine.law.findings import Record
from engine.law.indexation import adjust_pension
from engine.law.parameters import Parameters
from engine.law.people import Sex
from engine.law.retirement import retirement_age
from engine.law.survivors import Deceased, Relation, Relative, Status, SurvivorFacts, assess_survivors

MAY_1969 = "1969-05-20"


def assess(rule: str, given: Mapping[str, Any], as_of: str = "2026-06-01") -> Mapping[str, Any]:
    (assessment,) = assess_cases([{"name": "one", "rule": rule, "as_of": as_of, "given": given}], Parameters.load())
    assert assessment.errors == []
    assert assessment.record.findings
    return assessment.result


def pension(**given: Any) -> Mapping[str, Any]:
    return assess("pension_award", {"sex": "F", "birth_date": MAY_1969, "pension_from": "2026-06-01", **given})


def test_a_career_under_one_employer_is_indexed_month_by_month() -> None:
    result = pension(history=[{"from": "2009-06", "to": "2026-05", "regime": "private", "wage": 10_000_000}])

    # Index months: 2009 7×2.14, 2010 … 2025 12× each of 1.96 1.65 1.51 1.42 1.36 1.36 1.32 1.28 1.23 1.20 1.16
    # 1.14 1.11 1.07 1.03 1.00 (sum 20.80), 2026 5×1.00: 14.98 + 249.60 + 5 = 269.58; /204 months = 1.321470588…
    assert result == {
        "eligible": True,
        "contribution_months": 204,
        "months_before_reference_age": 0,
        "average": 13_214_705,
        "rate_percent": "49",
        "amount": 6_475_205,  # 13,214,705 × 49 % = 6,475,205.45
        "retirement_lump_sum": 0,
    }


def test_state_wages_of_the_window_and_private_wages_share_one_average() -> None:
    history = [
        {"from": "1990-01", "to": "1999-12", "regime": "state", "coefficient": "4"},
        {"from": "2024-01", "to": "2026-05", "regime": "private", "wage": 6_000_000},
        {"from": "2010-01", "to": "2015-12", "regime": "state", "coefficient": "5", "seniority_percent": 10},
    ]

    result = pension(history=history)

    # State: 192 months at the average of the last 60, 5 × 1.10 × 2,340,000 = 12,870,000 → 2,471,040,000.
    # Private: 6,000,000 × (12 × 1.03 + 12 × 1.00 + 5 × 1.00) = 176,160,000. Sum / 221 = 11,978,280.5…
    assert result["contribution_months"] == 221
    assert result["average"] == 11_978_280
    assert result["rate_percent"] == "52"  # 18y5m → 18.5 years


def test_a_window_below_the_whole_career_gives_way_to_it_under_the_new_law() -> None:
    history = [
        {"from": "1996-06", "to": "2016-05", "regime": "state", "coefficient": "6"},
        {"from": "2020-06", "to": "2026-05", "regime": "state", "coefficient": "4"},
    ]

    # Begun 1996: the last 72 months average 4 × 2,340,000; all 312 average (6 × 240 + 4 × 72) / 312 = 5.538461…
    assert pension(history=history)["average"] == 12_960_000
    # Law 58/2014 knows no such choice: last 72 months, 4 × 2,340,000.
    earlier = pension(birth_date="1968-09-10", pension_from="2025-06-01", history=[history[0], _until(history[1])])
    assert earlier["average"] == 9_360_000


def _until(period: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**period, "from": "2019-06", "to": "2025-05"}


def test_seniority_of_an_earlier_profession_is_added_to_last_years_without_it() -> None:
    history = [
        {"from": "1994-06", "to": "2008-05", "regime": "state", "coefficient": "5.08", "seniority_percent": 14},
        {"from": "2008-06", "to": "2024-05", "regime": "state", "coefficient": "6.56"},
    ]

    # As in example 38 of Circular 59/2015, at 1,800,000: 6.56 + 5.08 × 14 % = 7.2712 × 1,800,000
    assert pension(birth_date="1968-01-10", pension_from="2024-06-01", history=history)["average"] == 13_088_160


def test_last_years_that_hold_seniority_in_part_give_way_to_those_before_the_change() -> None:
    history = [
        {"from": "1989-01", "to": "2019-05", "regime": "state", "coefficient": "6.2", "seniority_percent": 24},
        {"from": "2019-06", "to": "2021-05", "regime": "state", "coefficient": "6.56", "seniority_percent": 27},
        {"from": "2021-06", "to": "2024-05", "regime": "state", "coefficient": "6.92"},
    ]

    # Example 40 of Circular 59/2015 in shape: the 60 months up to May 2021, (6.2 × 1.24 × 36 + 6.56 × 1.27 × 24) / 60
    # = 7.94528 × 1,800,000 = 14,301,504; the last 60 would give (6.56 × 1.27 × 24 + 6.92 × 36) / 60 × 1,800,000.
    assert pension(birth_date="1968-01-10", pension_from="2024-06-01", history=history)["average"] == 14_301_504


def test_a_mixed_career_with_a_gap_counts_each_scheme_by_its_own_months() -> None:
    history = [
        {"from": "2003-01", "to": "2007-12", "regime": "private", "wage": 2_000_000},
        {"from": "2012-01", "to": "2014-12", "regime": "state", "coefficient": "3"},
        {"from": "2024-01", "to": "2026-05", "regime": "voluntary", "wage": 3_000_000},
        {"from": "2016-01", "to": "2023-12", "regime": "voluntary", "wage": 2_000_000},
    ]

    result = pension(history=history)

    # Private 12 × 2,000,000 × (3.81 + 3.54 + 3.27 + 3.05 + 2.81) = 395,520,000. State: first compulsory 2003, the 36
    # months there are, 3 × 2,340,000 × 36 = 252,720,000. Voluntary 12 × 2,000,000 × (1.32 + 1.28 + 1.23 + 1.20 + 1.16
    # + 1.14 + 1.11 + 1.07) = 228,240,000 and 3,000,000 × (12 × 1.03 + 12 + 5) = 88,080,000. Sum 964,560,000 / 221.
    assert (result["contribution_months"], result["average"]) == (221, 4_364_524)
    assert result["rate_percent"] == "52"
    assert result["amount"] == 2_269_552  # 2,269,552.48; 96 compulsory months: no lowest pension


@pytest.mark.parametrize(("sex", "category", "eligible"), [("F", "k", True), ("F", "a", False), ("M", "k", False)])
def test_women_in_commune_offices_needed_fifteen_years_under_the_old_law(
    sex: str, category: str, eligible: bool
) -> None:
    result = pension(
        sex=sex,
        birth_date="1962-01-10",
        pension_from="2024-06-01",
        category=category,
        history=[{"from": "2008-06", "to": "2024-05", "regime": "state", "coefficient": "1"}],
    )

    assert result["eligible"] is eligible
    if eligible:
        assert (result["rate_percent"], result["amount"]) == ("47", 846_000)  # no lowest pension: 1,800,000 × 47 %


def test_their_rate_rose_by_two_percent_a_year_also_while_others_had_three() -> None:
    result = pension(
        birth_date="1962-05-10",
        pension_from="2017-06-01",
        category="k",
        history=[{"from": "2000-06", "to": "2017-05", "regime": "state", "coefficient": "1"}],
    )

    assert result["rate_percent"] == "49"  # 17 years: 45 % + 2 × 2 % (Law 58/2014 Article 56(4))


def test_a_man_with_seventeen_years_has_the_lower_band() -> None:
    result = pension(
        sex="M",
        birth_date="1965-02-10",
        pension_from="2026-09-01",
        history=[{"from": "2009-09", "to": "2026-08", "regime": "private", "wage": 8_000_000}],
    )

    assert (result["eligible"], result["rate_percent"]) == (True, "42")


@pytest.mark.parametrize(("birth_date", "start"), [("1969-04-30", "2026-01-01"), ("1969-05-01", "2026-06-01")])
def test_a_woman_born_where_the_table_steps_waits_for_her_own_month(birth_date: str, start: str) -> None:
    history = [{"from": "2000-01", "to": "2025-11", "regime": "state", "coefficient": "3"}]
    before = str(Month.parse(start[:7]) + -1) + "-01"

    assert pension(birth_date=birth_date, pension_from=start, history=history)["eligible"] is True
    assert pension(birth_date=birth_date, pension_from=before, history=history)["reason"] == "age"


def test_a_loss_of_sixty_five_percent_lets_a_pension_start_up_to_five_years_early() -> None:
    history = [{"from": "2000-01", "to": "2025-11", "regime": "state", "coefficient": "3"}]

    # Born in April 1973: 58y8m is reached in December 2031, the ordinary start is January 2032.
    five_years = pension(birth_date="1973-04-10", pension_from="2027-01-01", impairment_percent=65, history=history)
    longer = pension(birth_date="1973-04-10", pension_from="2026-12-01", impairment_percent=65, history=history)

    assert five_years["months_before_reference_age"] == 60
    assert five_years["rate_percent"] == "57"  # 25 years 11 months = 26 years: 67 % less 10 %
    assert longer["reason"] == "age"


def test_a_voluntary_career_has_no_lowest_pension() -> None:
    voluntary = pension(history=[{"from": "2011-06", "to": "2026-05", "regime": "voluntary", "wage": 1_500_000}])
    compulsory = pension(history=[{"from": "2006-06", "to": "2026-05", "regime": "private", "wage": 1_500_000}])

    assert voluntary["amount"] < 2_340_000
    assert compulsory["amount"] == 2_340_000


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"pension_from": "2026-05-01", "from": "2000-01", "to": "2026-04"}, "age"),
        ({"from": "2012-01", "to": "2026-05"}, "contribution_time"),
        ({"pension_from": "2021-05-01", "impairment_percent": 61, "from": "2000-01", "to": "2021-04"}, "age"),
        (
            {"pension_from": "2025-08-01", "impairment_percent": 61, "from": "2006-01", "to": "2025-07"},
            "contribution_time",
        ),
    ],
)
def test_who_is_too_young_or_has_too_short_a_career_is_told_so(given: dict[str, Any], reason: str) -> None:
    months = {"from": given.pop("from"), "to": given.pop("to"), "regime": "private", "wage": 5_000_000}

    result = pension(history=[months], **given)

    assert (result["eligible"], result["reason"]) == (False, reason)


def test_reduced_ability_to_work_lets_a_pension_start_early_at_a_lower_rate() -> None:
    result = pension(
        pension_from="2025-08-01",
        impairment_percent=61,
        history=[{"from": "2000-08", "to": "2025-07", "regime": "state", "coefficient": "4"}],
    )

    # Ten months early: no full year, ten odd months take 1 % off 65 %.
    assert result["months_before_reference_age"] == 10
    assert result["rate_percent"] == "64"


def test_voluntary_participants_of_long_standing_keep_the_former_age() -> None:
    history = [{"from": "2005-01", "to": "2025-12", "regime": "voluntary", "wage": 2_000_000}]

    kept = pension(birth_date="1970-12-15", pension_from="2026-01-01", history=history)
    too_short = pension(birth_date="1970-12-15", pension_from="2026-01-01", history=[history[0] | {"from": "2006-02"}])

    assert kept["eligible"] is True
    assert too_short["reason"] == "age"


def test_years_above_thirty_are_paid_once_and_those_after_the_age_fourfold() -> None:
    result = pension(history=[{"from": "1995-06", "to": "2026-05", "regime": "state", "coefficient": "4"}])
    later = pension(
        pension_from="2027-06-01",
        birth_date="1968-05-20",
        history=[{"from": "1995-06", "to": "2027-05", "regime": "state", "coefficient": "4"}],
    )

    assert result["retirement_lump_sum"] == 4_680_000  # one year × 0.5 × 9,360,000
    # 32 years; the age was reached in September 2024, 32 months before: 2 years × 2 × 4 × 2,530,000
    assert later["retirement_lump_sum"] == 40_480_000


def test_a_month_may_not_stand_in_two_periods() -> None:
    history = [
        {"from": "2000-01", "to": "2010-01", "regime": "private", "wage": 1},
        {"from": "2010-01", "to": "2020-01", "regime": "private", "wage": 1},
    ]
    given = {"sex": "F", "birth_date": MAY_1969, "pension_from": "2026-06-01", "history": history}

    (assessment,) = assess_cases(
        [{"name": "one", "rule": "pension_award", "as_of": "2026-06-01", "given": given}], Parameters.load()
    )

    assert assessment.errors == ["one: given.history: 2010-01 stands in two periods"]


DECEASED = {
    "death_date": "2026-08-10",
    "cause": "ordinary",
    "status": "contributing",
    "compulsory_months": 200,
    "average": 6_000_000,
    "months_pre_2014": 50,
    "months_from_2014": 150,
}
CHILD = {"name": "An", "relation": "child", "sex": "F", "birth_date": "2015-03-01"}
WIDOWER = {"name": "Bình", "relation": "spouse", "sex": "M", "birth_date": "1964-01-01"}
MOTHER = {"name": "Chi", "relation": "mother", "sex": "F", "birth_date": "1940-01-01", "alone": True}


def test_survivors_are_paid_monthly_from_the_month_after_death() -> None:
    result = assess("survivor_award", {"deceased": DECEASED, "relatives": [CHILD, WIDOWER, MOTHER]})

    assert result["funeral_grant"] == 25_300_000
    assert result["kind"] == "monthly"
    assert result["one_time"] == 0
    assert result["monthly"] == [
        {"name": "An", "percent": 50, "amount": 1_265_000, "from": "2026-09-01"},
        {"name": "Bình", "percent": 50, "amount": 1_265_000, "from": "2026-09-01"},
        {"name": "Chi", "percent": 70, "amount": 1_771_000, "from": "2026-09-01"},
    ]


def test_at_most_four_relatives_are_paid_in_the_order_given() -> None:
    children = [CHILD | {"name": name} for name in "ABCDE"]

    result = assess("survivor_award", {"deceased": DECEASED, "relatives": children})

    assert [one["name"] for one in result["monthly"]] == ["A", "B", "C", "D"]


def test_the_one_time_allowance_is_paid_when_chosen_or_when_nobody_qualifies() -> None:
    chosen = assess("survivor_award", {"deceased": DECEASED, "relatives": [CHILD], "choice": "one_time"})
    nobody = assess("survivor_award", {"deceased": DECEASED, "relatives": []})

    # 4 years before 2014 × 1.5; 2 odd months move on: 152 months = 12y8m → 13 years × 2. 32 × 6,000,000
    assert chosen["one_time"] == nobody["one_time"] == 192_000_000
    assert chosen["kind"] == nobody["kind"] == "one_time"


def test_of_five_relatives_those_who_earn_too_much_make_room() -> None:
    relatives = [CHILD, MOTHER | {"monthly_income": 2_530_000}, WIDOWER, CHILD | {"name": "Dũng"}, MOTHER]

    result = assess("survivor_award", {"deceased": DECEASED, "relatives": relatives})

    assert [(one["name"], one["percent"]) for one in result["monthly"]] == [
        ("An", 50), ("Bình", 50), ("Dũng", 50), ("Chi", 70),
    ]  # fmt: skip


def test_an_orphan_and_a_posthumous_child_are_paid_from_their_own_months() -> None:
    orphan = CHILD | {"alone": True}
    unborn = CHILD | {"name": "Em", "birth_date": "2026-12-20"}

    result = assess("survivor_award", {"deceased": DECEASED, "relatives": [orphan, unborn]})

    assert [(one["percent"], one["amount"], one["from"]) for one in result["monthly"]] == [
        (70, 1_771_000, "2026-09-01"),
        (50, 1_265_000, "2026-12-01"),
    ]


def test_who_loses_two_insured_persons_is_paid_twice() -> None:
    child = Relative(name="An", relation=Relation.CHILD, sex=Sex.FEMALE, birth_date=date(2015, 3, 1), deaths=2)
    deceased = Deceased(died_on=date(2026, 8, 10), status=Status.CONTRIBUTING, compulsory_months=200)

    decision = assess_survivors(
        SurvivorFacts(deceased=deceased, relatives=[child]), date(2026, 8, 10), Parameters.load()
    )

    assert decision.monthly[0].amount_vnd == 2_530_000


@pytest.mark.parametrize(("died", "kind"), [("2024-08-10", "monthly"), ("2026-08-10", "one_time")])
def test_an_impaired_child_of_full_age_with_an_income_qualifies_under_the_old_law_only(died: str, kind: str) -> None:
    grown = CHILD | {"birth_date": "2000-01-01", "impairment_percent": 81, "monthly_income": 5_000_000}

    result = assess("survivor_award", {"deceased": DECEASED | {"death_date": died}, "relatives": [grown]})

    assert result["kind"] == kind


def test_the_old_law_bars_the_choice_while_a_child_is_under_six() -> None:
    deceased = DECEASED | {"death_date": "2024-08-10"}
    infant = CHILD | {"birth_date": "2019-01-01"}

    young = assess("survivor_award", {"deceased": deceased, "relatives": [infant], "choice": "one_time"})
    older = assess("survivor_award", {"deceased": deceased, "relatives": [CHILD], "choice": "one_time"})

    assert (young["kind"], older["kind"]) == ("monthly", "one_time")


@pytest.mark.parametrize(
    ("relative", "kind"),
    [
        (CHILD | {"birth_date": "2008-08-31"}, "one_time"),  # 18 by the end of the month of death
        (CHILD | {"birth_date": "2008-09-01"}, "monthly"),
        (CHILD | {"birth_date": "2000-01-01", "studying": True}, "one_time"),
        (CHILD | {"birth_date": "2000-01-01", "impairment_percent": 81}, "monthly"),
        (CHILD | {"birth_date": "2026-12-20"}, "monthly"),
        (WIDOWER | {"monthly_income": 2_529_999}, "monthly"),
        (WIDOWER | {"monthly_income": 2_530_000}, "one_time"),
        (WIDOWER | {"birth_date": "1965-02-28"}, "monthly"),  # 61 years 6 months in August 2026
        (WIDOWER | {"birth_date": "1965-03-01"}, "one_time"),
        (WIDOWER | {"birth_date": "1990-03-01", "impairment_percent": 81}, "monthly"),
    ],
)
def test_a_relative_is_tested_at_the_end_of_the_month_of_death(relative: dict[str, Any], kind: str) -> None:
    assert assess("survivor_award", {"deceased": DECEASED, "relatives": [relative]})["kind"] == kind


def test_a_pensioners_survivors_receive_less_with_every_month_of_pension() -> None:
    pensioner = {
        "death_date": "2026-08-10",
        "status": "pensioner",
        "compulsory_months": 300,
        "pension": 5_000_000,
        "pension_months_received": 12,
    }

    result = assess("survivor_award", {"deceased": pensioner, "relatives": []})

    assert result["one_time"] == 215_000_000  # 48 - 10 × 0.5 = 43 months


def test_death_by_work_accident_opens_everything_without_a_minimum_time() -> None:
    deceased = DECEASED | {
        "cause": "work_accident",
        "compulsory_months": 3,
        "months_pre_2014": 0,
        "months_from_2014": 3,
    }

    result = assess("survivor_award", {"deceased": deceased, "relatives": [CHILD]})

    assert result["kind"] == "monthly"
    assert result["accident_lump_sum"] == 91_080_000
    assert result["funeral_grant"] == 25_300_000


def test_nothing_is_due_once_where_nothing_was_contributed() -> None:
    deceased = {"death_date": "2026-08-10", "status": "contributing", "compulsory_months": 0}

    result = assess("survivor_award", {"deceased": deceased, "relatives": [CHILD]})

    assert (result["kind"], result["one_time"], result["monthly"], result["funeral_grant"]) == ("none", 0, [], 0)


def test_an_employer_month_adds_up_its_workers_by_fund() -> None:
    staff = [
        {"name": "An", "wage": 10_000_000},
        {"name": "Bình", "wage": 120_000_000},
        {"name": "Chi", "wage": 20_000_000, "worker": "foreign"},
        {"name": "Dũng", "wage": 9_000_000, "unpaid_working_days": 14},
    ]

    result = assess("contribution_month", {"month": "2026-08", "region": "I", "staff": staff})

    # Bình: social and health insurance on 50,600,000, unemployment on 106,200,000. Chi: no unemployment insurance.
    assert result["staff"] == [
        {"name": "An", "base": 10_000_000, "ee": 1_050_000, "er": 2_150_000},
        {"name": "Bình", "base": 50_600_000, "ee": 5_869_000, "er": 11_435_000},
        {"name": "Chi", "base": 20_000_000, "ee": 1_900_000, "er": 4_100_000},
        {"name": "Dũng", "base": 0, "ee": 0, "er": 0},
    ]
    assert result["funds"]["ui"] == {"ee": 1_162_000, "er": 1_162_000}
    assert result["funds"]["accident"] == {"ee": 0, "er": 403_000}
    assert result["total"] == sum(one["ee"] + one["er"] for one in result["staff"])
    assert result["due_date"] == "2026-09-30"


def test_a_late_receipt_pays_health_first_and_leaves_the_rest_bearing_a_charge() -> None:
    dues = {"month": "2026-07", "total": 1_000_000, "funds": {"retirement": 900_000, "hi": 100_000}}

    result = assess(
        "employer_account",
        {"dues": [dues], "receipts": [{"on": "2026-09-10", "amount": 600_000}], "until": "2026-09-30"},
    )

    # Due on 31 August. Health: 100,000 × 10 days × 0.03 % = 300. Retirement: 499,700 × 10 + 400,300 × 30 days
    # = 17,006,000 × 0.03 % = 5,101.8.
    assert result["allocations"] == [
        {"on": "2026-09-10", "fund": "hi", "month": "2026-07", "kind": "principal", "amount": 100_000},
        {"on": "2026-09-10", "fund": "hi", "month": "2026-07", "kind": "late_charge", "amount": 300},
        {"on": "2026-09-10", "fund": "retirement", "month": "2026-07", "kind": "principal", "amount": 499_700},
    ]
    assert result["late_charge"] == 5_402
    assert result["outstanding"] == 400_300 + 5_102
    assert result["unallocated"] == 0


def test_inside_social_insurance_all_principal_comes_before_any_charge() -> None:
    dues = {"month": "2026-07", "total": 1_000_000, "funds": {"sickness": 200_000, "retirement": 800_000}}

    result = assess(
        "employer_account",
        {"dues": [dues], "receipts": [{"on": "2026-09-10", "amount": 1_000_100}], "until": "2026-09-10"},
    )

    # As in example 17 of Decision 595 Article 43: the charge of sickness (200,000 × 10 × 0.03 % = 600) waits for the
    # principal of retirement.
    assert [(one["fund"], one["kind"], one["amount"]) for one in result["allocations"]] == [
        ("sickness", "principal", 200_000),
        ("retirement", "principal", 800_000),
        ("sickness", "late_charge", 100),
    ]
    assert result["outstanding"] == 600 - 100 + 2_400


def test_a_surplus_waits_for_the_dues_of_the_next_month() -> None:
    dues = [
        {"month": "2026-07", "total": 100, "funds": {"hi": 100}},
        {"month": "2026-08", "total": 100, "funds": {"hi": 100}},
    ]
    receipts = [{"on": "2026-07-20", "amount": 250}]

    result = assess("employer_account", {"dues": dues, "receipts": receipts, "until": "2026-08-31"})

    assert [(one["on"], one["amount"]) for one in result["allocations"]] == [("2026-07-20", 100), ("2026-08-01", 100)]
    assert (result["unallocated"], result["outstanding"], result["late_charge"]) == (50, 0, 0)


def test_adjustments_follow_one_upon_the_other() -> None:
    law = Parameters.load()

    # From 2023 on: × 1.125 × 1.15 × 1.08; the last two only when paid since September 2023.
    assert adjust_pension(4_000_000, date(2020, 1, 1), False, date(2026, 7, 1), law, date(2023, 6, 30)).amount_vnd == (
        5_589_000
    )
    assert adjust_pension(4_000_000, date(2020, 1, 1), False, date(2026, 7, 1), law, date(2023, 9, 1)).amount_vnd == (
        4_968_000
    )
    assert adjust_pension(4_000_000, date(2026, 7, 1), False, date(2026, 8, 1), law).amount_vnd == 4_000_000


APPENDIX = [
    ("M", "1961-01", "1961-09", "60y3m", "2021-05", "2022-01"),
    ("M", "1961-10", "1962-06", "60y6m", "2022-05", "2023-01"),
    ("M", "1962-07", "1963-03", "60y9m", "2023-05", "2024-01"),
    ("M", "1963-04", "1963-12", "61y0m", "2024-05", "2025-01"),
    ("M", "1964-01", "1964-09", "61y3m", "2025-05", "2026-01"),
    ("M", "1964-10", "1965-06", "61y6m", "2026-05", "2027-01"),
    ("M", "1965-07", "1966-03", "61y9m", "2027-05", "2028-01"),
    ("M", "1966-04", "1966-04", "62y0m", "2028-05", "2028-05"),
    ("F", "1966-01", "1966-08", "55y4m", "2021-06", "2022-01"),
    ("F", "1966-09", "1967-04", "55y8m", "2022-06", "2023-01"),
    ("F", "1967-05", "1967-12", "56y0m", "2023-06", "2024-01"),
    ("F", "1968-01", "1968-08", "56y4m", "2024-06", "2025-01"),
    ("F", "1968-09", "1969-04", "56y8m", "2025-06", "2026-01"),
    ("F", "1969-05", "1969-12", "57y0m", "2026-06", "2027-01"),
    ("F", "1970-01", "1970-08", "57y4m", "2027-06", "2028-01"),
    ("F", "1970-09", "1971-04", "57y8m", "2028-06", "2029-01"),
    ("F", "1971-05", "1971-12", "58y0m", "2029-06", "2030-01"),
    ("F", "1972-01", "1972-08", "58y4m", "2030-06", "2031-01"),
    ("F", "1972-09", "1973-04", "58y8m", "2031-06", "2032-01"),
    ("F", "1973-05", "1973-12", "59y0m", "2032-06", "2033-01"),
    ("F", "1974-01", "1974-08", "59y4m", "2033-06", "2034-01"),
    ("F", "1974-09", "1975-04", "59y8m", "2034-06", "2035-01"),
    ("F", "1975-05", "1975-05", "60y0m", "2035-06", "2035-06"),
]


@pytest.mark.parametrize("row", APPENDIX, ids=lambda row: f"{row[0]} {row[1]}")
def test_the_appendix_of_decree_135_holds_at_both_ends_of_each_row(row: tuple[str, ...]) -> None:
    sex, first, last, age, first_start, last_start = row
    for birth, start in ((first, first_start), (last, last_start)):
        found = retirement_age(Sex(sex), Month.parse(birth), Parameters.load(), Record())
        assert f"{found.age_months // 12}y{found.age_months % 12}m" == age
        assert str(found.start) == start


@pytest.mark.parametrize(("sex", "birth"), [("M", "1960-12"), ("F", "1965-12")])
def test_those_born_before_the_table_retired_at_the_end_of_2020(sex: str, birth: str) -> None:
    assert str(retirement_age(Sex(sex), Month.parse(birth), Parameters.load(), Record()).reached) == "2020-12"
