"""What a signatory is shown before signing: the difference to last month, and what stands out."""

import uuid
from datetime import date, timedelta

import builders
import pytest
from sqlalchemy import Engine, text

from engine.database import Database
from engine.errors import WrongInput
from engine.payments import planning, run
from engine.payments.validation import Change, Validation, validate
from engine.vault import Vault

DECEMBER = date(2026, 12, 1)
LATER = builders.AT + timedelta(days=29)
RUN = "2026-12/1"
LIMIT_VND = 499_999_999
END_AMOUNT = """
    UPDATE engine.award_amount SET recorded_during = tstzrange(lower(recorded_during), :at) WHERE award_id = :award"""


def person(number: int) -> uuid.UUID:
    return uuid.UUID(int=number * 10 + 1)


def award(number: int) -> uuid.UUID:
    return uuid.UUID(int=number * 10 + 3)


@pytest.fixture
def world(database: Database, vault: Vault) -> Database:
    """Six payees of November, two of them with one account."""
    builders.add_world(database, vault, [*builders.payees(5), builders.Payee("10210000000047", 9_000_000)])
    builders.approved_run(database)
    return database


def _known(database: Database, statement: str, **parameters: object) -> None:
    with database.transaction("lan") as connection:
        connection.execute(text(statement), {"at": LATER, **parameters})


def _december(database: Database) -> Validation:
    with database.transaction("lan") as connection:
        planning.plan(connection, DECEMBER, DECEMBER, "simbank", frozenset(), LATER)
        return validate(connection, RUN, LIMIT_VND, LATER)


def _raise(database: Database, number: int, amount_vnd: int) -> None:
    _known(
        database,
        END_AMOUNT,
        award=award(number),
    )
    _known(
        database,
        """INSERT INTO engine.award_amount (award_id, entitled_during, amount_vnd, findings, recorded_during) VALUES
            (:award, '[2026-12-01,)', :amount, '[]', tstzrange(:at, NULL))""",
        award=award(number),
        amount=amount_vnd,
    )


def test_a_run_tells_how_it_differs_from_last_month(world: Database, vault: Vault) -> None:
    _known(
        world,
        """INSERT INTO engine.vital_event (person_id, kind, happened_on, recorded_during)
            VALUES (:person, 'death', '2026-11-20', tstzrange(:at, NULL))""",
        person=person(1),
    )
    _known(
        world,
        END_AMOUNT,
        award=award(2),
    )
    _raise(world, 3, 3_002_001)
    with world.transaction("lan") as connection:
        builders.add_payee(connection, vault, 7, builders.Payee("1021000000077", 4_000_000))
    found = _december(world)
    assert set(found.changes) == {
        Change("pension", "died", 1, 3_000_000, 0),
        Change("pension", "ended", 1, 3_001_000, 0),
        Change("pension", "new", 1, 0, 4_000_000),
        Change("pension", "raised", 1, 3_002_000, 3_002_001),
        Change("pension", "unchanged", 3, 15_007_000, 15_007_000),
    }
    assert not found.blocked


def test_one_account_of_several_payees_is_told_and_blocks_nothing(world: Database) -> None:
    found = _december(world)
    shared = next(each for each in found.notable if each.rule == "account_of_several_payees")
    assert (shared.blocking, shared.payments, shared.amount_vnd) == (False, 2, 12_004_000)
    assert len(shared.references) == 2


def test_a_death_that_became_known_after_planning_blocks(world: Database) -> None:
    _december(world)
    _known(
        world,
        """INSERT INTO engine.vital_event (person_id, kind, happened_on, recorded_during)
            VALUES (:person, 'death', '2026-11-20', tstzrange(:at, NULL))""",
        person=person(1),
    )
    with world.transaction() as connection:
        found = validate(connection, RUN, LIMIT_VND, LATER)
    died = next(each for each in found.notable if each.rule == "payee_has_died")
    assert (found.blocked, died.payments) == (True, 1)


