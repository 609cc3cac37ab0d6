"""Ngân hàng báo chủ tài khoản đã chết (MD07): the same day the payee's monthly awards wait, until somebody knows.

A bank's word is no register's: it takes no month away and makes nothing recoverable. It suspends, so that what is
planned is dropped, what waits is held and the next run leaves the payee out; and it opens the survivors' case. A death
on record (`thuchi death import`) then does the rest, or a resumption by two persons if the payee lives. Where a proxy
or guardian receives the money it is they who have died, and a person revokes their authority.
"""

from datetime import datetime
from importlib.resources import files
from typing import Final

import yaml
from sqlalchemy import Connection, text

from engine import audit
from engine.payments.suspensions import follow_suspensions

GROUND = "bank_reports_death"
CODES: Final[list[str]] = yaml.safe_load((files("engine.payments") / "reasons.yaml").read_text())["died"]
"""The reasons by which a bank says that the holder of the account has died."""

_RECEIVED_BY_ANOTHER = """EXISTS (SELECT FROM engine.payout_account o JOIN engine.payout_request q USING (request_no)
    WHERE o.payout_account_id = p.payout_account_id AND q.receiver <> 'beneficiary')"""


def follow_reported_deaths(connection: Connection, chosen: str, at: datetime, **parameters: object) -> int:
    """Suspends the awards of payees of whom a bank has just said so; returns how many that are.

    `chosen` is SQL giving payment_id and reason of payments that failed or came back.
    """
    told = f"""FROM ({chosen}) c JOIN engine.payment p USING (payment_id)
        JOIN engine.award a ON a.person_id = p.person_id AND a.frequency = 'monthly'
        WHERE c.reason = ANY(:codes)"""
    values = parameters | {"codes": CODES, "at": at}
    connection.execute(
        text(f"""
            INSERT INTO engine.open_case (opened_at, subject, problem)
            SELECT DISTINCT CAST(:at AS timestamptz), 'award ' || a.award_no,
                'a bank reports that who receives for the beneficiary has died: revoke their authority'
            {told} AND {_RECEIVED_BY_ANOTHER}
            ON CONFLICT (subject, problem) DO NOTHING"""),
        values,
    )
    suspended = connection.scalars(
        text(f"""
            WITH suspended AS (
                INSERT INTO engine.suspension (award_id, from_month, ground, evidence, suspended_at, suspended_by)
                SELECT DISTINCT ON (a.award_id) a.award_id, p.entitled_month, '{GROUND}',
                    c.reason || ' ' || p.reference, CAST(:at AS timestamptz), 'bank'
                {told} AND NOT {_RECEIVED_BY_ANOTHER} AND NOT EXISTS (
                    SELECT FROM engine.vital_event v WHERE v.person_id = p.person_id AND v.kind = 'death'
                        AND upper_inf(v.recorded_during))
                ORDER BY a.award_id, p.entitled_month
                ON CONFLICT (award_id, ground) WHERE resumed_at IS NULL DO NOTHING RETURNING award_id
            ), opened AS (
                INSERT INTO engine.open_case (opened_at, subject, problem)
                SELECT CAST(:at AS timestamptz), 'award ' || award_no,
                    'a bank reports that the beneficiary has died: ask the register; the funeral grant and survivor'
                    ' benefits may be claimed'
                FROM suspended JOIN engine.award USING (award_id)
                ON CONFLICT (subject, problem) DO NOTHING
            )
            SELECT award_no FROM suspended JOIN engine.award USING (award_id) ORDER BY award_no"""),
        values,
    ).all()
    for award_no in suspended:
        audit.record(connection, "award_suspended", f"award {award_no}", at, ground=GROUND)
    if suspended:
        follow_suspensions(connection, at)
    return len(suspended)
