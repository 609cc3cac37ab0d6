"""Two persons and the database between them: who may sign what, and what a signature covers."""

import builders
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from engine.database import Database
from engine.errors import NotAllowed, WrongInput
from engine.payments import planning, run
from engine.payments.agreement import differences, require_agreement
from engine.payments.signed_content import require_unchanged
from engine.vault import Vault


def _submitted(database: Database, vault: Vault, count: int = 5) -> None:
    builders.add_world(database, vault, builders.payees(count))
    with database.transaction("lan") as connection:
        planning.plan(connection, builders.PERIOD, builders.PAY_ON, "simbank", frozenset(), builders.AT)
        run.submit(connection, builders.RUN, "lan", builders.AT)


def _state(database: Database) -> str:
    with database.transaction() as connection:
        state: str = connection.execute(text("SELECT state FROM engine.payment_run")).scalar_one()
    return state


def test_a_run_is_payable_after_its_third_signature(database: Database, vault: Vault) -> None:
    builders.add_world(database, vault, builders.payees(3))
    builders.approved_run(database)
    with database.transaction() as connection:
        assert run.show(connection, builders.RUN)["payments"] == [
            {"state": "approved", "payments": 3, "amount_vnd": 3_000_000 + 3_001_000 + 3_002_000}
        ]
        require_agreement(connection)
    assert _state(database) == "approved"


def test_the_same_person_cannot_sign_twice(database: Database, vault: Vault) -> None:
    _submitted(database, vault)
    with database.transaction("minh") as connection:
        run.approve(connection, builders.RUN, "minh", builders.AT)
    for person in ("minh", "lan"):
        with pytest.raises(NotAllowed), database.transaction(person) as connection:
            run.approve(connection, builders.RUN, person, builders.AT)
    assert _state(database) == "submitted"


@pytest.mark.parametrize(
    ("acting", "level", "person"),
    [
        ("lan", 1, "lan"),  # the maker as checker
        ("minh", 1, "tam"),  # in somebody else's name
        ("hoa", 1, "hoa"),  # the role may not sign this level
        ("hoa", 2, "hoa"),  # too early
        ("", 1, "minh"),  # nobody acts
    ],
)
def test_the_database_itself_refuses_a_wrong_signature(
    database: Database, vault: Vault, application: Engine, acting: str, level: int, person: str
) -> None:
    _submitted(database, vault)
    signature = text("""
        WITH acting AS (SELECT set_config('thuchi.person', :acting, true))
        INSERT INTO engine.run_signature (run_id, level, person, content_hash, signed_at)
        SELECT run_id, :level, :person, content_hash, now() FROM engine.run_signature, acting WHERE level = 0""")
    with (
        pytest.raises(DBAPIError, match=r"acting person|may not sign|one_person|too early"),
        application.begin() as connection,
    ):
        connection.execute(signature, {"acting": acting, "level": level, "person": person})


_ACCOUNT_OF_THE_SECOND = "WHERE p.payout_account_id = o.payout_account_id AND p.payment_no = 2"


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE engine.payment SET amount_vnd = amount_vnd + 1 WHERE payment_no = 2",
        "UPDATE engine.payment SET law_version = 'other' WHERE payment_no = 2",
        f"UPDATE engine.payout_account o SET holder_name = 'KHAC' FROM engine.payment p {_ACCOUNT_OF_THE_SECOND}",
        f"UPDATE engine.payout_account o SET account_fingerprint = '0' FROM engine.payment p {_ACCOUNT_OF_THE_SECOND}",
        f"UPDATE engine.payout_account o SET bank_bin = '970418' FROM engine.payment p {_ACCOUNT_OF_THE_SECOND}",
        "DELETE FROM engine.payment WHERE payment_no = 2",
    ],
)
def test_what_the_signatures_cover_cannot_change_after_submission(
    database: Database, vault: Vault, superuser: Engine, edit: str
) -> None:
    _submitted(database, vault)
    with superuser.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        assert connection.execute(text(edit)).rowcount == 1
    with pytest.raises(NotAllowed, match="changed after"), database.transaction("minh") as connection:
        run.approve(connection, builders.RUN, "minh", builders.AT)


@pytest.mark.parametrize("column", ["amount_vnd = 1", "payout_account_id = payout_account_id", "reference = 'x'"])
def test_the_application_cannot_edit_what_was_planned(
    database: Database, vault: Vault, application: Engine, column: str
) -> None:
    _submitted(database, vault)
    with pytest.raises(DBAPIError, match="permission denied"), application.begin() as connection:
        connection.execute(text(f"UPDATE engine.payment SET {column}"))


@pytest.mark.parametrize("state", ["settled", "returned", "in_transit", "failed"])
def test_the_database_knows_the_transition_table(
    database: Database, vault: Vault, application: Engine, state: str
) -> None:
    _submitted(database, vault)
    with pytest.raises(DBAPIError, match="cannot become"), application.begin() as connection:
        connection.execute(text("UPDATE engine.payment SET state = :state"), {"state": state})


def test_an_unconfirmed_legal_value_must_be_named(database: Database, vault: Vault) -> None:
    builders.add_world(database, vault, [builders.Payee("1021000000017", unconfirmed=("pension/top_up",))])
    with pytest.raises(WrongInput, match="pension/top_up"), database.transaction("lan") as connection:
        planning.plan(connection, builders.PERIOD, builders.PAY_ON, "simbank", frozenset(), builders.AT)
    with database.transaction("lan") as connection:
        allowed = frozenset({"pension/top_up"})
        planned = planning.plan(connection, builders.PERIOD, builders.PAY_ON, "simbank", allowed, builders.AT)
    assert planned.unconfirmed == ("pension/top_up",)


def test_a_month_is_planned_once(database: Database, vault: Vault) -> None:
    _submitted(database, vault)
    with pytest.raises(WrongInput, match="nothing is due"), database.transaction("lan") as connection:
        planning.plan(connection, builders.PERIOD, builders.PAY_ON, "simbank", frozenset(), builders.AT)


def test_holding_keeps_money_payable_and_voids_no_signature(database: Database, vault: Vault) -> None:
    builders.add_world(database, vault, builders.payees(2))
    builders.approved_run(database)
    with database.transaction("lan") as connection:
        reference: str = connection.execute(
            text("SELECT reference FROM engine.payment WHERE payment_no = 1")
        ).scalar_one()
        run.hold(connection, reference, "chờ xác minh", builders.AT)
        require_agreement(connection)
    with database.transaction("lan") as connection:
        run.release(connection, reference, "đã xác minh", builders.AT)
        run_id = connection.execute(text("SELECT run_id FROM engine.payment_run")).scalar_one()
        require_unchanged(connection, run_id)


def test_a_state_changed_behind_the_ledger_is_noticed(database: Database, vault: Vault, superuser: Engine) -> None:
    builders.add_world(database, vault, builders.payees(2))
    builders.approved_run(database)
    with superuser.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("UPDATE engine.payment SET state = 'settled' WHERE payment_no = 1"))
    with database.transaction() as connection:
        assert differences(connection) == [
            "benefits_payable, fund retirement, run 2026-11/1: the ledger says 6001000 đ, the payments say 3001000 đ"
        ]
