"""A month that is paid to wallets, one payout at a time, by providers of whose calls one in twenty goes wrong.

Every kind of fault strikes: calls that are lost before and after they did their work, answers that are cut, empty,
late or a proxy's page, refusals by load, inquiries that do not find what is there; and receivers that are unknown,
locked, of another name, or in work until the wallet tells of them, once rightly, once again, once with another amount
and once under somebody else's signature. Then the days' settlement files come in, and some money comes back.

The judges are the books that the simulated wallets keep themselves, held against our payments and our ledger.
"""

import json
import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

import uvicorn
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from sqlalchemy import Connection, text

from engine.awards.files import import_awards
from engine.clock import VIET_NAM
from engine.demonstration import month
from engine.demonstration.population import write_population
from engine.embedded import EmbeddedServer
from engine.errors import WrongInput
from engine.installation import SIMULATOR_ADDRESS, Installation
from engine.payments import gateways, planning, run
from engine.payments.agreement import differences, require_agreement
from engine.payments.batch import dispatch
from engine.payments.channels import WALLET_PERMISSION
from engine.payments.proof import prove
from engine.payments.settlement import import_statement
from engine.people.accounts import Account, Change, change_accounts, wallet_numbers
from engine.settings import Settings
from engine.web import create_app
from engine.workers.relay import work
from gateways.simulator import process as simulator
from gateways.simulator.books import read_books
from gateways.simulator.client import SimulatorControl
from gateways.simulator.faults import Call, Fault
from gateways.simulator.providers_client import ProvidersControl
from gateways.simulator.purse import Stage
from ledger.balances import balance
from ledger.verifier import verify

FUND_OF = {"momo": "retirement", "zalopay": "state_budget"}
"""The wallets and the fund that pays through each."""
_MERCHANT = {"momo": "MOMOBHXH01", "zalopay": "255301"}
_ADVANCE_VND = 900_000_000_000
_DAYS = 3
_CALLS_PER_FAULT = 20
_SUBMIT_FAULTS = (
    Fault.DROP_BEFORE,
    Fault.HTTP_500,
    Fault.HTTP_503,
    Fault.TOO_BUSY,
    Fault.DROP_AFTER,
    Fault.HTTP_500_AFTER,
    Fault.HTML_PAGE,
    Fault.TRUNCATED,
    Fault.EMPTY_BODY,
    Fault.DELAY,
)
_INQUIRY_FAULTS = (Fault.DROP_AFTER, Fault.STATUS_NOT_FOUND, Fault.HTTP_500, Fault.TRUNCATED)
_DELAY_SECONDS = 0.2
_REFUSED, _IN_WORK = ("9001", "9002", "9003"), "9005"
_LOOK_SECONDS = 1.0


@dataclass(slots=True)
class WalletRun:
    """What the run ended with; `problems` is empty when the wallets' books and ours agree."""

    payments: int = 0
    states: dict[str, int] = field(default_factory=dict)
    credits: int = 0
    credited_vnd: int = 0
    calls_stored: int = 0
    inquiries_resolved: int = 0
    callbacks: dict[str, int] = field(default_factory=dict)
    open_cases: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def in_words(self) -> str:
        states = ", ".join(f"{state} {count}" for state, count in sorted(self.states.items()))
        verdict = "the wallets' books and ours agree" if not self.problems else "\n".join(self.problems)
        return (
            f"{self.payments} payments ({states}), {self.credits} credits of {self.credited_vnd} đ,"
            f" {self.inquiries_resolved} found out by asking, callbacks {self.callbacks or 'none'}: {verdict}"
        )


