"""The statement of an account (sổ cái): every line on it with its contra account and the running balance."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, text

from ledger.accounts import Account, find_account
from ledger.balances import net_before, on_normal_side
from ledger.money import ZERO, Dong
from ledger.places import STREAMED, Place, lines_in_order
from ledger.sheets import Column, Kind
from ledger.window import WHOLE, Window, require_in_books


class StatementLine(NamedTuple):
    """One line of an account's statement, seen from the account; `balance` is the running balance after it."""

    entry_id: int
    line_no: int
    business_on: date
    recorded_at: datetime
    event: str
    document: str
    description: str
    contra_account: str
    fund: str
    run: str | None
    reference: str | None
    contra_reference: str | None
    debit: Dong
    credit: Dong
    balance: Dong

    @property
    def place(self) -> Place:
        return Place(self.business_on, self.entry_id, self.line_no, self.balance.vnd)


STATEMENT_COLUMNS = (
    Column("entry", "Bút toán", "Entry", Kind.NUMBER),
    Column("line", "Dòng", "Line", Kind.NUMBER),
    Column("on", "Ngày chứng từ", "Business date", Kind.DATE),
    Column("recorded_at", "Thời điểm ghi sổ", "Recorded at", Kind.INSTANT),
    Column("event", "Nghiệp vụ", "Event"),
    Column("document", "Chứng từ", "Document"),
    Column("description", "Diễn giải", "Description"),
    Column("contra_account", "Tài khoản đối ứng", "Contra account"),
    Column("fund", "Quỹ", "Fund"),
    Column("run", "Đợt chi trả", "Run"),
    Column("reference", "Tham chiếu", "Reference"),
    Column("contra_reference", "Tham chiếu đối ứng", "Contra reference"),
    Column("debit", "Nợ", "Debit", Kind.MONEY),
    Column("credit", "Có", "Credit", Kind.MONEY),
    Column("balance", "Số dư", "Balance", Kind.MONEY),
)


@dataclass(frozen=True, slots=True)
class Statement:
    """A page of a statement: balances are counted on the account's normal side.

    `next` is the place after which the next page begins, null at the end; `closing` is the balance at that place.
    """

    account: str
    name: str
    opening: Dong
    lines: Sequence[StatementLine]
    closing: Dong
    next: Place | None


def statement(
    connection: Connection,
    account: str,
    window: Window = WHOLE,
    *,
    after: Place | None = None,
    limit: int | None = None,
) -> Statement:
    """What moved on an account within the window, by business date: at most `limit` lines, from `after` on."""
    require_in_books(connection, window)
    found = find_account(connection, account)
    opening = Dong(after.balance_vnd) if after is not None else opening_balance(connection, found, window)
    rows = _rows(connection, found, window, after, None if limit is None else limit + 1)
    lines = list(islice(_running(found, rows, opening), limit))
    closing = lines[-1].balance if lines else opening
    more = limit is not None and len(rows) > limit
    return Statement(found.code, found.name, opening, lines, closing, lines[-1].place if more and lines else None)


def stream_statement(connection: Connection, account: str, window: Window = WHOLE) -> Iterator[StatementLine]:
    """All lines of a statement, in the memory of a few. Read opening and lines in one snapshot (repeatable read)."""
    require_in_books(connection, window)
    found = find_account(connection, account)
    opening = opening_balance(connection, found, window)
    query, arguments = _query(found, window, None, None, many=_has_many_lines(connection, found))
    with connection.execute(text(query), arguments, execution_options=STREAMED) as rows:
        yield from _running(found, rows, opening)


def opening_balance(connection: Connection, account: Account, window: Window) -> Dong:
    """The balance before the window, counted on the account's normal side."""
    if window.since is None:
        return ZERO
    before = Window(until=window.since - timedelta(days=1), known_at=window.known_at)
    return on_normal_side(account, net_before(connection, account, before))


_MANY_LINES = 20_000
"""An account with more lines than this is read along the book, one with fewer by its own index and then sorted."""


def _has_many_lines(connection: Connection, account: Account) -> bool:
    found = connection.scalar(
        text(f"""
            SELECT count(*) > {_MANY_LINES} FROM (
                (SELECT FROM ledger.line WHERE debit_account_id = :account_id LIMIT {_MANY_LINES + 1})
                UNION ALL
                (SELECT FROM ledger.line WHERE credit_account_id = :account_id LIMIT {_MANY_LINES + 1})) found
        """),
        {"account_id": account.account_id},
    )
    return bool(found)


def _rows(
    connection: Connection, account: Account, window: Window, after: Place | None, limit: int | None
) -> Sequence[Row[Any]]:
    query, arguments = _query(account, window, after, limit, many=_has_many_lines(connection, account))
    return connection.execute(text(query), arguments).all()


_FIELDS = """
    SELECT e.entry_id, l.line_no, e.business_on, e.recorded_at, e.event, e.document, e.description,
        (SELECT c.code FROM ledger.account c
            WHERE c.account_id = l.debit_account_id + l.credit_account_id - :account_id) AS contra_account,
        l.fund, l.run, l.debit_account_id = :account_id AS is_debit, l.debit_reference, l.credit_reference, l.amount_vnd
"""


def _query(
    account: Account, window: Window, after: Place | None, limit: int | None, *, many: bool
) -> tuple[str, dict[str, Any]]:
    arguments = {"account_id": account.account_id} | window.arguments | (after.arguments if after else {})
    if many:
        own = "l.debit_account_id = :account_id OR l.credit_account_id = :account_id"
        query = f"{_FIELDS} FROM {lines_in_order(window, after, own)}"
    else:
        beyond = "AND (e.business_on, e.entry_id, l.line_no) > (:after_on, :after_entry, :after_line)" if after else ""
        query = f"""
            {_FIELDS}
            FROM (
                SELECT * FROM ledger.line WHERE debit_account_id = :account_id
                UNION ALL SELECT * FROM ledger.line WHERE credit_account_id = :account_id
            ) l JOIN ledger.entry e USING (entry_id)
            WHERE {window.holds} {beyond} ORDER BY e.business_on, e.entry_id, l.line_no
        """
    return query if limit is None else f"{query} LIMIT {limit}", arguments


def _running(account: Account, rows: Any, opening: Dong) -> Iterator[StatementLine]:
    running = opening.vnd
    grows = on_normal_side(account, Dong(1)).vnd
    for row in rows:
        values: tuple[Any, ...] = tuple(row)
        is_debit, debit_reference, credit_reference, amount_vnd = values[10:]
        amount = Dong(amount_vnd)
        running += grows * amount_vnd if is_debit else -grows * amount_vnd
        own, contra = (debit_reference, credit_reference) if is_debit else (credit_reference, debit_reference)
        debit, credit = (amount, ZERO) if is_debit else (ZERO, amount)
        yield StatementLine._make((*values[:10], own, contra, debit, credit, Dong(running)))
