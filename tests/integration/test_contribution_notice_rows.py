"""Form C12-TS: each notice carries in what the one before carried out, and its rows add up in every fund."""

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from employer_world import DUES, NOVEMBER, OCTOBER, EmployerWorld
from python_calamine import CalamineWorkbook

from engine.clock import VIET_NAM
from engine.contributions.collection import open_collection_account
from engine.contributions.notices import notice_pdf, write_notice
from engine.database import Database
from engine.demonstration import employer
from engine.vault import Vault

DECEMBER = date(2026, 12, 1)


def _at(month: int, day: int, year: int = 2026) -> datetime:
    return datetime(year, month, day, 9, tzinfo=VIET_NAM)


@pytest.fixture
def world(database: Database, vault: Vault, tmp_path: Path) -> EmployerWorld:
    return EmployerWorld(database, vault, tmp_path)


def _check(before: dict[str, Any] | None, rows: dict[str, Any]) -> None:
    """What is carried in and arises, less what is allocated, is carried out: by fund, of dues, charges and surplus."""
    carried_in, carried_out, arisen, allocated = (
        rows[name] for name in ("carried_in", "carried_out", "arisen", "allocated")
    )
    if before is not None:
        assert carried_in == before["carried_out"]
    for fund in ("sickness", "retirement", "health", "unemployment", "accident"):
        due = sum(part.get(fund, 0) for part in (carried_in["principal"], arisen["dues"], arisen["raised"]))
        assert due - allocated["principal"].get(fund, 0) == carried_out["principal"].get(fund, 0)
        charged = carried_in["charge"].get(fund, 0) + arisen["charge"][fund]
        assert charged - allocated["late_charge"].get(fund, 0) == carried_out["charge"].get(fund, 0)
        assert arisen["charge"][fund] >= 0
    came = carried_in["surplus_vnd"] + sum(one["vnd"] for one in rows["receipts"]) + sum(arisen["lowered"].values())
    went = sum(sum(funds.values()) for funds in allocated.values()) + rows["refunded_vnd"]
    assert came - went == carried_out["surplus_vnd"]
    assert sum(carried_out["by_status"].values()) == sum(carried_out["principal"].values())


def test_each_notice_carries_in_what_the_one_before_carried_out(world: EmployerWorld) -> None:
    told = [world.declare(OCTOBER, _at(11, 2), [world.worker(0), world.worker(1)])]
    world.credit(date(2026, 11, 10), [(told[0].payment_code, DUES)])
    told.append(world.declare(NOVEMBER, _at(12, 10)))
    world.credit(date(2026, 12, 20), [(told[1].payment_code, 2 * DUES), (told[1].payment_code, 777)])
    raised = replace(world.worker(0, 12_000_000), from_month=OCTOBER)
    told.append(world.declare(DECEMBER, _at(1, 5, 2027), [raised], changes_only=True))
    world.credit(date(2027, 1, 6), [(told[2].payment_code, told[2].amount_vnd + 5_000_000)])
    lowered = replace(world.worker(0), position="Thủ kho")
    told.append(world.declare(NOVEMBER, _at(1, 8, 2027), [lowered]))
    before = None
    for one in told:
        rows = world.notice(one.notice_no)["rows"]
        _check(before, rows)
        before = rows
    assert before is not None
    assert before["arisen"]["lowered"]["health"] == 90_000
    # Late is what was due and not paid on the day of the notice.
    second = world.notice(told[1].notice_no)["rows"]
    assert second["carried_out"]["by_status"] == {"late": DUES, "not_due": DUES}
    assert second["carried_out"]["days_late"] == 10


def test_a_notice_is_the_same_for_ever_byte_for_byte(world: EmployerWorld, tmp_path: Path) -> None:
    told = world.declare(OCTOBER)
    first = world.notice(told.notice_no)
    pdf = notice_pdf(first)
    write_notice(tmp_path / "first.xlsx", first)
    world.credit(date(2026, 11, 10), [(told.payment_code, DUES)])
    with world.database.transaction("lan") as connection:
        another = replace(employer.COLLECTION, account="8800000000099")
        open_collection_account(connection, world.vault, another)
    again = world.notice(told.notice_no)
    assert again == first
    assert notice_pdf(again) == pdf
    write_notice(tmp_path / "again.xlsx", again)
    assert (tmp_path / "again.xlsx").read_bytes() == (tmp_path / "first.xlsx").read_bytes()
    lines = {
        row[0]: row for row in CalamineWorkbook.from_path(tmp_path / "first.xlsx").get_sheet_by_index(0).to_python()
    }
    assert lines["B.3"][1:] == ["Phải đóng", 300_000, 2_200_000, 450_000, 200_000, 50_000, DUES]
    assert lines["Đ.2.2a"][-1] == DUES
