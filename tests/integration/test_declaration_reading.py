"""Declaration files as offices make them, and as nobody should."""

import zipfile
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

import pytest
from xlsxwriter import Workbook  # type: ignore[import-untyped]

from engine.contributions.declaration_form import COLUMNS
from engine.contributions.declaration_sheet import DeclaredMonth, read_declaration
from engine.errors import WrongInput
from engine.law.parameters import Parameters
from engine.people.workbook import Problems

Cells = Sequence[object]
TITLE: list[Cells] = [["Tên đơn vị: Công ty Ánh Dương"], ["Mã đơn vị:", None, "TZ0001Z"], ["Tháng 10 năm 2026"]]
NUMBER = [column.split()[0] for column in COLUMNS]
NUMBERS: list[Cells] = [NUMBER]
WORDS: list[Cells] = [
    ["STT", "Họ và tên", "Mã số BHXH", "Ngày, tháng, năm sinh", "Chức vụ", "Tiền lương", "Từ tháng", "Ghi chú"]
]


def _row(number: object, name: object, insured: object, born: object, wage: object) -> list[object]:
    return [number, name, insured, born, "Công nhân", wage]


GOOD = _row(1, "Trần Thị Hoa", "7900000001", date(1990, 2, 3), 10_000_000)


def _write(path: Path, rows: Sequence[Cells], before: Sequence[str] = ()) -> Path:
    with Workbook(str(path), {"default_date_format": "dd/mm/yyyy"}) as workbook:
        for name in before:
            workbook.add_worksheet(name).write_string(0, 0, "Hướng dẫn")
        sheet = workbook.add_worksheet("Danh sách")
        for at, row in enumerate(rows):
            for place, value in enumerate(row):
                if isinstance(value, str) and value.startswith("="):
                    sheet.write_formula(at, place, value, value=8_000_000)
                elif isinstance(value, (date, datetime)):
                    sheet.write_datetime(at, place, value)
                elif value is not None:
                    sheet.write(at, place, value)
    return path


def _read(path: Path) -> DeclaredMonth:
    problems = Problems()
    found = read_declaration(path, date(2026, 11, 2), Parameters.load(), problems)
    problems.refuse_if_any()
    return found


def _wages(path: Path) -> list[int]:
    return [worker.wage_vnd for _, worker in _read(path).workers]


def test_columns_are_found_by_their_numbers_or_by_their_words(tmp_path: Path) -> None:
    by_number = _read(_write(tmp_path / "a.xlsx", [*TITLE, *NUMBERS, GOOD]))
    as_numbers = [int(text) if text.isdigit() else text for text in NUMBER]
    by_real_number = _read(_write(tmp_path / "b.xlsx", [*TITLE, [None], as_numbers, GOOD]))
    in_brackets = _read(_write(tmp_path / "c.xlsx", [*TITLE, [f"({text})" for text in NUMBER], GOOD]))
    by_word = _read(_write(tmp_path / "d.xlsx", [*TITLE, *WORDS, GOOD]))
    for found in (by_number, by_real_number, in_brackets, by_word):
        assert (found.unit_code, found.period) == ("TZ0001Z", date(2026, 10, 1))
        assert [worker for _, worker in found.workers] == [worker for _, worker in by_number.workers]
        assert len(found.workers) == 1


def test_the_table_may_stand_on_any_sheet(tmp_path: Path) -> None:
    assert _wages(_write(tmp_path / "a.xlsx", [*TITLE, *NUMBERS, GOOD], before=["Hướng dẫn", "Phụ lục"])) == [
        10_000_000
    ]


@pytest.mark.parametrize(
    "heading",
    [
        [["Mã đơn vị: TZ0001Z", "Kỳ: 10/2026"]],
        [["MÃ ĐƠN VỊ", "TZ0001Z"], ["KỲ", date(2026, 10, 1)]],
        [
            ["Hà Nội, ngày 5 tháng 11 năm 2026"],
            ["Tên đơn vị: Cty A - Mã đơn vị: tz0001z"],
            ["Kỳ kê khai tháng 10/2026"],
        ],
        [["Mã số đơn vị : TZ0001Z."], ["DANH SÁCH THÁNG 10 NĂM 2026"]],
    ],
)
def test_headings_are_read_in_any_of_their_forms(tmp_path: Path, heading: Sequence[Cells]) -> None:
    found = _read(_write(tmp_path / "a.xlsx", [*heading, *NUMBERS, GOOD]))
    assert (found.unit_code, found.period) == ("TZ0001Z", date(2026, 10, 1))


def test_cells_are_read_for_what_was_meant(tmp_path: Path) -> None:
    rows: list[Cells] = [
        _row("1", "  Trần Thị Hoa ", " 7900000001", "03/02/1990", "10.000.000"),
        _row("2", "Lê Văn Ba", 100000002, date(1990, 2, 3), "=4000000*2"),
        _row("3", "Võ Thị Tư", "001190000123", "3/2/1990", "9,500,000"),
        _row(None, "Đỗ Năm", "7900 000 004", date(1990, 2, 3), 7_000_000.0),
    ]
    found = _read(_write(tmp_path / "a.xlsx", [*TITLE, *NUMBERS, *rows])).workers
    assert [worker.number for _, worker in found] == ["7900000001", "0100000002", "001190000123", "7900000004"]
    assert [worker.wage_vnd for _, worker in found] == [10_000_000, 8_000_000, 9_500_000, 7_000_000]
    assert found[0][1].name == "Trần Thị Hoa"


