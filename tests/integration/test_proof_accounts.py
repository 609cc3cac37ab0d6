from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import pytest
from bank_paper import Line, Paper
from sqlalchemy import Connection, text

from engine.database import Database
from reconciliation import expectations, matching
from reconciliation.breaks import BreakClass, close, open_breaks
from reconciliation.intake import load_statement, register_account
from reconciliation.proof import AccountProof, prove
from reconciliation.references import make_reference

ACCOUNT, LEDGER_ACCOUNT = "8800000000001", "cash_at_bank.simbank.retirement"
DAY = date(2026, 11, 2)
AT = datetime(2026, 11, 3, 18, tzinfo=timezone(timedelta(hours=7)))
OPENING_VND = 50_000_000


@pytest.fixture
def paper(database: Database) -> Paper:
    """Two payments are expected: one of 3, one of 4 million."""
    with database.transaction() as connection:
        own = register_account(connection, ACCOUNT.encode(), LEDGER_ACCOUNT)
        expectations.open_staging(connection)
        for number, amount in ((1, 3_000_000), (2, 4_000_000)):
            connection.execute(
                text(
                    f"INSERT INTO {expectations.STAGING} (own_account_id, sign, reference, amount_vnd, due_on, kind) "
                    "VALUES (:own, 'debit', :reference, :amount, :day, 'payment')"
                ),
                {"own": own, "reference": make_reference("PN", number), "amount": amount, "day": DAY},
            )
        expectations.expect_staged(connection)
    return Paper(ACCOUNT, OPENING_VND)


def _tell(connection: Connection, path: Path) -> None:
    loaded = load_statement(connection, path, fingerprint=str.encode, protect=str.encode, recorded_at=AT)
    list(matching.match_file(connection, loaded.file_id, AT))


def _proof(connection: Connection, ledger_vnd: int, on: date = DAY + timedelta(days=1)) -> AccountProof:
    (proof,) = prove(connection, on, lambda account, day: {(LEDGER_ACCOUNT, on): ledger_vnd}[account, day])
    return proof


def test_ledger_and_statement_agree_and_what_is_in_transit_is_listed(
    database: Database, paper: Paper, tmp_path: Path
) -> None:
    with database.transaction() as connection:
        _tell(connection, paper.statement(tmp_path / "1.xml", DAY, [Line(-3_000_000, make_reference("PN", 1))]))
        proof = _proof(connection, OPENING_VND - 3_000_000)
    assert (proof.difference_vnd, proof.differences, proof.statement_on) == (0, (), DAY)
    assert (proof.expected, proof.expected_vnd) == (1, -4_000_000)
    assert proof.as_json()["statement_vnd"] == 47_000_000


def test_what_only_the_bank_booked_explains_a_difference_until_a_person_deals_with_it(
    database: Database, paper: Paper, tmp_path: Path
) -> None:
    with database.transaction() as connection:
        _tell(connection, paper.statement(tmp_path / "1.xml", DAY, [Line(-1_100, text="phi"), Line(900)]))
        # The lines were found on the day of intake.
        proof = _proof(connection, OPENING_VND)
        assert (proof.difference_vnd, [item.signed_vnd for item in proof.open_items]) == (0, [-1_100, 900])
        unknown = [
            found.break_id
            for found in open_breaks(connection, DAY + timedelta(days=1))
            if found.break_class is BreakClass.UNKNOWN_TO_US and found.break_id
        ]
        close(connection, unknown, "posted as a fee and as a receipt", DAY + timedelta(days=1))
        proof = _proof(connection, OPENING_VND - 200)
        assert (proof.difference_vnd, proof.open_items) == (0, ())


def test_one_dong_is_a_difference(database: Database, paper: Paper, tmp_path: Path) -> None:
    with database.transaction() as connection:
        _tell(connection, paper.statement(tmp_path / "1.xml", DAY, [Line(-3_000_000, make_reference("PN", 1))]))
        proof = _proof(connection, OPENING_VND - 3_000_001)
    assert proof.difference_vnd == 1
    assert len(proof.differences) == 1


def test_a_day_with_a_gap_or_without_a_statement_is_not_closed(
    database: Database, paper: Paper, tmp_path: Path
) -> None:
    with database.transaction() as connection:
        assert _proof(connection, OPENING_VND).differences == (
            f"{LEDGER_ACCOUNT}: {OPENING_VND} đ in the ledger and no statement",
        )
        _tell(connection, paper.statement(tmp_path / "1.xml", DAY, [Line(5)]))
        paper.statement(tmp_path / "missing.xml", DAY, [Line(6)])
        _tell(connection, paper.statement(tmp_path / "3.xml", DAY, [Line(7)]))
        proof = _proof(connection, OPENING_VND)
    assert (proof.difference_vnd, proof.waiting) == (0, 1)
    assert proof.differences == (f"{LEDGER_ACCOUNT}: 1 statements wait for a missing one",)
