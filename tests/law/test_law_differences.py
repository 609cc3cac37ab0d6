"""Late knowledge yields a difference for each month, and both decisions keep their findings."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from engine.law.calendar import Month
from engine.law.differences import (
    LivingAllowance,
    LivingPension,
    Recorded,
    Way,
    allowance_entitlement,
    as_known,
    corrected,
    pension_entitlement,
    recompute,
)
from engine.law.errors import FactsImpossible
from engine.law.parameters import Parameters
from engine.law.pension import PensionFacts
from engine.law.people import Period, Sex, WageRegime
from engine.law.survivors import Deceased, Relation, Relative, Status, SurvivorFacts

LAW = Parameters.load()


def career(wage: int) -> list[Period]:
    return [Period(Month.of(2009, 6), Month.of(2026, 3), WageRegime.PRIVATE, wage)]


PENSION = LivingPension(
    PensionFacts(
        sex=Sex.FEMALE, birth_date=date(1969, 4, 20), pension_from=date(2026, 4, 1), history=career(10_000_000)
    )
)


def test_a_corrected_wage_is_back_pay_for_every_month_with_the_adjustment_in_it() -> None:
    records = [
        Recorded(date(2026, 3, 10), PENSION),
        Recorded(date(2026, 8, 20), corrected(PENSION, history=career(11_000_000))),
    ]

    found = recompute(
        lambda day: pension_entitlement(as_known(records, day)), date(2026, 3, 20), date(2026, 8, 25), LAW
    )

    # 202 months, 16.83 → 17 years, 49 %. Index months 14.98 + 249.60 + 3 = 267.58 / 202 = 1.324653465…
    # 13,246,534 × 49 % = 6,490,801.66; 14,571,188 × 49 % = 7,139,882.12. From July both × 1.08.
    assert [(str(one.month), one.before_vnd, one.after_vnd) for one in found.months] == [
        ("2026-04", 6_490_802, 7_139_882),
        ("2026-05", 6_490_802, 7_139_882),
        ("2026-06", 6_490_802, 7_139_882),
        # Decided in March, before anybody knew of the adjustment of July.
        ("2026-07", 6_490_802, 7_711_073),
        ("2026-08", 6_490_802, 7_711_073),
    ]
    assert found.recoverable_vnd == 0
    assert found.back_pay_vnd == sum(one.difference_vnd for one in found.months)
    assert {one.way for one in found.months} == {Way.BACK_PAY}
    assert found.before.findings
    assert found.after.findings[-1].value == found.back_pay_vnd


def test_a_late_decree_is_back_pay_for_the_months_since_it_holds() -> None:
    """Decree 47/2016 was signed on 26 May 2016 and holds from 1 May: 1,210,000 in place of 1,150,000."""
    pension = LivingPension(
        PensionFacts(
            sex=Sex.FEMALE,
            birth_date=date(1960, 1, 1),
            pension_from=date(2016, 5, 1),
            history=[Period(Month.of(1990, 1), Month.of(2016, 4), WageRegime.STATE, coefficient=Decimal(4))],
        )
    )

    found = recompute(lambda _day: pension_entitlement(pension), date(2016, 5, 10), date(2016, 6, 30), LAW)

    # 26 years 4 months give 75 %: 4 × 1,150,000 × 75 % and 4 × 1,210,000 × 75 %.
    assert [(str(one.month), one.before_vnd, one.after_vnd) for one in found.months] == [
        ("2016-05", 3_450_000, 3_630_000),
        ("2016-06", 3_450_000, 3_630_000),
    ]


def test_a_death_told_late_is_recoverable_from_the_month_after_it() -> None:
    records = [
        Recorded(date(2026, 3, 10), PENSION),
        Recorded(date(2026, 9, 5), LivingPension(PENSION.facts, died_on=date(2026, 6, 12))),
    ]

    found = recompute(lambda day: pension_entitlement(as_known(records, day)), date(2026, 7, 20), date(2026, 9, 5), LAW)

    assert [(str(one.month), one.after_vnd) for one in found.months] == [("2026-07", 0), ("2026-08", 0), ("2026-09", 0)]
    assert found.back_pay_vnd == 0
    assert found.recoverable_vnd == 3 * 7_010_066


def test_a_person_whose_claim_was_recorded_late_is_paid_from_the_first_month() -> None:
    records = [Recorded(date(2026, 6, 15), PENSION)]

    found = recompute(
        lambda day: pension_entitlement(as_known(records, day)), date(2026, 3, 20), date(2026, 6, 20), LAW
    )

    assert [str(one.month) for one in found.months] == ["2026-04", "2026-05", "2026-06"]
    assert all(one.before_vnd == 0 for one in found.months)


FAMILY = SurvivorFacts(
    deceased=Deceased(died_on=date(2026, 4, 10), status=Status.CONTRIBUTING, compulsory_months=200),
    relatives=[Relative(name="An", relation=Relation.CHILD, sex=Sex.FEMALE, birth_date=date(2015, 3, 1))],
)


def test_a_running_allowance_is_rebased_and_not_adjusted() -> None:
    found = recompute(
        lambda _day: allowance_entitlement(LivingAllowance(FAMILY, "An")), date(2026, 4, 20), date(2026, 8, 1), LAW
    )

    assert [(str(one.month), one.before_vnd, one.after_vnd) for one in found.months] == [
        ("2026-07", 1_170_000, 1_265_000),
        ("2026-08", 1_170_000, 1_265_000),
    ]


def test_an_allowance_that_should_have_ended_is_recoverable() -> None:
    records = [
        Recorded(date(2026, 4, 20), LivingAllowance(FAMILY, "An")),
        Recorded(date(2026, 10, 1), LivingAllowance(FAMILY, "An", until=Month.of(2026, 9))),
    ]

    found = recompute(
        lambda day: allowance_entitlement(as_known(records, day)), date(2026, 8, 1), date(2026, 10, 1), LAW
    )

    assert [(str(one.month), one.difference_vnd) for one in found.months] == [
        ("2026-09", -1_265_000),
        ("2026-10", -1_265_000),
    ]


@pytest.mark.parametrize(
    ("corrected_child", "months", "rule"),
    [
        # Left alone: 70 instead of 50 percent of 2,340,000, and of 2,530,000 since July (Law 41/2024 Article 87(1)).
        ({"alone": True}, [("2026-05", 468_000), ("2026-06", 468_000), ("2026-07", 506_000)], "survivor_monthly"),
        # Of full age at the death: nothing was due.
        (
            {"birth_date": date(2005, 3, 1)},
            [("2026-05", -1_170_000), ("2026-06", -1_170_000), ("2026-07", -1_265_000)],
            "survivor_relative",
        ),
    ],
)
def test_a_corrected_relative_changes_every_month_with_findings_on_both_sides(
    corrected_child: dict[str, Any], months: list[tuple[str, int]], rule: str
) -> None:
    mended = replace(FAMILY, relatives=[replace(FAMILY.relatives[0], **corrected_child)])
    records = [
        Recorded(date(2026, 7, 1), LivingAllowance(FAMILY, "An")),
        Recorded(date(2026, 7, 20), LivingAllowance(mended, "An")),
    ]

    found = recompute(
        lambda day: allowance_entitlement(as_known(records, day)), date(2026, 7, 1), date(2026, 7, 20), LAW
    )

    assert [(str(one.month), one.difference_vnd) for one in found.months] == months
    for side in (found.before, found.after):
        assert rule in {finding.step.rule for finding in side.findings}


def test_knowledge_cannot_lie_before_the_decision() -> None:
    with pytest.raises(FactsImpossible):
        recompute(lambda _day: pension_entitlement(PENSION), date(2026, 4, 2), date(2026, 4, 1), LAW)
