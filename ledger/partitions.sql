-- Entries and lines in partitions, one a month, as migration 0008 makes them; later changes are migrations.
--
-- A partition is a range of entry ids, and ids jump to the next range when the month of recording turns. So an entry
-- id stays unique by itself, every join by it finds its partition, and no table needs the month as a further column.
-- The ranges ahead are there before they are needed; where the next one is missing, posting goes on in the one it has.
-- Entries under way while the month turns stand in the older range: the range tells when it was opened, no more.

CREATE SCHEMA IF NOT EXISTS ledger_partition;
GRANT USAGE ON SCHEMA ledger_partition TO thuchi_application;

-- So many entry ids has a partition. One that outgrows them runs over into the next, which does no harm.
CREATE FUNCTION ledger.partition_width() RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN 1000000000;

-- `month` and `ends_at` are null until the partition is in use. Months turn in Viet Nam's time.
CREATE TABLE ledger.partition (
    partition_no integer PRIMARY KEY CHECK (partition_no >= 0),
    made_in xid8 NOT NULL DEFAULT pg_current_xact_id(),
    month date UNIQUE CHECK (extract(day FROM month) = 1),
    ends_at timestamptz,
    detached_at timestamptz,
    CHECK ((month IS NULL) = (ends_at IS NULL))
);
GRANT SELECT ON ledger.partition TO thuchi_application;
CREATE TRIGGER keep_rows BEFORE DELETE OR TRUNCATE ON ledger.partition
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

-- What rows of a partition refuse must be said of each partition: PostgreSQL hands statement triggers down to none.
CREATE FUNCTION ledger.guard_partition(name text) RETURNS void LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_partition.%I '
        'FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change()', name);
    EXECUTE format('GRANT SELECT ON ledger_partition.%I TO thuchi_application', name);
END $$;

-- Attaching a table, other than making it as a partition, stops neither readers nor posting.
CREATE FUNCTION ledger.make_partition(no integer) RETURNS void LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    kind text;
BEGIN
    FOREACH kind IN ARRAY ARRAY['entry', 'line'] LOOP
        EXECUTE format('CREATE TABLE ledger_partition.%I (LIKE ledger.%I '
            'INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES)', kind || '_' || no, kind);
        PERFORM ledger.guard_partition(kind || '_' || no);
        EXECUTE format('ALTER TABLE ledger.%I ATTACH PARTITION ledger_partition.%I FOR VALUES FROM (%s) TO (%s)',
            kind, kind || '_' || no, no * ledger.partition_width(), (no + 1) * ledger.partition_width());
    END LOOP;
    INSERT INTO ledger.partition (partition_no) VALUES (no);
END $$;

