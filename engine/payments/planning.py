"""Lập đợt chi trả: a payment run is planned from awards that are due, or from payments to be paid again.

Both ways stage what is to be paid and write it in one statement; nothing is planned payee by payee.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, Connection, Integer, column, func, insert, select, table, text

from engine import audit
from engine.awards.due import due_for
from engine.awards.tables import award
from engine.errors import WrongInput
from engine.law.calendar import Month
from engine.payments import channels, payout_requests
from engine.payments.overpayments import follow_lowered_amounts
from engine.payments.recovery import keep_staged, withhold_staged
from engine.payments.suspensions import STANDS
from engine.people.pay_points import IN_CASH
from reconciliation.references import reference_sql

SHARD_SIZE = 1000
"""Payments in one shard: what one hash covers and one journal entry posts."""

_NOT_COLLECTED = "MS03"
"""What the post office's settlement says of cash that nobody came for within the days of payment."""

# Of one month: what live payments cover of an award, with what they withheld, less what of them is recoverable.
_COVERED = text("""
    SELECT p.award_id, max(p.part) AS parts,
        sum(p.amount_vnd + coalesce(d.amount_vnd, 0) - coalesce(v.amount_vnd, 0))::bigint AS covered_vnd
    FROM engine.payment p LEFT JOIN engine.deduction d USING (payment_id)
    LEFT JOIN (SELECT payment_id, sum(amount_vnd) AS amount_vnd FROM engine.overpayment GROUP BY 1) v USING (payment_id)
    WHERE p.entitled_month = :covered_month AND p.state <> 'cancelled' AND p.reissued_by IS NULL
    GROUP BY p.award_id""").columns(column("award_id"), column("parts", Integer), column("covered_vnd", BigInteger))


# A pension that was taken over was paid before by whoever had it.
_EARLIER_OPEN = text(f"""
    SELECT count(*) AS months, min(p.entitled_month) AS first_month FROM (
        SELECT a.award_id, a.person_id, m::date AS entitled_month
        FROM engine.award a JOIN engine.claim c USING (claim_id) JOIN engine.award_amount w USING (award_id)
        CROSS JOIN LATERAL generate_series(lower(w.entitled_during)::timestamp,
            least(upper(w.entitled_during), CAST(:period AS date))::timestamp - interval '1 month',
            interval '1 month') m
        WHERE a.frequency = 'monthly' AND c.benefit <> 'running_pension' AND upper_inf(w.recorded_during)
            AND a.recorded_at > CAST(:at AS timestamptz) - interval '6 months') p
    WHERE NOT {STANDS} AND NOT EXISTS (
            SELECT FROM engine.payment q WHERE q.award_id = p.award_id AND q.entitled_month = p.entitled_month
                AND q.state <> 'cancelled')
        AND NOT EXISTS (
            SELECT FROM engine.vital_event v WHERE v.person_id = p.person_id AND v.kind = 'death'
                AND upper_inf(v.recorded_during) AND v.happened_on < p.entitled_month)""")


@dataclass(frozen=True, slots=True)
class PlannedRun:
    run_code: str
    payments: int
    amount_vnd: int
    without_account: int
    """Payees left out because no payout account of theirs is known to which the gateway pays, or no other one since the
    money failed to arrive; they stay due."""
    unconfirmed: tuple[str, ...]
    """Unconfirmed legal values these payments rest on; the run names them and both approvers see them."""
    withheld_vnd: int = 0
    """Of what is due, withheld by recovery plans; amount_vnd is what goes out."""
    authority_ended: int = 0
    """Of those left out, payees of a proxy or guardian whose authority has ended by the day of payment."""
    earlier_open: int = 0
    """Months before the run's that are due by awards of the last half-year and that no run has paid or planned: what
    is awarded late is due since its first month, and planned by naming that month (`--period`, `--through`)."""
    earliest_open: date | None = None
    """The first of these months."""


