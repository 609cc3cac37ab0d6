"""Intake (nhận sao kê): a statement file is checked at the door, then stored once, whole or not at all.

The gates: the same bytes again change nothing; the whole file can be read; the accounts are ours; the currency is VND;
dates are sane; details add up to their entry; opening and booked entries give the closing balance; the statement
follows on the last one of its account. One that leaves a gap is stored and waits; one that repeats entries stores the
new ones only, if the balances then follow on. One that tells a day again otherwise waits for two persons to decide
(`reissues`); any other that contradicts is refused. Nothing is ever overwritten.

Account numbers leave this module as fingerprints, memos and names as ciphertext, made by the caller's functions.
"""

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from pathlib import Path

from sqlalchemy import Connection, text

from reconciliation import chain, reissues
from reconciliation.breaks import day_of
from reconciliation.errors import Problem, ProblemCode, ReconciliationError, StatementRefused
from reconciliation.lines import without_long_numbers
from reconciliation.reissues import Reissue
from reconciliation.staging import Arrived, Staging


class AccountRegisteredDifferently(ReconciliationError):
    """The bank account is registered for another ledger account, or the ledger account for another bank account."""

    code = "account_registered_differently"


@dataclass(frozen=True, slots=True)
class Intake:
    """What became of a file. If it was there already, this is what it brought the first time."""

    file_id: int
    already: bool
    statements: int
    entries: int
    items: int
    waits_for: tuple[int, ...] = ()
    """The breaks that people have to decide before anything of the file is stored; none for a file that was stored."""


@dataclass(frozen=True, slots=True)
class _File:
    """A file that has been read whole, and the day of its intake."""

    file_id: int
    name: str
    on: date


def register_account(connection: Connection, fingerprint: bytes, ledger_account: str) -> int:
    """The id of one of our bank accounts, which is known by the fingerprint of its number. Registers it once."""
    values = {"fingerprint": fingerprint, "ledger_account": ledger_account}
    connection.execute(
        text(
            "INSERT INTO reconciliation.own_account (fingerprint, ledger_account) "
            "VALUES (:fingerprint, :ledger_account) ON CONFLICT DO NOTHING"
        ),
        values,
    )
    found: int | None = connection.scalar(
        text(
            "SELECT own_account_id FROM reconciliation.own_account "
            "WHERE fingerprint = :fingerprint AND ledger_account = :ledger_account"
        ),
        values,
    )
    if found is None:
        raise AccountRegisteredDifferently(ledger_account)
    return found


def load_statement(
    connection: Connection,
    path: Path,
    *,
    fingerprint: Callable[[str], bytes],
    protect: Callable[[str], bytes],
    recorded_at: datetime,
) -> Intake:
    """Stores one statement file. The same file again answers with its first intake.

    `fingerprint` recognises account numbers, `protect` encrypts words. Raises `StatementRefused` with every problem
    found; the caller's transaction must then be rolled back.
    """
    with path.open("rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").digest()
    if _is_known(connection, sha256):
        return _first_intake(connection, sha256)
    staging = Staging(connection, fingerprint, protect, day_of(recorded_at))
    staging.read(path)
    name = without_long_numbers(path.name)
    values = {"sha256": sha256, "file_name": name, "format": staging.format, "recorded_at": recorded_at}
    connection.execute(_INSERT_FILE, values)
    file = _File(connection.execute(_FILE_ID, values).scalar_one(), name, day_of(recorded_at))
    if _is_known(connection, sha256):
        # Another process loaded the same bytes while we read them.
        return _first_intake(connection, sha256)
    accounts = sorted({arrived.link.own_account_id for arrived in staging.arrived})
    chain.lock_accounts(connection, accounts)
    breaks = _store_all(connection, file, staging.arrived)
    if breaks:
        return Intake(file.file_id, False, 0, 0, 0, breaks)
    chain.accept(connection, accounts, file.on)
    return replace(_first_intake(connection, sha256), already=False)


