"""A bank says that the holder of an account has died: the payee's awards wait the same day, until somebody knows."""

import threading
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import builders
import pytest
from conftest import TestDatabase
from sqlalchemy import Engine, text
from typer.testing import CliRunner

from engine.awards.claim import Claim, Claimed, Death
from engine.awards.files import import_awards
from engine.awards.suspension import propose_resumption, resume
from engine.cli import app
from engine.database import Database
from engine.demonstration import month
from engine.demonstration.workbook import write_claims
from engine.installation import SIMULATOR_ADDRESS, Installation
from engine.payments import planning, run
from engine.payments.agreement import require_agreement
from engine.payments.reported_deaths import GROUND, follow_reported_deaths
from engine.payments.suspensions import follow_suspensions
from engine.payments.validation import validate
from engine.people.accounts import Account, Change, change_accounts
from engine.people.person import Person
from engine.settings import Settings
from engine.statements import fetch_statements
from engine.vault import Vault, open_vault
from engine.workers.relay import work
from gateways.simulator import process

GOOD, RETURNED, REJECTED = "1021000000017", "1021000009013", "102100RJMD07"
DECEMBER, NEXT_DAY = date(2026, 12, 1), builders.PAY_ON + timedelta(days=1)
AT = builders.AT + timedelta(days=2)


@pytest.fixture
def installation(database: Database, owner: Engine, tmp_path: Path) -> Iterator[Installation]:
    """November is sent. Of three payees one is credited, one comes back tomorrow, one is rejected today."""
    with owner.begin() as connection:
        connection.execute(
            text("INSERT INTO engine.demonstration (payees, seed, now_at) VALUES (1, 1, :at)"), {"at": builders.AT}
        )
    installation = Installation(Settings(tmp_path, None, None, None), database)
    builders.open_bank(installation)
    world = [builders.Payee(account) for account in (GOOD, RETURNED, REJECTED)]
    builders.add_world(database, installation.vault, world, SIMULATOR_ADDRESS)
    builders.approved_run(database)
    builders.dispatch_run(installation)
    work(installation, threading.Event(), until_idle=True)
    yield installation
    process.stop(installation.simulator_home)


def _bring_statement(installation: Installation, day: date) -> None:
    month.end_day(installation, day)
    fetch_statements(installation, "simbank", day)
    work(installation, threading.Event(), until_idle=True)


def _plan_december(database: Database) -> str:
    with database.transaction("lan") as connection:
        return planning.plan(connection, DECEMBER, DECEMBER, "simbank", frozenset(), AT).run_code


def _states(database: Database, run_code: str) -> list[tuple[str, str]]:
    with database.transaction() as connection:
        require_agreement(connection)
        rows = connection.execute(
            text("""
                SELECT a.award_no, p.state FROM engine.payment p JOIN engine.award a USING (award_id)
                JOIN engine.payment_run r USING (run_id) WHERE r.run_code = :code ORDER BY 1"""),
            {"code": run_code},
        )
        return [(row.award_no, row.state) for row in rows]


def _cases(database: Database) -> list[str]:
    with database.transaction() as connection:
        return list(connection.scalars(text("SELECT subject || ': ' || problem FROM engine.open_case ORDER BY 1")))


def test_what_waits_is_held_and_the_next_run_leaves_the_payee_out(installation: Installation) -> None:
    database = installation.database
    _bring_statement(installation, builders.PAY_ON)
    december = _plan_december(database)
    assert _states(database, december) == [("QD-000001", "planned"), ("QD-000002", "planned")]
    with database.transaction("lan") as connection:
        run.submit(connection, december, "lan", AT)
    for person in ("minh", "hoa"):
        with database.transaction(person) as connection:
            run.approve(connection, december, person, AT)
    _bring_statement(installation, NEXT_DAY)
    assert _states(database, december) == [("QD-000001", "approved"), ("QD-000002", "held")]
    assert [case.split(":")[0] for case in _cases(database)] == ["award QD-000002", "award QD-000003"]
    with database.transaction("lan") as connection:
        limit = 500_000_000
        (again,) = [
            each
            for each in validate(connection, december, limit, AT).notable
            if each.rule == "account_failed_last_time"
        ]
        assert (again.payments, again.blocking) == (1, False)
        propose_resumption(connection, "QD-000002", GROUND, "bà còn sống", AT)
    with database.transaction("minh") as connection:
        resume(connection, "QD-000002", GROUND, AT)
        follow_suspensions(connection, AT)
    assert _states(database, december) == [("QD-000001", "approved"), ("QD-000002", "approved")]


