"""What every bank or wallet can be asked to do, in shared words. The engine knows gateways by this page alone.

A gateway is stateless: it keeps nothing between calls, reads no clock and opens no database. Money is whole đồng in
fields named `amount_vnd` and `total_vnd`. Account numbers never appear in a `repr`, and so never in a log.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, Protocol

from gateways.errors import Unsupported


class Outcome(StrEnum):
    """What is known of a call or a payment. Only what a table lists as final is final."""

    SUCCESS = "success"
    """Final: the money moved, as far as this provider can tell."""
    FAILED = "failed"
    """Final: no money moved. A new attempt may follow."""
    NOT_ACCEPTED = "not_accepted"
    """This call was refused before anything started; says nothing about an earlier call with the same reference."""
    PENDING = "pending"
    """The provider has it and is working on it."""
    UNKNOWN = "unknown"
    """We cannot tell. Inquire under the same reference; never send again under a new one."""
    RETURNED = "returned"
    """The money went out and came back later."""


class Operation(StrEnum):
    """What a gateway may offer. One that is not declared raises `Unsupported`."""

    BATCH_SUBMIT = "batch_submit"
    BATCH_INQUIRE = "batch_inquire"
    STATEMENT_FETCH = "statement_fetch"
    VERIFY_ACCOUNTS = "verify_accounts"
    CHECK = "check"


class Instrument(StrEnum):
    """Where money can be sent."""

    BANK_ACCOUNT = "bank_account"
    CARD = "card"
    WALLET = "wallet"
    CASH = "cash"
    """Paid out by hand against a signature, at a post office or a pay point."""


class Rail(StrEnum):
    """Kênh thanh toán: the way the money travels; one file, one rail."""

    FAST = "fast"
    """Chuyển nhanh 24/7, below 500,000,000 đồng."""
    HIGH_VALUE = "high_value"
    """Liên ngân hàng giá trị cao, from 500,000,000 đồng, in banking hours."""


class CategoryPurpose(StrEnum):
    """Category purpose of a file (ISO 20022 external code set, 2Q2026)."""

    PENSION = "PENS"
    SOCIAL_BENEFIT = "SSBE"


class NameCheck(StrEnum):
    """What the beneficiary's bank says of an account and a name."""

    MATCH = "match"
    CLOSE_MATCH = "close_match"
    NO_MATCH = "no_match"
    INVALID_ACCOUNT = "invalid_account"
    UNABLE = "unable"
    NOT_ALLOWED = "not_allowed"


def masked(number: str) -> str:
    """`•••••••3456`: the last four characters of an account number; shorter numbers are hidden whole."""
    return "•" * max(len(number) - 4, 4) + number[-4:] if len(number) > 4 else "••••"


@dataclass(frozen=True, slots=True)
class Instruction:
    """Lệnh chi: one payment to one account. The reference is made once, stored, and kept for every attempt."""

    reference: str
    """EndToEndId, at most 35 characters."""
    instruction_id: str
    """InstrId, at most 35 characters."""
    uetr: str
    """UUID version 4, made when the attempt was made."""
    amount_vnd: int
    creditor_name: str = field(repr=False)
    creditor_account: str = field(repr=False)
    creditor_bank_bin: str
    """Six-digit bank identification number of the beneficiary's bank."""
    purpose_code: str
    """ISO 20022 purpose, such as PENS, SSBE, BENE, SPSP."""
    remittance: str = field(repr=False)
    """Text for the beneficiary's statement; the gateway puts the reference before it."""

    @property
    def shown_account(self) -> str:
        return masked(self.creditor_account)


@dataclass(frozen=True, slots=True)
class BatchOrder:
    """Lô lệnh: what all payments of one file share. Its message id and file name are fixed before it is written."""

    message_id: str
    """MsgId, at most 35 characters, unique for ever."""
    payment_info_id: str
    """PmtInfId, at most 35 characters."""
    created_at: datetime
    """An instant; it is written with the offset +07:00."""
    execution_on: date
    initiator_name: str
    debtor_name: str
    debtor_account: str = field(repr=False)
    debtor_bank_bic: str
    category_purpose: CategoryPurpose
    count: int
    total_vnd: int
    rail: Rail = Rail.FAST

    @property
    def shown_debtor_account(self) -> str:
        return masked(self.debtor_account)


@dataclass(frozen=True, slots=True)
class BatchAnswer:
    """What the bank said of a file when it was handed over.

    `pending`: the bank has it. `failed`: the whole file is refused for good. `not_accepted`: this call was refused
    before anything started, and the same file may be sent again if no earlier call is unknown. `unknown`: inquire by
    message id.
    """

    outcome: Outcome
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class InstructionStatus:
    """What the bank says of one payment: its outcome, the status code (such as ACSC) and the reason (such as AC04)."""

    reference: str
    outcome: Outcome
    code: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class StatusReport:
    """The bank's answer to an inquiry about a file.

    `found` False: the bank does not know the file (no proof of anything before the grace time is over and a statement
    shows no movement); None: the inquiry itself failed. `group_outcome` speaks of every payment that is not listed, and
    is None where the report says nothing of them. `document` is the bank's file as it came.
    """

    found: bool | None
    group_status: str | None = None
    group_outcome: Outcome | None = None
    instructions: tuple[InstructionStatus, ...] = ()
    document: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class StatementFile:
    """Sao kê: a statement as it came, with the name of its format. The gateway does not read it."""

    format_name: str
    """Such as `camt.053.001.08`."""
    file_name: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class AccountQuestion:
    """Is this the account of this person? `id` is ours, at most 35 characters."""

    id: str
    name: str = field(repr=False)
    account: str = field(repr=False)
    bank_bin: str


