"""`thuchi gateway vectors FILE.json`: computes each test vector from its inputs and keys, and compares.

What is computed never sees what is expected. A vector passes when every key under `expected…`, and `string_to_sign` and
`intermediate_mac` where given, equals what was computed.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import typer

from engine.api.idempotency import Answer, IdempotencyKeys
from engine.cli import vector_statements
from engine.cli.calling import AsJson, ExistingFile
from engine.cli.printing import err, print_json, print_table
from engine.errors import WrongInput
from gateways.errors import GatewayError, Unsupported
from gateways.vectors import compute
from gateways.vectors.banks import Verifier

_ALSO_COMPARED: Final = ("string_to_sign", "intermediate_mac")
_IN_ANY_ORDER: Final = "statuses_any_order"
_STATEMENTS: Final = {
    ("mt940", "parse"): vector_statements.mt940,
    ("mt940", "parse_negative"): vector_statements.mt940,
    ("iso20022", "camt053_parse"): vector_statements.camt,
    ("iso20022", "camt054_parse"): vector_statements.camt,
}
_MAY_BE_EMPTY: Final = frozenset({"narrative", "customer_ref", "bank_ref", "type", "remittance"})
"""Texts of a statement that are not there, which some write as empty."""
_BLANKS: Final = re.compile(r"\s+")

Given = Mapping[str, Any]


class Status(StrEnum):
    """What a vector came to."""

    PASSED = "passed"
    FAILED = "failed"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True, slots=True)
class Result:
    """One vector, and what was computed for it."""

    id: str
    status: Status
    got: Any

    def as_json(self) -> dict[str, Any]:
        return {"id": self.id, "status": self.status.value, "got": self.got}


def gateway_vectors(file: ExistingFile, as_json: AsJson = False) -> None:
    """Runs a file of test vectors; exit 1 if one failed, 2 if the file or a vector is malformed."""
    vectors = read_vectors(file)
    results, problems = [], []
    for place, vector in enumerate(vectors):
        try:
            results.append(run(vector))
        except (LookupError, TypeError, ValueError, AttributeError, StopIteration) as error:
            problems.append(f"vectors[{place}] ({vector['id']}): {_malformed(error)}")
            results.append(Result(vector["id"], Status.FAILED, None))
    rows = [result.as_json() for result in results]
    if as_json:
        print_json(rows)
    else:
        print_table("", [{"id": row["id"], "status": row["status"]} for row in rows])
    for problem in problems:
        err.print(problem, markup=False)
    failed = any(result.status is Status.FAILED for result in results)
    raise typer.Exit(2 if problems else int(failed))


def read_vectors(path: Path) -> list[dict[str, Any]]:
    """The vectors of a file in the agreed form; raises `WrongInput` with every place that is not."""
    try:
        content = json.loads(path.read_bytes().decode("utf-8"))
    except UnicodeDecodeError as error:
        raise WrongInput([f"{path}: byte {error.start} is not UTF-8"]) from error
    except json.JSONDecodeError as error:
        raise WrongInput([f"{path}: line {error.lineno}, column {error.colno}: {error.msg}"]) from error
    except RecursionError as error:
        raise WrongInput([f"{path}: nested too deeply"]) from error
    vectors = content.get("vectors") if isinstance(content, dict) else None
    if not isinstance(vectors, list):
        raise WrongInput([f"{path}: vectors: no list of vectors"])
    problems = list(_form_problems(vectors))
    if problems:
        raise WrongInput(problems)
    return vectors


def run(vector: Given) -> Result:
    """One vector. What it expects is looked at only after everything was computed."""
    inputs, keys = vector["inputs"], vector.get("keys") or {}
    try:
        got = _computed(vector["protocol"], vector["operation"], inputs, keys)
    except Unsupported as error:
        return Result(vector["id"], Status.UNSUPPORTED, {"error": error.code})
    except GatewayError as error:
        got = {"expected": {"error": error.code}}
    expected = {
        name: value
        for name, value in vector.items()
        if value is not None and (name.startswith("expected") or name in _ALSO_COMPARED)
    }
    # A vector that expects nothing proves nothing.
    passed = bool(expected) and all(name in got and _holds(value, got[name], name) for name, value in expected.items())
    return Result(vector["id"], Status.PASSED if passed else Status.FAILED, _shown(got, expected))


def _computed(protocol: str, operation: str, inputs: Given, keys: Given) -> dict[str, Any]:
    """Statement formats are reconciliation's, idempotency the API's own; everything else the gateways'."""
    if (protocol, operation) in _STATEMENTS:
        return _STATEMENTS[protocol, operation](inputs)
    if (protocol, operation) == ("idempotency-key", "server_behaviour"):
        return _server_behaviour(inputs)
    return compute(protocol, operation, inputs, keys)


