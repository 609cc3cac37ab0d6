"""The signatures of payOS: `name=value` joined by `&`, sorted by name, HMAC-SHA256 with the checksum key.

A payment link signs five named fields, a webhook its `data` object, a payout its whole body percent-encoded (with `/`
left as it is, as the provider's library does). Source: payos.vn/docs/tich-hop-webhook; PyPI payos 1.1.0.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from gateways.errors import BadBatch
from gateways.macs import hmac_hex, same

_LINK = ("amount", "cancelUrl", "description", "orderCode", "returnUrl")
_NOTHING = frozenset({"null", "undefined"})
"""Texts that the provider's library takes for no value."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Our channel at payOS; what is secret never shows."""

    client_id: str
    api_key: str = field(repr=False)
    checksum_key: str = field(repr=False)


def link_string(fields: Mapping[str, object]) -> str:
    return "&".join(f"{name}={_text(fields.get(name))}" for name in _LINK)


def data_string(data: Mapping[str, object]) -> str:
    """The text under a webhook's signature.

    >>> data_string({"desc": "ok", "amount": 1000, "bank": None})
    'amount=1000&bank=&desc=ok'
    """
    return "&".join(f"{name}={_data_text(data[name])}" for name in sorted(data))


def payout_string(body: Mapping[str, object]) -> str:
    """The text under the header `x-signature` of a payout."""
    return "&".join(f"{quote(name)}={quote(_text(_sorted(body[name])))}" for name in sorted(body))


def signature(text: str, keys: Keys) -> str:
    return hmac_hex(keys.checksum_key, text)


def webhook_verifies(data: object, given: object, keys: Keys) -> bool:
    return isinstance(data, Mapping) and same(signature(data_string(data), keys), given)


def _data_text(value: object) -> str:
    if isinstance(value, list):
        items = [dict(sorted(item.items())) if isinstance(item, dict) else item for item in value]
        return _compact(items)
    return "" if isinstance(value, str) and value in _NOTHING else _text(value)


def _sorted(value: object) -> object:
    """Objects inside are sorted too; lists keep their order."""
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case list() | dict():
            return _compact(value)
        case str() | int():
            return str(value)
        case _:
            raise BadBatch(["only texts, whole numbers and lists of them are signed"])


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
