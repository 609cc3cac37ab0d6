"""What-if: the same cases, and the same running benefits, under the law as it is and under changed parameters.

A scenario is a YAML file with `changes` (parameter, from, value), and `cases`, either in place or as the name of a
case file beside it, or a `population` (the name of a table beside it) with the `months` to be compared. Every change
is unconfirmed by its nature, and the findings say so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.law.case_fields import day, month, read_keys, table, text
from engine.law.cases import Assessment, CaseFileUnreadable, assess_cases, read_cases, read_yaml, standing_twice
from engine.law.cost import Costs, costs_of, read_population
from engine.law.parameters import Parameters


@dataclass(frozen=True, slots=True)
class Comparison:
    """One case before and after the changes."""

    name: str
    before: Assessment
    after: Assessment

    @property
    def changed(self) -> Sequence[str]:
        """The keys of the result that differ."""
        keys = dict.fromkeys([*self.before.result, *self.after.result])
        return [key for key in keys if self.before.result.get(key) != self.after.result.get(key)]

    @property
    def errors(self) -> Sequence[str]:
        """What is wrong with the case; a case may also fail only under the changes."""
        return list(dict.fromkeys([*self.before.errors, *self.after.errors]))

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "before": self.before.as_json()["result"],
            "after": self.after.as_json()["result"],
            "changed": list(self.changed),
            "errors": list(self.errors),
        }


@dataclass(frozen=True, slots=True)
class Simulation:
    """The cases of a scenario, and the costs of its population where it names one."""

    cases: Sequence[Comparison]
    costs: Costs | None

    def as_json(self) -> Any:
        cases = [one.as_json() for one in self.cases]
        return cases if self.costs is None else {"cases": cases, "costs": self.costs.as_json()}


def simulate_file(path: Path, law: Parameters) -> Simulation:
    """Assesses the cases of a scenario twice, and its population month by month."""
    scenario = read_yaml(path)
    problems: list[str] = []
    if not isinstance(scenario, dict):
        raise CaseFileUnreadable([f"{path}: must be a table with the keys changes and cases or population"])
    problems += [f"{path}: {place}: stands twice" for place in standing_twice(scenario)]
    read = read_keys(scenario, _KEYS, ("changes",), str(path), problems)
    if not problems and not {"cases", "population"} & set(read):
        problems.append(f"{path}: cases or population: missing")
    if not problems and ("population" in read) != ("months" in read):
        problems.append(f"{path}: population and months: one is missing")
    if not problems and "months" in read and read["months"]["to"] < read["months"]["from"]:
        problems.append(f"{path}.months: ends before it begins")
    if problems:
        raise CaseFileUnreadable(problems)
    changed = law
    for change in read["changes"]:
        changed = changed.changed(change["parameter"], change["from"], change["value"])
    return Simulation(_cases_of(read, path, law, changed), _costs_of(read, path, law, changed))


def _cases_of(read: Mapping[str, Any], path: Path, law: Parameters, changed: Parameters) -> Sequence[Comparison]:
    cases = read.get("cases", [])
    if isinstance(cases, str):
        cases = read_cases(path.parent / cases)
    return [
        Comparison(before.name, before, after)
        for before, after in zip(assess_cases(cases, law), assess_cases(cases, changed), strict=True)
    ]


def _costs_of(read: Mapping[str, Any], path: Path, law: Parameters, changed: Parameters) -> Costs | None:
    if "population" not in read:
        return None
    population = read_population(path.parent / read["population"])
    return costs_of(population, read["months"]["from"], read["months"]["to"], law, changed)


def _anything(value: Any, _place: str, _problems: list[str]) -> Any:
    """The parameter itself says what its value may be."""
    return value


_CHANGE = table({"parameter": text, "from": day, "value": _anything})


def _changes(value: Any, place: str, problems: list[str]) -> Any:
    if not isinstance(value, list) or not value:
        problems.append(f"{place}: must be a list of changes")
        return None
    return [_CHANGE(entry, f"{place}[{number}]", problems) for number, entry in enumerate(value, 1)]


def _cases(value: Any, place: str, problems: list[str]) -> Any:
    if not isinstance(value, list | str):
        problems.append(f"{place}: must be a list of cases or the name of a case file")
    return value


_KEYS = {
    "changes": _changes,
    "cases": _cases,
    "population": text,
    "months": table({"from": month, "to": month}),
}
