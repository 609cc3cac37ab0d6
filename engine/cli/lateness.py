"""Late payment: who is late or evades, the letters that urge, and every day of a charge."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from engine.cli.calling import As, AsJson, On, day_of, opened
from engine.cli.printing import print_json, print_result, print_table
from engine.contributions.lateness import explain_charge, late_employers, letter_document, letter_pdf, urge
from engine.law.parameters import Parameters
from ledger.sheets import Column, Kind, write_xlsx

late_commands = typer.Typer(no_args_is_help=True, help="Chậm đóng, trốn đóng.")

_COLUMNS = (
    Column("unit_code", "Mã đơn vị", "Unit code"),
    Column("name", "Tên đơn vị", "Name"),
    Column("agency_code", "Cơ quan BHXH", "Agency"),
    Column("status", "Tình trạng", "Status"),
    Column("months", "Số tháng", "Months", Kind.NUMBER),
    Column("days_late", "Số ngày", "Days", Kind.NUMBER),
    Column("principal_vnd", "Số còn thiếu", "Unpaid", Kind.MONEY),
    Column("charge_vnd", "Tiền chậm đóng", "Late charge", Kind.MONEY),
    Column("urged_on", "Ngày đôn đốc", "Urged on", Kind.DATE),
    Column("evasion_from", "Trốn đóng từ ngày", "Evasion from", Kind.DATE),
)


@late_commands.command("list")
def late_list(
    on: On = None,
    output: Annotated[Path | None, typer.Option("--output", dir_okay=False, help="Write the list as XLSX.")] = None,
    as_json: AsJson = False,
) -> None:
    """Danh sách chậm đóng, trốn đóng: on the last day of a quarter, the list that the quarter's report needs."""
    with opened() as installation, installation.database.transaction() as connection:
        rows = late_employers(connection, day_of(installation, on), Parameters.load())
        made_at = installation.clock().now()
    if output is not None:
        cells = ([getattr(row, column.name) for column in _COLUMNS] for row in rows)
        write_xlsx(output, "B03", _COLUMNS, cells, made_at)
    told = [asdict(row) for row in rows]
    print_json(told) if as_json else print_table("Chậm đóng, trốn đóng", told)


@late_commands.command("urge")
def late_urge(person: As, on: On = None, as_json: AsJson = False) -> None:
    """Đôn đốc: writes a letter to every employer that is late, at most one a month."""
    with opened() as installation, installation.database.transaction(person) as connection:
        letters = urge(connection, day_of(installation, on), installation.clock().now(), Parameters.load())
    print_result({"letters": letters}, as_json)


@late_commands.command("letter")
def late_letter(
    number: int,
    pdf: Annotated[Path | None, typer.Option(dir_okay=False, help="Write the letter (mẫu 01-ĐĐ) as PDF.")] = None,
) -> None:
    """A letter as it was written."""
    with opened() as installation, installation.database.transaction() as connection:
        document = letter_document(connection, number)
    if pdf is not None:
        pdf.write_bytes(letter_pdf(document))
    else:
        print_json(document)


@late_commands.command("explain")
def late_explain(unit_code: str, on: On = None, as_json: AsJson = False) -> None:
    """Every day of an employer's late charge: which amount was unpaid from when to when."""
    with opened() as installation, installation.database.transaction() as connection:
        steps = explain_charge(connection, unit_code, day_of(installation, on), Parameters.load())
    told = [asdict(step) for step in steps]
    print_json(told) if as_json else print_table(unit_code, told)
