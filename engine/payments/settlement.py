"""Hoàn tất và hoàn trả: what an accepted statement does to payments. Nothing else settles one.

A statement is read, checked, matched and applied in one transaction: either all of it stands, or nothing does. The same
file again changes nothing. What matching finds is applied once for each run, under the run's own keys in the ledger.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, text

from engine import audit, outbox
from engine.clock import business_date
from engine.contributions.receipts import ReceiptsApplied, apply_receipts
from engine.contributions.suspense import UNALLOCATED
from engine.payments import notifications, observation
from engine.payments.batch import INQUIRE_BATCH
from engine.payments.deaths import follow_deaths
from engine.payments.own_transfers import book_transfers
from engine.payments.payment import RETURN, SETTLE, Transition, Voucher, move
from engine.payments.reported_deaths import follow_reported_deaths
from engine.vault import Vault
from ledger import book
from ledger.accounts import open_account
from ledger.entries import EntryHeader, Line
from ledger.money import Dong
from ledger.periods import open_day
from reconciliation import expectations, intake, matching, news
from reconciliation.intake import Intake
from reconciliation.matching import MatchCounts
from reconciliation.staging import STEP

_progress = logging.getLogger("thuchi.progress")


@dataclass(frozen=True, slots=True)
class Applied:
    """What a matching run did to payments and employers' accounts."""

    settled: int
    returned: int
    receipts: ReceiptsApplied
    fees_vnd: int
    """What the bank took for itself, by the agreed table."""


@dataclass(frozen=True, slots=True)
class ImportedStatement:
    """What a statement file did: nothing at all if it had been read before."""

    intake: Intake
    settled: int
    returned: int
    receipts: ReceiptsApplied
    early_lines: int = 0
    """Lines of news of a day that is not closed; they settle nothing."""


def import_statement(connection: Connection, vault: Vault, path: Path, at: datetime) -> ImportedStatement:
    """Nhận sao kê: loads one statement file and applies what it proves. Refused files raise and change nothing."""
    if news.is_news(path):
        told = news.load_news(
            connection, path, fingerprint=lambda account: vault.fingerprint("account", account), recorded_at=at
        )
        if not told.already:
            audit.record(connection, "news_imported", path.name, at, lines=told.lines)
        kept = Intake(told.file_id, told.already, statements=0, entries=0, items=0)
        return ImportedStatement(kept, 0, 0, ReceiptsApplied(0, 0, 0), told.lines)
    loaded = intake.load_statement(
        connection,
        path,
        fingerprint=lambda account: vault.fingerprint("account", account),
        protect=lambda memo: vault.encrypt("statement_text", memo.encode()),
        recorded_at=at,
    )
    if loaded.already or loaded.waits_for:
        return ImportedStatement(loaded, 0, 0, ReceiptsApplied(0, 0, 0))
    know_agencies(connection, at)
    applied = apply_runs(connection, matching.match_file(connection, loaded.file_id, at), at)
    _inquire_unanswered(connection)
    audit.record(connection, "statement_imported", path.name, at, settled=applied.settled, returned=applied.returned)
    return ImportedStatement(loaded, applied.settled, applied.returned, applied.receipts)


def know_agencies(connection: Connection, at: datetime) -> None:
    """Lets matching hold the agency in a memo against those an employer has had; an old one stays normal."""
    expectations.know_parties(
        connection,
        "agency",
        business_date(at),
        """
            SELECT e.unit_code, d.agency_code FROM engine.employer_detail d JOIN engine.employer e USING (employer_id)
            WHERE upper_inf(d.recorded_during) AND NOT EXISTS (
                SELECT FROM reconciliation.party_alias a
                WHERE a.party = e.unit_code AND a.kind = 'agency' AND a.value = d.agency_code)""",
        {},
    )


def apply_runs(connection: Connection, runs: Iterable[MatchCounts], at: datetime) -> Applied:
    """Applies what each run finds before the next one is made, and says what came of all."""
    applied = [apply_matches(connection, run.run_id, at) for run in runs]
    return Applied(
        settled=sum(each.settled for each in applied),
        returned=sum(each.returned for each in applied),
        receipts=sum((each.receipts for each in applied), ReceiptsApplied(0, 0, 0)),
        fees_vnd=sum(each.fees_vnd for each in applied),
    )


def apply_matches(connection: Connection, run_id: int, at: datetime) -> Applied:
    """Settles, returns and books what a matching run found. A run is applied once: its ledger keys are taken then."""
    _stage_matches(connection, run_id)
    # First, since an advance that was topped up may be spent on the same day.
    book_transfers(connection, run_id, at)
    settled = _move_matched(connection, run_id, SETTLE, at)
    returned = _move_matched(connection, run_id, RETURN, at)
    receipts = apply_receipts(connection, run_id, at)
    fees_vnd = _book_fees(connection, run_id, at)
    _mark_attempts(connection, at)
    follow_deaths(connection, at)
    told = "SELECT p.payment_id, m.reason FROM proven m JOIN engine.payment p USING (reference) WHERE m.returned"
    follow_reported_deaths(connection, told, at)
    notifications.note_settled(connection, at)
    return Applied(settled, returned, receipts, fees_vnd)


