"""Status and reason codes to outcome words, by the table in `codes.yaml`. What the table does not list is unknown."""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from gateways.contract import NameCheck, Outcome

TRANSACTION_STATUS = "TxSts"
GROUP_STATUS = "GrpSts/PmtInfSts"
REASON = "StsRsnInf/Rsn/Cd"


__all__ = [
    "GROUP_STATUS",
    "REASON",
    "TRANSACTION_STATUS",
    "NameCheck",
    "name_check",
    "payment_codes",
    "payment_outcome",
    "says_something",
]


def payment_outcome(field: str, code: str) -> Outcome:
    """The outcome of a pain.002 code in one of the three fields.

    >>> payment_outcome(TRANSACTION_STATUS, "ACSC"), payment_outcome(REASON, "AM05")
    (<Outcome.SUCCESS: 'success'>, <Outcome.UNKNOWN: 'unknown'>)
    """
    row = _table()["pain.002"].get(field, {}).get(code)
    return Outcome.UNKNOWN if row is None else Outcome(row["outcome"])


def payment_codes() -> Iterator[tuple[str, str, Outcome]]:
    """Field, code and outcome of every row about payments."""
    for field, rows in _table()["pain.002"].items():
        for code, row in rows.items():
            yield field, code, Outcome(row["outcome"])


def says_something(group_status: str) -> bool:
    """Whether a group or payment-information status speaks of payments that are not listed: PART does not."""
    return group_status != "PART" and group_status in _table()["pain.002"][GROUP_STATUS]


def name_check(code: str) -> NameCheck:
    """What a reason of acmt.024 says; a code that is not listed proves nothing about the account."""
    row = _table()["acmt.024"]["Rsn/Cd"].get(code)
    return NameCheck.UNABLE if row is None else NameCheck(row["outcome"])


@cache
def _table() -> Mapping[str, Any]:
    table: Mapping[str, Any] = yaml.safe_load((Path(__file__).parent / "codes.yaml").read_text("utf-8"))
    return table
