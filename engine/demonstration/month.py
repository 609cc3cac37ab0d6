"""The demonstration: a whole pension month on fixed dates of November 2026, against a simulated bank, with faults.

It works in a database that it marks as its own and refuses any other; a rerun replaces only what it made. Every step is
the one that production runs: files are imported, awards assessed, a run planned and signed by three persons, batches
sent by workers, statements fetched and matched. After each step the ledger is held against the payments.
"""

import fcntl
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

import psycopg
from sqlalchemy import Connection, text

from engine.awards.files import import_awards
from engine.clock import VIET_NAM
from engine.database import Database, addresses, upgrade
from engine.demonstration import online
from engine.demonstration.employer import run_employer_month
from engine.demonstration.population import write_population
from engine.demonstration.processes import other_processes
from engine.errors import WrongInput
from engine.installation import SIMULATOR_ADDRESS, Installation
from engine.payments import gateways, planning, run
from engine.payments.agreement import require_agreement
from engine.payments.batch import dispatch
from engine.payments.proof import Proof, prove
from engine.people.files import import_payout_accounts
from engine.settings import Settings
from engine.statements import fetch_statements
from engine.workers.relay import wait_until_idle, work
from gateways.signing import ensure_key
from gateways.simulator import process as simulator
from gateways.simulator.client import SimulatorControl
from gateways.simulator.faults import Fault
from ledger.balances import TrialBalanceRow, trial_balance

GATEWAY = "simbank"
CLIENT_ID = "thuchi"
PERIOD = date(2026, 11, 1)
PAY_ON = date(2026, 11, 2)
"""The first working day of November 2026."""
LAST_DAY = date(2026, 11, 4)
"""Two days after the payment everything has been told."""
STAFF = (
    ("preparer", "Người lập (thử nghiệm)", "preparer"),
    ("approver", "Người duyệt (thử nghiệm)", "approver"),
    ("authoriser", "Người chuẩn chi (thử nghiệm)", "authoriser"),
)
FUNDS = {"retirement": "8800000000001", "state_budget": "8800000000002"}
"""The funds that pay and their accounts at the simulated bank; invented numbers."""
_OPENING_VND = {"retirement": 900_000_000_000, "state_budget": 60_000_000_000}
_FOR_EACH_PAYEE_VND = {"retirement": 30_000_000, "state_budget": 2_000_000}
"""What stands on the accounts at first: enough for some months of however many payees."""


@dataclass(slots=True)
class Reporter:
    """Tells people how the month goes on; the command line draws it."""

    phase: Callable[[str], None]
    """A new part begins."""
    advance: Callable[[int, int, str], None]
    """How much of the part is done, of how much, and what people want to see beside it, such as the money."""
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        self.phase(name)
        began = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0) + time.perf_counter() - began


@dataclass(frozen=True, slots=True)
class Month:
    """What the demonstration ends with."""

    proof: Proof
    trial_balance: list[TrialBalanceRow]
    files: list[str]
    unconfirmed: tuple[str, ...]
    seconds: dict[str, float]

    def as_json(self) -> dict[str, Any]:
        return {
            "proof": self.proof.as_json(),
            "trial_balance": [
                {"account": row.account, "name": row.name, "debit": row.debit.vnd, "credit": row.credit.vnd}
                for row in self.trial_balance
            ],
            "files": self.files,
            "unconfirmed": list(self.unconfirmed),
            "seconds": {name: round(seconds, 2) for name, seconds in self.seconds.items()},
        }


def run_month(settings: Settings, payees: int, seed: int, report: Reporter, *, api_port: int | None = None) -> Month:
    """Runs the whole month in a fresh demonstration database and returns its proof.

    With an `api_port`, relay, workers and API are processes of their own and this one only waits for them.
    """
    elsewhere = api_port is not None
    with ExitStack() as stack:
        stack.enter_context(alone(settings))
        with report.timed("database"):
            installation = fresh_installation(settings, payees, seed)
        stack.callback(installation.database.close)
        with other_processes(settings, api_port) if api_port is not None else nullcontext():
            unconfirmed = prepare(installation, payees, seed, report)
            with report.timed("employer"):
                run_employer_month(installation, seed)
            pay(installation, report, elsewhere=elsewhere)
            return follow_up(
                installation,
                unconfirmed,
                report,
                elsewhere=elsewhere,
                before_fetching=lambda day: online.settle(installation, day),
            )


@contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """Two demonstrations in one home would replace each other's database."""
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (settings.home / "demonstration.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise WrongInput(
                [f"another demonstration runs in {settings.home}: wait for it, or set THUCHI_HOME"]
            ) from error
        yield


