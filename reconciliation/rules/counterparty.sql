-- Rule 8: the other side's account, the amount, and a booking within the window of working days that the engine gave.
-- Alone on both sides among all lines and all open expectations, whatever their days; nothing in the line points to
-- something else. Amount and date without the account never match.
WITH pair AS (
    SELECT
        c.item_id, c.amount_vnd, c.booked_on, x.expectation_id, x.due_on, x.until_on,
        count(*) OVER (PARTITION BY c.item_id) AS expectations,
        count(*) OVER (PARTITION BY x.expectation_id) AS lines
    FROM pg_temp.candidate c
    JOIN reconciliation.awaited x ON x.counterparty = c.counterparty
        AND x.own_account_id = c.own_account_id
        AND x.sign = c.sign
        AND x.amount_vnd = c.amount_vnd
    WHERE c.keys = 0 AND NOT c.points_elsewhere AND NOT c.returned AND c.batch_reference IS NULL
), made AS (
    INSERT INTO reconciliation.match
        (item_id, expectation_id, amount_vnd, open_amount, rule, rank, evidence, matched_at, run_id)
    SELECT
        item_id, expectation_id, amount_vnd, false, :rule, :rank,
        jsonb_build_object('counterparty', true, 'due_on', due_on, 'until_on', until_on), :at,
        CAST(:run_id AS bigint)
    FROM pair
    WHERE expectations = 1 AND lines = 1 AND booked_on BETWEEN due_on AND until_on
    RETURNING item_id
), taken AS (
    DELETE FROM pg_temp.candidate c USING made WHERE c.item_id = made.item_id
)
SELECT count(*) FROM made
