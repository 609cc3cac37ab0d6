"""XLSX workbooks as streams: every sheet row by row, within bounds that no honest workbook meets.

A file from outside may be made to harm: it unpacks to gigabytes, repeats one long text a thousand times, or puts a cell
at the far end of the sheet. So nothing is laid out before it is counted, every text is held once however often cells
refer to it, and DOCTYPE declarations, which no office program writes, are refused. Links to other files are never
followed and macros never run: only what was saved in the cells is read.

The parts are those of ECMA-376 (Office Open XML), Part 1, section 18.
"""

import posixpath
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Context, InvalidOperation
from pathlib import Path
from typing import NoReturn
from xml.parsers import expat

from engine.errors import WrongInput

MOST_FILE_BYTES = 64 << 20
_MOST_UNPACKED_BYTES = 200 << 20
_MOST_DIRECTORY_BYTES = 1 << 20
_MOST_EXPANSION, _FREELY_EXPANDED_BYTES = 200, 10 << 20
_MOST_SHEETS = 255
MOST_ROWS, MOST_COLUMNS = 199_999, 52
"""No form of ours passes row 199,999 or column AZ; empty cells, however far out, do not count."""
_MOST_PLACES = 4_000_000
"""Cells of a workbook, counted with the empty ones that lie between filled ones."""
_MOST_TEXT = 32_767
"""Characters in a cell: the limit of Excel itself."""
_TOO_LONG = f"a text of more than {_MOST_TEXT:,} characters"
_MOST_TEXT_IN_ALL = 32_000_000
_MOST_NAME = 255
_PLACES_OF_A_RECORD = 8
"""An empty row or another small record takes about as much memory as so many cells."""
_MOST_MERGED = 100_000
_MOST_DEPTH = 64
_CHUNK_BYTES = 1 << 16
_MOST_TOKEN_BYTES = 1 << 20
_PRECISION = Context(prec=15)
"""Excel computes in binary but knows 15 digits: 5350000.0000000009 is 5,350,000 on its screen and for its user."""
_LARGEST_EXPONENT = 20

_LEAP_DAY_THAT_NEVER_WAS = 60
"""Serial number of 29/02/1900."""

_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_NO_DATE_IN_FORMAT = re.compile(r'"[^"]*"|\\.|_.|\*.|\[[^\]]*\]')
_BUILT_IN_DATES = frozenset({14, 15, 16, 17, 22, *range(27, 37), *range(50, 59)})
_ERRORS = frozenset({"#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#SPILL!", "#CALC!"})
_END_OF_DIRECTORY = struct.Struct("<4s4H2LH")
_NO_RESULT = "is a formula whose result was never saved: open the file in a spreadsheet program and save it"
_DAMAGED = (zipfile.BadZipFile, zlib.error, struct.error, expat.ExpatError)
_PACKED = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}


@dataclass(frozen=True, slots=True)
class Unread:
    """A cell in which something stands but no value: an error, or a formula without result."""

    rule: str


Cell = str | int | float | bool | date | Unread | None
Grid = list[list[Cell]]


@dataclass(frozen=True, slots=True)
class XlsxSheet:
    """A sheet: its cells by rows from the first one on, and what its reader does not see on the screen."""

    name: str
    grid: Grid
    hidden: bool
    hidden_rows: frozenset[int]
    """Rows by their number that a filter or somebody's hand has hidden; they are read like the others."""


