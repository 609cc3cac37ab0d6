"""Nộp lại khoản chi thừa: who was paid too much, or their family, gives it back by transfer or in cash.

Either way it comes to an account of ours, and a statement shows it. One person names the line and the award that was
overpaid, another approves; then the line is matched, and the debt goes down: Nợ tiền gửi ngân hàng / Có phải thu hồi,
or from what stood in suspense since its day. A debt never falls below zero: a line that brings more than is still owed
is refused, at the proposal and at the approval. A match taken back takes the repayment back.
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, text
from sqlalchemy.exc import IntegrityError

from engine import audit
from engine.clock import business_date
from engine.contributions.suspense import UNALLOCATED, UNIDENTIFIED
from engine.errors import NotAllowed, NotFound, WrongInput
from engine.payments import recovery
from engine.payments.run import require_role
from ledger import book
from ledger.entries import EntryHeader, Line
from ledger.money import Dong
from ledger.periods import open_day
from reconciliation import decisions, expectations
from reconciliation.references import make_reference

PREFIX = "NL"
"""The first two letters of a repayment's reference (nộp lại)."""
KIND = "repayment"
"""The kind under which reconciliation expects it."""


def propose(connection: Connection, break_id: int, award_no: str, evidence: str, at: datetime) -> int:
    """Proposes that a line left open repays what the payee of an award owes; returns the number of the proposal.

    Raises `WrongInput` with every problem.
    """
    problems = []
    line = connection.execute(_LINE, {"break_id": break_id}).one_or_none()
    if line is None:
        problems.append(f"break {break_id} is no open line of money that came in")
    award = connection.execute(
        text("SELECT award_id, person_id, fund FROM engine.award WHERE award_no = :award_no"), {"award_no": award_no}
    ).one_or_none()
    if award is None:
        problems.append(f"there is no award {award_no}")
    if not evidence.strip():
        problems.append("a repayment names the paper that tells whose it is")
    if line is not None and award is not None:
        if line.fund not in (None, award.fund):
            problems.append(f"{line.ledger_account} is of {line.fund}, {award_no} of {award.fund}: transfer it first")
        open_vnd = recovery.open_debt(connection, award.person_id)
        if line.amount_vnd > open_vnd:
            problems.append(f"the line brings {line.amount_vnd} đ, and the payee of {award_no} owes {open_vnd} đ")
    if problems or line is None or award is None:
        raise WrongInput(problems)
    try:
        repayment_no: int = connection.execute(
            text("""
                INSERT INTO engine.repayment (award_id, break_id, amount_vnd, evidence, proposed_at)
                VALUES (:award, :break_id, :amount_vnd, :evidence, :at) RETURNING repayment_no"""),
            {
                "award": award.award_id,
                "break_id": break_id,
                "amount_vnd": line.amount_vnd,
                "evidence": evidence,
                "at": at,
            },
        ).scalar_one()
    except IntegrityError as error:
        if "one_repayment_of_a_line" not in str(error.orig):
            raise
        raise NotAllowed(f"a repayment by the line of break {break_id} waits for its decision already") from error
    audit.record(connection, "repayment_proposed", f"repayment {repayment_no}", at, amount_vnd=line.amount_vnd)
    return repayment_no


def approve(connection: Connection, repayment_no: int, person: str, at: datetime) -> int:
    """Duyệt: the second person. The line is matched and booked, the debt goes down; returns the đồng still owed.

    Raises `NotAllowed` for who proposed it or may not approve, and if less is owed by now than the line brings.
    """
    row = _waiting(connection, repayment_no)
    require_role(connection, "a repayment is approved by an approver or authoriser")
    if row.proposed_by == person:
        raise NotAllowed("who proposed a repayment does not approve it: two persons")
    recovery.lock_debts(connection)
    open_vnd = recovery.open_debt(connection, row.person_id)
    if row.amount_vnd > open_vnd:
        raise NotAllowed(f"repayment {repayment_no} brings {row.amount_vnd} đ, and {open_vnd} đ is owed by now")
    line = connection.execute(_LINE, {"break_id": row.break_id}).one_or_none()
    if line is None:
        raise NotAllowed(f"the line of repayment {repayment_no} is matched to something else by now")
    decided = _match(connection, row, line.own_account_id, person, at)
    booked_on = business_date(at) if line.in_suspense else open_day(connection, line.booked_on)
    entry_id = _post(connection, row, line, decided, booked_on, at)
    connection.execute(
        text("""
            UPDATE engine.repayment SET approved_at = :at, approved_by = engine.acting_person(),
                booked_on = :booked_on, entry_id = :entry_id
            WHERE repayment_no = :no"""),
        {"at": at, "booked_on": booked_on, "entry_id": entry_id, "no": repayment_no},
    )
    audit.record(connection, "repayment_approved", f"repayment {repayment_no}", at, amount_vnd=row.amount_vnd)
    return open_vnd - int(row.amount_vnd)


