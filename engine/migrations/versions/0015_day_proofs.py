"""Proofs of days: numbered, with the hash of what was proven, never edited."""

from alembic import op

revision = "0015_day_proofs"
down_revision = "0014_matching_ladder"

_SQL = """
CREATE TABLE reconciliation.day_proof (
    proof_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    on_day date NOT NULL,
    sha256 bytea NOT NULL CHECK (length(sha256) = 32),
    content jsonb NOT NULL,
    closes boolean NOT NULL,
    made_at timestamptz NOT NULL,
    made_by text NOT NULL DEFAULT engine.acting_person(),
    UNIQUE (on_day, sha256)
);
GRANT SELECT, INSERT ON reconciliation.day_proof TO thuchi_application;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON reconciliation.day_proof
    FOR EACH STATEMENT EXECUTE FUNCTION engine.refuse_change();
"""


def upgrade() -> None:
    op.execute(_SQL)
