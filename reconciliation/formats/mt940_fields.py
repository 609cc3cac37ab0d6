"""The fields of MT940 and MT942: balances, entries (field 61) and floor limits, each by a strict grammar.

Rules: SWIFT Standards MT, category 9 (MT940 customer statement, MT942 interim transaction report), as banks print them
in their guides (Deutsche Bank NL, Danske Bank, Bank BPH). An amount always has a comma; anything else is refused.
"""

import re
from dataclasses import dataclass
from datetime import date
from typing import Final

from reconciliation.errors import ProblemCode
from reconciliation.formats.amounts import Unreadable, calendar_date, decimals_of, read_decimal_comma, shown
from reconciliation.statement import EntryStatus, Sign

_BALANCE: Final = re.compile(r"([CD])([0-9]{6})([A-Z]{3})([0-9.,]*)")
_TOTAL: Final = re.compile(r"([0-9]{1,5}) ?([A-Z]{3})([0-9]+,[0-9]*)")
_FLOOR_CURRENCY: Final = re.compile(r"([A-Z]{3})[CD]?[0-9]+(?:,[0-9]*)?")
_ENTRY: Final = re.compile(
    r"(?P<value>[0-9]{6})"
    r"(?P<booked>[0-9]{4}| {4})?"
    r"(?P<mark>RC|RD|EC|ED|C|D)"
    r"(?P<funds>[A-Z])?"  # the third letter of the currency; CR and DR are read as C and D with this letter
    r"(?P<amount>[0-9]+,[0-9]*)"
    r"(?![0-9.,])"
    r" *(?P<type>[NSF][A-Z0-9 ]{3})?"
    r"(?P<references>.*)"
)
_MARKS: Final = {
    "C": (Sign.CREDIT, False, EntryStatus.BOOKED),
    "D": (Sign.DEBIT, False, EntryStatus.BOOKED),
    "RC": (Sign.DEBIT, True, EntryStatus.BOOKED),
    "RD": (Sign.CREDIT, True, EntryStatus.BOOKED),
    "EC": (Sign.CREDIT, False, EntryStatus.PENDING),
    "ED": (Sign.DEBIT, False, EntryStatus.PENDING),
}
"""A reversed credit (RC) takes money out, a reversed debit (RD) brings it back; EC and ED are expected."""
_LAST_YEAR_OF_THIS_CENTURY: Final = 79


@dataclass(frozen=True, slots=True)
class BalanceField:
    """Fields 60, 62, 64: an amount with its sign and day."""

    currency: str
    on: date | None
    amount: int


@dataclass(frozen=True, slots=True)
class EntryField:
    """Field 61."""

    value_on: date
    booked_on: date
    sign: Sign
    reversal: bool
    status: EntryStatus
    amount: int
    type: str | None
    customer_reference: str | None
    bank_reference: str | None


@dataclass(frozen=True, slots=True)
class TotalField:
    """Fields 90D and 90C of an interim report: how many entries, and their sum."""

    count: int
    currency: str
    amount: int


def read_currency(text: str) -> str | None:
    """The currency of a balance field, even where its amount or day cannot be; or of fields 34F and 90."""
    match = _BALANCE.fullmatch(text)
    if match is not None:
        return match[3]
    match = _FLOOR_CURRENCY.fullmatch(text)
    if match is not None:
        return match[1]
    match = _TOTAL.fullmatch(text)
    return match[2] if match is not None else None


def read_balance(text: str, currency: str) -> BalanceField:
    """A balance in the currency of the statement."""
    match = _BALANCE.fullmatch(text)
    if match is None:
        raise Unreadable(ProblemCode.BALANCE, f"{shown(text)} is no balance")
    if match[3] != currency:
        raise Unreadable(ProblemCode.BALANCE, f"the balance is in {shown(match[3])}, the statement in {currency}")
    amount = read_decimal_comma(match[4], currency)
    # Some banks write no day into the opening balance of a new account.
    on = None if match[2] == "000000" else _short_date(match[2])
    return BalanceField(match[3], on, amount if match[1] == "C" else -amount)


def read_total(text: str, currency: str) -> TotalField:
    """Field 90D or 90C."""
    match = _TOTAL.fullmatch(text)
    if match is None or match[2] != currency:
        raise Unreadable(ProblemCode.SUMMARY_MISMATCH, f"{shown(text)} is no count and sum in {currency}")
    return TotalField(int(match[1]), match[2], read_decimal_comma(match[3], currency))


def read_entry_field(text: str, currency: str) -> EntryField:
    """Field 61 without its supplementary details. The line is not repeated in a message: it names people."""
    decimals_of(currency)
    match = _ENTRY.fullmatch(text)
    if match is None:
        raise Unreadable(
            ProblemCode.MALFORMED_ENTRY,
            "field 61 is not value date, entry date, mark (C, D, RC, RD, EC, ED), amount with one comma, references",
        )
    sign, reversal, status = _MARKS[match["mark"]]
    amount = read_decimal_comma(match["amount"], currency)
    value_on = _short_date(match["value"])
    customer_reference, _, bank_reference = match["references"].partition("//")
    return EntryField(
        value_on=value_on,
        booked_on=_entry_date((match["booked"] or "").strip(), value_on),
        sign=sign,
        reversal=reversal,
        status=status,
        amount=amount,
        type=(match["type"] or "").strip() or None,
        customer_reference=customer_reference.strip() or None,
        bank_reference=bank_reference.strip() or None,
    )


def _short_date(text: str) -> date:
    """A day as yymmdd."""
    year = int(text[:2])
    century = 2000 if year <= _LAST_YEAR_OF_THIS_CENTURY else 1900
    return calendar_date(century + year, int(text[2:4]), int(text[4:6]), text)


def _entry_date(text: str, value_on: date) -> date:
    """The booking day as mmdd, in the year nearest to the value date; it is left out where it is the value date."""
    if not text:
        return value_on
    month, day = int(text[:2]), int(text[2:4])
    near = []
    for year in (value_on.year - 1, value_on.year, value_on.year + 1):
        try:
            near.append(date(year, month, day))
        except ValueError:
            continue
    if not near:
        raise Unreadable(ProblemCode.DATE, f"{shown(text)} is no day of the calendar")
    return min(near, key=lambda day_: abs(day_ - value_on))
