"""What banks tell of money on collection accounts before a statement shows it."""

from alembic import op

revision = "0032_announcements"
down_revision = "0031_notifications"

_SQL = """
CREATE TABLE engine.announcement (
    announcement_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    gateway text NOT NULL REFERENCES engine.gateway,
    number text NOT NULL,
    collection_account_id integer NOT NULL REFERENCES engine.collection_account,
    notice_id uuid NOT NULL REFERENCES engine.notice,
    amount_vnd bigint NOT NULL CHECK (amount_vnd > 0),
    told_on date NOT NULL,
    received_at timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'received', 'unconfirmed')),
    receipt_id uuid UNIQUE REFERENCES engine.receipt,
    UNIQUE (gateway, number),
    CHECK ((state = 'received') = (receipt_id IS NOT NULL))
);
COMMENT ON COLUMN engine.announcement.number IS 'the bank''s own number of the movement';
COMMENT ON COLUMN engine.announcement.state IS
    'received: a receipt has brought it; unconfirmed: no statement of its days shows it; both are announced no longer';
CREATE INDEX ON engine.announcement (notice_id);
CREATE INDEX announcement_open ON engine.announcement (collection_account_id) WHERE receipt_id IS NULL;
GRANT SELECT, INSERT, UPDATE (state, receipt_id) ON engine.announcement TO thuchi_application;
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON engine.announcement
    FOR EACH STATEMENT EXECUTE FUNCTION engine.refuse_change();
"""


def upgrade() -> None:
    op.execute(_SQL)
