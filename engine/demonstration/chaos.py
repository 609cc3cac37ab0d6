"""Kills whatever works while a month is sent, at random moments, and proves that no đồng is lost and none paid twice.

Relay, two workers, PostgreSQL, Redis and the simulated bank are processes that something starts again when they end, as
a supervisor would. While the batches of one approved month go out, each kill waits for a random amount of progress and
strikes one of them: SIGKILL, for PostgreSQL an immediate stop, and for Redis sometimes the loss of all it holds. A part
of the bank's answers is faulty besides. Then the days' statements come in, and their import is killed too. The judges
are the simulated bank's own books, the ledger's verifier, and the agreement of the ledger with the payments.
"""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import redis
from redis.exceptions import RedisError
from rich.console import Console
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from engine import outbox
from engine.database import Database, addresses
from engine.demonstration import month
from engine.demonstration.queue_server import queue_address, start_queue
from engine.embedded import EmbeddedServer
from engine.errors import WrongInput
from engine.installation import Installation
from engine.payments.agreement import differences
from engine.settings import Settings
from gateways.simulator import process as simulator
from gateways.simulator.books import read_books
from gateways.simulator.faults import Call, Fault
from ledger.verifier import verify

_PROGRAMS: Mapping[str, tuple[str, ...]] = {
    "relay": ("relay",),
    "worker 1": ("worker",),
    "worker 2": ("worker",),
}
_BATCHES_PER_KILL = 4
"""Many small files, so that kills find batches in every state."""
_LOOK_SECONDS = 0.02
_GIVE_UP_SECONDS = 300
_STRIKES = {
    Call.SUBMIT: (
        Fault.DROP_BEFORE,
        Fault.HTTP_500,
        Fault.HTTP_503,
        Fault.TOO_BUSY,
        Fault.DROP_AFTER,
        Fault.HTTP_500_AFTER,
        Fault.HTML_PAGE,
        Fault.TRUNCATED,
        Fault.EMPTY_BODY,
        Fault.WRONG_SIGNATURE,
        Fault.DELAY,
    ),
    Call.INQUIRE: (
        Fault.STATUS_LATE,
        Fault.STATUS_NOT_FOUND,
        Fault.STATUS_DUPLICATED,
        Fault.STATUS_REORDERED,
        Fault.HTML_PAGE,
        Fault.TRUNCATED,
    ),
}
_FAULTY_ONE_IN = 20
"""Of so many files one meets a faulty answer: five in a hundred."""
_DELAY_SECONDS = 0.5
_GONE_SECONDS = 0.5
"""How long a database or a bank that was killed stays away, at most."""

Answer = TypeVar("Answer")


class Victim(StrEnum):
    """What a kill strikes."""

    WORKER = "worker"
    RELAY = "relay"
    DATABASE = "database"
    BANK = "bank"
    QUEUE = "queue"
    QUEUE_EMPTIED = "queue emptied"
    STATEMENT = "statement import"


_CHANCES = {
    Victim.WORKER: 55,
    Victim.RELAY: 15,
    Victim.DATABASE: 12,
    Victim.BANK: 6,
    Victim.QUEUE: 6,
    Victim.QUEUE_EMPTIED: 6,
}


@dataclass(slots=True)
class Report:
    """What the run showed; `problems` is empty when everything held."""

    kills: int = 0
    asked: int = 0
    """Kills that were wanted; fewer happened only where the time was over or everything was sent before."""
    kills_by_victim: dict[str, int] = field(default_factory=dict)
    states_after_kill: dict[str, int] = field(default_factory=dict)
    """States of batches just after a kill, over all kills: the moments that were hit. Those still waiting left out."""
    faulty_answers: int = 0
    batches: int = 0
    payments: int = 0
    credits: int = 0
    seconds: int = 0
    problems: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def in_words(self) -> str:
        struck = ", ".join(f"{victim} {count}" for victim, count in sorted(self.kills_by_victim.items()))
        moments = ", ".join(f"{state} {count}" for state, count in sorted(self.states_after_kill.items()))
        verdict = "nothing lost, nothing paid twice" if not self.problems else "\n".join(self.problems)
        return (
            f"{self.kills} of {self.asked} kills in {self.seconds} s ({struck}); batches just after a kill: {moments};"
            f" {self.faulty_answers} of {self.batches} files met a faulty answer; {self.payments} payments,"
            f" {self.credits} credits at the bank: {verdict}"
        )


