"""What VNPAY's codes mean. A payment is paid only if the response code and the transaction status both say so."""

from functools import cache
from pathlib import Path

from gateways.codes import CodeTable, code_table
from gateways.contract import Outcome

GOOD = "00"


@cache
def table() -> CodeTable:
    return code_table(Path(__file__).with_name("codes.yaml"))


def payment_outcome(response_code: object, status: object) -> Outcome:
    """What a notification or return says of a payment.

    >>> payment_outcome("00", "00"), payment_outcome("00", "02"), payment_outcome("24", "02")
    (<Outcome.SUCCESS: 'success'>, <Outcome.UNKNOWN: 'unknown'>, <Outcome.FAILED: 'failed'>)
    """
    by_response = table().outcome("pay", "vnp_ResponseCode", response_code)
    by_status = table().outcome("pay", "vnp_TransactionStatus", status)
    if by_response is by_status:
        return by_response
    # Suspected fraud: held by hand, whatever the other code says short of "we cannot tell".
    if Outcome.UNKNOWN not in (by_response, by_status) and Outcome.PENDING in (by_response, by_status):
        return Outcome.PENDING
    return Outcome.UNKNOWN


def query_outcome(response_code: object, status: object) -> Outcome:
    """What an answer to a query says: the status speaks only where the query itself was answered."""
    if str(response_code) != GOOD:
        return table().outcome("querydr", "vnp_ResponseCode", response_code)
    return table().outcome("pay", "vnp_TransactionStatus", status)


def refund_outcome(response_code: object) -> Outcome:
    return table().outcome("refund", "vnp_ResponseCode", response_code)
