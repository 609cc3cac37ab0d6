"""Breaks (chênh lệch): what did not match, why, and who owns it. Nothing is deleted; a closed break says why.

"Expected" is not a break: what is sent and not yet due counts nowhere. "Missing at the bank" is not stored, it follows
from the day: an expectation whose due date has passed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from reconciliation.statement import Sign

_VIET_NAM: Final = ZoneInfo("Asia/Ho_Chi_Minh")


class Owner(StrEnum):
    """Who has to do something about a break."""

    PAYMENTS = "payments"
    COLLECTION = "collection"
    BENEFITS = "benefits"
    FINANCE = "finance"
    OPERATIONS = "operations"


class BreakClass(StrEnum):
    """Why a line or an expectation stands alone."""

    MISSING_AT_BANK = "missing_at_bank"
    """Due and not seen."""
    UNKNOWN_TO_US = "unknown_to_us"
    """A line without any of our keys."""
    AMOUNT_DIFFERS = "amount_differs"
    ACCOUNT_DIFFERS = "account_differs"
    SIGN_DIFFERS = "sign_differs"
    """Our reference on money that moved the other way, a return before its payment among them."""
    DUPLICATE_AT_BANK = "duplicate_at_bank"
    """One payment, two bookings (or two returns): to be recovered."""
    NO_LONGER_EXPECTED = "no_longer_expected"
    """Withdrawn as failed, and yet the money moved."""
    AMBIGUOUS = "ambiguous"
    """Several of our references on one line."""
    RETURNED = "returned"
    """Came back: unpaid again, a new account is wanted."""
    UNDONE = "undone"
    """A person took the match back."""
    STATEMENT_GAP = "statement_gap"
    """The statement does not follow on the one before it."""
    STATEMENT_REISSUED = "statement_reissued"
    """The bank tells a day again with other entries; the later file waits."""


_OWNERS = {
    BreakClass.MISSING_AT_BANK: Owner.PAYMENTS,
    BreakClass.AMOUNT_DIFFERS: Owner.PAYMENTS,
    BreakClass.ACCOUNT_DIFFERS: Owner.PAYMENTS,
    BreakClass.SIGN_DIFFERS: Owner.PAYMENTS,
    BreakClass.DUPLICATE_AT_BANK: Owner.PAYMENTS,
    BreakClass.NO_LONGER_EXPECTED: Owner.PAYMENTS,
    BreakClass.AMBIGUOUS: Owner.FINANCE,
    BreakClass.RETURNED: Owner.BENEFITS,
    BreakClass.UNDONE: Owner.FINANCE,
    BreakClass.STATEMENT_GAP: Owner.OPERATIONS,
    BreakClass.STATEMENT_REISSUED: Owner.FINANCE,
}


_NEXT_ACTIONS = {
    BreakClass.MISSING_AT_BANK: "ask the bank whether it left; do not send it again",
    BreakClass.UNKNOWN_TO_US: "find out whose it is from the words of the line",
    BreakClass.AMOUNT_DIFFERS: "ask the bank for the difference",
    BreakClass.ACCOUNT_DIFFERS: "have the bank move it to the right account",
    BreakClass.SIGN_DIFFERS: "find the payment that it undoes, or return it",
    BreakClass.DUPLICATE_AT_BANK: "recover the second booking from the bank at once",
    BreakClass.NO_LONGER_EXPECTED: "it left although it was told as failed: stop what pays it again",
    BreakClass.AMBIGUOUS: "decide which of the references it is",
    BreakClass.RETURNED: "get a new account and pay it again",
    BreakClass.UNDONE: "decide what the line is",
    BreakClass.STATEMENT_GAP: "fetch the missing statement from the bank",
    BreakClass.STATEMENT_REISSUED: "decide which file holds: statement replace or statement keep, then import it again",
}


def day_of(at: datetime) -> date:
    """The day in Viet Nam on which an instant lies."""
    return at.astimezone(_VIET_NAM).date()


@dataclass(frozen=True, slots=True)
class Break:
    """One open break, as a clerk sees it. Amounts in đồng."""

    break_id: int | None
    """None for what is missing at the bank: it ends when the line comes, not by a person."""
    break_class: BreakClass
    ledger_account: str
    reference: str | None
    sign: Sign | None
    line_vnd: int | None
    """What the bank booked."""
    expected_vnd: int | None
    since: date
    """The booking date of the line, the due date of what is missing, the first day of a statement after a gap."""
    detail: dict[str, Any]
    in_suspense: bool = False
    """Booked as nobody's money (khoản chờ xử lý): ledger and bank agree, and its owner has to find out whose it is."""

    @property
    def owner(self) -> Owner:
        if self.break_class is BreakClass.UNKNOWN_TO_US:
            return Owner.COLLECTION if self.sign is Sign.CREDIT else Owner.PAYMENTS
        return _OWNERS[self.break_class]

    @property
    def next_action(self) -> str:
        """What its owner does first."""
        return _NEXT_ACTIONS[self.break_class]

    @property
    def keeps_day_open(self) -> bool:
        """Whether the day cannot be closed before it is solved.

        What came back is booked and only waits to be paid; what is in suspense is booked and only waits for its owner.
        """
        return self.break_class is not BreakClass.RETURNED and not self.in_suspense

    @property
    def amount_vnd(self) -> int:
        """What is at stake: the line, or what was expected."""
        return self.line_vnd if self.line_vnd is not None else self.expected_vnd or 0

    @property
    def description(self) -> str:
        """One line for people."""
        words = [self.break_class.value.replace("_", " "), f"on {self.ledger_account} since {self.since}"]
        if self.reference:
            words.append(self.reference)
        if self.line_vnd is not None:
            words.append(f"{self.sign} {self.line_vnd} đ")
        if self.expected_vnd is not None and self.expected_vnd != self.line_vnd:
            words.append(f"expected {self.expected_vnd} đ")
        if self.break_class is BreakClass.STATEMENT_REISSUED:
            words.append(f"{self.detail['file']} tells otherwise than {self.detail['earlier_file']}")
        return ", ".join(words)


