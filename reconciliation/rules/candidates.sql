-- What can be matched: the lines of the statement, if there is one, and the lines of the accounts that are still a break,
-- since what they waited for may have come. A line that a person has undone or closed is left to people. Of every line, the keys
-- of ours that it carries: our references that were ever expected, in fields of the bank or in the text.
WITH line AS (
    SELECT i.item_id
    FROM reconciliation.statement_item i
    WHERE i.statement_id = CAST(:statement_id AS bigint) AND NOT EXISTS (SELECT FROM reconciliation.break b WHERE b.item_id = i.item_id)
    UNION ALL
    SELECT b.item_id
    FROM reconciliation.break b
    JOIN reconciliation.statement_item i USING (item_id)
    JOIN reconciliation.statement s ON s.statement_id = i.statement_id
    WHERE b.closed_on IS NULL AND b.class <> 'undone' AND s.own_account_id = ANY(:accounts)
), item AS (
    SELECT i.*, e.booked_on, e.payment_info_id, e.message_id, e.transaction_code, s.own_account_id
    FROM line
    JOIN reconciliation.statement_item i USING (item_id)
    JOIN reconciliation.statement_entry e ON e.statement_id = i.statement_id AND e.entry_no = i.entry_no
    JOIN reconciliation.statement s ON s.statement_id = i.statement_id
    WHERE NOT EXISTS (SELECT FROM reconciliation.match m WHERE m.item_id = i.item_id)
), told AS (
    SELECT item_id, end_to_end_id AS reference, true AS echoed FROM item WHERE end_to_end_id IS NOT NULL
    UNION ALL
    SELECT item_id, instruction_id, true FROM item WHERE instruction_id IS NOT NULL
    UNION ALL
    SELECT item_id, unnest(found_references), false FROM item
), known AS (
    SELECT item_id, reference, bool_or(echoed) AS echoed
    FROM told
    WHERE EXISTS (SELECT FROM reconciliation.expectation x WHERE x.reference = told.reference)
    GROUP BY item_id, reference
), keyed AS (
    SELECT
        item_id, count(*) AS keys, min(reference) AS reference, bool_or(echoed) AS echoed,
        array_agg(reference ORDER BY reference) AS rivals
    FROM known
    GROUP BY item_id
), unit AS (
    -- Of a line the units that the form of its memo names and that we know, if the agency agrees or is absent.
    SELECT item_id, count(DISTINCT unit_code) AS units, min(unit_code) AS unit_code, bool_and(agrees) AS agrees
    FROM (
        SELECT i.item_id, split_part(found, ' ', 1) AS unit_code,
            split_part(found, ' ', 2) = '' OR NOT EXISTS (
                SELECT FROM reconciliation.party_alias a
                WHERE a.party = split_part(found, ' ', 1) AND a.kind = 'agency' AND a.closed_on IS NULL
            ) OR EXISTS (
                SELECT FROM reconciliation.party_alias a
                WHERE a.party = split_part(found, ' ', 1) AND a.kind = 'agency' AND a.closed_on IS NULL
                    AND a.value = split_part(found, ' ', 2)
            ) AS agrees
        FROM item i CROSS JOIN LATERAL unnest(i.found_units) AS found
    ) told
    GROUP BY item_id
), party AS (
    SELECT
        i.item_id, v.party AS virtual_party,
        CASE WHEN u.units = 1 AND u.agrees THEN u.unit_code END AS unit_party,
        coalesce(u.units > 1 OR v.party <> u.unit_code, false) AS disagrees,
        coalesce(v.party, CASE WHEN u.units = 1 THEN u.unit_code END) AS party
    FROM item i
    LEFT JOIN unit u USING (item_id)
    LEFT JOIN reconciliation.party_alias v
        ON v.kind = 'virtual_account' AND v.closed_on IS NULL AND v.value = encode(i.virtual_account, 'hex')
)
INSERT INTO pg_temp.candidate
    (item_id, own_account_id, sign, amount_vnd, booked_on, returned, return_reason,
    keys, reference, echoed, rivals, batch_reference, transaction_code, counterparty, points_elsewhere, virtual_party,
    unit_party, disagrees)
SELECT
    i.item_id, i.own_account_id, i.sign, i.amount_vnd, i.booked_on, i.returned, i.return_reason,
    CASE WHEN p.disagrees OR other.party THEN greatest(coalesce(k.keys, 0), 2) ELSE coalesce(k.keys, 0) END,
    k.reference, k.echoed, coalesce(k.rivals, i.found_units), batch.batch_reference, i.transaction_code, i.counterparty,
    i.end_to_end_id IS NOT NULL OR i.found_references <> '{}' OR i.found_units <> '{}', p.virtual_party, p.unit_party,
    p.disagrees OR other.party
FROM item i
LEFT JOIN keyed k USING (item_id)
LEFT JOIN LATERAL (
    SELECT min(told_batch) AS batch_reference
    FROM unnest(ARRAY[i.payment_info_id, i.message_id, i.end_to_end_id, i.instruction_id]) AS told_batch
    WHERE i.detail_no = 0
        AND k.item_id IS NULL
        AND EXISTS (SELECT FROM reconciliation.expectation x WHERE x.batch_reference = told_batch)
    HAVING count(DISTINCT told_batch) = 1
) batch ON true
JOIN party p ON p.item_id = i.item_id
CROSS JOIN LATERAL (
    -- Our reference is that of another employer than the virtual account or the memo tells.
    SELECT k.keys = 1 AND p.party IS NOT NULL AND EXISTS (
        SELECT FROM reconciliation.expectation x WHERE x.reference = k.reference AND x.party <> p.party
    ) IS TRUE AS party
) other
