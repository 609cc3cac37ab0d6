"""What a result code of MoMo means. Some mean other things in other calls: 0 is "paid" only where paying was asked."""

from functools import cache
from pathlib import Path

from gateways.codes import CodeTable, code_table
from gateways.contract import Outcome

AUTHORISED = 9000
STILL_WORKING = 7000
_ONLY_ACCEPTED = "0"


@cache
def table() -> CodeTable:
    return code_table(Path(__file__).with_name("codes.yaml"))


def outcome(code: object, *, auto_capture: bool = True) -> Outcome:
    """What a code says of a payment or payout that was asked for, queried or told of.

    >>> outcome(0), outcome(9000, auto_capture=False), outcome(123456)
    (<Outcome.SUCCESS: 'success'>, <Outcome.PENDING: 'pending'>, <Outcome.UNKNOWN: 'unknown'>)
    """
    if str(code) == str(AUTHORISED):
        code = f"{AUTHORISED} (autoCapture {'true' if auto_capture else 'false'})"
    return table().outcome("any", "resultCode", code)


def request_outcome(code: object) -> Outcome:
    """What a code says in answer to a request that moves no money yet, such as making an order: 0 is "it is there"."""
    return Outcome.PENDING if str(code) == _ONLY_ACCEPTED else outcome(code)


def transport_outcome(status: int, code: object) -> Outcome | None:
    """What the HTTP status alone decides; None where the result code speaks."""
    if status >= 500:
        return table().outcome("any", "http", "5xx")
    if status == 422 and str(code) == str(STILL_WORKING):
        return table().outcome("any", "http", f"422 + {STILL_WORKING}")
    return None
