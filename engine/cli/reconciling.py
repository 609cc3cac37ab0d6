"""Reconciliation from the command line."""

import json
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from engine.cli.calling import As, AsJson, On, Reason, day_of, opened
from engine.cli.printing import err, out, print_json, print_result, print_table
from engine.cli.tables import Destination, Format, FormatOption, Listing, Output, deliver
from engine.errors import WrongInput
from engine.payments import decisions as deciding
from engine.reconcile import AccountReport, close_month, prove_day, reconcile
from ledger.money import Dong
from ledger.sheets import Cell, Column, Kind
from reconciliation import breaks, decisions, matching
from reconciliation.break_history import history
from reconciliation.breaks import Awaited, AwaitedClass, Break, BreakClass, Owner
from reconciliation.proof_book import write_proof
from reconciliation.proof_paper import proof_pdf
from reconciliation.suggestions import suggest
from reconciliation.working_days import working_days_between

app = typer.Typer()
break_commands = typer.Typer(no_args_is_help=True, help="Chênh lệch: what did not match.")
match_commands = typer.Typer(no_args_is_help=True, help="Khớp: what matched, why, and taking it back.")


@app.command("reconcile")
def reconcile_accounts(on: On = None, as_json: AsJson = False) -> None:
    """Đối soát: matches again what is open, applies it once, and says what keeps the day from being closed."""
    with opened() as installation, installation.database.transaction() as connection:
        reconciled = reconcile(connection, day_of(installation, on), installation.clock().now())
    told = reconciled.as_json()
    if as_json:
        print_json(told)
    else:
        print_result({key: value for key, value in told.items() if key != "accounts"}, as_json=False)
        for account in reconciled.accounts:
            _print_account(account)
        for reason in (reason for account in reconciled.accounts for reason in account.keeps_open):
            err.print(reason, markup=False)
    if not reconciled.closes:
        raise typer.Exit(1)


@app.command("prove-day")
def prove_one_day(
    on: On = None,
    output: Annotated[Path | None, typer.Option("--output", help="A file ending in .pdf, .xlsx or .json.")] = None,
    as_json: AsJson = False,
) -> None:
    """Biên bản đối chiếu ngày: ledger, gateways and statements, numbered and hashed; exit 1 if the day cannot close."""
    if output is not None and output.suffix not in (".pdf", ".xlsx", ".json"):
        raise WrongInput([f"{output}: the proof is written as .pdf, .xlsx or .json"])
    with opened() as installation, installation.database.transaction() as connection:
        kept = prove_day(connection, day_of(installation, on), installation.clock().now())
    if output is not None and output.suffix == ".xlsx":
        write_proof(output, kept)
    elif output is not None and output.suffix == ".pdf":
        output.write_bytes(proof_pdf(kept))
    elif output is not None:
        output.write_text(json.dumps(kept.as_json(), ensure_ascii=False, indent=2), encoding="utf-8")
    print_json(kept.as_json()) if as_json else print_result(
        {"number": kept.number, "sha256": kept.sha256, "closes": kept.closes, "keeps_open": kept.content["keeps_open"]},
        as_json=False,
    )
    if not kept.closes:
        raise typer.Exit(1)


@app.command("close-month")
def close_one_month(
    month: Annotated[datetime, typer.Argument(formats=["%Y-%m"])], person: As, as_json: AsJson = False
) -> None:
    """Khóa sổ tháng: proves its last day, and closes the month and all before it for entries."""
    with opened() as installation, installation.database.transaction(person) as connection:
        kept = close_month(connection, month.date(), installation.clock().now())
    print_result({"closed": f"{month:%Y-%m}", "proof": kept.number, "sha256": kept.sha256}, as_json)


def _print_account(account: AccountReport) -> None:
    told = account.as_json()
    out.print(f"\n{told['account']}", markup=False)
    figures = ("ledger_vnd", "statement_on", "statement_vnd", "difference_vnd", "waiting", "expected", "expected_vnd")
    print_result({name: told[name] for name in figures}, as_json=False)
    _print_rows("Khớp (matched)", told["matched"])
    _print_rows("Chênh lệch (breaks)", told["breaks"])


def _print_rows(title: str, rows: list[dict[str, Any]]) -> None:
    if rows:
        print_table(title, [{key: value for key, value in row.items() if key != "listed"} for row in rows])


@break_commands.command("list")
def break_list(
    on: On = None,
    of_class: Annotated[str | None, typer.Option("--class", help="One class, also expected, due or late.")] = None,
    owner: Annotated[Owner | None, typer.Option(help="Whose it is.")] = None,
    account: Annotated[
        str | None, typer.Option(help="One account of the ledger, such as cash_at_bank.simbank.")
    ] = None,
    form: FormatOption = Format.TABLE,
    output: Output = None,
    as_json: AsJson = False,
) -> None:
    """Danh sách chênh lệch: whose each is, how old, how much, what to do first; exit 1 while one keeps the day open."""
    to = Destination.asked(form, output, as_json=as_json)
    if of_class is not None and of_class not in (*BreakClass, *AwaitedClass):
        raise WrongInput([f"{of_class} is no class: {', '.join((*BreakClass, *AwaitedClass))}"])
    with opened() as installation, installation.database.transaction() as connection:
        day = day_of(installation, on)
        if of_class in tuple(AwaitedClass):
            found: Iterator[Break | Awaited] = breaks.awaited(connection, day, AwaitedClass(of_class))
        else:
            found = (each for each in breaks.open_breaks(connection, day) if of_class in (None, each.break_class))
        chosen = (
            each
            for each in found
            if account in (None, each.ledger_account)
            and (owner is None or (isinstance(each, Break) and each.owner is owner))
        )
        kept_open = False

        def cells() -> Iterator[list[Cell]]:
            nonlocal kept_open
            for each in chosen:
                kept_open |= isinstance(each, Break) and each.keeps_day_open
                yield _break_cells(each, day)

        listing = Listing("Chênh lệch", _BREAK_COLUMNS, cells())
        deliver(listing, to, installation.clock().now())
    if kept_open:
        raise typer.Exit(1)


