"""The `thuchi` command: tables for people, JSON with `--json`.

Exit 0 done; 1 the thing checked does not hold or the work failed; 2 the call or its input is wrong. Errors go to
standard error, all of them at once.
"""

import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from engine import doctor as doctoring
from engine import sending, statements
from engine.awards import files as award_files
from engine.clock import VIET_NAM
from engine.database import EMBEDDED_DATABASE, addresses, upgrade
from engine.demonstration import chaos as chaos_kills
from engine.demonstration import month
from engine.demonstration.reporting import console_reporter
from engine.embedded import EmbeddedServer
from engine.errors import DoesNotHold, ServerUnavailable, ThuchiError, WrongInput
from engine.installation import Installation, open_installation
from engine.law.commands import app as law
from engine.logs import configure_logs
from engine.payments import archive, run, tracing
from engine.payments.batch import dispatch
from engine.payments.proof import Proof, prove
from engine.payments.settlement import import_statement
from engine.people import files as people_files
from engine.settings import Settings
from engine.workers import relay
from gateways.errors import GatewayError
from gateways.simulator import process as simulator
from gateways.simulator.books import read_books
from ledger import balances, seals
from ledger.errors import LedgerError
from reconciliation.errors import ReconciliationError
from reconciliation.inspection import inspect

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help="Thu chi bảo hiểm xã hội.")
database_commands = typer.Typer(no_args_is_help=True, help="The database in use.")
ledger_commands = typer.Typer(no_args_is_help=True, help="Sổ cái.")
award_commands = typer.Typer(no_args_is_help=True, help="Quyết định hưởng.")
account_commands = typer.Typer(no_args_is_help=True, help="Tài khoản nhận tiền.")
run_commands = typer.Typer(no_args_is_help=True, help="Đợt chi trả.")
sending_commands = typer.Typer(no_args_is_help=True, help="The switch that stops all sending.")
gateway_commands = typer.Typer(no_args_is_help=True, help="Ngân hàng và ví.")
statement_commands = typer.Typer(no_args_is_help=True, help="Sao kê.")
exchange_commands = typer.Typer(no_args_is_help=True, help="Files to and from banks.")
simulator_commands = typer.Typer(no_args_is_help=True, help="The simulated bank.")
for name, group in (
    ("db", database_commands),
    ("law", law),
    ("ledger", ledger_commands),
    ("award", award_commands),
    ("payout-account", account_commands),
    ("run", run_commands),
    ("sending", sending_commands),
    ("gateway", gateway_commands),
    ("statement", statement_commands),
    ("exchange", exchange_commands),
    ("simulator", simulator_commands),
):
    app.add_typer(group, name=name)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
As = Annotated[str, typer.Option("--as", help="The acting person (staff code).")]
On = Annotated[datetime | None, typer.Option("--on", formats=["%Y-%m-%d"], help="A date; today without it.")]
ExistingFile = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)]
RunCode = Annotated[str, typer.Argument(help="Such as 2026-11/1.")]

out = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
err = Console(stderr=True, highlight=False)


def main() -> None:
    """Runs a command; turns what the program itself refuses into an exit code and a message."""
    try:
        app()
    except WrongInput as error:
        _fail(error, 2)
    except (DoesNotHold, ServerUnavailable) as error:
        _fail(error, 1)
    except (ThuchiError, LedgerError, GatewayError, ReconciliationError) as error:
        _fail(error, 2)
    except DBAPIError as error:
        _fail(error.orig or error, 1)


def _fail(error: BaseException, code: int) -> NoReturn:
    print(error, file=sys.stderr)
    sys.exit(code)


@contextmanager
def _installation() -> Iterator[Installation]:
    settings = Settings.read()
    configure_logs(settings.home)
    with open_installation(settings) as installation:
        yield installation


# The month and what runs it -------------------------------------------------------------------------------------


