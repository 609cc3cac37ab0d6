"""The workers of a declaration among the people we know (người tham gia); who is new to us is put on the roll.

The form knows a worker by one number: the social insurance number, or the personal id that has taken its place. So the
same worker may come under either; name and birth date tell, as far as they can.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA, DATE, TEXT

from engine.contributions.declaration_form import BIRTH_DATE, INSURED_NUMBER, NAME, DeclaredWorker, Mention
from engine.contributions.declaration_sheet import DeclaredMonth
from engine.contributions.employer import Employer
from engine.people import tables
from engine.people.bulk import copy_rows, new_ids
from engine.people.workbook import fold
from engine.vault import Vault

_PERSONAL_ID_DIGITS = 12
_KNOWN = text("""
    SELECT person_id, personal_id_fingerprint, insured_number_fingerprint, folded_name, birth_date
    FROM engine.person
    WHERE personal_id_fingerprint = ANY (:personal_id) OR insured_number_fingerprint = ANY (:insured_number)
""").bindparams(bindparam("personal_id", type_=ARRAY(BYTEA)), bindparam("insured_number", type_=ARRAY(BYTEA)))

# Whom this employer has declared before under the other kind of number only.
_FORMER_STAFF = text("""
    SELECT p.person_id, p.folded_name, p.birth_date, p.personal_id_fingerprint IS NULL AS by_insured_number
    FROM engine.person p JOIN unnest(:names, :birth_dates) AS told (name, birth_date)
        ON p.folded_name = told.name AND p.birth_date = told.birth_date
    WHERE (p.personal_id_fingerprint IS NULL OR p.insured_number_fingerprint IS NULL)
        AND EXISTS (SELECT FROM engine.employment e WHERE e.person_id = p.person_id AND e.employer_id = :employer_id)
""").bindparams(bindparam("names", type_=ARRAY(TEXT)), bindparam("birth_dates", type_=ARRAY(DATE)))

_ELSEWHERE = text("""
    SELECT DISTINCT p.folded_name, p.birth_date, e.unit_code, p.personal_id_fingerprint IS NULL AS by_insured_number
    FROM engine.person p JOIN unnest(:names, :birth_dates) AS told (name, birth_date)
        ON p.folded_name = told.name AND p.birth_date = told.birth_date
    JOIN engine.employment m USING (person_id) JOIN engine.employer e USING (employer_id)
    WHERE (p.personal_id_fingerprint IS NULL OR p.insured_number_fingerprint IS NULL)
        AND m.months @> CAST(:period AS date) AND upper_inf(m.recorded_during) AND m.employer_id <> :employer_id
    ORDER BY e.unit_code
