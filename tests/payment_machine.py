"""What may happen to payments, in any order, and what must hold of them after each step, whatever carries the money.

A subclass has the money go by a way of its own: files to a bank, or one call for each payment to a wallet.
"""

import itertools
import random
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

import builders
import psycopg
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
from engine.installation import Installation
from engine.law.calendar import Month
from engine.payments import planning, run
from engine.payments.agreement import differences
from engine.payments.batch import dispatch
from engine.payments.deaths import follow_deaths
from engine.payments.suspensions import follow_suspensions
from engine.settings import Settings
from gateways.simulator import process
from gateways.simulator.books import read_books
from gateways.simulator.client import SimulatorControl
from gateways.simulator.faults import Call, Fault
from ledger.balances import balance
from ledger.verifier import verify

_STEPS_OF_AN_EXAMPLE = 120
_FAULTS = tuple(fault for fault in Fault if fault is not Fault.DELAY)
_PEOPLE = 8
_DAYS_OF_REST = 6
ACTS = {
    "plan_and_sign": 6,
    "dispatch_a_run": 10,
    "work_a_message": 24,
    "end_the_day": 6,
    "plan_what_goes_again": 4,
    "let_the_other_side_fail": 4,
    "hear_old_news_again": 3,
    "touch_a_payment": 5,
    "stop_or_resume_a_run": 3,
    "suspend_or_resume_an_award": 2,
    "hear_of_a_death": 2,
    "cancel_a_run": 1,
}
"""What may happen next, and how often beside the rest."""


class Killed(BaseException):
    """The process dies here: nothing above it gets to tidy up but the database."""


