"""Journal entries (bút toán). A line is a debit account, a credit account and a positive amount (định khoản), so an
entry that does not balance cannot be written down."""

from dataclasses import dataclass
from datetime import date

from ledger.errors import WrongLines
from ledger.money import Dong


@dataclass(frozen=True, slots=True)
class Line:
    """Nợ `debit` / Có `credit`: accounts by code.

    The references are opaque ids of what stands behind each side (an employer, a payment, a receipt, a month), never
    personal or account numbers: lines cannot be erased.
    """

    debit: str
    credit: str
    amount: Dong
    fund: str
    run: str | None = None
    debit_reference: str | None = None
    credit_reference: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.amount, Dong):
            raise TypeError(f"the amount of a line is in Dong, not {type(self.amount).__name__}")
        if self.amount.vnd <= 0:
            raise WrongLines(f"the amount of a line must be positive, not {self.amount}")
        if self.debit == self.credit:
            raise WrongLines(f"debit and credit are the same account: {self.debit}")

    def reversed(self) -> "Line":
        return Line(
            debit=self.credit,
            credit=self.debit,
            amount=self.amount,
            fund=self.fund,
            run=self.run,
            debit_reference=self.credit_reference,
            credit_reference=self.debit_reference,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryHeader:
    """What an entry says beside its lines.

    `key` makes it safe to post again: the same key never stands for two entries. `event` is the business event as a
    code (`run_approved`), `document` the voucher behind it (chứng từ), `business_on` its date in the books.
    """

    key: str
    event: str
    document: str
    business_on: date
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry(EntryHeader):
    """A whole entry, for those that are small enough to hold: it is its own header."""

    lines: tuple[Line, ...]


def reversal_of(entry: Entry, *, key: str, document: str, business_on: date, description: str) -> Entry:
    """The entry that undoes `entry` (bút toán đảo): each line with its sides exchanged.

    Posted through `book.reverse`, which also links the two, once.
    """
    return Entry(
        key=key,
        event=REVERSAL,
        document=document,
        business_on=business_on,
        description=description,
        lines=tuple(line.reversed() for line in entry.lines),
    )


REVERSAL = "reversal"
