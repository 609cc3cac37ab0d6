"""Repayments (nộp lại): money on a statement that pays back what was recoverable, as two persons decided."""

from alembic import op

revision = "0046_repayments"
down_revision = "0045_paying_offices"

_SQL = """
CREATE TABLE engine.repayment (
    repayment_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    award_id uuid NOT NULL REFERENCES engine.award,
    break_id bigint NOT NULL REFERENCES reconciliation.break,
    amount_vnd bigint NOT NULL CHECK (amount_vnd > 0),
    evidence text NOT NULL CHECK (evidence <> ''),
    proposed_at timestamptz NOT NULL,
    proposed_by text NOT NULL DEFAULT engine.acting_person(),
    approved_at timestamptz,
    approved_by text,
    booked_on date,
    entry_id bigint,
    ended_at timestamptz,
    ended_by text,
    end_reason text CHECK (end_reason <> ''),
    CONSTRAINT approved_whole CHECK (num_nulls(approved_at, approved_by) IN (0, 2)),
    CONSTRAINT booked_whole CHECK (num_nulls(approved_at, booked_on, entry_id) IN (0, 3)),
    CONSTRAINT ended_whole CHECK (num_nulls(ended_at, ended_by, end_reason) IN (0, 3)),
    CONSTRAINT approved_by_another CHECK (approved_by <> proposed_by)
);
COMMENT ON COLUMN engine.repayment.ended_at IS 'refused, or after approval taken back with its match';
CREATE UNIQUE INDEX one_repayment_of_a_line ON engine.repayment (break_id) WHERE ended_at IS NULL;
CREATE INDEX ON engine.repayment (award_id);

CREATE FUNCTION engine.check_repayment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.ended_at IS NOT NULL OR OLD.approved_at IS NOT NULL
            AND (NEW.approved_at, NEW.approved_by, NEW.booked_on, NEW.entry_id)
                IS DISTINCT FROM (OLD.approved_at, OLD.approved_by, OLD.booked_on, OLD.entry_id) THEN
        RAISE EXCEPTION 'repayment %: a decision stands as it was made', OLD.repayment_no
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF OLD.approved_by IS NULL AND NEW.approved_by IS NOT NULL AND (NEW.approved_by <> engine.acting_person()
            OR NOT EXISTS (SELECT FROM engine.staff s WHERE s.person = NEW.approved_by AND s.active
                AND s.role IN ('approver', 'authoriser'))) THEN
        RAISE EXCEPTION 'repayment %: approved by an approver or authoriser in person', OLD.repayment_no
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER check_repayment BEFORE UPDATE ON engine.repayment
    FOR EACH ROW EXECUTE FUNCTION engine.check_repayment();
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON engine.repayment
    FOR EACH STATEMENT EXECUTE FUNCTION engine.refuse_change();
GRANT SELECT, INSERT, UPDATE (approved_at, approved_by, booked_on, entry_id, ended_at, ended_by, end_reason)
    ON engine.repayment TO thuchi_application;
"""


def upgrade() -> None:
    op.execute(_SQL)
