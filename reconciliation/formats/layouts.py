"""Layouts of bank exports as data: how a bank names its columns and balances. A new bank is a file in `layouts/`.

A layout only adds to the words that are common to all (`common.yaml`): words that tell the bank, columns of its own,
and its habits. The words are compared folded: capitals, no marks, one blank between words.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml

from reconciliation.references import fold

_LAYOUTS: Final = Path(__file__).parents[1] / "layouts"
_BETWEEN: Final = re.compile(r"[^A-Z0-9]+")
Name = TypeVar("Name")
_PARTS: Final = re.compile(r"[/\n\r()|]")


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
    FEE = "fee"
    TAX = "tax"
    NET = "net"
    BALANCE = "balance"
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

    def column(self, cell: str) -> Column | None:
        """What a cell of the header names; the longest words win."""
        return _named(_header_parts(cell), self.columns)

    def label(self, cell: str) -> Label | None:
        """What a cell beside the table is about; words count where the cell begins with them."""
        return _named((folded(cell.partition(":")[0]), *_header_parts(cell)), self.labels)


def folded(text: str) -> str:
    """Capitals without marks, one blank between words.

    >>> folded("Số dư đầu kỳ / Opening")
    'SO DU DAU KY OPENING'
    """
    return _BETWEEN.sub(" ", fold(text)).strip()


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
    return _read(_LAYOUTS / "common.yaml", None)


@cache
def _layouts() -> tuple[Layout, ...]:
    paths = sorted(path for path in _LAYOUTS.glob("*.yaml") if path.stem != "common")
    return tuple(_read(path, common()) for path in paths)


def _read(path: Path, base: Layout | None) -> Layout:
    told: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
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
    )


def _words(told: dict[str, list[str]], name: str) -> tuple[str, ...]:
    return tuple(folded(words) for words in told.get(name, ()))


def _header_parts(cell: str) -> tuple[str, ...]:
    return (folded(cell), *(folded(part) for part in _PARTS.split(cell)))


def _named(parts: Iterable[str], names: dict[Name, tuple[str, ...]]) -> Name | None:
    best: tuple[int, Name] | None = None
    for part in parts:
        for name, phrases in names.items():
            for phrase in phrases:
                if (part == phrase or part.startswith(f"{phrase} ")) and (best is None or len(phrase) > best[0]):
                    best = len(phrase), name
    return best[1] if best else None