def run_wallets(settings: Settings, payees: int, seed: int, report: month.Reporter) -> WalletRun:
    """Runs the month in a home of its own below the home in use; needs the embedded server."""
    if settings.database_url is not None:
        raise WrongInput(["the wallet run makes and drops its database: it works on the embedded server only"])
    settings = replace(settings, home=settings.home / "wallets", redis_url=None)
    with ExitStack() as stack:
        stack.enter_context(month.alone(settings))
        stack.callback(EmbeddedServer(settings.home).stop)
        stack.callback(simulator.stop, settings.home / "simulator")
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        settings = replace(settings, public_url=f"http://127.0.0.1:{listening.getsockname()[1]}")
        with report.timed("database"):
            installation = month.fresh_installation(settings, payees, seed)
        stack.callback(installation.database.close)
        stack.enter_context(_told_at(installation, listening))
        _prepare(installation, payees, seed, report)
        found = WalletRun()
        with report.timed("dispatch"):
            _plan_faults(installation)
            month.set_time(installation, month.PAY_ON, 9)
            _dispatch(installation, month.PAY_ON)
            _work(installation, report)
        with report.timed("statements"):
            _follow_up(installation, report)
        with report.timed("proof"):
            _judge(installation, found)
        found.seconds = {name: round(seconds, 2) for name, seconds in report.seconds.items()}
    return found


