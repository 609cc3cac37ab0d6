"""The life of an award on one page, with what followed from it: each event with its day, its đồng and its article.

It tells of every award on the same insured person, so that a pension, the death that ends it and what the survivors
get are one story. No personal or account number is on it.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection, text

from engine.awards.suspension import grounds
from engine.awards.termination import termination_grounds
from engine.errors import NotFound

_ENDS_WITH_DEATH = "Luật 41/2024/QH15, Điều 75"
"""A pension ends with the pensioner; the month of death is the last one due."""

# Each gives: day, what, award_no, month, amount_vnd, state, grounds (findings, or the words of the ground itself), and
# given_vnd where the findings give another amount than the event's own.
_EVENTS = {
    "awarded": """
        SELECT a.decided_on AS day, a.award_no, a.starts_on AS month, NULL AS amount_vnd, a.benefit AS state,
            a.findings AS grounds FROM engine.award a WHERE a.award_id = ANY(:awards)""",
    "amount": """
        SELECT (lower(w.recorded_during) AT TIME ZONE 'Asia/Ho_Chi_Minh')::date AS day, a.award_no,
            lower(w.entitled_during) AS month, w.amount_vnd,
            CASE WHEN upper_inf(w.recorded_during) THEN 'believed' ELSE 'replaced' END AS state,
            CASE WHEN w.findings = '[]' THEN a.findings ELSE w.findings END AS grounds
        FROM engine.award_amount w JOIN engine.award a USING (award_id) WHERE a.award_id = ANY(:awards)""",
    "account": """
        SELECT (min(lower(o.recorded_during)) AT TIME ZONE 'Asia/Ho_Chi_Minh')::date AS day,
            (SELECT string_agg(a.award_no, ' ' ORDER BY a.award_no) FROM engine.award a
                WHERE a.person_id = o.person_id AND a.award_id = ANY(:awards)) AS award_no,
            NULL AS month, NULL AS amount_vnd, 'valid from ' || lower(o.valid_during) AS state, NULL AS grounds
        FROM engine.payout_account o WHERE o.person_id = ANY(:people)
        -- Its end, once another takes its place, is no other account.
        GROUP BY o.person_id, o.bank_bin, o.account_fingerprint, lower(o.valid_during)""",
    "suspended": """
        SELECT (s.suspended_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date AS day, a.award_no, s.from_month AS month,
            NULL AS amount_vnd, CASE WHEN s.resumed_at IS NULL THEN 'stands' ELSE 'resumed' END AS state,
            to_jsonb(s.ground) AS grounds
        FROM engine.suspension s JOIN engine.award a USING (award_id) WHERE a.award_id = ANY(:awards)""",
    "terminated": """
        SELECT (x.approved_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date AS day, a.award_no, x.from_month AS month,
            NULL AS amount_vnd, x.evidence AS state, to_jsonb(x.ground) AS grounds
        FROM engine.termination x JOIN engine.award a USING (award_id)
        WHERE a.award_id = ANY(:awards) AND x.approved_at IS NOT NULL""",
    "corrected": """
        SELECT (v.approved_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date AS day, a.award_no, NULL AS month,
            x.back_pay_vnd - x.recoverable_vnd AS amount_vnd, v.evidence AS state, x.findings AS grounds
        FROM engine.correction x JOIN engine.claim_version v USING (version_no) JOIN engine.award a USING (award_id)
        WHERE a.award_id = ANY(:awards) AND v.approved_at IS NOT NULL""",
    "paid": """
        SELECT r.pay_on AS day, a.award_no, p.entitled_month AS month, p.amount_vnd,
            concat_ws(', ', p.state, CASE WHEN p.state IN ('returned', 'failed') THEN p.state_reason END,
                'again by ' || again.reference) AS state,
            coalesce(nullif(w.findings, '[]'), a.findings) AS grounds, w.amount_vnd AS given_vnd
        FROM engine.payment p JOIN engine.award a USING (award_id) JOIN engine.payment_run r USING (run_id)
        -- What was believed of the month when it was planned: a part of it, or what plans left of it, was paid.
        LEFT JOIN LATERAL (SELECT w.findings, w.amount_vnd FROM engine.award_amount w
            WHERE w.award_id = a.award_id AND w.entitled_during @> p.entitled_month
            ORDER BY w.recorded_during @> r.planned_at DESC, lower(w.recorded_during) DESC LIMIT 1) w ON true
        LEFT JOIN engine.payment again ON again.payment_id = p.reissued_by
        WHERE a.award_id = ANY(:awards)""",
    "withheld": """
        SELECT r.pay_on AS day, a.award_no, p.entitled_month AS month, d.amount_vnd, p.state,
            to_jsonb(c.evidence) AS grounds
        FROM engine.deduction d JOIN engine.payment p USING (payment_id) JOIN engine.award a USING (award_id)
        JOIN engine.payment_run r USING (run_id) JOIN engine.recovery_plan c USING (plan_no)
        WHERE a.award_id = ANY(:awards)""",
    "recoverable": """
        SELECT (v.found_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date AS day, a.award_no, p.entitled_month AS month,
            v.amount_vnd, v.reason AS state,
            CASE v.reason WHEN 'payee_had_died' THEN to_jsonb(CAST(:ends AS text))
                ELSE coalesce((SELECT x.findings FROM engine.correction x WHERE x.award_id = a.award_id
                    ORDER BY x.version_no DESC LIMIT 1), a.findings) END AS grounds
        FROM engine.overpayment v JOIN engine.payment p USING (payment_id) JOIN engine.award a USING (award_id)
        WHERE a.award_id = ANY(:awards)""",
    "repaid": """
        SELECT r.booked_on AS day, a.award_no, NULL AS month, r.amount_vnd,
            CASE WHEN r.ended_at IS NULL THEN 'booked' ELSE 'taken back' END AS state, to_jsonb(r.evidence) AS grounds
        FROM engine.repayment r JOIN engine.award a USING (award_id)
        WHERE a.award_id = ANY(:awards) AND r.approved_at IS NOT NULL""",
    "died": """
        SELECT (lower(v.recorded_during) AT TIME ZONE 'Asia/Ho_Chi_Minh')::date AS day, NULL AS award_no,
            v.happened_on AS month, NULL AS amount_vnd, 'known since this day' AS state,
            to_jsonb(CAST(:ends AS text)) AS grounds
        FROM engine.vital_event v WHERE v.person_id = ANY(:people) AND upper_inf(v.recorded_during)""",
}


def life_of_award(connection: Connection, award_no: str) -> list[dict[str, Any]]:
    """Everything that happened to an award and to those on the same insured person, in the order of the days."""
    found = connection.execute(
        text("""
            SELECT array_agg(DISTINCT b.award_id) AS awards, array_agg(DISTINCT b.person_id) AS people
            FROM engine.award a JOIN engine.claim c USING (claim_id)
            JOIN engine.claim d ON d.insured_person_id = c.insured_person_id
            JOIN engine.award b ON b.claim_id = d.claim_id
            WHERE a.award_no = :award_no"""),
        {"award_no": award_no},
    ).one()
    if not found.awards:
        raise NotFound(f"there is no award {award_no}")
    parameters = {"awards": found.awards, "people": found.people, "ends": _ENDS_WITH_DEATH}
    events: list[dict[str, Any]] = []
    for what, query in _EVENTS.items():
        used = {name: value for name, value in parameters.items() if f":{name}" in query}
        for row in connection.execute(text(query), used):
            events.append(
                {
                    "day": row.day,
                    "what": what,
                    "award": row.award_no,
                    "month": row.month,
                    "amount_vnd": row.amount_vnd,
                    "state": row.state,
                    "article": _article(row.grounds, getattr(row, "given_vnd", row.amount_vnd)),
                }
            )
    order = {what: place for place, what in enumerate(_EVENTS)}
    return sorted(events, key=lambda event: (event["day"], event["month"] or date.min, order[event["what"]]))


def names_award(connection: Connection, reference: str) -> bool:
    """Whether this is the number of an award."""
    return bool(
        connection.scalar(text("SELECT EXISTS (SELECT FROM engine.award WHERE award_no = :no)"), {"no": reference})
    )


def _article(found: Sequence[dict[str, Any]] | str | None, amount_vnd: int | None) -> str | None:
    """The article that gives the number, or where there is none the article by which the award is made."""
    if isinstance(found, str):
        known = {**grounds(), **termination_grounds()}
        return known[found]["citation"] if found in known else found
    if not found:
        return None
    if amount_vnd is None:
        # What is awarded rests on the last condition that the law found met.
        met = [finding for finding in found if finding["value"] is True]
        return str((met or found)[-1]["article"]["vi"])
    # The first that gives it: later ones may leave it as it is, such as a minimum that it reaches anyway.
    giving = next((finding for finding in found if finding["value"] == amount_vnd), found[-1])
    return str(giving["article"]["vi"])
