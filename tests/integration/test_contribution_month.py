"""The employer's month against the simulated bank: declared, noticed, paid, allocated."""

from collections.abc import Iterator
from pathlib import Path

import builders
import pytest
from sqlalchemy import Engine, text

from engine.contributions.proof import prove_contributions
from engine.contributions.receipts import ReceiptsApplied, apply_receipts
from engine.database import Database
from engine.demonstration import employer, month, online
from engine.installation import SIMULATOR_ADDRESS, Installation
from engine.payments.proof import prove
from engine.settings import Settings
from engine.statements import fetch_statements
from gateways.simulator import process
from gateways.vietqr import parse
from ledger.balances import balance, trial_balance


@pytest.fixture
def installation(database: Database, owner: Engine, tmp_path: Path) -> Iterator[Installation]:
    """An installation whose bank knows us and holds our money; November stands at the day of payment."""
    installation = Installation(Settings(tmp_path, None, None, None), database)
    with owner.begin() as connection:
        connection.execute(
            text("INSERT INTO engine.demonstration (payees, seed, now_at) VALUES (1, 1, :at)"), {"at": builders.AT}
        )
    builders.open_bank(installation)
    builders.add_world(database, installation.vault, [], SIMULATOR_ADDRESS)
    yield installation
    process.stop(installation.simulator_home)


def _apply_statement(installation: Installation) -> list[ReceiptsApplied]:
    month.end_day(installation, builders.PAY_ON)
    online.settle(installation, builders.PAY_ON)
    fetch_statements(installation, employer.GATEWAY, builders.PAY_ON)
    with installation.database.transaction() as connection:
        runs = connection.scalars(text("SELECT run_id FROM reconciliation.matching_run"))
        return [apply_receipts(connection, run_id, installation.clock().now()) for run_id in runs.all()]


def test_an_employer_declares_is_told_pays_and_owes_nothing(installation: Installation) -> None:
    found = employer.run_employer_month(installation, seed=1)
    assert found.declaration.staff == employer.STAFF
    assert found.declaration.due_on == "2026-11-30"
    assert found.notice["amount_vnd"] == found.declaration.dues_vnd > 100_000_000
    scanned = parse(found.notice["qr"])
    assert (scanned.amount_vnd, scanned.purpose) == (
        found.notice["amount_vnd"],
        f"{found.notice['payment_code']} dong BHXH",
    )
    with installation.database.transaction() as connection:
        owed = balance(connection, f"contributions_receivable.{employer.UNIT_CODE}").vnd
    assert owed == found.notice["amount_vnd"]
    _apply_statement(installation)
    with installation.database.transaction() as connection:
        proof = prove_contributions(connection)
        (row,) = proof.rows
        assert proof.differences == ()
        assert (row.receivable_vnd, row.surplus_vnd, row.charge_receivable_vnd) == (0, 0, 0)
        assert row.allocated_vnd == row.received_vnd == row.dues_vnd == owed
        standing = {row.account: row.debit.vnd - row.credit.vnd for row in trial_balance(connection)}
        assert standing["held_by_collector.vnpay"] == online.PART_VND
        assert standing["cash_at_bank.simbank.collection"] == owed - online.PART_VND
        assert standing[f"contributions_receivable.{employer.UNIT_CODE}"] == 0
        income = [amount for account, amount in standing.items() if account.startswith("contribution_income.")]
        assert len(income) == 5
        assert sum(income) == -owed
        assert prove(connection, month.LAST_DAY).differences == ()


def test_the_same_statement_again_books_nothing(installation: Installation) -> None:
    employer.run_employer_month(installation, seed=1)
    _apply_statement(installation)
    assert set(_apply_statement(installation)) == {ReceiptsApplied(0, 0, 0)}


def test_the_month_is_the_same_for_the_same_seed() -> None:
    assert employer.invent_staff(3, 40) == employer.invent_staff(3, 40)
    assert employer.invent_staff(3, 40) != employer.invent_staff(4, 40)
    assert len({worker.number for worker in employer.invent_staff(3, 400)}) == 400
