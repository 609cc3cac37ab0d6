"""Payments against the simulated bank as a process of its own: sent, lost, refused, settled, returned."""

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import builders
import pytest
from sqlalchemy import Engine, text

from engine import outbox, sending
from engine.awards.suspension import suspend
from engine.database import Database
from engine.demonstration import month
from engine.installation import SIMULATOR_ADDRESS, Installation
from engine.payments import archive, observation, planning, run
from engine.payments.agreement import require_agreement
from engine.payments.batch import dispatch
from engine.payments.observation import Source
from engine.payments.proof import prove
from engine.settings import Settings
from engine.statements import fetch_statements
from engine.workers.relay import work
from gateways.contract import Outcome, StatusReport
from gateways.simulator import process
from gateways.simulator.books import read_books
from gateways.simulator.client import SimulatorControl
from gateways.simulator.faults import Call, Fault

MESSAGE = "TC20261102-00000001"
GOOD, UNKNOWN_ACCOUNT, CLOSED_LATER = "1021000000017", "1021000009001", "1021000009011"


@pytest.fixture
def installation(database: Database, tmp_path: Path) -> Iterator[Installation]:
    """An installation whose bank knows us and holds our money; November stands at the day of payment."""
    installation = Installation(Settings(tmp_path, None, None, None), database)
    builders.open_bank(installation)
    yield installation
    process.stop(installation.simulator_home)


@pytest.fixture
def control(installation: Installation) -> Iterator[SimulatorControl]:
    with SimulatorControl(installation.simulator_home) as control:
        yield control


@pytest.fixture(autouse=True)
def demonstration_clock(owner: Engine) -> None:
    with owner.begin() as connection:
        connection.execute(
            text("INSERT INTO engine.demonstration (payees, seed, now_at) VALUES (1, 1, :at)"), {"at": builders.AT}
        )


def _send(installation: Installation, accounts: list[str]) -> None:
    world = [builders.Payee(account, 3_000_000 + number) for number, account in enumerate(accounts)]
    builders.add_world(installation.database, installation.vault, world, SIMULATOR_ADDRESS)
    builders.approved_run(installation.database)
    builders.dispatch_run(installation)


def _work(installation: Installation) -> None:
    work(installation, threading.Event(), until_idle=True)
    with installation.database.transaction() as connection:
        require_agreement(connection)


def _bring_statement(installation: Installation, day: date) -> None:
    month.end_day(installation, day)
    fetch_statements(installation, "simbank", day)
    _work(installation)


def _states(installation: Installation) -> dict[str, int]:
    with installation.database.transaction() as connection:
        return Counter(connection.scalars(text("SELECT state FROM engine.payment")))


def _batches(installation: Installation) -> list[str]:
    with installation.database.transaction() as connection:
        return list(connection.scalars(text("SELECT state FROM engine.batch ORDER BY batch_no")))


def _credits(installation: Installation) -> list[int]:
    return [row["credits"] for row in read_books(installation.simulator_home)]


def test_a_payment_is_in_transit_until_its_statement_comes(
    installation: Installation, control: SimulatorControl
) -> None:
    _send(installation, [GOOD, UNKNOWN_ACCOUNT])
    _work(installation)
    assert _states(installation) == {"in_transit": 1, "failed": 1}
    assert _batches(installation) == ["answered"]
    _bring_statement(installation, builders.PAY_ON)
    assert _states(installation) == {"settled": 1, "failed": 1}
    assert _credits(installation) == [1]


def test_money_that_comes_back_is_returned_a_day_later(installation: Installation, control: SimulatorControl) -> None:
    _send(installation, [GOOD, CLOSED_LATER])
    _work(installation)
    _bring_statement(installation, builders.PAY_ON)
    assert _states(installation) == {"settled": 2}
    _bring_statement(installation, builders.PAY_ON + timedelta(days=1))
    assert _states(installation) == {"settled": 1, "returned": 1}


