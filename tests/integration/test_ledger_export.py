"""Tables for people: what a spreadsheet reads out of them."""

import csv
import io
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from zipfile import ZipFile

import pytest
from python_calamine import CalamineWorkbook

from ledger import sheets
from ledger.money import Dong
from ledger.sheets import Cell, Column, Kind, neutral, write_csv, write_xlsx

AT = datetime(2026, 11, 3, 9, 30, tzinfo=UTC)
COLUMNS = (
    Column("on", "Ngày", "Date", Kind.DATE),
    Column("at", "Thời điểm", "Instant", Kind.INSTANT),
    Column("words", "Diễn giải", "Description"),
    Column("amount", "Số tiền", "Amount", Kind.MONEY),
)
HEADING = ["Ngày / Date", "Thời điểm / Instant", "Diễn giải / Description", "Số tiền / Amount"]

DANGEROUS = [
    "=1+1",
    "+84",
    "-1+1",
    "@SUM(A1)",
    "\t=1+1",
    "\rx",
    "\nx",
    "＝1+1",
    "＋1",
    "－1",
    "＠x",
    "−1",
    "  =1+1",
    "\u200b=1+1",
    "\ufeff=1+1",
    "\u00a0=1",
]


@pytest.mark.parametrize("text", DANGEROUS)
def test_what_a_spreadsheet_would_run_begins_with_an_apostrophe(text: str) -> None:
    assert neutral(text) == "'" + text.replace("\t=", "\t'=")


def test_a_formula_behind_a_semicolon_is_none_either() -> None:
    assert neutral('x";=cmd|A1;\t+1; y - z') == "x\";'=cmd|A1;\t'+1; y - z"


@pytest.mark.parametrize("text", ["", "Nguyễn Văn A", "a=b", "1-2", "(x)", "'=1", "x - y", "a; b", "đ@e"])
def test_other_text_stays_as_it_is(text: str) -> None:
    assert neutral(text) == text


def test_tables_for_people_are_written_in_one_place() -> None:
    """Elsewhere only files for programs, and the proof of a day with its sheets. Those of gateways are the wire's."""
    root = Path(__file__).parents[2]
    writers = [
        str(path.relative_to(root))
        for room in ("engine", "ledger", "reconciliation")
        for path in sorted((root / room).rglob("*.py"))
        if re.search(r"csv\.(Dict)?[Ww]riter\(|\bWorkbook\(", path.read_text(encoding="utf-8"))
    ]
    for_programs = ("engine/demonstration/", "engine/law/")
    assert [name for name in writers if not name.startswith(for_programs)] == [
        "ledger/sheets.py",
        "reconciliation/proof_book.py",
    ], "write it with write_csv or write_xlsx of ledger/sheets.py"


def row(text: str, amount: int = 1) -> tuple[Cell, ...]:
    return date(2026, 11, 3), AT, text, Dong(amount)


def test_csv_has_both_headings_whole_numbers_and_no_formula() -> None:
    file = io.StringIO()
    assert write_csv(file, COLUMNS, [*(row(text) for text in DANGEROUS), row('a "b", c', -5), (None,) * 4]) == 18
    read = list(csv.reader(io.StringIO(file.getvalue())))
    assert read[0] == HEADING
    assert all(found[2].startswith("'") for found in read[1:17])
    assert read[17] == ["2026-11-03", "2026-11-03 16:30:00+07:00", 'a "b", c', "-5"]
    assert read[18] == ["", "", "", ""]


def test_xlsx_has_real_dates_and_numbers_and_no_formula(tmp_path: Path) -> None:
    path = tmp_path / "sổ.xlsx"
    texts = [*DANGEROUS, "<r><t>x</t></r>", "_x0041_", "chuông\x07", "<b>&"]
    amounts = [10**15 - 1, 10**15 + 1, -(10**18) - 1]
    rows = [*(row(text) for text in texts), *(row("x", amount) for amount in amounts)]
    assert write_xlsx(path, "Sổ cái", COLUMNS, rows, AT) == len(rows)
    (sheet,) = CalamineWorkbook.from_path(str(path)).sheet_names
    read = CalamineWorkbook.from_path(str(path)).get_sheet_by_name(sheet).to_python()
    assert read[0] == HEADING
    assert read[1][0] == date(2026, 11, 3)
    assert [found[2] for found in read[1 : len(texts) + 1]] == [neutral(text) for text in texts]
    assert [found[3] for found in read[-3:]] == [10**15 - 1, str(10**15 + 1), str(-(10**18) - 1)]
    with ZipFile(path) as parts:
        assert b"<f>" not in parts.read("xl/worksheets/sheet1.xml")
    assert [found.name for found in tmp_path.iterdir()] == [path.name]


def test_what_does_not_fit_on_a_sheet_goes_on_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "MOST_ROWS", 4)
    for count, expected in ((0, [0]), (3, [3]), (4, [3, 1]), (7, [3, 3, 1])):
        path = tmp_path / f"{count}.xlsx"
        assert write_xlsx(path, "Nhật ký chung", COLUMNS, (row("x", n) for n in range(count)), AT) == count
        book = CalamineWorkbook.from_path(str(path))
        found = [book.get_sheet_by_name(name).to_python() for name in book.sheet_names]
        assert [len(sheet) - 1 for sheet in found] == expected
        assert all(sheet[0] == HEADING for sheet in found)
        assert [line[3] for sheet in found for line in sheet[1:]] == list(range(count))
    assert book.sheet_names == ["Nhật ký chung", "Nhật ký chung 2", "Nhật ký chung 3"]


def test_an_export_that_fails_leaves_no_file(tmp_path: Path) -> None:
    def broken() -> Iterator[tuple[Cell, ...]]:
        yield row("x")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_xlsx(tmp_path / "x.xlsx", "x", COLUMNS, broken(), AT)
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_whole_number_is_no_amount() -> None:
    for wrong in ("5", True):
        with pytest.raises(TypeError):
            write_csv(io.StringIO(), COLUMNS, [(None, None, None, wrong)])
