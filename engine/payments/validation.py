"""Kiểm tra trước khi trình: what a person looks at before signing a run.

How the run differs from last month and why, and what stands out: payees who have died, money above what the gateway
takes, one account for many payees. Everything is computed in the database, over all payments at once; nothing here
stops a run by itself, but what is marked as blocking should not be signed.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from engine.errors import NotFound
from engine.payments.account_checks import LATEST
from engine.payments.payout_requests import ENDED
from engine.payments.suspensions import STANDS
from engine.people.pay_points import IN_CASH

_NEW_ACCOUNT_DAYS = 7
"""A change of account within these days before planning is worth a look: such changes precede theft."""
_JUMP_PERCENT = 20
_SHOWN = 20
"""References told of each notable group; the count is always whole."""


@dataclass(frozen=True, slots=True)
class Change:
    """Payees of one benefit whose month differs from the last in one way; amounts in đồng."""

    benefit: str
    change: str
    """new, raised, lowered, unchanged; of those who are gone: died, suspended, ended, not_payable, not_planned."""
    payees: int
    last_month_vnd: int
    this_month_vnd: int


@dataclass(frozen=True, slots=True)
class Notable:
    """Payments of the run that have something in common that a signatory should know."""

    rule: str
    blocking: bool
    payments: int
    amount_vnd: int
    references: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Validation:
    run_code: str
    payments: int
    amount_vnd: int
    changes: tuple[Change, ...]
    notable: tuple[Notable, ...]

    @property
    def blocked(self) -> bool:
        return any(each.blocking for each in self.notable)

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"blocked": self.blocked}


def validate(connection: Connection, run_code: str, max_amount_vnd: int, at: datetime) -> Validation:
    """The report on a run as things are known at an instant; `max_amount_vnd` is the most its gateway takes at once."""
    run = connection.execute(
        text("""
            SELECT r.run_id, r.planned_at, r.pay_on, count(p.payment_id) AS payments,
                   coalesce(sum(p.amount_vnd), 0)::bigint AS amount_vnd
            FROM engine.payment_run r LEFT JOIN engine.payment p USING (run_id)
            WHERE r.run_code = :run_code GROUP BY r.run_id"""),
        {"run_code": run_code},
    ).one_or_none()
    if run is None:
        raise NotFound(f"there is no payment run {run_code}")
    parameters = {
        "at": at,
        "max_amount_vnd": max_amount_vnd,
        "new_since": run.planned_at - timedelta(days=_NEW_ACCOUNT_DAYS),
        "jump": _JUMP_PERCENT,
        "paid_on": run.pay_on,
    }
    notable = (_notable(connection, run.run_id, rule, parameters) for rule in _RULES)
    return Validation(
        run_code=run_code,
        payments=run.payments,
        amount_vnd=run.amount_vnd,
        changes=tuple(
            Change(**row._asdict()) for row in connection.execute(_CHANGES, {"run_id": run.run_id, "at": at})
        ),
        notable=tuple(each for each in notable if each.payments),
    )


@dataclass(frozen=True, slots=True)
class _Rule:
    """`condition` is SQL over a payment `p`, its payout account `o` and its payee's amount last month, `last_vnd`."""

    name: str
    blocking: bool
    condition: str


_LAST_SAID = LATEST.format(account="o.payout_account_id")
_RULES = (
    _Rule(
        "payee_has_died",
        True,
        """EXISTS (SELECT FROM engine.vital_event v WHERE v.person_id = p.person_id AND v.kind = 'death'
            AND v.recorded_during @> CAST(:at AS timestamptz) AND v.happened_on < p.entitled_month)""",
    ),
    _Rule("award_suspended", True, STANDS),
    _Rule("above_the_gateways_limit", True, "p.amount_vnd > :max_amount_vnd"),
    _Rule(
        "benefit_paid_twice_for_a_month",
        True,
        """EXISTS (SELECT FROM engine.payment q WHERE q.person_id = p.person_id AND q.benefit = p.benefit
            AND q.entitled_month = p.entitled_month AND q.payment_id <> p.payment_id AND q.state <> 'cancelled'
            AND q.reissued_by IS NULL AND q.award_id <> p.award_id)""",
    ),
    _Rule(
        "account_replaced_or_withdrawn",
        True,
        "NOT o.recorded_during @> CAST(:at AS timestamptz)",
    ),
    _Rule("authority_ended", True, f"o.request_no IS NOT NULL AND {ENDED}"),
    _Rule(
        "received_by_somebody_else",
        False,
        """EXISTS (SELECT FROM engine.payout_request q WHERE q.request_no = o.request_no
            AND q.receiver <> 'beneficiary')""",
    ),
    _Rule(
        "account_failed_last_time",
        False,
        """EXISTS (SELECT FROM engine.payment q WHERE q.person_id = p.person_id
            AND q.payout_account_id = p.payout_account_id AND q.payment_id <> p.payment_id
            AND q.state IN ('returned', 'failed') AND q.reissued_by IS NULL)""",
    ),
    _Rule("account_said_to_be_anothers", True, f"{_LAST_SAID} = 'no_match'"),
    _Rule("account_name_is_only_close", False, f"{_LAST_SAID} = 'close'"),
    _Rule(
        "account_never_verified", False, f"coalesce({_LAST_SAID}, 'not_possible') = 'not_possible' AND NOT {IN_CASH}"
    ),
    _Rule(
        "account_of_several_payees",
        False,
        """EXISTS (SELECT FROM engine.payout_account s WHERE s.account_fingerprint = o.account_fingerprint
            AND s.bank_bin = o.bank_bin AND s.person_id <> o.person_id
            AND s.recorded_during @> CAST(:at AS timestamptz))""",
    ),
    _Rule(
        "account_was_changed_lately",
        False,
        """lower(o.recorded_during) >= :new_since AND EXISTS (SELECT FROM engine.payout_account f
            WHERE f.person_id = o.person_id AND f.account_fingerprint <> o.account_fingerprint
            AND lower(f.recorded_during) < lower(o.recorded_during))""",
    ),
    _Rule(
        "several_monthly_benefits",
        False,
        """EXISTS (SELECT FROM engine.payment q WHERE q.person_id = p.person_id AND q.benefit <> p.benefit
            AND q.entitled_month = p.entitled_month AND q.state <> 'cancelled'
            AND ARRAY['pension', 'survivor_allowance'] @> ARRAY[p.benefit, q.benefit])""",
    ),
    _Rule("amount_has_jumped", False, "abs(p.amount_vnd - last_vnd) * 100 > last_vnd * :jump"),
)

