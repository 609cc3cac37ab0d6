"""Reading the files that clerks hand in: XLSX workbooks and CSV tables, every problem named with its place.

A cell is read for what a clerk meant by it: numbers typed as text, dates typed as text, trailing blanks, merged cells
and formula results are fine; a value that could mean two things is a problem, never a guess. Values that identify a
person or an account are never repeated in a problem.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import TypeVar

from engine.errors import WrongInput
from engine.people.xlsx import (
    MOST_COLUMNS,
    MOST_FILE_BYTES,
    MOST_ROWS,
    Cell,
    Grid,
    Unread,
    XlsxSheet,
    open_workbook,
    printable,
)

_MAX_CSV_BYTES = 256 << 20
_HEADING_LINES = 60
_HEADING_ROWS = 10
"""How far down the heading may stand, below a title."""

_MOST_SHOWN = 60
_LONGEST_AMOUNT = 40
_MOST_CHARACTERS = 200
"""No name, position or place of ours is longer."""

_NO_TIME = r"(?: 0?0:00(?::00)?)?"
_DAY = re.compile(rf"([0-9]{{1,2}}) ?([/.\-]) ?([0-9]{{1,2}}) ?\2 ?([0-9]{{4}}){_NO_TIME}")
_MONTH = re.compile(r"(?:(?:tháng|t\.?) ?)?([0-9]{1,2}) ?[/.\-] ?([0-9]{4})", re.IGNORECASE)
_AMOUNT = re.compile(
    r"(?:([0-9]+)|([0-9]{1,3}(?:\.[0-9]{3})+)(?:,0+)?|([0-9]{1,3}(?:,[0-9]{3})+)(?:\.0+)?|([0-9]{1,3}(?: [0-9]{3})+))"
    r"(?: ?(?:đ|đồng|vnđ|vnd))?",
    re.IGNORECASE,
)
_FULL_WIDTH = {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)}
"""Keyboards of East Asia write digits and signs twice as wide; they mean the same."""
_YES_NO = {"có": True, "không": False}

Value = str | int | float | bool | date | None
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet that a form must have: its name and its columns."""

    name: str
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()


@dataclass(slots=True)
class Problems:
    """All that is wrong with a file, gathered before anything is refused, and told in the order of its cells."""

    found: list[str] = field(default_factory=list)
    _places: dict[str, tuple[int, int, int]] = field(default_factory=dict)

    def add(self, place: str, rule: str, at: tuple[int, int, int] = (0, 0, 0)) -> None:
        """Notes a problem once; `at` is the place of its sheet, row and column, 0 for what stands above all rows."""
        told = f"{place}: {rule}"
        if told not in self._places:
            self.found.append(told)
            self._places[told] = at

    def refuse_if_any(self) -> None:
        if self.found:
            raise WrongInput(sorted(self.found, key=self._places.__getitem__))


