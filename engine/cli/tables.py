"""Where a table of any length goes: to the screen, or as JSON, CSV or XLSX to a file, row by row."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from engine.cli.printing import print_table
from engine.clock import VIET_NAM
from engine.errors import WrongInput
from ledger.money import Dong
from ledger.sheets import Cell, Column, write_csv, write_xlsx


class Format(StrEnum):
    """How a table is printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    XLSX = "xlsx"


FormatOption = Annotated[Format, typer.Option("--format", help="How to print; XLSX needs --output.")]
Output = Annotated[Path | None, typer.Option("--output", dir_okay=False, help="A file instead of the screen.")]


@dataclass(frozen=True, slots=True)
class Destination:
    """The form and the place that the call asked for."""

    form: Format
    path: Path | None

    @classmethod
    def asked(cls, form: Format, path: Path | None, *, as_json: bool) -> "Destination":
        if as_json and form not in (Format.TABLE, Format.JSON):
            raise WrongInput([f"--json and --format {form} exclude each other"])
        form = Format.JSON if as_json else form
        if form is Format.XLSX and path is None:
            raise WrongInput(["--format xlsx needs --output FILE"])
        if form is Format.TABLE and path is not None:
            raise WrongInput(["--output needs --format json, csv or xlsx"])
        if path is not None and not path.parent.is_dir():
            raise WrongInput([f"{path}: there is no directory {path.parent}"])
        return cls(form, path)

    @property
    def for_sheets(self) -> bool:
        return self.form in (Format.CSV, Format.XLSX)

    @contextmanager
    def opened(self) -> Iterator[TextIO]:
        """The file to write text to. A CSV begins with the mark by which spreadsheets know UTF-8."""
        if self.path is None:
            yield sys.stdout
            return
        unfinished = self.path.with_name(f".{self.path.name}.part")
        try:
            encoding = "utf-8-sig" if self.form is Format.CSV else "utf-8"
            with unfinished.open("w", encoding=encoding, newline="") as file:
                yield file
            unfinished.replace(self.path)
        except OSError as error:
            raise WrongInput([f"{self.path}: {error.strerror}"]) from error
        finally:
            unfinished.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Listing:
    """A table to print: its columns, and its rows as they come. A screen has room for some columns only."""

    title: str
    columns: Sequence[Column]
    rows: Iterable[Sequence[Cell]]
    beyond_screen: frozenset[str] = frozenset()

    def objects(self) -> Iterator[dict[str, Any]]:
        names = [column.name for column in self.columns]
        for row in self.rows:
            yield {name: plain(cell) for name, cell in zip(names, row, strict=True)}


def plain(cell: Cell) -> str | int | None:
    """A cell as JSON has it: whole đồng, dates and instants as ISO 8601 writes them."""
    if isinstance(cell, Dong):
        return cell.vnd
    if isinstance(cell, datetime):
        return cell.astimezone(VIET_NAM).isoformat()
    return cell.isoformat() if isinstance(cell, date) else cell


def deliver(listing: Listing, to: Destination, made_at: datetime) -> None:
    """Prints a listing; JSON is a list of its rows."""
    if to.form is Format.TABLE:
        print_table(listing.title, [_on_screen(row, listing.beyond_screen) for row in listing.objects()])
    elif to.form is Format.CSV:
        with to.opened() as file:
            write_csv(file, listing.columns, listing.rows)
    elif to.form is Format.XLSX and to.path is not None:
        try:
            write_xlsx(to.path, listing.title, listing.columns, listing.rows, made_at)
        except OSError as error:
            raise WrongInput([f"{to.path}: {error.strerror}"]) from error
    else:
        with to.opened() as file:
            _write_list(file, listing)
            file.write("\n")


def _on_screen(row: Mapping[str, Any], beyond: frozenset[str]) -> dict[str, Any]:
    return {name: "" if value is None else value for name, value in row.items() if name not in beyond}


def deliver_object(
    listing: Listing, to: Destination, before: Mapping[str, Any], behind: Callable[[], Mapping[str, Any]]
) -> None:
    """Prints a JSON object that holds the rows as `lines`; `behind` is asked for the rest when they are written."""
    with to.opened() as file:
        file.write("{")
        for name, value in before.items():
            file.write(f'\n  "{name}": {_json(value)},')
        file.write('\n  "lines": ')
        _write_list(file, listing)
        for name, value in behind().items():
            file.write(f',\n  "{name}": {_json(value)}')
        file.write("\n}\n")


def _write_list(file: TextIO, listing: Listing) -> None:
    """A JSON list with one row a line, so that a list of any length can be read by lines as well."""
    separator = "[\n    "
    for row in listing.objects():
        file.write(separator + _json(row))
        separator = ",\n    "
    file.write("\n]" if separator.startswith(",") else "[]")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
