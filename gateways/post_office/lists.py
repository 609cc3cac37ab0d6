"""Danh sách chi trả (C72a-HD): who is paid in cash, at which pay point, how much; as CSV that Excel opens.

The first line names the list, the last one counts and adds up: a list that was cut has no last line. Money is whole
đồng in digits. A cell never begins with a sign that a spreadsheet would take for a formula.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import BinaryIO

from gateways.contract import BatchOrder, Capabilities, Instruction
from gateways.errors import BadBatch

TITLE = "C72a-HD"
TOTAL = "Cộng"

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,34}")
_PERSON = re.compile(r"[A-Za-z0-9]{1,34}")
_PAY_POINT = re.compile(r"\d{6}")
_FORMULA = "=+-@\t\r"
_LISTED_PROBLEMS = 100


def write(
    order: BatchOrder,
    instructions: Iterable[Instruction],
    limits: Capabilities,
    columns: Sequence[str],
    to: BinaryIO,
) -> None:
    """Writes the list as a stream. On `BadBatch` what was written so far is no list and must be thrown away."""
    text = io.TextIOWrapper(to, "utf-8-sig", newline="", write_through=True)
    lines = csv.writer(text, lineterminator="\r\n")
    lines.writerow([TITLE, order.message_id, order.execution_on.isoformat(), order.count, order.total_vnd])
    lines.writerow(columns)
    problems = [] if _ID.fullmatch(order.message_id) else [f"{order.message_id!r} is no name of a list"]
    seen: set[str] = set()
    count = total_vnd = 0
    for instruction in instructions:
        count += 1
        total_vnd += instruction.amount_vnd
        problems += _problems(instruction, count, limits, seen)
        if len(problems) >= _LISTED_PROBLEMS:
            break
        lines.writerow(_line(instruction, count, limits))
    if (count, total_vnd) != (order.count, order.total_vnd):
        problems.append(f"{count} people and {total_vnd} VND; {order.count} and {order.total_vnd} are declared")
    if not 1 <= count <= limits.max_lines_per_file or total_vnd > limits.max_total_per_file_vnd:
        problems.append(f"a list holds 1 to {limits.max_lines_per_file} people")
    if not problems:
        lines.writerow([TOTAL, count, "", "", "", "", total_vnd, "", ""])
    text.detach()
    if problems:
        raise BadBatch(problems)


def _line(instruction: Instruction, number: int, limits: Capabilities) -> list[object]:
    return [
        number,
        instruction.reference,
        instruction.creditor_account,
        _plain(instruction.creditor_name)[: limits.name_length],
        instruction.creditor_bank_bin,
        instruction.purpose_code,
        instruction.amount_vnd,
        _plain(instruction.remittance)[: limits.remittance_length],
        "",
    ]


def _problems(instruction: Instruction, number: int, limits: Capabilities, seen: set[str]) -> list[str]:
    """The person's number is never part of the message."""
    problems = []
    if not _ID.fullmatch(instruction.reference) or instruction.reference in seen:
        problems.append("no reference, or one that is used twice in the list")
    if not _PERSON.fullmatch(instruction.creditor_account):
        problems.append("Mã số BHXH: not 1 to 34 letters and digits")
    if not _plain(instruction.creditor_name):
        problems.append("Họ và tên: empty")
    if not _PAY_POINT.fullmatch(instruction.creditor_bank_bin):
        problems.append("Mã điểm chi trả: not six digits")
    if not limits.min_amount_vnd <= instruction.amount_vnd <= limits.max_amount_vnd:
        problems.append(f"Số tiền: {instruction.amount_vnd} VND cannot be paid in cash")
    seen.add(instruction.reference)
    return [f"person {number} ({instruction.reference}): {problem}" for problem in problems]


def _plain(text: str) -> str:
    """Vietnamese letters stay, composed; control characters and the beginnings of formulas go."""
    kept = "".join(
        " " if unicodedata.category(character).startswith("C") else character
        for character in unicodedata.normalize("NFC", text)
    )
    return " ".join(kept.split()).lstrip(_FORMULA).strip()
