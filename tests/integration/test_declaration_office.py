"""Declarations as offices really hand them in: thirty-seven planted errors in one book, and every habit of theirs."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from pathlib import Path

import builders
import pytest
from sqlalchemy import text
from xlsxwriter import Workbook  # type: ignore[import-untyped]
from xlsxwriter.worksheet import Worksheet  # type: ignore[import-untyped]

from engine.contributions.declaration import DeclarationImported, import_declaration
from engine.contributions.declaration_form import COLUMNS
from engine.contributions.declaration_sheet import DeclaredMonth, read_declaration
from engine.contributions.employer import import_employers
from engine.database import Database
from engine.demonstration import employer
from engine.errors import WrongInput
from engine.law.parameters import Parameters
from engine.people.workbook import Problems
from engine.vault import Vault

NUMBERS = [column.split()[0] for column in COLUMNS]
WORDS = [column.partition(" ")[2] for column in COLUMNS]
ABOVE: list[list[object]] = [["Mã đơn vị: TZ0001Z"], ["Mã cơ quan BHXH:", "07901"], ["Kỳ:", "10/2026"]]
PLACE = {number: place for place, number in enumerate(NUMBERS)}

GIVEN_NAMES = ("Hoa", "Lan", "Mai", "Cúc", "Sen")

Cells = dict[str, object]


def _worker(number: int, **changed: object) -> Cells:
    """A good row by the form's column numbers, with some of them changed; `c13` stands for column 13."""
    row: Cells = {"A": number, "B": f"Trần Thị {GIVEN_NAMES[number % 5]}", "1": f"79{number:08}"}
    row |= {"2": date(1990, 1 + number % 12, 1 + number % 28), "3": "Công nhân", "4": 10_000_000}
    return row | {key.removeprefix("c"): value for key, value in changed.items()}


def _line(row: Cells) -> list[object]:
    return [row.get(number) for number in NUMBERS]


def _put(sheet: Worksheet, at: int, line: Sequence[object]) -> None:
    for place, value in enumerate(line):
        if isinstance(value, date):
            sheet.write_datetime(at, place, value)
        elif isinstance(value, str) and value.startswith("="):
            sheet.write_formula(at, place, value, value="#N/A" if "NA()" in value else 9_000_000)
        elif isinstance(value, str):
            sheet.write_string(at, place, value)
        elif value is not None:
            sheet.write(at, place, value)


def _book(path: Path, lines: Iterable[Sequence[object]], dress: Callable[[Worksheet], None] | None = None) -> Path:
    with Workbook(str(path), {"default_date_format": "dd/mm/yyyy"}) as workbook:
        sheet = workbook.add_worksheet("D02-LT")
        for at, line in enumerate(lines):
            _put(sheet, at, line)
        if dress is not None:
            dress(sheet)
    return path


def _form(*rows: Cells | Sequence[object]) -> list[Sequence[object]]:
    """Heading, words, numbers (row 5), and the rows from row 6 on."""
    return [*ABOVE, WORDS, NUMBERS, *(_line(row) if isinstance(row, dict) else row for row in rows)]


def _read(path: Path) -> DeclaredMonth:
    problems = Problems()
    declared = read_declaration(path, date(2026, 11, 2), Parameters.load(), problems)
    problems.refuse_if_any()
    return declared


def _problems(path: Path) -> list[str]:
    with pytest.raises(WrongInput) as refused:
        _read(path)
    return list(refused.value.problems)


def _wages(path: Path) -> list[int]:
    return [worker.wage_vnd for _, worker in _read(path).workers]


@pytest.fixture
def take_in(database: Database, vault: Vault, tmp_path: Path) -> Callable[[Path], DeclarationImported]:
    with database.transaction("lan") as connection:
        import_employers(connection, vault, employer.write_employers(tmp_path), builders.AT)

    def take_in(path: Path) -> DeclarationImported:
        with database.transaction("lan") as connection:
            return import_declaration(connection, vault, path, builders.AT)

    return take_in


