"""What a camt statement states of itself in TxsSummry: how many entries, and their sums. Held against the count."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from lxml import etree

from reconciliation.errors import Problem, ProblemCode
from reconciliation.formats.amounts import Unreadable, read_decimal_point
from reconciliation.formats.camt_elements import child, text_at
from reconciliation.statement import Tally

_TOTALS: Final = ("TtlNtries", "TtlCdtNtries", "TtlDbtNtries")


@dataclass(frozen=True, slots=True)
class Stated:
    """One of the totals. Banks leave out what they like."""

    name: str
    count: int | None
    sum: int | None
    problem: Problem | None = None
    """The sum is given, but is no amount."""


def read_summary(element: etree._Element, currency: str | None) -> tuple[Stated, ...]:
    """The totals of all entries, of the credits and of the debits, as far as they are given."""
    summary = child(element, "TxsSummry")
    if summary is None or currency is None:
        return ()
    return tuple(_stated(summary, name, currency) for name in _TOTALS if child(summary, name) is not None)


def _stated(summary: etree._Element, name: str, currency: str) -> Stated:
    count, written = text_at(summary, name, "NbOfNtries"), text_at(summary, name, "Sum")
    total, problem = None, None
    try:
        total = read_decimal_point(written, currency) if written is not None else None
    except Unreadable as error:
        problem = Problem(ProblemCode.SUMMARY_MISMATCH, f"/TxsSummry/{name}/Sum", error.detail)
    counted = count is not None and count.isascii() and count.isdigit() and len(count) <= 15
    return Stated(name, int(count) if count is not None and counted else None, total, problem)


def check_summary(stated: tuple[Stated, ...], tally: Tally) -> Iterator[Problem]:
    """What is stated otherwise than counted.

    Whether a total counts what is not booked yet is told nowhere, so a statement with such entries is not compared; nor
    are the sums of one with entries in another currency. The total of all entries is gross at most banks, net at some.
    """
    if tally.not_booked:
        return
    gross, net = tally.sum_credits + tally.sum_debits, abs(tally.sum_credits - tally.sum_debits)
    sums = {"TtlNtries": {gross, net}, "TtlCdtNtries": {tally.sum_credits}, "TtlDbtNtries": {tally.sum_debits}}
    for total in stated:
        place = f"/TxsSummry/{total.name}"
        if total.problem is not None:
            yield total.problem
        if total.name == "TtlNtries" and total.count not in (None, tally.entries):
            yield Problem(ProblemCode.SUMMARY_MISMATCH, place, f"states {total.count} entries, holds {tally.entries}")
        if total.sum is not None and total.sum not in sums[total.name] and not tally.not_added:
            detail = f"states entries of {total.sum}, holds {max(sums[total.name])}"
            yield Problem(ProblemCode.SUMMARY_MISMATCH, place, detail)
