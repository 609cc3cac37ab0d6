"""What payOS answers and tells, read. A payout's answer is held against its own signature where it carries one."""

from collections.abc import Mapping
from typing import Any, Final

from gateways.contract import Outcome
from gateways.errors import Ambiguous, BadBatch
from gateways.http import Answer
from gateways.line import day_of, read_object, require_echo, told, whole_vnd
from gateways.macs import same
from gateways.online import Acknowledgement, Movement, Notification, OnlineAnswer, Verdict
from gateways.payos import codes
from gateways.payos.requests import order_code
from gateways.payos.signing import Keys, payout_string, signature, webhook_verifies

_GOOD: Final = "00"
_REFUSED_BEFORE: Final = frozenset({400, 401, 403})
"""HTTP statuses of a call that was refused before anything started; 404, 409 and 429 are not among them."""


def created(answer: Answer, reference: str, amount_vnd: int) -> OnlineAnswer:
    """A link that was made is pending until it is paid."""
    data, code, refused = _data(answer)
    if data is None:
        return OnlineAnswer(refused, code)
    require_echo(data, orderCode=order_code(reference), amount=amount_vnd)
    address = data.get("checkoutUrl")
    return OnlineAnswer(
        Outcome.PENDING, code, _text(data.get("paymentLinkId")), pay_url=address if isinstance(address, str) else None
    )


def queried(answer: Answer, reference: str, amount_vnd: int) -> OnlineAnswer:
    data, code, _ = _data(answer)
    if data is None:
        return OnlineAnswer(Outcome.UNKNOWN, code, found=False if answer.status == 404 else None)
    require_echo(data, orderCode=order_code(reference))
    outcome, paid_vnd = codes.link_outcome(data.get("status")), whole_vnd(data.get("amountPaid"))
    if outcome is Outcome.SUCCESS and paid_vnd != amount_vnd:
        raise Ambiguous("another amount was paid")
    return OnlineAnswer(outcome, str(data.get("status")), _text(data.get("id")), paid_vnd, found=True)


def paid(answer: Answer, reference: str, amount_vnd: int, keys: Keys) -> OnlineAnswer:
    """A payout's answer: the state of its one transaction, if it is ours."""
    data, code, refused = _data(answer, keys)
    if data is None:
        return OnlineAnswer(refused, code)
    return _transaction(data, reference, amount_vnd)


def payout_queried(answer: Answer, reference: str, amount_vnd: int, keys: Keys) -> OnlineAnswer:
    """The list of payouts under our reference: none, or the one."""
    data, code, _ = _data(answer, keys)
    payouts = data.get("payouts") if data is not None else None
    if not isinstance(payouts, list):
        return OnlineAnswer(Outcome.UNKNOWN, code)
    ours = [one for one in payouts if isinstance(one, dict) and one.get("referenceId") == reference]
    if not ours:
        return OnlineAnswer(Outcome.UNKNOWN, code, found=False)
    if len(ours) > 1:
        raise Ambiguous("two payouts under one reference")
    return _transaction(ours[0], reference, amount_vnd)


def balance_vnd(answer: Answer) -> int:
    data, code, _ = _data(answer)
    balance = whole_vnd(data.get("balance")) if data is not None else None
    if data is None or balance is None or data.get("currency") != "VND":
        raise Ambiguous(f"no balance in đồng in the answer (code {code})")
    return balance


def notification(body: bytes, keys: Keys) -> Notification | None:
    """What a webhook says; its signature covers the `data` object alone, so nothing else of it is used.

    What is paid through payOS comes to a bank account of ours at once: it tells of a movement there.
    """
    outer = read_object(body)
    try:
        if outer is None or not webhook_verifies(outer.get("data"), outer.get("signature"), keys):
            return None
    except BadBatch:
        return None
    data: Mapping[str, Any] = outer["data"]
    amount_vnd = whole_vnd(data.get("amount"))
    if amount_vnd is None or amount_vnd <= 0 or data.get("currency") != "VND":
        return None
    outcome = Outcome.SUCCESS if data.get("code") == _GOOD else Outcome.UNKNOWN
    reference, number = str(data.get("orderCode")), _text(data.get("reference")) or ""
    movement = Movement(
        account=_text(data.get("accountNumber")),
        virtual_accounts=tuple(filter(None, [_text(data.get("virtualAccountNumber"))])),
        memo=_text(data.get("description")) or "",
        made_on=day_of(str(data.get("transactionDateTime"))[:10], "%Y-%m-%d"),
    )
    return Notification(
        reference, outcome, str(data.get("code")), amount_vnd, number, body, movement if number else None
    )


def acknowledgement(verdict: Verdict) -> Acknowledgement:
    """2xx for what was taken, 400 for what is not payOS's, 500 for another try."""
    match verdict:
        case Verdict.BAD_SIGNATURE:
            return Acknowledgement(400)
        case Verdict.TROUBLE:
            return Acknowledgement(500)
        case _:
            return Acknowledgement(200, b'{"success":true}')


def _transaction(payout: Mapping[str, Any], reference: str, amount_vnd: int) -> OnlineAnswer:
    require_echo(payout, referenceId=reference)
    transactions = payout.get("transactions")
    if not isinstance(transactions, list) or len(transactions) != 1 or not isinstance(transactions[0], dict):
        raise Ambiguous("not one transaction in the payout")
    one = transactions[0]
    require_echo(one, referenceId=reference)
    stated_vnd = whole_vnd(one.get("amount"))
    outcome = codes.payout_outcome(one.get("state"))
    if outcome in (Outcome.SUCCESS, Outcome.RETURNED) and stated_vnd != amount_vnd:
        raise Ambiguous("the answer is about another amount")
    return OnlineAnswer(outcome, str(one.get("state")), _text(payout.get("id")), stated_vnd, found=True)


def _data(answer: Answer, keys: Keys | None = None) -> tuple[Mapping[str, Any] | None, str, Outcome]:
    """The data of a good answer; else None, the code, and what it says of the call."""
    if answer.status >= 500 or answer.status == 429:
        raise Ambiguous(f"HTTP {answer.status}")
    fields = told(answer)
    code, data = str(fields.get("code")), fields.get("data")
    if answer.status == 200 and code == _GOOD and isinstance(data, dict):
        given = answer.headers.get("x-signature")
        if keys is not None and given is not None and not same(signature(payout_string(data), keys), given):
            raise Ambiguous("the signature of the answer is wrong")
        return data, code, Outcome.PENDING
    return None, code, Outcome.NOT_ACCEPTED if answer.status in _REFUSED_BEFORE else Outcome.UNKNOWN


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
