"""Runs, approvals, gateway faults, crashes, reports in any order, statements, returns, re-issues, deaths, suspensions:
whatever is done, in whatever order, what must always hold of money does hold after every step.

`pytest tests/integration/test_payment_machine.py --payment-steps 5000` goes on for as many steps.
"""

import itertools
import random
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import builders
import psycopg
import pytest
from conftest import TEMPLATE
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import text

from engine.awards.suspension import propose_resumption, resume, suspend
from engine.database import Database
from engine.demonstration import month
from engine.embedded import EmbeddedServer
from engine.errors import NotAllowed, NotFound, WrongInput
from engine.installation import SIMULATOR_ADDRESS, Installation
from engine.law.calendar import Month
from engine.payments import observation, planning, run
from engine.payments.agreement import differences
from engine.payments.batch import INQUIRE_BATCH, SEND_BATCH, dispatch
from engine.payments.deaths import follow_deaths
from engine.payments.dispatch import Sender, inquire_batch, send_batch
from engine.payments.observation import Source
from engine.payments.suspensions import follow_suspensions
from engine.settings import Settings
from engine.statements import fetch_statements
from gateways.contract import BatchAnswer, Gateway, StatusReport
from gateways.errors import GatewayError
from gateways.simulator import process
from gateways.simulator.books import read_books
from gateways.simulator.client import SimulatorControl
from gateways.simulator.faults import Call, Fault
from ledger.verifier import verify

ENDINGS = ("0017", "0027", "0037", "9001", "9003", "9011", "9012", "9013")
"""How the simulated bank treats the accounts: three are good, some are refused, some come back a day later."""
_STEPS_OF_AN_EXAMPLE = 60
_PARTS = 4
"""So many tests, for as many workers."""
_FAULTS = tuple(fault for fault in Fault if fault is not Fault.DELAY)
ACTS = {
    "plan_and_sign": 6,
    "dispatch_a_run": 10,
    "work_a_message": 24,
    "end_the_day": 6,
    "plan_what_goes_again": 4,
    "let_the_bank_fail": 4,
    "hear_an_old_report_again": 3,
    "touch_a_payment": 5,
    "stop_or_resume_a_run": 3,
    "suspend_or_resume_an_award": 2,
    "hear_of_a_death": 2,
    "cancel_a_run": 1,
}
"""What may happen next, and how often beside the rest."""


class Killed(BaseException):
    """The process dies here: nothing above it gets to tidy up but the database."""


@dataclass
class MortalGateway:
    """A gateway in a process that is killed just before, or just after, it hands a file over."""

    gateway: Gateway
    killed: str
    reports: list[StatusReport] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.gateway, name)

    def submit_batch(self, message_id: str, file_name: str, content: bytes) -> BatchAnswer:
        if self.killed == "before":
            raise Killed
        answer = self.gateway.submit_batch(message_id, file_name, content)
        if self.killed == "after":
            raise Killed
        return answer

    def inquire_batch(self, message_id: str) -> StatusReport:
        report = self.gateway.inquire_batch(message_id)
        self.reports.append(report)
        if self.killed == "after":
            raise Killed
        return report


