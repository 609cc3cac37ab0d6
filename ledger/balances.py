"""Balances and the trial balance. All read the same rows, and none keeps a copy.

The balance on a past day, or as it was known at a past instant, is what stands in the book now less the lines of the
entries dated or recorded later: what is asked for is nearly always recent, and then they are few.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import Connection, select, text

from ledger import tables
from ledger.accounts import Account, NormalSide, chart, find_account
from ledger.errors import UnknownAccount
from ledger.money import Dong
from ledger.sheets import Column, Kind
from ledger.window import Window, require_in_books


def balance(connection: Connection, account: str, on: date | None = None, known_at: datetime | None = None) -> Dong:
    """The balance of an account (số dư), counted on its normal side: negative if it stands on the other one.

    With `on` it is that of the end of the day, with `known_at` as the book knew it at that instant.
    """
    found = find_account(connection, account)
    net = net_before(connection, found, Window(until=on, known_at=known_at))
    return on_normal_side(found, net)


def net_before(connection: Connection, account: Account, window: Window) -> Dong:
    """What stands on an account at the end of a window, as Nợ less Có."""
    require_in_books(connection, window)
    beyond = ""
    if window.beyond != "false":
        beyond = f"""
            - coalesce((SELECT sum(l.amount_vnd) FROM ledger.line l JOIN ledger.entry e USING (entry_id)
                WHERE l.debit_account_id = :account_id AND ({window.beyond})), 0)
            + coalesce((SELECT sum(l.amount_vnd) FROM ledger.line l JOIN ledger.entry e USING (entry_id)
                WHERE l.credit_account_id = :account_id AND ({window.beyond})), 0)
        """
    net: int | None = connection.scalar(
        text(f"""
            SELECT (coalesce((SELECT sum(debit_vnd) - sum(credit_vnd) FROM ledger.balance
                WHERE account_id = :account_id), 0) {beyond})::bigint
        """),
        {"account_id": account.account_id} | window.arguments,
    )
    return Dong(net or 0)


def on_normal_side(account: Account, net: Dong) -> Dong:
    return net if account.normal_side is NormalSide.DEBIT else -net


@dataclass(frozen=True, slots=True)
class TrialBalanceRow:
    """The closing balance of one account, on the side where it stands; both are zero when it is settled."""

    account: str
    name: str
    name_en: str
    debit: Dong
    credit: Dong


def trial_balance(
    connection: Connection, on: date | None = None, known_at: datetime | None = None
) -> list[TrialBalanceRow]:
    """The balances of all accounts that ever moved (bảng cân đối tài khoản), by code. Both columns add up alike."""
    return [
        TrialBalanceRow(row.account, row.name, row.name_en, row.closing_debit, row.closing_credit)
        for row in _turnover(connection, Window(until=on, known_at=known_at), None)
    ]


class TurnoverRow(NamedTuple):
    """One account in a period: opening balance, turnover and closing balance, each with both sides."""

    account: str
    name: str
    name_en: str
    chart_code: str
    opening_debit: Dong
    opening_credit: Dong
    debit: Dong
    credit: Dong
    closing_debit: Dong
    closing_credit: Dong


TURNOVER_COLUMNS = (
    Column("account", "Tài khoản", "Account"),
    Column("name", "Tên tài khoản", "Name"),
    Column("name_en", "Tên tiếng Anh", "Name in English"),
    Column("opening_debit", "Dư Nợ đầu kỳ", "Opening debit", Kind.MONEY),
    Column("opening_credit", "Dư Có đầu kỳ", "Opening credit", Kind.MONEY),
    Column("debit", "Phát sinh Nợ", "Debit turnover", Kind.MONEY),
    Column("credit", "Phát sinh Có", "Credit turnover", Kind.MONEY),
    Column("closing_debit", "Dư Nợ cuối kỳ", "Closing debit", Kind.MONEY),
    Column("closing_credit", "Dư Có cuối kỳ", "Closing credit", Kind.MONEY),
)


def turnover(connection: Connection, window: Window, fund: str | None = None) -> list[TurnoverRow]:
    """The trial balance of a period (bảng cân đối số phát sinh các tài khoản): each pair of columns adds up alike.

    With `fund`, of the lines of that fund alone: the law has the funds kept apart, and each balances by itself.
    """
    return list(_turnover(connection, window, fund))


# What moved in the window, and what beyond it: by account, once for each side, so that both can go parallel.
_MOVED = """
    SELECT account_id, inside, sum(debit) AS debit, sum(credit) AS credit
    FROM (
        SELECT l.debit_account_id AS account_id, ({holds}) AS inside, sum(l.amount_vnd) AS debit, 0 AS credit
        FROM ledger.line l JOIN ledger.entry e USING (entry_id) WHERE ({read}) {of_fund} GROUP BY 1, 2
        UNION ALL
        SELECT l.credit_account_id, ({holds}), 0, sum(l.amount_vnd)
        FROM ledger.line l JOIN ledger.entry e USING (entry_id) WHERE ({read}) {of_fund} GROUP BY 1, 2
    ) sides GROUP BY account_id, inside
