"""The whole month by the command a stranger types, and what must hold afterwards."""

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import builders
import psycopg
import pytest
from python_calamine import CalamineWorkbook

from gateways.iso20022.schemas import validate

PAYEES = 250
_COMMAND = [sys.executable, "-c", "from engine.cli import main; main()"]


def thuchi(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "THUCHI_HOME": str(home)}
    for setting in ("THUCHI_DATABASE_URL", "THUCHI_DATABASE_OWNER_URL", "THUCHI_REDIS_URL"):
        environment.pop(setting, None)
    return subprocess.run([*_COMMAND, *arguments], env=environment, capture_output=True, text=True, check=False)


def _demo(home: Path) -> dict[str, Any]:
    done = thuchi(home, "demo", "--payees", str(PAYEES), "--seed", "7", "--no-serve", "--json")
    assert done.returncode == 0, done.stderr
    month: dict[str, Any] = json.loads(done.stdout)
    return month


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with builders.embedded_home("demo") as home:
        yield home


@pytest.fixture(scope="module")
def months(home: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The same month twice in one home."""
    return _demo(home), _demo(home)


def test_the_proof_has_no_difference_and_every_fate_occurs(months: tuple[dict[str, Any], dict[str, Any]]) -> None:
    proof = months[0]["proof"]
    assert proof["differences"] == []
    totals = proof["totals"]
    assert totals["approved"] == sum(amount for state, amount in totals.items() if state != "approved")
    assert {row["state"] for row in proof["rows"]} == {"settled", "returned", "failed"}
    assert proof["inquiries_resolved"] > 0
    assert sum(row["payments"] for row in proof["rows"]) >= PAYEES


def test_the_same_seed_gives_the_same_month(months: tuple[dict[str, Any], dict[str, Any]]) -> None:
    first, second = months
    assert first["proof"] == second["proof"]
    assert first["trial_balance"] == second["trial_balance"]


def test_the_trial_balance_is_in_balance(months: tuple[dict[str, Any], dict[str, Any]]) -> None:
    rows = months[0]["trial_balance"]
    assert sum(row["debit"] for row in rows) == sum(row["credit"] for row in rows) > 0


def test_the_bank_credited_each_reference_once_and_what_we_say_was_paid(
    home: Path, months: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    books = json.loads(thuchi(home, "simulator", "books", "--json").stdout)
    totals = months[1]["proof"]["totals"]
    assert {row["credits"] for row in books} == {1}
    assert sum(row["amount_vnd"] for row in books) == totals["settled"] + totals["returned"]


def test_every_file_to_the_bank_is_valid(home: Path, months: object) -> None:
    files = sorted((home / "exchange" / "outgoing").glob("*.xml"))
    assert files
    for file in files:
        validate(file.read_bytes(), "pain.001.001.09")
        assert file.stat().st_mode & 0o077 == 0
    assert (home / "exchange" / "outgoing").stat().st_mode & 0o077 == 0


def test_no_number_of_the_population_stands_in_database_files_or_logs(home: Path, months: object) -> None:
    numbers = _numbers_of_the_population(home / "demonstration")
    assert len(numbers) > 2 * PAYEES
    with psycopg.connect(thuchi(home, "db", "url", "--superuser").stdout.strip(), autocommit=True) as connection:
        connection.execute("CHECKPOINT")
    # A running server makes and removes files of its own; what has gone by the time it is opened holds nothing.
    places = [path for name in ("postgres", "logs") for path in (home / name).rglob("*") if path.is_file()]
    assert any(path.name == "thuchi.log" for path in places)
    looked_at = 0
    for path in places:
        with suppress(FileNotFoundError):
            # Read, not mapped: a mapped file that the server cuts short ends the process.
            content = path.read_bytes()
            looked_at += len(content)
            assert [number[-4:] for number in numbers if number.encode() in content] == [], path
    assert looked_at > 30_000_000


def _numbers_of_the_population(directory: Path) -> set[str]:
    """Personal ids, insured numbers, phones and account numbers, as the files for the import hold them."""
    cells: list[str] = []
    for path in directory.glob("*.xlsx"):
        book = CalamineWorkbook.from_path(str(path))
        for name in book.sheet_names:
            cells += [str(cell) for row in book.get_sheet_by_name(name).to_python() for cell in row]
    for path in directory.glob("*.csv"):
        cells += path.read_text(encoding="utf-8-sig").replace("\n", ",").split(",")
    return {cell.strip() for cell in cells if cell.strip().isdigit() and len(cell.strip()) >= 9}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("UPDATE ledger.line SET amount_vnd = amount_vnd + 1 WHERE entry_id = 4 AND line_no = 2", "entry 4"),
        ("UPDATE ledger.line SET debit_account_id = 1 WHERE entry_id = 5 AND line_no = 1", "entry 5"),
        ("UPDATE ledger.line SET credit_reference = 'PN00000099999X' WHERE entry_id = 6 AND line_no = 1", "entry 6"),
        ("UPDATE ledger.balance SET debit_vnd = debit_vnd + 1 WHERE balance_id = 1", "in_transit.simbank"),
    ],
)
def test_a_change_by_hand_is_found_and_named(home: Path, months: object, change: str, named: str) -> None:
    address = thuchi(home, "db", "url", "--superuser").stdout.strip()
    with psycopg.connect(address) as connection:
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute("CREATE TABLE kept_line AS TABLE ledger.line")
        connection.execute("CREATE TABLE kept_balance AS TABLE ledger.balance")
        assert connection.execute(change.encode()).rowcount == 1
    try:
        done = thuchi(home, "ledger", "verify", "--json")
        assert done.returncode == 1
        assert named in json.loads(done.stdout)["first_difference"]
        assert named in done.stderr
    finally:
        with psycopg.connect(address) as connection:
            connection.execute("SET LOCAL session_replication_role = replica")
            connection.execute("DELETE FROM ledger.line")
            connection.execute("INSERT INTO ledger.line SELECT * FROM kept_line")
            connection.execute("DELETE FROM ledger.balance")
            connection.execute("INSERT INTO ledger.balance OVERRIDING SYSTEM VALUE SELECT * FROM kept_balance")
            connection.execute("DROP TABLE kept_line, kept_balance")
    done = thuchi(home, "ledger", "verify", "--json")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("statement", ["UPDATE ledger.entry SET description = ''", "DELETE FROM ledger.line"])
def test_the_application_role_cannot_change_the_ledger(home: Path, months: object, statement: str) -> None:
    address = thuchi(home, "db", "url").stdout.strip()
    with psycopg.connect(address) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement.encode())


def test_the_life_of_a_payment_stands_on_one_page(home: Path, months: object) -> None:
    life = json.loads(thuchi(home, "trace", "PN00000000001J", "--json").stdout)
    assert [signature["level"] for signature in life["signatures"]] == [0, 1, 2]
    assert life["award"][0]["findings"]
    assert life["statement_lines"]
    assert life["entries"][0]["event"] == "run_approved"


def test_the_demonstration_refuses_a_database_it_did_not_make() -> None:
    with builders.embedded_home("other") as home:
        assert thuchi(home, "db", "upgrade").returncode == 0
        done = thuchi(home, "demo", "--payees", "60", "--no-serve", "--json")
        assert done.returncode == 2
        assert "not made by a demonstration" in done.stderr


def test_a_second_demonstration_in_one_home_waits_its_turn() -> None:
    with builders.embedded_home("twice") as home, (home / "demonstration.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = thuchi(home, "demo", "--payees", "60", "--no-serve")
        assert done.returncode == 2
        assert "another demonstration runs" in done.stderr
