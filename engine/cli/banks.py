"""Gateways, statements, the files exchanged with banks, and the simulated bank."""

import os
import sys
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer
from sqlalchemy import text

from engine import statements
from engine.cli.adapters import gateway_check, gateway_conformance, gateway_show
from engine.cli.calling import As, AsJson, ExistingFile, On, Reason, day_of, opened
from engine.cli.onboarding import gateway_account, gateway_onboard
from engine.cli.printing import err, print_json, print_result, print_table
from engine.cli.providers import gateway_providers
from engine.cli.vectors import gateway_vectors
from engine.demonstration import month
from engine.payments import archive, gateways
from engine.payments.settlement import ImportedStatement, import_statement
from engine.settings import Settings
from gateways.simulator.books import read_books
from reconciliation import decisions
from reconciliation.decisions import DecisionKind
from reconciliation.inspection import inspect

gateway_commands = typer.Typer(no_args_is_help=True, help="Ngân hàng và ví.")
statement_commands = typer.Typer(no_args_is_help=True, help="Sao kê.")
exchange_commands = typer.Typer(no_args_is_help=True, help="Files to and from banks.")
simulator_commands = typer.Typer(no_args_is_help=True, help="The simulated bank.")
_WAITS = "The bank tells a day again with other entries: nothing is stored until two persons have decided break {}."

gateway_commands.command("vectors")(gateway_vectors)
gateway_commands.command("onboard")(gateway_onboard)
gateway_commands.command("account")(gateway_account)
gateway_commands.command("providers")(gateway_providers)
gateway_commands.command("show")(gateway_show)
gateway_commands.command("check")(gateway_check)
gateway_commands.command("conformance")(gateway_conformance)


@gateway_commands.command("list")
def gateway_list(as_json: AsJson = False) -> None:
    """The gateways of this installation."""
    with opened() as installation, installation.database.transaction() as connection:
        rows = connection.execute(text("SELECT gateway, adapter, base_url, paused FROM engine.gateway ORDER BY 1"))
        found = [row._asdict() for row in rows]
    print_json(found) if as_json else print_table("Gateways", found)


@gateway_commands.command("pause")
def gateway_pause(name: str, person: As, reason: Annotated[str, typer.Option()]) -> None:
    """Stops sending through one gateway; what it has is still followed up."""
    with opened() as installation, installation.database.transaction(person) as connection:
        gateways.pause(connection, name, paused=True, reason=reason, at=installation.clock().now())


@gateway_commands.command("resume")
def gateway_resume(name: str, person: As, reason: Annotated[str, typer.Option()]) -> None:
    """Allows sending through a gateway again."""
    with opened() as installation, installation.database.transaction(person) as connection:
        gateways.pause(connection, name, paused=False, reason=reason, at=installation.clock().now())


@gateway_commands.command("cap")
def gateway_cap(
    name: str,
    person: As,
    daily_vnd: Annotated[
        int | None, typer.Option(min=0, help="Đồng for one day of execution; no bound without it.")
    ] = None,
) -> None:
    """Sets the most that a gateway may send in a day."""
    with opened() as installation, installation.database.transaction(person) as connection:
        gateways.cap(connection, name, daily_vnd, installation.clock().now())


@statement_commands.command("inspect")
def statement_inspect(file: ExistingFile, as_json: AsJson = False) -> None:
    """Reads a statement and says whether it adds up; stores nothing."""
    inspection = inspect(file)
    print_result(inspection.as_json(), as_json)
    raise typer.Exit(inspection.exit_code)


@statement_commands.command("import")
def statement_import(file: ExistingFile, as_json: AsJson = False) -> None:
    """Loads a statement and settles what it proves; the same file again changes nothing."""
    with opened() as installation, installation.database.transaction() as connection:
        imported = import_statement(connection, installation.vault, file, installation.clock().now())
    print_result(_told(imported), as_json)
    if imported.intake.waits_for:
        err.print(_WAITS.format(", ".join(map(str, imported.intake.waits_for))))
        raise typer.Exit(1)


@statement_commands.command("replace")
def statement_replace(break_id: int, person: As, reason: Reason, as_json: AsJson = False) -> None:
    """Proposes that of two files that tell one day the later holds; once approved, import it again."""
    _propose(break_id, DecisionKind.REPLACE, person, reason, as_json=as_json)


@statement_commands.command("keep")
def statement_keep(break_id: int, person: As, reason: Reason, as_json: AsJson = False) -> None:
    """Proposes that of two files that tell one day the earlier holds, or to leave out one that waits for good."""
    _propose(break_id, DecisionKind.KEEP, person, reason, as_json=as_json)


def _propose(break_id: int, kind: DecisionKind, person: str, reason: str, *, as_json: bool) -> None:
    with opened() as installation, installation.database.transaction(person) as connection:
        at = installation.clock().now()
        decision = decisions.prepare_choice(connection, break_id, kind, reason, person, at)
    print_result({"decision": decision}, as_json)


@statement_commands.command("fetch")
def statement_fetch(gateway: str, on: On = None, as_json: AsJson = False) -> None:
    """Fetches a day's statements from a gateway and imports them; what was imported before changes nothing."""
    with opened() as installation:
        imported = statements.fetch_statements(installation, gateway, day_of(installation, on))
    rows = [_told(each) for each in imported]
    print_json(rows) if as_json else print_table("", rows)


def _told(imported: ImportedStatement) -> dict[str, object]:
    """What a statement file did, in numbers of payments and receipts and in đồng."""
    return {
        "already": imported.intake.already,
        "waits_for": list(imported.intake.waits_for),
        "waiting": imported.intake.waiting,
        "settled": imported.settled,
        "returned": imported.returned,
        "early_lines": imported.early_lines,
        **asdict(imported.receipts),
    }


@exchange_commands.command("archive")
def exchange_archive(person: As, as_json: AsJson = False) -> None:
    """Seals the files that nobody needs any more and removes the readable ones."""
    with opened() as installation, installation.database.transaction(person) as connection:
        used = [installation.outgoing, installation.incoming]
        names = archive.archive(connection, installation.vault, used, installation.archive, installation.clock().now())
    print_result({"archived": names}, as_json)


@exchange_commands.command("show")
def exchange_show(name: str, person: As) -> None:
    """Writes an archived file to standard output; who read it is recorded."""
    with opened() as installation, installation.database.transaction(person) as connection:
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
    with opened() as installation:
        month.end_day(installation, on.date())


@simulator_commands.command("books")
def simulator_books(as_json: AsJson = False) -> None:
    """What the simulated bank really credited, from its own books."""
    books = read_books(Settings.read().home / "simulator")
    print_json(books) if as_json else print_table("Credited", books)
