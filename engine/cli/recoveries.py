"""Thu hồi: what was paid too much, and the plans by which it is withheld from later payments."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer

from engine.cli.calling import As, AsJson, Reason, opened
from engine.cli.printing import print_json, print_result, print_table
from engine.payments import recovery, repayments

recovery_commands = typer.Typer(no_args_is_help=True, help="Thu hồi khoản chi thừa.")


@recovery_commands.command("list")
def recovery_list(as_json: AsJson = False) -> None:
    """Phải thu hồi: who owes what, how much is withheld or repaid already, and which plan runs."""
    with opened() as installation, installation.database.transaction() as connection:
        rows = [asdict(debt) for debt in recovery.debts(connection)]
    print_json(rows) if as_json else print_table("", rows)


@recovery_commands.command("propose")
def recovery_propose(
    award_no: str,
    from_month: Annotated[datetime, typer.Option("--from", formats=["%Y-%m"], help="The first month to take from.")],
    percent: Annotated[int, typer.Option(help="Of each month's benefit.")],
    floor: Annotated[int, typer.Option(help="What every payment leaves at least, in đồng.")],
    evidence: Annotated[str, typer.Option(help="The decision it rests on.")],
    person: As,
    months: Annotated[int | None, typer.Option(help="For so many months; without it, until all is recovered.")] = None,
    as_json: AsJson = False,
) -> None:
    """Đề nghị thu hồi: a plan for what the payee of an award owes; another person approves it."""
    with opened() as installation, installation.database.transaction(person) as connection:
        plan_no = recovery.propose(
            connection,
            award_no,
            starts_month=from_month.date(),
            percent=percent,
            floor_vnd=floor,
            months=months,
            evidence=evidence,
            at=installation.clock().now(),
        )
    print_result({"plan_no": plan_no}, as_json)


@recovery_commands.command("approve")
def recovery_approve(plan_no: int, person: As) -> None:
    """Duyệt thu hồi: the second person; the plan takes the place of the one that ran."""
    with opened() as installation, installation.database.transaction(person) as connection:
        recovery.approve(connection, plan_no, installation.clock().now())


@recovery_commands.command("end")
def recovery_end(plan_no: int, person: As, reason: Annotated[str, typer.Option()]) -> None:
    """Ends a plan, or refuses a proposed one."""
    with opened() as installation, installation.database.transaction(person) as connection:
        recovery.end(connection, plan_no, reason, installation.clock().now())


@recovery_commands.command("repaid")
def recovery_repaid(
    break_id: Annotated[int, typer.Argument(help="The line, by its number in `thuchi break list`.")],
    award_no: Annotated[str, typer.Argument(help="The award that was overpaid.")],
    evidence: Annotated[str, typer.Option(help="The paper that tells whose money it is.")],
    person: As,
    as_json: AsJson = False,
) -> None:
    """Nộp lại: proposes that money on a statement repays what a payee owes; another person approves it."""
    with opened() as installation, installation.database.transaction(person) as connection:
        repayment_no = repayments.propose(connection, break_id, award_no, evidence, installation.clock().now())
    print_result({"repayment_no": repayment_no}, as_json)


@recovery_commands.command("approve-repayment")
def recovery_approve_repayment(repayment_no: int, person: As, as_json: AsJson = False) -> None:
    """Duyệt nộp lại: the second person; the line is booked, and the debt goes down."""
    with opened() as installation, installation.database.transaction(person) as connection:
        open_vnd = repayments.approve(connection, repayment_no, person, installation.clock().now())
    print_result({"repayment_no": repayment_no, "open_vnd": open_vnd}, as_json)


@recovery_commands.command("refuse-repayment")
def recovery_refuse_repayment(repayment_no: int, person: As, reason: Reason) -> None:
    """Từ chối, or taken back by who proposed it: the line is open as before."""
    with opened() as installation, installation.database.transaction(person) as connection:
        repayments.refuse(connection, repayment_no, reason, installation.clock().now())
