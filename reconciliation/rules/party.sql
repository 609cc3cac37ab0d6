-- Rules 6 and 7, receipts without our reference: the virtual account that was paid (:kind), or the unit code in a memo of
-- the social insurance form whose agency agrees or is absent, tells the employer. The money goes to its oldest open
-- notice on the account; what it pays follows from the law's order, not from the notice.
WITH told AS (
    SELECT item_id, amount_vnd, own_account_id,
        CASE :kind WHEN 'virtual_account' THEN virtual_party ELSE unit_party END AS party
    FROM pg_temp.candidate
    WHERE keys = 0 AND NOT disagrees AND sign = 'credit' AND NOT returned
), fit AS (
    SELECT t.item_id, t.amount_vnd, t.party, x.expectation_id, x.reference
    FROM told t
    CROSS JOIN LATERAL (
        SELECT x.expectation_id, x.reference
        FROM reconciliation.awaited x
        WHERE x.party = t.party AND x.own_account_id = t.own_account_id AND x.sign = 'credit'
            AND x.amount_vnd IS NULL
        ORDER BY x.due_on, x.expectation_id LIMIT 1
    ) x
), made AS (
    INSERT INTO reconciliation.match
        (item_id, expectation_id, amount_vnd, open_amount, rule, rank, evidence, matched_at, run_id)
    SELECT
        item_id, expectation_id, amount_vnd, true, :rule, :rank, jsonb_build_object('party', party, 'told_by', :kind),
        :at, CAST(:run_id AS bigint)
    FROM fit
    RETURNING item_id
), taken AS (
    DELETE FROM pg_temp.candidate c USING made WHERE c.item_id = made.item_id
)
SELECT count(*) FROM made
