"""Reconciling again: what a line waited for came later."""

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from bank_paper import Line, Paper
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from engine.clock import VIET_NAM
from engine.database import Database
from engine.payments.settlement import import_statement
from engine.reconcile import reconcile
from engine.vault import Vault
from ledger.accounts import open_account
from reconciliation import expectations
from reconciliation.intake import register_account
from reconciliation.references import make_reference
from reconciliation.working_days import working_days_after, working_days_between

ACCOUNT = "8800000000001"
DAY = date(2026, 11, 2)
AT = datetime(2026, 11, 3, 18, tzinfo=VIET_NAM)


@pytest.fixture
def own_account(database: Database, vault: Vault) -> int:
    with database.transaction() as connection:
        ledger_account = open_account(connection, "cash_at_bank", "simbank.retirement")
        return register_account(connection, vault.fingerprint("account", ACCOUNT), ledger_account)


def _expect(connection: Connection, own_account: int, number: int, amount_vnd: int) -> None:
    expectations.open_staging(connection)
    connection.execute(
        text(
            f"INSERT INTO {expectations.STAGING} (own_account_id, sign, reference, amount_vnd, due_on, kind) "
            "VALUES (:own, 'debit', :reference, :amount, :day, 'other')"
        ),
        {"own": own_account, "reference": make_reference("PN", number), "amount": amount_vnd, "day": DAY},
    )
    expectations.expect_staged(connection)


def test_what_was_expected_after_its_statement_is_found_once(
    database: Database, vault: Vault, own_account: int, tmp_path: Path
) -> None:
    lines = [Line(-3_000_000, make_reference("PN", 1)), Line(-4_000_000, make_reference("PN", 2))]
    with database.transaction() as connection:
        import_statement(connection, vault, Paper(ACCOUNT, 7_000_000).statement(tmp_path / "1.xml", DAY, lines), AT)
    with database.transaction() as connection:
        before = reconcile(connection, DAY + timedelta(days=1), AT)
    assert (before.matched, before.closes) == (0, False)
    (open_class,) = before.accounts[0].breaks
    assert (open_class.break_class, open_class.owner, open_class.breaks) == ("unknown_to_us", "payments", 2)
    assert (open_class.amount_vnd, open_class.oldest_days) == (7_000_000, 1)
    with database.transaction() as connection:
        _expect(connection, own_account, 1, 3_000_000)
        _expect(connection, own_account, 2, 4_000_001)
        found = reconcile(connection, DAY + timedelta(days=1), AT)
        again = reconcile(connection, DAY + timedelta(days=1), AT)
    assert (found.matched, again.matched) == (1, 0)
    assert found.accounts[0] == again.accounts[0]
    assert [(row.rule, row.lines, row.amount_vnd) for row in found.accounts[0].matched] == [("echo", 1, -3_000_000)]
    assert [each.break_class for each in found.accounts[0].breaks] == ["amount_differs", "missing_at_bank"]
    assert not again.closes


def test_early_news_is_kept_and_settles_nothing(
    database: Database, vault: Vault, own_account: int, tmp_path: Path
) -> None:
    lines = [Line(-3_000_000, make_reference("PN", 1)), Line(-1_000, text="phi")]
    statement = Paper(ACCOUNT, 7_000_000).statement(tmp_path / "a.xml", DAY, lines)
    early = tmp_path / "early.xml"
    words = statement.read_text().replace("BkToCstmrStmt", "BkToCstmrDbtCdtNtfctn").replace("camt.053", "camt.054")
    early.write_text(words.replace("<Stmt>", "<Ntfctn>").replace("</Stmt>", "</Ntfctn>"))
    with database.transaction() as connection:
        _expect(connection, own_account, 1, 3_000_000)
        told = import_statement(connection, vault, early, AT)
        assert (told.intake.already, told.early_lines, told.settled) == (False, 2, 0)
        assert import_statement(connection, vault, early, AT).intake.already
        (account,) = reconcile(connection, DAY, AT).accounts
        assert (account.told_early, account.matched, account.proof.statement_vnd) == ((1, 3_000_000), (), None)
        import_statement(connection, vault, statement, AT)
        (account,) = reconcile(connection, DAY, AT).accounts
        assert (account.told_early, account.matched[0].lines) == ((0, 0), 1)


def test_a_notice_of_a_balance_change_is_early_news(
    database: Database, vault: Vault, own_account: int, tmp_path: Path
) -> None:
    notice = tmp_path / "notice.json"
    notice.write_text(
        f'{{"id": 1, "transactionDate": "{DAY} 10:00:00", "accountNumber": "{ACCOUNT}", "transferType": "out", '
        f'"transferAmount": 3000000, "content": "{make_reference("PN", 1)} luong huu", "referenceCode": "FT1"}}'
    )
    with database.transaction() as connection:
        _expect(connection, own_account, 1, 3_000_000)
        assert import_statement(connection, vault, notice, AT).early_lines == 1
        (account,) = reconcile(connection, DAY, AT).accounts
        assert (account.told_early, account.matched, account.proof.statement_vnd) == ((1, 3_000_000), (), None)


def test_working_days_pass_over_tet_and_week_ends() -> None:
    assert working_days_between(date(2026, 2, 13), date(2026, 2, 23)) == 1
    assert working_days_between(date(2026, 11, 6), date(2026, 11, 9)) == 1
    assert working_days_after(date(2026, 11, 6), 2) == date(2026, 11, 10)
    assert working_days_between(date(2026, 11, 9), date(2026, 11, 6)) == 0


def test_a_run_that_is_killed_starts_again_without_harm(
    database: Database, vault: Vault, own_account: int, tmp_path: Path
) -> None:
    lines = [Line(-3_000_000, make_reference("PN", 1)), Line(-5_000_000, text="khong ro")]
    path = Paper(ACCOUNT, 8_000_000).statement(tmp_path / "1.xml", DAY, lines)
    with database.transaction() as connection:
        _expect(connection, own_account, 1, 3_000_000)
    with pytest.raises(OperationalError), database.transaction() as connection:
        _import_and_be_killed(database, connection, vault, path)
    counts = text(
        "SELECT (SELECT count(*) FROM reconciliation.statement_file), (SELECT count(*) FROM reconciliation.match), "
        "(SELECT count(*) FROM reconciliation.break), (SELECT count(*) FROM reconciliation.awaited)"
    )
    with database.transaction() as connection:
        assert tuple(connection.execute(counts).one()) == (0, 0, 0, 1)
    for _ in range(2):
        with database.transaction() as connection:
            import_statement(connection, vault, path, AT)
            assert tuple(connection.execute(counts).one()) == (1, 1, 1, 0)


def _import_and_be_killed(database: Database, connection: Connection, vault: Vault, path: Path) -> None:
    backend = connection.scalar(text("SELECT pg_backend_pid()"))
    import_statement(connection, vault, path, AT)
    with database.transaction() as other:
        other.execute(text("SELECT pg_terminate_backend(:backend, 5000)"), {"backend": backend})
    connection.execute(text("SELECT 1"))