def _stage_matches(connection: Connection, run_id: int) -> None:
    """The matches that concern payments, one row per payment and direction."""
    connection.execute(
        text("""
            CREATE TEMPORARY TABLE IF NOT EXISTS proven (reference text, returned boolean, document text,
                booked_on date, reason text, PRIMARY KEY (reference, returned)) ON COMMIT DELETE ROWS""")
    )
    connection.execute(text("TRUNCATE proven"))
    connection.execute(
        text(f"""
            INSERT INTO proven SELECT DISTINCT ON (reference, returned)
                reference, returned, document, booked_on, return_reason
            FROM ({matching.MATCHED_ITEMS}) m WHERE kind = 'payment'
            -- The parts of a split are of one day.
            ORDER BY reference, returned, booked_on, match_id"""),
        {"run_id": run_id},
    )


def _move_matched(connection: Connection, run_id: int, transition: Transition, at: datetime) -> int:
    """One journal entry for each statement and booking date, one line for each payment."""
    returned = transition is RETURN
    groups = connection.execute(
        text("""
            SELECT document, booked_on, count(*) AS payments FROM proven WHERE returned = :returned
            GROUP BY document, booked_on ORDER BY document, booked_on"""),
        {"returned": returned},
    ).all()
    for document, booked_on, payments in groups:
        if payments >= STEP:
            _progress.info("%s of %s: %d payments to %s", document, booked_on, payments, transition.name.lower())
        move(
            connection,
            transition,
            Voucher(
                f"matching:{run_id}:{document}:{booked_on}:{transition.name}",
                document,
                open_day(connection, booked_on),
                at,
            ),
            chosen="""
                SELECT p.payment_id, m.reason FROM proven m JOIN engine.payment p USING (reference)
                WHERE m.returned = :returned AND m.document = :document AND m.booked_on = :booked_on""",
            expected=payments,
            returned=returned,
            document=document,
            booked_on=booked_on,
        )
    return sum(group.payments for group in groups)


def _book_fees(connection: Connection, run_id: int, at: datetime) -> int:
    """Nợ chi phí ngân hàng / Có tiền gửi ngân hàng: one entry for each statement and day, one line for each fee."""
    days = defaultdict(list)
    for row in connection.execute(text(f"{_FEES} ORDER BY m.match_id"), {"run_id": run_id}):
        days[row.document, row.booked_on].append(row)
    expense = open_account(connection, "bank_fee_expense") if days else ""
    for (document, booked_on), rows in sorted(days.items()):
        header = EntryHeader(
            key=f"matching:{run_id}:{document}:{booked_on}:fees",
            event="bank_fee_booked",
            document=document,
            business_on=open_day(connection, booked_on),
            description="Sao kê ghi Nợ: phí ngân hàng",
        )
        lines = [
            Line(
                debit=expense,
                credit=row.ledger_account,
                amount=Dong(row.amount_vnd),
                fund=row.fund,
                debit_reference=row.reference,
                credit_reference=row.reference,
            )
            for row in rows
        ]
        book.post(connection, header, lines, recorded_at=at)
    return sum(row.amount_vnd for rows in days.values() for row in rows)


_FEES = f"""
    SELECT m.document, m.booked_on, m.amount_vnd, m.ledger_account, m.reference,
        coalesce(a.fund, '{UNALLOCATED}') AS fund
    FROM ({matching.MATCHED_ITEMS}) m LEFT JOIN engine.paying_account a USING (own_account_id)
    WHERE m.kind = 'bank_fee'"""


def _mark_attempts(connection: Connection, at: datetime) -> None:
    """The statement has the last word on attempts: what it debits went out, what it returns came back."""
    connection.execute(
        text("""
            UPDATE engine.attempt t SET rank = :rank, code = coalesce(m.reason, t.code),
                state = CASE WHEN m.returned THEN 'returned' ELSE 'success' END
            FROM (SELECT DISTINCT ON (reference) * FROM proven ORDER BY reference, returned DESC) m
            JOIN engine.payment p USING (reference)
            WHERE t.payment_id = p.payment_id AND t.state <> 'failed'"""),
        {"rank": observation.Source.STATEMENT},
    )
    closed = connection.execute(
        text("""
            SELECT b.batch_id FROM engine.batch b
            WHERE b.state IN ('accepted', 'unknown') AND NOT EXISTS (
                SELECT FROM engine.attempt t WHERE t.batch_id = b.batch_id
                    AND t.state IN ('ready', 'sending', 'pending', 'unknown'))""")
    ).all()
    for row in closed:
        observation.answered_by_statement(connection, row.batch_id, at)


def _inquire_unanswered(connection: Connection) -> None:
    """A new statement may decide what inquiries alone could not: every batch that nobody asks about is asked about.

    An accepted one too: what the bank refused of it is on no statement, only in its answer.
    """
    rows = connection.execute(
        text("""
            UPDATE engine.batch b SET inquiries = 0
            WHERE (b.state IN ('unknown', 'accepted') OR b.state = 'ready' AND EXISTS (
                    SELECT FROM engine.attempt t WHERE t.batch_id = b.batch_id AND t.state IN ('pending', 'unknown')))
                AND NOT EXISTS (
                    SELECT FROM engine.outbox o
                    WHERE o.actor = :actor AND o.subject = b.batch_id::text AND o.done_at IS NULL)
            RETURNING b.batch_id"""),
        {"actor": INQUIRE_BATCH},
    ).all()
    for row in rows:
        outbox.put(connection, INQUIRE_BATCH, str(row.batch_id))
