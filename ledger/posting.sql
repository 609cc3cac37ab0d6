-- Posting as migration 0008 makes it: one line in few steps, many entries in one call. Later changes are migrations.
--
-- Whoever posts waits for others in one order only, so calls cannot wait for each other in a circle: for the closing of
-- a period, for accounts with a limit by their id, for keys in the order of the call's sorted keys.

-- The books are open: nobody closes a period until this transaction ends. Turns the month when it is time to.
CREATE FUNCTION ledger.enter_books(recorded_at timestamptz, OUT open_from date) LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    ends_at timestamptz;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'posting needs the isolation level read committed' USING ERRCODE = 'LG001';
    END IF;
    -- Shared among writers; closing a period takes it alone, so no entry slips into a month being closed.
    PERFORM pg_advisory_xact_lock_shared(ledger.period_lock());
    SELECT (SELECT max(p.month) FROM ledger.closed_period p) + interval '1 month',
        (SELECT max(p.ends_at) FROM ledger.partition p)
    INTO open_from, ends_at;
    IF recorded_at >= ends_at OR ends_at IS NULL THEN
        PERFORM ledger.turn_month(recorded_at);
    END IF;
END $$;

CREATE FUNCTION ledger.refuse_closed(open_from date, business_on date) RETURNS void LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '%', ledger.closed_words(open_from, business_on) USING ERRCODE = 'LG004';
END $$;

CREATE FUNCTION ledger.closed_words(open_from date, business_on date) RETURNS text LANGUAGE sql STABLE
    RETURN format('the books are closed through %s, no entry can be dated %s',
        to_char(open_from - 1, 'YYYY-MM'), to_char(business_on, 'YYYY-MM-DD'));

-- What is wrong with an entry beside its lines, in words and never with the value itself; null if nothing is. The
-- tables refuse the same, but one by one, and would put the value into the server's log.
CREATE FUNCTION ledger.header_problem(key text, event text, document text, business_on date, description text)
    RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN ledger.is_bare_number(key) OR ledger.is_bare_number(document)
            THEN 'neither key nor document may be a bare number'
        WHEN key IS NULL OR key = '' OR key ~ '[[:cntrl:]]' THEN 'the key is missing or holds control characters'
        WHEN event IS NULL OR event !~ '^[a-z][a-z0-9_]*$' THEN 'the event is missing or no code'
        WHEN document IS NULL OR document = '' OR document ~ '[[:cntrl:]]'
            THEN 'the document is missing or holds control characters'
        WHEN business_on IS NULL THEN 'the business date is missing'
        WHEN description IS NULL OR description ~ '[[:cntrl:]]'
            THEN 'the description is missing or holds control characters'
    END;

