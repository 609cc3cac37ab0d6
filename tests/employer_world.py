"""One employer, one collection account and the bank's paper: what the tests of contributions stand on."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import builders
from bank_paper import Line, Paper
from sqlalchemy import text

from engine.clock import VIET_NAM
from engine.contributions.collection import open_collection_account
from engine.contributions.declaration import DeclarationImported, import_declaration
from engine.contributions.declaration_form import DeclaredWorker
from engine.contributions.employer import import_employers
from engine.contributions.notices import notice_document
from engine.contributions.proof import EmployerRow, prove_contributions
from engine.contributions.receipts import ReceiptsApplied, apply_receipts
from engine.database import Database
from engine.demonstration import employer
from engine.payments.settlement import import_statement
from engine.vault import Vault

OCTOBER, NOVEMBER = date(2026, 10, 1), date(2026, 11, 1)
DUE_ON = date(2026, 11, 30)
DUES = 3_200_000
"""Of one worker with 10,000,000: health 450,000; unemployment 200,000; accident 50,000; sickness 300,000;
retirement 2,200,000."""


class EmployerWorld:
    """One employer, one collection account, and the bank's paper."""

    def __init__(self, database: Database, vault: Vault, directory: Path) -> None:
        self.database, self.vault, self.directory = database, vault, directory
        self.paper = Paper(employer.COLLECTION.account)
        self.next_day = builders.PAY_ON
        with database.transaction("lan") as connection:
            builders.add_bank(connection, vault)
            open_collection_account(connection, vault, employer.COLLECTION)
            import_employers(connection, vault, employer.write_employers(directory), builders.AT)

    def worker(self, number: int = 0, wage_vnd: int = 10_000_000) -> DeclaredWorker:
        return replace(employer.invent_staff(1, number + 1)[number], wage_vnd=wage_vnd)

    def declare(
        self,
        period: date,
        at: datetime = builders.AT,
        staff: Sequence[DeclaredWorker] = (),
        *,
        changes_only: bool = False,
        decided_on: date | None = None,
    ) -> DeclarationImported:
        path = self.directory / f"{period}.xlsx"
        employer.write_declaration(path, period, staff or [self.worker()])
        with self.database.transaction("lan") as connection:
            return import_declaration(
                connection, self.vault, path, at, changes_only=changes_only, decided_on=decided_on
            )

    def credit(self, on: date, lines: Sequence[tuple[str, int]]) -> None:
        """The statement up to a day, with credits by memo and amount."""
        path = self.directory / f"{on}.xml"
        booked = [Line(amount, text=memo) for memo, amount in lines]
        self.paper.statement(path, on, booked, from_on=self.next_day)
        self.next_day = on + timedelta(days=1)
        at = datetime(on.year, on.month, on.day, 20, tzinfo=VIET_NAM)
        with self.database.transaction() as connection:
            import_statement(connection, self.vault, path, at)
            run_id = connection.scalar(text("SELECT max(run_id) FROM reconciliation.matching_run"))
            assert apply_receipts(connection, run_id, at) == ReceiptsApplied(0, 0, 0)

    def row(self) -> EmployerRow:
        with self.database.transaction() as connection:
            proof = prove_contributions(connection)
        assert proof.differences == ()
        return proof.rows[0]

    def allocated(self) -> dict[tuple[str, str], int]:
        """Đồng by fund and kind."""
        with self.database.transaction() as connection:
            rows = connection.execute(
                text("SELECT fund, kind, sum(amount_vnd)::bigint AS vnd FROM engine.allocation GROUP BY 1, 2")
            )
            return {(row.fund, row.kind): row.vnd for row in rows}

    def notice(self, notice_no: int) -> dict[str, Any]:
        with self.database.transaction() as connection:
            return notice_document(connection, self.vault, notice_no)
