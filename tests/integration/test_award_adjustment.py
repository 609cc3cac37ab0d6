"""An adjustment of all that runs; the difference for months already paid, up and down."""

import uuid
from datetime import date, datetime, timedelta

import builders
import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from engine.awards.adjustment import Adjusted, adjust_running
from engine.clock import VIET_NAM
from engine.database import Database
from engine.errors import WrongInput
from engine.law.parameters import Parameters
from engine.payments import planning
from engine.payments.overpayments import follow_lowered_amounts
from engine.vault import Vault
from ledger.balances import balance

LAW = Parameters.load()
JULY, AUGUST, SEPTEMBER = date(2026, 7, 1), date(2026, 8, 1), date(2026, 9, 1)
AT = datetime(2026, 8, 20, 9, tzinfo=VIET_NAM)
EARLY = datetime(2026, 1, 5, 9, tzinfo=VIET_NAM)
PENSION = "benefit_expense.pension"


def award(number: int) -> uuid.UUID:
    return uuid.UUID(int=number * 10 + 3)


@pytest.fixture
def world(database: Database, vault: Vault, owner: Engine) -> Database:
    """Since January a pension, one that the state budget pays, and an allowance of half the level of 2,340,000."""
    people = [
        builders.Payee("1021000000017", 5_000_000),
        builders.Payee("1021000000027", 3_000_000, fund="state_budget"),
        builders.Payee("1021000000037", 1_170_000, benefit="survivor_allowance"),
    ]
    builders.add_world(database, vault, people)
    with owner.begin() as connection:
        for table in ("award", "award_amount", "payout_account"):
            connection.execute(text(f"ALTER TABLE engine.{table} DISABLE TRIGGER USER"))
        connection.execute(text("UPDATE engine.award SET starts_on = '2026-01-01', recorded_at = :at"), {"at": EARLY})
        connection.execute(
            text("""
                UPDATE engine.award_amount SET entitled_during = '[2026-01-01,)',
                    recorded_during = tstzrange(:at, NULL)"""),
            {"at": EARLY},
        )
        connection.execute(
            text("UPDATE engine.payout_account SET recorded_during = tstzrange(:at, NULL)"), {"at": EARLY}
        )
    return database


def _settle(connection: Connection, period: date, at: datetime) -> list[int]:
    """Plans a month; its payments are settled at once, as the owner of the database can. Amounts as planned."""
    planning.plan(connection, period, period, "simbank", frozenset(), at)
    amounts = connection.scalars(
        text("SELECT amount_vnd FROM engine.payment WHERE state = 'planned' ORDER BY payment_no")
    ).all()
    connection.execute(text("UPDATE engine.payment SET state = 'settled' WHERE state = 'planned'"))
    return list(amounts)


@pytest.fixture
def paid(world: Database, owner: Engine) -> Database:
    """July and August are paid already."""
    with owner.begin() as connection:
        connection.execute(text("ALTER TABLE engine.payment DISABLE TRIGGER check_transition"))
    for month in (JULY, AUGUST):
        with owner.begin() as connection:
            connection.execute(text("SELECT set_config('thuchi.person', 'lan', true)"))
            assert _settle(connection, month, AT - timedelta(days=30)) == [5_000_000, 1_170_000, 3_000_000]
    return world


def _adjust(database: Database) -> Adjusted:
    with database.transaction("lan") as connection:
        return adjust_running(connection, JULY, LAW, AT)


def _amounts(database: Database, on: date, known_at: datetime) -> list[int]:
    with database.transaction() as connection:
        return list(
            connection.scalars(
                text("""
                    SELECT amount_vnd FROM engine.award_amount
                    WHERE entitled_during @> CAST(:on AS date) AND recorded_during @> CAST(:at AS timestamptz)
                    ORDER BY award_id"""),
                {"on": on, "at": known_at},
            )
        )


def test_pensions_rise_by_the_decree_and_allowances_follow_the_level(world: Database) -> None:
    """8 % on 1 July 2026; those who stopped before 1995 on 3,240,000 get 300,000 more; half of 2,530,000."""
    adjusted = _adjust(world)
    assert (adjusted.pensions, adjusted.allowances) == (2, 1)
    assert adjusted.raised_vnd == 400_000 + 540_000 + 95_000
    assert _amounts(world, date(2026, 6, 1), AT) == [5_000_000, 3_000_000, 1_170_000]
    assert _amounts(world, JULY, AT) == [5_400_000, 3_540_000, 1_265_000]
    assert _amounts(world, JULY, AT - timedelta(seconds=1)) == [5_000_000, 3_000_000, 1_170_000]
    again = _adjust(world)
    assert (again.pensions, again.allowances, again.raised_vnd) == (0, 0, 0)
    with world.transaction() as connection:
        articles = connection.scalars(
            text("""
                SELECT findings #>> '{0,article,vi}' FROM engine.award_amount
                WHERE lower(entitled_during) = '2026-07-01' ORDER BY award_id""")
        ).all()
    assert all(articles)


