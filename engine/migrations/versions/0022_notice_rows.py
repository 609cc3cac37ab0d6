"""What a notice told is kept with it: its rows A to Đ and the accounts that it named."""

from alembic import op

revision = "0022_notice_rows"
down_revision = "0021_urging_letters"

_SQL = """
ALTER TABLE engine.notice
    ADD COLUMN rows jsonb,
    ADD COLUMN account_ids integer[] NOT NULL DEFAULT '{}';
ALTER TABLE engine.notice ALTER COLUMN account_ids DROP DEFAULT;
COMMENT ON COLUMN engine.notice.account_ids IS 'the collection accounts open when it was issued; it names all if none';
"""


def upgrade() -> None:
    op.execute(_SQL)
