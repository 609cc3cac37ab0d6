"""VietinBank: the bank tells us of movements on our account, signed with RSA; we answer with a signature of ours.

Signed are transId, transTime, custCode, amount, bankTransId and remark in a row, empty ones left out. Account numbers,
type and currency are **not** signed: they are held against our own configuration, and what differs is not accepted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from gateways.codes import CodeTable, code_table
from gateways.contract import Outcome
from gateways.macs import rsa_sign, rsa_verifies

OWN_BIN = "970415"
TAKEN = "00"
SEEN_BEFORE = "05"
_SIGNED = ("transId", "transTime", "custCode", "amount", "bankTransId", "remark")
_SIGNED_ANSWER = ("transId", "errorCode", "errorDesc")
_SHEET = Path(__file__).with_suffix(".yaml")


@dataclass(frozen=True, slots=True)
class Expected:
    """What we know of our own account, against which unsigned fields are held."""

    currency: str = "VND"
    provider_id: str | None = None
    """The name the bank gave this connection; None: not compared."""
    account: str | None = None
    """Our account number, as `recvAcctId`; None where the bank sends none (facts differ, compare when onboarded)."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether a notification is the bank's, whether we take it as money in, and if not, why."""

    signature_ok: bool
    why_not: str | None

    @property
    def accept(self) -> bool:
        return self.signature_ok and self.why_not is None


@cache
def codes() -> CodeTable:
    return code_table(_SHEET)


@cache
def credit_types() -> frozenset[str]:
    """The kinds of movement that bring money in. What 1, 2 and O are nobody says: such a movement waits for the
    statement."""
    return frozenset(yaml.safe_load(_SHEET.read_text("utf-8"))["credit_types"])


def string_to_sign(notification: Mapping[str, object]) -> str:
    return _row(notification, _SIGNED)


def answer_string(answer: Mapping[str, object]) -> str:
    return _row(answer, _SIGNED_ANSWER)


def signed_answer(transaction: str, error_code: str, text: str, key: RSAPrivateKey) -> dict[str, str]:
    """What we answer: `00` taken, `05` seen before, each signed over its three values in a row."""
    answer = {"transId": transaction, "errorCode": error_code, "errorDesc": text}
    return {**answer, "signature": rsa_sign(key, answer_string(answer))}


def judge(notification: Mapping[str, object], key: RSAPublicKey, expected: Expected) -> Judgement:
    """A good signature proves only what is under it; the rest must be what we expect."""
    signed = rsa_verifies(key, string_to_sign(notification), notification.get("signature"))
    return Judgement(signed, _difference(notification, expected))


def statement_outcome(status_code: object) -> Outcome:
    """Refusals, too, come with HTTP 200: only status `1` is an answer."""
    return codes().outcome("statement_inquiry", "status.code", status_code)


def reply_outcome(error_code: object) -> Outcome:
    return codes().outcome("notification_reply", "errorCode", error_code)


def _difference(notification: Mapping[str, object], expected: Expected) -> str | None:
    if notification.get("currencyCode") != expected.currency:
        return f"currency is not covered by the signature and is not {expected.currency}"
    if notification.get("transType") not in credit_types():
        return "type is not covered by the signature and is not a credit"
    if expected.provider_id is not None and notification.get("providerId") != expected.provider_id:
        return "provider is not covered by the signature and is not ours"
    if expected.account is not None and notification.get("recvAcctId") != expected.account:
        return "account is not covered by the signature and is not ours"
    return None


def _row(fields: Mapping[str, object], names: tuple[str, ...]) -> str:
    """The values one after another, without separators; what is not there takes no place."""
    return "".join("" if fields.get(name) is None else str(fields[name]) for name in names)
