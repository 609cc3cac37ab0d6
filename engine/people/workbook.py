"""Reading the files that clerks hand in: XLSX workbooks and CSV tables, every problem named with its place.

A cell is read for what a clerk meant by it: numbers typed as text, dates typed as text, trailing blanks, merged cells
and formula results are fine; a value that could mean two things is a problem, never a guess. Values that identify a
person or an account are never repeated in a problem.
"""

import csv
import io
import re
import unicodedata
import zipfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import TypeVar

from python_calamine import CalamineError, CalamineWorkbook

from engine.errors import WrongInput

_MAX_UNPACKED_BYTES = 1 << 30
_MAX_EXPANSION = 200
_MAX_CSV_BYTES = 256 << 20
_HEADING_ROWS = 10
"""How far down the heading may stand, below a title."""

# A lone cell far out makes a reader lay out everything before it: no form of ours passes column AZ or row 199,999.
_FAR_CELL = re.compile(rb"""\br\s*=\s*["'](?:[A-Z]{3}[0-9]+|[B-Z][A-Z][0-9]+|[A-Z]+(?:[2-9][0-9]{5}|[0-9]{7,}))["']""")

_DAY = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})")
_MONTH = re.compile(r"([0-9]{1,2})/([0-9]{4})")
_AMOUNT = re.compile(r"[0-9]+|[0-9]{1,3}(?:\.[0-9]{3})+|[0-9]{1,3}(?:,[0-9]{3})+")
_YES_NO = {"có": True, "không": False}

Cell = str | int | float | bool | date | None
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet that a form must have: its name and its columns."""

    name: str
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()


@dataclass(slots=True)
class Problems:
    """All that is wrong with a file, gathered before anything is refused."""

    found: list[str] = field(default_factory=list)

    def add(self, place: str, rule: str) -> None:
        self.found.append(f"{place}: {rule}")

    def refuse_if_any(self) -> None:
        if self.found:
            raise WrongInput(self.found)


@dataclass(slots=True)
class Row:
    """One row of a sheet. Readers return None for a value that is absent or wrong; the wrong is noted once."""

    sheet: str
    number: int
    cells: Mapping[str, Cell]
    problems: Problems

    def problem(self, column: str, rule: str) -> None:
        self.problems.add(f"{self.sheet}, row {self.number}, column {column}", rule)

    def text(self, column: str) -> str | None:
        """A text; whole numbers typed as numbers are taken as their digits."""
        value = self.cells.get(column)
        if value is None:
            return None
        if isinstance(value, (bool, date)):
            self.problem(column, "must be text")
            return None
        if isinstance(value, float) and not value.is_integer():
            self.problem(column, "must be text")
            return None
        return str(int(value)) if isinstance(value, float) else str(value)

    def required_text(self, column: str) -> str | None:
        return self._required(column, self.text(column))

    def digits(self, column: str, length: int) -> str | None:
        """A number of fixed length, such as a personal id; a numeric cell lost its leading zeros and gets them back."""
        value = self.text(column)
        return value.zfill(length) if value and isinstance(self.cells[column], (int, float)) else value

    def choice(self, column: str, words: Mapping[str, str]) -> str | None:
        """The meaning of one of the form's own words, in either case."""
        value = self.text(column)
        if value is None:
            return None
        meaning = {word.casefold(): code for word, code in words.items()}.get(value.casefold())
        if meaning is None:
            self.problem(column, f"{shown(value)} is none of {', '.join(words)}")
        return meaning

    def required_choice(self, column: str, words: Mapping[str, str]) -> str | None:
        return self._required(column, self.choice(column, words))

    def yes(self, column: str) -> bool:
        """Có or Không; empty is Không."""
        value = self.cells.get(column)
        if value is None or isinstance(value, bool):
            return bool(value)
        meaning = _YES_NO.get(str(value).casefold())
        if meaning is None:
            self.problem(column, f"{shown(value)} is neither Có nor Không")
        return bool(meaning)

    def day(self, column: str) -> date | None:
        """A date: a date cell, or text as dd/mm/yyyy."""
        return self._calendar(column, _DAY, "a date (dd/mm/yyyy)")

    def required_day(self, column: str) -> date | None:
        return self._required(column, self.day(column))

    def month(self, column: str) -> date | None:
        """The first day of a month: a date cell, or text as mm/yyyy or dd/mm/yyyy."""
        value = self._calendar(column, _MONTH, "a month (mm/yyyy)")
        return value and value.replace(day=1)

    def required_month(self, column: str) -> date | None:
        return self._required(column, self.month(column))

    def whole(self, column: str) -> int | None:
        """A whole number, 0 or more; text may group its digits by threes (5.500.000)."""
        value = self.cells.get(column)
        if value is None:
            return None
        if isinstance(value, float) and value.is_integer() and value >= 0:
            return int(value)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
        if isinstance(value, str) and _AMOUNT.fullmatch(value):
            return int(value.replace(".", "").replace(",", ""))
        self.problem(column, f"{shown(value)} is not a whole number of 0 or more")
        return None

    def amount(self, column: str) -> int | None:
        """Whole đồng, more than 0."""
        value = self.whole(column)
        if value == 0:
            self.problem(column, "an amount must be more than 0 đồng")
            return None
        return value

    def required_amount(self, column: str) -> int | None:
        return self._required(column, self.amount(column))

    def decimal(self, column: str) -> str | None:
        """A decimal of at most four places as its exact text, such as a wage coefficient: 4.98 or 4,98."""
        value = self.cells.get(column)
        if value is None:
            return None
        # The shortest text of a binary number is what the clerk typed; no arithmetic is done on it before that.
        text = str(value).replace(",", ".")
        if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,4})?", text):
            self.problem(column, f"{shown(value)} is not a number of at most four decimal places")
            return None
        return text.removesuffix(".0")

    def _required(self, column: str, value: _T | None) -> _T | None:
        if self.cells.get(column) is None:
            self.problem(column, "must be filled in")
        return value

    def _calendar(self, column: str, form: re.Pattern[str], name: str) -> date | None:
        value = self.cells.get(column)
        if value is None:
            return None
        if isinstance(value, datetime):
            return value.date()
        if isinstance(value, date):
            return value
        written = str(value)
        if (parts := form.fullmatch(written) or _DAY.fullmatch(written)) is not None:
            day, month, year = ("1", *parts.groups()) if len(parts.groups()) == len("my") else parts.groups()
            try:
                return date(int(year), int(month), int(day))
            except ValueError:
                pass
        self.problem(column, f"{shown(written)} is not {name}")
        return None