@pytest.mark.parametrize("fault", [Fault.DROP_AFTER, Fault.HTML_PAGE, Fault.TRUNCATED])
def test_a_lost_answer_is_found_out_by_asking(
    installation: Installation, control: SimulatorControl, fault: Fault
) -> None:
    control.plan_fault(fault)
    _send(installation, [GOOD])
    _work(installation)
    assert _batches(installation) == ["answered"]
    with installation.database.transaction() as connection:
        news = connection.execute(text("SELECT source, state_after FROM engine.observation ORDER BY 1")).all()
        assert connection.scalar(text("SELECT sends FROM engine.batch")) == 1
    assert ("answer", "unknown") in news
    assert _credits(installation) == [1]


def test_a_refusal_that_no_inquiry_brought_home_is_learnt_after_the_statement(
    installation: Installation, control: SimulatorControl
) -> None:
    control.plan_fault(Fault.HTML_PAGE, Call.INQUIRE, times=4)
    _send(installation, [GOOD, UNKNOWN_ACCOUNT])
    _work(installation)
    assert _batches(installation) == ["accepted"]
    with installation.database.transaction() as connection:
        cases = connection.scalars(text("SELECT problem FROM engine.open_case")).all()
    assert cases == ["no inquiry brought a final answer; a statement decides"]
    _bring_statement(installation, builders.PAY_ON)
    assert _batches(installation) == ["answered"]
    assert _states(installation) == {"settled": 1, "failed": 1}


@pytest.mark.parametrize("fault", [Fault.DROP_BEFORE, Fault.HTTP_500])
def test_a_file_the_bank_never_got_goes_again_only_after_a_statement(
    installation: Installation, control: SimulatorControl, fault: Fault
) -> None:
    control.plan_fault(fault)
    _send(installation, [GOOD])
    _work(installation)
    assert _batches(installation) == ["unknown"]
    assert _states(installation) == {"in_transit": 1}
    assert _credits(installation) == []
    _bring_statement(installation, builders.PAY_ON)
    assert _batches(installation) == ["rejected", "answered"]
    _bring_statement(installation, builders.PAY_ON + timedelta(days=1))
    assert _states(installation) == {"settled": 1}
    assert _credits(installation) == [1]


def test_a_wrong_not_found_does_not_make_us_pay_again(installation: Installation, control: SimulatorControl) -> None:
    control.plan_fault(Fault.DROP_AFTER)
    control.plan_fault(Fault.STATUS_NOT_FOUND, Call.INQUIRE, times=100)
    _send(installation, [GOOD])
    _work(installation)
    assert _batches(installation) == ["unknown"]
    _bring_statement(installation, builders.PAY_ON)
    assert _states(installation) == {"settled": 1}
    assert _batches(installation) == ["answered"]
    assert _credits(installation) == [1]


def test_a_process_that_died_while_sending_is_found_out_not_repeated(
    installation: Installation, control: SimulatorControl
) -> None:
    _send(installation, [GOOD])
    _work(installation)
    with installation.database.engine.begin() as connection:
        connection.execute(text("UPDATE engine.batch SET state = 'sending'"))
        connection.execute(text("UPDATE engine.attempt SET state = 'sending', rank = 0"))
        batch_id = connection.scalar(text("SELECT batch_id::text FROM engine.batch")) or ""
        outbox.put(connection, "send_batch", batch_id)
    _work(installation)
    assert _batches(installation) == ["answered"]
    assert _credits(installation) == [1]


