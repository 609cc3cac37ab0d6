"""Money that failed or came back is paid again once, to another account, by a run of its own; runs can be cancelled."""

import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from datetime import date, datetime, timedelta
from pathlib import Path

import builders
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from engine.awards.suspension import suspend
from engine.database import Database
from engine.demonstration import month
from engine.errors import NotAllowed, WrongInput
from engine.installation import SIMULATOR_ADDRESS, Installation
from engine.payments import planning, run, tracing
from engine.payments.agreement import require_agreement
from engine.payments.batch import dispatch
from engine.payments.deaths import follow_deaths
from engine.payments.planning import PlannedRun
from engine.payments.proof import prove
from engine.payments.suspensions import follow_suspensions
from engine.settings import Settings
from engine.statements import fetch_statements
from engine.workers.relay import work
from gateways.simulator import process
from gateways.simulator.books import read_books
from ledger.balances import balance

GOOD, UNKNOWN_ACCOUNT, CLOSED_LATER = "1021000000017", "1021000009001", "1021000009011"
NEXT_DAY = builders.PAY_ON + timedelta(days=1)
LATER = builders.AT + timedelta(days=2)
AGAIN = "2026-11/2"


@pytest.fixture
def installation(database: Database, owner: Engine, tmp_path: Path) -> Iterator[Installation]:
    """Three payees: one is paid, one has an account that the bank does not know, one an account closed too late."""
    with owner.begin() as connection:
        connection.execute(
            text("INSERT INTO engine.demonstration (payees, seed, now_at) VALUES (1, 1, :at)"), {"at": builders.AT}
        )
    installation = Installation(Settings(tmp_path, None, None, None), database)
    builders.open_bank(installation)
    world = [
        builders.Payee(account, 3_000_000 + number)
        for number, account in enumerate((GOOD, UNKNOWN_ACCOUNT, CLOSED_LATER))
    ]
    builders.add_world(database, installation.vault, world, SIMULATOR_ADDRESS)
    builders.approved_run(database)
    builders.dispatch_run(installation)
    _work(installation)
    for day in (builders.PAY_ON, NEXT_DAY):
        _bring_statement(installation, day)
    assert _states(installation) == {"settled": 1, "failed": 1, "returned": 1}
    yield installation
    process.stop(installation.simulator_home)


def _work(installation: Installation) -> None:
    work(installation, threading.Event(), until_idle=True)
    with installation.database.transaction() as connection:
        require_agreement(connection)


def _bring_statement(installation: Installation, day: date) -> None:
    month.end_day(installation, day)
    fetch_statements(installation, "simbank", day)
    _work(installation)


def _states(installation: Installation) -> dict[str, int]:
    with installation.database.transaction() as connection:
        return Counter(connection.scalars(text("SELECT state FROM engine.payment")))


def _expense(installation: Installation) -> int:
    with installation.database.transaction() as connection:
        return balance(connection, "benefit_expense.pension").vnd


def _new_account(installation: Installation, number: int, account: str, at: datetime = LATER) -> None:
    """The payee brings another account, from now on."""
    sealed = installation.vault.seal("account", account)
    with installation.database.transaction("lan") as connection:
        connection.execute(
            text("""
                UPDATE engine.payout_account SET recorded_during = tstzrange(lower(recorded_during), :at)
                WHERE person_id = :person AND upper_inf(recorded_during)"""),
            {"person": uuid.UUID(int=number * 10 + 1), "at": at},
        )
        connection.execute(
            text("""
                INSERT INTO engine.payout_account (person_id, bank_bin, account_ciphertext, account_fingerprint,
                    holder_name, valid_during, recorded_during)
                VALUES (:person, '970436', :ciphertext, :fingerprint, 'NGUYEN VAN', '[2026-01-01,)',
                    tstzrange(:at, NULL))"""),
            {
                "person": uuid.UUID(int=number * 10 + 1),
                "ciphertext": sealed.ciphertext,
                "fingerprint": sealed.fingerprint,
                "at": at,
            },
        )


def _plan(installation: Installation) -> PlannedRun:
    with installation.database.transaction("lan") as connection:
        return planning.plan_reissues(connection, NEXT_DAY, "simbank", frozenset(), LATER)


