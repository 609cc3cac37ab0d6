from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import pytest
from bank_paper import Batch, Line, Paper, document
from hostile_files import CODES, write_hostile
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from engine.database import Database
from engine.vault import Vault
from reconciliation.breaks import BreakClass, open_breaks
from reconciliation.errors import ProblemCode, StatementRefused
from reconciliation.intake import AccountRegisteredDifferently, Intake, load_statement, register_account

ACCOUNT = "8800000000001"
DAY = date(2026, 11, 2)
AT = datetime(2026, 11, 6, 18, tzinfo=timezone(timedelta(hours=7)))
Load = Callable[[Path], Intake]


@pytest.fixture
def load(database: Database, vault: Vault) -> Load:
    with database.transaction() as connection:
        register_account(connection, vault.fingerprint("account", ACCOUNT), "cash_at_bank.simbank.retirement")

    def load_one(path: Path) -> Intake:
        with database.transaction() as connection:
            return load_statement(
                connection,
                path,
                fingerprint=lambda account: vault.fingerprint("account", account),
                protect=lambda words: vault.encrypt("statement_text", words.encode()),
                recorded_at=AT,
            )

    return load_one


def _states(connection: Connection) -> list[str]:
    return list(connection.scalars(text("SELECT state FROM reconciliation.statement ORDER BY to_on, statement_id")))


def _refused(load: Load, path: Path) -> set[ProblemCode]:
    with pytest.raises(StatementRefused) as refused:
        load(path)
    return {problem.code for problem in refused.value.problems}


def test_a_batch_is_one_entry_with_an_item_for_each_payment(database: Database, load: Load, tmp_path: Path) -> None:
    lines = tuple(Line(-1_000_000 - number, f"PN{number:012d}") for number in range(50))
    path = Paper(ACCOUNT, 500_000_000).statement(tmp_path / "a.xml", DAY, [Batch(lines, "BATCH1"), Line(7_000)])
    loaded = load(path)
    assert (loaded.already, loaded.statements, loaded.entries, loaded.items) == (False, 1, 2, 51)
    with database.transaction() as connection:
        total = connection.scalar(
            text("SELECT sum(amount_vnd) FROM reconciliation.statement_item WHERE sign = 'debit'")
        )
        assert total == 50 * 1_000_000 + sum(range(50))
        assert _states(connection) == ["accepted"]


def test_a_batch_without_its_details_is_one_item(load: Load, tmp_path: Path) -> None:
    batch = Batch((Line(-5_000), Line(-6_000)), "BATCH1", with_details=False)
    assert load(Paper(ACCOUNT, 100_000).statement(tmp_path / "a.xml", DAY, [batch])).items == 1


def test_the_same_file_again_changes_nothing_and_answers_with_the_first_intake(load: Load, tmp_path: Path) -> None:
    path = Paper(ACCOUNT).statement(tmp_path / "a.xml", DAY, [Line(5_000), Line(5_000)])
    first = load(path)
    again = load(path.rename(tmp_path / "other name.xml"))
    assert again == Intake(first.file_id, True, 1, 2, 2)


def test_equal_entries_of_one_day_are_all_kept(load: Load, tmp_path: Path) -> None:
    paper = Paper(ACCOUNT, 100_000)
    assert load(paper.statement(tmp_path / "a.xml", DAY, [Line(-1_100)] * 4)).entries == 4
    # A second statement of the same day follows on: equal entries in it are new ones.
    assert load(paper.statement(tmp_path / "b.xml", DAY, [Line(-1_100)] * 3)).entries == 3


