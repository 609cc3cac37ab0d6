"""The only way to post. Everything happens in the caller's transaction: nothing here opens, commits or undoes one.

`post` posts one entry, of one line or of a million; `post_entries` posts many in one call. Each account's balance
changes once in a call. Accounts without a limit never make a writer wait. Accounts with a limit are locked until the
transaction ends, in the order of their ids, and keys are taken in their own order after them: one call can never be
part of a deadlock with other single calls. A transaction of several calls can: whoever has several entries hands them
over in one call, or posts each in a transaction of its own (`ledger/poster.py`). Otherwise the database resolves the
deadlock by failing one transaction, which can simply be run again, since keys make that safe.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain, islice
from typing import Any, Literal, LiteralString, TypeVar, cast

import psycopg
from psycopg.types.numeric import Int8
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from ledger.entries import REVERSAL, Entry, EntryHeader, Line
from ledger.errors import KeyTaken, Refused, raise_refusal, refusal, refusals

_T = TypeVar("_T")

STAGING = "pg_temp.staged_line"
"""The staging table of the session, made by `open_staging`."""

_COLUMNS = ("debit", "credit", "amount_vnd", "fund", "run", "debit_reference", "credit_reference")
_COPY = f"COPY {STAGING} ({', '.join(_COLUMNS)}) FROM STDIN"

_COPY_BATCH = f"""COPY pg_temp.staged_batch (entry_no, key, event, document, business_on, description,
    {", ".join(_COLUMNS)}) FROM STDIN"""

_POST_BATCH = "SELECT * FROM ledger.post_batch(%s, %s)"

_AT_ONCE = 10_000
"""Up to this many entries and lines travel with the call that posts them; more are streamed."""

_TOLD = 20
"""So many refused entries are told of in an error."""

_FEW = 1_000
"""Up to this many lines of one entry travel with the call that posts them; more are streamed."""

_POST_LINE = "SELECT * FROM ledger.post_line(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"

_POST_ENTRIES = """SELECT * FROM ledger.post_entries(%s::text[], %s::text[], %s::text[], %s::date[], %s::text[],
    %s::timestamptz, %s::integer[], %s::text[], %s::text[], %s::bigint[], %s::text[], %s::text[], %s::text[],
    %s::text[], %s)"""

_POST = text(
    "SELECT entry_id, replayed FROM ledger.post_staged("
    ":key, :event, :document, :business_on, :description, :recorded_at)"
)

_REVERSE = text(
    "SELECT entry_id, replayed FROM ledger.reverse_entry("
    ":original, :key, :event, :document, :business_on, :description, :recorded_at)"
)


@dataclass(frozen=True, slots=True)
class Posted:
    """The entry that stands for the key; `replayed` if it stood there before this call."""

    entry_id: int
    replayed: bool


def post(connection: Connection, header: EntryHeader, lines: Iterable[Line], recorded_at: datetime) -> Posted:
    """Posts one entry. The same key with the same content returns the first entry, with other content is refused."""
    remaining = iter(lines)
    first = list(islice(remaining, _FEW + 1))
    if len(first) > _FEW:
        open_staging(connection)
        _copy(connection, _COPY, map(_fields, chain(first, remaining)))
        return post_staged(connection, header, recorded_at)
    if len(first) == 1:
        return _post_line(connection, header, first[0], recorded_at)
    return Posted(*_posted(_call(connection, [(header, first)], recorded_at, leave_out=False)[0]))


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one entry of a call: the entry that stands for its key, or why it was refused."""

    key: str
    entry_id: int | None
    replayed: bool
    refusal: Refused | None


