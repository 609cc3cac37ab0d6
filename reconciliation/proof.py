"""The day's proof (biên bản đối chiếu): ledger and bank, held against each other for every account of ours.

Ledger balance = closing balance of the statement, less what the bank booked and we did not. Payments in transit are in
neither (the ledger moves them when the statement shows them), so they are listed beside, with no part in the sum. A day
with a difference of one đồng, a gap or no statement cannot be closed.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, text

from reconciliation.breaks import BreakClass
from reconciliation.chain import LAST_FIRST


@dataclass(frozen=True, slots=True)
class OpenItem:
    """A line that the bank booked and we did not: it matches nothing. Amount in đồng, below zero for money out."""

    item_id: int
    break_class: BreakClass
    booked_on: date
    signed_vnd: int


@dataclass(frozen=True, slots=True)
class AccountProof:
    """Ledger and bank for one of our accounts, at the end of a day. Amounts in đồng."""

    ledger_account: str
    ledger_vnd: int
    statement_on: date | None
    """The last day that an accepted statement covers; none if there is no statement."""
    statement_vnd: int | None
    open_items: tuple[OpenItem, ...]
    """Booked by the bank, not by us."""
    expected: int
    expected_vnd: int
    """Expected and not seen on a statement: payments in transit, as known now. Below zero for money out."""
    waiting: int
    """Statements up to the day that wait for a missing one."""

    @property
    def difference_vnd(self) -> int | None:
        """What nothing explains; zero on a good day, none without a statement."""
        if self.statement_vnd is None:
            return None
        return self.statement_vnd - sum(item.signed_vnd for item in self.open_items) - self.ledger_vnd

    @property
    def differences(self) -> tuple[str, ...]:
        """Everything that keeps the day open, a line each for people; the open items are breaks and told there."""
        found = []
        if self.statement_vnd is None and self.ledger_vnd:
            found.append(f"{self.ledger_account}: {self.ledger_vnd} đ in the ledger and no statement")
        if self.difference_vnd:
            found.append(
                f"{self.ledger_account}: ledger {self.ledger_vnd} đ, statement of {self.statement_on} "
                f"{self.statement_vnd} đ, unexplained {self.difference_vnd} đ"
            )
        if self.waiting:
            found.append(f"{self.ledger_account}: {self.waiting} statements wait for a missing one")
        return tuple(found)

    def as_json(self) -> dict[str, Any]:
        """With dates as text."""
        plain = asdict(self) | {"difference_vnd": self.difference_vnd}
        plain["statement_on"] = self.statement_on.isoformat() if self.statement_on else None
        plain["open_items"] = [asdict(item) | {"booked_on": item.booked_on.isoformat()} for item in self.open_items]
        return plain


@dataclass(frozen=True, slots=True)
class Moved:
    """Phát sinh: what came in and went out on a day, in đồng."""

    in_vnd: int = 0
    out_vnd: int = 0

    @property
    def net_vnd(self) -> int:
        return self.in_vnd - self.out_vnd


_BOOKED = text("""
    SELECT a.ledger_account, coalesce(sum(e.amount_vnd) FILTER (WHERE e.sign = 'credit'), 0)::bigint AS in_vnd,
        coalesce(sum(e.amount_vnd) FILTER (WHERE e.sign = 'debit'), 0)::bigint AS out_vnd
    FROM reconciliation.statement_entry e
    JOIN reconciliation.own_account a USING (own_account_id)
    LEFT JOIN reconciliation.withdrawn_entry w USING (statement_id, entry_no)
    WHERE e.booked_on = :on AND w.statement_id IS NULL
    GROUP BY a.ledger_account""")


def booked(connection: Connection, on: date) -> dict[str, Moved]:
    """What the bank has booked on a day, by our account; one on which nothing moved is not among them."""
    rows = connection.execute(_BOOKED, {"on": on})
    return {row.ledger_account: Moved(row.in_vnd, row.out_vnd) for row in rows}


_ACCOUNTS = text(
    f"""
