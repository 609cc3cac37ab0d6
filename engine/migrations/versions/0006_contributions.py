"""Employers, their staff and declared wages, declarations, dues, notices, receipts and their allocation.

Facts about employers and employment have two times, like those about people. What was declared, assessed, received and
allocated is recorded and never edited: a correction is another row.

The tax code is sealed: that of a household business is the owner's personal id.

A participant is known to the declaration form by the social insurance number alone, so a person may be on the roll
without a personal id, sex or residence until a file that carries them comes.
"""

from alembic import op

revision = "0006_contributions"
down_revision = "0005_payments"

_SQL = """
ALTER TABLE engine.person
    ALTER COLUMN personal_id_ciphertext DROP NOT NULL,
    ALTER COLUMN personal_id_fingerprint DROP NOT NULL,
    ALTER COLUMN sex DROP NOT NULL,
    ALTER COLUMN province DROP NOT NULL,
    ALTER COLUMN area DROP NOT NULL,
    ADD CONSTRAINT sealed_personal_id CHECK ((personal_id_ciphertext IS NULL) = (personal_id_fingerprint IS NULL)),
    ADD CONSTRAINT known_by_a_number CHECK (
        personal_id_fingerprint IS NOT NULL OR insured_number_fingerprint IS NOT NULL
    );

-- A person is still never edited, but what was not known may be filled in, once.
CREATE FUNCTION engine.only_complete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF jsonb_strip_nulls(to_jsonb(OLD)) <> (
        SELECT jsonb_object_agg(key, value) FROM jsonb_each(to_jsonb(NEW)) WHERE to_jsonb(OLD) -> key <> 'null'
    ) THEN
        RAISE EXCEPTION '% is never edited: only what is not known yet may be filled in', TG_TABLE_NAME
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
GRANT UPDATE (personal_id_ciphertext, personal_id_fingerprint, phone_ciphertext, phone_fingerprint, sex, province, area)
    ON engine.person TO thuchi_application;
DROP TRIGGER append_only ON engine.person;
CREATE TRIGGER only_complete BEFORE UPDATE ON engine.person
    FOR EACH ROW EXECUTE FUNCTION engine.only_complete();
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON engine.person
    FOR EACH STATEMENT EXECUTE FUNCTION engine.refuse_change();

CREATE TABLE engine.employer (
    employer_id uuid PRIMARY KEY DEFAULT uuidv7(),
    unit_code text NOT NULL UNIQUE CHECK (unit_code ~ '^[A-Z0-9]{5,9}$' AND unit_code ~ '[A-Z]'),
    registered_at timestamptz NOT NULL
);

CREATE TABLE engine.employer_detail (
    employer_detail_id uuid PRIMARY KEY DEFAULT uuidv7(),
    employer_id uuid NOT NULL REFERENCES engine.employer,
    tax_code_ciphertext bytea NOT NULL,
    tax_code_fingerprint bytea NOT NULL,
    name text NOT NULL CHECK (name <> ''),
    folded_name text NOT NULL CHECK (folded_name <> ''),
    agency_code text NOT NULL CHECK (agency_code ~ '^[0-9]{5}$'),
    region text NOT NULL CHECK (region IN ('I', 'II', 'III', 'IV')),
    cycle_months smallint NOT NULL CHECK (cycle_months IN (1, 3, 6)),
    valid_during daterange NOT NULL CHECK (NOT isempty(valid_during) AND NOT lower_inf(valid_during)),
    recorded_during tstzrange NOT NULL,
    EXCLUDE USING gist (employer_id WITH =, valid_during WITH &&, recorded_during WITH &&)
);

CREATE TABLE engine.collection_account (
    collection_account_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    gateway text NOT NULL REFERENCES engine.gateway,
    bank_bin text NOT NULL CHECK (bank_bin ~ '^[0-9]{6}$'),
    bank_name text NOT NULL CHECK (bank_name <> ''),
    holder_name text NOT NULL CHECK (holder_name <> ''),
    account_ciphertext bytea NOT NULL,
    account_fingerprint bytea NOT NULL UNIQUE,
    own_account_id integer NOT NULL UNIQUE REFERENCES reconciliation.own_account,
    ledger_account text NOT NULL UNIQUE
);

CREATE TABLE engine.declaration (
    declaration_id uuid PRIMARY KEY DEFAULT uuidv7(),
    declaration_no text NOT NULL UNIQUE,
    employer_id uuid NOT NULL REFERENCES engine.employer,
    period date NOT NULL CHECK (extract(day FROM period) = 1),
    number smallint NOT NULL CHECK (number > 0),
    imported_from bytea NOT NULL UNIQUE REFERENCES engine.imported_file,
    content_hash bytea NOT NULL CHECK (length(content_hash) = 32),
    staff integer NOT NULL CHECK (staff > 0),
    due_on date NOT NULL,
    law_version text NOT NULL,
    unconfirmed text[] NOT NULL,
    grounds jsonb NOT NULL,
    findings jsonb NOT NULL,
    accepted_at timestamptz NOT NULL,
    accepted_by text NOT NULL DEFAULT engine.acting_person(),
    UNIQUE (employer_id, period, number)
);
COMMENT ON COLUMN engine.declaration.grounds IS
    'the article, parameters and words of each kind of finding, once; findings refer to them by place';

CREATE TABLE engine.employment (
    employment_id uuid PRIMARY KEY DEFAULT uuidv7(),
    employer_id uuid NOT NULL REFERENCES engine.employer,
    person_id uuid NOT NULL REFERENCES engine.person,
    declaration_id uuid NOT NULL REFERENCES engine.declaration,
    months daterange NOT NULL CHECK (
        NOT isempty(months) AND NOT lower_inf(months) AND NOT upper_inf(months)
        AND extract(day FROM lower(months)) = 1 AND extract(day FROM upper(months)) = 1
    ),
    position text,
    wage_vnd bigint NOT NULL CHECK (wage_vnd > 0),
    unpaid boolean NOT NULL,
    recorded_during tstzrange NOT NULL,
    EXCLUDE USING gist (employer_id WITH =, person_id WITH =, months WITH &&, recorded_during WITH &&)
);
CREATE INDEX ON engine.employment (person_id);
CREATE INDEX ON engine.employment (declaration_id);

CREATE TABLE engine.person_dues (
    declaration_id uuid NOT NULL REFERENCES engine.declaration,
    person_id uuid NOT NULL REFERENCES engine.person,
    base_vnd bigint NOT NULL CHECK (base_vnd >= 0),
    employee_vnd bigint NOT NULL CHECK (employee_vnd >= 0),
    employer_vnd bigint NOT NULL CHECK (employer_vnd >= 0),
    shares jsonb NOT NULL,
    findings jsonb NOT NULL,
    PRIMARY KEY (declaration_id, person_id)
);
CREATE INDEX ON engine.person_dues (person_id);

CREATE TABLE engine.dues (
    declaration_id uuid NOT NULL REFERENCES engine.declaration,
    fund text NOT NULL CHECK (fund IN ('retirement', 'sickness', 'accident', 'unemployment', 'health')),
    employee_vnd bigint NOT NULL CHECK (employee_vnd >= 0),
    employer_vnd bigint NOT NULL CHECK (employer_vnd >= 0),
    PRIMARY KEY (declaration_id, fund)
);

CREATE TABLE engine.notice (
    notice_id uuid PRIMARY KEY DEFAULT uuidv7(),
    notice_no bigint GENERATED BY DEFAULT AS IDENTITY UNIQUE,
    payment_code text NOT NULL UNIQUE,
    employer_id uuid NOT NULL REFERENCES engine.employer,
    declaration_id uuid NOT NULL UNIQUE REFERENCES engine.declaration,
    due_on date NOT NULL,
    carried_in_vnd bigint NOT NULL CHECK (carried_in_vnd >= 0),
    late_charge_vnd bigint NOT NULL CHECK (late_charge_vnd >= 0),
    surplus_vnd bigint NOT NULL CHECK (surplus_vnd >= 0),
    amount_vnd bigint NOT NULL CHECK (amount_vnd >= 0),
    issued_at timestamptz NOT NULL
);
CREATE INDEX ON engine.notice (employer_id);
GRANT USAGE ON SEQUENCE engine.notice_notice_no_seq TO thuchi_application;

CREATE TABLE engine.receipt (
    receipt_id uuid PRIMARY KEY DEFAULT uuidv7(),
    receipt_no bigint GENERATED BY DEFAULT AS IDENTITY UNIQUE,
    match_id bigint NOT NULL UNIQUE REFERENCES reconciliation.match,
    employer_id uuid NOT NULL REFERENCES engine.employer,
    notice_id uuid NOT NULL REFERENCES engine.notice,
    collection_account_id integer NOT NULL REFERENCES engine.collection_account,
    booked_on date NOT NULL,
    amount_vnd bigint NOT NULL CHECK (amount_vnd > 0),
    document text NOT NULL,
    recorded_at timestamptz NOT NULL
);
CREATE INDEX ON engine.receipt (employer_id);
CREATE INDEX ON engine.receipt (notice_id);
GRANT USAGE ON SEQUENCE engine.receipt_receipt_no_seq TO thuchi_application;

CREATE TABLE engine.late_charge (
    late_charge_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    declaration_id uuid NOT NULL,
    fund text NOT NULL,
    charged_until date NOT NULL,
    amount_vnd bigint NOT NULL CHECK (amount_vnd > 0),
    recorded_at timestamptz NOT NULL,
    FOREIGN KEY (declaration_id, fund) REFERENCES engine.dues
);
CREATE INDEX ON engine.late_charge (declaration_id, fund);

CREATE TABLE engine.allocation (
    allocation_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    receipt_id uuid NOT NULL REFERENCES engine.receipt,
    declaration_id uuid NOT NULL,
    fund text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('principal', 'late_charge')),
    value_on date NOT NULL,
    amount_vnd bigint NOT NULL CHECK (amount_vnd > 0),
    recorded_at timestamptz NOT NULL,
    FOREIGN KEY (declaration_id, fund) REFERENCES engine.dues,
    UNIQUE (receipt_id, declaration_id, fund, kind, recorded_at)
);
COMMENT ON COLUMN engine.allocation.value_on IS 'the day from which the money counts as paid: that of its receipt';
CREATE INDEX ON engine.allocation (declaration_id, fund);

DO $$
DECLARE kept text;
BEGIN
    FOREACH kept IN ARRAY ARRAY['employer', 'collection_account', 'declaration', 'person_dues', 'dues', 'notice',
            'receipt', 'late_charge', 'allocation'] LOOP
        EXECUTE format('GRANT SELECT, INSERT ON engine.%I TO thuchi_application', kept);
        EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON engine.%I '
            'FOR EACH STATEMENT EXECUTE FUNCTION engine.refuse_change()', kept);
    END LOOP;
    FOREACH kept IN ARRAY ARRAY['employer_detail', 'employment'] LOOP
        EXECUTE format('GRANT SELECT, INSERT, UPDATE (recorded_during) ON engine.%I TO thuchi_application', kept);
        EXECUTE format('ALTER TABLE engine.%I ADD CONSTRAINT recorded_from_an_instant CHECK (NOT isempty('
            'recorded_during) AND NOT lower_inf(recorded_during) AND lower_inc(recorded_during))', kept);
        EXECUTE format('CREATE TRIGGER only_close_recorded BEFORE UPDATE ON engine.%I '
            'FOR EACH ROW EXECUTE FUNCTION engine.only_close_recorded()', kept);
        EXECUTE format('CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON engine.%I '
            'FOR EACH STATEMENT EXECUTE FUNCTION engine.refuse_change()', kept);
    END LOOP;
END $$;
"""


def upgrade() -> None:
    op.execute(_SQL)
