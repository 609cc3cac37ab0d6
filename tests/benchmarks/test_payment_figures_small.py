"""The figures of three months, for some hundred payees, equal to what the bank's books and the files say."""

from benchmarks.payment_figures import compare, paid_months


def test_the_figures_equal_an_independent_count_over_the_banks_books() -> None:
    with paid_months(300, 7, {}) as installation:
        november, december = compare(installation)
    assert november.ours == november.theirs
    assert december.ours == december.theirs
    assert november.ours["returns"]
    assert december.ours["days_to_credit"] == {1: sum(december.ours["days_to_credit"].values())}
    # Two months in one payment day: the same persons, twice the payments.
    persons, *_ = december.ours["shares"]["all", "all"]
    assert december.ours["first_attempts"][0] > 1.9 * persons
