"""From awards to payment runs: what the people of benefits and finance do."""

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Connection, text

from engine import sending
from engine.awards import adjustment, correction, suspension, termination
from engine.awards import files as award_files
from engine.cli.calling import As, AsJson, ExistingFile, RunCode, opened
from engine.cli.printing import print_json, print_result, print_table
from engine.errors import WrongInput
from engine.law.parameters import Parameters
from engine.payments import (
    deaths,
    gateways,
    lists,
    notifications,
    overpayments,
    planning,
    retractions,
    run,
    signed_content,
    suspensions,
    terminations,
    validation,
)
from engine.payments.batch import dispatch

award_commands = typer.Typer(no_args_is_help=True, help="Quyết định hưởng.")
death_commands = typer.Typer(no_args_is_help=True, help="Báo tử.")
run_commands = typer.Typer(no_args_is_help=True, help="Đợt chi trả.")
notification_commands = typer.Typer(no_args_is_help=True, help="Thông báo cho người hưởng.")
sending_commands = typer.Typer(no_args_is_help=True, help="The switch that stops all sending.")


@award_commands.command("import")
def award_import(file: ExistingFile, person: As, as_json: AsJson = False) -> None:
    """Nhận hồ sơ: assesses every claim of a workbook and stores the awards, or nothing at all."""
    with opened() as installation, installation.database.transaction(person) as connection:
        clock = installation.clock()
        result = award_files.import_awards(
            connection, installation.vault, file, decided_on=clock.today(), recorded_at=clock.now()
        )
        # A claim to a death benefit may be the first news of a death.
        deaths.follow_deaths(connection, clock.now())
    print_result(asdict(result), as_json)


@award_commands.command("adjust")
def award_adjust(
    on: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The day of the adjustment, such as 2026-07-01.")],
    person: As,
    as_json: AsJson = False,
) -> None:
    """Điều chỉnh: raises all that runs as the law does on a day; the next run pays the difference."""
    with opened() as installation, installation.database.transaction(person) as connection:
        result = adjustment.adjust_running(connection, on.date(), Parameters.load(), installation.clock().now())
    print_result(asdict(result), as_json)


@award_commands.command("correct")
def award_correct(
    file: ExistingFile,
    evidence: Annotated[str, typer.Option(help="The document that proves the corrected facts.")],
    person: As,
    as_json: AsJson = False,
) -> None:
    """Hồ sơ điều chỉnh: a workbook of claims with corrected facts; proposes the difference of every month."""
    with opened() as installation, installation.database.transaction(person) as connection:
        clock = installation.clock()
        proposed = correction.propose_corrections(
            connection, installation.vault, file, evidence, clock.today(), clock.now()
        )
    rows = [asdict(each) for each in proposed]
    print_json(rows) if as_json else print_table("", rows)


@award_commands.command("approve-correction")
def award_approve_correction(version_no: int, person: As, as_json: AsJson = False) -> None:
    """Duyệt hồ sơ điều chỉnh: back pay goes with the next run, what was too much becomes recoverable."""
    with opened() as installation, installation.database.transaction(person) as connection:
        at = installation.clock().now()
        awards = correction.approve_correction(connection, version_no, at)
        overpaid, overpaid_vnd = overpayments.follow_lowered_amounts(connection, at)
    print_result({"awards": awards, "overpaid": overpaid, "overpaid_vnd": overpaid_vnd}, as_json)


@award_commands.command("suspend")
def award_suspend(
    award_no: Annotated[list[str], typer.Argument(help="Awards, by their numbers.")],
    ground: Annotated[str, typer.Option(help="The legal ground, such as verification_missing.")],
    from_month: Annotated[datetime, typer.Option("--from", formats=["%Y-%m"], help="The first month not paid.")],
    evidence: Annotated[str, typer.Option(help="The document it rests on.")],
    person: As,
    as_json: AsJson = False,
) -> None:
    """Tạm dừng hưởng: stops paying awards from a month on; no month is lost, it waits for the resumption."""
    with opened() as installation, installation.database.transaction(person) as connection:
        at = installation.clock().now()
        suspended = suspension.suspend(connection, award_no, ground, from_month.date(), evidence, at)
        followed = suspensions.follow_suspensions(connection, at)
    print_result({"suspended": suspended, **asdict(followed)}, as_json)


