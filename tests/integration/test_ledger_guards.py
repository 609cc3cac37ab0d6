"""What nobody may do to the ledger by hand, tried as the application's role, as the owner and as the superuser."""

from collections.abc import Iterable
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from ledger.accounts import open_account
from ledger.book import post
from ledger.entries import EntryHeader, Line
from ledger.money import Dong
from ledger.periods import close_period

AT = datetime(2026, 11, 3, 9, 30, tzinfo=UTC)
COLUMN = {
    "account": "name",
    "balance": "debit_vnd",
    "entry": "document",
    "line": "amount_vnd",
    "entry_key": "key",
    "reversal": "reversing_entry_id",
    "closed_period": "month",
}
FORBIDDEN = "42501"
OPEN = "SELECT ledger.open_staging()"
LINE = "INSERT INTO pg_temp.staged_line (debit, credit, amount_vnd, fund) VALUES "
ASK = "'k2', 'x', 'd', DATE '2026-11-01', '', TIMESTAMPTZ '2026-11-01 00:00+07'"


@pytest.fixture(autouse=True)
def book(application: Engine) -> None:
    with application.begin() as connection:
        debit, credit = open_account(connection, "cash_at_bank"), open_account(connection, "fund_balance")
        open_account(connection, "advance_to_agent", "vnpost")
        header = EntryHeader(key="k1", event="opening", document="d", business_on=date(2026, 11, 1), description="")
        post(connection, header, [Line(debit, credit, Dong(100), "retirement")], AT)
        close_period(connection, date(2026, 9, 1), AT)


def attempt(engine: Engine, *statements: str) -> str | None:
    """The SQLSTATE or the constraint that refuses one of the statements; nothing of them stays."""
    with engine.connect() as connection:
        try:
            for statement in statements:
                connection.execute(text(statement))
        except DBAPIError as error:
            diagnosis = getattr(error.orig, "diag", None)
            return getattr(diagnosis, "constraint_name", None) or getattr(error.orig, "sqlstate", None)
    return None


def refused_by_all(engine: Engine, acts: Iterable[str], sqlstate: str, *before: str) -> None:
    assert {act: attempt(engine, *before, act) for act in acts} == dict.fromkeys(acts, sqlstate)


def test_the_application_can_write_no_table(application: Engine) -> None:
    for act in ("UPDATE ledger.{} SET {} = NULL", "DELETE FROM ledger.{}", "TRUNCATE ledger.{} CASCADE"):
        refused_by_all(application, [act.format(*table) for table in COLUMN.items()], FORBIDDEN)
    rows = [f"INSERT INTO ledger.{table} ({column}) VALUES (NULL)" for table, column in COLUMN.items()]
    refused_by_all(application, rows, FORBIDDEN)


def test_nobody_can_erase_or_change_rows(owner: Engine, superuser: Engine) -> None:
    acts = [f"{act} ledger.{table}" for act in ("DELETE FROM", "TRUNCATE") for table in COLUMN]
    acts = [f"{act} CASCADE" if act.startswith("TRUNCATE") else act for act in acts]
    acts += [f"UPDATE ledger.{table} SET {column} = NULL" for table, column in COLUMN.items() if table != "balance"]
    refused_by_all(owner, acts, "LG007")
    refused_by_all(superuser, acts, "LG007")


def test_the_inner_functions_are_not_for_the_application(application: Engine) -> None:
    calls = [
        f"SELECT ledger.write_entry({ASK}, NULL)",
        "SELECT ledger.move_balances(ARRAY[1], ARRAY[1], ARRAY[0])",
        "SELECT ledger.staged_problems()",
        "SELECT ledger.clear_staging()",
    ]
    refused_by_all(application, calls, FORBIDDEN, OPEN)


def test_the_application_cannot_lift_the_guards(application: Engine) -> None:
    acts = [
        "ALTER TABLE ledger.line DISABLE TRIGGER ALL",
        "DROP TRIGGER append_only ON ledger.line",
        "DROP TABLE ledger.reversal",
        "CREATE TABLE ledger.mine (a int)",
        "CREATE TRIGGER mine BEFORE INSERT ON pg_temp.staged_line EXECUTE FUNCTION ledger.refuse_change()",
        "DROP TABLE pg_temp.staged_line",
        "SET session_replication_role = replica",
        "SELECT setval('ledger.entry_entry_id_seq', 1)",
    ]
    refused_by_all(application, acts, FORBIDDEN, OPEN)


