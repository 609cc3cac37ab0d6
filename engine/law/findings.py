"""Findings (kết luận áp dụng): each step of a decision with its article, inputs, parameters, formula and value.

A rule writes into a Record while it computes. The record is what the award keeps and the portal shows as căn cứ
pháp lý; it turns into JSON or into text only when someone reads it, so that a million of them stay cheap.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from engine.law.documents import Citation
from engine.law.parameters import Confidence, DatedValue


@dataclass(frozen=True, slots=True)
class Step:
    """The name of a step and its formula in words, in Vietnamese and English."""

    rule: str
    vietnamese: str
    english: str


class Finding:
    """One step applied to one case. `value` is whole đồng, an exact number, a date, a word or None."""

    __slots__ = ("article", "inputs", "numbers", "parameters", "rounding", "step", "value")

    def __init__(
        self,
        step: Step,
        article: Citation,
        inputs: Mapping[str, Any],
        parameters: tuple[DatedValue, ...],
        numbers: str,
        rounding: str | None,
        value: Any,
    ) -> None:
        self.step = step
        self.article = article
        self.inputs = inputs
        self.parameters = parameters
        self.numbers = numbers
        self.rounding = rounding
        self.value = value

    def as_json(self) -> dict[str, Any]:
        return {
            "rule": self.step.rule,
            "article": self.article.as_json(),
            "inputs": plain(self.inputs),
            "parameters": [
                {
                    "name": used.name,
                    "value": plain(used.value),
                    "from": used.starts_on.isoformat(),
                    "confidence": used.confidence.value,
                    "citation": used.citation.as_json(),
                }
                for used in self.parameters
            ],
            "formula": {"vi": self.step.vietnamese, "en": self.step.english, "numbers": self.numbers},
            "rounding": self.rounding,
            "value": plain(self.value),
        }


class Record:
    """The findings of one decision, in the order in which they were made."""

    __slots__ = ("findings",)

    def __init__(self) -> None:
        self.findings: list[Finding] = []

    def find(
        self,
        step: Step,
        article: Citation,
        value: Any,
        inputs: Mapping[str, Any],
        numbers: str,
        parameters: tuple[DatedValue, ...] = (),
        rounding: str | None = None,
    ) -> None:
        self.findings.append(Finding(step, article, inputs, parameters, numbers, rounding, value))

    def unconfirmed(self) -> tuple[str, ...]:
        """Names of the parameters this decision rests on whose values nobody has confirmed."""
        return tuple(
            sorted(
                {
                    used.name
                    for finding in self.findings
                    for used in finding.parameters
                    if used.confidence is Confidence.UNCONFIRMED
                }
            )
        )

    def as_json(self) -> list[dict[str, Any]]:
        return [finding.as_json() for finding in self.findings]


def plain(value: Any) -> Any:
    """A value as JSON carries it: whole numbers as integers, every other exact number as text."""
    match value:
        case str():
            return str(value)
        case bool() | None:
            return value
        case int():
            return value if type(value) is int else str(value)
        case Decimal() | Fraction():
            return number_text(value)
        case date():
            return value.isoformat()
        case Mapping():
            return {str(key): plain(entry) for key, entry in value.items()}
        case list() | tuple():
            return [plain(entry) for entry in value]
        case _:
            return str(value)


def number_text(value: Decimal | Fraction | int) -> str:
    """An exact number as decimal text, or as a fraction where no decimal is exact.

    >>> number_text(Fraction(125, 2)), number_text(Decimal("71.0")), number_text(Fraction(1, 3))
    ('62.5', '71', '1/3')
    """
    if isinstance(value, int):
        return str(value)
    exact = Fraction(value)
    twos, rest = _power(2, exact.denominator)
    fives, rest = _power(5, rest)
    if rest != 1:
        return f"{exact.numerator}/{exact.denominator}"
    digits = max(twos, fives)
    scaled = exact.numerator * 10**digits // exact.denominator
    if digits == 0:
        return str(scaled)
    sign, text = ("-" if scaled < 0 else ""), str(abs(scaled)).rjust(digits + 1, "0")
    return f"{sign}{text[:-digits]}.{text[-digits:]}"


def _power(prime: int, number: int) -> tuple[int, int]:
    """How often a prime divides a number, and what is left."""
    times = 0
    while number % prime == 0:
        number //= prime
        times += 1
    return times, number
