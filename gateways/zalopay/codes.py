"""What ZaloPay's codes mean, operation by operation: -101 is "no order" in a query and "no wallet" in a top-up."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from gateways.codes import CodeTable, code_table
from gateways.contract import Outcome
from gateways.zalopay.signing import Operation


@cache
def table() -> CodeTable:
    return code_table(Path(__file__).with_name("codes.yaml"))


def outcome(operation: Operation, told: Mapping[str, object]) -> Outcome:
    """What an answer says of the order, refund or payout it is about.

    `return_code` 2 speaks of the call; which of its reasons is final only the sub code says, so an unlisted sub code of
    a refused call is unknown. A payout's `data.status` speaks of the money and decides alone.
    """
    code, sub_code = told.get("return_code"), told.get("sub_return_code")
    match operation:
        case Operation.REFUND_QUERY:
            return refund_outcome(code, sub_code)
        case Operation.TOPUP | Operation.TRANSACTION:
            data = told.get("data")
            if code == 1 and isinstance(data, dict):
                return table().outcome(Operation.TOPUP, "data.status", data.get("status"))
            return table().outcome(operation, "sub_return_code", sub_code)
        case _ if code in (1, 3):
            return table().outcome(operation, "return_code", code)
        case _ if code == 2:
            return _refused(operation, sub_code)
        case _:
            return Outcome.UNKNOWN


def refund_outcome(code: object, sub_code: object) -> Outcome:
    """A refund is judged by both codes together, where it is not done."""
    field = "return_code/sub"
    if code == 1:
        return table().outcome(Operation.REFUND_QUERY, field, 1)
    return table().outcome(Operation.REFUND_QUERY, field, f"{code}/{sub_code}")


def _refused(operation: Operation, sub_code: object) -> Outcome:
    """A refusal without a sub code, or with the general 2, is what `return_code` 2 says."""
    if sub_code in (None, 0, 2):
        return table().outcome(operation, "return_code", 2)
    return table().outcome(operation, "sub_return_code", sub_code)
