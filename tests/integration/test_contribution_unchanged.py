"""Months without a change: what is declared by shards is what a file would have declared one by one."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import builders
import pytest
from employer_world import DUES, NOVEMBER, OCTOBER, EmployerWorld
from sqlalchemy import text

from engine.clock import VIET_NAM
from engine.contributions.declaration import DeclarationImported, import_declaration
from engine.contributions.employer import employer_on, import_employers
from engine.contributions.recording import content_hash, staff_of
from engine.contributions.unchanged import Unchanged, declare_shard
from engine.database import Database
from engine.demonstration import employer
from engine.errors import WrongInput
from engine.law.parameters import Parameters
from engine.vault import Vault

LAW = Parameters.load()
OTHER = "TZ0002Y"
AT = datetime(2026, 11, 20, 9, tzinfo=VIET_NAM)
_HEADING = "Mã đơn vị,Tên đơn vị,Mã số thuế,Mã cơ quan BHXH,Vùng,Phương thức đóng (tháng),Hiệu lực từ ngày"


@pytest.fixture
def world(database: Database, vault: Vault, tmp_path: Path) -> EmployerWorld:
    """Two employers of equal staff; one goes on handing in files, the other says nothing."""
    world = EmployerWorld(database, vault, tmp_path)
    path = tmp_path / "other.csv"
    path.write_text(f"{_HEADING}\n{OTHER},Khác,0100000002,07901,I,1,01/01/2026\n", encoding="utf-8")
    with database.transaction("lan") as connection:
        import_employers(connection, vault, path, builders.AT)
    return world


def _other(world: EmployerWorld, period: date, wage_vnd: int = 10_000_000) -> DeclarationImported:
    path = world.directory / f"other-{period}-{wage_vnd}.xlsx"
    staff = [replace(one, wage_vnd=wage_vnd, position=None) for one in employer.invent_staff(2, 2)]
    employer.write_declaration(path, period, staff, OTHER)
    at = builders.AT if period == OCTOBER else AT + timedelta(days=1)
    with world.database.transaction("lan") as connection:
        return import_declaration(connection, world.vault, path, at)


def _roll(world: EmployerWorld, period: date = NOVEMBER, at: datetime = AT) -> Unchanged:
    with world.database.transaction("lan") as connection:
        return declare_shard(connection, period, at, LAW)


def _notice_of(world: EmployerWorld, unit_code: str, period: date) -> dict[str, Any]:
    with world.database.transaction() as connection:
        number: int = connection.execute(
            text("""
                SELECT n.notice_no FROM engine.notice n JOIN engine.employer e USING (employer_id)
                JOIN engine.declaration c USING (declaration_id)
                WHERE e.unit_code = :unit_code AND c.period = :period"""),
            {"unit_code": unit_code, "period": period},
        ).scalar_one()
    return world.notice(number)


def test_a_month_without_a_change_is_what_a_file_would_have_declared(world: EmployerWorld) -> None:
    filed = world.declare(OCTOBER, staff=[world.worker(0), world.worker(1)])
    silent = _other(world, OCTOBER)
    world.credit(date(2026, 11, 10), [(filed.payment_code, 2 * DUES), (silent.payment_code, 2 * DUES)])
    world.declare(NOVEMBER, AT, [world.worker(0), world.worker(1)])
    assert _roll(world) == Unchanged(1, 0, 2, 2 * DUES)
    assert _roll(world) == Unchanged(0, 0, 0, 0)
    expected, found = _notice_of(world, "TZ0001Z", NOVEMBER), _notice_of(world, OTHER, NOVEMBER)
    same = ("period", "staff", "funds", "dues_vnd", "carried_in_vnd", "late_charge_vnd", "surplus_vnd", "due_on",
            "adjustments_vnd", "amount_vnd", "accounts", "findings", "unconfirmed")  # fmt: skip
    assert {name: found[name] for name in same} == {name: expected[name] for name in same}
    for name in ("carried_out", "arisen", "allocated", "refunded_vnd"):
        assert _without_zeros(found["rows"][name]) == _without_zeros(expected["rows"][name])
    with world.database.transaction() as connection:
        known = employer_on(connection, OTHER, NOVEMBER)
        assert known is not None
        stored = connection.scalar(
            text("SELECT content_hash FROM engine.declaration WHERE employer_id = :id AND period = '2026-11-01'"),
            {"id": known.employer_id},
        )
        assert stored == content_hash(known, NOVEMBER, staff_of(connection, known, NOVEMBER))
    world.row()
    # Its own payment finds its way.
    world.credit(date(2026, 11, 25), [(found["payment_code"], 2 * DUES)])
    world.row()


def _without_zeros(told: Any) -> Any:
    if isinstance(told, dict):
        return {key: value for key, each in told.items() if (value := _without_zeros(each)) not in (0, {})}
    return told


def test_arrears_and_money_ahead_are_looked_at_one_by_one(world: EmployerWorld) -> None:
    world.declare(OCTOBER)
    ahead = _other(world, OCTOBER)
    world.credit(date(2026, 11, 10), [(ahead.payment_code, 3 * DUES)])
    assert _roll(world, at=datetime(2026, 12, 10, 9, tzinfo=VIET_NAM)) == Unchanged(2, 2, 3, 3 * DUES)
    late, early = _notice_of(world, "TZ0001Z", NOVEMBER), _notice_of(world, OTHER, NOVEMBER)
    assert (late["carried_in_vnd"], late["late_charge_vnd"]) == (DUES, 9_600)
    assert (early["surplus_vnd"], early["amount_vnd"]) == (DUES, DUES)
    world.row()


def test_another_law_is_another_assessment(world: EmployerWorld) -> None:
    """From July 2026 the lowest base is 2,530,000: what was due on 2,340,000 is assessed anew."""
    june, july = date(2026, 6, 1), date(2026, 7, 1)
    world.next_day = date(2026, 1, 1)
    with world.database.transaction("lan") as connection:
        path = world.directory / "june.xlsx"
        employer.write_declaration(path, june, [world.worker(0, 2_000_000)])
        import_declaration(connection, world.vault, path, datetime(2026, 6, 20, 9, tzinfo=VIET_NAM))
    rolled = _roll(world, july, datetime(2026, 7, 20, 9, tzinfo=VIET_NAM))
    assert (rolled.employers, rolled.one_by_one) == (1, 1)
    assert rolled.dues_vnd == 2_530_000 * 32 // 100


def test_a_file_afterwards_is_recognised_or_corrects(world: EmployerWorld) -> None:
    _other(world, OCTOBER)
    _roll(world)
    same = _other(world, NOVEMBER)
    assert (same.already, same.dues_vnd, same.declaration_no) == (True, 2 * DUES, f"{OTHER}/2026-11/1")
    assert _other(world, NOVEMBER, 11_000_000).dues_vnd == 2 * 320_000


def test_a_month_that_has_not_begun_is_not_declared(world: EmployerWorld) -> None:
    with pytest.raises(WrongInput, match="12/2026 has not begun"):
        _roll(world, date(2026, 12, 1))
