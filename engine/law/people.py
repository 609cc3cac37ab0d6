"""Who a rule speaks about: sex, category of participant, wage regime, and one stretch of a career."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise

from engine.law.calendar import Month
from engine.law.errors import FactsImpossible


class Sex(StrEnum):
    FEMALE = "F"
    MALE = "M"


class Category(StrEnum):
    """Participants of compulsory insurance by the letters of Law 41/2024 Article 2(1)."""

    EMPLOYEE = "a"
    CIVIL_SERVANT = "b"
    DEFENCE_WORKER = "c"
    OFFICER = "d"
    CONSCRIPT = "đ"
    MILITIA = "e"
    ABROAD = "g"
    DIPLOMATIC_SPOUSE = "h"
    PAID_MANAGER = "i"
    COMMUNE_OFFICIAL = "k"
    PART_TIME = "l"
    HOUSEHOLD_OWNER = "m"
    UNPAID_MANAGER = "n"


class WageRegime(StrEnum):
    """Chế độ tiền lương: set by the State, decided by the employer, or income chosen under the voluntary scheme."""

    STATE = "state"
    PRIVATE = "private"
    VOLUNTARY = "voluntary"


@dataclass(frozen=True, slots=True)
class Period:
    """Months of contribution under one regime, both ends included.

    The State regime has a coefficient (hệ số lương) and perhaps a professional seniority allowance (phụ cấp thâm
    niên nghề) in percent of it; the others have a monthly wage or income in đồng.
    """

    first: Month
    last: Month
    regime: WageRegime
    wage_vnd: int = 0
    coefficient: Decimal = Decimal(0)
    seniority_percent: Decimal = Decimal(0)

    @property
    def months(self) -> int:
        return self.last - self.first + 1

    @property
    def coefficient_with_seniority(self) -> Decimal:
        return self.coefficient * (100 + self.seniority_percent) / 100


def in_order(history: Iterable[Period]) -> tuple[Period, ...]:
    """The career by time; a month that stands in two periods is refused."""
    ordered = tuple(sorted(history, key=lambda period: period.first))
    for earlier, later in pairwise(ordered):
        if later.first <= earlier.last:
            raise FactsImpossible("history", f"{later.first} stands in two periods")
    return ordered