def run_chaos(settings: Settings, kills: int, payees: int, seed: int, minutes: int, console: Console) -> Report:
    """Runs the month in a home of its own below the home in use, kills for `minutes` at most; the embedded server only.

    `minutes` bounds the killing: the rest of the sending and the judging come after it.
    """
    if settings.database_url is not None:
        raise WrongInput(["chaos stops databases at once: it works on the embedded server only"])
    directory = Path(tempfile.mkdtemp(prefix="thuchi-chaos-"))
    settings = replace(settings, home=settings.home / "chaos", redis_url=queue_address(directory))
    storm = _Storm(settings, EmbeddedServer(settings.home), directory, seed)
    report, began = Report(asked=kills), time.monotonic()
    try:
        storm.prepare(payees, kills, report)
        storm.kill_while_sending(kills, began + minutes * 60, report, console)
        storm.work_to_the_end()
        storm.take_statements(1 + kills // 50, report)
        storm.judge(report)
    finally:
        storm.end()
        shutil.rmtree(directory, ignore_errors=True)
    report.seconds = round(time.monotonic() - began)
    return report


class _Storm:
    """The processes of the month, started again when they end, and the hand that ends them."""

    def __init__(self, settings: Settings, server: EmbeddedServer, directory: Path, seed: int) -> None:
        self._settings = settings
        self._server = server
        self._directory = directory
        self._seed = seed
        self._chance = random.Random(seed)  # noqa: S311 - moments, not secrets
        self._programs: dict[str, subprocess.Popen[bytes]] = {}
        self._silent = month.Reporter(lambda _name: None, lambda _done, _total, _shown: None)
        self._opened: Installation | None = None

    def prepare(self, payees: int, kills: int, report: Report) -> None:
        """An approved month, its batches waiting, the faulty answers planned."""
        self._opened = month.fresh_installation(self._settings, payees, self._seed)
        month.prepare(self._installation, payees, self._seed, self._silent)
        lines = max(1, payees // (_BATCHES_PER_KILL * kills))
        month.dispatch_run(self._installation, lines, _plan_faults)
        with self._installation.database.transaction() as connection:
            report.batches = connection.scalar(text("SELECT count(*) FROM engine.batch")) or 0
        report.faulty_answers = report.batches // _FAULTY_ONE_IN

    def kill_while_sending(self, kills: int, until: float, report: Report, console: Console) -> None:
        order = sorted(self._chance.uniform(0, report.batches) for _ in range(kills))
        for number, moment in enumerate(order, 1):
            if not self._wait_until_sent(moment, until):
                return
            time.sleep(self._chance.uniform(0, 0.1))
            victim = self._chance.choices(list(_CHANCES), list(_CHANCES.values()))[0]
            self._strike(victim)
            _count(report, victim)
            moments_hit = Counter(report.states_after_kill) + self._ask(_states)
            report.states_after_kill = {state: count for state, count in moments_hit.items() if state != "ready"}
            console.print(f"kill {number} of {kills}: {victim}")

    def work_to_the_end(self) -> None:
        """Undisturbed now, until no message is open."""
        deadline = time.monotonic() + _GIVE_UP_SECONDS
        while self._ask(outbox.open_messages):
            self._keep_running()
            if time.monotonic() > deadline:
                raise RuntimeError(f"after {_GIVE_UP_SECONDS} s there is still work that nobody finishes")
            time.sleep(_LOOK_SECONDS)
        self._end_programs()

    def take_statements(self, kills: int, report: Report) -> None:
        """The two days' statements, their import killed on the way; then payments that the bank never got go again."""
        self._opened = replace(self._installation, settings=replace(self._settings, redis_url=None))

        def kill_imports(day: date) -> None:
            for _ in range(kills):
                self._kill_an_import(day)
                _count(report, Victim.STATEMENT)

        proof = month.follow_up(self._installation, (), self._silent, before_fetching=kill_imports).proof
        report.problems += proof.differences

    def judge(self, report: Report) -> None:
        with self._installation.database.transaction() as connection:
            verification = verify(connection)
            report.problems += differences(connection)
            states = {
                row.reference: row.state
                for row in connection.execute(text("SELECT reference, state FROM engine.payment"))
            }
        if verification.first_difference is not None:
            report.problems.append(verification.first_difference)
        credited = {row["reference"]: row["credits"] for row in read_books(self._settings.home / "simulator")}
        report.problems += [
            f"{reference} was credited {count} times" for reference, count in credited.items() if count > 1
        ]
        for reference, state in states.items():
            expected = 1 if state in ("settled", "returned") else 0
            if credited.get(reference, 0) != expected:
                report.problems.append(
                    f"{reference} is {state} here and was credited {credited.get(reference, 0)} times there"
                )
            if state not in ("settled", "returned", "failed"):
                report.problems.append(f"{reference} ended {state}")
        report.payments, report.credits = len(states), sum(credited.values())

    def end(self) -> None:
        self._end_programs()
        if self._opened is not None:
            self._opened.database.close()
        simulator.stop(self._settings.home / "simulator")
        self._server.stop()

    @property
    def _installation(self) -> Installation:
        if self._opened is None:
            self._opened = Installation(self._settings, Database(addresses(self._settings).application))
        return self._opened

    def _wait_until_sent(self, batches: float, until: float) -> bool:
        """Waits until so many batches have left; False if the time is over first, or nothing is left to send."""
        while time.monotonic() < until:
            self._keep_running()
            states = self._ask(_states)
            left = states.total() - states["ready"] - states["sending"]
            if left == states.total():
                return False
            if left >= batches:
                return True
            time.sleep(_LOOK_SECONDS)
        return False

    def _strike(self, victim: Victim) -> None:
        match victim:
            case Victim.WORKER | Victim.RELAY:
                name = self._chance.choice([name for name in _PROGRAMS if name.startswith(victim)])
                self._kill(name)
            case Victim.DATABASE:
                self._server.stop("immediate")
                time.sleep(self._chance.uniform(0, _GONE_SECONDS))
                self._server.ensure_running()
            case Victim.BANK:
                address = simulator.read_address(self._installation.simulator_home)
                if address is not None and address.pid is not None:
                    os.kill(address.pid, signal.SIGKILL)
                time.sleep(self._chance.uniform(0, _GONE_SECONDS))
                # A bank that was killed has forgotten which mistakes it was to make.
                self._ask(lambda connection: _plan_faults(self._installation, connection))
            case Victim.QUEUE:
                self._kill("queue")
            case Victim.QUEUE_EMPTIED:
                client = redis.Redis.from_url(queue_address(self._directory))
                with contextlib.suppress(RedisError):
                    client.flushall()
                client.close()
            case Victim.STATEMENT:
                raise AssertionError(victim)

    def _keep_running(self) -> None:
        """Starts again what has ended, as a supervisor would."""
        for name in ("queue", *_PROGRAMS):
            process = self._programs.get(name)
            if process is None or process.poll() is not None:
                self._programs[name] = self._start(name)

    def _start(self, name: str) -> subprocess.Popen[bytes]:
        return start_queue(self._directory) if name == "queue" else self._run(*_PROGRAMS[name])

    def _run(self, *command: str) -> subprocess.Popen[bytes]:
        program = [sys.executable, "-c", "from engine.cli import main; main()", *command]
        environment = {
            **os.environ,
            "THUCHI_HOME": str(self._settings.home),
            "THUCHI_REDIS_URL": queue_address(self._directory),
        }
        # What a program says when the database is taken from under it is meant, and is in its log.
        return subprocess.Popen(
            program, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def _kill(self, name: str) -> None:
        process = self._programs[name]
        process.kill()
        process.wait()

    def _kill_an_import(self, day: date) -> None:
        """Begins to fetch a day's statements and is killed: by its start, or the database under it."""
        process = self._run("statement", "fetch", month.GATEWAY, "--on", f"{day:%Y-%m-%d}")
        try:
            process.wait(self._chance.uniform(0.5, 4))
        except subprocess.TimeoutExpired:
            if self._chance.random() < 0.5:
                self._server.stop("immediate")
        process.kill()
        process.wait()
        self._server.ensure_running()
        self._installation.database.engine.dispose()

    def _end_programs(self) -> None:
        for process in self._programs.values():
            process.terminate()
        for process in self._programs.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.wait()
        self._programs.clear()

    def _ask(self, question: Callable[[Connection], Answer]) -> Answer:
        """Asks the database, as often as it is taken away meanwhile."""
        while True:
            try:
                with self._installation.database.transaction() as connection:
                    return question(connection)
            except OperationalError:
                self._installation.database.engine.dispose()
                self._server.ensure_running()


def _states(connection: Connection) -> Counter[str]:
    return Counter(connection.scalars(text("SELECT state FROM engine.batch")))


def _plan_faults(installation: Installation, connection: Connection) -> None:
    """One file in twenty meets a faulty answer, each kind in turn."""
    message_ids = connection.scalars(text("SELECT message_id FROM engine.batch ORDER BY batch_no")).all()
    strikes = [(call, fault) for call, faults in _STRIKES.items() for fault in faults]
    with month.bank_control(installation) as control:
        for place, message_id in enumerate(message_ids[_FAULTY_ONE_IN - 1 :: _FAULTY_ONE_IN]):
            call, fault = strikes[place % len(strikes)]
            control.plan_fault(fault, call, message_id=message_id, delay_seconds=_DELAY_SECONDS)


def _count(report: Report, victim: Victim) -> None:
    report.kills += 1
    report.kills_by_victim[victim] = report.kills_by_victim.get(victim, 0) + 1
