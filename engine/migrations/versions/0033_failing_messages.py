"""How often the work of a message has failed in a row, so that it is not tried for ever."""

from alembic import op

revision = "0033_failing_messages"
down_revision = "0032_announcements"

_SQL = """
ALTER TABLE engine.outbox ADD COLUMN failures integer NOT NULL DEFAULT 0 CHECK (failures >= 0);
GRANT UPDATE (failures) ON engine.outbox TO thuchi_application;
"""


def upgrade() -> None:
    op.execute(_SQL)
