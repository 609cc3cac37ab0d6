"""Money that nothing identifies: booked as nobody's, listed with owner and age, given to an employer by two people."""

from datetime import date, datetime
from pathlib import Path

import builders
import pytest
from employer_world import DUES, OCTOBER, EmployerWorld
from sqlalchemy import text

from engine.clock import VIET_NAM
from engine.contributions import suspense
from engine.contributions.collection import know_virtual_account
from engine.contributions.tracing import trace_receipts
from engine.database import Database
from engine.errors import WrongInput
from engine.law.parameters import Parameters
from engine.payments.decisions import approve
from engine.payments.proof import prove
from engine.reconcile import reconcile
from engine.vault import Vault
from ledger.balances import balance
from reconciliation.decisions import DecisionRefused

FRIDAY = date(2026, 11, 6)
LATER = datetime(2026, 11, 6, 9, tzinfo=VIET_NAM)


@pytest.fixture
def world(database: Database, vault: Vault, tmp_path: Path) -> EmployerWorld:
    world = EmployerWorld(database, vault, tmp_path)
    with database.transaction("lan") as connection:
        builders.add_staff(connection)
    return world


def test_what_nothing_identifies_stands_in_suspense_and_the_day_still_agrees(world: EmployerWorld) -> None:
    world.declare(OCTOBER)
    world.credit(builders.PAY_ON, [("dong BHXH thang 10 tk 19031234567890", 5_000)])
    with world.database.transaction() as connection:
        assert balance(connection, suspense.UNIDENTIFIED).vnd == 5_000
        (row,) = suspense.list_unidentified(connection, world.vault, FRIDAY)
        assert (row.amount_vnd, row.owner, row.age_days, row.break_class) == (5_000, "collection", 4, "unknown_to_us")
        assert row.words == "dong BHXH thang 10 tk ••••••••••7890; ••••••••••7890"
        collection = next(
            one for one in prove(connection, builders.PAY_ON).accounts if "collection" in one.ledger_account
        )
        assert collection.difference_vnd == 0
        assert [case for case in prove(connection, FRIDAY).open_cases if "in suspense" in case]
        assert not [one for one in prove(connection, FRIDAY).differences if "collection" in one]
    world.row()


def test_two_people_give_it_to_an_employer_and_the_trace_tells_where_each_dong_went(world: EmployerWorld) -> None:
    world.declare(OCTOBER)
    world.credit(builders.PAY_ON, [("cty Huu Nghi", 700_000)])
    with world.database.transaction("lan") as connection:
        (row,) = suspense.list_unidentified(connection, world.vault, FRIDAY)
        with pytest.raises(WrongInput, match="no notice"):
            suspense.propose_employer(connection, row.break_id, "TZ0009Z", "gọi điện", "lan", LATER)
        decision = suspense.propose_employer(connection, row.break_id, "TZ0001Z", "gọi điện", "lan", LATER)
        with pytest.raises(DecisionRefused, match="cannot approve"):
            approve(connection, decision, "lan", LATER)
    with world.database.transaction("minh") as connection:
        approve(connection, decision, "minh", LATER)
        assert suspense.list_unidentified(connection, world.vault, FRIDAY) == []
        assert balance(connection, suspense.UNIDENTIFIED).vnd == 0
        (life,) = trace_receipts(connection, "receipt 1", Parameters.load())
    assert life["receipt"]["unit_code"] == "TZ0001Z"
    (line,) = life["line"]
    assert (line["rule"], line["prepared_by"], line["approved_by"]) == ("forced", "lan", "minh")
    assert [(part["fund"], part["kind"], part["amount_vnd"]) for part in life["parts"]] == [
        ("health", "principal", 450_000),
        ("unemployment", "principal", 200_000),
        ("accident", "principal", 50_000),
    ]
    assert all(part["article"]["vi"] for part in life["parts"])
    assert life["entries"][0]["event"] == "receipt_identified"
    row_now = world.row()
    # The money counts from the day on which the bank booked it.
    assert (row_now.received_vnd, row_now.receivable_vnd) == (700_000, DUES - 700_000)


def test_a_virtual_account_tells_the_employer_and_belongs_to_one_only(world: EmployerWorld) -> None:
    declared = world.declare(OCTOBER)
    assert declared.amount_vnd == DUES
    with world.database.transaction("lan") as connection:
        with pytest.raises(WrongInput) as refused:
            know_virtual_account(connection, world.vault, "TZ0009Z", "12", LATER)
        assert len(refused.value.problems) == 2
        for _ in range(2):
            know_virtual_account(connection, world.vault, "TZ0001Z", "19031234567890", LATER)
    world.credit(builders.PAY_ON, [("nop tien", DUES)])
    row = world.row()
    assert (row.receivable_vnd, row.surplus_vnd) == (0, 0)


def test_what_it_waited_for_may_come_later_and_takes_it_out_of_suspense(world: EmployerWorld) -> None:
    """A virtual account that is made known after the money came: no person has to decide."""
    world.declare(OCTOBER)
    world.credit(builders.PAY_ON, [("+BHXH+103+00+TZ0001Z+09999+dong BHXH+", DUES)])
    with world.database.transaction() as connection:
        assert balance(connection, suspense.UNIDENTIFIED).vnd == DUES
        # The employer moves to the agency that its memo told.
        connection.execute(
            text("""
                INSERT INTO reconciliation.party_alias (party, kind, value, opened_on)
                VALUES ('TZ0001Z', 'agency', '09999', '2026-11-05')""")
        )
        reconcile(connection, FRIDAY, LATER)
        assert balance(connection, suspense.UNIDENTIFIED).vnd == 0
    row = world.row()
    assert (row.receivable_vnd, row.surplus_vnd) == (0, 0)
