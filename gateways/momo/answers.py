"""What MoMo answers and tells, read. No I/O. What cannot be read, or is about something else, is `Ambiguous`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateways.contract import NameCheck, Outcome
from gateways.errors import Ambiguous, BadBatch
from gateways.http import Answer
from gateways.line import read_object, require_echo, told, whole_vnd
from gateways.momo import codes
from gateways.momo.signing import Keys, Operation, verifies
from gateways.online import Acknowledgement, Notification, OnlineAnswer, Verdict

_NO_SUCH_ORDER: Final = "42"
_NAME_CHECKS: Final = {
    "0": NameCheck.MATCH,
    "1007": NameCheck.INVALID_ACCOUNT,
    "4001": NameCheck.NOT_ALLOWED,
    "4002": NameCheck.NOT_ALLOWED,
    "4003": NameCheck.NO_MATCH,
}
"""Result codes of checkWallet; any other proves nothing about the wallet."""
_ITEM_STATES: Final = {"SUCCEEDED": Outcome.SUCCESS}
"""Only this state of a batch item was ever seen; every other is unknown until its own query."""


@dataclass(frozen=True, slots=True)
class BatchItemAnswer:
    """What became of one wallet of a batch."""

    id: str
    outcome: Outcome
    code: str


def created(answer: Answer, reference: str) -> OnlineAnswer:
    """An order that was made is pending: 0 here is not "paid"."""
    fields, code, decided = _coded(answer, reference)
    return OnlineAnswer(decided or codes.request_outcome(code), code, pay_url=_text(fields, "payUrl"))


def moved(answer: Answer, reference: str, *, amount_vnd: int, auto_capture: bool = True) -> OnlineAnswer:
    """The answer to a payout, refund or query: what the code says of the money.

    A success counts only if it names our reference and our amount.
    """
    fields, code, decided = _coded(answer, reference)
    outcome = decided or codes.outcome(code, auto_capture=auto_capture)
    stated_vnd = whole_vnd(fields.get("amount"))
    if outcome is Outcome.SUCCESS and (fields.get("orderId") != reference or stated_vnd != amount_vnd):
        raise Ambiguous("the answer does not name our order and amount")
    return OnlineAnswer(
        outcome, code, _number(fields.get("transId")), stated_vnd, found=False if code == _NO_SUCH_ORDER else None
    )


def queried(answer: Answer, reference: str, *, amount_vnd: int, auto_capture: bool = True) -> OnlineAnswer:
    """An inquiry. `found` is True for every code that speaks of the order itself."""
    read = moved(answer, reference, amount_vnd=amount_vnd, auto_capture=auto_capture)
    if read.found is None and read.outcome in (Outcome.SUCCESS, Outcome.FAILED, Outcome.PENDING):
        return OnlineAnswer(read.outcome, read.code, read.provider_reference, read.amount_vnd, found=True)
    # A refused inquiry says nothing about the payment: not_accepted here must not become "not accepted" there.
    if read.outcome is Outcome.NOT_ACCEPTED:
        return OnlineAnswer(Outcome.UNKNOWN, read.code)
    return read


def checked(answer: Answer, reference: str) -> NameCheck:
    _, code, decided = _coded(answer, reference)
    return NameCheck.UNABLE if decided else _NAME_CHECKS.get(code, NameCheck.UNABLE)


def balance_vnd(answer: Answer, reference: str) -> int:
    """Our own money at MoMo, in đồng."""
    fields, code, decided = _coded(answer, reference)
    balance = whole_vnd(fields.get("balance", fields.get("walletBalance")))
    if decided or code != "0" or balance is None:
        raise Ambiguous(f"no balance in the answer (code {code})")
    return balance


def batch_token(answer: Answer, reference: str) -> str:
    fields, code, decided = _coded(answer, reference)
    token = _text(fields, "mToken")
    if decided or code != "0" or not token:
        raise Ambiguous(f"no token in the answer (code {code})")
    return token


def batch_items(answer: Answer, reference: str) -> tuple[BatchItemAnswer, ...]:
    """One page of a batch."""
    fields, code, decided = _coded(answer, reference)
    items = fields.get("items")
    if decided or code != "0" or not isinstance(items, list):
        raise Ambiguous(f"no items in the answer (code {code})")
    return tuple(
        BatchItemAnswer(
            str(item.get("id")),
            _ITEM_STATES.get(str(item.get("status")), Outcome.UNKNOWN),
            str(item.get("status")),
        )
        for item in items
        if isinstance(item, dict)
    )


def notification(body: bytes, keys: Keys, *, auto_capture: bool = True) -> Notification | None:
    """What MoMo tells of a payment; None where the signature is not good, and then nothing may be changed.

    Comparing the amount with ours is the caller's: it knows what was asked.
    """
    fields = read_object(body)
    try:
        if fields is None or not verifies(Operation.NOTIFICATION, fields, keys):
            return None
    except BadBatch:
        return None
    amount_vnd = whole_vnd(fields.get("amount"))
    if amount_vnd is None:
        return None
    code = str(fields.get("resultCode"))
    outcome = codes.outcome(code, auto_capture=auto_capture)
    return Notification(
        str(fields.get("orderId")),
        # A call of theirs cannot refuse a call of ours; such a code in it proves nothing.
        Outcome.UNKNOWN if outcome is Outcome.NOT_ACCEPTED else outcome,
        code,
        amount_vnd,
        str(fields.get("transId")),
        body,
    )


def acknowledgement(verdict: Verdict) -> Acknowledgement:
    """204 within 15 seconds for all that we took or know; 500 asks for another try, which may never come."""
    match verdict:
        case Verdict.BAD_SIGNATURE:
            return Acknowledgement(400)
        case Verdict.TROUBLE:
            return Acknowledgement(500)
        case _:
            return Acknowledgement(204)


def _coded(answer: Answer, reference: str) -> tuple[Mapping[str, Any], str, Outcome | None]:
    """The fields, the result code, and the outcome where the HTTP status alone decides it."""
    if answer.status >= 500:
        raise Ambiguous(f"HTTP {answer.status}")
    fields = told(answer)
    require_echo(fields, orderId=reference)
    if "resultCode" not in fields:
        raise Ambiguous(f"HTTP {answer.status} without a result code")
    code = str(fields["resultCode"])
    decided = codes.transport_outcome(answer.status, code)
    if decided is None and answer.status == 429:
        decided = Outcome.UNKNOWN
    return fields, code, decided


def _text(fields: Mapping[str, Any], name: str) -> str | None:
    value = fields.get(name)
    return value if isinstance(value, str) and value else None


def _number(value: object) -> str | None:
    return None if value in (None, "", 0) else str(value)
