"""Taking in declarations: all problems at once, nothing stored if any, the same file recognised."""

import shutil
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import builders
import pytest
from sqlalchemy import text

from engine.clock import VIET_NAM
from engine.contributions.declaration import DeclarationImported, import_declaration
from engine.contributions.declaration_form import DeclaredWorker
from engine.contributions.dues import in_full
from engine.contributions.employer import Employer, employer_on, import_employers
from engine.database import Database
from engine.demonstration import employer
from engine.errors import NotAllowed, WrongInput
from engine.vault import Vault
from ledger.balances import trial_balance

OCTOBER = date(2026, 10, 1)
HEADING = "Mã đơn vị;Tên đơn vị;Mã số thuế;Mã cơ quan BHXH;Vùng;Phương thức đóng (tháng);Hiệu lực từ ngày\n"
UNIT = "TZ0001Z;Công ty Ánh Dương;0100000001;07901;I;1;01/01/2026\n"


@pytest.fixture
def known_employer(database: Database, vault: Vault, tmp_path: Path) -> None:
    with database.transaction("lan") as connection:
        import_employers(connection, vault, employer.write_employers(tmp_path), builders.AT)


def _staff(count: int = 3, **changes: object) -> list[DeclaredWorker]:
    return [replace(worker, **changes) for worker in employer.invent_staff(1, count)]  # type: ignore[arg-type]


def _declare(
    database: Database, vault: Vault, path: Path, staff: list[DeclaredWorker], period: date = OCTOBER
) -> DeclarationImported:
    employer.write_declaration(path, period, staff)
    with database.transaction("lan") as connection:
        return import_declaration(connection, vault, path, builders.AT)


def _count(database: Database, table: str) -> int:
    with database.transaction() as connection:
        found: int = connection.execute(text(f"SELECT count(*) FROM engine.{table}")).scalar_one()
        return found


@pytest.mark.usefixtures("known_employer")
def test_dues_follow_the_law_of_the_month(database: Database, vault: Vault, tmp_path: Path) -> None:
    """Region I, October 2026: the base lies between 2,530,000 and 50,600,000; unemployment up to 106,200,000."""
    wages = [10_000_000, 60_000_000, 120_000_000, 2_000_000, 10_000_000]
    staff = [replace(worker, wage_vnd=wage) for worker, wage in zip(_staff(5), wages, strict=True)]
    staff[4] = replace(staff[4], unpaid=True)
    declared = _declare(database, vault, tmp_path / "d.xlsx", staff)
    expected = {
        "retirement": (10_000_000 + 50_600_000 * 2 + 2_530_000) * 22 // 100,
        "sickness": (10_000_000 + 50_600_000 * 2 + 2_530_000) * 3 // 100,
        "accident": (10_000_000 + 50_600_000 * 2 + 2_530_000) * 5 // 1000,
        "unemployment": (10_000_000 + 60_000_000 + 106_200_000 + 2_530_000) * 2 // 100,
        "health": (10_000_000 + 50_600_000 * 2 + 2_530_000) * 45 // 1000,
    }
    with database.transaction() as connection:
        dues = {
            row.fund: row.total for row in connection.execute(text("SELECT fund, employee_vnd + employer_vnd AS total"
                                                                   " FROM engine.dues"))
        }  # fmt: skip
        income = {
            row.account.removeprefix("contribution_income."): row.credit.vnd
            for row in trial_balance(connection)
            if row.account.startswith("contribution_income.")
        }
        people = connection.execute(text("SELECT base_vnd FROM engine.person_dues ORDER BY base_vnd")).scalars().all()
    assert dues == income == expected
    assert people == [0, 2_530_000, 10_000_000, 50_600_000, 50_600_000]
    assert (declared.dues_vnd, declared.due_on) == (sum(expected.values()), "2026-11-30")


