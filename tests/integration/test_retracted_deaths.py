"""A death that did not happen is taken from the record: what was held goes, what was dropped is due again."""

from datetime import date, timedelta

import builders
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from engine.database import Database
from engine.errors import NotAllowed, NotFound, WrongInput
from engine.payments import planning, retractions, run
from engine.payments.agreement import require_agreement
from engine.payments.deaths import follow_deaths
from engine.payments.payment import SEND, SETTLE, Voucher, move
from engine.vault import Vault

AWARD, DECEMBER, JANUARY = "QD-000001", date(2026, 12, 1), date(2027, 1, 1)
AT = builders.AT + timedelta(hours=1)
LATER = AT + timedelta(days=33)


@pytest.fixture
def world(database: Database, vault: Vault) -> Database:
    """November of two payees is approved; then the register says that the first died in October."""
    builders.add_world(database, vault, builders.payees(2))
    builders.approved_run(database)
    return database


def _die(database: Database) -> None:
    with database.transaction("lan") as connection:
        connection.execute(
            text("""
                INSERT INTO engine.vital_event (person_id, kind, happened_on, recorded_during)
                SELECT person_id, 'death', '2026-10-20', tstzrange(:at, NULL) FROM engine.award
                WHERE award_no = :award"""),
            {"at": AT, "award": AWARD},
        )
        follow_deaths(connection, AT)


def _propose(database: Database, award: str = AWARD) -> int:
    with database.transaction("lan") as connection:
        return retractions.propose(connection, award, "CV 3/TP", LATER)


def _approve(database: Database, number: int, person: str = "minh") -> int:
    with database.transaction(person) as connection:
        released = retractions.approve(connection, number, LATER)
        require_agreement(connection)
        return released


def _plan(database: Database, month: date) -> list[tuple[str, date]]:
    with database.transaction("lan") as connection:
        planned = planning.plan(connection, month, month, "simbank", frozenset(), LATER + timedelta(days=1))
        rows = connection.execute(
            text("""
                SELECT a.award_no, p.entitled_month FROM engine.payment p JOIN engine.award a USING (award_id)
                JOIN engine.payment_run r USING (run_id) WHERE r.run_code = :code ORDER BY 1, 2"""),
            {"code": planned.run_code},
        )
        return [(row.award_no, row.entitled_month) for row in rows]


def _states(database: Database) -> list[str]:
    with database.transaction() as connection:
        return list(connection.scalars(text("SELECT state FROM engine.payment ORDER BY payment_no")))


def test_what_was_held_goes_and_the_months_in_between_are_paid_with_the_next(world: Database) -> None:
    _die(world)
    assert _states(world) == ["held", "approved"]
    assert _plan(world, DECEMBER) == [("QD-000002", DECEMBER)]
    assert _approve(world, _propose(world)) == 1
    assert _states(world)[:2] == ["approved", "approved"]
    assert _plan(world, JANUARY) == [
        *[(AWARD, month) for month in (DECEMBER, JANUARY)],
        ("QD-000002", JANUARY),
    ]


def test_what_was_withdrawn_meanwhile_is_due_again(world: Database) -> None:
    _die(world)
    with world.transaction("minh") as connection:
        reference = connection.execute(text("SELECT reference FROM engine.payment WHERE state = 'held'")).scalar_one()
        run.withdraw(connection, reference, "đã mất", AT)
    assert _approve(world, _propose(world)) == 0
    assert _plan(world, DECEMBER) == [(AWARD, builders.PERIOD), (AWARD, DECEMBER), ("QD-000002", DECEMBER)]


def test_what_arrived_and_is_recoverable_by_the_death_is_no_matter_of_a_retraction(world: Database) -> None:
    with world.transaction("lan") as connection:
        for transition in (SEND, SETTLE):
            chosen = "SELECT payment_id, NULL AS reason FROM engine.payment"
            voucher = Voucher(f"test:{transition.name}", "test", builders.PAY_ON, AT)
            move(connection, transition, voucher, chosen=chosen, expected=2)
    _die(world)
    with pytest.raises(WrongInput, match="1 payments after the death are recoverable by it"):
        _propose(world)


def test_two_persons_retract_a_death_and_nothing_else_does(world: Database, application: Engine) -> None:
    with pytest.raises(WrongInput, match="no death of the payee of QD-000002 is on record"):
        _propose(world, "QD-000002")
    _die(world)
    number = _propose(world)
    with pytest.raises(NotAllowed, match="approver or authoriser in person"):
        _approve(world, number, "lan")
    with pytest.raises(NotFound):
        _approve(world, 99)
    by_hand = text("UPDATE engine.vital_event SET recorded_during = tstzrange(lower(recorded_during), :at)")
    with pytest.raises(DBAPIError, match="retracted by two persons"), application.begin() as connection:
        connection.execute(by_hand, {"at": LATER})
    _approve(world, number)
    with pytest.raises(NotAllowed, match="decided already"):
        _approve(world, number, "hoa")
