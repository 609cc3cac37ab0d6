"""The database in use, and the ledger in it."""

import sys
from dataclasses import asdict
from typing import Annotated

import typer

from engine.cli.calling import AsJson, On, opened
from engine.cli.printing import print_json, print_table, print_trial_balance
from engine.database import EMBEDDED_DATABASE, addresses, upgrade
from engine.embedded import EmbeddedServer
from engine.errors import WrongInput
from engine.settings import Settings
from ledger import balances, seals

database_commands = typer.Typer(no_args_is_help=True, help="The database in use.")
ledger_commands = typer.Typer(no_args_is_help=True, help="Sổ cái.")


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


@ledger_commands.command("trial-balance")
def ledger_trial_balance(on: On = None, as_json: AsJson = False) -> None:
    """Bảng cân đối tài khoản."""
    with opened() as installation, installation.database.transaction() as connection:
        rows = balances.trial_balance(connection, on.date() if on else None)
    if as_json:
        print_json([{"account": r.account, "name": r.name, "debit": r.debit.vnd, "credit": r.credit.vnd} for r in rows])
    else:
        print_trial_balance(rows)


@ledger_commands.command("statement")
def ledger_statement(account: str, as_json: AsJson = False) -> None:
    """Sổ chi tiết of one account, with contra accounts and running balance."""
    with opened() as installation, installation.database.transaction() as connection:
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
        print_json({"account": statement.account, "closing": statement.closing.vnd, "lines": lines})
    else:
        print_table(f"{statement.account} {statement.name}", lines)


@ledger_commands.command("verify")
def ledger_verify(as_json: AsJson = False) -> None:
    """Recomputes every content hash and balance; exit 1 and the first difference if one does not match."""
    with opened() as installation, installation.database.transaction() as connection:
        verification = seals.verify(connection)
    if as_json:
        print_json(asdict(verification))
    else:
        print_table("", [asdict(verification)])
    if verification.first_difference is not None:
        print(verification.first_difference, file=sys.stderr)
        raise typer.Exit(1)
