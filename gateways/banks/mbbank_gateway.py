"""MB Bank as the engine calls it: one transfer a call, with a token that is fetched when it is needed."""

import base64
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import httpx2

from gateways.banks import mbbank, mbbank_news
from gateways.contract import Instrument, NameCheck, Outcome
from gateways.credentials import Profile, credentials_for
from gateways.errors import Ambiguous, BadBatch, NotSent, Refused
from gateways.http import Answer
from gateways.line import Line, failed_call, json_body, require_echo, told, whole_vnd
from gateways.macs import rsa_private_key
from gateways.names import compared
from gateways.online import (
    Acknowledgement,
    Asking,
    Call,
    Notification,
    OnlineAnswer,
    OnlineCapabilities,
    OnlineOperation,
    Payout,
    Verdict,
    read_sheet,
)

CAPABILITIES: Final = read_sheet(Path(__file__).with_name("mbbank.yaml"))
_UNAUTHORISED: Final = 401
_RENEWED_BEFORE_SECONDS: Final = 60.0
_LEAST_VALIDITY_SECONDS: Final = 300


@dataclass(frozen=True, slots=True)
class Choices:
    """What the facts leave open, with what we take and what it risks. Confirm each when we are onboarded."""

    debit_account: str
    debit_name: str
    path_prefix: str = "/private"
    """The public host has none. Wrong: every call is refused with 404, and payments stay unknown."""
    transfer_path: str = "/ms/funds-partner/transfer-fund/v1.0/make-transfer-partner"
    """A newer `-async` address exists. Wrong: as above."""


