"""A suspended award is not paid; resumed by two persons, its months are paid as arrears. What waits is held."""

import builders
import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from engine.awards.suspension import grounds, propose_resumption, resume, suspend, suspensions_of
from engine.database import Database
from engine.errors import NotAllowed, NotFound, WrongInput
from engine.law.calendar import Month
from engine.payments import planning, run
from engine.payments.agreement import require_agreement
from engine.payments.planning import PlannedRun
from engine.payments.suspensions import SuspensionsFollowed, follow_suspensions
from engine.payments.validation import validate
from engine.vault import Vault

AT, PERIOD = builders.AT, builders.PERIOD
DECEMBER = (Month.containing(PERIOD) + 1).first_day
AWARD, GROUND = "QD-000001", "verification_missing"
_HUGE = 10**12


@pytest.fixture
def world(database: Database, vault: Vault) -> Database:
    builders.add_world(database, vault, builders.payees(2))
    return database


def _suspend(database: Database) -> SuspensionsFollowed:
    with database.transaction("lan") as connection:
        assert suspend(connection, [AWARD], GROUND, PERIOD, "Danh sách 12/2026", AT) == 1
        assert suspend(connection, [AWARD], GROUND, PERIOD, "Danh sách 12/2026", AT) == 0
        followed = follow_suspensions(connection, AT)
        assert follow_suspensions(connection, AT) == SuspensionsFollowed(0, 0, 0)
        require_agreement(connection)
        return followed


def _resume(database: Database) -> SuspensionsFollowed:
    with database.transaction("lan") as connection:
        propose_resumption(connection, AWARD, GROUND, "Xác minh ngày 05/11/2026", AT)
    with database.transaction("minh") as connection:
        resume(connection, AWARD, GROUND, AT)
        followed = follow_suspensions(connection, AT)
        require_agreement(connection)
        return followed


def _plan(connection: Connection, period: object = PERIOD) -> PlannedRun:
    assert period in (PERIOD, DECEMBER)
    return planning.plan(connection, period, builders.PAY_ON, "simbank", frozenset(), AT)  # type: ignore[arg-type]


def _states(database: Database) -> list[str]:
    with database.transaction() as connection:
        return list(connection.scalars(text("SELECT state FROM engine.payment ORDER BY payment_no")))


def test_a_suspended_month_is_not_planned_and_is_paid_as_arrears_after_the_resumption(world: Database) -> None:
    _suspend(world)
    with world.transaction("lan") as connection:
        assert _plan(connection).payments == 1
    _resume(world)
    with world.transaction("lan") as connection:
        planned = _plan(connection, DECEMBER)
        months = connection.execute(
            text("""
                SELECT entitled_month, amount_vnd FROM engine.payment JOIN engine.award USING (award_id)
                WHERE award_no = :award ORDER BY 1"""),
            {"award": AWARD},
        ).all()
    assert planned.payments == 3
    assert [tuple(row) for row in months] == [(PERIOD, 3_000_000), (DECEMBER, 3_000_000)]
    with pytest.raises(WrongInput, match="nothing is due"), world.transaction("lan") as connection:
        _plan(connection, DECEMBER)


def test_what_is_planned_is_dropped_and_the_rest_of_the_run_is_approved(world: Database) -> None:
    with world.transaction("lan") as connection:
        _plan(connection)
        run.submit(connection, builders.RUN, "lan", AT)
    assert _suspend(world) == SuspensionsFollowed(dropped=1, held=0, released=0)
    for person in ("minh", "hoa"):
        with world.transaction(person) as connection:
            run.approve(connection, builders.RUN, person, AT)
    assert _states(world) == ["cancelled", "approved"]


def test_what_waits_is_held_and_released_by_the_resumption(world: Database) -> None:
    builders.approved_run(world)
    assert _suspend(world) == SuspensionsFollowed(dropped=0, held=1, released=0)
    assert _states(world) == ["held", "approved"]
    assert _resume(world) == SuspensionsFollowed(dropped=0, held=0, released=1)
    assert _states(world) == ["approved", "approved"]


def test_what_was_held_for_another_reason_stays_held(world: Database) -> None:
    builders.approved_run(world)
    with world.transaction("lan") as connection:
        reference = connection.execute(text("SELECT min(reference) FROM engine.payment")).scalar_one()
        run.hold(connection, reference, "chờ xác minh", AT)
    _suspend(world)
    assert _resume(world).released == 0
    assert _states(world)[0] == "held"


def test_a_release_by_hand_is_seen_before_signing(world: Database) -> None:
    builders.approved_run(world)
    _suspend(world)
    with world.transaction("lan") as connection:
        reference = connection.execute(text("SELECT min(reference) FROM engine.payment")).scalar_one()
        run.release(connection, reference, "nhầm", AT)
        found = validate(connection, builders.RUN, _HUGE, AT)
    assert found.blocked
    assert {each.rule for each in found.notable} >= {"award_suspended"}


@pytest.mark.parametrize("person", ["lan", "hung"])
def test_who_proposed_or_may_not_approve_cannot_resume(world: Database, owner: Engine, person: str) -> None:
    with owner.begin() as connection:
        connection.execute(text("INSERT INTO engine.staff (person, name, role) VALUES ('hung', 'Hùng', 'preparer')"))
    _suspend(world)
    with pytest.raises(NotAllowed, match="nobody has proposed"), world.transaction("minh") as connection:
        resume(connection, AWARD, GROUND, AT)
    with world.transaction("lan") as connection:
        propose_resumption(connection, AWARD, GROUND, "Xác minh", AT)
    with pytest.raises(NotAllowed, match=r"two persons|another person"), world.transaction(person) as connection:
        resume(connection, AWARD, GROUND, AT)


def test_an_approver_who_proposed_cannot_approve_and_the_database_says_so(world: Database) -> None:
    _suspend(world)
    with world.transaction("minh") as connection:
        propose_resumption(connection, AWARD, GROUND, "Xác minh", AT)
    with pytest.raises(NotAllowed, match="two persons"), world.transaction("minh") as connection:
        resume(connection, AWARD, GROUND, AT)
    with pytest.raises(DBAPIError, match="another person proposed"), world.transaction("minh") as connection:
        connection.execute(text("UPDATE engine.suspension SET resumed_by = 'tam', resumed_at = now()"))


def test_a_resumed_suspension_is_history(world: Database) -> None:
    _suspend(world)
    _resume(world)
    with world.transaction("lan") as connection:
        (told,) = suspensions_of(connection, AWARD)
        assert (told["suspended_by"], told["proposed_by"], told["resumed_by"]) == ("lan", "lan", "minh")
        assert "Điều 75" in told["citation"]
    with pytest.raises(NotFound), world.transaction("lan") as connection:
        propose_resumption(connection, AWARD, GROUND, "lại", AT)


def test_every_problem_of_a_suspension_is_named(world: Database) -> None:
    with pytest.raises(WrongInput) as refused, world.transaction("lan") as connection:
        suspend(connection, [AWARD, "QD-9"], "whim", PERIOD, " ", AT)
    for words in ("whim is no ground", "there is no award QD-9", "names the document"):
        assert words in str(refused.value)
    assert all(ground["citation"] and ground["confidence"] for ground in grounds().values())
