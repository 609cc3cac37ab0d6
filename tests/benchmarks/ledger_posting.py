"""How fast the ledger posts, beside a bare database and, if its file is given, pgledger: all in one run.

    PYTHONPATH=tests .venv/bin/python -m benchmarks.ledger_posting [--seconds 5] [--rounds 3] [--pgledger FILE]

Starts a PostgreSQL of its own with durable settings (fsync and synchronous_commit on), and removes it at the end.
Absolute figures are those of the machine and its disk in this minute; the ratios within one run count.

pgledger is one SQL file in its public repository (pgr0ss/pgledger, pgledger.sql). Its function `uuid_to_ulid` comes
from another file; here a shorter one stands for it, which can only make pgledger faster.
"""

import argparse
import multiprocessing
import random
import statistics
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from io import BytesIO
from pathlib import Path
from shutil import rmtree

import psycopg
from sqlalchemy import create_engine

from engine.database import sqlalchemy_url, upgrade
from engine.embedded import EmbeddedServer
from ledger.accounts import AccountRequest, BalanceLimit, open_account, open_accounts
from ledger.book import post, post_entries
from ledger.entries import Entry, EntryHeader, Line
from ledger.money import Dong
from ledger.poster import Poster
from ledger.verifier import verify

AT = datetime(2026, 11, 3, 9, 30, tzinfo=UTC)
ON = date(2026, 11, 1)
ACCOUNTS = 10_000
CLIENTS = (1, 4, 16)
BATCH = 10_000
PAYABLE = "benefits_payable"
FUND, LIMITED = "cash_at_bank.fund", "advance_to_agent.vnpost"


@dataclass(frozen=True)
class Place:
    """The addresses of one database."""

    server: EmbeddedServer
    name: str

    @property
    def application(self) -> str:
        return self.server.url("application", self.name)

    @property
    def superuser(self) -> str:
        return self.server.url("superuser", self.name)


@contextmanager
def durable_place(accounts: int) -> Iterator[Place]:
    """A server of its own with a migrated ledger and its accounts."""
    home = Path(tempfile.mkdtemp(prefix="thuchi-benchmark-"))
    home.chmod(0o711)
    server = EmbeddedServer(home)
    try:
        server.ensure_running()
        server.ensure_database("ledger")
        upgrade(server.url("owner", "ledger"))
        engine = create_engine(sqlalchemy_url(server.url("application", "ledger")))
        with engine.begin() as connection:
            open_accounts(connection, [AccountRequest(PAYABLE, f"a{number}") for number in range(accounts)])
            open_account(connection, "cash_at_bank", "fund")
            open_account(connection, "advance_to_agent", "vnpost", limit=BalanceLimit.NEVER_NEGATIVE)
            funding = entry("funding", Line(LIMITED, FUND, Dong(10**15), "retirement"))
            post(connection, funding, funding.lines, AT)
        engine.dispose()
        yield Place(server, "ledger")
    finally:
        server.stop("immediate")
        rmtree(home)


def entry(key: str, *lines: Line) -> Entry:
    return Entry(key=key, event="x", document="d", business_on=ON, description="", lines=lines)


def time_ordered_key() -> str:
    """Keys of one time stand together in their index, as those of runs, files and notices do."""
    return f"{time.time_ns():x}-{uuid.uuid4().hex[:12]}"


def transfer(draw: random.Random, case: str, accounts: int) -> Line:
    """Uniform: between any two accounts. Hot: every one takes from one account, which in `limited` has a limit."""
    debit, credit = draw.sample(range(accounts), 2)
    source = {"uniform": f"{PAYABLE}.a{credit}", "hot": FUND, "limited": LIMITED}[case]
    return Line(f"{PAYABLE}.a{debit}", source, Dong(5), "retirement", None, f"p{debit}", f"p{debit}")


# One transfer at a time ------------------------------------------------------------------------------------------


def insert_rows(address: str, case: str, accounts: int, seconds: float) -> int:
    """A row of three numbers and a commit: nothing that keeps a book can be faster."""
    del case, accounts
    with psycopg.connect(address) as connection:

        def once() -> None:
            connection.execute("INSERT INTO bare VALUES (1, 2, 5)")
            connection.commit()

        return _until(seconds, once)


