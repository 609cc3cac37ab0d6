"""An ended award: two persons, nothing due from its month on, and what was paid for later months is recoverable."""

from datetime import date

import builders
import pytest
from sqlalchemy import text

from engine.awards.termination import approve_termination, propose_termination, termination_grounds
from engine.database import Database
from engine.errors import NotAllowed, WrongInput
from engine.payments import planning, recovery, run
from engine.payments.agreement import require_agreement
from engine.payments.life_of_award import life_of_award
from engine.payments.payment import SEND, SETTLE, Voucher, move
from engine.payments.recovery import Debt
from engine.payments.terminations import TerminationsFollowed, follow_terminations
from engine.vault import Vault
from ledger.balances import balance

AT, AWARD, GROUND = builders.AT, "QD-000001", "renounced"
LATER = AT.replace(hour=9)
DECEMBER = date(2026, 12, 1)


@pytest.fixture
def world(database: Database, vault: Vault) -> Database:
    """November is paid to two payees, December is approved."""
    builders.add_world(database, vault, builders.payees(2))
    builders.approved_run(database)
    with database.transaction("lan") as connection:
        for transition in (SEND, SETTLE):
            chosen = "SELECT payment_id, NULL AS reason FROM engine.payment"
            move(connection, transition, Voucher(transition.name, "test", AT.date(), AT), chosen=chosen, expected=2)
        planned = planning.plan(connection, DECEMBER, DECEMBER, "simbank", frozenset(), AT)
        run.submit(connection, planned.run_code, "lan", AT)
    return database


def _end(world: Database, month: date) -> TerminationsFollowed:
    with world.transaction("lan") as connection:
        number = propose_termination(connection, AWARD, GROUND, month, "Đơn ngày 01/11/2026", AT)
        with pytest.raises(NotAllowed, match="waits"), connection.begin_nested():
            propose_termination(connection, AWARD, GROUND, month, "Đơn ngày 01/11/2026", AT)
    with pytest.raises(NotAllowed), world.transaction("lan") as connection:
        approve_termination(connection, number, LATER)
    with world.transaction("minh") as connection:
        assert approve_termination(connection, number, LATER) == AWARD
        followed = follow_terminations(connection, LATER)
        assert follow_terminations(connection, LATER) == TerminationsFollowed(0, 0, 0, 0)
        require_agreement(connection)
    return followed


def test_what_was_paid_for_later_months_is_recoverable_and_what_is_planned_is_dropped(world: Database) -> None:
    assert _end(world, builders.PERIOD) == TerminationsFollowed(1, 0, 1, 3_000_000)
    with world.transaction() as connection:
        assert recovery.debts(connection) == [Debt(AWARD, 3_000_000, 0, 0, 3_000_000, None)]
        assert balance(connection, "beneficiary_receivable").vnd == 3_000_000
        (ended,) = [event for event in life_of_award(connection, AWARD) if event["what"] == "terminated"]
        assert ended["article"] == termination_grounds()[GROUND]["citation"]
        # October goes on being due, as it was believed.
        months = connection.scalars(
            text("""
                SELECT w.entitled_during::text FROM engine.award_amount w JOIN engine.award USING (award_id)
                WHERE award_no = :no AND upper_inf(w.recorded_during)"""),
            {"no": AWARD},
        ).all()
        assert months == ["[2026-10-01,2026-11-01)"]


def test_what_waits_is_held_with_its_reason(world: Database) -> None:
    for person in ("minh", "hoa"):
        with world.transaction(person) as connection:
            run.approve(connection, "2026-12/1", person, AT)
    assert _end(world, DECEMBER) == TerminationsFollowed(0, 1, 0, 0)
    with world.transaction() as connection:
        held = connection.execute(text("SELECT state_reason FROM engine.payment WHERE state = 'held'")).scalar_one()
    assert held == "award_terminated"


@pytest.mark.parametrize(
    ("award_no", "ground", "evidence", "problem"),
    [
        ("QD-9", GROUND, "x", "no award"),
        (AWARD, "bored", "x", "no ground"),
        (AWARD, GROUND, " ", "document"),
    ],
)
def test_what_no_termination_can_rest_on_is_refused(
    world: Database, award_no: str, ground: str, evidence: str, problem: str
) -> None:
    with pytest.raises(WrongInput, match=problem), world.transaction("lan") as connection:
        propose_termination(connection, award_no, ground, DECEMBER, evidence, AT)
