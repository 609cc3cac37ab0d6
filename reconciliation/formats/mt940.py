"""MT940 customer statements and MT942 interim reports, with what banks make of them.

A file holds any number of messages for any accounts; each message, or page of a statement, is read as a statement.
Envelopes, bank names between messages, blank lines and control characters are passed over; encodings are UTF-8,
Windows-1252 or ISO 8859-1, told apart line by line. Fields are read strictly (`mt940_fields`).

An MT942 has no balances and proves nothing; an MT940 without its closing balance at the end of the file is cut.
"""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import BinaryIO, Final

from reconciliation.errors import Problem, ProblemCode, StatementRefused, UnknownFormat
from reconciliation.formats.amounts import Unreadable, decimals_of
from reconciliation.formats.mt940_fields import read_balance, read_currency, read_entry_field, read_total
from reconciliation.statement import (
    BankReferences,
    Entry,
    Page,
    Sign,
    Statement,
    StatementEnd,
    StatementEvent,
    StatementStart,
    Tally,
)

_PROBLEMS_AT_MOST: Final = 100
_LINE_AT_MOST: Final = 20_000
"""A line has 65 characters; some banks write a whole field 86 into one."""
_TAG: Final = re.compile(r":(13D?|20|21|25P?|28C?|34F|60[FM]|61|62[FM]|64|65|86|90[CD]):(.*)", re.DOTALL)
_ENVELOPE: Final = re.compile(r"\{1:.*?\{4:|\{4:")
_CONTROL: Final = "".join(map(chr, [*range(9), *range(10, 32), 127]))
_INSIDE: Final = str.maketrans(dict.fromkeys(_CONTROL, "\ufffd"))
"""Control characters around a line are the envelope's; inside it they are damage, which no field but a text allows."""
_TEXT_LINES_AT_MOST: Final = 1_000
"""Of one field; the standard has six."""
_WAITING_AT_MOST: Final = 10_000
"""Entries before any field has told the currency; the first field of an MT940 does."""
_AFTER_CLOSING: Final = frozenset({"64", "65", "86"})


def read(file: BinaryIO) -> Iterator[StatementEvent]:
    """The statements of a file and their entries, in the order of the file."""
    reading = _Reading()
    for number, line in _lines(file, reading):
        yield from reading.line(number, line)
    yield from reading.end_of_file()
    if reading.statements == 0 and not reading.problems:
        raise UnknownFormat([Problem(ProblemCode.UNKNOWN_FORMAT, "line 1", "no field 20 begins a statement")])
    if reading.problems:
        raise StatementRefused(reading.problems)


def _lines(file: BinaryIO, reading: "_Reading") -> Iterator[tuple[int, str]]:
    """The lines, whatever ends them, numbered from 1."""
    text = io.TextIOWrapper(file, encoding="latin-1", newline=None)
    try:
        number = 0
        while line := text.readline(_LINE_AT_MOST + 1):
            number += 1
            if len(line) > _LINE_AT_MOST:
                detail = f"the line has more than {_LINE_AT_MOST} characters"
                raise StatementRefused([*reading.problems, Problem(ProblemCode.NOT_READABLE, f"line {number}", detail)])
            yield number, _decoded(line).strip(_CONTROL).translate(_INSIDE).rstrip()
    finally:
        if not file.closed:
            text.detach()


def _decoded(line: str) -> str:
    if line.isascii():
        return line
    data = line.encode("latin-1")
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return line


