"""VNPAY as the engine calls it: a payer is sent to an address, VNPAY tells us, and we ask when it does not."""

from datetime import datetime

import httpx2

from gateways.credentials import Profile, credentials_for, first_of, rotated
from gateways.errors import BadBatch
from gateways.line import Line, asked, inquired
from gateways.online import (
    Acknowledgement,
    Asking,
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
        self._known_keys = rotated(self._keys, "secret", credentials.get("previous_hash_secret"))
        self._profile = profile
        self._choices = choices or Choices()
        self._line = Line(profile, requests.CAPABILITIES.answer_timeout_seconds, transport)

    @property
    def capabilities(self) -> OnlineCapabilities:
        return requests.CAPABILITIES

    def order_reference(self, reference: str, _at: datetime) -> str:
        return reference

    def payment_address(self, order: CollectionOrder, payer_address: str) -> str:
        """Where the payer pays; `payer_address` is their internet address."""
        return requests.pay(
            order,
            _made_at(order.made_at),
            payer_address,
            return_url=self._profile.return_url,
            keys=self._keys,
            choices=self._choices,
        )

    def query_collection(self, order: CollectionOrder, asking: Asking) -> OnlineAnswer:
        call = requests.query(
            order.reference,
            _made_at(order.made_at),
            asking.request_id,
            asking.at,
            keys=self._keys,
            choices=self._choices,
        )
        return inquired(
            self._line, call, lambda answer: answers.queried(answer, order.reference, order.amount_vnd, self._keys)
        )

    def build_refund(self, undoing: Refund, asking: Asking) -> Call:
        return requests.refund(
            undoing,
            _made_at(undoing.payment_made_at),
            asking.request_id,
            asking.at,
            undoing.asked_by,
            keys=self._keys,
            choices=self._choices,
        )

    def send_refund(self, call: Call, undoing: Refund) -> OnlineAnswer:
        return asked(self._line, call, lambda answer: answers.refunded(answer, undoing.payment_reference, self._keys))

    def query_refund(self, undoing: Refund, asking: Asking) -> OnlineAnswer:
        """Asks about the payment: its status says whether the refund is on its way (05, 06) or refused (09)."""
        call = requests.query(
            undoing.payment_reference,
            _made_at(undoing.payment_made_at),
            asking.request_id,
            asking.at,
            keys=self._keys,
            choices=self._choices,
        )
        return inquired(
            self._line, call, lambda answer: answers.refund_queried(answer, undoing.payment_reference, self._keys)
        )

    def read_notification(self, told: bytes) -> Notification | None:
        """The query of VNPAY's call to us. None: its hash is wrong, and nothing may be changed for its sake."""
        query = told.decode("utf-8", "replace")
        return first_of(answers.notification(query, keys) for keys in self._known_keys)

    def acknowledge(self, verdict: Verdict, _told: bytes = b"") -> Acknowledgement:
        return answers.acknowledgement(verdict)

    def close(self) -> None:
        self._line.close()


def _made_at(at: datetime | None) -> datetime:
    if at is None:
        raise BadBatch(["VNPAY is asked with the instant at which the payment address was made"])
    return at
