"""A day that the bank tells again with other entries (sao kê phát hành lại): it waits until two persons have decided.

Nothing of the later file is stored while it waits, and nothing of the earlier one is overwritten. If two persons decide
for the later file it is imported again: the entries that it no longer tells are withdrawn, which needs every match on
them to have been undone with its reversing entry, and those it adds are stored. If they decide for the earlier file the
later one is refused for good.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Final

from sqlalchemy import Connection, text

from reconciliation.breaks import BreakClass
from reconciliation.chain import Link

_SHOWN: Final = 20

# The statements that told the same account, days, page and number before; a number of zero tells nothing.
_SLOT = """
slot AS (
    SELECT s.statement_id, s.opening_vnd, s.closing_vnd, f.file_name,
        coalesce(nullif(s.sequence, 0) = nullif(CAST(:sequence AS integer), 0), false)
            OR coalesce(s.bank_id = CAST(:bank_id AS text), false) AS same_number
    FROM reconciliation.statement s
    JOIN reconciliation.statement_file f USING (file_id)
    WHERE s.own_account_id = :own_account_id AND s.state IN ('accepted', 'repeated')
        AND (s.from_on, s.to_on) = (:from_on, :to_on)
        AND s.page IS NOT DISTINCT FROM CAST(:page AS integer)
        AND coalesce(nullif(s.sequence, 0) = nullif(CAST(:sequence AS integer), 0), true)
)
"""
_GONE = (
    _SLOT
    + """
, told AS (
    SELECT booked_on, coalesce(bank_reference, '') AS bank_reference, sign, amount_vnd, count(*) AS entries
    FROM pg_temp.staged_statement_line
    WHERE statement_no = :statement_no AND detail_no = 0
    GROUP BY 1, 2, 3, 4
), earlier AS (
    SELECT e.*, row_number() OVER (
        PARTITION BY e.booked_on, e.bank_reference, e.sign, e.amount_vnd ORDER BY e.occurrence
    ) AS turn
    FROM reconciliation.statement_entry e
    JOIN slot USING (statement_id)
    LEFT JOIN reconciliation.withdrawn_entry w USING (statement_id, entry_no)
    WHERE w.statement_id IS NULL
), gone AS (
    SELECT e.statement_id, e.entry_no, e.place
    FROM earlier e
    LEFT JOIN told t ON t.booked_on = e.booked_on AND t.bank_reference = coalesce(e.bank_reference, '')
        AND t.sign = e.sign AND t.amount_vnd = e.amount_vnd
    WHERE e.turn > coalesce(t.entries, 0)
)
"""
)
_FIND = text(
    "WITH "
    + _GONE
    + """
SELECT slot.*, (SELECT count(*) FROM gone) AS gone, (SELECT count(*) FROM earlier) AS earlier,
    (SELECT array_agg(place ORDER BY statement_id, entry_no) FROM gone)[1:20] AS gone_places
FROM slot ORDER BY statement_id DESC LIMIT 1
"""
)
_TOLD_BEFORE = text(
    f"WITH {_SLOT} SELECT EXISTS (SELECT FROM slot) AS told, "
    "EXISTS (SELECT FROM slot JOIN reconciliation.withdrawn_entry USING (statement_id)) AS replaced"
)
_DECISION = text(
    """
SELECT d.decision_id, d.kind
FROM reconciliation.decision d
JOIN reconciliation.break b USING (break_id)
WHERE b.class = 'statement_reissued' AND b.statement_id = :statement_id AND (b.detail ->> 'file_id')::integer = :file_id
    AND d.kind IN ('replace', 'keep') AND d.approved_at IS NOT NULL
ORDER BY d.decision_id DESC LIMIT 1
"""
)
_OPEN = text(
    """
INSERT INTO reconciliation.break (class, statement_id, detail, opened_on)
SELECT :class, :statement_id, jsonb_build_object(
    'file_id', CAST(:file_id AS integer), 'file', CAST(:file_name AS text),
    'earlier_file', CAST(:earlier_file_name AS text), 'statement', CAST(:statement_no AS integer),
    'closing_vnd', CAST(:closing_vnd AS bigint), 'earlier_closing_vnd', CAST(:earlier_closing_vnd AS bigint),
    'no_longer_told', CAST(:gone AS bigint), 'no_longer_told_places', CAST(:gone_places AS text[]),
    'new_places', CAST(:new_places AS text[])), :on
WHERE NOT EXISTS (
    SELECT FROM reconciliation.break b WHERE b.closed_on IS NULL AND b.class = :class
        AND b.statement_id = :statement_id AND (b.detail ->> 'file_id')::integer = :file_id)
"""
)
_OPEN_ONES = text(
    "SELECT break_id FROM reconciliation.break WHERE closed_on IS NULL AND class = 'statement_reissued' "
    "AND (detail ->> 'file_id')::integer = :file_id ORDER BY break_id"
)
# What the earlier file's lines have brought about, and would have to be taken back first.
_USED = text(
    "WITH "
    + _GONE
    + """
