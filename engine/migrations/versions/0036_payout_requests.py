"""Requests about where a beneficiary is paid: asked for by one person, decided by another, and taken back by anybody.

The account of somebody else stands on such a request: a proxy's as long as the power of attorney holds, a guardian's.
"""

from alembic import op

revision = "0036_payout_requests"
down_revision = "0035_own_transfers"

_SQL = """
CREATE TABLE engine.payout_request (
    request_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person_id uuid NOT NULL REFERENCES engine.person,
    receiver text NOT NULL CHECK (receiver IN ('beneficiary', 'proxy', 'guardian')),
    receiver_id_ciphertext bytea,
    receiver_id_fingerprint bytea,
    bank_bin text NOT NULL CHECK (bank_bin ~ '^[0-9]{6}$'),
    account_ciphertext bytea NOT NULL,
    account_fingerprint bytea NOT NULL,
    holder_name text NOT NULL CHECK (holder_name <> ''),
    evidence text NOT NULL CHECK (evidence <> ''),
    valid_from date NOT NULL,
    valid_until date CHECK (valid_until >= valid_from),
    requested_at timestamptz NOT NULL,
    requested_by text NOT NULL DEFAULT engine.acting_person(),
    decision text CHECK (decision IN ('approved', 'refused')),
    decision_reason text CHECK (decision_reason <> ''),
    decided_at timestamptz,
    decided_by text,
    revoked_at timestamptz,
    revoked_by text,
    revoked_for text CHECK (revoked_for <> ''),
    CONSTRAINT receiver_named CHECK (
        (receiver = 'beneficiary') = (receiver_id_ciphertext IS NULL)
        AND (receiver_id_ciphertext IS NULL) = (receiver_id_fingerprint IS NULL)),
    CONSTRAINT power_of_attorney_ends CHECK (receiver <> 'proxy' OR valid_until IS NOT NULL),
    CONSTRAINT decided_whole CHECK (num_nulls(decision, decided_at, decided_by) IN (0, 3)),
    CONSTRAINT refused_for_a_reason CHECK (decision <> 'refused' OR decision_reason IS NOT NULL),
    CONSTRAINT approved_by_another CHECK (decision <> 'approved' OR decided_by <> requested_by),
    CONSTRAINT revoked_whole CHECK (num_nulls(revoked_at, revoked_by, revoked_for) IN (0, 3)),
    CONSTRAINT revoked_what_was_approved CHECK (revoked_at IS NULL OR decision = 'approved')
);
CREATE UNIQUE INDEX one_open_payout_request ON engine.payout_request (person_id) WHERE decision IS NULL;
CREATE INDEX ON engine.payout_request (receiver_id_fingerprint);

CREATE FUNCTION engine.check_payout_request() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.revoked_at IS NOT NULL OR OLD.decision IS NOT NULL
            AND (NEW.decision, NEW.decided_at, NEW.decided_by) IS DISTINCT FROM
                (OLD.decision, OLD.decided_at, OLD.decided_by) THEN
        RAISE EXCEPTION 'payout request %: a decision stands as it was made', OLD.request_no
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF OLD.decision IS NULL AND NEW.decision = 'approved' AND (NEW.decided_by <> engine.acting_person()
            OR NOT EXISTS (SELECT FROM engine.staff s WHERE s.person = NEW.decided_by AND s.active
                AND s.role IN ('approver', 'authoriser'))) THEN
        RAISE EXCEPTION 'payout request %: approved by an approver or authoriser in person', OLD.request_no
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER check_payout_request BEFORE UPDATE ON engine.payout_request
    FOR EACH ROW EXECUTE FUNCTION engine.check_payout_request();
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON engine.payout_request
    FOR EACH STATEMENT EXECUTE FUNCTION engine.refuse_change();
GRANT SELECT, INSERT, UPDATE (decision, decision_reason, decided_at, decided_by, revoked_at, revoked_by, revoked_for)
    ON engine.payout_request TO thuchi_application;

ALTER TABLE engine.payout_account ADD COLUMN request_no bigint REFERENCES engine.payout_request;
CREATE INDEX ON engine.payout_account (request_no);
"""


def upgrade() -> None:
    op.execute(_SQL)