@dataclass(frozen=True, slots=True)
class VerifiedAccount:
    """The answer to one question, found by its id; `right_name` where the bank says whose account it is."""

    id: str
    result: NameCheck
    right_name: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Health:
    """What a harmless call told: nothing was moved or changed by it. None: the call did not tell."""

    reachable: bool
    credentials_accepted: bool | None
    clock_offset_seconds: int | None
    """The bank's clock less ours."""
    certificate_expires_on: date | None
    """The last day of our client certificate."""
    text: str


@dataclass(frozen=True, slots=True)
class RailLimits:
    """What one rail takes: amounts in whole đồng, hours in Viet Nam time. `banking_days_only` False: every day."""

    rail: Rail
    min_amount_vnd: int
    max_amount_vnd: int
    opens_at: time
    cut_off: time
    banking_days_only: bool


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a gateway offers and its limits, from dated data beside the adapter. Amounts in whole đồng."""

    gateway: str
    bank_name: str
    bic: str
    source: str
    """Where these facts were read."""
    effective_on: date
    """From when this edition of the sheet holds."""
    operations: frozenset[Operation]
    instruments: frozenset[Instrument]
    min_amount_vnd: int
    max_amount_vnd: int
    max_lines_per_file: int
    max_total_per_file_vnd: int
    cut_off: time
    """Giờ chốt lệnh, Viet Nam time: files handed over later are executed on the next banking day."""
    rails: tuple[RailLimits, ...]
    message_version: str
    """Version of the payment file, such as `pain.001.001.09`."""
    statement_format: str
    inquiry_schedule_seconds: tuple[int, ...]
    """Waits before the first, second, … inquiry; the last one repeats."""
    not_found_grace_seconds: int
    """How long `not found` proves nothing."""
    idempotency_days: int | None
    """How long the bank knows a message id again; None: for ever. Later only inquiries are made."""
    callback: bool
    """Whether the bank tells us of its own accord."""
    charset: str
    """The characters allowed in names and texts; others are folded to them."""
    name_length: int
    remittance_length: int
    batch_booking_honoured: bool
    """One debit for the whole file on the statement, with one detail per payment."""

    def rail_of(self, amount_vnd: int) -> RailLimits | None:
        """The first rail that takes the amount; None where none does."""
        return next((rail for rail in self.rails if rail.min_amount_vnd <= amount_vnd <= rail.max_amount_vnd), None)

    def require(self, operation: Operation) -> None:
        """Raises `Unsupported` for what the sheet does not declare, before anything is called."""
        if operation not in self.operations:
            raise Unsupported(f"{self.gateway} does not offer {operation}")


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """Where a gateway is reached and how we sign. Keys are given by file; secrets never stand here.

    `base_url` is `https://…`, or `file:///directory` for a bank that exchanges files. Files for mutual TLS stand beside
    the signing key: `NAME.tls.crt` and `NAME.tls.key` (ours), `NAME.ca.crt` (the bank's own authority, where it is not
    a public one); `NAME.bank.pem`, where it is there, is the key by which the bank signs its answers.
    """

    adapter: str
    base_url: str
    client_id: str
    signing_key_path: Path = field(repr=False)
    """Ed25519 private key (PEM), readable by its owner only."""
    connect_timeout_seconds: float = 5.0
    answer_timeout_seconds: float = 30.0
    recording_path: Path | None = None
    """Where exchanges are recorded, scrubbed; None: nowhere."""

    def beside_key(self, ending: str) -> Path | None:
        """A file that belongs to the signing key, such as `simbank.tls.crt` beside `simbank.pem`; None: not there."""
        path = self.signing_key_path.with_name(f"{self.signing_key_path.stem}.{ending}")
        return path if path.exists() else None


class Gateway(Protocol):
    """A bank that takes files of payments, answers inquiries about them and gives statements."""

    @property
    def capabilities(self) -> Capabilities: ...

    def write_batch(self, order: BatchOrder, instructions: Iterable[Instruction], to: BinaryIO) -> None:
        """Writes the file as a stream. Raises `BadBatch` where a value does not fit or the totals differ."""

    def submit_batch(self, message_id: str, file_name: str, content: bytes) -> BatchAnswer:
        """Hands the file over, once. Never raises for what the network or the bank does."""

    def inquire_batch(self, message_id: str) -> StatusReport:
        """Tra soát: asks what became of a file. Never raises for what the network or the bank does."""

    def list_statements(self, on: date) -> tuple[str, ...]:
        """Names of the statement files of a day. Raises `NotSent`, `Ambiguous` or `Refused`."""

    def fetch_statement(self, name: str) -> StatementFile:
        """One statement file. Raises `NotSent`, `Ambiguous` or `Refused`."""

    def verify_accounts(
        self, message_id: str, questions: Sequence[AccountQuestion], at: datetime
    ) -> tuple[VerifiedAccount, ...]:
        """Asks the bank whether accounts are these persons'. Raises `NotSent`, `Ambiguous` or `Refused`."""

    def check(self, on: date) -> Health:
        """A harmless call that proves address, credentials and clock. Never raises for what network or bank do."""

    def close(self) -> None:
        """Closes its connections."""
