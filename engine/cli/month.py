"""The month and what runs it: the demonstration, workers, the proof, and looking after an installation."""

import json
import signal
import sys
import threading
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from engine import doctor as doctoring
from engine import outbox, web
from engine.cli.calling import AsJson, On, day_of, opened
from engine.cli.printing import err, out, print_json, print_proof, print_result, print_table, print_trial_balance
from engine.cli.tables import Destination, Format, FormatOption, Listing, Output, deliver
from engine.contributions.tracing import names_order, names_receipts, trace_order, trace_receipts
from engine.demonstration import bench
from engine.demonstration import chaos as chaos_kills
from engine.demonstration.month import run_month
from engine.demonstration.reporting import console_reporter
from engine.demonstration.wallets import run_wallets
from engine.errors import WrongInput
from engine.installation import Installation, open_installation
from engine.law.parameters import Parameters
from engine.logs import configure_logs
from engine.payments import figures, figures_shown, tracing
from engine.payments.life_of_award import life_of_award, names_award
from engine.payments.proof import prove
from engine.settings import Settings
from engine.workers import relay
from gateways.simulator import process as simulator

app = typer.Typer()


@app.command()
def demo(
    payees: Annotated[int, typer.Option(min=50, help="Payees of the invented population.")] = 1000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same month.")] = 1,
    serve: Annotated[bool, typer.Option(help="Leave the portal up afterwards, until it is stopped.")] = True,
    processes: Annotated[
        bool, typer.Option("--processes", help="Relay, workers and API as processes of their own.")
    ] = False,
    port: Annotated[int, typer.Option(help="Where the portal listens, on this computer.")] = 8080,
    as_json: AsJson = False,
) -> None:
    """Runs a whole month of November 2026 against a simulated bank, with faults on the way."""
    settings = Settings.read()
    configure_logs(settings.home)
    with console_reporter(err) as reporter:
        ran = run_month(settings, payees, seed, reporter, api_port=port if processes else None)
    simulator.stop(settings.home / "simulator")
    if as_json:
        print_json(ran.as_json())
    else:
        print_proof(ran.proof)
        print_trial_balance(ran.trial_balance)
        out.print(f"Unconfirmed legal values allowed in this run: {', '.join(ran.unconfirmed) or 'none'}")
        out.print(f"Files: {settings.home / 'demonstration'} and {settings.home / 'exchange'} ({len(ran.files)})")
        out.print("Seconds: " + ", ".join(f"{name} {seconds:.1f}" for name, seconds in ran.seconds.items()))
    if ran.proof.differences:
        raise typer.Exit(1)
    if serve:
        sys.stdout.flush()
        with open_installation(settings) as installation:
            _serve(installation, "127.0.0.1", port)


@app.command("serve")
def serve_command(
    host: Annotated[str, typer.Option(help="Where to listen; loopback only, as long as no identity is configured.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one and tells which.")] = 8080,
) -> None:
    """The portal under `/` and the JSON API under `/v1`."""
    with opened() as installation:
        _serve(installation, host, port)


def _serve(installation: Installation, host: str, port: int) -> None:
    web.serve(installation, host, port, lambda address: err.print(f"{address} (Ctrl-C to stop)"))


@app.command()
def worker(
    until_idle: Annotated[bool, typer.Option("--until-idle", help="Stop when no message is open.")] = False,
    again: Annotated[
        bool, typer.Option("--again", help="What has failed is due at once: its cause is mended.")
    ] = False,
) -> None:
    """Relay and actors in one process; with Redis, one of several workers."""
    with opened() as installation:
        if again:
            with installation.database.transaction() as connection:
                outbox.try_again(connection)
        relay.work(installation, stopped_by_signals(), until_idle=until_idle)


@app.command("relay")
def relay_command() -> None:
    """Offers outbox messages to the workers that share the Redis."""
    with opened() as installation:
        if not installation.settings.redis_url:
            raise WrongInput(["THUCHI_REDIS_URL is not set: without Redis, `thuchi worker` is relay and actors in one"])
        relay.relay_only(installation, stopped_by_signals())


@app.command()
def proof(on: On = None, as_json: AsJson = False) -> None:
    """Where every đồng of the runs is, beside the ledger and the bank's statements; exit 1 if anything differs."""
    with opened() as installation, installation.database.transaction() as connection:
        proven = prove(connection, day_of(installation, on))
    if as_json:
        print_json(proven.as_json())
    else:
        print_proof(proven)
    if proven.differences:
        raise typer.Exit(1)


@app.command("figures")
def figures_command(
    month: Annotated[datetime, typer.Option(formats=["%Y-%m"], help="The month in which the money arrived.")],
    chart: Annotated[Path | None, typer.Option(dir_okay=False, help="Also draws the shares, as SVG.")] = None,
    form: FormatOption = Format.TABLE,
    output: Output = None,
    as_json: AsJson = False,
) -> None:
    """Tỷ lệ chi không dùng tiền mặt: who was paid by account, in parts, beside the targets."""
    to = Destination.asked(form, output, as_json=as_json)
    with opened() as installation, installation.database.transaction() as connection:
        found = figures.count_month(connection, month.date(), Parameters.load())
        made_at = installation.clock().now()
    if chart is not None:
        _write_chart(chart, figures_shown.chart(found))
    if to.for_sheets:
        deliver(Listing(f"So lieu {month:%Y-%m}", figures_shown.COLUMNS, figures_shown.rows(found)), to, made_at)
        return
    counted = found.as_json()
    if to.form is Format.JSON:
        with to.opened() as file:
            file.write(json.dumps(counted, ensure_ascii=False, indent=2) + "\n")
        return
    print_table(f"{month:%m/%Y}", counted.pop("shares"))
    for part in ("targets", "returns", "days_to_credit"):
        print_table(part, counted.pop(part))
    for name, definition in counted.pop("definitions").items():
        out.print(f"{name}: {definition['vi']} / {definition['en']}", markup=False)
    print_result(counted, as_json=False)