PLANTED: list[tuple[Cells, str, str]] = [
    # Each with the number of its column and words of its rule; the row is that of the list, from 7 on.
    (_worker(2, c1=None), "1", "must be filled in"),
    (_worker(3, c1="12345"), "1", "10 digits"),
    (_worker(4, c1="79-0000 000A"), "1", "10 digits"),
    (_worker(5, c1="0000000000"), "1", "10 digits"),
    (_worker(6, c1=12), "1", "10 digits"),
    (_worker(7, c1="7900000001"), "1", "twice, first in row 6"),
    (_worker(8, B=None), "B", "must be filled in"),
    (_worker(9, B="12 tháng 3"), "B", "not a name"),
    (_worker(10, B="Trần\u202e Thị Hoa"), "B", "U+202E"),
    (_worker(11, B="Trần\u200b Thị Hoa"), "B", "U+200B"),
    (_worker(12, B="Тrần Thị Hoa"), "B", "not a name"),
    (_worker(13, B="Hoa " * 60), "B", "at most 200"),
    (_worker(14, c2=None), "2", "must be filled in"),
    (_worker(15, c2="30/02/1990"), "2", "not a date"),
    (_worker(16, c2="02/13/1990"), "2", "not a date"),
    (_worker(17, c2="1990"), "2", "not a date"),
    (_worker(18, c2=32_907), "2", "not formatted as a date"),
    (_worker(19, c2=date(2027, 1, 1)), "2", "later than the work"),
    (_worker(20, c2=date(2011, 11, 1)), "2", "younger than 15"),
    (_worker(21, c2=date(2011, 5, 1), c13=date(2026, 4, 30)), "2", "younger than 15 on 30/04/2026"),
    (_worker(22, c2=date(1905, 1, 1)), "2", "more than 120 years"),
    (_worker(23, c3="x" * 201), "3", "at most 200"),
    (_worker(24, c3="Thợ\x07"), "3", "U+0007"),
    (_worker(25, c4=None), "4", "must be filled in"),
    (_worker(26, c4=0), "4", "more than 0"),
    (_worker(27, c4=-5_310_000), "4", "whole number"),
    (_worker(28, c4=2.34), "4", "coefficient"),
    (_worker(29, c4=5_310), "4", "too small"),
    (_worker(30, c4="5 triệu"), "4", "whole number"),
    (_worker(31, c4="=NA()"), "4", "error #N/A"),
    (_worker(32, c4=True), "4", "whole number"),
    (_worker(33, c4=1e15), "4", "10 thousand million"),
    (_worker(34, c7=0.05), "7", "state wage"),
    (_worker(35, c9="-100"), "9", "whole number"),
    (_worker(36, c14="11/2026"), "14", "after the declared month"),
    (_worker(37, c15="09/2026"), "15", "before the declared month"),
    (_worker(38, c18="nghỉ"), "18", "is none of"),
]


def test_thirty_seven_planted_errors_are_all_told_in_order(
    database: Database, take_in: Callable[[Path], DeclarationImported], tmp_path: Path
) -> None:
    assert len(PLANTED) == 37
    path = _book(tmp_path / "d.xlsx", _form(_worker(1), *(row for row, _, _ in PLANTED)))
    with pytest.raises(WrongInput) as refused:
        take_in(path)
    for at, ((_, column, rule), told) in enumerate(zip(PLANTED, refused.value.problems, strict=True), 7):
        assert told.startswith(f"d.xlsx, sheet D02-LT, row {at}, column {COLUMNS[PLACE[column]]}: ")
        assert rule in told
    with database.transaction() as connection:
        for table in ("declaration", "employment", "person", "notice"):
            assert connection.scalar(text(f"SELECT count(*) FROM engine.{table}")) == 0


