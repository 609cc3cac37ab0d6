"""The verifier: recomputes every content hash, every balance and every seal, and names the first difference.

Balance by construction cannot reveal a changed amount. The hash that the database wrote with each entry can, as long
as nobody rewrites the hash as well; the seals reveal that too, as long as nobody holds the private key.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, text

from ledger.seals import Seal, SealedBatch


@dataclass(frozen=True, slots=True)
class Verification:
    """What the verifier found; `seals_match` is null while there are no seals to compare with."""

    entries: int
    lines: int
    contents_match: bool
    balances_match: bool
    seals_match: bool | None
    first_difference: str | None


def verify(connection: Connection) -> Verification:
    """Recomputes the whole ledger. Each part is one statement, so postings under way do not disturb it."""
    contents = connection.execute(text(_CONTENTS)).one()
    wrong_balance = connection.execute(text(_WRONG_BALANCE)).one_or_none()
    seals, wrong_seal = _check_seals(connection)
    difference = wrong_seal
    if contents.first_wrong is not None:
        difference = f"entry {contents.first_wrong}: {_what_is_wrong(connection, contents.first_wrong)}"
    elif contents.key_astray is not None:
        difference = f"entry {contents.key_astray}: there is a key for it, but no entry"
    elif contents.reversal_astray is not None:
        difference = f"entry {contents.reversal_astray}: it is said to be reversed, but one of the two is missing"
    elif wrong_balance is not None:
        difference = f"account {wrong_balance.account}: {_what_balance_says(wrong_balance)}"
    return Verification(
        entries=contents.entries,
        lines=contents.lines,
        contents_match=(contents.first_wrong, contents.key_astray, contents.reversal_astray) == (None, None, None),
        balances_match=wrong_balance is None,
        seals_match=wrong_seal is None if seals else None,
        first_difference=difference,
    )


_LINE_HASH = """ledger.line_hash(d.code, c.code, l.amount_vnd, l.fund, l.run, l.debit_reference, l.credit_reference)"""

_CONTENT_HASH = """ledger.content_hash(e.entry_id, k.key, {request_hash}, e.event, e.document, e.business_on,
    e.description, r.original_entry_id, e.recorded_at, e.person, e.xact, {line_hashes})"""

# Whether the entry left the books with its month; its key, its reversal and its sealed position stay behind.
_DETACHED = """({0} / ledger.partition_width() IN (
    SELECT p.partition_no FROM ledger.partition p WHERE p.detached_at IS NOT NULL))"""

_CONTENTS = f"""
    WITH digest AS MATERIALIZED (
        SELECT l.entry_id, count(*) AS lines, min(l.line_no) = 1 AND max(l.line_no) = count(*) AS numbered,
            string_agg({_LINE_HASH}, ''::bytea ORDER BY l.line_no) AS hashes
        FROM ledger.line l
        LEFT JOIN ledger.account d ON d.account_id = l.debit_account_id
        LEFT JOIN ledger.account c ON c.account_id = l.credit_account_id
        GROUP BY l.entry_id
    )
    SELECT count(e.entry_id) AS entries, coalesce(sum(g.lines), 0)::bigint AS lines,
        min(entry_id) FILTER (
            WHERE e.entry_id IS NULL OR NOT coalesce(g.numbered, false) OR k.key IS NULL
                OR e.content_hash IS DISTINCT FROM
                {_CONTENT_HASH.format(request_hash="k.request_hash", line_hashes="g.hashes")}
        ) AS first_wrong,
        (SELECT min(k.entry_id) FROM ledger.entry_key k
            WHERE NOT EXISTS (SELECT FROM ledger.entry e WHERE e.entry_id = k.entry_id)
                AND NOT {_DETACHED.format("k.entry_id")}) AS key_astray,
        (SELECT min(r.original_entry_id) FROM ledger.reversal r
            WHERE NOT EXISTS (SELECT FROM ledger.entry e WHERE e.entry_id = r.original_entry_id)
                    AND NOT {_DETACHED.format("r.original_entry_id")}
                OR NOT EXISTS (SELECT FROM ledger.entry e WHERE e.entry_id = r.reversing_entry_id)
                    AND NOT {_DETACHED.format("r.reversing_entry_id")}) AS reversal_astray
    FROM ledger.entry e
    FULL JOIN digest g USING (entry_id)
    LEFT JOIN ledger.entry_key k USING (entry_id)
    LEFT JOIN ledger.reversal r ON r.reversing_entry_id = e.entry_id