@app.command()
def demo(
    payees: Annotated[int, typer.Option(min=50, help="Payees of the invented population.")] = 1000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same month.")] = 1,
    serve: Annotated[bool, typer.Option(help="Leave the portal up afterwards.")] = True,
    processes: Annotated[
        bool, typer.Option("--processes", help="Relay and workers as processes of their own.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Runs a whole pension month of November 2026 against a simulated bank, with faults on the way."""
    del serve
    settings = Settings.read()
    configure_logs(settings.home)
    with console_reporter(err) as reporter:
        ran = month.run_month(settings, payees, seed, reporter, elsewhere=processes)
    simulator.stop(settings.home / "simulator")
    if as_json:
        _print_json(ran.as_json())
    else:
        _print_proof(ran.proof)
        _print_trial_balance(ran.trial_balance)
        out.print(f"Unconfirmed legal values allowed in this run: {', '.join(ran.unconfirmed) or 'none'}")
        out.print(f"Files: {settings.home / 'demonstration'} and {settings.home / 'exchange'} ({len(ran.files)})")
        out.print("Seconds: " + ", ".join(f"{name} {seconds:.1f}" for name, seconds in ran.seconds.items()))
    if ran.proof.differences:
        raise typer.Exit(1)


@app.command()
def worker(
    until_idle: Annotated[bool, typer.Option("--until-idle", help="Stop when no message is open.")] = False,
) -> None:
    """Relay and actors in one process; with Redis, one of several workers."""
    with _installation() as installation:
        relay.work(installation, _stopped_by_signals(), until_idle=until_idle)


@app.command("relay")
def relay_command() -> None:
    """Offers outbox messages to the workers that share the Redis."""
    with _installation() as installation:
        if not installation.settings.redis_url:
            raise WrongInput(["THUCHI_REDIS_URL is not set: without Redis, `thuchi worker` is relay and actors in one"])
        relay.relay_only(installation, _stopped_by_signals())


@app.command()
def proof(on: On = None, as_json: AsJson = False) -> None:
    """Where every đồng of the runs is, beside the ledger and the bank's statements; exit 1 if anything differs."""
    with _installation() as installation, installation.database.transaction() as connection:
        proven = prove(connection, _day(installation, on))
    if as_json:
        _print_json(proven.as_json())
    else:
        _print_proof(proven)
    if proven.differences:
        raise typer.Exit(1)


@app.command()
def trace(reference: str, as_json: AsJson = False) -> None:
    """The life of one payment: law, award, run, signatures, attempts, entries, statement lines."""
    with _installation() as installation, installation.database.transaction() as connection:
        life = tracing.trace(connection, reference)
    if as_json:
        _print_json(life)
    else:
        out.print_json(json.dumps(life, ensure_ascii=False, default=str))


@app.command()
def chaos(
    kills: Annotated[int, typer.Option(min=1)] = 20,
    payees: Annotated[int, typer.Option(min=50)] = 400,
    seed: Annotated[int, typer.Option()] = 1,
    as_json: AsJson = False,
) -> None:
    """Kills the worker at random moments of the dispatch, again and again, and proves that nobody was paid twice."""
    settings = Settings.read()
    configure_logs(settings.home)
    report = chaos_kills.run_chaos(settings, kills, payees, seed, err)
    _print_json(report.as_json()) if as_json else out.print(report.in_words())
    if report.problems:
        raise typer.Exit(1)


@app.command()
def doctor(
    parts: Annotated[list[str] | None, typer.Argument(help=", ".join(doctoring.PARTS))] = None,
    port: Annotated[int, typer.Option(help="Where the API listens.")] = 8080,
    as_json: AsJson = False,
) -> None:
    """Whether the parts of this installation are fit to work; exit 1 if one is not."""
    unknown = [part for part in parts or () if part not in doctoring.PARTS]
    if unknown:
        raise WrongInput([f"{part}: no such part; there are {', '.join(doctoring.PARTS)}" for part in unknown])
    findings = doctoring.look(Settings.read(), tuple(parts or doctoring.EVERYWHERE), port)
    rows = [asdict(finding) for finding in findings]
    _print_json(rows) if as_json else _print_table("", rows)
    if not all(finding.fit for finding in findings):
        raise typer.Exit(1)


# The database ---------------------------------------------------------------------------------------------------


@database_commands.command("upgrade")
def database_upgrade() -> None:
    """Brings the tables to the newest migration; makes the embedded database if there is none."""
    settings = Settings.read()
    where = addresses(settings)
    if settings.database_url is None:
        EmbeddedServer(settings.home).ensure_database(EMBEDDED_DATABASE)
    upgrade(where.owner)


@database_commands.command("url")
def database_url(superuser: Annotated[bool, typer.Option("--superuser")] = False) -> None:
    """The address in use, with its password."""
    where = addresses(Settings.read())
    if superuser and where.superuser is None:
        raise WrongInput(["the superuser's address is known for the embedded database only"])
    print(where.superuser if superuser else where.application)


@database_commands.command("stop")
def database_stop() -> None:
    """Stops the embedded server."""
    stopped = EmbeddedServer(Settings.read().home).stop()
    print("stopped" if stopped else "it was not running")


# The ledger -----------------------------------------------------------------------------------------------------


@ledger_commands.command("trial-balance")
def ledger_trial_balance(on: On = None, as_json: AsJson = False) -> None:
    """Bảng cân đối tài khoản."""
    with _installation() as installation, installation.database.transaction() as connection:
        rows = balances.trial_balance(connection, on.date() if on else None)
    if as_json:
        _print_json(
            [{"account": r.account, "name": r.name, "debit": r.debit.vnd, "credit": r.credit.vnd} for r in rows]
        )
    else:
        _print_trial_balance(rows)


@ledger_commands.command("statement")
def ledger_statement(account: str, as_json: AsJson = False) -> None:
    """Sổ chi tiết of one account, with contra accounts and running balance."""
    with _installation() as installation, installation.database.transaction() as connection:
        statement = balances.statement(connection, account)
    lines = [
        {
            "entry": line.entry_id,
            "on": line.business_on.isoformat(),
            "document": line.document,
            "contra_account": line.contra_account,
            "reference": line.reference,
            "debit": line.debit.vnd,
            "credit": line.credit.vnd,
            "balance": line.balance.vnd,
        }
        for line in statement.lines
    ]
    if as_json:
        _print_json({"account": statement.account, "closing": statement.closing.vnd, "lines": lines})
    else:
        _print_table(f"{statement.account} {statement.name}", lines)


@ledger_commands.command("verify")
def ledger_verify(as_json: AsJson = False) -> None:
    """Recomputes every content hash and balance; exit 1 and the first difference if one does not match."""
    with _installation() as installation, installation.database.transaction() as connection:
        verification = seals.verify(connection)
    if as_json:
        _print_json(asdict(verification))
    else:
        _print_table("", [asdict(verification)])
    if verification.first_difference is not None:
        print(verification.first_difference, file=sys.stderr)
        raise typer.Exit(1)


# Awards and payout accounts -------------------------------------------------------------------------------------


@award_commands.command("import")
def award_import(file: ExistingFile, person: As, as_json: AsJson = False) -> None:
    """Nhận hồ sơ: assesses every claim of a workbook and stores the awards, or nothing at all."""
    with _installation() as installation, installation.database.transaction(person) as connection:
        clock = installation.clock()
        result = award_files.import_awards(
            connection, installation.vault, file, decided_on=clock.today(), recorded_at=clock.now()
        )
    _print_result(asdict(result), as_json)


@account_commands.command("import")
def payout_account_import(file: ExistingFile, person: As, as_json: AsJson = False) -> None:
    """Nhận tài khoản: stores the payout accounts of a file, or nothing at all."""
    with _installation() as installation, installation.database.transaction(person) as connection:
        result = people_files.import_payout_accounts(
            connection, installation.vault, file, recorded_at=installation.clock().now()
        )
    _print_result(asdict(result), as_json)


# Payment runs ---------------------------------------------------------------------------------------------------


@run_commands.command("plan")
def run_plan(
    period: Annotated[datetime, typer.Option(formats=["%Y-%m"], help="Month of entitlement.")],
    person: As,
    gateway: Annotated[str, typer.Option()] = "simbank",
    pay_on: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"])] = None,
    allow_unconfirmed: Annotated[list[str] | None, typer.Option(help="An unconfirmed legal value to allow.")] = None,
    as_json: AsJson = False,
) -> None:
    """Plans everything due for a month that no run covers yet."""
    with _installation() as installation, installation.database.transaction(person) as connection:
        clock = installation.clock()
        planned = run.plan(
            connection,
            period.date(),
            pay_on.date() if pay_on else clock.today(),
            gateway,
            frozenset(allow_unconfirmed or ()),
            clock.now(),
        )
    _print_result(asdict(planned), as_json)


@run_commands.command("submit")
def run_submit(run_code: RunCode, person: As) -> None:
    """Trình duyệt: the preparer signs."""
    with _installation() as installation, installation.database.transaction(person) as connection:
        run.submit(connection, run_code, person, installation.clock().now())


@run_commands.command("approve")
def run_approve(run_code: RunCode, person: As) -> None:
    """Duyệt: the next person signs; the last signature makes the payments payable."""
    with _installation() as installation, installation.database.transaction(person) as connection:
        level = run.approve(connection, run_code, person, installation.clock().now())
    print(f"{run_code}: {run.LEVELS[level]} {person} has signed")


@run_commands.command("dispatch")
def run_dispatch(run_code: RunCode, person: As, as_json: AsJson = False) -> None:
    """Gửi lệnh: puts what waits into batches; workers send them."""
    with _installation() as installation:
        with installation.database.engine.connect() as connection:
            gateway = connection.scalar(
                text("""
                    SELECT gateway FROM engine.payment p JOIN engine.payment_run r USING (run_id)
                    WHERE r.run_code = :run_code LIMIT 1"""),
                {"run_code": run_code},
            )
        if gateway is None:
            raise WrongInput([f"there is no payment run {run_code}"])
        capabilities = installation.gateway(gateway).capabilities
        clock = installation.clock()
        with installation.database.transaction(person) as connection:
            message_ids = dispatch(connection, run_code, capabilities, clock.today(), clock.now())
    _print_result({"batches": message_ids}, as_json)


@run_commands.command("show")
def run_show(run_code: RunCode, as_json: AsJson = False) -> None:
    """A run: its signatures and where its payments and money stand."""
    with _installation() as installation, installation.database.transaction() as connection:
        shown = run.show(connection, run_code)
    _print_result(shown, as_json)


@run_commands.command("hold")
def run_hold(reference: str, person: As, reason: Annotated[str, typer.Option()]) -> None:
    """Keeps one approved payment back."""
    with _installation() as installation, installation.database.transaction(person) as connection:
        run.hold(connection, reference, reason, installation.clock().now())


@run_commands.command("release")
def run_release(reference: str, person: As, reason: Annotated[str, typer.Option()]) -> None:
    """Lets a held payment go."""
    with _installation() as installation, installation.database.transaction(person) as connection:
        run.release(connection, reference, reason, installation.clock().now())


@run_commands.command("stop")
def run_stop(run_code: RunCode, person: As) -> None:
    """Stops a run: no further batch of it is sealed."""
    with _installation() as installation, installation.database.transaction(person) as connection:
        run.stop(connection, run_code, installation.clock().now())


@run_commands.command("resume")
def run_resume(run_code: RunCode, person: As) -> None:
    """Lets a stopped run go on."""
    with _installation() as installation, installation.database.transaction(person) as connection:
        run.resume(connection, run_code, installation.clock().now())


@sending_commands.command("stop")
def sending_stop(person: As, reason: Annotated[str, typer.Option()]) -> None:
    """Stops all sending, of every run and gateway, at once."""
    with _installation() as installation, installation.database.transaction(person) as connection:
        sending.switch(connection, stopped=True, reason=reason, at=installation.clock().now())


@sending_commands.command("resume")
def sending_resume(person: As, reason: Annotated[str, typer.Option()]) -> None:
    """Allows sending again."""
    with _installation() as installation, installation.database.transaction(person) as connection:
        sending.switch(connection, stopped=False, reason=reason, at=installation.clock().now())


@sending_commands.command("show")
def sending_show(as_json: AsJson = False) -> None:
    """Whether sending is stopped, by whom and why."""
    with _installation() as installation, installation.database.transaction() as connection:
        _print_result(sending.state(connection), as_json)


# Gateways, statements, the simulated bank -----------------------------------------------------------------------


@gateway_commands.command("list")
def gateway_list(as_json: AsJson = False) -> None:
    """The gateways of this installation."""
    with _installation() as installation, installation.database.transaction() as connection:
        rows = connection.execute(text("SELECT gateway, adapter, base_url, paused FROM engine.gateway ORDER BY 1"))
        found = [row._asdict() for row in rows]
    _print_json(found) if as_json else _print_table("Gateways", found)


@gateway_commands.command("show")
def gateway_show(name: str, as_json: AsJson = False) -> None:
    """What a gateway can do and its limits."""
    with _installation() as installation:
        capabilities = asdict(installation.gateway(name).capabilities)
    shown = {key: sorted(value) if isinstance(value, frozenset) else value for key, value in capabilities.items()}
    _print_result(shown, as_json)


@statement_commands.command("inspect")
def statement_inspect(file: ExistingFile, as_json: AsJson = False) -> None:
    """Reads a statement and says whether it adds up; stores nothing."""
    inspection = inspect(file)
    _print_result(inspection.as_json(), as_json)
    raise typer.Exit(inspection.exit_code)


@statement_commands.command("import")
def statement_import(file: ExistingFile, as_json: AsJson = False) -> None:
    """Loads a statement and settles what it proves; the same file again changes nothing."""
    with _installation() as installation, installation.database.transaction() as connection:
        imported = import_statement(connection, installation.vault, file, installation.clock().now())
    _print_result(
        {"already": imported.intake.already, "settled": imported.settled, "returned": imported.returned}, as_json
    )


@statement_commands.command("fetch")
def statement_fetch(gateway: str, on: On = None, as_json: AsJson = False) -> None:
    """Fetches a day's statements from a gateway and imports them; what was imported before changes nothing."""
    with _installation() as installation:
        imported = statements.fetch_statements(installation, gateway, _day(installation, on))
    rows = [{"already": each.intake.already, "settled": each.settled, "returned": each.returned} for each in imported]
    _print_json(rows) if as_json else _print_table("", rows)


@exchange_commands.command("archive")
def exchange_archive(person: As, as_json: AsJson = False) -> None:
    """Seals the files that nobody needs any more and removes the readable ones."""
    with _installation() as installation, installation.database.transaction(person) as connection:
        used = [installation.outgoing, installation.incoming]
        names = archive.archive(connection, installation.vault, used, installation.archive, installation.clock().now())
    _print_result({"archived": names}, as_json)


@exchange_commands.command("show")
def exchange_show(name: str, person: As) -> None:
    """Writes an archived file to standard output; who read it is recorded."""
    with _installation() as installation, installation.database.transaction(person) as connection:
        content = archive.read_archived(
            connection, installation.vault, installation.archive, name, installation.clock().now()
        )
    sys.stdout.buffer.write(content)


@simulator_commands.command("serve")
def simulator_serve(port: Annotated[int, typer.Option()] = 8801) -> None:
    """Runs the simulated bank in the foreground."""
    home = Settings.read().home / "simulator"
    arguments = ["-m", "gateways.simulator", "--home", str(home), "--port", str(port)]
    os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606 - becomes the bank, so that signals reach it


@simulator_commands.command("close-day")
def simulator_close_day(on: Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"])]) -> None:
    """Ends a day of the demonstration: the bank books returns and writes statements, the next morning begins."""
    with _installation() as installation:
        month.end_day(installation, on.date())


@simulator_commands.command("books")
def simulator_books(as_json: AsJson = False) -> None:
    """What the simulated bank really credited, from its own books."""
    books = read_books(Settings.read().home / "simulator")
    _print_json(books) if as_json else _print_table("Credited", books)


# Printing -------------------------------------------------------------------------------------------------------


def _day(installation: Installation, on: datetime | None) -> date:
    return on.date() if on else installation.clock().today()


def _stopped_by_signals() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def _print_result(value: dict[str, Any], as_json: bool) -> None:
    if as_json:
        _print_json(value)
        return
    for key, item in value.items():
        out.print(f"{key}: {_shown(item)}", markup=False)


def _shown(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}".replace(",", ".")
    if isinstance(value, list | tuple):
        return ", ".join(_shown(item) for item in value) or "none"
    return value.astimezone(VIET_NAM).isoformat() if isinstance(value, datetime) else str(value)


def _print_table(title: str, rows: list[dict[str, Any]]) -> None:
    table = Table(title=title or None)
    for column in rows[0] if rows else ():
        table.add_column(column, justify="right" if isinstance(rows[0][column], int) else "left")
    for row in rows:
        table.add_row(*(_shown(value) for value in row.values()))
    out.print(table)


def _print_proof(proven: Proof) -> None:
    _print_table("Biên bản đối chiếu", [asdict(row) for row in proven.rows])
    _print_result(proven.totals | {"inquiries_resolved": proven.inquiries_resolved}, as_json=False)
    for case in proven.open_cases:
        out.print(f"Cần xem xét (open case): {case}", markup=False)
    out.print("Không có chênh lệch (no difference)" if not proven.differences else "Chênh lệch (differences):")
    for difference in proven.differences:
        out.print(f"  {difference}", markup=False)


def _print_trial_balance(rows: list[balances.TrialBalanceRow]) -> None:
    printed: list[dict[str, Any]] = [
        {"account": r.account, "name": r.name, "debit": r.debit.vnd, "credit": r.credit.vnd} for r in rows
    ]
    total = {side: sum(row[side] for row in printed) for side in ("debit", "credit")}
    _print_table("Bảng cân đối tài khoản", [*printed, {"account": "", "name": "Cộng", **total}])
