"""The calls of VNPAY, built and hashed. Amounts are a hundred times the đồng on the wire and nowhere else of ours."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Final

from gateways.errors import BadBatch
from gateways.line import json_body
from gateways.online import Call, CollectionOrder, OnlineOperation, Refund, read_sheet
from gateways.vnpay.signing import HASH, Keys, Message, agreed_text, message_hash, query_hash, query_string

CAPABILITIES: Final = read_sheet(Path(__file__).with_name("sheet.yaml"))
PAGE_PATH: Final = "/paymentv2/vpcpay.html"
SANDBOX_PAGE: Final = f"https://sandbox.vnpayment.vn{PAGE_PATH}"
API_PATH: Final = "/merchant_webapi/api/transaction"
WIRE_UNITS: Final = 100

_VERSION: Final = "2.1.0"
_VIET_NAM: Final = timezone(timedelta(hours=7))
_INSTANT: Final = "%Y%m%d%H%M%S"
_REQUEST_ID: Final = re.compile(r"[0-9A-Za-z]{1,32}")


@dataclass(frozen=True, slots=True)
class Choices:
    """What the facts leave open, with what we take and what it risks."""

    payment_page: str = SANDBOX_PAGE
    """The live address is given by contract. Wrong: payers land nowhere; nothing is booked."""
    order_type: str = "other"
    """The category code agreed with VNPAY. Wrong: the page refuses the order."""
    locale: str = "vn"
    server_address: str = "127.0.0.1"
    """Our server's own address in queries and refunds. Wrong: VNPAY may refuse the call with 03."""


def payment_address(fields: Mapping[str, object], keys: Keys, page: str = SANDBOX_PAGE) -> str:
    """The address the payer is sent to: the query, and the hash of it last."""
    return f"{page}?{query_string(fields)}&{HASH}={query_hash(fields, keys)}"


def pay(
    order: CollectionOrder, at: datetime, payer_address: str, *, return_url: str, keys: Keys, choices: Choices
) -> str:
    """The payment address of an order, good until it expires."""
    CAPABILITIES.limit(OnlineOperation.COLLECT_CREATE).require(order.amount_vnd)
    problems = [
        f"{name}: only letters and digits without marks, blank and `. : - _` are hashed alike by all"
        for name, text in (("description", order.description), ("reference", order.reference))
        if not agreed_text(text)
    ]
    if problems:
        raise BadBatch(problems)
    fields = {
        "vnp_Version": _VERSION,
        "vnp_Command": "pay",
        "vnp_TmnCode": keys.terminal,
        "vnp_Amount": order.amount_vnd * WIRE_UNITS,
        "vnp_CurrCode": "VND",
        "vnp_TxnRef": order.reference,
        "vnp_OrderInfo": order.description,
        "vnp_OrderType": choices.order_type,
        "vnp_Locale": choices.locale,
        "vnp_ReturnUrl": return_url,
        "vnp_IpAddr": payer_address,
        "vnp_CreateDate": instant(at),
        "vnp_ExpireDate": instant(at + timedelta(seconds=order.expires_seconds)),
    }
    return payment_address(fields, keys, choices.payment_page)


def query(reference: str, created_at: datetime, request_id: str, at: datetime, *, keys: Keys, choices: Choices) -> Call:
    """Asks what became of a payment: by our reference and the instant its address was made."""
    fields = {
        "vnp_RequestId": _required_id(request_id),
        "vnp_Version": _VERSION,
        "vnp_Command": "querydr",
        "vnp_TmnCode": keys.terminal,
        "vnp_TxnRef": reference,
        "vnp_OrderInfo": f"Truy van {reference}",
        "vnp_TransactionDate": instant(created_at),
        "vnp_CreateDate": instant(at),
        "vnp_IpAddr": choices.server_address,
    }
    return _hashed(Message.QUERY_REQUEST, fields, keys)


def refund(
    undoing: Refund, created_at: datetime, request_id: str, at: datetime, person: str, *, keys: Keys, choices: Choices
) -> Call:
    """Gives a payment back, whole (02) or in part (03). `person` is who asks, by staff code."""
    CAPABILITIES.limit(OnlineOperation.COLLECT_REFUND).require(undoing.amount_vnd)
    fields = {
        "vnp_RequestId": _required_id(request_id),
        "vnp_Version": _VERSION,
        "vnp_Command": "refund",
        "vnp_TmnCode": keys.terminal,
        "vnp_TransactionType": "02" if undoing.whole else "03",
        "vnp_TxnRef": undoing.payment_reference,
        "vnp_Amount": undoing.amount_vnd * WIRE_UNITS,
        "vnp_TransactionNo": undoing.provider_reference,
        "vnp_TransactionDate": instant(created_at),
        "vnp_CreateBy": person,
        "vnp_CreateDate": instant(at),
        "vnp_IpAddr": choices.server_address,
        "vnp_OrderInfo": undoing.description,
    }
    return _hashed(Message.REFUND_REQUEST, fields, keys)


def instant(at: datetime) -> str:
    """An instant as VNPAY writes it: Viet Nam time, to the second."""
    return at.astimezone(_VIET_NAM).strftime(_INSTANT)


def _hashed(message: Message, fields: Mapping[str, object], keys: Keys) -> Call:
    body = {**fields, HASH: message_hash(message, fields, keys)}
    return Call("POST", API_PATH, json_body(body), {"content-type": "application/json"})


def _required_id(request_id: str) -> str:
    if not _REQUEST_ID.fullmatch(request_id):
        raise BadBatch([f"{request_id!r}: a request id has 1 to 32 letters and digits"])
    return request_id
