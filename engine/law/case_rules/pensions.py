"""Case rules of retirement: age, start, rate, average, amount, adjustment, lump sums, and the whole award."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from engine.law.average import (
    YearOfWages,
    average_article,
    average_window,
    indexed_by,
    indexed_sum,
    last_months,
)
from engine.law.calendar import MONTHS_IN_YEAR, Month, age_text, counted_years
from engine.law.case_fields import age, flag, list_of, mapping_of, month, number, table, whole, word
from engine.law.case_rules.forms import (
    CATEGORY,
    COEFFICIENT,
    DAY,
    IMPAIRMENT,
    MONEY,
    MONTHS,
    PERCENT,
    SEX,
    YEAR,
    YEARS,
    Given,
    rule,
)
from engine.law.errors import FactsImpossible
from engine.law.findings import Record, Step, number_text
from engine.law.indexation import adjusted_by
from engine.law.lump_sums import (
    less_subsidy,
    regional_allowance_lump,
    retirement_lump_sum,
    settlement_abroad,
    settlement_abroad_of_allowance,
    withdrawal,
    withdrawal_under_one_year,
)
from engine.law.parameters import Parameters
from engine.law.pension import PensionFacts, assess_pension, pension_amount
from engine.law.pension_rate import Earliness, pension_rate
from engine.law.people import Category, Period, Sex, WageRegime, in_order
from engine.law.retirement import (
    age_condition_from,
    early_start,
    missing_months,
    retirement_age,
    start_after_topup,
)
from engine.law.rounding import TRUNCATED, average_earnings_vnd, benefit_vnd

LOWERED = whole(0, 10)


@rule("retirement_age", sex=SEX, birth_month=month, lowered_by_years=LOWERED)
def _retirement_age(given: Given, _as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    given.need("sex", "birth_month")
    found = retirement_age(given["sex"], given["birth_month"], law, record, given.get("lowered_by_years", 0))
    return {
        "age": age_text(found.age_months),
        "age_reached_month": str(found.reached),
        "pension_start": found.start.first_day,
    }


@rule(
    "pension_start",
    birth_date=DAY,
    birth_month=month,
    birth_year_only=YEAR,
    contribution_months=MONTHS,
    contribution_years=YEARS,
    impairment_percent=IMPAIRMENT,
    medical_conclusion=DAY,
    sex=SEX,
    topup_paid_in=month,
)
def _pension_start(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    if "birth_year_only" in given:
        given.need("sex")
        condition = age_condition_from(given["sex"], given["birth_year_only"], as_of, law, record)
        return {"age_condition_from": condition}
    given.need_one("birth_date", "birth_month")
    if "topup_paid_in" in given:
        return _start_after_topup(given, as_of, law, record)
    given.need("sex")
    reached = retirement_age(given["sex"], _birth_month(given), law, record)
    result: dict[str, Any] = {"age_condition_from": reached.start.first_day}
    months = _contribution_months(given)
    needed = law.value("qualifying_months", as_of)
    if "medical_conclusion" in given:
        given.need("impairment_percent")
        start = early_start(reached, given["impairment_percent"], given["medical_conclusion"], as_of, law, record)
        enough = months is None or months >= needed["impaired" if start < reached.start else "ordinary"]
    else:
        start = reached.start
        if months is not None:
            result["missing_months"] = missing_months(months, as_of, law, record)
        enough = not result.get("missing_months")
    return {**result, "pension_from": start.first_day if enough else None}


def _start_after_topup(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    """The age is a man's where the case names no sex, as in the example of Circular 59/2015 it comes from."""
    months = _contribution_months(given)
    if months is None:
        given.need("contribution_months")
        raise AssertionError
    reached = retirement_age(given.get("sex", Sex.MALE), _birth_month(given), law, record)
    missing = missing_months(months, as_of, law, record)
    start = max(reached.start, start_after_topup(missing, given["topup_paid_in"], as_of, law, record))
    return {
        "age_condition_from": reached.start.first_day,
        "missing_months": missing,
        "pension_from": start.first_day,
    }


def _birth_month(given: Given) -> Month:
    found: Month = Month.containing(given["birth_date"]) if "birth_date" in given else given["birth_month"]
    return found


def _contribution_months(given: Given) -> int | None:
    if "contribution_months" in given:
        return int(given["contribution_months"])
    return int(given["contribution_years"] * MONTHS_IN_YEAR) if "contribution_years" in given else None


OLD_LAW_NOTE = "medical conclusion before 2016 -> rules of the 2006 law"


