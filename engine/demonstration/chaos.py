"""Kills the process that sends, at random moments, and proves that no đồng is lost and none is paid twice.

Each round begins from the same approved and dispatched month: a worker process is started and killed (SIGKILL) at a
random moment of its sending; a second one works until nothing is open; then the statements come in. The judges are the
simulated bank's own books, the ledger's verifier, and the agreement of the ledger with the payments.
"""

import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import psycopg
from psycopg import sql
from rich.console import Console
from sqlalchemy import text

from engine.database import EMBEDDED_DATABASE, Database, addresses
from engine.demonstration import month
from engine.embedded import EmbeddedServer
from engine.errors import WrongInput
from engine.installation import Installation
from engine.payments.agreement import differences
from engine.settings import Settings
from gateways.simulator import process as simulator
from gateways.simulator.books import read_books
from ledger.verifier import verify

_PREPARED = "thuchi_prepared"
_WORKER = [sys.executable, "-c", "from engine.cli import main; main()", "worker", "--until-idle"]
_GIVE_UP_SECONDS = 120
_LINES_PER_FILE = 20
"""Many small files, so that a kill finds batches in every state."""
_LOOK_SECONDS = 0.02


@dataclass(slots=True)
class Report:
    """What the rounds showed; `problems` is empty when everything held."""

    kills: int = 0
    killed_while_working: int = 0
    """Kills that hit the worker after its start and before its end."""
    states_after_kill: dict[str, int] = field(default_factory=dict)
    """States of batches just after the kill, over all rounds: the moments that were hit."""
    payments: int = 0
    credits: int = 0
    problems: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def in_words(self) -> str:
        moments = ", ".join(f"{state} {count}" for state, count in sorted(self.states_after_kill.items()))
        verdict = "nothing lost, nothing paid twice" if not self.problems else "\n".join(self.problems)
        return (
            f"{self.kills} kills, {self.killed_while_working} of them while the worker ran; batches just after a kill:"
            f" {moments}; {self.payments} payments, {self.credits} credits at the bank: {verdict}"
        )


def run_chaos(settings: Settings, kills: int, payees: int, seed: int, console: Console) -> Report:
    """Runs the rounds in a home of their own below the home in use; needs the embedded server."""
    if settings.database_url is not None:
        raise WrongInput(["chaos kills and copies databases: it works on the embedded server only"])
    settings = replace(settings, home=settings.home / "chaos")
    server = EmbeddedServer(settings.home)
    report, chance = Report(), random.Random(seed)  # noqa: S311 - moments, not secrets
    silent = month.Reporter(lambda _name: None, lambda _done, _total, _shown: None)
    try:
        _prepare(settings, server, payees, seed, silent)
        first, last = _sending_seconds(settings, server)
        for number in range(kills):
            _restore(settings, server)
            report.kills += 1
            _kill_a_worker(settings, chance.uniform(-0.05, 1.1) * (last - first), report)
            _run_worker(settings)
            _finish_and_judge(settings, number, silent, report)
            console.print(f"kill {number + 1} of {kills}: {len(report.problems)} problems")
    finally:
        simulator.stop(settings.home / "simulator")
        server.stop()
    return report


def _prepare(settings: Settings, server: EmbeddedServer, payees: int, seed: int, silent: month.Reporter) -> None:
    """An approved month with its batches waiting, kept as a template beside the simulated bank's directory."""
    installation = month.fresh_installation(settings, payees, seed)
    month.prepare(installation, payees, seed, silent)
    month.dispatch_run(installation, _LINES_PER_FILE)
    installation.database.close()
    simulator.stop(installation.simulator_home)
    shutil.rmtree(settings.home / "simulator-prepared", ignore_errors=True)
    shutil.copytree(installation.simulator_home, settings.home / "simulator-prepared")
    server.drop_database(_PREPARED)
    _copy_database(server, EMBEDDED_DATABASE, _PREPARED)


