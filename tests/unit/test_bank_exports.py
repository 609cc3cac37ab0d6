"""Shapes of Vietnamese bank exports as public converters describe them; words of the banks, figures of our own."""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import xlsxwriter  # type: ignore[import-untyped]

from reconciliation.errors import ProblemCode
from reconciliation.inspection import inspect

Cell = str | int
Table = list[list[Cell]]
Booking = tuple[str, int, int, int]
"""Day, money out, money in, balance after."""

BOOKINGS: list[Booking] = [
    ("02/11/2026", 0, 2_500_000, 12_500_000),
    ("03/11/2026", 1_100, 0, 12_498_900),
    ("13/11/2026", 498_900, 0, 12_000_000),
]
EXPECTED = ("0680123456789", 10_000_000, 12_000_000, 3, 2_500_000, 500_000)


def comma(amount: int) -> str:
    return f"{amount:,}" if amount else ""


def bookings(*columns: str) -> Iterator[list[Cell]]:
    """Rows whose cells are told by letters: n number, d day, o out, i in, b balance, t text."""
    for number, (day, out, into, balance) in enumerate(BOOKINGS, 1):
        cells: dict[str, Cell] = {
            "n": number,
            "d": day,
            "o": comma(out),
            "i": comma(into),
            "b": comma(balance),
            "t": "MBVCB.1 tra",
        }
        yield [cells[column] for column in columns]


ACB: Table = [
    ["BẢNG SAO KÊ GIAO DỊCH"],
    ["Số tài khoản: 0680123456789 (VND)"],
    ["", "Số dư đầu", "Tổng rút ra", "Tổng gửi vào", "Số dư cuối"],
    ["", 10_000_000, 500_000, 2_500_000, 12_000_000],
    ["STT", "Ngày giao dịch", "Nội dung", "Tiền rút ra", "Tiền gửi vào"],
    *bookings("n", "d", "t", "o", "i"),
]
VIETINBANK: Table = [
    ["VietinBank: LỊCH SỬ GIAO DỊCH - TRANSACTION HISTORY"],
    ["Số tài khoản/ Account No: 0680123456789"],
    ["STT\nNo.", "Ngày hạch toán\nAccounting date", "Nợ/ Debit", "Có / Credit", "Số dư TK\nAccount balance", "Mô tả"],
    *bookings("n", "d", "o", "i", "b", "t"),
]
BIDV: Table = [
    ["BÁO CÁO CHI TIẾT SỐ DƯ TÀI KHOẢN - BIDV"],
    ["Số tài khoản cũ: 12010000000999"],
    ["Số tài khoản: 0680123456789"],
    ["Số dư đầu ngày:", "10,000,000 VND"],
    ["STT", "Ngày hiệu lực", "Ghi nợ", "Ghi có", "Mô tả"],
    *bookings("n", "d", "o", "i", "t"),
    ["Số dư cuối ngày:", "12,000,000 VND"],
]
VIETCOMBANK: Table = [
    ["Vietcombank"],
    ["Số tài khoản/Account number:", "", "0680123456789"],
    ["Số dư đầu kỳ/ Opening balance:", "", "10,000,000"],
    ["STT\nNo.", "Ngày1/\nTNX Date/ Số CT/ Doc No", "Số tiền ghi nợ/\nDebit", "Số tiền ghi có/\nCredit", "Nội dung"],
    *bookings("n", "d", "o", "i", "t"),
    ["Số dư cuối kỳ/ Closing balance:", "", "12,000,000"],
    ["1. Ngày thực hiện giao dịch"],
]
OCB: Table = [
    ["Số tài khoản/Account number", "0680123456789"],
    ["Số dư đầu/Starting Balance", "10,000,000"],
    ["Số dư cuối/Ending Balance", "12,000,000"],
    ["Ngày thực hiện/Transaction date", "PS giảm (Nợ)/Debit", "PS tăng (Có)/Credit", "Nội dung/Content"],
    *bookings("d", "o", "i", "t"),
]
TWO_LINES: Table = [
    ["Tài khoản", "0680123456789"],
    ["Ngày giao dịch", "Diễn giải", "Phát sinh", "", "Số dư"],
    ["", "", "Nợ", "Có", ""],
    *bookings("d", "t", "o", "i", "b"),
]
IN_AND_OUT: Table = [
    ["Tài khoản", "0680123456789"],
    ["Ngày GD", "Loại GD", "Số tiền GD", "Số dư"],
    ["02/11/2026", "Tiền vào", "2,500,000", "12,500,000"],
    ["03/11/2026", "Tiền ra", "1,100", "12,498,900"],
    ["13/11/2026", "Tiền ra", "498,900", "12,000,000"],
]
WITHOUT_MARKS: Table = [
    ["So tai khoan: 0680123456789"],
    ["Ngay", "No", "Co", "So du", "Dien giai"],
    *bookings("d", "o", "i", "b", "t"),
]
EACH_ROW_ITS_ACCOUNT: Table = [
    ["NGÂN HÀNG MẪU"],
    ["STT No", "Ngày giao dịch Date", "Phát sinh nợ Debit", "Phát sinh có Credit", "Số dư", "Tài khoản Account"],
    [1, "02/11/2026", "", "2,500,000", "12,500,000", "0680123456789"],
    [2, "03/11/2026", "1,100", "", "12,498,900", "0680123456789"],
    [3, "13/11/2026", "498,900", "", "12,000,000", "0680123456789"],
]
PAGES: Table = [
    ["Số tài khoản", '="0680123456789"'],
    ["Số dư đầu kỳ: VND 10,000,000"],
    ["Ngày", "Nợ", "Có", "Nội dung"],
    ["09:15:00 02/11/2026", "", "2,500,000", "thu"],
    ["Trang 1/2"],
    ["Số tài khoản", '="0680123456789"'],
    ["Ngày", "Nợ", "Có", "Nội dung"],
    ["03/11/2026", "1,100", "", "chi"],
    ["", "", "", "phần tiếp của nội dung"],
    ["13/11/2026", "498,900", "", "chi"],
    ["Số dư cuối kỳ", "12,000,000"],
    ["Số dư khả dụng", "11,950,000"],
    ["", "", "Hà Nội, ngày 30 tháng 11 năm 2026"],
    ["Giao dịch viên", "Kiểm soát viên"],
]
MONTHS_NAMED: Table = [
    ["Account no.", "0680123456789"],
    ["No.", "Date", "Debit Amount", "Credit Amount", "Balance"],
    [1, "02-Nov-2026", "", "2,500,000.00", "12,500,000.00"],
    [2, "03 NOV 2026", "1,100.00", "", "12,498,900.00"],
    [3, "13/Nov/26", "498,900.00", "", "12,000,000.00"],
]
FIRST, SECOND, THIRD = bookings("d", "o", "i", "b")
SHUFFLED: Table = [["Tài khoản", "0680123456789"], ["Ngày", "Nợ", "Có", "Số dư"], SECOND, FIRST, THIRD]


