"""Declarations that were returned with their reasons (trả lại hồ sơ): nothing else of their files is kept."""

from alembic import op

revision = "0039_returned_declarations"
down_revision = "0038_terminations"

_SQL = """
CREATE TABLE engine.returned_declaration (
    return_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    employer_id uuid REFERENCES engine.employer,
    period date,
    file_name text NOT NULL,
    file_sha256 bytea NOT NULL CHECK (length(file_sha256) = 32),
    problem_count integer NOT NULL CHECK (problem_count > 0),
    problems jsonb NOT NULL,
    returned_at timestamptz NOT NULL,
    returned_by text NOT NULL DEFAULT engine.acting_person()
);
COMMENT ON TABLE engine.returned_declaration IS 'employer and month are empty where the file does not tell them';
COMMENT ON COLUMN engine.returned_declaration.problems IS 'the first ones, as they were told';
CREATE INDEX ON engine.returned_declaration (employer_id, returned_at);
GRANT SELECT, INSERT ON engine.returned_declaration TO thuchi_application;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON engine.returned_declaration
    FOR EACH STATEMENT EXECUTE FUNCTION engine.refuse_change();
"""


def upgrade() -> None:
    op.execute(_SQL)
