"""payOS as it is played here: payment links, payouts with an idempotency key, webhooks, each in its own signatures."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, quote

from gateways.simulator.purse import Order, Purse, Stage

NAME = "payos"
_LINK = ("amount", "cancelUrl", "description", "orderCode", "returnUrl")
_STATES = {
    Stage.DONE: "SUCCEEDED",
    Stage.WORKING: "PROCESSING",
    Stage.REFUSED: "FAILED",
    Stage.RETURNED: "REVERSED",
}
_STATUSES = {Stage.DONE: "PAID", Stage.WORKING: "PENDING", Stage.REFUSED: "CANCELLED", Stage.RETURNED: "PAID"}


def answer(
    purse: Purse, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes
) -> tuple[int, dict[str, Any], dict[str, str]]:
    """HTTP status, fields and headers for a call to payOS."""
    merchant = purse.merchant(NAME)
    known = (merchant.get("client_id"), merchant.get("api_key"))
    if (headers.get("x-client-id"), headers.get("x-api-key")) != known or None in known:
        return 401, {"code": "401", "desc": "unknown client"}, {}
    key = merchant["checksum_key"]
    try:
        with purse.lock:
            match method, path.strip("/").split("/"):
                case "POST", ["v2", "payment-requests"]:
                    return _create(purse, json.loads(body), key)
                case "GET", ["v2", "payment-requests", reference]:
                    return _link(purse, reference)
                case "POST", ["v1", "payouts"]:
                    return _pay(purse, json.loads(body), headers, key)
                case "GET", ["v1", "payouts"]:
                    return _list(purse, parse_qs(query)["referenceId"][0], key)
                case "GET", ["v1", "payouts-account", "balance"]:
                    balance = {"balance": str(purse.balance_vnd(NAME)), "currency": "VND"}
                    return 200, {"code": "00", "data": balance}, {}
                case _:
                    return 404, {"code": "404", "desc": "no such address"}, {}
    except (ValueError, KeyError, TypeError):
        return 400, {"code": "20", "desc": "bad data"}, {}


def notification(order: Order, *, amount_vnd: int, key: str) -> bytes:
    """The webhook about a link that was paid, signed with `key`."""
    data: dict[str, Any] = {
        "orderCode": int(order.reference),
        "amount": amount_vnd,
        "description": str(order.about.get("text", "")),
        "accountNumber": "12345678",
        "reference": f"FT{order.number:09}",
        "transactionDateTime": "2026-11-22 09:32:14",
        "currency": "VND",
        "paymentLinkId": f"pl_{order.number}",
        "code": "00",
        "desc": "Thành công",
        "counterAccountName": None,
    }
    text = "&".join(f"{name}={'' if data[name] is None else data[name]}" for name in sorted(data))
    return json.dumps({"code": "00", "success": True, "data": data, "signature": _mac(key, text)}).encode()


def _create(purse: Purse, asked: dict[str, Any], key: str) -> tuple[int, dict[str, Any], dict[str, str]]:
    text = "&".join(f"{name}={asked[name]}" for name in _LINK)
    if not hmac.compare_digest(_mac(key, text), str(asked.get("signature"))):
        return 400, {"code": "201", "desc": "bad signature"}, {}
    reference = str(asked["orderCode"])
    if purse.find(NAME, "collection", reference) is not None:
        return 200, {"code": "231", "desc": "order code used before", "data": None}, {}
    about = {"text": asked["description"]}
    order = purse.take(NAME, "collection", reference, int(asked["amount"]), reference, about)
    data = {"orderCode": asked["orderCode"], "amount": asked["amount"], "paymentLinkId": f"pl_{order.number}"}
    return 200, {"code": "00", "data": {**data, "checkoutUrl": f"https://simulated.example/payos/{reference}"}}, {}


def _link(purse: Purse, reference: str) -> tuple[int, dict[str, Any], dict[str, str]]:
    order = purse.find(NAME, "collection", reference)
    if order is None:
        return 404, {"code": "101", "desc": "no such link"}, {}
    paid_vnd = order.amount_vnd if order.stage is Stage.DONE else 0
    data = {"id": f"pl_{order.number}", "orderCode": int(reference), "amount": order.amount_vnd, "amountPaid": paid_vnd}
    return 200, {"code": "00", "data": {**data, "status": _STATUSES[order.stage]}}, {}


def _pay(
    purse: Purse, asked: dict[str, Any], headers: Mapping[str, str], key: str
) -> tuple[int, dict[str, Any], dict[str, str]]:
    if not hmac.compare_digest(_mac(key, _percent(asked)), headers.get("x-signature", "")):
        return 401, {"code": "401", "desc": "bad signature"}, {}
    reference, repeat = str(asked["referenceId"]), headers["x-idempotency-key"]
    order = purse.find(NAME, "payout", reference)
    if order is not None and order.request != repeat:
        return 409, {"code": "409", "desc": "reference used before"}, {}
    if order is None:
        about = {"number": asked["toAccountNumber"], "bank": asked["toBin"], "text": asked["description"]}
        order = purse.take(NAME, "payout", reference, int(asked["amount"]), repeat, about)
    return _signed({"code": "00", "data": _payout(order)}, key)


def _list(purse: Purse, reference: str, key: str) -> tuple[int, dict[str, Any], dict[str, str]]:
    order = purse.find(NAME, "payout", reference)
    payouts = [] if order is None else [_payout(order)]
    return _signed({"code": "00", "data": {"pagination": {"total": len(payouts)}, "payouts": payouts}}, key)


def _payout(order: Order) -> dict[str, Any]:
    one = {"id": f"tx_{order.number}", "referenceId": order.reference, "amount": order.amount_vnd}
    one |= {"toBin": order.about["bank"], "state": _STATES[order.stage], "errorCode": order.reason}
    return {
        "id": f"po_{order.number}",
        "referenceId": order.reference,
        "transactions": [one],
        "approvalState": "COMPLETED",
    }


def _signed(fields: dict[str, Any], key: str) -> tuple[int, dict[str, Any], dict[str, str]]:
    return 200, fields, {"x-signature": _mac(key, _percent(fields["data"]))}


def _percent(fields: Mapping[str, Any]) -> str:
    def text(value: Any) -> str:
        if isinstance(value, list | dict):
            return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        return "" if value is None else str(value)

    return "&".join(f"{quote(name)}={quote(text(fields[name]))}" for name in sorted(fields))


def _mac(key: str, text: str) -> str:
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()
