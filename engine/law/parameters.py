"""The numbers that law fixes, by date, each with the article that fixes it.

A parameter is a YAML file under `parameters/<area>/`. Its values follow each other without gap or overlap, and
each cites its document and says how sure we are of it. Where a value existed that we have not been able to read, the
file says so under `unknown`, with the reason; nothing is ever filled in for it. Money is whole đồng; anything with a
fraction is quoted text and becomes a Decimal. A floating-point number anywhere is refused.
"""

import hashlib
import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import yaml

from engine.law.documents import DOCUMENTS_FILE, HOME, Citation, Document, documents
from engine.law.errors import NoSuchParameter, NoValueOnDate, ParametersUnreadable

PARAMETERS_DIRECTORY = HOME / "parameters"

_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_FILE_KEYS = {"description", "label", "unit", "values"}
_GAPS = "unknown"
_GAP_KEYS = {"from", "to", "why"}
_VALUE_KEYS = {
    "from",
    "to",
    "value",
    "document",
    "article",
    "clause",
    "point",
    "confidence",
    "doubtful",
    "issued_on",
}
_REQUIRED_KEYS = {"from", "value", "document", "article", "confidence"}
_DAY = timedelta(days=1)


class Confidence(StrEnum):
    """How a value came to us: read in the text, told by others, or remembered and reconstructed."""

    OFFICIAL = "official"
    SECONDARY = "secondary"
    UNCONFIRMED = "unconfirmed"


@dataclass(frozen=True, slots=True)
class DatedValue:
    """One value of a parameter, the days it holds (ends_on None: still), and its ground."""

    name: str
    value: Any
    starts_on: date
    ends_on: date | None
    citation: Citation
    confidence: Confidence
    issued_on: date
    doubtful: Mapping[Any, Confidence]

    def of(self, *keys: Any) -> Confidence:
        """The confidence of the entries of a table that a rule read."""
        return max((self.doubtful.get(key, self.confidence) for key in keys), key=_RANK.__getitem__)

    def narrowed(self, *keys: Any) -> "DatedValue":
        """The entries of a table that a rule read, as sure as they are."""
        entries = MappingProxyType({key: self.value[key] for key in keys})
        return replace(self, value=entries, confidence=self.of(*keys))


_RANK = {Confidence.OFFICIAL: 0, Confidence.SECONDARY: 1, Confidence.UNCONFIRMED: 2}


@dataclass(frozen=True, slots=True)
class Gap:
    """Days on which a value held that we have not been able to read, and why."""

    starts_on: date
    ends_on: date
    why: str


@dataclass(frozen=True, slots=True)
class Parameter:
    """A named parameter with all its values in order of time."""

    name: str
    area: str
    description: str
    label: str
    unit: str
    values: tuple[DatedValue, ...]
    gaps: tuple[Gap, ...] = ()

    def stretches(self) -> Sequence[tuple[date, date | None]]:
        """The stretches of days without interruption on which there is a value (None: still)."""
        found: list[tuple[date, date | None]] = []
        for value in self.values:
            last_end = found[-1][1] if found else None
            if last_end is not None and last_end + _DAY == value.starts_on:
                found[-1] = (found[-1][0], value.ends_on)
            else:
                found.append((value.starts_on, value.ends_on))
        return found