_BY_PROXY = """
    WITH request AS (
        INSERT INTO engine.payout_request (person_id, receiver, receiver_id_ciphertext, receiver_id_fingerprint,
            bank_bin, account_ciphertext, account_fingerprint, holder_name, evidence, valid_from, valid_until,
            requested_at, requested_by)
        SELECT o.person_id, 'proxy', 'x', 'x', o.bank_bin, o.account_ciphertext, o.account_fingerprint, o.holder_name,
            'UQ 1', '2026-01-01', '2026-12-31', :at, 'lan'
        FROM engine.payout_account o JOIN engine.payment p USING (payout_account_id) WHERE p.payment_no = 2
        RETURNING request_no, person_id)
    UPDATE engine.payout_account o SET request_no = request.request_no FROM request
    WHERE o.person_id = request.person_id"""


def test_a_proxys_death_is_a_case_and_a_death_on_record_needs_no_suspension(
    database: Database, vault: Vault, superuser: Engine
) -> None:
    builders.add_world(database, vault, builders.payees(4))
    builders.approved_run(database)
    with superuser.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text(_BY_PROXY), {"at": builders.AT})
        connection.execute(
            text("""
                INSERT INTO engine.vital_event (person_id, kind, happened_on, recorded_during)
                SELECT person_id, 'death', '2026-10-20', tstzrange(:at, NULL) FROM engine.payment
                WHERE payment_no = 3"""),
            {"at": builders.AT},
        )
    told = "SELECT payment_id, CASE payment_no WHEN 4 THEN 'AC04' ELSE 'MD07' END AS reason FROM engine.payment"
    for suspended in (1, 0):
        with database.transaction() as connection:
            assert follow_reported_deaths(connection, told, AT) == suspended
    assert _states(database, builders.RUN) == [
        ("QD-000001", "held"),
        *((f"QD-00000{number}", "approved") for number in (2, 3, 4)),
    ]
    first, second = _cases(database)
    assert first.startswith("award QD-000001: a bank reports that the beneficiary has died: ask the register")
    assert second == (
        "award QD-000002: a bank reports that who receives for the beneficiary has died: revoke their authority"
    )


def test_a_claim_that_tells_of_a_death_first_holds_what_waits(
    test_database: TestDatabase, database: Database, owner: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("THUCHI_HOME", str(home))
    monkeypatch.setenv("THUCHI_DATABASE_URL", test_database.url("application"))
    for name in ("THUCHI_DATABASE_OWNER_URL", "THUCHI_REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    with owner.begin() as connection:
        connection.execute(
            text("INSERT INTO engine.demonstration (payees, seed, now_at) VALUES (1, 1, :at)"), {"at": builders.AT}
        )
    vault = open_vault(home / "keys" / "vault.json")
    binh = Person("Đỗ Văn Bình", "M", date(1961, 1, 15), "079061654321", "7912345678", None, "79", "urban")
    tam = Person("Lê Thị Tâm", "F", date(1962, 3, 2), "079162654322", None, None, "79", "urban")
    running = Claim(
        "HS-1", Claimed.RUNNING_PENSION, builders.PAY_ON, binh, binh, date(2022, 1, 1), amount_before_vnd=5_000_000
    )
    died = Death(date(2026, 10, 20), False, "pensioner", 5_400_000, 57)
    funeral = Claim("HS-2", Claimed.FUNERAL_GRANT, builders.PAY_ON, binh, tam, death=died)
    for number, claim in enumerate((running, funeral), start=1):
        write_claims(tmp_path / f"{number}.xlsx", [claim])
    with database.transaction("lan") as connection:
        builders.add_staff(connection)
        builders.add_bank(connection, vault)
        import_awards(connection, vault, tmp_path / "1.xlsx", builders.PAY_ON, builders.AT)
        person_id = connection.execute(text("SELECT person_id FROM engine.person")).scalar_one()
        account = Account("970436", GOOD, "DO VAN BINH")
        change_accounts(connection, vault, [Change(person_id, account, date(2026, 1, 1))], builders.AT)
    builders.approved_run(database)
    done = CliRunner().invoke(app, ["award", "import", str(tmp_path / "2.xlsx"), "--as", "lan"])
    assert done.exit_code == 0, done.output
    assert _states(database, builders.RUN) == [("QĐ-HS-1", "held")]
