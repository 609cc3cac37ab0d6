"""A contribution that tells its employer by the memo of the social insurance form, without our payment code."""

from datetime import date, datetime, timedelta
from pathlib import Path

import builders
import pytest
from bank_paper import Line, Paper

from engine.clock import VIET_NAM
from engine.contributions.collection import open_collection_account
from engine.contributions.declaration import import_declaration
from engine.contributions.employer import import_employers
from engine.contributions.proof import prove_contributions
from engine.database import Database
from engine.demonstration import employer
from engine.payments.settlement import import_statement
from engine.reconcile import reconcile
from engine.vault import Vault

AT = datetime(2026, 11, 3, 20, tzinfo=VIET_NAM)


@pytest.mark.parametrize(("agency", "received"), [("07901", 70_000), ("", 70_000), ("07999", 0)])
def test_the_unit_in_the_memo_is_believed_if_its_agency_is_absent_or_agrees(
    database: Database, vault: Vault, tmp_path: Path, agency: str, received: int
) -> None:
    paper = Paper(employer.COLLECTION.account)
    with database.transaction("lan") as connection:
        builders.add_bank(connection, vault)
        open_collection_account(connection, vault, employer.COLLECTION)
        import_employers(connection, vault, employer.write_employers(tmp_path), builders.AT)
        path = tmp_path / f"D02-LT {employer.UNIT_CODE} 10-2026.xlsx"
        employer.write_declaration(path, date(2026, 10, 1), employer.invent_staff(1, 1))
        import_declaration(connection, vault, path, builders.AT)
    memo = f"MBVCB.1234567890.+BHXH+103+00+{employer.UNIT_CODE}+{agency}+dong BHXH+"
    line = Line(70_000, text=memo, account=employer.COLLECTION.account)
    with database.transaction() as connection:
        import_statement(connection, vault, paper.statement(tmp_path / "1.xml", builders.PAY_ON, [line]), AT)
        (row,) = prove_contributions(connection).rows
        assert (row.received_vnd, row.allocated_vnd) == (received, received)
        accounts = reconcile(connection, builders.PAY_ON + timedelta(days=30), AT).accounts
    (collection,) = (account for account in accounts if account.proof.ledger_account.endswith("collection"))
    # What nothing identifies is booked in suspense: the day may close, its owner has to find out whose it is.
    assert collection.keeps_open == ()
    assert [each.in_suspense for each in collection.breaks] == ([] if received else [True])
