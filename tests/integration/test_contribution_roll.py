"""One person, one place on the roll: told of by an employer first, by a claim later."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import builders
import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from engine.contributions.declaration import import_declaration
from engine.contributions.employer import import_employers
from engine.database import Database
from engine.demonstration import employer
from engine.people.person import Person, enrol, ids_by_personal_id, recognise
from engine.people.workbook import Problems, Row
from engine.vault import Vault


@pytest.fixture
def claimant(database: Database, vault: Vault, tmp_path: Path) -> Person:
    """Somebody whom an employer has declared; the claim tells more of them."""
    worker = employer.invent_staff(1, 1)[0]
    employer.write_declaration(tmp_path / "d.xlsx", date(2026, 10, 1), [worker])
    with database.transaction("lan") as connection:
        import_employers(connection, vault, employer.write_employers(tmp_path), builders.AT)
        import_declaration(connection, vault, tmp_path / "d.xlsx", builders.AT)
    personal_id = f"0012{worker.birth_date.year % 100:02}000001"
    return Person(worker.name, "M", worker.birth_date, personal_id, worker.number, None, "01", "urban")


def _file(database: Database, vault: Vault, person: Person) -> list[str]:
    problems = Problems()
    with database.transaction("lan") as connection:
        roll = recognise(connection, vault, [(Row("Hồ sơ", 2, {}, problems), person)])
        if not problems.found:
            enrol(connection, vault, roll)
    return problems.found


def test_a_claim_completes_whom_an_employer_has_declared(database: Database, vault: Vault, claimant: Person) -> None:
    assert _file(database, vault, claimant) == []
    assert _file(database, vault, claimant) == []
    with database.transaction("lan") as connection:
        known = ids_by_personal_id(connection, vault, [claimant.personal_id])
        (row,) = connection.execute(text("SELECT person_id, sex, province, area FROM engine.person")).all()
    assert known[claimant.personal_id][0] == row.person_id
    assert (row.sex, row.province, row.area) == ("M", "01", "urban")


def test_a_claim_of_somebody_else_under_that_number_is_a_problem(
    database: Database, vault: Vault, claimant: Person
) -> None:
    assert _file(database, vault, replace(claimant, name="Người Khác")) == [
        "Hồ sơ, row 2, column Mã số BHXH: belongs to another person on record"
    ]


@pytest.mark.parametrize("change", ["sex = 'F'", "area = NULL", "personal_id_fingerprint = '\\x00'"])
def test_what_is_known_of_a_person_is_never_edited(
    database: Database, vault: Vault, claimant: Person, change: str
) -> None:
    _file(database, vault, claimant)
    with pytest.raises(ProgrammingError, match="never edited"), database.transaction("lan") as connection:
        connection.execute(text(f"UPDATE engine.person SET {change}"))