@dataclass(slots=True)
class XlsxWorkbook:
    """An opened workbook, and how much of it has been read."""

    name: str
    archive: zipfile.ZipFile
    sheet_parts: dict[str, str] = field(default_factory=dict)
    """The part of the archive that holds each sheet, by the sheet's name in their order."""
    hidden_sheets: set[str] = field(default_factory=set)
    texts: list[str] = field(default_factory=list)
    date_styles: frozenset[int] = frozenset()
    epoch_1904: bool = False
    never_calculated: bool = False
    """Made by a program that cannot calculate: its formulas hold 0 until an office program opens the file."""
    places: int = 0
    characters: int = 0

    def sheets(self) -> Iterator[XlsxSheet]:
        """One sheet after the other, so that only those are held which somebody keeps."""
        return (self.sheet(name) for name in self.sheet_parts)

    def sheet(self, name: str) -> XlsxSheet:
        reading = _SheetReading(self, name)
        self.parse(self.sheet_parts[name], reading.start, reading.end, reading.data)
        grid = reading.with_merged_cells()
        return XlsxSheet(name, grid, name in self.hidden_sheets, frozenset(reading.hidden_rows))

    def refuse(self, why: str) -> NoReturn:
        raise WrongInput([f"{self.name}: {why}; refused unread"])

    def count_places(self, count: int) -> None:
        self.places += count
        if self.places > _MOST_PLACES:
            self.refuse(f"more than {_MOST_PLACES:,} cells")

    def count_text(self, length: int) -> None:
        self.characters += length
        if self.characters > _MOST_TEXT_IN_ALL:
            self.refuse(f"more than {_MOST_TEXT_IN_ALL:,} characters of text")

    def parse(
        self,
        part: str,
        start: Callable[[str, dict[str, str]], None],
        end: Callable[[str], None] | None = None,
        data: Callable[[str], None] | None = None,
    ) -> None:
        """Parses one part; names come without their namespace prefix."""
        parser = expat.ParserCreate()
        parser.buffer_text = True
        depth = 0

        def started(name: str, attributes: dict[str, str]) -> None:
            nonlocal depth
            depth += 1
            if depth > _MOST_DEPTH:
                self.refuse("elements nested too deeply")
            start(name.rpartition(":")[2], attributes)

        def ended(name: str) -> None:
            nonlocal depth
            depth -= 1
            if end is not None:
                end(name.rpartition(":")[2])

        def declared(*_: object) -> None:
            self.refuse("a DOCTYPE declaration")

        parser.StartElementHandler, parser.EndElementHandler = started, ended
        parser.StartDoctypeDeclHandler = declared
        if data is not None:
            parser.CharacterDataHandler = data
        fed = 0
        with _told_of(self.name), self.archive.open(part) as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                fed += len(chunk)
                parser.Parse(chunk)
                if fed - parser.CurrentByteIndex > _MOST_TOKEN_BYTES:
                    self.refuse("a single mark-up of more than 1 MiB")
            parser.Parse(b"", True)


@contextmanager
def open_workbook(path: Path) -> Iterator[XlsxWorkbook]:
    """Opens a workbook and reads what its sheets refer to; whatever is no readable XLSX is refused by name."""
    name = printable(path.name)
    with _told_of(name):
        _refuse_great_directory(path)
        archive = zipfile.ZipFile(path)
    with archive:
        _refuse_bomb(name, archive)
        yield _opened(name, archive)


@contextmanager
def _told_of(name: str) -> Iterator[None]:
    """Whatever a damaged archive or part makes the libraries say, the file is named and refused."""
    try:
        yield
    except (OSError, EOFError, LookupError, ValueError, RuntimeError, *_DAMAGED) as error:
        # A RuntimeError is how the archive says that it is locked with a password.
        raise WrongInput([f"{name}: not a readable XLSX workbook ({error})"]) from error


def _refuse_great_directory(path: Path) -> None:
    """Looks at the end record of the archive, before its directory is read into memory."""
    size = path.stat().st_size
    if size > MOST_FILE_BYTES:
        raise WrongInput([f"{printable(path.name)}: larger than {MOST_FILE_BYTES >> 20} MiB"])
    with path.open("rb") as file:
        file.seek(max(0, size - (1 << 16) - 2 * _END_OF_DIRECTORY.size))
        tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END_OF_DIRECTORY.size:
        raise zipfile.BadZipFile("it is no ZIP archive")
    directory_bytes = _END_OF_DIRECTORY.unpack_from(tail, at)[5]
    if directory_bytes > _MOST_DIRECTORY_BYTES or tail[max(0, at - 20) : at].startswith(b"PK\x06\x07"):
        raise WrongInput([f"{printable(path.name)}: an archive of too many parts; refused as a ZIP bomb"])


