"""Layouts of bank exports as data: how a bank names its columns and balances. A new bank is a file in `layouts/`.

A layout only adds to the words that are common to all (`common.yaml`): words that tell the bank, columns of its own,
and its habits. The words are compared folded: capitals, no marks, one blank between words.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml

from reconciliation.errors import ReconciliationError
from reconciliation.references import fold

_LAYOUTS: Final = Path(__file__).parents[1] / "layouts"
_BETWEEN: Final = re.compile(r"[^A-Z0-9]+")
_HABITS: Final = ("negative_debits", "paid_out")
_KEYS: Final = frozenset({"confidence", "told_by", "columns", "labels", *_HABITS})
_CONFIDENCE: Final = ("seen", "secondary", "unconfirmed")
Name = TypeVar("Name")
_PARTS: Final = re.compile(r"[/\n\r()|]")
_PLAIN: Final = re.compile(r"\s*(no|co)\b", re.IGNORECASE | re.ASCII)
"""Words that are Nợ and Có without their marks, and English as well: No. 1, Co. Ltd."""


class WrongLayout(ReconciliationError):
    """A layout of bank exports cannot be used as it is written."""

    code = "wrong_layout"

    def __init__(self, file_name: str, problems: Sequence[str]) -> None:
        super().__init__("\n".join(f"layouts/{file_name}: {problem}" for problem in problems))


class Column(StrEnum):
    """What a column of the table holds."""

    BOOKED_ON = "booked_on"
    VALUE_ON = "value_on"
    REFERENCE = "reference"
    OWN_REFERENCE = "own_reference"
    """What we called it ourselves: settlement files of wallets and payment pages repeat the number of our order."""
    TEXT = "text"
    DEBIT = "debit"
    CREDIT = "credit"
    AMOUNT = "amount"
    """One column for both directions: the sign of the number, or the mark, tells which."""
    MARK = "mark"
    """Nợ or Có, D or C, + or -."""
    KIND = "kind"
    """What kind of booking it is, in the bank's words; at some only money in or money out."""
    FEE = "fee"
    TAX = "tax"
    NET = "net"
    BALANCE = "balance"
    ACCOUNT = "account"
    """The account itself, told in each row; looked at where the title names none."""
    COUNTERPARTY_ACCOUNT = "counterparty_account"
    COUNTERPARTY_NAME = "counterparty_name"
    VIRTUAL_ACCOUNT = "virtual_account"
    STATUS = "status"
    CURRENCY = "currency"
    """Of the row, where the bank says it in each."""


class Label(StrEnum):
    """What stands beside the table, in a cell of its own or before a colon."""

    ACCOUNT = "account"
    CURRENCY = "currency"
    OPENING = "opening"
    CLOSING = "closing"
    TOTAL = "total"
    TOTAL_DEBIT = "total_debit"
    TOTAL_CREDIT = "total_credit"
    COUNT_DEBIT = "count_debit"
    COUNT_CREDIT = "count_credit"
    PERIOD = "period"
    ASIDE = "aside"
    """Something that is neither a booking nor a balance of the account, such as what is at disposal."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How one bank writes its export."""

    name: str
    confidence: str
    """`seen` in a real file, `secondary` from programs that read it, `unconfirmed` from public words only."""
    told_by: tuple[str, ...]
    """Folded words of the title block that tell this bank."""
    columns: dict[Column, tuple[str, ...]]
    labels: dict[Label, tuple[str, ...]]
    negative_debits: bool
    """The bank writes money out below zero in a column of its own."""
    paid_out: bool
    """Every amount is money out, whatever its sign: a list of what was paid."""

    def column(self, cell: str, *, without_marks: bool = False) -> Column | None:
        """What a cell of the header names; the longest words win.

        `No` is the number of a row, unless the header is written without marks.
        """
        parts = (cell, *_PARTS.split(cell))
        if not without_marks:
            parts = tuple(part for part in parts if not _PLAIN.match(unicodedata.normalize("NFC", part)))
        return _named(map(folded, parts), self.columns)

    def label(self, cell: str) -> Label | None:
        """What a cell beside the table is about; words count where the cell begins with them."""
        return _named(map(folded, (cell.partition(":")[0], cell, *_PARTS.split(cell))), self.labels)


