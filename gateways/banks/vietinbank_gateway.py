"""VietinBank as the engine calls it: it tells us of money that came in, and hears a signed answer."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from gateways.banks import vietinbank
from gateways.banks.vietinbank import Expected, Judgement
from gateways.contract import Outcome
from gateways.credentials import Credentials
from gateways.line import day_of, json_body, read_object, whole_vnd
from gateways.macs import rsa_private_key, rsa_public_key
from gateways.online import Acknowledgement, Movement, Notification, OnlineCapabilities, Verdict, read_sheet

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
        fields = read_object(body)
        if fields is None:
            return Judgement(signature_ok=False, why_not="not a JSON object")
        return vietinbank.judge(fields, self._bank_key, self._expected)

    def read_notification(self, told: bytes) -> Notification | None:
        """None: not the bank's, or not money in for us. Nothing may be changed for its sake."""
        fields = read_object(told)
        if fields is None or not vietinbank.judge(fields, self._bank_key, self._expected).accept:
            return None
        number, amount_vnd = str(fields.get("transId") or ""), whole_vnd(fields.get("amount"))
        if not number or amount_vnd is None or amount_vnd <= 0:
            return None
        return Notification(
            number, Outcome.SUCCESS, str(fields.get("transType")), amount_vnd, number, told, _movement(fields)
        )

    def acknowledge(self, verdict: Verdict, told: bytes) -> Acknowledgement:
        """Signed over its own three values, whatever we made of the notification.

        What is the bank's and only brings no money in is heard, so that it does not come again and again.
        """
        if verdict is Verdict.BAD_SIGNATURE and self._brings_nothing(told):
            verdict = Verdict.TAKEN
        code, text = _CODES.get(verdict, (_REFUSED, verdict.value))
        number = str((read_object(told) or {}).get("transId", ""))[: CAPABILITIES.lengths["transId"]]
        return Acknowledgement(200, json_body(dict(vietinbank.signed_answer(number, code, text, self._key))))

    def close(self) -> None:
        """It has no connection of its own."""

    def _brings_nothing(self, told: bytes) -> bool:
        """Whether only the kind of movement is not as it must be."""
        fields, kinds = read_object(told), vietinbank.credit_types()
        if fields is None or fields.get("transType") in kinds:
            return False
        credit = {**fields, "transType": min(kinds)}
        return vietinbank.judge(credit, self._bank_key, self._expected).accept


def _movement(fields: Mapping[str, Any]) -> Movement:
    """The customer code is the virtual account that was paid, and alone of the two is under the signature."""
    names = (fields.get("custCode"), fields.get("recvVirtualAcctId"))
    account = fields.get("recvAcctId")
    return Movement(
        account=str(account) if account else None,
        virtual_accounts=tuple(dict.fromkeys(str(name) for name in names if name)),
        memo=str(fields.get("remark") or ""),
        made_on=day_of(str(fields.get("transTime")), "%Y%m%d%H%M%S"),
        bank_bin=vietinbank.OWN_BIN,
    )
