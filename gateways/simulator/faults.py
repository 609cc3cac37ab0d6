"""Faults the bank can be told to commit, on the n-th matching call, on calls about certain files, payments or accounts,
or between two instants of the bank's own clock.

| Fault | What happens | Was the work done? |
|---|---|---|
| `drop_before` | the connection is cut without an answer | no |
| `http_500` | HTTP 500 | no |
| `http_503` | HTTP 503 with Retry-After | no |
| `too_busy` | HTTP 429 with Retry-After | no |
| `drop_after` | the connection is cut without an answer | yes |
| `http_500_after` | HTTP 500 | yes |
| `html_page` | a proxy's HTML page with HTTP 502 | yes |
| `truncated` | half of the answer, then the connection is cut | yes |
| `empty_body` | the status of the answer and nothing else | yes |
| `wrong_signature` | the answer is signed by another's key | yes |
| `delay` | the answer comes `delay_seconds` late | yes |
| `status_late` | an inquiry is told only that the file was received | yes |
| `status_not_found` | an inquiry is told that there is no such file | yes |
| `status_duplicated` | a report lists every payment twice | yes |
| `status_reordered` | a report lists the payments in the opposite order | yes |
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase


class Fault(StrEnum):
    DROP_BEFORE = "drop_before"
    HTTP_500 = "http_500"
    HTTP_503 = "http_503"
    TOO_BUSY = "too_busy"
    DROP_AFTER = "drop_after"
    HTTP_500_AFTER = "http_500_after"
    HTML_PAGE = "html_page"
    TRUNCATED = "truncated"
    EMPTY_BODY = "empty_body"
    WRONG_SIGNATURE = "wrong_signature"
    DELAY = "delay"
    STATUS_LATE = "status_late"
    STATUS_NOT_FOUND = "status_not_found"
    STATUS_DUPLICATED = "status_duplicated"
    STATUS_REORDERED = "status_reordered"


class Call(StrEnum):
    """Which call a fault strikes."""

    SUBMIT = "submit"
    INQUIRE = "inquire"
    LIST_STATEMENTS = "list_statements"
    FETCH_STATEMENT = "fetch_statement"
    VERIFY = "verify"


@dataclass(frozen=True, slots=True)
class Subject:
    """What a call is about, as far as plans choose by it."""

    message_id: str
    at: datetime | None = None
    """The bank's time; None where a call has none."""
    payments: Callable[[], Iterable[tuple[str, str]]] = tuple
    """Reference and account of each payment in the file, read only when a plan asks for one."""


@dataclass(slots=True)
class Plan:
    """Strikes from the `nth` matching call on, `times` times; with `every`, each so-manieth of the calls from there."""

    fault: Fault
    call: Call
    message_id: str
    """A pattern, such as `*-0002`; `*` is every file."""
    nth: int
    times: int
    delay_seconds: float
    reference: str = "*"
    """A pattern: the call is about a file that holds such a payment."""
    account: str = "*"
    """A pattern: the call is about a file that pays to such an account."""
    from_at: datetime | None = None
    until_at: datetime | None = None
    """Between these instants only, the first counts and the second does not: a fault by schedule."""
    every: int | None = None
    seen: int = 0

    def strikes(self, call: Call, subject: Subject) -> bool:
        if call is not self.call or not fnmatchcase(subject.message_id, self.message_id):
            return False
        if not self._is_time(subject.at) or not self._is_about(subject):
            return False
        self.seen += 1
        if self.every is not None:
            return self.seen >= self.nth and (self.seen - self.nth) % self.every == 0
        return self.nth <= self.seen < self.nth + self.times

    def _is_time(self, at: datetime | None) -> bool:
        begun = self.from_at is None or (at is not None and at >= self.from_at)
        return begun and (self.until_at is None or (at is not None and at < self.until_at))

    def _is_about(self, subject: Subject) -> bool:
        if self.reference == self.account == "*":
            return True
        return any(
            fnmatchcase(reference, self.reference) and fnmatchcase(account, self.account)
            for reference, account in subject.payments()
        )


class Faults:
    """What is planned. Plans are no part of the books: a bank that was restarted behaves."""

    def __init__(self) -> None:
        self._plans: list[Plan] = []

    def plan(self, plan: Plan) -> None:
        self._plans.append(plan)

    def clear(self) -> None:
        self._plans.clear()

    def strike(self, call: Call, about: str | Subject) -> Plan | None:
        """The first plan that strikes this call; every plan that matches counts it."""
        subject = Subject(about) if isinstance(about, str) else about
        striking = [plan for plan in self._plans if plan.strikes(call, subject)]
        return striking[0] if striking else None
