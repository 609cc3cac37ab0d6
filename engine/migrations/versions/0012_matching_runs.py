"""A match belongs to the run that made it count: that of a statement file, or a later one over what was left open."""

from alembic import op

revision = "0012_matching_runs"
down_revision = "0011_corrected_amounts"

_SQL = """
CREATE TABLE reconciliation.matching_run (
    run_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    file_id integer REFERENCES reconciliation.statement_file,
    ran_at timestamptz NOT NULL
);
CREATE INDEX matching_run_by_file ON reconciliation.matching_run (file_id);
INSERT INTO reconciliation.matching_run (file_id, ran_at)
SELECT file_id, recorded_at FROM reconciliation.statement_file ORDER BY file_id;

DROP VIEW reconciliation.matched_item;
ALTER TABLE reconciliation.match ADD COLUMN run_id bigint REFERENCES reconciliation.matching_run;
UPDATE reconciliation.match m SET run_id = r.run_id FROM reconciliation.matching_run r WHERE r.file_id = m.file_id;
ALTER TABLE reconciliation.match DROP COLUMN file_id;
CREATE INDEX match_by_run ON reconciliation.match (run_id);

CREATE VIEW reconciliation.matched_item AS
SELECT
    m.run_id, m.match_id, m.item_id, x.reference, m.amount_vnd, i.sign, x.kind, m.rule,
    m.returns_match_id IS NOT NULL AS returned, e.booked_on, s.own_account_id, a.ledger_account, i.return_reason,
    s.statement_id, concat_ws(' ', 'ST' || s.statement_id, s.bank_id) AS document
FROM reconciliation.match m
JOIN reconciliation.expectation x ON x.expectation_id = m.expectation_id
JOIN reconciliation.statement_item i ON i.item_id = m.item_id
JOIN reconciliation.statement_entry e ON e.statement_id = i.statement_id AND e.entry_no = i.entry_no
JOIN reconciliation.statement s ON s.statement_id = i.statement_id
JOIN reconciliation.own_account a ON a.own_account_id = s.own_account_id
WHERE m.undone_at IS NULL;

GRANT SELECT ON reconciliation.matched_item TO thuchi_application;
GRANT SELECT, INSERT ON reconciliation.matching_run TO thuchi_application;
GRANT UPDATE (run_id) ON reconciliation.match TO thuchi_application;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON reconciliation.matching_run
    FOR EACH STATEMENT EXECUTE FUNCTION engine.refuse_change();
"""


def upgrade() -> None:
    op.execute(_SQL)