def test_a_bank_that_is_not_there_is_tried_again_with_the_same_file(
    installation: Installation, control: SimulatorControl
) -> None:
    address = process.ensure_running(installation.simulator_home)
    _send(installation, [GOOD])
    with installation.database.engine.begin() as connection:
        connection.execute(text("UPDATE engine.gateway SET base_url = 'http://127.0.0.1:9'"))
    stop = threading.Event()
    attempts: list[int] = []

    def bank_comes_back(_left: int) -> None:
        with installation.database.transaction() as connection:
            refused = connection.scalar(text("SELECT count(*) FROM engine.observation WHERE state_after = 'ready'"))
        if refused and not attempts:
            attempts.append(refused)
            stop.set()

    work(installation, stop, progress=bank_comes_back)
    assert _states(installation) == {"approved": 1}
    with installation.database.engine.begin() as connection:
        connection.execute(text("UPDATE engine.gateway SET base_url = :url"), {"url": address})
    _work(installation)
    with installation.database.transaction() as connection:
        assert (connection.scalar(text("SELECT sends FROM engine.batch")) or 0) >= 2
    assert _credits(installation) == [1]


def test_the_same_statement_twice_changes_nothing(installation: Installation, control: SimulatorControl) -> None:
    _send(installation, [GOOD, GOOD])
    _work(installation)
    _bring_statement(installation, builders.PAY_ON)
    with installation.database.transaction() as connection:
        before = connection.scalar(text("SELECT count(*) FROM ledger.line"))
    (again,) = fetch_statements(installation, "simbank", builders.PAY_ON)
    assert (again.intake.already, again.settled) == (True, 0)
    with installation.database.transaction() as connection:
        assert connection.scalar(text("SELECT count(*) FROM ledger.line")) == before


@pytest.mark.parametrize("everything", [False, True])
def test_nothing_is_sent_while_the_run_or_all_sending_is_stopped(installation: Installation, everything: bool) -> None:
    _send(installation, [GOOD])
    with installation.database.transaction("lan") as connection:
        if everything:
            sending.switch(connection, stopped=True, reason="thử", at=builders.AT)
        else:
            run.stop(connection, builders.RUN, builders.AT)
    stop = threading.Event()
    work(installation, stop, progress=lambda _left: _stop_when_postponed(installation, stop))
    assert _states(installation) == {"approved": 1}
    assert _credits(installation) == []


def _stop_when_postponed(installation: Installation, stop: threading.Event) -> None:
    with installation.database.transaction() as connection:
        if connection.scalar(text("SELECT count(*) FROM engine.outbox WHERE due_at > clock_timestamp()")):
            stop.set()


def test_a_held_payment_stays_out_of_the_file(installation: Installation, control: SimulatorControl) -> None:
    _send(installation, [GOOD, GOOD])
    with installation.database.transaction("lan") as connection:
        reference = connection.execute(text("SELECT reference FROM engine.payment WHERE payment_no = 1")).scalar_one()
        run.hold(connection, reference, "chờ xác minh", builders.AT)
    _work(installation)
    assert _states(installation) == {"held": 1, "in_transit": 1}
    with installation.database.transaction("lan") as connection:
        run.release(connection, reference, "đã xác minh", builders.AT)
    builders.dispatch_run(installation)
    _work(installation)
    _bring_statement(installation, builders.PAY_ON)
    assert _states(installation) == {"settled": 2}
    assert _credits(installation) == [1, 1]


def test_a_lost_file_goes_again_also_if_a_payment_was_held_before_it_was_sealed(
    installation: Installation, control: SimulatorControl
) -> None:
    control.plan_fault(Fault.DROP_BEFORE)
    _send(installation, [GOOD, GOOD])
    with installation.database.transaction("lan") as connection:
        reference = connection.execute(text("SELECT reference FROM engine.payment WHERE payment_no = 1")).scalar_one()
        run.hold(connection, reference, "chờ xác minh", builders.AT)
    _work(installation)
    _bring_statement(installation, builders.PAY_ON)
    assert _batches(installation) == ["rejected", "answered"]
    assert _states(installation) == {"held": 1, "in_transit": 1}
    assert _credits(installation) == [1]


