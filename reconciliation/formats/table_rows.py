"""The rows of a bank's table as bookings, and what its rows together come to.

Nợ is money out and Có money in, from our side of the account. A fee and its VAT in columns of their own are bookings of
their own.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from typing import Final

from reconciliation.errors import Problem, ProblemCode
from reconciliation.formats.amounts import Unreadable, decimals_of
from reconciliation.formats.layouts import Column, Label, Layout, folded
from reconciliation.formats.sheets import Row
from reconciliation.formats.table_values import is_day, read_day, read_number
from reconciliation.statement import (
    NO_REFERENCES,
    BankReferences,
    Entry,
    EntryStatus,
    Sign,
    Statement,
    StatementEnd,
    Tally,
)

FEE, TAX = "FEE", "VAT"
"""As the transaction code of an entry that stood in a column of its own."""
MONEY: Final = (Column.DEBIT, Column.CREDIT, Column.AMOUNT, Column.FEE, Column.TAX)
_DEBIT_MARKS: Final = frozenset({"D", "DR", "N", "NO", "DEBIT", "GHI NO", "CHI", "OUT", "TIEN RA", "CHUYEN DI"})
_CREDIT_MARKS: Final = frozenset({"C", "CR", "CO", "CREDIT", "GHI CO", "THU", "IN", "TIEN VAO", "NHAN VE"})
_NOT_BOOKED: Final = frozenset({"CHO XU LY", "DANG XU LY", "PENDING", "THAT BAI", "FAILED", "HUY", "CANCELLED"})
_CAME_BACK: Final = frozenset({"HOAN TRA", "DA HOAN TRA", "RETURNED", "REVERSED"})
_OF_THE_PROVIDER: Final = frozenset({Column.FEE, Column.TAX})
NOTHING: Final = frozenset({"", "-", "–"})


SUMMED: Final = (Column.AMOUNT, Column.FEE, Column.TAX, Column.NET)
"""Columns whose total a settlement file tells."""


@dataclass(slots=True)
class ColumnSums:
    """What a column comes to: of what is booked or of every row, each with or without the signs of its numbers."""

    booked: int = 0
    booked_unsigned: int = 0
    every: int = 0
    every_unsigned: int = 0

    def add(self, number: int, *, booked: bool) -> None:
        self.every += number
        self.every_unsigned += abs(number)
        if booked:
            self.booked += number
            self.booked_unsigned += abs(number)

    def is_meant_by(self, total: int) -> bool:
        """No provider tells which of them its total is."""
        sums = (self.booked, self.booked_unsigned, self.every, self.every_unsigned)
        return abs(total) in {abs(each) for each in sums}


@dataclass(slots=True)
class Table:
    """The statement that is being read."""

    layout: Layout
    columns: dict[Column, int]
    header: Row
    account: str
    currency: str
    """VND where neither title nor rows say it."""
    format: str
    currency_told: bool = False
    account_by_row: bool = False
    """The title names no account, and a column does."""
    started: bool = False
    opening: int | None = None
    closing: int | None = None
    from_on: date | None = None
    to_on: date | None = None
    first_on: date | None = None
    last_on: date | None = None
    previous_on: date | None = None
    tally: Tally = field(default_factory=Tally)
    counts: dict[Sign, int] = field(default_factory=lambda: {Sign.DEBIT: 0, Sign.CREDIT: 0})
    stated: dict[Label, tuple[str, int]] = field(default_factory=dict)
    sums: dict[Column, ColumnSums] = field(default_factory=dict)
    stated_sums: dict[Column, tuple[str, int]] = field(default_factory=dict)
    balances: list[tuple[str, int, int]] = field(default_factory=list)
    """Of rows with a running balance: their place, what they moved, and the balance after."""
    rows: int = 0
    """Rows that are bookings."""
    contradictions: list[Problem] = field(default_factory=list)

    def cell(self, row: Row, column: Column) -> str:
        place = self.columns.get(column)
        return row.cells[place] if place is not None and place < len(row.cells) else ""

    def statement(self) -> Statement:
        return Statement(
            format=self.format,
            account=self.account,
            currency=self.currency,
            id=None,
            sequence=None,
            page=None,
            from_on=self.from_on or self.first_on,
            to_on=self.to_on or self.last_on,
            opening=self.opening,
            closing=self.closing,
        )


def is_booking(table: Table, row: Row) -> bool:
    """Whether a row has its day where bookings have it; nothing else in the table has."""
    return is_day(table.cell(row, Column.BOOKED_ON))


def is_in_currency(table: Table, row: Row) -> bool:
    """Whether a row is in the account's currency, which the first row tells if the title does not."""
    code = table.cell(row, Column.CURRENCY).upper()
    if not code:
        return True
    decimals_of(code)
    if not table.currency_told:
        table.currency, table.currency_told = code, True
    if code == table.currency:
        return True
    table.tally.add_foreign(EntryStatus.BOOKED)
    detail = f"the row is in {code}, the account in {table.currency}"
    table.contradictions.append(Problem(ProblemCode.CURRENCY, row.place, detail))
    return False