SELECT a.own_account_id, a.ledger_account, last.to_on AS statement_on, last.closing_vnd AS statement_vnd,
    (SELECT count(*) FROM reconciliation.statement s
        WHERE s.own_account_id = a.own_account_id AND s.state = 'waiting' AND s.from_on <= :on) AS waiting,
    coalesce(expected.expected, 0) AS expected, coalesce(expected.expected_vnd, 0)::bigint AS expected_vnd
FROM reconciliation.own_account a
LEFT JOIN LATERAL (
    SELECT s.to_on, s.closing_vnd FROM reconciliation.statement s
    WHERE s.own_account_id = a.own_account_id AND s.state = 'accepted' AND s.to_on <= :on
    ORDER BY {LAST_FIRST} LIMIT 1
) last ON true
LEFT JOIN (
    SELECT own_account_id, count(*) AS expected,
        sum(CASE sign WHEN 'credit' THEN amount_vnd ELSE -amount_vnd END) AS expected_vnd
    FROM reconciliation.awaited WHERE amount_vnd IS NOT NULL
    GROUP BY own_account_id
) expected USING (own_account_id)
ORDER BY a.ledger_account
"""
)

# As known now: the statement of a day comes after it, and with it the break. A line that matched or was written off
# later is in the ledger under its booking date, so it is not open on the days before either; nor is one in suspense. Of
# a match that was undone the ledger knows from the day of the decision on.
_OPEN_ITEMS = text(
    """
SELECT * FROM (
SELECT DISTINCT ON (i.item_id) s.own_account_id, i.item_id, b.class AS break_class, e.booked_on,
    CASE i.sign WHEN 'credit' THEN i.amount_vnd ELSE -i.amount_vnd END AS signed_vnd
FROM reconciliation.break b
JOIN reconciliation.statement_item i USING (item_id)
JOIN reconciliation.statement_entry e ON e.statement_id = i.statement_id AND e.entry_no = i.entry_no
JOIN reconciliation.statement s ON s.statement_id = i.statement_id
WHERE b.class <> 'returned' AND (b.closed_on IS NULL OR b.closed_on > :on)
    AND (b.class <> 'undone' OR b.opened_on <= :on)
    AND s.state = 'accepted' AND e.booked_on <= :on
    AND NOT EXISTS (SELECT FROM reconciliation.match m WHERE m.item_id = i.item_id AND m.undone_at IS NULL)
    AND NOT EXISTS (SELECT FROM reconciliation.suspense u WHERE u.item_id = i.item_id)
    AND NOT EXISTS (
        SELECT FROM reconciliation.decision d JOIN reconciliation.break w USING (break_id)
        WHERE w.item_id = i.item_id AND d.kind = 'write_off' AND d.approved_by IS NOT NULL)
ORDER BY i.item_id, b.break_id
) item
ORDER BY booked_on, item_id
"""
)


def prove(connection: Connection, on: date, ledger_balance: Callable[[str, date], int]) -> list[AccountProof]:
    """The proof of every account of ours at the end of a day; `ledger_balance` tells an account's balance at a date."""
    open_items: dict[int, list[OpenItem]] = {}
    for row in connection.execute(_OPEN_ITEMS, {"on": on}):
        item = OpenItem(row.item_id, BreakClass(row.break_class), row.booked_on, row.signed_vnd)
        open_items.setdefault(row.own_account_id, []).append(item)
    return [
        AccountProof(
            ledger_account=row.ledger_account,
            ledger_vnd=ledger_balance(row.ledger_account, on),
            statement_on=row.statement_on,
            statement_vnd=row.statement_vnd,
            open_items=tuple(open_items.get(row.own_account_id, ())),
            expected=row.expected,
            expected_vnd=row.expected_vnd,
            waiting=row.waiting,
        )
        for row in connection.execute(_ACCOUNTS, {"on": on})
    ]
