"""The table of form D02-LT on a sheet: where its columns stand, and which rows below them tell of a worker.

Offices add groups, subtotals, page headings, signatures and instructions. Those are passed over only where they are
clear; every other row with a name is a worker's, and an error if it does not say enough.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType

from engine.contributions.declaration_form import (
    ALLOWANCES,
    BIRTH_DATE,
    CHANGE,
    COLUMNS,
    FROM_MONTH,
    INSURED_NUMBER,
    NAME,
    NOTE,
    NUMBER,
    POSITION,
    REQUIRED,
    TO_MONTH,
    WAGE,
)
from engine.people.workbook import fold
from engine.people.xlsx import Cell

Line = Sequence[Cell]

# The beginnings of the folded words above a column, without blanks, the surest first; "=" marks whole words.
_WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType({
    NUMBER: ("STT", "SOTT", "SOTHUTU", "=TT"),
    NAME: ("HOVATEN", "HOTEN", "HO,TEN", "TENNGUOILAODONG"),
    INSURED_NUMBER: ("MASOBHXH", "MASOBAOHIEMXAHOI", "SOSOBHXH", "SOBHXH", "SODINHDANH", "MADINHDANH", "SOCCCD", "CCCD",
                     "SOCANCUOC", "=MASO"),
    BIRTH_DATE: ("NGAYSINH", "NGAY,THANG,NAMSINH", "NGAYTHANGNAMSINH", "NGAY/THANG/NAMSINH", "NAMSINH"),
    POSITION: ("CAPBAC", "CHUCVU", "CHUCDANH", "CONGVIEC", "VITRI"),
    WAGE: ("HESO/MUCLUONG", "HESO", "MUCLUONG", "TIENLUONG", "LUONG"),
    ALLOWANCES: ("PHUCAPLUONG", "CACKHOANBOSUNG", "KHOANBOSUNG"),
    FROM_MONTH: ("TUTHANG",),
    TO_MONTH: ("DENTHANG",),
    CHANGE: ("PHUONGAN", "LOAITANG", "LOAIBIENDONG"),
    NOTE: ("GHICHU",),
})  # fmt: skip

_HEADING_ROWS = 60
_ROWS_OF_WORDS = 3
_NUMBERS = tuple(column.split()[0] for column in COLUMNS)
_FEWEST_NUMBERS = 6
_FEWEST_WORDS = 3

_TOTAL = re.compile(
    r"(?:[IVX0-9]+[.)]? )?(?:TONG CONG|TONG SO|CONG SO|CONG|TONG)"
    r"(?: (?:SO|LAO DONG|NGUOI|NHOM|PHAN|MUC|TANG|GIAM|TRANG|THANG|LUY KE|QUY LUONG|TIEN LUONG|DON VI|TOAN"
    r"|[IVX]+|[A-D]))*"
    r"[ :.0-9()+=/IVX]*"
)
_GROUP = re.compile(
    r"(?:[IVX0-9]+(?:\.[0-9]+)*[.)]? )?(?:"
    r"(?:LAO DONG|DIEU CHINH|KHONG THAY DOI|TIEN LUONG|MUC LUONG|TRUY THU|TRUY DONG|PHONG|BO PHAN|PHAN XUONG|KHOI"
    r"|VAN PHONG|CHI NHANH|NHOM|TO SAN XUAT|(?:TO|DOI|XUONG|CA)(?: SO)? [0-9]+|NHA MAY|CUA HANG|DON VI|HOP DONG"
    r"|BAN (?:GIAM DOC|LANH DAO|QUAN LY|DIEU HANH))(?: .*)?"
    r"|(?:TANG|GIAM)(?: (?:LAO DONG|MOI|HAN|MUC|TIEN)(?: .*)?)?)[ :.]*"
)
_GROUP_NUMBER = re.compile(r"[IVX]+(?:\.[0-9]+)*[.)]?|[A-Z][.)]?|[0-9]+(?:\.[0-9]+)+[.)]?")
_FOOT = re.compile(
    r"\(?(?:NGUOI (?:LAP|KE KHAI|KHAI|NOP)|DAI DIEN|THU TRUONG|GIAM DOC|TONG GIAM DOC|KE TOAN TRUONG|CAN BO|XAC NHAN"
    r"|GHI CHU|LUU Y|HUONG DAN|CHU THICH|KY,|KY TEN|HO SO (?:KEM|NOP)|.*NGAY[ .0-9]*THANG[ .0-9]*NAM)"
)
_DATE_LIKE = re.compile(r"[0-9]{1,2}[/.\-][0-9]{1,2}[/.\-][0-9]{2,4}")
_DIGITS_OF_A_NUMBER = 8
_LONGEST_WORDS = 200
"""Headings, groups and totals are told by the beginning of a text."""


@dataclass(frozen=True, slots=True)
class Table:
    """Where each column stands (from 0), and the row (from 0) below the heading."""

    columns: Mapping[str, int]
    first: int
    wrong: Sequence[str] = field(default=())
    """What its heading contradicts itself in."""


def find_table(grid: Sequence[Line]) -> Table | None:
    """The table by the row that numbers its columns, in whatever order they stand; else by the words above them."""
    heading = grid[:_HEADING_ROWS]
    for at, line in enumerate(heading):
        written = [_number_text(cell) for cell in line]
        columns = {column: written.index(number) for column, number in zip(COLUMNS, _NUMBERS, strict=True)
                   if number in written}  # fmt: skip
        if len(columns) >= _FEWEST_NUMBERS and {NAME, INSURED_NUMBER} <= columns.keys():
            twice = [number for number in _NUMBERS if written.count(number) > 1]
            wrong = [f"the column number {number} stands there twice" for number in twice]
            return Table(columns, at + 1, [*wrong, *_contradictions(grid[:at], columns)])
    for at, line in enumerate(heading):
        columns = _by_words(line)
        if len(columns) >= _FEWEST_WORDS and {NAME, INSURED_NUMBER} <= columns.keys():
            first = at + 1
            # The heading of the form has two or three rows: words below it name columns that have none yet.
            for below in grid[first : first + _ROWS_OF_WORDS - 1]:
                further = {column: place for column, place in _by_words(below).items() if column not in columns}
                if not further:
                    break
                columns |= {column: place for column, place in further.items() if place not in columns.values()}
                first += 1
            return Table(columns, first)
    return None


def worker_lines(grid: Sequence[Line], table: Table) -> Iterator[tuple[int, dict[str, Cell]]]:
    """Number and cells, in the order in which they stand, of every row that tells of a worker."""
    ordered = sorted(table.columns.items(), key=lambda item: item[1])
    lines = []
    for number, line in enumerate(grid[table.first :], table.first + 1):
        cells = {column: line[at] if at < len(line) else None for column, at in ordered}
        filled = any(cells.get(column) is not None for column in (NUMBER, ALLOWANCES, *REQUIRED))
        if filled and not _is_page_heading(cells):
            lines.append((number, cells))
    last = max((number for number, cells in lines if _tells_who(cells)), default=0)
    ended = foot = False
    for number, cells in lines:
        if _is_total(cells):
            ended = True
        elif _is_group(cells):
            ended = False
        elif _tells_who(cells):
            yield number, cells
        elif foot and number > last:
            continue
        elif _is_foot(cells):
            foot = True
        elif all(cells.get(column) is None for column in (ALLOWANCES, *REQUIRED)):
            # A running number that nobody used, or words merged over the row.
            continue
        elif number < last or not ended or _is_number(cells.get(NUMBER)):
            yield number, cells


def _contradictions(above: Sequence[Line], columns: Mapping[str, int]) -> Iterator[str]:
    """Where the words over a column are those of another one: somebody moved the columns but not their numbers."""
    named = [_by_words(line) for line in above[-_ROWS_OF_WORDS - 1 :]]
    for column in REQUIRED:
        for words in reversed(named):
            there = [other for other, place in words.items() if place == columns.get(column)]
            if there:
                if there[0] != column:
                    yield f"the column number {column.split()[0]} stands below the words of the column {there[0]}"
                break


def _by_words(line: Line) -> dict[str, int]:
    found: dict[str, tuple[int, int]] = {}
    for place, cell in enumerate(line):
        words = _folded(cell).replace(" ", "")
        for column, beginnings in _WORDS.items():
            sure = next((at for at, known in enumerate(beginnings) if _begins(words, known)), None)
            if sure is not None:
                if column not in found or (column == INSURED_NUMBER and sure < found[column][0]):
                    found[column] = (sure, place)
                break
    return {column: place for column, (_, place) in found.items()}


def _begins(words: str, known: str) -> bool:
    return words == known[1:] if known.startswith("=") else words.startswith(known)


def _number_text(cell: Cell) -> str:
    """A cell of the row of numbers: 1, "1", "(1)" and "[1]" are the same."""
    return str(cell)[:_LONGEST_WORDS].strip("()[] ").upper() if isinstance(cell, (int, str)) else ""


def _folded(cell: Cell) -> str:
    return fold(cell[:_LONGEST_WORDS]) if isinstance(cell, str) else ""


def _is_number(cell: Cell) -> bool:
    """Whether a cell of column A counts workers: 1, "2" or "3."."""
    return isinstance(cell, int) or (isinstance(cell, str) and cell.rstrip(".)").isdecimal())


def _tells_who(cells: Mapping[str, Cell]) -> bool:
    """Whether a row tells enough that it can be nothing but a worker's."""
    insured, born, wage = (cells.get(column) for column in (INSURED_NUMBER, BIRTH_DATE, WAGE))
    numbered = isinstance(insured, (int, float)) or (
        isinstance(insured, str) and sum(map(str.isdigit, insured[:_LONGEST_WORDS])) >= _DIGITS_OF_A_NUMBER
    )
    dated = isinstance(born, (date, int)) or (isinstance(born, str) and _DATE_LIKE.fullmatch(born) is not None)
    paid = isinstance(wage, (int, float)) or (isinstance(wage, str) and wage[:1].isdigit())
    return numbered or dated or (paid and insured is not None)


