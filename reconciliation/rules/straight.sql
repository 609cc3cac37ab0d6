-- Rules 1 and 2 for the many: a line of a new statement that carries exactly one reference, with nothing beside it that could
-- speak against it, and that is the only such line of what is awaited under it. Found and written by one statement;
-- what it leaves goes up the ladder line by line.
WITH line AS (
    SELECT
        i.item_id, i.amount_vnd, i.sign, s.own_account_id,
        coalesce(i.end_to_end_id, i.found_references[1]) AS reference,
        i.end_to_end_id IS NOT NULL AS echoed
    FROM reconciliation.statement s
    JOIN reconciliation.statement_item i USING (statement_id)
    WHERE s.statement_id = :statement_id
        AND NOT i.returned
        AND i.virtual_account IS NULL
        AND i.found_units = '{}'
        AND (i.instruction_id IS NULL OR i.instruction_id = i.end_to_end_id)
        AND CASE
            WHEN i.end_to_end_id IS NULL THEN cardinality(i.found_references) = 1
            ELSE i.found_references = '{}' OR i.found_references = ARRAY[i.end_to_end_id] END
), fit AS (
    SELECT
        l.item_id, l.amount_vnd, l.echoed, x.expectation_id, x.amount_vnd IS NULL AS open_amount,
        count(*) OVER (PARTITION BY x.expectation_id) AS lines
    FROM line l
    JOIN reconciliation.awaited x ON x.reference = l.reference
    -- Not told to the planner as so many equal columns, or it expects a single row and works row by row.
    WHERE CASE WHEN x.own_account_id = l.own_account_id AND x.sign = l.sign
        THEN x.amount_vnd = l.amount_vnd OR x.amount_vnd IS NULL ELSE false END
), made AS (
    INSERT INTO reconciliation.match
        (item_id, expectation_id, amount_vnd, open_amount, rule, rank, matched_at, run_id)
    SELECT
        item_id, expectation_id, amount_vnd, open_amount, CASE WHEN echoed THEN 'echo' ELSE 'code' END,
        CASE WHEN echoed THEN 1 ELSE 2 END, :at, CAST(:run_id AS bigint)
    FROM fit
    WHERE lines = 1 OR open_amount
    RETURNING rule
)
SELECT rule, count(*) AS lines FROM made GROUP BY rule