@dataclass(slots=True)
class Row:
    """One row of a sheet. Readers return None for a value that is absent or wrong; the wrong is noted once."""

    sheet: str
    number: int
    cells: Mapping[str, Cell]
    problems: Problems
    sheet_number: int = 1
    """The place of the sheet among those of its form."""

    def problem(self, column: str, rule: str) -> None:
        place = next((at for at, known in enumerate(self.cells) if known == column), len(self.cells))
        at = (self.sheet_number, self.number, place)
        self.problems.add(f"{self.sheet}, row {self.number}, column {column}", rule, at)

    def value(self, column: str) -> Value:
        """What stands in a cell; an error or a formula without result is a problem, and nothing."""
        value = self.cells.get(column)
        if isinstance(value, Unread):
            self.problem(column, value.rule)
            return None
        return value

    def text(self, column: str) -> str | None:
        """A text; whole numbers typed as numbers are taken as their digits."""
        value = self.value(column)
        if value is None:
            return None
        if isinstance(value, (bool, date)) or (isinstance(value, float) and not value.is_integer()):
            self.problem(column, "must be text")
            return None
        written = str(int(value)) if isinstance(value, float) else str(value)
        if len(written) > _MOST_CHARACTERS:
            self.problem(column, f"has {len(written):,} characters; at most {_MOST_CHARACTERS} are taken")
            return None
        if (unseen := next((letter for letter in written if not letter.isprintable()), None)) is not None:
            self.problem(column, f"holds the character U+{ord(unseen):04X}, which nobody can see: type the cell anew")
            return None
        return written

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
        value = self.value(column)
        if value is None or isinstance(value, bool):
            return bool(value)
        meaning = _YES_NO.get(str(value).casefold())
        if meaning is None:
            self.problem(column, f"{shown(value)} is neither Có nor Không")
        return bool(meaning)

    def day(self, column: str) -> date | None:
        """A date: a date cell, or text as dd/mm/yyyy, dd-mm-yyyy or dd.mm.yyyy."""
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
        """A whole number, 0 or more; text may group its digits by threes (5.500.000) and name the đồng."""
        value = self.value(column)
        if value is None:
            return None
        if isinstance(value, float) and value.is_integer() and value >= 0:
            return int(value)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
        amount = _AMOUNT.fullmatch(value) if isinstance(value, str) and len(value) <= _LONGEST_AMOUNT else None
        if amount is not None:
            return int(re.sub(r"[., ]", "", next(filter(None, amount.groups()))))
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
        value = self.value(column)
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
        value = self.value(column)
        if value is None:
            return None
        if isinstance(value, datetime):
            return value.date()
        if isinstance(value, date):
            return value
        if isinstance(value, (int, float)):
            self.problem(
                column, f"{shown(value)} is not {name}: the cell holds a number and is not formatted as a date"
            )
            return None
        written = ""
        if (parts := _DAY.fullmatch(value)) is not None:
            written = f"{parts[4]}-{parts[3]:0>2}-{parts[1]:0>2}"
        elif (parts := form.fullmatch(value)) is not None:
            written = f"{parts[2]}-{parts[1]:0>2}-01"
        try:
            return date.fromisoformat(written)
        except ValueError:
            self.problem(column, f"{shown(value)} is not {name}")
            return None


def read_sheets(path: Path, sheets: Collection[Sheet], problems: Problems) -> dict[str, list[Row]]:
    """The filled rows of each sheet by its name; a missing sheet or column is a problem, and gives no rows."""
    kind = path.suffix.lower()
    if kind not in (".xlsx", ".csv") or (kind == ".csv" and len(sheets) > 1):
        raise WrongInput([f"{path.name}: must be an XLSX workbook{' or a CSV file' if len(sheets) == 1 else ''}"])
    if kind == ".csv":
        (sheet,) = sheets
        return {sheet.name: _rows(sheet, path.name, _read_csv(path), problems, 1)}
    read: dict[str, list[Row]] = {}
    with open_workbook(path) as workbook:
        names = {_clean(name): name for name in workbook.sheet_parts}
        for place, sheet in enumerate(sheets, 1):
            if sheet.name in names:
                grid = _cleaned(workbook.sheet(names[sheet.name]).grid)
                read[sheet.name] = _rows(sheet, f"{path.name}, sheet {sheet.name}", grid, problems, place)
            else:
                problems.add(path.name, f"the sheet {sheet.name} is missing")
                read[sheet.name] = []
    return read


def read_every_sheet(path: Path) -> Iterator[XlsxSheet]:
    """The sheets of an XLSX workbook one after the other, for forms that `read_sheets` does not know.

    A CSV file is one sheet without a name, within the bounds of a sheet.
    """
    if path.suffix.lower() == ".csv":
        yield XlsxSheet("", _cleaned(list(_bounded(path))), hidden=False, hidden_rows=frozenset())
        return
    with open_workbook(path) as workbook:
        for sheet in workbook.sheets():
            yield replace(sheet, grid=_cleaned(sheet.grid))


def fold(name: str) -> str:
    """A name as banks and searches write it: upper case, no marks, Đ as D, single blanks."""
    plain = unicodedata.normalize("NFD", name.upper().replace("Đ", "D"))
    return " ".join("".join(letter for letter in plain if not unicodedata.combining(letter)).split())