def written_xlsx(path: Path, rows: Sequence[Sequence[Cell]]) -> Path:
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row)
    return path


def written_text(path: Path, rows: Sequence[Sequence[Cell]], encoding: str = "utf-8", mark: str = ",") -> Path:
    text = io.StringIO()
    csv.writer(text, delimiter=mark).writerows(rows)
    path.write_bytes(text.getvalue().encode(encoding))
    return path


def figures(path: Path) -> tuple[object, ...]:
    inspection = inspect(path)
    assert inspection.problems == ()
    (statement,) = (each.as_json() for each in inspection.statements)
    return tuple(statement[name] for name in ("account", "opening", "closing", "entries", "sum_credits", "sum_debits"))


SHAPES: dict[str, Table] = {
    "acb": ACB,
    "vietinbank": VIETINBANK,
    "bidv": BIDV,
    "vietcombank": VIETCOMBANK,
    "ocb": OCB,
    "two lines": TWO_LINES,
    "in and out": IN_AND_OUT,
    "without marks": WITHOUT_MARKS,
    "months": MONTHS_NAMED,
    "shuffled": SHUFFLED,
    "pages": PAGES,
    "account by row": EACH_ROW_ITS_ACCOUNT,
}


@pytest.mark.parametrize("rows", SHAPES.values(), ids=SHAPES)
def test_an_export_is_read_as_it_was_written(tmp_path: Path, rows: Table) -> None:
    assert figures(written_text(tmp_path / "a.csv", rows)) == EXPECTED
    cells: Table = [[str(cell).strip('="') if cell == PAGES[0][1] else cell for cell in row] for row in rows]
    assert figures(written_xlsx(tmp_path / "a.xlsx", cells)) == EXPECTED


