"""Our payment reference (mã tham chiếu lệnh chi): made once, echoed by banks, and found again in what they made of it.

A reference is two letters, eleven digits and a check letter, `PN00000000001J`: fixed length, fixed letters in front
and no separators, because memos are full of bare numbers (phones, accounts, dates) and banks cut, join and fold text.
The alphabet has 23 letters: I, O and Q are left out, since they are read as 1 and 0.

The check letter follows the pure systems of ISO 7064 (radix 10), with the prime 23 as its modulus: letters count by
their place in the alphabet, digits as themselves, each character is weighted by a power of 10, and the whole must
leave 1. All fourteen weights differ and none is zero, so every single wrong character and every swap of two is caught.
Since the radix is 10, the eleven digits weigh what their number weighs, and one SQL expression does the same.
"""

import re
import unicodedata
from typing import Final

ALPHABET: Final = "ABCDEFGHJKLMNPRSTUVWXYZ"
DIGITS: Final = 11
LENGTH: Final = 2 + DIGITS + 1
PAYMENT_PREFIX: Final = "PN"
"""The prefix of payments (khoản chi trả)."""

_MODULUS: Final = 23
_HIGHEST: Final = 10**DIGITS - 1
_SHAPE: Final = re.compile(rf"[{ALPHABET}]{{2}}[0-9]{{{DIGITS}}}[{ALPHABET}]")
_SHAPE_ANYWHERE: Final = re.compile(rf"(?=({_SHAPE.pattern}))")
_SEPARATORS: Final = bytes(code for code in range(128) if not chr(code).isalnum())


def make_reference(prefix: str, number: int) -> str:
    """The reference of a sequence number.

    >>> make_reference("PN", 1)
    'PN00000000001J'
    """
    if not 0 < number <= _HIGHEST:
        raise ValueError(f"a reference number lies between 1 and {_HIGHEST}, not {number}")
    return f"{prefix}{number:0{DIGITS}d}{_check_letter(prefix, number)}"


def is_reference(text: str) -> bool:
    """Whether the text is exactly one reference, as we write it, with the right check letter."""
    return _SHAPE.fullmatch(text) is not None and text[-1] == _check_letter(text[:2], int(text[2:-1]))


def find_references(text: str) -> tuple[str, ...]:
    """Every reference in a memo, each once, in the order of the text.

    Case, marks and separators do not count, for banks change all three and break lines anywhere. What stands before and
    after does not count either, so a reference with clear borders is found as well as one glued to its neighbours.
    A hit with the right check letter may still be chance: it counts only if that reference was given out.

    >>> find_references("MBVCB.1234567890.pn 0000-0000.001j luong huu")
    ('PN00000000001J',)
    """
    joined = fold(text).encode("ascii", "ignore").translate(None, _SEPARATORS).decode("ascii")
    if len(joined) < LENGTH:
        return ()
    return tuple(dict.fromkeys(found for found in _SHAPE_ANYWHERE.findall(joined) if is_reference(found)))


_UNIT: Final = re.compile(r"BHXH10300([A-Z]{2}[0-9]{4}[A-Z]|[A-Z]{3}[0-9]{3}[A-Z])([0-9]{5})?")


def find_units(text: str) -> tuple[str, ...]:
    """The units that a memo of the social insurance form names, each with its agency if that is there.

    The form is `+BHXH+103+00+<unit>+<agency>+dong BHXH+` (103: contributions, 00: fixed), as public client programs and
    real statement lines have it. Money that comes back (hoàn) repeats the words and tells nobody.

    >>> find_units("MBVCB.123.+BHXH+103+00+TA0001Z+07901+dong BHXH+.CT tu 001")
    ('TA0001Z 07901',)
    """
    folded = fold(text)
    if re.search(r"\bHOAN\b", folded):
        return ()
    joined = folded.encode("ascii", "ignore").translate(None, _SEPARATORS).decode("ascii")
    return tuple(dict.fromkeys(" ".join(part for part in found if part) for found in _UNIT.findall(joined)))


def fold(text: str) -> str:
    """Text as banks pass it on: capitals without marks, Đ as D."""
    upper = text.upper()
    if upper.isascii():
        return upper
    decomposed = unicodedata.normalize("NFKD", upper.replace("Đ", "D"))
    return "".join(character for character in decomposed if not unicodedata.combining(character)).upper()


def reference_sql(prefix: str, number: str) -> str:
    """An SQL expression for the reference of a bigint expression; null where `make_reference` refuses the number."""
    # 13 is -10 modulo 23: the remainder of a negative number is negative in SQL.
    place = f"({_prefix_share(prefix)} + {_MODULUS - 10} * (({number}) % {_MODULUS})) % {_MODULUS}"
    return (
        f"CASE WHEN ({number}) BETWEEN 1 AND {_HIGHEST} THEN "
        f"'{prefix}' || lpad(({number})::text, {DIGITS}, '0') || substr('{ALPHABET}', 1 + ({place})::int, 1) END"
    )


def _check_letter(prefix: str, number: int) -> str:
    return ALPHABET[(_prefix_share(prefix) - 10 * number) % _MODULUS]


def _prefix_share(prefix: str) -> int:
    """What the prefix leaves for the digits and the check letter to make the whole leave 1."""
    if len(prefix) != 2 or any(letter not in ALPHABET for letter in prefix):
        raise ValueError(f"a reference begins with two letters of {ALPHABET}, not {prefix!r}")
    first, second = (ALPHABET.index(letter) for letter in prefix)
    return (1 - first * 10**13 - second * 10**12) % _MODULUS


REFERENCE_SQL: Final = reference_sql(PAYMENT_PREFIX, "number")
"""The reference of a payment over a bigint column called `number`."""