def _refuse_bomb(name: str, archive: zipfile.ZipFile) -> None:
    entries = archive.infolist()
    unpacked = sum(entry.file_size for entry in entries)
    packed = sum(entry.compress_size for entry in entries)
    most = max(_FREELY_EXPANDED_BYTES, packed * _MOST_EXPANSION)
    if unpacked > min(most, _MOST_UNPACKED_BYTES):
        raise WrongInput([f"{name}: would unpack to {unpacked:,} bytes; refused as a ZIP bomb"])
    if any(entry.compress_type not in _PACKED for entry in entries):
        raise WrongInput([f"{name}: packed in a way that no office program uses; refused unread"])
    if len({entry.filename.lower() for entry in entries}) < len(entries):
        raise WrongInput([f"{name}: the archive holds one part twice; refused unread"])


def _opened(name: str, archive: zipfile.ZipFile) -> XlsxWorkbook:
    book = XlsxWorkbook(name, archive)
    main = next((part for kind, part in _related(book, "").values() if kind == "officeDocument"), "xl/workbook.xml")
    if main.endswith(".bin"):
        book.refuse("is an XLSB workbook: save it as XLSX")
    if main not in archive.namelist():
        book.refuse("not a readable XLSX workbook (the archive holds none)")
    related = _related(book, main)

    def start(element: str, attributes: dict[str, str]) -> None:
        if element == "workbookPr":
            book.epoch_1904 = attributes.get("date1904") in ("1", "true")
        elif element == "calcPr":
            book.never_calculated = attributes.get("fullCalcOnLoad") in ("1", "true")
        elif element == "sheet":
            link = next((value for key, value in attributes.items() if key.rpartition(":")[2] == "id"), "")
            kind, part = related.get(link, ("", ""))
            sheet = printable(attributes.get("name", ""))
            if sheet in book.sheet_parts or len(book.sheet_parts) == _MOST_SHEETS or len(sheet) > _MOST_NAME:
                book.refuse(f"more than {_MOST_SHEETS} sheets, or sheets that cannot be told by their names")
            if kind == "worksheet":
                book.sheet_parts[sheet] = part
            if attributes.get("state", "visible") != "visible":
                book.hidden_sheets.add(sheet)

    book.parse(main, start)
    for kind, part in related.values():
        if kind == "sharedStrings":
            _read_texts(book, part)
        elif kind == "styles":
            book.date_styles = _date_styles(book, part)
    return book


def _related(book: XlsxWorkbook, part: str) -> dict[str, tuple[str, str]]:
    """Kind and name of the parts that a part refers to, by the reference."""
    folder, name = posixpath.split(part)
    found: dict[str, tuple[str, str]] = {}

    def start(element: str, attributes: dict[str, str]) -> None:
        if element == "Relationship" and attributes.get("TargetMode") != "External":
            book.count_places(_PLACES_OF_A_RECORD)
            target = posixpath.normpath(posixpath.join("/", folder, attributes.get("Target", ""))).lstrip("/")
            found[attributes.get("Id", "")] = (attributes.get("Type", "").rpartition("/")[2], target)

    relations = posixpath.join(folder, "_rels", f"{name}.rels")
    if relations in book.archive.namelist():
        book.parse(relations, start)
    return found


def _read_texts(book: XlsxWorkbook, part: str) -> None:
    """The texts that cells refer to by number; the reading aid (rPh) that East Asian offices add is no part of them."""
    pieces: list[str] = []
    length = 0
    inside = aside = False

    def start(element: str, _: dict[str, str]) -> None:
        nonlocal inside, aside, length
        if element == "si":
            pieces.clear()
            length = 0
        elif element == "rPh":
            aside = True
        inside = element == "t" and not aside

    def end(element: str) -> None:
        nonlocal inside, aside
        inside = False
        if element == "rPh":
            aside = False
        elif element == "si":
            book.count_places(1)
            book.count_text(length)
            book.texts.append(_unescaped("".join(pieces)))

    def data(text: str) -> None:
        nonlocal length
        if inside:
            pieces.append(text)
            length += len(text)
            if length > _MOST_TEXT:
                book.refuse(_TOO_LONG)

    book.parse(part, start, end, data)