def test_a_day_without_an_adjustment_is_refused(world: Database) -> None:
    with pytest.raises(WrongInput, match="adjusts nothing"), world.transaction("lan") as connection:
        adjust_running(connection, AUGUST, LAW, AT)


def test_the_next_run_pays_what_earlier_months_were_short_of(paid: Database) -> None:
    unconfirmed = frozenset(_adjust(paid).unconfirmed)
    with paid.transaction("lan") as connection:
        planned = planning.plan(connection, SEPTEMBER, SEPTEMBER, "simbank", unconfirmed, AT + timedelta(days=1))
        rows = connection.execute(
            text("""
                SELECT entitled_month, part, sum(amount_vnd)::bigint AS vnd, count(*) FROM engine.payment
                WHERE state = 'planned' GROUP BY 1, 2 ORDER BY 1, 2""")
        ).all()
        assert [tuple(row) for row in rows] == [
            (JULY, 2, 1_035_000, 3),
            (AUGUST, 2, 1_035_000, 3),
            (SEPTEMBER, 1, 10_205_000, 3),
        ]
        assert planned.payments == 9
    with pytest.raises(WrongInput, match="nothing is due"), paid.transaction("lan") as connection:
        planning.plan(connection, SEPTEMBER, SEPTEMBER, "simbank", unconfirmed, AT + timedelta(days=2))


def test_a_run_must_name_what_is_unconfirmed_in_an_adjusted_amount(world: Database) -> None:
    with world.transaction("lan") as connection:
        connection.execute(
            text("""
                UPDATE engine.award_amount SET recorded_during = tstzrange(lower(recorded_during), :at)
                WHERE award_id = :award"""),
            {"at": AT, "award": award(1)},
        )
        connection.execute(
            text("""
                INSERT INTO engine.award_amount
                    (award_id, entitled_during, amount_vnd, findings, unconfirmed, recorded_during)
                VALUES (:award, '[2026-01-01,)', 1, '[]', '{some_value}', tstzrange(:at, NULL))"""),
            {"at": AT, "award": award(1)},
        )
    with pytest.raises(WrongInput, match="some_value"), world.transaction("lan") as connection:
        planning.plan(connection, SEPTEMBER, SEPTEMBER, "simbank", frozenset(), AT)


def _lower(database: Database, number: int, amount_vnd: int, at: datetime) -> None:
    with database.transaction("lan") as connection:
        connection.execute(
            text("""
                UPDATE engine.award_amount SET recorded_during = tstzrange(lower(recorded_during), :at)
                WHERE award_id = :award AND upper_inf(recorded_during)"""),
            {"at": at, "award": award(number)},
        )
        if amount_vnd:
            connection.execute(
                text("""
                    INSERT INTO engine.award_amount (award_id, entitled_during, amount_vnd, findings, recorded_during)
                    VALUES (:award, '[2026-01-01,)', :amount, '[]', tstzrange(:at, NULL))"""),
                {"at": at, "award": award(number), "amount": amount_vnd},
            )


def test_what_was_paid_above_a_lowered_amount_is_recoverable_once(paid: Database) -> None:
    _lower(paid, 1, 4_900_000, AT)
    with paid.transaction("lan") as connection:
        assert follow_lowered_amounts(connection, AT) == (2, 200_000)
        assert follow_lowered_amounts(connection, AT) == (0, 0)
        assert balance(connection, "beneficiary_receivable").vnd == 200_000
    _lower(paid, 1, 4_800_000, AT + timedelta(days=1))
    with paid.transaction("lan") as connection:
        assert follow_lowered_amounts(connection, AT + timedelta(days=1)) == (2, 200_000)
    # What is raised again is due again: it was taken as recoverable.
    _lower(paid, 1, 5_000_000, AT + timedelta(days=2))
    with paid.transaction("lan") as connection:
        planned = planning.plan(connection, SEPTEMBER, SEPTEMBER, "simbank", frozenset(), AT + timedelta(days=3))
    assert planned.amount_vnd == 5_000_000 + 3_000_000 + 1_170_000 + 400_000


def test_an_award_that_should_never_have_been_is_recoverable_whole(paid: Database) -> None:
    _lower(paid, 1, 0, AT)
    with paid.transaction("lan") as connection:
        assert follow_lowered_amounts(connection, AT) == (2, 10_000_000)


def test_no_more_is_recoverable_than_was_paid(paid: Database) -> None:
    with pytest.raises(DBAPIError, match="more is recoverable"), paid.transaction("lan") as connection:
        connection.execute(
            text("""
                INSERT INTO engine.overpayment (payment_id, reason, amount_vnd, found_at)
                SELECT payment_id, 'amount_lowered', amount_vnd + 1, :at FROM engine.payment"""),
            {"at": AT},
        )
