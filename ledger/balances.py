"""Balances, the trial balance and statements of account. All read the same rows, and none keeps a copy.

Without a date they tell what stands in the books now, with a date what entries dated up to its end say, whenever
those were recorded.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, select, text

from ledger import tables
from ledger.accounts import Account, NormalSide, chart, find_account
from ledger.errors import UnknownAccount
from ledger.money import ZERO, Dong

_MOVED = """
    SELECT l.debit_account_id AS account_id, l.amount_vnd AS debit, 0 AS credit
    FROM ledger.line l JOIN ledger.entry e USING (entry_id) WHERE e.business_on <= :on {debit_filter}
    UNION ALL
    SELECT l.credit_account_id, 0, l.amount_vnd
    FROM ledger.line l JOIN ledger.entry e USING (entry_id) WHERE e.business_on <= :on {credit_filter}
"""


def balance(connection: Connection, account: str, on: date | None = None) -> Dong:
    """The balance of an account (số dư), counted on its normal side: negative if it stands on the other one."""
    found = find_account(connection, account)
    if on is None:
        turnover = "SELECT debit_vnd AS debit, credit_vnd AS credit FROM ledger.balance WHERE account_id = :account_id"
    else:
        turnover = _MOVED.format(
            debit_filter="AND l.debit_account_id = :account_id", credit_filter="AND l.credit_account_id = :account_id"
        )
    net = connection.scalar(
        text(f"SELECT coalesce(sum(debit) - sum(credit), 0)::bigint FROM ({turnover}) moved"),
        {"account_id": found.account_id, "on": on},
    )
    return _on_normal_side(found, Dong(net or 0))


@dataclass(frozen=True, slots=True)
class TrialBalanceRow:
    """The closing balance of one account, on the side where it stands; both are zero when it is settled."""

    account: str
    name: str
    name_en: str
    debit: Dong
    credit: Dong


def trial_balance(connection: Connection, on: date | None = None) -> list[TrialBalanceRow]:
    """The balances of all accounts that ever moved (bảng cân đối tài khoản), by code. Both columns add up alike."""
    if on is None:
        turnover = "SELECT account_id, debit_vnd AS debit, credit_vnd AS credit FROM ledger.balance"
    else:
        turnover = _MOVED.format(debit_filter="", credit_filter="")
    rows = connection.execute(
        text(f"""
            SELECT a.code, a.name, a.name_en, (sum(m.debit) - sum(m.credit))::bigint AS net
            FROM ({turnover}) m JOIN ledger.account a USING (account_id)
            GROUP BY a.account_id HAVING sum(m.debit) + sum(m.credit) > 0
            ORDER BY a.code COLLATE "C"
        """),
        {} if on is None else {"on": on},
    )
    return [
        TrialBalanceRow(row.code, row.name, row.name_en, debit=Dong(max(row.net, 0)), credit=Dong(max(-row.net, 0)))
        for row in rows
    ]


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
        {"account_ids": _account_ids(connection, chart_code)} | ({} if run is None else {"run": run}),
    )
    return {Position(row.code, row.fund, row.run): Dong(row.net) for row in rows}


@dataclass(frozen=True, slots=True)
class StatementLine:
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


@dataclass(frozen=True, slots=True)
class Statement:
    """The statement of an account (sổ chi tiết tài khoản): balances are counted on its normal side."""

    account: str
    name: str
    opening: Dong
    lines: Sequence[StatementLine]
    closing: Dong


def statement(connection: Connection, account: str, since: date | None = None, until: date | None = None) -> Statement:
    """What moved on an account from the day `since` to the end of the day `until`, by business date."""
    found = find_account(connection, account)
    rows = connection.execute(
        text("""
            SELECT e.entry_id, m.line_no, e.business_on, e.recorded_at, e.event, e.document, e.description,
                c.code AS contra_account, m.fund, m.run, m.reference, m.contra_reference, m.debit, m.credit
            FROM (
                SELECT entry_id, line_no, fund, run, credit_account_id AS contra_account_id,
                    debit_reference AS reference, credit_reference AS contra_reference,
                    amount_vnd AS debit, 0 AS credit
                FROM ledger.line WHERE debit_account_id = :account_id
                UNION ALL
                SELECT entry_id, line_no, fund, run, debit_account_id, credit_reference, debit_reference,
                    0, amount_vnd
                FROM ledger.line WHERE credit_account_id = :account_id
            ) m
            JOIN ledger.entry e USING (entry_id)
            JOIN ledger.account c ON c.account_id = m.contra_account_id
            WHERE e.business_on BETWEEN coalesce(:since, '-infinity'::date) AND coalesce(:until, 'infinity'::date)
            ORDER BY e.business_on, e.entry_id, m.line_no
        """).bindparams(account_id=found.account_id, since=since, until=until)
    )
    opening = ZERO if since is None else balance(connection, account, since - timedelta(days=1))
    lines: list[StatementLine] = []
    running = opening
    for row in rows:
        running += _on_normal_side(found, Dong(row.debit - row.credit))
        lines.append(_statement_line(row, running))
    return Statement(account=found.code, name=found.name, opening=opening, lines=lines, closing=running)


def _statement_line(row: Row[Any], running: Dong) -> StatementLine:
    return StatementLine(
        entry_id=row.entry_id,
        line_no=row.line_no,
        business_on=row.business_on,
        recorded_at=row.recorded_at,
        event=row.event,
        document=row.document,
        description=row.description,
        contra_account=row.contra_account,
        fund=row.fund,
        run=row.run,
        reference=row.reference,
        contra_reference=row.contra_reference,
        debit=Dong(row.debit),
        credit=Dong(row.credit),
        balance=running,
    )


def _account_ids(connection: Connection, chart_code: str) -> list[int]:
    if chart_code not in chart():
        raise UnknownAccount(f"the chart knows no account {chart_code}")
    return list(
        connection.scalars(select(tables.account.c.account_id).where(tables.account.c.chart_code == chart_code))
    )


def _on_normal_side(account: Account, net: Dong) -> Dong:
    return net if account.normal_side is NormalSide.DEBIT else -net
