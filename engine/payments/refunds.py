"""Refunds as payments: what was requested is planned into a run, which is signed, sent and settled like any other.

They are paid from the collection account on which the money stands (Decision 595/QĐ-BHXH, Article 43(3): the finance
unit pays from there).
"""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Connection, text

from engine import audit
from engine.clock import business_date
from engine.contributions.refunds import reopen_cancelled_returns
from engine.contributions.suspense import UNALLOCATED
from engine.errors import NotFound, WrongInput
from engine.payments.payment import TAKE_BACK, TAKE_BACK_RETURNED, PaymentState, Voucher, move
from engine.payments.planning import PlannedRun, lock_planning
from engine.payments.run import require_role
from ledger.accounts import open_account
from reconciliation.references import reference_sql


def plan_refunds(connection: Connection, pay_on: date, gateway: str, at: datetime) -> PlannedRun:
    """Lập đợt hoàn trả: plans a run of every refund that was requested and is in no run."""
    lock_planning(connection)
    _open_paying_account(connection, gateway)
    # A refund whose payment was cancelled is over: its money is the employer's again.
    requested = """
        FROM engine.refund f WHERE NOT EXISTS (SELECT FROM engine.payment p WHERE p.refund_id = f.refund_id)"""
    totals = connection.execute(
        text(f"SELECT count(*) AS payments, coalesce(sum(f.amount_vnd), 0)::bigint AS amount_vnd {requested}")
    ).one()
    if totals.payments == 0:
        raise WrongInput(["no refund was requested that no run covers yet"])
    open_account(connection, "refunds_payable")
    period = pay_on.replace(day=1)
    number: int = connection.execute(
        text("SELECT 1 + count(*) FROM engine.payment_run WHERE period = :period"), {"period": period}
    ).scalar_one()
    run_code = f"{period:%Y-%m}/{number}"
    run_id: UUID = connection.execute(
        text("""
            INSERT INTO engine.payment_run (run_code, period, pay_on, allowed_unconfirmed, planned_at)
            VALUES (:run_code, :period, :pay_on, '{}', :at) RETURNING run_id"""),
        {"run_code": run_code, "period": period, "pay_on": pay_on, "at": at},
    ).scalar_one()
    connection.execute(
        text(f"""
            INSERT INTO engine.payment (payment_no, reference, run_id, shard, refund_id, payout_account_id, gateway,
                entitled_month, benefit, fund, purpose, law_version, amount_vnd)
            SELECT number, {reference_sql("PN", "number")}, :run_id, 1, refund_id, payout_account_id, :gateway, :period,
                'refund', :fund, 'SSBE', 'C16-TS', amount_vnd
            FROM (SELECT nextval(pg_get_serial_sequence('engine.payment', 'payment_no')) AS number, f.* {requested}
                  ORDER BY f.refund_no) f"""),
        {"run_id": run_id, "gateway": gateway, "period": period, "fund": UNALLOCATED},
    )
    audit.record(connection, "planned", run_code, at, payments=totals.payments, amount_vnd=totals.amount_vnd)
    return PlannedRun(run_code, totals.payments, totals.amount_vnd, 0, ())


def give_up_refund(connection: Connection, refund_no: int, reason: str, at: datetime) -> None:
    """Ends a refund that failed or came back: the money is the employer's again, or in suspense for its owner.

    It is asked for anew with another account. By an approver or authoriser, since money that was payable is not.
    """
    row = connection.execute(
        text("""
            SELECT p.reference, p.state FROM engine.refund f JOIN engine.payment p USING (refund_id)
            WHERE f.refund_no = :no AND p.state IN ('failed', 'returned') FOR UPDATE OF p"""),
        {"no": refund_no},
    ).one_or_none()
    if row is None:
        raise NotFound(f"no refund {refund_no} has failed or come back")
    require_role(connection, "a refund is given up by an approver or authoriser")
    move(
        connection,
        TAKE_BACK if row.state == PaymentState.FAILED else TAKE_BACK_RETURNED,
        Voucher(f"refund:{refund_no}:given_up", f"refund {refund_no}", business_date(at), at),
        chosen="SELECT payment_id, :why AS reason FROM engine.payment WHERE reference = :reference",
        expected=1,
        reference=row.reference,
        why=reason,
    )
    reopen_cancelled_returns(connection, at)
    audit.record(connection, "refund_given_up", f"refund {refund_no}", at, reason=reason)


def _open_paying_account(connection: Connection, gateway: str) -> None:
    """Lets the first collection account at a gateway pay refunds, too."""
    known = {"gateway": gateway, "fund": UNALLOCATED}
    if connection.scalar(
        text("SELECT EXISTS (SELECT FROM engine.paying_account WHERE gateway = :gateway AND fund = :fund)"), known
    ):
        return
    opened = connection.execute(
        text("""
            INSERT INTO engine.paying_account (gateway, fund, holder_name, account_ciphertext, account_fingerprint,
                own_account_id, ledger_account)
            SELECT gateway, :fund, holder_name, account_ciphertext, account_fingerprint, own_account_id, ledger_account
            FROM engine.collection_account WHERE gateway = :gateway AND bank_bin IS NOT NULL
            ORDER BY collection_account_id LIMIT 1"""),
        known,
    )
    if opened.rowcount == 0:
        raise WrongInput([f"gateway {gateway} has no collection account that could pay refunds"])