def prepare(
    installation: Installation, payees: int, seed: int, report: Reporter, pay_on: date = PAY_ON
) -> tuple[str, ...]:
    """From files of people and claims to an approved run; returns the unconfirmed legal values it rests on."""
    database, vault, at = installation.database, installation.vault, _at(pay_on, 8)
    period = pay_on.replace(day=1)
    directory = installation.settings.home / "demonstration"
    with report.timed("population"):
        population = write_population(directory, payees, seed, period)
    with report.timed("gateway"):
        _onboard_bank(installation, payees, pay_on, at)

    def decided(done: int, total: int) -> None:
        report.advance(done, total, "hồ sơ")

    for workbook in population.workbooks:
        with report.timed("awards"), database.transaction("preparer") as connection:
            import_awards(connection, vault, workbook, decided_on=pay_on, recorded_at=at, progress=decided)
    with report.timed("accounts"), database.transaction("preparer") as connection:
        import_payout_accounts(connection, vault, population.payout_accounts, recorded_at=at)
    with report.timed("run"):
        with database.transaction("preparer") as connection:
            allowed = _unconfirmed_of_awards(connection)
            planned = planning.plan(connection, period, pay_on, GATEWAY, frozenset(allowed), at)
        with database.transaction("preparer") as connection:
            run.submit(connection, planned.run_code, "preparer", at)
        for person in ("approver", "authoriser"):
            with database.transaction(person) as connection:
                run.approve(connection, planned.run_code, person, at)
        _check(database)
    return planned.unconfirmed


def pay(installation: Installation, report: Reporter, pay_on: date = PAY_ON, *, elsewhere: bool = False) -> None:
    """Sends the run to the bank, which loses some answers on purpose."""
    with report.timed("dispatch"):
        dispatch_run(installation, None, _lose_answers, pay_on)
        _work(installation, report, elsewhere=elsewhere)
        _check(installation.database)


def dispatch_run(
    installation: Installation,
    lines_per_file: int | None,
    plan: Callable[[Installation, Connection], None],
    pay_on: date = PAY_ON,
) -> None:
    """Puts the approved run into batches that wait for a worker; smaller ones than the bank's limit if asked.

    `plan` tells the bank its mistakes, before a worker can see the batches.
    """
    set_time(installation, pay_on, 9)
    capabilities = installation.gateway(GATEWAY).capabilities
    if lines_per_file is not None:
        capabilities = replace(capabilities, max_lines_per_file=lines_per_file)
    with installation.database.transaction("preparer") as connection:
        dispatch(connection, f"{pay_on:%Y-%m}/1", capabilities, pay_on, _at(pay_on, 9))
        plan(installation, connection)


def _lose_answers(installation: Installation, connection: Connection) -> None:
    """Of every five files, one is taken by the bank and its answer is lost, and one is lost before the bank has it."""
    message_ids = list(connection.scalars(text("SELECT message_id FROM engine.batch ORDER BY batch_no")))
    with bank_control(installation) as control:
        for place, message_id in enumerate(message_ids):
            if place % 5 == 1:
                control.plan_fault(Fault.DROP_AFTER, message_id=message_id)
            elif place % 5 == 2:
                control.plan_fault(Fault.DROP_BEFORE, message_id=message_id)


def follow_up(
    installation: Installation,
    unconfirmed: tuple[str, ...],
    report: Reporter,
    pay_on: date = PAY_ON,
    *,
    elsewhere: bool = False,
    before_fetching: Callable[[date], None] = lambda _day: None,
) -> Month:
    """The days after: statements, what the bank never got, returns, and the proof."""
    with report.timed("statements"):
        for day in (pay_on, pay_on + timedelta(days=1)):
            end_day(installation, day)
            before_fetching(day)
            for _twice in range(2):
                fetch_statements(installation, GATEWAY, day)
            _check(installation.database)
            _work(installation, report, elsewhere=elsewhere)
            _check(installation.database)
    with report.timed("proof"), installation.database.transaction() as connection:
        last_day = pay_on + timedelta(days=2)
        proof = prove(connection, last_day)
        balances = trial_balance(connection, last_day)
    home = installation.settings.home
    files = sorted(str(path) for name in ("demonstration", "exchange") for path in (home / name).rglob("*.*"))
    return Month(proof, balances, files, unconfirmed, report.seconds)


def end_day(installation: Installation, day: date) -> None:
    """The simulated bank ends its day: returns that fall due are booked, statements written. Then it is six o'clock."""
    with bank_control(installation) as control:
        control.close_day(day)
    set_time(installation, day + timedelta(days=1), 6)


@contextmanager
def bank_control(installation: Installation) -> Iterator[SimulatorControl]:
    """The control door of this home's simulated bank, which is started where it does not run."""
    simulator.ensure_running(installation.simulator_home)
    with SimulatorControl(installation.simulator_home) as control:
        yield control


