"""The chart of accounts and the statutory numbers that an accountant gives to it, on tables that people read."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Annotated

import typer

from engine.cli.calling import AsJson
from engine.cli.tables import Destination, Format, FormatOption, Listing, Output, deliver
from engine.clock import Clock
from engine.errors import WrongInput
from ledger.accounts import chart
from ledger.errors import ChartInvalid
from ledger.sheets import Cell, Column, Kind
from ledger.statutory import StatutoryNumber, StatutoryNumbers, number_on, read_mapping

app = typer.Typer()

MappingFile = Annotated[
    Path | None,
    typer.Option(
        "--mapping", exists=True, dir_okay=False, help="CSV of statutory numbers, as `chart` prints its form."
    ),
]

_COLUMNS = (
    Column("account", "Tài khoản", "Account"),
    Column("name", "Tên tài khoản", "Name"),
    Column("name_en", "Tên tiếng Anh", "Name in English"),
    Column("funds", "Quỹ", "Funds"),
    Column("normal_side", "Bên ghi tăng", "Normal side"),
    Column("number", "Số hiệu", "Number"),
    Column("circular", "Thông tư", "Circular"),
    Column("valid_from", "Từ ngày", "Valid from", Kind.DATE),
    Column("valid_until", "Đến ngày", "Valid until", Kind.DATE),
    Column("confidence", "Mức tin cậy", "Confidence"),
)


@app.command("chart")
def ledger_chart(
    on: Annotated[
        datetime | None, typer.Option("--on", formats=["%Y-%m-%d"], help="As it is on this date; of all time without.")
    ] = None,
    mapping: MappingFile = None,
    form: FormatOption = Format.TABLE,
    output: Output = None,
    as_json: AsJson = False,
) -> None:
    """Hệ thống tài khoản: names, funds, and statutory numbers with their source, dates and confidence.

    As CSV it is the form that an accountant fills in and gives to --mapping.
    """
    to = Destination.asked(form, output, as_json=as_json)
    day = on.date() if on else None
    rows = list(_rows(statutory_numbers(mapping), day))
    deliver(Listing("Hệ thống tài khoản", _COLUMNS, rows), to, Clock().now())


def _rows(numbers: StatutoryNumbers, day: date | None) -> Iterator[tuple[Cell, ...]]:
    """Each account with each of its numbers; below it those accounts of its own for which the file has another one."""
    for account in chart().values():
        if day is not None and not account.holds_on(day):
            continue
        funds = "every" if account.funds is None else ", ".join(account.funds)
        below = sorted(code for code in numbers if code.startswith(f"{account.code}."))
        for code in (account.code, *below):
            held = [number for number in numbers.get(code, ()) if day is None or number.holds_on(day)]
            head = (code, account.name, account.name_en, funds, account.normal_side.value)
            for number in held:
                yield (*head, *_cells(number))
            if not held:
                yield (*head, *(None,) * 5)


def _cells(number: StatutoryNumber) -> tuple[Cell, ...]:
    return number.number, number.circular, number.valid_from, number.valid_until, number.confidence.value


def statutory_numbers(mapping: Path | None) -> StatutoryNumbers:
    """Those of the chart, and in their place those of the accountant's file for the accounts that it names."""
    numbers = {account.code: account.statutory for account in chart().values()}
    if mapping is None:
        return numbers
    try:
        return numbers | read_mapping(mapping.read_bytes(), chart())
    except ChartInvalid as error:
        raise WrongInput([f"{mapping}: {problem}" for problem in str(error).splitlines()]) from error


def numbered(
    listing: Listing, mapping: Path | None, places: Sequence[int], day_of: Callable[[Sequence[Cell]], date]
) -> Listing:
    """The listing with number and confidence behind each account, which stand at `places`; as it is without a file."""
    if mapping is None:
        return listing
    numbers = statutory_numbers(mapping)

    @cache
    def found(account: str, day: date) -> tuple[Cell, Cell]:
        number = number_on(numbers, account, day)
        return (None, None) if number is None else (number.number, number.confidence.value)

    def wider(row: Sequence[Cell]) -> Iterator[Cell]:
        day = day_of(row)
        for place, cell in enumerate(row):
            yield cell
            if place in places:
                yield from found(str(cell), day)

    columns: list[Column] = []
    for place, column in enumerate(listing.columns):
        columns.append(column)
        if place in places:
            columns.append(Column(f"{column.name}_number", f"Số hiệu {column.vi.lower()}", f"{column.en} number"))
            columns.append(Column(f"{column.name}_confidence", "Mức tin cậy", "Confidence"))
    return replace(listing, columns=columns, rows=(tuple(wider(row)) for row in listing.rows))
