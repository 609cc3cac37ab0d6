"""Matching (khớp): which line of a statement is which expected payment, and which is a payment that came back.

A ladder of rules, the surest first; a rule sees only what the earlier ones left, and amount and date alone never match
anything. What no rule takes is a break with its reason. The database sets the same limits again: account, sign and
amount must be equal, a line is used once and whole, an expectation of a fixed amount is met once and returned once.

The same lines in any order, split over files in any way, give the same matches and breaks: a line that is left, such as
a return told before its payment, is tried again with every further file of its account. The one exception is a bank
that books the same payments singly and as a batch: what came first is matched, the other is a break.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from sqlalchemy import Connection, text

from reconciliation import breaks
from reconciliation.chain import lock_accounts
from reconciliation.errors import ReconciliationError


class Rule(StrEnum):
    """How a line was recognised, surest first; its place here is its rank."""

    ECHO = "echo"
    """The bank echoes our reference in a field of its own."""
    CODE = "code"
    """Our reference, with its check letter, stands in the text."""
    BATCH = "batch"
    """One booking for the whole batch."""
    RETURN = "return"
    """A payment of ours came back."""

    @property
    def rank(self) -> int:
        return list(Rule).index(self) + 1


class MatchNotUndone(ReconciliationError):
    """No such match stands, or a return rests on it, which must be undone first."""

    code = "match_not_undone"


@dataclass(frozen=True, slots=True)
class MatchCounts:
    """What one run has brought: new matches by rule, and new breaks by class."""

    run_id: int
    matched: dict[Rule, int]
    breaks: dict[breaks.BreakClass, int]


_RULES = Path(__file__).parent / "rules"
_CANDIDATES = text((_RULES / "candidates.sql").read_text(encoding="utf-8"))
_LADDER = {
    Rule.ECHO: text((_RULES / "own_reference.sql").read_text(encoding="utf-8")).bindparams(echoed=True),
    Rule.CODE: text((_RULES / "own_reference.sql").read_text(encoding="utf-8")).bindparams(echoed=False),
    Rule.BATCH: text((_RULES / "batch.sql").read_text(encoding="utf-8")),
    Rule.RETURN: text((_RULES / "return.sql").read_text(encoding="utf-8")),
}
_LEFT_OVER = text((_RULES / "left_over.sql").read_text(encoding="utf-8"))

MATCHED_ITEMS = """
SELECT match_id, item_id, reference, amount_vnd, sign, kind, rule, returned, booked_on, own_account_id, ledger_account,
    return_reason, statement_id, document
FROM reconciliation.matched_item
WHERE run_id = :run_id
"""
"""The matches that count since a run: what the engine settles and returns after `match_file` or `match_again`.

One row for each payment, also where one booking paid a whole batch. `returned` tells a payment that came back from one
that left or arrived; `document` is the statement. Matches on a statement that waits for the one before it are not among
them: they come with the run of the file that closes the gap, as do lines of earlier files that could only be matched
now. So the same statement may show up under several runs. A match belongs to one run for ever: what was applied for a
run is never applied again.
"""

_CANDIDATE_TABLE = """
CREATE TEMP TABLE IF NOT EXISTS candidate (
    item_id bigint PRIMARY KEY, own_account_id integer, accepted boolean, sign text, amount_vnd bigint, booked_on date,
    returned boolean, return_reason text, keys bigint, reference text, echoed boolean, rivals text[],
    batch_reference text, break_class text, expectation_id bigint, detail jsonb
) ON COMMIT DELETE ROWS
"""

_OPEN_RUN = text("INSERT INTO reconciliation.matching_run (file_id, ran_at) VALUES (:file_id, :at) RETURNING run_id")
# A match on a statement that was waiting counts from the run after the gap was closed.
_RELEASE = text(
    """
UPDATE reconciliation.match m SET run_id = :run_id
FROM reconciliation.statement_item i
JOIN reconciliation.statement s ON s.statement_id = i.statement_id
WHERE m.run_id IS NULL AND m.item_id = i.item_id AND s.state = 'accepted' AND s.own_account_id = ANY(:accounts)
"""
)


def match_file(connection: Connection, file_id: int, at: datetime) -> MatchCounts:
    """Matches the lines of a loaded file, and those left from earlier files of its accounts. Again changes nothing."""
    return _match(connection, _accounts(connection, file_id), file_id, at)


def match_again(connection: Connection, at: datetime) -> MatchCounts:
    """Matches every line left open on every account of ours; what it waited for may have been expected since."""
    accounts = list(connection.scalars(text("SELECT own_account_id FROM reconciliation.own_account")))
    return _match(connection, accounts, None, at)


def _match(connection: Connection, accounts: list[int], file_id: int | None, at: datetime) -> MatchCounts:
    lock_accounts(connection, accounts)
    run_id: int = connection.execute(_OPEN_RUN, {"file_id": file_id, "at": at}).scalar_one()
    connection.execute(text(_CANDIDATE_TABLE))
    connection.execute(text("TRUNCATE pg_temp.candidate"))
    connection.execute(_CANDIDATES, {"file_id": file_id, "accounts": accounts})
    connection.execute(text("ANALYZE pg_temp.candidate"))
    matched = {
        rule: connection.execute(
            statement, {"rule": rule.value, "rank": rule.rank, "at": at, "run_id": run_id}
        ).scalar_one()
        for rule, statement in _LADDER.items()
    }
    connection.execute(_LEFT_OVER)
    connection.execute(_RELEASE, {"run_id": run_id, "accounts": accounts})
    opened = breaks.keep(connection, breaks.day_of(at))
    return MatchCounts(run_id, matched, opened)


def _accounts(connection: Connection, file_id: int) -> list[int]:
    return list(
        connection.scalars(
            text("SELECT DISTINCT own_account_id FROM reconciliation.statement WHERE file_id = :file_id"),
            {"file_id": file_id},
        )
    )


def undo(connection: Connection, match_id: int, reason: str, at: datetime) -> None:
    """Takes a match back because a person found it wrong. The expectation is open again; the line is left to people."""
    item_id = connection.scalar(
        text(
            "UPDATE reconciliation.match m SET undone_at = :at, undone_reason = :reason "
            "WHERE match_id = :match_id AND undone_at IS NULL AND rule <> 'batch' AND NOT EXISTS ("
            "SELECT FROM reconciliation.match b WHERE b.returns_match_id = m.match_id AND b.undone_at IS NULL) "
            "RETURNING item_id"
        ),
        {"match_id": match_id, "reason": reason, "at": at},
    )
    if item_id is None:
        raise MatchNotUndone(str(match_id))
    connection.execute(
        text(
            "UPDATE reconciliation.expectation x SET state = 'open' FROM reconciliation.match m "
            "WHERE m.match_id = :match_id AND x.expectation_id = m.expectation_id AND m.returns_match_id IS NULL"
        ),
        {"match_id": match_id},
    )
    breaks.open_undone(connection, item_id, reason, breaks.day_of(at))
