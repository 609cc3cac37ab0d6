"""Suspended awards (tạm dừng hưởng): since when, on what ground, and by which two persons they were resumed."""

from alembic import op

revision = "0023_suspensions"
down_revision = "0022_notice_rows"

_SQL = """
CREATE TABLE engine.suspension (
    suspension_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    award_id uuid NOT NULL REFERENCES engine.award,
    from_month date NOT NULL CHECK (extract(day FROM from_month) = 1),
    ground text NOT NULL CHECK (ground <> ''),
    evidence text NOT NULL CHECK (evidence <> ''),
    suspended_at timestamptz NOT NULL,
    suspended_by text NOT NULL DEFAULT engine.acting_person(),
    resumption_evidence text CHECK (resumption_evidence <> ''),
    proposed_at timestamptz,
    proposed_by text,
    resumed_at timestamptz,
    resumed_by text,
    CONSTRAINT proposed_whole CHECK (num_nulls(resumption_evidence, proposed_at, proposed_by) IN (0, 3)),
    CONSTRAINT resumed_whole CHECK (num_nulls(resumed_at, resumed_by) IN (0, 2)),
    CONSTRAINT resumed_by_another CHECK (resumed_by IS NULL OR resumed_by <> proposed_by),
    CONSTRAINT resumed_as_proposed CHECK (resumed_by IS NULL OR proposed_by IS NOT NULL)
);
CREATE UNIQUE INDEX one_open_suspension_for_a_ground ON engine.suspension (award_id, ground) WHERE resumed_at IS NULL;
CREATE INDEX ON engine.suspension (award_id);

CREATE FUNCTION engine.check_suspension() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.resumed_at IS NOT NULL THEN
        RAISE EXCEPTION 'suspension %: it was resumed already', OLD.suspension_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.resumed_by IS NULL AND NEW.proposed_by IS DISTINCT FROM engine.acting_person()
        OR NEW.resumed_by IS NOT NULL AND (NEW.resumed_by <> engine.acting_person()
            OR (NEW.proposed_by, NEW.proposed_at, NEW.resumption_evidence)
                IS DISTINCT FROM (OLD.proposed_by, OLD.proposed_at, OLD.resumption_evidence)
            OR NOT EXISTS (SELECT FROM engine.staff s WHERE s.person = NEW.resumed_by AND s.active
                AND s.role IN ('approver', 'authoriser')))
    THEN
        RAISE EXCEPTION 'suspension %: resumed by an approver or authoriser, as another person proposed',
            OLD.suspension_id USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER check_suspension BEFORE UPDATE ON engine.suspension
    FOR EACH ROW EXECUTE FUNCTION engine.check_suspension();
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON engine.suspension
    FOR EACH STATEMENT EXECUTE FUNCTION engine.refuse_change();
GRANT SELECT, INSERT, UPDATE (resumption_evidence, proposed_at, proposed_by, resumed_at, resumed_by)
    ON engine.suspension TO thuchi_application;
"""


def upgrade() -> None:
    op.execute(_SQL)
