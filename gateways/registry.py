"""From the name of an adapter to a gateway that is ready to be called.

Our own adapters are listed here. A third party adds one from a distribution of its own: an entry point of the group
`thuchi.gateways`, whose name is the adapter's and whose object is an `Adapter`. Ours cannot be replaced that way.
"""

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from functools import cache
from importlib.metadata import entry_points

import httpx2

from gateways.adapter import Adapter
from gateways.banks import simbank, simdrop
from gateways.contract import Capabilities, Gateway, GatewaySettings
from gateways.errors import Unsupported
from gateways.post_office import gateway as post_office

ENTRY_POINT_GROUP = "thuchi.gateways"

_VIET_NAM = timezone(timedelta(hours=7))


_OURS = {"simbank": simbank.ADAPTER, "simdrop": simdrop.ADAPTER, "post_office": post_office.ADAPTER}


def adapters() -> tuple[str, ...]:
    """The names that `GatewaySettings.adapter` may hold."""
    return (*_OURS, *(name for name in sorted(_theirs()) if name not in _OURS))


def adapter_of(name: str) -> Adapter:
    if name in _OURS:
        return _OURS[name]
    if name not in _theirs():
        raise Unsupported(f"{name}: no such adapter; known are {', '.join(adapters())}")
    return _loaded(name)


def capabilities_of(name: str, adapter: str, on: date = date.max) -> Capabilities:
    """What the gateway we call `name` can do on a day, without a connection or a key."""
    return adapter_of(adapter).describe(name, on)


def open_gateway(
    name: str,
    settings: GatewaySettings,
    transport: httpx2.BaseTransport | None = None,
    seconds_now: Callable[[], float] = time.time,
) -> Gateway:
    """The gateway we call `name`. `seconds_now` dates the signatures and chooses the edition of the sheet: real time
    even where business dates are fixed, because the bank compares it with its own computer's."""
    on = datetime.fromtimestamp(seconds_now(), UTC).astimezone(_VIET_NAM).date()
    return adapter_of(settings.adapter).connect(name, settings, transport, seconds_now, on)


@cache
def _theirs() -> frozenset[str]:
    return frozenset(point.name for point in entry_points(group=ENTRY_POINT_GROUP))


@cache
def _loaded(name: str) -> Adapter:
    (point, *others) = entry_points(group=ENTRY_POINT_GROUP, name=name)
    if others:
        raise Unsupported(f"{name}: more than one distribution brings an adapter of this name")
    found = point.load()
    if not isinstance(found, Adapter):
        raise Unsupported(f"{name}: {point.value} is no gateways.adapter.Adapter")
    return found
