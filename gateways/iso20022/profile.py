"""How one bank wants its ISO 20022 files: all that differs between banks that take the same message, as data.

The element tables of the messages are the standard's; what follows is each bank's own guide. No Vietnamese bank
publishes its guide openly, so every field is set when the contract is signed and dated with the sheet.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from gateways.contract import Outcome, Rail
from gateways.errors import BadDocument
from gateways.iso20022.pain001 import V03, V09, Agent


class AgentAs(StrEnum):
    """How a bank is named in the file."""

    MEMBER = "member"
    """ClrSysMmbId/MmbId with its BIN."""
    BIC = "bic"
    """BICFI (in version .03: BIC), from the directory of banks."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One bank's usage of pain.001, pain.002 and acmt.023."""

    message_version: str
    creditor_agent_as: AgentAs
    account_scheme: str | None
    """SchmeNm/Prtry of account numbers; None: left out."""
    capitals: bool
    """Names in capitals, as fast transfers want them."""
    charge_bearer: str
    batch_booking: bool
    service_levels: Mapping[Rail, str | None]
    local_instruments: Mapping[Rail, str | None]
    submit_codes: Mapping[str, Outcome]
    """HTTP status and code of the answer to an uploaded file. What is not here is unknown."""
    report_names: str
    """Names of status reports where files are exchanged; `{message_id}` stands for ours."""
    statement_names: str
    """Names of a day's statements where files are exchanged; `{day}` stands for YYYYMMDD."""

    bic_of: Callable[[str], str | None]
    """The directory of banks: BIN to BIC."""

    def agent_of(self, bank_bin: str) -> Agent:
        """The beneficiary's bank as this bank wants it named; a bank without a BIC falls back to its BIN."""
        if self.creditor_agent_as is AgentAs.BIC:
            bic = self.bic_of(bank_bin)
            if bic is not None:
                return Agent(bic=bic)
        return Agent(bin=bank_bin)


def profile_of(sheet: Mapping[str, Any], bic_of: Callable[[str], str | None]) -> Profile:
    version = sheet["message_version"]
    if version not in (V03, V09):
        raise BadDocument(f"{version} is no version of pain.001 that is written here")
    rails = {Rail(name): row for name, row in sheet["rails"].items()}
    return Profile(
        message_version=version,
        creditor_agent_as=AgentAs(sheet["creditor_agent_as"]),
        account_scheme=sheet["account_scheme"],
        capitals=sheet["capitals"],
        charge_bearer=sheet["charge_bearer"],
        batch_booking=sheet["batch_booking_honoured"],
        service_levels={rail: row["service_level"] for rail, row in rails.items()},
        local_instruments={rail: row["local_instrument"] for rail, row in rails.items()},
        submit_codes={code: Outcome(word) for code, word in sheet.get("submit_codes", {}).items()},
        report_names=sheet.get("report_names", ""),
        statement_names=sheet.get("statement_names", ""),
        bic_of=bic_of,
    )
