"""The control door of the simulated wallets and payment pages, as the demonstration and the tests use it."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, Self

import httpx2

from gateways.simulator.errors import ControlRefused
from gateways.simulator.process import NO_AUTHORITIES, read_address
from gateways.simulator.purse import Stage


class ProvidersControl:
    """Says who the merchant is, what payers do, and when a provider calls back."""

    def __init__(self, home: Path) -> None:
        address = read_address(home)
        if address is None:
            raise ControlRefused(f"{home}: no simulation was started here")
        self._client = httpx2.Client(
            base_url=f"{address.base_url}/control/providers",
            headers={"authorization": f"Bearer {address.control_token}"},
            timeout=60,
            trust_env=False,
            verify=NO_AUTHORITIES,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._client.close()

    def register(self, provider: str, keys: Mapping[str, str], balance_vnd: int = 0) -> None:
        self._tell("POST", "/merchants", {"provider": provider, "keys": dict(keys), "balance_vnd": balance_vnd})

    def decide(self, provider: str, kind: str, reference: str, stage: Stage) -> None:
        """A payer pays (`done`) or refuses; a payout in work is decided; one that is done comes back (`returned`)."""
        decision = {"provider": provider, "kind": kind, "reference": reference, "stage": stage.value}
        self._tell("POST", "/decisions", decision)

    def notify(
        self,
        provider: str,
        reference: str,
        *,
        kind: str = "collection",
        times: int = 1,
        more_vnd: int = 0,
        bad_signature: bool = False,
    ) -> list[dict[str, Any]]:
        """The provider calls us about a collection or a payout; what we answered each time."""
        told = {"provider": provider, "kind": kind, "reference": reference, "times": times, "more_vnd": more_vnd}
        answers: list[dict[str, Any]] = self._tell("POST", "/notifications", told | {"bad_signature": bad_signature})
        return answers

    def settlement(self, provider: str, on: date) -> bytes:
        """The file of what moved on a day (CSV)."""
        return self._ask("GET", f"/{provider}/settlement/{on}").content

    def overview(self, provider: str) -> dict[str, Any]:
        overview: dict[str, Any] = self._tell("GET", f"/{provider}/overview")
        return overview

    def _tell(self, method: str, path: str, told: dict[str, Any] | None = None) -> Any:
        return self._ask(method, path, told).json()

    def _ask(self, method: str, path: str, told: dict[str, Any] | None = None) -> httpx2.Response:
        try:
            answer = self._client.request(method, path, json=told)
        except httpx2.HTTPError as error:
            raise ControlRefused(f"{method} {path}: {type(error).__name__}") from error
        if answer.status_code != httpx2.codes.OK:
            raise ControlRefused(f"{method} {path}: HTTP {answer.status_code} {answer.text[:500]}")
        return answer
