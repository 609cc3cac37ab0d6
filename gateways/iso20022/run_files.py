"""Cuts the payments of a run into files as a bank wants them, and writes them one after another.

One file is one debit account, execution date, category purpose and rail, within the bank's limits on lines and money.
Payments come as a stream in any order. What is held in memory is the files that are being filled: when they hold more
than `_HELD_FILES` full files together, the fullest is written as it is, so memory does not grow with the run.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

from gateways.contract import BatchOrder, Capabilities, CategoryPurpose, Gateway, Instruction, Rail
from gateways.errors import BadBatch

_HELD_FILES = 4


@dataclass(frozen=True, slots=True)
class Wanted:
    """One payment of a run, with what decides into which file it goes."""

    category_purpose: CategoryPurpose
    execution_on: date
    instruction: Instruction


@dataclass(frozen=True, slots=True)
class Share:
    """What all payments of one file have in common."""

    category_purpose: CategoryPurpose
    execution_on: date
    rail: Rail


@dataclass(slots=True)
class Portion:
    """The payments of one file."""

    share: Share
    instructions: list[Instruction] = field(default_factory=list, repr=False)
    total_vnd: int = 0

    def add(self, instruction: Instruction) -> None:
        self.instructions.append(instruction)
        self.total_vnd += instruction.amount_vnd

    def has_room(self, instruction: Instruction, limits: Capabilities) -> bool:
        lines = len(self.instructions) < limits.max_lines_per_file
        return lines and self.total_vnd + instruction.amount_vnd <= limits.max_total_per_file_vnd


@dataclass(frozen=True, slots=True)
class RunOrder:
    """Đợt chi trả: what all files of the run have in common. Message ids are the prefix and a number from 1."""

    message_prefix: str
    """At most 28 characters, unique for ever."""
    created_at: datetime
    initiator_name: str
    debtor_name: str
    debtor_account: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A file that stands whole on the disk."""

    message_id: str
    path: Path
    share: Share
    count: int
    total_vnd: int


def portions(wanted: Iterable[Wanted], limits: Capabilities) -> Iterator[Portion]:
    """Every payment in exactly one portion; in each the payments keep their order. Raises `BadBatch` for an amount
    that no rail takes."""
    filling: dict[Share, Portion] = {}
    held = 0
    for one in wanted:
        rail = limits.rail_of(one.instruction.amount_vnd)
        if rail is None or one.instruction.amount_vnd > limits.max_total_per_file_vnd:
            raise BadBatch([f"{one.instruction.reference}: no rail of {limits.gateway} takes this amount"])
        share = Share(one.category_purpose, one.execution_on, rail.rail)
        portion = filling.get(share)
        if portion is not None and not portion.has_room(one.instruction, limits):
            held -= len(portion.instructions)
            yield filling.pop(share)
            portion = None
        if portion is None:
            portion = filling[share] = Portion(share)
        portion.add(one.instruction)
        held += 1
        if held > _HELD_FILES * limits.max_lines_per_file:
            fullest = max(filling.values(), key=lambda each: len(each.instructions))
            held -= len(fullest.instructions)
            yield filling.pop(fullest.share)
    yield from filling.values()


def write_files(gateway: Gateway, run: RunOrder, wanted: Iterable[Wanted], directory: Path) -> Iterator[WrittenFile]:
    """Writes the run's files into a directory, each under a temporary name, synced and renamed. Stopped half-way it
    leaves whole files and no half one under a final name."""
    limits = gateway.capabilities
    for number, portion in enumerate(portions(wanted, limits), 1):
        message_id = f"{run.message_prefix}-{number:05d}"
        order = BatchOrder(
            message_id=message_id,
            payment_info_id=message_id,
            created_at=run.created_at,
            execution_on=portion.share.execution_on,
            initiator_name=run.initiator_name,
            debtor_name=run.debtor_name,
            debtor_account=run.debtor_account,
            debtor_bank_bic=limits.bic,
            category_purpose=portion.share.category_purpose,
            count=len(portion.instructions),
            total_vnd=portion.total_vnd,
            rail=portion.share.rail,
        )
        path = directory / f"{message_id}.xml"
        draft = directory / f".{message_id}.part"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            gateway.write_batch(order, portion.instructions, file)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)
        yield WrittenFile(message_id, path, portion.share, order.count, order.total_vnd)