def read_sheets(path: Path, sheets: Collection[Sheet], problems: Problems) -> dict[str, list[Row]]:
    """The filled rows of each sheet by its name; a missing sheet or column is a problem, and gives no rows."""
    kind = path.suffix.lower()
    if kind not in (".xlsx", ".csv") or (kind == ".csv" and len(sheets) > 1):
        raise WrongInput([f"{path.name}: must be an XLSX workbook{' or a CSV file' if len(sheets) == 1 else ''}"])
    if kind == ".csv":
        (sheet,) = sheets
        return {sheet.name: _rows(sheet, path.name, enumerate(_read_csv(path), 1), problems)}
    with _opened(path) as workbook:
        return {sheet.name: _read_sheet(workbook, sheet, path.name, problems) for sheet in sheets}


def read_grids(path: Path) -> dict[str, list[list[Cell]]]:
    """The cells of every sheet of an XLSX workbook by the sheet's name, for forms that `read_sheets` does not know."""
    with _opened(path) as workbook:
        return {
            name: [[_clean(cell) for cell in row] for row in _grid(workbook, name)] for name in workbook.sheet_names
        }


def fold(name: str) -> str:
    """A name as banks and searches write it: upper case, no marks, Đ as D, single blanks."""
    plain = unicodedata.normalize("NFD", name.upper().replace("Đ", "D"))
    return " ".join("".join(letter for letter in plain if not unicodedata.combining(letter)).split())


def shown(value: Cell) -> str:
    """A wrong value as a problem may repeat it: a long run of digits could be somebody's number and is hidden."""
    return re.sub(r"[0-9]{8,}", lambda run: "•" * len(run[0]), repr(value))


def _read_sheet(workbook: CalamineWorkbook, sheet: Sheet, file: str, problems: Problems) -> list[Row]:
    name = next((known for known in workbook.sheet_names if _clean(known) == sheet.name), None)
    if name is None:
        problems.add(file, f"the sheet {sheet.name} is missing")
        return []
    return _rows(sheet, f"{file}, sheet {sheet.name}", enumerate(_grid(workbook, name), 1), problems)