-- The same words as ever, found by one pattern in place of two: patterns are most of what looking at a line costs.
CREATE OR REPLACE FUNCTION ledger.line_problem(debit text, credit text, amount_vnd bigint, fund text, run text,
        debit_reference text, credit_reference text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN debit = credit THEN 'debit and credit are the same account'
        WHEN amount_vnd IS NULL OR amount_vnd <= 0 THEN 'the amount must be positive'
        WHEN ledger.is_bare_number(run) OR ledger.is_bare_number(debit_reference)
            OR ledger.is_bare_number(credit_reference) THEN 'a reference must not be a bare number'
        WHEN fund || ' ' || coalesce(run, '-') || coalesce(debit_reference, '-') || coalesce(credit_reference, '-')
                ~ '^[a-z][a-z0-9_]* [^[:cntrl:]]*$'
            AND (run = '' OR debit_reference = '' OR credit_reference = '') IS NOT TRUE THEN NULL
        WHEN fund IS NULL OR fund !~ '^[a-z][a-z0-9_]*$' THEN 'the fund is missing or no code'
        ELSE 'a reference is empty or holds control characters'
    END;

-- Locks the accounts with a limit among these, in the order of their id.
CREATE FUNCTION ledger.lock_limited(accounts integer[]) RETURNS void LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM ledger.balance b
    WHERE b.account_id = ANY (accounts) AND b.balance_limit <> 'none'
    ORDER BY b.account_id FOR NO KEY UPDATE;
END $$;

-- Adds to the balance of one account; false if it would pass its limit. Without a limit any row of it that nobody
-- holds will do, or a new one: nobody waits.
CREATE FUNCTION ledger.move_balance(account integer, balance_limit text, debit bigint, credit bigint) RETURNS boolean
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    IF balance_limit = 'none' THEN
        UPDATE ledger.balance b SET debit_vnd = b.debit_vnd + debit, credit_vnd = b.credit_vnd + credit
        WHERE b.balance_id = (SELECT f.balance_id FROM ledger.balance f WHERE f.account_id = account
            ORDER BY f.balance_id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED);
        IF NOT FOUND THEN
            INSERT INTO ledger.balance (account_id, normal_side, balance_limit, debit_vnd, credit_vnd)
            SELECT a.account_id, a.normal_side, a.balance_limit, debit, credit
            FROM ledger.account a WHERE a.account_id = account;
        END IF;
        RETURN true;
    END IF;
    UPDATE ledger.balance b SET debit_vnd = b.debit_vnd + debit, credit_vnd = b.credit_vnd + credit
    WHERE b.account_id = account AND b.balance_limit <> 'none'
        AND CASE WHEN (b.normal_side = 'debit') = (b.balance_limit = 'never_negative')
            THEN b.debit_vnd + debit >= b.credit_vnd + credit ELSE b.credit_vnd + credit >= b.debit_vnd + debit END;
    RETURN FOUND;
END $$;

-- Posts an entry of one line.
CREATE FUNCTION ledger.post_line(key text, event text, document text, business_on date, description text,
        recorded_at timestamptz, debit text, credit text, amount_vnd bigint, fund text, run text,
        debit_reference text, credit_reference text, OUT entry_id bigint, OUT replayed boolean)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
#variable_conflict use_variable
DECLARE
    open_from date := ledger.enter_books(recorded_at);
    problem text;
    this_xact xid8 := pg_current_xact_id();
    debit_id integer;
    debit_limit text;
    credit_id integer;
    credit_limit text;
    line_hash bytea;
    asked bytea;
    known ledger.entry_key;
BEGIN
    IF ledger.is_bare_number(key) OR ledger.is_bare_number(document) THEN
        RAISE EXCEPTION 'neither key nor document may be a bare number' USING ERRCODE = 'LG001';
    END IF;
    SELECT d.account_id, d.balance_limit, c.account_id, c.balance_limit
    INTO debit_id, debit_limit, credit_id, credit_limit
    FROM (VALUES (1)) one (line)
    LEFT JOIN ledger.account d ON d.code = debit LEFT JOIN ledger.account c ON c.code = credit;
    problem := CASE WHEN debit_id IS NULL THEN 'no account ' || ledger.shown(debit)
        WHEN credit_id IS NULL THEN 'no account ' || ledger.shown(credit)
        ELSE ledger.line_problem(debit, credit, amount_vnd, fund, run, debit_reference, credit_reference) END;
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION 'line 1: %', problem USING ERRCODE = 'LG002';
    END IF;

    IF debit_limit <> 'none' OR credit_limit <> 'none' THEN
        PERFORM ledger.lock_limited(ARRAY[debit_id, credit_id]);
    END IF;
    line_hash := ledger.line_hash(debit, credit, amount_vnd, fund, run, debit_reference, credit_reference);
    asked := ledger.request_hash(event, document, business_on, description, NULL, line_hash);
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
        RETURN;
    END IF;
    IF business_on < open_from THEN
        PERFORM ledger.refuse_closed(open_from, business_on);
    END IF;
    INSERT INTO ledger.entry (entry_id, event, document, business_on, recorded_at, description, xact, content_hash)
    OVERRIDING SYSTEM VALUE
    VALUES (entry_id, event, document, business_on, recorded_at, description, this_xact,
        ledger.content_hash(entry_id, key, asked, event, document, business_on, description, NULL, recorded_at,
            ledger.person(), this_xact, line_hash));
    INSERT INTO ledger.line VALUES (entry_id, 1, debit_id, credit_id, amount_vnd, fund, run, debit_reference,
        credit_reference);
    IF NOT ledger.move_balance(debit_id, debit_limit, amount_vnd, 0) THEN
        RAISE EXCEPTION 'account % would pass its limit', debit USING ERRCODE = 'LG006';
    END IF;
    IF NOT ledger.move_balance(credit_id, credit_limit, 0, amount_vnd) THEN
        RAISE EXCEPTION 'account % would pass its limit', credit USING ERRCODE = 'LG006';
    END IF;
END $$;

-- Posts many entries: all of them or none, or, with `leave_out`, those that can stand. `line_entries` says for each
-- line the place of its entry in the call; lines of an entry stand together, in the order of the entries.
--
-- Answers for each entry: its id; whether it stood before this call; what refuses it, as SQLSTATE and in words. If an
-- entry is refused and none is left out, nothing is written and the others have no id. Each entry is tried after those
-- before it, so what an earlier one brings to a limited account a later one may spend.
CREATE FUNCTION ledger.post_entries(keys text[], events text[], documents text[], business_ons date[],
        descriptions text[], recorded_at timestamptz, line_entries integer[], debits text[], credits text[],
        amounts_vnd bigint[], funds text[], runs text[], debit_references text[], credit_references text[],
        leave_out boolean, OUT entry_ids bigint[], OUT replayed boolean[], OUT sqlstates text[], OUT reasons text[])
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
    SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_variable
DECLARE
    open_from date := ledger.enter_books(recorded_at);
    this_xact xid8 := pg_current_xact_id();
    person text := ledger.person();
    entries integer := cardinality(keys);
    debit_ids integer[];
    credit_ids integer[];
    line_nos integer[];
    hashes bytea[];
    problems text[];
    ordered bytea[];
    sorted bytea[];
    found text[];
    asked bytea[];
    twins integer[];
    holders integer[] := array_fill(0, ARRAY[entries]);
    twin integer;
    limited integer[];
    signs integer[];
    rooms bigint[];
    debit_slots integer[];
    credit_slots integer[];
    slot integer;
    first integer;
    last integer := 0;
    refused boolean := false;
    written integer := 0;
    keyed integer;
    known ledger.entry_key;
    accounts integer[];
    moved_debits numeric[];
    moved_credits numeric[];
BEGIN
    SELECT array_agg(r.debit_id ORDER BY r.no), array_agg(r.credit_id ORDER BY r.no), array_agg(r.hash ORDER BY r.no),
        array_agg(r.problem ORDER BY r.no), array_agg(r.line_no ORDER BY r.no)
    INTO debit_ids, credit_ids, hashes, problems, line_nos
    FROM (SELECT l.no, d.account_id AS debit_id, c.account_id AS credit_id,
            l.no - min(l.no) OVER (PARTITION BY l.entry) + 1 AS line_no,
            ledger.line_hash(l.debit, l.credit, l.amount_vnd, l.fund, l.run, l.debit_reference, l.credit_reference)
                AS hash,
            CASE WHEN d.account_id IS NULL THEN 'no account ' || ledger.shown(l.debit)
                WHEN c.account_id IS NULL THEN 'no account ' || ledger.shown(l.credit)
                ELSE ledger.line_problem(l.debit, l.credit, l.amount_vnd, l.fund, l.run, l.debit_reference,
                    l.credit_reference)
            END AS problem
        FROM unnest(line_entries, debits, credits, amounts_vnd, funds, runs, debit_references, credit_references)
            WITH ORDINALITY l (entry, debit, credit, amount_vnd, fund, run, debit_reference, credit_reference, no)
        LEFT JOIN ledger.account d ON d.code = l.debit
        LEFT JOIN ledger.account c ON c.code = l.credit) r;

    -- Locked before keys are looked up: whoever posts the same on the same limited account has committed by then.
    SELECT array_agg(b.account_id), array_agg(b.sign), array_agg(b.sign * (b.debit_vnd - b.credit_vnd))
    INTO limited, signs, rooms
    FROM (SELECT b.account_id, b.debit_vnd, b.credit_vnd,
            CASE WHEN (b.normal_side = 'debit') = (b.balance_limit = 'never_negative') THEN 1 ELSE -1 END AS sign
        FROM ledger.balance b
        WHERE b.account_id = ANY (debit_ids || credit_ids) AND b.balance_limit <> 'none'
        ORDER BY b.account_id FOR NO KEY UPDATE) b;

    SELECT array_agg(g.ordered ORDER BY g.entry), array_agg(g.sorted ORDER BY g.entry),
        array_agg(g.found ORDER BY g.entry)
    INTO ordered, sorted, found
    FROM (SELECT l.entry, string_agg(l.hash, ''::bytea ORDER BY l.line_no) AS ordered,
            string_agg(l.hash, ''::bytea ORDER BY l.hash) AS sorted,
            CASE WHEN count(l.line_no) = 0 THEN 'an entry needs at least one line'
                ELSE array_to_string((array_agg('line ' || l.line_no || ': ' || l.problem ORDER BY l.line_no)
                    FILTER (WHERE l.problem IS NOT NULL))[1:20], E'\n') END AS found
        FROM (SELECT * FROM unnest(line_entries, line_nos, hashes, problems) l (entry, line_no, hash, problem)
            UNION ALL SELECT no, NULL, NULL, NULL FROM generate_series(1, entries) no) l
        GROUP BY l.entry) g;
    IF cardinality(ordered) <> entries THEN
        RAISE EXCEPTION 'there are lines without an entry' USING ERRCODE = 'LG002';
    END IF;

    SELECT array_agg(c.known ORDER BY c.no), array_agg(c.known IS NOT NULL AND c.sqlstate IS NULL ORDER BY c.no),
        array_agg(c.sqlstate ORDER BY c.no), array_agg(c.reason ORDER BY c.no), array_agg(c.asked ORDER BY c.no),
        array_agg(c.twin ORDER BY c.no)
    INTO entry_ids, replayed, sqlstates, reasons, asked, twins
    FROM (SELECT a.no, a.asked, k.entry_id AS known, min(a.no) OVER (PARTITION BY a.key) AS twin,
            CASE WHEN a.problem IS NOT NULL THEN 'LG001' WHEN a.found IS NOT NULL THEN 'LG002'
                WHEN k.request_hash <> a.asked THEN 'LG003'
                WHEN k.key IS NULL AND a.business_on < open_from THEN 'LG004' END AS sqlstate,
            CASE WHEN a.problem IS NOT NULL THEN a.problem WHEN a.found IS NOT NULL THEN a.found
                WHEN k.request_hash <> a.asked
                    THEN format('key %s stands for entry %s, which has other content', a.key, k.entry_id)
                WHEN k.key IS NULL AND a.business_on < open_from
                    THEN ledger.closed_words(open_from, a.business_on) END AS reason
        FROM (SELECT e.*, ledger.header_problem(e.key, e.event, e.document, e.business_on, e.description) AS problem,
                ledger.request_hash(e.event, e.document, e.business_on, e.description, NULL, e.sorted) AS asked
            FROM unnest(keys, events, documents, business_ons, descriptions, sorted, found)
                WITH ORDINALITY e (key, event, document, business_on, description, sorted, found, no)) a
        LEFT JOIN ledger.entry_key k ON k.key = a.key) c;

    IF limited IS NOT NULL THEN
        SELECT array_agg(CASE WHEN limited[l.debit_slot] = l.debit THEN l.debit_slot END ORDER BY l.no),
            array_agg(CASE WHEN limited[l.credit_slot] = l.credit THEN l.credit_slot END ORDER BY l.no)
        INTO debit_slots, credit_slots
        FROM (SELECT l.*, width_bucket(l.debit, limited) AS debit_slot, width_bucket(l.credit, limited) AS credit_slot
            FROM unnest(debit_ids, credit_ids) WITH ORDINALITY l (debit, credit, no)) l;
    END IF;

    -- Entry by entry in the order of the call: a key that one before it holds, a limit that is passed, an id. `twins`
    -- is for each entry the first one with its key, where `holders` keeps the one that was found good for it.
    FOR entry IN 1 .. entries LOOP
        first := last + 1;
        WHILE line_entries[last + 1] = entry LOOP
            last := last + 1;
        END LOOP;
        twin := holders[twins[entry]];
        IF coalesce(sqlstates[entry], 'LG004') = 'LG004' AND twin > 0 THEN
            replayed[entry] := asked[twin] = asked[entry];
            entry_ids[entry] := entry_ids[twin];
            IF NOT replayed[entry] THEN
                sqlstates[entry] := 'LG003';
                reasons[entry] := format('key %s stands for another entry of this call', keys[entry]);
            END IF;
        ELSIF sqlstates[entry] IS NULL AND NOT replayed[entry] THEN
            IF limited IS NOT NULL THEN
                FOR line IN first .. last LOOP
                    slot := debit_slots[line];
                    IF slot IS NOT NULL THEN
                        rooms[slot] := rooms[slot] + signs[slot] * amounts_vnd[line];
                    END IF;
                    slot := credit_slots[line];
                    IF slot IS NOT NULL THEN
                        rooms[slot] := rooms[slot] - signs[slot] * amounts_vnd[line];
                    END IF;
                END LOOP;
                FOR line IN first .. last LOOP
                    IF rooms[debit_slots[line]] < 0 THEN
                        reasons[entry] := format('account %s would pass its limit', debits[line]);
                    ELSIF rooms[credit_slots[line]] < 0 THEN
                        reasons[entry] := format('account %s would pass its limit', credits[line]);
                    END IF;
                END LOOP;
                IF reasons[entry] IS NOT NULL THEN
                    sqlstates[entry] := 'LG006';
                    FOR line IN first .. last LOOP
                        slot := debit_slots[line];
                        IF slot IS NOT NULL THEN
                            rooms[slot] := rooms[slot] - signs[slot] * amounts_vnd[line];
                        END IF;
                        slot := credit_slots[line];
                        IF slot IS NOT NULL THEN
                            rooms[slot] := rooms[slot] + signs[slot] * amounts_vnd[line];
                        END IF;
                    END LOOP;
                END IF;
            END IF;
            IF sqlstates[entry] IS NULL THEN
                entry_ids[entry] := nextval('ledger.entry_entry_id_seq');
                holders[twins[entry]] := entry;
                written := written + 1;
            END IF;
        END IF;
        IF sqlstates[entry] IS NOT NULL THEN
            entry_ids[entry] := NULL;
            refused := true;
        END IF;
    END LOOP;
    IF refused AND NOT leave_out THEN
        entry_ids := array_fill(NULL::bigint, ARRAY[entries]);
        replayed := array_fill(false, ARRAY[entries]);
        RETURN;
    END IF;

    INSERT INTO ledger.entry_key
    SELECT e.key, e.entry_id, e.asked FROM unnest(keys, entry_ids, replayed, asked) e (key, entry_id, replayed, asked)
    WHERE e.entry_id IS NOT NULL AND NOT e.replayed ORDER BY e.key ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS keyed = ROW_COUNT;
    IF keyed < written THEN
        -- Another session posted the same keys since they were looked up. With the same content they are replays, and
        -- touch no limited account, or that session could not have posted before us.
        FOR entry IN 1 .. entries LOOP
            IF entry_ids[entry] IS NOT NULL AND NOT replayed[entry] THEN
                SELECT k.* INTO known FROM ledger.entry_key k WHERE k.key = keys[entry];
                IF known.entry_id <> entry_ids[entry] AND known.request_hash <> asked[entry] THEN
                    RAISE EXCEPTION 'key % stands for entry %, which has other content', known.key, known.entry_id
                        USING ERRCODE = 'LG003';
                END IF;
                replayed[entry] := known.entry_id <> entry_ids[entry];
                entry_ids[entry] := known.entry_id;
            END IF;
        END LOOP;
    END IF;

    INSERT INTO ledger.entry (entry_id, event, document, business_on, recorded_at, description, xact, content_hash)
    OVERRIDING SYSTEM VALUE
    SELECT e.entry_id, e.event, e.document, e.business_on, recorded_at, e.description, this_xact,
        ledger.content_hash(e.entry_id, e.key, e.asked, e.event, e.document, e.business_on, e.description, NULL,
            recorded_at, person, this_xact, e.ordered)
    FROM unnest(entry_ids, replayed, keys, events, documents, business_ons, descriptions, asked, ordered)
        e (entry_id, replayed, key, event, document, business_on, description, asked, ordered)
    WHERE e.entry_id IS NOT NULL AND NOT e.replayed;
    INSERT INTO ledger.line
    SELECT entry_ids[l.entry], l.line_no, l.debit, l.credit, l.amount_vnd, l.fund, l.run, l.debit_reference,
        l.credit_reference
    FROM unnest(line_entries, line_nos, debit_ids, credit_ids, amounts_vnd, funds, runs, debit_references,
        credit_references) l (entry, line_no, debit, credit, amount_vnd, fund, run, debit_reference, credit_reference)
    WHERE entry_ids[l.entry] IS NOT NULL AND NOT replayed[l.entry];

    SELECT array_agg(m.account), array_agg(m.debit), array_agg(m.credit) INTO accounts, moved_debits, moved_credits
    FROM (SELECT account, sum(debit) AS debit, sum(credit) AS credit
        FROM (SELECT l.entry, l.debit AS account, l.amount_vnd AS debit, 0 AS credit
            FROM unnest(line_entries, debit_ids, amounts_vnd) l (entry, debit, amount_vnd)
            UNION ALL
            SELECT l.entry, l.credit, 0, l.amount_vnd
            FROM unnest(line_entries, credit_ids, amounts_vnd) l (entry, credit, amount_vnd)) sides
        WHERE entry_ids[entry] IS NOT NULL AND NOT replayed[entry]
        GROUP BY account) m;
    PERFORM ledger.move_balances(accounts, moved_debits, moved_credits);
END $$;

-- An empty staging table for many entries: a row for each line, with the header on the first line of its entry. The
-- owner makes and owns it, as it does with that of one entry.
CREATE FUNCTION ledger.open_batch() RETURNS void LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF to_regclass('pg_temp.staged_batch') IS NULL THEN
        CREATE TEMPORARY TABLE staged_batch (
            row_no bigint GENERATED ALWAYS AS IDENTITY, entry_no integer,
            key text, event text, document text, business_on date, description text,
            debit text, credit text, amount_vnd bigint, fund text, run text,
            debit_reference text, credit_reference text
        ) ON COMMIT DELETE ROWS;
        GRANT SELECT, INSERT ON pg_temp.staged_batch TO thuchi_application;
    ELSE
        PERFORM ledger.require_own_batch();
        TRUNCATE pg_temp.staged_batch;
    END IF;
END $$;

CREATE FUNCTION ledger.require_own_batch() RETURNS void LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_class WHERE oid = to_regclass('pg_temp.staged_batch')
            AND relkind = 'r' AND relowner = (SELECT oid FROM pg_roles WHERE rolname = current_user)) THEN
        RAISE EXCEPTION 'no entries are staged: call ledger.open_batch() first' USING ERRCODE = 'LG001';
    END IF;
