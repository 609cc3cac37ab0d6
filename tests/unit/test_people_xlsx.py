"""Workbooks from anywhere: what office programs write is read, what harms is refused before it is laid out."""

import subprocess
import sys
import zipfile
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path

import pytest
from python_calamine import CalamineWorkbook
from xlsxwriter import Workbook  # type: ignore[import-untyped]

from engine.errors import WrongInput
from engine.people.xlsx import Grid, Unread, XlsxSheet, open_workbook

_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PARTS = {
    "_rels/.rels": f'<Relationships><Relationship Id="a" Type="{_RELATIONS}/officeDocument" Target="/xl/workbook.xml"/>'
    "</Relationships>",
    "xl/_rels/workbook.xml.rels": f'<Relationships><Relationship Id="s1" Type="{_RELATIONS}/worksheet"'
    f' Target="worksheets/one.xml"/><Relationship Id="t" Type="{_RELATIONS}/sharedStrings" Target="texts.xml"/>'
    f'<Relationship Id="f" Type="{_RELATIONS}/styles" Target="styles.xml"/></Relationships>',
    "xl/workbook.xml": '<x:workbook xmlns:x="x" xmlns:r="r"><x:sheets><x:sheet name="One" r:id="s1"/></x:sheets>'
    "</x:workbook>",
    "xl/texts.xml": "<sst><si><t>Một</t></si><si><r><t>H</t></r><r><t>ai</t></r><rPh><t>x</t></rPh></si></sst>",
    "xl/styles.xml": '<styleSheet><numFmts><numFmt numFmtId="164" formatCode="[$-42A]dd/mm/yyyy;@"/>'
    '<numFmt numFmtId="165" formatCode="[Red]#,##0&quot; day&quot;"/></numFmts><cellXfs><xf numFmtId="0"/>'
    '<xf numFmtId="164"/><xf numFmtId="165"/></cellXfs></styleSheet>',
    "xl/worksheets/one.xml": "<worksheet><sheetData/></worksheet>",
}


def _book(path: Path, rows: str = "", after: str = "", **parts: str) -> Path:
    """A workbook of hand-written parts; `parts` replace those of that file name."""
    sheet = f"<worksheet><sheetData>{rows}</sheetData>{after}</worksheet>"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for part, content in (_PARTS | {"xl/worksheets/one.xml": sheet}).items():
            archive.writestr(part, parts.get(Path(part).stem, content))
    return path


def _sheets(path: Path) -> list[XlsxSheet]:
    with open_workbook(path) as workbook:
        return list(workbook.sheets())


def _grid(path: Path) -> Grid:
    (sheet,) = _sheets(path)
    return sheet.grid


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ('<c r="A1"><v>5310000</v></c>', 5_310_000),
        ('<c r="A1"><f>B1*1.07</f><v>5350000.0000000009</v></c>', 5_350_000),
        ('<c r="A1"><v>5.31E6</v></c>', 5_310_000),
        ('<c r="A1"><v>4.9800000000000004</v></c>', 4.98),
        ('<c r="A1"><v>-0</v></c>', 0),
        ('<c r="A1" t="s"><v>1</v></c>', "Hai"),
        ('<c t="inlineStr"><is><t>Ba</t></is></c>', "Ba"),
        ('<c r="A1" t="str"><f>"x"</f><v>x_x0007_</v></c>', "x\x07"),
        ('<c r="A1" t="b"><v>1</v></c>', True),
        ('<c r="A1" s="1"><v>32907</v></c>', date(1990, 2, 3)),
        ('<c r="A1" s="1"><v>32907.75</v></c>', date(1990, 2, 3)),
        ('<c r="A1" s="1"><v>1</v></c>', date(1900, 1, 1)),
        ('<c r="A1" s="1"><v>61</v></c>', date(1900, 3, 1)),
        ('<c r="A1" s="1"><v>99999999</v></c>', 99_999_999),
        ('<c r="A1" s="2"><v>32907</v></c>', 32_907),
        ('<c r="A1" t="d"><v>1990-02-03T00:00:00</v></c>', date(1990, 2, 3)),
        ('<c r="A1" t="e"><f>NA()</f><v>#N/A</v></c>', Unread("holds the error #N/A")),
        ('<c r="A1" t="s"><v>7</v></c>', Unread("refers to a text that is not in the file")),
        ('<c r="A1"><v>NaN</v></c>', Unread("holds a number without measure")),
        ('<c r="A1"><v>1E400</v></c>', Unread("holds a number without measure")),
        ('<c r="A1"><v>abc</v></c>', Unread("holds no number, though it says so")),
    ],
)
def test_a_cell_has_the_value_that_its_user_saw(tmp_path: Path, cell: str, value: object) -> None:
    grid = _grid(_book(tmp_path / "a.xlsx", f'<row r="1">{cell}</row>'))
    assert grid == [[value]]
    assert type(grid[0][0]) is type(value)


