"""Ngày sinh ghi sai: a birth date on record is corrected with the claim that proves it, never by itself.

On it hang the age at which a pension begins and the month in which a child's allowance ends. What was on record stays
known beside the version of the claim that replaced it; two persons decide, and the database takes it from nobody else.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from sqlalchemy import Connection, text

from engine.awards.claim import Claim
from engine.errors import NotAllowed
from engine.people.person import BIRTH_DATE, Person
from engine.people.workbook import Row


@dataclass(frozen=True, slots=True)
class Recorded:
    """A person of a claim as they are on record."""

    person_id: UUID
    birth_date: date


@dataclass(frozen=True, slots=True)
class CorrectedBirth:
    person_id: UUID
    before: date
    after: date


def as_recorded(claims: Iterable[tuple[Row, Claim]], known: Mapping[str, Recorded]) -> list[tuple[Row, Person]]:
    """The people whose birth dates claims rest on, each with the birth date on record: all else must still agree.

    That one file tells two birth dates of a person is noted at the row.
    """
    told: dict[str, date] = {}
    people = []
    for row, claim in claims:
        for person in _people(claim):
            if told.setdefault(person.personal_id, person.birth_date) != person.birth_date:
                row.problem(BIRTH_DATE, f"{person.name} stands in this file with two birth dates")
            recorded = known.get(person.personal_id)
            people.append((row, replace(person, birth_date=recorded.birth_date) if recorded else person))
    return people


def corrected_births(claim: Claim, known: Mapping[str, Recorded]) -> list[CorrectedBirth]:
    """The birth dates that a claim tells otherwise than they are on record."""
    return [
        CorrectedBirth(recorded.person_id, recorded.birth_date, person.birth_date)
        for person in _people(claim)
        if (recorded := known.get(person.personal_id)) and recorded.birth_date != person.birth_date
    ]


def keep_births(connection: Connection, version_no: int, births: Iterable[CorrectedBirth]) -> None:
    """Keeps with a version of a claim which birth dates it corrects; nobody's changes yet."""
    for birth in births:
        connection.execute(
            text("""
                INSERT INTO engine.corrected_birth (version_no, person_id, birth_date_before, birth_date)
                VALUES (:version_no, :person_id, :before, :after)"""),
            {
                "version_no": version_no,
                "person_id": birth.person_id,
                "before": birth.before,
                "after": birth.after,
            },
        )


def apply_births(connection: Connection, version_no: int) -> None:
    """Puts the birth dates of an approved version on record.

    Raises `NotAllowed` if one was corrected otherwise since it was proposed.
    """
    stale = connection.scalar(
        text("""
            SELECT count(*) FROM engine.corrected_birth b JOIN engine.person p USING (person_id)
            WHERE b.version_no = :no AND p.birth_date NOT IN (b.birth_date_before, b.birth_date)"""),
        {"no": version_no},
    )
    if stale:
        raise NotAllowed("a birth date was corrected otherwise since this was proposed: propose it anew")
    connection.execute(
        text("""
            UPDATE engine.person p SET birth_date = b.birth_date FROM engine.corrected_birth b
            WHERE b.person_id = p.person_id AND b.version_no = :no AND p.birth_date = b.birth_date_before"""),
        {"no": version_no},
    )


def _people(claim: Claim) -> list[Person]:
    """Whose age the law asks for: the insured person's and the relatives'."""
    people = (claim.insured, *(relative.person for relative in claim.relatives))
    return list({person.personal_id: person for person in people}.values())
