"""SimDrop: the same invented bank through exchange directories and the older version of the payment file."""

from datetime import date
from pathlib import Path

from gateways.banks.host_to_host import files_bank, profile_on
from gateways.contract import Capabilities
from gateways.iso20022.profile import Profile

SHEET = Path(__file__).with_suffix(".yaml")
ADAPTER = files_bank(SHEET, "gateways.conformance.simdrop:SimDropBench")


def capabilities(gateway: str, on: date = date.max) -> Capabilities:
    """What `simdrop.yaml` says on a day, under the name by which our books know the gateway."""
    return ADAPTER.describe(gateway, on)


def profile(on: date = date.max) -> Profile:
    return profile_on(SHEET, on)
