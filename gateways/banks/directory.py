"""Banks of Viet Nam by BIN, from `gateways/banks.csv` (its sources are in `gateways/banks.md`)."""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_FILE = Path(__file__).parent.parent / "banks.csv"


@dataclass(frozen=True, slots=True)
class Bank:
    """Ngân hàng. The six-digit BIN is the key; codes and names are aliases that change with mergers."""

    bin: str
    code: str
    short_name: str
    name: str
    bic: str | None


@cache
def banks() -> dict[str, Bank]:
    """All banks by BIN."""
    with _FILE.open(encoding="utf-8", newline="") as file:
        return {
            row["bin"]: Bank(row["bin"], row["code"], row["short_name"], row["name"], row["swift"] or None)
            for row in csv.DictReader(file)
        }


def bank_of(bin_number: str) -> Bank | None:
    return banks().get(bin_number)


def bic_of(bin_number: str) -> str | None:
    bank = bank_of(bin_number)
    return None if bank is None else bank.bic
