import csv
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from engine.awards.claim import Claim, Claimed, Death
from engine.awards.due import due_for
from engine.awards.files import import_awards
from engine.database import Database
from engine.demonstration.workbook import write_claims
from engine.people.files import PAYOUT_ACCOUNTS, import_payout_accounts
from engine.people.person import Person
from engine.people.workbook import fold
from engine.vault import Vault

RECORDED = datetime(2026, 11, 2, 1, tzinfo=UTC)
LATER = datetime(2026, 11, 20, 1, tzinfo=UTC)
AN = Person("Lê Văn An", "M", date(1950, 3, 1), "001050000001", "0100000001", None, "01", "urban")
BA = Person("Vũ Thị Ba", "F", date(1941, 3, 1), "001141000002", "0100000002", None, "01", "urban")
CHI = Person("Ngô Thị Chi", "F", date(1980, 3, 1), "001180000003", "0100000003", None, "01", "urban")


@pytest.fixture(autouse=True)
def awarded(database: Database, vault: Vault, tmp_path: Path) -> None:
    """An has a pension of the fund, Ba one of the state budget, Chi a funeral grant; only An has an account."""
    claims = [
        Claim("HS-1", Claimed.RUNNING_PENSION, date(2026, 9, 1), AN, AN,
              starts_on=date(2010, 4, 1), amount_before_vnd=5_000_000),
        Claim("HS-2", Claimed.RUNNING_PENSION, date(2026, 9, 1), BA, BA,
              starts_on=date(1993, 4, 1), amount_before_vnd=3_000_000, stopped_before_1995=True),
        Claim("HS-3", Claimed.FUNERAL_GRANT, date(2026, 10, 20), _dead("Lê Văn Tư"), CHI,
              death=Death(date(2026, 10, 15), False, "pensioner", 4_000_000, 120)),
    ]  # fmt: skip
    write_claims(tmp_path / "awards.xlsx", claims)
    with (tmp_path / "accounts.csv").open("w", encoding="utf-8", newline="") as file:
        account = [AN.personal_id, AN.name, "970436", "0011004123456", fold(AN.name), "01/01/2026"]
        csv.writer(file).writerows([PAYOUT_ACCOUNTS.required, account])
    with database.transaction("preparer") as connection:
        import_awards(connection, vault, tmp_path / "awards.xlsx", date(2026, 11, 2), RECORDED)
        import_payout_accounts(connection, vault, tmp_path / "accounts.csv", RECORDED)


def due(database: Database, period: date, known_at: datetime = RECORDED) -> set[tuple[str, str, str, int, bool]]:
    """Name, benefit, fund, amount and whether there is an account, of everything due for a month."""
    found = due_for(period, date(2026, 11, 3), known_at).subquery()
    with database.transaction() as connection:
        people = connection.execute(text("SELECT person_id, name FROM engine.person"))
        names = {row.person_id: row.name for row in people}
        rows = connection.execute(found.select()).all()
    assert all(row.entitled_month == period for row in rows)
    return {
        (names[row.person_id], row.benefit, row.fund, row.amount_vnd, row.payout_account_id is not None) for row in rows
    }


AN_IS_DUE = ("Lê Văn An", "pension", "retirement", 5_400_000, True)  # 5,000,000 × 1.08
BA_IS_DUE = ("Vũ Thị Ba", "pension", "state_budget", 3_540_000, False)  # 3,000,000 × 1.08 + 300,000
CHI_IS_DUE = ("Ngô Thị Chi", "funeral_grant", "retirement", 25_300_000, False)  # 10 × 2,530,000


def test_monthly_awards_are_due_every_month_and_others_once(database: Database) -> None:
    assert due(database, date(2026, 10, 1)) == {AN_IS_DUE, BA_IS_DUE}
    assert due(database, date(2026, 11, 1)) == {AN_IS_DUE, BA_IS_DUE, CHI_IS_DUE}
    assert due(database, date(2026, 12, 1)) == {AN_IS_DUE, BA_IS_DUE}


def test_nothing_is_due_of_what_nobody_knew_yet(database: Database) -> None:
    assert due(database, date(2026, 11, 1), datetime(2026, 11, 2, 0, tzinfo=UTC)) == set()


def test_the_month_of_death_is_the_last_one(database: Database) -> None:
    with database.transaction("preparer") as connection:
        connection.execute(
            text(
                "INSERT INTO engine.vital_event (person_id, kind, happened_on, recorded_during)"
                " SELECT person_id, 'death', '2026-11-05', tstzrange(:at, NULL) FROM engine.person WHERE name = :name"
            ),
            {"at": LATER, "name": AN.name},
        )
    assert AN_IS_DUE in due(database, date(2026, 11, 1), LATER)
    assert AN_IS_DUE not in due(database, date(2026, 12, 1), LATER)
    # Before the death was recorded, December was due; that is how it must look when somebody asks what we knew.
    assert AN_IS_DUE in due(database, date(2026, 12, 1), RECORDED)


def test_awards_are_never_edited_and_amounts_only_closed(database: Database) -> None:
    for statement in (
        "UPDATE engine.award SET benefit = 'pension'",
        "DELETE FROM engine.award",
        "UPDATE engine.award_amount SET amount_vnd = amount_vnd + 1",
        "DELETE FROM engine.award_amount",
        "UPDATE engine.claim SET decision = 'refused', reason = 'age'",
        (
            "INSERT INTO engine.award_amount (award_id, entitled_during, amount_vnd, findings, recorded_during)"
            " SELECT award_id, '[2026-12-01,)', 1, '[]', recorded_during FROM engine.award_amount"
            " WHERE upper_inf(entitled_during)"
        ),
    ):
        with pytest.raises(DBAPIError), database.transaction("preparer") as connection:
            connection.execute(text(statement))


def test_a_corrected_amount_is_added_beside_the_closed_one(database: Database) -> None:
    at = {"at": LATER}
    with database.transaction("preparer") as connection:
        connection.execute(
            text(
                "UPDATE engine.award_amount SET recorded_during = tstzrange(lower(recorded_during), :at)"
                " WHERE amount_vnd = 5400000"
            ),
            at,
        )
        connection.execute(
            text(
                "INSERT INTO engine.award_amount (award_id, entitled_during, amount_vnd, findings, recorded_during)"
                " SELECT award_id, entitled_during, 5500000, '[]', tstzrange(:at, NULL) FROM engine.award_amount"
                " WHERE amount_vnd = 5400000"
            ),
            at,
        )
    corrected = ("Lê Văn An", "pension", "retirement", 5_500_000, True)
    assert due(database, date(2026, 12, 1), LATER) == {corrected, BA_IS_DUE}
    assert due(database, date(2026, 12, 1), RECORDED) == {AN_IS_DUE, BA_IS_DUE}


def _dead(name: str) -> Person:
    return Person(name, "M", date(1945, 1, 1), "001045000004", "0100000004", None, "01", "urban")
