"""Seals of the audit trail: which records were sealed together, under which signature, in one chain.

Membership is written down, not computed from ids: a record whose transaction committed late goes into a later seal.
"""

from alembic import op

revision = "0013_audit_seals"
down_revision = "0012_matching_runs"

_SQL = """
CREATE TABLE engine.audit_seal (
    seal_no bigint PRIMARY KEY CHECK (seal_no > 0),
    records integer NOT NULL CHECK (records > 0),
    digest bytea NOT NULL CHECK (length(digest) = 32),
    previous_hash bytea NOT NULL UNIQUE CHECK (length(previous_hash) = 32),
    seal_hash bytea NOT NULL UNIQUE CHECK (length(seal_hash) = 32),
    public_key bytea NOT NULL CHECK (length(public_key) = 32),
    signature bytea NOT NULL CHECK (length(signature) = 64),
    sealed_at timestamptz NOT NULL
);
-- No reference to the record: that one is missing is for the verifier to say.
CREATE TABLE engine.sealed_audit_record (
    audit_id bigint PRIMARY KEY,
    seal_no bigint NOT NULL REFERENCES engine.audit_seal
);
CREATE INDEX ON engine.sealed_audit_record (seal_no);
GRANT SELECT, INSERT ON engine.audit_seal, engine.sealed_audit_record TO thuchi_application;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON engine.audit_seal
    FOR EACH STATEMENT EXECUTE FUNCTION engine.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON engine.sealed_audit_record
    FOR EACH STATEMENT EXECUTE FUNCTION engine.refuse_change();

-- Of some records: how many, and the hash of their hashes in the order of their ids.
CREATE FUNCTION engine.audit_digest(bigint[], OUT records bigint, OUT digest bytea) LANGUAGE sql STABLE AS $$
    SELECT count(*), sha256(string_agg(sha256(convert_to(concat_ws(E'\\x1f', r.audit_id,
        to_char(r.recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'), r.person, coalesce(r.correlation, ''),
        r.act, r.subject, r.detail::text), 'UTF8')), ''::bytea ORDER BY r.audit_id))
    FROM engine.audit_record r WHERE r.audit_id = ANY($1)
$$;
"""


def upgrade() -> None:
    op.execute(_SQL)
