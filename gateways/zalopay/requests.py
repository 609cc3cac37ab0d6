"""The calls of ZaloPay, with their macs. Times are milliseconds; the ids of a day begin with its Vietnamese date."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from gateways.contract import Instrument
from gateways.errors import BadBatch
from gateways.line import json_body
from gateways.online import Call, CollectionOrder, OnlineOperation, Payout, Refund, read_sheet
from gateways.zalopay.signing import Keys, Operation, mac, topup_signature

CAPABILITIES: Final = read_sheet(Path(__file__).with_name("sheet.yaml"))

_VIET_NAM: Final = timezone(timedelta(hours=7))
_PATHS: Final[Mapping[Operation, str]] = {
    Operation.ORDER_CREATE: "/v2/create",
    Operation.ORDER_QUERY: "/v2/query",
    Operation.REFUND: "/v2/refund",
    Operation.REFUND_QUERY: "/v2/query_refund",
    Operation.USER: "/v2/disbursement/user",
    Operation.BALANCE: "/v2/disbursement/balance",
    Operation.TOPUP: "/v2/disbursement/topup",
    Operation.TRANSACTION: "/v2/disbursement/txn",
}
_DATED: Final = re.compile(r"[0-9]{6}_.+")


@dataclass(frozen=True, slots=True)
class Choices:
    """What the facts leave open, with what we take and what it risks."""

    payment_id: str = "CASHIN"
    """Our funding account at ZaloPay, given by contract. Wrong: top-ups are refused with -402."""
    refund_one_is_done: bool = False
    """One reading of the guide takes `return_code` 1 of a refund for done. True: a refund that fails later would stand
    as paid back; False costs one query more."""


def order_id(reference: str, at: datetime) -> str:
    """`app_trans_id`: our reference behind the day it is made on, since ZaloPay takes only today's."""
    return f"{at.astimezone(_VIET_NAM):%y%m%d}_{reference}"


def refund_id(reference: str, app_id: int, at: datetime) -> str:
    """`m_refund_id`: the day, our application, our reference."""
    return f"{at.astimezone(_VIET_NAM):%y%m%d}_{app_id}_{reference}"


def create(order: CollectionOrder, at: datetime, *, notification_url: str, return_url: str, keys: Keys) -> Call:
    """An order, at whose address the payer pays. Its reference is an `order_id`."""
    if not _DATED.fullmatch(order.reference):
        raise BadBatch([f"{order.reference!r} does not begin with its day, yymmdd_"])
    _require_length("app_trans_id", order.reference)
    _require_length("description", order.description)
    CAPABILITIES.limit(OnlineOperation.COLLECT_CREATE).require(order.amount_vnd)
    fields = {
        "app_id": keys.app_id,
        "app_trans_id": order.reference,
        "app_user": order.payer or "employer",
        "amount": order.amount_vnd,
        "app_time": milliseconds(at),
        "embed_data": json.dumps({"redirecturl": return_url}, separators=(",", ":")),
        "item": "[]",
        "description": order.description,
        "bank_code": "",
        "callback_url": notification_url,
        "expire_duration_seconds": min(max(order.expires_seconds, 300), 2_592_000),
    }
    return _with_mac(Operation.ORDER_CREATE, fields, keys)


def query(reference: str, *, keys: Keys) -> Call:
    return _with_mac(Operation.ORDER_QUERY, {"app_id": keys.app_id, "app_trans_id": reference}, keys)


def refund(undoing: Refund, at: datetime, *, keys: Keys) -> Call:
    """Gives a payment back. Its reference, a `refund_id`, is not under the mac; the payment's number is."""
    _require_length("m_refund_id", undoing.reference)
    CAPABILITIES.limit(OnlineOperation.COLLECT_REFUND).require(undoing.amount_vnd)
    fields = {
        "app_id": keys.app_id,
        "m_refund_id": undoing.reference,
        "zp_trans_id": undoing.provider_reference,
        "amount": undoing.amount_vnd,
        "timestamp": milliseconds(at),
        "description": undoing.description,
    }
    return _with_mac(Operation.REFUND, fields, keys)


def refund_query(reference: str, at: datetime, *, keys: Keys) -> Call:
    fields = {"app_id": keys.app_id, "m_refund_id": reference, "timestamp": milliseconds(at)}
    return _with_mac(Operation.REFUND_QUERY, fields, keys)


def user(phone: str, at: datetime, *, keys: Keys) -> Call:
    """Asks whose wallet a phone number is; the answer has the id that is paid."""
    return _with_mac(Operation.USER, {"app_id": keys.app_id, "phone": phone, "time": milliseconds(at)}, keys)


def balance(at: datetime, *, keys: Keys, choices: Choices) -> Call:
    fields = {"app_id": keys.app_id, "payment_id": choices.payment_id, "time": milliseconds(at)}
    return _with_mac(Operation.BALANCE, fields, keys)


def topup(payout: Payout, at: datetime, *, keys: Keys, key: RSAPrivateKey, choices: Choices) -> Call:
    """Pays a wallet, by the `m_u_id` that `user` gave. Carries `sig` over the mac, and no mac."""
    if payout.receiver.instrument is not Instrument.WALLET:
        raise BadBatch([f"{payout.reference}: only wallets are topped up"])
    CAPABILITIES.limit(OnlineOperation.PAYOUT_SUBMIT, Instrument.WALLET).require(payout.amount_vnd)
    fields = {
        "app_id": keys.app_id,
        "payment_id": choices.payment_id,
        "partner_order_id": payout.reference,
        "m_u_id": payout.receiver.number,
        "amount": payout.amount_vnd,
        "description": payout.description,
        "partner_embed_data": "{}",
        "extra_info": "{}",
        "time": milliseconds(at),
    }
    signature = topup_signature(mac(Operation.TOPUP, fields, keys), key)
    return _call(Operation.TOPUP, {**fields, "sig": signature})


def transaction(reference: str, at: datetime, *, keys: Keys) -> Call:
    """Asks what became of a top-up."""
    fields = {"app_id": keys.app_id, "partner_order_id": reference, "time": milliseconds(at)}
    return _with_mac(Operation.TRANSACTION, fields, keys)


def milliseconds(at: datetime) -> int:
    return (at - datetime.fromtimestamp(0, UTC)) // timedelta(milliseconds=1)


def _with_mac(operation: Operation, fields: Mapping[str, object], keys: Keys) -> Call:
    return _call(operation, {**fields, "mac": mac(operation, fields, keys)})


def _call(operation: Operation, fields: dict[str, object]) -> Call:
    return Call("POST", _PATHS[operation], json_body(fields), {"content-type": "application/json"})


def _require_length(name: str, text: str) -> None:
    if len(text) > CAPABILITIES.lengths[name]:
        raise BadBatch([f"{name}: {len(text)} characters, at most {CAPABILITIES.lengths[name]} fit"])
