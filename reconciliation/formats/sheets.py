"""Rows of cells of a spreadsheet file: XLSX, CSV, and HTML tables that banks call .xls. Read as a stream.

Of an XLSX only the texts and numbers of the sheets are read, by the parts of ECMA-376: no formulas are computed, no
links followed, no macros run. The directory of the archive is looked at before anything is unpacked. A number stays the
text that the file holds: `9876543.0` is what Excel wrote, and turning it into money is the reader's part.
"""

import codecs
import csv
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, BinaryIO, Final

from lxml import etree

from reconciliation.errors import Problem, ProblemCode, StatementRefused
from reconciliation.formats.camt_elements import local_name

_PARTS_AT_MOST: Final = 500
_UNPACKED_AT_MOST: Final = 400 * 2**20
_RATIO_AT_MOST: Final = 200
"""How many times its packed size a part may unpack to; real sheets reach about forty."""
_STRINGS_AT_MOST: Final = 32 * 2**20
_HELD_AT_MOST: Final = 3 * 2**19
"""Bytes or characters of one row, or of what stands between two rows."""
_CELL_AT_MOST: Final = 32_767
"""Characters in a cell: Excel's own limit."""
_ROWS_AT_MOST: Final = 1_048_576
_COLUMNS_READ: Final = 100
"""Cells further to the right are not read; statements have some twenty columns."""
_BLANKS: Final = dict.fromkeys(map(ord, "\u00a0\u2007\u2009\u202f"), " ")
"""Blanks that keep a number on one line; they part thousands."""
_KEPT_AS_TEXT: Final = re.compile(r"""\s*(?:="([^"]*)"|'([0-9][^']*))\s*""")
_COLUMN: Final = re.compile(r"([A-Z]{1,3})[0-9]{1,7}")
_DECLARED_CHARSET: Final = re.compile(rb"charset\s*=|<\?xml[^>]*encoding\s*=", re.IGNORECASE)
_HEAD_BYTES: Final = 65_536
_SHEET_PART: Final = re.compile(r"xl/worksheets/[^/]+\.xml")
_ENCODING_SHOWN_BY: Final = 512
"""Bytes."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a sheet: its place for people, and its cells, blanks trimmed; an empty cell is an empty text."""

    sheet: int
    number: int
    cells: tuple[str, ...]
    whole: bool = True
    """Whether the file goes on behind it: the last row of a CSV without a line end may be cut."""

    @property
    def place(self) -> str:
        return f"sheet {self.sheet}, row {self.number}"


def refused(code: ProblemCode, place: str, detail: str) -> StatementRefused:
    return StatementRefused([Problem(code, place, detail)])


def read_xlsx(file: BinaryIO) -> Iterator[Row]:
    """The rows of every sheet, in the order of the workbook."""
    try:
        with zipfile.ZipFile(file) as archive:
            _check_directory(archive)
            strings = _shared_strings(archive)
            for number, name in enumerate(_sheets(archive), 1):
                yield from _sheet_rows(archive, name, number, strings)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, RuntimeError) as error:
        raise refused(ProblemCode.NOT_READABLE, "file", f"no whole XLSX archive: {error}") from error
    except etree.XMLSyntaxError as error:
        raise refused(ProblemCode.NOT_READABLE, "file", error.msg or "not well-formed") from error


def read_csv(file: BinaryIO) -> Iterator[Row]:
    """The rows of a CSV file, whatever its encoding (UTF-8, UTF-16, Windows-1258) and delimiter."""
    encoding = _encoding(file)
    text = io.TextIOWrapper(file, encoding=encoding, newline="")
    try:
        delimiter = _delimiter(text)
        text.seek(0)
        lines = _Lines(text)
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        before = 0
        for number, cells in enumerate(reader, 1):
            lines.held = 0
            whole = lines.ended or len(cells) >= before
            before = len(cells)
            yield Row(1, number, tuple(_trimmed(_as_text(cell), 1, number) for cell in cells[:_COLUMNS_READ]), whole)
    except UnicodeDecodeError as error:
        raise refused(ProblemCode.NOT_READABLE, "file", f"the text is not {encoding}") from error
    except csv.Error as error:
        raise refused(ProblemCode.NOT_READABLE, f"line {reader.line_num}", str(error)) from error
    finally:
        if not file.closed:
            text.detach()


def read_html(file: BinaryIO) -> Iterator[Row]:
    """The rows of the tables of an HTML page."""
    number = 0
    _check_html_end(file)
    encoding = None if _DECLARED_CHARSET.search(file.read(_HEAD_BYTES)) else _encoding(file).removesuffix("-sig")
    file.seek(0)
    try:
        page = _Part(file, "file")
        rows = etree.iterparse(page, html=True, tag="tr", no_network=True, huge_tree=False, encoding=encoding)
        for _, element in rows:
            page.held = 0
            number += 1
            cells = (cell for cell in element if cell.tag in ("td", "th"))
            texts = [" ".join("".join(cell.itertext()).split()) for cell in cells]
            yield Row(1, number, tuple(_trimmed(text, 1, number) for text in texts[:_COLUMNS_READ]))
            element.clear()
    except etree.XMLSyntaxError as error:
        raise refused(ProblemCode.NOT_READABLE, "file", error.msg or "not readable") from error