def _is_known(connection: Connection, sha256: bytes) -> bool:
    """Whether these bytes have been stored; of a file that waits nothing is."""
    known = text(
        "SELECT EXISTS (SELECT FROM reconciliation.statement_file f JOIN reconciliation.statement USING (file_id) "
        "WHERE f.sha256 = :sha256)"
    )
    return bool(connection.scalar(known, {"sha256": sha256}))


def _first_intake(connection: Connection, sha256: bytes) -> Intake:
    row = connection.execute(
        text(
            """
            SELECT f.file_id, count(*) AS statements,
                coalesce(sum((SELECT count(*) FROM reconciliation.statement_entry e
                    WHERE e.statement_id = s.statement_id)), 0)::bigint AS entries,
                coalesce(sum((SELECT count(*) FROM reconciliation.statement_item i
                    WHERE i.statement_id = s.statement_id)), 0)::bigint AS items
            FROM reconciliation.statement_file f
            JOIN reconciliation.statement s USING (file_id)
            WHERE f.sha256 = :sha256
            GROUP BY f.file_id
            """
        ),
        {"sha256": sha256},
    ).one()
    return Intake(row.file_id, True, row.statements, row.entries, row.items)


class _Waiting(Exception):
    """A statement tells a day again, and nobody has decided yet."""

    def __init__(self, reissue: Reissue, new_places: list[str]) -> None:
        super().__init__()
        self.reissue = reissue
        self.new_places = new_places


# Entries are counted within equal ones, for in a bank's statement many real ones are equal. A statement that follows on
# brings only new entries; of any other, as many as are known of an equal kind have been told before.
_TOLD_AND_KNOWN = """
WITH told AS (
    SELECT l.*, row_number() OVER (
        PARTITION BY l.booked_on, l.bank_reference, l.sign, l.amount_vnd ORDER BY l.entry_no
    ) AS turn
    FROM pg_temp.staged_statement_line l
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
_REPEATED = text(
    _TOLD_AND_KNOWN
    + """
SELECT
    coalesce(sum(CASE sign WHEN 'credit' THEN amount_vnd ELSE -amount_vnd END)
        FILTER (WHERE turn <= known_entries), 0)::bigint AS amount_vnd,
    count(*) FILTER (WHERE turn <= known_entries) AS entries,
    (array_agg(place ORDER BY entry_no) FILTER (WHERE turn > known_entries))[1:20] AS new_places
FROM line
"""
)
_INSERT_FILE = text(
    "INSERT INTO reconciliation.statement_file (sha256, file_name, format, recorded_at) "
    "VALUES (:sha256, :file_name, :format, :recorded_at) ON CONFLICT (sha256) DO NOTHING"
)
_FILE_ID = text("SELECT file_id FROM reconciliation.statement_file WHERE sha256 = :sha256")
_INSERT_STATEMENT = text(
    """
INSERT INTO reconciliation.statement
    (file_id, own_account_id, bank_id, sequence, page, from_on, to_on, opening_vnd, closing_vnd, repeated_vnd, state,
    gap_decision_id)
VALUES (:file_id, :own_account_id, :bank_id, :sequence, :page, :from_on, :to_on, :opening_vnd, :closing_vnd,
    :repeated_vnd, 'waiting', :decision_id)
RETURNING statement_id
"""
)
_INSERT_ENTRIES = text(
    _TOLD_AND_KNOWN
    + """
INSERT INTO reconciliation.statement_entry
    (statement_id, entry_no, own_account_id, sign, amount_vnd, booked_on, value_on, bank_reference, occurrence,
    entry_reference, payment_info_id, message_id, transaction_code, reversal, batch_count, place, text_ciphertext)
SELECT
    :statement_id, entry_no, :own_account_id, sign, amount_vnd, booked_on, value_on, bank_reference,
    occurrences + turn - CASE WHEN :follows THEN 0 ELSE known_entries END,
    entry_reference, payment_info_id, message_id, transaction_code, reversal, batch_count, place, text_ciphertext
FROM line
WHERE :follows OR turn > known_entries
"""
)
_INSERT_ITEMS = text(
    """
INSERT INTO reconciliation.statement_item
    (statement_id, entry_no, detail_no, sign, amount_vnd, end_to_end_id, instruction_id, found_references, returned,
    return_reason, text_ciphertext, counterparty, virtual_account, found_units)
