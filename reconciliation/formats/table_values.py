"""Amounts and dates as people and spreadsheets write them, read exactly or not at all."""

import re
from datetime import date, timedelta
from functools import lru_cache
from typing import Final

from reconciliation.errors import ProblemCode
from reconciliation.formats.amounts import Unreadable, calendar_date, decimals_of, shown

_UNIT: Final = re.compile(r"\s*(?:VN[DĐ]|đồng|[đĐ₫]|USD|EUR|JPY|[A-Z]{3})\.?$", re.IGNORECASE)
_UNIT_BEFORE: Final = re.compile(r"^(?:VN[DĐ]|USD|EUR|JPY|₫)\s*", re.IGNORECASE)
_SIGNED: Final = re.compile(r"([+-]?)\s*([0-9][0-9.,'’ ]*)")
_GROUPED: Final = re.compile(r"[0-9]{1,3}(?:([.,'’ ])[0-9]{3})(?:\1[0-9]{3})*")
_SCIENTIFIC: Final = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)?[eE][+-]?[0-9]+")
_DAY_FIRST: Final = re.compile(r"([0-9]{1,2})[/.-]([0-9]{1,2})[/.-]([0-9]{4}|[0-9]{2})(?![0-9])(.*)", re.DOTALL)
_YEAR_FIRST: Final = re.compile(r"([0-9]{4})[/.-]([0-9]{2})[/.-]([0-9]{2})(?![0-9])(.*)", re.DOTALL)
_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_MONTH_NAMED: Final = re.compile(
    rf"([0-9]{{1,2}})[ /.-]({'|'.join(_MONTHS)})[ /.-]([0-9]{{4}}|[0-9]{{2}})(?![0-9])(.*)", re.DOTALL | re.IGNORECASE
)
_COMPACT: Final = re.compile(r"(20[0-9]{2})(0[1-9]|1[0-2])([0-3][0-9])(?![0-9])(.*)", re.DOTALL)
_SERIAL: Final = re.compile(r"([0-9]{5})(?:\.[0-9]+)?")
_CLOCK: Final = re.compile(r"[T ]*[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?(?:\.[0-9]+)?(?: ?[AP]M)?(?:Z|[+-][0-9:]{4,6})?")
_CLOCK_FIRST: Final = re.compile(r"^[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?\s+")
_FIRST_SERIAL: Final = date(1899, 12, 30)
_DIGITS_AT_MOST: Final = 18


@lru_cache(maxsize=1024)
def read_number(text: str, currency: str) -> int:
    """An amount with its sign, in minor units: `1.234.567`, `-1,234`, `(500)`, `9876543.0`, `12.000 VND`.

    For a currency without decimals a mark before three digits parts thousands; any other fraction but zero is refused.

    >>> read_number("(1.234.567 VND)", "VND")
    -1234567
    """
    bare = text.strip()
    if _SCIENTIFIC.fullmatch(bare):
        raise Unreadable(ProblemCode.AMOUNT, f"{shown(text)} is cut to an exponent")
    negative = bare.startswith("(") and bare.endswith(")")
    if negative:
        bare = bare[1:-1]
    match = _SIGNED.fullmatch(_UNIT_BEFORE.sub("", _UNIT.sub("", bare).strip()))
    if match is None or (negative and match[1]):
        raise Unreadable(ProblemCode.AMOUNT, f"{shown(text)} is no amount")
    value = _unsigned(match[2].strip(), text, currency)
    return -value if negative or match[1] == "-" else value


def _unsigned(digits: str, text: str, currency: str) -> int:
    decimals = decimals_of(currency)
    whole, fraction = _parted(digits, decimals)
    group = _GROUPED.fullmatch(whole)
    if group is not None:
        whole = whole.replace(group[1], "")
    if not whole.isascii() or not whole.isdigit():
        raise Unreadable(ProblemCode.AMOUNT, f"{shown(text)} is no amount")
    if fraction[decimals:].strip("0"):
        code = ProblemCode.FRACTION_IN_VND if currency == "VND" else ProblemCode.FRACTION
        raise Unreadable(code, f"{shown(text)} has more than the {decimals} decimals of {currency}")
    minor = whole + fraction[:decimals].ljust(decimals, "0")
    if len(minor.lstrip("0")) > _DIGITS_AT_MOST:
        raise Unreadable(ProblemCode.AMOUNT, f"{shown(text)} has more than {_DIGITS_AT_MOST} digits")
    return int(minor)


def _parted(digits: str, decimals: int) -> tuple[str, str]:
    """Whole and fraction. The last mark parts them, unless it is one of several equal ones or parts thousands."""
    place = max(digits.rfind("."), digits.rfind(","))
    if place < 0:
        return digits, ""
    mark, fraction = digits[place], digits[place + 1 :]
    if decimals == 0 and len(fraction) == 3 and ({".", ","} - {mark}) & set(digits):
        return digits, ""  # 1,000.000: a thousand or a million
    parts_thousands = len(fraction) == 3 and (decimals == 0 or mark == ",") and _GROUPED.fullmatch(digits) is not None
    if digits.count(mark) > 1 or parts_thousands or not (fraction.isascii() and fraction.isdigit()):
        return digits, ""
    return digits[:place], fraction


@lru_cache(maxsize=1024)
def read_day(text: str) -> tuple[date, str]:
    """A day and what else stands in the cell: `02/11/2026 5243.65937`, `2026-11-02 10:00:00`, a serial of Excel.

    An ambiguous day is always day first.

    >>> read_day("03/04/2026")
    (datetime.date(2026, 4, 3), '')
    """
    bare = _CLOCK_FIRST.sub("", text.strip())
    serial = _SERIAL.fullmatch(bare)
    if serial is not None:
        return _FIRST_SERIAL + timedelta(days=int(serial[1])), ""
    match = _DAY_FIRST.fullmatch(bare) or _MONTH_NAMED.fullmatch(bare)
    if match is not None:
        named = match[2].upper() in _MONTHS
        month = _MONTHS.index(match[2].upper()) + 1 if named else int(match[2])
        day, year = int(match[1]), int(match[3])
    else:
        match = _YEAR_FIRST.fullmatch(bare) or _COMPACT.fullmatch(bare)
        if match is None:
            raise Unreadable(ProblemCode.DATE, f"{shown(text)} is no date")
        year, month, day = int(match[1]), int(match[2]), int(match[3])
    rest = _CLOCK.sub("", match[4], count=1).strip(" \r\n\t-")
    return calendar_date(year + 2000 if year < 100 else year, month, day, bare[:10]), rest


def is_day(text: str) -> bool:
    try:
        read_day(text)
    except Unreadable:
        return False
    return True