"""

_KEPT = "SELECT account_id, sum(debit_vnd) AS debit, sum(credit_vnd) AS credit FROM ledger.balance GROUP BY account_id"
_KEPT_OF_FUND = """
    SELECT account_id, sum(debit) AS debit, sum(credit) AS credit
    FROM (
        SELECT debit_account_id AS account_id, sum(amount_vnd) AS debit, 0 AS credit
        FROM ledger.line WHERE fund = :fund GROUP BY 1
        UNION ALL
        SELECT credit_account_id, 0, sum(amount_vnd) FROM ledger.line WHERE fund = :fund GROUP BY 1
    ) sides GROUP BY account_id
"""


def _turnover(connection: Connection, window: Window, fund: str | None) -> Iterator[TurnoverRow]:
    require_in_books(connection, window)
    # Without a beginning the turnover of the window is its closing one, and only what is beyond it need be read.
    inside = window.holds if window.since is not None else "false"
    read = f"e.business_on >= :since OR {window.beyond}" if window.since is not None else window.beyond
    moved = _MOVED.format(holds=inside, read=read, of_fund="" if fund is None else "AND l.fund = :fund")
    rows = connection.execute(
        text(f"""
            WITH moved AS MATERIALIZED ({moved})
            SELECT a.code, a.name, a.name_en, a.chart_code,
                (k.debit - coalesce(x.debit, 0))::bigint AS debit, (k.credit - coalesce(x.credit, 0))::bigint AS credit,
                coalesce(i.debit, 0)::bigint AS inside_debit, coalesce(i.credit, 0)::bigint AS inside_credit
            FROM ({_KEPT if fund is None else _KEPT_OF_FUND}) k
            JOIN ledger.account a USING (account_id)
            LEFT JOIN moved x ON x.account_id = k.account_id AND NOT x.inside
            LEFT JOIN moved i ON i.account_id = k.account_id AND i.inside
            ORDER BY a.code COLLATE "C"
        """),
        window.arguments | ({} if fund is None else {"fund": fund}),
    )
    for row in rows:
        if row.debit or row.credit:
            whole = window.since is None
            debit, credit = (row.debit, row.credit) if whole else (row.inside_debit, row.inside_credit)
            yield TurnoverRow(
                row.code,
                row.name,
                row.name_en,
                row.chart_code,
                *_sides((row.debit - debit) - (row.credit - credit)),
                Dong(debit),
                Dong(credit),
                *_sides(row.debit - row.credit),
            )


def _sides(net: int) -> tuple[Dong, Dong]:
    """A balance on the side where it stands: Nợ, Có."""
    return Dong(max(net, 0)), Dong(max(-net, 0))


class Position(NamedTuple):
    """What a sum of lines belongs to."""

    account: str
    fund: str
    run: str | None


def positions(connection: Connection, chart_code: str, run: str | None = None) -> dict[Position, Dong]:
    """The balances of all accounts under `chart_code` by account, fund and run, summed from the lines themselves.

    Each is counted on the account's normal side. With `run`, only lines of that run count. Positions that have come
    back to zero are left out.
    """
    rows = connection.execute(
        text(f"""
            SELECT code, fund, run, (CASE normal_side WHEN 'debit' THEN net ELSE -net END)::bigint AS net
            FROM (
                SELECT a.code, a.normal_side, m.fund, m.run, sum(m.amount) AS net
                FROM ledger.account a JOIN (
                    SELECT debit_account_id AS account_id, fund, run, amount_vnd AS amount FROM ledger.line
                    WHERE debit_account_id = ANY (:account_ids) {"" if run is None else "AND run = :run"}
                    UNION ALL
                    SELECT credit_account_id, fund, run, -amount_vnd FROM ledger.line
                    WHERE credit_account_id = ANY (:account_ids) {"" if run is None else "AND run = :run"}
                ) m USING (account_id)
                GROUP BY a.account_id, m.fund, m.run
            ) summed
            WHERE net <> 0 ORDER BY code COLLATE "C", fund, run
        """),
        {"account_ids": accounts_under(connection, chart_code)} | ({} if run is None else {"run": run}),
    )
    return {Position(row.code, row.fund, row.run): Dong(row.net) for row in rows}


def accounts_under(connection: Connection, chart_code: str) -> list[int]:
    if chart_code not in chart():
        raise UnknownAccount(f"the chart knows no account {chart_code}")
    return list(
        connection.scalars(select(tables.account.c.account_id).where(tables.account.c.chart_code == chart_code))
    )