def entries_of(table: Table, row: Row, told_day: str) -> list[Entry]:
    """The bookings of a row: what moved, and its fee and VAT as bookings of their own."""
    moneys = [column for column in MONEY if table.cell(row, column) not in NOTHING]
    rest = ""
    if told_day in NOTHING and set(moneys) <= {Column.FEE, Column.TAX} and table.previous_on:
        booked_on = table.previous_on
    else:
        booked_on, rest = _day_in(told_day, Column.BOOKED_ON)
    table.previous_on = booked_on
    table.first_on = min(table.first_on or booked_on, booked_on)
    table.last_on = max(table.last_on or booked_on, booked_on)
    value = table.cell(row, Column.VALUE_ON)
    value_on = _day_in(value, Column.VALUE_ON)[0] if value not in NOTHING else None
    status = folded(table.cell(row, Column.STATUS))
    made = []
    for column, signed in _amounts(table, row, moneys):
        if signed == 0:
            continue
        made.append(
            Entry(
                place=f"{row.place}, {column.value}",
                sign=Sign.CREDIT if signed > 0 else Sign.DEBIT,
                amount=abs(signed),
                status=EntryStatus.INFORMATION if status in _NOT_BOOKED else EntryStatus.BOOKED,
                reversal=status in _CAME_BACK,
                booked_on=booked_on,
                value_on=value_on,
                bank_reference=table.cell(row, Column.REFERENCE) or rest or None,
                bank_transaction_code={Column.FEE: FEE, Column.TAX: TAX}.get(column),
                # A fee is the provider's own, though it stands beside our order.
                references=NO_REFERENCES if column in _OF_THE_PROVIDER else _own_reference(table, row),
                text=table.cell(row, Column.TEXT) or None,
                additional_text=table.cell(row, Column.COUNTERPARTY_NAME) or None,
                counterparty_account=table.cell(row, Column.COUNTERPARTY_ACCOUNT) or None,
                virtual_account=table.cell(row, Column.VIRTUAL_ACCOUNT) or None,
            )
        )
    booked = status not in _NOT_BOOKED
    for column in SUMMED:
        if table.cell(row, column) not in NOTHING:
            table.sums.setdefault(column, ColumnSums()).add(_number(table, row, column), booked=booked)
    if booked and table.cell(row, Column.NET) not in NOTHING and Column.AMOUNT in table.columns:
        told, moved = _number(table, row, Column.NET), sum(entry.signed_amount for entry in made)
        if told != moved:
            detail = f"the net is {told}, gross less fee and tax {moved}"
            table.contradictions.append(Problem(ProblemCode.SUMMARY_MISMATCH, row.place, detail))
    balance = table.cell(row, Column.BALANCE)
    if balance not in NOTHING:
        moved = sum(entry.signed_amount for entry in made if entry.status is EntryStatus.BOOKED)
        table.balances.append((row.place, moved, _number(table, row, Column.BALANCE)))
    table.rows += 1
    return made


def _own_reference(table: Table, row: Row) -> BankReferences:
    return BankReferences(end_to_end_id=table.cell(row, Column.OWN_REFERENCE) or None)


def _amounts(table: Table, row: Row, moneys: list[Column]) -> Iterator[tuple[Column, int]]:
    """What moved, each with its sign: money in above zero."""
    for column in moneys:
        number = _number(table, row, column)
        match column:
            case Column.DEBIT:
                if number < 0 and not table.layout.negative_debits:
                    raise Unreadable(ProblemCode.AMOUNT, "an amount below zero in the column of debits", ", debit")
                yield column, -abs(number)
            case Column.CREDIT:
                if number < 0:
                    raise Unreadable(ProblemCode.AMOUNT, "an amount below zero in the column of credits", ", credit")
                yield column, number
            case Column.AMOUNT:
                yield column, -abs(number) if table.layout.paid_out else _marked(number, _mark(table, row))
            case _:
                yield column, -abs(number)


