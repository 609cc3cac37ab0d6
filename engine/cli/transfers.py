"""`thuchi transfer`: money that is moved between accounts of ours."""

from dataclasses import asdict
from typing import Annotated

import typer

from engine.cli.calling import As, AsJson, On, Reason, day_of, opened
from engine.cli.printing import print_json, print_result, print_table
from engine.payments import own_transfers

transfer_commands = typer.Typer(no_args_is_help=True, help="Chuyển tiền giữa các tài khoản của quỹ.")


@transfer_commands.command("list")
def transfer_list(as_json: AsJson = False) -> None:
    """Transfers between accounts of ours, the latest first, and what statements have shown of each."""
    with opened() as installation, installation.database.transaction() as connection:
        rows = [asdict(transfer) for transfer in own_transfers.list_transfers(connection)]
    print_json(rows) if as_json else print_table("Chuyển tiền giữa các tài khoản của quỹ", rows)


@transfer_commands.command("propose")
def transfer_propose(
    source: Annotated[str, typer.Argument(help="The account it leaves, by its code in the ledger.")],
    target: Annotated[str, typer.Argument(help="The account it goes to.")],
    amount_vnd: int,
    person: As,
    reason: Reason,
    on: On = None,
    as_json: AsJson = False,
) -> None:
    """Proposes a transfer; prints the reference that the memo of the bank order must hold, once it is approved."""
    with opened() as installation, installation.database.transaction(person) as connection:
        at, due_on = installation.clock().now(), day_of(installation, on)
        reference = own_transfers.propose(connection, source, target, amount_vnd, due_on, reason, at)
    print_result({"reference": reference}, as_json)


@transfer_commands.command("approve")
def transfer_approve(reference: str, person: As) -> None:
    """Approves what another person proposed: both sides are expected on their statements."""
    with opened() as installation, installation.database.transaction(person) as connection:
        own_transfers.approve(connection, reference, installation.clock().now())


@transfer_commands.command("cancel")
def transfer_cancel(reference: str, person: As, reason: Reason) -> None:
    """Gives up a transfer of which no statement has shown anything."""
    with opened() as installation, installation.database.transaction(person) as connection:
        own_transfers.cancel(connection, reference, reason, installation.clock().now())
