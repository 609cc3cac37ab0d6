"""Employers of a whole country: their register, a month without changes with a notice and ledger lines for each, and a
day on which many of them pay.

    PYTHONPATH=tests .venv/bin/python -m benchmarks.contribution_notices [--employers 650000] [--staff 1] [--payers N]

A PostgreSQL of its own with durable settings, removed at the end. October is written by SQL, the rest by the product.
"""

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from shutil import rmtree

import psycopg
from bank_paper import Line, Paper
from benchmarks.ledger_posting import table
from sqlalchemy import text

from engine.clock import VIET_NAM
from engine.contributions.collection import open_collection_account
from engine.contributions.declaration import import_declaration
from engine.contributions.employer import import_employers
from engine.contributions.unchanged import declare_shard
from engine.database import Database, upgrade
from engine.demonstration import employer
from engine.embedded import EmbeddedServer
from engine.law.parameters import Parameters
from engine.payments import gateways
from engine.payments.settlement import import_statement
from engine.vault import Vault, open_vault

OCTOBER, NOVEMBER = date(2026, 10, 1), date(2026, 11, 1)
AT = datetime(2026, 11, 2, 8, tzinfo=VIET_NAM)
LATER = datetime(2026, 11, 20, 8, tzinfo=VIET_NAM)
PAID = datetime(2026, 11, 27, 18, tzinfo=VIET_NAM)
_HEADING = "Mã đơn vị,Tên đơn vị,Mã số thuế,Mã cơ quan BHXH,Vùng,Phương thức đóng (tháng),Hiệu lực từ ngày"


@dataclass(frozen=True)
class Country:
    """A database with employers that have declared October, and one collection account."""

    database: Database
    vault: Vault
    superuser: str


@contextmanager
def empty_country() -> Iterator[Country]:
    home = Path(tempfile.mkdtemp(prefix="thuchi-benchmark-"))
    home.chmod(0o711)
    server = EmbeddedServer(home)
    try:
        server.ensure_running()
        server.ensure_database("country")
        upgrade(server.url("owner", "country"))
        database = Database(server.url("application", "country"))
        vault = open_vault(home / "keys" / "vault.json")
        with database.transaction("lan") as connection:
            gateways.onboard(connection, employer.GATEWAY, "simbank", "http://127.0.0.1:9", "thuchi")
            open_collection_account(connection, vault, employer.COLLECTION)
        yield Country(database, vault, server.url("superuser", "country"))
        database.close()
    finally:
        server.stop("immediate")
        rmtree(home)


FILE_SIZE = 50_000
"""Employers in one file."""


def register(country: Country, employers: int) -> None:
    """Brings the lists of employers in."""
    for first in range(0, employers, FILE_SIZE):
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "employers.csv"
            with path.open("w", encoding="utf-8") as file:
                file.write(f"{_HEADING}\n")
                for number in range(first, min(first + FILE_SIZE, employers)):
                    file.write(f"T{number:06d}Z,Đơn vị {number},{number:010d},07901,I,1,01/01/2026\n")
            with country.database.transaction("lan") as connection:
                import_employers(connection, country.vault, path, AT)