def test_a_jump_a_huge_amount_and_an_account_changed_lately_are_told(world: Database) -> None:
    _raise(world, 3, LIMIT_VND + 1)
    _known(
        world,
        """UPDATE engine.payout_account SET recorded_during = tstzrange(lower(recorded_during), :at)
            WHERE person_id = :it""",
        it=person(4),
    )
    _known(
        world,
        """INSERT INTO engine.payout_account (person_id, bank_bin, account_ciphertext, account_fingerprint, holder_name,
                valid_during, recorded_during)
            SELECT person_id, bank_bin, account_ciphertext, sha256(account_fingerprint), holder_name, valid_during,
                tstzrange(:at, NULL) FROM engine.payout_account WHERE person_id = :it""",
        it=person(4),
    )
    found = {each.rule: each.payments for each in _december(world).notable}
    assert found["above_the_gateways_limit"] == found["amount_has_jumped"] == 1
    assert found["account_was_changed_lately"] == 1


def test_the_same_benefit_twice_for_a_month_blocks(world: Database, vault: Vault, owner: Engine) -> None:
    with world.transaction("lan") as connection:
        builders.add_payee(connection, vault, 8, builders.Payee("1021000000087", 4_000_000))
    with owner.begin() as connection:
        connection.execute(text("ALTER TABLE engine.award DISABLE TRIGGER append_only"))
        connection.execute(
            text("UPDATE engine.award SET person_id = :other WHERE award_id = :award"),
            {"other": person(4), "award": award(8)},
        )
    found = {each.rule: each.payments for each in _december(world).notable}
    assert found["benefit_paid_twice_for_a_month"] == 2


def test_submitting_and_approving_do_not_depend_on_the_report(world: Database) -> None:
    _december(world)
    with world.transaction("lan") as connection:
        run.submit(connection, RUN, "lan", LATER)
        assert validate(connection, RUN, LIMIT_VND, LATER).payments == 6


def test_two_months_paid_together_are_two_payments_of_one_run(world: Database) -> None:
    with world.transaction("lan") as connection:
        planned = planning.plan(connection, DECEMBER, DECEMBER, "simbank", frozenset(), LATER, through=date(2027, 1, 1))
        months = connection.execute(
            text("""
                SELECT entitled_month, count(*), sum(amount_vnd)::bigint FROM engine.payment p
                JOIN engine.payment_run r USING (run_id) WHERE r.run_code = :run GROUP BY 1 ORDER BY 1"""),
            {"run": RUN},
        ).all()
        changes = validate(connection, RUN, LIMIT_VND, LATER).changes
    assert planned.payments == 12
    assert changes == (Change("pension", "unchanged", 6, 24_010_000, 24_010_000),)
    assert [tuple(row) for row in months] == [(DECEMBER, 6, 24_010_000), (date(2027, 1, 1), 6, 24_010_000)]
    with pytest.raises(WrongInput, match="2026-11 to 2027-01"), world.transaction("lan") as connection:
        planning.plan(connection, builders.PERIOD, DECEMBER, "simbank", frozenset(), LATER, through=date(2027, 1, 1))


def test_months_that_were_missed_are_told_and_planned_with_the_next(world: Database, vault: Vault) -> None:
    with world.transaction("lan") as connection:
        builders.add_payee(connection, vault, 9, builders.Payee("1021000000097", 4_000_000))
        # Of December alone October of all seven is missing, and November of the new one.
        december = planning.plan(connection, DECEMBER, DECEMBER, "simbank", frozenset(), LATER)
        assert (december.earlier_open, december.earliest_open) == (7 + 1, date(2026, 10, 1))
        run.cancel(connection, december.run_code, "cả các tháng trước", LATER)
    with world.transaction("lan") as connection:
        planned = planning.plan(
            connection, date(2026, 10, 1), DECEMBER, "simbank", frozenset(), LATER, through=DECEMBER
        )
    # October for all seven, November for the new one, December for all.
    assert (planned.payments, planned.earlier_open, planned.earliest_open) == (7 + 1 + 7, 0, None)
