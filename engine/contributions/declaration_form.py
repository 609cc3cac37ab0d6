"""The declaration file (form D02-LT, danh sách người lao động tham gia): a heading block, then one row per worker.

Columns are recognised by the row that numbers them (A, B, 1 … 19), as the form of Decision 366/QĐ-BHXH prints it, or by
the words above them. What the file may look like stands in `docs/declaration-file.md`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import MappingProxyType

from engine.contributions.employer import UNIT_CODE_FORM
from engine.errors import WrongInput
from engine.people.workbook import Cell, Problems, Row, fold, read_grids

NUMBER, NAME, INSURED_NUMBER, BIRTH_DATE = "A STT", "B Họ và tên", "1 Mã số BHXH", "2 Ngày sinh"
POSITION, WAGE, ALLOWANCES = "3 Chức vụ", "4 Hệ số/Mức lương", "9 Phụ cấp lương và khoản bổ sung"
FROM_MONTH, TO_MONTH, CHANGE, NOTE = "14 Từ tháng", "15 Đến tháng", "18 Phương án", "19 Ghi chú"
UNIT, AGENCY, PERIOD = "Mã đơn vị", "Mã cơ quan BHXH", "Kỳ"

COLUMNS = (
    *(NUMBER, NAME, INSURED_NUMBER, BIRTH_DATE, POSITION, WAGE, "5 Hệ số bảo lưu", "6 Phụ cấp chức vụ"),
    *("7 Thâm niên vượt khung (%)", "8 Thâm niên nghề (%)", ALLOWANCES, "10 Không xác định thời hạn"),
    *("11 Xác định thời hạn", "12 Hợp đồng khác", "13 Ngày hiệu lực", FROM_MONTH, TO_MONTH, "16 Nơi khám chữa bệnh"),
    *("17 Hình thức nhận kết quả", CHANGE, NOTE),
)
"""The columns of the form in its order; the first word of each is its number."""

_REQUIRED = (NAME, INSURED_NUMBER, BIRTH_DATE, WAGE)
_STATE_WAGE = ("5 Hệ số bảo lưu", "6 Phụ cấp chức vụ", "7 Thâm niên vượt khung (%)", "8 Thâm niên nghề (%)")

# The beginnings of the folded words above a column, without blanks, for files that lost the row of numbers.
_WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType({
    NUMBER: ("STT", "SOTT", "SOTHUTU"),
    NAME: ("HOVATEN", "HOTEN", "HO,TEN", "TENNGUOILAODONG"),
    INSURED_NUMBER: ("MASOBHXH", "MASOBAOHIEMXAHOI", "MASO", "SOSOBHXH", "SODINHDANH"),
    BIRTH_DATE: ("NGAYSINH", "NGAY,THANG,NAMSINH", "NGAYTHANGNAMSINH", "NAMSINH"),
    POSITION: ("CAPBAC", "CHUCVU", "CHUCDANH", "CONGVIEC", "VITRI"),
    WAGE: ("HESO/MUCLUONG", "HESO", "MUCLUONG", "TIENLUONG", "LUONG"),
    ALLOWANCES: ("PHUCAPLUONG", "CACKHOANBOSUNG", "KHOANBOSUNG"),
    FROM_MONTH: ("TUTHANG",),
    TO_MONTH: ("DENTHANG",),
    CHANGE: ("PHUONGAN", "LOAITANG", "LOAIBIENDONG"),
    NOTE: ("GHICHU",),
})  # fmt: skip

LEAVES, UNPAID, STAYS = "leaves", "unpaid", "stays"
CHANGES: Mapping[str, str] = MappingProxyType({
    "Không thay đổi": STAYS, "Tăng": STAYS, "Tăng mới": STAYS, "Điều chỉnh": STAYS, "TM": STAYS, "ON": STAYS,
    "DC": STAYS, "ĐC": STAYS, "CD": STAYS, "Giảm": LEAVES, "Giảm hẳn": LEAVES, "GH": LEAVES,
    "Không lương": UNPAID, "Nghỉ không lương": UNPAID, "KL": UNPAID,
})  # fmt: skip
"""What column 18 may say; empty means that nothing changed."""

_HEADING_ROWS = 60
_NUMBERS = tuple(column.split()[0] for column in COLUMNS)
_FEWEST_NUMBERS = 6
_FEWEST_WORDS = 3
_OLD_WORKBOOK = bytes.fromhex("d0cf11e0a1b11ae1")
_MONTH = re.compile(r"(?<![0-9/])([0-9]{1,2}) ?(?:/|-|NAM) ?([0-9]{4})")
_QUARTER = re.compile(r"(?<![A-Z])QUY(?![A-Z])")
_UNIT_CODE_INSIDE = re.compile(r"(?<![A-Z0-9])(?=[A-Z]*[0-9])(?=[0-9]*[A-Z])[A-Z0-9]{5,9}(?![A-Z0-9])")
_AGENCY_INSIDE = re.compile(r"(?<![0-9])[0-9]{5}(?![0-9])")
_TOTAL = re.compile(r"(?:TONG )?(?:CONG|SO)(?: SO| LAO DONG)?[ :.0-9]*$")
_LABELS = MappingProxyType({
    UNIT: re.compile(r"(?:^|[^A-Z])(?:MA DON VI|MA SO DON VI|MA DV)(?![A-Z])[ :.]*(.*)"),
    AGENCY: re.compile(r"(?:^|[^A-Z])(?:CO QUAN BHXH|CO QUAN BAO HIEM XA HOI|CQ BHXH)(?![A-Z])[ :.]*(.*)"),
    # "ngày 5 tháng 11 năm 2026" is the day of signing, not the declared month.
    PERIOD: re.compile(r"^(?!.*NGAY[0-9. ]*THANG)(?:.*[^A-Z])?(?:KY|THANG)(?![A-Z])[ :.]*(.*)"),
})  # fmt: skip
_INSURED_DIGITS, _PERSONAL_DIGITS = 10, 12
_NUMBER_FORM = re.compile(r"[0-9]{10}|[0-9]{12}")
_LEAST_WAGE_VND = 100_000
_MOST_WAGE_VND = 10_000_000_000
_EARLIEST_BIRTH = date(1900, 1, 1)


@dataclass(frozen=True, slots=True)
class DeclaredWorker:
    """One row: a worker, and the wage of the month. The number never appears in a repr."""

    number: str = field(repr=False)
    """The social insurance number (10 digits) or the personal id that took its place (12 digits)."""
    name: str
    birth_date: date
    position: str | None
    wage_vnd: int
    unpaid: bool
    leaves: bool
    """No longer with the employer in the month: nothing is due."""


@dataclass(frozen=True, slots=True)
class DeclaredMonth:
    """What a file declares: the employer by its code, the month, and the rows that could be read."""

    unit_code: str | None
    agency_code: str | None
    period: date | None
    workers: Sequence[tuple[Row, DeclaredWorker]]


def read_declaration(path: Path, problems: Problems) -> DeclaredMonth:
    """Reads a declaration; every problem of every row is noted."""
    if path.suffix.lower() != ".xlsx":
        raise WrongInput([f"{path.name}: a declaration is an XLSX workbook"])
    with path.open("rb") as file:
        if file.read(len(_OLD_WORKBOOK)) == _OLD_WORKBOOK:
            raise WrongInput([f"{path.name}: is an old XLS or a password-protected workbook: save it as plain XLSX"])
    tables = {sheet: (grid, table) for sheet, grid in read_grids(path).items() if (table := _find_table(grid))}
    if len(tables) > 1:
        # The second one may be a copy or the rest of the list; only its office knows.
        problems.add(path.name, f"the sheets {', '.join(tables)} all hold form D02-LT: hand in one")
        return DeclaredMonth(None, None, None, ())
    for sheet, (grid, table) in tables.items():
        return _read(f"{path.name}, sheet {sheet}", grid, *table, problems)
    problems.add(path.name, "no sheet has the columns of form D02-LT: neither their numbers (A, B, 1, 2 …) nor words")
    return DeclaredMonth(None, None, None, ())


def _read(
    place: str, grid: list[list[Cell]], columns: Mapping[str, int], first: int, problems: Problems
) -> DeclaredMonth:
    heading = grid[:first]
    unit_code, agency_code, period = _unit_code(heading), _agency_code(heading), _period(heading)
    for column in _REQUIRED:
        if column not in columns:
            problems.add(place, f"the column {column} is missing")
    if unit_code is None:
        problems.add(f"{place}, heading", f"{UNIT}: the unit code must stand above the table")
    if period is None:
        problems.add(f"{place}, heading", f"{PERIOD}: one month (MM/YYYY) must stand above the table, and no other")
    workers = []
    for row in _rows(place, grid, columns, first, problems):
        worker = _worker(row, period)
        if worker is not None:
            workers.append((row, worker))
    if not workers and not problems.found:
        problems.add(place, "the table has no worker")
    return DeclaredMonth(unit_code, agency_code, period, workers)


def _find_table(grid: list[list[Cell]]) -> tuple[dict[str, int], int] | None:
    """Where each column stands, and the first row below the heading: by the numbers of the form, else by words."""
    for at, line in enumerate(grid[:_HEADING_ROWS]):
        written = [_number_text(cell) for cell in line]
        columns = {column: written.index(number) for column, number in zip(COLUMNS, _NUMBERS, strict=True)
                   if number in written}  # fmt: skip
        places = list(columns.values())
        if len(columns) >= _FEWEST_NUMBERS and {NAME, INSURED_NUMBER} <= columns.keys() and places == sorted(places):
            return columns, at + 1
    for at, line in enumerate(grid[:_HEADING_ROWS]):
        columns = _by_words(line)
        if len(columns) >= _FEWEST_WORDS and {NAME, INSURED_NUMBER} <= columns.keys():
            first = at + 1
            # The heading of the form has two or three rows: words below it name columns that have none yet.
            for below in grid[first : first + 2]:
                further = {column: place for column, place in _by_words(below).items() if column not in columns}
                if not further:
                    break
                columns |= {column: place for column, place in further.items() if place not in columns.values()}
                first += 1
            return columns, first
    return None


def _by_words(line: Sequence[Cell]) -> dict[str, int]:
    columns: dict[str, int] = {}
    for place, cell in enumerate(line):
        words = fold(cell).replace(" ", "") if isinstance(cell, str) else ""
        for column, beginnings in _WORDS.items():
            if words and column not in columns and words.startswith(beginnings):
                columns[column] = place
                break
    return columns


def _number_text(cell: Cell) -> str:
    """A cell of the row of numbers: 1, 1.0, "1", "(1)" and "[1]" are the same."""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip("()[] ") if isinstance(cell, (int, str)) else ""


def _rows(
    place: str, grid: list[list[Cell]], columns: Mapping[str, int], first: int, problems: Problems
) -> Iterator[Row]:
    """The rows of workers: no rows between groups, no totals, no signatures, no numbered rows left empty."""
    ended = False
    for number, line in enumerate(grid[first:], first + 1):
        cells = {column: line[at] for column, at in columns.items() if at < len(line)}
        name, insured, born, wage = (cells.get(column) for column in _REQUIRED)
        if insured is None and born is None and isinstance(name, str) and _TOTAL.match(fold(name)):
            ended = True
            continue
        numbered = _digits(cells.get(NUMBER)) and any(value is not None for value in (name, insured, born, wage))
        named = name is not None and (_digits(insured) or _digits(born) or _digits(wage))
        # Below a total come further groups, or signatures: there a worker shows by a number or by two of its cells.
        filled = sum(map(_digits, (insured, born, wage)))
        if _digits(insured) or numbered or filled > 1 or (not ended and (named or isinstance(wage, (int, float)))):
            yield Row(place, number, cells, problems)


def _digits(cell: Cell) -> bool:
    return isinstance(cell, (int, float, date)) or (isinstance(cell, str) and any(map(str.isdigit, cell)))


def _worker(row: Row, period: date | None) -> DeclaredWorker | None:
    before = len(row.problems.found)
    name = row.required_text(NAME)
    number = _insured_number(row)
    birth_date = row.required_day(BIRTH_DATE)
    position = row.text(POSITION)
    change = row.choice(CHANGE, CHANGES) or STAYS
    wage_vnd = _wage(row)
    _check_months(row, period)
    if name and not any(letter.isalpha() for letter in name):
        row.problem(NAME, "is not a name")
    if birth_date and (birth_date < _EARLIEST_BIRTH or (period and birth_date >= period)):
        row.problem(BIRTH_DATE, f"nobody who works in this month was born on {birth_date:%d/%m/%Y}")
    if len(row.problems.found) > before or not (name and number and birth_date and wage_vnd):
        return None
    return DeclaredWorker(number, name, birth_date, position, wage_vnd, change == UNPAID, change == LEAVES)


def _insured_number(row: Row) -> str | None:
    """Column 1; a number cell lost the leading zeros, which the length gives back."""
    written = row.required_text(INSURED_NUMBER)
    if written is None:
        return None
    number = re.sub(r"[ .\-]", "", written)
    if isinstance(row.cells[INSURED_NUMBER], (int, float)) and not written.startswith("-"):
        # At most two zeros are lost: no province begins with three.
        number = number.zfill(_INSURED_DIGITS if len(number) <= _INSURED_DIGITS else _PERSONAL_DIGITS)
        if number.startswith("000"):
            number = written
    elif written.startswith("-"):
        number = written
    if not _NUMBER_FORM.fullmatch(number) or not number.strip("0"):
        row.problem(INSURED_NUMBER, "a social insurance number has 10 digits, a personal id 12")
        return None
    return number


def _wage(row: Row) -> int | None:
    """Column 4 and 9 of an employer who sets wages itself, in đồng a month; coefficients of state wages are refused."""
    for column in _STATE_WAGE:
        if row.cells.get(column) not in (None, 0):
            row.problem(column, "belongs to a state wage, which is not taken from this file yet")
    written = row.cells.get(WAGE)
    if isinstance(written, float) and not written.is_integer():
        row.problem(WAGE, f"{written} is a coefficient or a fraction; a wage is whole đồng")
        return None
    wage_vnd = row.required_amount(WAGE)
    allowances_vnd = row.whole(ALLOWANCES) or 0
    if wage_vnd is None:
        return None
    total = wage_vnd + allowances_vnd
    if total < _LEAST_WAGE_VND:
        row.problem(WAGE, f"{total} is too small for a monthly wage in đồng: a coefficient, or thousands?")
        return None
    if total > _MOST_WAGE_VND:
        row.problem(WAGE, "is more than 10 thousand million đồng a month")
        return None
    return total


def _check_months(row: Row, period: date | None) -> None:
    """Columns 14 and 15 say for which months the row holds; the declared month must be one of them."""
    first, last = row.month(FROM_MONTH), row.month(TO_MONTH)
    if first and last and last < first:
        row.problem(TO_MONTH, f"is before {FROM_MONTH}")
    elif period and first and first > period:
        row.problem(FROM_MONTH, f"is after the declared month ({period:%m/%Y})")
    elif period and last and last < period:
        row.problem(TO_MONTH, f"is before the declared month ({period:%m/%Y}): an earlier month has its own file")


def _beside(heading: Sequence[Sequence[Cell]], label: str) -> Iterator[Cell]:
    """What stands with a label: behind it in its cell, folded, and in the next filled cell to the right."""
    for line in heading:
        for at, cell in enumerate(line):
            found = _LABELS[label].search(fold(cell)) if isinstance(cell, str) else None
            if found is None:
                continue
            if found[1]:
                yield found[1]
            yield next((value for value in line[at + 1 :] if value is not None), None)


def _unit_code(heading: Sequence[Sequence[Cell]]) -> str | None:
    for cell in _beside(heading, UNIT):
        written = fold(cell) if isinstance(cell, str) else ""
        if UNIT_CODE_FORM.fullmatch(written):
            return written
        if (found := _UNIT_CODE_INSIDE.search(written)) is not None:
            return found[0]
    return None


def _agency_code(heading: Sequence[Sequence[Cell]]) -> str | None:
    for cell in _beside(heading, AGENCY):
        written = str(int(cell)).zfill(5) if isinstance(cell, (int, float)) else str(cell)
        if (found := _AGENCY_INSIDE.search(written)) is not None:
            return found[0]
    return None


def _period(heading: Sequence[Sequence[Cell]]) -> date | None:
    """The declared month: 10/2026, Tháng 10 năm 2026, or a date cell beside its label; None if two are named."""
    months = set()
    for cell in _beside(heading, PERIOD):
        if isinstance(cell, date):
            months.add(date(cell.year, cell.month, 1))
        elif isinstance(cell, str) and not _QUARTER.search(fold(cell)):
            months |= {
                date(int(year), int(month), 1)
                for month, year in _MONTH.findall(fold(cell))
                if 1 <= int(month) <= 12 and int(year) >= _EARLIEST_BIRTH.year
            }
    return months.pop() if len(months) == 1 else None
