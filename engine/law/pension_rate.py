"""The pension rate (tỷ lệ hưởng lương hưu) in percent of average earnings, with its reduction for early retirement."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from engine.law.calendar import MONTHS_IN_YEAR, counted_years
from engine.law.errors import FactsImpossible
from engine.law.findings import Record, Step, number_text
from engine.law.parameters import Parameters
from engine.law.people import Sex

_RATE = Step(
    "pension_rate",
    "tỷ lệ = tỷ lệ của bậc + (số năm - số năm của bậc) × mức mỗi năm, không quá mức tối đa",
    "rate = percent of the band + (years - years of the band) x percent for each year, up to the cap",
)
_REDUCTION = Step(
    "early_reduction",
    "mức giảm = số năm đủ trước tuổi × mức mỗi năm + phần tháng lẻ",
    "reduction = full years before the reference age x percent for each year + part for odd months",
)


@dataclass(frozen=True, slots=True)
class Earliness:
    """How long before the reference age a pension starts.

    The old law counts the odd months of the age itself, the new one the odd months before the reference age.
    """

    full_years: int
    odd_months_of_age: int
    odd_months_before: int

    @classmethod
    def of(cls, months_before: int, reference_age_months: int) -> "Earliness":
        full_years, odd = divmod(months_before, MONTHS_IN_YEAR)
        return cls(full_years, (reference_age_months - months_before) % MONTHS_IN_YEAR, odd)


def pension_rate(
    sex: Sex,
    contribution_months: int,
    on: date,
    law: Parameters,
    record: Record,
    early: Earliness | None = None,
    reduction_per_year_percent: Decimal | None = None,
    *,
    commune_woman: bool = False,
) -> Fraction:
    """Percent of average earnings, exact. `commune_woman`: under twenty years in a commune office (Law 58/2014).

    >>> pension_rate(Sex.MALE, 327, date(2026, 8, 1), Parameters.load(), Record())
    Fraction(60, 1)
    >>> pension_rate(Sex.FEMALE, 300, date(2026, 8, 1), Parameters.load(), Record(), Earliness.of(31, 57 * 12))
    Fraction(60, 1)
    """
    accrual = law.at("commune_women_accrual" if commune_woman else "accrual", on)
    band = _band(accrual.value[sex], contribution_months)
    cap = law.at("accrual_cap", on)
    years = counted_years(contribution_months, on, law, record)
    reached: Fraction = Fraction(band["percent"]) + (years - band["years"]) * Fraction(band["step"])
    rate: Fraction = min(reached, Fraction(cap.value))
    record.find(
        _RATE,
        accrual.citation,
        rate,
        {"sex": sex, "contribution_months": contribution_months},
        f"min({cap.value}, {band['percent']} + ({number_text(years)} - {band['years']}) × {band['step']})"
        f" = {number_text(rate)} %",
        (accrual.narrowed(sex), cap),
    )
    if early is None:
        return rate
    reduction = _reduction(early, on, law, record, reduction_per_year_percent)
    return max(Fraction(0), rate - reduction)


def _band(bands: tuple[Any, ...], contribution_months: int) -> Any:
    reached = [band for band in bands if contribution_months >= band["months"]]
    if not reached:
        lowest = bands[0]["months"]
        raise FactsImpossible("contribution_months", f"{contribution_months} is below {lowest}: there is no rate")
    return reached[-1]


def _reduction(
    early: Earliness, on: date, law: Parameters, record: Record, per_year_percent: Decimal | None
) -> Fraction:
    rule = law.at("early_reduction", on)
    per_year = rule.value["per_year"] if per_year_percent is None else per_year_percent
    odd = early.odd_months_of_age if rule.value["odd_of"] == "age" else early.odd_months_before
    for_odd = rule.value["odd_percent"] if rule.value["odd_from"] <= odd <= rule.value["odd_to"] else Decimal(0)
    reduction = Fraction(early.full_years * per_year + for_odd)
    record.find(
        _REDUCTION,
        rule.citation,
        reduction,
        {"full_years": early.full_years, "odd_months": odd, "odd_months_of": rule.value["odd_of"]},
        f"{early.full_years} × {per_year} + {for_odd} = {number_text(reduction)} %",
        (rule,),
    )
    return reduction
