"""Adapters of banks that take ISO 20022 files: all that differs between them stands in their data sheets."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx2

from gateways import sheets
from gateways.adapter import Adapter
from gateways.banks.directory import bic_of
from gateways.contract import Capabilities, Gateway, GatewaySettings
from gateways.errors import Refused
from gateways.filedrop import FileDrop
from gateways.http import Wire
from gateways.iso20022.delivery import Delivery
from gateways.iso20022.host_to_host import HostToHostBank
from gateways.iso20022.over_files import OverFiles
from gateways.iso20022.over_https import OverHttps
from gateways.iso20022.profile import Profile, profile_of

Travel = Callable[[GatewaySettings, httpx2.BaseTransport | None, Callable[[], float], sheets.Sheet, Profile], Delivery]


def https_bank(sheet: Path, bench: str | None = None) -> Adapter:
    """A bank whose door is signed HTTPS, as `docs/add-a-bank.md` describes SimBank's."""
    return _bank(sheet, _over_https, bench)


def files_bank(sheet: Path, bench: str | None = None) -> Adapter:
    """A bank that exchanges files through directories."""
    return _bank(sheet, _over_files, bench)


def drop_of(settings: GatewaySettings, seconds_now: Callable[[], float]) -> FileDrop:
    """The exchange directory that the address names."""
    address = urlsplit(settings.base_url)
    if address.scheme != "file" or address.netloc:
        raise Refused(f"{settings.base_url}: files are exchanged through a directory, `file:///…`")
    return FileDrop(Path(unquote(address.path)), seconds_now)


def profile_on(sheet: Path, on: date) -> Profile:
    return profile_of(sheets.read_sheet(sheet, on), bic_of)


def _bank(path: Path, travel: Travel, bench: str | None) -> Adapter:
    def describe(gateway: str, on: date) -> Capabilities:
        return sheets.capabilities(gateway, sheets.read_sheet(path, on))

    def connect(
        gateway: str,
        settings: GatewaySettings,
        transport: httpx2.BaseTransport | None,
        seconds_now: Callable[[], float],
        on: date,
    ) -> Gateway:
        sheet, profile = sheets.read_sheet(path, on), profile_on(path, on)
        delivery = travel(settings, transport, seconds_now, sheet, profile)
        return HostToHostBank(sheets.capabilities(gateway, sheet), profile, delivery)

    return Adapter(describe, connect, bench)


def _over_https(
    settings: GatewaySettings,
    transport: httpx2.BaseTransport | None,
    seconds_now: Callable[[], float],
    sheet: sheets.Sheet,
    profile: Profile,
) -> Delivery:
    return OverHttps(Wire(settings, transport, seconds_now, sheet["hosts"]), profile.submit_codes)


def _over_files(
    settings: GatewaySettings,
    _transport: httpx2.BaseTransport | None,
    seconds_now: Callable[[], float],
    _sheet: sheets.Sheet,
    profile: Profile,
) -> Delivery:
    return OverFiles(drop_of(settings, seconds_now), profile.report_names, profile.statement_names)
