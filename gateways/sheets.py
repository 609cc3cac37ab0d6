"""A bank's dated data sheet: what it offers and its limits, in editions that each hold from a day on.

What all editions share stands at the top of the sheet; an edition says what is new from its day. So a limit that
changes is a line of data with its date, and the old one stays for who asks about an older day.
"""

from collections.abc import Mapping
from datetime import date, time
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from gateways.contract import Capabilities, Instrument, Operation, Rail, RailLimits
from gateways.errors import BadDocument

Sheet = Mapping[str, Any]

_EDITIONS = "editions"


def read_sheet(path: Path, on: date) -> Sheet:
    """The sheet as it holds on a day: the last edition that began by then, or the first one before any began."""
    whole = _parsed(path)
    editions = whole[_EDITIONS]
    starts = [edition["effective_on"] for edition in editions]
    if not starts or starts != sorted(set(starts)):
        raise BadDocument(f"{path.name}: editions must each begin on a later day than the one before")
    sheet = {key: value for key, value in whole.items() if key != _EDITIONS}
    for number, edition in enumerate(editions):
        if number == 0 or edition["effective_on"] <= on:
            sheet = sheet | edition
    return sheet


def capabilities(gateway: str, sheet: Sheet) -> Capabilities:
    """What the sheet declares, under the name by which our books know the gateway."""
    rails = tuple(_rail(Rail(name), row) for name, row in sheet["rails"].items())
    ordinary = rails[0]
    return Capabilities(
        gateway=gateway,
        bank_name=sheet["bank_name"],
        bic=sheet["bic"],
        source=sheet["source"],
        effective_on=sheet["effective_on"],
        operations=frozenset(Operation(name) for name in sheet["operations"]),
        instruments=frozenset(Instrument(name) for name in sheet["instruments"]),
        min_amount_vnd=ordinary.min_amount_vnd,
        max_amount_vnd=ordinary.max_amount_vnd,
        max_lines_per_file=sheet["limits"]["max_lines_per_file"],
        max_total_per_file_vnd=sheet["limits"]["max_total_per_file_vnd"],
        cut_off=ordinary.cut_off,
        rails=rails,
        message_version=sheet["message_version"],
        statement_format=sheet["statement_format"],
        inquiry_schedule_seconds=tuple(sheet["inquiry_schedule_seconds"]),
        not_found_grace_seconds=sheet["not_found_grace_seconds"],
        idempotency_days=sheet["idempotency_days"],
        callback=sheet["callback"],
        charset=sheet["charset"],
        name_length=sheet["limits"]["name_length"],
        remittance_length=sheet["limits"]["remittance_length"],
        batch_booking_honoured=sheet["batch_booking_honoured"],
    )


@cache
def _parsed(path: Path) -> Sheet:
    sheet: Sheet = yaml.safe_load(path.read_text("utf-8"))
    return sheet


def _rail(rail: Rail, row: Mapping[str, Any]) -> RailLimits:
    return RailLimits(
        rail,
        row["min_amount_vnd"],
        row["max_amount_vnd"],
        time.fromisoformat(row["opens_at"]),
        time.fromisoformat(row["cut_off"]),
        row["banking_days_only"],
    )
