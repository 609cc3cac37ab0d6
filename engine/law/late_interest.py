"""Interest on late contributions under the old law (lãi chậm đóng), accrued to 30 June 2025.

Decision 595/QĐ-BHXH, Articles 37 and 38. What was due before 1 July 2025 bears this interest on the first day of each
month up to 1 June 2025, and the daily charge (`due_dates.days_late`) from 1 July 2025 on. Where the rate k of a year is
not known to us its months are told without an amount, and nothing is charged for them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from engine.law.calendar import Month
from engine.law.contributions import Fund
from engine.law.errors import NoValueOnDate
from engine.law.findings import Record, Step
from engine.law.parameters import DatedValue, Parameters
from engine.law.rounding import HALF_UP, charge_vnd


@dataclass(frozen=True, slots=True)
class MonthOfInterest:
    """The first day of a month on which an overdue amount bears interest; `rate` is None where k is not known."""

    on: date
    percent: Decimal | None
    rate: DatedValue | None

    def interest(self, amount_vnd: int) -> Fraction:
        """In đồng, exact: a fund and month of dues is rounded once."""
        return amount_vnd * Fraction(self.percent or 0) / 100


def months_of_interest(fund: Fund, due_on: date, paid_on: date, law: Parameters) -> Sequence[MonthOfInterest]:
    """Each month whose interest falls on what was due on a day and is paid, or still open, on another.

    The debt of a month is what is unpaid at the end of the month before, so what is paid on the first bears it. Of a
    cycle of three or six months the months count from the end of the cycle, as thirty days of lateness demand.

    >>> found = months_of_interest(Fund.HEALTH, date(2016, 1, 31), date(2016, 4, 30), Parameters.load())
    >>> [(str(month.on), str(month.percent)) for month in found]
    [('2016-03-01', '1.0833'), ('2016-04-01', '1.0833')]
    >>> crossing = months_of_interest(Fund.RETIREMENT, date(2025, 4, 30), date(2025, 8, 5), Parameters.load())
    >>> [month.percent for month in crossing]
    [None]
    """
    last = law.parameter("late_interest_months").values[-1].ends_on
    if last is None or due_on > last:
        return ()
    month = Month.containing(due_on) + law.value("late_interest_months", due_on)["first_after"]
    found = []
    while month.first_day <= min(paid_on, last):
        found.append(_month_of_interest(fund, month.first_day, law))
        month += 1
    return found


def _month_of_interest(fund: Fund, on: date, law: Parameters) -> MonthOfInterest:
    kind = "hi" if fund is Fund.HEALTH else "si"
    try:
        rate = law.at("late_interest_rate", on)
    except NoValueOnDate:
        return MonthOfInterest(on, None, None)
    return MonthOfInterest(on, rate.value[kind], rate.narrowed(kind))


_MONTHLY = Step(
    "late_interest",
    "lãi của tháng = (số nợ - số chưa quá hạn) × lãi suất k, tính ngày đầu tháng; không tính lãi của lãi",
    "interest of a month = (debt - part not yet overdue) x rate k, on its first day; interest bears no interest",
)


def monthly_interest(
    overdue_vnd: int, rate_percent: Decimal | Fraction, on: date, law: Parameters, record: Record, fund: str = ""
) -> int:
    """Interest of one month. Decision 595, example 12: 100,000,000 at 1.065% is 1,065,000."""
    ground = law.at("late_interest_months", on)
    interest = charge_vnd(overdue_vnd * Fraction(rate_percent) / 100)
    record.find(
        _MONTHLY,
        ground.citation,
        interest,
        {"overdue_vnd": overdue_vnd, "k_percent": rate_percent, "fund": fund},
        f"{overdue_vnd} × {rate_percent} % = {interest}",
        (ground,),
        HALF_UP,
    )
    return interest


@dataclass(frozen=True, slots=True)
class BackCollected:
    """One month of a back-collection (truy thu): months that bear interest, and the interest in đồng."""

    month: Month
    months_of_interest: int
    interest_vnd: int


_BACK = Step(
    "back_collection",
    "lãi truy thu = số tiền × N × k, N = (tháng phát hiện - tháng phải đóng) - 1",
    "interest of a back-collection = amount x N x k, N = (month found - month due) - 1",
)


def back_collection(
    rows: Sequence[tuple[Month, int]], found_in: Month, rate_percent: Decimal, on: date, law: Parameters, record: Record
) -> Sequence[BackCollected]:
    """Interest of each month collected afterwards (Decision 595 Article 38)."""
    ground = law.at("late_interest_months", on)
    found = []
    for month, amount in rows:
        months = max(0, found_in - month - ground.value["back_collection_free"])
        interest = charge_vnd(amount * months * Fraction(rate_percent) / 100)
        found.append(BackCollected(month, months, interest))
        record.find(
            _BACK,
            ground.citation,
            interest,
            {"month": month, "amount_vnd": amount, "discovered": found_in},
            f"{amount} × {months} × {rate_percent} % = {interest}",
            (ground,),
            HALF_UP,
        )
    return found


_UNPAID = Step(
    "late_interest_of_months",
    "tổng lãi = số phải đóng mỗi tháng × số lượt tháng quá hạn × k",
    "total interest = monthly dues x overdue month-units x k",
)


def interest_of_unpaid_months(
    unpaid: Sequence[Month],
    monthly_dues_vnd: Mapping[str, int],
    rate_percent: Decimal,
    through: date,
    on: date,
    law: Parameters,
    record: Record,
) -> Mapping[str, int]:
    """Interest by fund of a monthly payer, computed on the first day of each month up to a day.

    Decision 595, example 17: January to May unpaid, through 1 June, is ten month-units.
    """
    ground = law.at("late_interest_months", on)
    last = Month.containing(through)
    units = sum(max(0, last - (month + ground.value["first_after"]) + 1) for month in unpaid)
    found = {fund: charge_vnd(dues * units * Fraction(rate_percent) / 100) for fund, dues in monthly_dues_vnd.items()}
    record.find(
        _UNPAID,
        ground.citation,
        found,
        {"unpaid_months": [str(month) for month in unpaid], "computed_through": through, "k_percent": rate_percent},
        f"{units} × {rate_percent} %",
        (ground,),
        HALF_UP,
    )
    return found
