"""Intake (nhận sao kê): a statement file is checked at the door, then stored once, whole or not at all.

The gates: the same bytes again change nothing; the whole file can be read; the accounts are ours; the currency is VND;
dates are sane; details add up to their entry; opening and booked entries give the closing balance; the statement
follows on the last one of its account. One that leaves a gap is stored and waits; one that repeats entries stores the
new ones only, if the balances then follow on, and is otherwise refused: nothing is ever overwritten, a person decides.

Account numbers leave this module as fingerprints, memos and names as ciphertext, made by the caller's functions.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final, cast

import psycopg
from sqlalchemy import Connection, text

from reconciliation import chain
from reconciliation.breaks import day_of
from reconciliation.chain import Link
from reconciliation.errors import Problem, ProblemCode, ReconciliationError, StatementRefused
from reconciliation.formats import read_statements
from reconciliation.lines import COLUMNS, StagedRow, rows, without_long_numbers, without_numbers
from reconciliation.statement import Entry, EntryStatus, Statement, StatementEnd, StatementStart

_OLDEST: Final = timedelta(days=731)
_AHEAD: Final = timedelta(days=1)
"""A booking may be dated this long before and after the day of intake, no longer."""
_PROBLEMS_AT_MOST: Final = 100
_INTERIM: Final = ("camt.052", "camt.054", "mt942")
"""Reports within the day and notifications: told before the books are closed, so they prove nothing."""


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
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").digest()
    if _is_known(connection, sha256):
        return _first_intake(connection, sha256)
    staging = _Staging(connection, fingerprint, protect, day_of(recorded_at))
    staging.read(path)
    file_id = connection.scalar(
        text(
            "INSERT INTO reconciliation.statement_file (sha256, file_name, format, recorded_at) "
            "VALUES (:sha256, :file_name, :format, :recorded_at) ON CONFLICT (sha256) DO NOTHING RETURNING file_id"
        ),
        {
            "sha256": sha256,
            "file_name": without_long_numbers(path.name),
            "format": staging.format,
            "recorded_at": recorded_at,
        },
    )
    if file_id is None:
        # Another process loaded the same bytes while we read them.
        return _first_intake(connection, sha256)
    accounts = sorted({arrived.link.own_account_id for arrived in staging.arrived})
    chain.lock_accounts(connection, accounts)
    problems = [
        problem
        for arrived in sorted(staging.arrived, key=lambda arrived: (arrived.link.order, arrived.statement_no))
        for problem in _store(connection, file_id, arrived)
    ]
    if problems:
        raise StatementRefused(problems)
    chain.accept(connection, accounts, day_of(recorded_at))
    return replace(_first_intake(connection, sha256), already=False)


def _is_known(connection: Connection, sha256: bytes) -> bool:
    known = text("SELECT EXISTS (SELECT FROM reconciliation.statement_file WHERE sha256 = :sha256)")
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


@dataclass(frozen=True, slots=True)
class _Arrived:
    """A statement of the file that has passed the gates it can pass alone; its lines stand in the staging table."""

    statement_no: int
    link: Link


class _Staging:
    """One reading of a file into the staging table, row by row, gathering what is wrong."""

    def __init__(
        self,
        connection: Connection,
        fingerprint: Callable[[str], bytes],
        protect: Callable[[str], bytes],
        today: date,
    ) -> None:
        self.arrived: list[_Arrived] = []
        self.format = ""
        self._connection = connection
        self._own_accounts = {
            row.fingerprint: row.own_account_id
            for row in connection.execute(text("SELECT fingerprint, own_account_id FROM reconciliation.own_account"))
        }
        self._fingerprint = fingerprint
        self._protect = protect
        self._booked_from, self._booked_to = today - _OLDEST, today + _AHEAD
        self._today = today
        self._problems: list[Problem] = []
        self._account = ""
        self._statement_no = self._entry_no = 0
        self._first_on: date | None = None
        self._last_on: date | None = None

    def read(self, path: Path) -> None:
        """Stages the whole file, to its last byte, or refuses it."""
        self._connection.execute(text(_STAGING_TABLE))
        self._connection.execute(text("TRUNCATE pg_temp.staged_statement_line"))
        driver = cast("psycopg.Connection[tuple[object, ...]]", self._connection.connection.driver_connection)
        with driver.cursor() as cursor, cursor.copy(_COPY) as copy:
            for row in self._rows(path):
                copy.write_row(row)
        if self._problems:
            raise StatementRefused(self._problems)
        self._connection.execute(text("ANALYZE pg_temp.staged_statement_line"))

    def _rows(self, path: Path) -> Iterator[StagedRow]:
        for event in read_statements(path):
            match event:
                case StatementStart(statement):
                    self._begin(statement)
                case Entry() as entry if entry.status is EntryStatus.BOOKED:
                    self._entry_no += 1
                    self._check_entry(entry)
                    yield from rows(
                        self._statement_no, self._entry_no, entry, self._account, self._protect, self._fingerprint
                    )
                case StatementEnd() as end:
                    self._end(end)

    def _begin(self, statement: Statement) -> None:
        self._statement_no += 1
        self._entry_no = 0
        self._first_on = self._last_on = None
        self._account = statement.account
        self.format = self.format or statement.format

    def _check_entry(self, entry: Entry) -> None:
        booked_on = entry.booked_on
        if booked_on is None:
            self._refuse(ProblemCode.DATE, entry.place, "a booked entry without its booking date")
            return
        if not self._booked_from <= booked_on <= self._booked_to:
            self._refuse(ProblemCode.DATE, entry.place, f"booked on {booked_on}, too far from today")
        if entry.details_add_up is False:
            self._refuse(ProblemCode.DETAIL, entry.place, "the details do not add up to the entry")
        self._first_on = min(self._first_on or booked_on, booked_on)
        self._last_on = max(self._last_on or booked_on, booked_on)

    def _end(self, end: StatementEnd) -> None:
        statement, place = end.statement, f"statement {self._statement_no}"
        self._problems.extend(end.contradictions)
        if statement.format.startswith(_INTERIM):
            self._refuse(ProblemCode.UNKNOWN_FORMAT, place, f"{statement.format} is told before the day is closed")
        if statement.currency != "VND":
            self._refuse(ProblemCode.CURRENCY, place, f"an account in {statement.currency}; only VND is imported")
        opening, closing = statement.opening, statement.closing
        if opening is None:
            self._refuse(ProblemCode.MISSING_OPENING_BALANCE, place, "no opening balance")
        if closing is None:
            self._refuse(ProblemCode.MISSING_CLOSING_BALANCE, place, "no closing balance")
        if end.adds_up is False and not end.contradictions:
            self._refuse(ProblemCode.BALANCE_MISMATCH, place, "opening and entries do not give the closing balance")
        own_account_id = self._own_accounts.get(self._fingerprint(statement.account))
        if own_account_id is None:
            self._refuse(ProblemCode.ACCOUNT, place, "the account is not one of ours")
        days = self._days(statement, place)
        if opening is None or closing is None or own_account_id is None or days is None:
            return
        link = Link(
            own_account_id=own_account_id,
            bank_id=without_numbers(statement.id, statement.account),
            sequence=statement.sequence,
            page=statement.page.number if statement.page else None,
            from_on=days[0],
            to_on=days[1],
            opening_vnd=opening,
            closing_vnd=closing,
        )
        self.arrived.append(_Arrived(self._statement_no, link))

    def _days(self, statement: Statement, place: str) -> tuple[date, date] | None:
        """The days a statement covers. An export may state the period that was asked for, into the future."""
        to_on = statement.to_on or self._last_on
        if to_on is None:
            self._refuse(ProblemCode.DATE, place, "no date at all")
            return None
        to_on = max(min(to_on, self._today), self._last_on or date.min)
        from_on = min(statement.from_on or to_on, self._first_on or date.max)
        if from_on > to_on:
            self._refuse(ProblemCode.DATE, place, f"begins on {from_on} and ends on {to_on}")
            return None
        return from_on, to_on

    def _refuse(self, code: ProblemCode, place: str, detail: str) -> None:
        self._problems.append(Problem(code, place, detail))
        if len(self._problems) >= _PROBLEMS_AT_MOST:
            raise StatementRefused(self._problems)


_STAGING_TABLE = """
CREATE TEMP TABLE IF NOT EXISTS staged_statement_line (
    statement_no integer, entry_no integer, detail_no integer, is_item boolean, sign text, amount_vnd bigint,
    booked_on date, value_on date, bank_reference text, entry_reference text, payment_info_id text, message_id text,
    transaction_code text, reversal boolean, batch_count integer, place text, text_ciphertext bytea,
    end_to_end_id text, instruction_id text, found_references text[], returned boolean, return_reason text,
    counterparty bytea, virtual_account bytea, found_units text[]
) ON COMMIT DELETE ROWS
"""
_COPY = f"COPY pg_temp.staged_statement_line ({', '.join(COLUMNS)}) FROM STDIN"

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
    SELECT e.booked_on, coalesce(e.bank_reference, '') AS bank_reference, e.sign, e.amount_vnd, count(*) AS entries
    FROM reconciliation.statement_entry e
    WHERE e.own_account_id = :own_account_id AND e.booked_on BETWEEN :from_on AND :to_on
    GROUP BY 1, 2, 3, 4
), line AS (
    SELECT t.*, coalesce(k.entries, 0) AS known_entries
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
_INSERT_STATEMENT = text(
    """
