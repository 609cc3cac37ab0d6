"""The engine against the second opinion, on generated persons, deaths and payrolls; every run draws the same ones."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

import pytest
from law import second_opinion
from law.second_opinion import Stretch, first_of, ym

from engine.law.cases import assess_cases
from engine.law.parameters import Parameters

LAW = Parameters.load()
SEED = 20260801
DRAWN = 1500
"""Persons, deaths and payrolls of each kind; a longer run only needs a larger number here."""
WITH_INDICES = (2024, 2025, 2026)
"""Years of which both opinions know the whole table of wage indices from the published texts."""


def engine(rule: str, as_of: date, given: Mapping[str, Any]) -> Mapping[str, Any]:
    (assessment,) = assess_cases([{"name": "x", "rule": rule, "as_of": as_of.isoformat(), "given": given}], LAW)
    assert assessment.errors == [], given
    return assessment.result


def same(got: Mapping[str, Any], expected: Mapping[str, Any], told: object) -> None:
    compared = {key: Fraction(got[key]) if key == "rate_percent" else got[key] for key in expected if key in got}
    assert compared == dict(expected), told


def some_day(random: Random, first: date, last: date) -> date:
    return first + timedelta(days=random.randrange((last - first).days + 1))


def test_every_birth_month_retires_in_the_same_month() -> None:
    for sex in "MF":
        for birth in range(1945 * 12, 1980 * 12):
            for lowered in (0, 5, 10):
                age, begins = second_opinion.retirement(sex, birth, lowered)
                given = {"sex": sex, "birth_month": f"{first_of(birth):%Y-%m}", "lowered_by_years": lowered}
                got = engine("retirement_age", date(2026, 8, 1), given)
                assert got["pension_start"] == first_of(begins).isoformat(), given
                assert got["age"] == f"{age // 12}y{age % 12}m"


def test_every_month_count_gives_the_same_rate_in_every_year() -> None:
    dates = [date(year, 1, 1) for year in range(2016, 2026)] + [date(2025, 7, 1), date(2026, 8, 1)]
    for on in dates:
        for sex in "MF":
            for months in range(180, 520):
                expected = second_opinion.rate(sex, months, on)
                if expected is None:
                    continue
                got = engine("pension_rate", on, {"sex": sex, "contribution_months": months})
                assert Fraction(got["rate_percent"]) == expected, (on, sex, months)


def test_an_early_start_takes_the_same_percent_off() -> None:
    on = date(2026, 8, 1)
    for months in (240, 263, 300, 420):
        for early in range(1, 121):
            given = {"sex": "F", "contribution_months": months, "months_before_reference_age": early}
            expected = second_opinion.rate("F", months, on, early)
            assert Fraction(engine("pension_rate", on, given)["rate_percent"]) == expected, given


def careers(random: Random) -> Iterator[tuple[dict[str, Any], date, dict[str, Any]]]:
    """A person as the second opinion takes it, the first pension month, and the same as a case gives it."""
    while True:
        sex = random.choice("MF")
        indexed = random.random() < 0.75
        year = random.choice(WITH_INDICES) if indexed else random.randrange(2016, 2027)
        on = date(year, random.randrange(1, 13), 1)
        regimes = ["state", "private", "voluntary"] if indexed else ["state"]
        lowered = random.choice([0, 0, 0, 5, 10])
        impairment = random.choice([0, 0, 0, 61, 65, 80, 81])
        _, usual = second_opinion.retirement(sex, ym(on) - (60 if sex == "M" else 55) * 12, lowered)
        shift = random.choice([0, 0, random.randrange(-30, 130), random.randrange(-130, 30)])
        birth = some_day(
            random,
            first_of(ym(on) - (60 if sex == "M" else 55) * 12 - (usual - ym(on)) + lowered * 12 + shift - 3),
            first_of(ym(on) - (60 if sex == "M" else 55) * 12 - (usual - ym(on)) + lowered * 12 + shift + 2),
        )
        last, stretches = ym(on) - 1 - random.choice([0, 0, 0, 7, 40]), []
        for _ in range(random.randrange(1, 6)):
            months = random.choice([random.randrange(1, 60), random.randrange(30, 300)])
            regime = random.choice(regimes)
            first = last - months + 1
            if first < 1993 * 12 + 3 or (not indexed and first >= 2016 * 12):
                break
            if regime == "voluntary" and first < 2008 * 12:
                regime = "private"
            if regime == "state":
                stretch = Stretch(
                    first,
                    last,
                    regime,
                    coefficient=Fraction(random.randrange(134, 1000), 100),
                    seniority=Fraction(random.choice([0, 0, 0, 9, 14, 27])),
                )
            else:
                stretch = Stretch(first, last, regime, wage=random.randrange(700_000, 46_800_000))
            stretches.append(stretch)
            last = first - 1 - random.choice([0, 0, 1, 14])
        if not stretches or (not indexed and stretches[-1].first >= 2016 * 12):
            continue
        category = random.choice("aaaakl")
        person = {
            "sex": sex, "birth": birth, "pension_from": on, "history": stretches, "impairment": impairment,
            "lowered": lowered, "category": category,
        }  # fmt: skip
        given = {
            "sex": sex, "birth_date": birth.isoformat(), "pension_from": on.isoformat(), "category": category,
            "lowered_by_years": lowered, "impairment_percent": impairment,
            "history": [_period(stretch) for stretch in stretches],
        }  # fmt: skip
        yield person, on, given


def _period(stretch: Stretch) -> dict[str, Any]:
    months = {"from": f"{first_of(stretch.first):%Y-%m}", "to": f"{first_of(stretch.last):%Y-%m}"}
    if stretch.regime != "state":
        return {**months, "regime": stretch.regime, "wage": stretch.wage}
    coefficient = str(Decimal(stretch.coefficient.numerator) / stretch.coefficient.denominator)
    return {**months, "regime": "state", "coefficient": coefficient, "seniority_percent": int(stretch.seniority)}


@pytest.mark.parametrize("part", range(4))
def test_a_pension_award_agrees_in_every_part(part: int) -> None:
    drawn = careers(Random(SEED + part))
    awarded = 0
    for _ in range(DRAWN // 3):
        person, on, given = next(drawn)
        expected = second_opinion.pension(person)
        same(engine("pension_award", on, given), expected, (given, expected))
        awarded += expected["eligible"]
    assert awarded > DRAWN // 15


def deaths(random: Random) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]], str | None]]:
    while True:
        died = some_day(random, date(2016, 1, 1), date(2026, 12, 31))
        status = random.choice(["contributing", "reserved", "pensioner", "accident_allowance"])
        compulsory = random.choice([0, random.randrange(0, 24), random.randrange(150, 420)])
        voluntary = random.choice([0, 0, 0, random.randrange(1, 100)])
        before = random.randrange(0, compulsory + voluntary + 1)
        deceased = {
            "died": died, "status": status, "cause": random.choice(["ordinary"] * 4 + ["work_accident"]),
            "compulsory": compulsory, "voluntary": voluntary, "before_2014": before,
            "since_2014": compulsory + voluntary - before, "average": random.randrange(1_000_000, 30_000_000),
            "pension": random.randrange(1_000_000, 20_000_000), "pension_months": random.randrange(1, 140),
        }  # fmt: skip
        relatives = [_relative(random, died, place) for place in range(random.randrange(0, 6))]
        yield deceased, relatives, random.choice([None, None, "monthly", "one_time"])


def _relative(random: Random, died: date, place: int) -> dict[str, Any]:
    relation = random.choice(["child", "child", "spouse", "father", "mother", "mother_in_law", "other"])
    fixed = {"father": "M", "mother": "F", "mother_in_law": "F"}
    if relation == "child":
        birth = some_day(random, died - timedelta(days=22 * 365), died + timedelta(days=250))
    else:
        birth = some_day(random, died - timedelta(days=80 * 365), died - timedelta(days=50 * 365))
    level = second_opinion.base_salary(ym(died))
    return {
        "name": f"relative {place}", "relation": relation, "sex": fixed.get(relation, random.choice("MF")),
        "birth": birth, "income": random.choice([0, 0, level - 1, level, 10_000_000]),
        "impairment": random.choice([0, 0, 0, 80, 81]), "alone": random.random() < 0.3,
    }  # fmt: skip


def test_a_survivor_award_agrees_in_every_part() -> None:
    drawn = deaths(Random(SEED))
    kinds = set()
    for _ in range(DRAWN):
        deceased, relatives, choice = next(drawn)
        expected = second_opinion.survivors(deceased, relatives, choice)
        given: dict[str, Any] = {
            "deceased": {
                "death_date": deceased["died"].isoformat(), "status": deceased["status"], "cause": deceased["cause"],
                "compulsory_months": deceased["compulsory"], "voluntary_months": deceased["voluntary"],
                "months_pre_2014": deceased["before_2014"], "months_from_2014": deceased["since_2014"],
                "average": deceased["average"], "pension": deceased["pension"],
                "pension_months_received": deceased["pension_months"],
            },
            "relatives": [
                {
                    "name": one["name"], "relation": one["relation"], "sex": one["sex"],
                    "birth_date": one["birth"].isoformat(), "monthly_income": one["income"],
                    "impairment_percent": one["impairment"], "alone": one["alone"],
                }
                for one in relatives
            ],
        }  # fmt: skip
        if choice:
            given["choice"] = choice
        same(engine("survivor_award", deceased["died"], given), expected, (given, expected))
        kinds.add(expected["kind"])
    assert kinds == {"monthly", "one_time", "none"}


def test_an_employer_month_agrees_by_worker_and_fund() -> None:
    random = Random(SEED)
    for _ in range(DRAWN):
        month = random.randrange(2016 * 12, 2027 * 12)
        region, relieved = random.choice(["I", "II", "III", "IV"]), random.random() < 0.3
        level, lowest = second_opinion.base_salary(month), second_opinion.minimum_wage(month, region)
        edges = [level, 20 * level, lowest, 20 * lowest]
        staff = [
            {
                "name": f"worker {place}",
                "wage": random.choice([random.randrange(0, 120_000_000), *edges]) + random.choice([-1, 0, 1]) + 1,
                **random.choice([{}, {}, {"worker": "foreign"}, {"unpaid_working_days": random.choice([13, 14])}]),
                **random.choice([{}, {}, {}, {"category": random.choice(["a", "k", "l", "m"])}]),
            }
            for place in range(random.randrange(1, 5))
        ]
        given = {"month": f"{first_of(month):%Y-%m}", "region": region, "staff": staff}
        if relieved:
            given["employer_type"] = "eligible private employer"
        got = engine("contribution_month", date(2026, 8, 1), given)
        funds = {fund: {"ee": 0, "er": 0} for fund in ("retirement", "sickness", "accident", "ui", "hi")}
        for place, worker in enumerate(staff):
            facts = {
                "wage": worker["wage"], "category": worker.get("category", "a"),
                "foreign": worker.get("worker") == "foreign", "unpaid_days": worker.get("unpaid_working_days", 0),
            }  # fmt: skip
            shares = second_opinion.contribution(month, region, facts, relieved=relieved)
            for fund, (employee, employer) in shares.items():
                funds[fund]["ee"] += employee
                funds[fund]["er"] += employer
            told = got["staff"][place]
            assert told["ee"] == sum(share[0] for share in shares.values()), (given, shares)
            assert told["er"] == sum(share[1] for share in shares.values()), (given, shares)
        assert got["funds"] == funds, given
        assert got["total"] == sum(share["ee"] + share["er"] for share in funds.values())
        assert got["due_date"] == second_opinion.due_date(month).isoformat()


def test_lump_sums_agree() -> None:
    random = Random(SEED)
    for _ in range(DRAWN):
        on = some_day(random, date(2016, 1, 1), date(2026, 12, 31))
        before, since = random.choice([0, random.randrange(0, 240)]), random.choice([0, random.randrange(0, 200)])
        mean = random.randrange(1, 46_800_000)
        if before + since:
            career = {"average": mean, "months_pre_2014": before, "months_from_2014": since}
            got = engine("withdrawal", on, career)
            assert got["amount"] == second_opinion.withdrawal(mean, before, since), (on, career)
        sex, months, after = (
            random.choice("MF"),
            random.randrange(180, 560),
            random.choice([0, random.randrange(0, 90)]),
        )
        given = {
            "sex": sex, "contribution_months": months, "months_contributed_after_legal_age": after, "average": mean,
        }  # fmt: skip
        got = engine("lump_sum_on_retirement", on, given)
        assert got["amount"] == second_opinion.retirement_lump_sum(sex, months, after, mean, on), (on, given)


def test_charges_for_lateness_agree() -> None:
    random = Random(SEED)
    for _ in range(DRAWN):
        month = random.randrange(2025 * 12, 2026 * 12 + 9)
        paid = some_day(random, first_of(month), date(2027, 6, 30))
        paid = max(paid, date(2025, 7, 1))
        amount = random.randrange(1, 10**10)
        given = {
            "contribution_month": f"{first_of(month):%Y-%m}", "cycle_months": 1, "amount": amount,
            "paid_on": paid.isoformat(),
        }  # fmt: skip
        got = engine("late_charge", date(2026, 1, 1), given)
        days, charge = second_opinion.late_charge(amount, second_opinion.due_date(month), paid)
        assert (got["days_late"], got["charge"]) == (days, charge), given


def test_the_funeral_grant_agrees() -> None:
    random = Random(SEED)
    for _ in range(DRAWN):
        died = some_day(random, date(2016, 1, 1), date(2026, 12, 31))
        compulsory, voluntary = random.randrange(0, 20), random.randrange(0, 80)
        accident = random.random() < 0.1
        given = {
            "death_date": died.isoformat(), "compulsory_months": compulsory, "voluntary_months": voluntary,
            "work_accident": accident,
        }  # fmt: skip
        expected = second_opinion.funeral(died, compulsory, voluntary, accident=accident, monthly=False)
        assert engine("funeral", died, given)["amount"] == expected, given


def test_short_term_and_other_benefits_agree() -> None:
    random = Random(SEED)
    for _ in range(DRAWN // 3):
        on = some_day(random, date(2016, 7, 1), date(2026, 12, 31))
        month, wage = ym(on), random.randrange(1_000_000, 46_800_000)
        days, halves = random.randrange(0, 30), random.randrange(0, 3)

        given: dict[str, Any] = {"last_month_wage": wage, "days": days, "half_days": halves}
        assert engine("sickness", on, given)["amount"] == second_opinion.sickness(wage, days, halves), given

        years, used, asked = random.randrange(0, 41), random.randrange(0, 40), random.randrange(0, 40)
        hazardous = random.random() < 0.5
        given = {"insured_years": years, "hazardous_at_sickness": hazardous, "used_days": used, "requested": asked}
        left = second_opinion.sick_days_left(years, hazardous=hazardous, used=used, requested=asked)
        assert engine("sickness_days", on, given)["paid_days"] == left, given

        assert engine("recuperation", on, {"days": days})["amount"] == second_opinion.recuperation(days, month)

        months, children = random.randrange(0, 8), random.randrange(0, 4)
        given = {"average": wage, "months": months, "days": days, "children": children}
        total = second_opinion.maternity(wage, months, days, children, month)
        assert engine("maternity", on, given)["total"] == total, (on, given)

        weeks = random.randrange(1, 40)
        given = {"average": wage, "miscarriage_weeks": weeks}
        expected = second_opinion.maternity(wage, 0, second_opinion.miscarriage_days(weeks, on), 0, month)
        assert engine("maternity", on, given)["amount"] == expected, (on, given)

        region, paid = random.choice(["I", "II", "III", "IV"]), random.randrange(0, 220)
        got = engine("unemployment", on, {"average_6m": wage, "months_paid": paid, "region": region})
        assert (got["months"], got["monthly"]) == second_opinion.unemployment(wage, paid, region, month), (on, paid)

        impairment, in_fund = random.randrange(5, 101), random.randrange(1, 40)
        given = {"impairment_percent": impairment, "years_in_fund": in_fund, "wage": wage}
        got = engine("accident_lump" if impairment <= 30 else "accident_monthly", on, given)
        by_parts = second_opinion.accident(impairment, in_fund, wage, month)
        assert (got["by_impairment"], got["by_years"]) == by_parts, (on, given)


def test_adjustments_bridging_and_household_insurance_agree() -> None:
    random = Random(SEED)
    for _ in range(DRAWN):
        on = some_day(random, date(2017, 7, 1), date(2026, 12, 31))
        amount, old, passed = random.randrange(1_000_000, 6_000_000), random.random() < 0.5, random.random() < 0.3
        given: dict[str, Any] = {
            "monthly_amount_before": amount, "stopped_work_before_1995": old, "adjusted_by_108_2021": not passed,
        }  # fmt: skip
        expected = second_opinion.adjusted(amount, on, before_1995=old, passed_by=passed)
        assert engine("pension_adjustment", on, given)["monthly_amount_after"] == expected, (on, given)

        mean, months, left = random.randrange(1, 20_000_000), random.randrange(1, 240), random.randrange(1, 240)
        given = {"average": mean, "contribution_months": months, "months_to_social_pension_age": left}
        got = engine("pre_social_pension_allowance", date(2026, 8, 1), given)
        told = (got["months"], got["monthly"], got["optional_topup"])
        assert told == second_opinion.bridging(mean, months, left, 500_000), given

        level = second_opinion.base_salary(ym(on))
        got = engine("health_insurance_household", on, {})
        members = [got[f"member_{place}"] for place in ("1", "2", "3", "4", "5_plus")]
        assert members == second_opinion.household(level), on
