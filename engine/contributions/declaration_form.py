"""The declaration form (D02-LT, danh sách người lao động tham gia): its columns, and one row of it, a worker's month.

The columns are those of Decision 366/QĐ-BHXH. What the file may look like stands in `docs/declaration-file.md`; how the
table is found in it, in `declaration_sheet.py`.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType

from engine.law.calendar import Month
from engine.law.parameters import Parameters
from engine.law.working_age import least_age, years_old
from engine.people.workbook import Row
from ledger.sheets import neutral

NUMBER, NAME, INSURED_NUMBER, BIRTH_DATE = "A STT", "B Họ và tên", "1 Mã số BHXH", "2 Ngày sinh"
POSITION, WAGE, ALLOWANCES = "3 Chức vụ", "4 Hệ số/Mức lương", "9 Phụ cấp lương và khoản bổ sung"
FROM_DAY = "13 Ngày hiệu lực"
FROM_MONTH, TO_MONTH, CHANGE, NOTE = "14 Từ tháng", "15 Đến tháng", "18 Phương án", "19 Ghi chú"
UNIT, AGENCY, PERIOD = "Mã đơn vị", "Mã cơ quan BHXH", "Kỳ"

COLUMNS = (
    *(NUMBER, NAME, INSURED_NUMBER, BIRTH_DATE, POSITION, WAGE, "5 Hệ số bảo lưu", "6 Phụ cấp chức vụ"),
    *("7 Thâm niên vượt khung (%)", "8 Thâm niên nghề (%)", ALLOWANCES, "10 Không xác định thời hạn"),
    *("11 Xác định thời hạn", "12 Hợp đồng khác", FROM_DAY, FROM_MONTH, TO_MONTH, "16 Nơi khám chữa bệnh"),
    *("17 Hình thức nhận kết quả", CHANGE, NOTE),
)
"""The columns of the form in its order; the first word of each is its number."""

REQUIRED = (NAME, INSURED_NUMBER, BIRTH_DATE, WAGE)
_STATE_WAGE = ("5 Hệ số bảo lưu", "6 Phụ cấp chức vụ", "7 Thâm niên vượt khung (%)", "8 Thâm niên nghề (%)")

LEAVES, UNPAID, STAYS = "leaves", "unpaid", "stays"
CHANGES: Mapping[str, str] = MappingProxyType({
    "Không thay đổi": STAYS, "Tăng": STAYS, "Tăng mới": STAYS, "Điều chỉnh": STAYS, "TM": STAYS, "ON": STAYS,
    "DC": STAYS, "ĐC": STAYS, "CD": STAYS, "Giảm": LEAVES, "Giảm hẳn": LEAVES, "GH": LEAVES,
    "Không lương": UNPAID, "Nghỉ không lương": UNPAID, "KL": UNPAID,
})  # fmt: skip
"""What column 18 may say; empty means that nothing changed."""

_SEPARATORS = re.compile(r"[ .\-]")
_INSURED_DIGITS, _PERSONAL_DIGITS = 10, 12
_NUMBER_FORM = re.compile(r"[0-9]{10}|[0-9]{12}")
_NAME_MARKS = frozenset(" -'.\N{RIGHT SINGLE QUOTATION MARK}")
_LEAST_WAGE_VND = 100_000
_MOST_WAGE_VND = 10_000_000_000
_OLDEST_YEARS = 120


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
    from_month: date | None = None
    """Columns 14 and 15: for which months the row holds, where they are filled in."""
    to_month: date | None = None


@dataclass(frozen=True, slots=True)
class Mention:
    """Whom a row tells of, as far as it can be read; `worker` is None where anything in the row is wrong."""

    row: Row
    number: str | None = field(repr=False)
    name: str | None
    birth_date: date | None
    leaves: bool
    worker: DeclaredWorker | None


def read_worker(row: Row, month: Month, law: Parameters, *, changes_only: bool = False) -> Mention:
    """Reads one row of the table for the declared month; every problem of it is noted.

    A row of changes may hold for earlier months alone.
    """
    before = len(row.problems.found)
    name = _name(row)
    number = _insured_number(row)
    birth_date = row.required_day(BIRTH_DATE)
    position = _position(row)
    wage_vnd = _wage(row)
    change = row.choice(CHANGE, CHANGES) or STAYS
    from_month, to_month = _months(row, month, may_be_over=changes_only or change == LEAVES)
    if birth_date is not None:
        _check_age(row, birth_date, month, law)
    worker = None
    if len(row.problems.found) == before and name and number and birth_date and wage_vnd:
        worker = DeclaredWorker(
            number, name, birth_date, position, wage_vnd, change == UNPAID, change == LEAVES, from_month, to_month
        )
    return Mention(row, number, name, birth_date, change == LEAVES, worker)


def _name(row: Row) -> str | None:
    """Letters of the Latin script: one of another that looks the same would make another person."""
    name = row.required_text(NAME)
    if name is None:
        return None
    letters = [letter for letter in name if letter not in _NAME_MARKS]
    if not letters or not all(unicodedata.name(letter, "").startswith("LATIN ") for letter in letters):
        row.problem(NAME, "is not a name: Latin letters, blanks and - ' . only")
        return None
    return name


def _position(row: Row) -> str | None:
    """Column 3, without the apostrophe that keeps a spreadsheet from running what begins like a formula."""
    position = row.text(POSITION)
    bare = position.removeprefix("'") if position else position
    return bare if bare and neutral(bare) == position else position


def _insured_number(row: Row) -> str | None:
    """Column 1; a number cell lost the leading zeros, which the length gives back."""
    written = row.required_text(INSURED_NUMBER)
    if written is None:
        return None
    number = _SEPARATORS.sub("", written)
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
        if str(row.value(column) or "").strip("-0., "):
            row.problem(column, "belongs to a state wage, which is not taken from this file yet")
    allowances_vnd = row.whole(ALLOWANCES) or 0
    written = row.value(WAGE)
    if isinstance(written, float):
        row.problem(WAGE, f"{written} is a coefficient or a fraction; a wage is whole đồng")
        return None
    wage_vnd = row.required_amount(WAGE)
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


def _months(row: Row, month: Month, *, may_be_over: bool) -> tuple[date | None, date | None]:
    """Columns 14 and 15 say for which months the row holds; of a full list the declared month must be one of them,
    except for who has left.
    """
    first, last = row.month(FROM_MONTH), row.month(TO_MONTH)
    declared = f"the declared month ({month.first_day:%m/%Y})"
    if first and first > month.first_day:
        row.problem(FROM_MONTH, f"is after {declared}")
    if first and last and last < first:
        row.problem(TO_MONTH, f"is before {FROM_MONTH}")
    elif last and last < month.first_day and not may_be_over:
        row.problem(TO_MONTH, f"is before {declared}: an earlier month has its own file")
    elif last and first is None and last < month.first_day:
        row.problem(FROM_MONTH, f"must tell from which month on, since {TO_MONTH} is before {declared}")
    return first, last


def _check_age(row: Row, birth_date: date, month: Month, law: Parameters) -> None:
    """Who works is of age on the first day of the contract, or, where no row tells it, on the last of the month."""
    from_day = row.day(FROM_DAY)
    if from_day and from_day > month.last_day:
        row.problem(FROM_DAY, f"is after the declared month ({month.first_day:%m/%Y})")
        from_day = None
    on = from_day or month.last_day
    least = least_age(month.first_day, law)
    if birth_date > on:
        row.problem(BIRTH_DATE, f"{birth_date:%d/%m/%Y} is later than the work that is declared")
    elif years_old(birth_date, on) < least.value:
        row.problem(BIRTH_DATE, f"younger than {least.value} on {on:%d/%m/%Y} ({least.citation.english})")
    elif years_old(birth_date, month.last_day) > _OLDEST_YEARS:
        row.problem(BIRTH_DATE, f"{birth_date:%d/%m/%Y} makes a worker of more than {_OLDEST_YEARS} years")
