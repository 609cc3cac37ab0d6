"""Bank exports as tables: found by their words, read exactly, refused where they are broken. Invented accounts."""

import io
import zipfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest
import xlsxwriter  # type: ignore[import-untyped]

from reconciliation.errors import ProblemCode
from reconciliation.formats import read_statements
from reconciliation.formats.amounts import Unreadable
from reconciliation.formats.table_values import read_day, read_number
from reconciliation.inspection import inspect
from reconciliation.statement import Entry, Sign

Cell = str | int | float
TECHCOMBANK: list[list[Cell]] = [
    ["NGÂN HÀNG TMCP KỸ THƯƠNG VIỆT NAM (TECHCOMBANK)"],
    ["SAO KÊ TÀI KHOẢN / STATEMENT OF ACCOUNT"],
    ["Từ ngày/From: 01/11/2026 đến ngày/To: 30/11/2026"],
    ["Số tài khoản/Account no.", "", "19030000000001"],
    ["Loại tiền/Currency", "", "VND"],
    ["Số dư đầu kỳ/Opening balance", "", 100_000_000],
    [],
    [
        "Ngày giao dịch/Transaction date",
        "Ngày yêu cầu/Requesting date",
        "Số bút toán/Reference",
        "Diễn giải/Description",
        "Nợ/Debit",
        "Phí/Lãi\nFee/Interest",
        "Thuế/Transaction VAT",
        "Có/Credit",
        "Số dư/Balance",
    ],
    [
        "03/11/2026",
        "02/11/2026",
        "FT26307000000001",
        "PN00000000001J luong huu",
        -3_000_000,
        -1_000,
        -100,
        "",
        101_998_900,
    ],
    ["02/11/2026", "02/11/2026", "FT26306000000002", "nop BHXH", "", "", "", 5_000_000, 105_000_000],
    ["Tổng/Total", "", "", "", -3_000_000, -1_000, -100, 5_000_000, ""],
    ["Số dư cuối kỳ/Closing balance", "", 101_998_900],
    ["In lúc 18:00 ngày 30/11/2026"],
]
VIETCOMBANK: list[list[Cell]] = [
    ["NGÂN HÀNG TMCP NGOẠI THƯƠNG VIỆT NAM - VIETCOMBANK"],
    ["Số tài khoản: 0011000000001", "", "Loại tiền: VND"],
    ["Số dư đầu kỳ: 1,000,000"],
    ["STT", "Ngày giao dịch/ Số CT", "Số tiền ghi nợ", "Số tiền ghi có", "Nội dung chi tiết"],
    ["(1)", "(2)", "(3)", "(4)", "(5)"],
    ["1", "02/11/2026\n5243.65937", "", "2,500,000", "MBVCB.1234567890.123456.dong BHXH"],
    ["2", "02/11/2026\n5243.65937", "1.100", "", "phi"],
    ["", "Tổng cộng", "1,100", "2,500,000", ""],
    ["Số dư cuối kỳ: 3,498,900"],
    ["Số tài khoản: 0011000000002", "", "Loại tiền: VND"],
    ["Số dư đầu kỳ: 0"],
    ["STT", "Ngày giao dịch/ Số CT", "Số tiền ghi nợ", "Số tiền ghi có", "Nội dung chi tiết"],
    ["Số dư cuối kỳ: 0"],
]
MSB: list[list[Cell]] = [
    ["MSB - Ngân hàng TMCP Hàng hải Việt Nam"],
    ["Tài khoản", "03101010000001"],
    ["Ngày", "Số CT", "Nội dung", "PS nợ", "PS có", "Số dư"],
    ["", "", "Số dư đầu kỳ", "", "", 10_000],
    [46328, "A1", "thu", "", 5_000, 15_000],
    ["2026-11-03", "A2", "chi", "2.000 VND", "", 13_000],
    ["", "", "Cộng phát sinh", 2_000, 5_000, ""],
    ["", "", "Số dư cuối kỳ", "", "", 13_000],
]


