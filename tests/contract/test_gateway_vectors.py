"""`thuchi gateway vectors`: public vectors pass, falsified ones fail, a malformed file is refused with its places."""

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from engine.cli import app
from engine.cli.vectors import Status, read_vectors, run
from engine.errors import WrongInput
from gateways.errors import Unsupported
from gateways.vectors import compute, supported

PUBLIC = Path(__file__).parent.parent / "data" / "gateway_vectors_public.json"
VECTORS: list[dict[str, Any]] = json.loads(PUBLIC.read_text("utf-8"))["vectors"]
COMPARED = ("string_to_sign", "intermediate_mac")
ELSEWHERE = {"mt940", "idempotency-key"}
"""Protocols that no gateway speaks: reconciliation and the API do."""


def expectations(vector: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in vector.items()
        if value is not None and (name.startswith("expected") or name in COMPARED)
    }


def falsifications(value: Any) -> Iterator[Any]:
    """The value with one thing in it changed."""
    match value:
        case bool():
            yield not value
        case int():
            yield value + 1
        case str():
            yield value[:-1] + ("A" if value[-1:] != "A" else "B")
        case None:
            yield "something"
        case dict():
            for name, item in value.items():
                for other in falsifications(item):
                    yield {**value, name: other}
        case list():
            yield [*value, "more"]
            for number, item in enumerate(value):
                for other in falsifications(item):
                    yield [*value[:number], other, *value[number + 1 :]]


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["id"] for vector in VECTORS])
def test_a_vector_passes(vector: dict[str, Any]) -> None:
    assert run(vector).status is Status.PASSED


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["id"] for vector in VECTORS])
def test_what_is_expected_is_never_computed_from_and_always_compared(vector: dict[str, Any]) -> None:
    got = run(vector).got
    for name, value in expectations(vector).items():
        for other in falsifications(value):
            result = run({**copy.deepcopy(vector), name: other})
            assert result.status is Status.FAILED, (name, other)
            # Of a signature that only its owner can make, we can say no more than whether it verifies.
            assert {**result.got, "signature_verifies": None} == {**got, "signature_verifies": None}


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["id"] for vector in VECTORS])
def test_without_expectations_the_same_is_computed_but_nothing_passes(vector: dict[str, Any]) -> None:
    bare = {name: value for name, value in vector.items() if name not in expectations(vector)}

    result = run(bare)

    assert result.status is Status.FAILED
    assert {**result.got, "signature_verifies": None} == {**run(vector).got, "signature_verifies": None}


def test_every_operation_of_the_gateways_has_a_vector() -> None:
    public = {(vector["protocol"], vector["operation"]) for vector in VECTORS if vector["protocol"] not in ELSEWHERE}
    assert supported() - public == {("zalopay", "rsa_sign")}
    assert {operation for _, operation in public - supported()} == {"camt053_parse", "camt054_parse"}


def test_an_operation_that_is_not_here_is_unsupported() -> None:
    with pytest.raises(Unsupported):
        compute("momo", "teleport", {}, {})
    result = run(
        {"id": "x", "protocol": "nobody", "operation": "none", "inputs": {}, "expected": {"outcome": "success"}}
    )
    assert result.status is Status.UNSUPPORTED


def told(path: Path, content: object) -> tuple[int, Any, str]:
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    result = CliRunner().invoke(app, ["gateway", "vectors", str(path), "--json"])
    rows = json.loads(result.stdout) if result.stdout else None
    return result.exit_code, rows, result.stderr


def test_the_command_prints_each_vector_and_says_whether_all_passed(tmp_path: Path) -> None:
    good = VECTORS[0]
    bad = {**good, "id": "bad", "expected_signature": "0" * 64}
    other = {**good, "id": "other", "operation": "teleport"}

    code, rows, _ = told(tmp_path / "v.json", {"vectors": [good, other]})
    assert (code, [row["status"] for row in rows]) == (0, ["passed", "unsupported"])
    code, rows, _ = told(tmp_path / "v.json", {"vectors": [good, bad, other]})
    assert (code, [row["status"] for row in rows]) == (1, ["passed", "failed", "unsupported"])
    assert rows[1]["got"]["expected_signature"] == good["expected_signature"]
    assert {frozenset(row) for row in rows} == {frozenset({"id", "status", "got"})}


