"""Chuyển tiền giữa các tài khoản của quỹ: money that leaves one account of ours for another one.

The advance of a wallet or of the post is topped up from the bank; what a wallet or payment page collected for us is
paid over; one bank fills another. One person proposes it, another approves; then the order is given to the bank, and
its memo carries our reference. Each side is booked when its own statement or settlement file shows it, in whichever
order they come; between the two the money is on its way. Where the other side writes no reference of ours, two people
name the line (`thuchi break force`).
"""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, Row, text

from engine import audit
from engine.clock import business_date
from engine.contributions.suspense import UNALLOCATED, UNIDENTIFIED
from engine.errors import NotAllowed, NotFound, WrongInput
from engine.payments.run import require_role
from ledger import book
from ledger.accounts import open_account
from ledger.balances import balance
from ledger.entries import EntryHeader, Line
from ledger.money import Dong
from ledger.periods import open_day
from reconciliation import expectations, matching
from reconciliation.references import make_reference

PREFIX = "CK"
"""The first two letters of a transfer's reference (chuyển khoản)."""
MOVING = "own_transfer"
"""The ledger account of what has left one account and not arrived at the other, or the other way round."""
KIND = "own_transfer"
"""The kind under which reconciliation expects both sides."""


@dataclass(frozen=True, slots=True)
class OwnTransfer:
    """A transfer as people see it; accounts by their codes in the ledger, amount in đồng."""

    reference: str
    source: str
    target: str
    amount_vnd: int
    due_on: date
    reason: str
    prepared_by: str
    approved_by: str | None
    state: str
    """proposed, approved, cancelled, or what the statements have shown: left, arrived, done."""


def propose(
    connection: Connection, source: str, target: str, amount_vnd: int, due_on: date, reason: str, at: datetime
) -> str:
    """Proposes a transfer between two accounts of ours of one fund; returns its reference."""
    ids = {row.ledger_account: row for row in connection.execute(_ACCOUNTS, {"codes": [source, target]})}
    problems = [f"{code} is no account of ours with statements" for code in (source, target) if code not in ids]
    if source == target:
        problems.append("money is transferred to another account")
    elif not problems and ids[source].fund != ids[target].fund:
        problems.append(f"{source} is of {ids[source].fund}, {target} of {ids[target].fund}: a transfer keeps the fund")
    if amount_vnd <= 0:
        problems.append(f"{amount_vnd} đ cannot be transferred")
    if not reason.strip():
        problems.append("the reason is empty")
    if problems:
        raise WrongInput(problems)
    number = connection.scalar(text("SELECT nextval('engine.own_transfer_transfer_no_seq')")) or 0
    reference = make_reference(PREFIX, number)
    connection.execute(
        _INSERT,
        {
            "number": number,
            "reference": reference,
            "source": ids[source].own_account_id,
            "target": ids[target].own_account_id,
            "amount_vnd": amount_vnd,
            "due_on": due_on,
            "reason": reason,
            "at": at,
        },
    )
    audit.record(connection, "own_transfer_proposed", reference, at, amount_vnd=amount_vnd)
    return reference


def approve(connection: Connection, reference: str, at: datetime) -> None:
    """The second person approves: from now on both sides are expected."""
    row = _locked(connection, reference)
    if row.approved_at is not None or row.cancelled_at is not None:
        raise NotAllowed(f"{reference} is not waiting for approval")
    require_role(connection, "a transfer between own accounts is approved by an approver or authoriser")
    if row.prepared_by == row.acting_person:
        raise NotAllowed(f"{reference}: who proposed a transfer does not approve it")
    connection.execute(
        text("""
            UPDATE engine.own_transfer SET approved_by = engine.acting_person(), approved_at = :at
            WHERE reference = :reference"""),
        {"reference": reference, "at": at},
    )
    expectations.open_staging(connection)
    connection.execute(_EXPECT, {"reference": reference, "kind": KIND})
    expectations.expect_staged(connection)
    audit.record(connection, "own_transfer_approved", reference, at)


def cancel(connection: Connection, reference: str, reason: str, at: datetime) -> None:
    """Gives up a transfer of which no statement has shown anything."""
    row = _locked(connection, reference)
    if row.cancelled_at is not None or connection.scalar(_ANY_SIDE, {"reference": reference}):
        raise NotAllowed(f"{reference} is cancelled, or a statement shows it")
    connection.execute(
        text("UPDATE engine.own_transfer SET cancelled_at = :at WHERE reference = :reference"),
        {"reference": reference, "at": at},
    )
    expectations.withdraw(connection, "SELECT CAST(:reference AS text)", {"reference": reference})
    audit.record(connection, "own_transfer_cancelled", reference, at, reason=reason)


def list_transfers(connection: Connection) -> list[OwnTransfer]:
    """All transfers, the latest first."""
    return [OwnTransfer(*row) for row in connection.execute(_LIST)]


