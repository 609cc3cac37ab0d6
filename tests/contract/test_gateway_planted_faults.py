"""One fault planted for each case in each provider's adapter: the right row of the conformance report turns red."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from gateways.codes import CodeTable
from gateways.conformance import pages, single_banks, wallets
from gateways.conformance.online import BENCHES
from gateways.conformance.suite import CASES, row_of
from gateways.contract import Outcome
from gateways.credentials import read_credentials
from gateways.online import OnlineAnswer, OnlineCapabilities
from gateways.recording import Recorder

ADAPTERS = {
    "momo": "gateways.momo.gateway",
    "zalopay": "gateways.zalopay.gateway",
    "vnpay": "gateways.vnpay.gateway",
    "payos": "gateways.payos.gateway",
    "mbbank": "gateways.banks.mbbank_gateway",
    "vietinbank": "gateways.providers",
}
APPLICABLE = [
    pytest.param(name, number, id=f"{name}-{number}")
    for name, bench in BENCHES.items()
    for number in range(1, len(CASES) + 1)
    if number not in bench.not_for
]


class Wrapped:
    """An adapter that passes everything on; each fault overrides one call."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class UnknownIsFailed(Wrapped):
    """3, 4: what cannot be told is taken for a refusal."""

    def send_payout(self, *arguments: Any) -> OnlineAnswer:
        return _instead(self._inner.send_payout(*arguments), Outcome.UNKNOWN, Outcome.FAILED)

    def send_refund(self, *arguments: Any) -> OnlineAnswer:
        return _instead(self._inner.send_refund(*arguments), Outcome.UNKNOWN, Outcome.FAILED)


class AskedInVain(Wrapped):
    """5, 9: an inquiry takes what was paid or given back for failed."""

    def query_payout(self, *arguments: Any) -> OnlineAnswer:
        return _instead(self._inner.query_payout(*arguments), None, Outcome.FAILED)

    def query_collection(self, *arguments: Any) -> OnlineAnswer:
        return _instead(self._inner.query_collection(*arguments), None, Outcome.FAILED)

    def query_refund(self, *arguments: Any) -> OnlineAnswer:
        return _instead(self._inner.query_refund(*arguments), None, Outcome.FAILED)


class NewReferences(Wrapped):
    """6, 15: every call has a reference of its own."""

    def build_payout(self, payout: Any, asking: Any) -> Any:
        return self._inner.build_payout(replace(payout, reference=_other(payout.reference)), asking)

    def payment_address(self, order: Any, payer: str) -> Any:
        return self._inner.payment_address(replace(order, reference=_other(order.reference)), payer)


class BelievesAnybody(Wrapped):
    """7: what is not signed is taken for what was told last."""

    _last = None

    def read_notification(self, told: bytes) -> Any:
        self._last = self._inner.read_notification(told) or self._last
        return self._last


class NotFoundIsFailed(Wrapped):
    """8: what is not found yet is taken for failed."""

    def query_payout(self, *arguments: Any) -> OnlineAnswer:
        return _not_found_failed(self._inner.query_payout(*arguments))

    def query_collection(self, *arguments: Any) -> OnlineAnswer:
        return _not_found_failed(self._inner.query_collection(*arguments))


class NoLimits(Wrapped):
    """10: an amount that does not fit is made to fit."""

    def build_payout(self, payout: Any, asking: Any) -> Any:
        return self._inner.build_payout(replace(payout, amount_vnd=4_250_000), asking)

    def payment_address(self, order: Any, payer: str) -> Any:
        return self._inner.payment_address(replace(order, amount_vnd=4_250_000), payer)


class DeclaresNothing(Wrapped):
    """13: its sheet does not say what it does."""

    @property
    def capabilities(self) -> OnlineCapabilities:
        sheet: OnlineCapabilities = self._inner.capabilities
        return replace(sheet, operations=frozenset())


def _instead(answer: OnlineAnswer, found: Outcome | None, planted: Outcome) -> OnlineAnswer:
    """The planted outcome in place of the one found, or of any."""
    return replace(answer, outcome=planted) if found in (None, answer.outcome) else answer


def _not_found_failed(answer: OnlineAnswer) -> OnlineAnswer:
    return replace(answer, outcome=Outcome.FAILED) if answer.found is False else answer


def _other(reference: str) -> str:
    return f"{reference}{int.from_bytes(os.urandom(3), 'big')}"


WRAPPERS: dict[int, type[Wrapped]] = {
    3: UnknownIsFailed,
    4: UnknownIsFailed,
    5: AskedInVain,
    6: NewReferences,
    7: BelievesAnybody,
    8: NotFoundIsFailed,
    9: AskedInVain,
    10: NoLimits,
    13: DeclaresNothing,
    15: NewReferences,
}


def _plant(number: int, provider: str, patch: pytest.MonkeyPatch) -> None:
    """Faults below the adapter: in what it signs, its tables, its clock, its record, its sheet and its keys."""
    match number:
        case 1:
            for module in (wallets, single_banks):
                computed: Callable[..., dict[str, Any]] = module.compute

                def otherwise(*given: Any, computed: Callable[..., dict[str, Any]] = computed) -> dict[str, Any]:
                    return dict.fromkeys(computed(*given), "x")

                patch.setattr(module, "compute", otherwise)
        case 2:
            told = CodeTable.outcome
            patch.setattr(CodeTable, "outcome", lambda *a: Outcome.FAILED if told(*a) is Outcome.UNKNOWN else told(*a))
        case 11:

            def in_utc(*given: Any) -> str:
                (at,) = [one for one in given if isinstance(one, datetime)]
                return f"{at:%Y%m%d%H%M%S}"

            patch.setattr(wallets, "order_id", in_utc)
            patch.setattr(pages, "instant", in_utc)
        case 12:
            recorded = Recorder.record

            def readable(self: Recorder, **exchange: Any) -> None:
                recorded(self, **exchange)
                if self._path is not None:
                    self._path.chmod(0o644)

            patch.setattr(Recorder, "record", readable)
        case 13:
            patch.setattr(OnlineCapabilities, "require", lambda *_: None)
        case 14:
            name = "credentials_of" if provider == "vietinbank" else "credentials_for"
            patch.setattr(
                f"{ADAPTERS[provider]}.{name}", lambda profile, *_: read_credentials(profile.credentials_path)
            )
            patch.setattr("gateways.providers.credentials_for", lambda p, *_: read_credentials(p.credentials_path))


@pytest.fixture(scope="module")
def benches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Each bench with its simulator, started when it is first asked for."""
    opened: dict[str, Any] = {}

    class Opening(dict[str, Any]):
        def __missing__(self, name: str) -> Any:
            opened[name] = self[name] = BENCHES[name](tmp_path_factory.mktemp(name))
            return self[name]

    yield Opening()
    for bench in opened.values():
        bench.close()


@pytest.mark.parametrize(("provider", "number"), APPLICABLE)
def test_a_planted_fault_is_red_in_its_row(
    provider: str, number: int, benches: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bench = benches[provider]
    if number in WRAPPERS and provider == "vietinbank":
        monkeypatch.setattr(bench, "adapter", WRAPPERS[number](bench.adapter))
    elif number in WRAPPERS:
        opened = bench.open
        monkeypatch.setattr(bench, "open", lambda transport: WRAPPERS[number](opened(transport)))
    _plant(number, provider, monkeypatch)
    problems = row_of(bench, number).problems
    (tmp_path / "report.json").write_text(json.dumps(problems))
    assert problems != ()
    assert not any("it broke" in problem for problem in problems)
