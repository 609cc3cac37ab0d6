-- Rule 3: one booking for a whole batch, without details. It pays every item of the batch that is still expected if
-- their sum is the booking to the đồng; what the bank refused has been withdrawn before. One match for each item.
WITH expected AS (
    SELECT x.own_account_id, x.sign, x.batch_reference, sum(x.amount_vnd) AS amount_vnd
    FROM reconciliation.expectation x
    JOIN reconciliation.awaited a ON a.expectation_id = x.expectation_id
    WHERE x.batch_reference IN (SELECT c.batch_reference FROM pg_temp.candidate c)
    GROUP BY x.own_account_id, x.sign, x.batch_reference
), fit AS (
    SELECT
        c.item_id, x.own_account_id, x.sign, x.batch_reference,
        row_number() OVER (
            PARTITION BY x.own_account_id, x.sign, x.batch_reference ORDER BY c.booked_on, c.item_id
        ) AS turn
    FROM pg_temp.candidate c
    JOIN expected x ON x.batch_reference = c.batch_reference
        AND x.own_account_id = c.own_account_id
        AND x.sign = c.sign
        AND x.amount_vnd = c.amount_vnd
    WHERE NOT c.returned
), made AS (
    INSERT INTO reconciliation.match
        (item_id, expectation_id, amount_vnd, open_amount, rule, rank, evidence, matched_at, run_id)
    SELECT
        fit.item_id, x.expectation_id, x.amount_vnd, false, :rule, :rank,
        jsonb_build_object('batch_reference', fit.batch_reference), :at, CAST(:run_id AS bigint)
    FROM fit
    JOIN reconciliation.expectation x ON x.batch_reference = fit.batch_reference
        AND x.own_account_id = fit.own_account_id
        AND x.sign = fit.sign
    JOIN reconciliation.awaited a ON a.expectation_id = x.expectation_id
    WHERE fit.turn = 1
    RETURNING item_id
), taken AS (
    DELETE FROM pg_temp.candidate c USING made WHERE c.item_id = made.item_id
)
SELECT count(*) FROM made
