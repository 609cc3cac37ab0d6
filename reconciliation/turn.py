"""Whose turn it is: what of a statement is new, and whether everything before it has come.

Banks tell the same booking again, in parts of a day and the whole of it, in overlapping periods, in a file sent twice.
Entries carry no number that all banks would give, so equal ones are counted, and the balances prove the count: what was
told before must begin at a balance that the account has had, and what is new must join on to what was accepted.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, text

from reconciliation import chain
from reconciliation.chain import Link


class Turn(StrEnum):
    """What becomes of a statement; also its state in the database."""

    ACCEPTED = "accepted"
    """It brings new entries, or none at all, and nothing before it is missing."""
    REPEATED = "repeated"
    """All that it tells was told before."""
    WAITING = "waiting"
    """Something before it has not come."""
    LEFT_OUT = "left_out"
    """Two persons have decided that nothing of it is taken up."""


@dataclass(frozen=True, slots=True)
class Told:
    """Where the lines of a statement stand before they are entries."""

    table: str
    statement_no: int


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whose turn it is, and why. Amounts in đồng, below zero for money out."""

    turn: Turn
    follows: bool
    """All its entries are new, whatever equal ones were told before."""
    told_before: bool
    """The very same statement has been told, in another file."""
    contradicts: bool
    """It tells again what was told, and something else beside it for which there is no room."""
    inside: bool = False
    """It tells a stretch of what was told, from one balance that the account has had to another."""
    repeated_vnd: int = 0
    repeated_entries: int = 0
    numbered_only: bool = False
    """Of its entries only those that carry the bank's own number can have been told before."""
    amid_accepted: bool = False
    """Some that were accepted come after it, up to which one that waits may lead now."""
    new_places: tuple[str, ...] = ()
    """Where its new entries stand, the first twenty."""


# Entries are counted within equal ones, for in a bank's statement many real ones are equal. A statement that follows on
# brings only new entries; of any other, as many as are known of an equal kind have been told before.
TOLD_AND_KNOWN = """
WITH told AS (
    SELECT l.*, row_number() OVER (
        PARTITION BY l.booked_on, l.bank_reference, l.sign, l.amount_vnd ORDER BY l.entry_no
    ) AS turn
    FROM {table} l
    WHERE l.statement_no = :statement_no AND l.detail_no = 0
), known AS (
    SELECT e.booked_on, coalesce(e.bank_reference, '') AS bank_reference, e.sign, e.amount_vnd, count(*) AS occurrences,
        count(*) FILTER (WHERE w.statement_id IS NULL) AS entries
    FROM reconciliation.statement_entry e
    LEFT JOIN reconciliation.withdrawn_entry w USING (statement_id, entry_no)
    WHERE e.own_account_id = :own_account_id AND e.booked_on BETWEEN :from_on AND :to_on
    GROUP BY 1, 2, 3, 4
), line AS (
    SELECT t.*, coalesce(k.entries, 0) AS known_entries, coalesce(k.occurrences, 0) AS occurrences
    FROM told t
    LEFT JOIN known k ON k.booked_on = t.booked_on
        AND k.bank_reference = coalesce(t.bank_reference, '')
        AND k.sign = t.sign
        AND k.amount_vnd = t.amount_vnd
)
"""
_COMPARED = (
    TOLD_AND_KNOWN
    + """
, around AS (
    SELECT s.statement_id, s.opening_vnd, s.closing_vnd, s.opening_vnd + s.repeated_vnd AS balance_vnd
    FROM reconciliation.statement s
    WHERE s.own_account_id = :own_account_id AND s.state = 'accepted' AND s.to_on >= :from_on AND s.from_on <= :to_on
), balance AS (
    SELECT opening_vnd AS vnd FROM around
    UNION ALL
    SELECT closing_vnd FROM around
    UNION ALL
    SELECT balance_vnd FROM around
    UNION ALL
    SELECT a.balance_vnd + sum(CASE e.sign WHEN 'credit' THEN e.amount_vnd ELSE -e.amount_vnd END)
        OVER (PARTITION BY e.statement_id ORDER BY e.entry_no)
    FROM around a JOIN reconciliation.statement_entry e USING (statement_id)
)
SELECT
    count(*) AS told,
    count(*) FILTER (WHERE turn <= known_entries) AS repeated,
    count(*) FILTER (WHERE turn <= known_entries AND bank_reference IS NULL) AS unnumbered,
    coalesce(sum(CASE sign WHEN 'credit' THEN amount_vnd ELSE -amount_vnd END)
        FILTER (WHERE turn <= known_entries), 0)::bigint AS repeated_vnd,
    coalesce(sum(CASE sign WHEN 'credit' THEN amount_vnd ELSE -amount_vnd END)
        FILTER (WHERE turn <= known_entries AND bank_reference IS NOT NULL), 0)::bigint AS numbered_vnd,
    coalesce((SELECT sum(entries) FROM known), 0) AS known,
    (array_agg(place ORDER BY entry_no) FILTER (WHERE turn > known_entries))[1:20] AS new_places,
    EXISTS (SELECT FROM balance WHERE vnd = :opening_vnd) AS opens_at_a_known_balance,
    EXISTS (SELECT FROM balance WHERE vnd = :closing_vnd) AS closes_at_a_known_balance
FROM line
"""
)


