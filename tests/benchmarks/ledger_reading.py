"""How long reading a large book takes and how much memory it needs, by the commands that people call.

    .venv/bin/python tests/benchmarks/ledger_reading.py [--lines 5000000] [--home DIRECTORY] [--only journal …]

Fills a book of so many lines in a home of its own: twelve monthly pension runs (approved, sent, settled, in entries of
20,000 lines) and one small entry for every receipt of employers. Then it runs each command as a process of its own and
prints a row of a table: seconds, those of the processor in Python, the peak memory of the process, and what was
written. The home is removed at the end unless one is named, which is kept and, if it is filled already, used as it is.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, text

from engine.database import EMBEDDED_DATABASE, sqlalchemy_url, upgrade
from engine.embedded import EmbeddedServer
from ledger.accounts import AccountRequest, open_accounts
from ledger.book import open_staging, post_entries, post_staged
from ledger.entries import Entry, EntryHeader, Line
from ledger.money import Dong

EXPENSE, PAYABLE, TRANSIT = "benefit_expense.pension", "benefits_payable", "in_transit.simbank"
CASH, RECEIVED, DUES = "cash_at_bank.simbank.retirement", "receipts_unallocated", "contributions_receivable"
ACCOUNTS = (
    AccountRequest("benefit_expense", "pension"),
    AccountRequest("benefits_payable"),
    AccountRequest("in_transit", "simbank"),
    AccountRequest("cash_at_bank", "simbank.retirement"),
    AccountRequest("receipts_unallocated"),
    AccountRequest("contributions_receivable"),
    AccountRequest("contribution_income", "retirement"),
    AccountRequest("bank_fee_expense"),
)
SHARD = 20_000
RECEIPTS_SHARE = 10
"""One line in so many belongs to a receipt."""
UNSETTLED_SHARE = 500
"""One payment in so many stays in transit."""


def fill(connection: Connection, lines: int) -> None:
    """Commits as it goes, as the month does."""
    open_accounts(connection, ACCOUNTS)
    connection.commit()
    payments = (lines - lines // RECEIPTS_SHARE) // 36
    for month in range(1, 13):
        for event, debit, credit, day in (
            ("run_approved", EXPENSE, PAYABLE, 1),
            ("payment_sent", PAYABLE, TRANSIT, 2),
            ("payment_settled", TRANSIT, CASH, 3),
        ):
            for first in range(0, payments, SHARD):
                _post_shard(
                    connection, event, debit, credit, date(2026, month, day), first, min(SHARD, payments - first)
                )
    receipts = lines // RECEIPTS_SHARE // 3
    for first in range(0, receipts, 10_000):
        numbers = range(first, min(first + 10_000, receipts))
        post_entries(connection, [_receipt(number) for number in numbers], _at(_received_on(first)))
        connection.commit()


def _post_shard(connection: Connection, event: str, debit: str, credit: str, on: date, first: int, count: int) -> None:
    open_staging(connection)
    connection.execute(
        text("""
            INSERT INTO pg_temp.staged_line (debit, credit, amount_vnd, fund, run, debit_reference, credit_reference)
            SELECT :debit, :credit, 3000000 + n % 5000000, 'retirement', :run, reference, reference
            FROM (SELECT n, 'PN-' || :run || '-' || n AS reference
                FROM generate_series(CAST(:first AS int), :last) n) payment
            WHERE :event <> 'payment_settled' OR n % :unsettled > 0
        """),
        {
            "debit": debit, "credit": credit, "run": f"{on:%Y-%m}/1", "first": first, "last": first + count - 1,
            "event": event, "unsettled": UNSETTLED_SHARE,
        },
    )  # fmt: skip
    header = EntryHeader(
        key=f"{event}:{on:%Y-%m}:{first}", event=event, document=f"{on:%Y-%m}/1", business_on=on, description="Chi trả"
    )
    post_staged(connection, header, _at(on))
    connection.commit()


def _receipt(number: int) -> Entry:
    on = _received_on(number)
    return Entry(
        key=f"receipt:{number}",
        event="receipt_booked",
        document=f"SK-{number}",
        business_on=on,
        description="Thu tiền đóng",
        lines=(
            Line(DUES, "contribution_income.retirement", Dong(1_000_000), "retirement", None, f"TK-{number}"),
            Line(CASH, RECEIVED, Dong(1_000_000), "retirement", None, f"receipt {number}", f"receipt {number}"),
            Line(RECEIVED, DUES, Dong(900_000), "retirement", None, f"receipt {number}", f"TK-{number}"),
        ),
    )


def _received_on(number: int) -> date:
    """Ten thousand receipts are read from one statement."""
    return date(2026, 1, 5) + timedelta(days=number // 10_000 * 15 % 350)


def _at(on: date) -> datetime:
    return datetime(on.year, on.month, on.day, 3, tzinfo=UTC)


@dataclass(frozen=True)
class Measured:
    """What a command took: `own` are seconds of the processor in its process, the rest is PostgreSQL's and waiting.

    `megabytes` is the most memory that its process held.
    """

    seconds: float
    own: float
    megabytes: int
    output: str


def run(home: Path, *arguments: str) -> Measured:
    """One `thuchi ledger` command as a process of its own."""
    command = [sys.executable, "-c", "from engine.cli import main; main()", "ledger", *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("THUCHI_")}
    began = time.perf_counter()
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, env=environment | {"THUCHI_HOME": str(home)}, stdout=output, stderr=errors)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - began
        output.seek(0)
        errors.seek(0)
        if process.returncode != 0:
            raise SystemExit(f"thuchi ledger {' '.join(arguments)}: {errors.read()}")
        return Measured(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss // 1024, output.read())


def say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def commands(place: str, files: Path) -> Iterator[tuple[str, list[str]]]:
    """What is measured, in words; `place` is one in the middle of the largest account."""
    month = ["--from", "2026-06-01", "--to", "2026-06-30"]
    yield "the command itself, doing nothing", ["--help"]
    yield "trial balance, now", ["trial-balance", "--json"]
    yield "trial balance on a day in June", ["trial-balance", "--on", "2026-06-15", "--json"]
    yield "trial balance of June, opening, turnover and closing", ["trial-balance", *month, "--json"]
    yield "the same as known on 10 June", ["trial-balance", *month, "--known-at", "2026-06-10", "--json"]
    yield "trial balance of one fund", ["trial-balance", *month, "--fund", "retirement", "--json"]
    yield "largest account, first page of 1,000", ["statement", CASH, "--limit", "1000", "--json"]
    yield "largest account, a page in its middle", ["statement", CASH, "--after", place, "--limit", "1000", "--json"]
    yield (
        "largest account, first page of December",
        ["statement", CASH, "--from", "2026-12-01", "--limit", "1000", "--json"],
    )
    yield "account with few lines", ["statement", "bank_fee_expense", "--json"]
    yield "journal, first page of 1,000", ["journal", "--limit", "1000", "--json"]
    yield "journal, a page in its middle", ["journal", "--after", place, "--limit", "1000", "--json"]
    yield (
        "open items in transit",
        ["open-items", TRANSIT, "--on", "2026-12-31", "--format", "csv", "--output", str(files / "transit.csv")],
    )
    yield (
        "open items of receivables",
        ["open-items", DUES, "--on", "2026-12-31", "--format", "csv", "--output", str(files / "dues.csv")],
    )
    yield (
        "statement of the largest account, CSV",
        ["statement", CASH, "--format", "csv", "--output", str(files / "cash.csv")],
    )
    yield (
        "statement of the largest account, XLSX",
        ["statement", CASH, "--format", "xlsx", "--output", str(files / "cash.xlsx")],
    )
    yield "journal, CSV", ["journal", "--format", "csv", "--output", str(files / "journal.csv")]
    yield "journal, XLSX", ["journal", "--format", "xlsx", "--output", str(files / "journal.xlsx")]
    yield "journal, JSON", ["journal", "--format", "json", "--output", str(files / "journal.json")]
    yield "verify", ["verify", "--json"]
    yield "seal", ["seal", "--json"]
    yield "verify, sealed", ["verify", "--json"]
    yield "export with seals", ["export", str(files / "export"), "--json"]
    key = ["--public-key", str(files / "export" / "public-key.pem")]
    yield "verify the export offline", ["verify", "--export", str(files / "export"), *key, "--json"]
    yield "inclusion proof of an entry", ["prove", "1"]


def measure(home: Path, only: list[str]) -> None:
    with tempfile.TemporaryDirectory(dir=home) as directory:
        files = Path(directory)
        place = _middle(home)
        say("| | seconds | of the processor in Python | peak MB | written MB |\n|---|---|---|---|---|")
        for words, arguments in commands(place, files):
            if only and arguments[0] not in only:
                continue
            before = _size(files)
            measured = run(home, *arguments)
            written = (_size(files) - before) / 2**20
            say(
                f"| {words} | {measured.seconds:.1f} | {measured.own:.1f} | {measured.megabytes} | {written:.0f} |",
            )


def _middle(home: Path) -> str:
    page: dict[str, Any] = json.loads(
        run(home, "statement", CASH, "--from", "2026-07-01", "--limit", "10", "--json").output
    )
    return str(page["next"])


def _size(files: Path) -> int:
    return sum(path.stat().st_size for path in files.rglob("*") if path.is_file())


@contextmanager
def filled_home(lines: int, kept: Path | None) -> Iterator[Path]:
    """A home whose book holds so many lines; removed at the end unless it is to be kept."""
    home = kept or Path(tempfile.mkdtemp(prefix="thuchi-reading-"))
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o711)
    server = EmbeddedServer(home)
    try:
        server.ensure_running()
        server.ensure_database(EMBEDDED_DATABASE)
        upgrade(server.url("owner", EMBEDDED_DATABASE))
        engine = create_engine(sqlalchemy_url(server.url("application", EMBEDDED_DATABASE)))
        with engine.connect() as connection:
            if connection.scalar(text("SELECT NOT EXISTS (SELECT FROM ledger.entry)")):
                connection.rollback()
                began = time.perf_counter()
                fill(connection, lines)
                say(f"{lines:,} lines posted in {time.perf_counter() - began:.0f} s")
        engine.dispose()
        yield home
    finally:
        server.stop("immediate" if kept is None else "fast")
        if kept is None:
            shutil.rmtree(home)


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--lines", type=int, default=5_000_000)
    asked.add_argument("--home", type=Path, help="kept and used again")
    asked.add_argument("--only", nargs="*", default=[], help="subcommands of thuchi ledger")
    arguments = asked.parse_args()
    with filled_home(arguments.lines, arguments.home) as home:
        measure(home, arguments.only)


if __name__ == "__main__":
    main()
