"""A death that did not happen is taken from the record by two persons, and by nothing else."""

from alembic import op

revision = "0048_retracted_deaths"
down_revision = "0047_corrected_births"

_SQL = """
CREATE TABLE engine.death_retraction (
    retraction_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    vital_event_id uuid NOT NULL REFERENCES engine.vital_event,
    evidence text NOT NULL CHECK (evidence <> ''),
    proposed_at timestamptz NOT NULL,
    proposed_by text NOT NULL DEFAULT engine.acting_person(),
    approved_at timestamptz,
    approved_by text,
    CONSTRAINT approved_whole CHECK (num_nulls(approved_at, approved_by) IN (0, 2)),
    CONSTRAINT approved_by_another CHECK (approved_by <> proposed_by)
);
CREATE INDEX ON engine.death_retraction (vital_event_id);

CREATE FUNCTION engine.check_death_retraction() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.approved_at IS NOT NULL THEN
        RAISE EXCEPTION 'retraction %: it is decided already', OLD.retraction_no
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.approved_by IS DISTINCT FROM engine.acting_person() OR NOT EXISTS (SELECT FROM engine.staff s
            WHERE s.person = NEW.approved_by AND s.active AND s.role IN ('approver', 'authoriser')) THEN
        RAISE EXCEPTION 'retraction %: approved by an approver or authoriser in person', OLD.retraction_no
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER check_death_retraction BEFORE UPDATE ON engine.death_retraction
    FOR EACH ROW EXECUTE FUNCTION engine.check_death_retraction();
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON engine.death_retraction
    FOR EACH STATEMENT EXECUTE FUNCTION engine.refuse_change();
GRANT SELECT, INSERT, UPDATE (approved_at, approved_by) ON engine.death_retraction TO thuchi_application;

CREATE FUNCTION engine.check_retracted_death() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM engine.death_retraction x
            WHERE x.vital_event_id = OLD.vital_event_id AND x.approved_at IS NOT NULL) THEN
        RAISE EXCEPTION 'a death on record is retracted by two persons'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER only_retracted BEFORE UPDATE ON engine.vital_event
    FOR EACH ROW EXECUTE FUNCTION engine.check_retracted_death();
"""


def upgrade() -> None:
    op.execute(_SQL)
