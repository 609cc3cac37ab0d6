"""Funeral grant (trợ cấp mai táng)."""

from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from engine.law.findings import Finding, Record, Step
from engine.law.parameters import Parameters

if TYPE_CHECKING:
    from collections.abc import Sequence

_ELIGIBLE = Step(
    "funeral_condition",
    "đủ 12 tháng bắt buộc, hoặc đủ 60 tháng cả tự nguyện, hoặc chết do tai nạn lao động, hoặc đang hưởng hằng tháng",
    "12 compulsory months, or 60 with voluntary ones, or death by work accident, or a running monthly benefit",
)
_GRANT = Step(
    "funeral",
    "trợ cấp mai táng = 10 × mức tham chiếu (lương cơ sở) của tháng chết",
    "funeral grant = 10 x reference level (base salary) of the month of death",
)


@dataclass(frozen=True, slots=True)
class FuneralDecision:
    """The funeral grant in đồng; 0 when none is due."""

    eligible: bool
    grant_vnd: int
    record: Record = field(repr=False)

    @property
    def findings(self) -> "Sequence[Finding]":
        return self.record.findings

    @property
    def unconfirmed(self) -> tuple[str, ...]:
        return self.record.unconfirmed()


def assess_funeral(
    died_on: date,
    law: Parameters,
    *,
    compulsory_months: int = 0,
    voluntary_months: int = 0,
    work_accident: bool = False,
    monthly_benefit: bool = False,
    record: Record | None = None,
) -> FuneralDecision:
    """Decides the grant to whoever arranges the funeral, under the law and the level of the month of death.

    >>> assess_funeral(date(2026, 11, 22), Parameters.load(), compulsory_months=12).grant_vnd
    25300000
    """
    record = record or Record()
    rule = law.at("funeral_grant", died_on)
    total = compulsory_months + voluntary_months
    eligible = (
        work_accident
        or monthly_benefit
        or compulsory_months >= rule.value["compulsory_months"]
        or total >= rule.value["total_months"]
    )
    record.find(
        _ELIGIBLE,
        rule.citation,
        eligible,
        {
            "compulsory_months": compulsory_months,
            "voluntary_months": voluntary_months,
            "work_accident": work_accident,
            "monthly_benefit": monthly_benefit,
        },
        f"{compulsory_months} ≥ {rule.value['compulsory_months']} | {total} ≥ {rule.value['total_months']}",
        (rule,),
    )
    if not eligible:
        return FuneralDecision(eligible=False, grant_vnd=0, record=record)
    level = law.at("reference_level", died_on)
    grant = rule.value["multiple"] * level.value
    record.find(
        _GRANT,
        rule.citation,
        grant,
        {"death_date": died_on},
        f"{rule.value['multiple']} × {level.value} = {grant}",
        (rule, level),
    )
    return FuneralDecision(eligible=True, grant_vnd=grant, record=record)
