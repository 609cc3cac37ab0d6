"""SimDrop: the same invented bank through exchange directories and the older version of the payment file."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx2

from gateways import sheets
from gateways.banks.directory import bic_of
from gateways.contract import Capabilities, Gateway, GatewaySettings
from gateways.errors import Refused
from gateways.filedrop import FileDrop
from gateways.iso20022.host_to_host import HostToHostBank
from gateways.iso20022.over_files import OverFiles
from gateways.iso20022.profile import profile_of

SHEET = Path(__file__).with_suffix(".yaml")


def capabilities(gateway: str, on: date = date.max) -> Capabilities:
    """What `simdrop.yaml` says on a day, under the name by which our books know the gateway."""
    return sheets.capabilities(gateway, sheets.read_sheet(SHEET, on))


def connect(
    gateway: str,
    settings: GatewaySettings,
    transport: httpx2.BaseTransport | None,
    seconds_now: Callable[[], float],
    on: date,
) -> Gateway:
    address = urlsplit(settings.base_url)
    if address.scheme != "file" or transport is not None:
        raise Refused(f"{settings.base_url}: files are exchanged through a directory, `file:///…`")
    sheet = sheets.read_sheet(SHEET, on)
    how = profile_of(sheet, bic_of)
    drop = FileDrop(Path(unquote(address.path)), seconds_now)
    delivery = OverFiles(drop, how.report_names, how.statement_names)
    return HostToHostBank(sheets.capabilities(gateway, sheet), how, delivery)
