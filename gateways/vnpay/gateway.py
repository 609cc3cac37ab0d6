"""VNPAY as the engine calls it: a payer is sent to an address, VNPAY tells us, and we ask when it does not."""

from collections.abc import Callable
from datetime import datetime

import httpx2

from gateways.credentials import Profile, credentials_for
from gateways.errors import Ambiguous, NotSent
from gateways.http import Answer
from gateways.line import Line, failed_call
from gateways.online import (
    Acknowledgement,
    Call,
    CollectionOrder,
    Notification,
    OnlineAnswer,
    OnlineCapabilities,
    Refund,
    Verdict,
)
from gateways.vnpay import answers, requests
from gateways.vnpay.requests import Choices
from gateways.vnpay.signing import Keys


class VnPay:
    """The adapter. Making a payment address calls nobody: what becomes of it is told or asked."""

    def __init__(
        self, profile: Profile, choices: Choices | None = None, transport: httpx2.BaseTransport | None = None
    ) -> None:
        credentials = credentials_for(profile, requests.CAPABILITIES.hosts)
        self._keys = Keys(credentials["terminal"], credentials["hash_secret"])
        self._profile = profile
        self._choices = choices or Choices()
        self._line = Line(profile, requests.CAPABILITIES.answer_timeout_seconds, transport)

    @property
    def capabilities(self) -> OnlineCapabilities:
        return requests.CAPABILITIES

    def payment_address(self, order: CollectionOrder, at: datetime, payer_address: str) -> str:
        """Where the payer pays; `payer_address` is their internet address. The instant is kept: queries name it."""
        return requests.pay(
            order, at, payer_address, return_url=self._profile.return_url, keys=self._keys, choices=self._choices
        )

    def query_collection(
        self, order: CollectionOrder, created_at: datetime, request_id: str, at: datetime
    ) -> OnlineAnswer:
        call = requests.query(order.reference, created_at, request_id, at, keys=self._keys, choices=self._choices)
        try:
            return answers.queried(self._line.send(call), order.reference, order.amount_vnd, self._keys)
        except (NotSent, Ambiguous) as error:
            return failed_call(Ambiguous(str(error)))

    def build_refund(self, undoing: Refund, created_at: datetime, request_id: str, at: datetime, person: str) -> Call:
        return requests.refund(undoing, created_at, request_id, at, person, keys=self._keys, choices=self._choices)

    def send_refund(self, call: Call, undoing: Refund) -> OnlineAnswer:
        return self._asked(call, lambda answer: answers.refunded(answer, undoing.payment_reference, self._keys))

    def read_notification(self, query: str) -> Notification | None:
        """The query of VNPAY's call to us. None: its hash is wrong, and nothing may be changed for its sake."""
        return answers.notification(query, self._keys)

    def acknowledge(self, verdict: Verdict) -> Acknowledgement:
        return answers.acknowledgement(verdict)

    def close(self) -> None:
        self._line.close()

    def _asked(self, call: Call, read: Callable[[Answer], OnlineAnswer]) -> OnlineAnswer:
        try:
            return read(self._line.send(call))
        except (NotSent, Ambiguous) as error:
            return failed_call(error)
