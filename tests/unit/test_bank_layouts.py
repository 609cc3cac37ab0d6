"""Layouts of bank exports: a new bank is a file, and a wrong file says everything that is wrong with it."""

from pathlib import Path

import pytest

from reconciliation.errors import ProblemCode
from reconciliation.formats import layouts
from reconciliation.formats.layouts import Column, Label, WrongLayout, common, read_layout
from reconciliation.inspection import inspect


def _written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "new.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_new_bank_adds_its_words_to_the_common_ones(tmp_path: Path) -> None:
    words = "columns:\n  debit: [Tiền đi]\nlabels:\n  opening: [Dư trước]\n"
    text = f"confidence: unconfirmed\ntold_by: [Ngân hàng Mới]\n{words}"
    layout = read_layout(_written(tmp_path, text), common())
    assert (layout.column("TIEN DI / Out"), layout.column("Ghi nợ/Debit")) == (Column.DEBIT, Column.DEBIT)
    assert (layout.label("Dư trước: 5"), layout.label("Số dư đầu kỳ")) == (Label.OPENING, Label.OPENING)


def test_every_layout_of_ours_can_be_read() -> None:
    for path in Path(layouts.__file__).parents[1].glob("layouts/*.yaml"):
        read_layout(path, None if path.stem == "common" else common())


def test_everything_wrong_with_a_layout_is_named_at_once(tmp_path: Path) -> None:
    text = (
        "confidence: sure\ntold_by: ACB\nlabel: {}\nnegative_debits: maybe\n"
        "columns: {debt: [Rút ra], reference: [No], credit: Gửi vào, text: ['--']}\n"
    )
    with pytest.raises(WrongLayout) as wrong:
        read_layout(_written(tmp_path, text), common())
    told = str(wrong.value).splitlines()
    assert all(line.startswith("layouts/new.yaml: ") for line in told)
    for place in (
        "label: unknown",
        "confidence: must be",
        "negative_debits: must",
        "told_by: must be a list",
        "columns.debt: unknown",
        "columns.reference: False is no text; put it in quotes",
        "columns.credit: must be a list",
        "columns.text: '--' holds no letters",
    ):
        assert any(place in line for line in told), place


@pytest.mark.parametrize("text", ["- a", "a: [", "seen"])
def test_what_is_no_layout_at_all_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(WrongLayout):
        read_layout(_written(tmp_path, text), common())


def test_the_row_that_came_nearest_to_a_header_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("Số tài khoản;1;;\n;;;\nKhi nào;Diễn giải;Tiền đi;Ghi có\n02/11/2026;a;5;\n", encoding="utf-8")
    (problem,) = inspect(path).problems
    assert (problem.code, problem.place) == (ProblemCode.UNKNOWN_FORMAT, "sheet 1, row 3")
    assert problem.detail.endswith("names only text, credit")
