"""Standard Webhooks (github.com/standard-webhooks/standard-webhooks, version 1): what we send to others' addresses.

Signed is `id.timestamp.body` over the raw bytes with HMAC-SHA256. The id is the same for every try: it is what the
receiver knows a repeat by. While a secret is changed a message carries the signatures of both.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Final

from gateways.errors import UnsafeKey

TOLERANCE_SECONDS: Final = 5 * 60
"""How far from the receiver's clock a message may have been signed; older ones are replays."""
RETRY_SECONDS: Final = (0, 5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
"""Waits before each try, to which the sender adds jitter."""
GONE: Final = 410
"""The receiver wants no more, ever."""

_PREFIX: Final = "whsec_"
_VERSION: Final = "v1"
_SHORTEST_SECRET_BYTES: Final = 24
_LONGEST_SECRET_BYTES: Final = 64


def signed_text(message_id: str, timestamp: int, body: str) -> str:
    return f"{message_id}.{timestamp}.{body}"


def sign(secret: str, message_id: str, timestamp: int, body: str) -> str:
    """One signature, such as `v1,K5oZfzN95Z…`."""
    digest = hmac.new(_key(secret), signed_text(message_id, timestamp, body).encode(), hashlib.sha256).digest()
    return f"{_VERSION},{base64.b64encode(digest).decode('ascii')}"


def headers(secrets: Sequence[str], message_id: str, timestamp: int, body: str) -> dict[str, str]:
    """The three headers of a message; the secret in use first, then one that is being retired."""
    if "." in message_id:
        raise ValueError("the id of a webhook holds no full stop: it would change what is signed")
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(sign(secret, message_id, timestamp, body) for secret in secrets),
    }


def verifies(secret: str, told: Mapping[str, str], body: str, now: int) -> bool:
    """Whether a message with these headers (lower-case names) is of this secret and of now."""
    timestamp = told.get("webhook-timestamp", "")
    if not (timestamp.isascii() and timestamp.isdigit()) or abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        return False
    right = sign(secret, told.get("webhook-id", ""), int(timestamp), body)
    given = told.get("webhook-signature", "").split(" ")
    return any(hmac.compare_digest(right.encode(), one.encode("utf-8", "replace")) for one in given)


def _key(secret: str) -> bytes:
    encoded = secret.removeprefix(_PREFIX)
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except binascii.Error as error:
        raise UnsafeKey("a webhook secret is `whsec_` and base64") from error
    if not _SHORTEST_SECRET_BYTES <= len(key) <= _LONGEST_SECRET_BYTES:
        raise UnsafeKey(f"a webhook secret has {_SHORTEST_SECRET_BYTES} to {_LONGEST_SECRET_BYTES} bytes")
    return key
