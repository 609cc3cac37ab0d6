"""MB Bank's single transfers as they are played here: its own check of the RSA signature, its own books.

What a repeated transaction id is answered is not known: a general error, which tells nothing.
"""

import base64
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from gateways.simulator.purse import Order, Purse, Stage, ending_of

NAME = "mbbank"
PREFIX = "/private"
_SIGNED = "debitResourceNumber debitName creditResourceNumber creditName transferAmount"
_TOKEN = "simulated-token"  # noqa: S105 - of a simulation
_OK, _ERROR, _NOT_FOUND, _BAD_SIGNATURE = "000", "002", "51173", "40504"
_STATUS = {Stage.DONE: "SUCCESS", Stage.RETURNED: "SUCCESS", Stage.REFUSED: "FAILED", Stage.WORKING: "PROCESSING"}


def answer(purse: Purse, path: str, query: str, headers: Mapping[str, str], body: bytes) -> tuple[int, dict[str, Any]]:
    """The HTTP status and fields for a call below `/private`."""
    merchant = purse.merchant(NAME)
    if path.endswith("/oauth2/v1/token"):
        known = base64.b64encode(f"{merchant.get('client_id')}:{merchant.get('client_secret')}".encode()).decode()
        good = headers.get("authorization") == f"Basic {known}"
        return (200, {"access_token": _TOKEN, "expires_in": 3600}) if good else (401, {"errorCode": "401"})
    if headers.get("authorization") != f"Bearer {_TOKEN}":
        return 401, {"errorCode": "401"}
    asked = {name: values[0] for name, values in parse_qs(query).items()}
    with purse.lock:
        if path.endswith("/make-transfer-partner"):
            return 200, _transfer(purse, headers, body)
        if path.endswith("/query-transaction-status"):
            order = purse.find(NAME, "payout", asked.get("transactionId", ""))
            return 200, _told(_NOT_FOUND) if order is None else _told(_OK, _about(order))
        refused = ending_of(asked.get("accountNumber", "")).refused_for == "missing"
        return 200, _told(_ERROR) if refused else _told(_OK, {"accountName": "NGUYEN VAN AN"})


def _transfer(purse: Purse, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    try:
        asked = json.loads(body)
        reference, amount_vnd = headers["transactionid"], int(asked["transferAmount"])
    except (ValueError, KeyError, TypeError):
        return _told(_ERROR)
    if not _is_signed(asked, headers.get("signature", ""), purse.merchant(NAME)["rsa_public_key"]):
        return _told(_BAD_SIGNATURE)
    if purse.find(NAME, "payout", reference) is not None or amount_vnd > purse.balance_vnd(NAME):
        return _told(_ERROR)
    about = {"number": asked["creditResourceNumber"], "name": asked["creditName"], "text": asked["remark"]}
    return _told(_OK, _about(purse.take(NAME, "payout", reference, amount_vnd, reference, about)))


def _about(order: Order) -> dict[str, Any]:
    status = _STATUS[order.stage]
    told = {"transactionId": order.reference, "transferAmount": str(order.amount_vnd), "ftNumber": f"FT{order.number}"}
    return told | {"status": status, "transStatus": status}


def _is_signed(asked: Mapping[str, Any], signature: str, public_key: str) -> bool:
    key = load_pem_public_key(public_key.encode())
    if not isinstance(key, RSAPublicKey):
        return False
    text = "".join(str(asked[name]) for name in _SIGNED.split())
    try:
        key.verify(base64.b64decode(signature), text.encode(), padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True


def _told(code: str, data: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {"clientMessageId": "", "errorCode": code, "errorDesc": [], "data": data}