-- Begins the month of `at` in the next partition and makes further ones ahead. Waits for nobody: where another session
-- is about it, or something is being done to the tables, posting goes on where it is and the next call tries again.
CREATE FUNCTION ledger.turn_month(at timestamptz) RETURNS void LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    month date := date_trunc('month', at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date;
    latest date;
    next_no integer;
    last_id bigint;
BEGIN
    -- One at a time: the letters of "month" as a number.
    IF NOT pg_try_advisory_xact_lock(470122459240) THEN
        RETURN;
    END IF;
    SELECT max(p.month) INTO latest FROM ledger.partition p;
    IF latest >= month THEN
        RETURN;
    END IF;
    SELECT s.last_value INTO last_id FROM ledger.entry_entry_id_seq s;
    -- What stood in the book before it had months belongs to the first one.
    next_no := CASE WHEN latest IS NULL THEN 0 ELSE last_id / ledger.partition_width() + 1 END;
    -- A sequence keeps its place when a transaction is undone, so only what is committed may be stepped into.
    UPDATE ledger.partition p
    SET month = month, ends_at = (month + interval '1 month') AT TIME ZONE 'Asia/Ho_Chi_Minh'
    WHERE p.partition_no = next_no AND p.made_in <> pg_current_xact_id();
    IF FOUND AND latest IS NOT NULL THEN
        PERFORM setval('ledger.entry_entry_id_seq', next_no * ledger.partition_width());
    END IF;
    PERFORM ledger.make_partitions_ahead(next_no);
END $$;

CREATE FUNCTION ledger.make_partitions_ahead(in_use integer) RETURNS void LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    no integer;
BEGIN
    LOCK TABLE ledger.entry, ledger.line IN SHARE UPDATE EXCLUSIVE MODE NOWAIT;
    FOR no IN in_use .. in_use + 2 LOOP
        IF NOT EXISTS (SELECT FROM ledger.partition p WHERE p.partition_no = no) THEN
            PERFORM ledger.make_partition(no);
        END IF;
    END LOOP;
EXCEPTION WHEN lock_not_available THEN
    NULL;
END $$;


-- The same rules in fewer words: PostgreSQL reads a rule's whole expression anew for every statement that writes, which
-- was a third of the cost of posting one line. '^[0-9 .+]{9,}$' is what ledger.is_bare_number says.
ALTER TABLE ledger.balance DROP CONSTRAINT balance_within_limit, DROP CONSTRAINT balance_debit_vnd_check,
    DROP CONSTRAINT balance_credit_vnd_check;
ALTER TABLE ledger.balance ADD CONSTRAINT balance_within_limit CHECK (
    debit_vnd >= 0 AND credit_vnd >= 0
    AND (balance_limit = 'none' OR CASE WHEN (normal_side = 'debit') = (balance_limit = 'never_negative')
        THEN debit_vnd >= credit_vnd ELSE credit_vnd >= debit_vnd END));
ALTER TABLE ledger.entry DROP CONSTRAINT entry_document_is_no_bare_number, DROP CONSTRAINT entry_document_check,
    DROP CONSTRAINT entry_description_check;
ALTER TABLE ledger.entry
    ADD CONSTRAINT entry_document_check CHECK (document ~ '^[^[:cntrl:]]+$'),
    ADD CONSTRAINT entry_document_is_no_bare_number CHECK (document !~ '^[0-9 .+]{9,}$'),
    ADD CONSTRAINT entry_description_check CHECK (description !~ '[[:cntrl:]]');
ALTER TABLE ledger.entry_key DROP CONSTRAINT entry_key_is_no_bare_number, DROP CONSTRAINT entry_key_key_check;
ALTER TABLE ledger.entry_key
    ADD CONSTRAINT entry_key_key_check CHECK (key ~ '^[^[:cntrl:]]+$'),
    ADD CONSTRAINT entry_key_is_no_bare_number CHECK (key !~ '^[0-9 .+]{9,}$');
ALTER TABLE ledger.line DROP CONSTRAINT line_references_are_no_bare_numbers;
-- A rule that is null is kept: what is absent is no number.
ALTER TABLE ledger.line ADD CONSTRAINT line_references_are_no_bare_numbers CHECK (
    run !~ '^[0-9 .+]{9,}$' AND debit_reference !~ '^[0-9 .+]{9,}$' AND credit_reference !~ '^[0-9 .+]{9,}$');


-- What stands in the tables becomes partition 0, where it stands: nothing is copied, and every hash stays. -----------

-- Keys and reversals outlive the partition of their entry, so no reference may hold it; the verifier proves both.
ALTER TABLE ledger.entry_key DROP CONSTRAINT entry_key_entry_id_fkey;
ALTER TABLE ledger.reversal DROP CONSTRAINT reversal_original_entry_id_fkey;
ALTER TABLE ledger.reversal DROP CONSTRAINT reversal_reversing_entry_id_fkey;

CREATE TEMPORARY TABLE reached ON COMMIT DROP AS
SELECT last_value, is_called FROM ledger.entry_entry_id_seq;
ALTER TABLE ledger.entry ALTER entry_id DROP IDENTITY;
ALTER TABLE ledger.entry SET SCHEMA ledger_partition;
ALTER TABLE ledger_partition.entry RENAME TO entry_0;
ALTER TABLE ledger.line SET SCHEMA ledger_partition;
ALTER TABLE ledger_partition.line RENAME TO line_0;

CREATE TABLE ledger.entry (LIKE ledger_partition.entry_0 INCLUDING DEFAULTS INCLUDING CONSTRAINTS,
    PRIMARY KEY (entry_id)) PARTITION BY RANGE (entry_id);
ALTER TABLE ledger.entry ALTER entry_id ADD GENERATED ALWAYS AS IDENTITY;
SELECT setval('ledger.entry_entry_id_seq', last_value, is_called) FROM reached;
CREATE INDEX entry_by_business_on ON ledger.entry (business_on);

CREATE TABLE ledger.line (LIKE ledger_partition.line_0 INCLUDING DEFAULTS INCLUDING CONSTRAINTS,
    PRIMARY KEY (entry_id, line_no)) PARTITION BY RANGE (entry_id);
CREATE INDEX line_by_debit_account ON ledger.line (debit_account_id, entry_id);
CREATE INDEX line_by_credit_account ON ledger.line (credit_account_id, entry_id);

DO $$
DECLARE
    kind text;
BEGIN
    FOREACH kind IN ARRAY ARRAY['entry', 'line'] LOOP
        EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.%I '
            'FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change()', kind);
        EXECUTE format('GRANT SELECT ON ledger.%I TO thuchi_application', kind);
        EXECUTE format('GRANT SELECT ON ledger_partition.%I TO thuchi_application', kind || '_0');
        EXECUTE format('ALTER TABLE ledger.%I ATTACH PARTITION ledger_partition.%I FOR VALUES FROM (MINVALUE) TO (%s)',
            kind, kind || '_0', ledger.partition_width());
    END LOOP;
    INSERT INTO ledger.partition (partition_no) VALUES (0);
    PERFORM ledger.make_partition(no) FROM generate_series(1, 2) no;
