"""MoMo as it is played here: its own reading of signatures and of what is encrypted for it, its own books."""

import base64
import hashlib
import hmac
import json
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from gateways.simulator.purse import Order, Purse, Stage

NAME = "momo"
_OK, _WORKING, _BAD_REQUEST, _BAD_SIGNATURE, _REPEATED_REQUEST, _REPEATED_ORDER, _UNKNOWN = 0, 7000, 20, 13, 40, 41, 42
_SMALLEST, _OUT_OF_RANGE, _NO_FUNDS, _NOT_PAID = 1000, 22, 1100, 1000
_REASONS = {"missing": 1007, "locked": 4001, "name": 4003}

_SIGNED = {
    "create": "accessKey amount extraData ipnUrl orderId orderInfo partnerCode redirectUrl requestId requestType",
    "query": "accessKey orderId partnerCode requestId",
    "refund": "accessKey amount description orderId partnerCode requestId transId",
    "refund/query": "accessKey orderId partnerCode requestId",
    "disbursement/verify": "accessKey disbursementMethod orderId partnerCode requestId requestType",
    "disbursement/pay": "accessKey amount disbursementMethod extraData orderId orderInfo partnerCode requestId "
    "requestType",
    "disbursement/balance": "accessKey orderId partnerCode requestId",
    "disbursement/batch/create": "accessKey amount mToken orderId partnerCode requestId requestType",
    "disbursement/batch/query": "accessKey orderId pageNum pageSize partnerCode requestId",
    "disbursement/batch/pay": "accessKey orderId partnerCode requestId",
}
_TOLD = (
    "accessKey amount extraData message orderId orderInfo orderType partnerCode payType requestId responseTime "
    "resultCode transId"
)


