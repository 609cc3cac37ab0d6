-- Why a line that no rule took is left: compared with the expectation it comes nearest to. A key of ours that disagrees
-- in account, sign or amount is a break and is not tried by weaker rules.
WITH nearest AS (
    SELECT DISTINCT ON (c.item_id)
        c.item_id, x.expectation_id, x.withdrawn, a.expectation_id IS NOT NULL AS awaited, x.amount_vnd,
        x.own_account_id = c.own_account_id AS same_account,
        x.sign = c.sign AS same_sign,
        x.amount_vnd IS NOT DISTINCT FROM c.amount_vnd OR x.amount_vnd IS NULL AS same_amount,
        EXISTS (
            SELECT FROM reconciliation.match m
            WHERE m.expectation_id = x.expectation_id AND m.undone_at IS NULL AND m.returns_match_id IS NOT NULL
        ) AS came_back
    FROM pg_temp.candidate c
    JOIN reconciliation.expectation x ON x.reference = c.reference
    LEFT JOIN reconciliation.awaited a ON a.expectation_id = x.expectation_id
    WHERE c.keys = 1 AND c.break_class IS NULL
    ORDER BY c.item_id,
        (x.sign = c.sign) DESC,
        (x.own_account_id = c.own_account_id) DESC,
        (x.amount_vnd IS NOT DISTINCT FROM c.amount_vnd) DESC,
        (a.expectation_id IS NOT NULL) DESC,
        x.withdrawn,
        x.expectation_id
), total AS (
    SELECT
        x.batch_reference, x.own_account_id, x.sign, bool_and(x.withdrawn) AS withdrawn,
        sum(x.amount_vnd) FILTER (WHERE a.expectation_id IS NOT NULL) AS open_vnd,
        sum(x.amount_vnd) FILTER (WHERE a.expectation_id IS NULL AND NOT x.withdrawn) AS matched_vnd
    FROM reconciliation.expectation x
    LEFT JOIN reconciliation.awaited a ON a.expectation_id = x.expectation_id
    WHERE x.batch_reference IN (SELECT c.batch_reference FROM pg_temp.candidate c WHERE c.break_class IS NULL)
    GROUP BY x.batch_reference, x.own_account_id, x.sign
), batch AS (
    SELECT
        c.item_id,
        bool_or(t.own_account_id = c.own_account_id AND t.sign = c.sign) AS same,
        bool_or(t.sign = c.sign) AS same_sign,
        bool_and(t.withdrawn) AS withdrawn,
        sum(t.open_vnd) AS open_vnd,
        sum(t.matched_vnd) AS matched_vnd
    FROM pg_temp.candidate c
    JOIN total t USING (batch_reference)
    GROUP BY c.item_id
)
UPDATE pg_temp.candidate c
SET
    expectation_id = n.expectation_id,
    break_class = CASE
        WHEN c.keys > 1 THEN 'ambiguous'
        WHEN n.same_sign AND n.same_account AND n.same_amount THEN CASE
            WHEN n.awaited THEN 'ambiguous'
            WHEN n.withdrawn THEN 'no_longer_expected'
            ELSE 'duplicate_at_bank' END
        WHEN n.came_back AND NOT n.same_sign AND n.same_account AND n.same_amount THEN 'duplicate_at_bank'
        WHEN NOT n.same_sign AND c.sign = 'credit' AND c.returned AND n.same_account AND NOT n.same_amount
            THEN 'amount_differs'
        WHEN NOT n.same_sign THEN 'sign_differs'
        WHEN NOT n.same_account THEN 'account_differs'
        WHEN NOT n.same_amount THEN 'amount_differs'
        WHEN b.withdrawn THEN 'no_longer_expected'
        WHEN NOT b.same_sign THEN 'sign_differs'
        WHEN NOT b.same THEN 'account_differs'
        WHEN b.open_vnd IS NULL AND b.matched_vnd = c.amount_vnd THEN 'duplicate_at_bank'
        WHEN b.item_id IS NOT NULL THEN 'amount_differs'
        ELSE 'unknown_to_us' END,
    detail = jsonb_strip_nulls(jsonb_build_object(
        'rivals', CASE WHEN c.keys > 1 THEN to_jsonb(c.rivals) END,
        'reference', CASE WHEN c.keys = 1 THEN c.reference END,
        'batch_reference', c.batch_reference,
        'line_vnd', c.amount_vnd,
        'expected_vnd', coalesce(n.amount_vnd, b.open_vnd),
        'return_reason', c.return_reason))
FROM pg_temp.candidate self
LEFT JOIN nearest n USING (item_id)
LEFT JOIN batch b USING (item_id)
WHERE self.item_id = c.item_id AND c.break_class IS NULL