def post_entries(
    connection: Connection,
    entries: Iterable[Entry],
    recorded_at: datetime,
    *,
    on_refusal: Literal["undo_all", "leave_out"] = "undo_all",
) -> list[Result]:
    """Posts many entries, from one to a million, and tells of each in their order.

    With `undo_all` a refused entry refuses the call: nothing is written, and the error names every refused entry. With
    `leave_out` the others are posted. Each entry is tried after those before it, so what one brings to an account
    with a limit a later one may spend. Whatever the number of entries, limits are locked once and in one order.
    """
    remaining = iter(entries)
    first = list(islice(remaining, _AT_ONCE + 1))
    leave_out = on_refusal == "leave_out"
    if len(first) <= _AT_ONCE and sum(len(entry.lines) for entry in first) <= _AT_ONCE:
        together = [(entry, entry.lines) for entry in first]
        results = _unraced(connection, lambda: _call(connection, together, recorded_at, leave_out=leave_out), leave_out)
    else:
        results = _stream(connection, chain(first, remaining), recorded_at, leave_out=leave_out)
    if not leave_out:
        _raise_refusals(results)
    return results


def open_staging(connection: Connection) -> None:
    """Empties the staging table of this session, to be filled in SQL before `post_staged`.

    `INSERT INTO pg_temp.staged_line (debit, credit, amount_vnd, fund, run, debit_reference, credit_reference)
    SELECT … ORDER BY …`: account codes as text; the order of insertion becomes the order of the lines, and does not
    matter for recognising the same entry again.
    """
    with refusals():
        connection.execute(text("SELECT ledger.open_staging()"))


def post_staged(connection: Connection, header: EntryHeader, recorded_at: datetime) -> Posted:
    """Posts what stands in the staging table as one entry, and empties it."""
    with refusals():
        row = connection.execute(_POST, _arguments(header, recorded_at)).one()
    return Posted(row.entry_id, row.replayed)


def reverse(
    connection: Connection,
    entry_id: int,
    *,
    key: str,
    document: str,
    business_on: date,
    description: str,
    recorded_at: datetime,
) -> Posted:
    """Undoes an entry by a linked one with the sides of each line exchanged (bút toán đảo). Possible once."""
    header = EntryHeader(key=key, event=REVERSAL, document=document, business_on=business_on, description=description)
    with refusals():
        row = connection.execute(_REVERSE, {"original": entry_id, **_arguments(header, recorded_at)}).one()
    return Posted(row.entry_id, row.replayed)


# Through the driver itself, in the transaction of the SQLAlchemy connection: the text is the same each time, so the
# driver prepares it once, and nothing is compiled. This halves what posting one line costs the caller's processor.


def _post_line(connection: Connection, header: EntryHeader, line: Line, recorded_at: datetime) -> Posted:
    debit, credit, amount_vnd, *rest = _fields(line)
    arguments = (*_arguments(header, recorded_at).values(), debit, credit, Int8(cast("int", amount_vnd)), *rest)
    entry_id, replayed = _execute(connection, _POST_LINE, arguments)
    return Posted(entry_id, replayed)


def _call(
    connection: Connection,
    entries: Sequence[tuple[EntryHeader, Sequence[Line]]],
    recorded_at: datetime,
    *,
    leave_out: bool,
) -> list[Result]:
    """One call, one journey to the database."""
    if not entries:
        return []
    headers = [header for header, _ in entries]
    columns = [list(column) for column in zip(*(_fields(line) for _, lines in entries for line in lines), strict=True)]
    debit, credit, amounts, *rest = columns or [[]] * len(_COLUMNS)
    arguments = (
        [header.key for header in headers],
        [header.event for header in headers],
        [header.document for header in headers],
        [header.business_on for header in headers],
        [header.description for header in headers],
        _instant(recorded_at),
        _text_array([place for place, (_, lines) in enumerate(entries, start=1) for _ in lines]),
        debit,
        credit,
        _text_array(cast("list[int]", amounts)),
        *rest,
        leave_out,
    )
    row = _execute(connection, _POST_ENTRIES, arguments)
    return [_result(*told) for told in zip((header.key for header in headers), *row, strict=True)]