def _date_styles(book: XlsxWorkbook, part: str) -> frozenset[int]:
    """The styles that show a number as a date, by their place."""
    dates = set(_BUILT_IN_DATES)
    styles: list[int] = []
    inside = False

    def start(element: str, attributes: dict[str, str]) -> None:
        nonlocal inside
        if element == "numFmt":
            plain = _NO_DATE_IN_FORMAT.sub("", attributes.get("formatCode", "")).lower()
            if "y" in plain or "d" in plain:
                book.count_places(_PLACES_OF_A_RECORD)
                dates.add(int(attributes.get("numFmtId", "0")))
        elif element == "cellXfs":
            inside = True
        elif element == "xf" and inside:
            styles.append(int(attributes.get("numFmtId", "0")))
            book.count_places(1)

    def end(element: str) -> None:
        nonlocal inside
        if element == "cellXfs":
            inside = False

    book.parse(part, start, end)
    return frozenset(place for place, kind in enumerate(styles) if kind in dates)


class _SheetReading:
    """What has been read of a sheet so far."""

    def __init__(self, book: XlsxWorkbook, sheet: str) -> None:
        self._book, self._sheet = book, sheet
        self._grid: Grid = []
        self._line: list[Cell] = []
        self._columns: dict[str, int] = {}
        self._merged: list[str] = []
        self._row = 0
        self._filled = False
        self._column = -1
        self._kind: str | None = None
        self._style = -1
        self._in_cell = self._in_value = self._is_formula = False
        self._pieces: list[str] = []
        self._length = 0
        self.hidden_rows: set[int] = set()
        self._row_hidden = False

    def start(self, element: str, attributes: dict[str, str]) -> None:
        if element == "c":
            self._start_cell(attributes)
        elif element in ("v", "t"):
            self._in_value = self._in_cell
        elif element == "f":
            self._is_formula = True
        elif element == "row":
            self._start_row(attributes.get("r"))
            self._row_hidden = attributes.get("hidden") in ("1", "true")
        elif element == "mergeCell":
            self._merged.append(attributes.get("ref", "")[:_MOST_NAME])
            if len(self._merged) > _MOST_MERGED:
                self._book.refuse(f"more than {_MOST_MERGED:,} merged areas in the sheet {self._sheet}")

    def end(self, element: str) -> None:
        if element == "c":
            self._in_cell = False
            value = self._value("".join(self._pieces))
            if value is not None:
                self._put(value)
        elif element in ("v", "t"):
            self._in_value = False

    def data(self, text: str) -> None:
        if self._in_value:
            self._pieces.append(text)
            self._length += len(text)
            if self._length > _MOST_TEXT:
                self._book.refuse(_TOO_LONG)

    def with_merged_cells(self) -> Grid:
        """A clerk merges a value over rows: every row of the area has it. Titles merged over columns stay in place."""
        for area in self._merged:
            first, _, last = area.replace("$", "").partition(":")
            (left, top), (right, bottom) = self._place(first), self._place(last or first)
            if left != right or top > len(self._grid) or not 0 <= left < len(self._grid[top - 1]):
                continue
            below = range(top, min(bottom, len(self._grid)))
            self._book.count_places(len(below))
            for at in below:
                line = self._grid[at]
                line.extend([None] * (left + 1 - len(line)))
                line[left] = self._grid[top - 1][left]
        return self._grid

    def _start_row(self, written: str | None) -> None:
        row = int(written) if written and written.isdecimal() else self._row + 1
        if row <= self._row:
            self._book.refuse(f"sheet {self._sheet}: row {row} stands after row {self._row}")
        self._row, self._filled, self._column = row, False, -1

    def _start_cell(self, attributes: dict[str, str]) -> None:
        reference = attributes.get("r")
        self._column = self._place(reference)[0] if reference else self._column + 1
        self._kind = attributes.get("t")
        self._style = int(attributes.get("s", "0"))
        self._in_cell, self._is_formula = True, False
        self._pieces.clear()
        self._length = 0

    def _place(self, reference: str) -> tuple[int, int]:
        """Column from 0 and row from 1 of a cell such as B7."""
        letters = reference.rstrip("0123456789")
        column = self._columns.get(letters)
        if column is None:
            if not re.fullmatch(r"[A-Z]{1,3}", letters):
                self._book.refuse(f"sheet {self._sheet}: a cell without a place")
            column = 0
            for letter in letters:
                column = column * 26 + ord(letter) - ord("A") + 1
            column -= 1
            self._columns[letters] = column
        return column, int(reference[len(letters) :] or 0)

    def _put(self, value: Cell) -> None:
        if self._row > MOST_ROWS or self._column >= MOST_COLUMNS:
            self._book.refuse(f"sheet {self._sheet}, row {self._row}: a cell beyond column AZ or row {MOST_ROWS:,}")
        if not self._filled:
            self._book.count_places(_PLACES_OF_A_RECORD * (self._row - len(self._grid)))
            while len(self._grid) < self._row:
                self._grid.append([])
            self._line, self._filled = self._grid[-1], True
            if self._row_hidden:
                self.hidden_rows.add(self._row)
        gap = self._column - len(self._line)
        if gap < 0:
            self._book.refuse(f"sheet {self._sheet}: the cells of row {self._row} are out of order")
        self._book.count_places(gap + 1)
        self._line.extend([None] * gap)
        self._line.append(value)

    def _value(self, written: str) -> Cell:
        match self._kind:
            case "s":
                place = int(written) if written.isdecimal() else -1
                if not 0 <= place < len(self._book.texts):
                    return Unread("refers to a text that is not in the file") if written else None
                return self._book.texts[place] or None
            case "str" | "inlineStr":
                self._book.count_text(len(written))
                return _unescaped(written) or None
            case "b":
                return written.strip() in ("1", "true")
            case "e":
                return Unread(f"holds the error {written}" if written in _ERRORS else "holds an error")
            case "d":
                return _iso_day(written)
        if not written.strip():
            return Unread(_NO_RESULT) if self._is_formula else None
        number = _number(written)
        if self._is_formula and number == 0 and self._book.never_calculated:
            return Unread(_NO_RESULT)
        if self._style in self._book.date_styles and isinstance(number, (int, float)):
            return _day(number, epoch_1904=self._book.epoch_1904)
        return number


