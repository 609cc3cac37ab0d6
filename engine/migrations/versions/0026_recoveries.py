"""Recovery plans (thu hồi): what is owed is withheld from later payments, as two persons decided, in dated steps."""

from alembic import op

revision = "0026_recoveries"
down_revision = "0025_online_orders"

_SQL = """
CREATE TABLE engine.recovery_plan (
    plan_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person_id uuid NOT NULL REFERENCES engine.person,
    starts_month date NOT NULL CHECK (extract(day FROM starts_month) = 1),
    percent integer NOT NULL CHECK (percent BETWEEN 1 AND 100),
    floor_vnd bigint NOT NULL CHECK (floor_vnd > 0),
    months integer CHECK (months > 0),
    evidence text NOT NULL CHECK (evidence <> ''),
    proposed_at timestamptz NOT NULL,
    proposed_by text NOT NULL DEFAULT engine.acting_person(),
    approved_at timestamptz,
    approved_by text,
    ended_at timestamptz,
    ended_by text,
    end_reason text CHECK (end_reason <> ''),
    CONSTRAINT approved_whole CHECK (num_nulls(approved_at, approved_by) IN (0, 2)),
    CONSTRAINT ended_whole CHECK (num_nulls(ended_at, ended_by, end_reason) IN (0, 3)),
    CONSTRAINT approved_by_another CHECK (approved_by <> proposed_by)
);
CREATE UNIQUE INDEX one_running_plan_for_a_person ON engine.recovery_plan (person_id)
    WHERE approved_at IS NOT NULL AND ended_at IS NULL;

CREATE FUNCTION engine.check_recovery_plan() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.ended_at IS NOT NULL OR OLD.approved_at IS NOT NULL
            AND (NEW.approved_at, NEW.approved_by) IS DISTINCT FROM (OLD.approved_at, OLD.approved_by) THEN
        RAISE EXCEPTION 'recovery plan %: a decision stands as it was made', OLD.plan_no
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF OLD.approved_by IS NULL AND NEW.approved_by IS NOT NULL AND (NEW.approved_by <> engine.acting_person()
            OR NOT EXISTS (SELECT FROM engine.staff s WHERE s.person = NEW.approved_by AND s.active
                AND s.role IN ('approver', 'authoriser'))) THEN
        RAISE EXCEPTION 'recovery plan %: approved by an approver or authoriser in person', OLD.plan_no
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER check_recovery_plan BEFORE UPDATE ON engine.recovery_plan
    FOR EACH ROW EXECUTE FUNCTION engine.check_recovery_plan();
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON engine.recovery_plan
    FOR EACH STATEMENT EXECUTE FUNCTION engine.refuse_change();
GRANT SELECT, INSERT, UPDATE (approved_at, approved_by, ended_at, ended_by, end_reason) ON engine.recovery_plan
    TO thuchi_application;

CREATE TABLE engine.deduction (
    payment_id uuid PRIMARY KEY REFERENCES engine.payment DEFERRABLE INITIALLY DEFERRED,
    plan_no bigint NOT NULL REFERENCES engine.recovery_plan,
    amount_vnd bigint NOT NULL CHECK (amount_vnd > 0)
);
CREATE INDEX ON engine.deduction (plan_no);

CREATE TABLE engine.deduction_posting (
    posting_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    payment_id uuid NOT NULL REFERENCES engine.deduction,
    amount_vnd bigint NOT NULL CHECK (amount_vnd <> 0),
    posted_at timestamptz NOT NULL
);
CREATE INDEX ON engine.deduction_posting (payment_id);

-- A deduction leaves what the plan leaves: neither more than its share of the gross, nor less than the floor.
CREATE FUNCTION engine.check_deduction() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM engine.payment p JOIN engine.recovery_plan r ON r.plan_no = NEW.plan_no
        WHERE p.payment_id = NEW.payment_id AND (p.person_id IS DISTINCT FROM r.person_id OR r.approved_at IS NULL
            OR p.amount_vnd < r.floor_vnd OR NEW.amount_vnd * 100 > (p.amount_vnd + NEW.amount_vnd) * r.percent))
    THEN
        RAISE EXCEPTION 'a deduction is not what its recovery plan allows'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER check_deduction AFTER INSERT ON engine.deduction DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION engine.check_deduction();

GRANT SELECT, INSERT ON engine.deduction, engine.deduction_posting TO thuchi_application;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON engine.deduction
    FOR EACH STATEMENT EXECUTE FUNCTION engine.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON engine.deduction_posting
    FOR EACH STATEMENT EXECUTE FUNCTION engine.refuse_change();
"""


def upgrade() -> None:
    op.execute(_SQL)
