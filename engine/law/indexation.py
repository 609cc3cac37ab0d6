"""Adjustment of running pensions (điều chỉnh lương hưu)."""

from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from engine.law.findings import Finding, Record, Step
from engine.law.parameters import DatedValue, Parameters
from engine.law.rounding import HALF_UP, benefit_vnd

if TYPE_CHECKING:
    from collections.abc import Sequence

_ADJUSTED = Step(
    "pension_adjustment",
    "mức sau điều chỉnh = mức trước × (1 + tỷ lệ điều chỉnh)",
    "amount after = amount before x (1 + percent of the adjustment)",
)
_SUPPLEMENT = Step(
    "pre_1995_supplement",
    "người nghỉ việc trước năm 1995 có mức thấp được tăng thêm, hoặc nâng lên bằng mức quy định",
    "those who stopped work before 1995 on a low amount receive a supplement, or are raised to a fixed level",
)


@dataclass(frozen=True, slots=True)
class Adjusted:
    """A pension after the adjustments that reached it, in đồng a month."""

    amount_vnd: int
    record: Record = field(repr=False)

    @property
    def findings(self) -> "Sequence[Finding]":
        return self.record.findings

    @property
    def unconfirmed(self) -> tuple[str, ...]:
        return self.record.unconfirmed()


def adjust_pension(
    amount_vnd: int,
    started_on: date,
    stopped_before_1995: bool,
    on: date,
    law: Parameters,
    paid_since: date | None = None,
) -> Adjusted:
    """The pension on a day: every adjustment since it started, each upon the last.

    A pension that starts on or after the day of an adjustment is not adjusted by it. `paid_since` is the day from
    which `amount_vnd` has been paid, when earlier adjustments are in it already.

    >>> law = Parameters.load()
    >>> adjust_pension(3_000_000, date(2025, 3, 1), False, date(2026, 7, 1), law).amount_vnd
    3240000
    """
    record = Record()
    since = paid_since or started_on
    amount = amount_vnd
    for adjustment in law.parameter("pension_adjustment").values:
        if since < adjustment.starts_on <= on:
            passed_by = _passed_by(started_on, adjustment, law)
            amount = adjusted_by(adjustment, amount, stopped_before_1995, passed_by, record)
    return Adjusted(amount, record)


def adjusted_by(
    adjustment: DatedValue, amount_vnd: int, stopped_before_1995: bool, passed_by: bool, record: Record
) -> int:
    """One adjustment of one amount. `passed_by`: the adjustment before this one had not reached it."""
    rule = adjustment.value
    percent = rule.get("percent_if_passed_by", rule["percent"]) if passed_by else rule["percent"]
    amount = benefit_vnd(amount_vnd * (100 + percent) / 100)
    record.find(
        _ADJUSTED,
        adjustment.citation,
        amount,
        {"monthly_amount_before": amount_vnd, "passed_by_the_last_adjustment": passed_by},
        f"{amount_vnd} × {100 + percent} % = {amount}",
        (adjustment,),
        HALF_UP,
    )
    if not stopped_before_1995 or "supplement" not in rule:
        return amount
    supplemented = _supplemented(amount, rule["supplement_to"], rule["supplement"], rule["raised_to"])
    record.find(
        _SUPPLEMENT,
        adjustment.citation,
        supplemented,
        {"amount_vnd": amount, "stopped_work_before_1995": True},
        f"{amount} → {supplemented}",
        (adjustment.narrowed("supplement_to", "supplement", "raised_to"),),
    )
    return supplemented


def _supplemented(amount: int, up_to: int, supplement: int, level: int) -> int:
    if amount <= up_to:
        return amount + supplement
    return max(amount, level)


def _passed_by(started_on: date, adjustment: DatedValue, law: Parameters) -> bool:
    values = law.parameter("pension_adjustment").values
    place = values.index(adjustment)
    return place > 0 and started_on >= values[place - 1].starts_on