SELECT
    e.statement_id, e.entry_no, l.detail_no, l.sign, l.amount_vnd, l.end_to_end_id, l.instruction_id,
    l.found_references, l.returned, l.return_reason, CASE WHEN l.detail_no > 0 THEN l.text_ciphertext END,
    l.counterparty, l.virtual_account, l.found_units
FROM pg_temp.staged_statement_line l
JOIN reconciliation.statement_entry e ON e.statement_id = :statement_id AND e.entry_no = l.entry_no
WHERE l.statement_no = :statement_no AND l.is_item AND l.amount_vnd > 0
ORDER BY l.entry_no, l.detail_no
"""
)


def _store_all(connection: Connection, file: _File, staged: list[Arrived]) -> tuple[int, ...]:
    """Stores every statement of a file, or none: then these are the breaks that it waits for."""
    savepoint = connection.begin_nested()
    problems: list[Problem] = []
    waiting: list[_Waiting] = []
    for arrived in sorted(staged, key=lambda arrived: (arrived.link.order, arrived.statement_no)):
        try:
            _store(connection, file, arrived)
        except StatementRefused as refused:
            problems.extend(refused.problems)
        except _Waiting as found:
            waiting.append(found)
    if problems:
        raise StatementRefused(problems)
    if not waiting:
        savepoint.commit()
        return ()
    savepoint.rollback()
    for each in waiting:
        reissues.wait(connection, each.reissue, file.file_id, file.name, each.new_places, file.on)
    return reissues.waiting(connection, file.file_id)


def _store(connection: Connection, file: _File, arrived: Arrived) -> None:
    """Stores one statement with its new entries, or says what it contradicts or waits for."""
    link = arrived.link
    place = chain.place_of(connection, link)
    follows = place.follows(link)
    values = {**asdict(link), "statement_no": arrived.statement_no, "file_id": file.file_id, "decision_id": None}
    repeated = None if follows else connection.execute(_REPEATED, values).one()
    contradicts = repeated is not None and bool(repeated.entries) and place.contradicts(link, repeated.amount_vnd)
    reissue = reissues.find(
        connection, link, arrived.statement_no, told_before=place.told_before, contradicts=contradicts
    )
    if reissue is not None:
        follows, values["decision_id"] = False, _make_room(connection, file, reissue, values)
        repeated = connection.execute(_REPEATED, values).one()
    elif repeated is not None and contradicts:
        raise StatementRefused([_contradiction(arrived, repeated.entries, repeated.new_places or [])])
    values |= {"follows": follows, "repeated_vnd": repeated.amount_vnd if repeated is not None else 0}
    values["statement_id"] = connection.scalar(_INSERT_STATEMENT, values)
    connection.execute(_INSERT_ENTRIES, values)
    connection.execute(_INSERT_ITEMS, values)


def _make_room(connection: Connection, file: _File, reissue: Reissue, values: dict[str, object]) -> int:
    """Withdraws what the day no longer holds, by the decision of two persons; without one the file waits."""
    choice = reissues.decided(connection, reissue, file.file_id)
    if choice is None:
        new_places = connection.execute(_REPEATED, values).one().new_places
        raise _Waiting(reissue, list(new_places or []))
    where = f"statement {reissue.statement_no}"
    if not choice.replaces:
        detail = f"by decision {choice.decision_id} {reissue.earlier_file_name} holds for these days"
        raise StatementRefused([Problem(ProblemCode.REISSUED, where, detail)])
    hindrance = reissues.still_used(connection, reissue)
    if hindrance is not None:
        raise StatementRefused([Problem(ProblemCode.REISSUED, where, hindrance)])
    reissues.withdraw(connection, reissue, choice, file.on)
    return choice.decision_id


def _contradiction(arrived: Arrived, repeated: int, new_places: list[str]) -> Problem:
    others = ", ".join(new_places) or "none"
    return Problem(
        ProblemCode.BALANCE_MISMATCH,
        f"statement {arrived.statement_no}",
        f"repeats {repeated} entries told before and does not follow on with the others: {others}",
    )
