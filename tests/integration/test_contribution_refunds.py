"""What was paid ahead, or by nobody we can find, goes back by the ordinary payment path, under its signatures."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import builders
import pytest
from sqlalchemy import Engine, text

from engine.contributions.proof import prove_contributions
from engine.contributions.refunds import list_refunds, request_refund, request_return, write_refunds
from engine.contributions.suspense import UNIDENTIFIED, list_unidentified
from engine.database import Database
from engine.demonstration import employer, month, online
from engine.errors import NotAllowed, WrongInput
from engine.installation import SIMULATOR_ADDRESS, Installation
from engine.payments import batch, run
from engine.payments.proof import prove
from engine.payments.refunds import give_up_refund, plan_refunds
from engine.people.accounts import Account
from engine.settings import Settings
from engine.statements import fetch_statements
from engine.workers.relay import work
from gateways.simulator import process
from gateways.simulator.books import read_books
from ledger.balances import balance

NEXT_DAY = builders.PAY_ON + timedelta(days=1)
PAYEE = Account("970436", "1021000000017", "CONG TY TNHH THU NGHIEM HUU NGHI")
STRANGER = "7700000000009"
AHEAD = 5_000_000


@pytest.fixture
def installation(database: Database, owner: Engine, tmp_path: Path) -> Iterator[Installation]:
    """An employer that has paid 5,000,000 ahead, and 1,000,000 that nobody can be found for."""
    installation = Installation(Settings(tmp_path, None, None, None), database)
    with owner.begin() as connection:
        connection.execute(
            text("INSERT INTO engine.demonstration (payees, seed, now_at) VALUES (1, 1, :at)"), {"at": builders.AT}
        )
    builders.open_bank(installation)
    builders.add_world(database, installation.vault, [], SIMULATOR_ADDRESS)
    found = employer.run_employer_month(installation, seed=1)
    with month.bank_control(installation) as bank:
        for number, memo, amount in ((1, found.notice["memo"], AHEAD), (2, "ung ho", 1_000_000)):
            bank.add_credit(
                credit_id=f"credit-{number}", account=employer.COLLECTION.account, payer_name="AI DO",
                payer_account=STRANGER, memo=memo, amount_vnd=amount,
            )  # fmt: skip
    _bring_statement(installation, builders.PAY_ON)
    online.settle(installation, builders.PAY_ON)
    yield installation
    process.stop(installation.simulator_home)


def _bring_statement(installation: Installation, day: date) -> None:
    month.end_day(installation, day)
    fetch_statements(installation, employer.GATEWAY, day)


def _pay(installation: Installation) -> str:
    at = installation.clock().now()
    with installation.database.transaction("lan") as connection:
        planned = plan_refunds(connection, NEXT_DAY, "simbank", at)
        run.submit(connection, planned.run_code, "lan", at)
    with installation.database.transaction("lan") as connection, pytest.raises(NotAllowed):
        run.approve(connection, planned.run_code, "lan", at)
    for person in ("minh", "hoa"):
        with installation.database.transaction(person) as connection:
            run.approve(connection, planned.run_code, person, at)
    with installation.database.transaction("lan") as connection:
        batch.dispatch(connection, planned.run_code, installation.gateway("simbank").capabilities, NEXT_DAY, at)
    work(installation, threading.Event(), until_idle=True)
    _bring_statement(installation, NEXT_DAY)
    return planned.run_code


def test_a_surplus_goes_back_under_two_signatures(installation: Installation, tmp_path: Path) -> None:
    at = installation.clock().now()
    with installation.database.transaction("lan") as connection:
        with pytest.raises(WrongInput, match="surplus of 5000000"):
            request_refund(connection, installation.vault, employer.UNIT_CODE, AHEAD + 1, PAYEE, "nộp trùng", at)
        request_refund(connection, installation.vault, employer.UNIT_CODE, 4_000_000, PAYEE, "nộp trùng", at)
        # What is asked back is no longer there for another refund.
        with pytest.raises(WrongInput, match="surplus of 1000000"):
            request_refund(connection, installation.vault, employer.UNIT_CODE, 4_000_000, PAYEE, "nộp trùng", at)
    _pay(installation)
    with installation.database.transaction() as connection:
        (refund,) = list_refunds(connection, installation.vault)
        assert (refund.state, refund.amount_vnd, refund.account_masked) == ("settled", 4_000_000, "•••••••••0017")
        (row,) = prove_contributions(connection).rows
        assert (row.refunded_vnd, row.surplus_vnd) == (4_000_000, 1_000_000)
        assert balance(connection, f"receipts_unallocated.{employer.UNIT_CODE}").vnd == 1_000_000
        assert balance(connection, "refunds_payable").vnd == 0
        assert prove(connection, NEXT_DAY).differences == ()
        write_refunds(tmp_path / "c16.xlsx", [refund], builders.AT)
    assert (tmp_path / "c16.xlsx").stat().st_size > 0
    (credit,) = [booked for booked in read_books(installation.simulator_home) if booked["amount_vnd"] == 4_000_000]
    assert credit["account"] == PAYEE.number


def test_money_of_nobody_goes_back_to_where_it_came_from_only(installation: Installation) -> None:
    at = installation.clock().now()
    payer = replace(PAYEE, number=STRANGER, holder_name="AI DO")
    with installation.database.transaction("lan") as connection:
        (waiting,) = list_unidentified(connection, installation.vault, NEXT_DAY)
        with pytest.raises(WrongInput, match="another account"):
            request_return(connection, installation.vault, waiting.break_id, PAYEE, "không rõ", at)
        request_return(connection, installation.vault, waiting.break_id, payer, "không rõ người nộp", at)
        assert list_unidentified(connection, installation.vault, NEXT_DAY) == []
        assert balance(connection, UNIDENTIFIED).vnd == 1_000_000
    _pay(installation)
    with installation.database.transaction() as connection:
        assert balance(connection, UNIDENTIFIED).vnd == 0
        assert prove(connection, NEXT_DAY).differences == ()


def test_a_refund_that_comes_back_is_the_employers_again(installation: Installation) -> None:
    """The account ends in the digits for which the simulated bank tells at once that it does not exist."""
    at = installation.clock().now()
    unknown = replace(PAYEE, number="1021000009001")
    with installation.database.transaction("lan") as connection:
        number = request_refund(connection, installation.vault, employer.UNIT_CODE, AHEAD, unknown, "nộp trùng", at)
    _pay(installation)
    at = installation.clock().now()
    with installation.database.transaction("lan") as connection, pytest.raises(NotAllowed, match="approver"):
        give_up_refund(connection, number, "sai tài khoản", at)
    with installation.database.transaction("minh") as connection:
        give_up_refund(connection, number, "sai tài khoản", at)
        (row,) = prove_contributions(connection).rows
        assert (row.refunded_vnd, row.surplus_vnd) == (0, AHEAD)
        assert balance(connection, "refunds_payable").vnd == 0
        assert prove(connection, NEXT_DAY).differences == ()


def test_a_cancelled_refund_leaves_the_money_where_it_was(installation: Installation) -> None:
    at = installation.clock().now()
    with installation.database.transaction("lan") as connection:
        (waiting,) = list_unidentified(connection, installation.vault, NEXT_DAY)
        payer = replace(PAYEE, number=STRANGER, holder_name="AI DO")
        request_return(connection, installation.vault, waiting.break_id, payer, "không rõ", at)
        request_refund(connection, installation.vault, employer.UNIT_CODE, AHEAD, PAYEE, "nộp trùng", at)
        planned = plan_refunds(connection, NEXT_DAY, "simbank", at)
        run.cancel(connection, planned.run_code, "sai", at)
    _bring_statement(installation, NEXT_DAY)
    with installation.database.transaction() as connection:
        (again,) = list_unidentified(connection, installation.vault, NEXT_DAY + timedelta(days=1))
        assert (again.amount_vnd, again.break_class) == (1_000_000, "undone")
        (row,) = prove_contributions(connection).rows
        assert (row.refunded_vnd, row.surplus_vnd) == (0, AHEAD)
