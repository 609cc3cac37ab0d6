"""Changes each value of the law in turn and runs the law's tests: a change that nobody notices is a missing test.

    python -m tests.law.mutate                 every entry of every dated value
    python -m tests.law.mutate --sample 12     so many, drawn by --seed
    python -m tests.law.mutate --only accrual  entries of parameters whose name holds these letters
    python -m tests.law.mutate --quick         without the files of tests, which take seconds each

The page of parameters in docs is left out: it is a copy and would notice everything. Each check is run once as the law
is, to learn which dated values it reads; a change is then shown only to the checks that read its value, the quick ones
(collected cases, a few persons of the second opinion) first and the bare list of values last.
"""

import argparse
import contextlib
import io
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parent)]

import pytest  # noqa: E402
from law import test_law_second_opinion as opinions  # noqa: E402

from engine.law.cases import assess_cases, read_cases  # noqa: E402
from engine.law.parameters import DatedValue, Parameters  # noqa: E402

SLOW = [
    *(HERE / f"test_law_{name}.py" for name in ("decisions", "categories", "differences", "parameters")),
    HERE.parent / "property" / "test_law_rules.py",
]
LIST_OF_VALUES = HERE / "test_law_values.py"
FEW_PERSONS = 300
CASES = [*read_cases(HERE / "cases.yaml"), *read_cases(HERE / "dated_cases.yaml")]


@dataclass(frozen=True)
class Change:
    """One entry of one dated value, and what it becomes."""

    name: str
    starts_on: date
    entry: tuple[Any, ...]
    value: Any
    mutated: Any

    def __str__(self) -> str:
        entry = "".join(f"[{key}]" for key in self.entry)
        return f"{self.name}{entry} from {self.starts_on}: {self.value!r} → {self.mutated!r}"


def changes(law: Parameters) -> Iterator[Change]:
    for name in law.names():
        for dated in law.parameter(name).values:
            for entry, value in _entries(dated.value, ()):
                yield Change(name, dated.starts_on, entry, value, _other(value))