END $$;

-- Posts what stands in the staging table of many entries, and empties it. Entries are numbered from 1.
CREATE FUNCTION ledger.post_batch(recorded_at timestamptz, leave_out boolean, OUT entry_ids bigint[],
        OUT replayed boolean[], OUT sqlstates text[], OUT reasons text[])
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    PERFORM ledger.require_own_batch();
    SELECT p.* INTO entry_ids, replayed, sqlstates, reasons
    FROM (SELECT array_agg(s.key ORDER BY s.row_no) AS keys, array_agg(s.event ORDER BY s.row_no) AS events,
            array_agg(s.document ORDER BY s.row_no) AS documents,
            array_agg(s.business_on ORDER BY s.row_no) AS business_ons,
            array_agg(s.description ORDER BY s.row_no) AS descriptions
        FROM (SELECT s.*, lag(s.entry_no) OVER (ORDER BY s.row_no) AS entry_before FROM pg_temp.staged_batch s) s
        WHERE s.entry_before IS DISTINCT FROM s.entry_no) h,
        (SELECT array_agg(s.entry_no ORDER BY s.row_no) AS line_entries, array_agg(s.debit ORDER BY s.row_no) AS debits,
            array_agg(s.credit ORDER BY s.row_no) AS credits, array_agg(s.amount_vnd ORDER BY s.row_no) AS amounts_vnd,
            array_agg(s.fund ORDER BY s.row_no) AS funds, array_agg(s.run ORDER BY s.row_no) AS runs,
            array_agg(s.debit_reference ORDER BY s.row_no) AS debit_references,
            array_agg(s.credit_reference ORDER BY s.row_no) AS credit_references
        FROM pg_temp.staged_batch s) l,
        LATERAL ledger.post_entries(h.keys, h.events, h.documents, h.business_ons, h.descriptions, recorded_at,
            l.line_entries, l.debits, l.credits, l.amounts_vnd, l.funds, l.runs, l.debit_references,
            l.credit_references, leave_out) p;
    TRUNCATE pg_temp.staged_batch;