def shown(value: Cell) -> str:
    """A wrong value as a problem may repeat it: a long run of digits could be somebody's number and is hidden."""
    cut = f"{value[:_MOST_SHOWN]}…" if isinstance(value, str) and len(value) > _MOST_SHOWN else value
    return re.sub(r"[0-9]{8,}", lambda run: "•" * len(run[0]), repr(cut))


def _rows(
    sheet: Sheet, place: str, lines: Iterable[Sequence[object]], problems: Problems, sheet_number: int
) -> list[Row]:
    numbered = enumerate(lines, 1)
    columns = _heading(sheet, place, numbered, problems)
    if columns is None:
        return []
    rows = []
    for number, line in numbered:
        cells = {column: _clean(line[at]) if at < len(line) else None for column, at in columns.items()}
        if any(value is not None for value in cells.values()):
            rows.append(Row(place, number, cells, problems, sheet_number))
    return rows


def _heading(
    sheet: Sheet, place: str, lines: Iterator[tuple[int, Sequence[object]]], problems: Problems
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
                problems.add(
                    place, f"the column {printable(str(title))[:80]} is not known; known are {', '.join(sorted(known))}"
                )
            elif title is not None and titles.count(title) > 1:
                problems.add(place, f"the column {title} stands there twice")
        return {str(title): at for at, title in enumerate(titles) if title in known}
    problems.add(place, f"no heading row with the columns {', '.join(sheet.required)}")
    return None


def _cleaned(grid: Grid) -> Grid:
    """All cells cleaned, each text once however many cells refer to it."""
    texts: dict[str, Cell] = {}
    for line in grid:
        for place, cell in enumerate(line):
            if isinstance(cell, str):
                if cell not in texts:
                    texts[cell] = _clean(cell)
                line[place] = texts[cell]
    return grid


def _clean(value: object) -> Cell:
    """A cell without surrounding blanks, letters composed, digits of one width; an empty one is None."""
    if isinstance(value, str):
        if value.isascii() and value.isalnum():
            return value
        return unicodedata.normalize("NFC", " ".join(value.translate(_FULL_WIDTH).split())) or None
    if value is None or isinstance(value, (int, float, bool, date, Unread)):
        return value
    return str(value)


def _bounded(path: Path) -> Iterator[list[Cell]]:
    """The lines of a CSV file, as far out as those of a workbook may be."""
    if path.stat().st_size > MOST_FILE_BYTES:
        raise WrongInput([f"{path.name}: larger than {MOST_FILE_BYTES >> 20} MiB"])
    for number, line in enumerate(_read_csv(path), 1):
        if number > MOST_ROWS and any(line):
            raise WrongInput([f"{path.name}: more than {MOST_ROWS} rows"])
        if any(line[MOST_COLUMNS:]):
            raise WrongInput([f"{path.name}, row {number}: more than {MOST_COLUMNS} columns"])
        yield [str(cell) for cell in line[:MOST_COLUMNS]]


def _read_csv(path: Path) -> Iterator[list[object]]:
    if path.stat().st_size > _MAX_CSV_BYTES:
        raise WrongInput([f"{path.name}: larger than {_MAX_CSV_BYTES >> 20} MiB"])
    try:
        content = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise WrongInput([f"{path.name}: not UTF-8 text (byte {error.start})"]) from error
    if "\0" in content:
        raise WrongInput([f"{path.name}: not a readable CSV file (it holds a NUL)"])
    # Titles above the heading may have a comma or two; none has as many as the heading has columns.
    heading = content.split("\n", _HEADING_LINES)[:_HEADING_LINES]
    delimiter = max(",;\t", key=lambda mark: max(line.count(mark) for line in heading))
    try:
        for row in csv.reader(io.StringIO(content), delimiter=delimiter):
            yield list(row)
    except csv.Error as error:
        raise WrongInput([f"{path.name}: not a readable CSV file ({error})"]) from error
