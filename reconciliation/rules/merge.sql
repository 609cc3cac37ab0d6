-- One line that names several of our references and pays all of them: their sum is the line to the đồng, and no other
-- line wants any of them. One match for each.
WITH wanted AS (
    SELECT
        c.item_id, c.amount_vnd, c.rivals, x.expectation_id, x.amount_vnd AS expected_vnd,
        count(*) OVER (PARTITION BY x.expectation_id) AS lines
    FROM pg_temp.candidate c
    -- One by one, or each line would look through all that is awaited.
    CROSS JOIN LATERAL unnest(c.rivals) AS rival (reference)
    JOIN reconciliation.awaited x ON x.reference = rival.reference
        AND x.own_account_id = c.own_account_id
        AND x.sign = c.sign
        AND x.amount_vnd IS NOT NULL
    WHERE c.keys > 1 AND NOT c.disagrees AND NOT c.returned
), whole AS (
    SELECT item_id FROM wanted
    GROUP BY item_id, amount_vnd, rivals
    HAVING count(*) = cardinality(rivals) AND sum(expected_vnd) = amount_vnd AND max(lines) = 1
), made AS (
    INSERT INTO reconciliation.match
        (item_id, expectation_id, amount_vnd, open_amount, rule, rank, evidence, matched_at, run_id)
    SELECT
        item_id, expectation_id, expected_vnd, false, :rule, :rank, jsonb_build_object('references', to_jsonb(rivals)),
        :at, CAST(:run_id AS bigint)
    FROM wanted JOIN whole USING (item_id)
    RETURNING item_id
), taken AS (
    DELETE FROM pg_temp.candidate c USING made WHERE c.item_id = made.item_id
)
SELECT count(*) FROM made