def test_of_a_cancelled_run_nothing_waits_to_be_sent(installation: Installation, control: SimulatorControl) -> None:
    _send(installation, [GOOD])
    _cancel(installation)
    _work(installation)
    assert _batches(installation) == ["rejected"]
    assert _states(installation) == {"cancelled": 1}
    assert _credits(installation) == []


def test_what_was_never_taken_of_a_run_cancelled_meanwhile_is_cancelled_and_due_again(
    installation: Installation, control: SimulatorControl
) -> None:
    control.plan_fault(Fault.DROP_BEFORE)
    _send(installation, [GOOD])
    _work(installation)
    _cancel(installation)
    assert _states(installation) == {"in_transit": 1}
    _bring_statement(installation, builders.PAY_ON)
    assert _states(installation) == {"cancelled": 1}
    with installation.database.transaction("lan") as connection:
        again = planning.plan(connection, builders.PERIOD, builders.PAY_ON, "simbank", frozenset(), builders.AT)
    assert again.payments == 1


def _cancel(installation: Installation) -> None:
    with installation.database.transaction("minh") as connection:
        run.cancel(connection, builders.RUN, "nhầm", builders.AT)


@pytest.mark.parametrize("why", ["payee_has_died", "award_suspended"])
def test_what_was_never_taken_does_not_go_again_once_it_is_no_longer_due(
    installation: Installation, control: SimulatorControl, why: str
) -> None:
    control.plan_fault(Fault.DROP_BEFORE)
    _send(installation, [GOOD, GOOD])
    _work(installation)
    with installation.database.transaction("lan") as connection:
        if why == "award_suspended":
            suspend(connection, ["QD-000001"], "wanted", builders.PERIOD, "CV 1", builders.AT)
        else:
            connection.execute(
                text("""
                    INSERT INTO engine.vital_event (person_id, kind, happened_on, recorded_during)
                    SELECT person_id, 'death', '2026-10-20', tstzrange(:at, NULL)
                    FROM engine.award WHERE award_no = 'QD-000001'"""),
                {"at": builders.AT},
            )
        assert _states(installation) == {"in_transit": 2}
    _bring_statement(installation, builders.PAY_ON)
    assert _states(installation) == {"held": 1, "in_transit": 1}
    with installation.database.transaction() as connection:
        reason = connection.scalar(text("SELECT state_reason FROM engine.payment WHERE state = 'held'"))
    assert reason == why
    _bring_statement(installation, builders.PAY_ON + timedelta(days=1))
    assert _states(installation) == {"held": 1, "settled": 1}
    assert _credits(installation) == [1]


def test_in_work_in_a_file_does_not_outweigh_a_refusal_that_an_inquiry_tells(
    installation: Installation, control: SimulatorControl
) -> None:
    _send(installation, [UNKNOWN_ACCOUNT])
    control.plan_fault(Fault.STATUS_LATE, Call.INQUIRE)
    stop = threading.Event()
    work(installation, stop, progress=lambda _left: _stop_when_postponed(installation, stop))
    with installation.database.transaction() as connection:
        batch_id = connection.execute(text("SELECT batch_id FROM engine.batch")).scalar_one()
        report = StatusReport(found=True, group_status="ACTC", group_outcome=Outcome.PENDING)
        observation.apply_report(connection, batch_id, Source.FILE, report, builders.AT)
        connection.execute(text("UPDATE engine.outbox SET due_at = clock_timestamp()"))
    _work(installation)
    assert _states(installation) == {"failed": 1}


def test_no_account_number_reaches_database_or_log(installation: Installation, control: SimulatorControl) -> None:
    _send(installation, [GOOD])
    _work(installation)
    _bring_statement(installation, builders.PAY_ON)
    found = []
    with installation.database.transaction() as connection:
        tables = connection.execute(
            text(
                "SELECT table_schema || '.' || table_name AS name FROM information_schema.tables"
                " WHERE table_schema IN ('engine', 'ledger', 'reconciliation')"
            )
        )
        for name in tables.scalars().all():
            rows = connection.scalars(text(f"SELECT t::text FROM {name} t"))
            found += [name for row in rows if GOOD in row or builders.ACCOUNTS["retirement"] in row]
    assert found == []


