"""Months declared again: corrections with what they add or take away, and who is served first by a receipt.

A decrease is money of the employer like a receipt, from a declaration and not from a bank. One file may correct several
months. A notice tells apart what earlier months are adjusted by.
"""

from alembic import op

revision = "0018_corrections"
down_revision = "0017_suspense"

_SQL = """
ALTER TABLE engine.declaration DROP CONSTRAINT declaration_imported_from_key;
CREATE INDEX ON engine.declaration (imported_from);

-- A correction may shift a fund's dues between worker and employer; together they are never below zero.
ALTER TABLE engine.dues DROP CONSTRAINT dues_employee_vnd_check, DROP CONSTRAINT dues_employer_vnd_check,
    ADD CONSTRAINT dues_not_negative CHECK (employee_vnd + employer_vnd >= 0);

ALTER TABLE engine.receipt
    ALTER COLUMN match_id DROP NOT NULL,
    ALTER COLUMN notice_id DROP NOT NULL,
    ALTER COLUMN collection_account_id DROP NOT NULL,
    ADD COLUMN declaration_id uuid REFERENCES engine.declaration,
    ADD COLUMN fund text,
    ADD CONSTRAINT from_a_bank_or_a_declaration CHECK (
        (match_id IS NULL) = (declaration_id IS NOT NULL) AND (declaration_id IS NULL) = (fund IS NULL)
        AND (collection_account_id IS NULL) = (declaration_id IS NOT NULL));
COMMENT ON COLUMN engine.receipt.declaration_id IS 'the correction that took away what had been declared too much';
CREATE INDEX ON engine.receipt (declaration_id) WHERE declaration_id IS NOT NULL;

ALTER TABLE engine.allocation ADD COLUMN priority boolean NOT NULL DEFAULT false,
    DROP CONSTRAINT allocation_receipt_id_declaration_id_fund_kind_recorded_at_key,
    ADD CONSTRAINT allocated_once UNIQUE (receipt_id, declaration_id, fund, kind, priority, recorded_at);
ALTER TABLE engine.allocation ALTER COLUMN priority DROP DEFAULT;
COMMENT ON COLUMN engine.allocation.priority IS 'first, for workers who have left or claim a benefit';

ALTER TABLE engine.notice ADD COLUMN adjustments_vnd bigint NOT NULL DEFAULT 0;
ALTER TABLE engine.notice ALTER COLUMN adjustments_vnd DROP DEFAULT;
COMMENT ON COLUMN engine.notice.adjustments_vnd IS 'what the same file adds to earlier months, less what it takes away';
"""


def upgrade() -> None:
    op.execute(_SQL)
