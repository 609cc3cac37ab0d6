"""The fifteen cases of the conformance suite, for each provider that pays out one receiver a call."""

from collections.abc import Iterator

import pytest

from gateways.conformance.bench import Bench
from gateways.conformance.online import BENCHES
from gateways.conformance.suite import CASES, row_of


@pytest.fixture(scope="module", params=sorted(BENCHES))
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    opened = BENCHES[request.param](tmp_path_factory.mktemp(request.param))
    yield opened
    opened.close()


@pytest.mark.parametrize("number", range(1, len(CASES) + 1), ids=lambda number: CASES[number - 1][0])
def test_a_provider_conforms(bench: Bench, number: int) -> None:
    assert row_of(bench, number).problems == ()


def test_a_case_that_does_not_apply_says_why() -> None:
    told = {name: {number for number, why in bench.not_for.items() if why} for name, bench in BENCHES.items()}
    assert {name: sorted(numbers) for name, numbers in told.items() if numbers} == {
        "mbbank": [7, 9],
        "vietinbank": [3, 4, 5, 6, 8, 9, 10, 11, 12, 15],
    }