def book_transfers(connection: Connection, run_id: int, at: datetime) -> None:
    """Nợ tiền đang chuyển / Có tài khoản nguồn; Nợ tài khoản đích / Có tiền đang chuyển: each by its own statement.

    A line that stood in suspense before two people named it is taken from there, today: the books have its day already.
    """
    for row in connection.execute(_SIDES, {"run_id": run_id, "kind": KIND}).all():
        moving = open_account(connection, MOVING)
        leaves = row.sign == "debit"
        account = UNIDENTIFIED if row.in_suspense else row.ledger_account
        header = EntryHeader(
            key=f"matching:{run_id}:transfer:{row.match_id}",
            event="own_transfer_left" if leaves else "own_transfer_arrived",
            document=row.document,
            business_on=business_date(at) if row.in_suspense else open_day(connection, row.booked_on),
            description="Sao kê ghi Nợ: chuyển tiền đi" if leaves else "Sao kê ghi Có: tiền chuyển đến",
        )
        line = Line(
            debit=moving if leaves else account,
            credit=account if leaves else moving,
            amount=Dong(row.amount_vnd),
            fund=row.fund,
            debit_reference=row.reference,
            credit_reference=row.reference,
        )
        book.post(connection, header, [line], recorded_at=at)


def differences(connection: Connection) -> list[str]:
    """Whether the ledger has as much on its way between own accounts as the statements have shown of one side alone."""
    found = connection.execute(_ON_THEIR_WAY).one()
    if found.accounts == 0 and found.shown_vnd == 0:
        return []
    book_vnd = balance(connection, MOVING).vnd if found.accounts else 0
    if book_vnd == found.shown_vnd:
        return []
    return [f"{MOVING}: {book_vnd} đ in the ledger, {found.shown_vnd} đ by the statements"]


def _locked(connection: Connection, reference: str) -> Row[tuple[object, ...]]:
    row = connection.execute(
        text("""
            SELECT *, engine.acting_person() AS acting_person FROM engine.own_transfer
            WHERE reference = :reference FOR UPDATE"""),
        {"reference": reference},
    ).one_or_none()
    if row is None:
        raise NotFound(f"there is no transfer {reference}")
    return row


_ON_THEIR_WAY = text(f"""
    SELECT (SELECT count(*) FROM ledger.account WHERE code = '{MOVING}') AS accounts,
        coalesce(sum(CASE m.sign WHEN 'debit' THEN m.amount_vnd ELSE -m.amount_vnd END), 0)::bigint AS shown_vnd
    FROM engine.own_transfer t JOIN reconciliation.matched_item m USING (reference) WHERE m.run_id IS NOT NULL
""")

_ACCOUNTS = text(f"""
    SELECT o.own_account_id, o.ledger_account, coalesce(p.fund, '{UNALLOCATED}') AS fund
    FROM reconciliation.own_account o LEFT JOIN engine.paying_account p USING (own_account_id)
    WHERE o.ledger_account = ANY(:codes)
""")

_INSERT = text("""
    INSERT INTO engine.own_transfer
        (transfer_no, reference, source_account_id, target_account_id, amount_vnd, due_on, reason, prepared_at)
    VALUES (:number, :reference, :source, :target, :amount_vnd, :due_on, :reason, :at)
""")

_EXPECT = text(f"""
    INSERT INTO {expectations.STAGING} (own_account_id, sign, reference, amount_vnd, due_on, kind)
    SELECT side.account_id, side.sign, t.reference, t.amount_vnd, t.due_on, :kind
    FROM engine.own_transfer t
    CROSS JOIN LATERAL (VALUES (t.source_account_id, 'debit'), (t.target_account_id, 'credit')) side (account_id, sign)
    WHERE t.reference = :reference
""")

_ANY_SIDE = text("""
    SELECT EXISTS (SELECT FROM reconciliation.expectation x JOIN reconciliation.match m USING (expectation_id)
        WHERE x.reference = :reference AND m.undone_at IS NULL)
""")

_SIDES = text(f"""
    SELECT m.match_id, reference, m.sign, m.amount_vnd, m.booked_on, m.document, m.ledger_account,
        coalesce(p.fund, '{UNALLOCATED}') AS fund,
        EXISTS (SELECT FROM reconciliation.suspense u WHERE u.item_id = m.item_id) AS in_suspense
    FROM engine.own_transfer t JOIN ({matching.MATCHED_ITEMS}) m USING (reference)
    LEFT JOIN engine.paying_account p USING (own_account_id)
    WHERE m.kind = :kind AND NOT m.returned
    ORDER BY m.match_id
""")

_LIST = text("""
    SELECT t.reference, a.ledger_account AS source, b.ledger_account AS target, t.amount_vnd, t.due_on, t.reason,
        t.prepared_by, t.approved_by,
        CASE WHEN t.cancelled_at IS NOT NULL THEN 'cancelled' WHEN t.approved_at IS NULL THEN 'proposed'
            WHEN seen.gone AND seen.come THEN 'done' WHEN seen.gone THEN 'left' WHEN seen.come THEN 'arrived'
            ELSE 'approved' END AS state
    FROM engine.own_transfer t
    JOIN reconciliation.own_account a ON a.own_account_id = t.source_account_id
    JOIN reconciliation.own_account b ON b.own_account_id = t.target_account_id
    CROSS JOIN LATERAL (
        SELECT coalesce(bool_or(x.sign = 'debit'), false) AS gone, coalesce(bool_or(x.sign = 'credit'), false) AS come
        FROM reconciliation.expectation x JOIN reconciliation.match m USING (expectation_id)
        WHERE x.reference = t.reference AND m.undone_at IS NULL) seen
    ORDER BY t.transfer_no DESC
""")
