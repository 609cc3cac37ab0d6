"""What employers pay: recognised by its code, booked, allocated by the legal order, charged when late."""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import builders
import pytest
from bank_paper import Line
from employer_world import DUE_ON, DUES, NOVEMBER, OCTOBER, EmployerWorld
from sqlalchemy import text

from engine.clock import VIET_NAM, business_date
from engine.contributions.collection import open_collection_account
from engine.contributions.declaration import import_declaration
from engine.contributions.employer import employer_on, import_employers, lock_employers
from engine.contributions.notices import notice_document, position
from engine.contributions.proof import prove_contributions
from engine.database import Database
from engine.demonstration import employer
from engine.errors import WrongInput
from engine.law.calendar import Month
from engine.law.contributions import Fund
from engine.law.employer_account import Dues, Receipt, employer_account
from engine.law.parameters import Parameters
from engine.payments.settlement import import_statement
from engine.vault import Vault
from ledger.balances import balance


@pytest.fixture
def world(database: Database, vault: Vault, tmp_path: Path) -> EmployerWorld:
    return EmployerWorld(database, vault, tmp_path)


def test_a_part_payment_goes_to_the_funds_in_the_legal_order(world: EmployerWorld) -> None:
    declared = world.declare(OCTOBER)
    assert declared.dues_vnd == DUES
    world.credit(builders.PAY_ON, [(f"{declared.payment_code} dong BHXH", 720_000)])
    assert world.allocated() == {
        ("health", "principal"): 450_000,
        ("unemployment", "principal"): 200_000,
        ("accident", "principal"): 50_000,
        ("sickness", "principal"): 20_000,
    }
    assert world.row().receivable_vnd == DUES - 720_000
    world.credit(date(2026, 11, 20), [(f"ct den {declared.payment_code.lower()}.CT tu 0011", DUES - 720_000)])
    row = world.row()
    assert (row.receivable_vnd, row.surplus_vnd, row.charged_vnd) == (0, 0, 0)


def test_a_surplus_waits_for_the_dues_of_the_next_month(world: EmployerWorld) -> None:
    first = world.declare(OCTOBER)
    world.credit(builders.PAY_ON, [(first.payment_code, DUES), (first.payment_code, 1_000_000)])
    assert world.row().surplus_vnd == 1_000_000
    second = world.declare(NOVEMBER)
    assert second.amount_vnd == DUES - 1_000_000
    assert world.notice(second.notice_no)["surplus_vnd"] == 1_000_000
    row = world.row()
    assert (row.surplus_vnd, row.receivable_vnd) == (0, DUES - 1_000_000)
    world.credit(date(2026, 12, 31), [(second.payment_code, second.amount_vnd)])
    assert world.row().receivable_vnd == 0


def test_receipts_of_an_account_that_began_empty_are_taken_up_in_their_order(world: EmployerWorld) -> None:
    code = world.declare(OCTOBER).payment_code
    days = [builders.PAY_ON, builders.PAY_ON + timedelta(days=1)]
    at = datetime(2026, 11, 20, 20, tzinfo=VIET_NAM)
    papers = [
        world.paper.statement(world.directory / f"{day}.xml", day, [Line(amount, text=code)])
        for day, amount in zip(days, (450_000, DUES - 450_000), strict=True)
    ]
    received = []
    for path in reversed(papers):
        with world.database.transaction() as connection:
            import_statement(connection, world.vault, path, at)
        received.append(world.row().received_vnd)
    assert received == [0, DUES]
    with world.database.transaction() as connection:
        first = text("SELECT fund, amount_vnd FROM engine.allocation WHERE value_on = :day")
        # The first of the funds in the legal order is paid by the receipt of the first day, whatever came first.
        assert [tuple(row) for row in connection.execute(first, {"day": days[0]})] == [("health", 450_000)]


