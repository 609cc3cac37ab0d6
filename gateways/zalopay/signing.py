"""The macs of ZaloPay: parts joined by `|`, HMAC-SHA256 with `key1` for what we send, `key2` for what they send.

A top-up sends `sig` in place of the mac: RSASSA-PKCS1-v1_5 with SHA-256 over the 64 characters of the hexadecimal mac.
Source: docs.zalopay.vn/docs/specs; github.com/zalopay-oss/zalopay-nodejs (src/zalopay/services).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from gateways.errors import BadBatch
from gateways.macs import hmac_hex, rsa_sign, same


class Operation(StrEnum):
    """The calls of ZaloPay whose macs we make."""

    ORDER_CREATE = "order_create"
    ORDER_QUERY = "order_query"
    REFUND = "refund"
    REFUND_QUERY = "refund_query"
    USER = "disbursement_user"
    BALANCE = "disbursement_balance"
    TOPUP = "disbursement_topup"
    TRANSACTION = "disbursement_txn"


_KEY1 = "{key1}"
"""Stands for the key itself, which is a part of the text of a query and is never shown."""
_REFUND_FEE = "refund_fee_amount"

_PARTS: Mapping[Operation, tuple[str, ...]] = {
    Operation.ORDER_CREATE: ("app_id", "app_trans_id", "app_user", "amount", "app_time", "embed_data", "item"),
    Operation.ORDER_QUERY: ("app_id", "app_trans_id", _KEY1),
    Operation.REFUND: ("app_id", "zp_trans_id", "amount", "description", "timestamp"),
    Operation.REFUND_QUERY: ("app_id", "m_refund_id", "timestamp"),
    Operation.USER: ("app_id", "phone", "time"),
    Operation.BALANCE: ("app_id", "payment_id", "time"),
    Operation.TOPUP: (
        "app_id",
        "payment_id",
        "partner_order_id",
        "m_u_id",
        "amount",
        "description",
        "partner_embed_data",
        "extra_info",
        "time",
    ),
    Operation.TRANSACTION: ("app_id", "partner_order_id", "time"),
}
_REDIRECT = ("appid", "apptransid", "pmcid", "bankcode", "amount", "discountamount", "status")


@dataclass(frozen=True, slots=True)
class Keys:
    """Our application at ZaloPay and its secrets, which never show."""

    app_id: int
    key1: str = field(repr=False)
    key2: str = field(repr=False)


def string_to_sign(operation: Operation, fields: Mapping[str, object]) -> str:
    """The text under a mac, with `{key1}` where the key itself stands in it.

    >>> string_to_sign(Operation.ORDER_QUERY, {"app_id": 2553, "app_trans_id": "261122_1"})
    '2553|261122_1|{key1}'
    """
    return "|".join(_KEY1 if part == _KEY1 else _text(part, fields.get(part)) for part in _parts(operation, fields))


def mac(operation: Operation, fields: Mapping[str, object], keys: Keys) -> str:
    parts = _parts(operation, fields)
    text = "|".join(keys.key1 if part == _KEY1 else _text(part, fields.get(part)) for part in parts)
    return hmac_hex(keys.key1, text)


def topup_signature(mac_hex: str, key: RSAPrivateKey) -> str:
    """`sig` of a top-up: over the text of the hexadecimal mac, not over its bytes."""
    return rsa_sign(key, mac_hex)


def callback_mac(data: str, keys: Keys) -> str:
    """The mac of a callback, over its `data` as it came: the same JSON written otherwise has another mac."""
    return hmac_hex(keys.key2, data)


def callback_verifies(data: object, given: object, keys: Keys) -> bool:
    return isinstance(data, str) and same(callback_mac(data, keys), given)


def redirect_string(fields: Mapping[str, object]) -> str:
    return "|".join(_text(part, fields.get(part)) for part in _REDIRECT)


def redirect_checksum(fields: Mapping[str, object], keys: Keys) -> str:
    """The checksum of a payer's browser coming back. For display: it is no proof of payment."""
    return hmac_hex(keys.key2, redirect_string(fields))


def _parts(operation: Operation, fields: Mapping[str, object]) -> tuple[str, ...]:
    """A refund with a fee signs the fee after the amount."""
    parts = _PARTS[operation]
    if operation is Operation.REFUND and _REFUND_FEE in fields:
        at = parts.index("amount") + 1
        return (*parts[:at], _REFUND_FEE, *parts[at:])
    return parts


def _text(name: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise BadBatch([f"{name}: only texts and whole numbers are signed"])
    return str(value)
