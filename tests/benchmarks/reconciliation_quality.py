"""How good and how fast matching is.

    PYTHONPATH=tests .venv/bin/python tests/benchmarks/reconciliation_quality.py [--cases 5000] [--seeds 3] [--lines 0]

Starts a PostgreSQL of its own and removes it at the end. Prints one JSON object: for each seed what matching made of an
invented bank's noise (one false automatic match fails the whole run), and, with `--lines`, how long so many clean lines
take against as many expectations, beside one bare equality join of the same two tables in the same run and with the
same memory, once only counted and once written to a table without keys (bar: 6 times). Seconds are those of the
processor. Lines are matched a file at a time, each in a transaction of its own, so a run that is killed goes on where
it was: progress stands on standard error.
"""

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import builders
from noisy_bank import DAY, make_noise, measure
from sqlalchemy import Connection, Engine, create_engine, text

from engine.database import sqlalchemy_url, upgrade
from engine.embedded import EmbeddedServer
from reconciliation import matching
from reconciliation.intake import register_account
from reconciliation.references import REFERENCE_SQL

AT = datetime.fromisoformat("2026-02-28T18:00:00+07:00")
_SLICE = 1_000_000
"""Lines of one file: one transaction, one step of progress."""


@contextmanager
def _database() -> Iterator[tuple[Engine, Engine]]:
    """As the application and as the owner, who alone may take statistics."""
    with builders.embedded_home("quality") as home:
        server = EmbeddedServer(home)
        server.ensure_running()
        server.ensure_database("quality")
        upgrade(server.url("owner", "quality"))
        engine = create_engine(sqlalchemy_url(server.url("application", "quality")))
        owner = create_engine(sqlalchemy_url(server.url("owner", "quality")), isolation_level="AUTOCOMMIT")
        try:
            yield engine, owner
        finally:
            engine.dispose()
            owner.dispose()


def quality(engine: Engine, seed: int, cases: int) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as directory, engine.connect() as connection:
        start = time.perf_counter()
        found = measure(connection, Path(directory), make_noise(seed, cases))
        connection.rollback()
    return {"seed": seed, **asdict(found), "seconds": round(time.perf_counter() - start, 1)}


