"""How files travel between us and a bank, whatever is in them: over signed HTTPS, or through directories."""

from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from gateways.contract import BatchAnswer, Health


@dataclass(frozen=True, slots=True)
class FoundReports:
    """What the bank has to say of a file, as documents in the order in which they were written.

    `found` False: the bank does not know the file; None: nothing can be told. `waiting`: the file is still with us.
    """

    found: bool | None
    documents: tuple[bytes, ...] = field(default=(), repr=False)
    waiting: bool = False


class Delivery(Protocol):
    """One way to one bank."""

    def hand_over(self, message_id: str, file_name: str, content: bytes) -> BatchAnswer:
        """Hands a payment file over, once. Never raises for what the network or the bank does."""

    def status_reports(self, message_id: str) -> FoundReports:
        """Never raises for what the network or the bank does."""

    def list_statements(self, on: date) -> tuple[str, ...]: ...

    def fetch_statement(self, name: str) -> bytes: ...

    def verify(self, message_id: str, question: bytes) -> bytes:
        """The acmt.024 that answers an acmt.023."""

    def check(self, on: date) -> Health: ...

    def close(self) -> None: ...
