"""The chain of an account's statements: each opens with what the one before it closed with, the first as our books did.

A statement that does not follow waits, and so do all after it, until the missing one has come: of one that waits no
line is an entry, nothing is matched, and the day cannot be closed. So lines are taken up in the order of the chain,
whatever the order of the files.
"""

from dataclasses import asdict, dataclass
from datetime import date

from sqlalchemy import Connection, text

_LOCK_SPACE = 0x5243
"""Of the advisory locks of reconciliation; the key is the own account."""


_UNNUMBERED = 2_147_483_647


def order_of(statement: str) -> str:
    """`Link.order` of a row; equal ones follow as they were accepted."""
    return f"{statement}.to_on, coalesce(nullif({statement}.sequence, 0), {_UNNUMBERED}), coalesce({statement}.page, 0)"


_HERE = f":to_on, coalesce(nullif(CAST(:sequence AS integer), 0), {_UNNUMBERED}), coalesce(CAST(:page AS integer), 0)"


@dataclass(frozen=True, slots=True)
class Link:
    """A statement's account, its place in the chain, its two balances in đồng."""

    own_account_id: int
    bank_id: str | None
    sequence: int | None
    page: int | None
    from_on: date
    to_on: date
    opening_vnd: int
    closing_vnd: int

    @property
    def order(self) -> tuple[date, int, int]:
        """What follows what; an export without a number comes after the numbered statements of its last day."""
        return self.to_on, self.sequence or _UNNUMBERED, self.page or 0


@dataclass(frozen=True, slots=True)
class Place:
    """What stands around a statement's place in the chain. Amounts in đồng."""

    balance_before_vnd: int | None
    """What the statement before it closed with, or our opening balance; none where neither is known."""
    opening_after_vnd: int | None
    gap_after: bool
    """Two persons have decided to go on without what is missing before the next one."""
    leads_on: bool
    """With statements that wait it leads up to the one after it."""
    told_before: bool
    """The very same statement has been told, in another file."""
    skips_a_number: bool
    """The bank numbers its statements, and one between the one before it and this one has not come."""
    overlaps: bool
    """Statements that were accepted tell of its days as well."""

    def joins(self, before_vnd: int, after_vnd: int) -> bool:
        """Whether something new with these two balances fits in here, so that nothing is missing on either side."""
        if self.balance_before_vnd is None:
            return self.opening_after_vnd in (None, after_vnd)
        fits_after = self.gap_after or self.leads_on or self.opening_after_vnd in (None, after_vnd)
        return fits_after and self.balance_before_vnd == before_vnd


LAST_FIRST = (
    f"s.to_on DESC, coalesce(nullif(s.sequence, 0), {_UNNUMBERED}) DESC, coalesce(s.page, 0) DESC, s.accepted_no DESC"
)
"""The accepted statements of an account from the last one back."""
_PLACE = text(
    f"""
WITH RECURSIVE earlier AS (
    SELECT s.closing_vnd FROM reconciliation.statement s
    WHERE s.own_account_id = :own_account_id AND s.state = 'accepted' AND ({order_of("s")}) <= ({_HERE})
    ORDER BY {LAST_FIRST} LIMIT 1
), later AS (
    SELECT s.opening_vnd + s.repeated_vnd AS opening_vnd, s.gap_decision_id IS NOT NULL AS gap, s.to_on, s.sequence,
        s.page
    FROM reconciliation.statement s
    WHERE s.own_account_id = :own_account_id AND s.state = 'accepted' AND ({order_of("s")}) > ({_HERE})
    ORDER BY {order_of("s")}, s.accepted_no LIMIT 1
), path AS (
    SELECT CAST(:to_on AS date) AS to_on, CAST(:sequence AS integer) AS sequence, CAST(:page AS integer) AS page,
        CAST(:closing_vnd AS bigint) AS vnd
    UNION
    SELECT w.to_on, w.sequence, w.page, w.closing_vnd
    FROM path p
    JOIN reconciliation.statement w ON w.own_account_id = :own_account_id AND w.state = 'waiting'
        AND w.opening_vnd = p.vnd AND ({order_of("w")}) >= ({order_of("p")})
    JOIN later l ON ({order_of("w")}) < ({order_of("l")})
), numbered AS (
    -- Some banks number statements of a day and those of longer periods apart, some in one series.
    (SELECT s.sequence, s.to_on FROM reconciliation.statement s
    WHERE s.own_account_id = :own_account_id AND s.state <> 'waiting' AND s.sequence > 0
        AND (s.from_on = s.to_on) = (CAST(:from_on AS date) = :to_on) AND ({order_of("s")}) <= ({_HERE})
    ORDER BY {LAST_FIRST} LIMIT 1)
    UNION ALL
    (SELECT s.sequence, s.to_on FROM reconciliation.statement s
    WHERE s.own_account_id = :own_account_id AND s.state <> 'waiting' AND s.sequence > 0
        AND ({order_of("s")}) <= ({_HERE})
    ORDER BY {LAST_FIRST} LIMIT 1)
)
SELECT
    coalesce((SELECT closing_vnd FROM earlier), a.opening_vnd) AS balance_before_vnd,
    (SELECT opening_vnd FROM later) AS opening_after_vnd,
    coalesce((SELECT gap FROM later), false) AS gap_after,
    EXISTS (SELECT FROM path JOIN later ON later.opening_vnd = path.vnd) AS leads_on,
    EXISTS (
        SELECT FROM reconciliation.statement s
        WHERE s.own_account_id = :own_account_id AND s.state IN ('accepted', 'repeated')
            AND (s.from_on, s.to_on, s.opening_vnd, s.closing_vnd) = (:from_on, :to_on, :opening_vnd, :closing_vnd)
            -- A bank that numbers its statements tells two of them apart; any other makes up an id for each export.
            AND (s.bank_id IS NOT DISTINCT FROM CAST(:bank_id AS text)
                OR (coalesce(s.sequence, 0) = 0 AND coalesce(:sequence, 0) = 0))
            AND s.page IS NOT DISTINCT FROM CAST(:page AS integer)
    ) AS told_before,
    coalesce((
        -- A lower number begins anew. Some banks number by days, some by the day itself.
        SELECT bool_and(CAST(:sequence AS integer) > n.sequence + 1
            AND CAST(:sequence AS integer) - n.sequence <> CAST(:to_on AS date) - n.to_on
            AND CAST(:sequence AS text) <> ALL (ARRAY[
                to_char(CAST(:to_on AS date), 'YYYYMMDD'), to_char(CAST(:to_on AS date), 'YYMMDD'),
                to_char(CAST(:to_on AS date), 'FMMMDD'), to_char(CAST(:to_on AS date), 'YYDDD')]))
        FROM numbered n
    ), false) AS skips_a_number,
    EXISTS (
        SELECT FROM reconciliation.statement s
        WHERE s.own_account_id = :own_account_id AND s.state = 'accepted'
            AND s.to_on >= :from_on AND s.from_on <= :to_on
    ) AS overlaps
FROM reconciliation.own_account a WHERE a.own_account_id = :own_account_id
"""
)