@contextmanager
def _told_at(installation: Installation, listening: socket.socket) -> Iterator[None]:
    """Our own door, at which the wallets tell us."""
    serving = uvicorn.Server(uvicorn.Config(create_app(installation), log_config=None, access_log=False))
    thread = threading.Thread(target=serving.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield
    finally:
        serving.should_exit = True
        thread.join()


def _prepare(installation: Installation, payees: int, seed: int, report: month.Reporter) -> None:
    """Awards from the files of an invented population, whose payees have wallets; two signed runs."""
    database, at = installation.database, _at(month.PAY_ON, 8)
    with report.timed("population"):
        population = write_population(installation.settings.home / "demonstration", payees, seed)
    with report.timed("gateway"), database.transaction() as connection:
        month.add_staff(connection)
        for provider in FUND_OF:
            _onboard(installation, connection, provider, at)
    for workbook in population.workbooks:
        with report.timed("awards"), database.transaction("preparer") as connection:
            import_awards(connection, installation.vault, workbook, decided_on=month.PAY_ON, recorded_at=at)
    with report.timed("accounts"), database.transaction("preparer") as connection:
        change_accounts(connection, installation.vault, _wallets(connection), at)
    with report.timed("run"):
        for provider in FUND_OF:
            _sign(installation, provider, at)


def _onboard(installation: Installation, connection: Connection, provider: str, at: datetime) -> None:
    """A contract with a simulated wallet: keys on both sides, an advance that it holds."""
    key = rsa.generate_private_key(65537, 2048)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    if provider == "momo":
        shared = {"partner_code": _MERCHANT[provider], "access_key": "simulated", "secret_key": os.urandom(16).hex()}
        ours, theirs = {"rsa_public_key": public}, {"rsa_private_key": private}
    else:
        shared = {"app_id": _MERCHANT[provider], "key1": os.urandom(16).hex(), "key2": os.urandom(16).hex()}
        # A wallet that masks names says nothing against a payee.
        ours, theirs = {"rsa_private_key": private}, {"rsa_public_key": public, "user_name": "N***** V** A*"}
    with month.bank_control(installation) as bank, ProvidersControl(installation.simulator_home) as wallet:
        bank.set_clock(at)
        wallet.register(provider, shared | theirs, _ADVANCE_VND)
    path = installation.provider_keys(provider)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(json.dumps({"provider": provider, "environment": "simulated", "keys": shared | ours}), "utf-8")
    gateways.onboard(connection, provider, provider, SIMULATOR_ADDRESS, "thuchi")
    gateways.open_paying_account(
        connection,
        installation.vault,
        gateways.PayingAccount(provider, FUND_OF[provider], f"BHXH VIET NAM - {provider.upper()}", _MERCHANT[provider]),
        opening_vnd=_ADVANCE_VND,
        on=month.PAY_ON,
        at=at,
    )


def _wallets(connection: Connection) -> list[Change]:
    """A wallet for everybody who is paid from one fund; of a hundred, three are refused and two are in work first."""
    rows = connection.execute(
        text("""
            SELECT p.person_id, p.folded_name, min(a.fund) AS fund
            FROM engine.award a JOIN engine.person p USING (person_id)
            GROUP BY p.person_id, p.folded_name HAVING count(DISTINCT a.fund) = 1 ORDER BY p.person_id""")
    ).all()
    number_of = {fund: wallet_numbers(provider)[0] for provider, fund in FUND_OF.items()}
    changes = []
    for place, row in enumerate(rows):
        kind = place % 100
        ending = _REFUSED[kind // 30] if kind in (0, 30, 60) else _IN_WORK if kind in (15, 45) else "0007"
        account = Account(number_of[row.fund], f"09{place:06d}{ending}", row.folded_name)
        changes.append(Change(row.person_id, account, date(2026, 1, 1)))
    return changes


def _sign(installation: Installation, provider: str, at: datetime) -> None:
    database = installation.database
    with database.transaction("preparer") as connection:
        unconfirmed = connection.scalars(text("SELECT DISTINCT unnest(unconfirmed) FROM engine.award")).all()
        allowed = frozenset({*unconfirmed, WALLET_PERMISSION})
        planned = planning.plan(connection, month.PERIOD, month.PAY_ON, provider, allowed, at)
    with database.transaction("preparer") as connection:
        run.submit(connection, planned.run_code, "preparer", at)
    for person in ("approver", "authoriser"):
        with database.transaction(person) as connection:
            run.approve(connection, planned.run_code, person, at)


def _plan_faults(installation: Installation) -> None:
    """One call in twenty goes wrong, each kind as often as the others."""
    with SimulatorControl(installation.simulator_home) as bank:
        for call, faults in ((Call.SUBMIT, _SUBMIT_FAULTS), (Call.INQUIRE, _INQUIRY_FAULTS)):
            for place, fault in enumerate(faults):
                nth, every = 1 + place * _CALLS_PER_FAULT, _CALLS_PER_FAULT * len(faults)
                bank.plan_fault(fault, call, nth=nth, every=every, delay_seconds=_DELAY_SECONDS)


def _dispatch(installation: Installation, day: date) -> None:
    """Sends what waits: on the first day everything, later what failed for no fault of the payee."""
    with installation.database.transaction("preparer") as connection:
        waiting = connection.execute(
            text("""
                SELECT DISTINCT r.run_code, p.gateway FROM engine.payment p JOIN engine.payment_run r USING (run_id)
                WHERE p.state = 'approved' ORDER BY 1""")
        ).all()
    for row in waiting:
        capabilities = installation.sending(row.gateway).capabilities
        with installation.database.transaction("preparer") as connection:
            dispatch(connection, row.run_code, capabilities, day, installation.clock().now())


def _work(installation: Installation, report: month.Reporter) -> None:
    """Works until nothing is open. Nobody waits between inquiries: the time of a demonstration stands still."""
    looked_at = 0.0

    def progress(_open_messages: int) -> None:
        nonlocal looked_at
        with installation.database.transaction() as connection:
            connection.execute(
                text("UPDATE engine.outbox SET due_at = clock_timestamp() WHERE done_at IS NULL AND due_at > now()")
            )
            if time.monotonic() - looked_at < _LOOK_SECONDS:
                return
            looked_at = time.monotonic()
            sent = connection.execute(text(_SENT)).one()
        report.advance(sent.done, sent.total, f"{sent.done_vnd:,} đ".replace(",", "."))

    work(installation, threading.Event(), until_idle=True, progress=progress)
    with installation.database.transaction() as connection:
        require_agreement(connection)


_SENT = """
    SELECT count(*) AS total, count(*) FILTER (WHERE called) AS done,
           coalesce(sum(amount_vnd) FILTER (WHERE called), 0)::bigint AS done_vnd
    FROM (SELECT p.amount_vnd, t.state NOT IN ('ready', 'sending') AS called
          FROM engine.attempt t JOIN engine.payment p USING (payment_id)) each"""


def _follow_up(installation: Installation, report: month.Reporter) -> None:
    """The days after: what was in work is decided and told, files come in, what never arrived goes again."""
    for number in range(_DAYS):
        day = month.PAY_ON + timedelta(days=number)
        _decide_what_is_in_work(installation, refused=number == 0)
        month.set_time(installation, day + timedelta(days=1), 6)
        with ProvidersControl(installation.simulator_home) as wallet:
            for provider in FUND_OF:
                path = installation.incoming / f"{provider}-{day}.csv"
                path.touch(mode=0o600)
                path.write_bytes(wallet.settlement(provider, day))
                for _twice in range(2):
                    with installation.database.transaction() as connection:
                        import_statement(connection, installation.vault, path, installation.clock().now())
        if number == 0:
            with SimulatorControl(installation.simulator_home) as bank:
                bank.clear_faults()
            _give_back(installation)
        _dispatch(installation, day + timedelta(days=1))
        _work(installation, report)


def _decide_what_is_in_work(installation: Installation, *, refused: bool) -> None:
    """It is paid, or on the first day half of it refused, to go again; MoMo tells of each, and more than it should."""
    with ProvidersControl(installation.simulator_home) as wallet:
        for provider in FUND_OF:
            working = [key for key, stage in wallet.overview(provider)["orders"].items() if stage == Stage.WORKING]
            for place, key in enumerate(working):
                kind, _, reference = key.partition(" ")
                wallet.decide(provider, kind, reference, Stage.REFUSED if refused and place % 2 else Stage.DONE)
                if provider == "momo":
                    wallet.notify(provider, reference, kind=kind, bad_signature=True)
                    wallet.notify(provider, reference, kind=kind, times=2)
                    if place % 10 == 0:
                        wallet.notify(provider, reference, kind=kind, more_vnd=1)


def _give_back(installation: Installation) -> None:
    """One in a hundred of what was paid comes back."""
    with ProvidersControl(installation.simulator_home) as wallet:
        for provider in FUND_OF:
            done = [key for key, stage in wallet.overview(provider)["orders"].items() if stage == Stage.DONE]
            for key in done[::100]:
                kind, _, reference = key.partition(" ")
                wallet.decide(provider, kind, reference, Stage.RETURNED)


def _judge(installation: Installation, found: WalletRun) -> None:
    """Holds the wallets' own books against ours, payment by payment and in all."""
    with installation.database.transaction() as connection:
        proof = prove(connection, month.PAY_ON + timedelta(days=_DAYS - 1))
        found.problems += [*proof.differences, *differences(connection)]
        problem = verify(connection).first_difference
        found.problems += [problem] if problem is not None else []
        payments = connection.execute(text("SELECT reference, state, amount_vnd FROM engine.payment")).all()
        advances = {name: balance(connection, f"advance_to_agent.{name}.{fund}").vnd for name, fund in FUND_OF.items()}
        found.calls_stored = connection.scalar(text("SELECT count(*) FROM engine.single_call")) or 0
        verdicts = connection.execute(text("SELECT verdict, count(*) AS times FROM engine.callback GROUP BY 1"))
        found.callbacks = {row.verdict: row.times for row in verdicts}
    found.inquiries_resolved, found.open_cases = proof.inquiries_resolved, len(proof.open_cases)
    found.payments, found.states = len(payments), dict(Counter(payment.state for payment in payments))
    credited: Counter[str] = Counter()
    for row in read_books(installation.simulator_home):
        reference = row["reference"].rpartition("-")[0]
        credited[reference] += row["credits"]
        found.credits += row["credits"]
        found.credited_vnd += row["credits"] * row["amount_vnd"]
    for payment in payments:
        expected = int(payment.state in ("settled", "returned"))
        if credited.pop(payment.reference, 0) != expected:
            found.problems.append(f"{payment.reference} is {payment.state} here and was not credited {expected} times")
        if payment.state not in ("settled", "returned", "failed"):
            found.problems.append(f"{payment.reference} ended {payment.state}")
    found.problems += [f"{reference} was credited and is no payment of ours" for reference in credited]
    ours_vnd = sum(payment.amount_vnd for payment in payments if payment.state in ("settled", "returned"))
    if ours_vnd != found.credited_vnd:
        found.problems.append(f"credited {found.credited_vnd} đ there, settled or returned {ours_vnd} đ here")
    with ProvidersControl(installation.simulator_home) as wallet:
        for provider, advance_vnd in advances.items():
            held_vnd = wallet.overview(provider)["balance_vnd"]
            if held_vnd != advance_vnd:
                found.problems.append(f"{provider} holds {held_vnd} đ of ours, our books say {advance_vnd} đ")


def _at(day: date, hour: int) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=VIET_NAM)