def refuse(connection: Connection, repayment_no: int, reason: str, at: datetime) -> None:
    """Từ chối, or taken back by who proposed it: the line waits for somebody else to know it."""
    _waiting(connection, repayment_no)
    _end(connection, repayment_no, reason, at)
    audit.record(connection, "repayment_refused", f"repayment {repayment_no}", at, reason=reason)


def take_back(connection: Connection, reference: str, decision_id: int, at: datetime) -> None:
    """Đảo bút toán: two persons took the match back, so the debt stands again and the line is nobody's."""
    repayment_no = int(reference[len(PREFIX) : -1])
    entry_id: int = connection.execute(
        text("SELECT entry_id FROM engine.repayment WHERE repayment_no = :no"), {"no": repayment_no}
    ).scalar_one()
    book.reverse(
        connection,
        entry_id,
        key=f"decision:{decision_id}",
        document=f"decision {decision_id}",
        business_on=business_date(at),
        description="Đảo bút toán nộp lại khoản chi thừa: khớp sai",
        recorded_at=at,
    )
    expectations.withdraw(connection, "SELECT CAST(:reference AS text)", {"reference": reference})
    _end(connection, repayment_no, f"decision {decision_id}", at)


def _waiting(connection: Connection, repayment_no: int) -> Row[Any]:
    row = connection.execute(
        text("""
            SELECT r.*, a.person_id, a.fund FROM engine.repayment r JOIN engine.award a USING (award_id)
            WHERE r.repayment_no = :no FOR UPDATE OF r"""),
        {"no": repayment_no},
    ).one_or_none()
    if row is None:
        raise NotFound(f"there is no repayment {repayment_no}")
    if row.approved_at is not None or row.ended_at is not None:
        raise NotAllowed(f"repayment {repayment_no} is decided already")
    return row


def _end(connection: Connection, repayment_no: int, reason: str, at: datetime) -> None:
    connection.execute(
        text("""
            UPDATE engine.repayment SET ended_at = :at, ended_by = engine.acting_person(), end_reason = :reason
            WHERE repayment_no = :no"""),
        {"at": at, "reason": reason, "no": repayment_no},
    )


def _match(connection: Connection, row: Row[Any], own_account_id: int, person: str, at: datetime) -> int:
    """The decision of both persons over the line, as reconciliation keeps it; returns its number."""
    reference = make_reference(PREFIX, row.repayment_no)
    expectations.open_staging(connection)
    connection.execute(
        text(f"""
            INSERT INTO {expectations.STAGING} (own_account_id, sign, reference, amount_vnd, due_on, kind)
            VALUES (:own_account_id, 'credit', :reference, :amount_vnd, :due_on, :kind)"""),
        {
            "own_account_id": own_account_id,
            "reference": reference,
            "amount_vnd": row.amount_vnd,
            "due_on": business_date(at),
            "kind": KIND,
        },
    )
    expectations.expect_staged(connection)
    decision_id = decisions.prepare_force(
        connection, row.break_id, reference, row.evidence, row.proposed_by, row.proposed_at
    )
    decisions.approve(connection, decision_id, person, at)
    return decision_id


def _post(
    connection: Connection, row: Row[Any], line: Row[Any], decision_id: int, booked_on: date, at: datetime
) -> int:
    """Nợ tiền gửi ngân hàng (or khoản chờ xử lý) / Có phải thu hồi của người hưởng."""
    reference = f"repayment {row.repayment_no}"
    header = EntryHeader(
        key=f"repayment:{row.repayment_no}",
        event="overpayment_repaid",
        document=f"decision {decision_id}",
        business_on=booked_on,
        description="Sao kê ghi Có: người hưởng nộp lại khoản chi thừa",
    )
    posted = Line(
        debit=UNIDENTIFIED if line.in_suspense else line.ledger_account,
        credit="beneficiary_receivable",
        amount=Dong(row.amount_vnd),
        fund=row.fund,
        debit_reference=f"line {line.item_id}" if line.in_suspense else reference,
        credit_reference=reference,
    )
    return book.post(connection, header, [posted], recorded_at=at).entry_id


_LINE = text(f"""
    SELECT i.item_id, i.amount_vnd, e.booked_on, s.own_account_id, c.ledger_account,
        nullif(p.fund, '{UNALLOCATED}') AS fund,
        EXISTS (SELECT FROM reconciliation.suspense u WHERE u.item_id = i.item_id) AS in_suspense
    FROM reconciliation.break b
    JOIN reconciliation.statement_item i USING (item_id)
    JOIN reconciliation.statement s ON s.statement_id = i.statement_id
    JOIN reconciliation.statement_entry e ON e.statement_id = i.statement_id AND e.entry_no = i.entry_no
    JOIN reconciliation.own_account c ON c.own_account_id = s.own_account_id
    LEFT JOIN engine.paying_account p ON p.own_account_id = s.own_account_id
    WHERE b.break_id = :break_id AND b.closed_on IS NULL AND i.sign = 'credit' AND s.state = 'accepted'
        AND NOT i.returned AND NOT EXISTS (
            SELECT FROM reconciliation.match m WHERE m.item_id = i.item_id AND m.undone_at IS NULL)
""")
