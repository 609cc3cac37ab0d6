"""From the name of an adapter to a gateway that is ready to be called."""

import time
from collections.abc import Callable
from typing import Protocol

import httpx2

from gateways.banks import simbank
from gateways.contract import Capabilities, Gateway, GatewaySettings
from gateways.errors import Unsupported
from gateways.http import Wire


class _Adapter(Protocol):
    def __call__(self, capabilities: Capabilities, wire: Wire) -> Gateway: ...


_ADAPTERS: dict[str, tuple[Callable[[str], Capabilities], _Adapter]] = {
    "simbank": (simbank.capabilities, simbank.SimBank),
}


def adapters() -> tuple[str, ...]:
    """The names that `GatewaySettings.adapter` may hold."""
    return tuple(_ADAPTERS)


def capabilities_of(name: str, adapter: str) -> Capabilities:
    """What the gateway we call `name` can do, without a connection or a key."""
    return _adapter(adapter)[0](name)


def open_gateway(
    name: str,
    settings: GatewaySettings,
    transport: httpx2.BaseTransport | None = None,
    seconds_now: Callable[[], float] = time.time,
) -> Gateway:
    """The gateway we call `name`. `seconds_now` dates the signatures: real time even where business dates are fixed,
    because the bank compares it with its own computer's."""
    describe, adapter = _adapter(settings.adapter)
    return adapter(describe(name), Wire(settings, transport, seconds_now))


def _adapter(name: str) -> tuple[Callable[[str], Capabilities], _Adapter]:
    if name not in _ADAPTERS:
        raise Unsupported(f"{name}: no such adapter; known are {', '.join(adapters())}")
    return _ADAPTERS[name]