class Payments(RuleBasedStateMachine):
    """Eight payees of some million đồng a month, and everything that happens to their money."""

    gateway: ClassVar[str]
    allowed: ClassVar[frozenset[str]] = frozenset()
    good_bank: ClassVar[str]
    """Where the accounts are that payees bring after a failure."""
    open_world: Callable[[], tuple[Installation, Callable[[], None]]]

    def __init__(self) -> None:
        super().__init__()
        self.installation, self.close = type(self).open_world()
        self.database = self.installation.database
        self.control = SimulatorControl(self.installation.simulator_home)
        self.day = builders.PAY_ON
        self.unread: set[date] = set()
        self.months = itertools.count()
        self.at_rest = False

    def work(self, actor: str, message_id: int, subject: UUID, killed: str) -> None:
        """Works a message; `killed` is `before` or `after` the other side took it, or `no`."""
        raise NotImplementedError

    def read_the_days(self) -> None:
        """The books of the day that ended come in, those of the day before once more, and what was not to be had."""
        raise NotImplementedError

    def hear_old_news_again(self, which: int) -> None:
        raise NotImplementedError

    def account_number(self, number: int) -> str:
        """A good account of somebody's."""
        raise NotImplementedError

    def money_there(self) -> dict[str, int]:
        """What the other side says it holds for us, in đồng, by the account of our ledger."""
        raise NotImplementedError

    def payment_of(self, reference: str) -> str:
        """The payment that the other side knows under a reference."""
        return reference

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
                    connection, period, self.day, self.gateway, self.allowed, self.now(), through
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
                code = planning.plan_reissues(connection, self.day, self.gateway, self.allowed, self.now()).run_code
            self._sign(code)

    def dispatch_a_run(self, which: int) -> None:
        code = self._one("SELECT run_code FROM engine.payment_run WHERE state = 'approved' ORDER BY run_code", which)
        if code is not None:
            capabilities = self.installation.sending(self.gateway).capabilities
            with suppress(NotAllowed), self.database.transaction("lan") as connection:
                dispatch(connection, code, capabilities, self.day, self.now())

    def stop_or_resume_a_run(self, which: int) -> None:
        act = run.resume if which % 3 else run.stop
        code = self._one("SELECT run_code FROM engine.payment_run ORDER BY run_code", which // 3)
        if code is not None:
            with suppress(NotAllowed), self.database.transaction("lan") as connection:
                act(connection, code, self.now())

    def cancel_a_run(self, which: int) -> None:
        code = self._one("SELECT run_code FROM engine.payment_run ORDER BY run_code", which)
        if code is not None:
            with suppress(NotAllowed), self.database.transaction("minh") as connection:
                run.cancel(connection, code, "nhầm", self.now())

    def touch_a_payment(self, which: int) -> None:
        act = (run.hold, run.release, run.withdraw)[which % 3]
        reference = self._one("SELECT reference FROM engine.payment ORDER BY payment_no", which // 3)
        if reference is not None:
            with suppress(NotAllowed), self.database.transaction("minh") as connection:
                act(connection, reference, "xem lại", self.now())

    def work_a_message(self, which: int) -> None:
        """Any open message, due or not: a lease may run out at any time, and a message may come twice."""
        messages = self._open_messages()
        if messages:
            message = messages[which // 10 % len(messages)]
            undue = self._undue()
            with suppress(Killed):
                self.work(
                    message.actor,
                    message.message_id,
                    UUID(message.subject),
                    {0: "before", 1: "after"}.get(which % 10, "no"),
                )
            with self.database.transaction() as connection:
                sent = connection.scalars(
                    text("""
                        SELECT instruction_id FROM engine.attempt
                        WHERE attempt_id = ANY(:undue) AND state NOT IN ('ready', 'failed')"""),
                    {"undue": undue},
                ).all()
            assert sent == []

    def let_the_other_side_fail(self, which: int) -> None:
        call = (Call.SUBMIT, Call.INQUIRE, Call.FETCH_STATEMENT)[which % 3]
        self.control.plan_fault(_FAULTS[which // 3 % len(_FAULTS)], call)

    def end_the_day(self, _which: int) -> None:
        month.end_day(self.installation, self.day)
        self.unread |= {self.day, self.day - timedelta(days=1)}
        self.day += timedelta(days=1)
        self.read_the_days()

    def suspend_or_resume_an_award(self, which: int) -> None:
        award_no, at = f"QD-{1 + which % _PEOPLE:06d}", self.now()
        with self.database.transaction("lan") as connection:
            if not suspend(connection, [award_no], "wanted", self.day, "CV 1", at):
                propose_resumption(connection, award_no, "wanted", "CV 2", at)
            follow_suspensions(connection, at)
        with suppress(NotAllowed, NotFound), self.database.transaction("minh") as connection:
            resume(connection, award_no, "wanted", at)
        with self.database.transaction("minh") as connection:
            follow_suspensions(connection, at)

    def hear_of_a_death(self, which: int) -> None:
        number = 1 + which % (4 * _PEOPLE)
        if number <= _PEOPLE:
            with self.database.transaction("lan") as connection:
                connection.execute(
                    text("""
                        INSERT INTO engine.vital_event (person_id, kind, happened_on, recorded_during)
                        SELECT person_id, 'death', '2026-11-15', tstzrange(:at, NULL) FROM engine.award a
                        WHERE award_no = :no AND NOT EXISTS (
                            SELECT FROM engine.vital_event v WHERE v.person_id = a.person_id)"""),
                    {"at": self.now(), "no": f"QD-{number:06d}"},
                )
                follow_deaths(connection, self.now())

    @invariant()
    def the_book_and_the_states_agree(self) -> None:
        with self.database.transaction() as connection:
            assert differences(connection) == []

    @invariant()
    def nobody_is_credited_twice_or_without_our_knowing(self) -> None:
        credited = self._credits()
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
            self._come_to_rest()
            with self.database.transaction() as connection:
                assert verify(connection).first_difference is None
        finally:
            self.control.close()
            self.close()

    def _come_to_rest(self) -> None:
        """The other side mends itself: in some days nothing is on its way, and what it credited is what we say."""
        self.control.clear_faults()
        self.at_rest = True
        for _ in range(_DAYS_OF_REST):
            for message in self._open_messages():
                self.work(message.actor, message.message_id, UUID(message.subject), "no")
            self.end_the_day(1)
        self.the_book_and_the_states_agree()
        self.nobody_is_credited_twice_or_without_our_knowing()
        with self.database.transaction() as connection:
            payments = connection.execute(text("SELECT reference, state FROM engine.payment")).all()
        assert [payment for payment in payments if payment.state == "in_transit"] == []
        credited = self._credits()
        for payment in payments:
            paid = payment.state in ("settled", "returned")
            # What came back may have been given up since.
            assert (payment.reference in credited) == paid or payment.state == "cancelled", payment
        with self.database.transaction() as connection:
            for account, vnd in self.money_there().items():
                assert balance(connection, account).vnd == vnd, account

    def now(self) -> Any:
        return self.installation.clock().now()

    def _credits(self) -> Counter[str]:
        """How often the other side's books say that each payment was credited."""
        credited: Counter[str] = Counter()
        for row in read_books(self.installation.simulator_home):
            credited[self.payment_of(row["reference"])] += row["credits"]
        return credited

    def _open_messages(self) -> Any:
        with self.database.transaction() as connection:
            return connection.execute(
                text("SELECT message_id, actor, subject FROM engine.outbox WHERE done_at IS NULL ORDER BY message_id")
            ).all()

    def _undue(self) -> list[UUID]:
        """Attempts that wait, of payments that a death or a suspension on record forbids."""
        with self.database.transaction() as connection:
            return list(
                connection.scalars(
                    text("""
                        SELECT t.attempt_id FROM engine.attempt t JOIN engine.payment p USING (payment_id)
                        WHERE t.state = 'ready' AND (
                            EXISTS (SELECT FROM engine.vital_event v
                                WHERE v.person_id = p.person_id AND v.happened_on < p.entitled_month)
                            OR EXISTS (SELECT FROM engine.suspension s WHERE s.award_id = p.award_id
                                AND s.resumed_at IS NULL AND s.from_month <= p.entitled_month))""")
                )
            )

    def _sign(self, code: str) -> None:
        with self.database.transaction("lan") as connection:
            run.submit(connection, code, "lan", self.now())
        for person in ("minh", "hoa"):
            with self.database.transaction(person) as connection:
                run.approve(connection, code, person, self.now())

    def _one(self, query: str, which: int) -> str | None:
        with self.database.transaction() as connection:
            found = connection.scalars(text(query)).all()
        return str(found[which % len(found)]) if found else None

    def _bring_account(self, connection: Any, person_id: UUID) -> None:
        sealed = self.installation.vault.seal("account", self.account_number(person_id.int))
        values = {"person": person_id, "at": self.now(), "bank": self.good_bank, "fingerprint": sealed.fingerprint}
        changed = connection.execute(
            text("""
                UPDATE engine.payout_account SET recorded_during = tstzrange(lower(recorded_during), :at)
                WHERE person_id = :person AND upper_inf(recorded_during) AND account_fingerprint <> :fingerprint
                    AND lower(recorded_during) < :at"""),
            values,
        ).rowcount
        if changed:
            connection.execute(
                text("""
                    INSERT INTO engine.payout_account (person_id, bank_bin, account_ciphertext, account_fingerprint,
                        holder_name, valid_during, recorded_during)
                    VALUES (:person, :bank, :ciphertext, :fingerprint, 'NGUYEN VAN', '[2026-01-01,)',
                        tstzrange(:at, NULL))"""),
                values | {"ciphertext": sealed.ciphertext},
            )


@contextmanager
def empty_installation(server: EmbeddedServer, home: Path) -> Iterator[Installation]:
    """A database of its own whose time is told to it; it is dropped, and what stood beside it ends, at the end."""
    name = f"machine_{uuid.uuid4().hex}"
    with psycopg.connect(server.url("superuser", "postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} OWNER thuchi_owner")
    with psycopg.connect(server.url("owner", name), autocommit=True) as connection:
        connection.execute("INSERT INTO engine.demonstration (payees, seed, now_at) VALUES (1, 1, %s)", [builders.AT])
    database = Database(server.url("application", name))
    installation = Installation(Settings(home, None, None, None), database)
    try:
        yield installation
    finally:
        process.stop(installation.simulator_home)
        database.close()
        server.drop_database(name)


def drive(machine: type[Payments], steps: int) -> None:
    """So many random steps, some examples of them."""
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=max(2, steps // _STEPS_OF_AN_EXAMPLE),
            stateful_step_count=_STEPS_OF_AN_EXAMPLE,
            phases=[Phase.explicit, Phase.generate],
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
