"""Reading statement files: which format a file is in, and its statements one after another."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from reconciliation.errors import Problem, ProblemCode, StatementRefused, UnknownFormat
from reconciliation.formats import camt, mt940, notices, sheets, table
from reconciliation.statement import StatementEvent

FILE_AT_MOST_BYTES: Final = 2**30
"""A million entries of camt.053 are some 800 MB."""
_LOOKED_AT_BYTES: Final = 65_536
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_XML_STARTS: Final = (b"<", b"\xff\xfe<", b"\xfe\xff\x00<", b"<\x00", b"\x00<")
_ARCHIVE_START: Final = b"PK\x03\x04"
_OLD_WORKBOOK_START: Final = b"\xd0\xcf\x11\xe0"
_HTML: Final = re.compile(
    rb"(?:\s|<\?[^>]*>|<!--.{0,2000}?-->)*<(?:!doctype\s+html|html|head|body|table|meta|style|div|center|font|tr)\b",
    re.IGNORECASE | re.DOTALL,
)
_JSON: Final = re.compile(rb"\s*(?:\[\s*)?\{\s*[\"}]")
_BINARY: Final = re.compile(rb"[\x00-\x08\x0e-\x1f]")
_SPREADSHEET_2003: Final = b"urn:schemas-microsoft-com:office:spreadsheet"
_FIELD_20: Final = re.compile(rb"(?:^|[\r\n]|\{4:)[\x00-\x20]*:20:")


def read_statements(path: Path) -> Iterator[StatementEvent]:
    """The statements of a file and their entries; raises `StatementRefused` at the end if a part could not be read."""
    with path.open("rb") as file:
        yield from read(file)


def read(file: BinaryIO) -> Iterator[StatementEvent]:
    """The statements of an open file, which can be sought in."""
    size = file.seek(0, 2)
    file.seek(0)
    if size > FILE_AT_MOST_BYTES:
        detail = f"the file has {size} bytes, {FILE_AT_MOST_BYTES} are read at most"
        raise StatementRefused([Problem(ProblemCode.NOT_READABLE, "file", detail)])
    start = file.read(_LOOKED_AT_BYTES)
    file.seek(0)
    begun = start.removeprefix(_BYTE_ORDER_MARK)
    if start.startswith(_ARCHIVE_START):
        return table.read(sheets.read_xlsx(file), "xlsx")
    if _HTML.match(begun):
        return table.read(sheets.read_html(file), "html")
    if begun.lstrip().startswith(_XML_STARTS):
        if _SPREADSHEET_2003 in start:
            detail = "a workbook of Excel 2003 in XML is not read: save it as .xlsx"
            raise UnknownFormat([Problem(ProblemCode.UNKNOWN_FORMAT, "line 1", detail)])
        return camt.read(file)
    if _FIELD_20.search(begun):
        return mt940.read(file)
    if _JSON.match(begun):
        return notices.read(file)
    if size and _is_text(start):
        return table.read(sheets.read_csv(file), "csv")
    detail = "neither camt.05x, MT940, MT942 nor a spreadsheet" if size else "the file is empty"
    if start.startswith(_OLD_WORKBOOK_START):
        detail = "a workbook of Excel 97 to 2003 (.xls) is not read: save it as .xlsx"
    raise UnknownFormat([Problem(ProblemCode.UNKNOWN_FORMAT, "line 1", detail)])


def _is_text(start: bytes) -> bool:
    """Whether a file can be a table in text: separated columns, no control characters but in UTF-16."""
    wide = start.startswith((b"\xff\xfe", b"\xfe\xff")) or sheets.wide_encoding(start) is not None
    return any(mark in start for mark in (b",", b";", b"\t", b"|")) and (wide or not _BINARY.search(start))
