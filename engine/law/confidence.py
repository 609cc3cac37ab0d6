"""Which values a set of decisions rests on that nobody has confirmed in the text of the law.

A real payment run that rests on such a value must name it, and both approvers see it. The functions here read
findings as awards keep them (the JSON of `Finding.as_json`), so a run is examined without deciding anything again.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from engine.law.parameters import Confidence


@dataclass(frozen=True, slots=True, order=True)
class Unconfirmed:
    """A dated value that decisions used, with its ground in both languages and the steps that used it."""

    name: str
    since: str
    citation_vi: str
    citation_en: str
    steps: tuple[str, ...]


def unconfirmed_values(findings: Iterable[Mapping[str, Any]]) -> tuple[Unconfirmed, ...]:
    """Every unconfirmed value among the findings of one or many decisions, each once, by name and date."""
    found: dict[tuple[str, str], tuple[Mapping[str, Any], set[str]]] = {}
    for finding in findings:
        for used in finding["parameters"]:
            if used["confidence"] == Confidence.UNCONFIRMED:
                _, steps = found.setdefault((used["name"], used["from"]), (used["citation"], set()))
                steps.add(finding["rule"])
    return tuple(
        Unconfirmed(name, since, citation["vi"], citation["en"], tuple(sorted(steps)))
        for (name, since), (citation, steps) in sorted(found.items())
    )


def not_named(findings: Iterable[Mapping[str, Any]], named: Collection[str]) -> tuple[Unconfirmed, ...]:
    """The unconfirmed values that a run rests on and does not name; a real run with any of them is refused."""
    return tuple(value for value in unconfirmed_values(findings) if value.name not in named)
