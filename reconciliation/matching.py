"""Matching (khớp): which line of a statement is which expected payment, and which is a payment that came back.

A ladder of rules, the surest first; a rule sees only what the earlier ones left, and amount and date alone never match
anything. What no rule takes is a break with its reason. The database sets the same limits again: account, sign and
amount must be equal, a line is used once and whole, an expectation of a fixed amount is met once and returned once.

The same files in any order, any of them twice, give the same matches and breaks: statements are matched one by one in
the order of their chain, whatever the order in which they came, and a line that is left, such as a return told before
its payment, is tried again with every further statement of its account. Where lines compete for one payment, the
earlier statement's is matched and the other is a break.
"""

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import Connection, text

from reconciliation import breaks, expectations
from reconciliation.chain import lock_accounts
from reconciliation.errors import ReconciliationError
from reconciliation.staging import STEP

_progress = logging.getLogger("thuchi.progress")


class Rule(StrEnum):
    """How a line was recognised, surest first; its place here is its rank."""

    ECHO = "echo"
    """The bank echoes our reference in a field of its own."""
    CODE = "code"
    """Our reference, with its check letter, stands in the text."""
    BATCH = "batch"
    """One booking for the whole batch."""
    MERGE = "merge"
    """One line names several of our references and is their sum."""
    SPLIT = "split"
    """Several lines of one day with our reference are the payment together."""
    RETURN = "return"
    """A payment of ours came back."""
    VIRTUAL_ACCOUNT = "virtual_account"
    """The number that was paid is that of one employer (tài khoản định danh)."""
    UNIT = "unit"
    """The memo of the social insurance form names the unit (mã đơn vị)."""
    COUNTERPARTY = "counterparty"
    """The other side's account, the amount and a window of working days, alone on both sides."""
    FEE = "fee"
    """A fee of the bank, by its own code and within the agreed table."""
    FORCED = "forced"
    """Two people decided it."""

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
_PARTY = (_RULES / "party.sql").read_text(encoding="utf-8")
_AGREED = yaml.safe_load((_RULES.parent / "fees.yaml").read_text(encoding="utf-8"))["fees"]
_LADDER = {
    Rule.ECHO: text((_RULES / "own_reference.sql").read_text(encoding="utf-8")).bindparams(echoed=True),
    Rule.CODE: text((_RULES / "own_reference.sql").read_text(encoding="utf-8")).bindparams(echoed=False),
    Rule.BATCH: text((_RULES / "batch.sql").read_text(encoding="utf-8")),
    Rule.MERGE: text((_RULES / "merge.sql").read_text(encoding="utf-8")),
    Rule.SPLIT: text((_RULES / "split.sql").read_text(encoding="utf-8")),
    Rule.RETURN: text((_RULES / "return.sql").read_text(encoding="utf-8")),
    Rule.VIRTUAL_ACCOUNT: text(_PARTY).bindparams(kind="virtual_account"),
    Rule.UNIT: text(_PARTY).bindparams(kind="unit"),
    Rule.COUNTERPARTY: text((_RULES / "counterparty.sql").read_text(encoding="utf-8")),
    Rule.FEE: text((_RULES / "fee.sql").read_text(encoding="utf-8")).bindparams(
        codes=[fee["code"] for fee in _AGREED], at_most=[fee["at_most_vnd"] for fee in _AGREED]
    ),
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
that left or arrived; `document` is the statement. Lines of earlier statements that could only be matched now are among
them. A match belongs to one run for ever: what was applied for a run is never applied again.
"""

_CANDIDATE_TABLE = """
CREATE TEMP TABLE IF NOT EXISTS candidate (
    item_id bigint PRIMARY KEY, own_account_id integer, sign text, amount_vnd bigint, booked_on date,
    returned boolean, return_reason text, keys bigint, reference text, echoed boolean, rivals text[],
    batch_reference text, transaction_code text, counterparty bytea, points_elsewhere boolean, virtual_party text,
    unit_party text, disagrees boolean, break_class text, expectation_id bigint, detail jsonb
) ON COMMIT DELETE ROWS
"""

_MEMORY = text("SET LOCAL work_mem = '128MB'")
"""For each join of a matching run; one of more than a million lines goes to disk."""
_UNMATCHED = text(
    "SELECT statement_id, file_id, own_account_id FROM reconciliation.statement "
    "WHERE state = 'accepted' AND matched_run_id IS NULL AND own_account_id = ANY(:accounts) "
    "ORDER BY own_account_id, accepted_no"
)
_MATCHED = text("UPDATE reconciliation.statement SET matched_run_id = :run_id WHERE statement_id = :statement_id")
# Whether anything is left for the ladder: lines of the statement, or an open break of an earlier one.
_LEFT_OPEN = text(
    """
SELECT EXISTS (
    SELECT FROM reconciliation.break b
    JOIN reconciliation.statement_item i USING (item_id)
    JOIN reconciliation.statement s ON s.statement_id = i.statement_id
    WHERE b.closed_on IS NULL AND s.own_account_id = ANY(:accounts)
) OR :matched < (
    SELECT count(*) FROM reconciliation.statement_item i WHERE i.statement_id = CAST(:statement_id AS bigint))
"""
)
_CLEAR_LINES = text("SELECT rule, lines FROM reconciliation.match_clear_lines(:statement_id, :run_id, :at)")
_OPEN_RUN = text("INSERT INTO reconciliation.matching_run (file_id, ran_at) VALUES (:file_id, :at) RETURNING run_id")


def match_file(connection: Connection, file_id: int, at: datetime) -> Iterator[MatchCounts]:
    """Matches what a loaded file has brought, one statement after the other; again nothing is left to match.

    Beside its own statements that may be some that have waited for it. The next one is matched when the caller has
    applied the run of the one before it.
    """
    yield from _match_new(connection, _accounts(connection, file_id), at)


def match_again(connection: Connection, at: datetime) -> Iterator[MatchCounts]:
    """Matches every line left open on every account of ours; what it waited for may have been expected since."""
    accounts = list(connection.scalars(text("SELECT own_account_id FROM reconciliation.own_account")))
    yield from _match_new(connection, accounts, at)
    yield _match(connection, accounts, open_run(connection, None, at), None, at)


def _match_new(connection: Connection, accounts: list[int], at: datetime) -> Iterator[MatchCounts]:
    """Every statement that was accepted and not matched yet, each in a run of its own."""
    lock_accounts(connection, accounts)
    for row in connection.execute(_UNMATCHED, {"accounts": accounts}).all():
        run_id = open_run(connection, row.file_id, at)
        connection.execute(_MATCHED, {"run_id": run_id, "statement_id": row.statement_id})
        yield _match(connection, [row.own_account_id], run_id, row.statement_id, at)


def _match(
    connection: Connection, accounts: list[int], run_id: int, statement_id: int | None, at: datetime
) -> MatchCounts:
    """Matches a statement, or none, together with what is open on the accounts."""
    lock_accounts(connection, accounts)
    connection.execute(_MEMORY)
    connection.execute(text(_CANDIDATE_TABLE))
    connection.execute(text("TRUNCATE pg_temp.candidate"))
    matched = _clear_lines(connection, statement_id, run_id, at)
    known = {"statement_id": statement_id, "accounts": accounts}
    if connection.scalar(_LEFT_OPEN, known | {"matched": matched.total()}):
        matched += _climb(connection, known, run_id, at)
    opened = breaks.keep(connection, breaks.day_of(at))
    if matched.total() >= STEP:
        _progress.info("matching run %d: %d lines matched", run_id, matched.total())
    return MatchCounts(run_id, {rule: matched[rule] for rule in Rule}, opened)


def _climb(connection: Connection, known: dict[str, Any], run_id: int, at: datetime) -> Counter[Rule]:
    """Every other line goes up the ladder, the surest rule first; what is left gets its reason."""
    connection.execute(_CANDIDATES, known)
    connection.execute(text("ANALYZE pg_temp.candidate"))
    matched: Counter[Rule] = Counter()
    for rule, statement in _LADDER.items():
        values = {"rule": rule.value, "rank": rule.rank, "at": at, "run_id": run_id}
        matched[rule] += connection.execute(statement, values).scalar_one()
    connection.execute(_LEFT_OVER)
    return matched


def _clear_lines(connection: Connection, statement_id: int | None, run_id: int, at: datetime) -> Counter[Rule]:
    """What the clear lines of a new statement are: one of our references, and nothing that speaks against it.

    A function of the database finds and writes them with one join, so the application need not be believed and nothing
    is checked twice.
    """
    matched: Counter[Rule] = Counter()
    if statement_id is not None:
        for row in connection.execute(_CLEAR_LINES, {"statement_id": statement_id, "run_id": run_id, "at": at}):
            matched[Rule(row.rule)] += row.lines
    return matched


def open_run(connection: Connection, file_id: int | None, at: datetime) -> int:
    """A new run, under whose id what it finds is applied once."""
    run_id: int = connection.execute(_OPEN_RUN, {"file_id": file_id, "at": at}).scalar_one()
    return run_id


def explain(connection: Connection, match_id: int) -> dict[str, Any]:
    """What a match rests on: its rule and rank, the evidence, both sides, the run, and who decided or undid it."""
    row = connection.execute(_EXPLAINED, {"match_id": match_id}).one_or_none()
    if row is None:
        raise MatchNotUndone(str(match_id))
    told = row._asdict()
    return told | {"evidence": told["evidence"] or {"reference": told["reference"]}}


_EXPLAINED = text(
    """
SELECT m.match_id, m.rule, m.rank, m.evidence, m.amount_vnd, m.matched_at, m.run_id, m.returns_match_id, m.undone_at,
    m.undone_reason, x.reference, x.kind, x.amount_vnd AS expected_vnd, x.due_on, x.until_on, i.sign,
    i.amount_vnd AS line_vnd, e.booked_on, e.place, e.bank_reference, a.ledger_account, f.file_name,
    d.prepared_by, d.approved_by
FROM reconciliation.match m
JOIN reconciliation.expectation x USING (expectation_id)
JOIN reconciliation.statement_item i USING (item_id)
JOIN reconciliation.statement_entry e USING (statement_id, entry_no)
JOIN reconciliation.statement s USING (statement_id)
JOIN reconciliation.statement_file f ON f.file_id = s.file_id
JOIN reconciliation.own_account a ON a.own_account_id = s.own_account_id
LEFT JOIN reconciliation.decision d USING (decision_id)
WHERE m.match_id = :match_id
"""
)


def _accounts(connection: Connection, file_id: int) -> list[int]:
    return list(
        connection.scalars(
            text("SELECT DISTINCT own_account_id FROM reconciliation.statement WHERE file_id = :file_id"),
            {"file_id": file_id},
        )
    )


def undo(connection: Connection, match_id: int, reason: str, at: datetime) -> None:
    """Takes a match back because a person found it wrong: what it met is awaited again, the line is left to people.

    The lines of a split, and what a batch or a merge paid with one line, are taken back together.
    """
    undone = connection.execute(_UNDO, {"match_id": match_id, "reason": reason, "at": at}).all()
    if not undone:
        raise MatchNotUndone(str(match_id))
    expectations.withdraw_fees(connection, [row.expectation_id for row in undone if row.rule == Rule.FEE])
    for item_id in sorted({row.item_id for row in undone}):
        breaks.open_undone(connection, item_id, reason, breaks.day_of(at))


_GROUP = """
SELECT m.match_id FROM reconciliation.match m
JOIN reconciliation.match chosen ON chosen.match_id = :match_id AND (
    m.match_id = chosen.match_id
    OR (m.item_id = chosen.item_id AND chosen.rule IN ('batch', 'merge'))
    OR (m.expectation_id = chosen.expectation_id AND chosen.rule = 'split' AND m.rule = 'split'))
WHERE m.undone_at IS NULL
"""
_UNDO = text(
    f"""
UPDATE reconciliation.match m SET undone_at = :at, undone_reason = :reason
WHERE m.match_id IN ({_GROUP}) AND NOT EXISTS (
    SELECT FROM reconciliation.match b WHERE b.undone_at IS NULL AND b.returns_match_id IN ({_GROUP}))
RETURNING m.item_id, m.expectation_id, m.rule
"""
)
