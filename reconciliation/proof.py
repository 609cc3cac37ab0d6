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

# A line that matched later is in the ledger under its booking date, so it is not open on the days before either. Nor is
# one in suspense.
_OPEN_ITEMS = text(
    """
SELECT s.own_account_id, i.item_id, b.class AS break_class, e.booked_on,
    CASE i.sign WHEN 'credit' THEN i.amount_vnd ELSE -i.amount_vnd END AS signed_vnd
FROM reconciliation.break b
JOIN reconciliation.statement_item i USING (item_id)
JOIN reconciliation.statement_entry e ON e.statement_id = i.statement_id AND e.entry_no = i.entry_no
JOIN reconciliation.statement s ON s.statement_id = i.statement_id
WHERE b.class <> 'returned' AND b.opened_on <= :on AND (b.closed_on IS NULL OR b.closed_on > :on)
    AND s.state = 'accepted' AND e.booked_on <= :on
    AND NOT EXISTS (SELECT FROM reconciliation.match m WHERE m.item_id = i.item_id AND m.undone_at IS NULL)
    AND NOT EXISTS (SELECT FROM reconciliation.suspense u WHERE u.item_id = i.item_id)
ORDER BY e.booked_on, i.item_id
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
