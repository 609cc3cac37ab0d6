"""What the states of payOS mean."""

from functools import cache
from pathlib import Path

from gateways.codes import CodeTable, code_table
from gateways.contract import Outcome


@cache
def table() -> CodeTable:
    return code_table(Path(__file__).with_name("codes.yaml"))


def payout_outcome(state: object) -> Outcome:
    return table().outcome("payout_transaction", "state", state)


def link_outcome(status: object) -> Outcome:
    return table().outcome("payment_link", "status", status)