END $$;


-- Old months leave. --------------------------------------------------------------------------------------------------

CREATE SCHEMA IF NOT EXISTS ledger_archive;

-- Takes a month's entries and lines out of the books, into ledger_archive with their keys and their sealed positions.
-- One entry stays for them that carries their sums forward, so that every balance, turnover and open item is what it
-- was; references stay on lines of the given accounts of the chart as long as what stands under them is not settled.
-- Only whole, sealed months whose books are closed leave, the oldest first, and only for the owner of the ledger.
CREATE FUNCTION ledger.detach_partition(no integer, detached_at timestamptz, keep_references_of text[])
    RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    first_id bigint := no * ledger.partition_width();
    end_id bigint := (no + 1) * ledger.partition_width();
    last_day date;
    carried_id bigint;
BEGIN
    -- Alone, as for closing a period: nobody posts meanwhile.
    PERFORM pg_advisory_xact_lock(ledger.period_lock());
    IF no IS DISTINCT FROM (SELECT min(p.partition_no) FROM ledger.partition p WHERE p.detached_at IS NULL)
            OR no >= (SELECT max(p.partition_no) FROM ledger.partition p WHERE p.month IS NOT NULL) THEN
        RAISE EXCEPTION 'partition % is not the oldest, or is still in use', no USING ERRCODE = 'LG001';
    END IF;
    SELECT max(e.business_on) INTO last_day FROM ledger.entry e WHERE e.entry_id >= first_id AND e.entry_id < end_id;
    IF last_day >= (SELECT max(p.month) FROM ledger.closed_period p) + interval '1 month'
            OR last_day IS NOT NULL AND NOT EXISTS (SELECT FROM ledger.closed_period) THEN
        RAISE EXCEPTION 'partition % holds entries of months that are not closed', no USING ERRCODE = 'LG001';
    END IF;
    IF EXISTS (SELECT FROM ledger.entry e WHERE e.entry_id >= first_id AND e.entry_id < end_id
            AND NOT EXISTS (SELECT FROM ledger.sealed_entry s WHERE s.entry_id = e.entry_id)) THEN
        RAISE EXCEPTION 'partition % holds entries that are not sealed', no USING ERRCODE = 'LG001';
    END IF;
    carried_id := ledger.carry_forward(no, first_id, end_id, last_day, detached_at, keep_references_of);

    EXECUTE format('CREATE TABLE ledger_archive.%I AS SELECT * FROM ledger.entry_key '
        'WHERE entry_id >= %s AND entry_id < %s', 'entry_key_' || no, first_id, end_id);
    EXECUTE format('CREATE TABLE ledger_archive.%I AS SELECT * FROM ledger.sealed_entry '
        'WHERE entry_id >= %s AND entry_id < %s', 'sealed_entry_' || no, first_id, end_id);
    EXECUTE format('ALTER TABLE ledger.entry DETACH PARTITION ledger_partition.%I', 'entry_' || no);
    EXECUTE format('ALTER TABLE ledger.line DETACH PARTITION ledger_partition.%I', 'line_' || no);
    EXECUTE format('ALTER TABLE ledger_partition.%I SET SCHEMA ledger_archive', 'entry_' || no);
    EXECUTE format('ALTER TABLE ledger_partition.%I SET SCHEMA ledger_archive', 'line_' || no);
    UPDATE ledger.partition p SET detached_at = detached_at WHERE p.partition_no = no;
    RETURN carried_id;
