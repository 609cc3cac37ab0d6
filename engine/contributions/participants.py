"""The workers of a declaration among the people we know (người tham gia); who is new to us is put on the roll.

The form knows a worker by one number: the social insurance number, or the personal id that has taken its place.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA

from engine.contributions.declaration_form import BIRTH_DATE, INSURED_NUMBER, NAME, DeclaredWorker
from engine.people import tables
from engine.people.bulk import copy_rows, new_ids
from engine.people.workbook import Row, fold
from engine.vault import Vault

_PERSONAL_ID_DIGITS = 12
_KNOWN = text("""
    SELECT person_id, personal_id_fingerprint, insured_number_fingerprint, folded_name, birth_date
    FROM engine.person
    WHERE personal_id_fingerprint = ANY (:personal_id) OR insured_number_fingerprint = ANY (:insured_number)
""").bindparams(bindparam("personal_id", type_=ARRAY(BYTEA)), bindparam("insured_number", type_=ARRAY(BYTEA)))


@dataclass(frozen=True, slots=True)
class Participants:
    """The id of each number of a file, and who of them is new to us."""

    ids: dict[str, UUID]
    newcomers: Sequence[DeclaredWorker]


def recognise_workers(
    connection: Connection, vault: Vault, workers: Iterable[tuple[Row, DeclaredWorker]]
) -> Participants:
    """Finds the workers of a file among the people we know; who stands there twice or as somebody else is a problem."""
    mentioned: dict[str, tuple[Row, DeclaredWorker]] = {}
    for row, worker in workers:
        first_row, first = mentioned.setdefault(worker.number, (row, worker))
        if first is not worker:
            row.problem(INSURED_NUMBER, f"stands in this file twice, first in row {first_row.number}")
    prints: dict[str, dict[bytes, str]] = {"personal_id": {}, "insured_number": {}}
    for number in mentioned:
        prints[_kind(number)][vault.fingerprint(_kind(number), number)] = number
    ids: dict[str, UUID] = {}
    named: dict[UUID, str] = {}
    for known in connection.execute(_KNOWN, {kind: list(found) for kind, found in prints.items()}):
        found = (prints[kind].get(getattr(known, f"{kind}_fingerprint")) for kind in prints)
        for number in filter(None, found):
            row, worker = mentioned[number]
            ids[number] = known.person_id
            if named.setdefault(known.person_id, number) != number:
                row.problem(INSURED_NUMBER, "is another number of a person who stands in this file already")
            if fold(worker.name) != known.folded_name:
                row.problem(NAME, "is not the name on record for this number")
            if worker.birth_date != known.birth_date:
                row.problem(BIRTH_DATE, "is not the birth date on record for this number")
    newcomers = [worker for number, (_, worker) in mentioned.items() if number not in ids]
    ids.update(zip((worker.number for worker in newcomers), new_ids(connection, len(newcomers)), strict=True))
    return Participants(ids, newcomers)


def enrol_workers(connection: Connection, vault: Vault, participants: Participants) -> None:
    """Puts the newcomers on the roll, their numbers sealed."""
    copy_rows(
        connection,
        tables.person,
        (_sealed(vault, participants.ids[worker.number], worker) for worker in participants.newcomers),
    )


def _sealed(vault: Vault, person_id: UUID, worker: DeclaredWorker) -> dict[str, object]:
    row: dict[str, object] = {
        "person_id": person_id,
        "name": worker.name,
        "folded_name": fold(worker.name),
        "birth_date": worker.birth_date,
    }
    for kind in ("personal_id", "insured_number"):
        sealed = vault.seal(kind, worker.number) if kind == _kind(worker.number) else None
        row[f"{kind}_ciphertext"] = sealed and sealed.ciphertext
        row[f"{kind}_fingerprint"] = sealed and sealed.fingerprint
    return row


def _kind(number: str) -> str:
    return "personal_id" if len(number) == _PERSONAL_ID_DIGITS else "insured_number"
