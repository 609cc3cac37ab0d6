"""Case rules of average earnings: the window, and the forms in which a career may be given."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from engine.law.average import average_article
from engine.law.calendar import Month
from engine.law.case_fields import list_of, mapping_of, month, number, table, whole, word
from engine.law.case_rules.forms import (
    COEFFICIENT,
    DAY,
    MONEY,
    MONTHS,
    PERCENT,
    SEX,
    YEAR,
    Given,
    rule,
)
from engine.law.errors import FactsImpossible
from engine.law.findings import Record, Step, number_text
from engine.law.indices import YearOfWages, indexed_by, indexed_sum
from engine.law.parameters import Parameters
from engine.law.pension import pension_amount
from engine.law.pension_rate import pension_rate
from engine.law.people import Category, Period, WageRegime, in_order
from engine.law.rounding import TRUNCATED, average_earnings_vnd, benefit_vnd
from engine.law.state_wages import average_window, last_months


@rule("average_window", first_contribution=DAY, regime=word({"private": "private", "state": "state"}))
def _average_window(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    given.need("regime", "first_contribution")
    if given["regime"] == "private":
        record.find(
            _WHOLE_CAREER, average_article(as_of, law), None, {"regime": "private"}, "toàn bộ thời gian / whole career"
        )
        return {"window_months": None}
    return {"window_months": average_window(given["first_contribution"], law, record)}


_WHOLE_CAREER = Step(
    "average_window",
    "tiền lương do người sử dụng lao động quyết định: bình quân của toàn bộ thời gian đóng",
    "wages decided by employers: the average of the whole career",
)
_SEGMENT = table(
    {"coef": COEFFICIENT, "months": whole(1, 1200)},
    {"seniority_percent": PERCENT},
)
_REGIME = word({"private": WageRegime.PRIVATE, "state": WageRegime.STATE})


def _period(value: Any, place: str, problems: list[str]) -> Any:
    """Either months of a year at a wage, or a stretch of months under a regime."""
    if isinstance(value, Mapping) and "year" in value:
        return _YEAR_OF_WAGES(value, place, problems)
    found = _STRETCH(value, place, problems)
    if found and found.get("from") and found.get("to") and found["to"] < found["from"]:
        problems.append(f"{place}: ends before it begins")
    return found


_YEAR_OF_WAGES = table({"year": whole(1945, 2100), "months": whole(1, 1200), "wage": MONEY})
_STRETCH = table({"from": month, "to": month, "regime": _REGIME})


def _index_year(value: Any, place: str, problems: list[str]) -> int | None:
    """Years are keys here, so YAML may give them as text or as numbers."""
    year = int(value) if isinstance(value, str) and value.isdigit() else value
    read: int | None = YEAR(year, place, problems)
    return read


@rule(
    "average_earnings",
    alternative_last_60_months=list_of(_SEGMENT),
    base_salary=MONEY,
    compulsory_average=MONEY,
    compulsory_months=MONTHS,
    first_contribution=DAY,
    index_table=YEAR,
    indices=mapping_of(_index_year, number(1, 100)),
    periods=list_of(_period),
    private_periods=list_of(_YEAR_OF_WAGES),
    rate_percent=PERCENT,
    reference_level=MONEY,
    regime=_REGIME,
    segments=list_of(_SEGMENT),
    segments_with_seniority=list_of(_SEGMENT),
    seniority_allowance_kept=table({"coef": COEFFICIENT, "percent": PERCENT}),
    sex=SEX,
    state_average=MONEY,
    state_months=MONTHS,
    voluntary_income=MONEY,
    voluntary_months=MONTHS,
    window_months=whole(1, 1200),
)
def _average_earnings(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    if "segments" in given or "segments_with_seniority" in given:
        return _average_of_segments(given, as_of, law, record)
    if "voluntary_months" in given or "compulsory_average" in given:
        return _average_of_two_schemes(given, as_of, law, record)
    if "state_average" in given or "private_periods" in given:
        return _average_of_two_regimes(given, as_of, law, record)
    given.need("periods")
    shapes = {"year" in period for period in given["periods"]}
    if shapes == {True}:
        return _average_of_indexed(given, as_of, law, record)
    if shapes == {False}:
        return _window_of_periods(given, law, record)
    raise FactsImpossible("periods", "mixes years at a wage with stretches under a regime")


_SEGMENTS = Step(
    "average_of_segments",
    "bình quân = tổng (hệ số kể cả thâm niên × số tháng) × mức lương cơ sở / số tháng + phụ cấp thâm niên được giữ",
    "average = sum of (coefficient with seniority x months) x base salary / months + seniority allowance kept",
)


def _average_of_segments(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    level = given.get("base_salary", given.get("reference_level"))
    if level is None:
        level = law.value("reference_level", as_of)
    window = given.get("window_months")
    if window is None and "first_contribution" in given:
        window = average_window(given["first_contribution"], law, record)
    segments = given["segments_with_seniority"] if "segments_with_seniority" in given else given["segments"]
    before, months = _weighted(segments, window, level)
    if "alternative_last_60_months" in given:
        other, other_months = _weighted(given["alternative_last_60_months"], window, level)
        before, months = max((before, months), (other, other_months))
    allowance = Fraction(0)
    if "seniority_allowance_kept" in given:
        kept = given["seniority_allowance_kept"]
        allowance = Fraction(kept["coef"] * kept["percent"] / 100) * level
    average = average_earnings_vnd(before + allowance)
    record.find(
        _SEGMENTS,
        average_article(as_of, law),
        average,
        {"level_vnd": level, "months": months},
        f"{number_text(before)} + {number_text(allowance)} = {average}",
        rounding=TRUNCATED,
    )
    return {
        "window_months": months if window is None else window,
        "months": months,
        "average_before_allowance": average_earnings_vnd(before),
        "allowance": average_earnings_vnd(allowance),
        "average": average,
        "pension_at_75_percent": benefit_vnd(average * Fraction(law.value("accrual_cap", as_of)) / 100),
        **_pension_at(given, average),
    }


def _weighted(segments: Sequence[Mapping[str, Any]], window: int | None, level: int) -> tuple[Fraction, int]:
    """Exact average of the last months of segments in order of time, and how many months it rests on."""
    month_of_first = Month.of(1, 1)
    periods: list[Period] = []
    for segment in segments:
        last = month_of_first + (segment["months"] - 1)
        periods.append(
            Period(
                month_of_first,
                last,
                WageRegime.STATE,
                coefficient=segment["coef"],
                seniority_percent=segment.get("seniority_percent", Decimal(0)),
            )
        )
        month_of_first = last + 1
    kept = last_months(periods, window)
    months = sum(period.months for period in kept)
    weighted = sum((period.coefficient_with_seniority * period.months for period in kept), Decimal(0))
    return Fraction(weighted) * level / months, months


def _pension_at(given: Given, average: int) -> Mapping[str, Any]:
    if "rate_percent" not in given:
        return {}
    rate = Fraction(given["rate_percent"])
    return {"rate_percent": rate, "pension": benefit_vnd(average * rate / 100)}


_TWO_SCHEMES = Step(
    "average_of_two_schemes",
    "bình quân = (số tháng bắt buộc × bình quân bắt buộc + số tháng tự nguyện × thu nhập) / tổng số tháng",
    "average = (compulsory months x compulsory average + voluntary months x income) / all months",
)


def _average_of_two_schemes(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    given.need("compulsory_months", "compulsory_average", "voluntary_months", "voluntary_income")
    compulsory, voluntary = given["compulsory_months"], given["voluntary_months"]
    months = compulsory + voluntary
    if not months:
        raise FactsImpossible("compulsory_months", "there are no months to average")
    total = compulsory * given["compulsory_average"] + voluntary * given["voluntary_income"]
    average = average_earnings_vnd(Fraction(total, months))
    record.find(
        _TWO_SCHEMES,
        average_article(as_of, law),
        average,
        {"compulsory_months": compulsory, "voluntary_months": voluntary},
        f"{total} / {months} = {average}",
        rounding=TRUNCATED,
    )
    result: dict[str, Any] = {"average": average, "months": months, "total_months": months}
    if "rate_percent" in given:
        rate = Fraction(given["rate_percent"])
    elif "sex" in given and months >= law.value("qualifying_months", as_of)["voluntary"]:
        rate = pension_rate(given["sex"], months, as_of, law, record)
    else:
        return result
    amount = pension_amount(average, rate, compulsory, Category.EMPLOYEE, True, as_of, law, record)
    return {
        **result,
        "rate_percent": rate,
        "pension": amount.pension_vnd,
        "minimum_pension_applies": amount.protected,
    }


_TWO_REGIMES = Step(
    "average_of_two_regimes",
    "bình quân = (số tháng Nhà nước × bình quân Nhà nước + tổng tiền lương đã điều chỉnh) / tổng số tháng",
    "average = (State months x State average + sum of indexed wages) / all months",
)


def _average_of_two_regimes(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    given.need("state_months", "state_average", "private_periods")
    indexed = _indexed(given, given["private_periods"], as_of, law, record)
    months = given["state_months"] + sum(period["months"] for period in given["private_periods"])
    total = given["state_months"] * given["state_average"] + indexed
    average = average_earnings_vnd(Fraction(total) / months)
    record.find(
        _TWO_REGIMES,
        average_article(as_of, law),
        average,
        {"state_months": given["state_months"], "total_months": months},
        f"{number_text(total)} / {months} = {average}",
        rounding=TRUNCATED,
    )
    return {
        "private_indexed_sum": _whole_if_exact(indexed),
        "total_months": months,
        "average": average,
        **_pension_at(given, average),
    }


_INDEXED = Step(
    "average_of_indexed_wages",
    "bình quân = tổng tiền lương đã điều chỉnh / tổng số tháng",
    "average = sum of indexed wages / all months",
)


def _average_of_indexed(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    indexed = _indexed(given, given["periods"], as_of, law, record)
    months = sum(period["months"] for period in given["periods"])
    average = average_earnings_vnd(Fraction(indexed) / months)
    record.find(
        _INDEXED,
        average_article(as_of, law),
        average,
        {"months": months},
        f"{number_text(indexed)} / {months} = {average}",
        rounding=TRUNCATED,
    )
    return {
        "indexed_sum": _whole_if_exact(indexed),
        "months": months,
        "average": average,
        **_pension_at(given, average),
    }


def _indexed(
    given: Given, periods: Sequence[Mapping[str, Any]], as_of: date, law: Parameters, record: Record
) -> Decimal:
    wages = [YearOfWages(period["year"], period["months"], period["wage"]) for period in periods]
    if "indices" in given:
        return indexed_by(wages, given["indices"], record)
    year = given.get("index_table", as_of.year)
    return indexed_sum(wages, as_of if year == as_of.year else date(year, 1, 1), law, record)


def _whole_if_exact(amount: Decimal) -> Any:
    return int(amount) if amount == int(amount) else amount


def _window_of_periods(given: Given, law: Parameters, record: Record) -> Mapping[str, Any]:
    """Which months of a career the State average takes; private stretches between them are skipped."""
    history = in_order(Period(p["from"], p["to"], p["regime"]) for p in given["periods"])
    state = [period for period in history if period.regime is WageRegime.STATE]
    if not state:
        raise FactsImpossible("periods", "hold no month under the State wage regime")
    window = average_window(history[0].first.first_day, law, record)
    parts = last_months(state, window)
    return {
        "state_months": sum(period.months for period in state),
        "state_window_months": sum(part.months for part in parts),
        "window_months": sum(part.months for part in parts),
        "window_from": str(parts[0].first),
        "window_to": str(parts[-1].last),
        "window_parts": [{"from": str(part.first), "to": str(part.last), "months": part.months} for part in parts],
        "total_months": sum(period.months for period in history),
    }
