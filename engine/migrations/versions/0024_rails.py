"""The rail of a batch: one file travels one way."""

from alembic import op

revision = "0024_rails"
down_revision = "0023_suspensions"

_SQL = """
ALTER TABLE engine.batch ADD COLUMN rail text NOT NULL DEFAULT 'fast' CHECK (rail IN ('fast', 'high_value'));
ALTER TABLE engine.batch ALTER COLUMN rail DROP DEFAULT;
"""


def upgrade() -> None:
    op.execute(_SQL)
