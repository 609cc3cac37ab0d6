"""How each legal amount is rounded to whole đồng. No text fixes a general rule; each choice names its evidence."""

from decimal import Decimal
from fractions import Fraction

Exact = Fraction | Decimal | int

TRUNCATED = "cắt bỏ phần lẻ đồng / fractions of a đồng are dropped"
HALF_UP = "làm tròn đến đồng, từ nửa đồng trở lên tính một đồng / half a đồng and more count as one"


def average_earnings_vnd(exact: Exact) -> int:
    """Averages are cut off: an official computation gives 65,639,950 / 37 = 1,774,052.

    >>> average_earnings_vnd(Fraction(65_639_950, 37))
    1774052
    """
    return int(Fraction(exact) // 1)


def benefit_vnd(exact: Exact) -> int:
    """Pensions and other amounts paid out are rounded half up: Circular 59/2015, example 39, 5,886,817.8 → 5,886,818.

    >>> benefit_vnd(Decimal("5886817.8"))
    5886818
    """
    return _half_up(exact)


def contribution_vnd(exact: Exact) -> int:
    """Contributions of one person to one fund are rounded half up; no text fixes it."""
    return _half_up(exact)


def charge_vnd(exact: Exact) -> int:
    """Charges and interest for late payment are rounded half up; no text fixes it."""
    return _half_up(exact)


def _half_up(exact: Exact) -> int:
    if isinstance(exact, int):
        return exact
    doubled = Fraction(exact) * 2
    return int((doubled + 1) // 2)
