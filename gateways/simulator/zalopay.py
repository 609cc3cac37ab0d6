"""ZaloPay as it is played here: its own macs, its own check of the RSA signature of a top-up, its own books."""

import base64
import hashlib
import hmac
import json
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from gateways.simulator.purse import Order, Purse, Stage, ending_of

NAME = "zalopay"
_CLOCK_MILLISECONDS = 15 * 60 * 1000
_PARTS = {
    "create": "app_id app_trans_id app_user amount app_time embed_data item",
    "refund": "app_id zp_trans_id amount description timestamp",
    "query_refund": "app_id m_refund_id timestamp",
    "disbursement/user": "app_id phone time",
    "disbursement/balance": "app_id payment_id time",
    "disbursement/topup": "app_id payment_id partner_order_id m_u_id amount description partner_embed_data extra_info "
    "time",
    "disbursement/txn": "app_id partner_order_id time",
}
_STATUS = {Stage.DONE: 1, Stage.RETURNED: 1, Stage.REFUSED: 2, Stage.WORKING: 3}


def answer(purse: Purse, path: str, body: bytes, milliseconds_now: int) -> dict[str, Any]:
    """The fields for a call to `/v2/{path}`."""
    merchant = purse.merchant(NAME)
    try:
        asked = json.loads(body)
        if not _is_signed(path, asked, merchant):
            return _told(2, -402)
        if path == "create" and abs(milliseconds_now - int(asked["app_time"])) > _CLOCK_MILLISECONDS:
            return _told(2, -401)
        with purse.lock:
            return _WORK[path](purse, asked)
    except (ValueError, KeyError, TypeError):
        return _told(2, -401)


def notification(purse: Purse, order: Order, *, amount_vnd: int, key: str) -> bytes:
    """The callback about an order that was paid, its mac made with `key`."""
    data = json.dumps(
        {
            "app_id": int(purse.merchant(NAME)["app_id"]),
            "app_trans_id": order.reference,
            "app_time": 1_763_778_600_000,
            "app_user": "employer",
            "amount": amount_vnd,
            "embed_data": "{}",
            "item": "[]",
            "zp_trans_id": _number(order),
            "server_time": 1_763_778_660_000,
            "channel": 38,
        }
    )
    mac = hmac.new(key.encode(), data.encode(), hashlib.sha256).hexdigest()
    return json.dumps({"data": data, "mac": mac, "type": 1}).encode()


def _create(purse: Purse, asked: dict[str, Any]) -> dict[str, Any]:
    reference = str(asked["app_trans_id"])
    if purse.find(NAME, "collection", reference) is not None:
        return _told(2, -68)
    about = {"notification_url": asked.get("callback_url", "")}
    purse.take(NAME, "collection", reference, int(asked["amount"]), reference, about)
    return _told(1, 1) | {"order_url": f"https://simulated.example/zalopay/{reference}"}


def _query(purse: Purse, asked: dict[str, Any]) -> dict[str, Any]:
    order = purse.find(NAME, "collection", str(asked["app_trans_id"]))
    if order is None:
        return _told(2, -101)
    code = {1: (1, 1), 2: (2, -217), 3: (3, 1)}[_STATUS[order.stage]]
    return _told(*code) | {"amount": order.amount_vnd, "zp_trans_id": _number(order)}


def _refund(purse: Purse, asked: dict[str, Any]) -> dict[str, Any]:
    reference = str(asked["m_refund_id"])
    if purse.find(NAME, "refund", reference) is not None:
        return _told(2, -23)
    paid = [o for o in purse.orders(NAME) if o.kind == "collection" and str(_number(o)) == str(asked["zp_trans_id"])]
    if not paid or paid[0].stage is not Stage.DONE:
        return _told(2, -101)
    before = [o for o in purse.orders(NAME) if o.kind == "refund" and o.about["of"] == paid[0].reference]
    if sum(o.amount_vnd for o in before) + int(asked["amount"]) > paid[0].amount_vnd:
        return _told(2, -14)
    order = purse.take(NAME, "refund", reference, int(asked["amount"]), reference, {"of": paid[0].reference})
    return _told(3, 2) | {"refund_id": _number(order)}


def _query_refund(purse: Purse, asked: dict[str, Any]) -> dict[str, Any]:
    order = purse.find(NAME, "refund", str(asked["m_refund_id"]))
    if order is None:
        return _told(2, -101)
    return _told(*{1: (1, 1), 2: (2, 0), 3: (3, 2)}[_STATUS[order.stage]])


def _user(purse: Purse, asked: dict[str, Any]) -> dict[str, Any]:
    """Everybody has the name that the merchant was registered with: the books know no persons."""
    phone = str(asked["phone"])
    refused = {"missing": -101, "locked": -1011}.get(str(ending_of(phone).refused_for))
    if refused is not None:
        return _told(2, refused)
    name = purse.merchant(NAME).get("user_name", "NGUYEN VAN AN")
    return _told(1, 1) | {"data": {"m_u_id": f"mu{phone}", "name": name, "onboarding_url": ""}}


def _balance(purse: Purse, _: dict[str, Any]) -> dict[str, Any]:
    return _told(1, 1) | {"data": {"balance": purse.balance_vnd(NAME)}}


def _topup(purse: Purse, asked: dict[str, Any]) -> dict[str, Any]:
    reference, number = str(asked["partner_order_id"]), str(asked["m_u_id"])
    if purse.find(NAME, "payout", reference) is not None:
        return _told(2, -68)
    if ending_of(number).refused_for == "missing":
        return _told(2, -101)
    order = purse.take(NAME, "payout", reference, int(asked["amount"]), reference, {"number": number})
    return _told(1, 1) | _paid(order)


def _transaction(purse: Purse, asked: dict[str, Any]) -> dict[str, Any]:
    order = purse.find(NAME, "payout", str(asked["partner_order_id"]))
    return _told(2, -101) if order is None else _told(1, 1) | _paid(order)


def _paid(order: Order) -> dict[str, Any]:
    told = {"order_id": str(_number(order)), "m_u_id": order.about["number"], "amount": order.amount_vnd}
    return {"data": {**told, "status": _STATUS[order.stage]}}


_WORK = {
    "create": _create,
    "query": _query,
    "refund": _refund,
    "query_refund": _query_refund,
    "disbursement/user": _user,
    "disbursement/balance": _balance,
    "disbursement/topup": _topup,
    "disbursement/txn": _transaction,
}


def _is_signed(path: str, asked: dict[str, Any], merchant: dict[str, str]) -> bool:
    if str(asked.get("app_id")) != merchant.get("app_id"):
        return False
    if path == "query":
        text = f"{asked['app_id']}|{asked['app_trans_id']}|{merchant['key1']}"
    else:
        text = "|".join(str(asked[part]) for part in _PARTS[path].split())
    mac = hmac.new(merchant["key1"].encode(), text.encode(), hashlib.sha256).hexdigest()
    if path != "disbursement/topup":
        return hmac.compare_digest(mac, str(asked.get("mac")))
    key = load_pem_public_key(merchant["rsa_public_key"].encode())
    if not isinstance(key, RSAPublicKey) or "mac" in asked:
        return False
    try:
        key.verify(base64.b64decode(asked["sig"]), mac.encode("ascii"), padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


def _number(order: Order) -> int:
    return 261_122_000_000_000 + order.number


def _told(code: int, sub_code: int) -> dict[str, Any]:
    return {"return_code": code, "return_message": "", "sub_return_code": sub_code, "sub_return_message": ""}