def _server_behaviour(inputs: Given) -> dict[str, Any]:
    """Calls in a row, or at the same time, at the door that our API keeps."""
    keys = IdempotencyKeys()
    answers: list[Answer] = []
    executed = 0

    def call(group: list[Given]) -> None:
        """The first of the group; the others arrive while its work is being done."""
        at = len(answers)
        answers.append(Answer(0))

        def work() -> Answer:
            nonlocal executed
            executed += 1
            for other in group[1:]:
                call([other])
            return Answer(201, f"made {executed}")

        body = group[0].get("body")
        text = body if isinstance(body, str) else json.dumps(body)
        answers[at] = keys.once("client", "operation", group[0]["key"], text, work)

    for group in _groups(inputs["sequence"]):
        call(group)
    statuses = [answer.status for answer in answers]
    bodies = {answer.body for answer in answers if answer.status == 201}
    told = {"statuses": statuses, _IN_ANY_ORDER: sorted(statuses), "executed": executed, "same_body": len(bodies) == 1}
    return {"expected": told}


def _groups(sequence: list[Any]) -> list[list[Given]]:
    """Calls that overlap stand in a list of their own, or say so beside their key and body."""
    groups: list[list[Given]] = []
    for step in sequence:
        if isinstance(step, list):
            groups.append(step)
        elif groups and any(value for name, value in step.items() if name not in ("key", "body")):
            groups[-1].append(step)
        else:
            groups.append([step])
    return groups


def _holds(expected: Any, got: Any, name: str) -> bool:
    """Whether what was computed has all that is expected, of the same values."""
    match expected, got:
        case _, Verifier():
            return got.accepts(expected)
        case dict(), dict():
            if not expected:
                return not got
            return all(key in got and _holds(value, got[key], str(key)) for key, value in expected.items())
        case list(), list():
            if name == _IN_ANY_ORDER:
                return sorted(expected) == sorted(got)
            return len(expected) == len(got) and all(
                _holds(one, other, name) for one, other in zip(expected, got, strict=True)
            )
        case str(), str() if name == "narrative":
            return _BLANKS.sub(" ", expected).strip() == got
        case "", None:
            return name in _MAY_BE_EMPTY
        case int(), str() if name == "amount":
            return str(expected) == got
        case _:
            return not isinstance(expected, float) and bool(expected == got)


def _shown(got: Mapping[str, Any], expected: Given) -> dict[str, Any]:
    """What was computed, as JSON; of a signature that only its owner can make, whether the given one verifies."""
    shown: dict[str, Any] = {}
    for name, value in got.items():
        if isinstance(value, Verifier):
            shown["signature_verifies"] = value.accepts(expected.get(name))
        elif name != "document":
            shown[name] = value
    return shown


def _form_problems(vectors: list[Any]) -> Iterator[str]:
    seen: set[str] = set()
    for number, vector in enumerate(vectors):
        place = f"vectors[{number}]"
        if not isinstance(vector, dict):
            yield f"{place}: no object"
            continue
        for name in ("id", "protocol", "operation"):
            if not isinstance(vector.get(name), str):
                yield f"{place}.{name}: no text"
        if not isinstance(vector.get("inputs"), dict):
            yield f"{place}.inputs: no object"
        if not isinstance(vector.get("keys"), dict | None):
            yield f"{place}.keys: no object"
        if isinstance(vector.get("id"), str):
            if vector["id"] in seen:
                yield f"{place}.id: {vector['id']} stands there twice"
            seen.add(vector["id"])


def _malformed(error: Exception) -> str:
    match error:
        case KeyError():
            return f"{error.args[0]} is missing"
        case StopIteration():
            return "a key is missing"
        case _:
            return f"a value has the wrong form ({type(error).__name__})"
