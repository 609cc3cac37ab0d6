"""What banks say of payout accounts when they are asked whose they are (acmt.023, acmt.024)."""

from alembic import op

revision = "0029_account_checks"
down_revision = "0028_claim_versions"

_SQL = """
CREATE TABLE engine.account_check (
    check_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    payout_account_id uuid NOT NULL REFERENCES engine.payout_account,
    message_id text NOT NULL CHECK (message_id <> ''),
    outcome text NOT NULL CHECK (outcome IN ('match', 'close', 'no_match', 'not_possible')),
    said text NOT NULL,
    resemblance_percent smallint CHECK (resemblance_percent BETWEEN 0 AND 100),
    checked_at timestamptz NOT NULL,
    checked_by text NOT NULL DEFAULT engine.acting_person()
);
CREATE INDEX ON engine.account_check (payout_account_id, check_no);
GRANT SELECT, INSERT ON engine.account_check TO thuchi_application;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON engine.account_check
    FOR EACH STATEMENT EXECUTE FUNCTION engine.refuse_change();
"""


def upgrade() -> None:
    op.execute(_SQL)
