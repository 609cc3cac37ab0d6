"""Tables for people, as CSV and XLSX: row by row, so that a book of any size is written in the memory of one row.

A cell of text never becomes a formula (CSV injection): what a spreadsheet would run begins with an apostrophe instead.
Every CSV or XLSX that is written for people comes from here. See https://owasp.org/www-community/attacks/CSV_Injection.
"""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import TextIO
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

from xlsxwriter import Workbook  # type: ignore[import-untyped]
from xlsxwriter.format import Format  # type: ignore[import-untyped]
from xlsxwriter.utility import xl_col_to_name  # type: ignore[import-untyped]
from xlsxwriter.worksheet import Worksheet  # type: ignore[import-untyped]

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


@lru_cache(maxsize=1_000)  # a run of lines is recorded at one instant
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


def _number_in_xlsx(value: Cell) -> str | int:
    found = _whole(value)
    return found if abs(found) < _MOST_EXACT else str(found)


def _day_in_xlsx(value: Cell) -> int:
    if not isinstance(value, date):
        raise TypeError(f"a date is needed, not {type(value).__name__}")
    return (value - _FIRST_DAY).days


_IN_XLSX: dict[Kind, Callable[[Cell], str | int]] = {
    Kind.TEXT: _text,
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


def write_form(path: Path, title: str, rows: Iterable[Sequence[Cell]], made_at: datetime) -> None:
    """Writes an official form, whose heading takes several rows: each row as it is told, in the memory of one row.

    As a workbook, or, where the file's name ends so, as CSV in UTF-8 with the mark by which spreadsheets know it.
    """
    unfinished = path.with_name(f".{path.name}.part")
    try:
        if path.suffix.lower() == ".csv":
            with unfinished.open("w", encoding="utf-8-sig", newline="") as file:
                csv.writer(file).writerows([_in_csv(value) for value in row] for row in rows)
            unfinished.replace(path)
            return
        with Workbook(str(unfinished), {"constant_memory": True, "tmpdir": str(path.parent)}) as workbook:
            workbook.set_properties({"title": title, "created": made_at.astimezone(_VIET_NAM).replace(tzinfo=None)})
            formats = {kind: workbook.add_format({"num_format": form}) for kind, form in _NUMBER_FORMATS.items()}
            sheet = workbook.add_worksheet(title[:31])
            for at, row in enumerate(rows):
                for column, value in enumerate(row):
                    if isinstance(value, date):
                        sheet.write_datetime(at, column, value, formats[Kind.DATE])
                    elif isinstance(value, int):
                        sheet.write_number(at, column, value, formats[Kind.MONEY])
                    elif value is not None:
                        sheet.write_string(at, column, _text(value))
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _in_csv(value: Cell) -> str | int:
    if value is None or isinstance(value, int):
        return "" if value is None else value
    return f"{value:%d/%m/%Y}" if isinstance(value, date) else _text(value)


def write_marked(
    path: Path,
    title: str,
    rows: Iterable[Sequence[Cell | float | bool]],
    marks: Mapping[tuple[int, int], str],
    listed: Sequence[str],
    made_at: datetime,
) -> None:
    """Writes a table that somebody handed in with its wrong cells marked, and before it the list of all that is wrong.

    `marks` tells what is wrong by row and column, counted from 0; it stands as a comment on the red cell.
    """
    unfinished = path.with_name(f".{path.name}.part")
    try:
        with Workbook(str(unfinished)) as workbook:
            workbook.set_properties({"title": title, "created": made_at.astimezone(_VIET_NAM).replace(tzinfo=None)})
            wrong = workbook.add_format({"bg_color": "#F8B4B4", "border": 1})
            wrong_day = workbook.add_format({"bg_color": "#F8B4B4", "border": 1, "num_format": "dd/mm/yyyy"})
            day = workbook.add_format({"num_format": "dd/mm/yyyy"})
            listing = workbook.add_worksheet("Lỗi")
            listing.set_column(0, 0, 120)
            for place, problem in enumerate(listed):
                listing.write_string(place, 0, neutral(problem))
            sheet = workbook.add_worksheet(title[:31])
            for at, row in enumerate(rows):
                for column, value in enumerate(row):
                    marked = (at, column) in marks
                    if isinstance(value, date):
                        sheet.write_datetime(at, column, value, wrong_day if marked else day)
                    elif isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _MOST_EXACT:
                        sheet.write_number(at, column, value, wrong if marked else None)
                    elif value is not None:
                        sheet.write_string(at, column, neutral(str(value)), wrong if marked else None)
                    elif marked:
                        sheet.write_blank(at, column, None, wrong)
            for (at, column), problem in marks.items():
                sheet.write_comment(at, column, problem)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _fill(workbook: Workbook, title: str, columns: Sequence[Column], rows: Iterator[Sequence[Cell]]) -> int:
    formats = {kind: workbook.add_format({"num_format": number}) for kind, number in _NUMBER_FORMATS.items()}
    heading = workbook.add_format({"bold": True, "text_wrap": True, "valign": "top"})
    first = next(rows, None)
    number = count = 0
    while first is not None or number == 0:
        number += 1
        sheet = workbook.add_worksheet(title[:31] if number == 1 else f"{title[:26]} {number}", _Sheet)
        sheet.write_columns(columns, formats, heading)
        begun = [] if first is None else [first]
        count += sheet.write_rows(columns, chain(begun, islice(rows, MOST_ROWS - 2)), formats)
        first = next(rows, None)
    return count


class _Sheet(Worksheet):  # type: ignore[misc]
    """A sheet whose rows are written whole, as markup: cell by cell takes five times as long."""

    def write_columns(self, columns: Sequence[Column], formats: Mapping[Kind, Format], heading: Format) -> None:
        for place, column in enumerate(columns):
            self.set_column(place, place, _WIDTHS[column.kind], formats.get(column.kind))
            self.write_string(0, place, column.heading, heading)
        self.freeze_panes(1, 0)
        # Flushes the heading; from here on rows are appended to the file that the writer keeps for them.
        self._write_single_row(1)

    def write_rows(
        self, columns: Sequence[Column], rows: Iterable[Sequence[Cell]], formats: Mapping[Kind, Format]
    ) -> int:
        cells = [
            (xl_col_to_name(place), _IN_XLSX[column.kind], _style(formats.get(column.kind)))
            for place, column in enumerate(columns)
        ]
        at = 0
        for at, row in enumerate(rows, 2):
            markup = [f'<row r="{at}">']
            for (letter, show, style), value in zip(cells, row, strict=True):
                if value is None:
                    continue
                cell = show(value)
                if type(cell) is int:
                    markup.append(f'<c r="{letter}{at}"{style}><v>{cell}</v></c>')
                else:
                    markup.append(
                        f'<c r="{letter}{at}"{style} t="inlineStr"><is>'
                        f'<t xml:space="preserve">{self._markup(str(cell))}</t></is></c>'
                    )
            markup.append("</row>")
            self.fh.write("".join(markup))
        count = max(at - 1, 0)
        self._check_dimensions(count, len(columns) - 1)
        return count

    def _markup(self, text: str) -> str:
        if len(text) > _LONGEST_TEXT:
            text = f"{text[:_LONGEST_TEXT]}…"
        if "_x" in text or not text.isprintable():
            text = self._escape_control_characters(text)
        return escape(text) if "&" in text or "<" in text or ">" in text else text


_LONGEST_TEXT = 16_000
"""A cell holds 32,767 units of UTF-16, of which a letter may need two; longer text is cut, and shows it."""


def _style(form: Format | None) -> str:
    return "" if form is None else f' s="{form._get_xf_index()}"'  # noqa: SLF001  as the writer's own cells name it
