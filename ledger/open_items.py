"""Open items (khoản chưa tất toán): what stands on accounts by reference, with its age.

The lines of one reference (an employer's declaration, a payment) cancel out once the matter is settled. What does not
is open, and it is as old as the lines that make it up: what cleared a part of it cleared the oldest first.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, TextClause, text

from ledger.accounts import chart, find_account
from ledger.balances import accounts_under
from ledger.money import Dong
from ledger.places import STREAMED
from ledger.sheets import Column, Kind
from ledger.window import Window, require_in_books


class OpenItem(NamedTuple):
    """What is open under one reference on one account; `amount` is counted on the account's normal side.

    `ages` splits it by age in days: up to the first bound, up to the second, …, beyond the last one.
    """

    account: str
    reference: str | None
    oldest_on: date
    newest_on: date
    lines: int
    amount: Dong
    ages: tuple[Dong, ...]


def open_item_columns(bounds: Sequence[int]) -> tuple[Column, ...]:
    """The columns of a list of open items, with one for each age."""
    return (
        Column("account", "Tài khoản", "Account"),
        Column("reference", "Tham chiếu", "Reference"),
        Column("oldest_on", "Từ ngày", "Open since", Kind.DATE),
        Column("newest_on", "Dòng cuối", "Last line", Kind.DATE),
        Column("lines", "Số dòng", "Lines", Kind.NUMBER),
        Column("amount", "Số tiền", "Amount", Kind.MONEY),
        *(Column(f"up_to_{bound}_days", f"Đến {bound} ngày", f"Up to {bound} days", Kind.MONEY) for bound in bounds),
        Column("older", "Cũ hơn", "Older", Kind.MONEY),
    )


class OpenItemPage(NamedTuple):
    """Some open items by account and reference; `next` is where the next page begins, null at the end."""

    items: Sequence[OpenItem]
    next: tuple[str, str | None] | None


def open_items(
    connection: Connection,
    account: str,
    on: date,
    bounds: Sequence[int],
    *,
    known_at: datetime | None = None,
    after: tuple[str, str | None] | None = None,
    limit: int,
) -> OpenItemPage:
    """At most `limit` of what is open at the end of the day `on` on an account, or on all accounts of a chart code.

    `bounds` are the ages, in days, at which one age group ends and the next begins.
    """
    query, arguments = _query(connection, account, Window(until=on, known_at=known_at), bounds, after, limit + 1)
    found = [_item(row) for row in connection.execute(query, arguments)]
    last = found[limit - 1] if len(found) > limit else None
    return OpenItemPage(found[:limit], last and (last.account, last.reference))


def stream_open_items(
    connection: Connection, account: str, on: date, bounds: Sequence[int], *, known_at: datetime | None = None
) -> Iterator[OpenItem]:
    """All open items, in the memory of a few."""
    query, arguments = _query(connection, account, Window(until=on, known_at=known_at), bounds, None, None)
    with connection.execute(query, arguments, execution_options=STREAMED) as rows:
        for row in rows:
            yield _item(row)


# A part of what is open: of the lines on the side where the item stands, the newest are the ones not cleared yet.
_OPEN_ITEMS = """
    WITH moved AS MATERIALIZED (
        SELECT a.code, coalesce(l.debit_reference, '') AS reference, e.business_on, l.amount_vnd AS net
        FROM ledger.line l JOIN ledger.entry e USING (entry_id)
        JOIN ledger.account a ON a.account_id = l.debit_account_id
        WHERE l.debit_account_id = ANY (:account_ids) AND {holds}
        UNION ALL
        SELECT a.code, coalesce(l.credit_reference, ''), e.business_on, -l.amount_vnd
        FROM ledger.line l JOIN ledger.entry e USING (entry_id)
        JOIN ledger.account a ON a.account_id = l.credit_account_id
        WHERE l.credit_account_id = ANY (:account_ids) AND {holds}
    ), open AS (
        SELECT code, reference, sum(net)::bigint AS net, count(*) AS lines, max(business_on) AS newest_on
        FROM moved {after} GROUP BY code, reference HAVING sum(net) <> 0
        ORDER BY code COLLATE "C", reference COLLATE "C" {limit}
    ), parts AS (
        SELECT o.code, o.reference, o.net, o.lines, o.newest_on, m.business_on,
            least(abs(m.net), abs(o.net) - coalesce(sum(abs(m.net)) OVER (PARTITION BY o.code, o.reference
                ORDER BY m.business_on DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)) AS part
        FROM open o JOIN moved m ON m.code = o.code AND m.reference = o.reference AND sign(m.net) = sign(o.net)
    )
    SELECT p.code, nullif(p.reference, ''), min(p.business_on), p.newest_on, p.lines,
        CASE a.normal_side WHEN 'debit' THEN p.net ELSE -p.net END, {ages}
    FROM parts p JOIN ledger.account a ON a.code = p.code
    WHERE p.part > 0
    GROUP BY p.code, p.reference, p.net, p.lines, p.newest_on, a.normal_side
    ORDER BY p.code COLLATE "C", p.reference COLLATE "C"
"""

_AGE = """coalesce((sum(p.part) FILTER (WHERE {condition}))::bigint, 0)
    * CASE WHEN (a.normal_side = 'debit') = (p.net > 0) THEN 1 ELSE -1 END"""


def _query(
    connection: Connection,
    account: str,
    window: Window,
    bounds: Sequence[int],
    after: tuple[str, str | None] | None,
    limit: int | None,
) -> tuple[TextClause, dict[str, Any]]:
    if list(bounds) != sorted(set(bounds)) or any(bound < 0 for bound in bounds):
        raise ValueError("the bounds of ages are days, each more than the one before")
    require_in_books(connection, window)
    ids = accounts_under(connection, account) if account in chart() else [find_account(connection, account).account_id]
    arguments = {"account_ids": ids} | window.arguments
    if after is not None:
        arguments |= {"after_code": after[0], "after_reference": after[1] or ""}
    query = _OPEN_ITEMS.format(
        holds=window.holds,
        after=""
        if after is None
        else 'WHERE (code COLLATE "C", reference COLLATE "C") > (:after_code, :after_reference)',
        limit="" if limit is None else f"LIMIT {limit}",
        ages=", ".join(_AGE.format(condition=condition) for condition in _conditions(bounds)),
    )
    return text(query), arguments


def _conditions(bounds: Sequence[int]) -> Iterator[str]:
    """SQL on the age of a part, for each group; the last one is open."""
    least = None
    for bound in (*bounds, None):
        above = f":until - p.business_on > {least}" if least is not None else "true"
        yield above if bound is None else f"{above} AND :until - p.business_on <= {bound}"
        least = bound


def _item(row: Row[Any]) -> OpenItem:
    values: tuple[Any, ...] = tuple(row)
    return OpenItem._make((*values[:5], Dong(values[5]), tuple(map(Dong, values[6:]))))
