import re
from datetime import date, datetime
from pathlib import Path

import pytest

from engine.errors import WrongInput
from engine.people.accounts import bank_problem, holder_problem, number_problem
from engine.people.person import personal_id_problems, provinces
from engine.people.workbook import Problems, Row, Sheet, fold, read_sheets
from engine.people.xlsx import Cell

FORM = Sheet("Form", required=("A", "B"), optional=("C",))


def row(value: Cell) -> Row:
    return Row("form.xlsx, sheet Form", 7, {"A": value}, Problems())


@pytest.mark.parametrize("value", [date(1960, 2, 29), datetime(1960, 2, 29, 5), "29/02/1960", "29/2/1960"])
def test_a_date_is_a_date_cell_or_text_with_the_day_first(value: Cell) -> None:
    assert row(value).day("A") == date(1960, 2, 29)


@pytest.mark.parametrize("value", ["30/02/1960", "29/02/1961", "1960-02-29", "02/1960", "22000", 22000.0, "00/01/1960"])
def test_what_is_not_surely_a_date_is_a_problem(value: Cell) -> None:
    wrong = row(value)
    assert wrong.day("A") is None
    (problem,) = wrong.problems.found
    assert problem.startswith("form.xlsx, sheet Form, row 7, column A: ")


@pytest.mark.parametrize("value", ["05/2026", "17/05/2026", date(2026, 5, 17)])
def test_a_month_is_its_first_day(value: Cell) -> None:
    assert row(value).month("A") == date(2026, 5, 1)


@pytest.mark.parametrize("value", [5_500_000, 5_500_000.0, "5500000", "5.500.000", "5,500,000"])
def test_an_amount_may_be_a_number_or_text_grouped_by_threes(value: Cell) -> None:
    assert row(value).amount("A") == 5_500_000


@pytest.mark.parametrize("value", [0, -1, 5.5, "5,5", "5.500.00", "5 triệu", "1e6", "-5", "٥", True, "5.500,5"])
def test_what_is_not_surely_a_whole_amount_is_a_problem(value: Cell) -> None:
    wrong = row(value)
    assert wrong.amount("A") is None
    assert len(wrong.problems.found) == 1


@pytest.mark.parametrize(("value", "exact"), [(4.98, "4.98"), ("4,98", "4.98"), (5.0, "5"), (5, "5"), ("0.3", "0.3")])
def test_a_coefficient_is_the_exact_decimal_that_was_typed(value: Cell, exact: str) -> None:
    assert row(value).decimal("A") == exact


@pytest.mark.parametrize(
    ("personal_id", "sex", "birth_date", "problems"),
    [
        ("001062000123", "M", date(1962, 3, 1), 0),
        ("001162000123", "F", date(1962, 3, 1), 0),
        ("079315000001", "F", date(2015, 3, 1), 0),
        ("079215000001", "M", date(2015, 3, 1), 0),
        ("079215000001", "F", date(2015, 3, 1), 1),  # the sex
        ("079115000001", "F", date(2015, 3, 1), 1),  # the century
        ("001063000123", "M", date(1962, 3, 1), 1),  # the year
        ("003062000123", "M", date(1962, 3, 1), 1),  # no province has the code 003
        ("003163000123", "M", date(1962, 3, 1), 3),  # all three
        ("00106200012", "M", date(1962, 3, 1), 1),
        ("٠٠١٠٦٢٠٠٠١٢٣", "M", date(1962, 3, 1), 1),  # digits, but of another script
        (None, "M", date(1962, 3, 1), 1),
    ],
)
def test_a_personal_id_agrees_with_sex_and_birth(
    personal_id: str | None, sex: str, birth_date: date, problems: int
) -> None:
    assert len(personal_id_problems(personal_id, sex, birth_date)) == problems


def test_there_are_34_provinces() -> None:
    assert len(provinces()) == 34


@pytest.mark.parametrize(
    ("number", "is_good"),
    [
        ("0011004123456", True),
        ("12345", False),
        ("12345678901234567890", False),
        ("0011 0041", False),
        ("4111111111111111", False),  # the test card of a card brand
        ("4111111111111112", True),  # 16 digits with a wrong check digit are an account
        ("9704000000000018", False),  # a domestic test card
    ],
)
def test_an_account_number_is_digits_and_no_card(number: str, is_good: bool) -> None:
    assert (number_problem(number) is None) == is_good


@pytest.mark.parametrize(
    ("bank_bin", "is_good"), [("970436", True), ("971025", False), ("970460", False), ("1", False)]
)
def test_benefits_go_to_banks_and_to_nothing_else(bank_bin: str, is_good: bool) -> None:
    assert (bank_problem(bank_bin) is None) == is_good


def test_a_holder_is_the_beneficiary_with_or_without_marks() -> None:
    assert fold("Đặng  Thị Ánh Hồng") == "DANG THI ANH HONG"
    assert holder_problem("DANG THI ANH HONG", fold("Đặng Thị Ánh Hồng")) is None
    assert holder_problem("đặng thị ánh hồng", fold("Đặng Thị Ánh Hồng")) is None
    assert holder_problem("DANG THI HONG", fold("Đặng Thị Ánh Hồng")) is not None
    assert holder_problem("CTY 123", "CTY 123") is not None


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        ("A,C\n1,2\n", "the column B is missing"),
        ("A,B,D\n1,2,3\n", "the column D is not known"),
        ("A,B,A\n1,2,3\n", "the column A stands there twice"),
        ("x\ny\n", "no heading row"),
        ("", "no heading row"),
    ],
)
def test_a_heading_that_does_not_fit_the_form_is_a_problem(tmp_path: Path, content: str, rule: str) -> None:
    path = tmp_path / "form.csv"
    path.write_text(content, encoding="utf-8")
    problems = Problems()
    read_sheets(path, [FORM], problems)
    assert any(rule in problem for problem in problems.found)


def test_a_csv_of_either_delimiter_with_blank_rows_is_read(tmp_path: Path) -> None:
    for delimiter in ",;":
        path = tmp_path / "form.csv"
        path.write_text(f"\ufeffA{delimiter}B\n\n  1 {delimiter}2\n{delimiter}\n", encoding="utf-8")
        (read,) = read_sheets(path, [FORM], Problems())["Form"]
        assert (read.number, read.text("A"), read.text("B")) == (3, "1", "2")


def test_a_wrong_value_is_not_repeated_where_it_could_be_a_number_of_somebody() -> None:
    wrong = row("001062000123")
    assert wrong.day("A") is None
    assert "001062000123" not in wrong.problems.found[0]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("form.csv", b"A,B\n1,\x00\n", "not a readable CSV file"),
        ("form.csv", b"A,B\n1," + b"x" * 200_000 + b"\n", "not a readable CSV file"),
        ("form.csv", b"A,B\n1,\xff\n", "not UTF-8 text (byte 6)"),
        ("form.xlsx", b"A,B\n1,2\n", "not a readable XLSX workbook"),
        ("form.ods", b"", "must be an XLSX workbook or a CSV file"),
    ],
)
def test_a_file_that_cannot_be_read_whole_is_refused_whole(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(WrongInput, match=re.escape(reason)):
        read_sheets(path, [FORM], Problems())
