"""The only way to post. Everything happens in the caller's transaction: nothing here opens, commits or undoes one.

One call posts one entry, of one line or of a million; each account's balance changes once in a call. Accounts without
a limit never make a writer wait. Accounts with a limit are locked until the transaction ends, in the order of their
ids within a call: a transaction that posts several entries on limited accounts can meet another in a deadlock, which
the database resolves by failing one of them, and that one can simply be run again.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain, islice
from typing import cast

import psycopg
from sqlalchemy import Connection, text

from ledger.entries import REVERSAL, EntryHeader, Line
from ledger.errors import raise_refusal, refusals

STAGING = "pg_temp.staged_line"
"""The staging table of the session, made by `open_staging`."""

_COLUMNS = ("debit", "credit", "amount_vnd", "fund", "run", "debit_reference", "credit_reference")
_COPY = f"COPY {STAGING} ({', '.join(_COLUMNS)}) FROM STDIN"

_FEW = 100
"""Up to this many lines travel with the call that posts them; more are streamed."""

_POST_FEW = text(
    "SELECT entry_id, replayed FROM ledger.post_lines("
    ":key, :event, :document, :business_on, :description, :recorded_at, "
    "CAST(:debit AS text[]), CAST(:credit AS text[]), CAST(:amount_vnd AS bigint[]), CAST(:fund AS text[]), "
    "CAST(:run AS text[]), CAST(:debit_reference AS text[]), CAST(:credit_reference AS text[]))"
)

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
    if len(first) <= _FEW:
        return _post_few(connection, header, first, recorded_at)
    open_staging(connection)
    _copy(connection, chain(first, remaining))
    return post_staged(connection, header, recorded_at)


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


def _post_few(connection: Connection, header: EntryHeader, lines: list[Line], recorded_at: datetime) -> Posted:
    columns = zip(*map(_fields, lines), strict=True) if lines else [()] * len(_COLUMNS)
    arguments = {name: list(column) for name, column in zip(_COLUMNS, columns, strict=True)}
    with refusals():
        row = connection.execute(_POST_FEW, _arguments(header, recorded_at) | arguments).one()
    return Posted(row.entry_id, row.replayed)


def _copy(connection: Connection, lines: Iterable[Line]) -> None:
    driver = cast("psycopg.Connection[tuple[object, ...]]", connection.connection.driver_connection)
    try:
        with driver.cursor() as cursor, cursor.copy(_COPY) as copy:
            for line in lines:
                copy.write_row(_fields(line))
    except psycopg.Error as error:
        raise_refusal(error, error)


def _fields(line: Line) -> tuple[object, ...]:
    return (
        line.debit,
        line.credit,
        line.amount.vnd,
        line.fund,
        line.run,
        line.debit_reference,
        line.credit_reference,
    )


def _arguments(header: EntryHeader, recorded_at: datetime) -> dict[str, object]:
    if recorded_at.tzinfo is None:
        raise ValueError("recorded_at is an instant: it needs its time zone")
    return {
        "key": header.key,
        "event": header.event,
        "document": header.document,
        "business_on": header.business_on,
        "description": header.description,
        "recorded_at": recorded_at,
    }