@pytest.mark.usefixtures("known_employer")
def test_every_workers_dues_keep_their_findings(database: Database, vault: Vault, tmp_path: Path) -> None:
    _declare(database, vault, tmp_path / "d.xlsx", _staff(3))
    with database.transaction() as connection:
        rows = connection.execute(
            text("SELECT c.grounds, p.findings, p.base_vnd FROM engine.declaration c"
                 " JOIN engine.person_dues p USING (declaration_id)")
        ).all()  # fmt: skip
    for row in rows:
        full = in_full(row.grounds, row.findings)
        assert [finding["rule"] for finding in full].count("contribution") == 5
        (base,) = (finding for finding in full if finding["rule"] == "contribution_base")
        assert base["value"] == row.base_vnd
        assert {used["name"] for used in base["parameters"]} >= {"reference_level", "base_cap_multiple"}
        assert base["article"]
        assert base["formula"]["vi"]


@pytest.mark.usefixtures("known_employer")
def test_all_problems_are_told_at_once_and_nothing_is_kept(database: Database, vault: Vault, tmp_path: Path) -> None:
    staff = _staff(8)
    number = staff[0].number
    staff[1] = replace(staff[1], number="12345")
    staff[2] = replace(staff[2], number=number)
    staff[3] = replace(staff[3], wage_vnd=5_000)
    staff[4] = replace(staff[4], name="123")
    staff[5] = replace(staff[5], birth_date=date(2030, 1, 1))
    staff[6] = replace(staff[6], number="")
    with pytest.raises(WrongInput) as refused:
        _declare(database, vault, tmp_path / "d.xlsx", staff)
    places = [problem.partition(": ")[0] for problem in refused.value.problems]
    assert places == [
        "d.xlsx, sheet D02-LT, row 10, column 1 Mã số BHXH",
        "d.xlsx, sheet D02-LT, row 11, column 1 Mã số BHXH",
        "d.xlsx, sheet D02-LT, row 12, column 4 Hệ số/Mức lương",
        "d.xlsx, sheet D02-LT, row 13, column B Họ và tên",
        "d.xlsx, sheet D02-LT, row 14, column 2 Ngày sinh",
        "d.xlsx, sheet D02-LT, row 15, column 1 Mã số BHXH",
    ]
    assert number not in str(refused.value)
    for table in ("declaration", "employment", "person", "notice"):
        assert _count(database, table) == 0
    # Put right, the same file name is taken.
    assert _declare(database, vault, tmp_path / "d.xlsx", _staff(8)).staff == 8


@pytest.mark.usefixtures("known_employer")
def test_the_same_file_is_recognised_and_another_month_is_another_declaration(
    database: Database, vault: Vault, tmp_path: Path
) -> None:
    first = _declare(database, vault, tmp_path / "d.xlsx", _staff())
    shutil.copy(tmp_path / "d.xlsx", tmp_path / "copy.xlsx")
    with database.transaction("lan") as connection:
        again = import_declaration(connection, vault, tmp_path / "copy.xlsx", builders.AT)
    assert again == replace(first, already=True, unconfirmed=list(first.unconfirmed))
    assert _count(database, "notice") == 1
    # Another month of the same people is another declaration; nobody is enrolled twice.
    assert _declare(database, vault, tmp_path / "f.xlsx", _staff(), date(2026, 9, 1)).due_on == "2026-10-31"
    assert _count(database, "person") == 3


@pytest.mark.usefixtures("known_employer")
def test_who_left_is_not_assessed(database: Database, vault: Vault, tmp_path: Path) -> None:
    staff = _staff(3)
    staff[2] = replace(staff[2], leaves=True)
    assert _declare(database, vault, tmp_path / "d.xlsx", staff).staff == 2
    with pytest.raises(WrongInput, match="nobody is with the employer"):
        _declare(database, vault, tmp_path / "e.xlsx", _staff(2, leaves=True), date(2026, 9, 1))