END $$;

-- Adds to the balances, once for each account; those with a limit are locked already, and within it.
CREATE OR REPLACE FUNCTION ledger.move_balances(accounts integer[], debits numeric[], credits numeric[]) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
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

-- The account whose limit these movements would pass, if any; its row must be locked.
CREATE FUNCTION ledger.beyond_limit(accounts integer[], debits numeric[], credits numeric[]) RETURNS text
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT min((SELECT a.code FROM ledger.account a WHERE a.account_id = b.account_id))
        FROM unnest(accounts, debits, credits) m (account_id, debit, credit)
        JOIN ledger.balance b ON b.account_id = m.account_id AND b.balance_limit <> 'none'
        WHERE CASE WHEN (b.normal_side = 'debit') = (b.balance_limit = 'never_negative')
            THEN b.debit_vnd + m.debit < b.credit_vnd + m.credit
            ELSE b.credit_vnd + m.credit < b.debit_vnd + m.debit END);
END $$;

-- Writes one entry with the staged lines, or finds the entry that the same key wrote before.
--
-- Sessions keep the plans of queries. One made for a single line is ruinous for a million, so many lines are planned
-- anew; and one made while there were few accounts would read the whole table later, hence enable_seqscan.
CREATE OR REPLACE FUNCTION ledger.write_entry(key text, event text, document text, business_on date, description text,
        recorded_at timestamptz, reverses bigint, OUT entry_id bigint, OUT replayed boolean) LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp SET plan_cache_mode = auto SET enable_seqscan = off
    SET enable_mergejoin = off SET work_mem = '128MB' AS $$