def _check_html_end(file: BinaryIO) -> None:
    """A page is read whatever is wrong with it, so its end is looked for: behind the last row a table is closed."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _HEAD_BYTES))
    end = file.read().lower()
    file.seek(0)
    if end.rfind(b"</table") < end.rfind(b"<tr"):
        raise refused(ProblemCode.TRUNCATED, "file", "the page ends inside a table")


def _check_directory(archive: zipfile.ZipFile) -> None:
    parts = archive.infolist()
    if len(parts) > _PARTS_AT_MOST:
        raise refused(ProblemCode.NOT_READABLE, "file", f"an archive of {len(parts)} parts")
    if sum(part.file_size for part in parts) > _UNPACKED_AT_MOST:
        raise refused(ProblemCode.NOT_READABLE, "file", f"unpacks to more than {_UNPACKED_AT_MOST} bytes")
    for part in parts:
        if part.file_size > 2**20 and part.file_size > part.compress_size * _RATIO_AT_MOST:
            raise refused(ProblemCode.NOT_READABLE, "file", f"unpacks to {_RATIO_AT_MOST} times its size")
    names = {part.filename for part in parts}
    if len(names) < len(parts):
        raise refused(ProblemCode.NOT_READABLE, "file", "holds a part twice")
    if "xl/workbook.xml" not in names:
        raise refused(ProblemCode.UNKNOWN_FORMAT, "file", "an archive, but no workbook")


def _elements(archive: zipfile.ZipFile, name: str, tags: tuple[str, ...]) -> Iterator[etree._Element]:
    """The elements of a part by local name, to be cleared by the caller. No entity is ever declared or resolved."""
    with archive.open(name) as part:
        bounded = _Part(part, name)
        stream = etree.iterparse(
            bounded,
            tag=[f"{{*}}{tag}" for tag in tags],
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            huge_tree=False,
        )
        checked = False
        for _, element in stream:
            bounded.held = 0
            if not checked:
                information = element.getroottree().docinfo
                if information.internalDTD is not None or information.externalDTD is not None:
                    raise refused(ProblemCode.DOCTYPE, name, "a document type declaration is not allowed")
                checked = True
            yield element


class _Part:
    """A part as it is read, bounded in what is held of it: who reads it sets `held` to 0 with each row."""

    def __init__(self, part: IO[bytes], name: str) -> None:
        self.held = 0
        self._part = part
        self._name = name

    def read(self, size: int = -1) -> bytes:
        data = self._part.read(size)
        self.held += len(data)
        if self.held > _HELD_AT_MOST:
            raise refused(ProblemCode.NOT_READABLE, self._name, f"{_HELD_AT_MOST} bytes without the end of a row")
        return data


class _Lines:
    """The lines of a text, bounded in what one row may take: who reads them sets `held` to 0 with each row."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self.held = 0
        self.ended = True
        """Whether the last line has an end."""
        self._text = text
        self._number = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._text.readline(_HELD_AT_MOST + 1)
        if not line:
            raise StopIteration
        self._number += 1
        self.ended = line.endswith(("\n", "\r"))
        self.held += len(line)
        if self.held > _HELD_AT_MOST:
            detail = f"{_HELD_AT_MOST} characters without the end of a row"
            raise refused(ProblemCode.NOT_READABLE, f"line {self._number}", detail)
        return line


def _sheets(archive: zipfile.ZipFile) -> list[str]:
    """The parts of the sheets, in the order of the workbook where it tells one."""
    targets: dict[str | None, str] = {}
    names = set(archive.namelist())
    if "xl/_rels/workbook.xml.rels" in names:
        for relation in _elements(archive, "xl/_rels/workbook.xml.rels", ("Relationship",)):
            target = (relation.get("Target") or "").removeprefix("/xl/").removeprefix("/")
            targets[str(relation.get("Id"))] = f"xl/{target}"
    order = []
    for sheet in _elements(archive, "xl/workbook.xml", ("workbookPr", "sheet")):
        if local_name(sheet) == "workbookPr":
            if sheet.get("date1904") in ("1", "true"):
                raise refused(ProblemCode.DATE, "xl/workbook.xml", "the workbook counts its days from 1904")
            continue
        identity = next((value for key, value in sheet.attrib.items() if str(key).endswith("}id")), None)
        order.append(targets.get(str(identity), ""))
    found = [name for name in order if name in names]
    return found or sorted(name for name in names if _SHEET_PART.fullmatch(name))


