"""Intake (nhận sao kê): a statement file is checked at the door, then stored once, whole or not at all.

The gates: the same bytes again change nothing; the whole file can be read; the accounts are ours; the currency is VND;
dates are sane; details add up to their entry; opening and booked entries give the closing balance; the statement
follows on the last one of its account. One before which something is missing waits, its lines set aside, and is taken
up when its turn has come; one that repeats entries stores the new ones only, if the balances then follow on (`turn`).
One that tells a day again otherwise waits for two persons to decide (`reissues`); any other that contradicts is
refused. Nothing is ever overwritten.

Account numbers leave this module as fingerprints, memos and names as ciphertext, made by the caller's functions.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from pathlib import Path

from sqlalchemy import Connection, text

from reconciliation import chain, reissues, turn
from reconciliation.breaks import day_of
from reconciliation.chain import Link, order_of
from reconciliation.errors import Problem, ProblemCode, ReconciliationError, StatementRefused
from reconciliation.lines import COLUMNS, without_long_numbers
from reconciliation.reissues import Reissue
from reconciliation.staging import STAGED, Arrived, Staging
from reconciliation.turn import TOLD_AND_KNOWN, Judgement, Told, Turn, whole_joins


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
    waiting: int = 0
    """Statements of it before which something is missing; their entries are not among `entries` yet."""


@dataclass(frozen=True, slots=True)
class _File:
    """A file that has been read whole, and the day of its intake."""

    file_id: int
    name: str
    on: date


def register_account(
    connection: Connection, fingerprint: bytes, ledger_account: str, opening_vnd: int | None = None
) -> int:
    """The id of one of our bank accounts, which is known by the fingerprint of its number. Registers it once.

    `opening_vnd` stood on it when our books began, and its first statement opens with that. Where it is not known the
    first file that comes tells where the account begins.
    """
    values = {"fingerprint": fingerprint, "ledger_account": ledger_account, "opening_vnd": opening_vnd}
    connection.execute(
        text(
            "INSERT INTO reconciliation.own_account (fingerprint, ledger_account, opening_vnd) "
            "VALUES (:fingerprint, :ledger_account, :opening_vnd) ON CONFLICT DO NOTHING"
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
    moved: set[int] = set()
    breaks = _store_all(connection, file, staging.arrived, moved)
    if breaks:
        return Intake(file.file_id, False, 0, 0, 0, breaks)
    take_up(connection, sorted(moved))
    chain.keep_gaps(connection, accounts, file.on)
    return replace(_first_intake(connection, sha256), already=False)


def take_up(connection: Connection, own_account_ids: list[int]) -> None:
    """Accepts what has waited and whose turn has come, in the order of the chain."""
    while any(_take_up_next(connection, own_account_id) for own_account_id in own_account_ids):
        pass


def _take_up_next(connection: Connection, own_account_id: int) -> bool:
    """Goes once through what waits on an account; whether anything was accepted."""
    accepted = False
    for row in connection.execute(_WAITING, {"own_account_id": own_account_id}).all():
        plain = row._asdict()
        statement_id, gap_decided = plain.pop("statement_id"), plain.pop("gap_decided")
        link, told = Link(**plain), Told(_SET_ASIDE, statement_id)
        judgement = turn.judge(connection, link, told, gap_decided=gap_decided)
        if judgement.turn is not Turn.WAITING:
            values = {"statement_id": statement_id, "repeated_vnd": judgement.repeated_vnd, "state": judgement.turn}
            connection.execute(_ACCEPT, values | {"own_account_id": own_account_id})
            _store_lines(connection, statement_id, link, told, judgement)
            connection.execute(_FORGET, {"statement_id": statement_id})
            accepted = True
    return accepted


def leave_out(connection: Connection, statement_id: int, decision_id: int) -> None:
    """Nothing of a statement that waits is taken up, by the decision of two persons."""
    values = {"statement_id": statement_id, "decision_id": decision_id, "state": Turn.LEFT_OUT}
    connection.execute(_LEAVE_OUT, values)
    connection.execute(_FORGET, values)


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
            SELECT f.file_id, count(*) AS statements, count(*) FILTER (WHERE s.state = 'waiting') AS waiting,
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
    return Intake(row.file_id, True, row.statements, row.entries, row.items, waiting=row.waiting)


class _Waiting(Exception):
    """A statement tells a day again, and nobody has decided yet."""

    def __init__(self, reissue: Reissue, new_places: Sequence[str]) -> None:
        super().__init__()
        self.reissue = reissue
        self.new_places = new_places


_INSERT_FILE = text(
    "INSERT INTO reconciliation.statement_file (sha256, file_name, format, recorded_at) "
    "VALUES (:sha256, :file_name, :format, :recorded_at) ON CONFLICT (sha256) DO NOTHING"
)
_FILE_ID = text("SELECT file_id FROM reconciliation.statement_file WHERE sha256 = :sha256")
_NEXT_NO = """(
    SELECT coalesce(max(accepted_no), 0) + 1 FROM reconciliation.statement WHERE own_account_id = :own_account_id)"""
_INSERT_STATEMENT = text(
    """
