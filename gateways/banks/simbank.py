"""SimBank: files of payments host to host, ISO 20022 over signed HTTPS. Its contract is in `docs/add-a-bank.md`."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import httpx2

from gateways import sheets
from gateways.banks.directory import bic_of
from gateways.contract import Capabilities, Gateway, GatewaySettings
from gateways.http import Wire
from gateways.iso20022.host_to_host import HostToHostBank
from gateways.iso20022.over_https import OverHttps
from gateways.iso20022.profile import Profile, profile_of

SHEET = Path(__file__).with_suffix(".yaml")


def capabilities(gateway: str, on: date = date.max) -> Capabilities:
    """What `simbank.yaml` says on a day, under the name by which our books know the gateway."""
    return sheets.capabilities(gateway, sheets.read_sheet(SHEET, on))


def profile(on: date = date.max) -> Profile:
    return profile_of(sheets.read_sheet(SHEET, on), bic_of)


def connect(
    gateway: str,
    settings: GatewaySettings,
    transport: httpx2.BaseTransport | None,
    seconds_now: Callable[[], float],
    on: date,
) -> Gateway:
    sheet = sheets.read_sheet(SHEET, on)
    how = profile_of(sheet, bic_of)
    wire = Wire(settings, transport, seconds_now, sheet["hosts"])
    return HostToHostBank(sheets.capabilities(gateway, sheet), how, OverHttps(wire, how.submit_codes))