def _number(written: str) -> int | float | Unread:
    """A number with the 15 digits that an office program shows; a whole one is an int."""
    if written.isascii() and written.isdigit() and len(written) <= _PRECISION.prec:
        return int(written)
    try:
        value = _PRECISION.create_decimal(written.strip())
    except InvalidOperation:
        return Unread("holds no number, though it says so")
    if not value.is_finite() or value.adjusted() > _LARGEST_EXPONENT:
        return Unread("holds a number without measure")
    return int(value) if value == value.to_integral_value() else float(value)


def _day(number: float, *, epoch_1904: bool) -> Cell:
    """The day of a serial number; 1900 was a leap year for the first spreadsheets, and so it stayed."""
    start = date(1899, 12, 31 if number < _LEAP_DAY_THAT_NEVER_WAS else 30)
    if epoch_1904:
        start = date(1904, 1, 1)
    try:
        return start + timedelta(days=int(number)) if number >= 1 else number
    except OverflowError:
        return number


def _iso_day(written: str) -> Cell:
    try:
        return date.fromisoformat(written[: len("2026-10-01")])
    except ValueError:
        return Unread("holds no date, though it says so")


def printable(name: str) -> str:
    """A name from a file as a problem may show it."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name).strip()


def _unescaped(text: str) -> str:
    """Office programs write a character that XML cannot hold as _x0007_."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text