def test_no_error_hides_another(take_in: Callable[[Path], DeclarationImported], tmp_path: Path) -> None:
    """The heading is wrong twice, both rows of one worker are wrong, and one row is wrong in four cells."""
    lines = _form(_worker(1, c4=5), _worker(1, c2="x"), _worker(3, B="1", c1="1", c2="1", c4="1"))
    lines[0], lines[1], lines[2] = ["", "Mã đơn vị:", "XX9999X"], ["Mã cơ quan BHXH:"], ["Kỳ: quý 4"]
    with pytest.raises(WrongInput) as refused:
        take_in(_book(tmp_path / "d.xlsx", lines))
    assert [told.removeprefix("d.xlsx, sheet D02-LT, ").partition(": ")[0] for told in refused.value.problems] == [
        "row 1, column C",
        "row 3, column A",
        "row 6, column 4 Hệ số/Mức lương",
        "row 7, column 1 Mã số BHXH",
        "row 7, column 2 Ngày sinh",
        *(f"row 8, column {name}" for name in ("B Họ và tên", "1 Mã số BHXH", "2 Ngày sinh", "4 Hệ số/Mức lương")),
    ]
    assert "no employer XX9999X" in refused.value.problems[0]


def test_one_person_under_both_kinds_of_number_is_a_problem(tmp_path: Path, take_in: Callable[[Path], object]) -> None:
    one = {"B": "Trần Thị Hoa", "c2": date(1990, 2, 3)}
    both = _form(_worker(1, c1="7900000001", **one), _worker(2, c1="079190000001", **one | {"B": "TRẦN THỊ  HOA"}))
    with pytest.raises(WrongInput, match=r"row 7, column 1 Mã số BHXH: the same name and birth date stand in row 6"):
        take_in(_book(tmp_path / "a.xlsx", both))
    # Two people who share name and birth date are told apart by numbers of one kind.
    take_in(
        _book(tmp_path / "b.xlsx", _form(_worker(1, c1="079190000002", **one), _worker(2, c1="079190000001", **one)))
    )


def test_who_changes_to_the_personal_id_stays_the_same_person(
    database: Database, take_in: Callable[[Path], DeclarationImported], tmp_path: Path
) -> None:
    lines = _form(_worker(1), _worker(2))
    lines[2] = ["Kỳ: 09/2026"]
    take_in(_book(tmp_path / "a.xlsx", lines))
    take_in(_book(tmp_path / "b.xlsx", _form(_worker(1, c1="079190000001"), _worker(2), _worker(3))))
    with database.transaction() as connection:
        assert connection.scalar(text("SELECT count(*) FROM engine.person")) == 3
        months = "SELECT count(*) FROM engine.employment GROUP BY person_id ORDER BY 1"
        assert list(connection.scalars(text(months))) == [1, 2, 2]


def test_a_namesake_at_another_employer_under_the_other_kind_of_number_is_noted(
    database: Database, vault: Vault, take_in: Callable[[Path], DeclarationImported], tmp_path: Path
) -> None:
    take_in(_book(tmp_path / "a.xlsx", _form(_worker(1), _worker(2))))
    (tmp_path / "units.csv").write_text(
        "Mã đơn vị,Tên đơn vị,Mã số thuế,Mã cơ quan BHXH,Vùng,Phương thức đóng (tháng),Hiệu lực từ ngày\n"
        "TZ0002Z,Công ty Hai,0100000002,07901,I,1,01/01/2026\n",
        encoding="utf-8",
    )
    with database.transaction("lan") as connection:
        import_employers(connection, vault, tmp_path / "units.csv", builders.AT)
    # The second worker shares the birth date alone.
    lines = _form(_worker(1, c1="079190000001"), _worker(2, c1="079190000002", B="Lê Ba"))
    lines[0] = ["Mã đơn vị: TZ0002Z"]
    (note,) = take_in(_book(tmp_path / "b.xlsx", lines)).notes
    assert note.startswith("b.xlsx, sheet D02-LT, row 6, column 1 Mã số BHXH: somebody of this name")
    assert "TZ0001Z" in note


