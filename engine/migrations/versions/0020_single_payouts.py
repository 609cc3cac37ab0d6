"""Payouts that are asked for one at a time: the call of each attempt, news of single attempts, what providers tell us.

A batch of such payouts is a parcel without a file: its attempts leave one by one, each with a call of its own that is
stored before it is made.
"""

from alembic import op

revision = "0020_single_payouts"
down_revision = "0019_refunds"

_SQL = """
ALTER TABLE engine.batch ALTER COLUMN file_name DROP NOT NULL;

CREATE TABLE engine.single_call (
    attempt_id uuid PRIMARY KEY REFERENCES engine.attempt,
    request_id text NOT NULL UNIQUE,
    call_ciphertext bytea NOT NULL,
    receiver_ciphertext bytea NOT NULL,
    provider_reference text
);
GRANT SELECT, INSERT, UPDATE ON engine.single_call TO thuchi_application;

ALTER TABLE engine.observation ADD COLUMN attempt_id uuid REFERENCES engine.attempt;
CREATE INDEX observation_by_attempt ON engine.observation (attempt_id) WHERE attempt_id IS NOT NULL;

CREATE TABLE engine.callback (
    callback_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    gateway text NOT NULL REFERENCES engine.gateway,
    reference text NOT NULL,
    provider_reference text NOT NULL,
    outcome text NOT NULL,
    code text NOT NULL,
    amount_vnd bigint NOT NULL,
    verdict text NOT NULL,
    document_ciphertext bytea NOT NULL,
    received_at timestamptz NOT NULL,
    CONSTRAINT callback_kept_once UNIQUE (gateway, reference, provider_reference, outcome, code, amount_vnd, verdict)
);
GRANT SELECT, INSERT ON engine.callback TO thuchi_application;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON engine.callback
    FOR EACH STATEMENT EXECUTE FUNCTION engine.refuse_change();
"""


def upgrade() -> None:
    op.execute(_SQL)
