"""Schemas, the application's role, staff, and the marker of a demonstration database.

The application connects as a member of `thuchi_application`, which owns nothing; each migration grants it only what
its work needs.
"""

from alembic import op

revision = "0001_foundations"
down_revision = None

_SQL = """
CREATE EXTENSION IF NOT EXISTS btree_gist;

DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'thuchi_application') THEN
        CREATE ROLE thuchi_application NOLOGIN;
    END IF;
END $$;

CREATE SCHEMA ledger;
CREATE SCHEMA reconciliation;
CREATE SCHEMA engine;
GRANT USAGE ON SCHEMA ledger, reconciliation, engine TO thuchi_application;
GRANT SELECT ON alembic_version TO thuchi_application;

CREATE FUNCTION engine.acting_person() RETURNS text LANGUAGE sql STABLE
    AS $$ SELECT nullif(current_setting('thuchi.person', true), '') $$;

CREATE FUNCTION engine.refuse_change() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege'; END $$;

CREATE TABLE engine.staff (
    person text PRIMARY KEY CHECK (person <> 'system'),
    name text NOT NULL,
    role text NOT NULL CHECK (role IN ('preparer', 'approver', 'authoriser')),
    active boolean NOT NULL DEFAULT true
);
GRANT SELECT, INSERT ON engine.staff TO thuchi_application;

CREATE TABLE engine.demonstration (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    payees integer NOT NULL,
    seed integer NOT NULL,
    now_at timestamptz NOT NULL
);
GRANT SELECT, UPDATE (now_at) ON engine.demonstration TO thuchi_application;

CREATE TABLE engine.audit_record (
    audit_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    recorded_at timestamptz NOT NULL,
    person text NOT NULL DEFAULT engine.acting_person(),
    correlation text DEFAULT nullif(current_setting('thuchi.correlation', true), ''),
    act text NOT NULL,
    subject text NOT NULL,
    detail jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX ON engine.audit_record (subject);
GRANT SELECT, INSERT ON engine.audit_record TO thuchi_application;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON engine.audit_record
    FOR EACH STATEMENT EXECUTE FUNCTION engine.refuse_change();

CREATE TABLE engine.outbox (
    message_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    actor text NOT NULL,
    subject text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    due_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    offered_at timestamptz,
    done_at timestamptz
);
CREATE INDEX outbox_open ON engine.outbox (due_at) WHERE done_at IS NULL;
GRANT SELECT, INSERT, UPDATE (due_at, offered_at, done_at) ON engine.outbox TO thuchi_application;

CREATE TABLE engine.sending_switch (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    stopped boolean NOT NULL,
    reason text NOT NULL,
    changed_by text NOT NULL DEFAULT coalesce(engine.acting_person(), 'system')
);
INSERT INTO engine.sending_switch (stopped, reason) VALUES (false, '');
GRANT SELECT, UPDATE (stopped, reason, changed_by) ON engine.sending_switch TO thuchi_application;
"""


def upgrade() -> None:
    op.execute(_SQL)
