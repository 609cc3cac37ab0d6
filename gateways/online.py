"""Providers that are asked one payment at a time, or told of one: wallets, payment pages, single transfers.

Shared words beside `contract.py`, which speaks of files. What a provider is sent is built and signed first (a `Call`,
which the caller stores with everything random in it), then sent once, then read: `build_…` and `read_…` do no I/O.
Money is whole đồng. Names, numbers and bodies never appear in a `repr`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol, runtime_checkable

import yaml

from gateways.contract import Instrument, NameCheck, Outcome
from gateways.errors import BadBatch, Unsupported


class OnlineOperation(StrEnum):
    """What an online provider may offer. One that its sheet does not declare raises `Unsupported`."""

    COLLECT_CREATE = "collect_create"
    COLLECT_QUERY = "collect_query"
    COLLECT_REFUND = "collect_refund"
    REFUND_QUERY = "refund_query"
    NOTIFICATION = "notification"
    VERIFY_BENEFICIARY = "verify_beneficiary"
    PAYOUT_SUBMIT = "payout_submit"
    PAYOUT_QUERY = "payout_query"
    BATCH_SUBMIT = "batch_submit"
    BATCH_QUERY = "batch_query"
    BALANCE = "balance"


@dataclass(frozen=True, slots=True)
class Call:
    """A request, built and signed, ready to be sent. The same call may be sent again only under the outcome rules."""

    method: str
    path: str
    body: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Asking:
    """What a call has of its own: an id that is new each time, stored before the call, and the instant it is made."""

    request_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class CollectionOrder:
    """Lệnh thu: what a payer is asked for. The reference is ours, made once."""

    reference: str
    amount_vnd: int
    description: str
    payer: str = field(default="", repr=False)
    """Who is asked, in words the provider keeps, such as an employer's code; never a personal number."""
    expires_seconds: int = 15 * 60
    made_at: datetime | None = None
    """When the payer was first sent to pay; VNPAY wants to hear it again in every question."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """Who is paid: by wallet (phone number, or the provider's own id) or by bank account."""

    instrument: Instrument
    number: str = field(repr=False)
    name: str = field(repr=False)
    bank: str | None = None
    """The bank as this provider names it: a BIN, or a code of its own list. None for a wallet."""
    personal_id: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Payout:
    """Lệnh chi tới một người: the reference is the attempt's, the same for every call about it."""

    reference: str
    amount_vnd: int
    description: str
    receiver: Receiver


@dataclass(frozen=True, slots=True)
class Refund:
    """Hoàn tiền of a collection: a reference of its own, and the provider's number of the payment it undoes."""

    reference: str
    payment_reference: str
    provider_reference: str
    amount_vnd: int
    description: str
    whole: bool = True
    payment_made_at: datetime | None = None
    asked_by: str = ""
    """The staff code of who asks; VNPAY wants to know it."""


@dataclass(frozen=True, slots=True)
class OnlineAnswer:
    """What a provider answered about one payment, collection or refund.

    `amount_vnd` is what it says was moved; a caller holds it against what was asked. `found` False: the provider does
    not know the reference, which proves nothing before the grace time and a statement; None: it did not say.
    """

    outcome: Outcome
    code: str
    provider_reference: str | None = None
    amount_vnd: int | None = None
    found: bool | None = None
    pay_url: str | None = field(default=None, repr=False)
    """Where the payer goes, for a collection that was made."""
    text: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Movement:
    """Biến động số dư: of money that came to an account of ours, what a bank tells beside amount and number."""

    account: str | None = field(repr=False)
    """The account as told, which may be a virtual one; None: not told."""
    virtual_accounts: tuple[str, ...] = field(repr=False)
    """Under which names the payer may be known (tài khoản định danh, mã khách hàng)."""
    memo: str = field(repr=False)
    made_on: date | None
    """The day in Việt Nam; None: not told."""
    bank_bin: str | None = None
    """Whose account it must be; None: any bank's, told by somebody in between."""


@dataclass(frozen=True, slots=True)
class Notification:
    """What a provider told us of its own accord, after its signature was found good."""

    reference: str
    outcome: Outcome
    code: str
    amount_vnd: int
    provider_reference: str
    document: bytes = field(repr=False)
    """As it came."""
    movement: Movement | None = None
    """Of news of money on an account, which names no order of ours or not only that."""


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What a provider wants to hear in answer to a notification."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"


class Verdict(StrEnum):
    """What we made of a notification, from which each provider's answer follows."""

    TAKEN = "taken"
    REPEATED = "repeated"
    BAD_SIGNATURE = "bad_signature"
    UNKNOWN_REFERENCE = "unknown_reference"
    WRONG_AMOUNT = "wrong_amount"
    TROUBLE = "trouble"
    """We could not look; the provider should call again."""


@dataclass(frozen=True, slots=True)
class AmountLimit:
    """The least and the most of one operation, in đồng; the contract with the provider may say less."""

    min_vnd: int
    max_vnd: int

    def require(self, amount_vnd: int) -> None:
        if isinstance(amount_vnd, bool) or not self.min_vnd <= amount_vnd <= self.max_vnd:
            raise BadBatch([f"{amount_vnd} VND; {self.min_vnd} to {self.max_vnd} can be moved"])


@dataclass(frozen=True, slots=True)
class OnlineCapabilities:
    """What a provider offers and its limits, from the dated sheet beside its adapter."""

    provider: str
    name: str
    as_of: date
    source: str
    operations: frozenset[OnlineOperation]
    instruments: frozenset[Instrument]
    limits: Mapping[str, AmountLimit]
    """By operation, or operation and instrument, such as `payout_submit wallet`."""
    lengths: Mapping[str, int]
    """The most characters of a field."""
    hours: str
    """When it can be asked, in words; wallets always."""
    batch_size: int | None
    name_check: bool
    callback: bool
    callback_tries: int | None
    """How often a notification that was not acknowledged comes again; None: not published."""
    inquiry_by_our_reference: bool
    reversible: bool
    idempotency_days: int | None
    """How long a reference is remembered; None: not published, so a reference is never sent again on hope."""
    answer_timeout_seconds: float
    calls_per_second: int
    """How fast one process of ours calls; a provider that is called faster refuses, or blocks us."""
    inquiry_schedule_seconds: tuple[int, ...]
    not_found_grace_seconds: int
    clock_tolerance_seconds: int | None
    """How far our clock may be from theirs; None: not checked."""
    hosts: Mapping[str, str]
    """Its address by environment."""

    def require(self, operation: OnlineOperation) -> None:
        if operation not in self.operations:
            raise Unsupported(f"{self.provider} does not offer {operation}")

    def limit(self, operation: OnlineOperation, instrument: Instrument | None = None) -> AmountLimit:
        """The narrowest limit that speaks of this operation."""
        for name in (f"{operation} {instrument}", str(operation)):
            if name in self.limits:
                return self.limits[name]
        raise Unsupported(f"{self.provider} states no limit for {operation}")


class Adapter(Protocol):
    """What every online provider can say of itself."""

    @property
    def capabilities(self) -> OnlineCapabilities: ...

    def close(self) -> None:
        """Closes its connections."""


class Collector(Adapter, Protocol):
    """A provider that collects. `send_…` and `query_…` never raise for what the network or the provider does."""

    def order_reference(self, reference: str, at: datetime, /) -> str:
        """Our reference in the form that this provider takes; what it tells and settles carries that."""

    def query_collection(self, order: CollectionOrder, asking: Asking, /) -> OnlineAnswer: ...


@runtime_checkable
class Inviter(Collector, Protocol):
    """A collector that is asked for an address to which the payer is sent."""

    def build_collection(self, order: CollectionOrder, asking: Asking, /) -> Call: ...

    def send_collection(self, call: Call, order: CollectionOrder, /) -> OnlineAnswer: ...


@runtime_checkable
class PaymentPage(Collector, Protocol):
    """A collector whose address for the payer is made without asking it."""

    def payment_address(self, order: CollectionOrder, payer_address: str, /) -> str:
        """Where the payer pays; `payer_address` is their internet address."""


class Refunder(Adapter, Protocol):
    """A provider that gives a collection back."""

    def build_refund(self, undoing: Refund, asking: Asking, /) -> Call: ...

    def send_refund(self, call: Call, undoing: Refund, /) -> OnlineAnswer: ...

    def query_refund(self, undoing: Refund, asking: Asking, /) -> OnlineAnswer: ...


@runtime_checkable
class Payer(Adapter, Protocol):
    """A provider that pays out, one receiver a call. What is random in a call is made when it is built, and stored."""

    def build_payout(self, payout: Payout, asking: Asking, /) -> Call: ...

    def send_payout(self, call: Call, payout: Payout, /) -> OnlineAnswer: ...

    def query_payout(self, payout: Payout, asking: Asking, /) -> OnlineAnswer: ...


@runtime_checkable
class Finder(Payer, Protocol):
    """A payer that knows receivers by an id of its own, which is asked for before the payout is built."""

    def find_receiver(self, payout: Payout, asking: Asking, /) -> Receiver | None:
        """The receiver as `build_payout` wants it; None: there is no such wallet. Raises `NotSent` or `Ambiguous`."""


class Verifier(Adapter, Protocol):
    """A provider that says whether a receiver is there and of that name. Whatever goes wrong proves nothing."""

    def verify_beneficiary(self, payout: Payout, asking: Asking, /) -> NameCheck: ...


@runtime_checkable
class Holder(Adapter, Protocol):
    """A provider with whom we keep money."""

    def balance_vnd(self, asking: Asking, /) -> int:
        """Our own money there. Raises `NotSent` or `Ambiguous`."""


@runtime_checkable
class Notifier(Adapter, Protocol):
    """A provider that tells us of its own accord, in a body or, VNPAY, in the query of an address."""

    def read_notification(self, told: bytes, /) -> Notification | None:
        """None: not the provider's, or not for us. Nothing may be changed for its sake."""

    def acknowledge(self, verdict: Verdict, told: bytes, /) -> Acknowledgement: ...


@runtime_checkable
class Doorkeeper(Notifier, Protocol):
    """A notifier whose news carry no signature: it fetches a token from us, and shows it whenever it tells."""

    def give_token(self, authorization: str, at: datetime, /) -> Acknowledgement:
        """What it hears on asking for a token with the name and password that we gave it."""

    def admits(self, authorization: str, at: datetime, /) -> bool:
        """Whether this is a token of ours that is still good."""


def read_sheet(path: Path) -> OnlineCapabilities:
    """The capabilities in a sheet (YAML), which may hold codes and other facts beside them."""
    sheet = yaml.safe_load(path.read_text("utf-8"))
    sheet = sheet.get("capabilities", sheet)
    return OnlineCapabilities(
        **sheet
        | {
            "operations": frozenset(OnlineOperation(name) for name in sheet["operations"]),
            "instruments": frozenset(Instrument(name) for name in sheet["instruments"]),
            "limits": {name: AmountLimit(**limit) for name, limit in sheet["limits"].items()},
            "inquiry_schedule_seconds": tuple(sheet["inquiry_schedule_seconds"]),
        }
    )
