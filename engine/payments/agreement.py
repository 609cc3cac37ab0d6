"""Checks that the ledger and the states of payments say the same: per gateway, run and fund, to the đồng.

Two separate computations meet here: one over journal lines, one over payments. A difference is a defect of this
program or somebody's hand in the database; it is never repaired silently.
"""

from sqlalchemy import Connection, text

from engine.errors import DoesNotHold

_DIFFERENCES = """
WITH book AS (
    SELECT account, fund, run, sum(amount)::bigint AS amount_vnd FROM (
        SELECT a.code AS account, l.fund, l.run, l.amount_vnd AS amount
        FROM ledger.line l JOIN ledger.account a ON a.account_id = l.credit_account_id
        UNION ALL
        SELECT a.code, l.fund, l.run, -l.amount_vnd
        FROM ledger.line l JOIN ledger.account a ON a.account_id = l.debit_account_id) sides
    WHERE account IN ('benefits_payable', 'refunds_payable', 'returned_payable') OR account LIKE 'in\\_transit.%'
    GROUP BY account, fund, run),
-- What is paid again leaves the money that came back under its own run: what came back stays with the earlier one.
again AS (
    SELECT p.fund, r.run_code AS run, p.amount_vnd
    FROM engine.payment o JOIN engine.payment p ON p.payment_id = o.reissued_by
    JOIN engine.payment_run r ON r.run_id = p.run_id
    WHERE o.state = 'returned' AND (p.state NOT IN ('planned', 'cancelled') OR p.state = 'cancelled'
        -- It came back as well, and was given up then.
        AND EXISTS (SELECT FROM engine.attempt t WHERE t.payment_id = p.payment_id AND t.state = 'returned'))),
states AS (
    SELECT account, fund, run, sum(amount_vnd)::bigint AS amount_vnd FROM (
    SELECT CASE WHEN p.state = 'in_transit' THEN 'in_transit.' || p.gateway
                WHEN p.state = 'returned' THEN 'returned_payable'
                WHEN p.refund_id IS NOT NULL THEN 'refunds_payable' ELSE 'benefits_payable' END AS account,
           p.fund, r.run_code AS run, p.amount_vnd
    FROM engine.payment p JOIN engine.payment_run r USING (run_id)
    WHERE p.state IN ('approved', 'held', 'failed', 'in_transit', 'returned')
    UNION ALL SELECT 'returned_payable', fund, run, -amount_vnd FROM again) each
    GROUP BY account, fund, run)
SELECT account, fund, run, coalesce(book.amount_vnd, 0) AS book_vnd, coalesce(states.amount_vnd, 0) AS states_vnd
FROM book FULL JOIN states USING (account, fund, run)
WHERE coalesce(book.amount_vnd, 0) <> coalesce(states.amount_vnd, 0)
ORDER BY account, fund, run
"""


def differences(connection: Connection) -> list[str]:
    """Every place where the book and the payments disagree, in words; empty when they agree."""
    return [
        f"{row.account}, fund {row.fund}, run {row.run}: the ledger says {row.book_vnd} đ,"
        f" the payments say {row.states_vnd} đ"
        for row in connection.execute(text(_DIFFERENCES))
    ]


def require_agreement(connection: Connection) -> None:
    found = differences(connection)
    if found:
        raise DoesNotHold("\n".join(found))
