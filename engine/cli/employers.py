"""Thu: what employers and the collection office do."""

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from engine import audit
from engine.cli.calling import As, AsJson, ExistingFile, On, Reason, day_of, opened
from engine.cli.printing import err, print_json, print_result, print_table
from engine.contributions.collection import (
    CollectionAccount,
    know_virtual_account,
    notices_without_account,
    open_collection_account,
    open_provider_account,
)
from engine.contributions.declaration import import_declaration
from engine.contributions.declaration_errors import write_errors
from engine.contributions.declaration_export import export_declaration
from engine.contributions.declaration_returns import handled, note_return
from engine.contributions.employer import employer_on, import_employers
from engine.contributions.notices import notice_document, notice_pdf, write_notice
from engine.contributions.recording import certificate
from engine.contributions.refunds import list_refunds, request_refund, request_return, write_refunds
from engine.contributions.register import export_register
from engine.contributions.results import results_of, write_results
from engine.contributions.suspense import list_unidentified, propose_employer
from engine.contributions.unchanged import declare_shard
from engine.errors import NotFound, WrongInput
from engine.law.parameters import Parameters
from engine.payments.refunds import give_up_refund, plan_refunds
from engine.people.accounts import Account

employer_commands = typer.Typer(no_args_is_help=True, help="Đơn vị sử dụng lao động.")
declaration_commands = typer.Typer(no_args_is_help=True, help="Tờ khai D02-LT.")
refund_commands = typer.Typer(no_args_is_help=True, help="Hoàn trả tiền đóng (C16-TS).")
suspense_commands = typer.Typer(no_args_is_help=True, help="Khoản thu chờ xử lý.")
collection_commands = typer.Typer(no_args_is_help=True, help="Tài khoản chuyên thu.")
app = typer.Typer()
_MOST_LISTED = 1_000
_OPEN_ONE = "open one with `thuchi collection-account open`"


@employer_commands.command("import")
def employer_import(file: ExistingFile, person: As = "collection", as_json: AsJson = False) -> None:
    """Nhận danh sách đơn vị: stores the employers of a file, or nothing at all."""
    with opened() as installation, installation.database.transaction(person) as connection:
        result = import_employers(connection, installation.vault, file, installation.clock().now())
    told = asdict(result)
    notes = [] if as_json else told.pop("notes")
    print_result(told, as_json)
    for note in notes:
        err.print(f"Lưu ý (note): {note}", markup=False)


@employer_commands.command("staff")
def employer_staff(
    unit_code: str,
    output: Annotated[Path, typer.Option("--output", dir_okay=False, help="The list (D09-TS) as XLSX or CSV.")],
    on: On = None,
    as_json: AsJson = False,
) -> None:
    """Danh sách người tham gia (D09-TS): who was declared, and to which month each fund is paid for them (C83a-HD)."""
    with opened() as installation, installation.database.transaction() as connection:
        day = day_of(installation, on)
        made_at = installation.clock().now()
        written = export_register(connection, installation.vault, unit_code, output, day, Parameters.load(), made_at)
    print_result({"unit_code": unit_code, "people": written, "file": str(output)}, as_json)


@employer_commands.command("results")
def employer_results(
    unit_code: str,
    output: Annotated[Path | None, typer.Option("--output", dir_okay=False, help="Write C83a-HD as XLSX.")] = None,
    on: On = None,
    as_json: AsJson = False,
) -> None:
    """Kết quả đóng của từng người (C83a-HD): due, paid and unpaid by fund, and the months that are not paid whole."""
    with opened() as installation, installation.database.transaction() as connection:
        day = day_of(installation, on)
        results = results_of(connection, installation.vault, unit_code, day, Parameters.load())
        if output is not None:
            written = write_results(output, results, installation.clock().now())
        else:
            told = [one.as_json() for one in results]
    if output is not None:
        print_result({"unit_code": unit_code, "people": written, "file": str(output)}, as_json)
    elif as_json:
        print_json(told)
    else:
        print_table(f"C83a-HD {unit_code}", [_short(one) for one in told])


def _short(result: dict[str, Any]) -> dict[str, Any]:
    """A result on one line: the sums of all funds."""
    told = {key: result[key] for key in ("name", "number", "to_month", "left")}
    for figure in ("due_vnd", "paid_vnd", "unpaid_vnd"):
        told[figure] = sum(fund[figure] for fund in result["funds"].values())
    return told