def _stream(
    connection: Connection, entries: Iterable[Entry], recorded_at: datetime, *, leave_out: bool
) -> list[Result]:
    """The same for more entries than should be held at once: they are streamed, then posted by one call."""
    keys: list[str] = []

    def rows() -> Iterator[tuple[object, ...]]:
        for entry in entries:
            keys.append(entry.key)
            header: tuple[object, ...] = (entry.key, entry.event, entry.document, entry.business_on, entry.description)
            for line in map(_fields, entry.lines or [None]):
                yield (len(keys), *header, *line)
                header = (None,) * len(header)

    with refusals():
        connection.execute(text("SELECT ledger.open_batch()"))
    _copy(connection, _COPY_BATCH, rows())
    row = _unraced(connection, lambda: _execute(connection, _POST_BATCH, (_instant(recorded_at), leave_out)), leave_out)
    return [_result(*told) for told in zip(keys, *row, strict=True)]


def _unraced(connection: Connection, call: Callable[[], _T], leave_out: bool) -> _T:
    """Asks again where another transaction took a key, for other content, after the call had looked it up.

    By then that one has committed, so the next look refuses the one entry and no more.
    """
    if not leave_out:
        return call()
    alone = connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT"
    while True:
        try:
            # A call that is a transaction of its own needs no savepoint to come back to.
            with contextlib.nullcontext() if alone else connection.begin_nested():
                return call()
        except KeyTaken:
            continue


def _result(key: str, entry_id: int | None, replayed: bool, sqlstate: str | None, reason: str | None) -> Result:
    return Result(key, entry_id, replayed, None if sqlstate is None else refusal(sqlstate, reason or ""))


def _posted(result: Result) -> tuple[int, bool]:
    if result.refusal is not None or result.entry_id is None:
        raise result.refusal or Refused
    return result.entry_id, result.replayed


def _raise_refusals(results: Sequence[Result]) -> None:
    refused = [(place, result) for place, result in enumerate(results, start=1) if result.refusal is not None]
    if refused:
        told = [f"entry {place} ({result.key}): {result.refusal}" for place, result in refused[:_TOLD]]
        if len(refused) > _TOLD:
            told.append(f"and {len(refused) - _TOLD} more")
        raise type(cast("Refused", refused[0][1].refusal))("\n".join(told))


def _execute(connection: Connection, statement: LiteralString, arguments: Sequence[object]) -> tuple[Any, ...]:
    """The one row that a posting function answers."""
    if not connection.in_transaction():
        connection.begin()
    try:
        row = _driver(connection).execute(statement, arguments).fetchone()
    except psycopg.Error as error:
        raise_refusal(error, _as_sqlalchemy_tells(connection, error))
    return cast("tuple[Any, ...]", row)


def _copy(connection: Connection, statement: LiteralString, rows: Iterable[tuple[object, ...]]) -> None:
    try:
        with _driver(connection).cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    except psycopg.Error as error:
        raise_refusal(error, _as_sqlalchemy_tells(connection, error))


def _driver(connection: Connection) -> "psycopg.Connection[tuple[Any, ...]]":
    return cast("psycopg.Connection[tuple[Any, ...]]", connection.connection.driver_connection)


def _as_sqlalchemy_tells(connection: Connection, error: psycopg.Error) -> BaseException:
    """Callers know the driver's errors as SQLAlchemy wraps them; what was to be posted is not told."""
    return DBAPIError.instance(None, None, error, psycopg.Error, dialect=connection.dialect)


def _fields(line: Line | None) -> tuple[object, ...]:
    if line is None:
        return (None,) * len(_COLUMNS)
    return (
        line.debit,
        line.credit,
        line.amount.vnd,
        line.fund,
        line.run,
        line.debit_reference,
        line.credit_reference,
    )


def _text_array(numbers: Sequence[int]) -> str:
    """As PostgreSQL reads an array: one form whatever the size of the numbers, so one prepared statement."""
    return "{" + ",".join(map(str, numbers)) + "}"


def _arguments(header: EntryHeader, recorded_at: datetime) -> dict[str, object]:
    return {
        "key": header.key,
        "event": header.event,
        "document": header.document,
        "business_on": header.business_on,
        "description": header.description,
        "recorded_at": _instant(recorded_at),
    }


def _instant(recorded_at: datetime) -> datetime:
    if recorded_at.tzinfo is None:
        raise ValueError("recorded_at is an instant: it needs its time zone")
    return recorded_at