def _restore(settings: Settings, server: EmbeddedServer) -> None:
    simulator.stop(settings.home / "simulator")
    shutil.rmtree(settings.home / "simulator", ignore_errors=True)
    shutil.copytree(settings.home / "simulator-prepared", settings.home / "simulator")
    shutil.rmtree(settings.home / "exchange", ignore_errors=True)
    server.drop_database(EMBEDDED_DATABASE)
    _copy_database(server, _PREPARED, EMBEDDED_DATABASE)
    installation = _installation(settings)
    with installation.database.transaction() as connection:
        month.plan_faults(installation, connection)
    installation.database.close()


def _copy_database(server: EmbeddedServer, source: str, target: str) -> None:
    with psycopg.connect(server.url("superuser", "postgres"), autocommit=True) as connection:
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER thuchi_owner")
        connection.execute(statement.format(sql.Identifier(target), sql.Identifier(source)))


def _sending_seconds(settings: Settings, server: EmbeddedServer) -> tuple[float, float]:
    """After how many seconds an undisturbed worker seals its first batch, and has sent its last."""
    _restore(settings, server)
    installation = _installation(settings)
    process = _start_worker(settings)
    began, first = time.perf_counter(), 0.0
    try:
        while True:
            elapsed = time.perf_counter() - began
            states = _batch_states(installation)
            first = first or (elapsed if set(states) != {"ready"} else 0.0)
            if not {"ready", "sending"} & set(states) or elapsed > _GIVE_UP_SECONDS:
                return first, elapsed
            time.sleep(_LOOK_SECONDS)
    finally:
        process.kill()
        process.wait()
        installation.database.close()


def _kill_a_worker(settings: Settings, seconds_after_first: float, report: Report) -> None:
    """Kills a worker some time after it has sealed its first batch; at once if the time is negative."""
    installation = _installation(settings)
    process = _start_worker(settings)
    try:
        while seconds_after_first >= 0 and process.poll() is None and set(_batch_states(installation)) == {"ready"}:
            time.sleep(_LOOK_SECONDS)
        process.wait(max(seconds_after_first, 0))
    except subprocess.TimeoutExpired:
        report.killed_while_working += 1
    finally:
        process.kill()
        process.wait()
    report.states_after_kill = dict(Counter(report.states_after_kill) + _batch_states(installation))
    installation.database.close()


def _batch_states(installation: Installation) -> Counter[str]:
    with installation.database.transaction() as connection:
        return Counter(connection.scalars(text("SELECT state FROM engine.batch")))


def _run_worker(settings: Settings) -> None:
    process = _start_worker(settings)
    try:
        if process.wait(_GIVE_UP_SECONDS) != 0:
            raise RuntimeError(f"the worker ended with {process.returncode}")
    finally:
        process.kill()
        process.wait()


def _start_worker(settings: Settings) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "THUCHI_HOME": str(settings.home)}
    return subprocess.Popen(_WORKER, env=environment, stdin=subprocess.DEVNULL)


def _finish_and_judge(settings: Settings, number: int, silent: month.Reporter, report: Report) -> None:
    installation = _installation(settings)
    try:
        proof = month.follow_up(installation, (), silent).proof
        with installation.database.transaction() as connection:
            verification = verify(connection)
            problems = [*proof.differences, *differences(connection)]
            states = {
                row.reference: row.state
                for row in connection.execute(text("SELECT reference, state FROM engine.payment"))
            }
    finally:
        installation.database.close()
    if verification.first_difference is not None:
        problems.append(verification.first_difference)
    credited = {row["reference"]: row["credits"] for row in read_books(settings.home / "simulator")}
    problems += [f"{reference} was credited {count} times" for reference, count in credited.items() if count > 1]
    for reference, state in states.items():
        expected = 1 if state in ("settled", "returned") else 0
        if credited.get(reference, 0) != expected:
            problems.append(f"{reference} is {state} here and was credited {credited.get(reference, 0)} times there")
        if state not in ("settled", "returned", "failed"):
            problems.append(f"{reference} ended {state}")
    report.payments += len(states)
    report.credits += sum(credited.values())
    report.problems += [f"round {number + 1}: {problem}" for problem in problems]


def _installation(settings: Settings) -> Installation:
    return Installation(settings, Database(addresses(settings).application))
