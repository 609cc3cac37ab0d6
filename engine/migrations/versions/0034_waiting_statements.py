"""A statement before which something is missing is set aside, and taken up when its turn has come.

Until now its lines were entries at once, so what was new of it, and which of two lines that compete for one payment was
matched, hung on the order in which the files came. An installation in which statements wait cannot be upgraded: the
missing ones have to come first, or two persons close the gap.
"""

from alembic import op

revision = "0034_waiting_statements"
down_revision = "0033_failing_messages"

_SQL = """
DO $$ BEGIN
    IF EXISTS (SELECT FROM reconciliation.statement WHERE state = 'waiting') THEN
        RAISE EXCEPTION 'statements wait for missing ones: import those, or close the gaps, then upgrade';
    END IF;
END $$;

ALTER TABLE reconciliation.own_account ADD COLUMN opening_vnd bigint;

ALTER TABLE reconciliation.statement
    ADD COLUMN accepted_no integer,
    ADD COLUMN matched_run_id bigint REFERENCES reconciliation.matching_run;
UPDATE reconciliation.statement s SET accepted_no = chain.no, matched_run_id = chain.run_id
FROM (
    SELECT statement_id, row_number() OVER (
        PARTITION BY own_account_id
        ORDER BY to_on, coalesce(nullif(sequence, 0), 2147483647), coalesce(page, 0), statement_id
    ) AS no, (SELECT max(r.run_id) FROM reconciliation.matching_run r WHERE r.file_id = f.file_id) AS run_id
    FROM reconciliation.statement f
) chain
WHERE chain.statement_id = s.statement_id;
ALTER TABLE reconciliation.statement
    DROP CONSTRAINT statement_state_check,
    ADD CHECK (state IN ('accepted', 'repeated', 'waiting')),
    ADD CHECK ((state = 'accepted') = (accepted_no IS NOT NULL)),
    ADD CHECK (matched_run_id IS NULL OR state = 'accepted'),
    ADD UNIQUE (own_account_id, accepted_no);
CREATE INDEX statement_unmatched ON reconciliation.statement (own_account_id)
    WHERE state <> 'repeated' AND matched_run_id IS NULL;
GRANT UPDATE (repeated_vnd, accepted_no, matched_run_id) ON reconciliation.statement TO thuchi_application;

CREATE TABLE reconciliation.waiting_line (
    statement_no bigint NOT NULL REFERENCES reconciliation.statement,
    entry_no integer NOT NULL,
    detail_no integer NOT NULL,
    is_item boolean,
    sign text,
    amount_vnd bigint,
    booked_on date,
    value_on date,
    bank_reference text,
    entry_reference text,
    payment_info_id text,
    message_id text,
    transaction_code text,
    reversal boolean,
    batch_count integer,
    place text,
    text_ciphertext bytea,
    end_to_end_id text,
    instruction_id text,
    found_references text[],
    returned boolean,
    return_reason text,
    counterparty bytea,
    virtual_account bytea,
    found_units text[],
    PRIMARY KEY (statement_no, entry_no, detail_no)
);
GRANT SELECT, INSERT, DELETE ON reconciliation.waiting_line TO thuchi_application;
"""


def upgrade() -> None:
    op.execute(_SQL)
