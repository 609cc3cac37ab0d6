"""Reading a declaration file: the sheet that holds form D02-LT, what stands above its table, and every worker's row."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType

from engine.contributions.declaration_form import (
    AGENCY,
    PERIOD,
    REQUIRED,
    UNIT,
    DeclaredWorker,
    Mention,
    read_worker,
)
from engine.contributions.declaration_table import Line, Table, find_table, worker_lines
from engine.contributions.employer import UNIT_CODE_FORM
from engine.errors import WrongInput
from engine.law.calendar import Month
from engine.law.parameters import Parameters
from engine.people.workbook import Problems, Row, fold, read_every_sheet
from engine.people.xlsx import Cell, XlsxSheet, printable

_OLD_WORKBOOK = bytes.fromhex("d0cf11e0a1b11ae1")
_MONTH = re.compile(r"(?<![0-9/])([0-9]{1,2}) ?(?:/|-|NAM) ?([0-9]{4})")
_EARLIEST_YEAR = 1900
_QUARTER = re.compile(r"(?<![A-Z])QUY(?![A-Z])")
_UNIT_CODE_INSIDE = re.compile(r"(?<![A-Z0-9])(?=[A-Z]*[0-9])(?=[0-9]*[A-Z])[A-Z0-9]{5,9}(?![A-Z0-9])")
_AGENCY_DIGITS = 5
_AGENCY_INSIDE = re.compile(r"(?<![0-9])[0-9]{5}(?![0-9])")
_LABELS = MappingProxyType({
    UNIT: re.compile(r"(?:^|[^A-Z])(?:MA DON VI|MA SO DON VI|MA DV)(?![A-Z])[ :.]*(.*)"),
    AGENCY: re.compile(r"(?:^|[^A-Z])(?:CO QUAN BHXH|CO QUAN BAO HIEM XA HOI|CQ BHXH)(?![A-Z])[ :.]*(.*)"),
    # "ngày 5 tháng 11 năm 2026" is the day of signing, not the declared month.
    PERIOD: re.compile(r"^(?!.*NGAY[0-9. ]*THANG)(?:.*[^A-Z])?(?:KY|THANG)(?![A-Z])[ :.]*(.*)"),
})  # fmt: skip
_LONGEST_LABELLED = 1000


@dataclass(frozen=True, slots=True)
class DeclaredMonth:
    """What a file declares: the employer by its code, the month, and whom its rows tell of."""

    place: str
    unit_code: str | None
    agency_code: str | None
    period: date | None
    mentions: Sequence[Mention]
    problems: Problems
    labelled: Mapping[str, tuple[int, int]]
    """Row and column, from 1, of what was read above the table."""
    hidden_rows: int = 0
    """How many of the workers' rows are hidden in the file."""

    @property
    def workers(self) -> list[tuple[Row, DeclaredWorker]]:
        """The rows without any problem of their own."""
        return [(mention.row, mention.worker) for mention in self.mentions if mention.worker is not None]

    def problem(self, label: str, rule: str) -> None:
        """A problem of what stands above the table."""
        row, column = self.labelled.get(label, (0, 0))
        place = f"row {row}, column {_letters(column)}" if row else "above the table"
        self.problems.add(f"{self.place}, {place}", f"{label}: {rule}", (1, row, column))


def read_declaration(
    path: Path, received_on: date, law: Parameters, problems: Problems, *, changes_only: bool = False
) -> DeclaredMonth:
    """Reads a declaration, the whole list or its changes alone; every problem of every row is noted."""
    name = printable(path.name)
    if path.suffix.lower() not in (".xlsx", ".csv"):
        raise WrongInput([f"{name}: a declaration is an XLSX workbook or a CSV file"])
    with path.open("rb") as file:
        if file.read(len(_OLD_WORKBOOK)) == _OLD_WORKBOOK:
            raise WrongInput([f"{name}: is an old XLS or a password-protected workbook: save it as plain XLSX"])
    found = [(sheet, table) for sheet in read_every_sheet(path) if (table := find_table(sheet.grid))]
    if len(found) == 1:
        return _read(name, *found[0], received_on, law, problems, changes_only=changes_only)
    if found:
        # The second one may be a copy or the rest of the list; only its office knows.
        names = ", ".join(f"{sheet.name} (hidden)" if sheet.hidden else sheet.name for sheet, _ in found)
        problems.add(name, f"the sheets {names} all hold form D02-LT: hand in one")
    else:
        what = "it has not" if path.suffix.lower() == ".csv" else "no sheet has"
        rule = f"{what} the columns of form D02-LT: neither their numbers (A, B, 1, 2 …) nor words"
        problems.add(name, rule)
    return DeclaredMonth(name, None, None, None, (), problems, {})


