"""Who has no account is paid at a pay point: files in, each gateway pays its own, a list for each pay point."""

import csv
from collections.abc import Sequence
from pathlib import Path

import builders
import pytest
from python_calamine import CalamineWorkbook
from sqlalchemy import Engine, text

from engine.database import Database
from engine.errors import WrongInput
from engine.payments import gateways, planning
from engine.payments.lists import write_lists
from engine.people.pay_points import CASH_PAYEES, PAY_POINTS, import_cash_payees, import_pay_points
from engine.people.workbook import Sheet
from engine.vault import Vault

AT, LATER = builders.AT, builders.AT.replace(hour=9)
_FIRST, _SECOND = "001000000001", "001000000002"


def _file(path: Path, sheet: Sheet, *rows: Sequence[str]) -> Path:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file, delimiter=";").writerows([sheet.required, *rows])
    return path


@pytest.fixture
def world(database: Database, vault: Vault, owner: Engine, tmp_path: Path) -> Database:
    """Three payees of the bank; the first two have insurance numbers. Two pay points, and the post that pays there."""
    builders.add_world(database, vault, builders.payees(3))
    with owner.begin() as connection:
        connection.execute(text("ALTER TABLE engine.person DISABLE TRIGGER USER"))
        for number in (1, 2):
            sealed = vault.seal("insured_number", f"790201234{number}")
            connection.execute(
                text("""
                    UPDATE engine.person SET insured_number_ciphertext = :c, insured_number_fingerprint = :f
                    WHERE person_id = (SELECT person_id FROM engine.award WHERE award_no = :no)"""),
                {"c": sealed.ciphertext, "f": sealed.fingerprint, "no": f"QD-{number:06d}"},
            )
    with database.transaction("lan") as connection:
        points = _file(tmp_path / "p.csv", PAY_POINTS, ["700900", "BĐ Bờ Hồ", "01"], ["700901", "BĐ Huế", "46"])
        assert import_pay_points(connection, points, AT) == 2
        gateways.onboard(connection, "post", "post_office", f"file://{tmp_path}", "")
        account = gateways.PayingAccount("post", "retirement", "BHXH", "HDBUUDIEN01")
        gateways.open_paying_account(connection, vault, account, opening_vnd=10**9, on=builders.PAY_ON, at=AT)
    return database


def _cash(world: Database, vault: Vault, path: Path, *rows: Sequence[str]) -> None:
    with world.transaction("lan") as connection:
        import_cash_payees(connection, vault, _file(path, CASH_PAYEES, *rows), LATER)


def test_each_gateway_pays_its_own_and_each_pay_point_has_its_list(
    world: Database, vault: Vault, tmp_path: Path
) -> None:
    _cash(
        world,
        vault,
        tmp_path / "c.csv",
        [_FIRST, "NGUYEN VAN", "700900", "01/11/2026"],
        [_SECOND, "Nguyễn Văn", "700901", "01/11/2026"],
    )
    with world.transaction("lan") as connection:
        by_bank = planning.plan(connection, builders.PERIOD, builders.PAY_ON, "simbank", frozenset(), LATER)
        assert (by_bank.payments, by_bank.without_account, by_bank.amount_vnd) == (1, 2, 3_002_000)
    with world.transaction("lan") as connection:
        in_cash = planning.plan(connection, builders.PERIOD, builders.PAY_ON, "post", frozenset(), LATER)
        assert (in_cash.payments, in_cash.without_account) == (2, 0)
        written = write_lists(connection, vault, in_cash.run_code, tmp_path, LATER)
    assert [(each.form, each.province, each.pay_point, each.amount_vnd) for each in written] == [
        ("C72a-HD", "01", "700900", 3_000_000),
        ("C72a-HD", "46", "700901", 3_001_000),
    ]
    row = CalamineWorkbook.from_path(tmp_path / written[1].file).get_sheet_by_index(0).to_python()[1]
    assert row[7:9] == ["BĐ Huế", ""]


def test_who_is_back_at_a_bank_is_paid_no_cash(world: Database, vault: Vault, tmp_path: Path) -> None:
    with pytest.raises(WrongInput, match="nothing is due"), world.transaction("lan") as connection:
        planning.plan(connection, builders.PERIOD, builders.PAY_ON, "post", frozenset(), LATER)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ([_FIRST, "NGUYEN VAN", "700999", "01/11/2026"], "no pay point"),
        ([_FIRST, "LE VAN", "700900", "01/11/2026"], "not the name"),
        (["001000000003", "NGUYEN VAN", "700900", "01/11/2026"], "no insurance number"),
        (["001000000009", "NGUYEN VAN", "700900", "01/11/2026"], "nobody"),
    ],
)
def test_a_wrong_row_is_named(world: Database, vault: Vault, tmp_path: Path, row: list[str], problem: str) -> None:
    with pytest.raises(WrongInput, match=problem):
        _cash(world, vault, tmp_path / "c.csv", row)


def test_a_pay_point_has_no_banks_number(world: Database, tmp_path: Path) -> None:
    file = _file(tmp_path / "q.csv", PAY_POINTS, ["970436", "VCB", "01"], ["12", "x", "99"])
    with pytest.raises(WrongInput) as refused, world.transaction("lan") as connection:
        import_pay_points(connection, file, AT)
    assert [rule in str(refused.value) for rule in ("number of a bank", "six digits", "no province")] == [True] * 3
