"""SimBank: files of payments host to host, ISO 20022 over signed HTTPS. Its contract is in `docs/add-a-bank.md`."""

from datetime import date
from pathlib import Path

from gateways.banks.host_to_host import https_bank, profile_on
from gateways.contract import Capabilities
from gateways.iso20022.profile import Profile

SHEET = Path(__file__).with_suffix(".yaml")
ADAPTER = https_bank(SHEET, "gateways.conformance.simbank:SimBankBench")


def capabilities(gateway: str, on: date = date.max) -> Capabilities:
    """What `simbank.yaml` says on a day, under the name by which our books know the gateway."""
    return ADAPTER.describe(gateway, on)


def profile(on: date = date.max) -> Profile:
    return profile_on(SHEET, on)
