"""Matching at size: what is still awaited stands in a narrow table, and matches are checked a statement at a time.

A row of `awaited` is taken by the match that meets it and comes back when that is undone, so an expectation is met once
whoever writes; a million matches cost one join instead of millions of looks at other tables, row by row.
What the database itself refuses stays the same: a match whose account, sign or amount differs, a line used twice or in
part, an expectation met twice or that is not awaited, a return of what did not arrive or came back already.
"""

from alembic import op

revision = "0030_matching_at_size"
down_revision = "0029_account_checks"

_SQL = """
CREATE TABLE reconciliation.awaited (
    expectation_id bigint PRIMARY KEY,
    own_account_id integer NOT NULL,
    sign text NOT NULL,
    reference text NOT NULL,
    amount_vnd bigint,
    due_on date NOT NULL,
    until_on date,
    party text,
    counterparty bytea
);
INSERT INTO reconciliation.awaited
SELECT expectation_id, own_account_id, sign, reference, amount_vnd, due_on, until_on, party, counterparty
FROM reconciliation.expectation WHERE state = 'open';
CREATE UNIQUE INDEX awaited_once ON reconciliation.awaited (reference, own_account_id, sign);
CREATE INDEX awaited_by_due ON reconciliation.awaited (due_on);
CREATE INDEX awaited_by_party ON reconciliation.awaited (party) WHERE party IS NOT NULL;
CREATE INDEX awaited_by_counterparty ON reconciliation.awaited (counterparty) WHERE counterparty IS NOT NULL;

ALTER TABLE reconciliation.expectation ADD COLUMN withdrawn boolean NOT NULL DEFAULT false;
UPDATE reconciliation.expectation SET withdrawn = true WHERE state = 'withdrawn';
DROP INDEX reconciliation.expectation_open_once;
DROP INDEX reconciliation.expectation_by_party;
DROP INDEX reconciliation.expectation_by_counterparty;
DROP INDEX reconciliation.expectation_open_by_due;
ALTER TABLE reconciliation.expectation DROP COLUMN state;

CREATE FUNCTION reconciliation.await_expected() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO reconciliation.awaited
    SELECT n.expectation_id, n.own_account_id, n.sign, n.reference, n.amount_vnd, n.due_on, n.until_on, n.party,
        n.counterparty
    FROM new_expectation n WHERE NOT n.withdrawn;
    RETURN NULL;
END $$;
CREATE TRIGGER await_expected AFTER INSERT ON reconciliation.expectation
    REFERENCING NEW TABLE AS new_expectation FOR EACH STATEMENT EXECUTE FUNCTION reconciliation.await_expected();

-- Withdrawn once, and only while it is awaited; then no longer.
CREATE FUNCTION reconciliation.withdraw_expected() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    withdrawn bigint;
    taken bigint;
BEGIN
    SELECT count(*) INTO withdrawn
    FROM new_expectation n JOIN old_expectation o USING (expectation_id) WHERE n.withdrawn IS DISTINCT FROM o.withdrawn;
    DELETE FROM reconciliation.awaited a USING new_expectation n
    WHERE a.expectation_id = n.expectation_id AND n.withdrawn;
    GET DIAGNOSTICS taken = ROW_COUNT;
    IF taken <> withdrawn THEN
        RAISE EXCEPTION 'only what is awaited is withdrawn, once' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER withdraw_expected AFTER UPDATE ON reconciliation.expectation
    REFERENCING OLD TABLE AS old_expectation NEW TABLE AS new_expectation
    FOR EACH STATEMENT EXECUTE FUNCTION reconciliation.withdraw_expected();

-- What the rule says by itself needs no evidence beside the two sides.
ALTER TABLE reconciliation.match ALTER COLUMN evidence DROP NOT NULL;
ALTER TABLE reconciliation.match
    DROP CONSTRAINT match_item_id_fkey,
    DROP CONSTRAINT match_expectation_id_fkey,
    DROP CONSTRAINT match_run_id_fkey,
    DROP CONSTRAINT match_returns_match_id_fkey,
    DROP CONSTRAINT match_decision_id_fkey;
DROP INDEX reconciliation.match_item_once;
DROP INDEX reconciliation.match_by_item;
DROP INDEX reconciliation.match_expectation_once;
DROP INDEX reconciliation.match_returned_once;
-- A line is used by one match, by those of its batch or merge, or by none; undone ones do not count.
ALTER TABLE reconciliation.match ADD COLUMN use_no bigint GENERATED ALWAYS AS (
    CASE WHEN undone_at IS NOT NULL THEN -match_id WHEN rule IN ('batch', 'merge') THEN expectation_id ELSE 0 END
) STORED;
CREATE UNIQUE INDEX match_item_once ON reconciliation.match (item_id, use_no);
CREATE UNIQUE INDEX match_returned_once ON reconciliation.match (returns_match_id)
    WHERE undone_at IS NULL AND returns_match_id IS NOT NULL;
-- The matches of a run lie together.
DROP INDEX reconciliation.match_by_run;
CREATE INDEX match_by_run ON reconciliation.match USING brin (run_id) WITH (autosummarize);
CREATE INDEX match_shared ON reconciliation.match (item_id) WHERE undone_at IS NULL AND rule IN ('batch', 'merge');

-- Each query is planned for the rows at hand and looks only at the range of ids that they span: a plan kept from a
-- match of one line is a bad one for a million, and the history behind them is none of their business.
CREATE OR REPLACE FUNCTION reconciliation.check_matches() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    told record;
    held bigint;
    wrong bigint;
BEGIN
    EXECUTE $q$
        SELECT count(*) AS written, min(item_id) AS first_item, max(item_id) AS last_item,
            min(expectation_id) AS first_expected, max(expectation_id) AS last_expected,
            min(run_id) AS first_run, max(run_id) AS last_run,
            count(*) FILTER (WHERE open_amount OR rule IN ('split', 'return')) AS special,
            count(*) FILTER (WHERE rule IN ('batch', 'merge')) AS shared,
            count(*) FILTER (WHERE rule = 'split') AS split,
            count(*) FILTER (WHERE returns_match_id IS NOT NULL OR decision_id IS NOT NULL) AS tied
        FROM new_match $q$ INTO told;
    IF told.written = 0 THEN
        RETURN NULL;
    END IF;
    IF told.first_run <> told.last_run
        OR (told.first_run IS NOT NULL
            AND NOT EXISTS (SELECT FROM reconciliation.matching_run r WHERE r.run_id = told.first_run))
    THEN
        RAISE EXCEPTION 'a match belongs to a run' USING ERRCODE = 'integrity_constraint_violation';
    END IF;

    -- What is met whole is awaited no longer: taken, with everything equal, or not at all. Joined by ids alone, for the
    -- planner would take five equal columns for five rare accidents and look up a million rows one by one.
    EXECUTE $q$
        DELETE FROM reconciliation.awaited a
        USING new_match n, reconciliation.statement_item i, reconciliation.statement s
        WHERE NOT n.open_amount AND n.rule NOT IN ('split', 'return')
            AND i.item_id = n.item_id AND i.item_id BETWEEN $1 AND $2
            AND s.statement_id = i.statement_id
            AND a.expectation_id = n.expectation_id AND a.expectation_id BETWEEN $3 AND $4
            AND CASE WHEN a.own_account_id = s.own_account_id AND a.sign = i.sign AND a.amount_vnd = n.amount_vnd
                THEN i.amount_vnd = n.amount_vnd OR n.rule IN ('batch', 'merge') ELSE false END $q$
        USING told.first_item, told.last_item, told.first_expected, told.last_expected;
    GET DIAGNOSTICS held = ROW_COUNT;
    IF told.special > 0 THEN
        EXECUTE $q$
            SELECT $1 + count(*)
            FROM new_match n
            JOIN reconciliation.statement_item i ON i.item_id = n.item_id
            JOIN reconciliation.statement s ON s.statement_id = i.statement_id
            JOIN reconciliation.expectation x ON x.expectation_id = n.expectation_id
            WHERE (n.open_amount OR n.rule IN ('split', 'return'))
                AND x.own_account_id = s.own_account_id
                AND (x.sign = i.sign) = (n.returns_match_id IS NULL)
                AND (x.amount_vnd = n.amount_vnd OR x.amount_vnd IS NULL OR n.rule = 'split')
                AND i.amount_vnd = n.amount_vnd
                AND n.open_amount = (x.amount_vnd IS NULL) $q$ INTO held USING held;
    END IF;
    IF held <> told.written THEN
        RAISE EXCEPTION '% of % matches: account, sign or amount is not what was expected, or it is not awaited',
            told.written - held, told.written USING ERRCODE = 'integrity_constraint_violation';
    END IF;

    -- A line that pays a whole batch, or several by their codes, pays nothing else and is spent to the đồng.
    IF EXISTS (
        SELECT FROM reconciliation.match m
        WHERE m.undone_at IS NULL AND m.rule IN ('batch', 'merge')
            AND m.item_id BETWEEN told.first_item AND told.last_item)
    THEN
        EXECUTE $q$
            SELECT used.item_id
            FROM (
                SELECT m.item_id, sum(m.amount_vnd) AS amount_vnd
                FROM reconciliation.match m
                WHERE m.undone_at IS NULL AND m.item_id IN (
                    SELECT n.item_id FROM new_match n
                    JOIN reconciliation.match other ON other.item_id = n.item_id AND other.undone_at IS NULL
                        AND other.rule IN ('batch', 'merge'))
                GROUP BY m.item_id
            ) used
            JOIN reconciliation.statement_item i ON i.item_id = used.item_id
            WHERE used.amount_vnd <> i.amount_vnd LIMIT 1 $q$ INTO wrong;
        IF wrong IS NOT NULL THEN
            RAISE EXCEPTION 'item % must be matched once and whole', wrong
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
    END IF;
    IF told.split > 0 THEN
        EXECUTE $q$
            SELECT used.expectation_id
            FROM (
                SELECT m.expectation_id, sum(m.amount_vnd) AS amount_vnd
                FROM reconciliation.match m
                WHERE m.undone_at IS NULL AND m.returns_match_id IS NULL
                    AND m.expectation_id IN (SELECT n.expectation_id FROM new_match n WHERE n.rule = 'split')
                GROUP BY m.expectation_id
            ) used
            JOIN reconciliation.expectation x ON x.expectation_id = used.expectation_id
            LEFT JOIN reconciliation.awaited a ON a.expectation_id = used.expectation_id
            WHERE used.amount_vnd <> x.amount_vnd OR a.expectation_id IS NULL LIMIT 1 $q$ INTO wrong;
        IF wrong IS NOT NULL THEN
            RAISE EXCEPTION 'expectation % must be met once and whole', wrong
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        DELETE FROM reconciliation.awaited a USING new_match n
        WHERE a.expectation_id = n.expectation_id AND n.rule = 'split';
    END IF;
    IF told.tied > 0 THEN
        SELECT n.match_id INTO wrong FROM new_match n
        LEFT JOIN reconciliation.match original ON original.match_id = n.returns_match_id
        WHERE n.returns_match_id IS NOT NULL AND (original.expectation_id = n.expectation_id
            AND original.amount_vnd = n.amount_vnd AND original.undone_at IS NULL
            AND original.returns_match_id IS NULL) IS NOT TRUE
        UNION ALL
        SELECT n.match_id FROM new_match n
        WHERE n.decision_id IS NOT NULL
            AND NOT EXISTS (SELECT FROM reconciliation.decision d WHERE d.decision_id = n.decision_id)
        LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'match %: no such match to return, or no such decision', wrong
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
    END IF;
    RETURN NULL;
END $$;

-- What is undone is awaited again; a batch, a merge or a split is undone whole.
CREATE FUNCTION reconciliation.check_undone() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wrong bigint;
BEGIN
    IF EXISTS (
        SELECT FROM new_match n JOIN old_match o USING (match_id)
        WHERE (o.undone_at IS NOT NULL AND n.undone_at IS DISTINCT FROM o.undone_at)
            OR (o.run_id IS NOT NULL AND n.run_id IS DISTINCT FROM o.run_id)
            OR (n.run_id IS NOT NULL
                AND NOT EXISTS (SELECT FROM reconciliation.matching_run r WHERE r.run_id = n.run_id))
    ) THEN
        RAISE EXCEPTION 'a match is undone once and belongs to one run for ever'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    WITH undone AS (
        SELECT n.* FROM new_match n JOIN old_match o USING (match_id)
        WHERE o.undone_at IS NULL AND n.undone_at IS NOT NULL
    )
    SELECT u.match_id INTO wrong FROM undone u
    JOIN reconciliation.match m ON m.returns_match_id = u.match_id AND m.undone_at IS NULL
    UNION ALL
    SELECT u.match_id FROM undone u
    JOIN reconciliation.match m ON m.item_id = u.item_id AND m.undone_at IS NULL WHERE u.rule IN ('batch', 'merge')
    UNION ALL
    SELECT u.match_id FROM undone u
    JOIN reconciliation.match m ON m.expectation_id = u.expectation_id AND m.undone_at IS NULL
        AND m.returns_match_id IS NULL
    WHERE u.rule = 'split'
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'match %: what belongs to it still stands', wrong
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    INSERT INTO reconciliation.awaited
    SELECT DISTINCT x.expectation_id, x.own_account_id, x.sign, x.reference, x.amount_vnd, x.due_on, x.until_on,
        x.party, x.counterparty
    FROM new_match n
    JOIN old_match o ON o.match_id = n.match_id AND o.undone_at IS NULL
    JOIN reconciliation.expectation x ON x.expectation_id = n.expectation_id
    WHERE n.undone_at IS NOT NULL AND NOT n.open_amount AND n.returns_match_id IS NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER check_undone AFTER UPDATE ON reconciliation.match
    REFERENCING OLD TABLE AS old_match NEW TABLE AS new_match
    FOR EACH STATEMENT EXECUTE FUNCTION reconciliation.check_undone();

-- Only the triggers write it: nobody can make a match twice by awaiting the same again.
GRANT SELECT ON reconciliation.awaited TO thuchi_application;
GRANT UPDATE (withdrawn) ON reconciliation.expectation TO thuchi_application;
"""


def upgrade() -> None:
    op.execute(_SQL)
