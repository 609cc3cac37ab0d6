"""A refused declaration comes back as the office's own form, each wrong cell marked with its rule."""

import zipfile
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import builders
import pytest
from employer_world import OCTOBER, EmployerWorld
from python_calamine import CalamineWorkbook
from sqlalchemy import text

from engine.contributions.declaration_errors import write_errors
from engine.contributions.declaration_returns import handled, note_return
from engine.contributions.employer import employer_on
from engine.database import Database
from engine.errors import WrongInput
from engine.vault import Vault


def test_every_wrong_cell_is_marked_in_the_offices_own_form(database: Database, vault: Vault, tmp_path: Path) -> None:
    world = EmployerWorld(database, vault, tmp_path)
    staff = [
        world.worker(0),
        replace(world.worker(1), number="12345"),
        replace(world.worker(2, 9_000), birth_date=date(2020, 1, 1), name="=cmd()|'calc'!A1"),
    ]
    with pytest.raises(WrongInput) as refused:
        world.declare(OCTOBER, staff=staff)
    output = tmp_path / "errors.xlsx"
    assert write_errors(world.directory / f"{OCTOBER}.xlsx", output, refused.value.problems, builders.AT) == 4
    book = CalamineWorkbook.from_path(output)
    assert book.sheet_names == ["Lỗi", "D02-LT"]
    assert [row[0] for row in book.get_sheet_by_name("Lỗi").to_python()] == list(refused.value.problems)
    with zipfile.ZipFile(output) as parts:
        comments = parts.read("xl/comments1.xml").decode()
        assert b"<f>" not in parts.read("xl/worksheets/sheet2.xml")
    for cell in ("C10", "B11", "D11", "F11"):
        assert f'ref="{cell}"' in comments
    assert "10 digits" in comments


def test_of_a_file_that_cannot_be_read_there_is_the_list_alone(tmp_path: Path) -> None:
    path = tmp_path / "d.xlsx"
    path.write_bytes(b"no workbook")
    assert write_errors(path, tmp_path / "errors.xlsx", ["d.xlsx: is no workbook"], builders.AT) == 0
    assert CalamineWorkbook.from_path(tmp_path / "errors.xlsx").sheet_names == ["Lỗi", "D02-LT"]


def test_what_is_returned_is_kept_with_its_reasons_beside_what_is_accepted(
    database: Database, vault: Vault, tmp_path: Path
) -> None:
    world = EmployerWorld(database, vault, tmp_path)
    with pytest.raises(WrongInput) as refused:
        world.declare(OCTOBER, staff=[replace(world.worker(), number="12345")])
    unreadable = tmp_path / "d.xlsx"
    unreadable.write_bytes(b"no workbook")
    with database.transaction("lan") as connection:
        note_return(connection, world.directory / f"{OCTOBER}.xlsx", refused.value.problems, builders.AT)
        note_return(connection, unreadable, ["d.xlsx: is no workbook"], builders.AT)
    world.declare(OCTOBER, builders.AT + timedelta(hours=1))
    with database.transaction() as connection:
        employer = employer_on(connection, "TZ0001Z", OCTOBER)
        assert employer is not None
        accepted, returned = handled(connection, employer.employer_id, limit=10)
        of_nobody = connection.scalar(
            text("SELECT count(*) FROM engine.returned_declaration WHERE employer_id IS NULL AND period IS NULL")
        )
    assert (accepted.declaration_no, accepted.accepted, accepted.problems) == ("TZ0001Z/2026-10/1", True, [])
    assert (returned.accepted, returned.period, returned.handled_by) == (False, OCTOBER, "lan")
    assert returned.problems == list(refused.value.problems)
    assert (len(returned.file_sha256), of_nobody) == (64, 1)