def plan(
    connection: Connection,
    period: date,
    pay_on: date,
    gateway: str,
    allowed_unconfirmed: frozenset[str],
    at: datetime,
    through: date | None = None,
) -> PlannedRun:
    """Plans everything due for a month that no live payment covers yet, or for all months from it through another.

    Raises `WrongInput` if an award rests on an unconfirmed legal value that the run does not name, or if nothing is
    due. `period` and `through` are the first days of months of entitlement (kỳ chi trả), `pay_on` the day of payment:
    February and March were paid together in February 2026, and what is decided late is due for months gone by. What
    amounts were raised by since earlier months were paid comes with it; what they were lowered by becomes recoverable.
    """
    last = through or period
    if last < period:
        raise WrongInput([f"{last:%Y-%m} is before {period:%Y-%m}"])
    lock_planning(connection)
    follow_lowered_amounts(connection, at)
    _open_staging(connection)
    _stage_back_pay(connection, period, pay_on, at)
    month = period
    while month <= last:
        _stage_due(connection, month, pay_on, at)
        month = (Month.containing(month) + 1).first_day
    planned = _plan_staged(connection, period, pay_on, gateway, allowed_unconfirmed, at)
    if planned is None:
        months = f"{period:%Y-%m}" if last == period else f"{period:%Y-%m} to {last:%Y-%m}"
        raise WrongInput([f"nothing is due for {months} that no run covers yet"])
    earlier = connection.execute(_EARLIER_OPEN, {"period": period, "at": at}).one()
    return replace(planned, earlier_open=earlier.months, earliest_open=earlier.first_month)


def plan_reissues(
    connection: Connection, pay_on: date, gateway: str, allowed_unconfirmed: frozenset[str], at: datetime
) -> PlannedRun:
    """Chi lại: plans what failed by the payee's data or came back, for payees whose account has changed since.

    Each is paid again once, by the same amount; the database refuses anything else. A payee who is known to have died
    is not paid: what came back is then a matter of the survivors' claim. One whose award is suspended waits.
    """
    lock_planning(connection)
    _open_staging(connection)
    _stage_reissues(connection, pay_on, at)
    planned = _plan_staged(connection, pay_on.replace(day=1), pay_on, gateway, allowed_unconfirmed, at)
    if planned is None:
        raise WrongInput(["no payment that failed or came back has another payout account by now"])
    return planned


def lock_planning(connection: Connection) -> None:
    """One run is planned at a time: two at once would find the same due, and take the same number."""
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('planning of runs', 0))"))


def _open_staging(connection: Connection) -> None:
    connection.execute(
        text("""
            CREATE TEMPORARY TABLE due (payment_id uuid DEFAULT uuidv7(), award_id uuid, person_id uuid, benefit text,
                fund text, amount_vnd bigint, entitled_month date, payout_account_id uuid, law_version text,
                award_no text, unconfirmed text[], part integer, paid_again uuid, withheld_vnd bigint NOT NULL
                DEFAULT 0, plan_no bigint) ON COMMIT DROP""")
    )


def _stage_due(connection: Connection, period: date, pay_on: date, at: datetime) -> None:
    """What is due for a month and not covered yet: the whole amount, or what an amount was raised by."""
    found = due_for(period, pay_on, at).subquery("found")
    covered = _COVERED.bindparams(covered_month=period).subquery("covered")
    open_vnd = found.c.amount_vnd - func.coalesce(covered.c.covered_vnd, 0)
    same = (column_ for column_ in found.c if column_.name != "amount_vnd")
    rows = (
        select(
            *same,
            open_vnd.label("amount_vnd"),
            (func.coalesce(covered.c.parts, 0) + 1).label("part"),
            award.c.law_version,
            award.c.award_no,
        )
        .join_from(found, award, award.c.award_id == found.c.award_id)
        .outerjoin(covered, covered.c.award_id == found.c.award_id)
        .where(open_vnd > 0)
    )
    names = [str(selected.key) for selected in rows.selected_columns]
    connection.execute(insert(table("due", *(column(name) for name in names))).from_select(names, rows))