class Payments(RuleBasedStateMachine):
    """Eight payees of 3,000,000 đồng and a little a month, and everything that happens to their money."""

    open_world: Callable[[], tuple[Installation, Callable[[], None]]]

    def __init__(self) -> None:
        super().__init__()
        self.installation, self.close = type(self).open_world()
        self.database = self.installation.database
        self.control = SimulatorControl(self.installation.simulator_home)
        self.gateway = self.installation.gateway("simbank")
        self.day = builders.PAY_ON
        self.unread: set[date] = set()
        self.months = itertools.count()
        self.reports: list[tuple[UUID, StatusReport]] = []

    @initialize(seed=st.integers(0, 2**64 - 1))
    def draw_from(self, seed: int) -> None:
        """A failing example prints the seed that draws the same again."""
        self.draw = random.Random(seed)

    @rule()
    def act(self) -> None:
        (act,) = self.draw.choices(list(ACTS), weights=list(ACTS.values()))
        getattr(self, act)(self.draw.randrange(10_000))

    def plan_and_sign(self, which: int) -> None:
        together = which % 3 == 0
        period = (Month.containing(builders.PERIOD) + next(self.months)).first_day
        through = (Month.containing(period) + next(self.months)).first_day if together else None
        with suppress(WrongInput):
            with self.database.transaction("lan") as connection:
                code = planning.plan(
                    connection, period, self.day, "simbank", frozenset(), self._now(), through
                ).run_code
            self._sign(code)

    def plan_what_goes_again(self, _which: int) -> None:
        """Payees whose money failed or came back bring a good account."""
        with self.database.transaction("lan") as connection:
            people = connection.scalars(
                text("""
                    SELECT DISTINCT person_id FROM engine.payment
                    WHERE state IN ('failed', 'returned') AND reissued_by IS NULL ORDER BY 1""")
            ).all()
            for person_id in people:
                self._bring_account(connection, person_id)
        with suppress(WrongInput):
            with self.database.transaction("lan") as connection:
                code = planning.plan_reissues(connection, self.day, "simbank", frozenset(), self._now()).run_code
            self._sign(code)

    def dispatch_a_run(self, which: int) -> None:
        code = self._one("SELECT run_code FROM engine.payment_run WHERE state = 'approved' ORDER BY run_code", which)
        if code is not None:
            with suppress(NotAllowed), self.database.transaction("lan") as connection:
                dispatch(connection, code, self.gateway.capabilities, self.day, self._now())

    def stop_or_resume_a_run(self, which: int) -> None:
        act = run.resume if which % 3 else run.stop
        code = self._one("SELECT run_code FROM engine.payment_run ORDER BY run_code", which // 3)
        if code is not None:
            with suppress(NotAllowed), self.database.transaction("lan") as connection:
                act(connection, code, self._now())

    def cancel_a_run(self, which: int) -> None:
        code = self._one("SELECT run_code FROM engine.payment_run ORDER BY run_code", which)
        if code is not None:
            with suppress(NotAllowed), self.database.transaction("minh") as connection:
                run.cancel(connection, code, "nhầm", self._now())

    def touch_a_payment(self, which: int) -> None:
        act = (run.hold, run.release, run.withdraw)[which % 3]
        reference = self._one("SELECT reference FROM engine.payment ORDER BY payment_no", which // 3)
        if reference is not None:
            with suppress(NotAllowed), self.database.transaction("minh") as connection:
                act(connection, reference, "xem lại", self._now())

    def work_a_message(self, which: int) -> None:
        """Any open message, due or not: a lease may run out at any time, and a message may come twice."""
        with self.database.transaction() as connection:
            messages = connection.execute(
                text("SELECT message_id, actor, subject FROM engine.outbox WHERE done_at IS NULL ORDER BY message_id")
            ).all()
        if not messages:
            return
        message = messages[which // 10 % len(messages)]
        mortal = MortalGateway(self.gateway, {0: "before", 1: "after"}.get(which % 10, "no"))
        sender = Sender(self.database, self.installation.vault, cast(Gateway, mortal), self.installation.outgoing)
        work = {SEND_BATCH: send_batch, INQUIRE_BATCH: inquire_batch}[message.actor]
        with suppress(Killed):
            work(sender, message.message_id, UUID(message.subject), self._now())
        self.reports += [(UUID(message.subject), report) for report in mortal.reports]

    def hear_an_old_report_again(self, which: int) -> None:
        if self.reports:
            source = Source.CALLBACK if which % 2 else Source.FILE
            batch_id, report = self.reports[which // 2 % len(self.reports)]
            if report.found:
                with self.database.transaction() as connection:
                    observation.apply_report(connection, batch_id, source, report, self._now())

    def let_the_bank_fail(self, which: int) -> None:
        call = (Call.SUBMIT, Call.INQUIRE, Call.FETCH_STATEMENT)[which % 3]
        self.control.plan_fault(_FAULTS[which // 3 % len(_FAULTS)], call)

    def end_the_day(self, _which: int) -> None:
        """The statement of the day comes in, that of the day before once more, and those that were not to be had."""
        month.end_day(self.installation, self.day)
        self.unread |= {self.day, self.day - timedelta(days=1)}
        self.day += timedelta(days=1)
        for day in sorted(self.unread):
            with suppress(GatewayError):
                fetch_statements(self.installation, "simbank", day)
                self.unread.remove(day)

    def suspend_or_resume_an_award(self, which: int) -> None:
        award_no, at = f"QD-{1 + which % len(ENDINGS):06d}", self._now()
        with self.database.transaction("lan") as connection:
            if not suspend(connection, [award_no], "wanted", self.day, "CV 1", at):
                propose_resumption(connection, award_no, "wanted", "CV 2", at)
            follow_suspensions(connection, at)
        with suppress(NotAllowed, NotFound), self.database.transaction("minh") as connection:
            resume(connection, award_no, "wanted", at)
        with self.database.transaction("minh") as connection:
            follow_suspensions(connection, at)

    def hear_of_a_death(self, which: int) -> None:
        number = 1 + which % (4 * len(ENDINGS))
        if number <= len(ENDINGS):
            with self.database.transaction("lan") as connection:
                connection.execute(
                    text("""
                        INSERT INTO engine.vital_event (person_id, kind, happened_on, recorded_during)
                        SELECT person_id, 'death', '2026-11-15', tstzrange(:at, NULL) FROM engine.award a
                        WHERE award_no = :no AND NOT EXISTS (
                            SELECT FROM engine.vital_event v WHERE v.person_id = a.person_id)"""),
                    {"at": self._now(), "no": f"QD-{number:06d}"},
                )
                follow_deaths(connection, self._now())

    @invariant()
    def the_book_and_the_states_agree(self) -> None:
        with self.database.transaction() as connection:
            assert differences(connection) == []

    @invariant()
    def nobody_is_credited_twice_or_without_our_knowing(self) -> None:
        credited = {row["reference"]: row["credits"] for row in read_books(self.installation.simulator_home)}
        assert set(credited.values()) <= {1}
        with self.database.transaction() as connection:
            unknown = connection.execute(
                text("""
                    SELECT reference, state FROM engine.payment WHERE reference = ANY(:credited)
                        AND state IN ('planned', 'approved', 'held', 'failed')"""),
                {"credited": list(credited)},
            ).all()
        assert unknown == []

    @invariant()
    def no_month_is_paid_beyond_what_is_due(self) -> None:
        with self.database.transaction() as connection:
            beyond = connection.execute(
                text("""
                    SELECT p.award_id, p.entitled_month, sum(p.amount_vnd) FROM engine.payment p
                    JOIN engine.award_amount w USING (award_id)
                    WHERE p.state <> 'cancelled' AND p.reissued_by IS NULL
                    GROUP BY 1, 2, w.amount_vnd HAVING sum(p.amount_vnd) > w.amount_vnd""")
            ).all()
        assert beyond == []

    @invariant()
    def nobody_signs_twice(self) -> None:
        with self.database.transaction() as connection:
            twice = connection.execute(
                text("SELECT run_id FROM engine.run_signature GROUP BY run_id, person HAVING count(*) > 1")
            ).all()
        assert twice == []

    def teardown(self) -> None:
        try:
            with self.database.transaction() as connection:
                assert verify(connection).first_difference is None
        finally:
            self.gateway.close()
            self.control.close()
            self.close()

    def _now(self) -> Any:
        return self.installation.clock().now()

    def _sign(self, code: str) -> None:
        with self.database.transaction("lan") as connection:
            run.submit(connection, code, "lan", self._now())
        for person in ("minh", "hoa"):
            with self.database.transaction(person) as connection:
                run.approve(connection, code, person, self._now())

    def _one(self, query: str, which: int) -> str | None:
        with self.database.transaction() as connection:
            found = connection.scalars(text(query)).all()
        return str(found[which % len(found)]) if found else None

    def _bring_account(self, connection: Any, person_id: UUID) -> None:
        sealed, at = self.installation.vault.seal("account", f"10210000{person_id.int:05d}7"), self._now()
        changed = connection.execute(
            text("""
                UPDATE engine.payout_account SET recorded_during = tstzrange(lower(recorded_during), :at)
                WHERE person_id = :person AND upper_inf(recorded_during) AND account_fingerprint <> :fingerprint
                    AND lower(recorded_during) < :at"""),
            {"person": person_id, "at": at, "fingerprint": sealed.fingerprint},
        ).rowcount
        if changed:
            connection.execute(
                text("""
                    INSERT INTO engine.payout_account (person_id, bank_bin, account_ciphertext, account_fingerprint,
                        holder_name, valid_during, recorded_during)
                    VALUES (:person, '970436', :ciphertext, :fingerprint, 'NGUYEN VAN', '[2026-01-01,)',
                        tstzrange(:at, NULL))"""),
                {"person": person_id, "at": at, "ciphertext": sealed.ciphertext, "fingerprint": sealed.fingerprint},
            )


@pytest.fixture
def open_world(server: EmbeddedServer, tmp_path: Path) -> Callable[[], Any]:
    """Makes a world of its own for each example: a database, a bank, payees."""
    numbers = itertools.count()

    def open_one() -> tuple[Installation, Callable[[], None]]:
        number = next(numbers)
        name, home = f"machine_{uuid.uuid4().hex}", tmp_path / str(number)
        with psycopg.connect(server.url("superuser", "postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} OWNER thuchi_owner")
        with psycopg.connect(server.url("owner", name), autocommit=True) as connection:
            connection.execute(
                "INSERT INTO engine.demonstration (payees, seed, now_at) VALUES (1, 1, %s)", [builders.AT]
            )
        database = Database(server.url("application", name))
        installation = Installation(Settings(home, None, None, None), database)
        builders.open_bank(installation)
        world = [builders.Payee(f"102100000{ending}", 3_000_000 + n) for n, ending in enumerate(ENDINGS)]
        builders.add_world(database, installation.vault, world, SIMULATOR_ADDRESS)

        def close() -> None:
            process.stop(installation.simulator_home)
            database.close()
            server.drop_database(name)

        return installation, close

    return open_one


@pytest.mark.parametrize("part", range(_PARTS))
def test_what_must_always_hold_of_payments_holds_after_every_step(
    open_world: Callable[[], Any], pytestconfig: pytest.Config, part: int
) -> None:
    """Other random steps in each part; together as many as were asked for."""

    class OfThisServer(Payments):
        pass

    OfThisServer.open_world = staticmethod(open_world)
    steps: int = pytestconfig.getoption("--payment-steps") // _PARTS
    run_state_machine_as_test(
        OfThisServer,
        settings=settings(
            max_examples=max(2, steps // _STEPS_OF_AN_EXAMPLE),
            stateful_step_count=_STEPS_OF_AN_EXAMPLE,
            phases=[Phase.explicit, Phase.generate],
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