def test_the_database_itself_refuses_wrong_lines(application: Engine) -> None:
    rows = {
        "('cash_at_bank', 'fund_balance', 0, 'retirement')": "LG002",
        "('cash_at_bank', 'fund_balance', -1, 'retirement')": "LG002",
        "('cash_at_bank', 'fund_balance', NULL, 'retirement')": "LG002",
        "('cash_at_bank', 'cash_at_bank', 5, 'retirement')": "LG002",
        "('cash_at_bank', 'unheard', 5, 'retirement')": "LG002",
        "(NULL, 'fund_balance', 5, 'retirement')": "LG002",
        "('cash_at_bank', 'fund_balance', 5, NULL)": "LG002",
        "('cash_at_bank', 'advance_to_agent.vnpost', 5, 'retirement')": "LG006",
        "('cash_at_bank', 'fund_balance', 9223372036854775807, 'retirement')": "22003",
    }
    assert {row: attempt(application, OPEN, LINE + row, f"SELECT ledger.post_staged({ASK})") for row in rows} == rows


def test_the_database_itself_refuses_wrong_headers(application: Engine) -> None:
    row = LINE + "('cash_at_bank', 'fund_balance', 5, 'retirement')"
    asks = {
        ASK.replace("'k2'", "'k1'"): "LG003",
        ASK.replace("'k2'", "NULL"): "23502",
        ASK.replace("'k2'", "''"): "entry_key_key_check",
        ASK.replace("'k2'", "'079123456789'"): "LG001",
        ASK.replace("'d'", "'079123456789'"): "LG001",
        ASK.replace("'d'", "''"): "entry_document_check",
        ASK.replace("'x'", "'Not a code'"): "entry_event_check",
        ASK.replace("DATE '2026-11-01'", "DATE '2026-09-30'"): "LG004",
        ASK.replace("DATE '2026-11-01'", "NULL"): "23502",
    }
    assert {ask: attempt(application, OPEN, row, f"SELECT ledger.post_staged({ask})") for ask in asks} == asks


def test_a_staging_table_of_the_callers_own_making_is_refused(application: Engine) -> None:
    application.dispose()  # a session that has no staging table yet
    columns = "1::bigint AS line_no, 'a' AS debit, 'b' AS credit, 5::bigint AS amount_vnd, 'f' AS fund"
    for kind in ("TABLE", "VIEW"):
        own = f"CREATE TEMPORARY {kind} staged_line AS SELECT {columns}"
        refused_by_all(application, [f"SELECT ledger.post_staged({ASK})", OPEN], "LG001", own)


def test_the_tables_hold_their_own_rules_against_the_owner(owner: Engine) -> None:
    rules = {
        "UPDATE ledger.balance SET credit_vnd = 1 WHERE balance_limit <> 'none'": "balance_within_limit",
        "INSERT INTO ledger.balance (account_id, normal_side, balance_limit)"
        " SELECT account_id, normal_side, balance_limit FROM ledger.account WHERE balance_limit <> 'none'": (
            "balance_one_row_under_a_limit"
        ),
        "INSERT INTO ledger.balance (account_id, normal_side, balance_limit)"
        " SELECT account_id, normal_side, 'none' FROM ledger.account WHERE balance_limit <> 'none'": (
            "balance_account_id_normal_side_balance_limit_fkey"
        ),
        "INSERT INTO ledger.line VALUES (1, 2, 1, 2, 0, 'retirement')": "line_amount_is_positive",
        "INSERT INTO ledger.line VALUES (1, 2, 1, 1, 5, 'retirement')": "line_accounts_differ",
        "INSERT INTO ledger.line VALUES (1, 2, 1, 2, 5, 'retirement', NULL, '079123456789')": (
            "line_references_are_no_bare_numbers"
        ),
        "INSERT INTO ledger.reversal VALUES (1, 1)": "reversal_check",
        "INSERT INTO ledger.closed_period VALUES ('2026-10-02', '2026-11-01')": "closed_period_month_check",
    }
    assert {act: attempt(owner, act) for act in rules} == rules
