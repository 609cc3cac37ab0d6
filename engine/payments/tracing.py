"""The life of one payment on one page: from the law's findings to the line of the bank's statement."""

from typing import Any

from sqlalchemy import Connection, text

from engine.errors import NotFound

_PARTS = {
    "award": """
        SELECT a.award_no, a.benefit, a.fund, a.starts_on, a.decided_on, a.law_version, a.unconfirmed, a.findings
        FROM engine.award a JOIN engine.payment p USING (award_id) WHERE p.reference = :reference""",
    "amount": """
        SELECT w.entitled_during::text AS entitled_during, w.amount_vnd, w.findings
        FROM engine.award_amount w JOIN engine.payment p USING (award_id)
        WHERE p.reference = :reference AND w.entitled_during @> p.entitled_month""",
    "withheld": """
        SELECT p.amount_vnd + d.amount_vnd AS gross_vnd, d.amount_vnd AS withheld_vnd, p.amount_vnd AS net_vnd,
               r.plan_no, r.percent, r.floor_vnd, r.evidence, r.proposed_by, r.approved_by
        FROM engine.deduction d JOIN engine.payment p USING (payment_id) JOIN engine.recovery_plan r USING (plan_no)
        WHERE p.reference = :reference""",
    "receiver": """
        SELECT q.receiver, q.holder_name, q.evidence, q.valid_from, q.valid_until, q.requested_by, q.decided_by,
               q.revoked_at, q.revoked_for
        FROM engine.payment p JOIN engine.payout_account o USING (payout_account_id)
        JOIN engine.payout_request q USING (request_no) WHERE p.reference = :reference""",
    "run": """
        SELECT r.run_code, r.period, r.pay_on, r.state, r.allowed_unconfirmed
        FROM engine.payment_run r JOIN engine.payment p USING (run_id) WHERE p.reference = :reference""",
    "signatures": """
        SELECT s.level, s.person, s.signed_at, encode(s.content_hash, 'hex') AS content_hash
        FROM engine.run_signature s JOIN engine.payment p USING (run_id) WHERE p.reference = :reference
        ORDER BY s.level""",
    "attempts": """
        SELECT t.number, t.instruction_id, t.state, t.code, b.message_id, b.file_name, b.state AS batch_state, b.sent_at
        FROM engine.attempt t JOIN engine.payment p USING (payment_id) JOIN engine.batch b USING (batch_id)
        WHERE p.reference = :reference ORDER BY t.number""",
    "observations": """
        SELECT b.message_id, o.source, o.observed_at, o.state_before, o.state_after, o.code
        FROM engine.observation o JOIN engine.batch b USING (batch_id)
        JOIN engine.attempt t ON t.batch_id = o.batch_id
        JOIN engine.payment p USING (payment_id)
        WHERE p.reference = :reference AND coalesce(o.attempt_id, t.attempt_id) = t.attempt_id
        ORDER BY o.observation_id""",
    "entries": """
        SELECT e.entry_id, e.event, e.document, e.business_on, d.code AS debit, c.code AS credit, l.amount_vnd
        FROM ledger.line l JOIN ledger.entry e USING (entry_id)
        JOIN ledger.account d ON d.account_id = l.debit_account_id
        JOIN ledger.account c ON c.account_id = l.credit_account_id
        WHERE l.debit_reference = :reference OR l.credit_reference = :reference
        ORDER BY e.entry_id, l.line_no""",
    "statement_lines": """
        SELECT s.bank_id AS statement, i.sign, i.amount_vnd, e.booked_on, e.bank_reference, i.return_reason, m.rule
        FROM reconciliation.expectation x JOIN reconciliation.match m USING (expectation_id)
        JOIN reconciliation.statement_item i USING (item_id)
        JOIN reconciliation.statement_entry e USING (statement_id, entry_no)
        JOIN reconciliation.statement s USING (statement_id)
        WHERE x.reference = :reference AND m.undone_at IS NULL ORDER BY e.booked_on, m.match_id""",
}


def trace(connection: Connection, reference: str) -> dict[str, Any]:
    """Everything known of a payment, in the order in which it happened; no personal or account number."""
    payment = connection.execute(
        text("""
            SELECT p.reference, p.benefit, p.fund, p.entitled_month, p.amount_vnd, p.state, p.state_reason, p.gateway,
                   again.reference AS reissued_by, earlier.reference AS reissue_of
            FROM engine.payment p
            LEFT JOIN engine.payment again ON again.payment_id = p.reissued_by
            LEFT JOIN engine.payment earlier ON earlier.reissued_by = p.payment_id
            WHERE p.reference = :reference"""),
        {"reference": reference},
    ).one_or_none()
    if payment is None:
        raise NotFound(f"there is no payment {reference}")
    life: dict[str, Any] = {"payment": payment._asdict()}
    for part, query in _PARTS.items():
        life[part] = [row._asdict() for row in connection.execute(text(query), {"reference": reference})]
    return life