@rule(
    "pension_rate",
    age=age,
    birth_year_only=YEAR,
    contribution_months=MONTHS,
    full_years_before_reference_age=whole(0, 60),
    impairment_percent=IMPAIRMENT,
    months_before_reference_age=whole(0, 720),
    odd_months_of_age_at_retirement=whole(0, 11),
    pension_year=YEAR,
    reduction_per_year_percent=PERCENT,
    reference_age=YEARS,
    regime_note=word({OLD_LAW_NOTE: OLD_LAW_NOTE}),
    sex=SEX,
    years_early=whole(0, 60),
)
def _pension_rate(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    given.need("sex", "contribution_months")
    on = _rate_date(given, as_of, law)
    sex, months = given["sex"], given["contribution_months"]
    rate = pension_rate(sex, months, on, law, record, _earliness(given), given.get("reduction_per_year_percent"))
    lump_sum = retirement_lump_sum(sex, months, 0, 0, on, law, record)
    return {"rate_percent": rate, "lump_sum_months_of_average": lump_sum.months}


def _rate_date(given: Given, as_of: date, law: Parameters) -> date:
    if "regime_note" in given:
        first = law.parameter("governing_law").values[0]
        return first.ends_on or as_of
    year = given.get("pension_year", as_of.year)
    return as_of if year == as_of.year else date(year, 1, 1)


def _earliness(given: Given) -> Earliness | None:
    reference = int(given.get("reference_age", Decimal(0)) * MONTHS_IN_YEAR)
    if "months_before_reference_age" in given:
        before = given["months_before_reference_age"]
        return Earliness.of(before, reference) if before else None
    if "years_early" in given:
        return Earliness(given["years_early"], 0, 0)
    if "full_years_before_reference_age" in given or "odd_months_of_age_at_retirement" in given:
        odd = given.get("odd_months_of_age_at_retirement", 0)
        return Earliness(given.get("full_years_before_reference_age", 0), odd, -odd % MONTHS_IN_YEAR)
    if "age" in given and reference > given["age"]:
        return Earliness.of(reference - given["age"], reference)
    return None


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
    window = average_window(state[0].first.first_day, law, record)
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


@rule(
    "pension",
    average=MONEY,
    category=CATEGORY,
    compulsory_months=MONTHS,
    participated_before_2025_07_01=flag,
    rate_percent=PERCENT,
)
def _pension(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    given.need("average", "rate_percent", "compulsory_months")
    amount = pension_amount(
        given["average"],
        Fraction(given["rate_percent"]),
        given["compulsory_months"],
        given.get("category", Category.EMPLOYEE),
        given.get("participated_before_2025_07_01", True),
        as_of,
        law,
        record,
    )
    return {"computed": amount.computed_vnd, "pension": amount.pension_vnd}


@rule("pension_adjustment", adjusted_by_108_2021=flag, monthly_amount_before=MONEY, stopped_work_before_1995=flag)
def _pension_adjustment(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    given.need("monthly_amount_before")
    after = adjusted_by(
        law.at("pension_adjustment", as_of),
        given["monthly_amount_before"],
        given.get("stopped_work_before_1995", False),
        not given.get("adjusted_by_108_2021", True),
        record,
    )
    return {"monthly_amount_after": after}


@rule(
    "lump_sum_on_retirement",
    average=MONEY,
    contribution_months=MONTHS,
    months_contributed_after_legal_age=MONTHS,
    sex=SEX,
)
def _lump_sum_on_retirement(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    given.need("sex", "contribution_months", "average")
    after = given.get("months_contributed_after_legal_age", 0)
    if after > given["contribution_months"]:
        raise FactsImpossible("months_contributed_after_legal_age", "exceeds contribution_months")
    found = retirement_lump_sum(given["sex"], given["contribution_months"], after, given["average"], as_of, law, record)
    return {"months_of_average": found.months, "amount": found.amount_vnd}


@rule(
    "settlement_abroad",
    benefit=word({"monthly_disability_allowance": "monthly_disability_allowance"}),
    monthly=MONEY,
    months_received=MONTHS,
    pension=MONEY,
    years_from_2014=YEARS,
    years_pre_2014=YEARS,
)
def _settlement_abroad(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    if "benefit" in given:
        given.need("monthly")
        found = settlement_abroad_of_allowance(given["monthly"], as_of, law, record)
    else:
        given.need("pension")
        given.need_one("years_pre_2014", "years_from_2014")
        found = settlement_abroad(
            given.get("years_pre_2014", Decimal(0)),
            given.get("years_from_2014", Decimal(0)),
            given.get("months_received", 0),
            given["pension"],
            as_of,
            law,
            record,
        )
    return {"months": found.months, "amount": found.amount_vnd}


@rule(
    "withdrawal",
    average=MONEY,
    income=MONEY,
    months_from_2014=MONTHS,
    months_pre_2014=MONTHS,
    months_total=MONTHS,
    scheme=word({"compulsory": "compulsory", "voluntary": "voluntary"}),
    serious_illness=flag,
    state_subsidy_per_month=MONEY,
)
def _withdrawal(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    given.need_one("months_total", "months_pre_2014", "months_from_2014")
    before = given.get("months_pre_2014", 0)
    since = given.get("months_from_2014", max(0, given.get("months_total", 0) - before))
    months = before + since
    if given.get("months_total", months) != months:
        raise FactsImpossible("months_total", f"is not the sum of its parts, {months}")
    years = counted_years(months, as_of, law, record)
    average = given.get("average", given.get("income"))
    if average is None:
        if set(given) & {"months_pre_2014", "months_from_2014"}:
            given.need("income" if given.get("scheme") == "voluntary" else "average")
        return {"years": years}
    gross = withdrawal(average, before, since, as_of, law, record)
    result: dict[str, Any] = {"years": years, "months_of_average": gross.months, "gross": gross.amount_vnd}
    subsidy = months * given.get("state_subsidy_per_month", 0)
    amount = gross.amount_vnd
    if subsidy:
        amount = less_subsidy(amount, subsidy, given.get("serious_illness", False), as_of, law, record)
    return {**result, "state_subsidy": subsidy, "amount": amount}


@rule("withdrawal_under_one_year", monthly_wages=list_of(MONEY))
def _withdrawal_under_one_year(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    given.need("monthly_wages")
    limit = law.value("withdrawal_under_one_year", as_of)["below_months"]
    if len(given["monthly_wages"]) >= limit:
        raise FactsImpossible("monthly_wages", f"holds {limit} months or more: rule withdrawal decides")
    return {"amount": withdrawal_under_one_year(given["monthly_wages"], as_of, law, record).amount_vnd}


@rule(
    "regional_allowance_lump",
    base_salary=MONEY,
    segments=list_of(table({"coef": COEFFICIENT, "months": whole(1, 1200)})),
)
def _regional_allowance_lump(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    given.need("segments")
    level = given.get("base_salary", law.value("reference_level", as_of))
    segments = [(segment["coef"], segment["months"]) for segment in given["segments"]]
    return {"amount": regional_allowance_lump(segments, level, as_of, law, record)}


_HISTORY_PERIOD = table(
    {"from": month, "to": month, "regime": word(WageRegime)},
    {"wage": MONEY, "coefficient": COEFFICIENT, "seniority_percent": PERCENT},
)


def _career_period(value: Any, place: str, problems: list[str]) -> Period | None:
    """One stretch of a career: a coefficient under the State regime, a wage or income otherwise."""
    found = _HISTORY_PERIOD(value, place, problems)
    if not found or any(found.get(key) is None for key in ("from", "to", "regime")):
        return None
    state = found["regime"] is WageRegime.STATE
    wanted, barred = ("coefficient", ("wage",)) if state else ("wage", ("coefficient", "seniority_percent"))
    if wanted not in found:
        problems.append(f"{place}.{wanted}: missing")
    problems += [f"{place}.{key}: has no meaning under regime {found['regime']}" for key in barred if key in found]
    if found["to"] < found["from"]:
        problems.append(f"{place}: ends before it begins")
    return Period(
        found["from"],
        found["to"],
        found["regime"],
        found.get("wage") or 0,
        found.get("coefficient") or Decimal(0),
        found.get("seniority_percent") or Decimal(0),
    )


@rule(
    "pension_award",
    sex=SEX,
    birth_date=DAY,
    pension_from=DAY,
    history=list_of(_career_period),
    impairment_percent=IMPAIRMENT,
    lowered_by_years=LOWERED,
    participated_before_2025_07_01=flag,
    category=CATEGORY,
)
def _pension_award(given: Given, _as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    """A pension follows the law of the day it starts."""
    given.need("sex", "birth_date", "pension_from", "history")
    facts = PensionFacts(
        sex=given["sex"],
        birth_date=given["birth_date"],
        pension_from=given["pension_from"],
        history=given["history"],
        impairment_percent=given.get("impairment_percent", 0),
        lowered_by_years=given.get("lowered_by_years", 0),
        participated_before_july_2025=given.get("participated_before_2025_07_01"),
        category=given.get("category", Category.EMPLOYEE),
    )
    decision = assess_pension(facts, given["pension_from"], law)
    record.findings.extend(decision.findings)
    result: dict[str, Any] = {
        "eligible": decision.eligible,
        "contribution_months": decision.contribution_months,
        "months_before_reference_age": decision.months_before_reference_age,
    }
    if not decision.eligible:
        return {**result, "reason": decision.reason}
    return {
        **result,
        "average": decision.average_vnd,
        "rate_percent": decision.rate_percent,
        "amount": decision.amount_vnd,
        "retirement_lump_sum": decision.retirement_lump_sum_vnd,
    }
