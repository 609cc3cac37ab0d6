"""camt.052, camt.053 and camt.054 of ISO 20022 (reports, statements and notifications of an account), every version.

Elements are known by their local names, for namespaces and document names differ from version to version. What we do
not need may be missing or odd; account, amount, sign, status, dates and balances are read strictly. The file is read
as a stream: an entry is freed before the next one, and the details of a batch one by one.

Safety: a document type declaration is refused, entities are not resolved, nothing is fetched, and what libxml2 will not
read without its "huge" option (deeper than 256, texts over 10 MB) is not read. A broken file is never repaired.

Message definitions: ISO 20022, Bank-to-Customer Cash Management, https://www.iso20022.org/iso-20022-message-definitions.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Final

from lxml import etree

from reconciliation.errors import Problem, ProblemCode, StatementRefused, UnknownFormat
from reconciliation.formats.amounts import Unreadable
from reconciliation.formats.camt_elements import LOCAL_NAMES, local_name
from reconciliation.formats.camt_entry import ForeignEntry, RawDetail, RawEntry, raw_detail, raw_entry, read_entry
from reconciliation.formats.camt_header import read_header, read_page
from reconciliation.formats.camt_shapes import Shapes
from reconciliation.formats.spooled import Spooled
from reconciliation.statement import Entry, EntryStatus, Page, Statement, StatementEvent, StatementStart, Tally

_FAMILIES: Final = {"Stmt": "camt.053", "Rpt": "camt.052", "Ntfctn": "camt.054"}
_PROBLEMS_AT_MOST: Final = 100
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
    tally: Tally = field(default_factory=Tally)
    position: int = 0
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
        self._details: Spooled[RawDetail] = Spooled()
        self._detail_shapes = Shapes(raw_detail)
        self._entry_shapes = Shapes(raw_entry)

    def refuse(self, code: ProblemCode, place: str, detail: str) -> None:
        self.problems.append(Problem(code, place, detail))
        if len(self.problems) >= _PROBLEMS_AT_MOST:
            raise StatementRefused(self.problems)

    def events(self, file: BinaryIO) -> Iterator[StatementEvent]:
        stream = etree.iterparse(
            file,
            events=("end",),
            tag=[f"{{*}}{name}" for name in (*_FAMILIES, "GrpHdr", "Ntry", "TxDtls")],
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            huge_tree=False,
            recover=False,
            remove_comments=True,
            remove_pis=True,
        )
        checked = False
        for _, element in stream:
            if not checked:
                _refuse_doctype(element)
                checked = True
            name = LOCAL_NAMES[element.tag]
            if name == "TxDtls":
                if self._is_detail(element):
                    self._details.add(RawDetail._make(self._detail_shapes.read(element)))
                    _free_detail(element)
            elif name == "Ntry":
                opened = self._statement_of(element.getparent())
                if opened is not None:
                    if not opened.header_read:
                        yield from self._start(opened)
                    entry = self._entry(opened, element)
                    if entry is not None:
                        yield entry
            elif name == "GrpHdr":
                self._message_page = read_page(element, "MsgPgntn")
            else:
                opened = self._statement_of(element)
                if opened is not None:
                    yield from self._end(opened)
        if not checked and stream.root is not None:
            _refuse_doctype(stream.root)

    def _is_detail(self, element: etree._Element) -> bool:
        """Whether it stands in an entry of a statement, and not in what a bank added for its own use."""
        entry = element.getparent()
        if entry is not None and local_name(entry) == "NtryDtls":
            entry = entry.getparent()
        return entry is not None and local_name(entry) == "Ntry" and self._statement_of(entry.getparent()) is not None

    def _statement_of(self, element: etree._Element | None) -> _Open | None:
        """The statement that this element is; other messages, too, have elements called Rpt."""
        if self._open is not None and self._open.element is element:
            return self._open
        if element is None or local_name(element) not in _FAMILIES:
            return None
        parent = element.getparent()
        if parent is None or not local_name(parent).startswith("BkToCstmr"):
            return None
        self.statements += 1
        self._open = _Open(element, f"{local_name(element)}[{self.statements}]")
        return self._open

    def _entry(self, opened: _Open, element: etree._Element) -> Entry | None:
        details, self._details = self._details, Spooled()
        opened.position += 1
        place = f"{opened.place}/Ntry[{opened.position}]"
        entry = None
        if opened.statement is not None:
            try:
                raw = RawEntry._make(self._entry_shapes.read(element))
                entry, impossible = read_entry(raw, place, opened.statement, details)
            except ForeignEntry as foreign:
                opened.tally.add_foreign(foreign.status)
                if foreign.status is EntryStatus.BOOKED:
                    opened.contradict(element, place, [Problem(foreign.code, foreign.where, foreign.detail)])
            except Unreadable as error:
                opened.tally.not_added += 1
                self.refuse(error.code, _place(element, f"{place}{error.where}"), error.detail)
            else:
                opened.contradict(element, place, impossible)
                opened.tally.add(entry)
        _free(element)
        return entry

    def _end(self, opened: _Open) -> Iterator[StatementEvent]:
        if not opened.header_read:
            yield from self._start(opened)
        if opened.statement is not None:
            yield opened.tally.end(opened.statement, opened.place, opened.contradictions)
        self._open = None
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
        opened.statement = header.statement
        opened.contradict(opened.element, opened.place, header.impossible)
        yield StatementStart(header.statement)


def _refuse_doctype(element: etree._Element) -> None:
    information = element.getroottree().docinfo
    if information.internalDTD is not None or information.externalDTD is not None:
        raise StatementRefused([Problem(ProblemCode.DOCTYPE, "line 1", "a document type declaration is not allowed")])


def _place(element: etree._Element, path: str) -> str:
    """The path, and the line where the parser still counts lines."""
    line = element.sourceline
    return f"line {line}, {path}" if isinstance(line, int) and line < _LINES_COUNTED else path


def _free_detail(element: etree._Element) -> None:
    """Lets go of a detail that has been read, and of the one before it, but not of what tells of the whole batch."""
    element.clear()
    before = element.getprevious()
    if before is not None and before.tag == element.tag:
        element.getparent().remove(before)  # type: ignore[union-attr]


def _free(element: etree._Element) -> None:
    """Lets go of an element that has been read and of everything before it."""
    element.clear()
    parent = element.getparent()
    if parent is not None:
        while element.getprevious() is not None:
            del parent[0]