# As known now: the statement of a day comes after it, and with it the break, which stands from the day of its line.
# What was solved since keeps no day open. A match that was undone stood until the decision.
_OPEN_BREAKS = text(
    """
SELECT b.break_id, b.class AS break_class, a.ledger_account,
    coalesce(x.reference, b.detail ->> 'reference') AS reference, i.sign, i.amount_vnd AS line_vnd,
    x.amount_vnd AS expected_vnd, coalesce(e.booked_on, s.from_on) AS since, b.detail,
    u.item_id IS NOT NULL AS in_suspense
FROM reconciliation.break b
LEFT JOIN reconciliation.statement_item i USING (item_id)
LEFT JOIN reconciliation.statement_entry e ON e.statement_id = i.statement_id AND e.entry_no = i.entry_no
JOIN reconciliation.statement s ON s.statement_id = coalesce(b.statement_id, i.statement_id)
JOIN reconciliation.own_account a ON a.own_account_id = s.own_account_id
LEFT JOIN reconciliation.expectation x USING (expectation_id)
LEFT JOIN reconciliation.suspense u ON u.item_id = b.item_id
WHERE b.closed_on IS NULL AND coalesce(e.booked_on, s.from_on) <= :on
    AND (b.class <> 'undone' OR b.opened_on <= :on)
UNION ALL
SELECT NULL, 'missing_at_bank', a.ledger_account, x.reference, x.sign, NULL, x.amount_vnd, x.due_on, '{}'::jsonb,
    false
FROM reconciliation.awaited x
JOIN reconciliation.own_account a USING (own_account_id)
WHERE x.due_on < :on AND x.amount_vnd IS NOT NULL
ORDER BY since, ledger_account, break_class, reference, break_id
"""
)


def open_breaks(connection: Connection, on: date) -> list[Break]:
    """What stands alone of the days up to this one, the oldest first, as known now.

    A receipt of open amount (a notice to an employer) is never missing at the bank: arrears are the engine's to tell.
    """
    return [
        Break(
            break_id=row.break_id,
            break_class=BreakClass(row.break_class),
            ledger_account=row.ledger_account,
            reference=row.reference,
            sign=Sign(row.sign) if row.sign else None,
            line_vnd=row.line_vnd,
            expected_vnd=row.expected_vnd,
            since=row.since,
            detail=row.detail,
            in_suspense=row.in_suspense,
        )
        for row in connection.execute(_OPEN_BREAKS, {"on": on})
    ]


class AwaitedClass(StrEnum):
    """What of the awaited is no break, and what was one until it came."""

    EXPECTED = "expected"
    """Sent or asked for, and not due yet."""
    DUE = "due"
    """To be seen on the statement of this day."""
    LATE = "late"
    """Came on this day, and was due before."""


