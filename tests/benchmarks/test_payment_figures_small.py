"""The figures of three months, for some hundred payees, equal to what the bank's books and the files say."""

from benchmarks.payment_figures import compare, paid_months


def test_the_figures_equal_an_independent_count_over_the_banks_books() -> None:
    with paid_months(300, 7, {}) as installation:
        january, february = compare(installation)
    assert january.ours == january.theirs
    assert february.ours == february.theirs
    assert january.ours["returns"]
    offices = {value for dimension, value in january.ours["shares"] if dimension == "office"}
    assert "unknown" not in offices
    assert len(offices) > len({value for dimension, value in january.ours["shares"] if dimension == "province"})
    assert february.ours["days_to_credit"] == {3: sum(february.ours["days_to_credit"].values())}
    # Two months in one payment day: the same persons, twice the payments.
    persons, *_ = february.ours["shares"]["all", "all"]
    assert february.ours["first_attempts"][0] > 1.9 * persons