INSERT INTO reconciliation.statement
    (file_id, own_account_id, bank_id, sequence, page, from_on, to_on, opening_vnd, closing_vnd, repeated_vnd, state,
    gap_decision_id, accepted_no)
VALUES (:file_id, :own_account_id, :bank_id, :sequence, :page, :from_on, :to_on, :opening_vnd, :closing_vnd,
    :repeated_vnd, :state, :decision_id, CASE WHEN :state = 'accepted' THEN """
    + _NEXT_NO
    + """ END)
RETURNING statement_id
"""
)
_ACCEPT = text(
    "UPDATE reconciliation.statement SET state = :state, repeated_vnd = :repeated_vnd, "
    f"accepted_no = CASE WHEN :state = 'accepted' THEN {_NEXT_NO} END WHERE statement_id = :statement_id"
)
_WAITING = text(
    f"""
SELECT statement_id, gap_decision_id IS NOT NULL AS gap_decided, own_account_id, bank_id, sequence, page, from_on,
    to_on, opening_vnd, closing_vnd
FROM reconciliation.statement s
WHERE own_account_id = :own_account_id AND state = 'waiting'
ORDER BY {order_of("s")}, statement_id
"""
)
_SET_ASIDE = "reconciliation.waiting_line"
_SET_LINES_ASIDE = text(
    f"INSERT INTO {_SET_ASIDE} (statement_no, {', '.join(COLUMNS[1:])}) "
    f"SELECT :statement_id, {', '.join(COLUMNS[1:])} FROM {STAGED} WHERE statement_no = :statement_no"
)
_FORGET = text(f"DELETE FROM {_SET_ASIDE} WHERE statement_no = :statement_id")
_LEAVE_OUT = text(
    "UPDATE reconciliation.statement SET state = :state, gap_decision_id = :decision_id "
    "WHERE statement_id = :statement_id"
)
_INSERT_ENTRIES = (
    TOLD_AND_KNOWN
    + """
INSERT INTO reconciliation.statement_entry
    (statement_id, entry_no, own_account_id, sign, amount_vnd, booked_on, value_on, bank_reference, occurrence,
    entry_reference, payment_info_id, message_id, transaction_code, reversal, batch_count, place, text_ciphertext)
SELECT
    :statement_id, entry_no, :own_account_id, sign, amount_vnd, booked_on, value_on, bank_reference,
    occurrences + turn
        - CASE WHEN :follows OR (:numbered_only AND bank_reference IS NULL) THEN 0 ELSE known_entries END,
    entry_reference, payment_info_id, message_id, transaction_code, reversal, batch_count, place, text_ciphertext
FROM line
WHERE :follows OR turn > known_entries OR (:numbered_only AND bank_reference IS NULL)
"""
)
_INSERT_ITEMS = """
INSERT INTO reconciliation.statement_item
    (statement_id, entry_no, detail_no, sign, amount_vnd, end_to_end_id, instruction_id, found_references, returned,
    return_reason, text_ciphertext, counterparty, virtual_account, found_units)
SELECT
    e.statement_id, e.entry_no, l.detail_no, l.sign, l.amount_vnd, l.end_to_end_id, l.instruction_id,
    l.found_references, l.returned, l.return_reason, CASE WHEN l.detail_no > 0 THEN l.text_ciphertext END,
    l.counterparty, l.virtual_account, l.found_units
