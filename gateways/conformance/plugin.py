"""The option `--gateway NAME` of pytest; given by `-p gateways.conformance.plugin`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateways.conformance.bench import Bench
from gateways.conformance.suite import open_bench


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--gateway", default="simbank", help="the adapter that the conformance suite tries")


@pytest.fixture(scope="session")
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    home: Path = tmp_path_factory.mktemp("bench")
    opened = open_bench(request.config.getoption("--gateway"), home)
    yield opened
    opened.close()