def test_what_comes_late_is_charged_for_each_day(world: EmployerWorld) -> None:
    """Ten days at 0.03 %: of the whole 9,600, of health 1,350, unemployment 600, accident 150, social insurance 7,500.

    A payment of the dues alone leaves the charge of social insurance open, and 2,100 of its principal.
    """
    declared = world.declare(OCTOBER)
    world.credit(DUE_ON + timedelta(days=10), [(declared.payment_code, DUES)])
    assert world.allocated() == {
        ("health", "principal"): 450_000,
        ("health", "late_charge"): 1_350,
        ("unemployment", "principal"): 200_000,
        ("unemployment", "late_charge"): 600,
        ("accident", "principal"): 50_000,
        ("accident", "late_charge"): 150,
        ("sickness", "principal"): 300_000,
        ("retirement", "principal"): 2_197_900,
    }
    row = world.row()
    assert (row.charged_vnd, row.charge_receivable_vnd, row.receivable_vnd) == (9_600, 7_500, 2_100)
    with world.database.transaction() as connection:
        assert balance(connection, "late_charge_income.retirement").vnd == 6_600
    world.credit(DUE_ON + timedelta(days=20), [(declared.payment_code, 10_000)])
    row = world.row()
    # Ten more days of 2,100 are 6.3 đồng.
    assert (row.charged_vnd, row.charge_receivable_vnd, row.receivable_vnd, row.surplus_vnd) == (9_606, 0, 0, 394)


def test_arrears_and_their_charge_stand_on_the_next_notice(world: EmployerWorld) -> None:
    world.declare(OCTOBER)
    at = datetime(2026, 12, 10, 9, tzinfo=VIET_NAM)
    declared = world.declare(NOVEMBER, at)
    notice = world.notice(declared.notice_no)
    assert (notice["carried_in_vnd"], notice["late_charge_vnd"]) == (DUES, 9_600)
    assert declared.amount_vnd == 2 * DUES + 9_600
    world.credit(at.date(), [(declared.payment_code, declared.amount_vnd)])
    row = world.row()
    assert (row.receivable_vnd, row.charge_receivable_vnd, row.surplus_vnd) == (0, 0, 0)


def test_a_month_declared_late_bears_its_own_charge_on_its_notice(world: EmployerWorld) -> None:
    at = datetime(2026, 12, 10, 9, tzinfo=VIET_NAM)
    declared = world.declare(OCTOBER, at)
    notice = world.notice(declared.notice_no)
    assert (notice["carried_in_vnd"], notice["late_charge_vnd"]) == (0, 9_600)
    assert declared.amount_vnd == DUES + 9_600
    with world.database.transaction("lan") as connection:
        again = import_declaration(connection, world.vault, world.directory / f"{OCTOBER}.xlsx", at)
    assert again == replace(declared, already=True)
    world.credit(at.date(), [(declared.payment_code, declared.amount_vnd)])
    row = world.row()
    assert (row.receivable_vnd, row.charge_receivable_vnd, row.surplus_vnd) == (0, 0, 0)


def test_a_surplus_that_came_in_time_keeps_a_late_declaration_from_being_charged(world: EmployerWorld) -> None:
    first = world.declare(OCTOBER)
    world.credit(builders.PAY_ON, [(first.payment_code, DUES + 1_000_000)])
    second = world.declare(NOVEMBER, datetime(2027, 1, 10, 9, tzinfo=VIET_NAM))
    # Due on 31 December; ten days at 0.03 % of the 2,200,000 of retirement, which the surplus did not reach.
    assert (second.amount_vnd, world.notice(second.notice_no)["late_charge_vnd"]) == (2_200_000 + 6_600, 6_600)


def test_a_month_of_the_former_law_bears_the_charge_from_july_2025_and_says_what_is_not_counted(
    world: EmployerWorld,
) -> None:
    declared = world.declare(date(2025, 5, 1))
    days = (business_date(builders.AT) - date(2025, 6, 30)).days
    assert world.notice(declared.notice_no)["late_charge_vnd"] == declared.dues_vnd * days * 3 // 10_000
    assert "late_interest_months" in declared.unconfirmed
    assert "late_interest_rate" not in declared.unconfirmed  # due on 31 May: the first month would be July
    assert "late_interest_rate" in world.declare(date(2025, 4, 1)).unconfirmed


def test_money_without_a_code_of_ours_is_nobodys(world: EmployerWorld) -> None:
    declared = world.declare(OCTOBER)
    wrong = declared.payment_code[:-1] + ("A" if declared.payment_code[-1] != "A" else "B")
    world.credit(builders.PAY_ON, [("dong BHXH thang 10", 5_000), (wrong, 7_000)])
    assert world.row().received_vnd == 0


def test_a_notice_issued_before_the_account_was_opened_is_expected_there(
    database: Database, vault: Vault, tmp_path: Path
) -> None:
    with database.transaction("lan") as connection:
        builders.add_bank(connection, vault)
        import_employers(connection, vault, employer.write_employers(tmp_path), builders.AT)
    path = tmp_path / "d.xlsx"
    employer.write_declaration(path, OCTOBER, employer.invent_staff(1, 2))
    with database.transaction("lan") as connection:
        declared = import_declaration(connection, vault, path, builders.AT)
        assert notice_document(connection, vault, declared.notice_no)["qr"] is None
        open_collection_account(connection, vault, employer.COLLECTION)
        assert notice_document(connection, vault, declared.notice_no)["qr"]
        expected = connection.scalars(text("SELECT reference FROM reconciliation.expectation"))
        assert list(expected) == [declared.payment_code]


