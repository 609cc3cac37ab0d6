"""Letters that urge employers to pay (mẫu 01-ĐĐ): what was written to whom, and when."""

from alembic import op

revision = "0021_urging_letters"
down_revision = "0020_single_payouts"

_SQL = """
CREATE TABLE engine.urging_letter (
    letter_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    employer_id uuid NOT NULL REFERENCES engine.employer,
    issued_on date NOT NULL,
    content jsonb NOT NULL,
    issued_at timestamptz NOT NULL,
    issued_by text NOT NULL DEFAULT engine.acting_person(),
    UNIQUE (employer_id, issued_on)
);
GRANT SELECT, INSERT ON engine.urging_letter TO thuchi_application;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON engine.urging_letter
    FOR EACH STATEMENT EXECUTE FUNCTION engine.refuse_change();
"""


def upgrade() -> None:
    op.execute(_SQL)