def test_groups_totals_signatures_and_empty_rows_are_no_workers(tmp_path: Path) -> None:
    rows: list[Cells] = [
        ["I", "Lao động tăng"],
        GOOD,
        [],
        [2],
        ["II", "Lao động không thay đổi"],
        _row(3, "Lê Văn Ba", "7900000002", date(1990, 2, 3), 8_000_000),
        [None, "Tổng cộng:", None, None, None, 18_000_000],
        [],
        [None, "Người lập biểu", None, None, None, "Ngày 5 tháng 11 năm 2026"],
        [None, "Trần A", None, None, None, "Giám đốc"],
    ]
    assert _wages(_write(tmp_path / "a.xlsx", [*TITLE, *NUMBERS, *rows])) == [10_000_000, 8_000_000]


def test_nobody_is_passed_over_in_silence(tmp_path: Path) -> None:
    """A row that tells anything of a worker is read, or is a problem."""
    rows: list[Cells] = [
        GOOD,
        _row(2, "Công", None, date(1990, 2, 3), 8_000_000),
        _row(None, None, "7900000003", None, None),
        _row(None, "Lê Ba", None, None, "mười triệu 10"),
        _row(5, "Võ Tư", None, None, None),
        _row(None, None, None, None, 9_000_000),
        _row(7, "Cao Bảy", "7900000007", date(1990, 2, 3), 2.34),
    ]
    with pytest.raises(WrongInput) as refused:
        _read(_write(tmp_path / "a.xlsx", [*TITLE, *NUMBERS, *rows]))
    told = " ".join(refused.value.problems)
    assert [f"row {number}," in told for number in range(5, 12)] == [False, *[True] * 6]


def test_state_wages_and_other_months_are_refused(tmp_path: Path) -> None:
    state = [*_row(1, "Lê Văn Ba", "7900000002", date(1990, 2, 3), 2_340_000), None, None, 5]
    late = [*GOOD, *[None] * 9, "11/2026"]
    early = [*GOOD[:2], "7900000009", *GOOD[3:], *[None] * 9, "01/2026", "09/2026"]
    with pytest.raises(WrongInput) as refused:
        _read(_write(tmp_path / "a.xlsx", [*TITLE, *NUMBERS, state, late, early]))
    assert [problem.partition("column ")[2].partition(":")[0] for problem in refused.value.problems] == [
        "7 Thâm niên vượt khung (%)",
        "14 Từ tháng",
        "15 Đến tháng",
    ]


def test_merged_cells_keep_their_value(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with Workbook(str(path)) as workbook:
        sheet = workbook.add_worksheet("D02-LT")
        sheet.merge_range(0, 0, 0, 5, "Mã đơn vị: TZ0001Z, kỳ 10/2026")
        for place, text in enumerate(NUMBER):
            sheet.write_string(2, place, text)
        for row in (3, 4):
            for place, value in enumerate(
                _row(row - 2, f"Trần Thị {'AB'[row - 3]}", f"790000000{row}", "03/02/1990", None)
            ):
                if value is not None:
                    sheet.write(row, place, value)
        sheet.merge_range(3, 5, 4, 5, 9_000_000)
    assert _wages(path) == [9_000_000, 9_000_000]


def test_what_is_missing_from_the_heading_is_told(tmp_path: Path) -> None:
    with pytest.raises(WrongInput) as refused:
        _read(_write(tmp_path / "a.xlsx", [["Công ty"], *NUMBERS, GOOD]))
    assert len(refused.value.problems) == 2
    with pytest.raises(WrongInput, match="no sheet has the columns"):
        _read(_write(tmp_path / "b.xlsx", [*TITLE, GOOD]))
    with pytest.raises(WrongInput, match="no worker"):
        _read(_write(tmp_path / "c.xlsx", [*TITLE, *NUMBERS]))
    with pytest.raises(WrongInput, match="column 4 Hệ số/Mức lương is missing"):
        _read(_write(tmp_path / "d.xlsx", [*TITLE, [text for text in NUMBER if text != "4"], GOOD]))


def test_files_of_other_kinds_are_refused_by_name(tmp_path: Path) -> None:
    old = tmp_path / "old.xlsx"
    old.write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + bytes(4000))
    with pytest.raises(WrongInput, match=r"old\.xlsx: is an old XLS"):
        _read(old)
    page = tmp_path / "page.xlsx"
    page.write_text("<html><table></table></html>", encoding="utf-8")
    with pytest.raises(WrongInput, match=r"page\.xlsx: not a readable XLSX workbook"):
        _read(page)
    cut = _write(tmp_path / "cut.xlsx", [*TITLE, *NUMBERS, GOOD])
    cut.write_bytes(cut.read_bytes()[:-200])
    with pytest.raises(WrongInput, match=r"cut\.xlsx: not a readable XLSX workbook"):
        _read(cut)
    with pytest.raises(WrongInput, match="is an XLSX workbook or a CSV file"):
        _read(tmp_path / "d.ods")


