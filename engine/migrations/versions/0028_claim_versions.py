"""Corrected claims: a correction of facts is a new version of the claim with its evidence, decided by two persons."""

from alembic import op

revision = "0028_claim_versions"
down_revision = "0027_reissued_statements"

_SQL = """
CREATE TABLE engine.claim_version (
    version_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    claim_id uuid NOT NULL REFERENCES engine.claim,
    facts jsonb NOT NULL,
    evidence text NOT NULL CHECK (evidence <> ''),
    imported_from bytea NOT NULL,
    proposed_at timestamptz NOT NULL,
    proposed_by text NOT NULL DEFAULT engine.acting_person(),
    approved_at timestamptz,
    approved_by text,
    CONSTRAINT approved_whole CHECK (num_nulls(approved_at, approved_by) IN (0, 2)),
    CONSTRAINT approved_by_another CHECK (approved_by <> proposed_by)
);
CREATE INDEX ON engine.claim_version (claim_id);

CREATE TABLE engine.correction (
    version_no bigint NOT NULL REFERENCES engine.claim_version,
    award_id uuid NOT NULL REFERENCES engine.award,
    replaced uuid[] NOT NULL,
    amounts jsonb NOT NULL,
    months jsonb NOT NULL,
    months_added date[] NOT NULL,
    back_pay_vnd bigint NOT NULL CHECK (back_pay_vnd >= 0),
    recoverable_vnd bigint NOT NULL CHECK (recoverable_vnd >= 0),
    findings_before jsonb NOT NULL,
    findings jsonb NOT NULL,
    PRIMARY KEY (version_no, award_id)
);
CREATE INDEX ON engine.correction (award_id);

CREATE FUNCTION engine.check_claim_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.approved_at IS NOT NULL THEN
        RAISE EXCEPTION 'correction %: it is decided already', OLD.version_no
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.approved_by IS DISTINCT FROM engine.acting_person() OR NOT EXISTS (SELECT FROM engine.staff s
            WHERE s.person = NEW.approved_by AND s.active AND s.role IN ('approver', 'authoriser')) THEN
        RAISE EXCEPTION 'correction %: approved by an approver or authoriser in person', OLD.version_no
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER check_claim_version BEFORE UPDATE ON engine.claim_version
    FOR EACH ROW EXECUTE FUNCTION engine.check_claim_version();
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON engine.claim_version
    FOR EACH STATEMENT EXECUTE FUNCTION engine.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON engine.correction
    FOR EACH STATEMENT EXECUTE FUNCTION engine.refuse_change();
GRANT SELECT, INSERT, UPDATE (approved_at, approved_by) ON engine.claim_version TO thuchi_application;
GRANT SELECT, INSERT ON engine.correction TO thuchi_application;
"""


def upgrade() -> None:
    op.execute(_SQL)