def test_files_are_sealed_once_nobody_needs_them(installation: Installation, control: SimulatorControl) -> None:
    _send(installation, [GOOD])
    _work(installation)
    used = [installation.outgoing, installation.incoming]

    def archived() -> list[str]:
        with installation.database.transaction("lan") as connection:
            return archive.archive(connection, installation.vault, used, installation.archive, builders.AT)

    assert archived() == []
    content = (installation.outgoing / f"{MESSAGE}.xml").read_bytes()
    _bring_statement(installation, builders.PAY_ON)
    assert f"{MESSAGE}.xml" in archived()
    assert not any(path for directory in used for path in directory.iterdir())
    assert all(GOOD.encode() not in path.read_bytes() for path in installation.archive.iterdir())
    with installation.database.transaction("lan") as connection:
        opened = archive.read_archived(
            connection, installation.vault, installation.archive, f"{MESSAGE}.xml", builders.AT
        )
    assert opened == content


def test_an_amount_changed_before_sending_stops_the_batch(
    installation: Installation, control: SimulatorControl, superuser: Engine
) -> None:
    _send(installation, [GOOD, GOOD])
    with superuser.begin() as connection:
        connection.execute(text("UPDATE engine.payment SET amount_vnd = amount_vnd * 10 WHERE payment_no = 1"))
    work(installation, threading.Event(), until_idle=True)
    assert _batches(installation) == ["rejected"]
    assert _states(installation) == {"approved": 2}
    assert _credits(installation) == []
    with installation.database.transaction() as connection:
        (case,) = prove(connection, builders.PAY_ON).open_cases
    assert MESSAGE in case
    assert "changed after the run was submitted" in case


def test_a_large_payment_travels_by_the_high_value_rail(installation: Installation) -> None:
    world = [builders.Payee(GOOD, 700_000_000), builders.Payee(GOOD, 5_000_000)]
    builders.add_world(installation.database, installation.vault, world, SIMULATOR_ADDRESS)
    builders.approved_run(installation.database)
    builders.dispatch_run(installation)
    _work(installation)
    levels = [b"<SvcLvl><Cd>URGP</Cd></SvcLvl>" in path.read_bytes() for path in installation.outgoing.iterdir()]
    assert sorted(levels) == [False, True]
    _bring_statement(installation, builders.PAY_ON)
    assert _states(installation) == {"settled": 2}


def test_batches_keep_to_the_bank_s_limits_on_lines_and_money(installation: Installation) -> None:
    world = [builders.Payee(GOOD, 300_000_000) for _ in range(7)] + [builders.Payee(GOOD, 1_000) for _ in range(20)]
    builders.add_world(installation.database, installation.vault, world, SIMULATOR_ADDRESS)
    builders.approved_run(installation.database)
    capabilities = replace(
        installation.gateway("simbank").capabilities, max_lines_per_file=6, max_total_per_file_vnd=1_400_000_000
    )
    with installation.database.transaction("lan") as connection:
        dispatch(connection, builders.RUN, capabilities, builders.PAY_ON, builders.AT)
        batches = connection.execute(text("SELECT payments, amount_vnd FROM engine.batch ORDER BY batch_no")).all()
        attempts = connection.execute(
            text("SELECT count(*) FROM engine.attempt GROUP BY batch_id ORDER BY min(instruction_id)")
        )
        assert [batch.payments for batch in batches] == list(attempts.scalars())
    assert sum(batch.payments for batch in batches) == 27
    assert max(batch.payments for batch in batches) <= 6
    assert max(batch.amount_vnd for batch in batches) <= 1_400_000_000