def post_directly(address: str, case: str, accounts: int, seconds: float) -> int:
    """`ledger.book.post` in a transaction of the caller's, as the engine does it."""
    engine = create_engine(sqlalchemy_url(address))
    draw = random.Random()

    def once() -> None:
        with engine.begin() as connection:
            given = entry(time_ordered_key(), transfer(draw, case, accounts))
            post(connection, given, given.lines, AT)

    try:
        return _until(seconds, once)
    finally:
        engine.dispose()


def post_alone(address: str, case: str, accounts: int, seconds: float) -> int:
    """A `Poster` with nobody to share it: the entry is the whole transaction, so it is one journey and no more."""
    engine = create_engine(sqlalchemy_url(address))
    draw = random.Random()
    try:
        with Poster(engine, lambda: AT) as poster:
            return _until(seconds, lambda: poster.post(entry(time_ordered_key(), transfer(draw, case, accounts))))
    finally:
        engine.dispose()


def post_by_pgledger(address: str, case: str, accounts: int, seconds: float) -> int:
    draw = random.Random()
    with psycopg.connect(address) as connection:
        ids = _pgledger_accounts(connection)

        def once() -> None:
            debit, credit = draw.sample(range(accounts), 2)
            source = ids[credit] if case == "uniform" else ids[-1]
            connection.execute("SELECT * FROM pgledger_create_transfer(%s, %s, 5)", [source, ids[debit]])
            connection.commit()

        return _until(seconds, once)


def _pgledger_accounts(connection: psycopg.Connection[tuple[str, ...]]) -> list[str]:
    rows = connection.execute("SELECT id FROM pgledger_accounts ORDER BY length(name), name").fetchall()
    connection.commit()
    return [row[0] for row in rows]


def _until(seconds: float, once: Callable[[], object]) -> int:
    for _ in range(8):
        once()  # so that the driver has prepared it
    done = 0
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        once()
        done += 1
    return done


Client = Callable[[str, str, int, float], int]


def in_processes(work: Client, address: str, case: str, accounts: int, clients: int, seconds: float) -> float:
    """So many clients, each a process of its own; transfers a second in all."""
    with multiprocessing.get_context("fork").Pool(clients) as pool:
        pool.map(time.sleep, [0.0] * clients)  # all have started
        done = pool.starmap(work, [(address, case, accounts, seconds)] * clients, chunksize=1)
    return sum(done) / seconds