def speed(engine: Engine, owner: Engine, lines: int) -> dict[str, object]:
    """So many lines against as many expectations: matching, and one bare join of the same rows."""
    with engine.begin() as connection:
        own = register_account(connection, b"speed", "cash_at_bank.speed")
        started = time.perf_counter()
        connection.execute(text(_EXPECT), {"own": own, "lines": lines, "day": DAY})
        files = [_load(connection, own, first, min(_SLICE, lines - first)) for first in range(0, lines, _SLICE)]
        loaded = time.perf_counter() - started
    with owner.connect() as connection:
        connection.execute(text("VACUUM ANALYZE"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        counted, bare = _bare_join(connection)
    start, seconds, matched = time.perf_counter(), 0.0, 0
    for number, file_id in enumerate(files, 1):
        with engine.begin() as connection, _processor(connection) as spent:
            # The next of the statements, each in a transaction of its own.
            matched += sum(next(matching.match_file(connection, file_id, AT)).matched.values())
        seconds += spent[0]
        sys.stderr.write(f"{number} of {len(files)} files, {matched} matched, {time.perf_counter() - start:.0f} s\n")
    return {
        "lines": lines,
        "matched": matched,
        "load_seconds": round(loaded, 1),
        "match_seconds_by_the_clock": round(time.perf_counter() - start, 1),
        "match_seconds": round(seconds, 1),
        "bare_join_counted_seconds": round(counted, 2),
        "bare_join_written_seconds": round(bare, 2),
        "ratio_to_counted": round(seconds / counted, 1),
        "ratio_to_written": round(seconds / bare, 1),
        "python_mebibytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def _load(connection: Connection, own: int, first: int, count: int) -> int:
    """One file of so many entries, stored as intake stores them."""
    file_id: int = connection.execute(
        text(
            "INSERT INTO reconciliation.statement_file (sha256, file_name, format, recorded_at) "
            "VALUES (sha256(CAST(:name AS bytea)), :name, 'camt.053', :at) RETURNING file_id"
        ),
        {"name": f"slice {first}", "at": AT},
    ).scalar_one()
    values = {"own": own, "file": file_id, "first": first, "last": first + count, "day": DAY}
    values["statement"] = connection.execute(text(_STATEMENT), values).scalar_one()
    connection.execute(text(_ENTRIES), values)
    connection.execute(text(_ITEMS), values)
    return file_id


def _bare_join(connection: Connection) -> tuple[float, float]:
    """The same rows joined by equality of the reference: the pairs counted, then written to a table without keys."""
    connection.execute(text("SET work_mem = '128MB'"))
    connection.execute(text("SET max_parallel_workers_per_gather = 0"))
    with _processor(connection) as counted:
        connection.execute(text(f"SELECT count(*), sum(amount_vnd), max(expectation_id) FROM ({_JOIN}) joined"))
    with _processor(connection) as written:
        connection.execute(text(f"CREATE TEMP TABLE joined AS {_JOIN}"))
    connection.execute(text("DROP TABLE pg_temp.joined"))
    connection.execute(text("RESET ALL"))
    return counted[0], written[0]


@contextmanager
def _processor(connection: Connection) -> Iterator[list[float]]:
    """The seconds of the processor that the server's process of this connection takes: other work counts for nothing.

    Neither side may ask other processes for help, so all of its work is counted.
    """
    stat = Path(f"/proc/{connection.scalar(text('SELECT pg_backend_pid()'))}/stat")
    spent: list[float] = []
    before = _ticks(stat)
    yield spent
    spent.append((_ticks(stat) - before) / os.sysconf("SC_CLK_TCK"))


def _ticks(stat: Path) -> int:
    user, system = stat.read_text().rpartition(")")[2].split()[11:13]
    return int(user) + int(system)


_EXPECT = f"""
    INSERT INTO reconciliation.expectation (own_account_id, sign, reference, amount_vnd, due_on, kind)
    SELECT :own, 'debit', {REFERENCE_SQL}, 3000000 + number, :day, 'other' FROM generate_series(1, :lines) AS number"""
_STATEMENT = """
    INSERT INTO reconciliation.statement
        (file_id, own_account_id, sequence, from_on, to_on, opening_vnd, closing_vnd, repeated_vnd, state, accepted_no)
    VALUES (:file, :own, :file, :day, :day, 0, 0, 0, 'accepted', :file) RETURNING statement_id"""
_ENTRIES = """
    INSERT INTO reconciliation.statement_entry (statement_id, entry_no, own_account_id, sign, amount_vnd, booked_on,
        bank_reference, occurrence, reversal, place)
    SELECT :statement, number, :own, 'debit', 3000000 + number, :day, 'FT' || number, 1, false, 'Ntry[' || number || ']'
    FROM generate_series(:first + 1, :last) AS number"""
_ITEMS = f"""
    INSERT INTO reconciliation.statement_item (statement_id, entry_no, detail_no, sign, amount_vnd, end_to_end_id,
        found_references, returned, found_units)
    SELECT :statement, number, 1, 'debit', 3000000 + number, reference, ARRAY[reference], false, '{{}}'
    FROM (SELECT number, {REFERENCE_SQL} AS reference FROM generate_series(:first + 1, :last) AS number) line"""
_JOIN = """
    SELECT i.item_id, x.expectation_id, i.amount_vnd
    FROM reconciliation.statement_item i
    JOIN reconciliation.expectation x ON x.reference = i.end_to_end_id AND x.amount_vnd = i.amount_vnd
        AND x.sign = i.sign"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=5_000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--lines", type=int, default=0)
    asked = parser.parse_args()
    with _database() as (engine, owner):
        told: dict[str, object] = {"quality": [quality(engine, seed, asked.cases) for seed in range(asked.seeds)]}
        if asked.lines:
            told["speed"] = speed(engine, owner, asked.lines)
    sys.stdout.write(json.dumps(told, indent=2) + "\n")
    return int(any(each["false_matches"] for each in told["quality"]))  # type: ignore[attr-defined]


if __name__ == "__main__":
    sys.exit(main())
