-- Rules 1 and 2 for payouts and receipts: our own reference, echoed by the bank in a field of its own (:echoed), or
-- found with its check letter in the text. Equal account, sign and amount; one reference on the line; one open
-- expectation of it (a unique index). Of several equal lines the first is the payment, the others are left as doubles.
WITH fit AS (
    SELECT
        c.item_id, c.amount_vnd, c.reference, x.expectation_id, x.amount_vnd IS NULL AS open_amount,
        row_number() OVER (PARTITION BY x.expectation_id ORDER BY c.booked_on, c.item_id) AS turn
    FROM pg_temp.candidate c
    JOIN reconciliation.awaited x ON x.reference = c.reference
        AND x.own_account_id = c.own_account_id
        AND x.sign = c.sign
        AND (x.amount_vnd = c.amount_vnd OR x.amount_vnd IS NULL)
    WHERE c.keys = 1 AND c.echoed = :echoed AND NOT c.disagrees AND NOT c.returned
), made AS (
    INSERT INTO reconciliation.match
        (item_id, expectation_id, amount_vnd, open_amount, rule, rank, matched_at, run_id)
    SELECT
        item_id, expectation_id, amount_vnd, open_amount, :rule, :rank, :at, CAST(:run_id AS bigint)
    FROM fit
    WHERE turn = 1 OR open_amount
    RETURNING item_id
), taken AS (
    DELETE FROM pg_temp.candidate c USING made WHERE c.item_id = made.item_id
)
SELECT count(*) FROM made
