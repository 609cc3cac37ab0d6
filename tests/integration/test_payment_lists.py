"""The lists of a run as workbooks: complete, summed, and without whole account or personal numbers."""

import hashlib
from pathlib import Path

import builders
import pytest
from python_calamine import CalamineWorkbook

from engine.database import Database
from engine.errors import NotFound
from engine.payments.lists import write_lists
from engine.vault import Vault


def test_monthly_and_one_time_benefits_stand_in_lists_of_their_own(
    database: Database, vault: Vault, tmp_path: Path
) -> None:
    once = builders.Payee("10210000000997", 14_040_000, benefit="funeral_grant")
    builders.add_world(database, vault, [*builders.payees(3), once])
    builders.approved_run(database)
    with database.transaction("lan") as connection:
        written = write_lists(connection, vault, builders.RUN, tmp_path, builders.AT)
    assert [(each.form, each.province, each.payments, each.amount_vnd) for each in written] == [
        ("C72a-HD", "01", 3, 9_003_000),
        ("C97-HD", "01", 1, 14_040_000),
    ]
    for each in written:
        assert hashlib.sha256((tmp_path / each.file).read_bytes()).hexdigest() == each.sha256
    sheet = CalamineWorkbook.from_path(tmp_path / written[0].file).get_sheet_by_index(0).to_python()
    heading, *rows, total = sheet
    assert heading[1] == "Họ và tên / Name"
    assert [row[6] for row in rows] == [3_000_000, 3_001_000, 3_002_000]
    assert (total[1], total[6]) == ("Tổng cộng / Total", 9_003_000)
    assert rows[0][8] == "••••••••••0007"
    assert "10210000000007" not in str(sheet)


def test_a_run_that_is_not_there_has_no_lists(database: Database, vault: Vault, tmp_path: Path) -> None:
    with pytest.raises(NotFound), database.transaction("lan") as connection:
        write_lists(connection, vault, "2030-01/1", tmp_path, builders.AT)