@dataclass(slots=True)
class _Movement:
    """Field 61 and what follows it, before it is an entry."""

    line: int
    field_61: str
    supplementary: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Message:
    """One message: a statement, or a page of one."""

    line: int
    reference: str
    interim: bool
    account: str | None = None
    account_missed: bool = False
    sequence: int | None = None
    page: int | None = None
    currency: str | None = None
    opening: int | None = None
    opening_on: date | None = None
    opening_seen: bool = False
    closing: int | None = None
    closing_on: date | None = None
    closing_line: int = 0
    closing_tag: str = ""
    available: int | None = None
    started: bool = False
    movement: _Movement | None = None
    waiting: list[_Movement] = field(default_factory=list)
    """Movements read before any field has told the currency."""
    totals: dict[Sign, tuple[int, str]] = field(default_factory=dict)
    """Fields 90: the line and what it says."""
    counted: dict[Sign, int] = field(default_factory=lambda: {Sign.CREDIT: 0, Sign.DEBIT: 0})
    tally: Tally = field(default_factory=Tally)
    contradictions: list[Problem] = field(default_factory=list)

    def statement(self) -> Statement:
        page = None
        if self.page is not None:
            page = Page(self.page, {"62F": True, "62M": False}.get(self.closing_tag))
        return Statement(
            format="mt942" if self.interim else "mt940",
            account=self.account or "",
            currency=self.currency,
            id=self.reference or None,
            sequence=self.sequence,
            page=page,
            from_on=self.opening_on,
            to_on=self.closing_on,
            opening=self.opening,
            closing=self.closing,
            available=self.available,
        )

    def contradict(self, code: ProblemCode, line: int, name: str, detail: str) -> None:
        self.contradictions.append(Problem(code, f"line {line}, {name}", detail))


