"""ZaloPay as the engine calls it. Instants come in as arguments: it takes calls made within 15 minutes of its time."""

from collections.abc import Callable
from datetime import datetime

import httpx2

from gateways.contract import Outcome
from gateways.credentials import Profile, credentials_for
from gateways.errors import Ambiguous, NotSent, UnsafeKey
from gateways.http import Answer
from gateways.line import Line, failed_call
from gateways.macs import rsa_private_key
from gateways.online import (
    Acknowledgement,
    Call,
    CollectionOrder,
    Notification,
    OnlineAnswer,
    OnlineCapabilities,
    Payout,
    Refund,
    Verdict,
)
from gateways.zalopay import answers, requests
from gateways.zalopay.requests import Choices
from gateways.zalopay.signing import Keys, Operation


class ZaloPay:
    """The adapter. `build_…` gives the call to be stored, `send_…` sends it once and reads what came back."""

    def __init__(
        self, profile: Profile, choices: Choices | None = None, transport: httpx2.BaseTransport | None = None
    ) -> None:
        credentials = credentials_for(profile, requests.CAPABILITIES.hosts)
        self._keys = Keys(int(credentials["app_id"]), credentials["key1"], credentials["key2"])
        private_key = credentials.get("rsa_private_key")
        self._private_key = None if private_key is None else rsa_private_key(private_key)
        self._profile = profile
        self._choices = choices or Choices()
        self._line = Line(profile, requests.CAPABILITIES.answer_timeout_seconds, transport)

    @property
    def capabilities(self) -> OnlineCapabilities:
        return requests.CAPABILITIES

    @property
    def app_id(self) -> int:
        """Our application: a part of the reference of a refund."""
        return self._keys.app_id

    def build_collection(self, order: CollectionOrder, at: datetime) -> Call:
        profile = self._profile
        return requests.create(
            order, at, notification_url=profile.notification_url, return_url=profile.return_url, keys=self._keys
        )

    def send_collection(self, call: Call) -> OnlineAnswer:
        return self._asked(call, answers.created)

    def query_collection(self, order: CollectionOrder) -> OnlineAnswer:
        call = requests.query(order.reference, keys=self._keys)
        return self._inquired(call, lambda answer: answers.queried(answer, order.amount_vnd))

    def build_refund(self, undoing: Refund, at: datetime) -> Call:
        return requests.refund(undoing, at, keys=self._keys)

    def send_refund(self, call: Call) -> OnlineAnswer:
        one_is_done = self._choices.refund_one_is_done
        return self._asked(call, lambda answer: answers.refunded(answer, one_is_done=one_is_done))

    def query_refund(self, reference: str, at: datetime) -> OnlineAnswer:
        return self._inquired(requests.refund_query(reference, at, keys=self._keys), answers.refund_queried)

    def find_user(self, phone: str, at: datetime) -> answers.WalletUser | None:
        """Whose wallet it is; None where there is none. Raises `NotSent` or `Ambiguous`."""
        return answers.user(self._line.send(requests.user(phone, at, keys=self._keys)))

    def build_payout(self, payout: Payout, at: datetime) -> Call:
        """The receiver's number is the `m_u_id` that `find_user` gave."""
        if self._private_key is None:
            raise UnsafeKey("the credentials hold no rsa_private_key")
        return requests.topup(payout, at, keys=self._keys, key=self._private_key, choices=self._choices)

    def send_payout(self, call: Call, payout: Payout) -> OnlineAnswer:
        return self._asked(call, lambda answer: answers.paid(answer, payout.amount_vnd, payout.receiver.number))

    def query_payout(self, payout: Payout, at: datetime) -> OnlineAnswer:
        def read(answer: Answer) -> OnlineAnswer:
            return answers.paid(answer, payout.amount_vnd, payout.receiver.number, operation=Operation.TRANSACTION)

        return self._inquired(requests.transaction(payout.reference, at, keys=self._keys), read)

    def balance_vnd(self, at: datetime) -> int:
        """Our own money for top-ups. Raises `NotSent` or `Ambiguous`."""
        return answers.balance_vnd(self._line.send(requests.balance(at, keys=self._keys, choices=self._choices)))

    def read_notification(self, body: bytes) -> Notification | None:
        """None: not ZaloPay's, or not about an order; nothing may be changed for its sake."""
        return answers.notification(body, self._keys)

    def acknowledge(self, verdict: Verdict) -> Acknowledgement:
        return answers.acknowledgement(verdict)

    def close(self) -> None:
        self._line.close()

    def _asked(self, call: Call, read: Callable[[Answer], OnlineAnswer]) -> OnlineAnswer:
        try:
            return read(self._line.send(call))
        except (NotSent, Ambiguous) as error:
            return failed_call(error)

    def _inquired(self, call: Call, read: Callable[[Answer], OnlineAnswer]) -> OnlineAnswer:
        """An inquiry that did not come through, or was refused, leaves the payment as unknown as it was."""
        try:
            answer = read(self._line.send(call))
        except (NotSent, Ambiguous) as error:
            return failed_call(Ambiguous(str(error)))
        return OnlineAnswer(Outcome.UNKNOWN, answer.code) if answer.outcome is Outcome.NOT_ACCEPTED else answer