def _write_chart(path: Path, drawn: str) -> None:
    try:
        path.write_text(drawn, encoding="utf-8")
    except OSError as error:
        raise WrongInput([f"{path}: {error.strerror}"]) from error


@app.command()
def trace(reference: str, as_json: AsJson = False) -> None:
    """The life of a payment, award, online order or receipt (`receipt 12`, or the code of its notice), with its law."""
    with opened() as installation, installation.database.transaction() as connection:
        if names_receipts(reference):
            lives = trace_receipts(connection, reference, Parameters.load())
            print_json(lives) if as_json else _print_receipts(lives)
            return
        if names_order(reference):
            life = trace_order(connection, reference)
            print_json(life) if as_json else _print_order(life)
            return
        if names_award(connection, reference):
            events = life_of_award(connection, reference)
            print_json({"award": reference, "events": events}) if as_json else print_table(reference, events)
            return
        life = tracing.trace(connection, reference)
    if as_json:
        print_json(life)
        return
    print_result(life.pop("payment"), as_json=False)
    for part, rows in life.items():
        print_table(part, [{key: value for key, value in row.items() if key != "findings"} for row in rows])
        for finding in (finding for row in rows for finding in row.get("findings", ())):
            out.print(f"  {finding['article']['vi']}: {finding['formula']['numbers']}", markup=False)


def _print_order(life: dict[str, Any]) -> None:
    print_result(life["order"], as_json=False)
    print_table("events", life["events"])


def _print_receipts(lives: list[dict[str, Any]]) -> None:
    for life in lives:
        print_result(life["receipt"], as_json=False)
        print_table("line", [{key: value for key, value in row.items() if key != "evidence"} for row in life["line"]])
        print_table(
            "parts",
            [
                {"fund": part["fund_name"], "month": f"{part['period']:%m/%Y}", "kind": part["kind"],
                 "amount_vnd": part["amount_vnd"], "article": part["article"]["vi"], "numbers": part["numbers"]}
                for part in life["parts"]
            ],
        )  # fmt: skip
        for ground in life["order"]:
            out.print(f"  {ground['article']['vi']}: {ground['words']['vi']}", markup=False)
        print_table("entries", life["entries"])


@app.command()
def chaos(
    kills: Annotated[int, typer.Option(min=1, help="How often something is killed while the month is sent.")] = 20,
    payees: Annotated[int, typer.Option(min=50)] = 400,
    seed: Annotated[int, typer.Option(help="The same seed invents the same payees and aims alike.")] = 1,
    minutes: Annotated[int, typer.Option(min=1, help="No kill after so many minutes.")] = 30,
    as_json: AsJson = False,
) -> None:
    """Kills workers, relay, database, Redis and bank at random moments, and proves that nobody was paid twice."""
    settings = Settings.read()
    configure_logs(settings.home)
    report = chaos_kills.run_chaos(settings, kills, payees, seed, minutes, err)
    print_json(report.as_json()) if as_json else out.print(report.in_words())
    if report.problems:
        raise typer.Exit(1)


@app.command("wallet-run")
def wallet_run(
    payees: Annotated[int, typer.Option(min=50, help="Payees of the invented population, each with a wallet.")] = 1000,
    seed: Annotated[int, typer.Option(help="The same seed invents the same payees.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Pays a month to simulated wallets, one in twenty calls going wrong, and holds their books against ours."""
    settings = Settings.read()
    configure_logs(settings.home)
    with console_reporter(err) as reporter:
        found = run_wallets(settings, payees, seed, reporter)
    print_json(found.as_json()) if as_json else out.print(found.in_words())
    if found.problems:
        raise typer.Exit(1)


bench_commands = typer.Typer(no_args_is_help=True, help="What a month costs at size.")


@bench_commands.command("month")
def bench_month(
    payees: Annotated[int, typer.Option(min=50, help="Payees of the invented population.")],
    employers: Annotated[int, typer.Option(min=0, max=100_000, help="Employers that declare and are noticed.")] = 0,
    seed: Annotated[int, typer.Option(help="The same seed invents the same payees.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Runs a whole month at size, in a database of its own, and prints phases, rates, ratios and memory."""
    settings = Settings.read()
    configure_logs(settings.home)
    with console_reporter(err) as reporter:
        found = bench.run_bench(settings, payees, employers, seed, reporter)
    if as_json:
        print_json(found.as_json())
    else:
        told = found.as_json()
        print_table("", told.pop("phases"))
        print_result(told, as_json=False)
    if found.differences:
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
    print_json(rows) if as_json else print_table("", rows)
    if not all(finding.fit for finding in findings):
        raise typer.Exit(1)


def stopped_by_signals() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop
