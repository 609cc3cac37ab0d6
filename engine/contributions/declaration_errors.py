"""The form as it was handed in, with every wrong cell marked: what a refused declaration is sent back with."""

import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

from engine.contributions.declaration_table import Table, find_table
from engine.errors import WrongInput
from engine.people.workbook import read_every_sheet
from engine.people.xlsx import Cell, Unread, XlsxSheet
from ledger.sheets import write_marked

_PLACE = re.compile(r"(?P<sheet>.*), row (?P<row>[0-9]+)(?:, column (?P<column>[^:]+))?: (?P<rule>.*)", re.DOTALL)
_LETTERS = re.compile(r"[A-Z]{1,2}")


def write_errors(path: Path, output: Path, problems: Sequence[str], made_at: datetime) -> int:
    """Writes the form with its wrong cells marked, and the list of all problems; returns how many cells are marked.

    Of a file that cannot be read at all there is the list alone.
    """
    sheet, table = _form(path)
    marks: dict[tuple[int, int], list[str]] = defaultdict(list)
    for problem in problems:
        found = _PLACE.fullmatch(problem)
        if found is not None and table is not None:
            marks[int(found["row"]) - 1, _column(found["column"], table)].append(found["rule"])
    rows = [[_plain(cell) for cell in line] for line in sheet.grid] if sheet is not None else []
    told = {place: "\n".join(rules) for place, rules in marks.items()}
    write_marked(
        output, sheet.name if sheet is not None and sheet.name else "D02-LT", rows, told, list(problems), made_at
    )
    return len(told)


def _form(path: Path) -> tuple[XlsxSheet | None, Table | None]:
    try:
        for sheet in read_every_sheet(path):
            table = find_table(sheet.grid)
            if table is not None:
                return sheet, table
    except WrongInput:
        pass
    return None, None


def _column(told: str | None, table: Table) -> int:
    """Where a problem's column stands: named by the form, or by its letters above the table."""
    if told is None:
        return 0
    if told in table.columns:
        return table.columns[told]
    if _LETTERS.fullmatch(told):
        place = 0
        for letter in told:
            place = place * 26 + ord(letter) - ord("A") + 1
        return place - 1
    return 0


def _plain(cell: Cell) -> str | int | float | bool | date | None:
    return f"({cell.rule})" if isinstance(cell, Unread) else cell