@contextmanager
def _opened(path: Path) -> Iterator[CalamineWorkbook]:
    _refuse_bomb(path)
    try:
        with CalamineWorkbook.from_path(path) as workbook:
            yield workbook
    except CalamineError as error:
        raise WrongInput([f"{path.name}: not a readable XLSX workbook ({error})"]) from error


def _grid(workbook: CalamineWorkbook, name: str) -> list[list[object]]:
    source = workbook.get_sheet_by_name(name)
    grid: list[list[object]] = [list(row) for row in source.to_python(skip_empty_area=False)]
    # A clerk merges the claim's number over its rows: every row of the merged range has its value.
    for (top, left), (bottom, right) in source.merged_cell_ranges or ():
        if left == right:
            for below in range(top + 1, min(bottom + 1, len(grid))):
                grid[below][left] = grid[top][left]
    return grid


def _rows(sheet: Sheet, place: str, lines: Iterator[tuple[int, list[object]]], problems: Problems) -> list[Row]:
    columns = _heading(sheet, place, lines, problems)
    if columns is None:
        return []
    rows = []
    for number, line in lines:
        cells = {column: _clean(line[at]) for column, at in columns.items() if at < len(line)}
        if any(value is not None for value in cells.values()):
            rows.append(Row(place, number, cells, problems))
    return rows


def _heading(
    sheet: Sheet, place: str, lines: Iterator[tuple[int, list[object]]], problems: Problems
) -> dict[str, int] | None:
    """Where each column stands, from the first row that names one of them and is not a mere title."""
    known = {*sheet.required, *sheet.optional}
    for _, line in zip(range(_HEADING_ROWS), lines, strict=False):
        titles = [_clean(cell) for cell in line[1]]
        if sum(title in known for title in titles) * 2 < len(sheet.required):
            continue
        for column in sheet.required:
            if column not in titles:
                problems.add(place, f"the column {column} is missing")
        for title in titles:
            if title is not None and title not in known:
                problems.add(place, f"the column {title} is not known; known are {', '.join(sorted(known))}")
            elif title is not None and titles.count(title) > 1:
                problems.add(place, f"the column {title} stands there twice")
        return {str(title): at for at, title in enumerate(titles) if title in known}
    problems.add(place, f"no heading row with the columns {', '.join(sheet.required)}")
    return None


def _clean(value: object) -> Cell:
    """A cell without surrounding blanks, letters composed; an empty one is None."""
    if isinstance(value, str):
        return unicodedata.normalize("NFC", " ".join(value.split())) or None
    if value is None or isinstance(value, (int, float, bool, date)):
        return value
    return str(value)


def _read_csv(path: Path) -> Iterator[list[object]]:
    if path.stat().st_size > _MAX_CSV_BYTES:
        raise WrongInput([f"{path.name}: larger than {_MAX_CSV_BYTES >> 20} MiB"])
    try:
        content = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise WrongInput([f"{path.name}: not UTF-8 text (byte {error.start})"]) from error
    if "\0" in content:
        raise WrongInput([f"{path.name}: not a readable CSV file (it holds a NUL)"])
    heading = content.partition("\n")[0]
    delimiter = ";" if heading.count(";") > heading.count(",") else ","
    try:
        for row in csv.reader(io.StringIO(content), delimiter=delimiter):
            yield list(row)
    except csv.Error as error:
        raise WrongInput([f"{path.name}: not a readable CSV file ({error})"]) from error


def _refuse_bomb(path: Path) -> None:
    """Looks at the directory of the ZIP before a reader unpacks it, and for cells that stand absurdly far out."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            unpacked = sum(entry.file_size for entry in entries)
            packed = sum(entry.compress_size for entry in entries)
            if unpacked > _MAX_UNPACKED_BYTES or unpacked > max(packed, 1) * _MAX_EXPANSION:
                raise WrongInput([f"{path.name}: would unpack to {unpacked:,} bytes; refused as a ZIP bomb"])
            for entry in entries:
                if entry.filename.startswith("xl/worksheets/") and _FAR_CELL.search(archive.read(entry)):
                    raise WrongInput([f"{path.name}: a cell beyond column AZ or row 199,999; refused unread"])
    except (OSError, zipfile.BadZipFile) as error:
        raise WrongInput([f"{path.name}: not a readable XLSX workbook ({error})"]) from error
