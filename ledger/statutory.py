"""Statutory account numbers (số hiệu tài khoản theo chế độ kế toán): dated, each with its source and how sure it is.

The ledger keeps accounts by business event; which number a circular gives them is a matter of the accounting regime,
changes with it, and is the accountant's to say. So the numbers are data: those of the chart, or those of a file that
the accountant fills in. None stands in the program.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from itertools import pairwise
from typing import Any

from ledger.errors import ChartInvalid


class Confidence(StrEnum):
    """How sure a statutory number is."""

    OFFICIAL = "official"
    SECONDARY = "secondary"
    UNCONFIRMED = "unconfirmed"


@dataclass(frozen=True, slots=True)
class StatutoryNumber:
    """The number of an account under a circular, from a day to the end of a day; null where it is not known."""

    number: str | None
    circular: str
    valid_from: date
    valid_until: date | None
    confidence: Confidence

    def holds_on(self, day: date) -> bool:
        return self.valid_from <= day and (self.valid_until is None or day <= self.valid_until)


StatutoryNumbers = Mapping[str, Sequence[StatutoryNumber]]
"""By account or chart code, in the order of their time."""


def number_on(numbers: StatutoryNumbers, account: str, day: date) -> StatutoryNumber | None:
    """The number of an account on a day: its own, or that of the account above it (`in_transit` of `in_transit.x`)."""
    code = account
    while code:
        for found in numbers.get(code, ()):
            if found.holds_on(day):
                return found
        code = code.rpartition(".")[0]
    return None


def ordered(numbers: Iterable[StatutoryNumber], code: str) -> tuple[StatutoryNumber, ...]:
    """In the order of their time; no two may hold on one day."""
    found = sorted(numbers, key=lambda number: number.valid_from)
    for before, after in pairwise(found):
        if before.holds_on(after.valid_from):
            raise ChartInvalid(f"account {code}: two statutory numbers hold on {after.valid_from}")
    return tuple(found)


def from_chart(code: str, given: Sequence[Mapping[str, Any]]) -> tuple[StatutoryNumber, ...]:
    """The numbers that stand with an account of the chart; KeyError or ValueError if one is not as it must be."""
    numbers = []
    for value in given:
        if set(value) != {"number", "circular", "valid_from", "valid_until", "confidence"}:
            raise ValueError(f"a statutory number has other fields: {', '.join(value)}")
        numbers.append(
            StatutoryNumber(
                number=value["number"],
                circular=value["circular"],
                valid_from=_date(value["valid_from"]),
                valid_until=None if value["valid_until"] is None else _date(value["valid_until"]),
                confidence=Confidence(value["confidence"]),
            )
        )
        _require_sound(numbers[-1])
    return ordered(numbers, code)


def _date(value: object) -> date:
    if type(value) is not date:
        raise ValueError(f"{value} is no date")
    return value


def _require_sound(number: StatutoryNumber) -> None:
    if number.number is None and number.confidence is not Confidence.UNCONFIRMED:
        raise ValueError("no statutory number, so its confidence is unconfirmed")
    if number.valid_until is not None and number.valid_until < number.valid_from:
        raise ValueError(f"it ends on {number.valid_until}, before it begins on {number.valid_from}")


MAPPING_COLUMNS = ("account", "number", "circular", "valid_from", "valid_until", "confidence")
"""The columns that an accountant's file must have; others, such as names, may stand beside them."""


def read_mapping(content: bytes, known: Iterable[str]) -> dict[str, tuple[StatutoryNumber, ...]]:
    """An accountant's file: CSV with commas or semicolons, one account number a line, its first line the headings.

    `known` are the codes of the chart. Lines without a number are left out. All that is wrong is told at once, by line.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ChartInvalid("the file is not in UTF-8") from error
    heading, _, _ = text.partition("\n")
    read = csv.DictReader(io.StringIO(text, newline=""), delimiter=";" if ";" in heading else ",", strict=True)
    found: dict[str, list[StatutoryNumber]] = {}
    problems = []
    try:
        names = {_field(name): name for name in read.fieldnames or ()}
        missing = [name for name in MAPPING_COLUMNS if name not in names]
        if missing:
            raise ChartInvalid(f"line 1: columns are missing: {', '.join(missing)}")
        chart_codes = set(known)
        for row in read:
            values = {field: (row[names[field]] or "").strip() for field in MAPPING_COLUMNS}
            if not values["number"]:
                continue
            try:
                found.setdefault(values["account"], []).append(_read_line(values, chart_codes))
            except ValueError as error:
                problems.append(f"line {read.line_num}: {error}")
    except csv.Error as error:
        raise ChartInvalid(f"line {read.line_num}: {error}") from error
    mapping = {}
    for code, numbers in found.items():
        try:
            mapping[code] = ordered(numbers, code)
        except ChartInvalid as error:
            problems.append(str(error))
    if problems:
        raise ChartInvalid("\n".join(problems))
    return mapping


def _field(heading: str) -> str:
    """Our own exports have two headings in a column, `Tài khoản / account`; the last word is the field."""
    return heading.rpartition("/")[2].strip().lower().replace(" ", "_")


def _read_line(values: Mapping[str, str], chart_codes: set[str]) -> StatutoryNumber:
    if values["account"].partition(".")[0] not in chart_codes:
        raise ValueError(f"the chart knows no account {values['account'] or '(none)'}")
    if not values["number"].isalnum():
        raise ValueError(f"the number {values['number']} is not of digits and letters")
    if not values["circular"]:
        raise ValueError("the circular is missing")
    number = StatutoryNumber(
        number=values["number"],
        circular=values["circular"],
        valid_from=_written_date(values["valid_from"]),
        valid_until=_written_date(values["valid_until"]) if values["valid_until"] else None,
        confidence=_confidence(values["confidence"]),
    )
    _require_sound(number)
    return number


def _written_date(text: str) -> date:
    """As the form has it (2026-01-31), or as a Vietnamese spreadsheet rewrites it (31/01/2026)."""
    for pattern in ("%Y-%m-%d", "%d/%m/%Y"):
        try:
            return datetime.strptime(text, pattern).date()
        except ValueError:
            continue
    raise ValueError(f"{text or '(nothing)'} is no date such as 2026-01-31 or 31/01/2026")


def _confidence(text: str) -> Confidence:
    try:
        return Confidence(text.lower())
    except ValueError as error:
        raise ValueError(f"{text or '(nothing)'} is none of {', '.join(Confidence)}") from error