def _shared_strings(archive: zipfile.ZipFile) -> list[str]:
    name = "xl/sharedStrings.xml"
    if name not in archive.namelist():
        return []
    if archive.getinfo(name).file_size > _STRINGS_AT_MOST:
        raise refused(ProblemCode.NOT_READABLE, name, f"more than {_STRINGS_AT_MOST} bytes of text")
    strings = []
    for element in _elements(archive, name, ("si",)):
        strings.append(_text(element))
        _forget(element)
    return strings


def _sheet_rows(archive: zipfile.ZipFile, name: str, sheet: int, strings: list[str]) -> Iterator[Row]:
    number = 0
    for element in _elements(archive, name, ("row",)):
        told = element.get("r") or ""
        number = int(told) if told.isdigit() and len(told) <= 7 else number + 1
        if number > _ROWS_AT_MOST:
            raise refused(ProblemCode.NOT_READABLE, f"sheet {sheet}", f"row {number} cannot be")
        cells: list[str] = []
        for cell in element:
            column = _column(cell.get("r"), len(cells))
            if column >= _COLUMNS_READ:
                break
            cells.extend([""] * (column + 1 - len(cells)))
            cells[column] = _trimmed(_cell(cell, strings, sheet, number), sheet, number)
        _forget(element)
        yield Row(sheet, number, tuple(cells))


def _column(reference: str | None, after: int) -> int:
    match = _COLUMN.fullmatch(reference or "")
    if match is None:
        return after
    column = 0
    for letter in match[1]:
        column = column * 26 + ord(letter) - 64
    return column - 1


def _cell(cell: etree._Element, strings: list[str], sheet: int, number: int) -> str:
    kind = cell.get("t")
    if kind == "inlineStr":
        return _text(cell)
    value = next((part.text or "" for part in cell if local_name(part) == "v"), "")
    if not value and kind in (None, "n"):
        # A formula that no program has worked out yet is no number; where one is needed it is refused as it stands.
        return next((f"={part.text or ''}" for part in cell if local_name(part) == "f"), "")
    if kind != "s":
        return _plain(value) if kind in (None, "n") else value
    if not value.isdigit() or int(value) >= len(strings):
        raise refused(ProblemCode.NOT_READABLE, f"sheet {sheet}, row {number}", "a text that the file does not hold")
    return strings[int(value)]


def _plain(value: str) -> str:
    """A number cell in a form that no reader takes for thousands: `5000.0` is 5000, `1.234` is 1.2340."""
    whole, mark, fraction = value.partition(".")
    if not mark or not fraction.isdigit():
        return value
    fraction = fraction.rstrip("0")
    return f"{whole}.{fraction.ljust(4, '0')}" if fraction else whole


def _text(element: etree._Element) -> str:
    """The text of a shared or inline string, without its phonetic reading."""
    return "".join(
        part.text or ""
        for part in element.iter()
        if local_name(part) == "t" and local_name(part.getparent()) != "rPh"  # type: ignore[arg-type]
    )


def _as_text(cell: str) -> str:
    """A cell of a CSV as Excel shows it: `="0123"` and `'0123` are how banks keep a number from losing its zeros."""
    match = _KEPT_AS_TEXT.fullmatch(cell)
    return cell if match is None else match[1] or match[2]


def _trimmed(text: str, sheet: int, number: int) -> str:
    if len(text) > _CELL_AT_MOST:
        detail = f"a cell of {len(text)} characters"
        raise refused(ProblemCode.NOT_READABLE, f"sheet {sheet}, row {number}", detail)
    return text.translate(_BLANKS).strip()


def _forget(element: etree._Element) -> None:
    element.clear()
    parent = element.getparent()
    if parent is not None:
        while element.getprevious() is not None:
            del parent[0]


def _encoding(file: BinaryIO) -> str:
    """That of the byte order mark; else UTF-8 where the whole file is, else that of Vietnamese Windows."""
    start = file.read(_ENCODING_SHOWN_BY)
    file.seek(0)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    wide = wide_encoding(start)
    if wide is not None:
        return wide
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    try:
        while block := file.read(2**20):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1258"
    else:
        return "utf-8-sig"
    finally:
        file.seek(0)


def wide_encoding(start: bytes) -> str | None:
    """UTF-16 without its mark: of text in Latin letters about every other byte is null, and never two neighbours."""
    start = start[:_ENCODING_SHOWN_BY]
    for encoding, high in (("utf-16-le", start[1::2]), ("utf-16-be", start[::2])):
        if start.count(0) == high.count(0) > len(high) // 3:
            return encoding
    return None


def _delimiter(text: io.TextIOWrapper) -> str:
    """The one of comma, semicolon and tab that most lines of the beginning hold most often."""
    lines = [text.readline(_CELL_AT_MOST) for _ in range(40)]
    return max(",;\t|", key=lambda mark: sum(min(line.count(mark), 30) for line in lines if line.count(mark) > 2))