def fresh_installation(settings: Settings, payees: int, seed: int, pay_on: date = PAY_ON) -> Installation:
    """An empty demonstration database, its files and its bank; refuses a database that no demonstration made."""
    where = addresses(settings)
    with psycopg.connect(where.owner, autocommit=True) as connection:
        made_by_us = connection.execute("SELECT to_regclass('engine.demonstration') IS NOT NULL").fetchone() == (True,)
        if made_by_us:
            made_by_us = connection.execute("SELECT count(*) FROM engine.demonstration").fetchone() == (1,)
        inhabited = connection.execute(
            "SELECT count(*) FROM pg_namespace WHERE nspname IN ('engine', 'ledger', 'reconciliation')"
        ).fetchone() != (0,)
        if inhabited and not made_by_us:
            raise WrongInput(
                ["the database was not made by a demonstration and is left alone: set THUCHI_HOME to a new directory"]
            )
        connection.execute("DROP SCHEMA IF EXISTS engine, ledger, reconciliation CASCADE")
        connection.execute("DROP TABLE IF EXISTS alembic_version")
    simulator.stop(settings.home / "simulator")
    for name in ("simulator", "demonstration", "exchange"):
        shutil.rmtree(settings.home / name, ignore_errors=True)
    upgrade(where.owner)
    with psycopg.connect(where.owner, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO engine.demonstration (payees, seed, now_at) VALUES (%s, %s, %s)",
            [payees, seed, _at(pay_on, 8)],
        )
    return Installation(settings, Database(where.application))


def _onboard_bank(installation: Installation, payees: int, pay_on: date, at: datetime) -> None:
    opening_vnd = {fund: max(vnd, payees * _FOR_EACH_PAYEE_VND[fund]) for fund, vnd in _OPENING_VND.items()}
    public_key = ensure_key(installation.signing_key(GATEWAY))
    with bank_control(installation) as control:
        control.set_clock(at)
        control.register_client(CLIENT_ID, public_key)
        for fund, account in FUNDS.items():
            control.open_account(account, _holder_name(fund), opening_vnd[fund])
    with installation.database.transaction() as connection:
        add_staff(connection)
        gateways.onboard(connection, GATEWAY, "simbank", SIMULATOR_ADDRESS, CLIENT_ID)
        for fund, account in FUNDS.items():
            gateways.open_paying_account(
                connection,
                installation.vault,
                gateways.PayingAccount(GATEWAY, fund, _holder_name(fund), account),
                opening_vnd=opening_vnd[fund],
                on=pay_on,
                at=at,
            )


def add_staff(connection: Connection) -> None:
    """Who signs in the demonstration."""
    for person, name, role in STAFF:
        connection.execute(
            text("INSERT INTO engine.staff (person, name, role) VALUES (:person, :name, :role)"),
            {"person": person, "name": name, "role": role},
        )


def _holder_name(fund: str) -> str:
    return f"BHXH VIET NAM - {fund.upper()}"


def _unconfirmed_of_awards(connection: Connection) -> list[str]:
    rows = connection.execute(text("SELECT DISTINCT unnest(unconfirmed) AS name FROM engine.award ORDER BY 1"))
    return [row.name for row in rows]


def _work(installation: Installation, report: Reporter, *, elsewhere: bool) -> None:
    """Waits until nothing is open, working or watching others; the report shows payments and money on their way."""

    def progress(_open_messages: int) -> None:
        with installation.database.engine.connect() as connection:
            sent = connection.execute(text(_SENT)).one()
        report.advance(sent.payments, sent.total, f"{sent.amount_vnd:,} đ".replace(",", "."))

    if elsewhere:
        wait_until_idle(installation, progress)
    else:
        work(installation, threading.Event(), until_idle=True, progress=progress)


_SENT = """
    SELECT coalesce(sum(payments), 0) AS total, coalesce(sum(payments) FILTER (WHERE sent), 0) AS payments,
           coalesce(sum(amount_vnd) FILTER (WHERE sent), 0) AS amount_vnd
    FROM (SELECT *, state NOT IN ('ready', 'sending') AS sent FROM engine.batch) b"""


def set_time(installation: Installation, day: date, hour: int) -> None:
    at = _at(day, hour)
    with installation.database.transaction() as connection:
        connection.execute(text("UPDATE engine.demonstration SET now_at = :at"), {"at": at})
    with bank_control(installation) as control:
        control.set_clock(at)


def _check(database: Database) -> None:
    with database.transaction() as connection:
        require_agreement(connection)


def _at(day: date, hour: int) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=VIET_NAM)
