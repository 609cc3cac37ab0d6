"""The post office as a gateway: the same calls as a bank, so that cash is dispatched, inquired about and settled by
the same steps. People take the place of accounts: `creditor_account` is the insurance number, `creditor_bank_bin` the
six-digit code of the pay point."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, BinaryIO

import httpx2

from gateways import sheets
from gateways.adapter import Adapter
from gateways.banks.host_to_host import drop_of
from gateways.contract import (
    AccountQuestion,
    BatchAnswer,
    BatchOrder,
    Capabilities,
    Gateway,
    GatewaySettings,
    Health,
    Instruction,
    InstructionStatus,
    Operation,
    Outcome,
    StatementFile,
    StatusReport,
    VerifiedAccount,
)
from gateways.errors import Ambiguous, BadDocument, Unsupported
from gateways.filedrop import FileDrop
from gateways.integrity import require_same_message
from gateways.iso20022.over_files import OverFiles
from gateways.post_office import lists, settlement

SHEET = Path(__file__).parent / "sheet.yaml"
FILE_ENDING = ".C72a-HD.csv"


class PostOffice:
    """Files to and from the post office, through a directory."""

    def __init__(self, capabilities: Capabilities, sheet: Mapping[str, Any], delivery: OverFiles) -> None:
        self._capabilities = capabilities
        self._sheet = sheet
        self._delivery = delivery

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    def write_batch(self, order: BatchOrder, instructions: Iterable[Instruction], to: BinaryIO) -> None:
        self._capabilities.require(Operation.BATCH_SUBMIT)
        lists.write(order, instructions, self._capabilities, self._sheet["columns"], to)

    def submit_batch(self, message_id: str, file_name: str, content: bytes) -> BatchAnswer:
        self._capabilities.require(Operation.BATCH_SUBMIT)
        return self._delivery.hand_over(message_id, file_name, content)

    def inquire_batch(self, message_id: str) -> StatusReport:
        """The settlements of a list that have come so far; of each person the last word."""
        self._capabilities.require(Operation.BATCH_INQUIRE)
        found = self._delivery.status_reports(message_id)
        if found.waiting:
            return StatusReport(found=True, group_status="WAITING", group_outcome=Outcome.PENDING)
        if not found.documents:
            return StatusReport(found=found.found)
        statuses: dict[str, InstructionStatus] = {}
        try:
            for document in found.documents:
                settled = settlement.read(document)
                require_same_message(message_id, settled.message_id)
                statuses |= {status.reference: status for status in settled.statuses(self._sheet["codes"])}
        except (Ambiguous, BadDocument):
            return StatusReport(found=None)
        return StatusReport(
            found=True,
            group_status=settlement.TITLE,
            instructions=tuple(statuses.values()),
            document=found.documents[-1],
        )

    def list_statements(self, on: date) -> tuple[str, ...]:
        self._capabilities.require(Operation.STATEMENT_FETCH)
        return self._delivery.list_statements(on)

    def fetch_statement(self, name: str) -> StatementFile:
        self._capabilities.require(Operation.STATEMENT_FETCH)
        return StatementFile(self._capabilities.statement_format, name, self._delivery.fetch_statement(name))

    def verify_accounts(
        self, message_id: str, questions: Sequence[AccountQuestion], at: datetime
    ) -> tuple[VerifiedAccount, ...]:
        """People show their papers at the counter; there is nothing to ask beforehand."""
        raise Unsupported(f"{message_id}: {len(questions)} people cannot be verified at {at.isoformat()}")

    def check(self, on: date) -> Health:
        self._capabilities.require(Operation.CHECK)
        return self._delivery.check(on)

    def close(self) -> None:
        self._delivery.close()


def capabilities(gateway: str, on: date = date.max) -> Capabilities:
    return sheets.capabilities(gateway, sheets.read_sheet(SHEET, on))


def connect(
    gateway: str,
    settings: GatewaySettings,
    transport: httpx2.BaseTransport | None,  # noqa: ARG001 - files need none
    seconds_now: Callable[[], float],
    on: date,
) -> Gateway:
    return over(gateway, sheets.read_sheet(SHEET, on), drop_of(settings, seconds_now))


ADAPTER = Adapter(capabilities, connect, "gateways.conformance.cash:PostOfficeBench")


def over(gateway: str, sheet: Mapping[str, Any], drop: FileDrop) -> PostOffice:
    """The gateway over an exchange directory."""
    delivery = OverFiles(drop, sheet["report_names"], sheet["statement_names"], FILE_ENDING)
    return PostOffice(sheets.capabilities(gateway, sheet), sheet, delivery)
