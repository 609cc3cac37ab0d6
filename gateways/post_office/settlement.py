"""Bảng thanh toán với bưu điện (C74a-HD): who came for the money, and why the others did not.

A settlement is read whole or refused whole: it names the list it settles, and its last line must count and add up what
stands above. A result that the sheet does not know, or an amount that is not the ordered one, proves nothing.
"""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateways.contract import InstructionStatus, Outcome
from gateways.errors import BadDocument
from gateways.post_office.lists import TOTAL

TITLE = "C74a-HD"

_MAX_BYTES = 64 * 1024 * 1024
_LEAST_LINES = 3


@dataclass(frozen=True, slots=True)
class Settled:
    """One line: the result's code and what was paid, in đồng."""

    reference: str
    code: str
    paid_vnd: int


@dataclass(frozen=True, slots=True)
class Settlement:
    """A settlement as it was read."""

    message_id: str
    lines: tuple[Settled, ...]

    def statuses(self, codes: Mapping[str, Mapping[str, Any]]) -> tuple[InstructionStatus, ...]:
        return tuple(_status(line, codes) for line in self.lines)


def read(content: bytes) -> Settlement:
    """Raises `BadDocument` with the line at which it is no settlement."""
    if len(content) > _MAX_BYTES:
        raise BadDocument(f"{len(content)} bytes; at most {_MAX_BYTES} are read")
    try:
        rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadDocument(f"no CSV in UTF-8: {type(error).__name__}") from error
    if len(rows) < _LEAST_LINES or len(rows[0]) < 2 or rows[0][0] != TITLE:
        raise BadDocument(f"not a {TITLE} with its title, columns and sum")
    lines = tuple(_line(row, number) for number, row in enumerate(rows[2:-1], 3))
    last = rows[-1]
    if last[0] != TOTAL or len(last) < 4:
        raise BadDocument(f"line {len(rows)}: the last line does not say {TOTAL}; the file may be cut")
    if (_whole(last[1], len(rows)), _whole(last[3], len(rows))) != (len(lines), sum(line.paid_vnd for line in lines)):
        raise BadDocument(f"line {len(rows)}: count or sum is not that of the lines")
    if len({line.reference for line in lines}) != len(lines):
        raise BadDocument("a payment stands in it twice")
    return Settlement(rows[0][1], lines)


def _line(row: list[str], number: int) -> Settled:
    if len(row) < 4 or not row[1].strip():
        raise BadDocument(f"line {number}: number, payment, result and amount are wanted")
    return Settled(row[1].strip(), row[2].strip(), _whole(row[3], number))


def _whole(text: str, number: int) -> int:
    digits = text.strip()
    if not (digits.isascii() and digits.isdigit()):
        raise BadDocument(f"line {number}: an amount or count is not a whole number")
    return int(digits)


def _status(line: Settled, codes: Mapping[str, Mapping[str, Any]]) -> InstructionStatus:
    """Money without the word for it, or the word without money, contradict each other: unknown."""
    row = codes.get(line.code)
    outcome = Outcome.UNKNOWN if row is None else Outcome(row["outcome"])
    if (outcome is Outcome.SUCCESS) is not (line.paid_vnd > 0):
        outcome = Outcome.UNKNOWN
    return InstructionStatus(line.reference, outcome, line.code, None if row is None else row["reason"])
