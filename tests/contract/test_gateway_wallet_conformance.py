"""The fifteen cases of the conformance suite, for each provider that pays out one receiver a call."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from gateways.conformance.bench import Bench
from gateways.conformance.online import BENCHES
from gateways.conformance.suite import CASES, row_of
from gateways.conformance.wallets import MomoBench
from gateways.contract import Outcome
from gateways.momo.gateway import Momo
from gateways.online import Asking, Call, Notification, OnlineAnswer, Payout


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


class TakesUnknownForFailed(Momo):
    def send_payout(self, call: Call, payout: Payout) -> OnlineAnswer:
        answer = super().send_payout(call, payout)
        return replace(answer, outcome=Outcome.FAILED) if answer.outcome is Outcome.UNKNOWN else answer


class TakesNotFoundForFailed(Momo):
    def query_payout(self, payout: Payout, asking: Asking) -> OnlineAnswer:
        answer = super().query_payout(payout, asking)
        return replace(answer, outcome=Outcome.FAILED) if answer.found is False else answer


class BelievesAnybody(Momo):
    def read_notification(self, told: bytes) -> Notification | None:
        fields = json.loads(told)
        return Notification(fields["orderId"], Outcome.SUCCESS, "0", fields["amount"], "", told)


class PaysUnderNewReferences(Momo):
    def build_payout(self, payout: Payout, asking: Asking) -> Call:
        number = int.from_bytes(os.urandom(4), "big")
        return super().build_payout(replace(payout, reference=f"{payout.reference}-{number}"), asking)


class ForgetsLimits(Momo):
    def build_payout(self, payout: Payout, asking: Asking) -> Call:
        return super().build_payout(replace(payout, amount_vnd=min(max(payout.amount_vnd, 1000), 10**8)), asking)


@pytest.mark.parametrize(
    ("planted", "red"),
    [
        (TakesUnknownForFailed, {3, 4, 5}),
        (TakesNotFoundForFailed, {8}),
        (BelievesAnybody, {7}),
        (PaysUnderNewReferences, {5, 6, 8, 15}),
        (ForgetsLimits, {10}),
    ],
)
def test_a_planted_fault_is_red_in_its_rows(tmp_path: Path, planted: type[Momo], red: set[int]) -> None:
    class PlantedBench(MomoBench):
        def open(self, transport: httpx2.BaseTransport | None) -> Momo:
            return planted(self.profile, transport=transport)

    bench = PlantedBench(tmp_path / "bench")
    rows = {number: row_of(bench, number).passed for number in (3, 4, 5, 6, 7, 8, 10, 15)}
    bench.close()
    assert red <= {number for number, passed in rows.items() if not passed}
    assert [
        number for number in {3, 7, 8, 10} - red if not rows[number] and planted is not PaysUnderNewReferences
    ] == []
