"""Own accounts, what is expected on them, statements as the bank told them, matches and breaks.

What the database itself refuses: a second booking of one entry, two open expectations of one reference, a match whose
account, sign or amount differs, an item used twice or in part, a second match of a fixed expectation, a second return.
"""

from alembic import op

revision = "0004_reconciliation"
down_revision = "0003_people_and_awards"

_SQL = """
CREATE TABLE reconciliation.own_account (
    own_account_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    fingerprint bytea NOT NULL UNIQUE,
    currency text NOT NULL DEFAULT 'VND' CHECK (currency = 'VND'),
    ledger_account text NOT NULL UNIQUE
);

CREATE TABLE reconciliation.expectation (
    expectation_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    own_account_id integer NOT NULL REFERENCES reconciliation.own_account,
    sign text NOT NULL CHECK (sign IN ('credit', 'debit')),
    reference text NOT NULL CHECK (reference <> ''),
    batch_reference text CHECK (batch_reference <> ''),
    amount_vnd bigint CHECK (amount_vnd > 0),
    due_on date NOT NULL,
    kind text NOT NULL,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'matched', 'withdrawn')),
    CONSTRAINT only_receipts_have_an_open_amount CHECK (amount_vnd IS NOT NULL OR sign = 'credit')
);
CREATE UNIQUE INDEX expectation_open_once ON reconciliation.expectation (reference, own_account_id, sign)
    WHERE state = 'open';
CREATE INDEX expectation_by_reference ON reconciliation.expectation (reference);
CREATE INDEX expectation_by_batch ON reconciliation.expectation (batch_reference) WHERE batch_reference IS NOT NULL;
CREATE INDEX expectation_open_by_due ON reconciliation.expectation (due_on) WHERE state = 'open';

CREATE TABLE reconciliation.statement_file (
    file_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sha256 bytea NOT NULL UNIQUE CHECK (length(sha256) = 32),
    file_name text NOT NULL,
    format text NOT NULL,
    recorded_at timestamptz NOT NULL
);

CREATE TABLE reconciliation.statement (
    statement_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    file_id integer NOT NULL REFERENCES reconciliation.statement_file,
    own_account_id integer NOT NULL REFERENCES reconciliation.own_account,
    bank_id text,
    sequence integer,
    page integer,
    from_on date NOT NULL,
    to_on date NOT NULL,
    opening_vnd bigint NOT NULL,
    closing_vnd bigint NOT NULL,
    repeated_vnd bigint NOT NULL,
    state text NOT NULL CHECK (state IN ('accepted', 'waiting')),
    CHECK (from_on <= to_on)
);
CREATE INDEX statement_by_file ON reconciliation.statement (file_id);
CREATE INDEX statement_by_account ON reconciliation.statement (own_account_id, to_on);

CREATE TABLE reconciliation.statement_entry (
    statement_id bigint NOT NULL REFERENCES reconciliation.statement,
    entry_no integer NOT NULL,
    own_account_id integer NOT NULL,
    sign text NOT NULL CHECK (sign IN ('credit', 'debit')),
    amount_vnd bigint NOT NULL CHECK (amount_vnd >= 0),
    booked_on date NOT NULL,
    value_on date,
    bank_reference text,
    occurrence integer NOT NULL CHECK (occurrence > 0),
    entry_reference text,
    payment_info_id text,
    message_id text,
    transaction_code text,
    reversal boolean NOT NULL,
    batch_count integer,
    place text NOT NULL,
    text_ciphertext bytea,
    PRIMARY KEY (statement_id, entry_no)
);
CREATE UNIQUE INDEX statement_entry_once ON reconciliation.statement_entry
    (own_account_id, booked_on, bank_reference, sign, amount_vnd, occurrence) NULLS NOT DISTINCT;

CREATE TABLE reconciliation.statement_item (
    item_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    statement_id bigint NOT NULL,
    entry_no integer NOT NULL,
    detail_no integer NOT NULL CHECK (detail_no >= 0),
    sign text NOT NULL CHECK (sign IN ('credit', 'debit')),
    amount_vnd bigint NOT NULL CHECK (amount_vnd > 0),
    end_to_end_id text,
    instruction_id text,
    found_references text[] NOT NULL,
    returned boolean NOT NULL,
    return_reason text,
    text_ciphertext bytea,
    UNIQUE (statement_id, entry_no, detail_no),
    FOREIGN KEY (statement_id, entry_no) REFERENCES reconciliation.statement_entry
);

CREATE TABLE reconciliation.match (
    match_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    item_id bigint NOT NULL REFERENCES reconciliation.statement_item,
    expectation_id bigint NOT NULL REFERENCES reconciliation.expectation,
    amount_vnd bigint NOT NULL CHECK (amount_vnd > 0),
    open_amount boolean NOT NULL,
    rule text NOT NULL CHECK (rule IN ('echo', 'code', 'batch', 'return')),
    rank smallint NOT NULL,
    evidence jsonb NOT NULL,
    matched_at timestamptz NOT NULL,
    file_id integer REFERENCES reconciliation.statement_file,
    returns_match_id bigint REFERENCES reconciliation.match,
    undone_at timestamptz,
    undone_reason text,
    CHECK ((rule = 'return') = (returns_match_id IS NOT NULL)),
    CHECK ((undone_at IS NULL) = (undone_reason IS NULL))
);
CREATE UNIQUE INDEX match_item_once ON reconciliation.match (item_id)
    WHERE undone_at IS NULL AND rule <> 'batch';
CREATE UNIQUE INDEX match_expectation_once ON reconciliation.match (expectation_id)
    WHERE undone_at IS NULL AND returns_match_id IS NULL AND NOT open_amount;
CREATE UNIQUE INDEX match_returned_once ON reconciliation.match (returns_match_id)
    WHERE undone_at IS NULL AND returns_match_id IS NOT NULL;
CREATE INDEX match_by_item ON reconciliation.match (item_id);
CREATE INDEX match_by_expectation ON reconciliation.match (expectation_id);
CREATE INDEX match_by_file ON reconciliation.match (file_id);

CREATE TABLE reconciliation.break (
    break_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    class text NOT NULL CHECK (class IN (
        'unknown_to_us', 'amount_differs', 'account_differs', 'sign_differs', 'duplicate_at_bank',
        'no_longer_expected', 'ambiguous', 'returned', 'undone', 'statement_gap')),
    item_id bigint REFERENCES reconciliation.statement_item,
    expectation_id bigint REFERENCES reconciliation.expectation,
    statement_id bigint REFERENCES reconciliation.statement,
    detail jsonb NOT NULL,
    opened_on date NOT NULL,
    closed_on date,
    reason text,
    CHECK ((item_id IS NULL) = (class = 'statement_gap')),
    CHECK ((statement_id IS NULL) = (class <> 'statement_gap')),
    CHECK ((closed_on IS NULL) = (reason IS NULL)),
    CHECK (closed_on >= opened_on)
);
CREATE UNIQUE INDEX break_open_once_per_item ON reconciliation.break (item_id) WHERE closed_on IS NULL;
CREATE UNIQUE INDEX break_open_once_per_statement ON reconciliation.break (statement_id) WHERE closed_on IS NULL;
CREATE INDEX break_by_item ON reconciliation.break (item_id);

CREATE FUNCTION reconciliation.check_matches() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong bigint;
BEGIN
    SELECT n.match_id INTO wrong
    FROM new_match n
    JOIN reconciliation.statement_item i ON i.item_id = n.item_id
    JOIN reconciliation.statement s ON s.statement_id = i.statement_id
    JOIN reconciliation.expectation x ON x.expectation_id = n.expectation_id
    LEFT JOIN reconciliation.match original ON original.match_id = n.returns_match_id
    WHERE x.own_account_id <> s.own_account_id
        OR (x.sign = i.sign) <> (n.returns_match_id IS NULL)
        OR x.amount_vnd <> n.amount_vnd
        OR n.open_amount <> (x.amount_vnd IS NULL)
        OR original.expectation_id <> n.expectation_id
        OR original.amount_vnd <> n.amount_vnd
        OR original.undone_at IS NOT NULL
        OR original.returns_match_id IS NOT NULL
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'match %: account, sign or amount is not what was expected', wrong
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    SELECT used.item_id INTO wrong
    FROM (
        SELECT m.item_id, sum(m.amount_vnd) AS amount_vnd
        FROM reconciliation.match m
        WHERE m.undone_at IS NULL AND m.item_id IN (SELECT n.item_id FROM new_match n)
        GROUP BY m.item_id
    ) used
    JOIN reconciliation.statement_item i ON i.item_id = used.item_id
    WHERE used.amount_vnd <> i.amount_vnd
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'item % must be matched once and whole', wrong USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER check_matches AFTER INSERT ON reconciliation.match
    REFERENCING NEW TABLE AS new_match FOR EACH STATEMENT EXECUTE FUNCTION reconciliation.check_matches();

CREATE VIEW reconciliation.matched_item AS
SELECT
    m.file_id, m.match_id, m.item_id, x.reference, m.amount_vnd, i.sign, x.kind, m.rule,
    m.returns_match_id IS NOT NULL AS returned, e.booked_on, s.own_account_id, a.ledger_account, i.return_reason,
    s.statement_id, concat_ws(' ', 'ST' || s.statement_id, s.bank_id) AS document
FROM reconciliation.match m
JOIN reconciliation.expectation x ON x.expectation_id = m.expectation_id
JOIN reconciliation.statement_item i ON i.item_id = m.item_id
JOIN reconciliation.statement_entry e ON e.statement_id = i.statement_id AND e.entry_no = i.entry_no
JOIN reconciliation.statement s ON s.statement_id = i.statement_id
JOIN reconciliation.own_account a ON a.own_account_id = s.own_account_id
WHERE m.undone_at IS NULL;

GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA reconciliation TO thuchi_application;
REVOKE INSERT ON reconciliation.matched_item FROM thuchi_application;
GRANT UPDATE (state) ON reconciliation.expectation TO thuchi_application;
GRANT UPDATE (state) ON reconciliation.statement TO thuchi_application;
GRANT UPDATE (file_id, undone_at, undone_reason) ON reconciliation.match TO thuchi_application;
GRANT UPDATE (closed_on, reason) ON reconciliation.break TO thuchi_application;

DO $$
DECLARE kept text;
BEGIN
    FOREACH kept IN ARRAY ARRAY['own_account', 'statement_file', 'statement_entry', 'statement_item'] LOOP
        EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON reconciliation.%I '
            'FOR EACH STATEMENT EXECUTE FUNCTION engine.refuse_change()', kept);
    END LOOP;
    FOREACH kept IN ARRAY ARRAY['expectation', 'statement', 'match', 'break'] LOOP
        EXECUTE format('CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON reconciliation.%I '
            'FOR EACH STATEMENT EXECUTE FUNCTION engine.refuse_change()', kept);
    END LOOP;
END $$;
"""


def upgrade() -> None:
    op.execute(_SQL)