def _stage_back_pay(connection: Connection, period: date, pay_on: date, at: datetime) -> None:
    """Truy lĩnh: what amounts were raised by for earlier months that were paid already, and months once suspended."""
    months = connection.scalars(
        text("""
            SELECT DISTINCT m::date AS month FROM engine.award_amount w
            JOIN engine.award a USING (award_id)
            CROSS JOIN LATERAL generate_series(lower(w.entitled_during)::timestamp,
                coalesce(upper(w.entitled_during), CAST(:period AS date))::timestamp - interval '1 month',
                interval '1 month') m
            WHERE upper_inf(w.recorded_during) AND lower(w.recorded_during) > a.recorded_at AND m < :period
            UNION SELECT m::date FROM engine.suspension s
            CROSS JOIN LATERAL generate_series(s.from_month::timestamp,
                date_trunc('month', s.resumed_at AT TIME ZONE 'Asia/Ho_Chi_Minh'), interval '1 month') m
            WHERE s.resumed_at <= :at AND m < :period
            UNION SELECT m::date FROM engine.death_retraction x JOIN engine.vital_event v USING (vital_event_id)
            CROSS JOIN LATERAL generate_series(date_trunc('month', v.happened_on::timestamp) + interval '1 month',
                date_trunc('month', x.approved_at AT TIME ZONE 'Asia/Ho_Chi_Minh'), interval '1 month') m
            WHERE x.approved_at <= :at AND m < :period
            ORDER BY 1"""),
        {"period": period, "at": at},
    ).all()
    for month in months:
        _stage_due(connection, month, pay_on, at)
    # A month that no run paid at all is planned by a run of its own, unless it waited for a resumption, a correction or
    # the retraction of a death.
    connection.execute(
        text("""
            DELETE FROM due WHERE part = 1 AND entitled_month < :period AND NOT EXISTS (
                SELECT FROM engine.suspension s WHERE s.award_id = due.award_id AND s.from_month <= due.entitled_month
                    AND s.resumed_at <= :at)
              AND NOT EXISTS (
                SELECT FROM engine.death_retraction x JOIN engine.vital_event v USING (vital_event_id)
                WHERE v.person_id = due.person_id AND v.happened_on < due.entitled_month AND x.approved_at <= :at)
              AND NOT EXISTS (
                SELECT FROM engine.correction c JOIN engine.claim_version v USING (version_no)
                WHERE c.award_id = due.award_id AND v.approved_at <= :at
                    AND due.entitled_month = ANY(c.months_added))"""),
        {"period": period, "at": at},
    )


def _stage_reissues(connection: Connection, pay_on: date, at: datetime) -> None:
    """What is to be paid again; without another account since, it is staged without one and stays as it is.

    Cash that nobody came for is listed again at the same pay point (7a-CBH): nothing is wrong with the payee's data.
    """
    connection.execute(
        text(f"""
            INSERT INTO due (award_id, person_id, benefit, fund, amount_vnd, entitled_month, payout_account_id,
                law_version, award_no, unconfirmed, part, paid_again)
            SELECT p.award_id, p.person_id, p.benefit, p.fund, p.amount_vnd, p.entitled_month,
                   CASE WHEN p.state_reason = '{_NOT_COLLECTED}' AND EXISTS (SELECT FROM engine.payout_account o
                           WHERE o.payout_account_id = p.payout_account_id AND {IN_CASH})
                       THEN now.payout_account_id
                       ELSE nullif(now.payout_account_id, p.payout_account_id) END,
                   p.law_version, a.award_no, a.unconfirmed, p.part,
                   p.payment_id
            FROM engine.payment p
            JOIN engine.award a USING (award_id)
            LEFT JOIN engine.payout_account now ON now.person_id = p.person_id
                AND now.valid_during @> CAST(:pay_on AS date) AND now.recorded_during @> CAST(:at AS timestamptz)
            WHERE p.state IN ('returned', 'failed') AND p.reissued_by IS NULL AND NOT EXISTS (
                SELECT FROM engine.vital_event v WHERE v.person_id = p.person_id AND v.kind = 'death'
                    AND v.recorded_during @> CAST(:at AS timestamptz))
              AND NOT {STANDS}
            FOR UPDATE OF p"""),
        {"pay_on": pay_on, "at": at},
    )


