"""A bank statement (sao kê): its account, its entries, and whether it adds up. The same for every format.

Amounts are whole numbers of the minor unit of the statement's currency (đồng for VND, cent for EUR) and never negative;
the direction is the sign, seen from our account: credit is money in, debit is money out. What the bank wrote stays as
it wrote it; nothing here is derived from a memo.

Entries and details are named tuples, for a file has millions of them and a frozen dataclass takes thrice the time.

A reader yields a `StatementStart`, its entries and a `StatementEnd` for each statement or page of a file, and raises
`StatementRefused` after the last byte if any part could not be read: nothing is used before the reader has finished.
"""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from typing import Final, NamedTuple

from reconciliation.errors import Problem, ProblemCode


class Sign(StrEnum):
    """Which way money moved, seen from our account."""

    CREDIT = "credit"
    """Money in (ghi có)."""
    DEBIT = "debit"
    """Money out (ghi nợ)."""


class EntryStatus(StrEnum):
    """Whether the bank has booked an entry. Only booked entries count."""

    BOOKED = "booked"
    PENDING = "pending"
    """Announced or awaiting booking."""
    INFORMATION = "information"
    """Told, never booked."""


class BankReferences(NamedTuple):
    """The references that an instruction of ours carried, as the bank echoes them; a bank may write `NOTPROVIDED`."""

    end_to_end_id: str | None = None
    """ISO 20022 EndToEndId, or the customer reference of an MT940 entry: our payment reference."""
    instruction_id: str | None = None
    uetr: str | None = None
    payment_info_id: str | None = None
    """The batch inside our file (PmtInfId)."""
    message_id: str | None = None
    """Our file (MsgId)."""
    transaction_id: str | None = None
    """The clearing's own reference (TxId)."""


NO_REFERENCES = BankReferences()


_ABOUT_PEOPLE: Final = frozenset(
    {
        "counterparty_account",
        "counterparty_name",
        "virtual_account",
        "creditor_reference",
        "text",
        "additional_text",
    }
)
"""Fields that must not stand in a log."""


class Detail(NamedTuple):
    """One transaction inside an entry; a batch entry has one for each payment, if the bank gives them."""

    sign: Sign
    """Its own, or else the entry's."""
    amount: int | None
    """In minor units of the account's currency; none if not given, or given in another currency."""
    references: BankReferences = NO_REFERENCES
    bank_reference: str | None = None
    return_reason: str | None = None
    """ISO 20022 reason of a payment that came back, such as AC04."""
    counterparty_account: str | None = None
    counterparty_name: str | None = None
    virtual_account: str | None = None
    """The number on our side that was credited or debited, where it is not the account's own (tài khoản định danh)."""
    creditor_reference: str | None = None
    """A structured reference of the payee (CdtrRefInf/Ref)."""
    text: str | None = None
    """The payer's words (Ustrd), lines joined by a line break."""
    additional_text: str | None = None
    """The bank's words (AddtlTxInf)."""

    def __repr__(self) -> str:
        return _without_people(self)


class Entry(NamedTuple):
    """One line of a statement (dòng sao kê)."""

    place: str
    """Where it stands in its file, such as `Stmt[1]/Ntry[37]` or `line 12`."""
    sign: Sign
    """The sign of this very entry; a reversed credit is a debit."""
    amount: int
    status: EntryStatus
    reversal: bool
    """It undoes an earlier entry. This does not change its sign."""
    booked_on: date | None
    value_on: date | None
    bank_reference: str | None = None
    """The bank's own (AcctSvcrRef, or after `//` in MT940)."""
    entry_reference: str | None = None
    """NtryRef."""
    references: BankReferences = NO_REFERENCES
    """Of the batch, and of the transaction where there is exactly one."""
    return_reason: str | None = None
    bank_transaction_code: str | None = None
    """`PMNT/RCDT/DMCT`, a bank's own code, or the MT940 type such as `NTRF`."""
    batch_count: int | None = None
    """How many transactions the bank says are inside."""
    text: str | None = None
    """The payer's words where there is one transaction, or field 86."""
    additional_text: str | None = None
    """The bank's words (AddtlTxInf, AddtlNtryInf), or the supplementary details of an MT940 entry."""
    counterparty_account: str | None = None
    """Where the format tells it of the entry and not of a detail."""
    virtual_account: str | None = None
    details: Collection[Detail] = ()
    """In the order of the file; those of a long batch are not held in memory."""

    def __repr__(self) -> str:
        return _without_people(self)

    @property
    def signed_amount(self) -> int:
        """Positive for money in."""
        return self.amount if self.sign is Sign.CREDIT else -self.amount

    @property
    def details_add_up(self) -> bool | None:
        """Whether the details come to the entry; none where they do not say all their amounts."""
        total = 0
        for detail in self.details:
            if detail.amount is None:
                return None
            total += detail.amount if detail.sign is Sign.CREDIT else -detail.amount
        if not self.details or self.batch_count not in (None, len(self.details)):
            return None
        return total == self.signed_amount


