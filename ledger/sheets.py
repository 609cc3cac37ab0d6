"""Tables for people, as CSV and XLSX: row by row, so that a book of any size is written in the memory of one row.

A cell of text never becomes a formula (CSV injection): what a spreadsheet would run begins with an apostrophe instead.
Every CSV or XLSX that is written for people comes from here. See https://owasp.org/www-community/attacks/CSV_Injection.
"""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from itertools import chain, islice
from pathlib import Path
from typing import TextIO
from zoneinfo import ZoneInfo

from xlsxwriter import Workbook  # type: ignore[import-untyped]
from xlsxwriter.format import Format  # type: ignore[import-untyped]

from ledger.money import Dong

Cell = str | int | Dong | date | datetime | None


class Kind(StrEnum):
    """What stands in a column."""

    TEXT = "text"
    NUMBER = "number"
    MONEY = "money"
    DATE = "date"
    INSTANT = "instant"


@dataclass(frozen=True, slots=True)
class Column:
    """A column: `name` is that of the field, as JSON has it; people read the Vietnamese and the English heading."""

    name: str
    vi: str
    en: str
    kind: Kind = Kind.TEXT

    @property
    def heading(self) -> str:
        return f"{self.vi} / {self.en}"


_FORMULA = re.compile(r"^([\s\ufeff\u200b\u00ad]*)([=+\-@\uff1d\uff0b\uff0d\uff20\u2212])")
_BLANK_START = re.compile(r"^[\t\r\n]")
_FORMULA_BEHIND_SEPARATOR = re.compile(r"([;\t\r\n]\s*)([=+\-@\uff1d\uff0b\uff0d\uff20\u2212])")


def neutral(text: str) -> str:
    """The text as a cell that no spreadsheet runs.

    A formula begins with = + - @, also in full width, also after blanks that a reader drops. Where semicolons part
    cells, one can begin in the middle of a text as well.

    >>> neutral('=HYPERLINK("http://x")'), neutral("Nguyễn Văn A"), neutral("a;=1+1")
    ('\\'=HYPERLINK("http://x")', 'Nguyễn Văn A', "a;'=1+1")
    """
    if text[:1].isalnum() and ";" not in text and text.isprintable():
        return text  # as nearly every cell is
    if _FORMULA.match(text) or _BLANK_START.match(text):
        text = "'" + text
    return _FORMULA_BEHIND_SEPARATOR.sub(r"\1'\2", text)


_VIET_NAM = ZoneInfo("Asia/Ho_Chi_Minh")


def _text(value: Cell) -> str:
    return neutral(str(value))


def _instant(value: Cell) -> str:
    """In Viet Nam's time, with its offset."""
    if not isinstance(value, datetime):
        raise TypeError(f"an instant is needed, not {type(value).__name__}")
    return value.astimezone(_VIET_NAM).isoformat(sep=" ", timespec="seconds")


def _day(value: Cell) -> str:
    if not isinstance(value, date):
        raise TypeError(f"a date is needed, not {type(value).__name__}")
    return value.isoformat()


def _whole(value: Cell) -> int:
    found = value.vnd if isinstance(value, Dong) else value
    if type(found) is not int:
        raise TypeError(f"a whole number is needed, not {type(value).__name__}")
    return found


_IN_CSV: dict[Kind, Callable[[Cell], str | int]] = {
    Kind.TEXT: _text,
    Kind.NUMBER: _whole,
    Kind.MONEY: _whole,
    Kind.DATE: _day,
    Kind.INSTANT: _instant,
}


def write_csv(file: TextIO, columns: Sequence[Column], rows: Iterable[Sequence[Cell]]) -> int:
    """Writes a heading and the rows (RFC 4180); tells how many rows. Open the file with `newline=""`."""
    written = csv.writer(file)
    written.writerow([column.heading for column in columns])
    shown = [_IN_CSV[column.kind] for column in columns]
    count = 0
    for row in rows:
        written.writerow(
            ["" if value is None else show(value) for show, value in zip(shown, row, strict=True)],
        )
        count += 1
    return count