class Parameters:
    """All parameters, as known to us on a day or (by default) as known now."""

    __slots__ = ("_by_name", "_known_on", "_starts")

    def __init__(self, parameters: Iterable[Parameter], known_on: date | None = None) -> None:
        self._by_name = {parameter.name: parameter for parameter in parameters}
        self._known_on = known_on
        self._starts = {name: [value.starts_on for value in p.values] for name, p in self._by_name.items()}

    @classmethod
    def load(cls) -> "Parameters":
        """The parameters of this installation, read once."""
        return _installed()

    def known_on(self, day: date) -> Self:
        """What someone could know on that day: documents issued later do not exist for them.

        A value that a later document ended runs on, because nobody knew of its end.
        """
        return type(self)((_as_known(parameter, day) for parameter in self._by_name.values()), day)

    def changed(self, name: str, starts_on: date, value: Any) -> Self:
        """A what-if: the same law with another value of one parameter from a day on, unconfirmed by its nature."""
        parameter = self.parameter(name)
        problem = _misfit(value, parameter.values[-1].value)
        if problem:
            raise ParametersUnreadable([f"{name}: {problem}"])
        kept = [_ended(known, starts_on - _DAY) for known in parameter.values if known.starts_on < starts_on]
        assumed = DatedValue(
            name=name,
            value=_exact(value),
            starts_on=starts_on,
            ends_on=None,
            citation=_ASSUMPTION,
            confidence=Confidence.UNCONFIRMED,
            issued_on=starts_on,
            doubtful=MappingProxyType({}),
        )
        others = (other for other in self._by_name.values() if other is not parameter)
        return type(self)((*others, replace(parameter, values=(*kept, assumed))), self._known_on)

    def names(self) -> Sequence[str]:
        return sorted(self._by_name)

    def parameter(self, name: str) -> Parameter:
        try:
            return self._by_name[name]
        except KeyError:
            raise NoSuchParameter(f"there is no parameter {name!r}") from None

    def at(self, name: str, on: date) -> DatedValue:
        """The value that holds on a day, with its ground."""
        starts = self._starts.get(name)
        if starts is None:
            raise NoSuchParameter(f"there is no parameter {name!r}")
        place = bisect_right(starts, on) - 1
        if place >= 0:
            found = self._by_name[name].values[place]
            if found.ends_on is None or on <= found.ends_on:
                return found
        why = "".join(f" ({gap.why})" for gap in self._by_name[name].gaps if gap.starts_on <= on <= gap.ends_on)
        raise NoValueOnDate(f"{name} has no value on {on}{why}; {self._dates_of(name)}")

    def value(self, name: str, on: date, known_on: date | None = None) -> Any:
        """The bare value on a day, optionally as it was known on another."""
        law = self if known_on is None else self.known_on(known_on)
        return law.at(name, on).value

    def _dates_of(self, name: str) -> str:
        stretches = self._by_name[name].stretches()
        if not stretches:
            return f"no document that gives one had been issued by {self._known_on}"
        dates = (f"from {start} {'on' if end is None else f'to {end}'}" for start, end in stretches)
        return f"values exist {', '.join(dates)}"


def law_version() -> str:
    """A name for the law as written here: it changes with any byte of any document or parameter."""
    return _version(DOCUMENTS_FILE, PARAMETERS_DIRECTORY)


def read_parameters(directory: Path, known: Mapping[str, Document]) -> Parameters:
    """Reads every file under a directory and refuses them all together if one is wrong."""
    problems: list[str] = []
    parameters: dict[str, Parameter] = {}
    for path in sorted(directory.glob("*/*.yaml")):
        place = f"{path.parent.name}/{path.name}"
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
        found = [f"{place}: {problem}" for problem in _problems(raw, known)]
        if path.stem in parameters:
            found.append(f"{place}: a parameter of this name stands in {parameters[path.stem].area}")
        problems += found
        if not found:
            parameters[path.stem] = _parameter(path, raw, known)
    if problems:
        raise ParametersUnreadable(problems)
    return Parameters(parameters.values())


@cache
def _installed() -> Parameters:
    return read_parameters(PARAMETERS_DIRECTORY, documents())


