"""Where payees are paid: their accounts, those of proxies and guardians, and the requests that two persons decide."""

from dataclasses import asdict
from typing import Annotated

import typer

from engine.cli.calling import As, AsJson, ExistingFile, Reason, opened
from engine.cli.printing import print_json, print_result, print_table
from engine.payments import account_checks, payout_requests
from engine.payments.channels import WALLET_PERMISSION
from engine.people import files as people_files
from engine.people import pay_points

account_commands = typer.Typer(no_args_is_help=True, help="Tài khoản nhận tiền.")
pay_point_commands = typer.Typer(no_args_is_help=True, help="Điểm chi trả tiền mặt.")

RequestNo = Annotated[int, typer.Argument(help="The number of a request, as `payout-account requests` shows it.")]


@account_commands.command("import")
def payout_account_import(
    file: ExistingFile,
    person: As,
    allow_unconfirmed: Annotated[
        list[str] | None, typer.Option(help=f"{WALLET_PERMISSION}: the file may hold wallets.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Nhận tài khoản: stores the payout accounts of a file, or nothing at all."""
    with opened() as installation, installation.database.transaction(person) as connection:
        result = people_files.import_payout_accounts(
            connection,
            installation.vault,
            file,
            recorded_at=installation.clock().now(),
            wallets=WALLET_PERMISSION in (allow_unconfirmed or ()),
        )
    print_result(asdict(result), as_json)


@account_commands.command("check")
def payout_account_check(
    person: As, gateway: Annotated[str, typer.Option(help="The bank to ask.")] = "simbank", as_json: AsJson = False
) -> None:
    """Xác minh tài khoản: asks a bank whether the accounts are the payees' own; `run check` shows what it said."""
    with opened() as installation:
        bank = installation.gateway(gateway)
        try:
            checked = account_checks.check_accounts(
                installation.database, installation.vault, bank, person, installation.clock().now()
            )
        finally:
            bank.close()
    print_result(asdict(checked), as_json)


@account_commands.command("request")
def payout_account_request(
    award_no: str,
    bank: Annotated[str, typer.Option(help="The six digits of the bank.")],
    account: Annotated[str, typer.Option(help="An account of the beneficiary's own.")],
    evidence: Annotated[str, typer.Option(help="The request on paper.")],
    person: As,
    as_json: AsJson = False,
) -> None:
    """Đề nghị đổi tài khoản: asks for the payee of an award; they are told, and another person approves."""
    with opened() as installation, installation.database.transaction(person) as connection:
        payee = payout_requests.payee_of(connection, award_no)
        at = installation.clock().now()
        requested = payout_requests.ask_for_own(connection, installation.vault, payee, bank, account, evidence, at)
    print_result(asdict(requested), as_json)


@account_commands.command("mandate")
def payout_account_mandate(file: ExistingFile, person: As, as_json: AsJson = False) -> None:
    """Ủy quyền, giám hộ: asks that benefits go to proxies and guardians of a file; another person approves."""
    with opened() as installation, installation.database.transaction(person) as connection:
        requested = payout_requests.import_mandates(connection, installation.vault, file, installation.clock().now())
    rows = [asdict(each) for each in requested]
    print_json(rows) if as_json else print_table("", rows)


@account_commands.command("cash")
def payout_account_cash(file: ExistingFile, person: As, as_json: AsJson = False) -> None:
    """Nhận tiền mặt: who is paid at which pay point because they have no account."""
    with opened() as installation, installation.database.transaction(person) as connection:
        result = pay_points.import_cash_payees(connection, installation.vault, file, installation.clock().now())
    print_result(asdict(result), as_json)


@pay_point_commands.command("import")
def pay_point_import(file: ExistingFile, person: As, as_json: AsJson = False) -> None:
    """Nhận điểm chi trả: stores pay points, or nothing at all; a known one gets its new name."""
    with opened() as installation, installation.database.transaction(person) as connection:
        count = pay_points.import_pay_points(connection, file, installation.clock().now())
    print_result({"pay_points": count}, as_json)


@account_commands.command("requests")
def payout_account_requests(
    waiting: Annotated[bool, typer.Option("--waiting", help="Those alone that nobody has decided.")] = False,
    as_json: AsJson = False,
) -> None:
    """Đề nghị: what was asked for, by whom, and what was decided; accounts masked."""
    with opened() as installation, installation.database.transaction() as connection:
        rows = payout_requests.list_requests(connection, installation.vault, waiting=waiting)
    print_json(rows) if as_json else print_table("", rows)


@account_commands.command("approve")
def payout_account_approve(
    numbers: Annotated[list[int], typer.Argument(help="Requests, by their numbers.")],
    person: As,
    as_json: AsJson = False,
) -> None:
    """Duyệt: the second person; the accounts count from their day on."""
    with opened() as installation, installation.database.transaction(person) as connection:
        changed = payout_requests.approve(connection, installation.vault, numbers, installation.clock().now())
    print_result({"changed": changed}, as_json)


@account_commands.command("refuse")
def payout_account_refuse(number: RequestNo, reason: Reason, person: As) -> None:
    """Từ chối, or taken back by who asked."""
    with opened() as installation, installation.database.transaction(person) as connection:
        payout_requests.refuse(connection, number, reason, installation.clock().now())


@account_commands.command("revoke")
def payout_account_revoke(number: RequestNo, reason: Reason, person: As, as_json: AsJson = False) -> None:
    """Thu hồi ủy quyền: what was approved counts no more; what is planned for it is dropped, what waits is held."""
    with opened() as installation, installation.database.transaction(person) as connection:
        dropped, held = payout_requests.revoke(connection, number, reason, installation.clock().now())
    print_result({"dropped": dropped, "held": held}, as_json)