@pytest.mark.usefixtures("known_employer")
def test_contradictions_with_what_is_on_record_are_problems(database: Database, vault: Vault, tmp_path: Path) -> None:
    _declare(database, vault, tmp_path / "d.xlsx", _staff(3))
    other = [replace(_staff(1)[0], name="Người Khác", birth_date=date(1990, 1, 1))]
    with pytest.raises(WrongInput) as refused:
        _declare(database, vault, tmp_path / "e.xlsx", other, date(2026, 9, 1))
    assert [problem.partition(": ")[2] for problem in refused.value.problems] == [
        "is not the name on record for this number",
        "is not the birth date on record for this number",
    ]


@pytest.mark.usefixtures("known_employer")
def test_a_worker_is_declared_by_one_employer_only(database: Database, vault: Vault, tmp_path: Path) -> None:
    _declare(database, vault, tmp_path / "d.xlsx", _staff(3))
    (tmp_path / "two.csv").write_text(HEADING + UNIT.replace("TZ0001Z", "TZ0002Z"), encoding="utf-8")
    with database.transaction("lan") as connection:
        import_employers(connection, vault, tmp_path / "two.csv", builders.AT)
    employer.write_declaration(tmp_path / "e.xlsx", OCTOBER, _staff(1), "TZ0002Z")
    with database.transaction("lan") as connection, pytest.raises(WrongInput, match=r"another employer \(TZ0001Z\)"):
        import_declaration(connection, vault, tmp_path / "e.xlsx", builders.AT)


@pytest.mark.usefixtures("known_employer")
def test_what_the_heading_says_is_checked(database: Database, vault: Vault, tmp_path: Path) -> None:
    with pytest.raises(WrongInput, match="12/2026 has not begun"):
        _declare(database, vault, tmp_path / "d.xlsx", _staff(1), date(2026, 12, 1))
    employer.write_declaration(tmp_path / "e.xlsx", OCTOBER, _staff(1), "XX9999X")
    with database.transaction("lan") as connection, pytest.raises(WrongInput, match="no employer XX9999X"):
        import_declaration(connection, vault, tmp_path / "e.xlsx", builders.AT)


def test_employers_are_registered_changed_and_recognised(database: Database, vault: Vault, tmp_path: Path) -> None:
    path = tmp_path / "units.csv"
    path.write_text(HEADING + UNIT, encoding="utf-8")
    with database.transaction("lan") as connection:
        first = import_employers(connection, vault, path, builders.AT)
        assert (first.rows, first.registered, first.changed, first.unchanged) == (1, 1, 0, 0)
        assert import_employers(connection, vault, path, builders.AT).already
    path.write_text(HEADING + UNIT.replace(";I;1;01/01/2026", ";II;3;01/07/2026"), encoding="utf-8")
    with database.transaction("lan") as connection, pytest.raises(NotAllowed):
        import_employers(connection, vault, path, builders.AT)
    with database.transaction("lan") as connection:
        second = import_employers(connection, vault, path, datetime(2026, 11, 3, tzinfo=VIET_NAM))
        assert (second.registered, second.changed, second.unchanged) == (0, 1, 0)

        def known(on: date) -> tuple[str, int]:
            found = employer_on(connection, "TZ0001Z", on)
            assert isinstance(found, Employer)
            return found.region, found.cycle_months

        assert known(date(2026, 6, 30)) == ("I", 1)
        assert known(date(2026, 7, 1)) == ("II", 3)
        assert employer_on(connection, "TZ0002Z", date(2026, 7, 1)) is None


def test_a_list_of_employers_is_refused_whole(database: Database, vault: Vault, tmp_path: Path) -> None:
    path = tmp_path / "units.csv"
    path.write_text(
        HEADING + UNIT + UNIT + "tz1;;12;791;V;2;32/01/2026\n" + UNIT.replace("TZ0001Z", "1234567"), encoding="utf-8"
    )
    with database.transaction("lan") as connection, pytest.raises(WrongInput) as refused:
        import_employers(connection, vault, path, builders.AT)
    assert len(refused.value.problems) == 9
    assert _count(database, "employer") == 0
