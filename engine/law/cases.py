"""Case files: a clerk, a lawyer or a check asks what the law gives, and the answer carries its grounds.

A file is a list of cases, each with a name, a rule, the day the law is read on, and what is given. What is expected
is only compared, never believed.
"""

import difflib
import re
from collections import Counter, deque
from collections.abc import Generator, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import yaml

from engine.errors import WrongInput
from engine.law.case_fields import day, read_keys, shown, text
from engine.law.case_rules import FORMS, Given, KeysMissing
from engine.law.errors import FactsImpossible, LawError
from engine.law.findings import Record, plain
from engine.law.parameters import Parameters

_DECISIVE_KEYS = ("rule", "as_of", "given", "expect")
_CASE_KEYS = (*_DECISIVE_KEYS, "name", "because", "source", "kind", "note")


class CaseFileUnreadable(WrongInput):
    """The file is not a list of cases."""

    code = "case_file_unreadable"


@dataclass(slots=True)
class Assessment:
    """One case with its answer, or with what is wrong with it. `passed` is None where nothing is expected."""

    name: str
    result: Mapping[str, Any] = field(default_factory=dict)
    record: Record = field(default_factory=Record)
    passed: bool | None = None
    differences: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "result": plain(self.result),
            "findings": self.record.as_json(),
            "passed": self.passed,
            "differences": self.differences,
            "unconfirmed": list(self.record.unconfirmed()),
            "errors": self.errors,
        }


def assess_file(path: Path, law: Parameters) -> list[Assessment]:
    """Reads and assesses every case of a file."""
    return assess_cases(read_cases(path), law)


def read_cases(path: Path) -> list[Any]:
    """The cases of a file as they stand there."""
    cases = read_yaml(path)
    if not isinstance(cases, list):
        raise CaseFileUnreadable([f"{path}: must be a list of cases"])
    return cases


def read_yaml(path: Path) -> Any:
    """The content of a file of the lawyers' kind, with dates as text and `on` as a key."""
    try:
        with path.open(encoding="utf-8") as file:
            return yaml.load(file, _CaseLoader)  # noqa: S506 - a safe loader with fewer implicit types
    except OSError as error:
        raise CaseFileUnreadable([f"{path}: {error.strerror}"]) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CaseFileUnreadable([f"{path}: {error}"]) from error
    except RecursionError as error:
        raise CaseFileUnreadable([f"{path}: is nested too deeply"]) from error


def assess_cases(cases: Sequence[Any], law: Parameters) -> list[Assessment]:
    """Assesses each case by itself: a malformed one does not keep the others from being assessed."""
    seen: set[str] = set()
    assessments = []
    for place, case in enumerate(cases, 1):
        assessment = _assess(case, place, law)
        if assessment.name in seen:
            assessment.errors.append(f"{assessment.name}: name: stands twice in the file")
            assessment.passed = None
        seen.add(assessment.name)
        assessments.append(assessment)
    return assessments


def _assess(case: Any, place: int, law: Parameters) -> Assessment:
    if not isinstance(case, Mapping):
        return Assessment(f"case {place}", errors=[f"case {place}: must be a table with keys"])
    name = case["name"] if isinstance(case.get("name"), str) and case["name"] else f"case {place}"
    assessment = Assessment(name)
    problems: list[str] = []
    given, as_of = _read(case, problems)
    if problems or as_of is None:
        assessment.errors = [f"{name}: {problem}" for problem in problems]
        return assessment
    try:
        assessment.result = plain(FORMS[case["rule"]].assess(given, as_of, law, assessment.record))
    except KeysMissing as error:
        assessment.errors = [f"{name}: given.{key}: missing" for key in error.keys]
    except FactsImpossible as error:
        assessment.errors = [f"{name}: given.{error.fact}: {error.why}"]
    except LawError as error:
        assessment.errors = [f"{name}: as_of: {error}"]
    if assessment.errors:
        assessment.record = Record()
    elif case.get("expect") is not None:
        assessment.differences = list(_differences(case["expect"], assessment.result, ""))
        assessment.passed = not assessment.differences
    return assessment