def through_poster(address: str, case: str, accounts: int, clients: int, seconds: float) -> float:
    """So many threads of one process that share a `Poster`."""
    engine = create_engine(sqlalchemy_url(address))
    done = [0] * clients
    with Poster(engine, lambda: AT) as poster:

        def client(place: int) -> None:
            draw = random.Random()
            done[place] = _until(
                seconds, lambda: poster.post(entry(time_ordered_key(), transfer(draw, case, accounts)))
            )

        threads = [threading.Thread(target=client, args=(place,)) for place in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    engine.dispose()
    return sum(done) / seconds


# Many transfers in one call --------------------------------------------------------------------------------------


def batches(address: str, case: str, accounts: int, seconds: float, size: int) -> float:
    """`post_entries` with so many entries of one line."""
    engine = create_engine(sqlalchemy_url(address))
    draw = random.Random()
    done = 0
    spent = 0.0
    while spent < seconds:
        given = [entry(time_ordered_key(), transfer(draw, case, accounts)) for _ in range(size)]
        start = time.perf_counter()
        with engine.begin() as connection:
            results = post_entries(connection, given, AT)
        spent += time.perf_counter() - start
        done += sum(result.refusal is None for result in results)
    engine.dispose()
    return done / spent


def batches_of_lines(address: str, case: str, accounts: int, seconds: float, size: int) -> float:
    """`post` with one entry of so many lines."""
    engine = create_engine(sqlalchemy_url(address))
    draw = random.Random()
    done = 0
    spent = 0.0
    while spent < seconds:
        given = entry(time_ordered_key(), *(transfer(draw, case, accounts) for _ in range(size)))
        start = time.perf_counter()
        with engine.begin() as connection:
            post(connection, given, given.lines, AT)
        spent += time.perf_counter() - start
        done += size
    engine.dispose()
    return done / spent


def batches_by_pgledger(address: str, case: str, accounts: int, seconds: float, size: int) -> float:
    """Its `pgledger_create_transfers` with an array of so many requests."""
    draw = random.Random()
    done = 0
    spent = 0.0
    with psycopg.connect(address) as connection:
        ids = _pgledger_accounts(connection)
        while spent < seconds:
            pairs = [draw.sample(range(accounts), 2) for _ in range(size)]
            sources = [ids[credit] if case == "uniform" else ids[-1] for _, credit in pairs]
            start = time.perf_counter()
            connection.execute(
                """SELECT count(*) FROM pgledger_create_transfers((SELECT array_agg((s, t, 5)::transfer_request)
                    FROM unnest(%s::text[], %s::text[]) w (s, t)))""",
                [sources, [ids[debit] for debit, _ in pairs]],
            )
            connection.commit()
            spent += time.perf_counter() - start
            done += size
    return done / spent


# One entry of a million lines against COPY -----------------------------------------------------------------------


@dataclass(frozen=True)
class Million:
    """Seconds for the same rows."""

    posted: float
    copied: float


def million(place: Place, accounts: int, lines: int) -> Million:
    """Posts one entry, then copies the bytes of its lines into a table with the same columns, rules and indexes.

    Both tables hold the same lines before, since a longer index is a slower one.
    """
    engine = create_engine(sqlalchemy_url(place.application))
    draw = random.Random()
    key = uuid.uuid4().hex
    given = [
        Line(
            f"{PAYABLE}.a{draw.randrange(accounts)}",
            FUND,
            Dong(number),
            "retirement",
            "2026-11/1",
            f"p{number}",
            f"q{number}",
        )
        for number in range(1, lines + 1)
    ]
    header = EntryHeader(key=key, event="x", document="d", business_on=ON, description="")
    _settle(place)
    start = time.perf_counter()
    with engine.begin() as connection:
        entry_id = post(connection, header, given, AT).entry_id
    posted = time.perf_counter() - start
    engine.dispose()
    with psycopg.connect(place.superuser, autocommit=True) as driver, driver.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS copied")
        cursor.execute("CREATE TABLE copied (LIKE ledger_partition.line_0 INCLUDING ALL)")
        cursor.execute(f"INSERT INTO copied SELECT * FROM ledger.line WHERE entry_id <> {entry_id}".encode())
        content = BytesIO()
        rows = f"COPY (SELECT * FROM ledger.line WHERE entry_id = {entry_id} ORDER BY line_no) TO STDOUT"
        with cursor.copy(rows.encode()) as out:
            for block in out:
                content.write(block)
        _settle(place)
        content.seek(0)
        start = time.perf_counter()
        with cursor.copy("COPY copied FROM STDIN") as copy:
            while block := content.read(1 << 16):
                copy.write(block)
        copied = time.perf_counter() - start
    return Million(posted, copied)


def _settle(place: Place) -> None:
    """Neither pays for what the other wrote."""
    with psycopg.connect(place.superuser, autocommit=True) as connection:
        connection.execute("CHECKPOINT")


# The run ----------------------------------------------------------------------------------------------------------


def prepare_peers(place: Place, pgledger: Path | None, accounts: int) -> Place | None:
    """The table of bare rows, and pgledger in a database of its own."""
    with psycopg.connect(place.superuser, autocommit=True) as connection:
        connection.execute("CREATE TABLE bare (a integer, b integer, c integer)")
    if pgledger is None:
        return None
    place.server.ensure_database("pgledger")
    peer = Place(place.server, "pgledger")
    with psycopg.connect(peer.superuser, autocommit=True) as connection:
        connection.execute("""CREATE FUNCTION uuid_to_ulid(id uuid) RETURNS text LANGUAGE sql IMMUTABLE
            AS $$ SELECT upper(replace(id::text, '-', '')) $$""")
        connection.execute(pgledger.read_bytes())
        connection.execute(
            "SELECT count(*) FROM generate_series(0, %s) n, pgledger_create_account('a' || n, 'VND')", [accounts]
        )
        connection.execute("ANALYZE")
    return peer


def singles(place: Place, peer: Place | None, accounts: int, seconds: float, rounds: int) -> Iterator[list[list[str]]]:
    for case in ("uniform", "hot", "limited"):
        systems: dict[str, Callable[[int], float]] = {}
        if case == "uniform":
            systems["one row and commit"] = lambda clients: in_processes(
                insert_rows, place.superuser, "", 0, clients, seconds
            )
        if peer is not None and case != "limited":
            systems["pgledger"] = lambda clients, case=case, peer=peer: in_processes(  # type: ignore[misc]
                post_by_pgledger, peer.superuser, case, accounts, clients, seconds
            )
        systems["post"] = lambda clients, case=case: in_processes(  # type: ignore[misc]
            post_directly, place.application, case, accounts, clients, seconds
        )
        systems["Poster for each"] = lambda clients, case=case: in_processes(  # type: ignore[misc]
            post_alone, place.application, case, accounts, clients, seconds
        )
        systems["Poster shared"] = lambda clients, case=case: through_poster(  # type: ignore[misc]
            place.application, case, accounts, clients, seconds
        )
        found: dict[tuple[str, int], list[float]] = {}
        for _ in range(rounds):
            for clients in CLIENTS:
                for name, measure in systems.items():
                    found.setdefault((name, clients), []).append(measure(clients))
        yield [[name, case, *(_median(found[name, clients]) for clients in CLIENTS)] for name in systems]


def calls(place: Place, peer: Place | None, accounts: int, seconds: float, rounds: int) -> list[list[str]]:
    rows = []
    for case in ("uniform", "hot", "limited"):
        systems: dict[str, Callable[[], float]] = {}
        if peer is not None and case != "limited":
            systems["pgledger, array"] = lambda case=case, peer=peer: batches_by_pgledger(  # type: ignore[misc]
                peer.superuser, case, accounts, seconds, BATCH
            )
        systems["post_entries"] = lambda case=case: batches(  # type: ignore[misc]
            place.application, case, accounts, seconds, BATCH
        )
        systems["post, one entry"] = lambda case=case: batches_of_lines(  # type: ignore[misc]
            place.application, case, accounts, seconds, BATCH
        )
        found: dict[str, list[float]] = {}
        for _ in range(rounds):
            for name, measure in systems.items():
                found.setdefault(name, []).append(measure())
        rows += [[name, case, _median(found[name])] for name in systems]
    return rows


def _median(values: list[float]) -> str:
    return f"{statistics.median(values):,.0f} [{min(values):,.0f}–{max(values):,.0f}]"


def table(heading: list[str], rows: list[list[str]]) -> None:
    for row in (heading, ["---"] * len(heading), *rows, []):
        sys.stdout.write(f"| {' | '.join(row)} |\n" if row else "\n")
    sys.stdout.flush()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seconds", type=float, default=5.0, help="length of each measurement")
    options.add_argument("--rounds", type=int, default=3, help="medians of so many, the systems taking turns")
    options.add_argument("--only", choices=("singles", "calls", "million"), help="one of the three tables")
    options.add_argument("--pgledger", type=Path, help="pgledger.sql, to be measured in the same run")
    given = options.parse_args()
    with durable_place(ACCOUNTS) as place:
        peer = prepare_peers(place, given.pgledger, ACCOUNTS)
        if given.only in (None, "singles"):
            heading = ["transfers/s", "accounts", *(f"{clients} clients" for clients in CLIENTS)]
            for rows in singles(place, peer, ACCOUNTS, given.seconds, given.rounds):
                table(heading, rows)
        if given.only in (None, "calls"):
            heading = [f"{BATCH:,} a call, transfers/s", "accounts", "one client"]
            table(heading, calls(place, peer, ACCOUNTS, given.seconds, given.rounds))
        if given.only in (None, "million"):
            found = [million(place, ACCOUNTS, 1_000_000) for _ in range(given.rounds)]
            ratios = [f"{run.posted:.1f}s / {run.copied:.1f}s = {run.posted / run.copied:.2f}" for run in found]
            table(["1,000,000 lines: posted / bare COPY"], [[ratio] for ratio in ratios])
        engine = create_engine(sqlalchemy_url(place.application))
        with engine.begin() as connection:
            start = time.perf_counter()
            verification = verify(connection)
            spent = time.perf_counter() - start
        engine.dispose()
        table(
            ["verified", "lines", "seconds", "first difference"],
            [["", f"{verification.lines:,}", f"{spent:.1f}", str(verification.first_difference)]],
        )


if __name__ == "__main__":
    main()