@cache
def _version(documents_file: Path, directory: Path) -> str:
    digest = hashlib.sha256()
    for path in (documents_file, *sorted(directory.glob("*/*.yaml"))):
        content = path.read_bytes().replace(b"\r\n", b"\n")
        digest.update(f"{path.parent.name}/{path.name} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()[:16]


def _problems(raw: Any, known: Mapping[str, Document]) -> list[str]:
    if not isinstance(raw, dict) or set(raw) - {_GAPS} != _FILE_KEYS:
        return [f"must have exactly the keys {', '.join(sorted(_FILE_KEYS))} and perhaps {_GAPS}"]
    if not raw["values"]:
        return ["has no values"]
    gaps = raw.get(_GAPS, [])
    problems = [f"{gap.get('from')}: a gap has exactly the keys from, to, why" for gap in gaps if set(gap) != _GAP_KEYS]
    if problems:
        return problems
    for entry in raw["values"]:
        problems += [f"{entry.get('from')}: {problem}" for problem in _entry_problems(entry, known)]
    dated = [entry for entry in (*raw["values"], *gaps) if isinstance(entry.get("from"), date)]
    if raw["values"] != sorted(raw["values"], key=lambda entry: str(entry.get("from"))):
        problems.append("its values do not stand in order of time")
    for earlier, later in pairwise(sorted(dated, key=lambda entry: str(entry["from"]))):
        problems += _seam_problems(earlier, later["from"])
    return problems


def _entry_problems(entry: Mapping[str, Any], known: Mapping[str, Document]) -> list[str]:
    problems = [f"unknown key {key!r}" for key in sorted(set(entry) - _VALUE_KEYS)]
    problems += [f"{key} is missing" for key in sorted(_REQUIRED_KEYS - set(entry))]
    problems += [
        f"{key} must be a date" for key in ("from", "to", "issued_on") if key in entry and type(entry[key]) is not date
    ]
    if "document" in entry and entry["document"] not in known:
        problems.append(f"document {entry['document']!r} is not in documents.yaml")
    if "confidence" in entry and entry["confidence"] not in set(Confidence):
        problems.append(f"confidence {entry['confidence']!r} is none of {', '.join(Confidence)}")
    if _holds_float(entry.get("value")):
        problems.append("holds a floating-point number; write whole đồng, or the fraction as quoted text")
    return problems


def _seam_problems(previous: Mapping[str, Any], starts_on: date) -> list[str]:
    ends_on = previous.get("to")
    if not isinstance(ends_on, date):
        return [f"{starts_on}: the value before it has no end, so they overlap"]
    if ends_on + _DAY < starts_on:
        return [f"{starts_on}: no value between {ends_on} and it"]
    if ends_on + _DAY > starts_on:
        return [f"{starts_on}: overlaps the value before it, which ends on {ends_on}"]
    return []


def _holds_float(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_holds_float(entry) for entry in value.values())
    if isinstance(value, list):
        return any(_holds_float(entry) for entry in value)
    return isinstance(value, float)


_ASSUMPTION = Citation(Document("WHAT-IF", "Giả định", "what-if", "Giả định để tính thử"), "0")


def _ended(value: DatedValue, last_day: date) -> DatedValue:
    ends_on = last_day if value.ends_on is None else min(value.ends_on, last_day)
    return replace(value, ends_on=ends_on)


def _misfit(value: Any, model: Any) -> str | None:
    """Why a raw value cannot stand in the place of a known one, if it cannot."""
    if _holds_float(value):
        return "holds a floating-point number; write whole đồng, or the fraction as quoted text"
    exact = _exact(value)
    if isinstance(model, Mapping) and isinstance(exact, Mapping) and set(exact) != set(model):
        return f"must have the keys {', '.join(map(str, model))}"
    if type(exact) is not type(model) and not {type(exact), type(model)} <= {int, Decimal}:
        return f"must be of the kind of {model!r}"
    return None


def _parameter(path: Path, raw: Mapping[str, Any], known: Mapping[str, Document]) -> Parameter:
    values = tuple(_dated(path.stem, entry, known) for entry in raw["values"])
    gaps = tuple(Gap(gap["from"], gap["to"], str(gap["why"])) for gap in raw.get(_GAPS, []))
    return Parameter(path.stem, path.parent.name, raw["description"], raw["label"], raw["unit"], values, gaps)


def _dated(name: str, entry: Mapping[str, Any], known: Mapping[str, Document]) -> DatedValue:
    document = known[entry["document"]]
    text = {key: str(entry[key]) if key in entry else None for key in ("clause", "point")}
    return DatedValue(
        name=name,
        value=_exact(entry["value"]),
        starts_on=entry["from"],
        ends_on=entry.get("to"),
        citation=Citation(document, str(entry["article"]), text["clause"], text["point"]),
        confidence=Confidence(entry["confidence"]),
        issued_on=entry.get("issued_on") or document.issued_on or entry["from"],
        doubtful=MappingProxyType({key: Confidence(word) for key, word in entry.get("doubtful", {}).items()}),
    )


def _exact(value: Any) -> Any:
    """Quoted numbers become Decimal, tables and lists cannot be changed afterwards."""
    match value:
        case dict():
            return MappingProxyType({key: _exact(entry) for key, entry in value.items()})
        case list():
            return tuple(_exact(entry) for entry in value)
        case str() if _NUMBER.fullmatch(value):
            return Decimal(value)
        case _:
            return value


def _as_known(parameter: Parameter, day: date) -> Parameter:
    """The values that had been issued; the last one known before others were issued runs on to the next known one."""
    known = [value for value in parameter.values if value.issued_on <= day]
    values = []
    for place, value in enumerate(known):
        successor = next((later for later in parameter.values if later.starts_on > value.starts_on), None)
        if successor is None or successor.issued_on <= day:
            values.append(value)
            continue
        limits = [later.starts_on for later in known[place + 1 : place + 2]]
        limits += [gap.starts_on for gap in parameter.gaps if gap.starts_on > value.starts_on]
        values.append(replace(value, ends_on=min(limits) - _DAY if limits else None))
    return replace(parameter, values=tuple(values))