def write_xlsx(path: Path, rows: Sequence[Sequence[Cell]]) -> Path:
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate(rows):
            for column, cell in enumerate(row):
                sheet.write(number, column, cell)
    return path


def write_csv(path: Path, rows: Sequence[Sequence[Cell]], encoding: str = "utf-8-sig", mark: str = ",") -> Path:
    text = "\r\n".join(mark.join('"' + str(cell).replace('"', '""') + '"' for cell in row) for row in rows)
    path.write_bytes(text.encode(encoding))
    return path


def figures(path: Path) -> list[tuple[object, ...]]:
    inspection = inspect(path)
    assert inspection.problems == ()
    return [
        (each["account"], each["opening"], each["closing"], each["entries"], each["sum_credits"], each["sum_debits"])
        for each in (statement.as_json() for statement in inspection.statements)
    ]


def codes(path: Path) -> set[ProblemCode]:
    inspection = inspect(path)
    assert inspection.exit_code == 2
    return {problem.code for problem in inspection.problems}


def test_techcombank_has_debits_below_zero_and_fees_in_columns_of_their_own(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "a.xlsx", TECHCOMBANK)
    assert figures(path) == [("19030000000001", 100_000_000, 101_998_900, 4, 5_000_000, 3_001_100)]
    entries = [event for event in read_statements(path) if isinstance(event, Entry)]
    assert [(entry.amount, entry.sign, entry.bank_transaction_code) for entry in entries[:3]] == [
        (3_000_000, Sign.DEBIT, None),
        (1_000, Sign.DEBIT, "FEE"),
        (100, Sign.DEBIT, "VAT"),
    ]
    assert {entry.bank_reference for entry in entries[:3]} == {"FT26307000000001"}
    assert (entries[0].booked_on, entries[0].value_on) == (date(2026, 11, 3), date(2026, 11, 2))
    (statement,) = inspect(path).statements
    assert statement.references == ("PN00000000001J",)
    assert (statement.end.statement.from_on, statement.end.statement.to_on) == (date(2026, 11, 1), date(2026, 11, 30))
    assert statement.end.statement.format == "xlsx.techcombank"


def test_vietcombank_has_day_and_document_in_one_cell_and_several_accounts_on_a_sheet(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "a.xlsx", VIETCOMBANK)
    assert figures(path) == [
        ("0011000000001", 1_000_000, 3_498_900, 2, 2_500_000, 1_100),
        ("0011000000002", 0, 0, 0, 0, 0),
    ]
    entry = next(event for event in read_statements(path) if isinstance(event, Entry))
    assert (entry.booked_on, entry.bank_reference) == (date(2026, 11, 2), "5243.65937")


def test_vietcombank_has_amount_and_sign_in_two_columns(tmp_path: Path) -> None:
    table: list[list[Cell]] = [
        ["Vietcombank"],
        ["Số tài khoản", "0011000000001"],
        ["Ngày giao dịch", "Số tham chiếu", "Thay đổi", "Số tiền", "Mô tả"],
        ["02/11/2026", "5243 - 65937", "-", "3,000,000", "luong huu"],
        ["03/11/2026", "5243 - 65938", "+", "500,000", "nop BHXH"],
        ["Tổng", "", "", "", ""],
    ]
    assert figures(write_xlsx(tmp_path / "a.xlsx", table)) == [("0011000000001", None, None, 2, 500_000, 3_000_000)]


def test_msb_has_its_balances_as_rows_of_the_table(tmp_path: Path) -> None:
    assert figures(write_xlsx(tmp_path / "a.xlsx", MSB)) == [("03101010000001", 10_000, 13_000, 2, 5_000, 2_000)]


@pytest.mark.parametrize(("encoding", "mark"), [("utf-8", ","), ("utf-8-sig", ";"), ("utf-16", "\t"), ("utf-8", "|")])
def test_the_same_as_text_in_any_encoding(tmp_path: Path, encoding: str, mark: str) -> None:
    path = write_csv(tmp_path / "a.csv", MSB, encoding, mark)
    assert figures(path) == [("03101010000001", 10_000, 13_000, 2, 5_000, 2_000)]


