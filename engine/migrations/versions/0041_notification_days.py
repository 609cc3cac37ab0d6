"""How many notifications left on a day is counted with every thousand of them."""

from alembic import op

revision = "0041_notification_days"
down_revision = "0040_left_out_statements"

_SQL = """
CREATE INDEX ON engine.notification (sent_at) WHERE sent_at IS NOT NULL;
"""


def upgrade() -> None:
    op.execute(_SQL)