def test_a_formula_without_its_result_is_no_empty_cell(tmp_path: Path) -> None:
    rows = '<row r="1"><c r="A1"><f>1+1</f></c><c r="B1"><f>2+2</f><v></v></c><c r="C1"><f>A1</f><v>0</v></c></row>'
    first, second, third = _grid(_book(tmp_path / "a.xlsx", rows))[0]
    assert isinstance(first, Unread)
    assert isinstance(second, Unread)
    assert third == 0
    # A program that cannot calculate saves 0 and asks the office program to calculate at once.
    marked = _PARTS["xl/workbook.xml"].replace("</x:workbook>", '<x:calcPr fullCalcOnLoad="1"/></x:workbook>')
    assert isinstance(_grid(_book(tmp_path / "b.xlsx", rows, workbook=marked))[0][2], Unread)


def test_days_count_from_1904_where_the_book_says_so(tmp_path: Path) -> None:
    marked = _PARTS["xl/workbook.xml"].replace("<x:sheets>", '<x:workbookPr date1904="1"/><x:sheets>')
    path = _book(tmp_path / "a.xlsx", '<row r="1"><c r="A1" s="1"><v>31445</v></c></row>', workbook=marked)
    assert _grid(path) == [[date(1990, 2, 3)]]


def test_merged_rows_have_the_value_of_the_first(tmp_path: Path) -> None:
    rows = '<row r="2"><c r="B2"><v>7</v></c></row><row r="3"/><row r="4"><c r="A4"><v>1</v></c></row>'
    merged = '<mergeCells><mergeCell ref="B2:B4"/><mergeCell ref="A1:C1"/><mergeCell ref="Z9:Z1048576"/></mergeCells>'
    assert _grid(_book(tmp_path / "a.xlsx", rows, merged)) == [[], [None, 7], [None, 7], [1, 7]]


def test_what_the_reader_does_not_see_is_told(tmp_path: Path) -> None:
    rows = '<row r="1" hidden="1"><c r="A1"><v>7</v></c></row><row r="2" hidden="1"/>'
    hidden = _PARTS["xl/workbook.xml"].replace('name="One"', 'name="One" state="veryHidden"')
    (sheet,) = _sheets(_book(tmp_path / "a.xlsx", rows, workbook=hidden))
    assert (sheet.hidden, sheet.hidden_rows) == (True, frozenset({1}))


def test_a_second_reader_sees_the_same(tmp_path: Path) -> None:
    """Calamine, another reader of XLSX, on what a third program wrote."""
    path = tmp_path / "a.xlsx"
    rows = [
        ["Trần Thị Hoa", 5_310_000, datetime(1990, 2, 3), True, 4.98, "  hai \n dòng "],
        [None, None, "7900000001", -3, 0.1 + 0.2, datetime(2026, 10, 31, 23, 59)],
        [],
        ["<&>'\"", "Đặng\u00a0Ánh", 12_345_678_901_234, 1e-7, "_x000D_", "ẩn"],
    ]
    formats = ["General", "#,##0", "dd/mm/yyyy", "0.00", "@", "d-mmm", "[$-42A]dd mmmm yyyy", "yyyy\\-mm\\-dd"]
    with Workbook(str(path), {"default_date_format": "dd/mm/yyyy"}) as workbook:
        sheet = workbook.add_worksheet("Một")
        for at, row in enumerate(rows):
            sheet.write_row(at, 0, row)
        for place, code in enumerate(formats):
            sheet.write_number(9, place, 45_000, workbook.add_format({"num_format": code}))
        sheet.merge_range(11, 0, 12, 3, "rộng")
    theirs = CalamineWorkbook.from_path(path).get_sheet_by_name("Một").to_python(skip_empty_area=False)
    ours = _grid(path)
    assert len(ours) == 12  # the last row holds only what the merged area hides

    def plain(value: object) -> object:
        return value.date() if isinstance(value, datetime) else value

    for at, row in enumerate(ours):
        assert [pytest.approx(value) if isinstance(value, float) else value for value in row] == [
            None if value == "" else plain(value) for value in theirs[at][: len(row)]
        ]


_LONG = "x" * 32_768