def folded(text: str) -> str:
    """Capitals without marks, one blank between words.

    >>> folded("Số dư đầu kỳ / Opening")
    'SO DU DAU KY OPENING'
    """
    return _BETWEEN.sub(" ", fold(text)).strip()


def is_without_marks(header: Sequence[str]) -> bool:
    """Whether a header names both Nợ and Có without their marks."""
    plain = {part.strip(" .").casefold() for cell in header for part in _PARTS.split(cell)}
    return {"no", "co"} <= plain


def layout_of(title: Iterable[str]) -> Layout:
    """The layout that the words of a title block tell, or the common one."""
    words = " ".join(f" {folded(cell)} " for cell in title)
    for layout in _layouts():
        if any(f" {told} " in words for told in layout.told_by):
            return layout
    return common()


@cache
def common() -> Layout:
    """The words that all banks share."""
    return read_layout(_LAYOUTS / "common.yaml", None)


@cache
def _layouts() -> tuple[Layout, ...]:
    paths = sorted(path for path in _LAYOUTS.glob("*.yaml") if path.stem != "common")
    return tuple(read_layout(path, common()) for path in paths)


def read_layout(path: Path, base: Layout | None) -> Layout:
    """A layout file, whose words come before those of its base. Refused with everything that is wrong with it."""
    try:
        told = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise WrongLayout(path.name, [f"no YAML: {error}"]) from error
    problems = list(_problems(told, base))
    if problems:
        raise WrongLayout(path.name, problems)
    return Layout(
        name=path.stem,
        confidence=told["confidence"],
        told_by=tuple(folded(words) for words in told.get("told_by", ())),
        columns={
            column: (*_words(told.get("columns", {}), column), *(base.columns[column] if base else ()))
            for column in Column
        },
        labels={
            label: (*_words(told.get("labels", {}), label), *(base.labels[label] if base else ())) for label in Label
        },
        negative_debits=told.get("negative_debits", False),
        paid_out=told.get("paid_out", False),
    )


def _words(told: dict[str, list[str]], name: str) -> tuple[str, ...]:
    return tuple(folded(words) for words in told.get(name, ()))


def _problems(told: Any, base: Layout | None) -> Iterator[str]:
    """What is wrong with a layout: a misspelt name would be overlooked, and its column with it."""
    if not isinstance(told, dict):
        yield f"not a table of keys: {', '.join(sorted(_KEYS))}"
        return
    for key in told.keys() - _KEYS:
        yield f"{key}: unknown; the keys are {', '.join(sorted(_KEYS))}"
    if told.get("confidence") not in _CONFIDENCE:
        yield f"confidence: must be one of {', '.join(_CONFIDENCE)}"
    for habit in _HABITS:
        if not isinstance(told.get(habit, False), bool):
            yield f"{habit}: must be true or false"
    if base is not None:
        yield from _word_problems("told_by", told.get("told_by"))
    for part, names in (("columns", list(Column)), ("labels", list(Label))):
        words = told.get(part, {})
        if not isinstance(words, dict):
            yield f"{part}: must be names with a list of words each"
            continue
        for name, phrases in words.items():
            if name not in names:
                yield f"{part}.{name}: unknown; the names are {', '.join(names)}"
            else:
                yield from _word_problems(f"{part}.{name}", phrases)


def _word_problems(where: str, phrases: Any) -> Iterator[str]:
    if not isinstance(phrases, list) or not phrases:
        yield f"{where}: must be a list of words in square brackets"
        return
    for phrase in phrases:
        if not isinstance(phrase, str):
            yield f"{where}: {phrase!r} is no text; put it in quotes"
        elif not folded(phrase):
            yield f"{where}: {phrase!r} holds no letters"


def _named(parts: Iterable[str], names: dict[Name, tuple[str, ...]]) -> Name | None:
    best: tuple[int, Name] | None = None
    for part in parts:
        for name, phrases in names.items():
            for phrase in phrases:
                if (part == phrase or part.startswith(f"{phrase} ")) and (best is None or len(phrase) > best[0]):
                    best = len(phrase), name
    return best[1] if best else None
