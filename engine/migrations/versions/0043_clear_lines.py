"""The clear lines of a statement are matched by a function of the database: one join finds, takes and writes them.

As a rule of the application each match was joined twice, once to find it and once to check it. The function's own join
is the check, so what it writes, as the owner of the tables, needs no second one; whatever the application writes by
itself is checked as before. The use of a line needs no column beside the index that counts it.
"""

from alembic import op

revision = "0043_clear_lines"
down_revision = "0042_weights"

_SQL = """
DROP INDEX reconciliation.match_item_once;
ALTER TABLE reconciliation.match DROP COLUMN use_no;
CREATE UNIQUE INDEX match_item_once ON reconciliation.match (item_id, (
    CASE WHEN undone_at IS NOT NULL THEN -match_id WHEN rule IN ('batch', 'merge') THEN expectation_id ELSE 0 END));

-- Rules 1 and 2 for the many: a line of a new statement that carries exactly one reference, with nothing beside it that
-- could speak against it, and that is the only such line of the statement, meets what is awaited under it with equal
-- account, sign and amount. What it leaves goes up the ladder line by line. Planned every time for the rows at hand.
CREATE FUNCTION reconciliation.match_clear_lines(statement bigint, run bigint, at timestamptz)
RETURNS TABLE (rule text, lines bigint) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- References are compared by their hash: two that share one, if ever, go up the ladder.
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
        ), single AS NOT MATERIALIZED (
            SELECT * FROM line WHERE hashtextextended(reference, 0) NOT IN (
                SELECT hashtextextended(reference, 0) FROM line GROUP BY 1 HAVING count(*) > 1)
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
BEGIN
    IF NOT EXISTS (
        SELECT FROM reconciliation.statement s WHERE s.statement_id = statement AND s.matched_run_id = run)
    THEN
        RAISE EXCEPTION 'the lines of a statement are matched in its own run'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    -- Not told to the planner as so many equal columns, or it expects a single row and works row by row.
    EXECUTE clear || $q$, fit AS (
        DELETE FROM reconciliation.awaited a USING single l
        WHERE a.reference = l.reference
            AND CASE WHEN a.own_account_id = l.own_account_id AND a.sign = l.sign
                THEN a.amount_vnd = l.amount_vnd ELSE false END
        RETURNING l.item_id, a.expectation_id, l.amount_vnd, l.echoed, false AS open_amount
    ), written AS ($q$ || written || ')' || counted INTO echo, code USING statement, run, at;
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
REVOKE ALL ON FUNCTION reconciliation.match_clear_lines FROM PUBLIC;
GRANT EXECUTE ON FUNCTION reconciliation.match_clear_lines TO thuchi_application;

-- Only the owner, who could drop it as well, writes without the check; nothing writes as the owner but the function.
DROP TRIGGER check_matches ON reconciliation.match;
DO $$ BEGIN
    EXECUTE format(
        'CREATE TRIGGER check_matches AFTER INSERT ON reconciliation.match REFERENCING NEW TABLE AS new_match '
        'FOR EACH STATEMENT WHEN (current_user <> %L) EXECUTE FUNCTION reconciliation.check_matches()', current_user);
END $$;
"""


def upgrade() -> None:
    op.execute(_SQL)
