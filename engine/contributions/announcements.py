"""Tin báo có: what banks, wallets and payment pages say was paid, before a statement or settlement file shows it.

A bank's news of a movement on a collection account is known by the bank's own number, and is an employer's by the
same signs as a line of a statement: virtual account, code of a notice, unit code; where they disagree it is nobody's.
What is announced is asked for no second time and not urged. It is never in the books: the statement brings the receipt,
and what no statement has shown by the end of the next working day is announced no longer, and is a case for a person.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from engine.clock import business_date
from engine.contributions.account import debits_on
from engine.contributions.online import open_case
from engine.law.parameters import Parameters
from engine.vault import Vault
from gateways.contract import Outcome
from gateways.online import Movement, Notification, Verdict
from reconciliation.references import find_references, find_units
from reconciliation.working_days import working_days_after

LATEST_DAYS = 10
"""How many days after the news a receipt may be booked that it told of; Tết closes banks for longer than a week."""

KEPT_IN_MIND_DAYS = 60
"""For how long a receipt is looked for, also once nobody waits for it: a line may stand in suspense for weeks."""


def announced_vnd(connection: Connection, employers: Sequence[UUID]) -> dict[int, int]:
    """By notice: what is said to be paid and neither statement nor settlement file has brought yet, in đồng."""
    rows = connection.execute(_ANNOUNCED, {"employers": employers})
    return {row.notice_no: row.amount_vnd for row in rows}


def announced_by_employer(connection: Connection, employers: Sequence[UUID]) -> dict[UUID, int]:
    """By employer: what is said to be paid and neither statement nor settlement file has brought yet, in đồng."""
    found: dict[UUID, int] = defaultdict(int)
    for row in connection.execute(_ANNOUNCED, {"employers": employers}):
        found[row.employer_id] += row.amount_vnd
    return found


def take_movement(
    vault: Vault, connection: Connection, gateway: str, notification: Notification, at: datetime
) -> Verdict | None:
    """News of a movement; None if it is none, or of an account that is not ours."""
    movement = notification.movement
    if movement is None or (account_id := _account(connection, vault, movement)) is None:
        return None
    told_on = min(movement.made_on or date.max, business_date(at))
    notice = _notice(connection, vault, movement, told_on)
    if notification.outcome is not Outcome.SUCCESS or notice is None:
        return Verdict.TAKEN
    told = {
        "gateway": gateway,
        "number": notification.provider_reference,
        "account_id": account_id,
        "notice_id": notice.notice_id,
        "amount_vnd": notification.amount_vnd,
        "told_on": told_on,
        "at": at,
    }
    if connection.execute(_INSERT, told).rowcount == 0:
        if connection.scalar(_SAME_AMOUNT, told):
            return Verdict.REPEATED
        problem = f"{gateway}: the bank tells of {told['number']} again with another amount"
        open_case(connection, notice.payment_code, problem, at)
        return Verdict.WRONG_AMOUNT
    # The statement may have come first.
    hold_against_receipts(connection, at, notice.employer_id)
    return Verdict.TAKEN


def hold_against_receipts(connection: Connection, at: datetime, employer_id: UUID | None = None) -> None:
    """Ends what receipts have brought, and what no statement shows in time; of one employer or of all."""
    chosen = {
        "employer_id": employer_id,
        "latest_days": LATEST_DAYS,
        "since": business_date(at) - timedelta(days=KEPT_IN_MIND_DAYS),
    }
    # One receipt ends one announcement: of equal amounts each round pairs the earliest that are left.
    while connection.execute(_RECEIVED, chosen).rowcount:
        pass
    missed = [
        row.announcement_id
        for row in connection.execute(_UNSEEN, chosen)
        if row.shown_until >= working_days_after(row.told_on, 1)
    ]
    for row in connection.execute(_UNCONFIRMED, {"missed": missed}):
        problem = f"{row.gateway}: the bank told of {row.amount_vnd} đ under {row.number}, and no statement shows it"
        open_case(connection, row.payment_code, problem, at)


def _account(connection: Connection, vault: Vault, movement: Movement) -> int | None:
    """Our account that is told of, at the bank that tells; of a virtual account, or none, that bank's only one."""
    fingerprint = None if movement.account is None else vault.fingerprint("account", movement.account)
    rows = connection.execute(_ACCOUNTS, {"bank_bin": movement.bank_bin}).all()
    named = [row.collection_account_id for row in rows if row.account_fingerprint == fingerprint]
    if named:
        return int(named[0])
    may_be_meant = fingerprint is None or connection.scalar(_IS_VIRTUAL, {"value": fingerprint.hex()})
    return int(rows[0].collection_account_id) if may_be_meant and len(rows) == 1 else None


def _notice(connection: Connection, vault: Vault, movement: Movement, on: date) -> Row[Any] | None:
    """The notice that is paid, if all that is told speaks of one employer and of one notice at most."""
    names = [*movement.virtual_accounts, *([movement.account] if movement.account else [])]
    units = [unit.partition(" ") for unit in find_units(movement.memo)]
    told = connection.execute(
        _TOLD,
        {
            "codes": list(find_references(movement.memo)),
            "virtual_accounts": [vault.fingerprint("account", name).hex() for name in names],
            "units": [unit for unit, _, _ in units],
            "agencies": [agency for _, _, agency in units],
        },
    ).all()
    codes = {row.payment_code for row in told if row.payment_code is not None}
    if len({row.employer_id for row in told}) != 1 or len(codes) > 1 or not all(row.agrees for row in told):
        return None
    employer_id = told[0].employer_id
    owed = [debit for debit in debits_on(connection, employer_id, on, Parameters.load()) if debit.total_vnd > 0]
    known = {
        "employer_id": employer_id,
        "code": codes.pop() if codes else None,
        "declaration_id": owed[0].declaration_id if owed else None,
    }
    return connection.execute(_CHOSEN, known).one_or_none()