@award_commands.command("resume")
def award_resume(
    award_no: str,
    ground: Annotated[str, typer.Option(help="The ground that is no more.")],
    person: As,
    evidence: Annotated[
        str | None, typer.Option(help="The document it rests on: proposes. Without it: approves a proposal.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Hưởng tiếp: proposed with its evidence by one person, approved by another; the next run pays the arrears."""
    with opened() as installation, installation.database.transaction(person) as connection:
        at = installation.clock().now()
        if evidence is not None:
            suspension.propose_resumption(connection, award_no, ground, evidence, at)
        else:
            suspension.resume(connection, award_no, ground, at)
        followed = suspensions.follow_suspensions(connection, at)
        standing = suspension.suspensions_of(connection, award_no)
    print_json({"suspensions": standing, **asdict(followed)}) if as_json else print_table(award_no, standing)


@award_commands.command("terminate")
def award_terminate(
    award_no: str,
    ground: Annotated[str, typer.Option(help="The legal ground, such as renounced.")],
    from_month: Annotated[datetime, typer.Option("--from", formats=["%Y-%m"], help="The first month not due.")],
    evidence: Annotated[str, typer.Option(help="The document it rests on.")],
    person: As,
    as_json: AsJson = False,
) -> None:
    """Đề nghị chấm dứt hưởng: proposes that nothing be due from a month on; another person approves."""
    with opened() as installation, installation.database.transaction(person) as connection:
        at = installation.clock().now()
        number = termination.propose_termination(connection, award_no, ground, from_month.date(), evidence, at)
    print_result({"termination_no": number}, as_json)


@award_commands.command("approve-termination")
def award_approve_termination(termination_no: int, person: As, as_json: AsJson = False) -> None:
    """Duyệt chấm dứt hưởng: what is planned is dropped, what waits is held, what was paid too much is recoverable."""
    with opened() as installation, installation.database.transaction(person) as connection:
        at = installation.clock().now()
        award_no = termination.approve_termination(connection, termination_no, at)
        followed = terminations.follow_terminations(connection, at)
    print_result({"award": award_no, **asdict(followed)}, as_json)


@death_commands.command("import")
def death_import(file: ExistingFile, person: As, as_json: AsJson = False) -> None:
    """Báo tử: stores the deaths of a list and stops, asks back or books as recoverable what was paid after them."""
    with opened() as installation, installation.database.transaction(person) as connection:
        result = deaths.import_deaths(connection, installation.vault, file, installation.clock().now())
    print_result(asdict(result), as_json)


@death_commands.command("retract")
def death_retract(
    award_no: Annotated[str, typer.Argument(help="An award of the payee who lives.")],
    evidence: Annotated[str, typer.Option(help="The document it rests on.")],
    person: As,
    as_json: AsJson = False,
) -> None:
    """Báo tử nhầm: proposes that a death on record did not happen; another person approves."""
    with opened() as installation, installation.database.transaction(person) as connection:
        retraction_no = retractions.propose(connection, award_no, evidence, installation.clock().now())
    print_result({"retraction_no": retraction_no}, as_json)


@death_commands.command("approve-retraction")
def death_approve_retraction(retraction_no: int, person: As, as_json: AsJson = False) -> None:
    """Duyệt: what was held goes, and the next run pays the months in between."""
    with opened() as installation, installation.database.transaction(person) as connection:
        released = retractions.approve(connection, retraction_no, installation.clock().now())
    print_result({"released": released}, as_json)


@run_commands.command("plan")
def run_plan(
    period: Annotated[datetime, typer.Option(formats=["%Y-%m"], help="Month of entitlement.")],
    person: As,
    through: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m"], help="Last month, where several are paid together.")
    ] = None,
    gateway: Annotated[str, typer.Option()] = "simbank",
    pay_on: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"])] = None,
    allow_unconfirmed: Annotated[list[str] | None, typer.Option(help="An unconfirmed legal value to allow.")] = None,
    as_json: AsJson = False,
) -> None:
    """Plans everything due for a month, or several, that no run covers yet."""
    with opened() as installation, installation.database.transaction(person) as connection:
        clock = installation.clock()
        planned = planning.plan(
            connection,
            period.date(),
            pay_on.date() if pay_on else clock.today(),
            gateway,
            frozenset(allow_unconfirmed or ()),
            clock.now(),
            through.date() if through else None,
        )
    print_result(asdict(planned), as_json)


@run_commands.command("reissue")
def run_reissue(
    person: As,
    gateway: Annotated[str, typer.Option()] = "simbank",
    pay_on: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"])] = None,
    allow_unconfirmed: Annotated[list[str] | None, typer.Option(help="An unconfirmed legal value to allow.")] = None,
    as_json: AsJson = False,
) -> None:
    """Lập đợt chi lại: plans a run of what failed or came back, for payees whose account has changed since."""
    with opened() as installation, installation.database.transaction(person) as connection:
        clock = installation.clock()
        planned = planning.plan_reissues(
            connection,
            pay_on.date() if pay_on else clock.today(),
            gateway,
            frozenset(allow_unconfirmed or ()),
            clock.now(),
        )
    print_result(asdict(planned), as_json)


@run_commands.command("check")
def run_check(run_code: RunCode, as_json: AsJson = False) -> None:
    """Kiểm tra: how a run differs from last month, and what a signatory should know; exit 1 if something blocks it."""
    with opened() as installation, installation.database.transaction() as connection:
        limit = gateways.most_vnd_of_run(connection, run_code)
        found = validation.validate(connection, run_code, limit, installation.clock().now())
    if as_json:
        print_json(found.as_json())
    else:
        print_table(f"{run_code}: {found.payments} / {found.amount_vnd} đ", [asdict(each) for each in found.changes])
        print_table("", [asdict(each) | {"references": " ".join(each.references)} for each in found.notable])
    if found.blocked:
        raise typer.Exit(1)


@run_commands.command("list")
def run_list(
    run_code: RunCode,
    person: As,
    directory: Annotated[Path, typer.Option(file_okay=False, help="Where the workbooks are written.")],
    as_json: AsJson = False,
) -> None:
    """Danh sách chi trả: writes C72a-HD and C97-HD, a workbook for each gateway and province."""
    with opened() as installation, installation.database.transaction(person) as connection:
        written = lists.write_lists(connection, installation.vault, run_code, directory, installation.clock().now())
    rows = [asdict(each) for each in written]
    print_json(rows) if as_json else print_table(run_code, rows)


@run_commands.command("submit")
def run_submit(run_code: RunCode, person: As) -> None:
    """Trình duyệt: the preparer signs."""
    with opened() as installation, installation.database.transaction(person) as connection:
        run.submit(connection, run_code, person, installation.clock().now())


@run_commands.command("approve")
def run_approve(run_code: RunCode, person: As) -> None:
    """Duyệt: the next person signs; the last signature makes the payments payable."""
    with opened() as installation, installation.database.transaction(person) as connection:
        level = run.approve(connection, run_code, person, installation.clock().now())
    print(f"{run_code}: {signed_content.LEVELS[level]} {person} has signed")


@run_commands.command("send-back")
def run_send_back(run_code: RunCode, person: As, reason: Annotated[str, typer.Option()]) -> None:
    """Trả lại: refuses a submitted run; its payments become due again."""
    with opened() as installation, installation.database.transaction(person) as connection:
        cancelled = run.send_back(connection, run_code, reason, installation.clock().now())
    print(f"{run_code}: sent back, {cancelled} payments are due again")


@run_commands.command("dispatch")
def run_dispatch(run_code: RunCode, person: As, as_json: AsJson = False) -> None:
    """Gửi lệnh: puts what waits into batches; workers send them."""
    with opened() as installation:
        with installation.database.transaction() as connection:
            capabilities = installation.sending(_gateway_of(connection, run_code)).capabilities
        clock = installation.clock()
        with installation.database.transaction(person) as connection:
            message_ids = dispatch(connection, run_code, capabilities, clock.today(), clock.now())
    print_result({"batches": message_ids}, as_json)


def _gateway_of(connection: Connection, run_code: str) -> str:
    gateway = connection.scalar(
        text("""
            SELECT gateway FROM engine.payment p JOIN engine.payment_run r USING (run_id)
            WHERE r.run_code = :run_code LIMIT 1"""),
        {"run_code": run_code},
    )
    if gateway is None:
        raise WrongInput([f"there is no payment run {run_code}"])
    return str(gateway)


@run_commands.command("show")
def run_show(run_code: RunCode, as_json: AsJson = False) -> None:
    """A run: its signatures and where its payments and money stand."""
    with opened() as installation, installation.database.transaction() as connection:
        shown = run.show(connection, run_code)
    print_result(shown, as_json)


@run_commands.command("hold")
def run_hold(reference: str, person: As, reason: Annotated[str, typer.Option()]) -> None:
    """Keeps one approved payment back."""
    with opened() as installation, installation.database.transaction(person) as connection:
        run.hold(connection, reference, reason, installation.clock().now())


@run_commands.command("release")
def run_release(reference: str, person: As, reason: Annotated[str, typer.Option()]) -> None:
    """Lets a held payment go."""
    with opened() as installation, installation.database.transaction(person) as connection:
        run.release(connection, reference, reason, installation.clock().now())


@run_commands.command("withdraw")
def run_withdraw(reference: str, person: As, reason: Annotated[str, typer.Option()]) -> None:
    """Hủy một khoản: cancels one held payment for good."""
    with opened() as installation, installation.database.transaction(person) as connection:
        run.withdraw(connection, reference, reason, installation.clock().now())


@run_commands.command("stop")
def run_stop(run_code: RunCode, person: As) -> None:
    """Stops a run: no further batch of it is sealed."""
    with opened() as installation, installation.database.transaction(person) as connection:
        run.stop(connection, run_code, installation.clock().now())


@run_commands.command("resume")
def run_resume(run_code: RunCode, person: As) -> None:
    """Lets a stopped run go on."""
    with opened() as installation, installation.database.transaction(person) as connection:
        run.resume(connection, run_code, installation.clock().now())


@run_commands.command("cancel")
def run_cancel(run_code: RunCode, person: As, reason: Annotated[str, typer.Option()], as_json: AsJson = False) -> None:
    """Hủy đợt: cancels every payment of a run that is not with a bank yet; they become due again."""
    with opened() as installation, installation.database.transaction(person) as connection:
        cancelled = run.cancel(connection, run_code, reason, installation.clock().now())
    print_result({"cancelled": cancelled}, as_json)


@notification_commands.command("note")
def notification_note(person: As, as_json: AsJson = False) -> None:
    """Thông báo: notes what payees are to be told of the last days; workers hand it to the sender."""
    with opened() as installation, installation.database.transaction(person) as connection:
        noted = notifications.note_news(connection, installation.clock().now())
    print_result({"noted": noted}, as_json)


@sending_commands.command("stop")
def sending_stop(person: As, reason: Annotated[str, typer.Option()]) -> None:
    """Stops all sending, of every run and gateway, at once."""
    with opened() as installation, installation.database.transaction(person) as connection:
        sending.switch(connection, stopped=True, reason=reason, at=installation.clock().now())


@sending_commands.command("resume")
def sending_resume(person: As, reason: Annotated[str, typer.Option()]) -> None:
    """Allows sending again."""
    with opened() as installation, installation.database.transaction(person) as connection:
        sending.switch(connection, stopped=False, reason=reason, at=installation.clock().now())


@sending_commands.command("show")
def sending_show(as_json: AsJson = False) -> None:
    """Whether sending is stopped, by whom and why."""
    with opened() as installation, installation.database.transaction() as connection:
        print_result(sending.state(connection), as_json)