@pytest.mark.parametrize(
    ("rows", "parts", "rule"),
    [
        ('<row r="1"><c r="A1" t="inlineStr"><is><t>' + _LONG + "</t></is></c></row>", {}, "32,767 characters"),
        ("", {"texts": f"<sst><si><r><t>{_LONG}</t></r></si></sst>"}, "32,767 characters"),
        ("", {"texts": '<!DOCTYPE x [<!ENTITY a "b">]><sst><si><t>&a;</t></si></sst>'}, "DOCTYPE"),
        ("", {"workbook": '<!DOCTYPE x SYSTEM "file:///etc/passwd"><workbook/>'}, "DOCTYPE"),
        ("", {"workbook": "<workbook>" + "<a>" * 100}, "nested too deeply"),
        ("", {"workbook": "<workbook><a b='" + "0123456789abcdef" * 70_000 + "'/></workbook>"}, "mark-up of more than"),
        ("", {"workbook": "<workbook>" + '<sheet name="A" id="s1"/>' * 2 + "</workbook>"}, "sheets"),
        ("", {"workbook": "<workbook>"}, "not a readable XLSX workbook"),
        ("", {"workbook": "<workbook a='1' a='2'/>"}, "not a readable XLSX workbook"),
        ('<row r="1048576"><c r="A1048576"><v>1</v></c></row>', {}, "beyond column AZ or row 199,999"),
        ('<row r="1"><c r="XFD1"><v>1</v></c></row>', {}, "beyond column AZ or row 199,999"),
        ('<row r="5"/><row r="4"/>', {}, "row 4 stands after row 5"),
        ('<row r="1"><c r="B1"><v>1</v></c><c r="A1"><v>1</v></c></row>', {}, "out of order"),
        ('<row r="1"><c r="A1"><v>1</v></c><c r="A1"><v>2</v></c></row>', {}, "out of order"),
        ('<row r="1"><c r="7"><v>1</v></c></row>', {}, "without a place"),
        ('<row r="1"><c r="A1" s="x"><v>1</v></c></row>', {}, "not a readable XLSX workbook"),
    ],
)
def test_what_no_office_program_writes_is_refused(tmp_path: Path, rows: str, parts: dict[str, str], rule: str) -> None:
    with pytest.raises(WrongInput, match=rule):
        _sheets(_book(tmp_path / "a.xlsx", rows, **parts))


def test_empty_cells_far_out_do_no_harm(tmp_path: Path) -> None:
    rows = '<row r="1"><c r="A1"><v>1</v></c><c r="XFD1" s="1"/></row><row r="1048576"><c r="A1048576" s="1"/></row>'
    assert _grid(_book(tmp_path / "a.xlsx", rows)) == [[1]]


_ENDS = '<row r="1"><c r="A1"><v>1</v></c></row><row r="50000"><c r="B50000"><v>1</v></c></row>'


def _merged(area: str, times: int) -> str:
    return "<mergeCells>" + f'<mergeCell ref="{area}"/>' * times + "</mergeCells>"


def test_an_area_merged_over_the_whole_sheet_is_passed_over(tmp_path: Path) -> None:
    assert len(_grid(_book(tmp_path / "a.xlsx", _ENDS, _merged("A1:XFD1048576", 200)))) == 50_000


@pytest.mark.parametrize(("area", "times"), [("A1:A199999", 200), ("", 1), ("a:b:c", 1), ("A1", 100_001)])
def test_merged_areas_cannot_be_made_to_harm(tmp_path: Path, area: str, times: int) -> None:
    with pytest.raises(WrongInput, match=r"more than|without a place"):
        _grid(_book(tmp_path / "a.xlsx", _ENDS, _merged(area, times)))


def _write(path: Path, parts: Iterable[tuple[str, bytes]], packing: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", packing) as archive:
        for name, content in parts:
            archive.writestr(name, content)
    return path


def test_archives_that_harm_are_refused_by_their_directory(tmp_path: Path) -> None:
    bomb = _write(tmp_path / "a.xlsx", [("xl/workbook.xml", bytes(64 << 20))])
    many = _write(tmp_path / "b.xlsx", ((f"part-with-a-long-name-{number}", b"") for number in range(20_000)))
    rare = _write(tmp_path / "c.xlsx", [("xl/workbook.xml", b"<workbook/>")], zipfile.ZIP_BZIP2)
    with pytest.warns(UserWarning, match="Duplicate name"):
        twice = _write(tmp_path / "d.xlsx", [("xl/workbook.xml", b"<workbook/>")] * 2)
    for path, rule in ((bomb, "ZIP bomb"), (many, "too many parts"), (rare, "no office program"), (twice, "twice")):
        with pytest.raises(WrongInput, match=rule):
            _sheets(path)


_MEASURED = """
import resource, sys
from pathlib import Path
from engine.errors import WrongInput
from engine.people.workbook import read_every_sheet
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    for sheet in read_every_sheet(Path(sys.argv[1])):
        pass
except WrongInput as refused:
    print(refused, file=sys.stderr)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is counted in KiB on Linux only")
def test_one_long_text_in_many_cells_takes_its_memory_once(tmp_path: Path) -> None:
    """Laid out cell by cell, 60,000 times 32,000 characters would be 2 GB."""
    cells = "".join(f'<c r="{letter}{{0}}" t="s"><v>0</v></c>' for letter in "ABCDEFGHIJKLMNOPQRST")
    rows = "".join(f'<row r="{number}">{cells.format(number)}</row>' for number in range(1, 3001))
    path = _book(tmp_path / "a.xlsx", rows, texts=f"<sst><si><t>{'ẩn ' * 10_000}</t></si></sst>")
    measured = subprocess.run(  # noqa: PLW1510 - what it printed is looked at
        [sys.executable, "-c", _MEASURED, str(path)], capture_output=True, text=True
    )
    assert int(measured.stdout) < 200 << 10, measured.stderr
    assert measured.stderr == ""
