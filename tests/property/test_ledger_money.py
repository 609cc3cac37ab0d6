from fractions import Fraction
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ledger.money import ZERO, Dong, Rounding, apply_rate, round_to_dong, share, total

amounts = st.integers(-(10**18), 10**18).map(Dong)
rates = st.fractions(min_value=-10, max_value=10)
roundings = st.sampled_from(Rounding)
weights = st.lists(st.integers(0, 10**9) | st.fractions(min_value=0, max_value=10**6), min_size=1).filter(any)


@given(amounts, amounts, amounts, st.integers(-1000, 1000))
def test_amounts_add_and_multiply_as_whole_numbers_do(a: Dong, b: Dong, c: Dong, count: int) -> None:
    assert a + b == b + a
    assert (a + b) + c == a + (b + c)
    assert a - a == ZERO
    assert a + ZERO == a
    assert (a + b) * count == a * count + b * count
    assert -a + a == ZERO
    assert (a < b) == (a.vnd < b.vnd)


@given(amounts, rates, roundings)
def test_rounding_moves_by_less_than_one_dong(amount: Dong, rate: Fraction, rounding: Rounding) -> None:
    exact = amount.vnd * rate
    rounded = apply_rate(amount, rate, rounding).vnd
    assert abs(rounded - exact) < 1
    match rounding:
        case Rounding.HALF_UP:
            assert abs(rounded - exact) <= Fraction(1, 2)
        case Rounding.DOWN:
            assert abs(rounded) <= abs(exact)
        case Rounding.UP:
            assert abs(rounded) >= abs(exact)


@given(st.fractions(), roundings)
def test_rounding_mirrors_at_zero(quotient: Fraction, rounding: Rounding) -> None:
    assert round_to_dong(-quotient, rounding) == -round_to_dong(quotient, rounding)


@given(amounts, roundings)
def test_the_rate_one_changes_nothing(amount: Dong, rounding: Rounding) -> None:
    assert apply_rate(amount, 1, rounding) == amount


@given(amounts, weights)
def test_shares_add_up_and_stay_within_one_dong_of_the_proportion(whole: Dong, by: list[int | Fraction]) -> None:
    shares = share(whole, by)
    everything = sum(map(Fraction, by))
    assert total(shares) == whole
    assert all(
        abs(part.vnd - whole.vnd * Fraction(weight) / everything) < 1 for part, weight in zip(shares, by, strict=True)
    )


@given(amounts, weights)
def test_a_larger_weight_never_gets_a_smaller_share(whole: Dong, by: list[int | Fraction]) -> None:
    shares = [abs(part) for part in share(whole, by)]
    order = sorted(range(len(by)), key=lambda place: (by[place], shares[place]))
    assert all(shares[low] <= shares[high] for low, high in pairwise(order))


@given(amounts, st.integers(1, 50))
def test_equal_weights_differ_by_at_most_one_dong(whole: Dong, count: int) -> None:
    shares = share(whole, [1] * count)
    assert max(shares) - min(shares) <= Dong(1)
