"""VietinBank as the engine calls it: it tells us of money that came in, and hears a signed answer."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from gateways.banks import vietinbank
from gateways.banks.vietinbank import Expected, Judgement
from gateways.contract import Outcome
from gateways.credentials import Credentials
from gateways.line import json_body, whole_vnd
from gateways.macs import rsa_private_key, rsa_public_key
from gateways.online import Acknowledgement, Notification, OnlineCapabilities, Verdict, read_sheet

CAPABILITIES: Final = read_sheet(Path(__file__).with_name("vietinbank.yaml"))
_REFUSED: Final = "99"
"""The codes of refusals are agreed by contract; until then one stands for all, and the bank's people will ask."""
_CODES: Final = {Verdict.TAKEN: (vietinbank.TAKEN, "Success"), Verdict.REPEATED: (vietinbank.SEEN_BEFORE, "Duplicate")}


class VietinBank:
    """The adapter. It calls nobody: statements are fetched by file, movements are pushed."""

    def __init__(self, credentials: Credentials, expected: Expected) -> None:
        self._bank_key = rsa_public_key(credentials["bank_rsa_public_key"])
        self._key = rsa_private_key(credentials["rsa_private_key"])
        self._expected = expected

    @property
    def capabilities(self) -> OnlineCapabilities:
        return CAPABILITIES

    def judge(self, body: bytes) -> Judgement:
        """Whether a notification is the bank's and is money in for us; the reason if not is for a person to see."""
        fields = _object(body)
        if fields is None:
            return Judgement(signature_ok=False, why_not="not a JSON object")
        return vietinbank.judge(fields, self._bank_key, self._expected)

    def read_notification(self, told: bytes) -> Notification | None:
        """None: not the bank's, or not money in for us. Nothing may be changed for its sake."""
        fields = _object(told)
        if fields is None or not vietinbank.judge(fields, self._bank_key, self._expected).accept:
            return None
        amount_vnd = whole_vnd(fields.get("amount"))
        if amount_vnd is None or amount_vnd <= 0:
            return None
        number = str(fields.get("transId"))
        return Notification(number, Outcome.SUCCESS, str(fields.get("transType")), amount_vnd, number, told)

    def acknowledge(self, verdict: Verdict, told: bytes) -> Acknowledgement:
        """Signed over its own three values, whatever we made of the notification."""
        code, text = _CODES.get(verdict, (_REFUSED, verdict.value))
        number = str((_object(told) or {}).get("transId", ""))
        return Acknowledgement(200, json_body(dict(vietinbank.signed_answer(number, code, text, self._key))))

    def close(self) -> None:
        """It has no connection of its own."""


def _object(body: bytes) -> Mapping[str, Any] | None:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
