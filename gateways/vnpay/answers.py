"""What VNPAY answers and tells, read. A message whose hash is wrong is not VNPAY's and changes nothing."""

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from gateways.contract import Outcome
from gateways.errors import Ambiguous, BadBatch
from gateways.http import Answer
from gateways.line import require_echo, told, whole_vnd
from gateways.online import Acknowledgement, Notification, OnlineAnswer, Verdict
from gateways.vnpay import codes
from gateways.vnpay.requests import WIRE_UNITS
from gateways.vnpay.signing import Keys, Message, message_verifies, query_verifies

_UNSIGNED_REFUSALS: Final = frozenset({"02", "03", "97"})
"""Refusals before VNPAY knows whose key to use: they carry no hash, and they accept nothing."""
_NOT_FOUND: Final = "91"
_REFUND_STATUSES: Final = frozenset({"05", "06", "09"})
_REPLIES: Final = {
    Verdict.TAKEN: ("00", "Confirm Success"),
    Verdict.REPEATED: ("02", "Order already confirmed"),
    Verdict.UNKNOWN_REFERENCE: ("01", "Order not found"),
    Verdict.WRONG_AMOUNT: ("04", "Invalid amount"),
    Verdict.BAD_SIGNATURE: ("97", "Invalid signature"),
    Verdict.TROUBLE: ("99", "Unknown error"),
}
"""VNPAY stops calling at 00 and 02, and calls again for all others."""


def queried(answer: Answer, reference: str, amount_vnd: int, keys: Keys) -> OnlineAnswer:
    """An inquiry: the status speaks of the money, and only in an answer with a good hash about our payment."""
    fields, code = _signed(Message.QUERY_ANSWER, answer, keys)
    if code == _NOT_FOUND:
        return OnlineAnswer(Outcome.UNKNOWN, code, found=False)
    if code != codes.GOOD:
        return OnlineAnswer(Outcome.UNKNOWN, code)
    require_echo(fields, vnp_TxnRef=reference, vnp_TmnCode=keys.terminal)
    stated_vnd = _amount_vnd(fields)
    outcome = codes.query_outcome(code, fields.get("vnp_TransactionStatus"))
    if outcome is Outcome.SUCCESS and stated_vnd != amount_vnd:
        raise Ambiguous("the answer is about another amount")
    status = str(fields.get("vnp_TransactionStatus"))
    return OnlineAnswer(outcome, status, _number(fields), stated_vnd, found=True)


def refunded(answer: Answer, payment_reference: str, keys: Keys) -> OnlineAnswer:
    """A refund is never final by its own answer: a query of the payment decides."""
    fields, code = _signed(Message.REFUND_ANSWER, answer, keys)
    if code == codes.GOOD:
        require_echo(fields, vnp_TxnRef=payment_reference, vnp_TmnCode=keys.terminal)
    return OnlineAnswer(codes.refund_outcome(code), code, _number(fields), _amount_vnd(fields))


def refund_queried(answer: Answer, payment_reference: str, keys: Keys) -> OnlineAnswer:
    """What the payment's status says of its refund. That a refund is done no status says: the statement decides."""
    fields, code = _signed(Message.QUERY_ANSWER, answer, keys)
    if code != codes.GOOD:
        return OnlineAnswer(Outcome.UNKNOWN, code, found=False if code == _NOT_FOUND else None)
    require_echo(fields, vnp_TxnRef=payment_reference, vnp_TmnCode=keys.terminal)
    status = str(fields.get("vnp_TransactionStatus"))
    outcome = codes.query_outcome(code, status) if status in _REFUND_STATUSES else Outcome.UNKNOWN
    return OnlineAnswer(outcome, status, _number(fields), found=True)


def notification(query: str, keys: Keys) -> Notification | None:
    """What VNPAY tells in the query of its call to us; None where the hash is wrong. Names may stand only once."""
    pairs = parse_qsl(query, keep_blank_values=True)
    fields = dict(pairs)
    amount_vnd = _amount_vnd(fields)
    if len(fields) < len(pairs) or not query_verifies(fields, keys) or amount_vnd is None:
        return None
    response, status = fields.get("vnp_ResponseCode"), fields.get("vnp_TransactionStatus")
    return Notification(
        fields.get("vnp_TxnRef", ""),
        codes.payment_outcome(response, status),
        f"{response}/{status}",
        amount_vnd,
        fields.get("vnp_TransactionNo", ""),
        query.encode(),
    )


def acknowledgement(verdict: Verdict) -> Acknowledgement:
    code, text = _REPLIES[verdict]
    return Acknowledgement(200, json.dumps({"RspCode": code, "Message": text}).encode())


def reply_code(verdict: Verdict) -> str:
    return _REPLIES[verdict][0]


def _signed(message: Message, answer: Answer, keys: Keys) -> tuple[Mapping[str, Any], str]:
    if answer.status != 200:
        raise Ambiguous(f"HTTP {answer.status}")
    fields = told(answer)
    code = str(fields.get("vnp_ResponseCode"))
    if code in _UNSIGNED_REFUSALS and "vnp_SecureHash" not in fields:
        return fields, code
    try:
        good = message_verifies(message, fields, keys)
    except BadBatch as error:
        raise Ambiguous("a value of the answer is neither text nor a whole number") from error
    if not good:
        raise Ambiguous("the hash of the answer is wrong")
    return fields, code


def _amount_vnd(fields: Mapping[str, Any]) -> int | None:
    """The amount in đồng; None where it is not there, or is no whole number of đồng."""
    wire = whole_vnd(fields.get("vnp_Amount"))
    return None if wire is None or wire % WIRE_UNITS else wire // WIRE_UNITS


def _number(fields: Mapping[str, Any]) -> str | None:
    number = fields.get("vnp_TransactionNo")
    return None if number in (None, "", "0", 0) else str(number)
