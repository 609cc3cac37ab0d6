"""What payees are told: once for each thing that happened, and when it was handed to the sender."""

from alembic import op

revision = "0031_notifications"
down_revision = "0030_matching_at_size"

_SQL = """
CREATE TABLE engine.notification (
    notification_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person_id uuid NOT NULL REFERENCES engine.person,
    event text NOT NULL,
    subject text NOT NULL,
    month date,
    noted_at timestamptz NOT NULL,
    sent_at timestamptz,
    UNIQUE (event, subject)
);
CREATE INDEX ON engine.notification (notification_no) WHERE sent_at IS NULL;
CREATE INDEX ON engine.notification (person_id, sent_at);
GRANT SELECT, INSERT, UPDATE (sent_at) ON engine.notification TO thuchi_application;
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON engine.notification
    FOR EACH STATEMENT EXECUTE FUNCTION engine.refuse_change();
"""


def upgrade() -> None:
    op.execute(_SQL)
