"""Refunds of contributions, paid by the ordinary payment path: a payment pays an award, or a refund.

The account that a refund goes to is nobody's payout account: it belongs to no person.
"""

from alembic import op

revision = "0019_refunds"
down_revision = "0018_corrections"

_SQL = """
ALTER TABLE engine.payout_account ALTER COLUMN person_id DROP NOT NULL;

CREATE TABLE engine.refund (
    refund_id uuid PRIMARY KEY DEFAULT uuidv7(),
    refund_no bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    employer_id uuid REFERENCES engine.employer,
    item_id bigint REFERENCES reconciliation.suspense,
    amount_vnd bigint NOT NULL CHECK (amount_vnd > 0),
    reason text NOT NULL CHECK (reason <> ''),
    payout_account_id uuid NOT NULL REFERENCES engine.payout_account,
    source_account text NOT NULL,
    requested_at timestamptz NOT NULL,
    requested_by text NOT NULL DEFAULT engine.acting_person(),
    CHECK ((employer_id IS NULL) = (item_id IS NOT NULL))
);
CREATE INDEX ON engine.refund (employer_id);
CREATE INDEX ON engine.refund (item_id) WHERE item_id IS NOT NULL;

CREATE TABLE engine.refund_part (
    refund_id uuid NOT NULL REFERENCES engine.refund,
    receipt_id uuid NOT NULL REFERENCES engine.receipt,
    amount_vnd bigint NOT NULL CHECK (amount_vnd > 0),
    PRIMARY KEY (refund_id, receipt_id)
);
CREATE INDEX ON engine.refund_part (receipt_id);

ALTER TABLE engine.payment
    ALTER COLUMN award_id DROP NOT NULL,
    ALTER COLUMN person_id DROP NOT NULL,
    ADD COLUMN refund_id uuid REFERENCES engine.refund,
    ADD CONSTRAINT pays_an_award_or_a_refund CHECK (
        (refund_id IS NULL) = (award_id IS NOT NULL) AND (award_id IS NULL) = (person_id IS NULL));
CREATE UNIQUE INDEX one_live_payment_per_refund ON engine.payment (refund_id)
    WHERE refund_id IS NOT NULL AND state <> 'cancelled';

-- A refund stands until its payment is cancelled.
CREATE FUNCTION engine.refund_stands(refund uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT NOT EXISTS (SELECT FROM engine.payment p WHERE p.refund_id = refund AND p.state = 'cancelled')
        OR EXISTS (SELECT FROM engine.payment p WHERE p.refund_id = refund AND p.state <> 'cancelled')
$$;

GRANT SELECT, INSERT ON engine.refund, engine.refund_part TO thuchi_application;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON engine.refund
    FOR EACH STATEMENT EXECUTE FUNCTION engine.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON engine.refund_part
    FOR EACH STATEMENT EXECUTE FUNCTION engine.refuse_change();
"""


def upgrade() -> None:
    op.execute(_SQL)