def test_the_same_as_a_page_that_is_called_xls(tmp_path: Path) -> None:
    path = tmp_path / "a.xls"
    rows = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in MSB)
    path.write_text(f'<html><head><meta charset="utf-8"></head><body><table>{rows}</table></body></html>', "utf-8")
    assert figures(path) == [("03101010000001", 10_000, 13_000, 2, 5_000, 2_000)]


def test_balances_follow_from_a_running_balance_in_either_order(tmp_path: Path) -> None:
    table: list[list[Cell]] = [
        ["Số tài khoản", "12010000000001"],
        ["Ngày giao dịch", "Mô tả", "Ghi nợ", "Ghi có", "Số dư"],
        ["03/11/2026", "b", "200", "", "1,300"],
        ["02/11/2026", "a", "", "500", "1,500"],
    ]
    expected = [("12010000000001", 1_000, 1_300, 2, 500, 200)]
    assert figures(write_csv(tmp_path / "a.csv", table)) == expected
    assert figures(write_csv(tmp_path / "b.csv", [*table[:2], *table[:1:-1]])) == expected


def test_the_currency_may_stand_in_each_row_and_no_account_be_named(tmp_path: Path) -> None:
    table: list[list[Cell]] = [
        ["Date", "Description", "Amount", "Currency", "Balance"],
        ["15/12/2026", "a", "-33.50", "EUR", "1,066.50"],
        ["16/12/2026", "b", "1,000.00", "EUR", "2,066.50"],
        ["17/12/2026", "c", "5", "USD", ""],
    ]
    inspection = inspect(write_csv(tmp_path / "a.csv", table))
    (statement,) = (each.as_json() for each in inspection.statements)
    assert (inspection.exit_code, statement["currency"], statement["account"]) == (1, "EUR", "")
    assert (statement["entries"], statement["sum_credits"], statement["sum_debits"]) == (3, 100_000, 3_350)
    assert (statement["opening"], statement["closing"], statement["adds_up"]) == (110_000, 206_650, None)
    assert [(problem.code, problem.place) for problem in inspection.problems] == [
        (ProblemCode.ACCOUNT, "sheet 1, row 1"),
        (ProblemCode.CURRENCY, "sheet 1, row 4"),
    ]


def test_a_formula_that_was_never_worked_out_is_no_amount(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["Tài khoản", "03101010000001"])
        sheet.write_row(1, 0, ["Ngày", "Nợ", "Có"])
        sheet.write_row(2, 0, ["02/11/2026", ""])
        sheet.write_formula(2, 2, "=1+1", None, "")
    assert codes(path) == {ProblemCode.AMOUNT}


def test_an_old_workbook_and_broken_quotes_are_named(tmp_path: Path) -> None:
    old = tmp_path / "a.xls"
    old.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))
    (problem,) = inspect(old).problems
    assert "save it as .xlsx" in problem.detail
    broken = tmp_path / "a.csv"
    broken.write_text('"Date","Amount","Text"\n"02/11/2026","5","UAB "Naktis""\n', encoding="utf-8")
    (problem,) = inspect(broken).problems
    assert (problem.code, problem.place) == (ProblemCode.NOT_READABLE, "line 2")


def _changed(rows: list[list[Cell]], row: int, column: int, cell: Cell) -> list[list[Cell]]:
    copied = [list(each) for each in rows]
    copied[row][column] = cell
    return copied


