"""Average earnings (mức bình quân tiền lương làm căn cứ đóng), the base of pensions and lump sums.

State wages count all their months at the average of their window; wages decided by employers and voluntary incomes
count all months, indexed. Gaps between the stretches of a career count for nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from engine.law.documents import Citation, cite
from engine.law.findings import Record, Step, number_text
from engine.law.indices import indexed_sum, wages_by_year
from engine.law.parameters import Parameters
from engine.law.people import Period, WageRegime
from engine.law.rounding import TRUNCATED, average_earnings_vnd
from engine.law.state_wages import state_average


@dataclass(frozen=True, slots=True)
class Average:
    """The average in whole đồng, and the months it rests on."""

    average_vnd: int
    months: int
    compulsory_months: int


_AVERAGE = Step(
    "average_earnings",
    "bình quân = (số tháng theo chế độ Nhà nước × bình quân Nhà nước + tổng tiền lương, thu nhập đã điều chỉnh) "
    "/ tổng số tháng",
    "average = (State months x State average + sum of indexed wages and incomes) / all months",
)
_AVERAGE_ARTICLE = cite("L41", "72", "3")
_AVERAGE_ARTICLE_2014 = cite("L58", "62", "3")


def career_average(history: Sequence[Period], on: date, law: Parameters, record: Record) -> Average:
    """The average of a whole career for a benefit that starts on a day. The history stands in order of time.

    Rounded once at the end; Decree 158/2025 Article 17(5) weighs voluntary incomes and the compulsory average by their
    months, which is the same sum.
    """
    state = [period for period in history if period.regime is WageRegime.STATE]
    indexed = [period for period in history if period.regime is not WageRegime.STATE]
    months = sum(period.months for period in history)
    total = Fraction(0)
    state_months = sum(period.months for period in state)
    if state:
        total += state_months * state_average(state, first_compulsory_day(history), on, law, record)
    if indexed:
        total += Fraction(indexed_sum(wages_by_year(indexed), on, law, record))
    average = average_earnings_vnd(total / months)
    record.find(
        _AVERAGE,
        average_article(on, law),
        average,
        {"months": months, "state_months": state_months},
        f"{number_text(total)} / {months} = {average}",
        rounding=TRUNCATED,
    )
    voluntary = sum(period.months for period in indexed if period.regime is WageRegime.VOLUNTARY)
    return Average(average, months, months - voluntary)


def first_compulsory_day(history: Sequence[Period]) -> date:
    """First day of compulsory participation in a history that holds some."""
    return next(period.first.first_day for period in history if period.regime is not WageRegime.VOLUNTARY)


def average_article(on: date, law: Parameters) -> Citation:
    return _AVERAGE_ARTICLE if law.value("governing_law", on) == "law_2024" else _AVERAGE_ARTICLE_2014
