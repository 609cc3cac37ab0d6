"""Amounts that change for months already paid: differences are paid as further parts, or are recoverable.

An amount names the unconfirmed legal values it rests on by itself, since it may be younger than its award.
"""

from alembic import op

revision = "0011_corrected_amounts"
down_revision = "0010_followed_payments"

_SQL = """
ALTER TABLE engine.award_amount ADD COLUMN unconfirmed text[] NOT NULL DEFAULT '{}';

ALTER TABLE engine.payment ADD COLUMN part smallint NOT NULL DEFAULT 1 CHECK (part > 0);
COMMENT ON COLUMN engine.payment.part IS 'of a month paid in parts: 1 the amount first planned, then back pay';
DROP INDEX engine.one_live_payment_per_award_and_month;
CREATE UNIQUE INDEX one_live_payment_per_award_month_and_part ON engine.payment (award_id, entitled_month, part)
    WHERE state <> 'cancelled' AND reissued_by IS NULL;

CREATE OR REPLACE FUNCTION engine.check_reissue() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    again engine.payment;
BEGIN
    SELECT * INTO again FROM engine.payment p WHERE p.payment_id = NEW.reissued_by;
    IF NEW.state NOT IN ('returned', 'failed') THEN
        RAISE EXCEPTION 'payment %: % cannot be re-issued', NEW.reference, NEW.state
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF (again.award_id, again.entitled_month, again.part, again.person_id, again.benefit, again.fund, again.amount_vnd)
            IS DISTINCT FROM
            (NEW.award_id, NEW.entitled_month, NEW.part, NEW.person_id, NEW.benefit, NEW.fund, NEW.amount_vnd)
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

ALTER TABLE engine.overpayment DROP CONSTRAINT overpayment_pkey, DROP CONSTRAINT overpayment_reason_check;
ALTER TABLE engine.overpayment
    ADD COLUMN overpayment_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ADD CONSTRAINT overpayment_reason_check CHECK (reason IN ('payee_had_died', 'amount_lowered'));
CREATE INDEX overpayment_by_payment ON engine.overpayment (payment_id);

-- No more can be recoverable of a payment than was paid.
CREATE FUNCTION engine.check_overpayment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM found f JOIN engine.payment p USING (payment_id) WHERE p.amount_vnd <
            (SELECT sum(v.amount_vnd) FROM engine.overpayment v WHERE v.payment_id = f.payment_id)) THEN
        RAISE EXCEPTION 'more is recoverable than was paid' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER check_overpayment AFTER INSERT ON engine.overpayment REFERENCING NEW TABLE AS found
    FOR EACH STATEMENT EXECUTE FUNCTION engine.check_overpayment();
"""


def upgrade() -> None:
    op.execute(_SQL)
