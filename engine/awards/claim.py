"""A claim (hồ sơ đề nghị hưởng): what is asked for, for whom, and the facts it rests on."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from engine.law.calendar import Month
from engine.law.people import Period, WageRegime
from engine.people.person import Person


class Claimed(StrEnum):
    """What a claim asks for."""

    PENSION = "pension"
    """Lương hưu, a new one: assessed from the contribution history."""
    RUNNING_PENSION = "running_pension"
    """Lương hưu that is being paid already: taken over and adjusted."""
    FUNERAL_GRANT = "funeral_grant"
    """Trợ cấp mai táng."""
    SURVIVOR_ALLOWANCE = "survivor_allowance"
    """Trợ cấp tuất hằng tháng."""
    SURVIVOR_LUMP_SUM = "survivor_lump_sum"
    """Trợ cấp tuất một lần."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Months of contribution under one wage (quá trình đóng), both months included.

    A state wage is a coefficient of the base salary with an optional seniority allowance in percent of it; the other
    regimes have a wage in đồng per month.
    """

    first_month: date
    last_month: date
    regime: str
    wage_vnd: int | None
    coefficient: Decimal | None
    seniority_percent: Decimal | None

    @property
    def months(self) -> int:
        """How many months, the last included."""
        return self.as_period().months

    def as_period(self) -> Period:
        """The same as the law reads it."""
        return Period(
            Month.containing(self.first_month),
            Month.containing(self.last_month),
            WageRegime(self.regime),
            self.wage_vnd or 0,
            self.coefficient or Decimal(0),
            self.seniority_percent or Decimal(0),
        )

    @property
    def end_month(self) -> date:
        """The first month that is no longer part of it."""
        return month_after(self.last_month)

    def overlaps(self, other: "Stretch") -> bool:
        return self.first_month <= other.last_month and other.first_month <= self.last_month


@dataclass(frozen=True, slots=True)
class Relative:
    """A relative of the deceased (thân nhân) who asks for an allowance."""

    person: Person
    relation: str
    monthly_income_vnd: int
    impairment_percent: int
    studying: bool
    alone: bool


@dataclass(frozen=True, slots=True)
class Death:
    """What a death benefit needs to know of the death; pension in đồng per month at that time."""

    on: date
    work_accident: bool
    status: str
    pension_vnd: int | None
    pension_months: int | None


@dataclass(frozen=True, slots=True)
class Claim:
    claim_no: str
    benefit: Claimed
    received_on: date
    insured: Person
    claimant: Person
    starts_on: date | None = None
    amount_before_vnd: int | None = None
    stopped_before_1995: bool = False
    impairment_percent: int = 0
    death: Death | None = None
    history: tuple[Stretch, ...] = ()
    relatives: tuple[Relative, ...] = ()
    office_code: str | None = None
    """The social insurance office that keeps the claim and pays by it, five digits."""

    def facts(self) -> dict[str, object]:
        """What the claim itself states, for the record; the rest is kept as facts of people."""
        stated = {
            "starts_on": self.starts_on and self.starts_on.isoformat(),
            "amount_before_vnd": self.amount_before_vnd,
            "stopped_before_1995": self.stopped_before_1995 or None,
            "impairment_percent": self.impairment_percent or None,
        }
        if self.death is not None:
            stated["died_on"] = self.death.on.isoformat()
            stated["work_accident"] = self.death.work_accident
            stated["status_at_death"] = self.death.status
            stated["pension_vnd"] = self.death.pension_vnd
            stated["pension_months"] = self.death.pension_months
        return {name: value for name, value in stated.items() if value is not None}


def month_after(day: date) -> date:
    """The first day of the month after the one a day stands in."""
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)
