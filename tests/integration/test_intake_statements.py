import logging
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import pytest
from bank_paper import Batch, Line, Paper, document
from hostile_files import CODES, write_hostile
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from engine.database import Database
from engine.payments.settlement import import_statement
from engine.vault import Vault
from reconciliation import staging
from reconciliation.breaks import BreakClass, open_breaks
from reconciliation.decisions import DecisionKind, approve, prepare_choice
from reconciliation.errors import ProblemCode, StatementRefused
from reconciliation.intake import AccountRegisteredDifferently, Intake, load_statement, register_account
from reconciliation.matching import Rule, match_file, undo

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


def test_a_long_file_says_how_far_it_is(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(staging, "STEP", 4)
    caplog.set_level(logging.INFO, "thuchi.progress")
    load(Paper(ACCOUNT).statement(tmp_path / "a.xml", DAY, [Line(1_000)] * 5))
    # A line of each entry, and one of its detail.
    assert caplog.messages == ["a.xml: 4 lines read", "a.xml: 8 lines read"]


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
        assert _states(connection) == ["accepted", "repeated"]


def _corrected(tmp_path: Path) -> tuple[Path, Path]:
    """A day, and the same day told again: two entries are gone, one of two equal ones stays, one is new."""
    lines = [Line(1_000), Line(1_000), Line(2_000, "PN000000000001"), Line(-300)]
    return (
        Paper(ACCOUNT, 500).statement(tmp_path / "a.xml", DAY, lines),
        Paper(ACCOUNT, 500).statement(tmp_path / "b.xml", DAY, [Line(1_000), Line(-300), Line(2_001)]),
    )


def _decide(database: Database, break_id: int, kind: DecisionKind) -> None:
    with database.transaction("mai") as connection:
        decision = prepare_choice(connection, break_id, kind, "asked the bank", "mai", AT)
    with database.transaction("long") as connection:
        approve(connection, decision, "long", AT)


def _standing(database: Database) -> list[int]:
    with database.transaction() as connection:
        return list(
            connection.scalars(
                text(
                    "SELECT CASE sign WHEN 'credit' THEN amount_vnd ELSE -amount_vnd END "
                    "FROM reconciliation.statement_entry LEFT JOIN reconciliation.withdrawn_entry w "
                    "USING (statement_id, entry_no) WHERE w.statement_id IS NULL ORDER BY 1"
                )
            )
        )


def test_a_day_told_again_waits_and_both_files_are_named(database: Database, load: Load, tmp_path: Path) -> None:
    first, again = _corrected(tmp_path)
    load(first)
    waits = load(again)
    assert (waits.entries, len(waits.waits_for)) == (0, 1)
    assert load(again).waits_for == waits.waits_for
    with database.transaction() as connection:
        (found,) = open_breaks(connection, DAY + timedelta(days=9))
        assert (found.break_class, found.break_id) == (BreakClass.STATEMENT_REISSUED, waits.waits_for[0])
        assert found.keeps_day_open
        assert "b.xml tells otherwise than a.xml" in found.description
        assert (found.detail["closing_vnd"], found.detail["earlier_closing_vnd"]) == (3_201, 4_200)
        assert (found.detail["no_longer_told"], found.detail["new_places"]) == (2, ["Stmt[1]/Ntry[3]"])
        assert _states(connection) == ["accepted"]
    assert _standing(database) == [-300, 1_000, 1_000, 2_000]


def test_the_engine_applies_nothing_of_a_file_that_waits(
    database: Database, load: Load, vault: Vault, tmp_path: Path
) -> None:
    first, again = _corrected(tmp_path)
    load(first)
    with database.transaction() as connection:
        imported = import_statement(connection, vault, again, AT)
    assert (imported.settled, len(imported.intake.waits_for)) == (0, 1)


def test_the_later_file_replaces_a_day_when_two_have_decided(database: Database, load: Load, tmp_path: Path) -> None:
    first, again = _corrected(tmp_path)
    load(first)
    (break_id,) = load(again).waits_for
    _decide(database, break_id, DecisionKind.REPLACE)
    assert load(again).entries == 1
    assert load(again).already
    assert _standing(database) == [-300, 1_000, 2_001]
    paper = Paper(ACCOUNT, 3_201, sequence=1)
    assert load(paper.statement(tmp_path / "c.xml", DAY + timedelta(days=1), [Line(5)])).entries == 1
    with database.transaction() as connection:
        assert _states(connection) == ["accepted"] * 3
        assert open_breaks(connection, DAY + timedelta(days=9)) == []
    # The bank takes the correction back: what had been withdrawn is told anew.
    lines = [Line(1_000), Line(1_000), Line(2_000, "PN000000000001"), Line(-300)]
    third = Paper(ACCOUNT, 500).statement(tmp_path / "d.xml", DAY, lines)
    third.write_text(third.read_text() + "\n")
    (break_id,) = load(third).waits_for
    _decide(database, break_id, DecisionKind.REPLACE)
    assert load(third).entries == 2
    assert _standing(database) == [-300, 5, 1_000, 1_000, 2_000]


def test_the_earlier_file_holds_when_two_have_decided(database: Database, load: Load, tmp_path: Path) -> None:
    first, again = _corrected(tmp_path)
    load(first)
    (break_id,) = load(again).waits_for
    _decide(database, break_id, DecisionKind.KEEP)
    assert _refused(load, again) == {ProblemCode.REISSUED}
    assert _standing(database) == [-300, 1_000, 1_000, 2_000]
    with database.transaction() as connection:
        assert open_breaks(connection, DAY + timedelta(days=9)) == []


def test_a_day_that_came_to_nothing_is_not_told_twice(database: Database, load: Load, tmp_path: Path) -> None:
    load(Paper(ACCOUNT, 500).statement(tmp_path / "a.xml", DAY, [Line(1_000), Line(-1_000)]))
    again = Paper(ACCOUNT, 500).statement(tmp_path / "b.xml", DAY, [Line(1_000), Line(-999)])
    assert load(again).waits_for != ()
    assert _standing(database) == [-1_000, 1_000]


def test_a_match_on_a_line_that_is_gone_must_be_undone_first(database: Database, load: Load, tmp_path: Path) -> None:
    first, again = _corrected(tmp_path)
    with database.transaction() as connection:
        account = connection.scalar(text("SELECT own_account_id FROM reconciliation.own_account"))
        connection.execute(
            text(
                "INSERT INTO reconciliation.expectation (own_account_id, sign, reference, amount_vnd, due_on, kind) "
                "VALUES (:account, 'credit', 'PN000000000001', 2000, :on, 'payment')"
            ),
            {"account": account, "on": DAY},
        )
    loaded = load(first)
    with database.transaction() as connection:
        assert [run.matched[Rule.ECHO] for run in match_file(connection, loaded.file_id, AT)] == [1]
    (break_id,) = load(again).waits_for
    _decide(database, break_id, DecisionKind.REPLACE)
    assert _refused(load, again) == {ProblemCode.REISSUED}
    with database.transaction() as connection:
        match_id = connection.execute(text("SELECT match_id FROM reconciliation.match")).scalar_one()
        undo(connection, match_id, "the bank took it back", AT)
    assert load(again).entries == 1
    with database.transaction() as connection:
        assert [each.line_vnd for each in open_breaks(connection, DAY + timedelta(days=9))] == [None, 1_000, 300]


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
