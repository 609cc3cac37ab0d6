"""The suite as tests, for `pytest -p gateways.conformance.plugin --pyargs gateways.conformance --gateway NAME`."""

import pytest

from gateways.conformance.bench import Bench
from gateways.conformance.suite import CASES, row_of


@pytest.mark.parametrize("number", range(1, len(CASES) + 1), ids=lambda number: f"{number:02d}")
def test_the_adapter_conforms(bench: Bench, number: int) -> None:
    assert row_of(bench, number).problems == ()  # noqa: S101 - a test
