"""Money that nothing identifies is booked in suspense: which lines those are."""

from alembic import op

revision = "0017_suspense"
down_revision = "0016_early_news"

_SQL = """
CREATE TABLE reconciliation.suspense (
    item_id bigint PRIMARY KEY REFERENCES reconciliation.statement_item,
    booked_at timestamptz NOT NULL
);
GRANT SELECT, INSERT ON reconciliation.suspense TO thuchi_application;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON reconciliation.suspense
    FOR EACH STATEMENT EXECUTE FUNCTION engine.refuse_change();
"""


def upgrade() -> None:
    op.execute(_SQL)