def _without_people(value: Detail | Entry) -> str:
    shown = (f"{name}={told!r}" for name, told in zip(value._fields, value, strict=True) if name not in _ABOUT_PEOPLE)
    return f"{type(value).__name__}({', '.join(shown)})"


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a statement that the bank cut in several."""

    number: int
    last: bool | None


@dataclass(frozen=True, slots=True)
class Statement:
    """What a statement says of itself. A balance is none if the file does not give it, or gives it impossibly."""

    format: str
    """`camt.053.001.08`, `mt940`, `mt942`."""
    account: str = field(repr=False)
    currency: str | None
    """ISO 4217; none only where a statement has neither a currency nor an amount."""
    id: str | None
    sequence: int | None
    """The statement's number, for finding gaps."""
    page: Page | None
    from_on: date | None
    """The period the bank states, or else the date of the opening balance."""
    to_on: date | None
    """The period the bank states, or else the date of the closing balance."""
    opening: int | None
    """Negative if the account is overdrawn."""
    closing: int | None
    available: int | None = None
    """Closing available balance."""


@dataclass(frozen=True, slots=True)
class StatementStart:
    """A statement begins. Its closing balance may stand at its end and be none here."""

    statement: Statement


@dataclass(frozen=True, slots=True)
class StatementEnd:
    """A statement has ended: what it said of itself in full, what was counted, and what contradicts."""

    statement: Statement
    entries: int
    """Booked entries."""
    not_booked: int
    sum_credits: int
    sum_debits: int
    not_added: int = 0
    """Entries that are in no sum: those that could not be read, for which the file is refused at its end, and booked
    ones in another currency than the account's, which contradict it."""
    contradictions: tuple[Problem, ...] = ()
    """What was read but cannot all be true, such as a wrong closing balance. Import refuses a statement with any."""

    @property
    def adds_up(self) -> bool | None:
        """Opening balance plus booked entries gives the closing balance; none where that cannot be said."""
        if self.statement.opening is None or self.statement.closing is None or self.not_added:
            return None
        return self.statement.opening + self.sum_credits - self.sum_debits == self.statement.closing


INTERIM: Final = ("camt.052", "camt.054", "mt942", "notice")
"""How the formats begin that tell of a day before its books are closed: they prove nothing."""

StatementEvent = StatementStart | Entry | StatementEnd


@dataclass(slots=True)
class Tally:
    """Counts the entries of a statement while they pass."""

    entries: int = 0
    not_booked: int = 0
    sum_credits: int = 0
    sum_debits: int = 0
    not_added: int = 0

    def add(self, entry: Entry) -> None:
        if entry.status is not EntryStatus.BOOKED:
            self.not_booked += 1
            return
        self.entries += 1
        if entry.sign is Sign.CREDIT:
            self.sum_credits += entry.amount
        else:
            self.sum_debits += entry.amount

    def add_foreign(self, status: EntryStatus) -> None:
        """An entry in another currency is counted but cannot be added up."""
        if status is EntryStatus.BOOKED:
            self.entries += 1
            self.not_added += 1
        else:
            self.not_booked += 1

    def end(self, statement: Statement, place: str, contradictions: list[Problem]) -> StatementEnd:
        """Closes the statement, and names the difference if it does not add up."""
        end = StatementEnd(
            statement=statement,
            entries=self.entries,
            not_booked=self.not_booked,
            sum_credits=self.sum_credits,
            sum_debits=self.sum_debits,
            not_added=self.not_added,
            contradictions=tuple(contradictions),
        )
        if end.adds_up is not False or statement.opening is None or statement.closing is None:
            return end
        booked = statement.opening + self.sum_credits - self.sum_debits
        detail = f"opening balance and entries give {booked}, the closing balance is {statement.closing}"
        mismatch = Problem(ProblemCode.BALANCE_MISMATCH, place, detail)
        return replace(end, contradictions=(*contradictions, mismatch))
