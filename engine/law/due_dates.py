"""Due dates (thời hạn đóng), the charge for paying later (tiền chậm đóng), and when lateness becomes evasion."""

from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from engine.law.calendar import MONTHS_IN_YEAR, Month
from engine.law.errors import FactsImpossible
from engine.law.findings import Record, Step
from engine.law.parameters import Parameters
from engine.law.rounding import HALF_UP, charge_vnd

_DUE = Step(
    "due_date",
    "hạn đóng: luật cũ ngày cuối của tháng hoặc chu kỳ, luật mới ngày cuối của tháng tiếp theo; "
    "không dời khi trùng ngày nghỉ (pháp luật chưa quy định)",
    "due on the last day of the month or cycle (old law) or of the following month (new law); not shifted when it is "
    "no working day, since no text says so",
)


def due_date(last_month_of_cycle: Month, cycle_months: int, law: Parameters, record: Record) -> date:
    """The last day on which the contributions of a cycle are paid in time.

    >>> due_date(Month.of(2026, 12), 1, Parameters.load(), Record())
    datetime.date(2027, 1, 31)
    """
    on = last_month_of_cycle.first_day
    cycles = law.at("contribution_cycles", on)
    if cycle_months not in cycles.value:
        raise FactsImpossible("cycle_months", f"{cycle_months} is none of {', '.join(map(str, cycles.value))}")
    rule = law.at("due_month", on)
    due: date = (last_month_of_cycle + rule.value).last_day
    record.find(
        _DUE,
        rule.citation,
        due,
        {"last_month_of_cycle": last_month_of_cycle, "cycle_months": cycle_months},
        f"{last_month_of_cycle} + {rule.value} → {due}",
        (rule, cycles),
    )
    return due


def end_of_cycle(month: Month, cycle_months: int) -> Month:
    """The last month of the cycle of a calendar year that holds a month."""
    place = (month.month - 1) % cycle_months
    return month + (cycle_months - 1 - place) if MONTHS_IN_YEAR % cycle_months == 0 else month


@dataclass(frozen=True, slots=True)
class LateCharge:
    """Days that count and the charge in đồng."""

    days: int
    charge_vnd: int


_CHARGE = Step(
    "late_charge",
    "tiền chậm đóng = số tiền × 0,03% × số ngày, tính từ ngày liền sau hạn đóng đến hết ngày đóng (ngày đóng có tính "
    "hay không pháp luật chưa nói rõ); nợ cũ tính từ 01/7/2025",
    "late charge = amount x 0.03% x days, from the day after the due date up to and including the day of payment "
    "(whether that day counts is not settled); older debts from 1 July 2025",
)


def late_charge(amount_vnd: int, due_on: date, paid_on: date, law: Parameters, record: Record) -> LateCharge:
    """The charge for one amount paid on one day; charges bear no charge.

    >>> late_charge(100_000_000, date(2026, 4, 30), date(2026, 5, 1), Parameters.load(), Record())
    LateCharge(days=1, charge_vnd=30000)
    """
    days = days_late(due_on, paid_on, law)
    rule = law.at("late_charge", max(paid_on, law.parameter("late_charge").values[0].starts_on))
    charge = charge_vnd(amount_vnd * days * Fraction(rule.value["percent_per_day"]) / 100)
    record.find(
        _CHARGE,
        rule.citation,
        charge,
        {"amount_vnd": amount_vnd, "due_date": due_on, "paid_on": paid_on},
        f"{amount_vnd} × {rule.value['percent_per_day']} % × {days} = {charge}",
        (rule.narrowed("percent_per_day", "payment_day"),) if days else (rule,),
        HALF_UP,
    )
    return LateCharge(days, charge)


def days_late(due_on: date, paid_on: date, law: Parameters) -> int:
    """Days that bear the charge; those before its law took effect bore interest instead."""
    charge_from = law.parameter("late_charge").values[0].starts_on
    since = max(due_on, charge_from - timedelta(days=1))
    days = max(0, (paid_on - since).days)
    rule = law.at("late_charge", max(paid_on, charge_from))
    return days if rule.value["payment_day"] == "counted" else max(0, days - 1)


_EVASION = Step(
    "evasion",
    "quá 60 ngày kể từ hạn đóng và đã được đôn đốc bằng văn bản: trốn đóng từ ngày thứ 61",
    "more than 60 days after the due date and urged in writing: evasion from day 61",
)


@dataclass(frozen=True, slots=True)
class Evasion:
    """The sixtieth day, and the first day of evasion (None as long as nobody urged the employer)."""

    last_late_day: date
    evasion_from: date | None


def evasion(due_on: date, urged: bool, law: Parameters, record: Record) -> Evasion:
    """When lateness becomes evasion (Law 41/2024 Article 39(1)đ)."""
    rule = law.at("late_charge", max(due_on, law.parameter("late_charge").values[0].starts_on))
    last = due_on + timedelta(days=rule.value["evasion_after_days"])
    found = Evasion(last, last + timedelta(days=1) if urged else None)
    record.find(
        _EVASION,
        rule.citation,
        found.evasion_from,
        {"due_date": due_on, "urged": urged},
        f"{due_on} + {rule.value['evasion_after_days']} = {last}",
        (rule,),
    )
    return found