MOST_ROWS = 1_048_576
"""A sheet of XLSX holds so many rows, its heading among them; what is beyond stands in further sheets."""

_MOST_EXACT = 10**15
"""A spreadsheet keeps 15 digits of a number; a greater amount is written as text, in full."""

_FIRST_DAY = date(1899, 12, 30)
"""Day 0 of a spreadsheet."""

_NUMBER_FORMATS = {Kind.MONEY: "#,##0", Kind.NUMBER: "0", Kind.DATE: "dd/mm/yyyy"}
_WIDTHS = {Kind.TEXT: 24, Kind.NUMBER: 10, Kind.MONEY: 20, Kind.DATE: 12, Kind.INSTANT: 26}


def _text_in_xlsx(value: Cell) -> str:
    text = _text(value)
    # The writer takes this for markup of its own and would write it as it stands.
    return "'" + text if text.startswith("<r>") else text


def _number_in_xlsx(value: Cell) -> str | int:
    found = _whole(value)
    return found if abs(found) < _MOST_EXACT else str(found)


def _day_in_xlsx(value: Cell) -> int:
    if not isinstance(value, date):
        raise TypeError(f"a date is needed, not {type(value).__name__}")
    return (value - _FIRST_DAY).days


_IN_XLSX: dict[Kind, Callable[[Cell], str | int]] = {
    Kind.TEXT: _text_in_xlsx,
    Kind.NUMBER: _number_in_xlsx,
    Kind.MONEY: _number_in_xlsx,
    Kind.DATE: _day_in_xlsx,
    Kind.INSTANT: _instant,
}


def write_xlsx(
    path: Path, title: str, columns: Sequence[Column], rows: Iterable[Sequence[Cell]], made_at: datetime
) -> int:
    """Writes a workbook of as many sheets as the rows need; tells how many rows. Amounts are numbers, dates are dates.

    The file stands under its name only when it is whole.
    """
    unfinished = path.with_name(f".{path.name}.part")
    options = {"constant_memory": True, "tmpdir": str(path.parent)}
    try:
        with Workbook(str(unfinished), options) as workbook:
            workbook.use_zip64()
            workbook.set_properties({"title": title, "created": made_at.astimezone(_VIET_NAM).replace(tzinfo=None)})
            count = _fill(workbook, title, columns, iter(rows))
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return count


def _fill(workbook: Workbook, title: str, columns: Sequence[Column], rows: Iterator[Sequence[Cell]]) -> int:
    formats = {kind: workbook.add_format({"num_format": number}) for kind, number in _NUMBER_FORMATS.items()}
    heading = workbook.add_format({"bold": True, "text_wrap": True, "valign": "top"})
    first = next(rows, None)
    sheet = count = 0
    while first is not None or sheet == 0:
        sheet += 1
        name = title[:31] if sheet == 1 else f"{title[:26]} {sheet}"
        some = islice(rows, MOST_ROWS - 2)
        count += _fill_sheet(workbook, name, columns, chain(() if first is None else (first,), some), formats, heading)
        first = next(rows, None)
    return count


def _fill_sheet(
    workbook: Workbook,
    name: str,
    columns: Sequence[Column],
    rows: Iterable[Sequence[Cell]],
    formats: dict[Kind, Format],
    heading: Format,
) -> int:
    worksheet = workbook.add_worksheet(name)
    for place, column in enumerate(columns):
        worksheet.set_column(place, place, _WIDTHS[column.kind], formats.get(column.kind))
    worksheet.freeze_panes(1, 0)
    for place, column in enumerate(columns):
        worksheet.write_string(0, place, column.heading, heading)
    shown = [(place, _IN_XLSX[column.kind]) for place, column in enumerate(columns)]
    write_string, write_number = worksheet.write_string, worksheet.write_number
    at = 0
    for at, row in enumerate(rows, 1):
        for (place, show), value in zip(shown, row, strict=True):
            if value is None:
                continue
            cell = show(value)
            if type(cell) is int:
                write_number(at, place, cell)
            else:
                write_string(at, place, cell)
    return at
