"""What can go wrong in reconciliation, as one tree.

ReconciliationError
└── StatementRefused      a file is refused whole, with every problem found in it
    └── UnknownFormat     nothing we read begins like this
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class ProblemCode(StrEnum):
    """Why a statement, or a place in it, cannot be relied on. The codes are stable."""

    NOT_READABLE = "not_readable"
    """The bytes are not what their format promises: XML not well-formed, wrong encoding, too deep, too large."""
    DOCTYPE = "doctype"
    """A document type declaration: it can put words into the file that the bank did not write."""
    UNKNOWN_FORMAT = "unknown_format"
    TRUNCATED = "truncated"
    """The file ends inside a statement."""
    MALFORMED_STATEMENT = "malformed_statement"
    """A field of the statement is missing, repeated or out of order."""
    MALFORMED_ENTRY = "malformed_entry"
    """An entry does not follow the grammar of its format."""
    ACCOUNT = "account"
    """The statement names no account."""
    AMOUNT = "amount"
    """An amount is missing, negative, or no plain decimal number."""
    FRACTION_IN_VND = "fraction_in_vnd"
    """An amount in VND has a fraction of a đồng."""
    FRACTION = "fraction"
    """An amount has more decimals than its currency."""
    CURRENCY = "currency"
    """A currency is missing, unknown to ISO 4217, or not the one of the account."""
    SIGN = "sign"
    """Neither credit nor debit."""
    STATUS = "status"
    """An entry is neither booked nor pending nor information."""
    DATE = "date"
    """No date of the calendar."""
    BALANCE_MISMATCH = "balance_mismatch"
    """The opening balance and the booked entries do not give the closing balance."""
    MISSING_OPENING_BALANCE = "missing_opening_balance"
    MISSING_CLOSING_BALANCE = "missing_closing_balance"
    BALANCE = "balance"
    """A balance is given, but impossibly, or twice with different amounts."""
    SUMMARY_MISMATCH = "summary_mismatch"
    """The file states another count or sum of its entries than it holds."""
    REISSUED = "reissued"
    """The statement tells a day again with other entries, and what was decided about it cannot be done (yet)."""
    PAGE_GAP = "page_gap"
    """The opening balance of a page is not the closing balance of the page before."""
    DETAIL = "detail"
    """An amount in the details of an entry cannot be."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a file, and where: the line, and the element or field. Names no account and no person."""

    code: ProblemCode
    place: str
    detail: str

    def __str__(self) -> str:
        return f"{self.place}: {self.detail} ({self.code})"


class ReconciliationError(Exception):
    """Reconciliation could not do what was asked."""

    code = "reconciliation_error"


class StatementRefused(ReconciliationError):
    """The statement file cannot be read whole, so nothing of it is used."""

    code = "statement_refused"

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


class UnknownFormat(StatementRefused):
    """The file is in none of the formats that are read."""

    code = "unknown_format"