#variable_conflict use_variable
DECLARE
    open_from date := ledger.enter_books(recorded_at);
    codes text[];
    accounts integer[];
    debits numeric[];
    credits numeric[];
    all_sound boolean;
    before_first bigint;
    numbered boolean;
    ordered_hashes bytea;
    asked bytea;
    known ledger.entry_key;
    beyond text;
    this_xact xid8 := pg_current_xact_id();
BEGIN
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

    SELECT bool_and(h.sound), string_agg(h.hash, ''::bytea ORDER BY h.line_no),
        ledger.request_hash(event, document, business_on, description, reverses,
            string_agg(h.hash, ''::bytea ORDER BY h.hash)),
        min(h.line_no) - 1, max(h.line_no) - min(h.line_no) + 1 = count(*)
    INTO all_sound, ordered_hashes, asked, before_first, numbered
    FROM (SELECT s.line_no, ledger.line_problem(s.debit, s.credit, s.amount_vnd, s.fund, s.run, s.debit_reference,
                s.credit_reference) IS NULL AS sound,
            ledger.line_hash(s.debit, s.credit, s.amount_vnd, s.fund, s.run, s.debit_reference,
                s.credit_reference) AS hash
        FROM pg_temp.staged_line s OFFSET 0) h;
    IF NOT all_sound OR array_position(accounts, NULL) IS NOT NULL THEN
        RAISE EXCEPTION '%', ledger.staged_problems() USING ERRCODE = 'LG002';
    END IF;

    PERFORM ledger.lock_limited(accounts);
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
    IF business_on < open_from THEN
        PERFORM ledger.refuse_closed(open_from, business_on);
    END IF;
    beyond := ledger.beyond_limit(accounts, debits, credits);
    IF beyond IS NOT NULL THEN
        RAISE EXCEPTION 'account % would pass its limit', beyond USING ERRCODE = 'LG006';
    END IF;

    INSERT INTO ledger.entry (entry_id, event, document, business_on, recorded_at, description, xact, content_hash)
    OVERRIDING SYSTEM VALUE
    VALUES (entry_id, event, document, business_on, recorded_at, description, this_xact,
        ledger.content_hash(entry_id, key, asked, event, document, business_on, description, reverses, recorded_at,
            ledger.person(), this_xact, ordered_hashes));
    -- Lines stand in the staging table in their order; only numbers with gaps between them are given anew.
    IF numbered THEN
        INSERT INTO ledger.line
        SELECT entry_id, s.line_no - before_first, d.account_id, c.account_id, s.amount_vnd, s.fund, s.run,
            s.debit_reference, s.credit_reference
        FROM pg_temp.staged_line s
        JOIN unnest(codes, accounts) d (code, account_id) ON d.code = s.debit
        JOIN unnest(codes, accounts) c (code, account_id) ON c.code = s.credit;
    ELSE
        INSERT INTO ledger.line
        SELECT entry_id, row_number() OVER (ORDER BY s.line_no), d.account_id, c.account_id, s.amount_vnd, s.fund,
            s.run, s.debit_reference, s.credit_reference
        FROM pg_temp.staged_line s
        JOIN unnest(codes, accounts) d (code, account_id) ON d.code = s.debit
        JOIN unnest(codes, accounts) c (code, account_id) ON c.code = s.credit;
    END IF;
    PERFORM ledger.move_balances(accounts, debits, credits);
    PERFORM ledger.clear_staging();
END $$;

DROP FUNCTION ledger.post_lines;

REVOKE EXECUTE ON FUNCTION ledger.enter_books, ledger.refuse_closed, ledger.closed_words, ledger.header_problem,
    ledger.lock_limited, ledger.move_balance, ledger.post_line, ledger.post_entries, ledger.beyond_limit,
    ledger.open_batch, ledger.require_own_batch, ledger.post_batch FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger.post_line, ledger.post_entries, ledger.open_batch, ledger.post_batch TO thuchi_application;
