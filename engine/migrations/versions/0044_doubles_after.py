"""Clear lines are counted after they are matched, not before: where every line has met its payment none is a double.

Looking for doubles first took as long as half of the join. Of several lines for one payment the first is it, as ever.
Numbers of matches are drawn some at a time.
"""

from alembic import op

revision = "0044_doubles_after"
down_revision = "0043_clear_lines"

_SQL = """
-- Rules 1 and 2 for the many: a line of a new statement that carries exactly one reference, with nothing beside it that
-- could speak against it, meets what is awaited under it with equal account, sign and amount. What it leaves goes up
-- the ladder line by line. Planned every time for the rows at hand.
CREATE OR REPLACE FUNCTION reconciliation.match_clear_lines(statement bigint, run bigint, at timestamptz)
RETURNS TABLE (rule text, lines bigint) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    clear CONSTANT text := $q$
        WITH line AS NOT MATERIALIZED (
            SELECT i.item_id, i.amount_vnd, i.sign, s.own_account_id, i.end_to_end_id IS NOT NULL AS echoed,
                coalesce(i.end_to_end_id, i.found_references[1]) AS reference
            FROM reconciliation.statement s
            JOIN reconciliation.statement_item i ON i.statement_id = s.statement_id
            WHERE s.statement_id = $1
                AND NOT i.returned
                AND i.virtual_account IS NULL
                AND i.found_units = '{}'
                AND (i.instruction_id IS NULL OR i.instruction_id = i.end_to_end_id)
                AND CASE
                    WHEN i.end_to_end_id IS NULL THEN cardinality(i.found_references) = 1
                    ELSE i.found_references = '{}' OR i.found_references = ARRAY[i.end_to_end_id] END
        ) $q$;
    written CONSTANT text := $q$
        INSERT INTO reconciliation.match
            (item_id, expectation_id, amount_vnd, open_amount, rule, rank, matched_at, run_id)
        SELECT f.item_id, f.expectation_id, f.amount_vnd, f.open_amount,
            CASE WHEN f.echoed THEN 'echo' ELSE 'code' END, CASE WHEN f.echoed THEN 1 ELSE 2 END, $3, $2
        FROM fit f $q$;
    counted CONSTANT text := $q$
        SELECT count(*) FILTER (WHERE echoed), count(*) FILTER (WHERE NOT echoed) FROM fit $q$;
    echo bigint;
    code bigint;
    spare bigint[];
    changed bigint;
BEGIN
    IF NOT EXISTS (
        SELECT FROM reconciliation.statement s WHERE s.statement_id = statement AND s.matched_run_id = run)
    THEN
        RAISE EXCEPTION 'the lines of a statement are matched in its own run'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    -- Not told to the planner as so many equal columns, or it expects a single row and works row by row.
    EXECUTE clear || $q$, fit AS (
        DELETE FROM reconciliation.awaited a USING line l
        WHERE a.reference = l.reference
            AND CASE WHEN a.own_account_id = l.own_account_id AND a.sign = l.sign
                THEN a.amount_vnd = l.amount_vnd ELSE false END
        RETURNING l.item_id, a.expectation_id, l.amount_vnd, l.echoed, false AS open_amount
    ), written AS ($q$ || written || ')' || counted INTO echo, code USING statement, run, at;
    IF echo + code < (SELECT count(*) FROM reconciliation.statement_item i WHERE i.statement_id = statement) THEN
        -- Joined whole: of what was written a moment ago the planner expects one.
        PERFORM set_config('enable_nestloop', 'off', true);
        EXECUTE clear || $q$
            SELECT array_agg(l.item_id) FROM line l
            WHERE NOT EXISTS (SELECT FROM reconciliation.match m WHERE m.run_id = $2 AND m.item_id = l.item_id)
            $q$ INTO spare USING statement, run;
        PERFORM set_config('enable_nestloop', 'on', true);
        -- Which of several lines took a payment was chance: the first is it, and first those whose own field says it.
        EXECUTE $q$
            WITH rival AS (
                SELECT m.match_id, m.item_id AS taken_by, m.rank, i.item_id, i.end_to_end_id IS NOT NULL AS echoed
                FROM unnest($1) AS spare (item_id)
                JOIN reconciliation.statement_item i USING (item_id)
                JOIN reconciliation.expectation x ON x.reference = coalesce(i.end_to_end_id, i.found_references[1])
                JOIN reconciliation.match m ON m.expectation_id = x.expectation_id
                WHERE m.run_id = $2 AND CASE WHEN x.sign = i.sign THEN m.amount_vnd = i.amount_vnd ELSE false END
            ), one AS (
                SELECT match_id, item_id, echoed FROM rival
                UNION SELECT match_id, taken_by, rank = 1 FROM rival
            ), first AS (
                SELECT DISTINCT ON (o.match_id) o.match_id, o.item_id, o.echoed
                FROM one o
                JOIN reconciliation.statement_item i USING (item_id)
                JOIN reconciliation.statement_entry e USING (statement_id, entry_no)
                ORDER BY o.match_id, o.echoed DESC, e.booked_on, o.item_id
            )
            UPDATE reconciliation.match m
            SET item_id = f.item_id, rule = CASE WHEN f.echoed THEN 'echo' ELSE 'code' END,
                rank = CASE WHEN f.echoed THEN 1 ELSE 2 END
            FROM first f WHERE m.match_id = f.match_id AND m.item_id <> f.item_id $q$ USING spare, run;
        GET DIAGNOSTICS changed = ROW_COUNT;
        IF changed > 0 THEN
            SELECT count(*) FILTER (WHERE m.rule = 'echo'), count(*) FILTER (WHERE m.rule = 'code') INTO echo, code
            FROM reconciliation.match m WHERE m.run_id = run;
        END IF;
    END IF;
    RETURN QUERY VALUES ('echo', echo), ('code', code);
    -- What is awaited with any amount goes on being awaited, however many lines pay of it.
    IF EXISTS (
        SELECT FROM reconciliation.awaited a
        JOIN reconciliation.statement s ON s.own_account_id = a.own_account_id
        WHERE s.statement_id = statement AND a.amount_vnd IS NULL)
    THEN
        EXECUTE clear || $q$, fit AS (
            SELECT l.item_id, a.expectation_id, l.amount_vnd, l.echoed, true AS open_amount
            FROM line l
            JOIN reconciliation.awaited a ON a.reference = l.reference
            WHERE CASE WHEN a.own_account_id = l.own_account_id AND a.sign = l.sign
                THEN a.amount_vnd IS NULL ELSE false END
        ), written AS ($q$ || written || ')' || counted INTO echo, code USING statement, run, at;
        RETURN QUERY VALUES ('echo', echo), ('code', code);
    END IF;
END $$;

ALTER SEQUENCE reconciliation.match_match_id_seq CACHE 32;
"""


def upgrade() -> None:
    op.execute(_SQL)