@pytest.mark.parametrize(
    ("row", "column", "cell", "code"),
    [
        (4, 4, "5E3", ProblemCode.AMOUNT),
        (4, 4, 5000.5, ProblemCode.FRACTION_IN_VND),
        (4, 4, "5.000,50", ProblemCode.FRACTION_IN_VND),
        (4, 4, -5_000, ProblemCode.AMOUNT),
        (4, 4, "năm nghìn", ProblemCode.AMOUNT),
        (4, 0, "30/02/2026", ProblemCode.DATE),
        (4, 0, "", ProblemCode.DATE),
        (1, 1, "", ProblemCode.ACCOUNT),
        (1, 1, "1.9E+13", ProblemCode.ACCOUNT),
    ],
)
def test_what_cannot_be_refuses_the_file(tmp_path: Path, row: int, column: int, cell: Cell, code: ProblemCode) -> None:
    assert code in codes(write_xlsx(tmp_path / "a.xlsx", _changed(MSB, row, column, cell)))


@pytest.mark.parametrize(("row", "column", "cell"), [(7, 5, 13_001), (6, 3, 2_001), (3, 5, 9_999)])
def test_what_contradicts_is_named(tmp_path: Path, row: int, column: int, cell: Cell) -> None:
    inspection = inspect(write_xlsx(tmp_path / "a.xlsx", _changed(MSB, row, column, cell)))
    assert inspection.exit_code == 1
    assert {problem.code for problem in inspection.problems} <= {
        ProblemCode.BALANCE_MISMATCH,
        ProblemCode.SUMMARY_MISMATCH,
    }


def _repacked(source: Path, target: Path, name: str, content: bytes) -> Path:
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.infolist():
            new.writestr(part.filename, content if part.filename == name else old.read(part.filename))
    return target


def test_archives_that_are_bombs_or_cut_or_hold_entities_are_refused(tmp_path: Path) -> None:
    good = write_xlsx(tmp_path / "good.xlsx", MSB)
    bomb = _repacked(good, tmp_path / "bomb.xlsx", "xl/sharedStrings.xml", b"<sst>" + b" " * 50_000_000 + b"</sst>")
    assert codes(bomb) == {ProblemCode.NOT_READABLE}
    entity = b'<!DOCTYPE sst [<!ENTITY x "5000">]><sst><si><t>&x;</t></si></sst>'
    assert codes(_repacked(good, tmp_path / "e.xlsx", "xl/sharedStrings.xml", entity)) == {ProblemCode.DOCTYPE}
    assert codes(_repacked(good, tmp_path / "s.xlsx", "xl/sharedStrings.xml", b"<sst></sst>")) == {
        ProblemCode.NOT_READABLE
    }
    cut = tmp_path / "cut.xlsx"
    cut.write_bytes(good.read_bytes()[:-300])
    assert codes(cut) == {ProblemCode.NOT_READABLE}
    deep = b"<worksheet>" + b"<a>" * 20_000 + b"</a>" * 20_000 + b"</worksheet>"
    assert codes(_repacked(good, tmp_path / "d.xlsx", "xl/worksheets/sheet1.xml", deep)) == {ProblemCode.NOT_READABLE}
    other = io.BytesIO()
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("a.txt", "a")
    (tmp_path / "other.zip").write_bytes(other.getvalue())
    assert codes(tmp_path / "other.zip") == {ProblemCode.UNKNOWN_FORMAT}


def test_a_text_that_is_no_table_is_not_known(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("dear sirs, nothing to see here\n" * 5, encoding="utf-8")
    assert codes(path) == {ProblemCode.UNKNOWN_FORMAT}


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("1.234.567", "VND", 1_234_567),
        ("1,234,567", "VND", 1_234_567),
        ("1.500", "VND", 1_500),
        ("1234567.00", "VND", 1_234_567),
        ("1,234,567.00", "VND", 1_234_567),
        ("1.234.567,00", "VND", 1_234_567),
        ("-12 000 đ", "VND", -12_000),
        ("(500)", "VND", -500),
        ("VND 500", "VND", 500),
        ("1'500", "VND", 1_500),
        ("9876543.0", "VND", 9_876_543),
        ("1,234.5", "USD", 123_450),
        ("1,234", "USD", 123_400),
        ("0", "VND", 0),
    ],
)
def test_numbers_as_people_write_them(text: str, currency: str, minor: int) -> None:
    assert read_number(text, currency) == minor


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1.9E+13",
        "12.34",
        "1.23.4567",
        "1,2,3",
        "--5",
        "(-5)",
        "0x10",
        "٥٠",
        "5-",
        "1.234,567",
        "1,000.000",
        "1.000,000",
    ],
)
def test_numbers_that_are_none(text: str) -> None:
    with pytest.raises(Unreadable):
        read_number(text, "VND")


