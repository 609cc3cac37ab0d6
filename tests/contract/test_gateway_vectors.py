"""The ISO 20022 vectors, computed from their inputs alone and compared with what they expect."""

import json
from pathlib import Path
from typing import Any

import pytest

from gateways.errors import Unsupported
from gateways.vectors import compute, operations

VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent.parent / "data" / "gateway_vectors_iso20022.json").read_text("utf-8")
)["vectors"]


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["id"] for vector in VECTORS])
def test_a_vector_gives_what_it_expects(vector: dict[str, Any]) -> None:
    got = compute(vector["operation"], vector["inputs"])

    if "expected_xpaths" in vector:
        paths = got["expected_xpaths"]
        assert {path: paths.get(path) for path in vector["expected_xpaths"]} == vector["expected_xpaths"]
    else:
        assert got == vector["expected"]


def test_every_operation_has_a_vector() -> None:
    assert {vector["operation"] for vector in VECTORS} == set(operations())


def test_an_operation_that_is_not_here_is_unsupported() -> None:
    with pytest.raises(Unsupported):
        compute("camt053_parse", {})
