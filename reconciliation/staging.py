"""Staging: a statement file is read whole into a temporary table, to its last byte, before anything of it is stored.

The gates that a statement passes alone are here: an account of ours, in đồng, within sane days, with both balances that
add up, and details that add up to their entries.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final, cast

import psycopg
from sqlalchemy import Connection, text

from reconciliation.chain import Link
from reconciliation.errors import Problem, ProblemCode, StatementRefused
from reconciliation.formats import read_statements
from reconciliation.lines import COLUMNS, StagedRow, rows, without_numbers
from reconciliation.statement import INTERIM, Entry, EntryStatus, Statement, StatementEnd, StatementStart

_OLDEST: Final = timedelta(days=731)
_AHEAD: Final = timedelta(days=1)
"""A booking may be dated this long before and after the day of intake, no longer."""
_PROBLEMS_AT_MOST: Final = 100
STEP: Final = 100_000
"""Lines after which a long piece of work says how far it is."""
_progress = logging.getLogger("thuchi.progress")


@dataclass(frozen=True, slots=True)
class Arrived:
    """A statement of the file that has passed the gates it can pass alone; its lines stand in the staging table."""

    statement_no: int
    link: Link


class Staging:
    """One reading of a file into the staging table, row by row, gathering what is wrong."""

    def __init__(
        self,
        connection: Connection,
        fingerprint: Callable[[str], bytes],
        protect: Callable[[str], bytes],
        today: date,
    ) -> None:
        self.arrived: list[Arrived] = []
        self.format = ""
        self._connection = connection
        self._own_accounts = {
            row.fingerprint: row.own_account_id
            for row in connection.execute(text("SELECT fingerprint, own_account_id FROM reconciliation.own_account"))
        }
        self._fingerprint = fingerprint
        self._protect = protect
        self._booked_from, self._booked_to = today - _OLDEST, today + _AHEAD
        self._today = today
        self._problems: list[Problem] = []
        self._account = ""
        self._statement_no = self._entry_no = 0
        self._first_on: date | None = None
        self._last_on: date | None = None

    def read(self, path: Path) -> None:
        """Stages the whole file, to its last byte, or refuses it."""
        self._connection.execute(text(_STAGING_TABLE))
        self._connection.execute(text(f"TRUNCATE {STAGED}"))
        driver = cast("psycopg.Connection[tuple[object, ...]]", self._connection.connection.driver_connection)
        with driver.cursor() as cursor, cursor.copy(_COPY) as copy:
            for number, row in enumerate(self._rows(path), 1):
                copy.write_row(row)
                if number % STEP == 0:
                    _progress.info("%s: %d lines read", path.name, number)
        if self._problems:
            raise StatementRefused(self._problems)
        self._connection.execute(text(f"ANALYZE {STAGED}"))

    def _rows(self, path: Path) -> Iterator[StagedRow]:
        for event in read_statements(path):
            match event:
                case StatementStart(statement):
                    self._begin(statement)
                case Entry() as entry if entry.status is EntryStatus.BOOKED:
                    self._entry_no += 1
                    self._check_entry(entry)
                    yield from rows(
                        self._statement_no, self._entry_no, entry, self._account, self._protect, self._fingerprint
                    )
                case StatementEnd() as end:
                    self._end(end)

    def _begin(self, statement: Statement) -> None:
        self._statement_no += 1
        self._entry_no = 0
        self._first_on = self._last_on = None
        self._account = statement.account
        self.format = self.format or statement.format

    def _check_entry(self, entry: Entry) -> None:
        booked_on = entry.booked_on
        if booked_on is None:
            self._refuse(ProblemCode.DATE, entry.place, "a booked entry without its booking date")
            return
        if not self._booked_from <= booked_on <= self._booked_to:
            self._refuse(ProblemCode.DATE, entry.place, f"booked on {booked_on}, too far from today")
        if entry.details_add_up is False:
            self._refuse(ProblemCode.DETAIL, entry.place, "the details do not add up to the entry")
        self._first_on = min(self._first_on or booked_on, booked_on)
        self._last_on = max(self._last_on or booked_on, booked_on)

    def _end(self, end: StatementEnd) -> None:
        statement, place = end.statement, f"statement {self._statement_no}"
        self._problems.extend(end.contradictions)
        if statement.format.startswith(INTERIM):
            self._refuse(ProblemCode.UNKNOWN_FORMAT, place, f"{statement.format} is told before the day is closed")
        if statement.currency != "VND":
            self._refuse(ProblemCode.CURRENCY, place, f"an account in {statement.currency}; only VND is imported")
        opening, closing = statement.opening, statement.closing
        if opening is None:
            self._refuse(ProblemCode.MISSING_OPENING_BALANCE, place, "no opening balance")
        if closing is None:
            self._refuse(ProblemCode.MISSING_CLOSING_BALANCE, place, "no closing balance")
        if end.adds_up is False and not end.contradictions:
            self._refuse(ProblemCode.BALANCE_MISMATCH, place, "opening and entries do not give the closing balance")
        own_account_id = self._own_accounts.get(self._fingerprint(statement.account))
        if own_account_id is None:
            self._refuse(ProblemCode.ACCOUNT, place, "the account is not one of ours")
        days = self._days(statement, place)
        if opening is None or closing is None or own_account_id is None or days is None:
            return
        link = Link(
            own_account_id=own_account_id,
            bank_id=without_numbers(statement.id, statement.account),
            sequence=statement.sequence,
            page=statement.page.number if statement.page else None,
            from_on=days[0],
            to_on=days[1],
            opening_vnd=opening,
            closing_vnd=closing,
        )
        self.arrived.append(Arrived(self._statement_no, link))

    def _days(self, statement: Statement, place: str) -> tuple[date, date] | None:
        """The days a statement covers. An export may state the period that was asked for, into the future."""
        to_on = statement.to_on or self._last_on
        if to_on is None:
            self._refuse(ProblemCode.DATE, place, "no date at all")
            return None
        to_on = max(min(to_on, self._today), self._last_on or date.min)
        from_on = min(statement.from_on or to_on, self._first_on or date.max)
        if from_on > to_on:
            self._refuse(ProblemCode.DATE, place, f"begins on {from_on} and ends on {to_on}")
            return None
        return from_on, to_on

    def _refuse(self, code: ProblemCode, place: str, detail: str) -> None:
        self._problems.append(Problem(code, place, detail))
        if len(self._problems) >= _PROBLEMS_AT_MOST:
            raise StatementRefused(self._problems)


STAGED: Final = "pg_temp.staged_statement_line"
_STAGING_TABLE = """
CREATE TEMP TABLE IF NOT EXISTS staged_statement_line (
    statement_no integer, entry_no integer, detail_no integer, is_item boolean, sign text, amount_vnd bigint,
    booked_on date, value_on date, bank_reference text, entry_reference text, payment_info_id text, message_id text,
    transaction_code text, reversal boolean, batch_count integer, place text, text_ciphertext bytea,
    end_to_end_id text, instruction_id text, found_references text[], returned boolean, return_reason text,
    counterparty bytea, virtual_account bytea, found_units text[]
) ON COMMIT DELETE ROWS
"""
_COPY = f"COPY {STAGED} ({', '.join(COLUMNS)}) FROM STDIN"
