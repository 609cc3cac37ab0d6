"""Thu hồi khoản chi thừa: what a payee owes is withheld from their next payments, by a plan that two persons decided.

A plan has its first month, its percent of each month's benefit, a floor that every payment leaves at least, and
perhaps a number of months. Deductions are rounded down to the đồng, in the payee's favour. Hardship is another plan
with its own evidence, which takes the place of the first. No statute that fixes rate or floor has been read, so both
are the plan's own. A death ends it: nothing is paid any more from which it could take.

The month's expense stays whole: the gross is expensed, what is withheld settles the debt, the net is paid
(Nợ chi phí / Có phải trả; Nợ phải trả / Có phải thu hồi).
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from engine import audit, bookkeeping
from engine.clock import business_date
from engine.errors import NotAllowed, NotFound, WrongInput
from ledger import book

# SQL over a payment `p` and its deduction `d`: whether its month is due at all, as believed now.
_DUE = """NOT EXISTS (SELECT FROM engine.vital_event v WHERE v.person_id = p.person_id AND v.kind = 'death'
        AND upper_inf(v.recorded_during) AND p.entitled_month > v.happened_on)
    AND EXISTS (SELECT FROM engine.award_amount w WHERE w.award_id = p.award_id AND upper_inf(w.recorded_during)
        AND w.entitled_during @> p.entitled_month AND w.amount_vnd >= d.amount_vnd)"""

_LIVE = f"p.state <> 'cancelled' AND p.reissued_by IS NULL AND {_DUE}"

_DEBTS = f"""
    SELECT person_id, sum(owed_vnd)::bigint AS owed_vnd, sum(withheld_vnd)::bigint AS withheld_vnd,
        sum(repaid_vnd)::bigint AS repaid_vnd, sum(owed_vnd - withheld_vnd - repaid_vnd)::bigint AS open_vnd
    FROM (
        SELECT p.person_id, v.amount_vnd AS owed_vnd, 0 AS withheld_vnd, 0 AS repaid_vnd
        FROM engine.overpayment v JOIN engine.payment p USING (payment_id) WHERE p.state = 'settled'
        UNION ALL SELECT p.person_id, 0, d.amount_vnd, 0
        FROM engine.deduction d JOIN engine.payment p USING (payment_id) WHERE {_LIVE}
        UNION ALL SELECT a.person_id, 0, 0, r.amount_vnd
        FROM engine.repayment r JOIN engine.award a USING (award_id)
        WHERE r.approved_at IS NOT NULL AND r.ended_at IS NULL) each
    GROUP BY person_id"""


@dataclass(frozen=True, slots=True)
class Debt:
    """What a payee was paid too much, and what is left of it; plan_no of the plan that runs, if any."""

    award_no: str
    """The first award of theirs that was overpaid."""
    owed_vnd: int
    withheld_vnd: int
    repaid_vnd: int
    """By transfer or in cash."""
    open_vnd: int
    """Below zero where more was withheld and repaid than turned out to be owed: the payee is to have it back."""
    plan_no: int | None


def debts(connection: Connection) -> list[Debt]:
    """Phải thu hồi: everybody who owes something, the most first."""
    rows = connection.execute(
        text(f"""
            SELECT (SELECT min(a.award_no) FROM engine.overpayment v JOIN engine.payment p USING (payment_id)
                    JOIN engine.award a USING (award_id) WHERE p.person_id = d.person_id) AS award_no,
                   d.owed_vnd, d.withheld_vnd, d.repaid_vnd, d.open_vnd, r.plan_no
            FROM ({_DEBTS}) d LEFT JOIN engine.recovery_plan r
                ON r.person_id = d.person_id AND r.approved_at IS NOT NULL AND r.ended_at IS NULL
            WHERE d.open_vnd <> 0 ORDER BY open_vnd DESC, award_no""")
    )
    return [Debt(**row._asdict()) for row in rows]


def open_debt(connection: Connection, person_id: UUID) -> int:
    """What a payee still owes, in đồng."""
    open_vnd: int = (
        connection.scalar(text(f"SELECT open_vnd FROM ({_DEBTS}) d WHERE person_id = :id"), {"id": person_id}) or 0
    )
    return open_vnd


def lock_debts(connection: Connection) -> None:
    """Waits for whoever takes from a debt, by withholding or repayment, until they are done: none is taken twice."""
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('recovery of debts', 0))"))


def propose(
    connection: Connection,
    award_no: str,
    *,
    starts_month: date,
    percent: int,
    floor_vnd: int,
    months: int | None,
    evidence: str,
    at: datetime,
) -> int:
    """Đề nghị thu hồi: a plan for what the payee of an award owes; returns its number.

    Raises `WrongInput` with every problem.
    """
    problems = []
    if not 1 <= percent <= 100:
        problems.append(f"{percent} is no percent of a benefit")
    if floor_vnd <= 0:
        problems.append("a floor leaves the payee more than 0 đ a month")
    if months is not None and months <= 0:
        problems.append("a plan lasts at least one month")
    if not evidence.strip():
        problems.append("a plan names the decision it rests on")
    person_id = connection.scalar(
        text("SELECT person_id FROM engine.award WHERE award_no = :award_no"), {"award_no": award_no}
    )
    if person_id is None:
        problems.append(f"there is no award {award_no}")
    elif open_debt(connection, person_id) <= 0:
        problems.append(f"the payee of {award_no} owes nothing")
    if problems:
        raise WrongInput(problems)
    plan_no: int = connection.execute(
        text("""
            INSERT INTO engine.recovery_plan (person_id, starts_month, percent, floor_vnd, months, evidence,
                proposed_at)
            VALUES (:person, :month, :percent, :floor, :months, :evidence, :at) RETURNING plan_no"""),
        {
            "person": person_id,
            "month": starts_month.replace(day=1),
            "percent": percent,
            "floor": floor_vnd,
            "months": months,
            "evidence": evidence,
            "at": at,
        },
    ).scalar_one()
    audit.record(connection, "recovery_proposed", f"recovery {plan_no}", at, percent=percent, floor_vnd=floor_vnd)
    return plan_no


def approve(connection: Connection, plan_no: int, at: datetime) -> None:
    """Duyệt kế hoạch thu hồi: another person; it takes the place of the plan that ran, if one did."""
    row = connection.execute(
        text("SELECT person_id, approved_at, ended_at FROM engine.recovery_plan WHERE plan_no = :no FOR UPDATE"),
        {"no": plan_no},
    ).one_or_none()
    if row is None:
        raise NotFound(f"there is no recovery plan {plan_no}")
    if row.approved_at is not None or row.ended_at is not None:
        raise NotAllowed(f"recovery plan {plan_no} is decided already")
    connection.execute(
        text("""
            UPDATE engine.recovery_plan SET ended_at = :at, ended_by = engine.acting_person(),
                end_reason = 'replaced by plan ' || :no
            WHERE person_id = :person AND approved_at IS NOT NULL AND ended_at IS NULL"""),
        {"at": at, "no": str(plan_no), "person": row.person_id},
    )
    try:
        connection.execute(
            text("""
                UPDATE engine.recovery_plan SET approved_at = :at, approved_by = engine.acting_person()
                WHERE plan_no = :no"""),
            {"at": at, "no": plan_no},
        )
    except IntegrityError as error:
        raise NotAllowed("who proposed a recovery plan does not approve it: two persons") from error
    except DBAPIError as error:
        raise NotAllowed(str(error.orig).splitlines()[0]) from error
    audit.record(connection, "recovery_approved", f"recovery {plan_no}", at)


def end(connection: Connection, plan_no: int, reason: str, at: datetime) -> None:
    """Ends a plan, or refuses a proposed one: nothing more is withheld by it; the debt stays."""
    ended = connection.execute(
        text("""
            UPDATE engine.recovery_plan SET ended_at = :at, ended_by = engine.acting_person(), end_reason = :reason
            WHERE plan_no = :no AND ended_at IS NULL"""),
        {"at": at, "no": plan_no, "reason": reason},
    ).rowcount
    if not ended:
        raise NotFound(f"there is no recovery plan {plan_no} that runs")
    audit.record(connection, "recovery_ended", f"recovery {plan_no}", at, reason=reason)


def withhold_staged(connection: Connection) -> int:
    """Takes from what is staged to be paid (`due`) what running plans withhold; returns the đồng.

    A payee's months are taken in their order, until the debt or the plan's months are used up. A payment that is paid
    again withholds what the first one did.
    """
    lock_debts(connection)
    connection.execute(
        text("""
            UPDATE due SET withheld_vnd = d.amount_vnd, plan_no = d.plan_no FROM engine.deduction d
            WHERE d.payment_id = due.paid_again""")
    )
    connection.execute(text(_WITHHOLD))
    connection.execute(text("UPDATE due SET amount_vnd = amount_vnd - withheld_vnd WHERE paid_again IS NULL"))
    withheld_vnd: int = connection.execute(
        text("SELECT coalesce(sum(withheld_vnd), 0)::bigint FROM due WHERE payout_account_id IS NOT NULL")
    ).scalar_one()
    return withheld_vnd


_WITHHOLD = f"""
    UPDATE due SET withheld_vnd = taken.amount_vnd, plan_no = taken.plan_no FROM (
        SELECT payment_id, plan_no, least(most_vnd, open_vnd - coalesce(sum(most_vnd) OVER earlier, 0))::bigint
            AS amount_vnd
        FROM (
            SELECT e.payment_id, e.entitled_month, r.person_id, r.plan_no, r.months, d.open_vnd,
                least(e.amount_vnd * r.percent / 100, e.amount_vnd - r.floor_vnd) AS most_vnd,
                dense_rank() OVER (PARTITION BY r.plan_no ORDER BY e.entitled_month) + (
                    SELECT count(DISTINCT p.entitled_month) FROM engine.deduction d
                    JOIN engine.payment p USING (payment_id) WHERE d.plan_no = r.plan_no AND {_LIVE}) AS month_no
            FROM due e JOIN engine.recovery_plan r USING (person_id) JOIN ({_DEBTS}) d USING (person_id)
            WHERE e.paid_again IS NULL AND e.payout_account_id IS NOT NULL AND r.approved_at IS NOT NULL
                AND r.ended_at IS NULL AND e.entitled_month >= r.starts_month
                AND e.benefit IN ('pension', 'survivor_allowance')) staged
        WHERE most_vnd > 0 AND (months IS NULL OR month_no <= months)
        WINDOW earlier AS (PARTITION BY person_id ORDER BY entitled_month, payment_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) taken
    WHERE taken.payment_id = due.payment_id AND taken.amount_vnd > 0"""


def keep_staged(connection: Connection) -> None:
    """Writes the deductions of the payments that were staged."""
    connection.execute(
        text("""
            INSERT INTO engine.deduction (payment_id, plan_no, amount_vnd)
            SELECT payment_id, plan_no, withheld_vnd FROM due
            WHERE withheld_vnd > 0 AND payout_account_id IS NOT NULL""")
    )


def follow_deductions(connection: Connection, at: datetime) -> None:
    """Books what is withheld from payments that were approved, and takes back what no longer stands.

    What stands follows from the states of payments and the facts on record, so that it can be run at any time.
    """
    for event, sign in ((bookkeeping.RECOVERY_SET_OFF, 1), (bookkeeping.SET_OFF_UNDONE, -1)):
        book.open_staging(connection)
        posted = connection.execute(
            text(f"""
                WITH added AS (
                    INSERT INTO engine.deduction_posting (payment_id, amount_vnd, posted_at)
                    SELECT payment_id, open_vnd, :at FROM ({_OPEN}) o WHERE sign(open_vnd) = :sign
                    RETURNING posting_no, payment_id, amount_vnd
                ), staged AS (
                    INSERT INTO pg_temp.staged_line
                        (debit, credit, amount_vnd, fund, run, debit_reference, credit_reference)
                    SELECT side.debit, side.credit, abs(added.amount_vnd), p.fund, r.run_code, p.reference, p.reference
                    FROM added JOIN engine.payment p USING (payment_id) JOIN engine.payment_run r USING (run_id)
                    CROSS JOIN LATERAL (VALUES {event.sides}) AS side (debit, credit)
                    ORDER BY p.payment_no RETURNING amount_vnd
                )
                SELECT (SELECT count(*) FROM staged) AS lines, min(posting_no) AS first FROM added"""),
            {"at": at, "sign": sign},
        ).one()
        if posted.lines:
            on = business_date(at)
            document = f"recovery {on}"
            bookkeeping.post_staged(
                connection, event, key=f"deductions:from:{posted.first}", document=document, business_on=on, at=at
            )


# What should stand in the book less what does, where they differ.
_OPEN = f"""
    SELECT * FROM (
        SELECT d.payment_id,
            CASE WHEN p.state NOT IN ('planned', 'cancelled')
                AND coalesce(again.state IN ('planned', 'cancelled'), true) AND {_DUE}
                THEN d.amount_vnd ELSE 0 END
            - coalesce((SELECT sum(b.amount_vnd) FROM engine.deduction_posting b
                WHERE b.payment_id = d.payment_id), 0)::bigint AS open_vnd
        FROM engine.deduction d JOIN engine.payment p USING (payment_id)
        LEFT JOIN engine.payment again ON again.payment_id = p.reissued_by) o
    WHERE open_vnd <> 0"""


def plans_of(connection: Connection, award_no: str) -> list[dict[str, Any]]:
    """The recovery plans of an award's payee, with what each has withheld."""
    rows = connection.execute(
        text(f"""
            SELECT r.plan_no, r.starts_month, r.percent, r.floor_vnd, r.months, r.evidence, r.proposed_by,
                r.approved_by, r.end_reason, coalesce((SELECT sum(d.amount_vnd) FROM engine.deduction d
                    JOIN engine.payment p USING (payment_id) WHERE d.plan_no = r.plan_no AND {_LIVE}), 0)::bigint
                    AS withheld_vnd
            FROM engine.recovery_plan r JOIN engine.award a USING (person_id)
            WHERE a.award_no = :award_no ORDER BY r.plan_no"""),
        {"award_no": award_no},
    )
    return [row._asdict() for row in rows]