def declare_october(country: Country, staff: int) -> None:
    """The first employer hands in a file; all others get the same by SQL, with people of their own."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "october.xlsx"
        people = [replace(one, wage_vnd=10_000_000) for one in employer.invent_staff(1, staff)]
        employer.write_declaration(path, OCTOBER, people, "T000000Z")
        with country.database.transaction("lan") as connection:
            import_declaration(connection, country.vault, path, AT)
    with psycopg.connect(country.superuser) as connection:
        connection.execute("SET session_replication_role = replica")
        for statement in _CLONE:
            connection.execute(statement)
        connection.execute("SET session_replication_role = origin")
        connection.commit()
    with psycopg.connect(country.superuser, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


_CLONE = (
    """
    CREATE TEMP TABLE cloned AS
    SELECT e.employer_id, e.unit_code, uuidv7() AS declaration_id, c.declaration_id AS first_id
    FROM engine.employer e CROSS JOIN (SELECT declaration_id, employer_id FROM engine.declaration) c
    WHERE e.employer_id <> c.employer_id
    """,
    """
    CREATE TEMP TABLE cloned_person AS
    SELECT k.employer_id, k.declaration_id, m.person_id AS first_person, uuidv7() AS person_id,
        row_number() OVER () AS number, m.position, m.wage_vnd, m.unpaid, m.months, m.recorded_during
    FROM cloned k JOIN engine.employment m ON m.declaration_id = k.first_id
    """,
    """
    INSERT INTO engine.person (person_id, insured_number_ciphertext, insured_number_fingerprint, name, folded_name,
        birth_date)
    SELECT c.person_id, p.insured_number_ciphertext, sha256(c.number::text::bytea), p.name, p.folded_name, p.birth_date
    FROM cloned_person c JOIN engine.person p ON p.person_id = c.first_person
    """,
    """
    INSERT INTO engine.declaration
    SELECT (jsonb_populate_record(d, jsonb_build_object('declaration_id', k.declaration_id,
        'declaration_no', k.unit_code || '/2026-10/1', 'employer_id', k.employer_id))).*
    FROM cloned k JOIN engine.declaration d ON d.declaration_id = k.first_id
    """,
    """
    INSERT INTO engine.employment (employer_id, person_id, declaration_id, months, position, wage_vnd, unpaid,
        recorded_during)
    SELECT employer_id, person_id, declaration_id, months, position, wage_vnd, unpaid, recorded_during
    FROM cloned_person
    """,
    """
    INSERT INTO engine.person_dues
    SELECT c.declaration_id, c.person_id, d.base_vnd, d.employee_vnd, d.employer_vnd, d.shares, d.findings
    FROM cloned_person c JOIN engine.person_dues d ON d.person_id = c.first_person
    """,
    """
    INSERT INTO engine.dues
    SELECT k.declaration_id, d.fund, d.employee_vnd, d.employer_vnd
    FROM cloned k JOIN engine.dues d ON d.declaration_id = k.first_id
    """,
)


def declare_november(country: Country) -> list[float]:
    """The product's part; the seconds of each shard."""
    seconds: list[float] = []
    law = Parameters.load()
    while True:
        began = time.perf_counter()
        with country.database.transaction("lan") as connection:
            shard = declare_shard(connection, NOVEMBER, LATER, law)
        if not shard.employers:
            return seconds
        seconds.append(time.perf_counter() - began)
        sys.stderr.write(f"{shard.employers} employers in {seconds[-1]:.1f} s\n")


def pay(country: Country, payers: int) -> None:
    """One statement with a line for each of so many notices: matched, booked, allocated."""
    paper = Paper(employer.COLLECTION.account)
    with country.database.transaction() as connection:
        found = connection.execute(_TO_PAY, {"payers": payers}).all()
    with tempfile.TemporaryDirectory() as directory:
        lines = [Line(row.amount_vnd, text=f"{row.payment_code} dong BHXH T11") for row in found]
        path = paper.statement(Path(directory) / "paid.xml", PAID.date(), lines)
        with country.database.transaction("lan") as connection:
            import_statement(connection, country.vault, path, PAID)


_TO_PAY = text("""
    SELECT n.payment_code, sum(d.employee_vnd + d.employer_vnd)::bigint AS amount_vnd
    FROM engine.notice n
    JOIN engine.declaration c USING (declaration_id)
    JOIN engine.dues d USING (declaration_id)
    WHERE c.period = '2026-11-01'
    GROUP BY n.payment_code ORDER BY n.payment_code LIMIT :payers
""")


def figures(country: Country) -> dict[str, int]:
    """What November left in the books."""
    queries = {
        "notices": "SELECT count(*) FROM engine.notice n JOIN engine.declaration c USING (declaration_id)"
        " WHERE c.period = '2026-11-01'",
        "lines": "SELECT count(*) FROM ledger.line l JOIN ledger.entry e USING (entry_id)"
        " WHERE e.document LIKE 'unchanged%'",
        "expected": "SELECT count(*) FROM reconciliation.awaited",
        "receipts": "SELECT count(*) FROM engine.receipt",
        "allocated_vnd": "SELECT coalesce(sum(amount_vnd), 0) FROM engine.allocation",
    }
    with country.database.transaction() as connection:
        return {name: connection.execute(text(query)).scalar_one() for name, query in queries.items()}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--employers", type=int, default=650_000)
    options.add_argument("--staff", type=int, default=1, help="workers of each")
    options.add_argument("--payers", type=int, default=20_000, help="employers that pay on one day")
    given = options.parse_args()
    payers = min(given.payers, given.employers)
    rows = []
    with empty_country() as country:
        for name, employers, step in (
            ("lists of 50,000 employers as CSV", given.employers, lambda: register(country, given.employers)),
            ("October by SQL (not the product)", given.employers, lambda: declare_october(country, given.staff)),
            ("November without changes", given.employers, lambda: declare_november(country)),
            ("a statement with a payment of each", payers, lambda: pay(country, payers)),
        ):
            began = time.perf_counter()
            step()
            spent = time.perf_counter() - began
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            rows.append([name, f"{spent:.1f}", f"{employers / spent:,.0f}", str(peak)])
        found = figures(country)
    table(["step", "seconds", "employers a second", "MiB at most, so far"], rows)
    sys.stdout.write("".join(f"{name}: {count:,}\n" for name, count in found.items()))


if __name__ == "__main__":
    main()
