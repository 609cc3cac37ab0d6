"""The chain of an account's statements: each opens with what the one before it closed with.

A statement that does not follow waits, and so do all after it, until the missing one has come: its lines may be
matched, but the day cannot be closed and nothing is settled by it.
"""

from dataclasses import asdict, dataclass
from datetime import date

from sqlalchemy import Connection, text

_LOCK_SPACE = 0x5243
"""Of the advisory locks of reconciliation; the key is the own account."""


@dataclass(frozen=True, slots=True)
class Link:
    """A statement about to be stored: its account, its place in the chain, its two balances."""

    own_account_id: int
    bank_id: str | None
    sequence: int | None
    page: int | None
    from_on: date
    to_on: date
    opening_vnd: int
    closing_vnd: int

    @property
    def order(self) -> tuple[date, date, int, int]:
        return self.to_on, self.from_on, self.sequence or 0, self.page or 0


_PLACE = text(
    """
WITH earlier AS (
    SELECT s.closing_vnd FROM reconciliation.statement s
    WHERE s.own_account_id = :own_account_id
        AND (s.to_on, s.from_on, coalesce(s.sequence, 0), coalesce(s.page, 0))
            <= (:to_on, :from_on, coalesce(:sequence, 0), coalesce(:page, 0))
    ORDER BY s.to_on DESC, s.from_on DESC, coalesce(s.sequence, 0) DESC, coalesce(s.page, 0) DESC, s.statement_id DESC
    LIMIT 1
), later AS (
    SELECT s.opening_vnd FROM reconciliation.statement s
    WHERE s.own_account_id = :own_account_id
        AND (s.to_on, s.from_on, coalesce(s.sequence, 0), coalesce(s.page, 0))
            > (:to_on, :from_on, coalesce(:sequence, 0), coalesce(:page, 0))
    ORDER BY s.to_on, s.from_on, coalesce(s.sequence, 0), coalesce(s.page, 0), s.statement_id
    LIMIT 1
)
SELECT
    (SELECT closing_vnd FROM earlier) AS closing_before_vnd,
    (SELECT opening_vnd FROM later) AS opening_after_vnd,
    EXISTS (
        SELECT FROM reconciliation.statement s
        WHERE s.own_account_id = :own_account_id
            AND (s.from_on, s.to_on, s.opening_vnd, s.closing_vnd) = (:from_on, :to_on, :opening_vnd, :closing_vnd)
            AND s.bank_id IS NOT DISTINCT FROM CAST(:bank_id AS text)
            AND s.page IS NOT DISTINCT FROM CAST(:page AS integer)
    ) AS told_before
"""
)

_GAPS = """
WITH link AS (
    SELECT s.statement_id, s.own_account_id, s.state, s.to_on, s.from_on, s.sequence, s.page,
        lag(s.closing_vnd) OVER chain AS closing_before_vnd,
        s.gap_decision_id IS NULL AND (coalesce(s.opening_vnd + s.repeated_vnd <> lag(s.closing_vnd) OVER chain, false)
        OR coalesce(
            s.repeated_vnd = 0 AND s.sequence <> 1
            AND s.sequence - lag(s.sequence) OVER chain NOT IN (0, 1, s.to_on - lag(s.to_on) OVER chain), false
        )) AS gap
    FROM reconciliation.statement s
    WHERE s.own_account_id = ANY(:accounts)
    WINDOW chain AS (
        PARTITION BY s.own_account_id
        ORDER BY s.to_on, s.from_on, coalesce(s.sequence, 0), coalesce(s.page, 0), s.statement_id
    )
)
"""
_ACCEPT = text(
    _GAPS
    + """
, standing AS (
    SELECT statement_id, state, count(*) FILTER (WHERE gap AND state = 'waiting') OVER (
        PARTITION BY own_account_id ORDER BY to_on, from_on, coalesce(sequence, 0), coalesce(page, 0), statement_id
    ) AS gaps
    FROM link
)
UPDATE reconciliation.statement s SET state = 'accepted'
FROM standing WHERE s.statement_id = standing.statement_id AND standing.gaps = 0 AND s.state = 'waiting'
"""
)
_OPEN_GAPS = text(
    _GAPS
    + """
INSERT INTO reconciliation.break (class, statement_id, detail, opened_on)
SELECT 'statement_gap', statement_id, jsonb_build_object('closing_before_vnd', closing_before_vnd), :on
FROM link
WHERE gap AND NOT EXISTS (
    SELECT FROM reconciliation.break b WHERE b.statement_id = link.statement_id AND b.class = 'statement_gap')
"""
)
_CLOSE_GAPS = text(
    _GAPS
    + """
UPDATE reconciliation.break b SET closed_on = greatest(:on, b.opened_on), reason = 'the missing statement came'
FROM link
WHERE b.statement_id = link.statement_id AND b.class = 'statement_gap' AND b.closed_on IS NULL AND NOT link.gap
"""
)


def lock_accounts(connection: Connection, own_account_ids: list[int]) -> None:
    """Until the end of the transaction nobody else loads or matches statements of these accounts."""
    for own_account_id in sorted(own_account_ids):
        connection.execute(
            text("SELECT pg_advisory_xact_lock(:space, :account)"), {"space": _LOCK_SPACE, "account": own_account_id}
        )


@dataclass(frozen=True, slots=True)
class Place:
    """What stands around a statement's place in the chain."""

    closing_before_vnd: int | None
    opening_after_vnd: int | None
    told_before: bool
    """The very same statement has been told, in another file."""

    def follows(self, link: Link) -> bool:
        """Whether all its entries are new: it opens where the one before it closed, or is the first of its account."""
        if self.told_before:
            return False
        if self.closing_before_vnd is not None:
            return self.closing_before_vnd == link.opening_vnd
        return self.opening_after_vnd in (None, link.closing_vnd)

    def contradicts(self, link: Link, repeated_vnd: int) -> bool:
        """Whether a statement that repeats entries tells another story than the ones before it."""
        return self.closing_before_vnd not in (None, link.opening_vnd + repeated_vnd)


def place_of(connection: Connection, link: Link) -> Place:
    """The place of a statement that is not stored yet."""
    row = connection.execute(_PLACE, asdict(link)).one()
    return Place(row.closing_before_vnd, row.opening_after_vnd, row.told_before)


def accept(connection: Connection, own_account_ids: list[int], on: date) -> None:
    """Accepts every statement that no gap precedes; opens a break for each new gap and closes those that are filled."""
    accounts = {"accounts": own_account_ids}
    connection.execute(_ACCEPT, accounts)
    connection.execute(_OPEN_GAPS, {**accounts, "on": on})
    connection.execute(_CLOSE_GAPS, {**accounts, "on": on})
