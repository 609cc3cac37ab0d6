"""VietQR: the payload of a payer's QR code for a transfer to one of our accounts, built and read.

The format is "QR format for NAPAS 24/7 fast transfer", version 1.0 (NAPAS, September 2021), a profile of EMVCo's
merchant-presented codes: objects of a two-digit id, a two-digit length in characters and a value. Lengths are checked
as well as the check sum, since the sum alone does not prove a payload: an example printed in that document carries a
right sum over a wrong length.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from gateways.errors import BadDocument

PURPOSE_LENGTH: Final = 25
"""How much a field of the additional data (id 62) may hold; many apps write more, and banks cut it."""

_APPLICATION: Final = "A000000727"
"""The application identifier of NAPAS: the mark of VietQR."""
_VND: Final = "704"
_HIGHEST_VND: Final = 10**13 - 1
_ADDITIONAL_LENGTH: Final = 99
_BIN: Final = re.compile(r"[0-9]{6}")
_ACCOUNT: Final = re.compile(r"[0-9A-Za-z]{1,19}")
_PRINTABLE: Final = re.compile(r"[ -~]+")


class Service(StrEnum):
    """Where the transfer goes: to an account, or to a card."""

    ACCOUNT = "QRIBFTTA"
    CARD = "QRIBFTTC"


class Initiation(StrEnum):
    """How often a code may be used (id 01)."""

    STATIC = "11"
    DYNAMIC = "12"
    """Once."""


class Flaw(StrEnum):
    """What is wrong with a payload that was read."""

    CHECK_SUM = "crc"
    LENGTH = "length"
    """An object is shorter or longer than it says, or is no object."""
    NOT_VIETQR = "not_vietqr"
    """Sound, but another scheme, such as a merchant code of VNPAY, or without what a transfer needs."""
    CURRENCY = "currency"
    AMOUNT = "fraction_in_vnd"
    """The amount is not whole đồng."""


class QrUnreadable(BadDocument):
    """The text of the QR code is no VietQR payload."""

    code = "qr_unreadable"

    def __init__(self, flaw: Flaw) -> None:
        super().__init__(f"the text of the QR code is no VietQR payload: {flaw.value}")
        self.flaw = flaw


class QrImpossible(BadDocument):
    """A value does not fit into a VietQR payload."""

    code = "qr_impossible"


@dataclass(frozen=True, slots=True, kw_only=True)
class VietQr:
    """What a payer's app is told. Without an amount the code is static: the payer types it and may use it again."""

    bin: str
    account: str = field(repr=False)
    service: Service = Service.ACCOUNT
    amount_vnd: int | None = None
    bill: str | None = None
    reference: str | None = None
    purpose: str | None = None
    """What the app puts into the memo of the transfer."""


def build(code: VietQr) -> str:
    """The payload of a code.

    >>> build(VietQr(bin="970407", account="19030413601018"))[-33:]
    '0208QRIBFTTA53037045802VN63040283'
    """
    _require_fit(code)
    beneficiary = _object("00", code.bin) + _object("01", code.account)
    transfer = _object("00", _APPLICATION) + _object("01", beneficiary) + _object("02", code.service)
    told = {"01": code.bill, "05": code.reference, "08": code.purpose}
    additional = "".join(_object(number, text) for number, text in told.items() if text is not None)
    if len(additional) > _ADDITIONAL_LENGTH:
        raise QrImpossible(f"the additional data has {len(additional)} characters, at most {_ADDITIONAL_LENGTH} fit")
    body = "".join(
        (
            _object("00", "01"),
            _object("01", Initiation.STATIC if code.amount_vnd is None else Initiation.DYNAMIC),
            _object("38", transfer),
            _object("53", _VND),
            "" if code.amount_vnd is None else _object("54", str(code.amount_vnd)),
            _object("58", "VN"),
            _object("62", additional) if additional else "",
            "6304",
        )
    )
    return body + check_sum(body)


def parse(payload: str) -> VietQr:
    """Reads a payload; raises `QrUnreadable` with its flaw. The check sum may stand in small letters."""
    objects = dict(_objects(payload))
    if "63" not in objects or payload[-8:-4] != "6304":
        raise QrUnreadable(Flaw.LENGTH)
    if check_sum(payload[:-4]) != payload[-4:].upper():
        raise QrUnreadable(Flaw.CHECK_SUM)
    transfer = dict(_objects(objects.get("38", "")))
    if objects.get("00") != "01" or transfer.get("00") != _APPLICATION:
        raise QrUnreadable(Flaw.NOT_VIETQR)
    beneficiary = dict(_objects(transfer.get("01", "")))
    if not {"00", "01"} <= beneficiary.keys() or transfer.get("02") not in set(Service):
        raise QrUnreadable(Flaw.NOT_VIETQR)
    if objects.get("53") != _VND:
        raise QrUnreadable(Flaw.CURRENCY)
    additional = dict(_objects(objects.get("62", "")))
    return VietQr(
        bin=beneficiary["00"],
        account=beneficiary["01"],
        service=Service(transfer["02"]),
        amount_vnd=_amount(objects.get("54")),
        bill=additional.get("01"),
        reference=additional.get("05"),
        purpose=additional.get("08"),
    )


def initiation(payload: str) -> Initiation:
    """Whether a code that was read is for one use. One that does not say so is static."""
    return Initiation.DYNAMIC if dict(_objects(payload)).get("01") == Initiation.DYNAMIC else Initiation.STATIC


def check_sum(text: str) -> str:
    """CRC-16/CCITT-FALSE (polynomial 1021, start FFFF, not reflected) as four capital hexadecimal digits.

    >>> check_sum("123456789")
    '29B1'
    """
    remainder = 0xFFFF
    for byte in text.encode("utf-8"):
        remainder ^= byte << 8
        for _ in range(8):
            remainder = (remainder << 1) ^ (0x1021 if remainder & 0x8000 else 0)
        remainder &= 0xFFFF
    return f"{remainder:04X}"


def _object(number: str, value: str) -> str:
    return f"{number}{len(value):02}{value}"


def _objects(text: str) -> Iterator[tuple[str, str]]:
    """The objects of a text, which they must fill to its end, each id once."""
    seen = set()
    at = 0
    while at < len(text):
        number, length = text[at : at + 2], text[at + 2 : at + 4]
        if not (number + length).isascii() or not (number + length).isdigit() or len(length) != 2 or number in seen:
            raise QrUnreadable(Flaw.LENGTH)
        value = text[at + 4 : at + 4 + int(length)]
        if len(value) != int(length):
            raise QrUnreadable(Flaw.LENGTH)
        seen.add(number)
        yield number, value
        at += 4 + len(value)


def _amount(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()):
        raise QrUnreadable(Flaw.AMOUNT)
    return int(text)


def _require_fit(code: VietQr) -> None:
    if not _BIN.fullmatch(code.bin):
        raise QrImpossible("a BIN has six digits")
    if not _ACCOUNT.fullmatch(code.account):
        raise QrImpossible("an account or card number has 1 to 19 letters and digits")
    if code.amount_vnd is not None and not 0 < code.amount_vnd <= _HIGHEST_VND:
        raise QrImpossible(f"the amount lies between 1 and {_HIGHEST_VND} đồng")
    for name in ("bill", "reference", "purpose"):
        value: str | None = getattr(code, name)
        if value is not None and (len(value) > PURPOSE_LENGTH or not _PRINTABLE.fullmatch(value)):
            raise QrImpossible(f"{name} has 1 to {PURPOSE_LENGTH} characters of plain ASCII")
