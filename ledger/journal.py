"""The journal (nhật ký chung): every line of the book in order, Nợ and Có."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, text

from ledger.money import Dong
from ledger.places import STREAMED, Place, lines_in_order
from ledger.sheets import Column, Kind
from ledger.window import WHOLE, Window, require_in_books


class JournalLine(NamedTuple):
    """One line of the journal with what its entry says."""

    entry_id: int
    line_no: int
    business_on: date
    recorded_at: datetime
    event: str
    document: str
    description: str
    debit_account: str
    credit_account: str
    amount: Dong
    fund: str
    run: str | None
    debit_reference: str | None
    credit_reference: str | None
    person: str | None

    @property
    def place(self) -> Place:
        return Place(self.business_on, self.entry_id, self.line_no)


JOURNAL_COLUMNS = (
    Column("entry", "Bút toán", "Entry", Kind.NUMBER),
    Column("line", "Dòng", "Line", Kind.NUMBER),
    Column("on", "Ngày chứng từ", "Business date", Kind.DATE),
    Column("recorded_at", "Thời điểm ghi sổ", "Recorded at", Kind.INSTANT),
    Column("event", "Nghiệp vụ", "Event"),
    Column("document", "Chứng từ", "Document"),
    Column("description", "Diễn giải", "Description"),
    Column("debit_account", "Tài khoản Nợ", "Debit account"),
    Column("credit_account", "Tài khoản Có", "Credit account"),
    Column("amount", "Số tiền", "Amount", Kind.MONEY),
    Column("fund", "Quỹ", "Fund"),
    Column("run", "Đợt chi trả", "Run"),
    Column("debit_reference", "Tham chiếu Nợ", "Debit reference"),
    Column("credit_reference", "Tham chiếu Có", "Credit reference"),
    Column("person", "Người ghi", "Recorded by"),
)


@dataclass(frozen=True, slots=True)
class JournalPage:
    """Some lines of the journal; `next` is the place after which the next page begins, null at the end."""

    lines: Sequence[JournalLine]
    next: Place | None


def journal(connection: Connection, window: Window, *, limit: int, after: Place | None = None) -> JournalPage:
    """At most `limit` lines of the journal within the window, from `after` on."""
    require_in_books(connection, window)
    query = f"{_FIELDS} FROM {lines_in_order(window, after)} LIMIT {limit + 1}"
    rows = connection.execute(text(query), window.arguments | (after.arguments if after else {})).all()
    lines = [_line(row) for row in rows[:limit]]
    return JournalPage(lines, lines[-1].place if lines and len(rows) > limit else None)


def stream_journal(connection: Connection, window: Window = WHOLE) -> Iterator[JournalLine]:
    """The whole journal within the window, in the memory of a few lines."""
    require_in_books(connection, window)
    query = text(f"{_FIELDS} FROM {lines_in_order(window, None)}")
    with connection.execute(query, window.arguments, execution_options=STREAMED) as rows:
        for row in rows:
            yield _line(row)


_FIELDS = """
    SELECT e.entry_id, l.line_no, e.business_on, e.recorded_at, e.event, e.document, e.description,
        (SELECT code FROM ledger.account WHERE account_id = l.debit_account_id) AS debit_account,
        (SELECT code FROM ledger.account WHERE account_id = l.credit_account_id) AS credit_account,
        l.amount_vnd, l.fund, l.run, l.debit_reference, l.credit_reference, e.person
"""


def _line(row: Row[Any]) -> JournalLine:
    values: tuple[Any, ...] = tuple(row)
    return JournalLine._make((*values[:9], Dong(values[9]), *values[10:]))