INSERT INTO reconciliation.statement
    (file_id, own_account_id, bank_id, sequence, page, from_on, to_on, opening_vnd, closing_vnd, repeated_vnd, state)
VALUES (:file_id, :own_account_id, :bank_id, :sequence, :page, :from_on, :to_on, :opening_vnd, :closing_vnd,
    :repeated_vnd, 'waiting')
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
    turn + CASE WHEN :follows THEN known_entries ELSE 0 END,
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


def _store(connection: Connection, file_id: int, arrived: _Arrived) -> list[Problem]:
    """Stores one statement with its new entries, or says what it contradicts."""
    link = arrived.link
    place = chain.place_of(connection, link)
    follows = place.follows(link)
    values = {**asdict(link), "statement_no": arrived.statement_no, "follows": follows, "file_id": file_id}
    repeated_vnd = 0
    if not follows:
        repeated = connection.execute(_REPEATED, values).one()
        repeated_vnd = repeated.amount_vnd
        if repeated.entries and place.contradicts(link, repeated_vnd):
            return [_contradiction(arrived, repeated.entries, repeated.new_places or [])]
    statement_id = connection.scalar(_INSERT_STATEMENT, {**values, "repeated_vnd": repeated_vnd})
    connection.execute(_INSERT_ENTRIES, {**values, "statement_id": statement_id})
    connection.execute(_INSERT_ITEMS, {**values, "statement_id": statement_id})
    return []


def _contradiction(arrived: _Arrived, repeated: int, new_places: list[str]) -> Problem:
    others = ", ".join(new_places) or "none"
    return Problem(
        ProblemCode.BALANCE_MISMATCH,
        f"statement {arrived.statement_no}",
        f"repeats {repeated} entries told before and does not follow on with the others: {others}",
    )
