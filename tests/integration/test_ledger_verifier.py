"""Hands in the database: a superuser who lifts the guards changes something, and the verifier names it."""

from datetime import UTC, date, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine, text

from ledger.accounts import open_account
from ledger.book import post, reverse
from ledger.entries import EntryHeader, Line
from ledger.money import Dong
from ledger.seals import seal_entries
from ledger.verifier import Verification, verify

AT = datetime(2026, 11, 3, 9, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def book(application: Engine) -> None:
    """Entries 1 to 3 of two lines each, entry 4 that reverses entry 3, on accounts 1 and 2."""
    with application.begin() as connection:
        connection.execute(text("SET LOCAL thuchi.person = 'lan'"))
        debit = open_account(connection, "benefit_expense", "pension")
        credit = open_account(connection, "benefits_payable")
        open_account(connection, "in_transit", "simbank")
        for number in (1, 2, 3):
            header = EntryHeader(
                key=f"k{number}",
                event="run_approved",
                document=f"d{number}",
                business_on=date(2026, 11, number),
                description="mô tả",
            )
            lines = [Line(debit, credit, Dong(100 * n), "retirement", "run", f"p{n}", f"q{n}") for n in (1, 2)]
            post(connection, header, lines, AT)
        reverse(connection, 3, key="k4", document="d4", business_on=date(2026, 11, 4), description="", recorded_at=AT)


def tampered(superuser: Engine, *changes: str) -> Verification:
    """What the verifier finds after the changes, which are then taken back."""
    with superuser.connect() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        for change in changes:
            connection.execute(text(change))
        return verify(connection)


def test_an_untouched_book_matches(application: Engine) -> None:
    with application.begin() as connection:
        assert verify(connection) == Verification(
            entries=4, lines=8, contents_match=True, balances_match=True, seals_match=None, first_difference=None
        )


def test_an_empty_book_matches(superuser: Engine) -> None:
    found = tampered(
        superuser,
        *(f"DELETE FROM ledger.{table}" for table in ("line", "entry_key", "reversal", "entry")),
        "UPDATE ledger.balance SET debit_vnd = 0, credit_vnd = 0",
    )
    assert (found.entries, found.lines, found.first_difference) == (0, 0, None)


CONTENT = "entry 2: content does not match its hash"


CHANGES = [
    ("UPDATE ledger.line SET amount_vnd = 101 WHERE entry_id = 2 AND line_no = 1", False, CONTENT),
    ("UPDATE ledger.line SET debit_account_id = 3 WHERE entry_id = 2 AND line_no = 1", False, CONTENT),
    ("UPDATE ledger.line SET credit_account_id = 99 WHERE entry_id = 2 AND line_no = 1", False, CONTENT),
    ("UPDATE ledger.line SET debit_account_id = 2, credit_account_id = 1 WHERE entry_id = 2", False, CONTENT),
    ("UPDATE ledger.line SET debit_reference = 'p9' WHERE entry_id = 2 AND line_no = 1", True, CONTENT),
    ("UPDATE ledger.line SET credit_reference = NULL WHERE entry_id = 2 AND line_no = 1", True, CONTENT),
    ("UPDATE ledger.line SET fund = 'sickness' WHERE entry_id = 2 AND line_no = 1", True, CONTENT),
    ("UPDATE ledger.line SET run = 'other' WHERE entry_id = 2 AND line_no = 1", True, CONTENT),
    ("UPDATE ledger.line SET line_no = 5 - line_no WHERE entry_id = 2", True, CONTENT),
    ("UPDATE ledger.line SET entry_id = 2, line_no = 9 WHERE entry_id = 3 AND line_no = 1", True, CONTENT),
    ("DELETE FROM ledger.line WHERE entry_id = 2 AND line_no = 1", False, CONTENT),
    ("INSERT INTO ledger.line VALUES (2, 3, 1, 2, 5, 'retirement')", False, CONTENT),
    ("UPDATE ledger.entry SET business_on = '2026-12-01' WHERE entry_id = 2", True, CONTENT),
    ("UPDATE ledger.entry SET recorded_at = recorded_at + interval '1 us' WHERE entry_id = 2", True, CONTENT),
    ("UPDATE ledger.entry SET document = 'x' WHERE entry_id = 2", True, CONTENT),
    ("UPDATE ledger.entry SET event = 'x' WHERE entry_id = 2", True, CONTENT),
    ("UPDATE ledger.entry SET description = 'x' WHERE entry_id = 2", True, CONTENT),
    ("UPDATE ledger.entry SET person = 'x' WHERE entry_id = 2", True, CONTENT),
    ("UPDATE ledger.entry SET xact = '3' WHERE entry_id = 2", True, CONTENT),
    ("UPDATE ledger.entry SET content_hash = sha256('') WHERE entry_id = 2", True, CONTENT),
    (
        "UPDATE ledger.line SET line_no = 3 WHERE entry_id = 2 AND line_no = 2",
        True,
        "entry 2: its lines are not numbered one by one",
    ),
    (
        "UPDATE ledger.balance SET normal_side = 'credit' WHERE account_id = 1",
        False,
        "account benefit_expense.pension: its balance is kept under another normal side or limit than its own",
    ),
    ("DELETE FROM ledger.entry WHERE entry_id = 2", True, "entry 2: its lines stand without an entry"),
    ("DELETE FROM ledger.line WHERE entry_id = 2", False, "entry 2: it has no lines"),
    ("DELETE FROM ledger.entry_key WHERE entry_id = 2", True, "entry 2: it has no key"),
    (
        "UPDATE ledger.entry_key SET request_hash = sha256('') WHERE entry_id = 2",
        True,
        "entry 2: its key row does not agree with its content",
    ),
    ("UPDATE ledger.entry_key SET key = 'other' WHERE entry_id = 2", True, CONTENT),
    (
        "INSERT INTO ledger.entry_key VALUES ('x', 9, sha256(''))",
        True,
        "entry 9: there is a key for it, but no entry",
    ),
    ("DELETE FROM ledger.reversal", True, "entry 4: content does not match its hash"),
    ("UPDATE ledger.reversal SET original_entry_id = 1", True, "entry 4: content does not match its hash"),
    (
        "INSERT INTO ledger.reversal VALUES (9, 8)",
        True,
        "entry 9: it is said to be reversed, but one of the two is missing",
    ),
    ("INSERT INTO ledger.reversal VALUES (1, 2)", True, CONTENT),
    (
        "UPDATE ledger.balance SET debit_vnd = debit_vnd + 1 WHERE account_id = 1",
        False,
        (
            "account benefit_expense.pension: balance does not match its lines:"
            " kept Nợ 901 Có 300, lines give Nợ 900 Có 300"
        ),
    ),
    (
        "UPDATE ledger.balance SET debit_vnd = debit_vnd + 1, credit_vnd = credit_vnd + 1 WHERE account_id = 3",
        False,
        "account in_transit.simbank: balance does not match its lines: kept Nợ 1 Có 1, lines give Nợ 0 Có 0",
    ),
    ("DELETE FROM ledger.balance WHERE account_id = 3", False, "account in_transit.simbank: it has no balance"),
    (
        "UPDATE ledger.balance SET account_id = 7 WHERE account_id = 3",
        False,
        "account in_transit.simbank: it has no balance",
    ),
    (
        "UPDATE ledger.account SET chart_code = 'x', code = 'x.pension' WHERE account_id = 1",
        True,
        "entry 1: content does not match its hash",
    ),
]


def test_every_change_is_found_and_named(superuser: Engine) -> None:
    for change, balances_match, difference in CHANGES:
        found = tampered(superuser, change)
        assert (change, found.first_difference) == (change, difference)
        assert found.balances_match is balances_match
        assert found.contents_match is difference.startswith("account")


def test_a_changed_amount_is_found_even_if_the_balances_follow(superuser: Engine) -> None:
    found = tampered(
        superuser,
        "UPDATE ledger.line SET amount_vnd = 1_000_100 WHERE entry_id = 2 AND line_no = 1",
        "UPDATE ledger.balance SET debit_vnd = debit_vnd + 1_000_000 WHERE account_id = 1",
        "UPDATE ledger.balance SET credit_vnd = credit_vnd + 1_000_000 WHERE account_id = 2",
    )
    assert (found.contents_match, found.balances_match, found.first_difference) == (False, True, CONTENT)


FLIPPED = {
    "text": "convert_from(set_bit(convert_to({0}, 'UTF8'), 0, 1 - get_bit(convert_to({0}, 'UTF8'), 0)), 'UTF8')",
    "bytea": "set_bit({0}, 100, 1 - get_bit({0}, 100))",
    "bigint": "{0} # 1",
    "integer": "{0} # 1",
    "date": "date '2000-01-01' + (({0} - date '2000-01-01') # 1)",
    "timestamp with time zone": "{0} + interval '1 us'",
    "xid8": "(({0}::text::bigint) # 1)::text::xid8",
}
"""One bit of a value, by its type."""

WITHOUT_RULES = """
    DO $$ DECLARE rule record; BEGIN
        FOR rule IN SELECT conrelid::regclass AS owner, conname FROM pg_constraint
            WHERE contype = 'c' AND connamespace = 'ledger'::regnamespace AND coninhcount = 0
        LOOP
            EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', rule.owner, rule.conname);
        END LOOP;
        ALTER TABLE ledger.entry ALTER entry_id DROP IDENTITY;
    END $$
"""
"""A bit that flips on the disk asks no rule of its table."""

NOT_MONEY = {("balance", "balance_id")}
"""Numbers of rows that nothing refers to."""


def test_one_flipped_bit_of_any_column_is_found_and_named(application: Engine, superuser: Engine) -> None:
    with application.begin() as connection:
        # A new epoch, so that nothing waits for transactions of other databases of the server.
        assert len(seal_entries(connection, Ed25519PrivateKey.generate(), AT, new_epoch=True)) == 1
    columns = text("""
        SELECT c.relname, a.attname, format_type(a.atttypid, -1) FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid
        WHERE c.relnamespace = 'ledger'::regnamespace AND c.relkind IN ('r', 'p') AND attnum > 0 AND NOT attisdropped
            AND c.relname IN ('entry', 'line', 'balance', 'entry_key', 'reversal', 'seal', 'sealed_entry', 'seal_key')
        ORDER BY 1, attnum
    """)
    seen = 0
    with superuser.connect() as connection:
        given = connection.execute(columns).all()
    for table, column, kind in given:
        if (table, column) in NOT_MONEY:
            continue
        row = (
            f"SELECT ctid, tableoid FROM ledger.{table} WHERE {column} IS NOT NULL ORDER BY {column}::text DESC LIMIT 1"
        )
        flip = f"UPDATE ledger.{table} SET {column} = {FLIPPED[kind].format(column)} WHERE (ctid, tableoid) = ({row})"
        found = tampered(superuser, WITHOUT_RULES, flip)
        assert found.first_difference is not None, (table, column)
        assert found.first_difference.split(" ")[0] in ("entry", "account", "seal"), (table, column)
        seen += 1
    assert seen == 44
