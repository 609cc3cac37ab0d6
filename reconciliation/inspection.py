"""Looking at a statement file without loading it (`thuchi statement inspect`).

The form is a contract with outsiders: amounts are integers in minor units of the statement's currency, entries and sums
count booked entries only, and `adds_up` is null where a balance is not given, or given impossibly.
"""

from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Final

from reconciliation.errors import Problem, StatementRefused
from reconciliation.formats import read_statements
from reconciliation.references import find_references
from reconciliation.statement import BankReferences, Detail, Entry, EntryStatus, StatementEnd, StatementStart

_NO_REFERENCE: Final = frozenset({"NOTPROVIDED", "NONREF", "NOT PROVIDED", "NONE"})
"""What banks write where there is no reference (ISO 20022, SWIFT)."""

Json = dict[str, object]


class Verdict(IntEnum):
    """What an inspection comes to; the exit code of the command."""

    READ = 0
    """Read, and nothing contradicts."""
    CONTRADICTS = 1
    """Read, but something does not add up."""
    REFUSED = 2
    """A part could not be read: nothing of the file may be used."""


@dataclass(frozen=True, slots=True)
class InspectedStatement:
    """One statement of the file, and the references its booked entries carry, each once, in the order of the file."""

    end: StatementEnd
    references: tuple[str, ...]

    def as_json(self) -> Json:
        statement = self.end.statement
        return {
            "account": statement.account,
            "currency": statement.currency,
            "id": statement.id,
            "from": statement.from_on.isoformat() if statement.from_on else None,
            "to": statement.to_on.isoformat() if statement.to_on else None,
            "opening": statement.opening,
            "closing": statement.closing,
            "entries": self.end.entries,
            "not_booked": self.end.not_booked,
            "sum_credits": self.end.sum_credits,
            "sum_debits": self.end.sum_debits,
            "adds_up": self.end.adds_up,
            "references": list(self.references),
        }


@dataclass(slots=True)
class _References:
    """The references met so far in a statement."""

    found: dict[str, None] = field(default_factory=dict)

    def take(self, entry: Entry) -> None:
        """Notes the references of a booked entry: those the bank echoes, and ours wherever they stand."""
        if entry.status is not EntryStatus.BOOKED:
            return
        self._note(entry.references, entry.text, entry.additional_text)
        for detail in entry.details:
            self._note(detail.references, *_words(detail))

    def _note(self, references: BankReferences, *words: str | None) -> None:
        given = references.end_to_end_id
        if given is not None and given.upper() not in _NO_REFERENCE:
            self.found[given] = None
        searched = (references.instruction_id, references.transaction_id, *words)
        for text in searched:
            if text is not None:
                self.found.update(dict.fromkeys(find_references(text)))


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a statement file says, and what is wrong with it."""

    format: str | None
    """None where the format is not known."""
    statements: tuple[InspectedStatement, ...]
    problems: tuple[Problem, ...]
    verdict: Verdict

    @property
    def exit_code(self) -> int:
        """0 read, 1 something contradicts, 2 refused."""
        return int(self.verdict)

    def as_json(self) -> Json:
        """The form that `thuchi statement inspect --json` prints."""
        return {
            "format": self.format,
            "statements": [statement.as_json() for statement in self.statements],
            "problems": [
                {"code": problem.code.value, "place": problem.place, "detail": problem.detail}
                for problem in self.problems
            ],
        }


def inspect(path: Path) -> Inspection:
    """Reads the whole file; a file that is refused still shows the statements that were read before its end."""
    statements: list[InspectedStatement] = []
    problems: list[Problem] = []
    references = _References()
    file_format = None
    verdict = Verdict.READ
    try:
        for event in read_statements(path):
            match event:
                case StatementStart(statement):
                    file_format = file_format or statement.format
                    references = _References()
                case Entry():
                    references.take(event)
                case StatementEnd():
                    statements.append(InspectedStatement(event, tuple(references.found)))
                    problems.extend(event.contradictions)
    except StatementRefused as refused:
        problems.extend(refused.problems)
        verdict = Verdict.REFUSED
    if problems:
        verdict = max(verdict, Verdict.CONTRADICTS)
    return Inspection(file_format, tuple(statements), tuple(problems), verdict)


def _words(detail: Detail) -> tuple[str | None, ...]:
    return detail.text, detail.additional_text, detail.creditor_reference