def test_wages_below_the_lowest_are_noted_and_taken(
    take_in: Callable[[Path], DeclarationImported], tmp_path: Path
) -> None:
    """Region I in October 2026: minimum wage 5,310,000, lowest base 2,530,000."""
    rows = [_worker(1, c4=2_529_999), _worker(2, c4=2_530_000), _worker(3, c4=5_309_999), _worker(4, c4=5_310_000)]
    rows += [_worker(5, c4=1_000_000, c18="KL"), _worker(6, c4=1_000_000, c18="Giảm")]
    path = _book(tmp_path / "d.xlsx", _form(*rows), lambda sheet: sheet.set_row(9, None, None, {"hidden": True}))
    first = take_in(path)
    hidden, *noted = first.notes
    assert hidden == "d.xlsx, sheet D02-LT: 1 rows of workers are hidden in the file and count too"
    assert [note.partition(": ")[0].rpartition("row ")[2] for note in noted] == [
        f"{row}, column 4 Hệ số/Mức lương" for row in (6, 7, 8)
    ]
    assert "contributions are due on 2.530.000" in noted[0]
    assert all("5.310.000" in note and "part-time" in note for note in noted[1:])
    assert take_in(path).notes == first.notes


@pytest.mark.parametrize("order", [list(reversed(range(len(COLUMNS)))), [1, 0, 3, 2, *range(20, 3, -1)]])
def test_columns_may_be_moved_with_their_numbers(tmp_path: Path, order: list[int]) -> None:
    lines = [*ABOVE, *([line[place] for place in order] for line in (WORDS, NUMBERS, _line(_worker(1, c9=1000))))]
    moved, plain = (
        _read(_book(tmp_path / "a.xlsx", lines)),
        _read(_book(tmp_path / "b.xlsx", _form(_worker(1, c9=1000)))),
    )
    assert [worker for _, worker in moved.workers] == [worker for _, worker in plain.workers]


def test_columns_moved_without_their_numbers_are_refused(tmp_path: Path) -> None:
    order = [0, 1, 3, 2, *range(4, len(COLUMNS))]
    words, row = ([line[place] for place in order] for line in (WORDS, _line(_worker(1))))
    lines: list[Sequence[object]] = [*ABOVE, words, NUMBERS, row]
    assert _problems(_book(tmp_path / "a.xlsx", lines)) == [
        "a.xlsx, sheet D02-LT, row 5: the column number 1 stands below the words of the column 2 Ngày sinh",
        "a.xlsx, sheet D02-LT, row 5: the column number 2 stands below the words of the column 1 Mã số BHXH",
    ]
    twice: list[Sequence[object]] = [*ABOVE, [*NUMBERS, "4"], _line(_worker(1))]
    assert "the column number 4 stands there twice" in _problems(_book(tmp_path / "b.xlsx", twice))[0]


@pytest.mark.parametrize(
    ("column", "cell", "good"),
    [
        *(("4", written, 5_310_000) for written in (
            "5.310.000", "5,310,000", "5 310 000", "5\u00a0310\u00a0000", "5310000", "５３１００００", "5.310.000 đ",
            "5.310.000 đồng", "5.310.000VNĐ", "5.310.000,00", "5,310,000.00", " 5.310.000\n", 5.31e6,
            5_310_000.0000000009,
        )),
        *(("2", written, date(1990, 2, 3)) for written in (
            "03/02/1990", "3/2/1990", "03-02-1990", "03.02.1990", " 03/02/1990 ", "03 / 02 / 1990",
            "０３/０２/１９９０", "03/02/1990 00:00:00", date(1990, 2, 3),
        )),
        *(("1", written, "0100000002") for written in (
            "0100000002", "01 0000 0002", "01.0000.0002", "01-0000-0002", 100_000_002,
            "０１００００００02", "\u00a00100000002",
        )),
        ("1", 79_190_000_001, "079190000001"),
        *(("B", written, "Trần Thị Hoà") for written in ("Trần  Thị\u00a0Hoà ", "Trần Thị Hoà", "Trần\nThị Hoà")),
        *(("B", name, name) for name in ("Nguyễn O'Neil", "H'Hen Niê", "Kim Jong-su", "TRẦN ĐẶNG Ỵ", "Y Blok Êban")),
    ],
)  # fmt: skip
def test_cells_are_read_as_offices_write_them(tmp_path: Path, column: str, cell: object, good: object) -> None:
    ((_, worker),) = _read(_book(tmp_path / "a.xlsx", _form(_worker(1) | {column: cell}))).workers
    read = {"4": worker.wage_vnd, "2": worker.birth_date, "1": worker.number, "B": worker.name}
    assert read[column] == good


