"""The bench of VNPAY, which only collects: the payer's browser goes to an address of ours, VNPAY tells, we inquire.

A payment is here one that a payer makes; what moves money by a call of ours is the refund, so the broken line and the
odd answers are tried on it.
"""

import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx2

from gateways.conformance.bench import Inquiry, Limits, Mapped, Payment
from gateways.conformance.wallets import NOW, UNLISTED, WalletBench
from gateways.contract import Outcome
from gateways.online import Asking, CollectionOrder, OnlineAnswer, OnlineOperation, Refund
from gateways.simulator.purse import Stage, orders_of
from gateways.vnpay import codes as vnpay_codes
from gateways.vnpay import signing as vnpay
from gateways.vnpay.gateway import VnPay
from gateways.vnpay.requests import instant


class VnPayBench(WalletBench):
    """Collections by VNPAY."""

    provider = "vnpay"
    used = frozenset({OnlineOperation.COLLECT_CREATE, OnlineOperation.COLLECT_QUERY, OnlineOperation.COLLECT_REFUND})

    def keys(self) -> tuple[dict[str, str], dict[str, str]]:
        ours = {"terminal": "BENCH001", "hash_secret": "HSbench01"}
        return ours, ours

    def open(self, transport: httpx2.BaseTransport | None) -> VnPay:
        return VnPay(self.profile, transport=transport)

    @property
    def limits(self) -> Limits:
        limit = self.adapter.capabilities.limit(OnlineOperation.COLLECT_CREATE)
        return Limits(limit.min_vnd, limit.max_vnd)

    def pay(self, payment: Payment) -> Outcome:
        """The payer opens the address, and pays if that was not done before."""
        self._payments.setdefault(payment.reference, payment)
        address = self.adapter.payment_address(_order(payment), "127.0.0.1")
        page = f"{self.base_url}{urlsplit(address).path}?{urlsplit(address).query}"
        with httpx2.Client(trust_env=False) as browser:
            opened = browser.get(page).status_code == httpx2.codes.OK
        if not opened:
            return Outcome.NOT_ACCEPTED
        if any(order.stage is Stage.WORKING for order in self._orders(payment.reference)):
            self.control.decide(self.provider, "collection", payment.reference, Stage.DONE)
        return Outcome.PENDING

    def pay_something_else(self, payment: Payment) -> Outcome:
        return self.pay(payment)

    def credits(self, reference: str) -> int:
        return sum(order.times_done for order in self._orders(reference))

    def received_name(self, reference: str) -> str:
        """No name travels: what arrives is the text beside the money."""
        return str(self._orders(reference)[0].about["text"])

    def codes(self) -> Iterator[Mapped]:
        for operation, field, code, documented in vnpay_codes.table().rows():
            if operation == "refund":
                made = vnpay_codes.refund_outcome(code)
            elif operation == "querydr":
                made = vnpay_codes.query_outcome(code, "00")
            elif field == "vnp_TransactionStatus":
                made = vnpay_codes.query_outcome("00", code)
            else:
                made = vnpay_codes.table().outcome("pay", field, code)
            yield Mapped(f"{operation} {field} {code}", documented, made)
        yield Mapped(UNLISTED, Outcome.UNKNOWN, vnpay_codes.refund_outcome(UNLISTED))
        yield Mapped("00 with a status in no table", Outcome.UNKNOWN, vnpay_codes.payment_outcome("00", UNLISTED))

    def told(self, payment: Payment, *, more_vnd: int = 0, key: str | None = None) -> bytes:
        fields = {"vnp_TmnCode": "BENCH001", "vnp_Amount": str((payment.amount_vnd + more_vnd) * 100)}
        fields |= {"vnp_TxnRef": payment.reference, "vnp_ResponseCode": "00", "vnp_TransactionStatus": "00"}
        hashed = vnpay.query_hash(fields, vnpay.Keys("BENCH001", key or "HSbench01"))
        return urlencode(fields | {vnpay.HASH: hashed}).encode()

    def return_problems(self, payment: Payment) -> Iterator[str]:
        """What was paid is given back by a refund; no status says that it is done, so it never becomes a failure."""
        self.pay(payment)
        refund = self._refund(payment)
        made = self._moved(self.adapter, refund, "R1")
        self.control.decide(self.provider, "collection", payment.reference, Stage.RETURNED)
        asked = self.adapter.query_refund(refund, Asking(secrets.token_hex(4), NOW)).outcome
        if (made, asked) != (Outcome.PENDING, Outcome.PENDING):
            yield f"a refund on its way is {made}, asked about {asked}"

    def clock_problems(self) -> Iterator[str]:
        evening = datetime(2026, 11, 22, 17, 0, tzinfo=NOW.tzinfo)
        if (instant(evening)[:8], instant(evening - timedelta(seconds=1))[:8]) != ("20261123", "20261122"):
            yield "the day does not change at GMT+7"

    def recording_problems(self, payment: Payment) -> Iterator[str]:
        self.pay(payment)
        self.inquire(payment.reference)
        self._moved(self.adapter, self._refund(payment), "R2")
        recorded = self.recording.read_text("utf-8")
        if payment.reference not in recorded:
            yield "nothing was recorded"
        if self.ours["hash_secret"] in recorded:
            yield "the secret was recorded"
        if self.recording.stat().st_mode & 0o077:
            yield "others can read the record"

    def _sent(self, adapter: Any, payment: Payment, request_id: str) -> Outcome:
        return self._moved(adapter, self._refund(payment), "".join(filter(str.isalnum, request_id)))

    def _moved(self, adapter: Any, refund: Refund, request_id: str) -> Outcome:
        call = adapter.build_refund(refund, Asking(request_id, NOW))
        outcome: Outcome = adapter.send_refund(call, refund).outcome
        return outcome

    def _inquired(self, adapter: Any, reference: str) -> Inquiry:
        order = _order(self._payments.get(reference, Payment(reference)))
        answer: OnlineAnswer = adapter.query_collection(order, Asking(secrets.token_hex(4), NOW))
        return Inquiry(answer.found, answer.outcome)

    def _refund(self, payment: Payment) -> Refund:
        return Refund(
            f"{payment.reference}R",
            payment.reference,
            "14000001",
            payment.amount_vnd,
            "Hoan tien",
            payment_made_at=NOW,
            asked_by="lan",
        )

    def _orders(self, reference: str) -> list[Any]:
        orders = orders_of(self._simulation)
        return [order for order in orders if order.kind == "collection" and order.reference == reference]


def _order(payment: Payment) -> CollectionOrder:
    return CollectionOrder(payment.reference, payment.amount_vnd, "Nop BHXH", made_at=NOW)