def _entries(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if isinstance(value, Mapping) and value:
        for key, entry in value.items():
            yield from _entries(entry, (*path, key))
    elif isinstance(value, tuple) and value and isinstance(value[0], Mapping):
        for place, entry in enumerate(value):
            yield from _entries(entry, (*path, place))
    else:
        yield path, value


def _other(value: Any) -> Any:
    match value:
        case int():
            return value + 1
        case Decimal():
            return value + Decimal(1).scaleb(int(value.as_tuple().exponent))
        case tuple():
            return value[:-1]
        case Mapping():
            return MappingProxyType({"retirement": Decimal(1)})
        case str() if value[:4].isdigit():
            return date.fromisoformat(value).replace(day=28).isoformat()
        case _:
            return f"not {value}"


def _changed(value: Any, path: tuple[Any, ...], mutated: Any) -> Any:
    if not path:
        return mutated
    first, *rest = path
    if isinstance(value, tuple):
        return tuple(
            _changed(entry, tuple(rest), mutated) if place == first else entry for place, entry in enumerate(value)
        )
    return MappingProxyType(
        {key: _changed(entry, tuple(rest), mutated) if key == first else entry for key, entry in value.items()}
    )


@contextlib.contextmanager
def applied(change: Change, law: Parameters) -> Iterator[None]:
    """The law of this process with the change in it; tests share the one that is loaded once."""
    whole = law.parameter(change.name)

    def mutated(dated: DatedValue) -> DatedValue:
        if dated.starts_on != change.starts_on:
            return dated
        return replace(dated, value=_changed(dated.value, change.entry, change.mutated))

    law._by_name[change.name] = replace(whole, values=tuple(mutated(dated) for dated in whole.values))
    try:
        yield
    finally:
        law._by_name[change.name] = whole


@dataclass(frozen=True)
class Check:
    """Something that can notice a change, and the dated values it reads (None: all dates of the parameter)."""

    fails: Callable[[], bool]
    reads: frozenset[tuple[str, date | None]]
    only_a_list: bool = False

    def concerns(self, change: Change) -> bool:
        return (change.name, change.starts_on) in self.reads or (change.name, None) in self.reads


@contextlib.contextmanager
def recorded() -> Iterator[set[tuple[str, date | None]]]:
    """Which dated values are asked for meanwhile."""
    reads: set[tuple[str, date | None]] = set()
    at, parameter = Parameters.at, Parameters.parameter

    def noting_at(law: Parameters, name: str, on: date) -> DatedValue:
        found = at(law, name, on)
        reads.add((name, found.starts_on))
        return found

    def noting_parameter(law: Parameters, name: str) -> Any:
        reads.add((name, None))
        return parameter(law, name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Parameters, "at", noting_at)
        patch.setattr(Parameters, "parameter", noting_parameter)
        yield reads


def checks(law: Parameters, files: Sequence[Path]) -> Sequence[Check]:
    found: list[Check] = []
    opinions.DRAWN = FEW_PERSONS
    ways: list[Callable[[], bool]] = [lambda case=case: _case_fails(case, law) for case in CASES]  # type: ignore[misc]
    ways += [lambda name=name: _raises(getattr(opinions, name)) for name in _OPINIONS]  # type: ignore[misc]
    ways += [
        lambda part=part: _raises(lambda: opinions.test_a_pension_award_agrees_in_every_part(part))  # type: ignore[misc]
        for part in range(4)
    ]
    ways += [lambda file=file: _file_fails(file) for file in files]  # type: ignore[misc]
    for fails in ways:
        with recorded() as reads:
            if fails():
                raise SystemExit("a check fails under the law as it is; mend that first")
        found.append(Check(fails, frozenset(reads)))
    every = frozenset((name, None) for name in law.names())
    return [*found, Check(lambda: _file_fails(LIST_OF_VALUES), every, only_a_list=True)]


_OPINIONS = (
    "test_every_birth_month_retires_in_the_same_month",
    "test_an_early_start_takes_the_same_percent_off",
    "test_an_employer_month_agrees_by_worker_and_fund",
    "test_a_survivor_award_agrees_in_every_part",
    "test_lump_sums_agree",
    "test_charges_for_lateness_agree",
    "test_the_funeral_grant_agrees",
    "test_short_term_and_other_benefits_agree",
    "test_adjustments_bridging_and_household_insurance_agree",
)


def _case_fails(case: Any, law: Parameters) -> bool:
    (assessment,) = assess_cases([case], law)
    return bool(assessment.errors) or assessment.passed is not True


def _raises(test: Callable[[], None]) -> bool:
    try:
        test()
    except AssertionError:
        return True
    return False


def _file_fails(file: Path) -> bool:
    quiet = [
        "-q",
        "-x",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:randomly",
        "-W",
        "ignore::pytest.PytestAssertRewriteWarning",
    ]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return pytest.main([*quiet, str(file)]) != 0


def noticed(change: Change, law: Parameters, by: Sequence[Check]) -> Check | None:
    """The first check that fails under a change."""
    concerned = [check for check in by if check.concerns(change)]
    with applied(change, law):
        for check in concerned:
            try:
                if check.fails():
                    return check
            except Exception:  # noqa: BLE001 - a law that no longer computes is noticed
                return check
    return None


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Mutation of the law's values")
    parser.add_argument("--sample", type=int, default=None)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args(arguments)
    law = Parameters.load()
    chosen = [change for change in changes(law) if options.only in change.name]
    if options.sample is not None:
        chosen = Random(options.seed).sample(chosen, min(options.sample, len(chosen)))
    by = checks(law, [] if options.quick else SLOW)
    survivors, listed = 0, 0
    for number, change in enumerate(chosen, 1):
        check = noticed(change, law, by)
        if check is None:
            survivors += 1
            print(f"{number}/{len(chosen)} nobody noticed: {change}", flush=True)  # noqa: T201 - a tool that prints
        elif check.only_a_list:
            listed += 1
            if options.verbose:
                print(f"{number}/{len(chosen)} only the list of values: {change}", flush=True)  # noqa: T201
    told = (
        f"{len(chosen) - survivors - listed} changed a decision, {listed} only the list of values, {survivors} nothing"
    )
    print(f"{len(chosen)} changes: {told}")  # noqa: T201
    return 1 if survivors else 0


if __name__ == "__main__":
    raise SystemExit(main())
