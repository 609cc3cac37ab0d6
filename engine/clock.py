"""The one place where time comes from. Everything below an entry point takes `as_of` or `at` as an argument.

Instants are UTC inside; legal and business dates are those of Việt Nam (Asia/Ho_Chi_Minh).
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

VIET_NAM = ZoneInfo("Asia/Ho_Chi_Minh")


@dataclass(frozen=True, slots=True)
class Clock:
    """The time an entry point works at: the computer's, or a fixed instant that a demonstration month stands at."""

    fixed_at: datetime | None = None

    def now(self) -> datetime:
        return self.fixed_at or datetime.now(UTC)

    def today(self) -> date:
        return business_date(self.now())


def business_date(at: datetime) -> date:
    """The date in Việt Nam at an instant."""
    return at.astimezone(VIET_NAM).date()
