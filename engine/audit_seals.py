"""Niêm phong nhật ký: the audit trail is sealed into a signed chain, and the chain is verified.

Records are appended by the transactions of the acts they tell of; sealing looks at what is committed and not sealed
yet, so it makes no one wait. A changed, removed or added record breaks the digest of its seal; a changed or removed
seal breaks the chain; a seal of somebody else's making lacks our signature.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from ledger.seals import Signer, is_signed

_FIRST = bytes(32)
"""What the first seal follows on."""
_LOCK = 0x61756469742D7365
"""Of two that seal at once, the second waits."""


@dataclass(frozen=True, slots=True)
class AuditSealed:
    """What was sealed now; `seal_no` is None if nothing was new."""

    seal_no: int | None
    records: int
    seal_hash: str | None
    """To be kept elsewhere: with it, no later rewriting of the whole chain goes unseen."""


@dataclass(frozen=True, slots=True)
class AuditVerification:
    records: int
    sealed: int
    seals: int
    contents_match: bool
    chain_matches: bool
    signatures_match: bool
    first_difference: str | None


def seal_records(connection: Connection, key: Signer, at: datetime) -> AuditSealed:
    """Seals every committed record that is not sealed yet."""
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    new = list(
        connection.scalars(
            text("""
                SELECT audit_id FROM engine.audit_record r WHERE NOT EXISTS
                    (SELECT FROM engine.sealed_audit_record s WHERE s.audit_id = r.audit_id) ORDER BY audit_id""")
        )
    )
    if not new:
        return AuditSealed(None, 0, None)
    last = connection.execute(
        text("SELECT seal_no, seal_hash FROM engine.audit_seal ORDER BY seal_no DESC LIMIT 1")
    ).one_or_none()
    seal_no, previous_hash = (last.seal_no + 1, bytes(last.seal_hash)) if last else (1, _FIRST)
    found = connection.execute(text("SELECT * FROM engine.audit_digest(:ids)"), {"ids": new}).one()
    seal_hash = _hash(seal_no, found.records, bytes(found.digest), previous_hash, at)
    connection.execute(
        text("""
            INSERT INTO engine.audit_seal
                (seal_no, records, digest, previous_hash, seal_hash, public_key, signature, sealed_at)
            VALUES (:seal_no, :records, :digest, :previous_hash, :seal_hash, :public_key, :signature, :at)"""),
        {
            "seal_no": seal_no,
            "records": found.records,
            "digest": bytes(found.digest),
            "previous_hash": previous_hash,
            "seal_hash": seal_hash,
            "public_key": key.public_key().public_bytes_raw(),
            "signature": key.sign(seal_hash),
            "at": at,
        },
    )
    connection.execute(
        text("INSERT INTO engine.sealed_audit_record SELECT unnest(CAST(:ids AS bigint[])), :seal_no"),
        {"ids": new, "seal_no": seal_no},
    )
    return AuditSealed(seal_no, found.records, seal_hash.hex())


def verify_records(connection: Connection, public_keys: set[bytes] | None = None) -> AuditVerification:
    """Recomputes every seal. With `public_keys` only these are believed; without, any key that signed."""
    seals = connection.execute(
        text("""
            SELECT s.*, d.records AS records_now, d.digest AS digest_now
            FROM engine.audit_seal s
            CROSS JOIN LATERAL (SELECT array_agg(m.audit_id) AS ids FROM engine.sealed_audit_record m
                WHERE m.seal_no = s.seal_no) m
            CROSS JOIN LATERAL engine.audit_digest(m.ids) d
            ORDER BY s.seal_no""")
    ).all()
    differences: dict[str, list[str]] = {"contents": [], "chain": [], "signatures": []}
    previous_hash = _FIRST
    for place, seal in enumerate(seals, 1):
        if seal.records_now != seal.records or seal.digest_now != seal.digest:
            differences["contents"].append(
                f"audit seal {seal.seal_no}: {seal.records} records were sealed, of which {seal.records_now} are there"
                + ("" if seal.records_now != seal.records else " and not as they were")
            )
        differences["chain"] += _chain_differences(seal, place, previous_hash)
        previous_hash = bytes(seal.seal_hash)
        if not _is_signed(seal, public_keys):
            differences["signatures"].append(f"audit seal {seal.seal_no}: its signature is not valid")
    counts = connection.execute(
        text("""
            SELECT (SELECT count(*) FROM engine.audit_record) AS records,
                (SELECT count(*) FROM engine.sealed_audit_record) AS sealed""")
    ).one()
    found = [words for kind in differences.values() for words in kind]
    return AuditVerification(
        records=counts.records,
        sealed=counts.sealed,
        seals=len(seals),
        contents_match=not differences["contents"],
        chain_matches=not differences["chain"],
        signatures_match=not differences["signatures"],
        first_difference=min(found, key=_seal_of, default=None),
    )


def _chain_differences(seal: Row[Any], place: int, previous_hash: bytes) -> list[str]:
    found = []
    if seal.seal_no != place or bytes(seal.previous_hash) != previous_hash:
        found.append(f"audit seal {seal.seal_no}: does not follow on the one before it")
    told = _hash(seal.seal_no, seal.records, bytes(seal.digest), bytes(seal.previous_hash), seal.sealed_at)
    if told != bytes(seal.seal_hash):
        found.append(f"audit seal {seal.seal_no}: its hash is not that of what it says")
    return found


def _is_signed(seal: Row[Any], public_keys: set[bytes] | None) -> bool:
    key = bytes(seal.public_key)
    if public_keys is not None and key not in public_keys:
        return False
    return is_signed(bytes(seal.seal_hash), bytes(seal.signature), key)


def _seal_of(difference: str) -> int:
    return int(difference.removeprefix("audit seal ").partition(":")[0])


def _hash(seal_no: int, records: int, digest: bytes, previous_hash: bytes, sealed_at: datetime) -> bytes:
    when = sealed_at.astimezone(UTC).isoformat(timespec="microseconds")
    fields = ("thuchi.audit.1", str(seal_no), str(records), digest.hex(), previous_hash.hex(), when)
    return hashlib.sha256("\x1f".join(fields).encode()).digest()
