-- Rule 9: a fee of the bank and its VAT: the bank's own code for it, and an amount within the agreed table. What the bank
-- takes is expected the moment it is recognised.
WITH fit AS (
    SELECT c.item_id, c.own_account_id, c.amount_vnd, c.booked_on, c.transaction_code
    FROM pg_temp.candidate c
    JOIN unnest(CAST(:codes AS text[]), CAST(:at_most AS bigint[])) AS agreed (transaction_code, at_most_vnd)
        ON agreed.transaction_code = c.transaction_code AND c.amount_vnd <= agreed.at_most_vnd
    WHERE c.keys = 0 AND c.sign = 'debit' AND NOT c.returned AND NOT c.points_elsewhere AND c.batch_reference IS NULL
), expected AS (
    INSERT INTO reconciliation.expectation
        (own_account_id, sign, reference, amount_vnd, due_on, kind)
    SELECT own_account_id, 'debit', 'FEE' || item_id, amount_vnd, booked_on, 'bank_fee' FROM fit
    RETURNING expectation_id, reference
), made AS (
    INSERT INTO reconciliation.match
        (item_id, expectation_id, amount_vnd, open_amount, rule, rank, evidence, matched_at, run_id)
    SELECT
        fit.item_id, x.expectation_id, fit.amount_vnd, false, :rule, :rank,
        jsonb_build_object('transaction_code', fit.transaction_code), :at,
        CAST(:run_id AS bigint)
    FROM fit JOIN expected x ON x.reference = 'FEE' || fit.item_id
    RETURNING item_id
), taken AS (
    DELETE FROM pg_temp.candidate c USING made WHERE c.item_id = made.item_id
)
SELECT count(*) FROM made
