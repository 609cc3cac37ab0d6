"""The fifteen cases of the conformance suite, for each provider that pays out one receiver a call."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateways.conformance.suite import CASES, row_of
from gateways.conformance.wallets import BENCHES, WalletBench


@pytest.fixture(scope="module", params=sorted(BENCHES))
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WalletBench]:
    opened = BENCHES[request.param](tmp_path_factory.mktemp(request.param))
    yield opened
    opened.close()


@pytest.mark.parametrize("number", range(1, len(CASES) + 1), ids=lambda number: CASES[number - 1][0])
def test_a_wallet_conforms(bench: WalletBench, number: int) -> None:
    assert row_of(bench, number).problems == ()


def test_the_vectors_of_a_protocol_come_with_it() -> None:
    folder = Path(__file__).parents[2] / "gateways"
    assert [name for name in BENCHES if not (folder / name / "vectors.json").exists()] == []