@pytest.mark.parametrize(
    ("content", "places"),
    [
        ("{", ["line 1, column 2"]),
        ("[]", ["vectors: no list"]),
        ({"vectors": [1, {"id": 2}]}, ["vectors[0]: no object", "vectors[1].id", "vectors[1].protocol", "[1].inputs"]),
        ({"vectors": [VECTORS[0], VECTORS[0]]}, ["vectors[1].id: public-momo-001 stands there twice"]),
        ("[" * 100_000, ["nested too deeply"]),
    ],
)
def test_a_malformed_file_is_refused_with_every_place(tmp_path: Path, content: object, places: list[str]) -> None:
    path = tmp_path / "v.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")

    with pytest.raises(WrongInput) as refused:
        read_vectors(path)

    assert [place for place in places if place not in str(refused.value)] == []


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "v.json").write_bytes(b"\xff\xfe{")
    with pytest.raises(WrongInput, match="byte 0"):
        read_vectors(tmp_path / "v.json")


def test_a_vector_without_its_inputs_is_named_and_the_others_are_still_run(tmp_path: Path) -> None:
    empty = {**VECTORS[0], "id": "empty", "keys": {}}

    code, rows, complaint = told(tmp_path / "v.json", {"vectors": [empty, VECTORS[1]]})

    assert code == 2
    assert [row["status"] for row in rows] == ["failed", "passed"]
    assert "vectors[0] (empty): accessKey is missing" in complaint


LINES = "LINE ONE\nLINE TWO"
HEAD = ":20:VSS261201\n:25:1020000123456\n:28C:336/2\n"
OPENING, ENTRY, CLOSING = ":60F:C261130VND1000,\n", ":61:2612011201C250,NTRFX//Y\n", ":62F:C261201VND1250,\n-"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (HEAD + OPENING + ENTRY + CLOSING, {"balance_ok": True, "closing_vnd": 1250, "intermediate": False}),
        (HEAD + ":60M:C261130VND1000,\n" + ENTRY + ":62M:C261201VND1250,\n-", {"intermediate": True, "sequence": "2"}),
        (
            HEAD + OPENING + ENTRY + f":86:{LINES}\n" + CLOSING,
            {"entries": [{"narrative": LINES}]},
        ),
        (HEAD + OPENING + ENTRY.replace("C250", "RC250") + ":62F:C261201VND750,\n-", {"entries": [{"mark": "RC"}]}),
        (HEAD + OPENING + ENTRY, {"error": "truncated"}),
        (HEAD + ENTRY + CLOSING, {"error": "missing_opening_balance"}),
        (HEAD + OPENING + ENTRY.replace("250,", "250,50") + CLOSING, {"error": "fraction_in_vnd"}),
        (HEAD + OPENING + ENTRY.replace("250,", "1.250,") + CLOSING, {"error": "malformed_entry"}),
        (HEAD + (OPENING + ENTRY + CLOSING).replace("VND", "USD"), {"error": "currency"}),
        (
            HEAD + OPENING + ENTRY + CLOSING.replace("5", "4"),
            {"error": "balance_mismatch", "difference_vnd": -10},
        ),
    ],
)
def test_statements_are_told_or_refused_in_the_words_of_the_vectors(text: str, expected: dict[str, Any]) -> None:
    vector = {"id": "v", "protocol": "mt940", "operation": "parse", "inputs": {"text": text}, "expected": expected}
    assert run(vector).status is Status.PASSED


def test_a_camt_that_does_not_add_up_still_tells_its_movements() -> None:
    good = next(vector for vector in VECTORS if vector["operation"] == "camt053_parse")
    closing = good["expected"]["closing_vnd"]
    document = good["inputs"]["document"].replace(str(closing), str(closing + 1))
    expected = {**good["expected"], "closing_vnd": closing + 1, "balance_ok": False}
    assert run({**good, "inputs": {"document": document}, "expected": expected}).status is Status.PASSED


@pytest.mark.parametrize("value", [None, [], {}, 1.5, -1, [1], "", "\ud800", 10**400], ids=repr)
def test_a_value_of_the_wrong_form_never_brings_the_command_down(tmp_path: Path, value: object) -> None:
    changed = []
    for number, vector in enumerate(random.Random(repr(value)).sample(VECTORS, 60)):
        part = "keys" if vector["keys"] and number % 3 == 0 else "inputs"
        names = sorted(vector[part])
        other = {**vector[part], names[number % len(names)]: value}
        changed.append({**vector, "id": f"changed-{number}", part: other})

    code, rows, complaint = told(tmp_path / "v.json", {"vectors": changed})

    assert code in (0, 1, 2)
    assert [row["id"] for row in rows] == [vector["id"] for vector in changed]
    assert (code == 2) is bool(complaint)
