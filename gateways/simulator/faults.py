"""Faults the bank can be told to commit, on the n-th matching call or on calls about certain files.

| Fault | What happens | Was the work done? |
|---|---|---|
| `drop_before` | the connection is cut without an answer | no |
| `http_500` | HTTP 500 | no |
| `drop_after` | the connection is cut without an answer | yes |
| `html_page` | a proxy's HTML page with HTTP 502 | yes |
| `truncated` | half of the answer, then the connection is cut | yes |
| `delay` | the answer comes `delay_seconds` late | yes |
| `status_late` | an inquiry is told only that the file was received | yes |
| `status_not_found` | an inquiry is told that there is no such file | yes |
"""

from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase


class Fault(StrEnum):
    DROP_BEFORE = "drop_before"
    HTTP_500 = "http_500"
    DROP_AFTER = "drop_after"
    HTML_PAGE = "html_page"
    TRUNCATED = "truncated"
    DELAY = "delay"
    STATUS_LATE = "status_late"
    STATUS_NOT_FOUND = "status_not_found"


class Call(StrEnum):
    """Which call a fault strikes."""

    SUBMIT = "submit"
    INQUIRE = "inquire"
    LIST_STATEMENTS = "list_statements"
    FETCH_STATEMENT = "fetch_statement"


@dataclass(slots=True)
class Plan:
    """Strikes from the `nth` matching call on, `times` times."""

    fault: Fault
    call: Call
    message_id: str
    """A pattern, such as `*-0002`; `*` is every file."""
    nth: int
    times: int
    delay_seconds: float
    seen: int = 0

    def strikes(self, call: Call, message_id: str) -> bool:
        if call is not self.call or not fnmatchcase(message_id, self.message_id):
            return False
        self.seen += 1
        return self.nth <= self.seen < self.nth + self.times


class Faults:
    """What is planned. Plans are no part of the books: a bank that was restarted behaves."""

    def __init__(self) -> None:
        self._plans: list[Plan] = []

    def plan(self, plan: Plan) -> None:
        self._plans.append(plan)

    def clear(self) -> None:
        self._plans.clear()

    def strike(self, call: Call, message_id: str) -> Plan | None:
        """The first plan that strikes this call; every plan that matches counts it."""
        striking = [plan for plan in self._plans if plan.strikes(call, message_id)]
        return striking[0] if striking else None
