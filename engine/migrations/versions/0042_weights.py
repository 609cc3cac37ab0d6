"""How much work was put in together with a message, so that a small run goes before what is left of a huge one."""

from alembic import op

revision = "0042_weights"
down_revision = "0041_notification_days"

_SQL = """
ALTER TABLE engine.outbox ADD COLUMN weight integer NOT NULL DEFAULT 0 CHECK (weight >= 0);
"""


def upgrade() -> None:
    op.execute(_SQL)
