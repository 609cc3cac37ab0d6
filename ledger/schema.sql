-- The ledger as migration 0002 creates it; later changes are migrations of their own.
--
-- The application reads everything and writes nothing by itself: it posts through functions that run with the rights
-- of the owner. What these functions refuse carries an SQLSTATE of class LG, which ledger/errors.py turns into errors.

-- Whether a text is nothing but a long number (9 digits or more), as account, personal, tax and telephone numbers
-- are. Such texts are kept out of the ledger, because its rows can never be erased.
-- The first character decides nearly always, and cheaply: letters come after digits and these signs.
CREATE FUNCTION ledger.is_bare_number(value text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ascii(value) <= 57 AND length(value) >= 9 AND translate(value, '0123456789 .+', '') = '';

CREATE FUNCTION ledger.person() RETURNS text LANGUAGE sql STABLE
    RETURN nullif(current_setting('thuchi.person', true), '');

CREATE TABLE ledger.account (
    account_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code text NOT NULL UNIQUE,
    chart_code text NOT NULL CHECK (chart_code ~ '^[a-z][a-z0-9_]*$'),
    qualifier text CHECK (qualifier ~ '^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$'),
    name text NOT NULL,
    name_en text NOT NULL,
    normal_side text NOT NULL CHECK (normal_side IN ('debit', 'credit')),
    balance_limit text NOT NULL CHECK (balance_limit IN ('none', 'never_negative', 'never_positive')),
    CONSTRAINT account_code_is_chart_code_and_qualifier CHECK (code = chart_code || coalesce('.' || qualifier, '')),
    CONSTRAINT account_qualifier_is_no_bare_number CHECK (qualifier !~ '(^|\.)[0-9]{9,}($|\.)'),
    UNIQUE (account_id, normal_side, balance_limit)
);
CREATE INDEX account_by_chart_code ON ledger.account (chart_code);

-- The turnover of an account on both sides. An account with a limit has one row, so that the limit is checked on the
-- whole. An account without a limit has as many rows as ever wrote to it at the same instant: a writer takes a row
-- that nobody holds, or a new one, and never waits. The balance of the account is the sum of its rows.
CREATE TABLE ledger.balance (
    balance_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id integer NOT NULL,
    normal_side text NOT NULL,
    balance_limit text NOT NULL,
    debit_vnd bigint NOT NULL DEFAULT 0 CHECK (debit_vnd >= 0),
    credit_vnd bigint NOT NULL DEFAULT 0 CHECK (credit_vnd >= 0),
    FOREIGN KEY (account_id, normal_side, balance_limit)
        REFERENCES ledger.account (account_id, normal_side, balance_limit),
    CONSTRAINT balance_within_limit CHECK (
        CASE balance_limit
            WHEN 'never_negative' THEN (normal_side = 'debit' AND debit_vnd >= credit_vnd)
                OR (normal_side = 'credit' AND credit_vnd >= debit_vnd)
            WHEN 'never_positive' THEN (normal_side = 'debit' AND debit_vnd <= credit_vnd)
                OR (normal_side = 'credit' AND credit_vnd <= debit_vnd)
            ELSE balance_limit = 'none'
        END)
) WITH (fillfactor = 50);
CREATE INDEX balance_by_account ON ledger.balance (account_id, balance_id);
CREATE UNIQUE INDEX balance_one_row_under_a_limit ON ledger.balance (account_id) WHERE balance_limit <> 'none';

CREATE TABLE ledger.entry (
    entry_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event text NOT NULL CHECK (event ~ '^[a-z][a-z0-9_]*$'),
    document text NOT NULL CHECK (document <> '' AND document !~ '[[:cntrl:]]'),
    business_on date NOT NULL,
    recorded_at timestamptz NOT NULL,
    description text NOT NULL CHECK (description !~ '[[:cntrl:]]'),
    xact xid8 NOT NULL DEFAULT pg_current_xact_id(),
    person text DEFAULT ledger.person(),
    content_hash bytea NOT NULL CHECK (length(content_hash) = 32),
    CONSTRAINT entry_document_is_no_bare_number CHECK (NOT ledger.is_bare_number(document))
);
CREATE INDEX entry_by_business_on ON ledger.entry (business_on);

-- No foreign keys: checking each of a million lines by itself would cost more than writing them. Lines are written
-- only together with their entry, by a function that has looked up both accounts; the verifier proves it.
CREATE TABLE ledger.line (
    entry_id bigint NOT NULL,
    line_no integer NOT NULL CHECK (line_no > 0),
    debit_account_id integer NOT NULL,
    credit_account_id integer NOT NULL,
    amount_vnd bigint NOT NULL CONSTRAINT line_amount_is_positive CHECK (amount_vnd > 0),
    fund text NOT NULL,
    run text,
    debit_reference text,
    credit_reference text,
    PRIMARY KEY (entry_id, line_no),
    CONSTRAINT line_accounts_differ CHECK (debit_account_id <> credit_account_id),
    CONSTRAINT line_references_are_no_bare_numbers CHECK (
        NOT coalesce(ledger.is_bare_number(run), false)
        AND NOT coalesce(ledger.is_bare_number(debit_reference), false)
        AND NOT coalesce(ledger.is_bare_number(credit_reference), false))
);
CREATE INDEX line_by_debit_account ON ledger.line (debit_account_id, entry_id);
CREATE INDEX line_by_credit_account ON ledger.line (credit_account_id, entry_id);

-- Keys and reversals stand in tables of their own: were entries ever partitioned, they could not hold these
-- uniquenesses. The key row is written before its entry, hence the deferred reference.
CREATE TABLE ledger.entry_key (
    key text PRIMARY KEY CHECK (key <> '' AND key !~ '[[:cntrl:]]'),
    entry_id bigint NOT NULL UNIQUE REFERENCES ledger.entry DEFERRABLE INITIALLY DEFERRED,
    request_hash bytea NOT NULL CHECK (length(request_hash) = 32),
    CONSTRAINT entry_key_is_no_bare_number CHECK (NOT ledger.is_bare_number(key))
);

CREATE TABLE ledger.reversal (
    original_entry_id bigint PRIMARY KEY REFERENCES ledger.entry,
    reversing_entry_id bigint NOT NULL UNIQUE REFERENCES ledger.entry DEFERRABLE INITIALLY DEFERRED,
    CHECK (original_entry_id <> reversing_entry_id)
);

-- Closing a month closes all months before it.
CREATE TABLE ledger.closed_period (
    month date PRIMARY KEY CHECK (extract(day FROM month) = 1),
    closed_at timestamptz NOT NULL,
    person text DEFAULT ledger.person()
);


-- Append-only, for everybody. ------------------------------------------------------------------------------------

CREATE FUNCTION ledger.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'ledger.% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'LG007';
END $$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.account
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.entry
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.line
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.entry_key
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.reversal
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.closed_period
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER keep_rows BEFORE DELETE OR TRUNCATE ON ledger.balance
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();


-- The canonical texts, whose hashes posting writes and the verifier recomputes. ----------------------------------
-- Fields are parted by U+001F, which no stored text may hold; an absent field is an empty one, which none may be.

CREATE FUNCTION ledger.line_hash(debit text, credit text, amount_vnd bigint, fund text, run text,
        debit_reference text, credit_reference text) RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE
    RETURN sha256(convert_to(
        coalesce(debit, '') || E'\x1f' || coalesce(credit, '') || E'\x1f' || coalesce(amount_vnd::text, '')
        || E'\x1f' || coalesce(fund, '') || E'\x1f' || coalesce(run, '')
        || E'\x1f' || coalesce(debit_reference, '') || E'\x1f' || coalesce(credit_reference, ''), 'UTF8'));

-- What was asked for: the same whatever the order in which the lines were handed over, and whoever asks whenever.
CREATE FUNCTION ledger.request_hash(event text, document text, business_on date, description text, reverses bigint,
        sorted_line_hashes bytea) RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE
    RETURN sha256(convert_to(
        event || E'\x1f' || document || E'\x1f' || to_char(business_on, 'YYYY-MM-DD') || E'\x1f' || description
        || E'\x1f' || coalesce(reverses::text, '') || E'\x1f', 'UTF8') || sha256(sorted_line_hashes));

-- What stands in the ledger: the request under its key, the lines in their order, and who recorded it when.
CREATE FUNCTION ledger.content_hash(entry_id bigint, key text, request_hash bytea, event text, document text,
        business_on date, description text, reverses bigint, recorded_at timestamptz, person text, xact xid8,
        line_hashes bytea) RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE
    RETURN sha256(convert_to(
        entry_id::text || E'\x1f' || coalesce(key, '') || E'\x1f' || coalesce(encode(request_hash, 'hex'), '')
        || E'\x1f' || event || E'\x1f' || document || E'\x1f' || to_char(business_on, 'YYYY-MM-DD')
        || E'\x1f' || description || E'\x1f' || coalesce(reverses::text, '')
        || E'\x1f' || to_char(recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US')
        || E'\x1f' || coalesce(person, '') || E'\x1f' || xact::text || E'\x1f', 'UTF8')
        || sha256(coalesce(line_hashes, ''::bytea)));


-- Posting. -------------------------------------------------------------------------------------------------------

-- An empty staging table for this session. The owner makes and owns it: a table that the caller had made could carry
-- the caller's code into functions that run with the owner's rights.
CREATE FUNCTION ledger.open_staging() RETURNS void LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF to_regclass('pg_temp.staged_line') IS NULL THEN
        CREATE TEMPORARY TABLE staged_line (
            line_no bigint GENERATED ALWAYS AS IDENTITY,
            debit text, credit text, amount_vnd bigint, fund text, run text,
            debit_reference text, credit_reference text
        ) ON COMMIT DELETE ROWS;
        GRANT SELECT, INSERT ON pg_temp.staged_line TO thuchi_application;
    ELSE
        PERFORM ledger.require_own_staging();
        PERFORM ledger.clear_staging();
    END IF;
END $$;

-- Truncating makes PostgreSQL plan all queries on the table anew, which costs more than posting a few lines.
CREATE FUNCTION ledger.clear_staging() RETURNS void LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF pg_relation_size('pg_temp.staged_line') > 65536 THEN
        TRUNCATE pg_temp.staged_line;
    ELSE
        DELETE FROM pg_temp.staged_line;
    END IF;
END $$;

CREATE FUNCTION ledger.require_own_staging() RETURNS void LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_class WHERE oid = to_regclass('pg_temp.staged_line')
            AND relkind = 'r' AND relowner = (SELECT oid FROM pg_roles WHERE rolname = current_user)) THEN
        RAISE EXCEPTION 'no lines are staged: call ledger.open_staging() first' USING ERRCODE = 'LG001';
    END IF;
END $$;

-- An account code as an error may show it: what looks like somebody's number stays out of errors and logs.
CREATE FUNCTION ledger.shown(code text) RETURNS text LANGUAGE sql IMMUTABLE
    RETURN CASE WHEN code IS NULL THEN '(none)' WHEN code ~ '[0-9]{9}' THEN '(a number)' ELSE code END;

-- What is wrong with a line by itself, in words and never with the value of a reference; null if nothing is.
CREATE FUNCTION ledger.line_problem(debit text, credit text, amount_vnd bigint, fund text, run text,
        debit_reference text, credit_reference text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN debit = credit THEN 'debit and credit are the same account'
        WHEN amount_vnd IS NULL OR amount_vnd <= 0 THEN 'the amount must be positive'
        WHEN fund IS NULL OR fund !~ '^[a-z][a-z0-9_]*$' THEN 'the fund is missing or no code'
        WHEN ledger.is_bare_number(run) OR ledger.is_bare_number(debit_reference)
            OR ledger.is_bare_number(credit_reference) THEN 'a reference must not be a bare number'
        WHEN run = '' OR debit_reference = '' OR credit_reference = ''
            OR coalesce(run, '') || coalesce(debit_reference, '') || coalesce(credit_reference, '') ~ '[[:cntrl:]]'
            THEN 'a reference is empty or holds control characters'
    END;

-- Lists the first problems of the staged lines, by line.
CREATE FUNCTION ledger.staged_problems() RETURNS text LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT string_agg('line ' || (SELECT count(*) FROM pg_temp.staged_line b WHERE b.line_no <= w.line_no)
            || ': ' || w.problem, E'\n' ORDER BY w.line_no) FROM (
        SELECT s.line_no, found.problem
        FROM pg_temp.staged_line s
        CROSS JOIN LATERAL (SELECT CASE
            WHEN NOT EXISTS (SELECT FROM ledger.account a WHERE a.code = s.debit)
                THEN 'no account ' || ledger.shown(s.debit)
            WHEN NOT EXISTS (SELECT FROM ledger.account a WHERE a.code = s.credit)
                THEN 'no account ' || ledger.shown(s.credit)
            ELSE ledger.line_problem(s.debit, s.credit, s.amount_vnd, s.fund, s.run, s.debit_reference,
                s.credit_reference)
            END AS problem) found
        WHERE found.problem IS NOT NULL
        ORDER BY s.line_no LIMIT 20) w);
END $$;

-- Writes one entry with the staged lines, or finds the entry that the same key wrote before.
--
-- Sessions keep the plans of queries. One made for a single line is ruinous for a million, so many lines are planned
-- anew; and one made while there were few accounts would read the whole table later, hence enable_seqscan.
CREATE FUNCTION ledger.write_entry(key text, event text, document text, business_on date, description text,
        recorded_at timestamptz, reverses bigint, OUT entry_id bigint, OUT replayed boolean) LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp SET plan_cache_mode = auto SET enable_seqscan = off AS $$
#variable_conflict use_variable
DECLARE
    codes text[];
    accounts integer[];
    debits numeric[];
    credits numeric[];
    all_sound boolean;
    ordered_hashes bytea;
    asked bytea;
    known ledger.entry_key;
    closed_through date;
    this_xact xid8 := pg_current_xact_id();
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'posting needs the isolation level read committed' USING ERRCODE = 'LG001';
    END IF;
    -- The tables refuse these as well, but would put the number into the server's log.
    IF ledger.is_bare_number(key) OR ledger.is_bare_number(document) THEN
        RAISE EXCEPTION 'neither key nor document may be a bare number' USING ERRCODE = 'LG001';
    END IF;

    IF pg_relation_size('pg_temp.staged_line') > 65536 THEN
        PERFORM set_config('plan_cache_mode', 'force_custom_plan', true);
    END IF;
    SELECT array_agg(m.code), array_agg(m.account_id), array_agg(m.debit), array_agg(m.credit)
    INTO codes, accounts, debits, credits
    FROM (SELECT code, sum(debit) AS debit, sum(credit) AS credit,
            (SELECT a.account_id FROM ledger.account a WHERE a.code = sides.code) AS account_id
        FROM (SELECT s.debit AS code, sum(s.amount_vnd) AS debit, 0 AS credit FROM pg_temp.staged_line s GROUP BY 1
            UNION ALL
            SELECT s.credit, 0, sum(s.amount_vnd) FROM pg_temp.staged_line s GROUP BY 1) sides
        GROUP BY code) m;
    IF codes IS NULL THEN
        RAISE EXCEPTION 'an entry needs at least one line' USING ERRCODE = 'LG002';
    END IF;

    WITH hashed AS MATERIALIZED (
        SELECT s.line_no, ledger.line_problem(s.debit, s.credit, s.amount_vnd, s.fund, s.run, s.debit_reference,
                s.credit_reference) IS NULL AS sound,
            ledger.line_hash(s.debit, s.credit, s.amount_vnd, s.fund, s.run, s.debit_reference,
                s.credit_reference) AS hash
        FROM pg_temp.staged_line s)
    SELECT bool_and(h.sound), string_agg(h.hash, ''::bytea ORDER BY h.line_no),
        ledger.request_hash(event, document, business_on, description, reverses,
            string_agg(h.hash, ''::bytea ORDER BY h.hash))
    INTO all_sound, ordered_hashes, asked FROM hashed h;
    IF NOT all_sound OR array_position(accounts, NULL) IS NOT NULL THEN
        RAISE EXCEPTION '%', ledger.staged_problems() USING ERRCODE = 'LG002';
    END IF;

    entry_id := nextval('ledger.entry_entry_id_seq');
    INSERT INTO ledger.entry_key VALUES (key, entry_id, asked) ON CONFLICT DO NOTHING;
    replayed := NOT FOUND;
    IF replayed THEN
        SELECT k.* INTO known FROM ledger.entry_key k WHERE k.key = key;
        IF known.request_hash <> asked THEN
            RAISE EXCEPTION 'key % stands for entry %, which has other content', key, known.entry_id
                USING ERRCODE = 'LG003';
        END IF;
        entry_id := known.entry_id;
        PERFORM ledger.clear_staging();
        RETURN;
    END IF;

    -- Shared among writers; closing a period takes it alone, so no entry slips into a month being closed.
    PERFORM pg_advisory_xact_lock_shared(ledger.period_lock());
    SELECT max(p.month) INTO closed_through FROM ledger.closed_period p;
    IF business_on < closed_through + interval '1 month' THEN
        RAISE EXCEPTION 'the books are closed through %, no entry can be dated %',
            to_char(closed_through, 'YYYY-MM'), to_char(business_on, 'YYYY-MM-DD') USING ERRCODE = 'LG004';
    END IF;

    INSERT INTO ledger.entry (entry_id, event, document, business_on, recorded_at, description, xact, content_hash)
    OVERRIDING SYSTEM VALUE
    VALUES (entry_id, event, document, business_on, recorded_at, description, this_xact,
        ledger.content_hash(entry_id, key, asked, event, document, business_on, description, reverses, recorded_at,
            ledger.person(), this_xact, ordered_hashes));
    INSERT INTO ledger.line
    SELECT entry_id, row_number() OVER (ORDER BY s.line_no), d.account_id, c.account_id, s.amount_vnd, s.fund, s.run,
        s.debit_reference, s.credit_reference
    FROM pg_temp.staged_line s
    JOIN unnest(codes, accounts) d (code, account_id) ON d.code = s.debit
    JOIN unnest(codes, accounts) c (code, account_id) ON c.code = s.credit
    ORDER BY s.line_no;
    PERFORM ledger.move_balances(accounts, debits, credits);
    PERFORM ledger.clear_staging();
END $$;

-- Adds to the balances, once for each account, with limited accounts locked in the order of their id.
CREATE FUNCTION ledger.move_balances(accounts integer[], debits numeric[], credits numeric[]) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    beyond text;
BEGIN
    PERFORM FROM ledger.balance b
    WHERE b.account_id = ANY (accounts) AND b.balance_limit <> 'none'
    ORDER BY b.account_id FOR NO KEY UPDATE;

    SELECT min((SELECT a.code FROM ledger.account a WHERE a.account_id = b.account_id)) INTO beyond
    FROM unnest(accounts, debits, credits) m (account_id, debit, credit)
    JOIN ledger.balance b ON b.account_id = m.account_id AND b.balance_limit <> 'none'
    WHERE CASE WHEN (b.normal_side = 'debit') = (b.balance_limit = 'never_negative')
        THEN b.debit_vnd + m.debit < b.credit_vnd + m.credit
        ELSE b.credit_vnd + m.credit < b.debit_vnd + m.debit END;
    IF beyond IS NOT NULL THEN
        RAISE EXCEPTION 'account % would pass its limit', beyond USING ERRCODE = 'LG006';
    END IF;

    UPDATE ledger.balance b SET debit_vnd = b.debit_vnd + m.debit, credit_vnd = b.credit_vnd + m.credit
    FROM unnest(accounts, debits, credits) m (account_id, debit, credit)
    WHERE b.account_id = m.account_id AND b.balance_limit <> 'none';

    -- Accounts without a limit: a row that nobody holds, or a new one.
    WITH moved AS MATERIALIZED (
        SELECT a.account_id, a.normal_side, a.balance_limit, m.debit, m.credit, (
            SELECT b.balance_id FROM ledger.balance b WHERE b.account_id = m.account_id
            ORDER BY b.balance_id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED) AS balance_id
        FROM unnest(accounts, debits, credits) m (account_id, debit, credit)
        JOIN ledger.account a USING (account_id)
        WHERE a.balance_limit = 'none'
    ), added AS (
        INSERT INTO ledger.balance (account_id, normal_side, balance_limit, debit_vnd, credit_vnd)
        SELECT account_id, normal_side, balance_limit, debit, credit FROM moved WHERE balance_id IS NULL
    )
    UPDATE ledger.balance b SET debit_vnd = b.debit_vnd + m.debit, credit_vnd = b.credit_vnd + m.credit
    FROM moved m WHERE b.balance_id = m.balance_id;
END $$;

-- The advisory lock between posting and closing: the letters of "ledger" as a number.
CREATE FUNCTION ledger.period_lock() RETURNS bigint LANGUAGE sql IMMUTABLE RETURN 119182870668658;

CREATE FUNCTION ledger.post_staged(key text, event text, document text, business_on date, description text,
        recorded_at timestamptz, OUT entry_id bigint, OUT replayed boolean) LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    PERFORM ledger.require_own_staging();
    SELECT w.* INTO entry_id, replayed
    FROM ledger.write_entry(key, event, document, business_on, description, recorded_at, NULL) w;
END $$;

-- The same for a few lines that come with the call: one journey to the database instead of five.
CREATE FUNCTION ledger.post_lines(key text, event text, document text, business_on date, description text,
        recorded_at timestamptz, debits text[], credits text[], amounts_vnd bigint[], funds text[], runs text[],
        debit_references text[], credit_references text[], OUT entry_id bigint, OUT replayed boolean)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    PERFORM ledger.open_staging();
    INSERT INTO pg_temp.staged_line (debit, credit, amount_vnd, fund, run, debit_reference, credit_reference)
    SELECT * FROM unnest(debits, credits, amounts_vnd, funds, runs, debit_references, credit_references);
    SELECT w.* INTO entry_id, replayed
    FROM ledger.write_entry(key, event, document, business_on, description, recorded_at, NULL) w;
END $$;

CREATE FUNCTION ledger.reverse_entry(original bigint, key text, event text, document text, business_on date,
        description text, recorded_at timestamptz, OUT entry_id bigint, OUT replayed boolean)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    IF NOT EXISTS (SELECT FROM ledger.entry e WHERE e.entry_id = original) THEN
        RAISE EXCEPTION 'there is no entry %', original USING ERRCODE = 'LG008';
    END IF;
    PERFORM ledger.open_staging();
    INSERT INTO pg_temp.staged_line (debit, credit, amount_vnd, fund, run, debit_reference, credit_reference)
    SELECT c.code, d.code, l.amount_vnd, l.fund, l.run, l.credit_reference, l.debit_reference
    FROM ledger.line l
    JOIN ledger.account d ON d.account_id = l.debit_account_id
    JOIN ledger.account c ON c.account_id = l.credit_account_id
    WHERE l.entry_id = original ORDER BY l.line_no;
    SELECT w.* INTO entry_id, replayed
    FROM ledger.write_entry(key, event, document, business_on, description, recorded_at, original) w;
    IF replayed THEN
        RETURN;
    END IF;
    INSERT INTO ledger.reversal VALUES (original, entry_id) ON CONFLICT (original_entry_id) DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'entry % has been reversed before, by entry %', original,
            (SELECT r.reversing_entry_id FROM ledger.reversal r WHERE r.original_entry_id = original)
            USING ERRCODE = 'LG005';
    END IF;
END $$;

-- Opens the accounts that are not open yet. Refuses a code that is open with another side or limit.
CREATE FUNCTION ledger.open_accounts(chart_codes text[], qualifiers text[], names text[], names_en text[],
        normal_sides text[], balance_limits text[]) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    differing text;
BEGIN
    IF EXISTS (SELECT FROM unnest(qualifiers) q WHERE q ~ '(^|\.)[0-9]{9,}($|\.)') THEN
        RAISE EXCEPTION 'no part of a qualifier may be a bare number' USING ERRCODE = 'LG001';
    END IF;
    WITH wanted AS (
        SELECT DISTINCT ON (code) w.*, w.chart_code || coalesce('.' || w.qualifier, '') AS code
        FROM unnest(chart_codes, qualifiers, names, names_en, normal_sides, balance_limits)
            w (chart_code, qualifier, name, name_en, normal_side, balance_limit)
        ORDER BY code
    ), opened AS (
        INSERT INTO ledger.account (code, chart_code, qualifier, name, name_en, normal_side, balance_limit)
        SELECT code, chart_code, qualifier, name, name_en, normal_side, balance_limit FROM wanted ORDER BY code
        ON CONFLICT (code) DO NOTHING
        RETURNING account_id, normal_side, balance_limit
    )
    INSERT INTO ledger.balance (account_id, normal_side, balance_limit) SELECT * FROM opened;

    SELECT a.code INTO differing
    FROM unnest(chart_codes, qualifiers, normal_sides, balance_limits)
        w (chart_code, qualifier, normal_side, balance_limit)
    JOIN ledger.account a ON a.code = w.chart_code || coalesce('.' || w.qualifier, '')
    WHERE (a.normal_side, a.balance_limit) IS DISTINCT FROM (w.normal_side, w.balance_limit) LIMIT 1;
    IF differing IS NOT NULL THEN
        RAISE EXCEPTION 'account % is open with another normal side or limit', differing USING ERRCODE = 'LG009';
    END IF;
END $$;

CREATE FUNCTION ledger.close_period(month date, closed_at timestamptz) RETURNS boolean LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    PERFORM pg_advisory_xact_lock(ledger.period_lock());
    INSERT INTO ledger.closed_period (month, closed_at)
    SELECT month, closed_at WHERE NOT EXISTS (SELECT FROM ledger.closed_period p WHERE p.month >= month);
    RETURN FOUND;
END $$;


-- Rights: PostgreSQL lets everybody call a new function, the ledger does not. -------------------------------------

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA ledger FROM PUBLIC;
GRANT SELECT ON ALL TABLES IN SCHEMA ledger TO thuchi_application;
GRANT EXECUTE ON FUNCTION ledger.open_accounts, ledger.open_staging, ledger.post_staged, ledger.post_lines,
    ledger.reverse_entry, ledger.close_period, ledger.line_hash, ledger.request_hash, ledger.content_hash
    TO thuchi_application;
