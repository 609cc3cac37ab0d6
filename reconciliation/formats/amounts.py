"""Amounts and dates as statements write them, read exactly or not at all.

Number of decimals of each currency: ISO 4217 list one (current currencies), published by SIX on 2026-01-01, as carried
by the PyPI package iso4217 1.16.20260101; funds without minor units (gold, SDR, test codes) are left out. Currencies
that were withdrawn stand in older statements and are kept, with the decimals of java.util.Currency.
"""

import re
from datetime import date
from functools import lru_cache
from typing import Final

from reconciliation.errors import ProblemCode

_TWO_DECIMALS: Final = """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW
    CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF
    IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK
    MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP
    SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG
    YER ZAR ZMW ZWG ANG BGN CUC EEK HRK ATS CYP DEM FIM FRF IEP LTL LVL MRO MTL NLG ROL SIT SKK SLL STD VEF ZWL
"""
_NO_DECIMALS: Final = """
    BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF BEF BYR ESP GRD ITL LUF PTE TRL
"""
_THREE_DECIMALS: Final = """
    BHD IQD JOD KWD LYD OMR TND
"""
_FOUR_DECIMALS: Final = """
    CLF UYW
"""
DECIMALS: Final[dict[str, int]] = {
    code: decimals
    for decimals, codes in ((2, _TWO_DECIMALS), (0, _NO_DECIMALS), (3, _THREE_DECIMALS), (4, _FOUR_DECIMALS))
    for code in codes.split()
}
"""Decimals of each currency; withdrawn ones stand at the end of their group."""

_DIGITS_AT_MOST: Final = 18
"""What ISO 20022 allows, and what a 64-bit integer holds."""
_POINT: Final = re.compile(r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+")
_COMMA: Final = re.compile(r"[0-9]+,[0-9]*")
_ISO_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[TZ+-][0-9:.TZ+-]*)?")
_SHOWN: Final = 30


class Unreadable(Exception):
    """A value does not follow its grammar; the reader that knows the place turns this into a problem."""

    def __init__(self, code: ProblemCode, detail: str, where: str = "") -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.where = where


def read_decimal_point(text: str, currency: str) -> int:
    """An ISO 20022 amount, such as `4250000`, `12.50` or `.6`, in minor units of its currency."""
    if currency == "VND" and len(text) <= _DIGITS_AT_MOST and text.isascii() and text.isdigit():
        return int(text)
    return _minor_units(_POINT, text.strip(" \t\r\n"), ".", currency)


def read_decimal_comma(text: str, currency: str) -> int:
    """A SWIFT amount, such as `4250000,` or `12,5`, in minor units of its currency. The comma is always there."""
    return _minor_units(_COMMA, text, ",", currency)


@lru_cache(maxsize=1024)
def read_iso_date(text: str) -> date:
    """The date of `2026-12-01` or `2026-12-01T10:00:00+07:00`, as written: a bank states days of its own time zone."""
    text = text.strip(" \t\r\n")
    if _ISO_DATE.fullmatch(text) is None:
        raise Unreadable(ProblemCode.DATE, f"{shown(text)} is no date")
    return calendar_date(int(text[:4]), int(text[5:7]), int(text[8:10]), text[:10])


def calendar_date(year: int, month: int, day: int, text: str) -> date:
    """A day that the calendar has; the text is what the file says."""
    try:
        return date(year, month, day)
    except ValueError:
        raise Unreadable(ProblemCode.DATE, f"{shown(text)} is no day of the calendar") from None


def decimals_of(currency: str) -> int:
    """How many decimals a currency has."""
    decimals = DECIMALS.get(currency)
    if decimals is None:
        raise Unreadable(ProblemCode.CURRENCY, f"{shown(currency)} is no currency of ISO 4217")
    return decimals


def shown(text: str) -> str:
    """A value of the file inside a message, at most thirty characters of it."""
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")


def _minor_units(grammar: re.Pattern[str], text: str, mark: str, currency: str) -> int:
    decimals = decimals_of(currency)
    match = grammar.fullmatch(text)
    if match is None:
        raise Unreadable(ProblemCode.AMOUNT, f"{shown(text)} is no amount")
    whole, _, fraction = text.partition(mark)
    beyond = fraction[decimals:]
    if beyond.strip("0"):
        code = ProblemCode.FRACTION_IN_VND if currency == "VND" else ProblemCode.FRACTION
        raise Unreadable(code, f"{shown(text)} has more than the {decimals} decimals of {currency}")
    digits = whole + fraction[:decimals].ljust(decimals, "0")
    if len(digits) > _DIGITS_AT_MOST and len(digits.lstrip("0")) > _DIGITS_AT_MOST:
        raise Unreadable(ProblemCode.AMOUNT, f"{shown(text)} has more than {_DIGITS_AT_MOST} digits")
    return int(digits)
