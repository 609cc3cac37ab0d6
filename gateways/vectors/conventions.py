"""Vectors of Standard Webhooks and of HTTP Message Signatures (RFC 9421)."""

from collections.abc import Callable, Mapping
from typing import Any

from gateways import webhooks
from gateways.signing import hmac_signed_headers, hmac_signed_text

Given = Mapping[str, Any]
Operations = Mapping[str, Callable[[Given, Given], dict[str, Any]]]


def _sign(inputs: Given, keys: Given) -> dict[str, Any]:
    message = (str(inputs["webhook-id"]), int(inputs["webhook-timestamp"]), str(inputs["body"]))
    return {
        "string_to_sign": webhooks.signed_text(*message),
        "expected_signature": webhooks.sign(keys["secret"], *message),
    }


def _verify(inputs: Given, keys: Given) -> dict[str, Any]:
    told = {name: str(value) for name, value in inputs.items() if name.startswith("webhook-")}
    good = webhooks.verifies(keys["secret"], told, inputs["body"], int(inputs["now"]))
    return {**_sign(inputs, keys), "expected": {"signature_ok": good}}


def _sign_request(inputs: Given, keys: Given) -> dict[str, Any]:
    covered = {"idempotency-key": inputs["idem"]} if inputs.get("idem") else {}
    request = (inputs["method"], inputs["uri"], inputs["body"].encode(), covered, int(inputs["created"]))
    key_id, key = keys.get("keyid", inputs.get("keyid")), keys.get("key", inputs.get("key"))
    signed = hmac_signed_headers(key_id, key, *request)
    return {
        "string_to_sign": hmac_signed_text(key_id, *request),
        "expected_signature": signed["signature"].removeprefix("sig1=:").removesuffix(":"),
        "expected_headers": {
            "Content-Digest": signed["content-digest"],
            "Signature-Input": signed["signature-input"],
            "Signature": signed["signature"],
        },
    }


STANDARD_WEBHOOKS: Operations = {"sign": _sign, "verify": _verify}
RFC9421: Operations = {"sign_request": _sign_request}
