"""Refunds as payments: what was requested is planned into a run, which is signed, sent and settled like any other.

They are paid from the collection account on which the money stands (Decision 595/QĐ-BHXH, Article 43(3): the finance
unit pays from there).
"""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Connection, text

from engine import audit
from engine.contributions.suspense import UNALLOCATED
from engine.errors import WrongInput
from engine.payments.planning import PlannedRun
from ledger.accounts import open_account
from reconciliation.references import reference_sql


def plan_refunds(connection: Connection, pay_on: date, gateway: str, at: datetime) -> PlannedRun:
    """Lập đợt hoàn trả: plans a run of every refund that was requested and is in no run."""
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
            FROM engine.collection_account WHERE gateway = :gateway ORDER BY collection_account_id LIMIT 1"""),
        known,
    )
    if opened.rowcount == 0:
        raise WrongInput([f"gateway {gateway} has no collection account that could pay refunds"])