class MbBank:
    """The adapter. A call is stored without its token, which is not a part of what is asked and does not last."""

    def __init__(
        self,
        profile: Profile,
        choices: Choices,
        seconds_now: Callable[[], float],
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        credentials = credentials_for(profile, CAPABILITIES.hosts)
        known = f"{credentials['client_id']}:{credentials['client_secret']}"
        self._basic = "Basic " + base64.b64encode(known.encode()).decode("ascii")
        self._key = rsa_private_key(credentials["rsa_private_key"])
        user, password = credentials.get("news_user"), credentials.get("news_password")
        self._door = mbbank_news.Door(user, password) if user and password else None
        self._choices = choices
        self._seconds_now = seconds_now
        self._token: tuple[str, float] | None = None
        self._line = Line(profile, CAPABILITIES.answer_timeout_seconds, transport, seconds_now)

    @property
    def capabilities(self) -> OnlineCapabilities:
        return CAPABILITIES

    def build_payout(self, payout: Payout, asking: Asking) -> Call:
        """The message id is new for each call; the transaction id is the payout's reference, the same for ever."""
        receiver = payout.receiver
        if receiver.instrument is not Instrument.BANK_ACCOUNT or receiver.bank is None:
            raise BadBatch([f"{payout.reference}: transfers go to bank accounts, by BIN"])
        CAPABILITIES.limit(OnlineOperation.PAYOUT_SUBMIT, receiver.instrument).require(payout.amount_vnd)
        body = mbbank.transfer_body(
            debit_account=self._choices.debit_account,
            debit_name=self._choices.debit_name,
            credit_account=receiver.number,
            credit_name=receiver.name,
            bank_bin=receiver.bank,
            amount_vnd=payout.amount_vnd,
            remark=f"{payout.reference} {payout.description}"[: CAPABILITIES.lengths["remark"]],
        )
        headers = {
            "content-type": "application/json",
            "clientMessageId": asking.request_id,
            "transactionId": payout.reference,
            "signature": mbbank.sign(body, self._key),
        }
        path = self._choices.path_prefix + self._choices.transfer_path
        return Call("POST", path, json_body(dict(body)), headers)

    def send_payout(self, call: Call, payout: Payout) -> OnlineAnswer:
        try:
            fields = _fields(self._authorised(call))
            return _transfer(fields, mbbank.transfer_outcome(fields), payout)
        except (NotSent, Ambiguous) as error:
            return failed_call(error)
        except Refused as error:
            # Without a token nothing of the transfer left our side.
            return OnlineAnswer(Outcome.NOT_ACCEPTED, error.code, text=str(error))

    def query_payout(self, payout: Payout, asking: Asking) -> OnlineAnswer:
        query = urlencode({"transactionId": payout.reference})
        path = f"{self._choices.path_prefix}/ms/funds-partner/transfer-fund/v1.0/query-transaction-status?{query}"
        try:
            fields = _fields(self._authorised(Call("GET", path, headers={"clientMessageId": asking.request_id})))
            found, outcome = mbbank.status_outcome(fields)
            return replace(_transfer(fields, outcome, payout), found=found)
        except (NotSent, Ambiguous, Refused) as error:
            return failed_call(Ambiguous(str(error)))

    def verify_beneficiary(self, payout: Payout, asking: Asking) -> NameCheck:
        """Compares the name the bank gives with ours, marks and case aside. Whatever goes wrong proves nothing."""
        CAPABILITIES.require(OnlineOperation.VERIFY_BENEFICIARY)
        receiver = payout.receiver
        inhouse = receiver.bank == mbbank.OWN_BIN
        asked = {"accountNumber": receiver.number, "accountType": "ACCOUNT"}
        asked |= {"transferType": "INHOUSE" if inhouse else "NAPAS", "bankCode": "" if inhouse else receiver.bank or ""}
        path = f"{self._choices.path_prefix}/ms/bank-info/v1.0/account/info?{urlencode(asked)}"
        try:
            fields = _fields(self._authorised(Call("GET", path, headers={"clientMessageId": asking.request_id})))
        except (NotSent, Ambiguous, Refused):
            return NameCheck.UNABLE
        data = fields.get("data")
        name = data.get("accountName") if isinstance(data, dict) else None
        return compared(receiver.name, name) if isinstance(name, str) else NameCheck.UNABLE

    def give_token(self, authorization: str, at: datetime) -> Acknowledgement:
        """What the bank hears on asking for a token with the name and password that we gave it."""
        known = self._door is not None and self._door.knows(authorization)
        return mbbank_news.given_token(self._door.token(at) if self._door is not None and known else None)

    def admits(self, authorization: str, at: datetime) -> bool:
        """Without a name and a password in the file of keys nobody may tell us anything."""
        return self._door is not None and self._door.admits(authorization, at)

    def read_notification(self, told: bytes) -> Notification | None:
        """None: not money in, or not readable. Nothing is signed: only who was admitted is asked to be read."""
        return mbbank_news.notification(told)

    def acknowledge(self, verdict: Verdict, told: bytes) -> Acknowledgement:
        return mbbank_news.acknowledgement(verdict, told)

    def close(self) -> None:
        self._line.close()

    def _authorised(self, call: Call) -> Answer:
        """The call with a token; renewed once where the bank says that the one we have is over."""
        for renewing in (False, True):
            headers = {**call.headers, "authorization": f"Bearer {self._valid_token(renewing)}"}
            answer = self._line.send(replace(call, headers=headers))
            if answer.status != _UNAUTHORISED:
                return answer
        raise Refused("HTTP 401 with a new token")

    def _valid_token(self, renewing: bool) -> str:
        if not renewing and self._token is not None and self._token[1] > self._seconds_now():
            return self._token[0]
        headers = {"authorization": self._basic, "content-type": "application/x-www-form-urlencoded"}
        path = f"{self._choices.path_prefix}/oauth2/v1/token"
        try:
            answer = self._line.send(Call("POST", path, b"grant_type=client_credentials", headers))
            fields = told(answer)
        except (NotSent, Ambiguous) as error:
            # The transfer itself was not sent, whatever became of the question for a token.
            raise NotSent(f"no token: {error}") from error
        token, seconds = fields.get("access_token"), whole_vnd(fields.get("expires_in"))
        if answer.status != 200 or not isinstance(token, str):
            raise Refused(f"no token: HTTP {answer.status}")
        lasts = max(seconds or 0, _LEAST_VALIDITY_SECONDS) - _RENEWED_BEFORE_SECONDS
        self._token = (token, self._seconds_now() + lasts)
        return token


def _fields(answer: Answer) -> dict[str, Any]:
    """Errors come inside HTTP 200; any other status but 401 tells nothing."""
    if answer.status not in (200, _UNAUTHORISED):
        raise Ambiguous(f"HTTP {answer.status}")
    return told(answer)


def _transfer(fields: dict[str, Any], outcome: Outcome, payout: Payout) -> OnlineAnswer:
    found = fields.get("data")
    data = found if isinstance(found, dict) else {}
    require_echo(data, transactionId=payout.reference)
    stated_vnd = whole_vnd(data.get("transferAmount"))
    if outcome is Outcome.SUCCESS and stated_vnd not in (None, payout.amount_vnd):
        raise Ambiguous("the answer is about another amount")
    number = data.get("ftNumber")
    return OnlineAnswer(outcome, str(fields.get("errorCode")), str(number) if number else None, stated_vnd)