class _Reading:
    """One pass over one file."""

    def __init__(self) -> None:
        self.statements = 0
        self.problems: list[Problem] = []
        self._message: _Message | None = None
        self._field = ""
        self._interim_envelope = False
        self._last_line = 0
        self._pages: dict[tuple[str, int], tuple[int, int | None]] = {}
        """Of each account and statement number: the last page and its closing balance."""

    def refuse(self, code: ProblemCode, place: str, detail: str) -> None:
        self.problems.append(Problem(code, place, detail))
        if len(self.problems) >= _PROBLEMS_AT_MOST:
            raise StatementRefused(self.problems)

    def line(self, number: int, line: str) -> Iterator[StatementEvent]:
        """Takes the next line of the file."""
        envelope = _ENVELOPE.match(line)
        if envelope is not None:
            yield from self._finish()
            self._interim_envelope = re.search(r"\{2:[IO]942", line) is not None
            line = line[envelope.end() :]
        if not line.strip():
            return
        self._last_line = number
        tag = _TAG.match(line)
        if tag is not None:
            yield from self._tagged(number, tag[1], tag[2])
        elif line.startswith("-}") or (line.strip() == "-" and self._may_end()):
            yield from self._finish()
        else:
            self._continued(line)

    def end_of_file(self) -> Iterator[StatementEvent]:
        """The file is over; a statement still open must be whole."""
        message = self._message
        if message is not None and not message.interim:
            if not message.closing_tag:
                self.refuse(ProblemCode.TRUNCATED, f"line {self._last_line}", "the file ends before field 62")
            elif message.closing is None and message.closing_line == self._last_line:
                self.refuse(ProblemCode.TRUNCATED, f"line {self._last_line}", "the file ends inside field 62")
        yield from self._finish()

    def _may_end(self) -> bool:
        """A hyphen alone ends a message that is complete; before that it is text."""
        return self._message is None or self._message.interim or bool(self._message.closing_tag)

    def _tagged(self, number: int, tag: str, text: str) -> Iterator[StatementEvent]:
        if tag == "20":
            yield from self._finish()
            self.statements += 1
            self._message = _Message(number, text.strip(), self._interim_envelope)
            self._field = tag
            return
        message = self._message
        if message is None:
            self.refuse(ProblemCode.MALFORMED_STATEMENT, f"line {number}", f"field {tag} stands before field 20")
            self._message = message = _Message(number, "", self._interim_envelope)
            self.statements += 1
        if message.closing_tag and tag not in _AFTER_CLOSING:
            self.refuse(ProblemCode.MALFORMED_STATEMENT, f"line {number}", f"field {tag} stands after field 62")
        if tag == "86" and message.movement is not None and not message.closing_tag:
            message.movement.words.append(text.strip())
        elif tag != "86":
            yield from self._complete(message)
            yield from self._field_of(message, number, tag, text)
        self._field = tag

    def _field_of(self, message: _Message, number: int, tag: str, text: str) -> Iterator[StatementEvent]:
        match tag:
            case "25" | "25P":
                message.account = text.strip() or message.account
            case "28" | "28C":
                statement, _, page = text.strip().partition("/")
                message.sequence = _number(statement)
                message.page = _number(page)
            case "13D" | "34F":
                message.interim = message.interim or not message.opening_seen
                self._learn_currency(message, number, text)
            case "60F" | "60M":
                self._opening(message, number, tag, text)
            case "61":
                message.movement = _Movement(number, text.strip())
            case "62F" | "62M":
                self._closing(message, number, tag, text)
                yield from self._release(message)
            case "64":
                self._learn_currency(message, number, text)
                message.available = self._balance(message, number, tag, text)[0]
            case "90C" | "90D":
                message.interim = message.interim or not message.opening_seen
                self._learn_currency(message, number, text)
                message.totals[Sign.CREDIT if tag == "90C" else Sign.DEBIT] = (number, text.strip())
                yield from self._release(message)

    def _continued(self, line: str) -> None:
        """A line that begins no field: more of the text before it, or something between messages."""
        movement = self._message.movement if self._message is not None else None
        if movement is None:
            return
        if len(movement.words) + len(movement.supplementary) >= _TEXT_LINES_AT_MOST:
            detail = f"the entry has more than {_TEXT_LINES_AT_MOST} lines"
            raise StatementRefused([*self.problems, Problem(ProblemCode.NOT_READABLE, f"line {movement.line}", detail)])
        if self._field == "86":
            movement.words.append(line.strip())
        elif self._field == "61":
            movement.supplementary.append(line.strip())

    def _opening(self, message: _Message, number: int, tag: str, text: str) -> None:
        if message.opening_seen or message.tally.entries or message.waiting:
            detail = f"field {tag} stands there twice or after an entry"
            self.refuse(ProblemCode.MALFORMED_STATEMENT, f"line {number}", detail)
            return
        message.opening_seen = True
        message.interim = False
        self._learn_currency(message, number, text)
        message.opening, message.opening_on = self._balance(message, number, tag, text)
        before = self._pages.get((message.account or "", message.sequence or 0))
        if before is None or message.page is None or message.page <= before[0]:
            return
        if message.page != before[0] + 1:
            message.contradict(ProblemCode.PAGE_GAP, number, tag, f"page {message.page} follows page {before[0]}")
        elif message.opening is not None and before[1] is not None and message.opening != before[1]:
            detail = f"the page opens with {message.opening}, the page before closes with {before[1]}"
            message.contradict(ProblemCode.PAGE_GAP, number, tag, detail)

    def _closing(self, message: _Message, number: int, tag: str, text: str) -> None:
        message.closing_tag, message.closing_line = tag, number
        self._learn_currency(message, number, text)
        message.closing, message.closing_on = self._balance(message, number, tag, text)
        if message.page is not None:
            self._pages[message.account or "", message.sequence or 0] = (message.page, message.closing)

    def _balance(self, message: _Message, number: int, tag: str, text: str) -> tuple[int | None, date | None]:
        if message.currency is None:
            message.contradict(ProblemCode.BALANCE, number, tag, "the balance names no currency")
            return None, None
        try:
            balance = read_balance(text.strip(), message.currency)
        except Unreadable as error:
            message.contradict(ProblemCode.BALANCE, number, tag, error.detail)
            return None, None
        return balance.amount, balance.on

    def _learn_currency(self, message: _Message, number: int, text: str) -> None:
        """The first field that names a currency names that of the statement."""
        currency = read_currency(text.strip())
        if message.currency is not None or currency is None:
            return
        try:
            decimals_of(currency)
        except Unreadable as error:
            self.refuse(error.code, f"line {number}", error.detail)
            return
        message.currency = currency

    def _complete(self, message: _Message) -> Iterator[StatementEvent]:
        """The movement before this field is whole."""
        movement, message.movement = message.movement, None
        if movement is not None:
            message.waiting.append(movement)
            yield from self._release(message)
            if len(message.waiting) > _WAITING_AT_MOST:
                problem = Problem(ProblemCode.CURRENCY, f"line {message.line}", "the statement names no currency")
                raise StatementRefused([*self.problems, problem])

    def _release(self, message: _Message) -> Iterator[StatementEvent]:
        """Turns movements into entries as soon as the account and the currency are known."""
        if message.currency is None or not self._start(message):
            return
        if not message.started:
            message.started = True
            yield StatementStart(message.statement())
        waiting, message.waiting = message.waiting, []
        for movement in waiting:
            try:
                entry = _entry(movement, message.currency)
            except Unreadable as error:
                message.tally.not_added += 1
                self.refuse(error.code, f"line {movement.line}", error.detail)
            else:
                message.tally.add(entry)
                message.counted[entry.sign] += 1
                yield entry

    def _start(self, message: _Message) -> bool:
        """Whether the message names its account; if not, it is refused once."""
        if message.account is None and not message.account_missed:
            message.account_missed = True
            self.refuse(ProblemCode.ACCOUNT, f"line {message.line}", "the statement names no account in field 25")
        return message.account is not None

    def _finish(self) -> Iterator[StatementEvent]:
        """The message is over."""
        message, self._message, self._field = self._message, None, ""
        self._interim_envelope = False
        if message is None:
            return
        yield from self._complete(message)
        if message.waiting and message.currency is None:
            self.refuse(ProblemCode.CURRENCY, f"line {message.line}", "the statement names no currency")
        if not self._start(message):
            return
        yield from self._release(message)
        if not message.started:
            yield StatementStart(message.statement())
        yield self._end(message)

    def _end(self, message: _Message) -> StatementEnd:
        if not message.interim:
            if not message.opening_seen:
                message.contradict(ProblemCode.MISSING_OPENING_BALANCE, message.line, "60F", "no opening balance")
            if not message.closing_tag:
                message.contradict(ProblemCode.MISSING_CLOSING_BALANCE, message.line, "62F", "no closing balance")
        self._check_totals(message)
        place = f"line {message.closing_line or message.line}, {message.closing_tag or '20'}"
        return message.tally.end(message.statement(), place, message.contradictions)

    def _check_totals(self, message: _Message) -> None:
        """Fields 90 of an interim report: count and sum of what it holds."""
        for sign, (number, text) in message.totals.items():
            if message.currency is None or message.tally.not_added:
                return
            name = "90C" if sign is Sign.CREDIT else "90D"
            try:
                total = read_total(text, message.currency)
            except Unreadable as error:
                message.contradict(error.code, number, name, error.detail)
                continue
            booked = message.tally.sum_credits if sign is Sign.CREDIT else message.tally.sum_debits
            if (total.count, total.amount) != (message.counted[sign], booked) and not message.tally.not_booked:
                detail = f"states {total.count} entries of {total.amount}, holds {message.counted[sign]} of {booked}"
                message.contradict(ProblemCode.SUMMARY_MISMATCH, number, name, detail)


def _entry(movement: _Movement, currency: str) -> Entry:
    fields = read_entry_field(movement.field_61, currency)
    return Entry(
        place=f"line {movement.line}",
        sign=fields.sign,
        amount=fields.amount,
        status=fields.status,
        reversal=fields.reversal,
        booked_on=fields.booked_on,
        value_on=fields.value_on,
        bank_reference=fields.bank_reference,
        references=BankReferences(end_to_end_id=fields.customer_reference),
        bank_transaction_code=fields.type,
        text="\n".join(word for word in movement.words if word) or None,
        additional_text="\n".join(movement.supplementary) or None,
    )


def _number(text: str) -> int | None:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None
