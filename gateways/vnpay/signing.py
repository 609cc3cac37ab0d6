"""The hashes of VNPAY 2.1.0: HMAC-SHA512 in lower-case hexadecimal digits.

In a query string (payment address, return, notification): only names that begin with `vnp_`, without the hash itself
and without empty values, sorted, each encoded as an HTML form does. In a message (querydr, refund): values joined by
`|` in a fixed order, a missing one leaving its place empty. Source: sandbox.vnpayment.vn/apis/docs (changeTypeHash).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import quote_plus

from gateways.errors import BadBatch
from gateways.macs import Digest, hmac_hex, same

HASH = "vnp_SecureHash"
_NOT_HASHED = frozenset({HASH, "vnp_SecureHashType"})
_AGREED_TEXT = re.compile(r"[A-Za-z0-9 .:_-]{1,255}")
"""Where every encoder agrees; beyond it Python, PHP, Java and JavaScript each encode otherwise."""


class Message(StrEnum):
    """The messages whose values are joined by `|`."""

    QUERY_REQUEST = "querydr_request"
    QUERY_ANSWER = "querydr_response_verify"
    REFUND_REQUEST = "refund_request"
    REFUND_ANSWER = "refund_response_verify"


_REFUND_ANSWER = (
    "vnp_ResponseId",
    "vnp_Command",
    "vnp_ResponseCode",
    "vnp_Message",
    "vnp_TmnCode",
    "vnp_TxnRef",
    "vnp_Amount",
    "vnp_BankCode",
    "vnp_PayDate",
    "vnp_TransactionNo",
    "vnp_TransactionType",
    "vnp_TransactionStatus",
    "vnp_OrderInfo",
)
_VALUES: Mapping[Message, tuple[str, ...]] = {
    Message.QUERY_REQUEST: (
        "vnp_RequestId",
        "vnp_Version",
        "vnp_Command",
        "vnp_TmnCode",
        "vnp_TxnRef",
        "vnp_TransactionDate",
        "vnp_CreateDate",
        "vnp_IpAddr",
        "vnp_OrderInfo",
    ),
    Message.QUERY_ANSWER: (*_REFUND_ANSWER, "vnp_PromotionCode", "vnp_PromotionAmount"),
    Message.REFUND_REQUEST: (
        "vnp_RequestId",
        "vnp_Version",
        "vnp_Command",
        "vnp_TmnCode",
        "vnp_TransactionType",
        "vnp_TxnRef",
        "vnp_Amount",
        "vnp_TransactionNo",
        "vnp_TransactionDate",
        "vnp_CreateBy",
        "vnp_CreateDate",
        "vnp_IpAddr",
        "vnp_OrderInfo",
    ),
    Message.REFUND_ANSWER: _REFUND_ANSWER,
}


@dataclass(frozen=True, slots=True)
class Keys:
    """Our terminal at VNPAY and the secret we share, which never shows."""

    terminal: str
    secret: str = field(repr=False)


def query_string(fields: Mapping[str, object]) -> str:
    """The text under the hash of an address, which is also the query of that address.

    >>> query_string({"vnp_TxnRef": "C1", "vnp_OrderInfo": "Dong BHXH", "vnp_BankCode": "", "utm": "x"})
    'vnp_OrderInfo=Dong+BHXH&vnp_TxnRef=C1'
    """
    told = {name: _text(name, value) for name, value in fields.items()}
    hashed = sorted(name for name in told if name.startswith("vnp_") and name not in _NOT_HASHED and told[name] != "")
    return "&".join(f"{_encoded(name)}={_encoded(told[name])}" for name in hashed)


def query_hash(fields: Mapping[str, object], keys: Keys) -> str:
    return hmac_hex(keys.secret, query_string(fields), Digest.SHA512)


def query_verifies(fields: Mapping[str, object], keys: Keys) -> bool:
    """Whether a notification or return carries the hash of its own values, and is about our terminal.

    Hexadecimal digits may come as capitals, and PHP writes `*` as `%2A`: both are hashes of the same values.
    """
    given = fields.get(HASH)
    if fields.get("vnp_TmnCode") != keys.terminal or not isinstance(given, str):
        return False
    text = query_string(fields)
    hashes = (hmac_hex(keys.secret, written, Digest.SHA512) for written in (text, text.replace("*", "%2A")))
    return any([same(computed, given.lower()) for computed in hashes])  # noqa: C419 - both are compared, whichever fits


def message_string(message: Message, fields: Mapping[str, object]) -> str:
    return "|".join(_text(name, fields.get(name)) for name in _VALUES[message])


def message_hash(message: Message, fields: Mapping[str, object], keys: Keys) -> str:
    """The amount goes in as it stands on the wire, a hundred times the đồng, before any division."""
    return hmac_hex(keys.secret, message_string(message, fields), Digest.SHA512)


def message_verifies(message: Message, fields: Mapping[str, object], keys: Keys) -> bool:
    given = fields.get(HASH)
    return same(message_hash(message, fields, keys), given.lower() if isinstance(given, str) else None)


def agreed_text(text: str) -> bool:
    """Whether every encoder in use writes this text alike, so that the hash cannot fail for its sake."""
    return _AGREED_TEXT.fullmatch(text) is not None


def _encoded(text: str) -> str:
    """As an HTML form is encoded (`URLSearchParams`): Python leaves `~`, which a form does not, and encodes `*`."""
    return quote_plus(text, safe="*").replace("~", "%7E")


def _text(name: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise BadBatch([f"{name}: only texts and whole numbers are hashed"])
    return str(value)
