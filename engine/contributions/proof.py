"""What employers owe, have paid and have ahead, from the records and from the ledger: the two must agree."""

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, text

from engine.contributions.suspense import UNIDENTIFIED


@dataclass(frozen=True, slots=True)
class EmployerRow:
    """The account of one employer, in đồng, as its declarations, receipts and allocations say."""

    employer: str
    declared: int
    """Months declared."""
    dues_vnd: int
    charged_vnd: int
    reduced_vnd: int
    """What corrections took away of it; it is the employer's money like a receipt."""
    received_vnd: int
    allocated_vnd: int
    receivable_vnd: int
    """Dues that nothing has been allocated to."""
    charge_receivable_vnd: int
    refunded_vnd: int
    """Given back, or about to be by an approved run."""
    surplus_vnd: int
    """Received or taken away, and neither allocated nor refunded."""


@dataclass(frozen=True, slots=True)
class ContributionsProof:
    rows: tuple[EmployerRow, ...]
    differences: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        return {"rows": [asdict(row) for row in self.rows], "differences": list(self.differences)}


def prove_contributions(connection: Connection) -> ContributionsProof:
    """Every employer that ever declared or paid, with each place where the ledger says otherwise."""
    rows = tuple(EmployerRow(**row._asdict()) for row in connection.execute(_ROWS))
    differences = [
        f"{row.account}: the ledger says {row.book_vnd} đ, the records say {row.record_vnd} đ"
        for row in connection.execute(_DIFFERENCES)
    ]
    return ContributionsProof(rows, tuple(differences))


_PER_EMPLOYER = """
    SELECT e.unit_code AS employer, d.declared, d.dues_vnd, d.charged_vnd, r.reduced_vnd, r.received_vnd,
        a.principal_vnd + a.charge_vnd AS allocated_vnd, d.dues_vnd - a.principal_vnd AS receivable_vnd,
        d.charged_vnd - a.charge_vnd AS charge_receivable_vnd,
        f.refunded_vnd,
        r.received_vnd + r.reduced_vnd - a.principal_vnd - a.charge_vnd - f.refunded_vnd AS surplus_vnd
    FROM engine.employer e
    CROSS JOIN LATERAL (
        SELECT count(DISTINCT c.declaration_id) AS declared,
            coalesce(sum(s.employee_vnd + s.employer_vnd), 0)::bigint AS dues_vnd,
            coalesce(sum(l.charged_vnd), 0)::bigint AS charged_vnd
        FROM engine.declaration c JOIN engine.dues s USING (declaration_id)
        LEFT JOIN LATERAL (
            SELECT sum(amount_vnd) AS charged_vnd FROM engine.late_charge
            WHERE declaration_id = s.declaration_id AND fund = s.fund) l ON true
        WHERE c.employer_id = e.employer_id) d
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(amount_vnd) FILTER (WHERE match_id IS NOT NULL), 0)::bigint AS received_vnd,
            coalesce(sum(amount_vnd) FILTER (WHERE match_id IS NULL), 0)::bigint AS reduced_vnd
        FROM engine.receipt
        WHERE employer_id = e.employer_id) r
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(t.amount_vnd) FILTER (WHERE kind = 'principal'), 0)::bigint AS principal_vnd,
            coalesce(sum(t.amount_vnd) FILTER (WHERE kind = 'late_charge'), 0)::bigint AS charge_vnd
        FROM engine.receipt p JOIN engine.allocation t USING (receipt_id) WHERE p.employer_id = e.employer_id) a
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(q.amount_vnd), 0)::bigint AS refunded_vnd
        FROM engine.refund q JOIN engine.payment p USING (refund_id)
        WHERE q.employer_id = e.employer_id AND p.state NOT IN ('planned', 'cancelled')) f
    WHERE d.declared > 0 OR r.received_vnd > 0
"""

_ROWS = text(f"{_PER_EMPLOYER} ORDER BY e.unit_code")

_DIFFERENCES = text(f"""
    WITH record AS (
        SELECT s.account, s.record_vnd FROM ({_PER_EMPLOYER}) p CROSS JOIN LATERAL (VALUES
            ('contributions_receivable.' || p.employer, p.receivable_vnd),
            ('late_charge_receivable.' || p.employer, p.charge_receivable_vnd),
            ('receipts_unallocated.' || p.employer, p.surplus_vnd)) s (account, record_vnd)
        UNION ALL
        SELECT '{UNIDENTIFIED}', sum(i.amount_vnd)::bigint
        FROM reconciliation.suspense u JOIN reconciliation.statement_item i USING (item_id)
        WHERE NOT EXISTS (
            SELECT FROM reconciliation.match m JOIN engine.receipt r USING (match_id) WHERE m.item_id = u.item_id)
            -- Money of ours from another account of ours, or what a payee pays back, is no employer's.
            AND NOT EXISTS (
                SELECT FROM reconciliation.match m JOIN reconciliation.expectation x USING (expectation_id)
                WHERE m.item_id = u.item_id AND m.undone_at IS NULL AND x.kind IN ('own_transfer', 'repayment'))
            AND NOT EXISTS (
                SELECT FROM engine.refund q JOIN engine.payment p USING (refund_id)
                WHERE q.item_id = u.item_id AND p.state NOT IN ('planned', 'cancelled'))
    ), book AS (
        SELECT a.code AS account,
            CASE a.normal_side WHEN 'debit' THEN sum(side.net) ELSE -sum(side.net) END::bigint AS book_vnd
        FROM (SELECT debit_account_id AS account_id, amount_vnd AS net FROM ledger.line
              UNION ALL SELECT credit_account_id, -amount_vnd FROM ledger.line) side
        JOIN ledger.account a USING (account_id)
        WHERE a.chart_code IN ('contributions_receivable', 'late_charge_receivable', 'receipts_unallocated')
            AND a.qualifier IS NOT NULL
        GROUP BY a.account_id
    )
    SELECT account, coalesce(book_vnd, 0) AS book_vnd, coalesce(record_vnd, 0) AS record_vnd
    FROM record FULL JOIN book USING (account)
    WHERE coalesce(book_vnd, 0) <> coalesce(record_vnd, 0) ORDER BY account
""")