def _read(
    file: str,
    sheet: XlsxSheet,
    table: Table,
    received_on: date,
    law: Parameters,
    problems: Problems,
    *,
    changes_only: bool,
) -> DeclaredMonth:
    place = f"{file}, sheet {sheet.name}" if sheet.name else file
    above = sheet.grid[: table.first]
    labelled: dict[str, tuple[int, int]] = {}
    unit_codes, agency_codes = _unit_codes(above, labelled), _agency_codes(above, labelled)
    periods = _periods(above, labelled)
    period = next(iter(periods)) if len(periods) == 1 else None
    # Ages are checked against the month of arrival where the file does not say its own.
    month = Month.containing(period if period and period >= _first_month(law) else received_on)
    for wrong in table.wrong:
        problems.add(f"{place}, row {table.first}", wrong, (1, table.first, 0))
    for column in REQUIRED:
        if column not in table.columns:
            problems.add(f"{place}, row {table.first}", f"the column {column} is missing", (1, table.first, 0))
    mentions = []
    hidden = 0
    readable = not table.wrong and table.columns.keys() >= set(REQUIRED)
    for number, cells in worker_lines(sheet.grid, table) if readable else ():
        mentions.append(read_worker(Row(place, number, cells, problems), month, law, changes_only=changes_only))
        hidden += number in sheet.hidden_rows
    declared = DeclaredMonth(
        place,
        next(iter(unit_codes)) if len(unit_codes) == 1 else None,
        next(iter(agency_codes)) if len(agency_codes) == 1 else None,
        period,
        mentions,
        problems,
        labelled,
        hidden,
    )
    if len(unit_codes) != 1:
        declared.problem(UNIT, "the unit code must stand above the table, and no other")
    if len(agency_codes) > 1:
        declared.problem(AGENCY, f"{' and '.join(sorted(agency_codes))} both stand above the table")
    if period is None:
        declared.problem(PERIOD, "one month (MM/YYYY) must stand above the table, and no other")
    elif period < _first_month(law):
        declared.problem(PERIOD, f"rates are known from {_first_month(law):%m/%Y} only, not of {period:%m/%Y}")
    if readable and not mentions:
        problems.add(place, "the table has no worker", (1, table.first, 0))
    elif mentions and not changes_only and all(mention.leaves for mention in mentions):
        declared.problem(PERIOD, "nobody is with the employer in the declared month")
    return declared


def _first_month(law: Parameters) -> date:
    return law.parameter("contribution_rates").values[0].starts_on


def _beside(above: Sequence[Line], label: str) -> Iterator[list[tuple[int, int, Cell]]]:
    """What stands with each label: behind it in its cell, folded, and in the next filled cell to the right."""
    for row, line in enumerate(above, 1):
        for at, cell in enumerate(line):
            if not isinstance(cell, str) or len(cell) > _LONGEST_LABELLED:
                continue
            found = _LABELS[label].search(fold(cell))
            if found is None:
                continue
            told: list[tuple[int, int, Cell]] = [(row, at + 1, found[1])] if found[1] else []
            right = next((place for place in range(at + 1, len(line)) if line[place] is not None), None)
            yield told if right is None else [*told, (row, right + 1, line[right])]


def _unit_codes(above: Sequence[Line], labelled: dict[str, tuple[int, int]]) -> set[str]:
    """The unit codes above the table, of each label the first that can be one."""
    codes: set[str] = set()
    for told in _beside(above, UNIT):
        for row, column, cell in told:
            labelled.setdefault(UNIT, (row, column))
            written = fold(cell) if isinstance(cell, str) else ""
            code = written if UNIT_CODE_FORM.fullmatch(written) else None
            if code is None and (inside := _UNIT_CODE_INSIDE.search(written)) is not None:
                code = inside[0]
            if code is not None:
                if not codes:
                    labelled[UNIT] = (row, column)
                codes.add(code)
                break
    return codes


def _agency_codes(above: Sequence[Line], labelled: dict[str, tuple[int, int]]) -> set[str]:
    codes = set()
    for told in _beside(above, AGENCY):
        for row, column, cell in told:
            written = str(cell).zfill(_AGENCY_DIGITS) if isinstance(cell, int) else str(cell)
            if (inside := _AGENCY_INSIDE.search(written)) is not None:
                labelled.setdefault(AGENCY, (row, column))
                codes.add(inside[0])
                break
    return codes


def _periods(above: Sequence[Line], labelled: dict[str, tuple[int, int]]) -> set[date]:
    """The declared month: 10/2026, Tháng 10 năm 2026, or a date cell beside its label; and any other named there."""
    months: set[date] = set()
    for told in _beside(above, PERIOD):
        for row, column, cell in told:
            found = []
            if isinstance(cell, date):
                found = [date(cell.year, cell.month, 1)]
            elif isinstance(cell, str) and not _QUARTER.search(fold(cell)):
                found = [
                    date(int(year), int(month), 1)
                    for month, year in _MONTH.findall(fold(cell))
                    if 1 <= int(month) <= 12 and int(year) >= _EARLIEST_YEAR
                ]
            if not months and (found or any(map(str.isdigit, str(cell)))):
                labelled[PERIOD] = row, column
            months.update(found)
    return months


def _letters(column: int) -> str:
    """A, B … Z, AA, AB … as the sheet names its columns."""
    letters = ""
    while column:
        column, place = divmod(column - 1, 26)
        letters = chr(ord("A") + place) + letters
    return letters
