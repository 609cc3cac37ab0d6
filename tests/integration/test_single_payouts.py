"""Payouts that are asked for one at a time, against the simulated wallets as a process of their own."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

import builders
import pytest
from sqlalchemy import Engine, text

from engine import sending
from engine.database import Database
from engine.demonstration import month
from engine.errors import WrongInput
from engine.installation import Installation
from engine.payments import planning, run, tracing
from engine.payments.agreement import require_agreement
from engine.payments.batch import INQUIRE_BATCH, SEND_BATCH
from engine.payments.channels import WALLET_PERMISSION
from engine.payments.proof import prove
from engine.payments.settlement import import_statement
from engine.settings import Settings
from engine.workers.actors import declare_actors
from engine.workers.broker import open_broker
from engine.workers.relay import work
from gateways.momo.gateway import Momo
from gateways.simulator import process
from gateways.simulator.books import read_books
from gateways.simulator.client import SimulatorControl
from gateways.simulator.faults import Call, Fault
from gateways.simulator.providers_client import ProvidersControl
from gateways.simulator.purse import Stage

GOOD, MISSING, LATER = "0901000007", "0901009001", "0901009005"
NEXT_DAY = builders.PAY_ON + timedelta(days=1)


@pytest.fixture
def installation(database: Database, tmp_path: Path, owner: Engine) -> Iterator[Installation]:
    with owner.begin() as connection:
        connection.execute(
            text("INSERT INTO engine.demonstration (payees, seed, now_at) VALUES (1, 1, :at)"), {"at": builders.AT}
        )
    installation = Installation(Settings(tmp_path, None, None, None), database)
    builders.open_wallet(installation)
    yield installation
    process.stop(installation.simulator_home)


@pytest.fixture
def faults(installation: Installation) -> Iterator[SimulatorControl]:
    with SimulatorControl(installation.simulator_home) as control:
        yield control


@pytest.fixture
def wallet(installation: Installation) -> Iterator[ProvidersControl]:
    with ProvidersControl(installation.simulator_home) as control:
        yield control


def _send(installation: Installation, *numbers: str) -> None:
    world = [
        builders.Payee(number, 2_000_000 + place, bank_bin=builders.MOMO_WALLET) for place, number in enumerate(numbers)
    ]
    builders.add_wallet_world(installation, world)
    builders.dispatched_wallet_run(installation)


def _work(installation: Installation) -> None:
    """Works until nothing is open; the waits between inquiries are skipped, as if their time had gone by."""

    def time_goes_by(_open: int) -> None:
        with installation.database.transaction() as connection:
            connection.execute(
                text("UPDATE engine.outbox SET due_at = clock_timestamp() WHERE done_at IS NULL AND actor = :actor"),
                {"actor": INQUIRE_BATCH},
            )

    work(installation, threading.Event(), until_idle=True, progress=time_goes_by)
    _agree(installation)


def _agree(installation: Installation) -> None:
    with installation.database.transaction() as connection:
        require_agreement(connection)


def _settle(installation: Installation, wallet: ProvidersControl, day: date) -> None:
    """The day ends, and its settlement file comes in."""
    _read_the_day(installation, wallet, day)
    _work(installation)


def _read_the_day(installation: Installation, wallet: ProvidersControl, day: date) -> None:
    month.set_time(installation, day + timedelta(days=1), 6)
    path = installation.incoming / f"momo-{day}.csv"
    path.write_bytes(wallet.settlement("momo", day))
    with installation.database.transaction() as connection:
        import_statement(connection, installation.vault, path, installation.clock().now())


def _states(installation: Installation) -> dict[str, int]:
    with installation.database.transaction() as connection:
        return Counter(connection.scalars(text("SELECT state FROM engine.payment")))


def _attempts(installation: Installation) -> list[tuple[str, str | None]]:
    with installation.database.transaction() as connection:
        rows = connection.execute(text("SELECT state, code FROM engine.attempt ORDER BY instruction_id"))
        return [(row.state, row.code) for row in rows]


def _credits(installation: Installation) -> dict[str, int]:
    return {row["reference"]: row["credits"] for row in read_books(installation.simulator_home)}


def _reference(installation: Installation, number: int = 1) -> str:
    with installation.database.transaction() as connection:
        return str(
            connection.scalar(text("SELECT reference FROM engine.payment WHERE payment_no = :no"), {"no": number})
        )


def test_a_payout_is_in_transit_until_the_settlement_file_comes(
    installation: Installation, wallet: ProvidersControl
) -> None:
    _send(installation, GOOD, MISSING)
    _work(installation)
    assert _states(installation) == {"in_transit": 1, "failed": 1}
    assert _attempts(installation) == [("success", "0"), ("failed", "1007")]
    _settle(installation, wallet, builders.PAY_ON)
    assert _states(installation) == {"settled": 1, "failed": 1}
    assert list(_credits(installation).values()) == [1]
    with installation.database.transaction() as connection:
        proof = prove(connection, builders.PAY_ON)
        life = tracing.trace(connection, _reference(installation))
    assert proof.differences == ()
    assert [news["source"] for news in life["observations"]] == ["answer", "answer"]
    assert life["statement_lines"][0]["rule"] == "code"


@pytest.mark.parametrize("fault", [Fault.DROP_AFTER, Fault.TRUNCATED])
def test_a_lost_answer_is_found_out_by_asking(
    installation: Installation, faults: SimulatorControl, fault: Fault
) -> None:
    faults.plan_fault(fault)
    _send(installation, GOOD)
    _work(installation)
    assert _attempts(installation) == [("success", "0")]
    assert list(_credits(installation).values()) == [1]
    with installation.database.transaction() as connection:
        assert prove(connection, builders.PAY_ON).inquiries_resolved == 1


def test_what_the_wallet_never_got_goes_again_only_after_a_settlement_file(
    installation: Installation, faults: SimulatorControl, wallet: ProvidersControl
) -> None:
    faults.plan_fault(Fault.DROP_BEFORE)
    _send(installation, GOOD)
    _work(installation)
    assert _attempts(installation)[0][0] == "unknown"
    assert _credits(installation) == {}
    _settle(installation, wallet, builders.PAY_ON)
    assert _attempts(installation) == [("failed", "NOT_FOUND"), ("success", "0")]
    _settle(installation, wallet, NEXT_DAY)
    assert _states(installation) == {"settled": 1}
    assert list(_credits(installation)) == [f"{_reference(installation)}-2"]


def test_a_wrong_not_found_does_not_make_us_pay_again(
    installation: Installation, faults: SimulatorControl, wallet: ProvidersControl
) -> None:
    faults.plan_fault(Fault.DROP_AFTER)
    faults.plan_fault(Fault.STATUS_NOT_FOUND, Call.INQUIRE, times=100)
    _send(installation, GOOD)
    _work(installation)
    assert _states(installation) == {"in_transit": 1}
    _settle(installation, wallet, builders.PAY_ON)
    assert _states(installation) == {"settled": 1}
    assert list(_credits(installation).values()) == [1]


def test_money_that_comes_back_is_returned(installation: Installation, wallet: ProvidersControl) -> None:
    _send(installation, GOOD)
    _work(installation)
    _settle(installation, wallet, builders.PAY_ON)
    wallet.decide("momo", "payout", f"{_reference(installation)}-1", Stage.RETURNED)
    _settle(installation, wallet, NEXT_DAY)
    assert _states(installation) == {"returned": 1}
    with installation.database.transaction() as connection:
        assert prove(connection, NEXT_DAY).differences == ()


def test_a_payout_in_work_is_decided_later(installation: Installation, wallet: ProvidersControl) -> None:
    _send(installation, LATER, LATER[:-5] + "19005")
    _work(installation)
    assert _attempts(installation) == [("pending", "7000")] * 2
    for number, stage in ((1, Stage.DONE), (2, Stage.REFUSED)):
        wallet.decide("momo", "payout", f"{_reference(installation, number)}-1", stage)
    _settle(installation, wallet, builders.PAY_ON)
    assert _states(installation)["settled"] == 1


def test_a_worker_that_dies_pays_nobody_twice(
    installation: Installation, wallet: ProvidersControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed when the third call was stored and answered, and before its answer was stored."""
    _send(installation, GOOD, "0901000107", "0901000207", "0901000307")
    with monkeypatch.context() as patch:
        patch.setattr(Momo, "send_payout", _dying_after(3, Momo.send_payout))
        _work_until_dead(installation)
    _agree(installation)
    assert [state for state, _ in _attempts(installation)] == ["success", "success", "sending", "ready"]
    with installation.database.transaction() as connection:
        connection.execute(text("UPDATE engine.outbox SET offered_at = NULL"))
    _work(installation)
    assert [state for state, _ in _attempts(installation)] == ["success"] * 4
    assert set(_credits(installation).values()) == {1}
    _settle(installation, wallet, builders.PAY_ON)
    assert _states(installation) == {"settled": 4}


