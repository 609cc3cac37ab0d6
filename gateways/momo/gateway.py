"""MoMo as the engine calls it. Keeps nothing between calls: request ids and encrypted receivers are the caller's, and
are stored before the first call, so that a repeat is byte for byte the call that was stored.
"""

from datetime import datetime

import httpx2
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from gateways.contract import NameCheck
from gateways.credentials import Profile, credentials_for, first_of, rotated
from gateways.errors import Ambiguous, NotSent, UnsafeKey
from gateways.line import Line, asked, inquired
from gateways.macs import rsa_public_key
from gateways.momo import answers, requests
from gateways.momo.requests import Choices
from gateways.momo.signing import Keys
from gateways.online import (
    Acknowledgement,
    Asking,
    Call,
    CollectionOrder,
    Notification,
    OnlineAnswer,
    OnlineCapabilities,
    OnlineOperation,
    Payout,
    Refund,
    Verdict,
)


class Momo:
    """The adapter. `build_…` gives the call to be stored, `send_…` sends it once and reads what came back."""

    def __init__(
        self, profile: Profile, choices: Choices | None = None, transport: httpx2.BaseTransport | None = None
    ) -> None:
        credentials = credentials_for(profile, requests.CAPABILITIES.hosts)
        self._keys = Keys(credentials["partner_code"], credentials["access_key"], credentials["secret_key"])
        self._known_keys = rotated(self._keys, "secret_key", credentials.get("previous_secret_key"))
        public_key = credentials.get("rsa_public_key")
        self._public_key = None if public_key is None else rsa_public_key(public_key)
        self._profile = profile
        self._choices = choices or Choices()
        self._line = Line(profile, requests.CAPABILITIES.answer_timeout_seconds, transport)

    @property
    def capabilities(self) -> OnlineCapabilities:
        return requests.CAPABILITIES

    def order_reference(self, reference: str, _at: datetime) -> str:
        return reference

    def build_collection(self, order: CollectionOrder, asking: Asking) -> Call:
        return requests.create(
            order,
            asking.request_id,
            notification_url=self._profile.notification_url,
            return_url=self._profile.return_url,
            keys=self._keys,
            choices=self._choices,
        )

    def send_collection(self, call: Call, order: CollectionOrder) -> OnlineAnswer:
        return asked(self._line, call, lambda answer: answers.created(answer, order.reference))

    def query_collection(self, order: CollectionOrder, asking: Asking) -> OnlineAnswer:
        return self._query(order.reference, order.amount_vnd, asking)

    def build_refund(self, undoing: Refund, asking: Asking) -> Call:
        return requests.refund(undoing, asking.request_id, keys=self._keys, choices=self._choices)

    def send_refund(self, call: Call, undoing: Refund) -> OnlineAnswer:
        reference, amount_vnd = undoing.reference, undoing.amount_vnd
        return asked(self._line, call, lambda answer: answers.moved(answer, reference, amount_vnd=amount_vnd))

    def query_refund(self, undoing: Refund, asking: Asking) -> OnlineAnswer:
        reference, amount_vnd = undoing.reference, undoing.amount_vnd
        call = requests.refund_query(reference, asking.request_id, keys=self._keys, choices=self._choices)
        return inquired(self._line, call, lambda answer: answers.queried(answer, reference, amount_vnd=amount_vnd))

    def verify_beneficiary(self, payout: Payout, asking: Asking) -> NameCheck:
        """Whether the wallet is there and of that name, under a reference that no payment has."""
        self.capabilities.require(OnlineOperation.VERIFY_BENEFICIARY)
        try:
            method = requests.method_of(payout, self._require_public_key())
            answer = self._line.send(requests.verify(payout, method, asking.request_id, keys=self._keys))
            return answers.checked(answer, payout.reference)
        except (NotSent, Ambiguous):
            return NameCheck.UNABLE

    def build_payout(self, payout: Payout, asking: Asking) -> Call:
        """Encrypts the receiver, in other bytes each time: a repeat sends the call that was stored."""
        return requests.pay(
            payout,
            requests.method_of(payout, self._require_public_key()),
            asking.request_id,
            notification_url=self._profile.notification_url,
            keys=self._keys,
            choices=self._choices,
        )

    def send_payout(self, call: Call, payout: Payout) -> OnlineAnswer:
        reference, amount_vnd = payout.reference, payout.amount_vnd
        return asked(self._line, call, lambda answer: answers.moved(answer, reference, amount_vnd=amount_vnd))

    def query_payout(self, payout: Payout, asking: Asking) -> OnlineAnswer:
        return self._query(payout.reference, payout.amount_vnd, asking)

    def balance_vnd(self, asking: Asking) -> int:
        """Our own money at MoMo. Raises `NotSent` or `Ambiguous`."""
        reference = asking.request_id
        answer = self._line.send(requests.balance(reference, asking.request_id, keys=self._keys))
        return answers.balance_vnd(answer, reference)

    def batch_item(self, item_id: str, payout: Payout) -> requests.BatchItem:
        """A wallet of a batch, encrypted once like any receiver."""
        method = requests.method_of(payout, self._require_public_key())
        return requests.BatchItem(item_id, method, payout.amount_vnd, payout.description)

    def start_batch(self, reference: str, request_id: str, total_vnd: int) -> str:
        """The token of a new batch; nothing moves before its release. Raises `NotSent` or `Ambiguous`."""
        answer = self._line.send(requests.batch_start(reference, request_id, total_vnd, keys=self._keys))
        return answers.batch_token(answer, reference)

    def build_batch(self, reference: str, request_id: str, token: str, items: tuple[requests.BatchItem, ...]) -> Call:
        return requests.batch_items(reference, request_id, token, items, keys=self._keys)

    def send_batch(self, call: Call, reference: str) -> OnlineAnswer:
        return asked(self._line, call, lambda answer: answers.created(answer, reference))

    def build_batch_release(self, reference: str, request_id: str) -> Call:
        return requests.batch_release(reference, request_id, keys=self._keys)

    def send_batch_release(self, call: Call, reference: str) -> OnlineAnswer:
        """0 says that the batch is being paid; what became of each wallet its query tells."""
        return asked(self._line, call, lambda answer: answers.created(answer, reference))

    def query_batch(self, reference: str, request_id: str, page: int, size: int) -> tuple[answers.BatchItemAnswer, ...]:
        """One page of a batch. Raises `NotSent` or `Ambiguous`."""
        answer = self._line.send(requests.batch_query(reference, request_id, page, size, keys=self._keys))
        return answers.batch_items(answer, reference)

    def read_notification(self, told: bytes) -> Notification | None:
        """None: not MoMo's; nothing may be changed for its sake."""
        capture = self._choices.auto_capture
        return first_of(answers.notification(told, keys, auto_capture=capture) for keys in self._known_keys)

    def acknowledge(self, verdict: Verdict, _told: bytes = b"") -> Acknowledgement:
        return answers.acknowledgement(verdict)

    def close(self) -> None:
        self._line.close()

    def _query(self, reference: str, amount_vnd: int, asking: Asking) -> OnlineAnswer:
        call = requests.query(reference, asking.request_id, keys=self._keys, choices=self._choices)
        capture = self._choices.auto_capture
        return inquired(
            self._line,
            call,
            lambda answer: answers.queried(answer, reference, amount_vnd=amount_vnd, auto_capture=capture),
        )

    def _require_public_key(self) -> RSAPublicKey:
        if self._public_key is None:
            raise UnsafeKey("the credentials hold no rsa_public_key")
        return self._public_key
