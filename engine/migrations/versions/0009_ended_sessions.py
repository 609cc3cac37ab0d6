"""Sessions of the portal that were ended by signing out, until they would have run out by themselves."""

from alembic import op

revision = "0009_ended_sessions"
down_revision = "0008_posting"

_SQL = """
CREATE TABLE engine.ended_session (
    session_id text PRIMARY KEY CHECK (session_id ~ '^[0-9a-f]{32}$'),
    runs_out_at timestamptz NOT NULL
);
CREATE INDEX ended_session_by_end ON engine.ended_session (runs_out_at);
GRANT SELECT, INSERT, DELETE ON engine.ended_session TO thuchi_application;
"""


def upgrade() -> None:
    op.execute(_SQL)
