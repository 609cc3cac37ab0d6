"""Re-issue of payments that failed or came back, the cancelling of runs, what was paid after a death, and the most a
gateway may send in a day.

What the database itself refuses: a re-issue of another award, month, payee or amount, and one of a payment that may
still have been paid.
"""

from alembic import op

revision = "0010_followed_payments"
down_revision = "0009_ended_sessions"

_SQL = """
ALTER TABLE engine.payment ADD COLUMN reissued_by uuid UNIQUE
    REFERENCES engine.payment DEFERRABLE INITIALLY DEFERRED;
COMMENT ON COLUMN engine.payment.reissued_by IS
    'the payment that pays it again, to a corrected account or after the money came back';
GRANT UPDATE (reissued_by) ON engine.payment TO thuchi_application;

DROP INDEX engine.one_live_payment_per_award_and_month;
CREATE UNIQUE INDEX one_live_payment_per_award_and_month ON engine.payment (award_id, entitled_month)
    WHERE state <> 'cancelled' AND reissued_by IS NULL;

-- What failed is taken back when its re-issue is approved; so it is counted once.
-- What came back and is owed to nobody, since the payee had died, is taken back as well.
INSERT INTO engine.payment_transition VALUES ('failed', 'cancelled'), ('returned', 'cancelled');

CREATE TABLE engine.overpayment (
    payment_id uuid PRIMARY KEY REFERENCES engine.payment,
    reason text NOT NULL CHECK (reason IN ('payee_had_died')),
    amount_vnd bigint NOT NULL CHECK (amount_vnd > 0),
    found_at timestamptz NOT NULL
);
GRANT SELECT, INSERT ON engine.overpayment TO thuchi_application;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON engine.overpayment
    FOR EACH STATEMENT EXECUTE FUNCTION engine.refuse_change();

CREATE FUNCTION engine.check_reissue() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    again engine.payment;
BEGIN
    SELECT * INTO again FROM engine.payment p WHERE p.payment_id = NEW.reissued_by;
    IF NEW.state NOT IN ('returned', 'failed') AND NOT (NEW.state = 'cancelled' AND OLD.reissued_by IS NOT NULL) THEN
        RAISE EXCEPTION 'payment %: % cannot be re-issued', NEW.reference, NEW.state
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF (again.award_id, again.entitled_month, again.person_id, again.benefit, again.fund, again.amount_vnd)
            IS DISTINCT FROM (NEW.award_id, NEW.entitled_month, NEW.person_id, NEW.benefit, NEW.fund, NEW.amount_vnd)
    THEN
        RAISE EXCEPTION 'payment %: its re-issue pays something else', NEW.reference
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF EXISTS (SELECT FROM engine.attempt t WHERE t.payment_id = NEW.payment_id
            AND t.state NOT IN ('failed', 'returned')) THEN
        RAISE EXCEPTION 'payment %: an attempt of it is not final', NEW.reference
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
-- At the end of the transaction, since the payment is named before it is written.
CREATE CONSTRAINT TRIGGER check_reissue AFTER UPDATE OF reissued_by ON engine.payment DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.reissued_by IS NOT NULL) EXECUTE FUNCTION engine.check_reissue();

ALTER TABLE engine.payment_run DROP CONSTRAINT payment_run_state_check;
ALTER TABLE engine.payment_run ADD CONSTRAINT payment_run_state_check
    CHECK (state IN ('planned', 'submitted', 'approved', 'stopped', 'cancelled'));

ALTER TABLE engine.gateway ADD COLUMN daily_cap_vnd bigint CHECK (daily_cap_vnd >= 0);
COMMENT ON COLUMN engine.gateway.daily_cap_vnd IS 'the most that is sent for one day of execution; no bound if null';
GRANT UPDATE (daily_cap_vnd) ON engine.gateway TO thuchi_application;
"""


def upgrade() -> None:
    op.execute(_SQL)
