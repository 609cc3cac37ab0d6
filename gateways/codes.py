"""A provider's codes as data: for each operation and field one outcome word a code. What is not listed is unknown.

The same code means other things in other operations, so there is never one table for all.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from gateways.contract import Outcome

ANY_OTHER = "other"
"""The row of a table that speaks of every code it does not list; only where a provider says so."""


class CodeTable:
    """The codes of one provider, with the version they are from and where they were published."""

    def __init__(self, source: str, version: str, codes: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
        self.source = source
        self.version = version
        self._codes = codes

    def outcome(self, operation: str, field: str, code: object) -> Outcome:
        rows = self._codes.get(operation, {}).get(field, {})
        row = rows.get(str(code)) or rows.get(ANY_OTHER)
        return Outcome.UNKNOWN if row is None else Outcome(row["outcome"])

    def meaning(self, operation: str, field: str, code: object) -> str | None:
        row = self._codes.get(operation, {}).get(field, {}).get(str(code))
        return None if row is None else str(row["meaning"])

    def rows(self) -> Iterator[tuple[str, str, str, Outcome]]:
        """Operation, field, code, outcome of every row."""
        for operation, fields in self._codes.items():
            for field, codes in fields.items():
                for code, row in codes.items():
                    yield operation, field, code, Outcome(row["outcome"])


@cache
def code_table(path: Path) -> CodeTable:
    sheet = yaml.safe_load(path.read_text("utf-8"))
    return CodeTable(sheet["source"], str(sheet["version"]), sheet["codes"])