# Of those that wait, each before which something is missing: no other one that waits leads up to it.
_GAPS = f"""
WITH gap AS (
    SELECT w.statement_id, (
        SELECT s.closing_vnd FROM reconciliation.statement s
        WHERE s.own_account_id = w.own_account_id AND s.state = 'accepted' AND ({order_of("s")}) <= ({order_of("w")})
        ORDER BY {LAST_FIRST} LIMIT 1
    ) AS closing_before_vnd
    FROM reconciliation.statement w
    WHERE w.own_account_id = ANY(:accounts) AND w.state = 'waiting' AND NOT EXISTS (
        SELECT FROM reconciliation.statement p
        WHERE p.own_account_id = w.own_account_id AND p.state = 'waiting' AND p.closing_vnd = w.opening_vnd
            AND ({order_of("p")}, p.statement_id) < ({order_of("w")}, w.statement_id))
)
"""
_OPEN_GAPS = text(
    _GAPS
    + """
INSERT INTO reconciliation.break (class, statement_id, detail, opened_on)
SELECT 'statement_gap', statement_id, jsonb_build_object('closing_before_vnd', closing_before_vnd), :on
FROM gap
WHERE NOT EXISTS (
    SELECT FROM reconciliation.break b
    WHERE b.statement_id = gap.statement_id AND b.class = 'statement_gap' AND b.closed_on IS NULL)
"""
)
_CLOSE_GAPS = text(
    _GAPS
    + """
UPDATE reconciliation.break b SET closed_on = greatest(:on, b.opened_on), reason = 'the missing statement came'
FROM reconciliation.statement s
WHERE b.statement_id = s.statement_id AND b.class = 'statement_gap' AND b.closed_on IS NULL
    AND s.own_account_id = ANY(:accounts) AND s.statement_id NOT IN (SELECT statement_id FROM gap)
"""
)


def lock_accounts(connection: Connection, own_account_ids: list[int]) -> None:
    """Until the end of the transaction nobody else loads or matches statements of these accounts."""
    for own_account_id in sorted(own_account_ids):
        connection.execute(
            text("SELECT pg_advisory_xact_lock(:space, :account)"), {"space": _LOCK_SPACE, "account": own_account_id}
        )


def place_of(connection: Connection, link: Link) -> Place:
    """The place of a statement among those that were accepted; it is none of them."""
    return Place(*connection.execute(_PLACE, asdict(link)).one())


def keep_gaps(connection: Connection, own_account_ids: list[int], on: date) -> None:
    """Opens a break for each new gap and closes those that are filled."""
    values = {"accounts": own_account_ids, "on": on}
    connection.execute(_OPEN_GAPS, values)
    connection.execute(_CLOSE_GAPS, values)
