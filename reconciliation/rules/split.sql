-- Rule 4: one payment that the bank booked in parts: all lines with its one reference are of one day, none is the whole,
-- and together they are the amount to the đồng. A part missing, or one too many, leaves all of them to people.
WITH part AS (
    SELECT
        c.item_id, c.amount_vnd, c.reference, x.expectation_id, x.amount_vnd AS expected_vnd,
        sum(c.amount_vnd) OVER parts AS sum_vnd,
        count(*) OVER parts AS parts,
        max(c.amount_vnd) OVER parts AS largest_vnd,
        max(c.booked_on) OVER parts = min(c.booked_on) OVER parts AS same_day
    FROM pg_temp.candidate c
    JOIN reconciliation.awaited x ON x.reference = c.reference
        AND x.own_account_id = c.own_account_id
        AND x.sign = c.sign
    WHERE c.keys = 1 AND NOT c.returned AND x.amount_vnd IS NOT NULL
    WINDOW parts AS (PARTITION BY x.expectation_id)
), made AS (
    INSERT INTO reconciliation.match
        (item_id, expectation_id, amount_vnd, open_amount, rule, rank, evidence, matched_at, run_id)
    SELECT
        item_id, expectation_id, amount_vnd, false, :rule, :rank,
        jsonb_build_object('reference', reference, 'parts', parts), :at, CAST(:run_id AS bigint)
    FROM part
    WHERE parts > 1 AND sum_vnd = expected_vnd AND largest_vnd < expected_vnd AND same_day
    RETURNING item_id
), taken AS (
    DELETE FROM pg_temp.candidate c USING made WHERE c.item_id = made.item_id
)
SELECT count(*) FROM made