def _mark(table: Table, row: Row) -> str:
    """Nợ or Có; or the kind of the booking, where it is told as money in or money out."""
    kind = table.cell(row, Column.KIND)
    return table.cell(row, Column.MARK) or (kind if folded(kind) in _DEBIT_MARKS | _CREDIT_MARKS else "")


def _marked(number: int, mark: str) -> int:
    word = folded(mark)
    if word in _DEBIT_MARKS or mark.strip() == "-":
        return -abs(number)
    if mark.strip() and word not in _CREDIT_MARKS and mark.strip() != "+":
        raise Unreadable(ProblemCode.SIGN, "neither debit nor credit", ", mark")
    if mark.strip() and number < 0:
        raise Unreadable(ProblemCode.SIGN, "marked as money in, and below zero", ", mark")
    return number


def _number(table: Table, row: Row, column: Column) -> int:
    text = table.cell(row, column)
    try:
        return read_number(text, table.currency)
    except Unreadable as error:
        raise Unreadable(error.code, error.detail, f", {column.value}") from error


def _day_in(text: str, column: Column) -> tuple[date, str]:
    try:
        return read_day(text)
    except Unreadable as error:
        raise Unreadable(error.code, error.detail, f", {column.value}") from error


def day_or_none(text: str) -> date | None:
    try:
        return read_day(text)[0]
    except Unreadable:
        return None


def take_running_balances(table: Table) -> None:
    """Where no balance is named: those of the column, if each row goes on from another one, in whatever order.

    A column in which they do not is wrong or short of rows, unless fees stand beside the bookings: then banks do not
    tell a balance for each.
    """
    if not table.balances:
        return
    before = Counter(balance - moved for _, moved, balance in table.balances)
    after = Counter(balance for _, _, balance in table.balances)
    first, last = [*(before - after).elements()], [*(after - before).elements()]
    if len(first) <= 1:
        # As many rows begin a chain as end one; none at all where the balance comes back to what it was.
        opening, closing = (first[0], last[0]) if first else _ends(table.balances)
        table.opening = opening if table.opening is None else table.opening
        table.closing = closing if table.closing is None else table.closing
    elif len(table.balances) == table.rows and not (table.tally.not_added or _OF_THE_PROVIDER & table.columns.keys()):
        place = _where_broken(table.balances)
        detail = "the running balance does not follow from any other row of the table"
        table.contradictions.append(Problem(ProblemCode.BALANCE_MISMATCH, place, detail))


def _ends(balances: list[tuple[str, int, int]]) -> tuple[int | None, int | None]:
    """Opening and closing of rows that come back to where they began, in the order in which they follow."""
    for ordered in (balances, balances[::-1]):
        after = [balance for _, _, balance in ordered]
        before = [balance - moved for _, moved, balance in ordered]
        if after[:-1] == before[1:]:
            return before[0], after[-1]
    return None, None


def _where_broken(balances: list[tuple[str, int, int]]) -> str:
    """The first row that does not go on from its neighbour, in the direction in which more rows do."""
    broken = []
    for ordered in (balances, balances[::-1]):
        pairs = pairwise(ordered)
        broken.append([place for (_, _, balance), (place, moved, after) in pairs if balance + moved != after])
    return min(broken, key=len)[0]


def check_totals(table: Table) -> None:
    """What the file says of itself must be what was counted; some banks leave fees out of their totals."""
    if table.tally.not_added:
        return
    counted = {
        Label.TOTAL_DEBIT: table.tally.sum_debits,
        Label.TOTAL_CREDIT: table.tally.sum_credits,
        Label.COUNT_DEBIT: table.counts[Sign.DEBIT],
        Label.COUNT_CREDIT: table.counts[Sign.CREDIT],
    }
    for column, (place, total) in table.stated_sums.items():
        if not table.sums.get(column, ColumnSums()).is_meant_by(total):
            detail = f"the total of {column.value} is stated as {total}, the rows do not come to it"
            table.contradictions.append(Problem(ProblemCode.SUMMARY_MISMATCH, place, detail))
    has_fees = {Column.FEE, Column.TAX} & table.columns.keys()
    for label, (place, stated) in table.stated.items():
        if stated != counted[label] and not (has_fees and label in (Label.TOTAL_DEBIT, Label.COUNT_DEBIT)):
            detail = f"{label.value} is stated as {stated} and counted as {counted[label]}"
            table.contradictions.append(Problem(ProblemCode.SUMMARY_MISMATCH, place, detail))


def ended(table: Table) -> StatementEnd:
    return table.tally.end(table.statement(), table.header.place, table.contradictions)