def _plan_staged(
    connection: Connection,
    period: date,
    pay_on: date,
    gateway: str,
    allowed_unconfirmed: frozenset[str],
    at: datetime,
) -> PlannedRun | None:
    """Makes the run of what is staged with an account that the gateway pays to; none if there is nothing."""
    channels.leave_unreachable(connection, gateway)
    authority_ended = payout_requests.leave_ended(connection, pay_on)
    withheld_vnd = withhold_staged(connection)
    totals = connection.execute(
        text("""
            SELECT count(payout_account_id) AS payments,
                   coalesce(sum(amount_vnd) FILTER (WHERE payout_account_id IS NOT NULL), 0)::bigint AS amount_vnd,
                   count(*) - count(payout_account_id) AS without_account FROM due""")
    ).one()
    if totals.payments == 0:
        return None
    unconfirmed = _require_named(connection, allowed_unconfirmed, *channels.not_allowed(connection, gateway, pay_on))
    _require_paying_accounts(connection, gateway)
    number = 1 + (
        connection.scalar(text("SELECT count(*) FROM engine.payment_run WHERE period = :period"), {"period": period})
        or 0
    )
    run_code = f"{period:%Y-%m}/{number}"
    run_id: UUID = connection.execute(
        text("""
            INSERT INTO engine.payment_run (run_code, period, pay_on, allowed_unconfirmed, planned_at)
            VALUES (:run_code, :period, :pay_on, :allowed, :at) RETURNING run_id"""),
        {
            "run_code": run_code,
            "period": period,
            "pay_on": pay_on,
            "allowed": sorted(allowed_unconfirmed),
            "at": at,
        },
    ).scalar_one()
    connection.execute(
        text("""
            UPDATE engine.payment p SET reissued_by = due.payment_id FROM due
            WHERE due.paid_again = p.payment_id AND due.payout_account_id IS NOT NULL""")
    )
    connection.execute(
        text(f"""
            INSERT INTO engine.payment (payment_no, reference, run_id, shard, payment_id, award_id, person_id,
                payout_account_id, gateway, entitled_month, part, benefit, fund, purpose, law_version, amount_vnd)
            SELECT number, {reference_sql("PN", "number")}, :run_id,
                   dense_rank() OVER (ORDER BY fund, purpose, slice), payment_id, award_id, person_id,
                   payout_account_id, :gateway, entitled_month, part, benefit, fund, purpose, law_version, amount_vnd
            FROM (SELECT nextval(pg_get_serial_sequence('engine.payment', 'payment_no')) AS number, ordered.*
                  FROM (SELECT (row_number() OVER (PARTITION BY fund, purpose
                                   ORDER BY award_no, entitled_month, part) - 1) / :size AS slice, due_row.*
                        FROM (SELECT *, CASE benefit WHEN 'pension' THEN 'PENS' ELSE 'SSBE' END AS purpose
                              FROM due WHERE payout_account_id IS NOT NULL) due_row
                        ORDER BY fund, purpose, award_no, entitled_month, part) ordered) numbered"""),
        {"run_id": run_id, "gateway": gateway, "size": SHARD_SIZE},
    )
    keep_staged(connection)
    audit.record(connection, "planned", run_code, at, payments=totals.payments, amount_vnd=totals.amount_vnd)
    return PlannedRun(
        run_code,
        totals.payments,
        totals.amount_vnd,
        totals.without_account,
        unconfirmed,
        withheld_vnd,
        authority_ended,
    )


def _require_named(connection: Connection, allowed: frozenset[str], *permissions: str) -> tuple[str, ...]:
    rows = connection.execute(text("SELECT DISTINCT unnest(unconfirmed) AS name FROM due ORDER BY 1"))
    found = (*(row.name for row in rows), *permissions)
    missing = [name for name in found if name not in allowed]
    if missing:
        raise WrongInput(
            [f"the run rests on the unconfirmed legal value {name}: name it to allow it" for name in missing]
        )
    return found


def _require_paying_accounts(connection: Connection, gateway: str) -> None:
    rows = connection.execute(
        text("""
            SELECT DISTINCT fund FROM due WHERE payout_account_id IS NOT NULL AND fund NOT IN
                (SELECT fund FROM engine.paying_account WHERE gateway = :gateway) ORDER BY 1"""),
        {"gateway": gateway},
    )
    missing = [f"fund {row.fund} has no paying account at gateway {gateway}" for row in rows]
    if missing:
        raise WrongInput(missing)
