"""The social insurance office (cơ quan bảo hiểm xã hội) that a claim belongs to: payments are counted by it as well.

None where the clerks' file did not tell it.
"""

from alembic import op

revision = "0045_paying_offices"
down_revision = "0044_doubles_after"

_SQL = """
ALTER TABLE engine.claim ADD COLUMN office_code text CHECK (office_code ~ '^[0-9]{5}$');
"""


def upgrade() -> None:
    op.execute(_SQL)
