"""Khoản thu chờ xử lý: money on a collection account that nothing identifies yet is booked as nobody's.

So the books show the bank's balance every day, and the line keeps an owner and an age until somebody knows whose it is.
A line is identified by the virtual account that was paid, else by our payment code, else by the unit code in the memo;
an account that the payer has used before is only a suggestion. What none of them tells, two people decide.
"""

import json
import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from engine import bookkeeping
from engine.errors import WrongInput
from engine.vault import Vault
from ledger.accounts import BalanceLimit, open_account
from ledger.entries import Line
from ledger.money import Dong
from ledger.periods import open_day
from reconciliation import breaks, decisions
from reconciliation.working_days import working_days_between

UNALLOCATED = "unallocated"
"""As the fund of a ledger line: money that belongs to no fund yet."""
UNIDENTIFIED = "receipts_unallocated.unidentified"
"""The ledger account of what is nobody's yet."""
_NO_REFERENCE = "NOTPROVIDED"
_LONG_NUMBER = re.compile(r"[0-9]{9,}")


@dataclass(frozen=True, slots=True)
class Unidentified:
    """A line in suspense, as the collection office sees it. Amount in đồng, age in working days."""

    break_id: int
    break_class: str
    account: str
    booked_on: date
    amount_vnd: int
    owner: str
    age_days: int
    words: str
    """The bank's text; of long numbers only the end is shown, since they are accounts and phones."""


def book_unidentified(connection: Connection, run_id: int, at: datetime) -> int:
    """Books in suspense what matching has left on collection accounts; returns the đồng. Again changes nothing."""
    days: dict[tuple[str, date], list[Row[Any]]] = defaultdict(list)
    for row in connection.execute(_NEWLY_LEFT, {"at": at}):
        days[row.document, row.booked_on].append(row)
    if days:
        _open_account(connection)
    for (document, booked_on), rows in sorted(days.items()):
        bookkeeping.post_employer_event(
            connection,
            bookkeeping.RECEIPT_UNIDENTIFIED,
            [
                Line(
                    debit=row.ledger_account,
                    credit=UNIDENTIFIED,
                    amount=Dong(row.amount_vnd),
                    fund=UNALLOCATED,
                    debit_reference=f"line {row.item_id}",
                    credit_reference=f"line {row.item_id}",
                )
                for row in rows
            ],
            key=f"matching:{run_id}:{document}:{booked_on}:suspense",
            document=document,
            business_on=open_day(connection, booked_on),
            at=at,
        )
    return sum(row.amount_vnd for rows in days.values() for row in rows)


def _open_account(connection: Connection) -> None:
    open_account(
        connection, "receipts_unallocated", "unidentified", limit=BalanceLimit.NEVER_NEGATIVE, label="chưa xác định"
    )


def list_unidentified(connection: Connection, vault: Vault, on: date) -> list[Unidentified]:
    """What is in suspense at the end of a day, the oldest first."""
    waiting = [each for each in breaks.open_breaks(connection, on) if each.in_suspense]
    told = connection.execute(_WORDS, {"break_ids": [each.break_id for each in waiting]})
    words = {row.break_id: row.text_ciphertext for row in told}
    return [
        Unidentified(
            break_id=each.break_id or 0,
            break_class=each.break_class.value,
            account=each.ledger_account,
            booked_on=each.since,
            amount_vnd=each.amount_vnd,
            owner=each.owner.value,
            age_days=working_days_between(each.since, on),
            words=_masked(vault, words.get(each.break_id)),
        )
        for each in waiting
    ]


def _masked(vault: Vault, ciphertext: bytes | None) -> str:
    if ciphertext is None:
        return ""
    told = dict.fromkeys(json.loads(vault.open("statement_text", ciphertext)))
    memo = "; ".join(words for words in told if words != _NO_REFERENCE)
    return _LONG_NUMBER.sub(lambda found: "•" * (len(found[0]) - 4) + found[0][-4:], memo)


def propose_employer(
    connection: Connection, break_id: int, unit_code: str, reason: str, person: str, at: datetime
) -> int:
    """Proposes that money in suspense is this employer's; returns the decision that a second person approves.

    As with money that its memo identifies, it comes under the oldest open notice of the employer on that account; what
    it pays follows from the order of the law, not from the notice.
    """
    reference = connection.scalar(_OLDEST_NOTICE, {"break_id": break_id, "unit_code": unit_code})
    if reference is None:
        raise WrongInput([f"employer {unit_code} has no notice that expects money on the account of break {break_id}"])
    return decisions.prepare_force(connection, break_id, reference, reason, person, at)


_NEWLY_LEFT = text("""
    WITH added AS (
        INSERT INTO reconciliation.suspense (item_id, booked_at)
        SELECT i.item_id, :at
        FROM reconciliation.break b
        JOIN reconciliation.statement_item i USING (item_id)
        JOIN reconciliation.statement s ON s.statement_id = i.statement_id
        JOIN engine.collection_account c ON c.own_account_id = s.own_account_id
        -- What tells a payment of ours waits for that payment.
        WHERE b.closed_on IS NULL AND i.sign = 'credit' AND s.state = 'accepted' AND NOT i.returned
            AND b.class <> 'sign_differs' AND NOT EXISTS (
                SELECT FROM reconciliation.match m WHERE m.item_id = i.item_id AND m.undone_at IS NULL)
        ORDER BY i.item_id
        ON CONFLICT DO NOTHING RETURNING item_id
    )
    SELECT i.item_id, i.amount_vnd, e.booked_on, c.ledger_account, concat_ws(' ', 'ST' || s.statement_id, s.bank_id)
        AS document
    FROM added
    JOIN reconciliation.statement_item i USING (item_id)
    JOIN reconciliation.statement_entry e ON e.statement_id = i.statement_id AND e.entry_no = i.entry_no
    JOIN reconciliation.statement s ON s.statement_id = i.statement_id
    JOIN engine.collection_account c ON c.own_account_id = s.own_account_id
    ORDER BY i.item_id
""")

_WORDS = text("""
    SELECT b.break_id, coalesce(i.text_ciphertext, e.text_ciphertext) AS text_ciphertext
    FROM reconciliation.break b
    JOIN reconciliation.statement_item i USING (item_id)
    JOIN reconciliation.statement_entry e ON e.statement_id = i.statement_id AND e.entry_no = i.entry_no
    WHERE b.break_id = ANY (:break_ids)
""")

_OLDEST_NOTICE = text("""
    SELECT x.reference
    FROM reconciliation.break b
    JOIN reconciliation.suspense u USING (item_id)
    JOIN reconciliation.statement_item i USING (item_id)
    JOIN reconciliation.statement s ON s.statement_id = i.statement_id
    JOIN reconciliation.awaited x ON x.own_account_id = s.own_account_id AND x.party = :unit_code
    WHERE b.break_id = :break_id AND x.sign = 'credit' AND x.amount_vnd IS NULL
    ORDER BY x.due_on, x.expectation_id LIMIT 1
""")
