"""What the simulated bank does with a payment, decided by how the beneficiary's account number ends.

| Account ends in | The bank | Asked whose account it is |
|---|---|---|
| 9001 | rejects it: AC01, account number wrong | AC01 |
| 9002 | rejects it: AC04, account closed | AC01 |
| 9003 | rejects it: BE01, name does not fit the account | PN01, another's |
| 9004 | rejects it: AM05, says it is a duplicate although it is none | his |
| 9011 | accepts it and returns it on the next day: AC04, account closed | his |
| 9012 | accepts it and returns it on the next day: BE01, name does not fit the account | his |
| 9013 | accepts it and returns it on the next day: MD07, the customer is dead | his |
| 9021 | credits it | PN02, close, with the right name |
| 9022 | credits it | NORR, the other bank does not answer |
| 9023 | credits it | AG01, not allowed |
| RJ and a reason code, such as `…RJAC06` | rejects it for that reason | his |
| R, a digit from 1 to 9 and a reason code, such as `…R3MD07` | returns it after so many days for that reason | his |
| EX and a digit, such as `…EX1` | debits so many đồng more than was ordered | his |
| anything else | credits it | his |

A payment can also be told by its reference what becomes of it (`SimulatorControl.plan_payment`), which counts first.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Behaviour:
    """At most one of the two reasons is set; with none of them the payment is credited."""

    rejected_for: str | None = None
    returned_for: str | None = None
    return_days: int = 1
    extra_vnd: int = 0
    """What the bank wrongly debits on top of what was ordered."""
    verified_as: str | None = None
    """The reason given when asked whose account it is; None: it is his."""


CREDITS = Behaviour()

BY_ENDING = {
    "9001": Behaviour(rejected_for="AC01", verified_as="AC01"),
    "9002": Behaviour(rejected_for="AC04", verified_as="AC01"),
    "9003": Behaviour(rejected_for="BE01", verified_as="PN01"),
    "9004": Behaviour(rejected_for="AM05"),
    "9011": Behaviour(returned_for="AC04"),
    "9012": Behaviour(returned_for="BE01"),
    "9013": Behaviour(returned_for="MD07"),
    "9021": Behaviour(verified_as="PN02"),
    "9022": Behaviour(verified_as="NORR"),
    "9023": Behaviour(verified_as="AG01"),
}

_BY_REASON = re.compile(r".*(?:RJ|R([1-9]))([A-Z]{2}\d{2}|[A-Z]{4})")


_BY_EXTRA = re.compile(r".*EX([1-9])")


def behaviour_of(account: str) -> Behaviour:
    extra = _BY_EXTRA.fullmatch(account)
    if extra is not None:
        return Behaviour(extra_vnd=int(extra[1]))
    named = _BY_REASON.fullmatch(account)
    if named is None:
        return BY_ENDING.get(account[-4:], CREDITS)
    if named[1] is None:
        return Behaviour(rejected_for=named[2])
    return Behaviour(returned_for=named[2], return_days=int(named[1]))
