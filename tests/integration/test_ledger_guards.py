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
    "partition": "month",
}
PARTITIONS = {f"ledger_partition.{kind}_{no}": COLUMN[kind] for kind in ("entry", "line") for no in range(3)}
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
    acts += [
        f"UPDATE ledger.{table} SET {column} = NULL"
        for table, column in COLUMN.items()
        if table not in ("balance", "partition")
    ]
    refused_by_all(owner, acts, "LG007")
    refused_by_all(superuser, acts, "LG007")


def test_the_application_can_write_no_partition(application: Engine) -> None:
    acts = [f"UPDATE {name} SET {column} = {column}" for name, column in PARTITIONS.items()]
    acts += [f"{act} {name}" for act in ("DELETE FROM", "TRUNCATE") for name in PARTITIONS]
    acts += [f"INSERT INTO {name} OVERRIDING SYSTEM VALUE SELECT * FROM {name}" for name in PARTITIONS]
    refused_by_all(application, acts, FORBIDDEN)


def test_nobody_can_erase_or_change_rows_of_a_partition(owner: Engine, superuser: Engine) -> None:
    acts = [f"UPDATE {name} SET {column} = {column}" for name, column in PARTITIONS.items()]
    acts += [f"{act} {name}" for act in ("DELETE FROM", "TRUNCATE") for name in PARTITIONS]
    refused_by_all(owner, acts, "LG007")
    refused_by_all(superuser, acts, "LG007")


def test_every_partition_is_guarded_like_the_first(owner: Engine, application: Engine) -> None:
    """Months turn, and what is made ahead has the same triggers, rules, indexes and rights."""
    for number, at in enumerate(
        [datetime(2026, 12, 2, tzinfo=UTC), *(datetime(2027, m, 2, tzinfo=UTC) for m in (1, 2, 3))]
    ):
        header = EntryHeader(key=f"m{number}", event="x", document="d", business_on=date(2026, 11, 1), description="")
        with application.begin() as connection:
            post(connection, header, [Line("cash_at_bank", "fund_balance", Dong(1), "retirement")], at)
    with owner.connect() as connection:
        rows = connection.execute(_SHAPES).all()
        used = connection.scalars(text("SELECT DISTINCT tableoid::regclass::text FROM ledger.entry ORDER BY 1")).all()
    assert used == [f"ledger_partition.entry_{no}" for no in range(5)]
    assert len(rows) == 2 * 7
    assert len({tuple(row[1:]) for row in rows if row.kind == "entry"}) == 1
    assert len({tuple(row[1:]) for row in rows if row.kind == "line"}) == 1


_SHAPES = text("""
    SELECT c.relname, split_part(c.relname, '_', 1) AS kind, c.relacl::text,
        (SELECT string_agg(t.tgname || t.tgtype || t.tgfoid::regproc || t.tgenabled::text, ',' ORDER BY t.tgname)
            FROM pg_trigger t WHERE t.tgrelid = c.oid) AS triggers,
        (SELECT string_agg(k.conname || pg_get_constraintdef(k.oid), ',' ORDER BY k.conname)
            FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'c') AS rules,
        (SELECT string_agg(regexp_replace(pg_get_indexdef(i.indexrelid), '^.* USING', ''), ',' ORDER BY i.indkey)
            FROM pg_index i WHERE i.indrelid = c.oid) AS indexes
    FROM pg_class c WHERE c.relnamespace = 'ledger_partition'::regnamespace AND c.relkind = 'r'
""")


def test_the_inner_functions_are_not_for_the_application(application: Engine) -> None:
    calls = [
        f"SELECT ledger.write_entry({ASK}, NULL)",
        "SELECT ledger.move_balances(ARRAY[1], ARRAY[1], ARRAY[0])",
        "SELECT ledger.staged_problems()",
        "SELECT ledger.move_balance(1, 'none', 5, 0)",
        "SELECT ledger.turn_month('2027-01-01')",
        "SELECT ledger.make_partition(9)",
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


def test_one_line_and_many_entries_are_refused_as_staged_ones_are(application: Engine) -> None:
    lines = {
        "'cash_at_bank', 'fund_balance', 0": "LG002",
        "'cash_at_bank', 'fund_balance', -1": "LG002",
        "'cash_at_bank', 'cash_at_bank', 5": "LG002",
        "'cash_at_bank', 'unheard', 5": "LG002",
        "'cash_at_bank', 'advance_to_agent.vnpost', 5": "LG006",
        "'cash_at_bank', 'fund_balance', 9223372036854775807": "22003",
    }
    post_line = f"SELECT ledger.post_line({ASK}, {{}}, 'retirement', NULL, NULL, NULL)"
    assert {row: attempt(application, post_line.format(row)) for row in lines} == lines
    with application.connect() as connection:
        for row, sqlstate in list(lines.items())[:5]:
            arrays = ", ".join(f"ARRAY[{value}]" for value in row.split(", "))
            answer = connection.execute(
                text(f"""SELECT * FROM ledger.post_entries(ARRAY['k2'], ARRAY['x'], ARRAY['d'],
                    ARRAY[DATE '2026-11-01'], ARRAY[''], '2026-11-01', ARRAY[1], {arrays}, ARRAY['retirement'],
                    ARRAY[NULL], ARRAY[NULL], ARRAY[NULL], false)""")
            ).one()
            assert (row, answer.entry_ids, answer.sqlstates) == (row, [None], [sqlstate])
        assert connection.scalar(text("SELECT count(*) FROM ledger.entry")) == 1
    closed = post_line.format("'cash_at_bank', 'fund_balance', 5").replace("2026-11-01',", "2026-09-30',", 1)
    assert attempt(application, closed) == "LG004"


def test_a_reversal_is_refused_the_second_time(application: Engine) -> None:
    reverse = f"SELECT ledger.reverse_entry(1, {ASK})"
    assert attempt(application, reverse, reverse.replace("'k2'", "'k3'")) == "LG005"


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
