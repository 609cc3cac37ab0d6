"""The audit trail: who did what, and the proof that nobody has changed it since."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from engine import audit, audit_seals
from engine.cli.books import ensure_seal_key, public_keys
from engine.cli.calling import AsJson, opened
from engine.cli.printing import print_json, print_result, print_table

audit_commands = typer.Typer(no_args_is_help=True, help="Nhật ký thao tác.")


@audit_commands.command("show")
def audit_show(subject: str, as_json: AsJson = False) -> None:
    """Who did what to a run, a payment, a file, in order of time."""
    with opened() as installation, installation.database.transaction() as connection:
        rows = audit.records_of(connection, subject)
    print_json(rows) if as_json else print_table(subject, rows)


@audit_commands.command("seal")
def audit_seal(as_json: AsJson = False) -> None:
    """Seals every record that is not sealed yet; keep the hash it prints elsewhere."""
    with opened() as installation, installation.database.transaction() as connection:
        key = ensure_seal_key(installation.settings.home)
        sealed = audit_seals.seal_records(connection, key, installation.clock().now())
    print_result(asdict(sealed), as_json)


@audit_commands.command("verify")
def audit_verify(
    public_key: Annotated[
        list[Path] | None, typer.Option("--public-key", help="PEM; only seals of these keys are believed.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Recomputes every seal of the audit trail; exit 1 and the first difference if one does not match."""
    believed = set(public_keys(public_key).values()) if public_key else None
    with opened() as installation, installation.database.transaction() as connection:
        found = audit_seals.verify_records(connection, believed)
    print_result(asdict(found), as_json)
    if found.first_difference is not None:
        print(found.first_difference, file=sys.stderr)
        raise typer.Exit(1)