@pytest.mark.parametrize("cell", ["09/2026", "9-2026", "Tháng 09/2026", "tháng 9.2026", "T9/2026", date(2026, 9, 1)])
def test_a_month_is_read_as_offices_write_it(tmp_path: Path, cell: object) -> None:
    ((_, worker),) = _read(_book(tmp_path / "a.xlsx", _form(_worker(1, c14=cell)))).workers
    assert worker.from_month == date(2026, 9, 1)


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        *(
            ("4", cell)
            for cell in ("5.310", "5.31", 5310.5, "5,31 tr", "5310000.5", "1e7", "9" * 5000, "٥٣١٠٠٠٠", "#REF!")
        ),
        *(("4", cell) for cell in ("-", "5.310.000.00", "5.310,000", "53.10.000", date(2026, 10, 1), 1e300, -0.0)),
        *(("2", cell) for cell in ("03/02/90", "3 tháng 2 1990", "1990/02/03", "00/02/1990", "31/04/1990", True, 0)),
        *(("1", cell) for cell in (7900000001.5, "79000000012", "+7900000001", "7900000001;7900000002", True)),
        *(
            ("B", cell)
            for cell in ("=cmd|' /C calc'!A0x", "Trần Thị Hoa (1)", "Trần, Hoa", "...", "阮氏花", "Hoa_xD800_")
        ),
    ],
)
def test_what_could_mean_two_things_is_refused_with_its_place(tmp_path: Path, column: str, cell: object) -> None:
    if isinstance(cell, str) and cell.startswith("="):
        cell = " " + cell
    (told,) = _problems(_book(tmp_path / "a.xlsx", _form(_worker(1) | {column: cell})))
    assert told.startswith(f"a.xlsx, sheet D02-LT, row 6, column {COLUMNS[PLACE[column]]}: ")
    assert len(told) < 300


def _dressed(sheet: Worksheet) -> None:
    """What offices do to a sheet: merged titles, a filter, hidden columns, frozen panes, comments, far formats."""
    sheet.merge_range(0, 6, 2, 12, "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM")
    sheet.merge_range(3, 13, 3, 14, "")
    sheet.autofilter(4, 0, 20, 20)
    sheet.filter_column(0, "x > 3")
    sheet.set_row(6, None, None, {"hidden": True})
    sheet.set_column(9, 12, None, None, {"hidden": True})
    sheet.freeze_panes(5, 2)
    sheet.write_comment(5, 1, "kiểm tra lại")
    sheet.data_validation(5, 17, 500, 17, {"validate": "list", "source": ["TM", "GH"]})


def test_a_sheet_as_offices_dress_it_is_read(tmp_path: Path) -> None:
    path = _book(tmp_path / "a.xlsx", _form(*(_worker(number) for number in range(1, 6))), _dressed)
    assert len(_wages(path)) == 5
    assert _read(path).hidden_rows == 1


