"""Suggestions for people (gợi ý khớp): what a line left open might be, ranked, with reasons. Never applied.

At most three for each line. What is looked at: our reference with one character wrong or cut off, an account of the
other side that is known for it, the amount itself, the amount with a usual fee in between. The amount alone comes last
and is told as such.
"""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, text

_AT_MOST: Final = 3
_FEE_AT_MOST_VND: Final = 15_000
"""What a transfer of this kind costs at most where the fee is inside the amount."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One expectation that a line might be. Amounts in đồng."""

    reference: str
    expected_vnd: int | None
    difference_vnd: int
    score: int
    reasons: tuple[str, ...]
    rivals: int
    """How many others have the same score."""

    def as_json(self) -> dict[str, Any]:
        return {
            "reference": self.reference,
            "expected_vnd": self.expected_vnd,
            "difference_vnd": self.difference_vnd,
            "score": self.score,
            "reasons": list(self.reasons),
            "rivals": self.rivals,
        }


def suggest(connection: Connection, break_id: int) -> list[Suggestion]:
    """What the line of an open break might be, the likeliest first."""
    rows = connection.execute(_SUGGESTED, {"break_id": break_id, "fee": _FEE_AT_MOST_VND, "at_most": _AT_MOST})
    return [
        Suggestion(
            reference=row.reference,
            expected_vnd=row.amount_vnd,
            difference_vnd=row.difference_vnd,
            score=row.score,
            reasons=tuple(reason for reason in row.reasons if reason),
            rivals=row.rivals,
        )
        for row in rows
    ]


# Expectations are looked up by index: by the account of the other side, by the reference, and by amount and day only
# within a week of it.
_SUGGESTED = text(
    """
WITH line AS (
    SELECT i.item_id, i.amount_vnd, i.sign, i.counterparty, i.virtual_account, i.end_to_end_id, i.found_references,
        i.found_units, e.booked_on, s.own_account_id, b.expectation_id AS named_id
    FROM reconciliation.break b
    JOIN reconciliation.statement_item i USING (item_id)
    JOIN reconciliation.statement_entry e ON e.statement_id = i.statement_id AND e.entry_no = i.entry_no
    JOIN reconciliation.statement s ON s.statement_id = i.statement_id
    WHERE b.break_id = :break_id AND b.closed_on IS NULL
), scored AS (
    SELECT x.reference, x.amount_vnd, x.expectation_id,
        coalesce(l.amount_vnd - x.amount_vnd, 0) AS difference_vnd,
        x.expectation_id = l.named_id OR x.reference = ANY(l.found_references) AS named,
        coalesce(x.counterparty = l.counterparty, false) AS by_account,
        x.party IS NOT NULL AND EXISTS (
            SELECT FROM reconciliation.party_alias a WHERE a.party = x.party AND a.closed_on IS NULL
                AND a.kind IN ('payer_account', 'virtual_account')
                AND a.value IN (encode(l.counterparty, 'hex'), encode(l.virtual_account, 'hex'))) AS by_payer,
        coalesce(x.party = ANY(SELECT split_part(unnest(l.found_units), ' ', 1)), false) AS by_unit,
        coalesce(x.amount_vnd = l.amount_vnd, false) AS same_amount,
        coalesce(abs(x.amount_vnd - l.amount_vnd) BETWEEN 1 AND :fee, false) AS with_fee,
        coalesce(l.end_to_end_id <> x.reference AND length(l.end_to_end_id) BETWEEN 12 AND 15
            AND (left(l.end_to_end_id, 12) = left(x.reference, 12)
                OR right(l.end_to_end_id, 9) = right(x.reference, 9)), false) AS near_code
    FROM line l
    JOIN reconciliation.awaited x ON x.own_account_id = l.own_account_id AND x.sign = l.sign
    WHERE x.due_on BETWEEN l.booked_on - 40 AND l.booked_on + 7
), ranked AS (
    SELECT *,
        CASE WHEN named THEN 50 ELSE 0 END + CASE WHEN by_account THEN 40 ELSE 0 END
        + CASE WHEN by_payer THEN 40 ELSE 0 END + CASE WHEN by_unit THEN 40 ELSE 0 END
        + CASE WHEN near_code THEN 30 ELSE 0 END + CASE WHEN same_amount THEN 15 ELSE 0 END
        + CASE WHEN with_fee THEN 5 ELSE 0 END AS score
    FROM scored
)
SELECT reference, amount_vnd, difference_vnd, score,
    ARRAY[
        CASE WHEN named THEN 'the line names it' END,
        CASE WHEN by_account THEN 'the account of the other side is the payee''s' END,
        CASE WHEN by_payer THEN 'the payer has paid from this account' END,
        CASE WHEN by_unit THEN 'the memo names the unit' END,
        CASE WHEN near_code THEN 'the reference is like it' END,
        CASE WHEN same_amount THEN 'the amount is equal' END,
        CASE WHEN with_fee THEN 'the amount is equal but for a fee' END
    ] AS reasons,
    count(*) OVER (PARTITION BY score) - 1 AS rivals
FROM ranked WHERE score > 0
ORDER BY score DESC, abs(difference_vnd), expectation_id
LIMIT :at_most
"""
)
