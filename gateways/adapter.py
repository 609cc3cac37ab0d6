"""What an adapter gives to the registry, ours and those of other distributions."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Protocol

import httpx2

from gateways.contract import Capabilities, Gateway, GatewaySettings


class Connect(Protocol):
    """Opens a gateway over the edition of its sheet that holds on `on`; reads keys, calls nothing."""

    def __call__(
        self,
        gateway: str,
        settings: GatewaySettings,
        transport: httpx2.BaseTransport | None,
        seconds_now: Callable[[], float],
        on: date,
    ) -> Gateway: ...


@dataclass(frozen=True, slots=True)
class Adapter:
    """How a kind of gateway is described and opened."""

    describe: Callable[[str, date], Capabilities]
    """The capability sheet under our name for the gateway, on a day."""
    connect: Connect
    bench: str | None = None
    """`module:name` of its conformance bench (`gateways.conformance.bench`), loaded only when the suite runs."""
