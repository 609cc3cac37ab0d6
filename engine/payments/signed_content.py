"""What the signatures of a run cover: hashed by the database, shard by shard, and held against what is there now.

Whoever can write to the database can write a payment, a shard or a state. So a batch is built only where the payments
are those of the shards, and every level has signed exactly these shards.
"""

from uuid import UUID

from sqlalchemy import Connection, text

from engine.errors import NotAllowed

LEVELS = ("preparer", "approver", "authoriser")
"""Who signs: the maker (người lập) is level 0, then the checker (người duyệt) and the authoriser (người chuẩn chi)."""


class ContentChanged(NotAllowed):
    """Payments of the run were changed after it was submitted: its signatures are void."""

    code = "content_changed"


def require_unchanged(connection: Connection, run_id: UUID, shards: list[int] | None = None) -> None:
    """Raises `NotAllowed` naming the first shard whose payments differ from what the signatures cover."""
    computed = SHARD_HASHES.format(shards="" if shards is None else "AND p.shard = ANY(:shards)")
    changed = connection.execute(
        text(f"""
            SELECT coalesce(signed.shard, now.shard) AS shard
            FROM (SELECT * FROM engine.run_shard WHERE run_id = :run_id
                  AND (CAST(:shards AS integer[]) IS NULL OR shard = ANY(:shards))) signed
            FULL JOIN ({computed}) now USING (shard)
            WHERE signed.content_hash IS DISTINCT FROM now.content_hash ORDER BY shard LIMIT 1"""),
        {"run_id": run_id, "shards": shards},
    ).one_or_none()
    if changed is not None:
        raise ContentChanged(
            f"payments of shard {changed.shard} were changed after the run was submitted; its signatures are void"
        )


def require_signed(connection: Connection, run_id: UUID) -> None:
    """Raises `ContentChanged` unless every level has signed the shards as they stand, none added and none altered."""
    signed = connection.scalar(
        text("""
            SELECT count(*) FROM engine.run_signature WHERE run_id = :run_id AND content_hash = (
                SELECT sha256(string_agg(content_hash, ''::bytea ORDER BY shard)) FROM engine.run_shard
                WHERE run_id = :run_id)"""),
        {"run_id": run_id},
    )
    if signed != len(LEVELS):
        raise ContentChanged(f"only {signed} of {len(LEVELS)} signatures cover the shards of the run as they stand")


SHARD_HASHES = """
    SELECT p.run_id, p.shard, count(*), sum(p.amount_vnd)::bigint, sha256(string_agg(sha256(convert_to(concat_ws('|',
        p.reference, p.award_id, p.person_id, p.entitled_month, p.benefit, p.fund, p.purpose, p.law_version,
        p.amount_vnd, p.gateway, p.payout_account_id, p.refund_id, o.bank_bin, encode(o.account_fingerprint, 'hex'),
        o.holder_name, 'withheld ' || d.amount_vnd
    ), 'UTF8')), ''::bytea ORDER BY p.payment_no)) AS content_hash
    FROM engine.payment p JOIN engine.payout_account o USING (payout_account_id)
    LEFT JOIN engine.deduction d USING (payment_id)
    WHERE p.run_id = :run_id {shards} GROUP BY p.run_id, p.shard"""
