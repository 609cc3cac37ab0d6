"""What ZaloPay answers and tells, read. `return_code` speaks of the call; what became of the money stands elsewhere."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from gateways.contract import Outcome
from gateways.errors import Ambiguous
from gateways.http import Answer
from gateways.line import read_object, require_echo, told, whole_vnd
from gateways.online import Acknowledgement, Notification, OnlineAnswer, Verdict
from gateways.zalopay import codes
from gateways.zalopay.signing import Keys, Operation, callback_verifies

_PAYMENT: Final = 1
"""The type of a callback about an order; 2 is about an agreement."""
_NOT_FOUND: Final = -101
_REPLIES: Final = {
    Verdict.TAKEN: (1, "success"),
    Verdict.REPEATED: (1, "success"),
    Verdict.UNKNOWN_REFERENCE: (2, "unknown order"),
    Verdict.WRONG_AMOUNT: (2, "wrong amount"),
    Verdict.BAD_SIGNATURE: (-1, "mac not equal"),
    Verdict.TROUBLE: (0, "try again"),
}
"""0 asks for a repeat, up to three times; 1 is given for a repeat too, so that it ends."""


@dataclass(frozen=True, slots=True)
class WalletUser:
    """Whose wallet a phone number is. `id` is what a top-up pays."""

    id: str = field(repr=False)
    name: str = field(repr=False)


def created(answer: Answer) -> OnlineAnswer:
    fields = _fields(answer)
    outcome = codes.outcome(Operation.ORDER_CREATE, fields)
    address = fields.get("order_url")
    return OnlineAnswer(outcome, _code(fields), pay_url=address if isinstance(address, str) else None)


def queried(answer: Answer, amount_vnd: int) -> OnlineAnswer:
    """An inquiry about an order. Nothing under a mac comes back: the callback and the settlement file confirm it."""
    fields = _fields(answer)
    outcome = codes.outcome(Operation.ORDER_QUERY, fields)
    stated_vnd = whole_vnd(fields.get("amount"))
    if outcome is Outcome.SUCCESS and stated_vnd != amount_vnd:
        raise Ambiguous("the answer is about another amount")
    return OnlineAnswer(outcome, _code(fields), _number(fields.get("zp_trans_id")), stated_vnd, _found(fields, outcome))


def refunded(answer: Answer, *, one_is_done: bool) -> OnlineAnswer:
    """A refund is almost never decided by its own answer: `query_refund` decides."""
    fields = _fields(answer)
    outcome = codes.outcome(Operation.REFUND, fields)
    if one_is_done and fields.get("return_code") == 1:
        outcome = Outcome.SUCCESS
    return OnlineAnswer(outcome, _code(fields), _number(fields.get("refund_id")))


def refund_queried(answer: Answer) -> OnlineAnswer:
    fields = _fields(answer)
    outcome = codes.outcome(Operation.REFUND_QUERY, fields)
    return OnlineAnswer(outcome, _code(fields), found=_found(fields, outcome))


def user(answer: Answer) -> WalletUser | None:
    """Whose wallet it is; None where the answer says that there is none that can be paid."""
    fields = _fields(answer)
    data = fields.get("data")
    if fields.get("return_code") == 1 and isinstance(data, dict) and data.get("m_u_id"):
        return WalletUser(str(data["m_u_id"]), str(data.get("name", "")))
    if codes.table().outcome(Operation.USER, "sub_return_code", fields.get("sub_return_code")) is Outcome.FAILED:
        return None
    raise Ambiguous(f"code {_code(fields)}")


def balance_vnd(answer: Answer) -> int:
    fields = _fields(answer)
    data = fields.get("data")
    balance = whole_vnd(data.get("balance")) if isinstance(data, dict) else None
    if fields.get("return_code") != 1 or balance is None:
        raise Ambiguous(f"no balance in the answer (code {_code(fields)})")
    return balance


def paid(answer: Answer, amount_vnd: int, wallet: str, *, operation: Operation = Operation.TOPUP) -> OnlineAnswer:
    """A top-up or a question about one: `data.status` speaks of the money, if it is about our wallet and amount."""
    fields = _fields(answer)
    outcome = codes.outcome(operation, fields)
    found = fields.get("data")
    data: Mapping[str, Any] = found if isinstance(found, dict) else {}
    require_echo(data, m_u_id=wallet)
    stated_vnd = whole_vnd(data.get("amount"))
    if outcome is Outcome.SUCCESS and stated_vnd != amount_vnd:
        raise Ambiguous("the answer does not name our amount")
    code = f"{_code(fields)}/{data['status']}" if "status" in data else _code(fields)
    known = _found(fields, outcome) if operation is Operation.TRANSACTION else None
    return OnlineAnswer(outcome, code, _number(data.get("order_id")), stated_vnd, known)


def notification(body: bytes, keys: Keys) -> Notification | None:
    """What a callback says, after its mac over the `data` as it came. It is sent for success only."""
    outer = read_object(body)
    if outer is None or outer.get("type") != _PAYMENT:
        return None
    if not callback_verifies(outer.get("data"), outer.get("mac"), keys):
        return None
    data = read_object(outer["data"].encode())
    amount_vnd = whole_vnd(data.get("amount")) if data else None
    if data is None or data.get("app_id") != keys.app_id or amount_vnd is None:
        return None
    reference, number = str(data.get("app_trans_id")), str(data.get("zp_trans_id"))
    return Notification(reference, Outcome.SUCCESS, "1", amount_vnd, number, body)


def acknowledgement(verdict: Verdict) -> Acknowledgement:
    code, text = _REPLIES[verdict]
    return Acknowledgement(200, json.dumps({"return_code": code, "return_message": text}).encode())


def _fields(answer: Answer) -> dict[str, Any]:
    if answer.status != 200:
        raise Ambiguous(f"HTTP {answer.status}")
    fields = told(answer)
    if "return_code" not in fields:
        raise Ambiguous("an answer without a return code")
    return fields


def _code(fields: Mapping[str, Any]) -> str:
    return f"{fields.get('return_code')}/{fields.get('sub_return_code')}"


def _found(fields: Mapping[str, Any], outcome: Outcome) -> bool | None:
    if fields.get("sub_return_code") == _NOT_FOUND:
        return False
    return None if outcome is Outcome.UNKNOWN else True


def _number(value: object) -> str | None:
    return None if value in (None, "", 0) else str(value)