def _approve(installation: Installation, run_code: str = AGAIN) -> None:
    with installation.database.transaction("lan") as connection:
        run.submit(connection, run_code, "lan", LATER)
    for person in ("minh", "hoa"):
        with installation.database.transaction(person) as connection:
            run.approve(connection, run_code, person, LATER)
    with installation.database.transaction() as connection:
        require_agreement(connection)


def test_without_another_account_nothing_is_paid_again(installation: Installation) -> None:
    with pytest.raises(WrongInput, match="another payout account"):
        _plan(installation)


def test_a_cancelled_plan_can_be_planned_anew(installation: Installation) -> None:
    _new_account(installation, 2, "1021000000027")
    planned = _plan(installation)
    assert (planned.run_code, planned.payments, planned.amount_vnd, planned.without_account) == (AGAIN, 1, 3_000_001, 1)
    with installation.database.transaction("lan") as connection:
        assert run.cancel(connection, AGAIN, "planned too early", LATER) == 1
    _new_account(installation, 3, "1021000000037")
    planned = _plan(installation)
    assert (planned.run_code, planned.payments, planned.without_account) == ("2026-11/3", 2, 0)


def test_the_run_of_reissues_settles_and_the_books_agree_at_every_step(installation: Installation) -> None:
    expense = _expense(installation)
    _new_account(installation, 2, "1021000000027")
    _new_account(installation, 3, "1021000000037")
    _plan(installation)
    with pytest.raises(WrongInput, match="another payout account"):
        _plan(installation)
    _approve(installation)
    assert _states(installation) == {"settled": 1, "cancelled": 1, "returned": 1, "approved": 2}
    with installation.database.transaction("lan") as connection:
        dispatch(connection, AGAIN, installation.gateway("simbank").capabilities, NEXT_DAY, LATER)
    _work(installation)
    _bring_statement(installation, NEXT_DAY + timedelta(days=1))
    assert _states(installation) == {"settled": 3, "cancelled": 1, "returned": 1}
    assert _expense(installation) == expense
    with installation.database.transaction() as connection:
        assert balance(connection, "returned_payable").vnd == 0
        assert balance(connection, "benefits_payable").vnd == 0
        proof = prove(connection, NEXT_DAY + timedelta(days=1))
        assert proof.differences == ()
        references = connection.execute(
            text("""
                SELECT o.reference, p.reference AS again FROM engine.payment o
                JOIN engine.payment p ON p.payment_id = o.reissued_by WHERE o.state = 'returned'""")
        ).one()
        life = tracing.trace(connection, references.again)
        assert life["payment"]["reissue_of"] == references.reference
        assert life["entries"][0]["debit"] == "returned_payable"
        still_open = connection.scalar(
            text("SELECT count(*) FROM reconciliation.break WHERE class = 'returned' AND closed_on IS NULL")
        )
        assert still_open == 0
    assert {row["account"]: row["credits"] for row in read_books(installation.simulator_home)} == {
        GOOD: 1,
        CLOSED_LATER: 1,
        "1021000000027": 1,
        "1021000000037": 1,
    }


def test_a_cancelled_reissue_owes_the_returned_money_again(installation: Installation) -> None:
    expense = _expense(installation)
    _new_account(installation, 3, "1021000000037")
    _plan(installation)
    _approve(installation)
    with (
        pytest.raises(NotAllowed, match="approver or authoriser"),
        installation.database.transaction("lan") as connection,
    ):
        run.cancel(connection, AGAIN, "wrong account", LATER)
    with installation.database.transaction("minh") as connection:
        assert run.cancel(connection, AGAIN, "wrong account", LATER) == 1
        require_agreement(connection)
        assert balance(connection, "returned_payable").vnd == 3_000_002
    assert _expense(installation) == expense
    with installation.database.transaction("lan") as connection:
        assert planning.plan_reissues(connection, NEXT_DAY, "simbank", frozenset(), LATER).payments == 1


def _pay_again(installation: Installation, account: str, day: date, at: datetime) -> None:
    """Payee 3 brings an account, and is paid again on a day, whose statement comes in."""
    _new_account(installation, 3, account, at)
    with installation.database.transaction("lan") as connection:
        run_code = planning.plan_reissues(connection, day, "simbank", frozenset(), at).run_code
    _approve(installation, run_code)
    with installation.database.transaction("lan") as connection:
        dispatch(connection, run_code, installation.gateway("simbank").capabilities, day, at)
    _work(installation)
    _bring_statement(installation, day)