@pytest.mark.parametrize(
    ("text", "day", "rest"),
    [
        ("09:15 03/04/2026", date(2026, 4, 3), ""),
        ("03/04/2026", date(2026, 4, 3), ""),
        ("2026-04-03 10:11:12", date(2026, 4, 3), ""),
        ("03-04-2026 10:11", date(2026, 4, 3), ""),
        ("46115", date(2026, 4, 3), ""),
        ("20260403", date(2026, 4, 3), ""),
        ("03/04/2026\n5243.65937", date(2026, 4, 3), "5243.65937"),
    ],
)
def test_days_are_day_first(text: str, day: date, rest: str) -> None:
    assert read_day(text) == (day, rest)


def test_a_settlement_file_of_a_wallet_tells_gross_fee_and_net(tmp_path: Path) -> None:
    rows: list[list[Cell]] = [
        ["Công ty Cổ phần Dịch vụ Di động Trực tuyến - MoMo"],
        ["Mã đối tác: MOMOBHXH01"],
        ["Thời gian giao dịch", "Mã đơn hàng", "Số tiền giao dịch", "Phí giao dịch", "Thuế GTGT", "Thực nhận"],
        ["02/11/2026 10:15:00", "ORDER1", "1.000.000", "5.000", "500", "994.500"],
        ["02/11/2026 11:15:00", "ORDER2", "-200.000", "0", "0", "-200.000"],
        ["Tổng cộng", "", "800.000", "5.000", "500", "794.500"],
    ]
    path = write_csv(tmp_path / "a.csv", rows)
    assert figures(path) == [("MOMOBHXH01", None, None, 4, 1_000_000, 205_500)]
    wrong = inspect(write_csv(tmp_path / "b.csv", _changed(rows, 3, 5, "994.501")))
    assert [(problem.code, problem.place) for problem in wrong.problems] == [
        (ProblemCode.SUMMARY_MISMATCH, "sheet 1, row 4"),
        (ProblemCode.SUMMARY_MISMATCH, "sheet 1, row 6"),
    ]
    total = inspect(write_csv(tmp_path / "c.csv", _changed(rows, 5, 3, "5.001")))
    assert [(problem.code, problem.place) for problem in total.problems] == [
        (ProblemCode.SUMMARY_MISMATCH, "sheet 1, row 6")
    ]


def test_what_a_wallet_did_not_do_comes_to_nothing(tmp_path: Path) -> None:
    rows: list[list[Cell]] = [
        ["ZaloPay"],
        ["Merchant ID: BHXH2553"],
        ["Transaction date", "Order ID", "Gross amount", "Fee", "Net amount", "Status"],
        ["2026-11-02 10:15:00", "ORDER1", "1000000", "5000", "995000", "SUCCESS"],
        ["2026-11-02 10:16:00", "ORDER2", "700000", "0", "0", "FAILED"],
        ["Total", "", "1000000", "5000", "995000", ""],
    ]
    assert figures(write_csv(tmp_path / "a.csv", rows)) == [("BHXH2553", None, None, 2, 1_000_000, 5_000)]


@pytest.mark.parametrize("cells", [2, 3, 4])
def test_a_file_that_ends_inside_a_row_is_refused(tmp_path: Path, cells: int) -> None:
    path = write_csv(tmp_path / "a.csv", [["Tài khoản", "03101010000001"], *MSB[2:5], MSB[5][:cells]])
    assert ProblemCode.TRUNCATED in codes(path)
