"""What lines, their rules and each index cost, and what a query pays for months: for `docs/growth.md`.

    PYTHONPATH=tests .venv/bin/python -m benchmarks.ledger_growth [--lines 1000000] [--months 60]

A PostgreSQL of its own with durable settings, removed at the end. Ratios within one run count.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import psycopg
from benchmarks.ledger_posting import Place, durable_place, table

ACCOUNTS = 10_000

ROWS = """
    CREATE UNLOGGED TABLE given AS
    SELECT 1 + n / 1000 AS entry_id, (1 + n % 1000)::integer AS line_no,
        1 + (n::bigint * 7919 % {accounts})::integer AS debit_account_id, {accounts} + 1 AS credit_account_id,
        3000000::bigint + n AS amount_vnd, 'retirement'::text AS fund, '2026-11/1'::text AS run,
        'PN' || lpad(n::text, 11, '0') || 'J' AS debit_reference,
        'PN' || lpad(n::text, 11, '0') || 'J' AS credit_reference
    FROM generate_series(0, {lines} - 1) n
"""

STEPS: Sequence[tuple[str, str]] = (
    ("rows alone", ""),
    (
        "and their rules",
        """ALTER TABLE written ADD CHECK (line_no > 0), ADD CHECK (amount_vnd > 0),
            ADD CHECK (debit_account_id <> credit_account_id), ADD CHECK (run !~ '^[0-9 .+]{9,}$'
                AND debit_reference !~ '^[0-9 .+]{9,}$' AND credit_reference !~ '^[0-9 .+]{9,}$')""",
    ),
    ("and the primary key (entry_id, line_no)", "ALTER TABLE written ADD PRIMARY KEY (entry_id, line_no)"),
    ("and (debit_account_id, entry_id)", "CREATE INDEX written_debit ON written (debit_account_id, entry_id)"),
    ("and (credit_account_id, entry_id)", "CREATE INDEX written_credit ON written (credit_account_id, entry_id)"),
    ("and (debit_reference), which the ledger does not have", "CREATE INDEX written_ref ON written (debit_reference)"),
)


def indexes(place: Place, lines: int) -> list[list[str]]:
    """Each step's table is written anew, with all that the steps before it have."""
    rows = []
    before = 0.0
    with psycopg.connect(place.superuser, autocommit=True) as connection:
        connection.execute(ROWS.format(accounts=ACCOUNTS, lines=lines).encode())
        for number, (name, _) in enumerate(STEPS, start=1):
            connection.execute("DROP TABLE IF EXISTS written")
            connection.execute("CREATE TABLE written (LIKE given)")
            for _, statement in STEPS[1:number]:
                connection.execute(statement.encode())
            connection.execute("CHECKPOINT")
            start = time.perf_counter()
            connection.execute("INSERT INTO written SELECT * FROM given")
            spent = time.perf_counter() - start
            sizes = connection.execute("SELECT pg_table_size('written'), pg_indexes_size('written')").fetchone()
            assert sizes
            rows.append(
                [
                    name,
                    f"{spent:.2f}",
                    f"{spent - before:+.2f}",
                    f"{sizes[0] / lines:.0f}",
                    f"{sizes[1] / lines:.0f}",
                    f"{lines / spent:,.0f}",
                ]
            )
            before = spent
        connection.execute("DROP TABLE written, given")
    return rows


QUERIES = {
    "an entry by its id": "SELECT * FROM ledger.entry JOIN ledger.line USING (entry_id) WHERE entry_id = 1",
    "all lines of an account": "SELECT * FROM ledger.line WHERE debit_account_id = 2 OR credit_account_id = 2",
    "entries of a business date": "SELECT * FROM ledger.entry WHERE business_on = '2026-11-01'",
}


def months(place: Place, wanted: Sequence[int]) -> list[list[str]]:
    """Milliseconds to plan and to run, by the number of months that stand in the ledger."""
    rows: dict[str, list[str]] = {name: [name] for name in QUERIES}
    with psycopg.connect(place.superuser, autocommit=True) as connection:
        for count in wanted:
            for number in range(1, count):
                at = datetime(2026 + (10 + number) // 12, (10 + number) % 12 + 1, 2, tzinfo=UTC)
                connection.execute(
                    """SELECT ledger.post_line('m' || %s, 'x', 'd', '2026-11-01', '', %s, 'benefits_payable.a1',
                        'cash_at_bank.fund', 5, 'f', NULL, NULL, NULL)""",
                    [f"{count}-{number}", at],
                )
            for name, query in QUERIES.items():
                samples = sorted(_planned_and_run(connection, query) for _ in range(9))
                rows[name].append("{:.2f} + {:.2f}".format(*samples[4]))
    return list(rows.values())


def _planned_and_run(connection: psycopg.Connection[tuple[list[dict[str, float]]]], query: str) -> tuple[float, float]:
    row = connection.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}".encode()).fetchone()
    assert row
    return row[0][0]["Planning Time"], row[0][0]["Execution Time"]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--lines", type=int, default=1_000_000)
    options.add_argument("--months", type=int, default=60)
    given = options.parse_args()
    with durable_place(ACCOUNTS) as place:
        heading = [f"{given.lines:,} lines", "seconds", "more", "bytes a line", "of indexes", "lines/s"]
        table(heading, indexes(place, given.lines))
        wanted = sorted({1, 12, given.months})
        table(["plan + run, ms", *(f"{count} months" for count in wanted)], months(place, wanted))
        sys.stdout.flush()


if __name__ == "__main__":
    main()