def test_what_came_back_and_failed_when_it_was_paid_again_is_paid_once_out_of_what_came_back(
    installation: Installation,
) -> None:
    expense = _expense(installation)
    third, fourth = NEXT_DAY + timedelta(days=1), NEXT_DAY + timedelta(days=2)
    _pay_again(installation, "1021000019001", third, LATER)
    assert _states(installation) == {"settled": 1, "failed": 2, "returned": 1}
    _pay_again(installation, "1021000000037", fourth, LATER + timedelta(days=1))
    assert _states(installation) == {"settled": 2, "failed": 1, "returned": 1, "cancelled": 1}
    assert _expense(installation) == expense
    with installation.database.transaction("lan") as connection:
        suspend(connection, ["QD-000001"], "wanted", fourth, "CV 1", LATER)
        follow_suspensions(connection, LATER)
        assert balance(connection, "returned_payable").vnd == 0
        reissue_of = connection.scalar(
            text("""
                SELECT o.state FROM engine.payment o JOIN engine.payment p ON p.payment_id = o.reissued_by
                WHERE p.state = 'settled'""")
        )
        assert reissue_of == "returned"
    with pytest.raises(WrongInput, match="another payout account"):
        _pay_again(installation, "1021000000047", fourth, LATER + timedelta(days=2))


def test_of_what_came_back_twice_to_a_payee_who_had_died_nothing_is_left_to_pay(installation: Installation) -> None:
    _pay_again(installation, "1021000019011", NEXT_DAY + timedelta(days=1), LATER)
    _bring_statement(installation, NEXT_DAY + timedelta(days=2))
    assert _states(installation) == {"settled": 1, "failed": 1, "returned": 2}
    with installation.database.transaction("lan") as connection:
        connection.execute(
            text("""
                INSERT INTO engine.vital_event (person_id, kind, happened_on, recorded_during)
                VALUES (:person, 'death', '2026-10-20', tstzrange(:at, NULL))"""),
            {"person": uuid.UUID(int=31), "at": LATER},
        )
        assert follow_deaths(connection, LATER).taken_back == 1
        for _again in range(2):
            require_agreement(connection)
            assert balance(connection, "returned_payable").vnd == 0
            assert not any(asdict(follow_deaths(connection, LATER)).values())


def test_nobody_is_paid_again_who_has_died(installation: Installation) -> None:
    _new_account(installation, 3, "1021000000037")
    with installation.database.transaction("lan") as connection:
        connection.execute(
            text("""
                INSERT INTO engine.vital_event (person_id, kind, happened_on, recorded_during)
                VALUES (:person, 'death', '2026-11-01', tstzrange(:at, NULL))"""),
            {"person": uuid.UUID(int=31), "at": LATER},
        )
    with pytest.raises(WrongInput, match="another payout account"):
        _plan(installation)


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ("amount_vnd = amount_vnd + 1", "pays something else"),
        ("entitled_month = '2026-12-01'", "pays something else"),
    ],
)
def test_the_database_refuses_a_reissue_of_anything_else(
    installation: Installation, owner: Engine, change: str, refused: str
) -> None:
    _new_account(installation, 3, "1021000000037")
    with pytest.raises(DBAPIError, match=refused):
        _plan_and_change(installation, owner, change)


def _plan_and_change(installation: Installation, owner: Engine, change: str) -> None:
    """The application's role could not change an amount; its owner can, and is refused at the end."""
    with owner.begin() as connection:
        connection.execute(text("SELECT set_config('thuchi.person', 'lan', true)"))
        planned = planning.plan_reissues(connection, NEXT_DAY, "simbank", frozenset(), LATER)
        connection.execute(
            text(f"""
                UPDATE engine.payment SET {change}
                WHERE run_id = (SELECT run_id FROM engine.payment_run WHERE run_code = :run_code)"""),
            {"run_code": planned.run_code},
        )


def test_the_database_refuses_to_reissue_what_was_paid(installation: Installation) -> None:
    with pytest.raises(DBAPIError, match="cannot be re-issued"), installation.database.transaction() as connection:
        connection.execute(text("UPDATE engine.payment SET reissued_by = payment_id WHERE state = 'settled'"))