def test_pages_groups_totals_and_the_foot_are_passed_over(tmp_path: Path) -> None:
    lines = _form(
        ["I", "LAO ĐỘNG TĂNG"], ["I.1", "Tăng mới", None, None, None, 10_000_000], _worker(1), [None, "Cộng tăng"],
        ["", "Phòng Kế toán - Tài vụ"], _worker(2), ["Tổ 3"], _worker(3), [],
        WORDS, NUMBERS, _worker(4), ["B"], [5], [6], ["Cộng (I+II)", None, None, None, None, 40_000_000],
        [None, "Tổng số: 4 lao động"], [],
        ["Ghi chú: 1. Cột 1 ghi mã số BHXH của người lao động"], ["2", "Cột 4 ghi tiền lương theo hợp đồng"],
        [None, None, None, None, "Hà Nội, ngày 05 tháng 11 năm 2026"],
        [None, "Người lập biểu", None, None, None, "Thủ trưởng đơn vị"], [None, "(Ký, ghi rõ họ tên)"], [],
        [None, "Lê Thị B"],
    )  # fmt: skip
    assert len(_wages(_book(tmp_path / "a.xlsx", lines))) == 4


@pytest.mark.parametrize(
    "row",
    [
        [None, "Tăng Thanh Hà"],
        [None, "Tống Văn An", None, None, None, 9_000_000],
        [None, "Tô Văn Nam"],
        [2, "Lê Ba"],
        ["2.", "Lê Ba"],
        [None, "Lê Ba", "chưa có"],
        [None, "Lê Ba", "đang xin cấp", None, None, "9.000.000"],
        [2, None, None, None, "Công nhân", 9_000_000],
        [None, "Đoàn Văn Khối", "=NA()"],
    ],
)
@pytest.mark.parametrize("below", [[], [_worker(9)], [[], [None, "Tổng cộng"]]])
def test_a_row_that_says_too_little_of_a_worker_is_an_error(
    tmp_path: Path, row: list[object], below: list[Cells | Sequence[object]]
) -> None:
    told = _problems(_book(tmp_path / "a.xlsx", _form(_worker(1), row, *below)))
    assert told
    assert all("row 7, " in problem for problem in told)


def test_two_headings_or_none_are_told_with_their_place(tmp_path: Path) -> None:
    lines = _form(_worker(1))
    lines[0] = ["Mã đơn vị: TZ0001Z", "Mã đơn vị: TZ0002Z"]
    lines[1] = ["Mã cơ quan BHXH: 07901", None, "Cơ quan BHXH: 07902"]
    lines[2] = ["Kỳ: 10/2009"]
    assert [told.removeprefix("a.xlsx, sheet D02-LT, ") for told in _problems(_book(tmp_path / "a.xlsx", lines))] == [
        "row 1, column A: Mã đơn vị: the unit code must stand above the table, and no other",
        "row 2, column A: Mã cơ quan BHXH: 07901 and 07902 both stand above the table",
        "row 3, column A: Kỳ: rates are known from 01/2010 only, not of 10/2009",
    ]
    lines[:3] = [["Công ty"], [], []]
    assert [told.partition("above the table: ")[2][:10] for told in _problems(_book(tmp_path / "b.xlsx", lines))] == [
        "Mã đơn vị:",
        "Kỳ: one mo",
    ]


def test_of_two_columns_of_numbers_that_of_social_insurance_counts(tmp_path: Path) -> None:
    words = ["TT", "Họ và tên", "Mã số thuế", "Số CCCD", "Mã số BHXH", "Ngày sinh", "Tiền lương"]
    row = [1, "Trần Thị Hoa", "8000000001", "079190000001", "7900000001", date(1990, 2, 3), 10_000_000]
    ((_, worker),) = _read(_book(tmp_path / "a.xlsx", [*ABOVE, words, row])).workers
    assert worker.number == "7900000001"


def test_the_name_of_a_file_may_be_anything(take_in: Callable[[Path], DeclarationImported], tmp_path: Path) -> None:
    wrong = _book(tmp_path / "a\x1b[31m.xlsx", _form(_worker(1, c4=None)))
    assert _problems(wrong) == [
        "a\N{REPLACEMENT CHARACTER}[31m.xlsx, sheet D02-LT, row 6, column 4 Hệ số/Mức lương: must be filled in"
    ]
    good = tmp_path / "\udcff.xlsx"
    _book(tmp_path / "b.xlsx", _form(_worker(1))).rename(good)
    assert take_in(good).staff == 1
    assert take_in(good).already