def test_what_a_statement_is_refused_for(load: Load, tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    wrong_account = Paper("9900000000009").statement(path, DAY, [Line(5_000)])
    assert _refused(load, wrong_account) == {ProblemCode.ACCOUNT}
    assert _refused(load, Paper(ACCOUNT).statement(path, DAY, [Line(5_000)], extra_vnd=1)) == {
        ProblemCode.BALANCE_MISMATCH
    }
    assert _refused(load, Paper(ACCOUNT).statement(path, date(2027, 11, 2), [Line(5_000)])) == {ProblemCode.DATE}
    dollars = document(ACCOUNT, DAY, [Line(5)], sequence=1, opening_vnd=0, closing_vnd=5, from_on=DAY, currency="USD")
    path.write_text(dollars)
    assert _refused(load, path) == {ProblemCode.CURRENCY}
    off_by_one = document(
        ACCOUNT, DAY, [Batch((Line(3), Line(4)))], sequence=1, opening_vnd=0, closing_vnd=7, from_on=DAY
    ).replace('<TxDtls><Refs><EndToEndId>NOTPROVIDED</EndToEndId></Refs><Amt Ccy="VND">3<', '<TxDtls><Amt Ccy="VND">2<')
    path.write_text(off_by_one)
    assert ProblemCode.DETAIL in _refused(load, path)
    notification = Paper(ACCOUNT).statement(path, DAY, [Line(5_000)]).read_text()
    path.write_text(
        notification.replace("BkToCstmrStmt", "BkToCstmrDbtCdtNtfctn").replace("Stmt>", "Ntfctn>").replace("053", "054")
    )
    assert ProblemCode.UNKNOWN_FORMAT in _refused(load, path)


def test_every_problem_is_named_at_once(load: Load, tmp_path: Path) -> None:
    path = Paper("9900000000009").statement(tmp_path / "a.xml", date(2027, 11, 2), [Line(5_000)], extra_vnd=1)
    assert _refused(load, path) == {ProblemCode.ACCOUNT, ProblemCode.BALANCE_MISMATCH, ProblemCode.DATE}


def test_of_a_hostile_file_nothing_is_stored(database: Database, load: Load, tmp_path: Path) -> None:
    for number, (name, code) in enumerate(CODES.items()):
        assert code in _refused(load, write_hostile(name, tmp_path / f"{number}"))
    with database.transaction() as connection:
        for table in ("statement_file", "statement", "statement_entry", "statement_item", "break"):
            assert connection.scalar(text(f"SELECT count(*) FROM reconciliation.{table}")) == 0


def test_a_statement_after_a_gap_waits_until_the_missing_one_comes(
    database: Database, load: Load, tmp_path: Path
) -> None:
    paper = Paper(ACCOUNT)
    first, missing, third, fourth = (
        paper.statement(tmp_path / f"{day}.xml", DAY + timedelta(days=day), [Line(1_000 + day)]) for day in range(4)
    )
    for path in (first, third, fourth):
        load(path)
    with database.transaction() as connection:
        assert _states(connection) == ["accepted", "waiting", "waiting"]
        assert [found.break_class for found in open_breaks(connection, DAY + timedelta(days=9))] == [
            BreakClass.STATEMENT_GAP
        ]
    load(missing)
    with database.transaction() as connection:
        assert _states(connection) == ["accepted"] * 4
        assert open_breaks(connection, DAY + timedelta(days=9)) == []


def test_a_skipped_number_is_a_gap_even_if_the_balances_meet(database: Database, load: Load, tmp_path: Path) -> None:
    paper = Paper(ACCOUNT)
    load(paper.statement(tmp_path / "1.xml", DAY, [Line(1_000)]))
    paper.sequence += 5
    load(paper.statement(tmp_path / "2.xml", DAY + timedelta(days=1), [Line(1_000)]))
    with database.transaction() as connection:
        assert _states(connection) == ["accepted", "waiting"]


def test_an_overlapping_statement_brings_only_what_is_new(database: Database, load: Load, tmp_path: Path) -> None:
    load(Paper(ACCOUNT).statement(tmp_path / "a.xml", DAY, [Line(1_000), Line(1_000), Line(-300)]))
    whole_day = Paper(ACCOUNT, sequence=1).statement(
        tmp_path / "b.xml", DAY, [Line(1_000), Line(1_000), Line(-300), Line(1_000), Line(44)]
    )
    assert load(whole_day).entries == 2
    with database.transaction() as connection:
        assert _states(connection) == ["accepted", "accepted"]


def test_a_statement_told_again_under_another_hash_brings_nothing(
    database: Database, load: Load, tmp_path: Path
) -> None:
    path = Paper(ACCOUNT).statement(tmp_path / "a.xml", DAY, [Line(1_000), Line(-1_000)])
    load(path)
    path.write_text(path.read_text() + "\n")
    assert load(path).entries == 0
    with database.transaction() as connection:
        assert _states(connection) == ["accepted", "accepted"]


def test_a_corrected_day_is_refused_and_nothing_overwritten(database: Database, load: Load, tmp_path: Path) -> None:
    load(Paper(ACCOUNT).statement(tmp_path / "a.xml", DAY, [Line(1_000), Line(2_000)]))
    corrected = Paper(ACCOUNT).statement(tmp_path / "b.xml", DAY, [Line(1_000), Line(2_001)])
    assert _refused(load, corrected) == {ProblemCode.BALANCE_MISMATCH}
    with database.transaction() as connection:
        assert connection.scalar(text("SELECT sum(amount_vnd) FROM reconciliation.statement_entry")) == 3_000


def test_no_account_number_memo_or_name_stands_in_the_database(
    database: Database, load: Load, vault: Vault, tmp_path: Path
) -> None:
    lines = [
        Line(9_000, "PHAM VAN A 0912345678", text="chuyen tien PHAM VAN A", name="PHAM VAN A"),
        Line(-9_000, "19031234567890", bank_reference=f"FT{ACCOUNT}"),
    ]
    load(Paper(ACCOUNT).statement(tmp_path / f"{ACCOUNT}_20261102.xml", DAY, lines))
    with database.transaction() as connection:
        tables = connection.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'reconciliation'")).all()
        stored = "".join(
            str(row)
            for table in tables
            for row in connection.scalars(text(f"SELECT t::text FROM reconciliation.{table} t"))
        )
        words = connection.scalars(text("SELECT text_ciphertext FROM reconciliation.statement_item")).first()
    assert ACCOUNT not in stored
    assert "19031234567890" not in stored
    assert "PHAM" not in stored
    assert "0912345678" not in stored
    assert words is not None
    assert "PHAM VAN A 0912345678" in vault.decrypt("statement_text", words).decode()


def test_statement_lines_cannot_be_changed(database: Database, load: Load, tmp_path: Path) -> None:
    load(Paper(ACCOUNT).statement(tmp_path / "a.xml", DAY, [Line(1_000)]))
    for change in (
        "UPDATE reconciliation.statement_entry SET amount_vnd = 1",
        "UPDATE reconciliation.statement_item SET amount_vnd = 1",
        "UPDATE reconciliation.statement SET closing_vnd = 1",
        "DELETE FROM reconciliation.statement_item",
        "DELETE FROM reconciliation.statement",
    ):
        with pytest.raises(DBAPIError, match=r"append-only|permission denied"), database.transaction() as connection:
            connection.execute(text(change))


def test_an_account_is_registered_once_and_for_one_ledger_account(database: Database) -> None:
    with database.transaction() as connection:
        first = register_account(connection, b"1", "cash_at_bank.a")
        assert register_account(connection, b"1", "cash_at_bank.a") == first
        with pytest.raises(AccountRegisteredDifferently):
            register_account(connection, b"1", "cash_at_bank.b")
        with pytest.raises(AccountRegisteredDifferently):
            register_account(connection, b"2", "cash_at_bank.a")
