"""The signature of MoMo: `name=value` of a fixed list of names, in alphabetical order, joined by `&`, HMAC-SHA256.

Values go in as plain text, never URL-encoded, and an empty one stays as `name=`. What is not in the list is not
protected. Source: developers.momo.vn/v3/docs/payment/api/other/signature; lists of the disbursement pages.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from gateways.errors import BadBatch
from gateways.macs import hmac_hex, same


class Operation(StrEnum):
    """The calls of MoMo whose signatures we make or check."""

    CREATE = "create"
    NOTIFICATION = "ipn_verify"
    QUERY = "query"
    CONFIRM = "confirm"
    REFUND = "refund"
    REFUND_QUERY = "refund_query"
    VERIFY = "disbursement_verify"
    PAY_WALLET = "disbursement_pay_wallet"
    PAY_BANK = "disbursement_pay_bank"
    BALANCE = "disbursement_balance"
    BATCH_CREATE = "disbursement_batch_create"
    BATCH_QUERY = "disbursement_batch_query"
    BATCH_PAY = "disbursement_batch_pay"


_ASKING = ("accessKey", "orderId", "partnerCode", "requestId")
_PAYING = (
    "accessKey",
    "amount",
    "disbursementMethod",
    "extraData",
    "orderId",
    "orderInfo",
    "partnerCode",
    "requestId",
    "requestType",
)

SIGNED: Mapping[Operation, tuple[str, ...]] = {
    Operation.CREATE: (
        "accessKey",
        "amount",
        "extraData",
        "ipnUrl",
        "orderId",
        "orderInfo",
        "partnerCode",
        "redirectUrl",
        "requestId",
        "requestType",
    ),
    Operation.NOTIFICATION: (
        "accessKey",
        "amount",
        "extraData",
        "message",
        "orderId",
        "orderInfo",
        "orderType",
        "partnerCode",
        "payType",
        "requestId",
        "responseTime",
        "resultCode",
        "transId",
    ),
    Operation.QUERY: _ASKING,
    Operation.CONFIRM: ("accessKey", "amount", "description", "orderId", "partnerCode", "requestId", "requestType"),
    Operation.REFUND: ("accessKey", "amount", "description", "orderId", "partnerCode", "requestId", "transId"),
    Operation.REFUND_QUERY: _ASKING,
    Operation.VERIFY: ("accessKey", "disbursementMethod", "orderId", "partnerCode", "requestId", "requestType"),
    Operation.PAY_WALLET: _PAYING,
    Operation.PAY_BANK: _PAYING,
    Operation.BALANCE: _ASKING,
    Operation.BATCH_CREATE: ("accessKey", "amount", "mToken", "orderId", "partnerCode", "requestId", "requestType"),
    Operation.BATCH_QUERY: ("accessKey", "orderId", "pageNum", "pageSize", "partnerCode", "requestId"),
    Operation.BATCH_PAY: _ASKING,
}


@dataclass(frozen=True, slots=True)
class Keys:
    """Who we are to MoMo, and the secret we share. The secret never shows."""

    partner_code: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)


def string_to_sign(operation: Operation, fields: Mapping[str, object], keys: Keys) -> str:
    """The text under the signature. Our own access key takes part even where the message does not carry it."""
    values = {"partnerCode": keys.partner_code, **fields, "accessKey": keys.access_key}
    return "&".join(f"{name}={_text(name, values.get(name))}" for name in SIGNED[operation])


def sign(operation: Operation, fields: Mapping[str, object], keys: Keys) -> str:
    return hmac_hex(keys.secret_key, string_to_sign(operation, fields, keys))


def verifies(operation: Operation, fields: Mapping[str, object], keys: Keys) -> bool:
    """Whether a message that came to us carries the signature of its fields, and names us as its partner."""
    return fields.get("partnerCode") == keys.partner_code and same(
        sign(operation, fields, keys), fields.get("signature")
    )


def _text(name: str, value: object) -> str:
    """A value as it stands in the JSON body, without quotes."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str() | int():
            return str(value)
        case _:
            raise BadBatch([f"{name}: only texts and whole numbers are signed"])