_ACCOUNTS = text("""
    SELECT collection_account_id, account_fingerprint FROM engine.collection_account
    WHERE bank_bin IS NOT NULL AND (CAST(:bank_bin AS text) IS NULL OR bank_bin = :bank_bin)
""")

_IS_VIRTUAL = text("""
    SELECT EXISTS (SELECT FROM reconciliation.party_alias
        WHERE kind = 'virtual_account' AND closed_on IS NULL AND value = :value)
""")

_TOLD = text("""
    SELECT n.employer_id, n.payment_code, true AS agrees FROM engine.notice n WHERE n.payment_code = ANY(:codes)
    UNION ALL
    SELECT e.employer_id, NULL, true FROM reconciliation.party_alias v JOIN engine.employer e ON e.unit_code = v.party
    WHERE v.kind = 'virtual_account' AND v.closed_on IS NULL AND v.value = ANY(:virtual_accounts)
    UNION ALL
    -- An agency that the employer never had makes the unit doubtful, as it does on a statement.
    SELECT e.employer_id, NULL, u.agency = '' OR a.agencies IS NULL OR u.agency = ANY(a.agencies)
    FROM unnest(CAST(:units AS text[]), CAST(:agencies AS text[])) AS u (unit_code, agency)
    JOIN engine.employer e USING (unit_code)
    CROSS JOIN LATERAL (
        SELECT array_agg(value) AS agencies FROM reconciliation.party_alias
        WHERE party = e.unit_code AND kind = 'agency' AND closed_on IS NULL) a
""")

_CHOSEN = text("""
    SELECT notice_id, employer_id, payment_code FROM engine.notice
    WHERE employer_id = :employer_id
    ORDER BY payment_code = CAST(:code AS text) DESC NULLS LAST,
        declaration_id = CAST(:declaration_id AS uuid) DESC NULLS LAST, notice_no DESC
    LIMIT 1
""")

_INSERT = text("""
    INSERT INTO engine.announcement
        (gateway, number, collection_account_id, notice_id, amount_vnd, told_on, received_at)
    VALUES (:gateway, :number, :account_id, :notice_id, :amount_vnd, :told_on, :at)
    ON CONFLICT (gateway, number) DO NOTHING
""")

_SAME_AMOUNT = text("""
    SELECT amount_vnd = :amount_vnd FROM engine.announcement WHERE gateway = :gateway AND number = :number
""")

_RECEIVED = text("""
    UPDATE engine.announcement a SET state = 'received', receipt_id = pair.receipt_id
    FROM (
        SELECT DISTINCT ON (r.receipt_id) r.receipt_id, o.announcement_id
        FROM engine.announcement o
        JOIN engine.notice n USING (notice_id)
        CROSS JOIN LATERAL (
            SELECT r.receipt_id FROM engine.receipt r
            WHERE r.employer_id = n.employer_id AND r.collection_account_id = o.collection_account_id
                AND r.amount_vnd = o.amount_vnd AND r.booked_on - o.told_on BETWEEN 0 AND :latest_days
                AND NOT EXISTS (SELECT FROM engine.announcement ended WHERE ended.receipt_id = r.receipt_id)
            ORDER BY r.booked_on, r.receipt_no LIMIT 1) r
        WHERE o.receipt_id IS NULL AND o.told_on > :since
            AND (CAST(:employer_id AS uuid) IS NULL OR n.employer_id = :employer_id)
        ORDER BY r.receipt_id, o.told_on, o.announcement_id) pair
    WHERE a.announcement_id = pair.announcement_id
""")

_UNSEEN = text("""
    SELECT a.announcement_id, a.told_on, s.shown_until
    FROM engine.announcement a
    JOIN engine.notice n USING (notice_id)
    JOIN engine.collection_account c USING (collection_account_id)
    CROSS JOIN LATERAL (
        SELECT max(to_on) AS shown_until FROM reconciliation.statement
        WHERE own_account_id = c.own_account_id AND state = 'accepted') s
    WHERE a.state = 'open' AND s.shown_until > a.told_on
        AND (CAST(:employer_id AS uuid) IS NULL OR n.employer_id = :employer_id)
""")

_UNCONFIRMED = text("""
    UPDATE engine.announcement a SET state = 'unconfirmed' FROM engine.notice n
    WHERE n.notice_id = a.notice_id AND a.announcement_id = ANY(:missed)
    RETURNING a.gateway, a.number, a.amount_vnd, n.payment_code
""")

_ANNOUNCED = text("""
    SELECT n.employer_id, n.notice_no, sum(told.amount_vnd)::bigint AS amount_vnd
    FROM engine.notice n JOIN (
        SELECT notice_id, amount_vnd FROM engine.online_order o
        WHERE state = 'success' AND NOT EXISTS (SELECT FROM engine.receipt r WHERE r.order_id = o.order_id)
        UNION ALL
        SELECT notice_id, amount_vnd FROM engine.announcement WHERE state = 'open') told USING (notice_id)
    WHERE n.employer_id = ANY (:employers)
    GROUP BY n.employer_id, n.notice_no
""")