def _read(case: Mapping[str, Any], problems: list[str]) -> tuple[Given, date | None]:
    text(case.get("name"), "name", problems)
    problems += [f"{place}: stands twice" for place in standing_twice(case)]
    for key in case:
        # Other remarks may stand beside a case, but a misspelt key must not silence what it meant.
        if key not in _CASE_KEYS and difflib.get_close_matches(str(key), _DECISIVE_KEYS, n=1):
            problems.append(f"{key}: unknown key")
    as_of: date | None = day(case.get("as_of"), "as_of", problems)
    form = FORMS.get(case["rule"]) if isinstance(case.get("rule"), str) else None
    if form is None:
        problems.append(f"rule: {shown(case.get('rule'))} is unknown" if case.get("rule") else "rule: missing")
    given = case.get("given")
    if not isinstance(given, Mapping):
        problems.append("given: missing" if given is None else "given: must be a table with keys")
        return Given(), as_of
    return Given(read_keys(given, form.keys, (), "given", problems) if form else {}), as_of


def _differences(expected: Any, got: Any, place: str) -> Sequence[str]:
    if isinstance(expected, Mapping) and isinstance(got, Mapping):
        found: list[str] = []
        for key, value in expected.items():
            where = f"{place}.{key}" if place else str(key)
            if key not in got:
                found.append(f"{where}: expected {shown(value)}, but nothing of this name was computed")
            else:
                found += _differences(value, got[key], where)
        return found
    if isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        return [
            difference
            for number, pair in enumerate(zip(expected, got, strict=True), 1)
            for difference in _differences(*pair, f"{place}[{number}]")
        ]
    return [] if _same(expected, got) else [f"{place or 'expect'}: expected {shown(expected)}, got {shown(got)}"]


def _same(expected: Any, got: Any) -> bool:
    if isinstance(expected, float) or isinstance(expected, bool) is not isinstance(got, bool):
        return False
    if type(expected) is type(got) and expected == got:
        return True
    numbers = _number(expected), _number(got)
    return numbers[0] is not None and numbers[0] == numbers[1]


def _number(value: Any) -> Fraction | None:
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    try:
        return Fraction(value)
    except (ValueError, ZeroDivisionError):
        return None


class _CaseLoader(yaml.SafeLoader):
    """YAML as case files mean it: `on` is a key and not a truth, dates stay text; a key that stands twice is noted."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - the base class keeps its resolvers so

    def construct_yaml_map(self, node: yaml.MappingNode) -> Generator[dict[Any, Any], None, None]:
        mapping = _Mapping()
        yield mapping
        keys = [self.construct_object(key_node, deep=True) for key_node, _ in node.value]
        hashable = [key for key in keys if isinstance(key, Hashable)]
        mapping.twice = tuple(key for key, times in Counter(hashable).items() if times > 1)
        mapping.update(self.construct_mapping(node))


_CaseLoader.add_constructor("tag:yaml.org,2002:map", _CaseLoader.construct_yaml_map)


class _Mapping(dict[Any, Any]):
    """A mapping of the file, with the keys that stand in it more than once."""

    twice: tuple[Any, ...] = ()


def standing_twice(value: Any, place: str = "") -> Iterator[str]:
    """The places of keys that stand twice in what was read, of which YAML would silently keep the last.

    A part that an alias repeats is looked at once, so that a file cannot blow itself up.
    """
    seen: set[int] = set()
    parts = deque([(place, value)])
    while parts:
        where, part = parts.popleft()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, _Mapping):
            yield from (f"{where}.{key}" if where else str(key) for key in part.twice)
            parts.extend((f"{where}.{key}" if where else str(key), entry) for key, entry in part.items())
        elif isinstance(part, list):
            parts.extend((f"{where}[{number}]", entry) for number, entry in enumerate(part, 1))


def _resolve(tag: str, pattern: str, first: str) -> None:
    _CaseLoader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(pattern), list(first))


_resolve("bool", r"^(true|True|false|False)$", "tTfF")
_resolve("null", r"^(~|null|Null|)$", "~nN\0")
_resolve("int", r"^[-+]?(0|[1-9][0-9]{0,17})$", "-+0123456789")  # longer ones stay text and are no amount of đồng
_resolve("float", r"^[-+]?([0-9]+\.[0-9]*([eE][-+]?[0-9]+)?|\.[0-9]+|[0-9]+[eE][-+]?[0-9]+)$", "-+0123456789.")