@declaration_commands.command("import")
def declaration_import(
    file: ExistingFile,
    person: As = "collection",
    changes: Annotated[
        bool, typer.Option("--changes", help="The rows tell changes; everybody else stays as declared last.")
    ] = False,
    decided_on: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Wages are raised backwards by a decision of this day."),
    ] = None,
    errors: Annotated[
        Path | None, typer.Option(dir_okay=False, help="If it is refused, write the form with its wrong cells marked.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Nhận tờ khai: accepts a month of one employer (D02-LT) with its dues and notice, or nothing at all."""
    with opened() as installation:
        at = installation.clock().now()
        try:
            with installation.database.transaction(person) as connection:
                result = import_declaration(
                    connection,
                    installation.vault,
                    file,
                    at,
                    changes_only=changes,
                    decided_on=decided_on.date() if decided_on else None,
                )
                unpayable = notices_without_account(connection)
        except WrongInput as refused:
            if errors is not None:
                write_errors(file, errors, refused.problems, at)
            with installation.database.transaction(person) as connection:
                note_return(connection, file, refused.problems, at, changes_only=changes)
            raise
    told = asdict(result)
    notes = [] if as_json else told.pop("notes")
    print_result(told, as_json)
    for note in notes:
        err.print(f"Lưu ý (note): {note}", markup=False)
    if unpayable:
        err.print(f"Warning: {unpayable} notices name no account to pay to; {_OPEN_ONE}", markup=False)


@declaration_commands.command("unchanged")
def declaration_unchanged(
    month: Annotated[datetime, typer.Option("--month", formats=["%Y-%m"])], person: As, as_json: AsJson = False
) -> None:
    """Tháng không có thay đổi: declares all who declared the month before and told no change, each with its notice."""
    law, shards = Parameters.load(), []
    with opened() as installation:
        while True:
            with installation.database.transaction(person) as connection:
                shard = declare_shard(connection, month.date(), installation.clock().now(), law)
            if not shard.employers:
                break
            shards.append(shard)
            err.print(f"{sum(each.employers for each in shards):,} employers", markup=False)
    figures = ("employers", "one_by_one", "staff", "dues_vnd")
    print_result({name: sum(getattr(each, name) for each in shards) for name in figures}, as_json)


@declaration_commands.command("export")
def declaration_export(
    unit_code: str,
    month: Annotated[datetime, typer.Option("--month", formats=["%Y-%m"])],
    output: Annotated[Path, typer.Option("--output", dir_okay=False, help="The form (D02-LT) as XLSX or CSV.")],
    as_json: AsJson = False,
) -> None:
    """Tờ khai như đã nhận: the staff of a declared month as form D02-LT, to be corrected and handed in again."""
    with opened() as installation, installation.database.transaction() as connection:
        made_at = installation.clock().now()
        staff = export_declaration(connection, installation.vault, unit_code, month.date(), output, made_at)
    print_result({"unit_code": unit_code, "staff": staff, "file": str(output)}, as_json)


@declaration_commands.command("list")
def declaration_list(unit_code: str, as_json: AsJson = False) -> None:
    """Tờ khai đã nộp: what an employer handed in, accepted or returned with its reasons, the latest first."""
    with opened() as installation, installation.database.transaction() as connection:
        employer = employer_on(connection, unit_code, day_of(installation, None))
        if employer is None:
            raise NotFound(f"there is no employer {unit_code}")
        rows = [
            {"state": "accepted" if one.accepted else "returned", **asdict(one)}
            for one in handled(connection, employer.employer_id, limit=_MOST_LISTED)
        ]
    if as_json:
        print_json(rows)
    else:
        print_table(unit_code, [{key: row[key] for key in row if key != "problems"} for row in rows])


@declaration_commands.command("show")
def declaration_show(number: str, as_json: AsJson = False) -> None:
    """Xác nhận tiếp nhận: what was accepted under a number such as TZ0001Z/2026-10/1, with its hash."""
    with opened() as installation, installation.database.transaction() as connection:
        shown = certificate(connection, number)
    print_result(shown, as_json)


@collection_commands.command("virtual")
def collection_account_virtual(unit_code: str, account: str, person: As) -> None:
    """Tài khoản định danh: what is paid to this number is this employer's, whatever the memo says."""
    with opened() as installation, installation.database.transaction(person) as connection:
        know_virtual_account(connection, installation.vault, unit_code, account, installation.clock().now())


@collection_commands.command("open")
def collection_account_open(
    account: str,
    bank_bin: Annotated[str, typer.Option(help="Six-digit BIN of the bank, as a QR code names it.")],
    bank_name: Annotated[str, typer.Option()],
    holder: Annotated[str, typer.Option(help="Name of the account's holder, capitals without marks.")],
    person: As,
    gateway: Annotated[str, typer.Option(help="The gateway whose statements show this account.")] = "simbank",
    empty: Annotated[
        bool, typer.Option("--empty", help="Nothing stands on it yet: its first statement opens with 0.")
    ] = False,
) -> None:
    """Opens a collection account (tài khoản chuyên thu): notices name it, its statements bring receipts."""
    opening = CollectionAccount(gateway, bank_bin, bank_name, holder, account, empty)
    with opened() as installation, installation.database.transaction(person) as connection:
        ledger_account = open_collection_account(connection, installation.vault, opening)
        audit.record(connection, "collection_account_opened", ledger_account, installation.clock().now())
    print(ledger_account)


@collection_commands.command("provider")
def collection_account_provider(
    gateway: str,
    contract: Annotated[str, typer.Argument(help="Our number there, as its settlement files tell it.")],
    person: As,
) -> None:
    """Lets notices be paid through a wallet or payment page, and opens the account of what it holds for us."""
    with opened() as installation, installation.database.transaction(person) as connection:
        ledger_account = open_provider_account(connection, installation.vault, gateway, contract)
        audit.record(connection, "collection_account_opened", ledger_account, installation.clock().now())
    print(ledger_account)


@suspense_commands.command("list")
def suspense_list(on: On = None, as_json: AsJson = False) -> None:
    """Money on collection accounts that nothing identifies, the oldest first, with its owner and age."""
    with opened() as installation, installation.database.transaction() as connection:
        rows = [asdict(row) for row in list_unidentified(connection, installation.vault, day_of(installation, on))]
    print_json(rows) if as_json else print_table("Khoản thu chờ xử lý", rows)


@suspense_commands.command("assign")
def suspense_assign(break_id: int, unit_code: str, person: As, reason: Reason, as_json: AsJson = False) -> None:
    """Proposes whose money it is; a second person approves by `thuchi break approve`."""
    with opened() as installation, installation.database.transaction(person) as connection:
        at = installation.clock().now()
        decision = propose_employer(connection, break_id, unit_code, reason, person, at)
    print_result({"decision": decision}, as_json)


_BankBin = Annotated[str, typer.Option("--bank-bin", help="Six-digit BIN of the bank.")]
_Number = Annotated[str, typer.Option("--account", help="Number of the account that the money goes to.")]
_Holder = Annotated[str, typer.Option("--holder", help="Name of its holder, capitals without marks.")]


@refund_commands.command("request")
def refund_request(
    unit_code: str,
    amount_vnd: int,
    bank_bin: _BankBin,
    account: _Number,
    holder: _Holder,
    person: As,
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Proposes to give an employer back what it has paid ahead; a payment run pays it under its signatures."""
    payee = Account(bank_bin, account, holder)
    with opened() as installation, installation.database.transaction(person) as connection:
        at = installation.clock().now()
        refund = request_refund(connection, installation.vault, unit_code, amount_vnd, payee, reason, at)
    print_result({"refund": refund}, as_json)


@refund_commands.command("send-back")
def refund_send_back(
    break_id: int,
    bank_bin: _BankBin,
    account: _Number,
    holder: _Holder,
    person: As,
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Proposes to send money in suspense back to where it came from; a payment run pays it under its signatures."""
    payee = Account(bank_bin, account, holder)
    with opened() as installation, installation.database.transaction(person) as connection:
        at = installation.clock().now()
        refund = request_return(connection, installation.vault, break_id, payee, reason, at)
    print_result({"refund": refund}, as_json)


@refund_commands.command("list")
def refund_list(
    output: Annotated[Path | None, typer.Option("--output", dir_okay=False, help="Write C16-TS as XLSX.")] = None,
    as_json: AsJson = False,
) -> None:
    """Danh sách hoàn trả: every refund and where it stands."""
    with opened() as installation, installation.database.transaction() as connection:
        refunds = list_refunds(connection, installation.vault)
        if output is not None:
            write_refunds(output, refunds, installation.clock().now())
    rows = [asdict(refund) for refund in refunds]
    print_json(rows) if as_json else print_table("C16-TS", rows)


@refund_commands.command("give-up")
def refund_give_up(refund: int, person: As, reason: Reason) -> None:
    """Ends a refund that failed or came back; its money is where it was before."""
    with opened() as installation, installation.database.transaction(person) as connection:
        give_up_refund(connection, refund, reason, installation.clock().now())


@refund_commands.command("plan")
def refund_plan(
    person: As,
    gateway: Annotated[str, typer.Option()] = "simbank",
    pay_on: On = None,
    as_json: AsJson = False,
) -> None:
    """Lập đợt hoàn trả: a payment run of all that was requested; then `thuchi run submit`, twice `run approve`."""
    with opened() as installation, installation.database.transaction(person) as connection:
        planned = plan_refunds(connection, day_of(installation, pay_on), gateway, installation.clock().now())
    print_result(asdict(planned), as_json)


@app.command()
def notice(
    number: int,
    pdf: Annotated[Path | None, typer.Option(dir_okay=False, help="Write the notice as PDF.")] = None,
    xlsx: Annotated[Path | None, typer.Option(dir_okay=False, help="Write its rows (C12-TS) as XLSX.")] = None,
    as_json: AsJson = False,
) -> None:
    """Thông báo đóng: what an employer is asked to pay, with the text of its QR code."""
    with opened() as installation, installation.database.transaction() as connection:
        document = notice_document(connection, installation.vault, number)
    if pdf is not None:
        pdf.write_bytes(notice_pdf(document))
    if xlsx is not None:
        write_notice(xlsx, document)
    if as_json or (pdf is None and xlsx is None):
        print_json(document)
    for warning in document["warnings"]:
        err.print(f"Warning: {warning['en']} {_OPEN_ONE.capitalize()}", markup=False)
