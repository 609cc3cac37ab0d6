"""Money in whole đồng: Dong, a rate applied to an amount, and a total shared without losing a đồng.

No float and no fraction of a đồng can stand in a Dong. A quotient stays an exact Fraction until the one rounding, which
is named where it happens.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from functools import total_ordering
from typing import assert_never


@total_ordering
@dataclass(frozen=True, slots=True, eq=True)
class Dong:
    """An amount in whole Vietnamese đồng (VND), positive, zero or negative.

    >>> Dong(1_000_000) + Dong(234_567)
    Dong(vnd=1234567)
    >>> str(Dong(1_234_567))
    '1.234.567 ₫'
    """

    vnd: int

    def __post_init__(self) -> None:
        # bool is an int to isinstance, hence the exact type.
        if type(self.vnd) is not int:
            raise TypeError(f"đồng are whole: an int is needed, not {type(self.vnd).__name__}")

    def __add__(self, other: "Dong") -> "Dong":
        return Dong(self.vnd + other.vnd) if isinstance(other, Dong) else NotImplemented

    def __sub__(self, other: "Dong") -> "Dong":
        return Dong(self.vnd - other.vnd) if isinstance(other, Dong) else NotImplemented

    def __mul__(self, count: int) -> "Dong":
        """A whole number of times the amount. Rates and shares go through `apply_rate` and `share`."""
        return Dong(self.vnd * count) if type(count) is int else NotImplemented

    __rmul__ = __mul__

    def __neg__(self) -> "Dong":
        return Dong(-self.vnd)

    def __abs__(self) -> "Dong":
        return Dong(abs(self.vnd))

    def __bool__(self) -> bool:
        return self.vnd != 0

    def __lt__(self, other: "Dong") -> bool:
        return self.vnd < other.vnd if isinstance(other, Dong) else NotImplemented

    def __str__(self) -> str:
        return f"{self.vnd:,} ₫".replace(",", ".")


ZERO = Dong(0)


def total(amounts: Iterable[Dong]) -> Dong:
    return sum(amounts, ZERO)


class Rounding(Enum):
    """How a fraction of a đồng becomes a whole đồng. Negative amounts mirror positive ones."""

    HALF_UP = "half_up"
    """Làm tròn số học: from half a đồng upwards, away from zero."""
    DOWN = "down"
    """Bỏ phần lẻ: the fraction is dropped, towards zero."""
    UP = "up"
    """Làm tròn lên: any fraction counts as a whole đồng, away from zero."""


def apply_rate(amount: Dong, rate: Fraction | Decimal | int, rounding: Rounding) -> Dong:
    """`amount` times an exact `rate`, rounded once.

    Tiền chậm đóng of 1.000.001 đồng for 7 days at 0,03 % a day, Law 41/2024/QH15 Articles 40 and 41:

    >>> apply_rate(Dong(1_000_001), Decimal("0.0003") * 7, Rounding.HALF_UP)
    Dong(vnd=2100)
    """
    return round_to_dong(amount.vnd * _exact(rate), rounding)


def round_to_dong(quotient: Fraction, rounding: Rounding) -> Dong:
    """An exact quotient in đồng as whole đồng: the single rounding of a calculation."""
    whole, rest = divmod(abs(quotient.numerator), quotient.denominator)
    match rounding:
        case Rounding.HALF_UP:
            whole += 2 * rest >= quotient.denominator
        case Rounding.DOWN:
            pass
        case Rounding.UP:
            whole += rest > 0
        case _:
            assert_never(rounding)
    return Dong(whole if quotient >= 0 else -whole)


def share(whole: Dong, weights: Sequence[int | Fraction | Decimal]) -> list[Dong]:
    """Shares `whole` in proportion to `weights` by largest remainder; the shares always add up to it.

    Each share is the exact proportion rounded down; the đồng left over go one by one to the largest remainders, and
    among equal remainders to the earlier ones. The shares of a negative amount mirror those of the positive one.

    >>> share(Dong(100), [1, 1, 1])
    [Dong(vnd=34), Dong(vnd=33), Dong(vnd=33)]
    """
    exact = [_exact(weight) for weight in weights]
    everything = sum(exact, Fraction(0))
    if any(weight < 0 for weight in exact) or everything <= 0:
        raise ValueError("weights must not be negative, and at least one must be positive")
    quotients = [abs(whole.vnd) * weight / everything for weight in exact]
    shares = [quotient.numerator // quotient.denominator for quotient in quotients]
    by_remainder = sorted(range(len(shares)), key=lambda place: shares[place] - quotients[place])
    for place in by_remainder[: abs(whole.vnd) - sum(shares)]:
        shares[place] += 1
    return [Dong(amount if whole.vnd >= 0 else -amount) for amount in shares]


def _exact(number: Fraction | Decimal | int) -> Fraction:
    if isinstance(number, bool) or not isinstance(number, (Fraction, Decimal, int)):
        raise TypeError(f"an exact number is needed (Fraction, Decimal or int), not {type(number).__name__}")
    return Fraction(number)