def test_a_zip_bomb_is_refused_unread(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * (64 << 20))
    with pytest.raises(WrongInput, match="ZIP bomb"):
        _read(bomb)


def test_a_worker_below_a_subtotal_is_not_lost(tmp_path: Path) -> None:
    rows: list[Cells] = [
        GOOD,
        [None, "Cộng", None, None, None, 10_000_000],
        ["II", "Khác"],
        _row(2, "Trần Mất Số", None, date(1990, 2, 3), 20_000_000),
    ]
    with pytest.raises(WrongInput) as refused:
        _read(_write(tmp_path / "a.xlsx", [*TITLE, *NUMBERS, *rows]))
    assert any("row 8, column 1" in problem for problem in refused.value.problems)


@pytest.mark.parametrize(
    "heading",
    [
        [["Kỳ: Quý 4/2026"]],
        [["Kỳ: 10/2026-11/2026"]],
        [["Tháng 09/2026 đã nộp"], ["Kỳ: 10/2026"]],
        [["Kỳ: 10/0000"]],
        [["Kỳ: 13/2026"]],
    ],
)
def test_a_month_that_is_not_one_month_is_never_guessed(tmp_path: Path, heading: list[Cells]) -> None:
    with pytest.raises(WrongInput, match="one month"):
        _read(_write(tmp_path / "a.xlsx", [["Mã đơn vị: TZ0001Z"], *heading, *NUMBERS, GOOD]))


@pytest.mark.parametrize("number", [12, -9788888881, "-9788888881"])
def test_a_number_cell_never_becomes_another_person(tmp_path: Path, number: object) -> None:
    with pytest.raises(WrongInput, match="10 digits"):
        _read(_write(tmp_path / "a.xlsx", [*TITLE, *NUMBERS, _row(1, "Lê Ba", number, date(1990, 2, 3), 9_000_000)]))


def test_two_sheets_of_the_form_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with Workbook(str(path)) as workbook:
        for name in ("D02-LT", "D02-LT (2)"):
            workbook.add_worksheet(name).write_row(0, 0, NUMBER)
    with pytest.raises(WrongInput, match=r"D02-LT, D02-LT \(2\)"):
        _read(path)


_CSV_HEAD = ["Tên đơn vị: Công ty May, Thêu và Giặt", "Mã đơn vị: TZ0001Z", "Kỳ: 10/2026"]


def _csv(path: Path, mark: str, rows: Sequence[Sequence[str]], encoding: str = "utf-8") -> Path:
    numbers = [column.split()[0] for column in COLUMNS]
    lines = [
        *_CSV_HEAD,
        *(mark.join(f'"{cell}"' if mark in cell else cell for cell in row) for row in (numbers, *rows)),
    ]
    path.write_bytes("\r\n".join(lines).encode(encoding))
    return path


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_list_saved_as_csv_is_read_like_a_workbook(tmp_path: Path, mark: str, encoding: str) -> None:
    """Commas among the words above the table, amounts with points or commas in quotes, names with the separator."""
    rows = [
        ["1", "Nguyễn Văn An", "0110000001", "03/02/1990", "Tổ trưởng, kíp 1", "10.000.000"],
        ["2", "Trần Thị Bình", " 0110000002 ", "3/2/1991", "", "12,000,000"],
        ["", "Cộng", "", "", "", "22.000.000"],
    ]
    read = _read(_csv(tmp_path / "d.csv", mark, rows, encoding))
    assert read.problems.found == []
    assert (read.unit_code, read.period) == ("TZ0001Z", date(2026, 10, 1))
    assert [(worker.number, worker.wage_vnd) for _, worker in read.workers] == [
        ("0110000001", 10_000_000),
        ("0110000002", 12_000_000),
    ]


def test_what_is_wrong_in_a_csv_is_told_with_its_row_and_column(tmp_path: Path) -> None:
    rows = [["1", "Nguyễn Văn An", "110000001", "30/02/1990", "", "2,34"]]
    problems = Problems()
    read_declaration(_csv(tmp_path / "d.csv", ";", rows), date(2026, 11, 2), Parameters.load(), problems)
    told = [problem.split(":")[0] for problem in problems.found]
    assert told == [f"d.csv, row 5, column {name}" for name in ("1 Mã số BHXH", "2 Ngày sinh", "4 Hệ số/Mức lương")]


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"\xff\xfea\x00", "not UTF-8"),
        (b"a,b\x00c", "holds a NUL"),
        (b"x;" * 60 + b"y", "row 1: more than 52 columns"),
        (b'"' + b"x" * 200_000 + b'",1', "field larger than field limit"),
        (b"1,2\n" * 200_001, "more than 199999 rows"),
    ],
)
def test_a_csv_beyond_a_sheet_is_refused(tmp_path: Path, content: bytes, rule: str) -> None:
    path = tmp_path / "d.csv"
    path.write_bytes(content)
    with pytest.raises(WrongInput, match=rule):
        _read(path)
