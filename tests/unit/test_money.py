from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from ledger.money import ZERO, Dong, Rounding, apply_rate, round_to_dong, share, total


@pytest.mark.parametrize("amount", [1.0, True, Decimal(1), Fraction(1), "1", None])
def test_only_a_whole_number_is_an_amount(amount: Any) -> None:
    with pytest.raises(TypeError, match="đồng are whole"):
        Dong(amount)


def test_an_amount_adds_to_amounts_only() -> None:
    assert Dong(7) + Dong(-2) - Dong(1) == Dong(4)
    for other in (1, 1.5, Decimal(1), None):
        with pytest.raises(TypeError):
            Dong(7) + other  # type: ignore[operator]
        with pytest.raises(TypeError):
            Dong(7) - other  # type: ignore[operator]


def test_an_amount_is_multiplied_by_whole_counts_only() -> None:
    assert Dong(7) * 3 == 3 * Dong(7) == Dong(21)
    for other in (1.5, Decimal(2), Fraction(1, 2), True, Dong(2)):
        with pytest.raises(TypeError):
            Dong(7) * other  # type: ignore[operator]


def test_an_amount_cannot_be_divided() -> None:
    with pytest.raises(TypeError):
        Dong(7) / 2  # type: ignore[operator]


def test_an_amount_cannot_change() -> None:
    with pytest.raises(AttributeError):
        Dong(7).vnd = 8  # type: ignore[misc]


def test_amounts_compare_with_amounts_only() -> None:
    assert Dong(1) < Dong(2) <= Dong(2) < Dong(3)
    assert Dong(1) != Dong(2)
    with pytest.raises(TypeError):
        Dong(1) < 2  # type: ignore[operator]  # noqa: B015


@pytest.mark.parametrize(
    ("amount", "shown"),
    [(0, "0 ₫"), (999, "999 ₫"), (1_234_567, "1.234.567 ₫"), (-1_000, "-1.000 ₫"), (10**15, "1.000.000.000.000.000 ₫")],
)
def test_amounts_are_written_the_vietnamese_way(amount: int, shown: str) -> None:
    assert str(Dong(amount)) == shown


def test_a_total_of_nothing_is_zero() -> None:
    assert total([]) == ZERO
    assert not ZERO
    assert total([Dong(1), Dong(2)]) == Dong(3)


@pytest.mark.parametrize(
    ("quotient", "half_up", "down", "up"),
    [
        (Fraction(5, 2), 3, 2, 3),
        (Fraction(-5, 2), -3, -2, -3),
        (Fraction(7, 3), 2, 2, 3),
        (Fraction(-7, 3), -2, -2, -3),
        (Fraction(4), 4, 4, 4),
        (Fraction(1, 10**30), 0, 0, 1),
    ],
)
def test_each_rounding_does_what_its_name_says(quotient: Fraction, half_up: int, down: int, up: int) -> None:
    assert round_to_dong(quotient, Rounding.HALF_UP) == Dong(half_up)
    assert round_to_dong(quotient, Rounding.DOWN) == Dong(down)
    assert round_to_dong(quotient, Rounding.UP) == Dong(up)


def test_a_rate_is_applied_exactly_and_rounded_once() -> None:
    assert apply_rate(Dong(10_000_000), Decimal("0.08"), Rounding.HALF_UP) == Dong(800_000)
    assert apply_rate(Dong(1), Fraction(1, 2), Rounding.HALF_UP) == Dong(1)
    # 0,1 + 0,2 is exactly 0,3 here.
    assert apply_rate(Dong(10), Decimal("0.1") + Decimal("0.2"), Rounding.UP) == Dong(3)


@pytest.mark.parametrize("rate", [0.5, True, "0.5"])
def test_a_rate_is_an_exact_number(rate: Any) -> None:
    with pytest.raises(TypeError, match="exact number"):
        apply_rate(Dong(10), rate, Rounding.DOWN)


def test_what_is_left_over_goes_to_the_largest_remainders() -> None:
    assert share(Dong(10), [1, 1, 1]) == [Dong(4), Dong(3), Dong(3)]
    assert share(Dong(100), [Decimal("0.5"), Decimal("0.255"), Decimal("0.245")]) == [Dong(50), Dong(26), Dong(24)]
    assert share(Dong(-10), [1, 1, 1]) == [Dong(-4), Dong(-3), Dong(-3)]
    assert share(Dong(5), [0, 1]) == [ZERO, Dong(5)]


@pytest.mark.parametrize("weights", [[], [0], [0, 0], [1, -1], [2, -1]])
def test_there_must_be_something_to_share_by(weights: list[int]) -> None:
    with pytest.raises(ValueError, match="weights"):
        share(Dong(10), weights)