def answer(purse: Purse, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
    """The HTTP status and fields for a call to `/v2/gateway/api/{path}`."""
    merchant = purse.merchant(NAME)
    try:
        asked = json.loads(body)
        reference, request = str(asked["orderId"]), str(asked["requestId"])
    except (ValueError, KeyError, TypeError):
        return 400, {"resultCode": _BAD_REQUEST, "message": "bad format"}
    told = {"partnerCode": asked.get("partnerCode"), "orderId": reference, "requestId": request, "message": ""}
    if not _is_signed(path, asked, merchant):
        return 400, told | {"resultCode": _BAD_SIGNATURE}
    with purse.lock:
        match path:
            case "create":
                return 200, told | _create(purse, asked, reference, request)
            case "query":
                found = purse.find(NAME, "payout", reference) or purse.find(NAME, "collection", reference)
                return 200, told | (_state(found) if found else {"resultCode": _UNKNOWN})
            case "refund":
                return 200, told | _refund(purse, asked, reference, request)
            case "refund/query":
                found = purse.find(NAME, "refund", reference)
                return 200, told | (_state(found) if found else {"resultCode": _UNKNOWN})
            case "disbursement/verify":
                return 200, told | _verify(asked, merchant)
            case "disbursement/pay":
                return _pay(purse, asked, reference, request, told)
            case "disbursement/batch/create":
                return 200, told | _fill_batch(purse, asked, reference)
            case "disbursement/batch/query":
                return 200, told | _batch_page(purse, asked, reference)
            case "disbursement/batch/pay":
                return 200, told | _release_batch(purse, reference)
            case _:
                return 200, told | {"resultCode": _OK, "balance": purse.balance_vnd(NAME)}


def notification(purse: Purse, order: Order, *, amount_vnd: int, key: str) -> bytes:
    """What MoMo would tell of an order, signed with `key`."""
    merchant = purse.merchant(NAME)
    fields: dict[str, Any] = {
        "partnerCode": merchant["partner_code"],
        "orderId": order.reference,
        "requestId": order.request,
        "amount": amount_vnd,
        "orderInfo": str(order.about.get("text", "")),
        "orderType": "momo_wallet",
        "transId": 4_000_000_000 + order.number,
        "resultCode": _state(order)["resultCode"],
        "message": "Thành công.",
        "payType": "qr",
        "responseTime": 1_763_778_665_123,
        "extraData": "",
    }
    fields["signature"] = _mac(key, _TOLD, {**fields, "accessKey": merchant["access_key"]})
    return json.dumps(fields, ensure_ascii=False).encode()


def _create(purse: Purse, asked: dict[str, Any], reference: str, request: str) -> dict[str, Any]:
    known = purse.find(NAME, "collection", reference)
    if known is not None and known.request != request:
        return {"resultCode": _REPEATED_ORDER}
    if not _SMALLEST <= int(asked["amount"]) <= 50_000_000:
        return {"resultCode": _OUT_OF_RANGE}
    if known is None:
        about = {"text": asked["orderInfo"], "notification_url": asked["ipnUrl"]}
        purse.take(NAME, "collection", reference, int(asked["amount"]), request, about)
    return {"resultCode": _OK, "amount": asked["amount"], "payUrl": f"https://simulated.example/momo/{reference}"}


def _refund(purse: Purse, asked: dict[str, Any], reference: str, request: str) -> dict[str, Any]:
    known = purse.find(NAME, "refund", reference)
    if known is not None:
        return _state(known) if known.request == request else {"resultCode": _REPEATED_ORDER}
    paid = [
        order
        for order in purse.orders(NAME)
        if order.kind == "collection" and str(4_000_000_000 + order.number) == str(asked["transId"])
    ]
    given_back = sum(
        order.amount_vnd
        for order in purse.orders(NAME)
        if order.kind == "refund" and order.about["of"] == asked["transId"]
    )
    if not paid or paid[0].stage is not Stage.DONE or given_back + int(asked["amount"]) > paid[0].amount_vnd:
        return {"resultCode": 1088 if not given_back else 1081}
    order = purse.take(NAME, "refund", reference, int(asked["amount"]), request, {"of": asked["transId"]})
    purse.decide(order, Stage.DONE)
    return _state(order)


def _verify(asked: dict[str, Any], merchant: dict[str, str]) -> dict[str, Any]:
    receiver = _receiver(asked, merchant)
    if receiver is None:
        return {"resultCode": _BAD_REQUEST}
    reason = {"9001": "missing", "9002": "locked", "9003": "name"}.get(str(receiver.get("walletId"))[-4:])
    return {"resultCode": _OK if reason is None else _REASONS[reason]}


def _pay(
    purse: Purse, asked: dict[str, Any], reference: str, request: str, told: dict[str, Any]
) -> tuple[int, dict[str, Any]]:
    known = purse.find(NAME, "payout", reference)
    if known is not None:
        if known.request != request:
            return 200, told | {"resultCode": _REPEATED_ORDER}
        return (422, told | {"resultCode": _WORKING}) if known.stage is Stage.WORKING else (200, told | _state(known))
    number, amount_vnd = receiver_number(purse, asked), int(asked["amount"])
    if number is None:
        return 200, told | {"resultCode": _BAD_REQUEST}
    if amount_vnd < _SMALLEST:
        return 200, told | {"resultCode": _OUT_OF_RANGE}
    if amount_vnd > purse.balance_vnd(NAME):
        return 200, told | {"resultCode": _NO_FUNDS}
    about = {"number": number, "name": receiver_name(purse, asked), "text": asked["orderInfo"]}
    about |= {"notification_url": asked.get("ipnUrl", "")}
    return 200, told | _state(purse.take(NAME, "payout", reference, amount_vnd, request, about))


def _fill_batch(purse: Purse, asked: dict[str, Any], reference: str) -> dict[str, Any]:
    """The first call opens a batch and gives its token, the second fills it; nothing moves before the release."""
    token = hashlib.sha256(f"{reference}|{asked['partnerCode']}".encode()).hexdigest()[:24]
    if asked["requestType"] == "initiate":
        return {"resultCode": _OK, "mToken": token}
    items = asked["items"]
    if asked["mToken"] != token or sum(item["amount"] for item in items) != asked["amount"]:
        return {"resultCode": _BAD_REQUEST}
    if len({item["id"] for item in items}) < len(items):
        return {"resultCode": 45}
    if purse.find(NAME, "batch", reference) is not None:
        return {"resultCode": _REPEATED_ORDER}
    receivers = [_receiver({"disbursementMethod": item["method"]}, purse.merchant(NAME)) for item in items]
    if None in receivers:
        return {"resultCode": _BAD_REQUEST}
    wallets = [
        {"id": item["id"], "number": str((receiver or {}).get("walletId")), "amount_vnd": item["amount"]}
        for item, receiver in zip(items, receivers, strict=True)
    ]
    purse.take(NAME, "batch", reference, asked["amount"], str(asked["requestId"]), {"wallets": wallets})
    return {"resultCode": _OK}


def _release_batch(purse: Purse, reference: str) -> dict[str, Any]:
    """Pays each wallet once, under the batch and its own id."""
    batch = purse.find(NAME, "batch", reference)
    if batch is None:
        return {"resultCode": _UNKNOWN}
    if batch.amount_vnd > purse.balance_vnd(NAME):
        return {"resultCode": _NO_FUNDS}
    for wallet in batch.about["wallets"]:
        if purse.find(NAME, "payout", f"{reference}/{wallet['id']}") is None:
            about = {"number": wallet["number"]}
            purse.take(NAME, "payout", f"{reference}/{wallet['id']}", wallet["amount_vnd"], batch.request, about)
    return {"resultCode": _OK}


def _batch_page(purse: Purse, asked: dict[str, Any], reference: str) -> dict[str, Any]:
    batch = purse.find(NAME, "batch", reference)
    if batch is None:
        return {"resultCode": _UNKNOWN}
    first = (int(asked["pageNum"]) - 1) * int(asked["pageSize"])
    shown = batch.about["wallets"][first : first + int(asked["pageSize"])]
    words = {Stage.DONE: "SUCCEEDED", Stage.REFUSED: "FAILED", Stage.WORKING: "PROCESSING", Stage.RETURNED: "SUCCEEDED"}
    paid = [(wallet, purse.find(NAME, "payout", f"{reference}/{wallet['id']}")) for wallet in shown]
    items = [{"id": wallet["id"], "status": words[order.stage] if order else "CREATED"} for wallet, order in paid]
    return {"resultCode": _OK, "items": items}


def _state(order: Order) -> dict[str, Any]:
    told: dict[str, Any] = {"amount": order.amount_vnd, "transId": 4_000_000_000 + order.number}
    match order.stage:
        case Stage.DONE | Stage.RETURNED:
            return told | {"resultCode": _OK}
        case Stage.REFUSED:
            return told | {"resultCode": _REASONS.get(str(order.reason), 1006)}
        case Stage.WORKING:
            return told | {"resultCode": _NOT_PAID if order.kind == "collection" else _WORKING}


def receiver_number(purse: Purse, asked: dict[str, Any]) -> str | None:
    """The wallet or account number of a payout, opened with the provider's own key."""
    receiver = _receiver(asked, purse.merchant(NAME)) or {}
    return receiver.get("walletId") or receiver.get("bankAccountNo") or receiver.get("bankCardNo")


def receiver_name(purse: Purse, asked: dict[str, Any]) -> str:
    receiver = _receiver(asked, purse.merchant(NAME)) or {}
    return str(receiver.get("walletName") or receiver.get("bankAccountHolderName") or "")


def _receiver(asked: dict[str, Any], merchant: dict[str, str]) -> dict[str, Any] | None:
    """Who is paid, opened with the provider's own key."""
    key = _private_key(merchant["rsa_private_key"])
    try:
        opened = json.loads(key.decrypt(base64.b64decode(asked["disbursementMethod"]), padding.PKCS1v15()))
    except (ValueError, KeyError):
        return None
    return opened if isinstance(opened, dict) else None


@cache
def _private_key(pem: str) -> RSAPrivateKey:
    """Kept, since reading a key costs more than all else of a call."""
    key = load_pem_private_key(pem.encode(), None)
    if not isinstance(key, RSAPrivateKey):
        raise TypeError("the merchant was registered without an RSA key")
    return key


def _is_signed(path: str, asked: dict[str, Any], merchant: dict[str, str]) -> bool:
    if path not in _SIGNED or asked.get("partnerCode") != merchant.get("partner_code"):
        return False
    right = _mac(merchant["secret_key"], _SIGNED[path], {**asked, "accessKey": merchant["access_key"]})
    return hmac.compare_digest(right, str(asked.get("signature", "")))


def _mac(key: str, names: str, fields: dict[str, Any]) -> str:
    text = "&".join(f"{name}={fields.get(name, '')}" for name in sorted(names.split()))
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()
