"""Ended awards (chấm dứt hưởng): from which month, on what ground, proposed and approved by two persons."""

from alembic import op

revision = "0038_terminations"
down_revision = "0037_pay_points"

_SQL = """
CREATE TABLE engine.termination (
    termination_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    award_id uuid NOT NULL REFERENCES engine.award,
    from_month date NOT NULL CHECK (extract(day FROM from_month) = 1),
    ground text NOT NULL CHECK (ground <> ''),
    evidence text NOT NULL CHECK (evidence <> ''),
    proposed_at timestamptz NOT NULL,
    proposed_by text NOT NULL DEFAULT engine.acting_person(),
    approved_at timestamptz,
    approved_by text,
    CONSTRAINT approved_whole CHECK (num_nulls(approved_at, approved_by) IN (0, 2)),
    CONSTRAINT approved_by_another CHECK (approved_by <> proposed_by)
);
CREATE UNIQUE INDEX one_open_termination ON engine.termination (award_id) WHERE approved_at IS NULL;
CREATE INDEX ON engine.termination (award_id);

CREATE FUNCTION engine.check_termination() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.approved_at IS NOT NULL THEN
        RAISE EXCEPTION 'termination %: it was approved already', OLD.termination_no
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.approved_by IS DISTINCT FROM engine.acting_person() OR NOT EXISTS (SELECT FROM engine.staff s
            WHERE s.person = NEW.approved_by AND s.active AND s.role IN ('approver', 'authoriser')) THEN
        RAISE EXCEPTION 'termination %: approved by an approver or authoriser in person', OLD.termination_no
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER check_termination BEFORE UPDATE ON engine.termination
    FOR EACH ROW EXECUTE FUNCTION engine.check_termination();
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON engine.termination
    FOR EACH STATEMENT EXECUTE FUNCTION engine.refuse_change();
GRANT SELECT, INSERT, UPDATE (approved_at, approved_by) ON engine.termination TO thuchi_application;
"""


def upgrade() -> None:
    op.execute(_SQL)