"""

# The same for one entry, with the request recomputed as well: it tells a changed key row from changed content.
_ONE_ENTRY = f"""
    WITH hashed AS (
        SELECT l.line_no, {_LINE_HASH} AS hash
        FROM ledger.line l
        LEFT JOIN ledger.account d ON d.account_id = l.debit_account_id
        LEFT JOIN ledger.account c ON c.account_id = l.credit_account_id
        WHERE l.entry_id = :entry_id
    ), digest AS (
        SELECT count(*) AS lines, string_agg(hash, ''::bytea ORDER BY line_no) AS hashes,
            string_agg(hash, ''::bytea ORDER BY hash) AS sorted_hashes
        FROM hashed
    )
    SELECT e.entry_id IS NOT NULL AS has_entry, g.lines > 0 AS has_lines, k.key IS NOT NULL AS has_key,
        e.content_hash = {_CONTENT_HASH.format(request_hash="asked.hash", line_hashes="g.hashes")} AS only_key_differs,
        e.content_hash = {_CONTENT_HASH.format(request_hash="k.request_hash", line_hashes="g.hashes")} AS matches
    FROM digest g
    LEFT JOIN ledger.entry e ON e.entry_id = :entry_id
    LEFT JOIN ledger.entry_key k ON k.entry_id = :entry_id
    LEFT JOIN ledger.reversal r ON r.reversing_entry_id = :entry_id
    CROSS JOIN LATERAL (SELECT ledger.request_hash(e.event, e.document, e.business_on, e.description,
        r.original_entry_id, g.sorted_hashes) AS hash) asked
"""


def _what_is_wrong(connection: Connection, entry_id: int) -> str:
    found = connection.execute(text(_ONE_ENTRY), {"entry_id": entry_id}).one()
    if not found.has_entry:
        return "its lines stand without an entry"
    if not found.has_lines:
        return "it has no lines"
    if not found.has_key:
        return "it has no key"
    if found.matches:
        return "its lines are not numbered one by one"
    if found.only_key_differs:
        return "its key row does not agree with its content"
    return "content does not match its hash"


_WRONG_BALANCE = """
    SELECT coalesce(a.code, '#' || account_id) AS account, kept.debit AS kept_debit, kept.credit AS kept_credit,
        coalesce(summed.debit, 0) AS debit, coalesce(summed.credit, 0) AS credit, kept.rows, kept.limited,
        kept.terms = ARRAY[a.normal_side || ' ' || a.balance_limit] AS terms_agree,
        a.code = a.chart_code || coalesce('.' || a.qualifier, '') AS code_agrees
    FROM (
        SELECT account_id, sum(debit_vnd) AS debit, sum(credit_vnd) AS credit, count(*) AS rows,
            bool_or(balance_limit <> 'none') AS limited,
            array_agg(DISTINCT normal_side || ' ' || balance_limit) AS terms
        FROM ledger.balance GROUP BY account_id
    ) kept
    FULL JOIN (
        SELECT account_id, sum(debit) AS debit, sum(credit) AS credit
        FROM (
            SELECT debit_account_id AS account_id, sum(amount_vnd) AS debit, 0 AS credit FROM ledger.line GROUP BY 1
            UNION ALL
            SELECT credit_account_id, 0, sum(amount_vnd) FROM ledger.line GROUP BY 1
        ) sides GROUP BY account_id
    ) summed USING (account_id)
    FULL JOIN ledger.account a USING (account_id)
    WHERE a.account_id IS NULL OR (kept.debit, kept.credit) IS DISTINCT FROM
        (coalesce(summed.debit, 0), coalesce(summed.credit, 0))
        OR kept.terms <> ARRAY[a.normal_side || ' ' || a.balance_limit] OR kept.limited AND kept.rows > 1
        OR a.code <> a.chart_code || coalesce('.' || a.qualifier, '')
    ORDER BY a.code COLLATE "C" LIMIT 1