""").bindparams(bindparam("names", type_=ARRAY(TEXT)), bindparam("birth_dates", type_=ARRAY(DATE)))


@dataclass(frozen=True, slots=True)
class Participants:
    """The id of each number of a file, and who of them is new to us."""

    ids: dict[str, UUID] = field(repr=False)
    newcomers: Sequence[DeclaredWorker]


def recognise_workers(
    connection: Connection, vault: Vault, employer: Employer | None, mentions: Iterable[Mention]
) -> Participants:
    """Finds the workers of a file among the people we know; who stands there twice or as somebody else is a problem."""
    mentioned = _each_once(mentions)
    ids = _by_numbers(connection, vault, mentioned)
    if employer is not None:
        ids |= _by_former_number(connection, employer, mentioned, ids)
    newcomers = [one.worker for number, one in mentioned.items() if number not in ids and one.worker is not None]
    ids.update(zip((worker.number for worker in newcomers), new_ids(connection, len(newcomers)), strict=True))
    return Participants(ids, newcomers)


def likely_elsewhere(connection: Connection, employer: Employer, declared: DeclaredMonth) -> list[str]:
    """Notes on workers of whom another employer may declare the same month under the other kind of number.

    Name and birth date are no proof, for many people share both; a person has to look (Law 41/2024 Article 2(5)).
    """
    staying = [(row, worker) for row, worker in declared.workers if not worker.leaves]
    found: dict[tuple[str, date, str], str] = {}
    for known in connection.execute(
        _ELSEWHERE,
        {
            "names": [fold(worker.name) for _, worker in staying],
            "birth_dates": [worker.birth_date for _, worker in staying],
            "period": declared.period,
            "employer_id": employer.employer_id,
        },
    ):
        other_kind = "personal_id" if known.by_insured_number else "insured_number"
        found.setdefault((known.folded_name, known.birth_date, other_kind), known.unit_code)
    return [
        f"{row.sheet}, row {row.number}, column {INSURED_NUMBER}: somebody of this name and birth date is declared for "
        f"this month by another employer ({unit_code}) under the other kind of number: the same person?"
        for row, worker in staying
        if (unit_code := found.get((fold(worker.name), worker.birth_date, _kind(worker.number)))) is not None
    ]


def enrol_workers(connection: Connection, vault: Vault, participants: Participants) -> None:
    """Puts the newcomers on the roll, their numbers sealed."""
    copy_rows(
        connection,
        tables.person,
        (_sealed(vault, participants.ids[worker.number], worker) for worker in participants.newcomers),
    )


def _each_once(mentions: Iterable[Mention]) -> dict[str, Mention]:
    """The first mention of each number; the same person twice is a problem of the later row."""
    mentioned: dict[str, Mention] = {}
    named: dict[tuple[str, date], dict[str, Mention]] = {}
    for one in mentions:
        if one.number is None:
            continue
        first = mentioned.setdefault(one.number, one)
        if first is not one:
            one.row.problem(INSURED_NUMBER, f"stands in this file twice, first in row {first.row.number}")
        elif one.name is not None and one.birth_date is not None:
            kinds = named.setdefault((fold(one.name), one.birth_date), {})
            kinds.setdefault(_kind(one.number), one)
            other = next((known for kind, known in kinds.items() if kind != _kind(one.number)), None)
            if other is not None:
                # Two people may share both, but then their office can tell them apart by numbers of one kind.
                one.row.problem(
                    INSURED_NUMBER,
                    f"the same name and birth date stand in row {other.row.number} under the other kind of number: "
                    "one person has one row; two people need numbers of one kind",
                )
    return mentioned


def _by_numbers(connection: Connection, vault: Vault, mentioned: dict[str, Mention]) -> dict[str, UUID]:
    prints: dict[str, dict[bytes, str]] = {"personal_id": {}, "insured_number": {}}
    for number in mentioned:
        prints[_kind(number)][vault.fingerprint(_kind(number), number)] = number
    ids: dict[str, UUID] = {}
    named: dict[UUID, Mention] = {}
    for known in connection.execute(_KNOWN, {kind: list(found) for kind, found in prints.items()}):
        numbers = (prints[kind].get(getattr(known, f"{kind}_fingerprint")) for kind in prints)
        ours = sorted((mentioned[number] for number in filter(None, numbers)), key=lambda one: one.row.number)
        for one in ours:
            if one.number is not None:
                ids[one.number] = known.person_id
            first = named.setdefault(known.person_id, one)
            if first is not one:
                one.row.problem(INSURED_NUMBER, f"is another number of the person in row {first.row.number}")
            if one.name is not None and fold(one.name) != known.folded_name:
                one.row.problem(NAME, "is not the name on record for this number")
            if one.birth_date not in (None, known.birth_date):
                one.row.problem(BIRTH_DATE, "is not the birth date on record for this number")
    return ids


def _by_former_number(
    connection: Connection, employer: Employer, mentioned: dict[str, Mention], ids: dict[str, UUID]
) -> dict[str, UUID]:
    """Staff whom their employer declared under the one kind of number so far, and declares under the other now.

    It must be one person only, and not on this list under the former number; else the worker is new to us.
    """
    unknown: dict[tuple[str, date], list[str]] = {}
    for number, one in mentioned.items():
        if number not in ids and one.name is not None and one.birth_date is not None:
            unknown.setdefault((fold(one.name), one.birth_date), []).append(number)
    if not unknown:
        return {}
    former: dict[tuple[str, date], list[tuple[UUID, str]]] = {}
    for known in connection.execute(
        _FORMER_STAFF,
        {
            "names": [name for name, _ in unknown],
            "birth_dates": [birth_date for _, birth_date in unknown],
            "employer_id": employer.employer_id,
        },
    ):
        kind = "insured_number" if known.by_insured_number else "personal_id"
        former.setdefault((known.folded_name, known.birth_date), []).append((known.person_id, kind))
    present = set(ids.values())
    found = {}
    for who, numbers in unknown.items():
        if len(numbers) == 1 and len(former.get(who, ())) == 1:
            ((person_id, kind),) = former[who]
            if kind != _kind(numbers[0]) and person_id not in present:
                found[numbers[0]] = person_id
    return found


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
