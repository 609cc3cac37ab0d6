"""Statements that banks export as tables (sao kê dạng bảng): XLSX, CSV and HTML, by the layouts of `layouts/`.

A title block tells account, period and balances; the header of the table is found by its words, never by its row; rows
of totals are held against what was counted. Several accounts may follow one another, on one sheet or on several.

Whatever is in the table and is neither a booking nor a known balance or total refuses the file.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Final

from reconciliation.errors import Problem, ProblemCode, StatementRefused, UnknownFormat
from reconciliation.formats.amounts import DECIMALS, Unreadable
from reconciliation.formats.layouts import Column, Label, Layout, folded, is_without_marks, layout_of
from reconciliation.formats.sheets import Row
from reconciliation.formats.table_rows import (
    MONEY,
    NOTHING,
    SUMMED,
    Table,
    check_totals,
    day_or_none,
    ended,
    entries_of,
    is_booking,
    is_in_currency,
    take_running_balances,
)
from reconciliation.formats.table_values import is_day, read_number
from reconciliation.statement import (
    StatementEvent,
    StatementStart,
)

_PROBLEMS_AT_MOST: Final = 100
_STATEMENTS_AT_MOST: Final = 1_000
_LOOKED_AT_MOST: Final = 1_000
"""Rows of a sheet before its first table."""
_TITLE_AT_MOST: Final = 60
"""Rows before a header; the header of real exports stands in rows 8 to 40."""
_ACCOUNT: Final = re.compile(r"[0-9][0-9 .-]{4,22}[0-9]|[A-Z0-9]{6,24}")
_DAYS: Final = re.compile(r"[0-9]{1,2}[/.-][0-9]{1,2}[/.-][0-9]{4}|[0-9]{4}-[0-9]{2}-[0-9]{2}")
_FORMER: Final = re.compile(r"\b(?:CU|OLD)\b")
"""An account number that the bank has replaced (số tài khoản cũ)."""
_TOTALS: Final = (Label.TOTAL, Label.TOTAL_DEBIT, Label.TOTAL_CREDIT, Label.COUNT_DEBIT, Label.COUNT_CREDIT)


def read(rows: Iterator[Row], kind: str) -> Iterator[StatementEvent]:
    """The statements of a spreadsheet; `kind` is `xlsx`, `csv` or `html`."""
    reading = _Reading(kind)
    for row in rows:
        yield from reading.row(row)
    yield from reading.end_of_file()
    if reading.statements == 0 and not reading.problems:
        raise UnknownFormat([reading.no_header()])
    if reading.problems:
        raise StatementRefused(reading.problems)


@dataclass(slots=True)
class _Title:
    """What stands before a table, and what of it belongs to the statement."""

    rows: list[Row] = field(default_factory=list)

    def cells(self) -> Iterator[str]:
        return (cell for row in self.rows for cell in row.cells if cell)


class _Reading:
    """One pass over one file."""

    def __init__(self, kind: str) -> None:
        self.statements = 0
        self.problems: list[Problem] = []
        self._kind = kind
        self._title = _Title()
        self._table: Table | None = None
        self._looked = 0
        self._nearest: tuple[Row, dict[Column, int]] | None = None
        """The row that came nearest to a header."""

    def no_header(self) -> Problem:
        """Why no table was found, for somebody who writes a layout."""
        detail = "no table with a date and columns for money in and out"
        if self._nearest is None:
            return Problem(ProblemCode.UNKNOWN_FORMAT, "row 1", detail)
        row, columns = self._nearest
        return Problem(ProblemCode.UNKNOWN_FORMAT, row.place, f"{detail}; this row names only {', '.join(columns)}")

    def refuse(self, code: ProblemCode, place: str, detail: str) -> None:
        self.problems.append(Problem(code, place, detail))
        if len(self.problems) >= _PROBLEMS_AT_MOST:
            raise StatementRefused(self.problems)

    def row(self, row: Row) -> Iterator[StatementEvent]:
        """Takes the next row: of a title, a header, a table or what follows one."""
        if not any(row.cells):
            return
        if self._table is not None and self._table.header.sheet == row.sheet and is_booking(self._table, row):
            if self._table.account_by_row:
                yield from self._account_of_row(self._table, row)
            yield from self._table_row(self._table, row)
            return
        if self._table is not None and row.sheet != self._table.header.sheet:
            yield from self._end()
        columns = self._header(row)
        if columns is not None and self._table is not None and columns == self._table.columns:
            return  # the header again, on the next page
        if columns is not None:
            yield from self._end()
            yield from self._begin(row, columns)
        elif self._table is None:
            self._looked += 1
            if self._looked > _LOOKED_AT_MOST:
                nearest = self.no_header()
                problem = replace(nearest, detail=f"{_LOOKED_AT_MOST} rows without a table; {nearest.detail}")
                raise StatementRefused([*self.problems, problem])
            self._title.rows.append(row)
            del self._title.rows[:-_TITLE_AT_MOST]
        elif _is_title(row, self._table):
            # The title block of the next account on the same sheet.
            yield from self._end()
            self._title.rows.append(row)
        else:
            yield from self._table_row(self._table, row)

    def end_of_file(self) -> Iterator[StatementEvent]:
        yield from self._end()

    def _header(self, row: Row) -> dict[Column, int] | None:
        """The columns that a header names, alone or with the row above it; none if the row is no header."""
        if any(is_day(cell) for cell in row.cells):
            return None
        layout = layout_of((*self._title.cells(), *row.cells))
        columns = _columns(layout, row)
        if self._title.rows and self._table is None and not _is_whole(columns):
            above = _columns(layout, self._title.rows[-1])
            above.pop(Column.ACCOUNT, None)  # the title's own word
            columns = {**above, **columns}
        if _is_whole(columns):
            return columns
        if len(columns) > 1 and (self._nearest is None or len(columns) > len(self._nearest[1])):
            self._nearest = row, columns
        return None

    def _begin(self, header: Row, columns: dict[Column, int]) -> Iterator[StatementEvent]:
        self.statements += 1
        self._looked = 0
        if self.statements > _STATEMENTS_AT_MOST:
            detail = f"more than {_STATEMENTS_AT_MOST} tables"
            raise StatementRefused([*self.problems, Problem(ProblemCode.NOT_READABLE, header.place, detail)])
        title, self._title = self._title, _Title()
        layout = layout_of((*title.cells(), *header.cells))
        account = next((found for row in title.rows if (found := _account(layout, row))), None)
        told = _currency(layout, title)
        table = Table(layout, columns, header, account or "", told or "VND", f"{self._kind}.{layout.name}")
        table.currency_told = told is not None
        table.account_by_row = account is None and Column.ACCOUNT in columns
        if account is None and not table.account_by_row and any(map(_names_account(layout), title.cells())):
            self.refuse(ProblemCode.ACCOUNT, header.place, "the title names no account")
        elif account is None and not table.account_by_row:
            table.contradictions.append(Problem(ProblemCode.ACCOUNT, header.place, "no account is named anywhere"))
        for row, below in zip_longest(title.rows, title.rows[1:]):
            self._beside(table, row, below)
        self._table = table
        if not table.account_by_row:
            table.started = True
            yield StatementStart(table.statement())

    def _account_of_row(self, table: Table, row: Row) -> Iterator[StatementEvent]:
        """The first row tells whose the statement is; one of another account is not added up with it."""
        told = table.cell(row, Column.ACCOUNT)
        number = re.sub(r"[ .-]", "", told) if _ACCOUNT.fullmatch(told) else ""
        if not table.started:
            table.account, table.started = number, True
            yield StatementStart(table.statement())
        if not number or number != table.account:
            detail = "a row of another account" if number else "the row names no account"
            self.refuse(ProblemCode.ACCOUNT, f"{row.place}, {Column.ACCOUNT.value}", detail)

    def _table_row(self, table: Table, row: Row) -> Iterator[StatementEvent]:
        told_day = table.cell(row, Column.BOOKED_ON)
        booking = is_booking(table, row)
        if not booking and any(table.layout.label(cell) in _IN_TABLE for cell in row.cells if cell):
            self._beside(table, row, in_table=True)
            return
        if not booking and (under := _columns(table.layout, row)).keys() >= {Column.DEBIT, Column.CREDIT}:
            _take_second_line(table, under)
            return
        if booking and not row.whole:
            self.refuse(ProblemCode.TRUNCATED, row.place, "the file ends inside a row")
        moneys = [text for column in MONEY if (text := table.cell(row, column)) not in NOTHING]
        if not moneys or not (booking or any(map(_looks_like_amount, moneys))):
            self._beside(table, row)
            return
        if not booking and (_numbered(row) or _account(table.layout, row) == table.account != ""):
            return  # the numbers under a header, or the head of the next page
        try:
            if booking and not is_in_currency(table, row):
                return
            entries = entries_of(table, row, told_day)
        except Unreadable as error:
            table.tally.not_added += 1
            self.refuse(error.code, f"{row.place}{error.where}", error.detail)
            return
        for entry in entries:
            table.tally.add(entry)
            table.counts[entry.sign] += 1
            yield entry

    def _beside(self, table: Table, row: Row, below: Row | None = None, *, in_table: bool = False) -> None:
        """Keeps what a row beside the bookings tells: balances, totals, period. A value may stand below its label."""
        for place, cell in enumerate(row.cells):
            label = table.layout.label(cell) if cell else None
            if label in (Label.OPENING, Label.CLOSING):
                self._balance(table, row, below, place, label, in_table=in_table)
            elif label in _TOTALS:
                self._total(table, row, place, label)
            elif label is Label.PERIOD and table.from_on is None:
                days = _DAYS.findall(" ".join(row.cells[place:]))
                if days:
                    table.from_on = day_or_none(days[0])
                    table.to_on = day_or_none(days[-1]) if len(days) > 1 else table.to_on
        if len(days := _DAYS.findall(" ".join(row.cells))) == 2 and table.from_on is None and not in_table:
            table.from_on, table.to_on = day_or_none(days[0]), day_or_none(days[1])

    def _balance(self, table: Table, row: Row, below: Row | None, place: int, label: Label, *, in_table: bool) -> None:
        text = _value_after(row, place)
        if in_table and (own := table.cell(row, Column.BALANCE)) not in NOTHING:
            text = own
        if below is not None and (text is None or table.layout.label(text) is not None):
            text = below.cells[place] if place < len(below.cells) else None
        if text is None:
            return
        try:
            amount = read_number(text, table.currency)
        except Unreadable as error:
            if _looks_like_number(text):
                table.contradictions.append(Problem(ProblemCode.BALANCE, row.place, error.detail))
            return
        known = table.opening if label is Label.OPENING else table.closing
        if known not in (None, amount):
            detail = f"the {label.value} balance is given twice and differs"
            table.contradictions.append(Problem(ProblemCode.BALANCE, row.place, detail))
        elif label is Label.OPENING:
            table.opening = amount
        else:
            table.closing = amount

    def _total(self, table: Table, row: Row, place: int, label: Label) -> None:
        if label is Label.TOTAL:
            told = ((Label.TOTAL_DEBIT, Column.DEBIT), (Label.TOTAL_CREDIT, Column.CREDIT))
            texts = {kept: table.cell(row, column) for kept, column in told}
            self._column_totals(table, row)
        else:
            texts = {label: _value_after(row, place) or ""}
        for kept, text in texts.items():
            currency = "VND" if kept in (Label.COUNT_DEBIT, Label.COUNT_CREDIT) else table.currency
            try:
                table.stated[kept] = (row.place, abs(read_number(text, currency)))
            except Unreadable:
                continue

    def _column_totals(self, table: Table, row: Row) -> None:
        for column in SUMMED:
            try:
                table.stated_sums[column] = (row.place, read_number(table.cell(row, column), table.currency))
            except Unreadable:
                continue

    def _end(self) -> Iterator[StatementEvent]:
        table, self._table = self._table, None
        if table is not None:
            if not table.started:
                table.contradictions.append(Problem(ProblemCode.ACCOUNT, table.header.place, "no row names an account"))
                yield StatementStart(table.statement())
            take_running_balances(table)
            check_totals(table)
            yield ended(table)


_IN_TABLE: Final = frozenset({Label.OPENING, Label.CLOSING, Label.ASIDE, *_TOTALS})


def _is_whole(columns: dict[Column, int]) -> bool:
    """Whether a header names what a booking needs."""
    both = {Column.DEBIT, Column.CREDIT} <= columns.keys()
    return Column.BOOKED_ON in columns and (both or Column.AMOUNT in columns)


def _columns(layout: Layout, row: Row) -> dict[Column, int]:
    """Of each kind of column the first; a second day is that of the value, and the only one that of the booking."""
    columns: dict[Column, int] = {}
    without_marks = is_without_marks(row.cells)
    for place, cell in enumerate(row.cells):
        column = layout.column(cell, without_marks=without_marks) if cell else None
        if column is Column.BOOKED_ON and column in columns:
            column = Column.VALUE_ON
        if column is not None:
            columns.setdefault(column, place)
    if Column.DEBIT in columns and Column.BOOKED_ON not in columns and Column.VALUE_ON in columns:
        columns[Column.BOOKED_ON] = columns.pop(Column.VALUE_ON)
    return columns


def _take_second_line(table: Table, under: dict[Column, int]) -> None:
    """The second line of a header: money in and out under one word such as `Phát sinh`."""
    if not table.tally.entries and not table.tally.not_booked:
        table.columns = {
            **{column: place for column, place in table.columns.items() if column is not Column.AMOUNT},
            **under,
        }


def _is_title(row: Row, table: Table) -> bool:
    """Whether a new account begins: its number is named beside no booking."""
    if is_day(table.cell(row, Column.BOOKED_ON)):
        return False
    found = any(table.layout.label(cell) is Label.ACCOUNT for cell in row.cells if cell)
    return found and _account(table.layout, row) not in (None, table.account)


def _names_account(layout: Layout) -> Callable[[str], bool]:
    return lambda cell: layout.label(cell) is Label.ACCOUNT


def _account(layout: Layout, row: Row) -> str | None:
    """The number that a row names as the account: after a colon, or in the next cell."""
    for place, cell in enumerate(row.cells):
        if not cell or layout.label(cell) is not Label.ACCOUNT or _FORMER.search(folded(cell)):
            continue
        texts = [cell.partition(":")[2], *(later for later in row.cells[place + 1 :] if later)]
        for text in texts:
            match = _ACCOUNT.match(text.strip())
            if match is not None and any(letter.isdigit() for letter in match[0]):
                return re.sub(r"[ .-]", "", match[0])
    return None


def _currency(layout: Layout, title: _Title) -> str | None:
    for row in title.rows:
        for place, cell in enumerate(row.cells):
            if cell and layout.label(cell) is Label.CURRENCY:
                words = " ".join((cell.partition(":")[2], *row.cells[place + 1 :])).upper()
                for word in re.findall(r"[A-Z]{3}", words):
                    if word in DECIMALS:
                        return str(word)
    return None


def _value_after(row: Row, place: int) -> str | None:
    """What stands after a colon, or else in the next cell that is not empty."""
    own = row.cells[place].partition(":")[2].strip()
    if own:
        return own
    return next((cell for cell in row.cells[place + 1 :] if cell), None)


def _looks_like_number(text: str) -> bool:
    return any(letter.isdigit() for letter in text) and not is_day(text)


def _looks_like_amount(text: str) -> bool:
    """Whether a cell could be meant as money, and is no sentence under the table such as `Hà Nội, ngày 30 tháng 11`."""
    letters = sum(letter.isalpha() for letter in text)
    return letters < 4 and any(letter.isdigit() for letter in text) and not is_day(text)


def _numbered(row: Row) -> bool:
    """The row under a header that numbers the columns: 1, 2, 3 or (1), (2), (3)."""
    numbers = [cell.strip("() ") for cell in row.cells if cell]
    return len(numbers) > 3 and numbers == [str(number) for number in range(1, len(numbers) + 1)]
