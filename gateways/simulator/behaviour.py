"""What the simulated bank does with a payment, decided by how the beneficiary's account number ends.

| Account ends in | The bank |
|---|---|
| 9001 | rejects it: AC01, account number wrong |
| 9002 | rejects it: AC04, account closed |
| 9003 | rejects it: BE01, name does not fit the account |
| 9004 | rejects it: AM05, says it is a duplicate although it is none |
| 9011 | accepts it and returns it on the next day: AC04, account closed |
| 9012 | accepts it and returns it on the next day: BE01, name does not fit the account |
| 9013 | accepts it and returns it on the next day: MD07, the customer is dead |
| anything else | credits it |
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Behaviour:
    """At most one of the two reasons is set; with none of them the payment is credited."""

    rejected_for: str | None = None
    returned_for: str | None = None


CREDITS = Behaviour()

BY_ENDING = {
    "9001": Behaviour(rejected_for="AC01"),
    "9002": Behaviour(rejected_for="AC04"),
    "9003": Behaviour(rejected_for="BE01"),
    "9004": Behaviour(rejected_for="AM05"),
    "9011": Behaviour(returned_for="AC04"),
    "9012": Behaviour(returned_for="BE01"),
    "9013": Behaviour(returned_for="MD07"),
}


def behaviour_of(account: str) -> Behaviour:
    return BY_ENDING.get(account[-4:], CREDITS)