_OPEN_AWAITED = """
SELECT a.ledger_account, x.reference, x.sign, NULL::bigint AS line_vnd, x.amount_vnd AS expected_vnd, x.due_on AS since
FROM reconciliation.awaited x
JOIN reconciliation.own_account a USING (own_account_id)
WHERE x.amount_vnd IS NOT NULL AND {due}
ORDER BY x.due_on, a.ledger_account, x.reference
"""
_AWAITED = {
    AwaitedClass.EXPECTED: _OPEN_AWAITED.format(due="x.due_on > :on"),
    AwaitedClass.DUE: _OPEN_AWAITED.format(due="x.due_on = :on"),
    AwaitedClass.LATE: """
        SELECT a.ledger_account, x.reference, i.sign, m.amount_vnd, x.amount_vnd, x.due_on
        FROM reconciliation.statement_entry e
        JOIN reconciliation.own_account a USING (own_account_id)
        JOIN reconciliation.statement_item i USING (statement_id, entry_no)
        JOIN reconciliation.match m USING (item_id)
        JOIN reconciliation.expectation x USING (expectation_id)
        WHERE e.booked_on = :on AND m.undone_at IS NULL AND m.returns_match_id IS NULL AND x.due_on < :on
            AND x.amount_vnd IS NOT NULL
        ORDER BY x.due_on, a.ledger_account, x.reference""",
}


@dataclass(frozen=True, slots=True)
class Awaited:
    """A payment or receipt that is expected, due, or came late. Amounts in đồng."""

    awaited_class: AwaitedClass
    ledger_account: str
    reference: str
    sign: Sign
    line_vnd: int | None
    expected_vnd: int
    since: date
    """The day on which it was due."""


def awaited(connection: Connection, on: date, wanted: AwaitedClass) -> Iterator[Awaited]:
    """What is expected or due at the end of a day, or came late on it; a month of payments is streamed."""
    for row in connection.execute(text(_AWAITED[wanted]).execution_options(yield_per=10_000), {"on": on}):
        account, reference, sign, line_vnd, expected_vnd, since = row
        yield Awaited(wanted, account, reference, Sign(sign), line_vnd, expected_vnd, since)


def close(connection: Connection, break_ids: Sequence[int], reason: str, on: date) -> int:
    """Closes breaks that people or the engine have dealt with: posted otherwise, issued again, recovered."""
    return connection.execute(
        text(
            "UPDATE reconciliation.break SET closed_on = greatest(:on, opened_on), reason = :reason "
            "WHERE break_id = ANY(:break_ids) AND closed_on IS NULL"
        ),
        {"break_ids": list(break_ids), "reason": reason, "on": on},
    ).rowcount


_CLOSE_MATCHED = text(
    """
UPDATE reconciliation.break b SET closed_on = greatest(:on, b.opened_on), reason = 'matched'
FROM reconciliation.match m
WHERE b.closed_on IS NULL AND b.class NOT IN ('returned', 'undone') AND b.item_id = m.item_id AND m.undone_at IS NULL
"""
)
_CLOSE_CHANGED = text(
    """
UPDATE reconciliation.break b SET closed_on = greatest(:on, b.opened_on), reason = 'now ' || c.break_class
FROM pg_temp.candidate c
WHERE b.closed_on IS NULL AND b.item_id = c.item_id AND b.class <> c.break_class
"""
)
_OPEN_NEW = text(
    """
WITH opened AS (
    INSERT INTO reconciliation.break (class, item_id, expectation_id, detail, opened_on)
    SELECT c.break_class, c.item_id, c.expectation_id, c.detail, :on
    FROM pg_temp.candidate c
    WHERE NOT EXISTS (SELECT FROM reconciliation.break b WHERE b.closed_on IS NULL AND b.item_id = c.item_id)
    RETURNING class
)
SELECT class, count(*) FROM opened GROUP BY class
"""
)


def keep(connection: Connection, on: date) -> dict[BreakClass, int]:
    """Writes down what matching left in `pg_temp.candidate`: closes what was solved or is now something else, opens
    what is new. Counts what was opened.
    """
    connection.execute(_CLOSE_MATCHED, {"on": on})
    connection.execute(_CLOSE_CHANGED, {"on": on})
    opened = connection.execute(_OPEN_NEW, {"on": on})
    return {BreakClass(name): count for name, count in opened}


def open_undone(connection: Connection, item_id: int, reason: str, on: date) -> None:
    """The line of a match that a person took back is left to people."""
    connection.execute(
        text(
            "UPDATE reconciliation.break SET closed_on = greatest(:on, opened_on), reason = 'undone' "
            "WHERE item_id = :item_id AND closed_on IS NULL"
        ),
        {"item_id": item_id, "on": on},
    )
    connection.execute(
        text(
            "INSERT INTO reconciliation.break (class, item_id, detail, opened_on) "
            "VALUES ('undone', :item_id, jsonb_build_object('reason', CAST(:reason AS text)), :on)"
        ),
        {"item_id": item_id, "reason": reason, "on": on},
    )