def judge(
    connection: Connection, link: Link, told: Told, *, gap_decided: bool = False, replaces: bool = False
) -> Judgement:
    """What is to become of a statement now.

    Two persons decided to go on without what is missing before it (`gap_decided`), or that it holds in place of an
    earlier one that tells the same days (`replaces`).
    """
    place = chain.place_of(connection, link)
    decided = gap_decided or replaces
    joins = not place.told_before and not decided and place.joins(link.opening_vnd, link.closing_vnd)
    compared = None if joins and not place.overlaps else _compare(connection, link, told)
    if compared is None or (joins and not _is_told_again(link, compared)):
        turn = Turn.WAITING if place.skips_a_number else Turn.ACCEPTED
        amid = place.opening_after_vnd is not None
        return Judgement(turn, follows=True, told_before=False, contradicts=False, amid_accepted=amid)
    new = compared.told - compared.repeated
    # Equal amounts alone do not tell that an entry was told before: the bank's own number for it does, or the balance.
    surely_repeated = compared.repeated > 0 and (compared.unnumbered == 0 or compared.opens_at_a_known_balance)
    room = place.joins(link.opening_vnd + compared.repeated_vnd, link.closing_vnd) or (
        place.balance_before_vnd is None and place.opening_after_vnd == link.closing_vnd - compared.repeated_vnd
    )
    nothing_told = compared.told == 0 and (place.told_before or compared.opens_at_a_known_balance)
    if decided or (new > 0 and room and (surely_repeated or compared.repeated == 0)):
        turn = Turn.ACCEPTED
    elif new == 0 and (surely_repeated or nothing_told):
        turn = Turn.REPEATED
    else:
        turn = Turn.WAITING
    numbered_only = gap_decided and not compared.opens_at_a_known_balance
    return Judgement(
        turn,
        follows=False,
        told_before=place.told_before,
        contradicts=turn is Turn.WAITING and surely_repeated,
        inside=new == 0 and compared.opens_at_a_known_balance and compared.closes_at_a_known_balance,
        repeated_vnd=compared.numbered_vnd if numbered_only else compared.repeated_vnd,
        repeated_entries=compared.repeated,
        numbered_only=numbered_only,
        amid_accepted=place.opening_after_vnd is not None,
        new_places=tuple(compared.new_places or ()),
    )


@contextmanager
def whole_joins(connection: Connection) -> Iterator[None]:
    """Of lines and entries that came a moment ago the planner expects one, and would go through all others for each."""
    connection.execute(text("SET LOCAL enable_nestloop = off; SET LOCAL enable_mergejoin = off"))
    yield
    connection.execute(text("SET LOCAL enable_nestloop TO DEFAULT; SET LOCAL enable_mergejoin TO DEFAULT"))


def _compare(connection: Connection, link: Link, told: Told) -> Row[Any]:
    """The lines of a statement beside the entries of its days."""
    with whole_joins(connection):
        return connection.execute(
            text(_COMPARED.format(table=told.table)), {**asdict(link), "statement_no": told.statement_no}
        ).one()


def _is_told_again(link: Link, compared: Row[Any]) -> bool:
    """Whether a statement that joins on by its balances tells again what left the balance as it was.

    A payment that came back on its day does. Then the bank's own numbers of the entries decide; where it gives none, a
    statement of several days, or without a number, that tells every entry of its days tells them again.
    """
    if not compared.repeated or compared.repeated_vnd:
        return False
    tells_its_days = not link.sequence or link.from_on < link.to_on
    return compared.unnumbered == 0 or (tells_its_days and compared.known == compared.repeated)
