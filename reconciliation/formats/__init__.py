"""Reading statement files: which format a file is in, and its statements one after another."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from reconciliation.errors import Problem, ProblemCode, StatementRefused, UnknownFormat
from reconciliation.formats import camt, mt940
from reconciliation.statement import StatementEvent

FILE_AT_MOST_BYTES: Final = 2**30
"""A million entries of camt.053 are some 800 MB."""
_LOOKED_AT_BYTES: Final = 65_536
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_XML_STARTS: Final = (b"<", b"\xff\xfe<", b"\xfe\xff\x00<", b"<\x00", b"\x00<")
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
    if start.removeprefix(_BYTE_ORDER_MARK).lstrip().startswith(_XML_STARTS):
        return camt.read(file)
    if _FIELD_20.search(start.removeprefix(_BYTE_ORDER_MARK)):
        return mt940.read(file)
    detail = "neither camt.052, camt.053, camt.054 nor MT940, MT942" if size else "the file is empty"
    raise UnknownFormat([Problem(ProblemCode.UNKNOWN_FORMAT, "line 1", detail)])
