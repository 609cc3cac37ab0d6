"""MB's news of movements (biến động số dư): pushed to us by whoever shows a token that we gave out. Nothing is signed.

The shape is the one that MB's partner documents and VietQR's callback share: `token_generate` with a name and a
password of ours, then `transaction-sync` with the token, `{error, errorReason, object: {reftransactionid}}` back.
Source: api.vietqr.vn, "API Get Token" and "API Transaction Sync"; two public integrations of the MB partner API (2026).
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, Final

from gateways.banks.mbbank import OWN_BIN
from gateways.contract import Outcome
from gateways.line import json_body, read_object, whole_vnd
from gateways.macs import hmac_hex, same
from gateways.online import Acknowledgement, Movement, Notification, Verdict

TOKEN_SECONDS: Final = 300
_CREDIT: Final = "C"
_GOOD: Final = "000"
_VIET_NAM: Final = timezone(timedelta(hours=7))
_MILLISECONDS_FROM: Final = 10**11
"""The time comes in seconds or in thousandths of them, which no instant of this century can be taken for."""


@dataclass(frozen=True, slots=True)
class Door:
    """The name and password by which the bank fetches tokens from us. A token is good until the second it begins with.

    >>> door = Door("mb", "a secret")
    >>> at = datetime(2026, 11, 2, tzinfo=UTC)
    >>> token = door.token(at)
    >>> door.admits(f"Bearer {token}", at), door.admits(f"Bearer {token}", at + timedelta(seconds=300))
    (True, False)
    """

    user: str
    password: str = field(repr=False)

    def knows(self, authorization: str) -> bool:
        """Whether the name and password of Basic authentication are ours."""
        kind, _, given = authorization.partition(" ")
        try:
            told = base64.b64decode(given, validate=True).decode()
        except (binascii.Error, ValueError):
            return False
        return kind.lower() == "basic" and same(f"{self.user}:{self.password}", told)

    def token(self, at: datetime) -> str:
        return self._signed(int(at.timestamp()) + TOKEN_SECONDS)

    def admits(self, authorization: str, at: datetime) -> bool:
        kind, _, given = authorization.partition(" ")
        until = given.partition(".")[0]
        if kind.lower() != "bearer" or not (until.isascii() and until.isdigit() and len(until) < 12):
            return False
        return same(self._signed(int(until)), given) and at.timestamp() < int(until)

    def _signed(self, until: int) -> str:
        return f"{until}.{hmac_hex(self.password, f'{self.user}.{until}')}"


def given_token(token: str | None) -> Acknowledgement:
    if token is None:
        return Acknowledgement(401, json_body({"status": "FAILED", "message": "unknown name or password"}))
    return Acknowledgement(200, json_body({"access_token": token, "token_type": "Bearer", "expires_in": TOKEN_SECONDS}))


def notification(body: bytes) -> Notification | None:
    """Money in. None: not readable, or money out."""
    fields = read_object(body) or {}
    number, amount_vnd = _number(fields), whole_vnd(fields.get("amount"))
    if fields.get("transType") != _CREDIT or not number or amount_vnd is None or amount_vnd <= 0:
        return None
    account = fields.get("bankaccount") or fields.get("bankAccount")
    movement = Movement(
        account=str(account) if account else None,
        virtual_accounts=(),
        memo=str(fields.get("content") or ""),
        made_on=_day(fields.get("transactiontime")),
        bank_bin=OWN_BIN,
    )
    return Notification(number, Outcome.SUCCESS, _CREDIT, amount_vnd, number, body, movement)


def acknowledgement(verdict: Verdict, body: bytes) -> Acknowledgement:
    """`error` false and `000` for what was heard, also again, and for money out, of which nothing is made."""
    fields = read_object(body) or {}
    match verdict:
        case Verdict.BAD_SIGNATURE if fields.get("transType") != "D":
            return _answer(400, "BAD_REQUEST", fields)
        case Verdict.UNKNOWN_REFERENCE | Verdict.WRONG_AMOUNT:
            return _answer(400, verdict.value.upper(), fields)
        case Verdict.TROUBLE:
            return _answer(500, "TROUBLE", fields)
        case _:
            return _answer(200, _GOOD, fields)


def _answer(status: int, reason: str, fields: Mapping[str, Any]) -> Acknowledgement:
    heard = status == 200
    told = {"error": not heard, "errorReason": reason, "toastMessage": "" if heard else reason}
    return Acknowledgement(
        status, json_body(told | {"object": {"reftransactionid": _number(fields)} if heard else None})
    )


def _number(fields: Mapping[str, Any]) -> str:
    """The bank's number of the movement; the transaction's own where it gives none."""
    return str(fields.get("referencenumber") or fields.get("transactionid") or "")


def _day(told: object) -> date | None:
    seconds = whole_vnd(told)
    if seconds is None or not 0 < seconds < _MILLISECONDS_FROM * 1000:
        return None
    if seconds >= _MILLISECONDS_FROM:
        seconds //= 1000
    return datetime.fromtimestamp(seconds, UTC).astimezone(_VIET_NAM).date()
