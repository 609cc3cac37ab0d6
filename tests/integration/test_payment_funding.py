"""Money is sent only if it is there, and within what a gateway may send in a day."""

from concurrent.futures import ThreadPoolExecutor, wait
from datetime import date, timedelta

import builders
import pytest
from sqlalchemy import text

from engine.database import Database
from engine.errors import NotAllowed, NotFound
from engine.payments import gateways, planning, run
from engine.payments.batch import dispatch
from engine.vault import Vault
from gateways.banks import simbank


def _dispatch(database: Database) -> list[str]:
    with database.transaction("lan") as connection:
        return dispatch(connection, builders.RUN, simbank.capabilities("simbank"), builders.PAY_ON, builders.AT)


def test_a_run_that_the_account_cannot_pay_is_not_dispatched(
    database: Database, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builders, "OPENING_VND", 6_000_999)
    builders.add_world(database, vault, builders.payees(2))
    builders.approved_run(database)
    with pytest.raises(NotAllowed, match="6001000 đ are to be sent, 6000999 đ are there beside 0 đ"):
        _dispatch(database)
    with database.transaction() as connection:
        assert connection.scalar(text("SELECT count(*) FROM engine.attempt")) == 0


def test_money_on_its_way_is_not_there_any_more(
    database: Database, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builders, "OPENING_VND", 6_001_000)
    builders.add_world(database, vault, builders.payees(2))
    builders.approved_run(database)
    assert len(_dispatch(database)) == 1
    with database.transaction("lan") as connection:
        connection.execute(text("UPDATE engine.attempt SET state = 'failed' WHERE instruction_id LIKE '%-1'"))
        connection.execute(
            text("""
                UPDATE engine.attempt SET state = 'ready' WHERE attempt_id = (SELECT attempt_id FROM engine.attempt
                    ORDER BY instruction_id LIMIT 1)""")
        )
    assert len(_dispatch(database)) == 1


def test_a_gateway_sends_no_more_in_a_day_than_its_cap(database: Database, vault: Vault) -> None:
    builders.add_world(database, vault, builders.payees(2))
    builders.approved_run(database)
    with database.transaction("lan") as connection:
        gateways.cap(connection, "simbank", 6_000_999, builders.AT)
    with pytest.raises(NotAllowed, match="6001000 đ beside 0 đ of the day pass its cap of 6000999 đ"):
        _dispatch(database)
    with database.transaction("lan") as connection:
        gateways.cap(connection, "simbank", 6_001_000, builders.AT + timedelta(hours=1))
    assert len(_dispatch(database)) == 1


@pytest.mark.parametrize("bound", ["the cap", "the account"])
def test_of_two_runs_that_go_out_at_once_the_second_sees_the_first(
    database: Database, vault: Vault, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    if bound == "the account":
        monkeypatch.setattr(builders, "OPENING_VND", 6_001_000)
    builders.add_world(database, vault, builders.payees(2))
    builders.approved_run(database)
    with database.transaction("lan") as connection:
        december = date(2026, 12, 1)
        second = planning.plan(connection, december, builders.PAY_ON, "simbank", frozenset(), builders.AT).run_code
        run.submit(connection, second, "lan", builders.AT)
        if bound == "the cap":
            gateways.cap(connection, "simbank", 6_001_000, builders.AT)
    for person in ("minh", "hoa"):
        with database.transaction(person) as connection:
            run.approve(connection, second, person, builders.AT)
    with ThreadPoolExecutor(1) as pool:
        with database.transaction("lan") as connection:
            dispatch(connection, second, simbank.capabilities("simbank"), builders.PAY_ON, builders.AT)
            other = pool.submit(_dispatch, database)
            # Time enough to look before the first is done, for whoever does not wait.
            wait([other], timeout=0.5)
        with pytest.raises(NotAllowed, match=r"pass its cap|0 đ are there beside 6001000 đ on their way"):
            other.result()


def test_a_gateway_that_is_not_there_cannot_be_paused(database: Database) -> None:
    with pytest.raises(NotFound, match="there is no gateway nobody"), database.transaction("lan") as connection:
        gateways.pause(connection, "nobody", paused=True, reason="test", at=builders.AT)