_LAST_MONTH = """
    LEFT JOIN LATERAL (
        SELECT sum(q.amount_vnd)::bigint AS last_vnd FROM engine.payment q
        WHERE q.award_id = p.award_id AND q.entitled_month = p.entitled_month - interval '1 month'
            AND q.state <> 'cancelled' AND q.reissued_by IS NULL) last ON true"""


def _notable(connection: Connection, run_id: UUID, rule: _Rule, parameters: Mapping[str, object]) -> Notable:
    used = {name: value for name, value in parameters.items() if f":{name}" in rule.condition}
    found = connection.execute(
        text(f"""
            SELECT count(*) AS payments, coalesce(sum(amount_vnd), 0)::bigint AS amount_vnd,
                   (array_agg(reference ORDER BY payment_no))[1:{_SHOWN}] AS shown
            FROM (SELECT p.* FROM engine.payment p JOIN engine.payout_account o USING (payout_account_id)
                  {_LAST_MONTH if "last_vnd" in rule.condition else ""}
                  WHERE p.run_id = :run_id AND p.state <> 'cancelled' AND {rule.condition}) found"""),
        {"run_id": run_id, **used},
    ).one()
    return Notable(rule.name, rule.blocking, found.payments, found.amount_vnd, tuple(found.shown or ()))


# The last month that the run pays beside the month before its first: what each award of a monthly benefit was paid
# then, and is paid now.
_CHANGES = text("""
    WITH months AS (
        SELECT max(entitled_month) AS this, (min(entitled_month) - interval '1 month')::date AS last
        FROM engine.payment WHERE run_id = :run_id
    ), this AS (
        SELECT p.award_id, p.person_id, p.benefit, sum(p.amount_vnd)::bigint AS vnd
        FROM engine.payment p JOIN months m ON p.entitled_month = m.this
        WHERE p.run_id = :run_id AND p.state <> 'cancelled' AND p.benefit IN ('pension', 'survivor_allowance')
        GROUP BY p.award_id, p.person_id, p.benefit
    ), last AS (
        SELECT p.award_id, p.person_id, p.benefit, sum(p.amount_vnd)::bigint AS vnd
        FROM engine.payment p JOIN months m ON p.entitled_month = m.last
        WHERE p.state <> 'cancelled' AND p.reissued_by IS NULL AND p.benefit IN ('pension', 'survivor_allowance')
        GROUP BY p.award_id, p.person_id, p.benefit
    ), other_runs AS (
        SELECT p.award_id FROM engine.payment p JOIN months m ON p.entitled_month = m.this
        WHERE p.run_id <> :run_id AND p.state <> 'cancelled'
    ), compared AS (
        SELECT benefit, coalesce(last.vnd, 0) AS last_vnd, coalesce(this.vnd, 0) AS this_vnd,
            CASE
                WHEN last.vnd IS NULL THEN 'new'
                WHEN this.vnd > last.vnd THEN 'raised'
                WHEN this.vnd < last.vnd THEN 'lowered'
                WHEN this.vnd = last.vnd THEN 'unchanged'
                WHEN EXISTS (SELECT FROM engine.vital_event v WHERE v.person_id = last.person_id AND v.kind = 'death'
                    AND v.recorded_during @> CAST(:at AS timestamptz)) THEN 'died'
                WHEN EXISTS (SELECT FROM engine.suspension s JOIN months m ON s.from_month <= m.this
                    WHERE s.award_id = last.award_id AND s.suspended_at <= CAST(:at AS timestamptz)
                    AND (s.resumed_at IS NULL OR s.resumed_at > CAST(:at AS timestamptz))) THEN 'suspended'
                WHEN NOT EXISTS (SELECT FROM engine.award_amount w JOIN months m ON w.entitled_during @> m.this
                    WHERE w.award_id = last.award_id AND w.recorded_during @> CAST(:at AS timestamptz)) THEN 'ended'
                WHEN NOT EXISTS (SELECT FROM engine.payout_account o WHERE o.person_id = last.person_id
                    AND o.recorded_during @> CAST(:at AS timestamptz)) THEN 'not_payable'
                ELSE 'not_planned'
            END AS change
        FROM this FULL JOIN last USING (award_id, person_id, benefit)
        WHERE this.award_id IS NOT NULL OR award_id NOT IN (SELECT award_id FROM other_runs)
    )
    SELECT benefit, change, count(*) AS payees, sum(last_vnd)::bigint AS last_month_vnd,
        sum(this_vnd)::bigint AS this_month_vnd
    FROM compared GROUP BY benefit, change ORDER BY benefit, change
""")
