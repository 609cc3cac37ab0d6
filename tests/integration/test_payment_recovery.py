"""What was paid too much is withheld from later payments by a plan of two persons, and the ledger shows all three."""

from datetime import date, timedelta

import builders
import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from engine.database import Database
from engine.errors import NotAllowed, WrongInput
from engine.law.calendar import Month
from engine.payments import planning, recovery, run, tracing
from engine.payments.agreement import require_agreement
from engine.payments.deaths import follow_deaths
from engine.payments.overpayments import book_overpayments
from engine.payments.payment import FAIL, SEND, SETTLE, Transition, Voucher, move
from engine.payments.planning import PlannedRun
from engine.payments.recovery import Debt, debts, follow_deductions
from engine.vault import Vault
from ledger.balances import balance

AT = builders.AT
AWARD, PENSION, OWED = "QD-000001", "benefit_expense.pension", "beneficiary_receivable"


def month(number: int) -> date:
    """The months after November 2026, by their number."""
    return (Month.containing(builders.PERIOD) + number).first_day


@pytest.fixture
def world(database: Database, vault: Vault) -> Database:
    """Of a pension of 5,000,000, 1,500,000 of November was too much; the other payee owes nothing."""
    builders.add_world(database, vault, [builders.Payee("1021000000017"), builders.Payee("1021000000027")])
    builders.approved_run(database)
    _move(database, SEND, "true")
    _move(database, SETTLE, "true")
    with database.transaction("lan") as connection:
        found = "SELECT payment_id, 1500000 AS amount_vnd FROM engine.payment WHERE payment_no = 1"
        assert book_overpayments(connection, found, "amount_lowered", AT) == (1, 1_500_000)
    return database


def _move(database: Database, transition: Transition, which: str) -> None:
    """What batches and statements do, without a bank."""
    with database.transaction("lan") as connection:
        where = f"state = '{transition.source}' AND {which}"
        count = connection.execute(text(f"SELECT count(*) FROM engine.payment WHERE {where}")).scalar_one()
        chosen = f"SELECT payment_id, 'AC01' AS reason FROM engine.payment WHERE {where}"
        voucher = Voucher(f"test:{transition.name}:{which}", "test", builders.PAY_ON, AT)
        move(connection, transition, voucher, chosen=chosen, expected=count)


def _plan_recovery(database: Database, percent: int = 20, floor_vnd: int = 2_000_000, months: int | None = None) -> int:
    with database.transaction("lan") as connection:
        plan_no = recovery.propose(
            connection,
            AWARD,
            starts_month=month(1),
            percent=percent,
            floor_vnd=floor_vnd,
            months=months,
            evidence="QĐ 15/QĐ-BHXH",
            at=AT,
        )
    with database.transaction("minh") as connection:
        recovery.approve(connection, plan_no, AT)
    return plan_no


def _pay(database: Database, number: int) -> PlannedRun:
    at = AT + timedelta(days=31 * number)
    with database.transaction("lan") as connection:
        planned = planning.plan(connection, month(number), month(number), "simbank", frozenset(), at)
        run.submit(connection, planned.run_code, "lan", at)
    for person in ("minh", "hoa"):
        with database.transaction(person) as connection:
            run.approve(connection, planned.run_code, person, at)
    return planned


def _paid(connection: Connection, number: int) -> list[int]:
    return list(
        connection.scalars(
            text("SELECT amount_vnd FROM engine.payment WHERE entitled_month = :m ORDER BY payment_no"),
            {"m": month(number)},
        )
    )


def test_each_month_withholds_its_share_until_all_is_recovered(world: Database) -> None:
    plan_no = _plan_recovery(world)
    with world.transaction() as connection:
        expensed = balance(connection, PENSION).vnd
        assert debts(connection) == [Debt(AWARD, 1_500_000, 0, 0, 1_500_000, plan_no)]
    assert [_pay(world, number).withheld_vnd for number in (1, 2, 3)] == [1_000_000, 500_000, 0]
    with world.transaction() as connection:
        assert [_paid(connection, number) for number in (1, 2, 3)] == [
            [4_000_000, 5_000_000],
            [4_500_000, 5_000_000],
            [5_000_000, 5_000_000],
        ]
        assert balance(connection, OWED).vnd == 0
        assert balance(connection, PENSION).vnd == expensed + 30_000_000  # the gross
        assert balance(connection, "benefits_payable").vnd == 28_500_000
        assert debts(connection) == []


def test_a_trace_tells_gross_withheld_and_net(world: Database) -> None:
    _plan_recovery(world)
    _pay(world, 1)
    with world.transaction() as connection:
        reference = connection.scalar(
            text("SELECT p.reference FROM engine.payment p JOIN engine.deduction USING (payment_id)")
        )
        life = tracing.trace(connection, str(reference))
    (withheld,) = life["withheld"]
    assert (withheld["gross_vnd"], withheld["withheld_vnd"], withheld["net_vnd"]) == (5_000_000, 1_000_000, 4_000_000)
    assert [row["event"] for row in life["entries"]] == ["run_approved", "recovery_set_off", "recovery_set_off"]


def test_the_floor_is_left_and_the_months_are_counted(world: Database) -> None:
    _plan_recovery(world, percent=50, floor_vnd=4_400_000, months=2)
    assert [_pay(world, number).withheld_vnd for number in (1, 2, 3)] == [600_000, 600_000, 0]
    with world.transaction() as connection:
        assert [debt.open_vnd for debt in debts(connection)] == [300_000]