SELECT
    array_agg(DISTINCT m.match_id ORDER BY m.match_id) FILTER (WHERE m.match_id IS NOT NULL) AS matches,
    count(DISTINCT u.item_id) AS in_suspense
FROM gone
JOIN reconciliation.statement_item i USING (statement_id, entry_no)
LEFT JOIN reconciliation.match m ON m.item_id = i.item_id AND m.undone_at IS NULL
LEFT JOIN reconciliation.suspense u ON u.item_id = i.item_id
"""
)
_WITHDRAW = text(
    "WITH "
    + _GONE
    + """
, withdrawn AS (
    INSERT INTO reconciliation.withdrawn_entry (statement_id, entry_no, decision_id)
    SELECT statement_id, entry_no, :decision_id FROM gone
    RETURNING statement_id, entry_no
)
UPDATE reconciliation.break b
SET closed_on = greatest(:on, b.opened_on), reason = 'the bank no longer tells this line, decision ' || :decision_id
FROM withdrawn
JOIN reconciliation.statement_item i USING (statement_id, entry_no)
WHERE b.item_id = i.item_id AND b.closed_on IS NULL
"""
)


@dataclass(frozen=True, slots=True)
class Reissue:
    """A statement that tells again, otherwise, what an earlier one of the same days has told."""

    link: Link
    statement_no: int
    earlier_statement_id: int
    earlier_file_name: str
    earlier_closing_vnd: int
    gone: int
    """Entries that it no longer tells."""
    gone_places: Sequence[str]
    """Where those stand in the earlier file, the first twenty."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What two persons have decided about a file that tells a day again."""

    decision_id: int
    replaces: bool


def find(
    connection: Connection, link: Link, statement_no: int, *, told_before: bool, contradicts: bool, inside: bool
) -> Reissue | None:
    """The statement that a staged one tells again with other entries, or none.

    It must be of the same account, days and page. The same number tells that it is the same statement; where the bank
    numbers nothing, the same opening balance and entries in common do, unless it tells a stretch of the day (`inside`).
    The very same statement told before is none, unless it has been replaced since.
    """
    before = connection.execute(_TOLD_BEFORE, asdict(link)).one()
    if not before.told or (told_before and not before.replaced):
        return None
    row = connection.execute(_FIND, {**asdict(link), "statement_no": statement_no}).one()
    shares = row.opening_vnd == link.opening_vnd and row.gone < row.earlier and not inside
    if not (contradicts or (row.gone and (row.same_number or shares))):
        return None
    return Reissue(
        link, statement_no, row.statement_id, row.file_name, row.closing_vnd, row.gone, tuple(row.gone_places or ())
    )


def decided(connection: Connection, reissue: Reissue, file_id: int) -> Choice | None:
    """What two persons have decided for this very file."""
    values = {"statement_id": reissue.earlier_statement_id, "file_id": file_id}
    row = connection.execute(_DECISION, values).one_or_none()
    return None if row is None else Choice(row.decision_id, row.kind == "replace")


def wait(
    connection: Connection, reissue: Reissue, file_id: int, file_name: str, new_places: Sequence[str], on: date
) -> None:
    """Opens the break that names both files; the same file again opens no second one."""
    connection.execute(
        _OPEN,
        {
            "class": BreakClass.STATEMENT_REISSUED.value,
            "statement_id": reissue.earlier_statement_id,
            "file_id": file_id,
            "file_name": file_name,
            "earlier_file_name": reissue.earlier_file_name,
            "statement_no": reissue.statement_no,
            "closing_vnd": reissue.link.closing_vnd,
            "earlier_closing_vnd": reissue.earlier_closing_vnd,
            "gone": reissue.gone,
            "gone_places": list(reissue.gone_places),
            "new_places": list(new_places[:_SHOWN]),
            "on": on,
        },
    )


def waiting(connection: Connection, file_id: int) -> tuple[int, ...]:
    """The open breaks of a file that waits."""
    return tuple(connection.scalars(_OPEN_ONES, {"file_id": file_id}))


def still_used(connection: Connection, reissue: Reissue) -> str | None:
    """Why the entries that are gone cannot be withdrawn yet, or none."""
    row = connection.execute(_USED, {**asdict(reissue.link), "statement_no": reissue.statement_no}).one()
    if row.matches:
        return f"undo the matches on lines that are no longer told first: {', '.join(map(str, row.matches[:_SHOWN]))}"
    if row.in_suspense:
        return f"{row.in_suspense} lines that are no longer told are booked in suspense and must be taken out first"
    return None


def withdraw(connection: Connection, reissue: Reissue, choice: Choice, on: date) -> None:
    """The entries that are no longer told count no more, and their breaks are closed."""
    values = {**asdict(reissue.link), "statement_no": reissue.statement_no, "decision_id": choice.decision_id, "on": on}
    connection.execute(_WITHDRAW, values)