FROM {table} l
JOIN reconciliation.statement_entry e ON e.statement_id = :statement_id AND e.entry_no = l.entry_no
WHERE l.statement_no = :statement_no AND l.is_item AND l.amount_vnd > 0
ORDER BY l.entry_no, l.detail_no
"""


def _store_all(connection: Connection, file: _File, staged: list[Arrived], moved: set[int]) -> tuple[int, ...]:
    """Stores every statement of a file, or none: then these are the breaks that it waits for.

    `moved` takes the accounts on which the turn of what has waited may have come.
    """
    savepoint = connection.begin_nested()
    problems: list[Problem] = []
    waiting: list[_Waiting] = []
    for arrived in sorted(staged, key=lambda arrived: (arrived.link.order, arrived.statement_no)):
        try:
            judgement = _store(connection, file, arrived)
            if judgement.turn is not Turn.WAITING or judgement.amid_accepted:
                moved.add(arrived.link.own_account_id)
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


def _store(connection: Connection, file: _File, arrived: Arrived) -> Judgement:
    """Stores one statement with its new entries, or sets it aside, or says what it contradicts or waits for."""
    link, told = arrived.link, Told(STAGED, arrived.statement_no)
    judgement, decision_id = turn.judge(connection, link, told), None
    reissue = reissues.find(
        connection,
        link,
        arrived.statement_no,
        told_before=judgement.told_before,
        contradicts=judgement.contradicts,
        inside=judgement.inside,
    )
    if reissue is not None:
        decision_id = _make_room(connection, file, reissue, turn.judge(connection, link, told, replaces=True))
        # What two persons have decided leaves no gap, whatever the balances.
        judgement = turn.judge(connection, link, told, replaces=True)
    elif judgement.contradicts:
        raise StatementRefused([_contradiction(arrived, judgement)])
    values = {**asdict(link), "statement_no": arrived.statement_no, "file_id": file.file_id, "decision_id": decision_id}
    values |= {"repeated_vnd": judgement.repeated_vnd, "state": judgement.turn.value}
    statement_id: int = connection.execute(_INSERT_STATEMENT, values).scalar_one()
    if judgement.turn is Turn.WAITING:
        connection.execute(_SET_LINES_ASIDE, {"statement_id": statement_id, "statement_no": arrived.statement_no})
    elif judgement.turn is Turn.ACCEPTED:
        _store_lines(connection, statement_id, link, told, judgement)
    return judgement


def _store_lines(connection: Connection, statement_id: int, link: Link, told: Told, judgement: Judgement) -> None:
    """The new lines of an accepted statement become entries, with what can be matched of each."""
    values = {**asdict(link), "statement_id": statement_id, "statement_no": told.statement_no}
    values |= {"follows": judgement.follows, "numbered_only": judgement.numbered_only}
    with whole_joins(connection):
        connection.execute(text(_INSERT_ENTRIES.format(table=told.table)), values)
        connection.execute(text(_INSERT_ITEMS.format(table=told.table)), values)


def _make_room(connection: Connection, file: _File, reissue: Reissue, judgement: Judgement) -> int:
    """Withdraws what the day no longer holds, by the decision of two persons; without one the file waits."""
    choice = reissues.decided(connection, reissue, file.file_id)
    if choice is None:
        raise _Waiting(reissue, judgement.new_places)
    where = f"statement {reissue.statement_no}"
    if not choice.replaces:
        detail = f"by decision {choice.decision_id} {reissue.earlier_file_name} holds for these days"
        raise StatementRefused([Problem(ProblemCode.REISSUED, where, detail)])
    hindrance = reissues.still_used(connection, reissue)
    if hindrance is not None:
        raise StatementRefused([Problem(ProblemCode.REISSUED, where, hindrance)])
    reissues.withdraw(connection, reissue, choice, file.on)
    return choice.decision_id


def _contradiction(arrived: Arrived, judgement: Judgement) -> Problem:
    others = ", ".join(judgement.new_places) or "none"
    return Problem(
        ProblemCode.BALANCE_MISMATCH,
        f"statement {arrived.statement_no}",
        f"repeats {judgement.repeated_entries} entries told before and does not follow on with the others: {others}",
    )
