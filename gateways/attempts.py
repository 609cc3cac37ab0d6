"""What is known of one attempt after everything that was learnt about it, in whatever order it came.

For one payment and without a database what `engine/payments/observation.py` does for a batch with one. News has a rank;
open words are replaced by news of the same or a higher rank; a final word ends it, only a success may turn into a
return, and a contradiction opens a case. Where a batch waits for news of a higher rank, a single payment takes a final
word of any rank: a callback that was verified tells more than an inquiry that said "in work" before it.
"""

from dataclasses import dataclass, replace
from enum import IntEnum

from gateways.contract import Outcome
from gateways.online import Notification, OnlineAnswer


class Source(IntEnum):
    """Where news came from; the number is its rank."""

    ANSWER = 1
    CALLBACK = 2
    INQUIRY = 3
    STATEMENT = 5


FINAL = frozenset({Outcome.SUCCESS, Outcome.FAILED, Outcome.RETURNED})


@dataclass(frozen=True, slots=True)
class Attempt:
    """One instruction under one reference: what is known, since when by rank, and what it led to."""

    reference: str
    amount_vnd: int
    outcome: Outcome = Outcome.UNKNOWN
    """Unknown from the moment it is marked as sending: a crash now means just that."""
    rank: int = 0
    sends: int = 0
    inquiries: int = 0
    booked_times: int = 0
    """How often its success was booked: never more than once."""
    cases: tuple[str, ...] = ()
    """What a person must look at."""

    @property
    def may_be_sent(self) -> bool:
        """Only what was never sent, or was refused before anything started while no earlier call is unknown."""
        return self.sends == 0 or self.outcome is Outcome.NOT_ACCEPTED

    @property
    def needs_inquiry(self) -> bool:
        return self.outcome in (Outcome.PENDING, Outcome.UNKNOWN)


def answered(attempt: Attempt, answer: OnlineAnswer) -> Attempt:
    """The answer to a call. That a call was not accepted says nothing about an earlier call that is unknown."""
    sent_before = attempt.sends > 0 and attempt.outcome is not Outcome.NOT_ACCEPTED
    attempt = replace(attempt, sends=attempt.sends + 1)
    if answer.outcome is Outcome.NOT_ACCEPTED and sent_before:
        return attempt
    return _observed(attempt, Source.ANSWER, answer.outcome, answer.amount_vnd)


def inquired(attempt: Attempt, answer: OnlineAnswer) -> Attempt:
    """The answer to an inquiry. Not found proves nothing here: the grace time and a statement decide, elsewhere."""
    attempt = replace(attempt, inquiries=attempt.inquiries + 1)
    outcome = Outcome.UNKNOWN if answer.found is False else answer.outcome
    return _observed(attempt, Source.INQUIRY, outcome, answer.amount_vnd)


def notified(attempt: Attempt, notification: Notification | None) -> Attempt:
    """What a provider told of its own accord; None where its signature was not good, and then nothing changes."""
    if notification is None or notification.reference != attempt.reference:
        return attempt
    return _observed(attempt, Source.CALLBACK, notification.outcome, notification.amount_vnd)


def _observed(attempt: Attempt, source: Source, outcome: Outcome, amount_vnd: int | None) -> Attempt:
    if amount_vnd not in (None, attempt.amount_vnd):
        # Something moved, but not what we asked for: no word of ours fits it.
        attempt = _with_case(attempt, f"{source.name.lower()} speaks of {amount_vnd} VND")
        return attempt if attempt.outcome in FINAL else replace(attempt, outcome=Outcome.UNKNOWN)
    if attempt.outcome in FINAL:
        return _contradicted(attempt, outcome) if outcome in FINAL else attempt
    if outcome not in FINAL and source < attempt.rank:
        return attempt
    booked = attempt.booked_times + (outcome is Outcome.SUCCESS)
    return replace(attempt, outcome=outcome, rank=int(source), booked_times=booked)


def _contradicted(attempt: Attempt, outcome: Outcome) -> Attempt:
    """A second final word: the same again is nothing new, a return after a success is, all else is a case."""
    if outcome is attempt.outcome:
        return attempt
    if (attempt.outcome, outcome) == (Outcome.SUCCESS, Outcome.RETURNED):
        return replace(attempt, outcome=outcome)
    return _with_case(attempt, f"the provider said {attempt.outcome} and now says {outcome}")


def _with_case(attempt: Attempt, problem: str) -> Attempt:
    return replace(attempt, cases=tuple(dict.fromkeys((*attempt.cases, problem))))
