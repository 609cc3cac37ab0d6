"""payOS as the engine calls it: payment links in, payouts to bank accounts out. Nothing is repeated by itself."""

from collections.abc import Sequence
from datetime import datetime

import httpx2

from gateways.credentials import Profile, credentials_for, first_of, rotated
from gateways.line import Line, asked, inquired
from gateways.online import (
    Acknowledgement,
    Asking,
    Call,
    CollectionOrder,
    Notification,
    OnlineAnswer,
    OnlineCapabilities,
    Payout,
    Verdict,
)
from gateways.payos import answers, requests
from gateways.payos.signing import Keys


class PayOs:
    """The adapter. Live and test share one address: only the credentials file says which a channel is."""

    def __init__(self, profile: Profile, transport: httpx2.BaseTransport | None = None) -> None:
        credentials = credentials_for(profile, requests.CAPABILITIES.hosts)
        self._keys = Keys(credentials["client_id"], credentials["api_key"], credentials["checksum_key"])
        self._known_keys = rotated(self._keys, "checksum_key", credentials.get("previous_checksum_key"))
        self._profile = profile
        self._line = Line(profile, requests.CAPABILITIES.answer_timeout_seconds, transport)

    @property
    def capabilities(self) -> OnlineCapabilities:
        return requests.CAPABILITIES

    def order_reference(self, reference: str, _at: datetime) -> str:
        return requests.order_number(reference)

    def build_collection(self, order: CollectionOrder, _asking: Asking) -> Call:
        address = self._profile.return_url
        return requests.create(order, return_url=address, cancel_url=address, keys=self._keys)

    def send_collection(self, call: Call, order: CollectionOrder) -> OnlineAnswer:
        return asked(self._line, call, lambda answer: answers.created(answer, order.reference, order.amount_vnd))

    def query_collection(self, order: CollectionOrder, _asking: Asking) -> OnlineAnswer:
        call = requests.query(order.reference, keys=self._keys)
        return inquired(self._line, call, lambda answer: answers.queried(answer, order.reference, order.amount_vnd))

    def build_payout(self, payout: Payout, _asking: Asking) -> Call:
        return requests.payout(payout, keys=self._keys)

    def send_payout(self, call: Call, payout: Payout) -> OnlineAnswer:
        return asked(
            self._line, call, lambda answer: answers.paid(answer, payout.reference, payout.amount_vnd, self._keys)
        )

    def query_payout(self, payout: Payout, _asking: Asking) -> OnlineAnswer:
        call = requests.payout_query(payout.reference, keys=self._keys)
        return inquired(
            self._line,
            call,
            lambda answer: answers.payout_queried(answer, payout.reference, payout.amount_vnd, self._keys),
        )

    def build_batch(self, reference: str, payouts: Sequence[Payout]) -> Call:
        return requests.batch(reference, payouts, keys=self._keys)

    def balance_vnd(self, _asking: Asking) -> int:
        """Our own money for payouts. Raises `NotSent` or `Ambiguous`."""
        return answers.balance_vnd(self._line.send(requests.balance(keys=self._keys)))

    def read_notification(self, told: bytes) -> Notification | None:
        """None: not payOS's; nothing may be changed for its sake."""
        return first_of(answers.notification(told, keys) for keys in self._known_keys)

    def acknowledge(self, verdict: Verdict, _told: bytes = b"") -> Acknowledgement:
        return answers.acknowledgement(verdict)

    def close(self) -> None:
        self._line.close()