def test_a_cancelled_run_gives_the_debt_back(world: Database) -> None:
    _plan_recovery(world)
    planned = _pay(world, 1)
    with world.transaction("minh") as connection:
        run.cancel(connection, planned.run_code, "nhầm", AT)
        require_agreement(connection)
        assert balance(connection, OWED).vnd == 1_500_000
        assert [debt.withheld_vnd for debt in debts(connection)] == [0]
    assert _pay(world, 1).withheld_vnd == 1_000_000
    with world.transaction("lan") as connection:
        before = balance(connection, OWED).vnd
        follow_deductions(connection, AT)
        assert (before, balance(connection, OWED).vnd) == (500_000, 500_000)


def test_a_payment_made_again_withholds_the_same_once(world: Database, vault: Vault) -> None:
    _plan_recovery(world)
    _pay(world, 1)
    withheld = "payment_id IN (SELECT payment_id FROM engine.deduction)"
    _move(world, SEND, withheld)
    _move(world, FAIL, withheld)
    with world.transaction("lan") as connection:
        sealed = vault.seal("account", "1021000000097")
        connection.execute(
            text("""
                UPDATE engine.payout_account SET recorded_during = tstzrange(lower(recorded_during), :at)
                WHERE person_id = (SELECT person_id FROM engine.payment JOIN engine.deduction USING (payment_id))"""),
            {"at": AT + timedelta(days=1)},
        )
        connection.execute(
            text("""
                INSERT INTO engine.payout_account (person_id, bank_bin, account_ciphertext, account_fingerprint,
                    holder_name, valid_during, recorded_during)
                SELECT person_id, '970436', :ciphertext, :fingerprint, 'NGUYEN VAN', '[2026-01-01,)',
                    tstzrange(:at, NULL) FROM engine.payment JOIN engine.deduction USING (payment_id)"""),
            {"ciphertext": sealed.ciphertext, "fingerprint": sealed.fingerprint, "at": AT + timedelta(days=1)},
        )
    at = AT + timedelta(days=40)
    with world.transaction("lan") as connection:
        planned = planning.plan_reissues(connection, month(1), "simbank", frozenset(), at)
        run.submit(connection, planned.run_code, "lan", at)
    for person in ("minh", "hoa"):
        with world.transaction(person) as connection:
            run.approve(connection, planned.run_code, person, at)
    assert (planned.amount_vnd, planned.withheld_vnd) == (4_000_000, 1_000_000)
    with world.transaction() as connection:
        require_agreement(connection)
        assert balance(connection, OWED).vnd == 500_000
        assert [debt.open_vnd for debt in debts(connection)] == [500_000]


def test_a_death_ends_the_plan_and_what_was_withheld_after_it_is_owed_again(world: Database, owner: Engine) -> None:
    _plan_recovery(world)
    _pay(world, 1)
    with owner.begin() as connection:
        connection.execute(
            text("""
                INSERT INTO engine.vital_event (person_id, kind, happened_on, recorded_during)
                SELECT person_id, 'death', '2026-11-20', tstzrange(:at, NULL) FROM engine.award
                WHERE award_no = :no"""),
            {"at": AT, "no": AWARD},
        )
    with world.transaction("lan") as connection:
        assert follow_deaths(connection, AT).held == 1
        assert balance(connection, OWED).vnd == 1_500_000
        (plan,) = recovery.plans_of(connection, AWARD)
        assert (plan["end_reason"], plan["withheld_vnd"]) == ("payee_has_died", 0)


def test_hardship_is_another_plan_in_the_place_of_the_first(world: Database) -> None:
    _plan_recovery(world)
    assert _pay(world, 1).withheld_vnd == 1_000_000
    _plan_recovery(world, percent=2)
    assert _pay(world, 2).withheld_vnd == 100_000
    with world.transaction() as connection:
        assert [plan["end_reason"] for plan in recovery.plans_of(connection, AWARD)] == ["replaced by plan 2", None]


def test_who_proposed_a_plan_does_not_approve_it(world: Database) -> None:
    with world.transaction("minh") as connection:
        plan_no = recovery.propose(
            connection,
            AWARD,
            starts_month=month(1),
            percent=10,
            floor_vnd=1,
            months=None,
            evidence="QĐ 15",
            at=AT,
        )
    with pytest.raises(NotAllowed, match="two persons"), world.transaction("minh") as connection:
        recovery.approve(connection, plan_no, AT)
    with pytest.raises(NotAllowed, match="approver or authoriser"), world.transaction("lan") as connection:
        recovery.approve(connection, plan_no, AT)


def test_who_owes_nothing_gets_no_plan_and_every_problem_is_named(world: Database) -> None:
    with pytest.raises(WrongInput) as refused, world.transaction("lan") as connection:
        recovery.propose(
            connection,
            "QD-000002",
            starts_month=month(1),
            percent=101,
            floor_vnd=0,
            months=0,
            evidence="",
            at=AT,
        )
    assert len(str(refused.value).splitlines()) == 5


def test_the_database_refuses_a_deduction_below_the_floor(world: Database) -> None:
    _plan_recovery(world, floor_vnd=4_900_000)
    _pay(world, 1)
    with pytest.raises(DBAPIError, match="recovery plan allows"), world.transaction("lan") as connection:
        connection.execute(
            text("""
                INSERT INTO engine.deduction SELECT payment_id, 1, 4000000 FROM engine.payment
                WHERE payment_no = 1""")
        )
