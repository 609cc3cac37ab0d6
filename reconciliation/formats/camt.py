"""camt.052, camt.053 and camt.054 of ISO 20022 (reports, statements and notifications of an account), every version.

Elements are known by their local names, for namespaces and document names differ from version to version. What we do
not need may be missing or odd; account, amount, sign, status, dates and balances are read strictly. The file is read
as a stream, chunk by chunk: what has been read of a chunk is freed before the next one, and so are the details of an
entry that is longer than a chunk.

Safety: a document type declaration is refused, entities are not resolved, nothing is fetched. What libxml2 will not
read without its "huge" option (deeper than 256) is not read, nor is a megabyte and a half without an entry or a detail
to let go of. A broken file is never repaired.

Message definitions: ISO 20022, Bank-to-Customer Cash Management, https://www.iso20022.org/iso-20022-message-definitions.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Final

from lxml import etree

from reconciliation.errors import Problem, ProblemCode, StatementRefused, UnknownFormat
from reconciliation.formats.amounts import Unreadable
from reconciliation.formats.camt_elements import LOCAL_NAMES, local_name
from reconciliation.formats.camt_entry import (
    ForeignEntry,
    details_of,
    parted,
    raw_detail,
    raw_entry,
    raw_entry_with_details,
    read_entry,
)
from reconciliation.formats.camt_header import read_header, read_page
from reconciliation.formats.camt_shapes import Fields, Shapes, written_out
from reconciliation.formats.camt_summary import Stated, check_summary
from reconciliation.formats.spooled import Spooled
from reconciliation.statement import Entry, EntryStatus, Page, Statement, StatementEvent, StatementStart, Tally

_FAMILIES: Final = {"Stmt": "camt.053", "Rpt": "camt.052", "Ntfctn": "camt.054"}
_PROBLEMS_AT_MOST: Final = 100
_CHUNK_BYTES: Final = 65_536
_HELD_AT_MOST: Final = 3 * 2**19
"""Bytes of the file whose elements are held: of a head, of what is not known, of an entry or of one of its details."""
_WIDE: Final = (b"\xff\xfe", b"\xfe\xff", b"<\0", b"\0<")
"""How UTF-16 begins, with and without its mark."""
_DECLARED: Final = re.compile(rb"<\?xml[^>]*encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})")
_DECLARED_WITHIN: Final = 400
"""Bytes."""
_LONG: Final = 6_000
"""Characters: the details of a longer entry are read one by one, for as a whole its shape will not come again."""
_LINES_COUNTED: Final = 65535
"""Further lines all have this number in libxml2."""


def read(file: BinaryIO) -> Iterator[StatementEvent]:
    """The statements of a camt file and their entries, in the order of the file."""
    reading = _Reading()
    try:
        yield from reading.events(file)
    except etree.XMLSyntaxError as error:
        line = error.position[0] if error.position else 0
        problem = Problem(ProblemCode.NOT_READABLE, f"line {line}", error.msg or "not well-formed")
        raise StatementRefused([*reading.problems, problem]) from error
    if reading.statements == 0 and not reading.problems:
        raise UnknownFormat(
            [Problem(ProblemCode.UNKNOWN_FORMAT, "line 1", "no statement, report or notification of an account")]
        )
    if reading.problems:
        raise StatementRefused(reading.problems)


@dataclass(slots=True)
class _Open:
    """The statement that is being read."""

    element: etree._Element
    place: str
    header_read: bool = False
    statement: Statement | None = None
    """None until the header is read, and where it cannot be read."""
    summary: tuple[Stated, ...] = ()
    tally: Tally = field(default_factory=Tally)
    position: int = 0
    parts_seen: int = 0
    """Parts that are held and need not be looked at again."""
    contradictions: list[Problem] = field(default_factory=list)

    def contradict(self, element: etree._Element, path: str, problems: Iterable[Problem]) -> None:
        """Keeps what contradicts, with its full place."""
        for problem in problems:
            where = _place(element, f"{path}{problem.place}")
            self.contradictions.append(Problem(problem.code, where, problem.detail))


class _Reading:
    """One pass over one file."""

    def __init__(self) -> None:
        self.statements = 0
        self.problems: list[Problem] = []
        self._message_page: Page | None = None
        self._open: _Open | None = None
        self._held = 0
        """Bytes read since anything was let go of."""
        self._parts_read = 0
        self._details: Spooled[Fields] = Spooled()
        """Of a long entry that goes on: the parts that need not be looked at again, and the details read so far."""
        self._detail_shapes = Shapes(raw_detail)
        self._entry_shapes = Shapes(raw_entry_with_details)

    def refuse(self, code: ProblemCode, place: str, detail: str) -> None:
        self.problems.append(Problem(code, place, detail))
        if len(self.problems) >= _PROBLEMS_AT_MOST:
            raise StatementRefused(self.problems)

    def events(self, file: BinaryIO) -> Iterator[StatementEvent]:
        parser = etree.XMLPullParser(
            events=("start", "end"),
            tag=[f"{{*}}{name}" for name in (*_FAMILIES, "GrpHdr")],
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            huge_tree=False,
            recover=False,
            remove_blank_text=True,
            collect_ids=False,
            remove_comments=True,
            remove_pis=True,
        )
        checked, whole = False, False
        _check_encoding(file)
        while not whole:
            chunk = file.read(_CHUNK_BYTES)
            whole = not chunk
            broken, root = None, None
            try:
                if chunk:
                    parser.feed(chunk)
                else:
                    root = parser.close()
            except etree.XMLSyntaxError as error:
                broken = error
            read: Iterator[tuple[str, etree._Element]] = parser.read_events()  # type: ignore[assignment]
            for event, element in read:
                if not checked:
                    _refuse_doctype(element)
                    checked = True
                if event == "start":
                    self._begun(element)
                else:
                    yield from self._ended(element)
            if self._open is not None:
                yield from self._entries(self._open, whole=False)
            if broken is not None:
                raise broken
            if root is not None and not checked:
                _refuse_doctype(root)
            self._free_read()
            self._held += len(chunk)
            if self._held > _HELD_AT_MOST:
                place = self._open.place if self._open is not None else "file"
                detail = f"{_HELD_AT_MOST} bytes without the end of an entry, of a detail or of a statement"
                raise StatementRefused([*self.problems, Problem(ProblemCode.NOT_READABLE, place, detail)])

    def _begun(self, element: etree._Element) -> None:
        """A statement; other messages, too, have elements called Rpt."""
        name, parent = LOCAL_NAMES[element.tag], element.getparent()
        if parent is not None and name in _FAMILIES and local_name(parent).startswith("BkToCstmr"):
            self.statements += 1
            self._open = _Open(element, f"{name}[{self.statements}]")

    def _ended(self, element: etree._Element) -> Iterator[StatementEvent]:
        """The head of a message, or a statement, has been read whole."""
        if self._open is not None and element is self._open.element:
            yield from self._end(self._open)
        elif LOCAL_NAMES[element.tag] == "GrpHdr":
            self._message_page = read_page(element, "MsgPgntn")

    def _entries(self, opened: _Open, *, whole: bool) -> Iterator[StatementEvent]:
        """The entries that have come; the last part of a statement that goes on may not be whole yet.

        They are looked for once a chunk: an event of the parser for each would cost a tenth of the reading.
        """
        parts = list(opened.element[opened.parts_seen :])  # type: ignore[index]
        opened.parts_seen += max(0, len(parts) - 1)
        for part in parts if whole else parts[:-1]:
            if LOCAL_NAMES[part.tag] == "Ntry":
                if not opened.header_read:
                    yield from self._start(opened)
                entry = self._entry(opened, part)
                if entry is not None:
                    yield entry

    def _entry(self, opened: _Open, element: etree._Element) -> Entry | None:
        """An entry has been read whole; none if it cannot be, or not be added up."""
        opened.position += 1
        place = f"{opened.place}/Ntry[{opened.position}]"
        try:
            raw, details = self._raw(element)
            if opened.statement is None:
                return None
            entry, impossible = read_entry(raw, place, opened.statement, details)
        except ForeignEntry as foreign:
            opened.tally.add_foreign(foreign.status)
            if foreign.status is EntryStatus.BOOKED:
                opened.contradict(element, place, [Problem(foreign.code, foreign.where, foreign.detail)])
        except Unreadable as error:
            opened.tally.not_added += 1
            self.refuse(error.code, _place(element, f"{place}{error.where}"), error.detail)
        else:
            if impossible:
                opened.contradict(element, place, impossible)
            opened.tally.add(entry)
            return entry
        return None

    def _raw(self, element: etree._Element) -> tuple[Fields, Collection[Fields]]:
        """What an entry and its details say as they are written."""
        if not self._details:
            written = written_out(element)
            if len(written) <= _LONG:
                return parted(self._entry_shapes.read(element, written))
        self._spool_details(element, whole=True)
        details, self._details, self._parts_read = self._details, Spooled(), 0
        return raw_entry(element), details

    def _free_read(self) -> None:
        """Lets go of what has been read so far of the statement: entries, and details of the one that goes on."""
        if self._open is None or not len(self._open.element):
            return
        last = self._open.element[-1]
        if LOCAL_NAMES[last.tag] == "Ntry":
            self._spool_details(last, whole=False)
        if self._open.header_read and len(self._open.element) > 1:
            del self._open.element[:-1]
            self._open.parts_seen = self._held = 0

    def _spool_details(self, element: etree._Element, *, whole: bool) -> None:
        """Reads the details of a long entry and lets go of them; the last one may not be whole yet."""
        details = list(details_of(element[self._parts_read :]))  # type: ignore[index]
        last = None if whole or not details else details.pop()
        for detail in details:
            self._details.add(self._detail_shapes.read(detail, written_out(detail)))
            detail.getparent().remove(detail)  # type: ignore[union-attr]
            self._held = 0
        if last is not None:
            part = last.getparent()
            self._parts_read = element.index(last if part is element else part)  # type: ignore[arg-type]

    def _end(self, opened: _Open) -> Iterator[StatementEvent]:
        yield from self._entries(opened, whole=True)
        if not opened.header_read:
            yield from self._start(opened)
        if opened.statement is not None:
            opened.contradict(opened.element, opened.place, check_summary(opened.summary, opened.tally))
            yield opened.tally.end(opened.statement, opened.place, opened.contradictions)
        self._open, self._held = None, 0
        _free(opened.element)

    def _start(self, opened: _Open) -> Iterator[StatementEvent]:
        """Reads the header, which stands before the first entry, once."""
        opened.header_read = True
        family = _FAMILIES[local_name(opened.element)]
        try:
            header = read_header(opened.element, family, self._message_page)
        except Unreadable as error:
            self.refuse(error.code, _place(opened.element, f"{opened.place}{error.where}"), error.detail)
            return
        opened.statement, opened.summary = header.statement, header.summary
        opened.contradict(opened.element, opened.place, header.impossible)
        yield StatementStart(header.statement)


def _check_encoding(file: BinaryIO) -> None:
    """Refuses UTF-16 that is declared as something else, which libxml2 reads nevertheless."""
    start = file.read(_DECLARED_WITHIN)
    file.seek(0)
    declared = _DECLARED.search(start.replace(b"\0", b""))
    if declared is not None and start.startswith(_WIDE) and not declared[1].upper().startswith(b"UTF-16"):
        detail = f"the text is UTF-16, its declaration says {declared[1].decode('ascii', 'replace')}"
        raise StatementRefused([Problem(ProblemCode.NOT_READABLE, "line 1", detail)])


def _refuse_doctype(element: etree._Element) -> None:
    information = element.getroottree().docinfo
    if information.internalDTD is not None or information.externalDTD is not None:
        raise StatementRefused([Problem(ProblemCode.DOCTYPE, "line 1", "a document type declaration is not allowed")])


def _place(element: etree._Element, path: str) -> str:
    """The path, and the line where the parser still counts lines."""
    line = element.sourceline
    return f"line {line}, {path}" if isinstance(line, int) and line < _LINES_COUNTED else path


def _free(element: etree._Element) -> None:
    """Lets go of an element that has been read and of everything before it."""
    element.clear()
    parent = element.getparent()
    if parent is not None:
        while element.getprevious() is not None:
            del parent[0]