def test_an_account_that_would_spoil_every_notice_is_not_opened(database: Database, vault: Vault) -> None:
    with database.transaction("lan") as connection:
        builders.add_bank(connection, vault)
        open_collection_account(connection, vault, employer.COLLECTION)
        wrong: dict[str, dict[str, Any]] = {
            "a BIN has six digits": {"bank_bin": "9999"},
            "1 to 19 letters and digits": {"account": "8800 0000 0007 77"},
            "name is empty": {"bank_name": " "},
            "capital letters": {"holder_name": "BHXH Việt Nam"},
            "no gateway other": {"gateway": "other"},
        }
        for rule, part in wrong.items():
            with pytest.raises(WrongInput, match=rule) as refused:
                open_collection_account(connection, vault, replace(employer.COLLECTION, **{"account": "7", **part}))
            assert len(refused.value.problems) == 1
        with pytest.raises(WrongInput, match="ours already") as again:
            open_collection_account(connection, vault, replace(employer.COLLECTION, gateway="other"))
        assert employer.COLLECTION.account not in str(again.value)
        assert len(again.value.problems) == 2
        assert connection.scalar(text("SELECT count(*) FROM engine.collection_account")) == 1


@dataclass(frozen=True)
class _Payer:
    """An employer with one worker, and what it pays in one statement."""

    unit_code: str
    paid_vnd: tuple[int, ...]


def test_the_receipts_of_many_employers_in_one_statement_are_allocated_as_the_law_has_each(
    world: EmployerWorld, tmp_path: Path
) -> None:
    """In part, whole in two receipts, with the late charge and too much: each by the law's own account."""
    payers = [
        _Payer("TZ0002Z", (450_000, 100_000)),
        _Payer("TZ0003Z", (3_000_000, 214_400)),
        _Payer("TZ0004Z", (5_000_000,)),
    ]
    funds = {Fund.HEALTH: 450_000, Fund.UNEMPLOYMENT: 200_000, Fund.ACCIDENT: 50_000, Fund.SICKNESS: 300_000}
    dues = Dues(Month.of(2026, 10), funds | {Fund.RETIREMENT: 2_200_000})
    on, law = date(2026, 12, 15), Parameters.load()
    at = datetime(2026, 11, 2, 9, tzinfo=VIET_NAM)
    listed = tmp_path / "employers.csv"
    rows = [
        f"{payer.unit_code},Đơn vị {payer.unit_code},01{number:08d},07901,I,1,01/01/2026"
        for number, payer in enumerate(payers)
    ]
    heading = "Mã đơn vị,Tên đơn vị,Mã số thuế,Mã cơ quan BHXH,Vùng,Phương thức đóng (tháng),Hiệu lực từ ngày"
    listed.write_text("\n".join([heading, *rows]), encoding="utf-8")
    memos = []
    with world.database.transaction("lan") as connection:
        import_employers(connection, world.vault, listed, at)
    for number, payer in enumerate(payers, 1):
        path = tmp_path / f"{payer.unit_code}.xlsx"
        employer.write_declaration(path, OCTOBER, [world.worker(number)], payer.unit_code)
        with world.database.transaction("lan") as connection:
            declared = import_declaration(connection, world.vault, path, at)
        memos += [(declared.payment_code, vnd) for vnd in payer.paid_vnd]
    world.credit(on, memos)
    with world.database.transaction() as connection:
        for payer in payers:
            told = employer_account([dues], [Receipt(on, vnd) for vnd in payer.paid_vnd], on, law)
            known = employer_on(connection, payer.unit_code, on)
            assert known is not None
            found = position(connection, known, on, law)
            owed_vnd = found.principal_vnd + found.late_charge_vnd
            assert (owed_vnd, found.surplus_vnd) == (told.outstanding_vnd, told.unallocated_vnd)
        assert prove_contributions(connection).differences == ()


def test_a_hundred_thousand_employers_are_locked_with_few_locks(database: Database) -> None:
    with database.transaction() as connection:
        lock_employers(connection, [uuid4() for _ in range(100_000)])
        count = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()")
        assert 1_000 < connection.execute(count).scalar_one() <= 2_048