@pytest.mark.parametrize("parted", [" ", "\u00a0", "\u202f", ".", ",", "'"])
def test_thousands_are_parted_as_people_do(tmp_path: Path, parted: str) -> None:
    rows: Table = [[str(cell).replace(",", parted) for cell in row] for row in TWO_LINES]
    assert figures(written_text(tmp_path / "a.csv", rows, mark=";")) == EXPECTED


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_text_of_two_bytes_a_letter_needs_no_mark(tmp_path: Path, encoding: str) -> None:
    assert figures(written_text(tmp_path / "a.csv", VIETINBANK, encoding)) == EXPECTED


@pytest.mark.parametrize(
    "start",
    [
        "<html><head><meta charset=utf-8></head>",
        '<html xmlns:x="urn:schemas-microsoft-com:office:excel">',
        '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1.dtd"><html>',
        '<?xml version="1.0" encoding="UTF-8"?>\n<html xmlns="http://www.w3.org/1999/xhtml">',
        "<!-- page of a bank -->\n<div>",
    ],
)
def test_a_page_may_begin_in_any_way(tmp_path: Path, start: str) -> None:
    rows = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in TWO_LINES)
    path = tmp_path / "a.xls"
    path.write_text(f"{start}<table>{rows}</table>", encoding="utf-8")
    assert figures(path) == EXPECTED
    path.write_text(f"{start}<table>{rows[: rows.rindex('<tr>')]}", encoding="utf-8")
    assert [problem.code for problem in inspect(path).problems] == [ProblemCode.TRUNCATED]


def test_a_running_balance_that_follows_from_nothing_is_named(tmp_path: Path) -> None:
    wrong = [list(row) for row in TWO_LINES]
    wrong[4][4] = "12,498,907"
    (problem,) = inspect(written_text(tmp_path / "a.csv", wrong)).problems
    assert (problem.code, problem.place) == (ProblemCode.BALANCE_MISMATCH, "sheet 1, row 5")
    (problem,) = inspect(written_text(tmp_path / "b.csv", [*TWO_LINES[:4], TWO_LINES[5]])).problems
    assert (problem.code, problem.place) == (ProblemCode.BALANCE_MISMATCH, "sheet 1, row 5")


def test_a_workbook_whose_days_begin_in_1904_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(path, {"date_1904": True}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["Tài khoản", "0680123456789"])
        sheet.write_row(1, 0, ["Ngày", "Nợ", "Có"])
        sheet.write_row(2, 0, [44867, "", 5])
    inspection = inspect(path)
    assert inspection.exit_code == 2
    assert [problem.code for problem in inspection.problems] == [ProblemCode.DATE]


def test_rows_of_two_accounts_are_not_added_up(tmp_path: Path) -> None:
    rows = [list(row) for row in EACH_ROW_ITS_ACCOUNT]
    rows[3][5] = "0680000000000"
    inspection = inspect(written_text(tmp_path / "a.csv", rows))
    assert (inspection.exit_code, inspection.problems[-1].code) == (2, ProblemCode.ACCOUNT)
    assert inspection.problems[-1].place == "sheet 1, row 4, account"


def test_money_in_below_zero_is_refused(tmp_path: Path) -> None:
    rows: Table = [["Tài khoản", "0680123456789"], ["Ngày", "Số tiền", "D/C"], ["02/11/2026", "-5,000", "C"]]
    inspection = inspect(written_text(tmp_path / "a.csv", rows))
    assert [(problem.code, inspection.exit_code) for problem in inspection.problems] == [(ProblemCode.SIGN, 2)]


def test_more_tables_than_any_bank_has_accounts_are_refused(tmp_path: Path) -> None:
    path = written_text(tmp_path / "a.csv", [["Ngày", "Nợ", "Có"], ["Ngày", "Có", "Nợ"]] * 501)
    assert ProblemCode.NOT_READABLE in {problem.code for problem in inspect(path).problems}
