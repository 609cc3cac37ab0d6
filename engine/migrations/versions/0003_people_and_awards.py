"""People, what happened to them and when we learned it, where they are paid, their claims and their awards.

Facts about people have two times: when they held, and when we recorded them (`recorded_during`, open above while
the row is what we believe). A fact is never edited: its row is closed and another is added.
"""

from alembic import op

revision = "0003_people_and_awards"
down_revision = "0002_ledger"

_SQL = """
CREATE FUNCTION engine.only_close_recorded() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_jsonb(NEW) - 'recorded_during' <> to_jsonb(OLD) - 'recorded_during'
        OR NOT upper_inf(OLD.recorded_during) OR upper_inf(NEW.recorded_during)
        OR lower(NEW.recorded_during) IS DISTINCT FROM lower(OLD.recorded_during)
    THEN
        RAISE EXCEPTION '% is never edited: close recorded_during once and add a row', TG_TABLE_NAME
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;

CREATE TABLE engine.imported_file (
    sha256 bytea PRIMARY KEY CHECK (length(sha256) = 32),
    kind text NOT NULL,
    file_name text NOT NULL,
    rows integer NOT NULL,
    outcome jsonb NOT NULL,
    recorded_at timestamptz NOT NULL
);

CREATE TABLE engine.person (
    person_id uuid PRIMARY KEY DEFAULT uuidv7(),
    insured_number_ciphertext bytea,
    insured_number_fingerprint bytea UNIQUE,
    personal_id_ciphertext bytea NOT NULL,
    personal_id_fingerprint bytea NOT NULL UNIQUE,
    phone_ciphertext bytea,
    phone_fingerprint bytea,
    name text NOT NULL CHECK (name <> ''),
    folded_name text NOT NULL CHECK (folded_name <> ''),
    sex text NOT NULL CHECK (sex IN ('M', 'F')),
    birth_date date NOT NULL,
    province text NOT NULL CHECK (province ~ '^[0-9]{2}$'),
    area text NOT NULL CHECK (area IN ('urban', 'rural', 'special_zone')),
    CHECK ((insured_number_ciphertext IS NULL) = (insured_number_fingerprint IS NULL)),
    CHECK ((phone_ciphertext IS NULL) = (phone_fingerprint IS NULL))
);
CREATE INDEX ON engine.person (phone_fingerprint) WHERE phone_fingerprint IS NOT NULL;

CREATE TABLE engine.vital_event (
    vital_event_id uuid PRIMARY KEY DEFAULT uuidv7(),
    person_id uuid NOT NULL REFERENCES engine.person,
    kind text NOT NULL CHECK (kind = 'death'),
    happened_on date NOT NULL,
    recorded_during tstzrange NOT NULL,
    EXCLUDE USING gist (person_id WITH =, kind WITH =, recorded_during WITH &&)
);

CREATE TABLE engine.payout_account (
    payout_account_id uuid PRIMARY KEY DEFAULT uuidv7(),
    person_id uuid NOT NULL REFERENCES engine.person,
    bank_bin text NOT NULL CHECK (bank_bin ~ '^[0-9]{6}$'),
    account_ciphertext bytea NOT NULL,
    account_fingerprint bytea NOT NULL,
    holder_name text NOT NULL CHECK (holder_name <> ''),
    valid_during daterange NOT NULL CHECK (NOT isempty(valid_during)),
    recorded_during tstzrange NOT NULL,
    EXCLUDE USING gist (person_id WITH =, valid_during WITH &&, recorded_during WITH &&)
);
CREATE INDEX ON engine.payout_account (account_fingerprint);

CREATE TABLE engine.contribution_period (
    contribution_period_id uuid PRIMARY KEY DEFAULT uuidv7(),
    person_id uuid NOT NULL REFERENCES engine.person,
    months daterange NOT NULL CHECK (
        NOT isempty(months) AND NOT lower_inf(months) AND NOT upper_inf(months)
        AND extract(day FROM lower(months)) = 1 AND extract(day FROM upper(months)) = 1
    ),
    regime text NOT NULL CHECK (regime IN ('private', 'state', 'voluntary')),
    wage_vnd bigint CHECK (wage_vnd > 0),
    coefficient numeric CHECK (coefficient > 0),
    seniority_percent numeric CHECK (seniority_percent >= 0),
    recorded_during tstzrange NOT NULL,
    CHECK ((regime = 'state') = (coefficient IS NOT NULL) AND (regime = 'state') = (wage_vnd IS NULL)),
    CHECK (seniority_percent IS NULL OR regime = 'state'),
    EXCLUDE USING gist (person_id WITH =, months WITH &&, recorded_during WITH &&)
);

CREATE TABLE engine.relation (
    relation_id uuid PRIMARY KEY DEFAULT uuidv7(),
    person_id uuid NOT NULL REFERENCES engine.person,
    relative_person_id uuid NOT NULL REFERENCES engine.person CHECK (relative_person_id <> person_id),
    relation text NOT NULL CHECK (
        relation IN ('child', 'spouse', 'father', 'mother', 'father_in_law', 'mother_in_law', 'other')
    ),
    monthly_income_vnd bigint NOT NULL DEFAULT 0 CHECK (monthly_income_vnd >= 0),
    impairment_percent integer NOT NULL DEFAULT 0 CHECK (impairment_percent BETWEEN 0 AND 100),
    studying boolean NOT NULL DEFAULT false,
    alone boolean NOT NULL DEFAULT false,
    recorded_during tstzrange NOT NULL,
    EXCLUDE USING gist (person_id WITH =, relative_person_id WITH =, recorded_during WITH &&)
);
CREATE INDEX ON engine.relation (relative_person_id);

CREATE TABLE engine.claim (
    claim_id uuid PRIMARY KEY DEFAULT uuidv7(),
    claim_no text NOT NULL UNIQUE CHECK (claim_no <> ''),
    benefit text NOT NULL CHECK (benefit IN
        ('pension', 'running_pension', 'funeral_grant', 'survivor_allowance', 'survivor_lump_sum')),
    insured_person_id uuid NOT NULL REFERENCES engine.person,
    claimant_person_id uuid NOT NULL REFERENCES engine.person,
    facts jsonb NOT NULL,
    received_on date NOT NULL,
    decision text NOT NULL CHECK (decision IN ('awarded', 'refused')),
    reason text,
    findings jsonb NOT NULL DEFAULT '[]',
    imported_from bytea REFERENCES engine.imported_file,
    CHECK ((decision = 'refused') = (reason IS NOT NULL))
);
CREATE INDEX ON engine.claim (insured_person_id);

CREATE TABLE engine.award (
    award_id uuid PRIMARY KEY DEFAULT uuidv7(),
    award_no text NOT NULL UNIQUE CHECK (award_no <> ''),
    claim_id uuid NOT NULL REFERENCES engine.claim,
    person_id uuid NOT NULL REFERENCES engine.person,
    benefit text NOT NULL CHECK (benefit IN
        ('pension', 'retirement_lump_sum', 'funeral_grant', 'survivor_allowance', 'survivor_lump_sum')),
    fund text NOT NULL CHECK (fund IN ('retirement', 'state_budget')),
    frequency text NOT NULL CHECK (frequency IN ('monthly', 'once')),
    starts_on date NOT NULL CHECK (extract(day FROM starts_on) = 1),
    decided_on date NOT NULL,
    law_version text NOT NULL,
    unconfirmed text[] NOT NULL,
    findings jsonb NOT NULL,
    recorded_at timestamptz NOT NULL,
    awarded_by text NOT NULL DEFAULT engine.acting_person(),
    CHECK ((frequency = 'monthly') = (benefit IN ('pension', 'survivor_allowance')))
);
CREATE INDEX ON engine.award (claim_id);
CREATE INDEX ON engine.award (person_id);

CREATE TABLE engine.award_amount (
    award_amount_id uuid PRIMARY KEY DEFAULT uuidv7(),
    award_id uuid NOT NULL REFERENCES engine.award,
    entitled_during daterange NOT NULL CHECK (
        NOT isempty(entitled_during) AND NOT lower_inf(entitled_during)
        AND extract(day FROM lower(entitled_during)) = 1
        AND (upper_inf(entitled_during) OR extract(day FROM upper(entitled_during)) = 1)
    ),
    amount_vnd bigint NOT NULL CHECK (amount_vnd > 0),
    findings jsonb NOT NULL,
    recorded_during tstzrange NOT NULL,
    EXCLUDE USING gist (award_id WITH =, entitled_during WITH &&, recorded_during WITH &&)
);

GRANT SELECT, INSERT ON engine.imported_file, engine.person, engine.claim, engine.award TO thuchi_application;

DO $$
DECLARE kept text;
BEGIN
    FOREACH kept IN ARRAY ARRAY['imported_file', 'person', 'claim', 'award'] LOOP
        EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON engine.%I '
            'FOR EACH STATEMENT EXECUTE FUNCTION engine.refuse_change()', kept);
    END LOOP;
    FOREACH kept IN ARRAY ARRAY['vital_event', 'payout_account', 'contribution_period', 'relation', 'award_amount'] LOOP
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
