"""The rest of the matching ladder: virtual accounts, unit codes, accounts of payers and payees, splits, merges, fees;
and what two people decide together about a break.

What the database itself refuses: a split that is not the whole of its expectation, a decision by one person alone.
"""

from alembic import op

revision = "0014_matching_ladder"
down_revision = "0013_audit_seals"

_SQL = """
ALTER TABLE reconciliation.expectation
    ADD COLUMN party text CHECK (party <> ''),
    ADD COLUMN counterparty bytea,
    ADD COLUMN until_on date CHECK (until_on >= due_on);
CREATE INDEX expectation_by_party ON reconciliation.expectation (party) WHERE party IS NOT NULL AND state = 'open';
CREATE INDEX expectation_by_counterparty ON reconciliation.expectation (counterparty)
    WHERE counterparty IS NOT NULL AND state = 'open';
UPDATE reconciliation.expectation x SET party = e.unit_code
FROM engine.notice n JOIN engine.employer e USING (employer_id)
WHERE n.payment_code = x.reference AND x.kind = 'contribution';

CREATE TABLE reconciliation.party_alias (
    alias_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    party text NOT NULL CHECK (party <> ''),
    kind text NOT NULL CHECK (kind IN ('virtual_account', 'payer_account', 'agency')),
    value text NOT NULL CHECK (value <> ''),
    opened_on date NOT NULL,
    closed_on date CHECK (closed_on >= opened_on),
    UNIQUE (party, kind, value)
);
CREATE UNIQUE INDEX virtual_account_of_one_party ON reconciliation.party_alias (value)
    WHERE kind = 'virtual_account' AND closed_on IS NULL;

ALTER TABLE reconciliation.statement_item
    ADD COLUMN counterparty bytea,
    ADD COLUMN virtual_account bytea,
    ADD COLUMN found_units text[] NOT NULL DEFAULT '{}';
ALTER TABLE reconciliation.statement_item ALTER COLUMN found_units DROP DEFAULT;

CREATE TABLE reconciliation.decision (
    decision_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('force', 'write_off', 'close_gap', 'undo')),
    break_id bigint REFERENCES reconciliation.break,
    match_id bigint REFERENCES reconciliation.match,
    expectation_id bigint REFERENCES reconciliation.expectation,
    amount_vnd bigint NOT NULL CHECK (amount_vnd >= 0),
    reason text NOT NULL CHECK (reason <> ''),
    prepared_by text NOT NULL DEFAULT engine.acting_person(),
    prepared_at timestamptz NOT NULL,
    approved_by text,
    approved_at timestamptz,
    CHECK (approved_by <> prepared_by),
    CHECK ((approved_by IS NULL) = (approved_at IS NULL)),
    CHECK ((break_id IS NULL) = (kind = 'undo')),
    CHECK ((match_id IS NOT NULL) = (kind = 'undo')),
    CHECK ((expectation_id IS NOT NULL) = (kind = 'force'))
);
CREATE INDEX decision_by_break ON reconciliation.decision (break_id);
CREATE INDEX decision_by_match ON reconciliation.decision (match_id);

ALTER TABLE reconciliation.statement ADD COLUMN gap_decision_id bigint REFERENCES reconciliation.decision;

ALTER TABLE reconciliation.match ADD COLUMN decision_id bigint REFERENCES reconciliation.decision;
ALTER TABLE reconciliation.match DROP CONSTRAINT match_rule_check;
ALTER TABLE reconciliation.match ADD CONSTRAINT match_rule_check CHECK (rule IN (
    'echo', 'code', 'batch', 'merge', 'split', 'return', 'virtual_account', 'unit', 'counterparty', 'fee', 'forced'));
ALTER TABLE reconciliation.match ADD CONSTRAINT forced_by_a_decision
    CHECK ((rule = 'forced') = (decision_id IS NOT NULL));
DROP INDEX reconciliation.match_item_once;
CREATE UNIQUE INDEX match_item_once ON reconciliation.match (item_id)
    WHERE undone_at IS NULL AND rule NOT IN ('batch', 'merge');
DROP INDEX reconciliation.match_expectation_once;
CREATE UNIQUE INDEX match_expectation_once ON reconciliation.match (expectation_id)
    WHERE undone_at IS NULL AND returns_match_id IS NULL AND NOT open_amount AND rule <> 'split';

CREATE OR REPLACE FUNCTION reconciliation.check_matches() RETURNS trigger LANGUAGE plpgsql AS $$
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
        OR (x.amount_vnd <> n.amount_vnd AND n.rule <> 'split')
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
    IF EXISTS (SELECT FROM new_match n WHERE n.rule = 'split') THEN
        SELECT used.expectation_id INTO wrong
        FROM (
            SELECT m.expectation_id, sum(m.amount_vnd) AS amount_vnd
            FROM reconciliation.match m
            WHERE m.undone_at IS NULL AND m.returns_match_id IS NULL
                AND m.expectation_id IN (SELECT n.expectation_id FROM new_match n WHERE n.rule = 'split')
            GROUP BY m.expectation_id
        ) used
        JOIN reconciliation.expectation x ON x.expectation_id = used.expectation_id
        WHERE used.amount_vnd <> x.amount_vnd
        LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'expectation % must be met once and whole', wrong
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
    END IF;
    RETURN NULL;
END $$;

-- A match that was found wrong is undone: what it settled is on its way again, what it returned has arrived again.
INSERT INTO engine.payment_transition VALUES ('settled', 'in_transit'), ('returned', 'settled');

GRANT SELECT, INSERT ON reconciliation.party_alias, reconciliation.decision TO thuchi_application;
GRANT UPDATE (closed_on) ON reconciliation.party_alias TO thuchi_application;
GRANT UPDATE (approved_by, approved_at) ON reconciliation.decision TO thuchi_application;
GRANT UPDATE (gap_decision_id) ON reconciliation.statement TO thuchi_application;
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON reconciliation.party_alias
    FOR EACH STATEMENT EXECUTE FUNCTION engine.refuse_change();
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON reconciliation.decision
    FOR EACH STATEMENT EXECUTE FUNCTION engine.refuse_change();
"""


def upgrade() -> None:
    op.execute(_SQL)
