"""The figures of a month, against what the simulated bank says it has credited."""

import threading
import uuid
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import builders
import pytest
from lxml import etree
from sqlalchemy import Engine, text

from engine.database import Database
from engine.demonstration import month
from engine.installation import SIMULATOR_ADDRESS, Installation
from engine.law.parameters import Parameters
from engine.payments.figures import DEFINITIONS, Figures, Share, count_month
from engine.payments.figures_shown import COLUMNS, chart, rows
from engine.settings import Settings
from engine.statements import fetch_statements
from engine.workers.relay import work
from gateways.simulator import process
from gateways.simulator.books import read_books

ACCOUNTS = ("1021000000017", "1021000000027", "1021000009001", "1021000009011")
NOVEMBER, DECEMBER = date(2026, 11, 1), date(2026, 12, 1)


@pytest.fixture
def installation(database: Database, owner: Engine, tmp_path: Path) -> Iterator[Installation]:
    """Two payees are paid, the second in the country; one account is unknown to the bank, one closed too late."""
    with owner.begin() as connection:
        connection.execute(
            text("INSERT INTO engine.demonstration (payees, seed, now_at) VALUES (1, 1, :at)"), {"at": builders.AT}
        )
    installation = Installation(Settings(tmp_path, None, None, None), database)
    builders.open_bank(installation)
    world = [builders.Payee(account, 3_000_000 + number) for number, account in enumerate(ACCOUNTS)]
    builders.add_world(database, installation.vault, world, SIMULATOR_ADDRESS)
    with owner.begin() as connection:
        connection.execute(text("ALTER TABLE engine.person DISABLE TRIGGER USER"))
        connection.execute(
            text("UPDATE engine.person SET area = 'rural', sex = 'F', birth_date = '1940-01-01' WHERE person_id = :it"),
            {"it": uuid.UUID(int=21)},
        )
    builders.approved_run(database)
    builders.dispatch_run(installation)
    work(installation, threading.Event(), until_idle=True)
    yield installation
    process.stop(installation.simulator_home)


def _bring_statement(installation: Installation, day: date) -> None:
    month.end_day(installation, day)
    fetch_statements(installation, "simbank", day)


def _count(installation: Installation, of: date = NOVEMBER) -> Figures:
    with installation.database.transaction() as connection:
        return count_month(connection, of, Parameters.load())


def test_only_what_arrived_and_stayed_is_counted(installation: Installation) -> None:
    assert _count(installation).shares[0] == Share("all", "all", 0, 0, 0, 0)
    assert _count(installation).targets[0].reached is None
    for day in (builders.PAY_ON, builders.PAY_ON + timedelta(days=1)):
        _bring_statement(installation, day)
    counted = _count(installation)
    shares = {(share.dimension, share.value): share for share in counted.shares}
    in_the_banks_books = sum(row["amount_vnd"] for row in read_books(installation.simulator_home) if row["credits"])
    returned_vnd = counted.returns[0][2]
    assert shares["all", "all"] == Share("all", "all", 2, 2, in_the_banks_books - returned_vnd, 6_000_001)
    assert shares["area", "urban"] == Share("area", "urban", 1, 1, 3_000_000, 3_000_000)
    assert shares["area", "rural"] == Share("area", "rural", 1, 1, 3_000_001, 3_000_001)
    assert shares["age_band", "80 and more"].persons == shares["sex", "F"].persons == 1
    assert shares["benefit_group", "monthly"].percent_of_money == Decimal(100)
    assert (counted.first_attempts, counted.first_attempts_succeeded) == (4, 2)
    assert [(payments, vnd) for _, payments, vnd in counted.returns] == [(1, 3_000_003)]
    assert counted.days_to_credit == ((0, 2),)
    target = counted.targets[0]
    assert (target.value, target.percent, target.reached) == ("urban", 50, True)
    assert "1939/QĐ-TTg" in target.document
    assert counted.unverified == 2, "no bank was asked about any account"
    _confirm_account_of(installation, uuid.UUID(int=11))
    assert _count(installation).unverified == 1


def _confirm_account_of(installation: Installation, person: uuid.UUID) -> None:
    with installation.database.transaction("lan") as connection:
        connection.execute(
            text("""
                INSERT INTO engine.account_check (payout_account_id, message_id, outcome, said, checked_at)
                SELECT payout_account_id, 'XM-1', 'match', 'NGUYEN VAN 1', :at FROM engine.payout_account
                WHERE person_id = :person"""),
            {"person": person, "at": builders.AT},
        )


def test_every_number_of_the_table_stands_beside_what_it_counts(installation: Installation, tmp_path: Path) -> None:
    _bring_statement(installation, builders.PAY_ON)
    counted = _count(installation)
    table = [dict(zip([column.name for column in COLUMNS], row, strict=True)) for row in rows(counted)]
    assert all(row["definition"] for row in table)
    assert {row["figure"] for row in table} == {"target", *DEFINITIONS} - {"returns"}
    (urban,) = (row for row in table if (row["figure"], row["value"]) == ("share", "urban"))
    assert (urban["whole"], urban["part"], urban["percent"]) == (2, 2, "100.00")
    said = "".join(map(str, etree.fromstring(chart(counted)).itertext()))
    for words in ("Thành thị", "Chỉ tiêu 50%", "100.00 %  (2/2)"):
        assert words in said


def test_cash_is_not_cashless_and_a_missed_target_is_told(installation: Installation, owner: Engine) -> None:
    _bring_statement(installation, builders.PAY_ON)
    with owner.begin() as connection:
        connection.execute(text("UPDATE engine.gateway SET adapter = 'post_office'"))
    counted = _count(installation)
    assert counted.shares[0].percent_of_persons == Decimal(0)
    assert counted.targets[0].reached is False


def test_payees_without_an_account_are_counted_apart(installation: Installation) -> None:
    assert _count(installation).without_account == 0
    with installation.database.transaction("lan") as connection:
        connection.execute(
            text("""
                UPDATE engine.payout_account SET recorded_during = tstzrange(lower(recorded_during), :at)
                WHERE person_id = :person"""),
            {"person": uuid.UUID(int=11), "at": builders.AT + timedelta(days=1)},
        )
    assert (_count(installation).without_account, _count(installation, DECEMBER).without_account) == (0, 1)
