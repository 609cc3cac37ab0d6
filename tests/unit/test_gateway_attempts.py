"""What is known of an attempt: no news in any order books twice, loses a final word or sends on hope."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gateways.attempts import FINAL, Attempt, answered, inquired, notified
from gateways.contract import Outcome
from gateways.momo import codes as momo
from gateways.online import Notification, OnlineAnswer

AMOUNT = 4_250_000
outcomes = st.sampled_from(Outcome)
amounts = st.sampled_from([None, AMOUNT, AMOUNT + 1])
answers = st.builds(
    OnlineAnswer, outcome=outcomes, code=st.just("c"), amount_vnd=amounts, found=st.sampled_from([None, True, False])
)
notifications = st.none() | st.builds(
    Notification,
    reference=st.sampled_from(["P1", "P2"]),
    outcome=outcomes,
    code=st.just("c"),
    amount_vnd=st.sampled_from([AMOUNT, AMOUNT + 1]),
    provider_reference=st.just("n"),
    document=st.just(b""),
)
news = st.lists(
    st.tuples(st.just(answered), answers)
    | st.tuples(st.just(inquired), answers)
    | st.tuples(st.just(notified), notifications),
    max_size=12,
)


def played(told: list[tuple[object, object]]) -> list[Attempt]:
    attempts = [Attempt("P1", AMOUNT)]
    for learn, what in told:
        attempts.append(learn(attempts[-1], what))  # type: ignore[operator]
    return attempts


@given(news)
def test_a_success_is_booked_at_most_once_and_a_final_word_stays(told: list[tuple[object, object]]) -> None:
    attempts = played(told)
    for before, after in pairwise(attempts):
        assert after.booked_times <= 1
        if before.outcome in FINAL and after.outcome is not before.outcome:
            assert (before.outcome, after.outcome) == (Outcome.SUCCESS, Outcome.RETURNED)
        assert set(before.cases) <= set(after.cases)


@given(news)
def test_what_was_sent_and_is_not_known_to_be_refused_is_never_sent_again(told: list[tuple[object, object]]) -> None:
    for attempt in played(told):
        if attempt.sends and attempt.outcome is not Outcome.NOT_ACCEPTED:
            assert not attempt.may_be_sent


@given(news)
def test_the_same_news_again_changes_no_word(told: list[tuple[object, object]]) -> None:
    once = played(told)[-1]
    for learn, what in told[-1:]:
        again = learn(once, what)  # type: ignore[operator]
        assert (again.outcome, again.booked_times, again.cases) == (once.outcome, once.booked_times, once.cases)


def test_a_refused_call_says_nothing_of_an_earlier_one() -> None:
    lost = answered(Attempt("P1", AMOUNT), OnlineAnswer(Outcome.UNKNOWN, "timeout"))
    again = answered(lost, OnlineAnswer(Outcome.NOT_ACCEPTED, "10"))
    assert (again.outcome, again.may_be_sent) == (Outcome.UNKNOWN, False)
    refused = answered(Attempt("P1", AMOUNT), OnlineAnswer(Outcome.NOT_ACCEPTED, "10"))
    assert refused.may_be_sent
    paid = answered(refused, OnlineAnswer(Outcome.SUCCESS, "0", amount_vnd=AMOUNT))
    assert (paid.outcome, paid.booked_times) == (Outcome.SUCCESS, 1)


def test_failed_then_paid_is_for_a_person() -> None:
    failed = answered(Attempt("P1", AMOUNT), OnlineAnswer(Outcome.FAILED, "1006"))
    contradicted = inquired(failed, OnlineAnswer(Outcome.SUCCESS, "0", found=True))
    assert (contradicted.outcome, contradicted.booked_times) == (Outcome.FAILED, 0)
    assert contradicted.cases == ("the provider said failed and now says success",)


@given(st.integers().map(str) | st.text())
def test_a_code_that_is_not_listed_is_unknown(code: str) -> None:
    listed = {listed for _, _, listed, _ in momo.table().rows()} | {"9000"}
    if code not in listed:
        assert momo.outcome(code) is Outcome.UNKNOWN
