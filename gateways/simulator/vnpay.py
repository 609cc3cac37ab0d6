"""VNPAY as it is played here: it reads a payment address as a browser would bring it, and answers in its own hashes."""

import hashlib
import hmac
import json
import re
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin

from gateways.simulator.purse import Order, Purse, Stage

NAME = "vnpay"
_QUERY = "RequestId Version Command TmnCode TxnRef TransactionDate CreateDate IpAddr OrderInfo"
_REFUND = (
    "RequestId Version Command TmnCode TransactionType TxnRef Amount TransactionNo TransactionDate CreateBy CreateDate "
    "IpAddr OrderInfo"
)
_TOLD = (
    "ResponseId Command ResponseCode Message TmnCode TxnRef Amount BankCode PayDate TransactionNo TransactionType "
    "TransactionStatus OrderInfo"
)


def open_page(purse: Purse, query: str) -> int:
    """A payer comes with an address: the HTTP status; the order is there and waits to be paid."""
    fields = dict(parse_qsl(query))
    given = fields.pop("vnp_SecureHash", "")
    merchant = purse.merchant(NAME)
    if fields.get("vnp_TmnCode") != merchant.get("terminal") or not hmac.compare_digest(
        _query_hash(fields, merchant["hash_secret"]), given
    ):
        return 400
    wire = int(fields["vnp_Amount"])
    if wire % 100:
        return 400
    with purse.lock:
        if purse.find(NAME, "collection", fields["vnp_TxnRef"]) is None:
            about = {"text": fields["vnp_OrderInfo"], "made": fields["vnp_CreateDate"]}
            about["return_url"] = back = fields.get("vnp_ReturnUrl", "")
            # Who registered no address to be told at is told beside the one to which the payer goes back.
            about["notification_url"] = merchant.get("notification_url") or urljoin(back, "/callbacks/vnpay")
            purse.take(NAME, "collection", fields["vnp_TxnRef"], wire // 100, fields["vnp_TxnRef"], about)
    return 200


def page(reference: str) -> str:
    """What the payer sees: what is paid, and the two ways out."""
    if not re.fullmatch(r"[A-Za-z0-9]+", reference):
        return "<!doctype html><title>VNPAY</title>"
    ways = "".join(
        f'<form method="post" action="/paymentv2/{reference}/{ending}"><button>{word}</button></form>'
        for ending, word in (("paid", "Thanh toán"), ("cancelled", "Hủy"))
    )
    return (
        '<!doctype html><html lang="vi"><head><meta charset="utf-8"><title>VNPAY (mô phỏng)</title>'
        '<link rel="icon" href="data:,"></head>'
        f"<body><h1>VNPAY (mô phỏng)</h1><p>{reference}</p>{ways}</body></html>"
    )


def way_back(purse: Purse, order: Order) -> str:
    """The merchant's address for the payer's browser, with what VNPAY adds to it."""
    query = notification(purse, order, amount_vnd=order.amount_vnd, key=purse.merchant(NAME)["hash_secret"])
    return f"{order.about.get('return_url') or '/'}?{query}"


def answer(purse: Purse, body: bytes) -> dict[str, Any]:
    """The fields for a call to `/merchant_webapi/api/transaction`."""
    merchant = purse.merchant(NAME)
    try:
        asked: dict[str, Any] = json.loads(body)
        refunding = asked["vnp_Command"] == "refund"
        right = _message_hash(_REFUND if refunding else _QUERY, asked, merchant["hash_secret"])
    except (ValueError, KeyError, TypeError):
        return {"vnp_ResponseCode": "03"}
    if asked.get("vnp_TmnCode") != merchant.get("terminal"):
        return {"vnp_ResponseCode": "02"}
    if not hmac.compare_digest(right, str(asked.get("vnp_SecureHash"))):
        return {"vnp_ResponseCode": "97"}
    with purse.lock:
        told = _refund(purse, asked) if refunding else _query(purse, asked)
    told |= {"vnp_ResponseId": f"r{asked['vnp_RequestId']}", "vnp_Command": asked["vnp_Command"]}
    told |= {"vnp_TmnCode": asked["vnp_TmnCode"], "vnp_Message": ""}
    names = _TOLD if refunding else f"{_TOLD} PromotionCode PromotionAmount"
    return told | {"vnp_SecureHash": _message_hash(names, told, merchant["hash_secret"])}


def notification(purse: Purse, order: Order, *, amount_vnd: int, key: str) -> str:
    """The query of VNPAY's call about an order, hashed with `key`."""
    good = order.stage is Stage.DONE
    fields = {
        "vnp_TmnCode": purse.merchant(NAME)["terminal"],
        "vnp_Amount": str(amount_vnd * 100),
        "vnp_BankCode": "NCB",
        "vnp_BankTranNo": f"VNP{order.number}",
        "vnp_CardType": "ATM",
        "vnp_OrderInfo": str(order.about["text"]),
        "vnp_PayDate": "20261122093214",
        "vnp_ResponseCode": "00" if good else "24",
        "vnp_TransactionNo": str(_number(order)),
        "vnp_TransactionStatus": "00" if good else "02",
        "vnp_TxnRef": order.reference,
    }
    return urlencode({**fields, "vnp_SecureHash": _query_hash(fields, key)})


def _query(purse: Purse, asked: dict[str, Any]) -> dict[str, Any]:
    order = purse.find(NAME, "collection", str(asked["vnp_TxnRef"]))
    if order is None or order.about["made"] != asked["vnp_TransactionDate"]:
        return {"vnp_ResponseCode": "91", "vnp_TxnRef": asked["vnp_TxnRef"]}
    status = {Stage.DONE: "00", Stage.WORKING: "01", Stage.REFUSED: "02", Stage.RETURNED: "05"}[order.stage]
    return _about(order) | {"vnp_ResponseCode": "00", "vnp_TransactionStatus": status, "vnp_TransactionType": "01"}


def _refund(purse: Purse, asked: dict[str, Any]) -> dict[str, Any]:
    order, reference = purse.find(NAME, "collection", str(asked["vnp_TxnRef"])), str(asked["vnp_RequestId"])
    if order is None:
        return {"vnp_ResponseCode": "91", "vnp_TxnRef": asked["vnp_TxnRef"]}
    if order.stage is not Stage.DONE:
        return _about(order) | {"vnp_ResponseCode": "95"}
    if any(o.kind == "refund" and o.about["of"] == order.reference for o in purse.orders(NAME)):
        return _about(order) | {"vnp_ResponseCode": "94"}
    purse.take(NAME, "refund", reference, int(asked["vnp_Amount"]) // 100, reference, {"of": order.reference})
    return _about(order) | {"vnp_ResponseCode": "00", "vnp_TransactionStatus": "05", "vnp_TransactionType": "02"}


def _about(order: Order) -> dict[str, Any]:
    return {
        "vnp_TxnRef": order.reference,
        "vnp_Amount": str(order.amount_vnd * 100),
        "vnp_BankCode": "NCB",
        "vnp_PayDate": "20261122093214",
        "vnp_TransactionNo": str(_number(order)),
        "vnp_OrderInfo": str(order.about["text"]),
    }


def _query_hash(fields: dict[str, str], key: str) -> str:
    text = urlencode(sorted((name, value) for name, value in fields.items() if value), safe="*")
    return hmac.new(key.encode(), text.replace("~", "%7E").encode(), hashlib.sha512).hexdigest()


def _message_hash(names: str, fields: dict[str, Any], key: str) -> str:
    text = "|".join(str(fields.get(f"vnp_{name}", "")) for name in names.split())
    return hmac.new(key.encode(), text.encode(), hashlib.sha512).hexdigest()


def _number(order: Order) -> int:
    return 14_000_000 + order.number
