"""Retirement age (tuổi nghỉ hưu) and the month in which a pension starts."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from engine.law.calendar import MONTHS_IN_YEAR, Month, age_text
from engine.law.documents import cite
from engine.law.errors import FactsImpossible
from engine.law.findings import Record, Step
from engine.law.parameters import Parameters
from engine.law.people import Sex

_AGE = Step(
    "retirement_age",
    "tháng đủ tuổi = tháng sinh + tuổi nghỉ hưu của năm đủ tuổi, trừ số năm được hạ; hưởng từ ngày đầu tháng liền kề",
    "age is reached in birth month + age of the year in which it is reached, less lowered years; "
    "a pension starts on the first day of the next month",
)


@dataclass(frozen=True, slots=True)
class RetirementAge:
    """The age in months, the month in which it is reached, and the first day a pension can start."""

    age_months: int
    reached: Month

    @property
    def start(self) -> Month:
        return self.reached + 1


def retirement_age(
    sex: Sex, birth_month: Month, law: Parameters, record: Record, lowered_by_years: int = 0
) -> RetirementAge:
    """The age of the year in which it is reached; the earliest such year counts (Decree 135/2020, Appendix I).

    >>> retirement_age(Sex.MALE, Month.of(1961, 9), Parameters.load(), Record()).start
    2022-01
    >>> retirement_age(Sex.MALE, Month.of(1961, 10), Parameters.load(), Record()).start
    2022-05
    """
    lowered = lowered_by_years * MONTHS_IN_YEAR
    lowest = law.parameter("retirement_age").values[0].value[sex]
    year = (birth_month + (lowest - lowered)).year
    while True:
        age = law.at("retirement_age", date(year, 1, 1))
        reached = birth_month + (age.value[sex] - lowered)
        if reached.year == year:
            break
        year += 1
    found = RetirementAge(age.value[sex] - lowered, reached)
    record.find(
        _AGE,
        age.citation,
        age_text(found.age_months),
        {"sex": sex, "birth_month": birth_month, "lowered_by_years": lowered_by_years},
        f"{birth_month} + {age_text(found.age_months)} = {reached}; {found.start.first_day}",
        (age,),
    )
    return found


_UNKNOWN_BIRTHDAY = Step(
    "unknown_birthday",
    "chỉ biết năm sinh: quy tắc cũ tính từ 01/01 năm sau năm đủ tuổi; quy tắc mới lấy 01/01 của năm sinh",
    "only the year of birth is known: formerly from 1 January after the year the age is reached, "
    "now as if born on 1 January of that year",
)


def age_condition_from(sex: Sex, birth_year: int, on: date, law: Parameters, record: Record) -> date:
    """The day from which the age condition holds when only the year of birth is known.

    Circular 59/2015, example 32: a woman born in 1961 meets it from 1 January 2017.
    """
    rule = law.at("unknown_birthday", on)
    age = retirement_age(sex, Month.of(birth_year, 1), law, record)
    following = rule.value == "following_january"
    condition = date(age.reached.year + 1, 1, 1) if following else age.start.first_day
    record.find(
        _UNKNOWN_BIRTHDAY, rule.citation, condition, {"birth_year": birth_year, "sex": sex}, str(condition), (rule,)
    )
    return condition


_MISSING = Step(
    "missing_months",
    "số tháng còn thiếu = thời gian đóng tối thiểu - thời gian đã đóng",
    "missing months = shortest qualifying time - months contributed",
)
_TOPUP = Step(
    "start_after_topup",
    "đóng một lần cho số tháng còn thiếu: luật cũ hưởng từ tháng đóng đủ, luật mới từ tháng liền kề sau khi đóng đủ",
    "missing months paid at once: formerly from the month of payment, now from the month after full payment",
)


def missing_months(contribution_months: int, on: date, law: Parameters, record: Record) -> int:
    """Months still missing for an ordinary pension; 0 when none is."""
    needed = law.at("qualifying_months", on)
    missing: int = max(0, needed.value["ordinary"] - contribution_months)
    record.find(
        _MISSING,
        needed.citation,
        missing,
        {"contribution_months": contribution_months},
        f"{needed.value['ordinary']} - {contribution_months} → {missing}",
        (needed,),
    )
    return missing


def start_after_topup(missing: int, paid_in: Month, on: date, law: Parameters, record: Record) -> Month:
    """First pension month after the missing months were paid in one payment, age aside.

    Circular 59/2015, example 22: paid in April 2016, from April 2016.
    """
    limit = law.at("missing_months", on)
    if missing > limit.value["months"]:
        raise FactsImpossible(
            "topup_paid_in", f"{missing} months are missing, only up to {limit.value['months']} may be paid at once"
        )
    rule = law.at("topup_start", on)
    start = paid_in + 1 if rule.value == "month_after_payment" else paid_in
    record.find(_TOPUP, rule.citation, start.first_day, {"topup_paid_in": paid_in}, str(start), (limit, rule))
    return start


_EARLY_START = Step(
    "early_pension_start",
    "hưởng từ tháng liền kề sau tháng có kết luận giám định, không sớm hơn tuổi thấp nhất",
    "from the month after the medical conclusion, not before the lowest age",
)


def early_start(
    age: RetirementAge, impairment_percent: Decimal | int, concluded_on: date, on: date, law: Parameters, record: Record
) -> Month:
    """First pension month of a person with reduced ability to work.

    Circular 59/2015, example 33: concluded on 5 July 2016, from 1 August 2016.
    """
    rule = law.at("early_pension", on)
    allowed = months_allowed_early(impairment_percent, on, law)
    start = max(Month.containing(concluded_on) + 1, age.start + -allowed)
    record.find(
        _EARLY_START,
        rule.citation if allowed else cite("D158", "12"),
        start.first_day,
        {"medical_conclusion": concluded_on, "impairment_percent": impairment_percent},
        f"max({Month.containing(concluded_on) + 1}, {age.start} - {allowed} months) = {start}",
        (rule,),
    )
    return start


def months_allowed_early(impairment_percent: Decimal | int, on: date, law: Parameters) -> int:
    """How many months before the ordinary age an impairment lets a pension start; 0 below 61 percent."""
    rule = law.at("early_pension", on).value
    if impairment_percent >= rule["severe_percent"]:
        return int(rule["severe_months"])
    return int(rule["partial_months"]) if impairment_percent >= rule["partial_percent"] else 0
