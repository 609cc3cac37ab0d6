"""A day that the bank tells again: which file holds is decided by two, and what is no longer told counts no more."""

from alembic import op

revision = "0027_reissued_statements"
down_revision = "0026_recoveries"

_SQL = """
ALTER TABLE reconciliation.break
    DROP CONSTRAINT break_class_check, DROP CONSTRAINT break_check, DROP CONSTRAINT break_check1;
ALTER TABLE reconciliation.break
    ADD CONSTRAINT break_class_check CHECK (class IN (
        'unknown_to_us', 'amount_differs', 'account_differs', 'sign_differs', 'duplicate_at_bank',
        'no_longer_expected', 'ambiguous', 'returned', 'undone', 'statement_gap', 'statement_reissued')),
    ADD CONSTRAINT break_check CHECK ((item_id IS NULL) = (class IN ('statement_gap', 'statement_reissued'))),
    ADD CONSTRAINT break_check1 CHECK ((statement_id IS NULL) = (item_id IS NOT NULL));
DROP INDEX reconciliation.break_open_once_per_statement;
CREATE UNIQUE INDEX break_open_once_per_statement ON reconciliation.break (statement_id)
    WHERE closed_on IS NULL AND class = 'statement_gap';
CREATE INDEX break_reissued ON reconciliation.break (statement_id) WHERE class = 'statement_reissued';

ALTER TABLE reconciliation.decision DROP CONSTRAINT decision_kind_check;
ALTER TABLE reconciliation.decision ADD CONSTRAINT decision_kind_check
    CHECK (kind IN ('force', 'write_off', 'close_gap', 'undo', 'replace', 'keep'));

-- Entries that the bank no longer tells since it told their day again.
CREATE TABLE reconciliation.withdrawn_entry (
    statement_id bigint NOT NULL,
    entry_no integer NOT NULL,
    decision_id bigint NOT NULL REFERENCES reconciliation.decision,
    PRIMARY KEY (statement_id, entry_no),
    FOREIGN KEY (statement_id, entry_no) REFERENCES reconciliation.statement_entry
);
GRANT SELECT, INSERT ON reconciliation.withdrawn_entry TO thuchi_application;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON reconciliation.withdrawn_entry
    FOR EACH STATEMENT EXECUTE FUNCTION engine.refuse_change();
"""


def upgrade() -> None:
    op.execute(_SQL)