END $$;

-- The entry that stays for a month. It moves no balance: what it says is in them already.
CREATE FUNCTION ledger.carry_forward(no integer, first_id bigint, end_id bigint, business_on date,
        recorded_at timestamptz, keep_references_of text[]) RETURNS bigint LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    carried_id bigint;
    key text := 'carried_forward:' || no;
    description text := 'Số mang sang từ các bút toán đã lưu trữ';
    this_xact xid8 := pg_current_xact_id();
    ordered bytea;
    asked bytea;
BEGIN
    CREATE TEMPORARY TABLE carried ON COMMIT DROP AS
    WITH unsettled AS (
        SELECT m.account_id, m.reference
        FROM (SELECT l.debit_account_id AS account_id, l.debit_reference AS reference, l.amount_vnd AS amount
            FROM ledger.line l WHERE l.entry_id >= first_id AND l.entry_id < end_id
            UNION ALL
            SELECT l.credit_account_id, l.credit_reference, -l.amount_vnd
            FROM ledger.line l WHERE l.entry_id >= first_id AND l.entry_id < end_id) m
        JOIN ledger.account a USING (account_id)
        WHERE m.reference IS NOT NULL AND a.chart_code = ANY (keep_references_of)
        GROUP BY m.account_id, m.reference HAVING sum(m.amount) <> 0
    )
    SELECT row_number() OVER (ORDER BY l.debit_account_id, l.credit_account_id, l.fund, l.run, d.reference, c.reference)
            AS line_no, l.debit_account_id, l.credit_account_id, sum(l.amount_vnd)::bigint AS amount_vnd, l.fund, l.run,
        d.reference AS debit_reference, c.reference AS credit_reference
    FROM ledger.line l
    LEFT JOIN unsettled d ON d.account_id = l.debit_account_id AND d.reference = l.debit_reference
    LEFT JOIN unsettled c ON c.account_id = l.credit_account_id AND c.reference = l.credit_reference
    WHERE l.entry_id >= first_id AND l.entry_id < end_id
    GROUP BY l.debit_account_id, l.credit_account_id, l.fund, l.run, d.reference, c.reference;
    IF NOT EXISTS (SELECT FROM pg_temp.carried) THEN
        RETURN NULL;
    END IF;

    SELECT string_agg(h.hash, ''::bytea ORDER BY h.line_no),
        ledger.request_hash('carried_forward', key, business_on, description, NULL,
            string_agg(h.hash, ''::bytea ORDER BY h.hash))
    INTO ordered, asked
    FROM (SELECT l.line_no, ledger.line_hash(d.code, c.code, l.amount_vnd, l.fund, l.run, l.debit_reference,
            l.credit_reference) AS hash
        FROM pg_temp.carried l
        JOIN ledger.account d ON d.account_id = l.debit_account_id
        JOIN ledger.account c ON c.account_id = l.credit_account_id) h;
    carried_id := nextval('ledger.entry_entry_id_seq');
    INSERT INTO ledger.entry_key VALUES (key, carried_id, asked);
    INSERT INTO ledger.entry (entry_id, event, document, business_on, recorded_at, description, xact, content_hash)
    OVERRIDING SYSTEM VALUE
    VALUES (carried_id, 'carried_forward', key, business_on, recorded_at, description, this_xact,
        ledger.content_hash(carried_id, key, asked, 'carried_forward', key, business_on, description, NULL,
            recorded_at, ledger.person(), this_xact, ordered));
    INSERT INTO ledger.line
    SELECT carried_id, l.line_no, l.debit_account_id, l.credit_account_id, l.amount_vnd, l.fund, l.run,
        l.debit_reference, l.credit_reference FROM pg_temp.carried l;
    DROP TABLE pg_temp.carried;
    RETURN carried_id;
END $$;

REVOKE EXECUTE ON FUNCTION ledger.partition_width, ledger.guard_partition, ledger.make_partition, ledger.turn_month,
    ledger.make_partitions_ahead, ledger.detach_partition, ledger.carry_forward FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger.partition_width TO thuchi_application;
