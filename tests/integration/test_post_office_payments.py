"""Cash through the post office: a list out, results by inquiry, and the day's settlement that settles."""

import threading
from collections import Counter
from datetime import timedelta
from pathlib import Path

import builders
import pytest
from sqlalchemy import Engine, text

from engine.database import Database
from engine.errors import WrongInput
from engine.installation import Installation
from engine.payments import gateways, planning, run
from engine.payments.agreement import require_agreement
from engine.payments.batch import dispatch
from engine.payments.proof import prove
from engine.settings import Settings
from engine.statements import fetch_statements
from engine.workers.relay import work
from gateways.simulator.post_office import PostOfficeSide
from ledger.balances import balance
from reconciliation.formats import read_statements
from reconciliation.statement import StatementEnd

PAY_POINT, CONTRACT = "700900", "HDBUUDIEN01"
PAID, DEAD, ABSENT = "7902012345", "7902019013", "7902019001"


@pytest.fixture
def installation(database: Database, tmp_path: Path, owner: Engine) -> Installation:
    with owner.begin() as connection:
        connection.execute(
            text("INSERT INTO engine.demonstration (payees, seed, now_at) VALUES (1, 1, :at)"), {"at": builders.AT}
        )
    return Installation(Settings(tmp_path, None, None, None), database)


@pytest.fixture
def post(tmp_path: Path) -> PostOfficeSide:
    return PostOfficeSide(tmp_path / "post", tmp_path / "drop", CONTRACT, builders.OPENING_VND)


def _dispatched(
    installation: Installation, tmp_path: Path, people: tuple[str, ...] = (PAID, "7902012346", DEAD)
) -> None:
    database = installation.database
    with database.transaction("lan") as connection:
        builders.add_staff(connection)
        gateways.onboard(connection, "post", "post_office", f"file://{tmp_path / 'drop'}", "")
        account = gateways.PayingAccount("post", "retirement", "BHXH", CONTRACT)
        gateways.open_paying_account(
            connection,
            installation.vault,
            account,
            opening_vnd=builders.OPENING_VND,
            on=builders.PAY_ON,
            at=builders.AT,
        )
        connection.execute(
            text("INSERT INTO engine.pay_point VALUES (:point, 'Bưu điện Bờ Hồ', '01')"), {"point": PAY_POINT}
        )
        for number, person in enumerate(people, 1):
            payee = builders.Payee(person, 3_000_000 + number, bank_bin=PAY_POINT)
            builders.add_payee(connection, installation.vault, number, payee)
        planning.plan(connection, builders.PERIOD, builders.PAY_ON, "post", frozenset(), builders.AT)
        run.submit(connection, builders.RUN, "lan", builders.AT)
    for person in ("minh", "hoa"):
        with database.transaction(person) as connection:
            run.approve(connection, builders.RUN, person, builders.AT)
    with database.transaction("lan") as connection:
        dispatch(connection, builders.RUN, installation.gateway("post").capabilities, builders.PAY_ON, builders.AT)


def _work_what_is_due(installation: Installation) -> None:
    """Works until every open message waits for a later day."""
    stop = threading.Event()

    def look(_open: int) -> None:
        with installation.database.transaction() as connection:
            due = connection.scalar(
                text("SELECT count(*) FROM engine.outbox WHERE done_at IS NULL AND due_at <= clock_timestamp()")
            )
        if not due:
            stop.set()

    work(installation, stop, progress=look)
    with installation.database.transaction() as connection:
        require_agreement(connection)


def _a_day_later(installation: Installation) -> None:
    with installation.database.transaction() as connection:
        connection.execute(text("UPDATE engine.outbox SET due_at = clock_timestamp() WHERE done_at IS NULL"))


def _states(installation: Installation) -> dict[str, int]:
    with installation.database.transaction() as connection:
        return Counter(connection.scalars(text("SELECT state FROM engine.payment")))


def test_the_settlement_of_the_day_settles_what_was_paid_in_cash(
    installation: Installation, post: PostOfficeSide, tmp_path: Path
) -> None:
    _dispatched(installation, tmp_path)
    _work_what_is_due(installation)
    assert _states(installation) == {"in_transit": 3}
    (message_id,) = post.take()
    post.settle(message_id)
    _a_day_later(installation)
    _work_what_is_due(installation)
    assert _states(installation) == {"in_transit": 2, "failed": 1}

    name = post.close_day(builders.PAY_ON, message_id)
    told = [event for event in read_statements(tmp_path / "drop" / "in" / name) if isinstance(event, StatementEnd)]
    assert [(each.statement.account, each.adds_up) for each in told] == [(CONTRACT, True)]
    with installation.database.transaction() as connection:
        connection.execute(
            text("UPDATE engine.demonstration SET now_at = :at"), {"at": builders.AT + timedelta(days=1)}
        )
    (imported,) = fetch_statements(installation, "post", builders.PAY_ON)
    assert (imported.settled, imported.returned) == (2, 0)
    assert _states(installation) == {"settled": 2, "failed": 1}
    with installation.database.transaction() as connection:
        require_agreement(connection)
        assert prove(connection, builders.PAY_ON).differences == ()
        account = connection.scalar(text("SELECT ledger_account FROM engine.paying_account"))
    assert account == "advance_to_agent.post.retirement"


def test_cash_that_nobody_came_for_is_listed_again_at_the_pay_point_and_booked_once(
    installation: Installation, post: PostOfficeSide, tmp_path: Path
) -> None:
    _dispatched(installation, tmp_path, (PAID, ABSENT))
    _work_what_is_due(installation)
    (message_id,) = post.take()
    post.settle(message_id)
    _a_day_later(installation)
    _work_what_is_due(installation)
    assert _states(installation) == {"in_transit": 1, "failed": 1}
    with installation.database.transaction("lan") as connection:
        again = planning.plan_reissues(connection, builders.PAY_ON, "post", frozenset(), builders.AT)
        assert (again.payments, again.amount_vnd) == (1, 3_000_002)
        run.submit(connection, again.run_code, "lan", builders.AT)
    with pytest.raises(WrongInput, match="no payment"), installation.database.transaction("lan") as connection:
        planning.plan_reissues(connection, builders.PAY_ON, "post", frozenset(), builders.AT)
    for person in ("minh", "hoa"):
        with installation.database.transaction(person) as connection:
            run.approve(connection, again.run_code, person, builders.AT)
    assert _states(installation) == {"in_transit": 1, "cancelled": 1, "approved": 1}
    with installation.database.transaction() as connection:
        require_agreement(connection)
        # Both are expensed once, whatever was listed how often.
        assert balance(connection, "benefit_expense.pension").vnd == 3_000_001 + 3_000_002
