"""Seals: the order in which entries were sealed, the chain of seals over it, their public keys and epochs."""

from alembic import op

revision = "0007_seals"
down_revision = "0006_contributions"

_SQL = """
-- Transaction ids only order what one database cluster wrote. An epoch is the time that the ledger lives in one
-- cluster; entries up to `inherited_through` came with a restore, and their transaction ids mean nothing here.
CREATE TABLE ledger.seal_epoch (
    epoch integer PRIMARY KEY CHECK (epoch > 0),
    system_identifier bigint NOT NULL,
    inherited_through bigint NOT NULL CHECK (inherited_through >= 0),
    begun_at timestamptz NOT NULL
);

CREATE TABLE ledger.seal_key (
    key_id text PRIMARY KEY,
    public_key bytea NOT NULL UNIQUE CHECK (length(public_key) = 32),
    CONSTRAINT seal_key_id_is_its_fingerprint CHECK (key_id = encode(sha256(public_key), 'hex'))
);

CREATE TABLE ledger.seal (
    seal_no bigint PRIMARY KEY CHECK (seal_no > 0),
    epoch integer NOT NULL REFERENCES ledger.seal_epoch,
    first_position bigint NOT NULL UNIQUE CHECK (first_position > 0),
    entries integer NOT NULL CHECK (entries BETWEEN 1 AND 65536),
    merkle_root bytea NOT NULL CHECK (length(merkle_root) = 32),
    previous_hash bytea NOT NULL UNIQUE CHECK (length(previous_hash) = 32),
    seal_hash bytea NOT NULL UNIQUE CHECK (length(seal_hash) = 32),
    key_id text NOT NULL REFERENCES ledger.seal_key,
    signature bytea NOT NULL CHECK (length(signature) = 64),
    sealed_at timestamptz NOT NULL
);

-- No foreign keys: checking them would lock, and so rewrite, every entry that is sealed. Rows are written only by
-- ledger.add_seal, from the entries themselves; the verifier proves it.
CREATE TABLE ledger.sealed_entry (
    position bigint PRIMARY KEY CHECK (position > 0),
    seal_no bigint NOT NULL,
    entry_id bigint NOT NULL UNIQUE,
    content_hash bytea NOT NULL CHECK (length(content_hash) = 32)
);
CREATE INDEX sealed_entry_by_seal ON ledger.sealed_entry (seal_no, position);

DO $$
DECLARE kept text;
BEGIN
    FOREACH kept IN ARRAY ARRAY['seal_epoch', 'seal_key', 'seal', 'sealed_entry'] LOOP
        EXECUTE format('GRANT SELECT ON ledger.%I TO thuchi_application', kept);
        EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.%I '
            'FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change()', kept);
    END LOOP;
END $$;

-- One sealer at a time: the letters of "seal" as a number.
CREATE FUNCTION ledger.seal_lock() RETURNS bigint LANGUAGE sql IMMUTABLE RETURN 1936023916;

-- The epoch of this cluster. The first one begins by itself, a later one only where it is asked for.
CREATE FUNCTION ledger.current_epoch(begin_new boolean, begun_at timestamptz) RETURNS integer LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    known ledger.seal_epoch;
    cluster bigint := (SELECT c.system_identifier FROM pg_control_system() c);
    inherited bigint := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(ledger.seal_lock());
    SELECT s.* INTO known FROM ledger.seal_epoch s ORDER BY s.epoch DESC LIMIT 1;
    IF known.epoch IS NOT NULL AND NOT begin_new THEN
        IF known.system_identifier <> cluster THEN
            RAISE EXCEPTION 'the ledger was sealed in another database cluster: after a restore begin a new epoch'
                USING ERRCODE = 'LG001';
        END IF;
        RETURN known.epoch;
    END IF;
    IF begin_new THEN
        inherited := coalesce((SELECT max(e.entry_id) FROM ledger.entry e), 0);
    END IF;
    INSERT INTO ledger.seal_epoch VALUES (coalesce(known.epoch, 0) + 1, cluster, inherited, begun_at);
    RETURN coalesce(known.epoch, 0) + 1;
END $$;

-- Adds the next seal, over these entries in this order; their hashes are those that stand in the ledger.
CREATE FUNCTION ledger.add_seal(seal_no bigint, epoch integer, merkle_root bytea, previous_hash bytea,
        seal_hash bytea, public_key bytea, signature bytea, sealed_at timestamptz, entry_ids bigint[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    last ledger.seal;
    before bigint;
    added integer;
BEGIN
    PERFORM pg_advisory_xact_lock(ledger.seal_lock());
    SELECT s.* INTO last FROM ledger.seal s ORDER BY s.seal_no DESC LIMIT 1;
    IF seal_no <> coalesce(last.seal_no, 0) + 1
            OR previous_hash <> coalesce(last.seal_hash, decode(repeat('00', 32), 'hex')) THEN
        RAISE EXCEPTION 'seal % does not follow the last one', seal_no USING ERRCODE = 'LG001';
    END IF;
    before := coalesce(last.first_position + last.entries - 1, 0);
    INSERT INTO ledger.seal_key VALUES (encode(sha256(public_key), 'hex'), public_key) ON CONFLICT DO NOTHING;
    INSERT INTO ledger.seal VALUES (seal_no, epoch, before + 1, cardinality(entry_ids), merkle_root, previous_hash,
        seal_hash, encode(sha256(public_key), 'hex'), signature, sealed_at);
    INSERT INTO ledger.sealed_entry
    SELECT before + w.place, seal_no, e.entry_id, e.content_hash
    FROM unnest(entry_ids) WITH ORDINALITY w (entry_id, place) JOIN ledger.entry e ON e.entry_id = w.entry_id;
    GET DIAGNOSTICS added = ROW_COUNT;
    IF added <> cardinality(entry_ids) THEN
        RAISE EXCEPTION 'seal % names entries that do not exist', seal_no USING ERRCODE = 'LG001';
    END IF;
END $$;

REVOKE EXECUTE ON FUNCTION ledger.seal_lock, ledger.current_epoch, ledger.add_seal FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger.current_epoch, ledger.add_seal TO thuchi_application;
"""


def upgrade() -> None:
    # Through the driver's own cursor: the functions hold percent signs and colons that are no parameters.
    with op.get_bind().connection.cursor() as cursor:
        cursor.execute(_SQL)