_BREAK_COLUMNS = (
    Column("break_id", "Số", "Break", Kind.NUMBER),
    Column("class", "Loại", "Class"),
    Column("account", "Tài khoản", "Account"),
    Column("reference", "Mã tham chiếu", "Reference"),
    Column("sign", "Có / Nợ", "Sign"),
    Column("line_vnd", "Trên sao kê", "On the statement", Kind.MONEY),
    Column("expected_vnd", "Dự kiến", "Expected", Kind.MONEY),
    Column("since", "Từ ngày", "Since", Kind.DATE),
    Column("age_days", "Số ngày làm việc", "Working days", Kind.NUMBER),
    Column("owner", "Phụ trách", "Owner"),
    Column("next_action", "Việc làm trước", "Next action"),
    Column("in_suspense", "Chờ xử lý", "In suspense"),
)


def _break_cells(each: Break | Awaited, on: date) -> list[Cell]:
    number, owner, next_action, in_suspense = (
        (each.break_id, each.owner.value, each.next_action, "x" if each.in_suspense else None)
        if isinstance(each, Break)
        else (None, None, None, None)
    )
    return [
        number,
        each.break_class.value if isinstance(each, Break) else each.awaited_class.value,
        each.ledger_account,
        each.reference,
        each.sign.value if each.sign else None,
        None if each.line_vnd is None else Dong(each.line_vnd),
        None if each.expected_vnd is None else Dong(each.expected_vnd),
        each.since,
        working_days_between(each.since, on) if each.since <= on else None,
        owner,
        next_action,
        in_suspense,
    ]


@break_commands.command("show")
def break_show(break_id: int, as_json: AsJson = False) -> None:
    """Diễn biến: all that happened to the line of a break: its classes, decisions with both persons, matches."""
    with opened() as installation, installation.database.transaction() as connection:
        told = history(connection, break_id).as_json()
    if as_json:
        print_json(told)
        return
    print_result({name: value for name, value in told.items() if name != "steps"}, as_json=False)
    print_table("Diễn biến (history)", [{name: cell or "" for name, cell in row.items()} for row in told["steps"]])


@break_commands.command("suggest")
def break_suggest(break_id: int, as_json: AsJson = False) -> None:
    """What a line left open might be, the likeliest first; nothing is applied."""
    with opened() as installation, installation.database.transaction() as connection:
        rows = [suggestion.as_json() for suggestion in suggest(connection, break_id)]
    print_json(rows) if as_json else _print_rows("Gợi ý (suggestions)", rows)


@break_commands.command("force")
def break_force(break_id: int, reference: str, person: As, reason: Reason, as_json: AsJson = False) -> None:
    """Proposes that a line is this payment or receipt; a second person approves."""
    with opened() as installation, installation.database.transaction(person) as connection:
        decision = decisions.prepare_force(connection, break_id, reference, reason, person, installation.clock().now())
    print_result({"decision": decision}, as_json)


@break_commands.command("write-off")
def break_write_off(break_id: int, person: As, reason: Reason, as_json: AsJson = False) -> None:
    """Proposes to bear a small debit of the bank, within the limits; a second person approves."""
    with opened() as installation, installation.database.transaction(person) as connection:
        decision = decisions.prepare_write_off(connection, break_id, reason, person, installation.clock().now())
    print_result({"decision": decision}, as_json)


@break_commands.command("close-gap")
def break_close_gap(break_id: int, person: As, reason: Reason, as_json: AsJson = False) -> None:
    """Proposes to go on without a statement that the bank will not give; a second person approves."""
    with opened() as installation, installation.database.transaction(person) as connection:
        decision = decisions.prepare_close_gap(connection, break_id, reason, person, installation.clock().now())
    print_result({"decision": decision}, as_json)


@break_commands.command("approve")
def break_approve(decision: int, person: As, as_json: AsJson = False) -> None:
    """Approves what another person proposed; only now it takes effect."""
    with opened() as installation, installation.database.transaction(person) as connection:
        decided = deciding.approve(connection, decision, person, installation.clock().now())
    print_result(
        {"decision": decided.decision_id, "kind": decided.kind.value, "amount_vnd": decided.amount_vnd}, as_json
    )


@match_commands.command("explain")
def match_explain(match_id: int, as_json: AsJson = False) -> None:
    """What a match rests on: rule, rank, evidence, both sides, and who decided."""
    with opened() as installation, installation.database.transaction() as connection:
        print_result(matching.explain(connection, match_id), as_json)


@match_commands.command("undo")
def match_undo(match_id: int, person: As, reason: Reason, as_json: AsJson = False) -> None:
    """Proposes to take a match back, with a reversing entry; a second person approves."""
    with opened() as installation, installation.database.transaction(person) as connection:
        decision = decisions.prepare_undo(connection, match_id, reason, person, installation.clock().now())
    print_result({"decision": decision}, as_json)