@pytest.mark.parametrize("act", ["stop", "cancel"])
def test_what_a_dead_worker_had_called_is_asked_about_though_its_run_goes_no_further(
    installation: Installation, wallet: ProvidersControl, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    """The others, whose money was on its way, are payable again; of a cancelled run nothing is."""
    _send(installation, GOOD, "0901000107", "0901000207", "0901000307")
    with monkeypatch.context() as patch:
        patch.setattr(Momo, "send_payout", _dying_after(3, Momo.send_payout))
        _work_until_dead(installation)
    with installation.database.transaction("minh") as connection:
        if act == "stop":
            run.stop(connection, builders.RUN, builders.AT)
        else:
            run.cancel(connection, builders.RUN, "nhầm", builders.AT)
        connection.execute(text("UPDATE engine.outbox SET offered_at = NULL"))
    stop = threading.Event()
    work(installation, stop, progress=lambda _left: stop.set() if _asked(installation) else None)
    _agree(installation)
    assert _states(installation) == {"in_transit": 3, "approved" if act == "stop" else "cancelled": 1}
    assert len(_credits(installation)) == 3
    _read_the_day(installation, wallet, builders.PAY_ON)
    assert _states(installation)["settled"] == 3


def _asked(installation: Installation) -> bool:
    return [state for state, _ in _attempts(installation)][:3] == ["success"] * 3


class Death(BaseException):
    """No `except` of the program sees it."""


def _dying_after(calls: int, sent: Callable[..., object]) -> Callable[..., object]:
    answers = []

    def send(*arguments: object) -> object:
        answers.append(sent(*arguments))
        if len(answers) == calls:
            raise Death
        return answers[-1]

    return send


def _work_until_dead(installation: Installation) -> None:
    broker = open_broker(installation.settings)
    declare_actors(installation, broker)
    with installation.database.transaction() as connection:
        message_id = connection.scalar(text("SELECT message_id FROM engine.outbox"))
    with pytest.raises(Death):
        broker.get_actor(SEND_BATCH).fn(message_id)
    broker.close()


def test_stopped_sending_gives_the_money_back_and_goes_on_later(installation: Installation) -> None:
    _send(installation, GOOD)
    with installation.database.transaction("lan") as connection:
        sending.switch(connection, stopped=True, reason="test", at=builders.AT)
    stop = threading.Event()
    work(installation, stop, progress=lambda _open: stop.set() if _postponed(installation) else None)
    _agree(installation)
    assert _states(installation) == {"approved": 1}
    with installation.database.transaction("lan") as connection:
        sending.switch(connection, stopped=False, reason="test", at=builders.AT)
        connection.execute(text("UPDATE engine.outbox SET due_at = clock_timestamp()"))
    _work(installation)
    assert list(_credits(installation).values()) == [1]


def _postponed(installation: Installation) -> bool:
    with installation.database.transaction() as connection:
        return bool(connection.scalar(text("SELECT count(*) FROM engine.outbox WHERE due_at > clock_timestamp()")))


def test_the_law_lets_no_benefit_go_to_a_wallet_unless_the_run_says_so(installation: Installation) -> None:
    builders.add_wallet_world(installation, builders.wallets(1))
    with installation.database.transaction("lan") as connection, pytest.raises(WrongInput, match="electronic_account"):
        planning.plan(connection, builders.PERIOD, builders.PAY_ON, "momo", frozenset(), builders.AT)
    with installation.database.transaction("lan") as connection:
        planned = planning.plan(
            connection, builders.PERIOD, builders.PAY_ON, "momo", frozenset({WALLET_PERMISSION}), builders.AT
        )
    assert planned.unconfirmed == (WALLET_PERMISSION,)


def test_a_gateway_pays_only_to_accounts_it_reaches(installation: Installation) -> None:
    builders.add_wallet_world(installation, [*builders.wallets(2), *builders.payees(3)])
    with installation.database.transaction("lan") as connection:
        planned = planning.plan(
            connection, builders.PERIOD, builders.PAY_ON, "momo", frozenset({WALLET_PERMISSION}), builders.AT
        )
    assert (planned.payments, planned.without_account) == (2, 3)