"""


def _what_balance_says(row: Row[Any]) -> str:
    if row.code_agrees is False:
        return "its code is not its chart code and qualifier"
    if row.kept_debit is None:
        return "it has no balance"
    if row.terms_agree is False:
        return "its balance is kept under another normal side or limit than its own"
    if row.limited and row.rows > 1:
        return "it has a limit, but more than one row of balance"
    return (
        f"balance does not match its lines: kept Nợ {row.kept_debit} Có {row.kept_credit}, "
        f"lines give Nợ {row.debit} Có {row.credit}"
    )


# What is sealed but belongs to no seal stands last, and has no seal number of its own to name.
_SEALS = f"""
    SELECT seal_no, s.epoch, s.first_position, s.entries, s.merkle_root, s.previous_hash, s.seal_hash, s.key_id,
        s.signature, s.sealed_at, k.public_key, h.epoch IS NOT NULL AS has_epoch, g.leaves, g.first_found, g.last_found,
        g.changed_entry
    FROM ledger.seal s
    FULL JOIN (
        SELECT p.seal_no, min(p.position) AS first_found, max(p.position) AS last_found,
            string_agg(p.content_hash, ''::bytea ORDER BY p.position) AS leaves,
            (array_agg(p.entry_id ORDER BY p.position)
                FILTER (WHERE e.content_hash IS DISTINCT FROM p.content_hash
                    AND NOT (e.entry_id IS NULL AND {_DETACHED.format("p.entry_id")})))[1] AS changed_entry
        FROM ledger.sealed_entry p LEFT JOIN ledger.entry e USING (entry_id)
        GROUP BY p.seal_no
    ) g USING (seal_no)
    LEFT JOIN ledger.seal_key k USING (key_id)
    LEFT JOIN ledger.seal_epoch h ON h.epoch = s.epoch
    ORDER BY seal_no
"""


def _check_seals(connection: Connection) -> tuple[int, str | None]:
    """How many seals were looked at, and what is wrong with the first that does not agree."""
    before: Seal | None = None
    seen = 0
    with connection.execute(text(_SEALS), execution_options={"stream_results": True, "max_row_buffer": 2}) as rows:
        for row in rows:
            seen += 1
            if row.seal_hash is None:
                return seen, f"seal {row.seal_no}: it is missing, but its entries are there"
            if row.changed_entry is not None:
                return seen, f"entry {row.changed_entry}: it is not what seal {row.seal_no} sealed"
            batch = _batch(row)
            difference = batch.difference(before)
            if difference is None and (row.first_found, row.last_found - row.first_found + 1) != (
                batch.seal.first_position,
                batch.seal.entries,
            ):
                difference = "the positions of its entries are not those that it sealed"
            if difference is None and not row.has_epoch:
                difference = "there is nothing of its epoch"
            if difference is not None:
                return seen, f"seal {row.seal_no}: {difference}"
            before = batch.seal
    return seen, None


def _batch(row: Row[Any]) -> SealedBatch:
    leaves = row.leaves or b""
    return SealedBatch(
        seal=Seal(
            seal_no=row.seal_no,
            epoch=row.epoch,
            first_position=row.first_position,
            entries=row.entries,
            merkle_root=row.merkle_root,
            previous_hash=row.previous_hash,
            key_id=row.key_id,
            sealed_at=row.sealed_at,
        ),
        seal_hash=row.seal_hash,
        signature=row.signature,
        public_key=row.public_key or b"",
        leaves=[leaves[start : start + 32] for start in range(0, len(leaves), 32)],
    )
