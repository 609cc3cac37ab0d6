-- Rule 5: a payout came back. A credit that the bank marks as a return or a reversal, or that echoes our reference, on
-- the account that paid, with the amount of a debit already matched under that reference and not yet returned. It is
-- tied to that match, and is a break from its first day: the payment is unpaid again.
-- Credits with a reference are few beside payments: each looks up its own by index (OFFSET 0 keeps it so, for the
-- planner knows little of tables that were filled a moment ago).
WITH fit AS (
    SELECT
        c.item_id, c.amount_vnd, c.reference, c.return_reason, paid.match_id, paid.expectation_id,
        row_number() OVER (PARTITION BY paid.match_id ORDER BY c.booked_on, c.item_id) AS turn
    FROM pg_temp.candidate c
    CROSS JOIN LATERAL (
        SELECT x.expectation_id, x.own_account_id, x.sign, x.amount_vnd
        FROM reconciliation.expectation x WHERE x.reference = c.reference OFFSET 0
    ) x
    CROSS JOIN LATERAL (
        SELECT
            m.match_id, m.expectation_id,
            EXISTS (
                SELECT FROM reconciliation.match b WHERE b.returns_match_id = m.match_id AND b.undone_at IS NULL
            ) AS returned
        FROM reconciliation.match m
        WHERE m.expectation_id = x.expectation_id AND m.undone_at IS NULL AND m.returns_match_id IS NULL
            AND m.rule <> 'split' OFFSET 0
    ) paid
    WHERE c.keys = 1
        AND c.sign = 'credit'
        AND (c.returned OR c.echoed)
        AND x.own_account_id = c.own_account_id
        AND x.sign = 'debit'
        AND x.amount_vnd = c.amount_vnd
        AND NOT paid.returned
), made AS (
    INSERT INTO reconciliation.match
        (item_id, expectation_id, amount_vnd, open_amount, rule, rank, evidence, matched_at, run_id, returns_match_id)
    SELECT
        item_id, expectation_id, amount_vnd, false, :rule, :rank,
        jsonb_build_object('reference', reference, 'return_reason', return_reason),
        :at, CAST(:run_id AS bigint), match_id
    FROM fit
    WHERE turn = 1
    RETURNING item_id, expectation_id, evidence
), broken AS (
    UPDATE pg_temp.candidate c
    SET break_class = 'returned', expectation_id = made.expectation_id, detail = made.evidence
    FROM made WHERE c.item_id = made.item_id
)
SELECT count(*) FROM made