def _is_total(cells: Mapping[str, Cell]) -> bool:
    if cells.get(INSURED_NUMBER) is not None or cells.get(BIRTH_DATE) is not None:
        return False
    return any(_TOTAL.fullmatch(_folded(cells.get(column))) for column in (NAME, NUMBER))


def _is_group(cells: Mapping[str, Cell]) -> bool:
    """A row between groups of workers, perhaps with the sum of their wages."""
    if cells.get(INSURED_NUMBER) is not None or cells.get(BIRTH_DATE) is not None:
        return False
    number, name = _folded(cells.get(NUMBER)), _folded(cells.get(NAME))
    return bool(_GROUP_NUMBER.fullmatch(number) or _GROUP.fullmatch(name) or (not name and _GROUP.fullmatch(number)))


def _is_page_heading(cells: Mapping[str, Cell]) -> bool:
    """The heading again, as printed on every page."""
    words = [_folded(cells.get(column)).replace(" ", "") for column in (NAME, INSURED_NUMBER)]
    if all(any(_begins(word, known) for known in _WORDS[column])
           for word, column in zip(words, (NAME, INSURED_NUMBER), strict=True)):  # fmt: skip
        return True
    return [_number_text(cells.get(column)) for column in (NAME, INSURED_NUMBER)] == ["B", "1"]


def _is_foot(cells: Mapping[str, Cell]) -> bool:
    """Signatures and instructions below the table."""
    if _is_number(cells.get(NUMBER)) and cells.get(NAME) is not None:
        return False
    told = [_folded(cells.get(column)) for column in (NUMBER, NAME)]
    if not told[1]:
        told += [_folded(cell) for cell in cells.values()]
    return any(_FOOT.match(text) for text in told if text)
