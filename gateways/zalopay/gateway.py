"""ZaloPay as the engine calls it. Instants come in as arguments: it takes calls made within 15 minutes of its time."""

from dataclasses import replace
from datetime import datetime

import httpx2

from gateways.contract import NameCheck
from gateways.credentials import Profile, credentials_for, first_of, rotated
from gateways.errors import Ambiguous, NotSent, UnsafeKey
from gateways.line import Line, asked, inquired
from gateways.macs import rsa_private_key
from gateways.names import compared
from gateways.online import (
    Acknowledgement,
    Asking,
    Call,
    CollectionOrder,
    Notification,
    OnlineAnswer,
    OnlineCapabilities,
    Payout,
    Receiver,
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
        self._known_keys = rotated(self._keys, "key2", credentials.get("previous_key2"))
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

    def order_reference(self, reference: str, at: datetime) -> str:
        return requests.order_id(reference, at)

    def build_collection(self, order: CollectionOrder, asking: Asking) -> Call:
        profile = self._profile
        return requests.create(
            order, asking.at, notification_url=profile.notification_url, return_url=profile.return_url, keys=self._keys
        )

    def send_collection(self, call: Call, _order: CollectionOrder) -> OnlineAnswer:
        return asked(self._line, call, answers.created)

    def query_collection(self, order: CollectionOrder, _asking: Asking) -> OnlineAnswer:
        call = requests.query(order.reference, keys=self._keys)
        return inquired(self._line, call, lambda answer: answers.queried(answer, order.amount_vnd))

    def build_refund(self, undoing: Refund, asking: Asking) -> Call:
        return requests.refund(undoing, asking.at, keys=self._keys)

    def send_refund(self, call: Call, _undoing: Refund) -> OnlineAnswer:
        one_is_done = self._choices.refund_one_is_done
        return asked(self._line, call, lambda answer: answers.refunded(answer, one_is_done=one_is_done))

    def query_refund(self, undoing: Refund, asking: Asking) -> OnlineAnswer:
        call = requests.refund_query(undoing.reference, asking.at, keys=self._keys)
        return inquired(self._line, call, answers.refund_queried)

    def verify_beneficiary(self, payout: Payout, asking: Asking) -> NameCheck:
        """Here, and only here, the receiver's number is the phone: it leads to the id that is paid."""
        try:
            user = self.find_user(payout.receiver.number, asking)
        except (NotSent, Ambiguous):
            return NameCheck.UNABLE
        return NameCheck.INVALID_ACCOUNT if user is None else compared(payout.receiver.name, user.name)

    def find_user(self, phone: str, asking: Asking) -> answers.WalletUser | None:
        """Whose wallet it is; None where there is none. Raises `NotSent` or `Ambiguous`."""
        return answers.user(self._line.send(requests.user(phone, asking.at, keys=self._keys)))

    def find_receiver(self, payout: Payout, asking: Asking) -> Receiver | None:
        """From the phone to the wallet's own id. Another name than ours is no receiver of ours."""
        user = self.find_user(payout.receiver.number, asking)
        if user is None or compared(payout.receiver.name, user.name) is NameCheck.NO_MATCH:
            return None
        return replace(payout.receiver, number=user.id)

    def build_payout(self, payout: Payout, asking: Asking) -> Call:
        """The receiver's number is the `m_u_id` that `find_user` gave."""
        if self._private_key is None:
            raise UnsafeKey("the credentials hold no rsa_private_key")
        return requests.topup(payout, asking.at, keys=self._keys, key=self._private_key, choices=self._choices)

    def send_payout(self, call: Call, payout: Payout) -> OnlineAnswer:
        amount_vnd, wallet = payout.amount_vnd, payout.receiver.number
        return asked(self._line, call, lambda answer: answers.paid(answer, amount_vnd, wallet))

    def query_payout(self, payout: Payout, asking: Asking) -> OnlineAnswer:
        amount_vnd, wallet = payout.amount_vnd, payout.receiver.number
        call = requests.transaction(payout.reference, asking.at, keys=self._keys)
        return inquired(
            self._line,
            call,
            lambda answer: answers.paid(answer, amount_vnd, wallet, operation=Operation.TRANSACTION),
        )

    def balance_vnd(self, asking: Asking) -> int:
        """Our own money for top-ups. Raises `NotSent` or `Ambiguous`."""
        call = requests.balance(asking.at, keys=self._keys, choices=self._choices)
        return answers.balance_vnd(self._line.send(call))

    def read_notification(self, told: bytes) -> Notification | None:
        """None: not ZaloPay's, or not about an order; nothing may be changed for its sake."""
        return first_of(answers.notification(told, keys) for keys in self._known_keys)

    def acknowledge(self, verdict: Verdict, _told: bytes = b"") -> Acknowledgement:
        return answers.acknowledgement(verdict)

    def close(self) -> None:
        self._line.close()
