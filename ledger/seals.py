"""Seals committed entries into a signed hash chain, off the posting path.

Entry ids are given out before commit, so a sealer that goes by ids would miss entries. The order is that of the
transaction ids stored on the entries, and only entries below the oldest running transaction are sealed: nothing that
commits later can come before them. Their positions are then kept in a table, so order is decided once; what is not in
that table is not sealed yet, so nothing is missed whatever its order.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Connection, Row, text

from ledger.errors import refusals
from ledger.merkle import merkle_root

MOST_ENTRIES = 65_536
"""A seal covers at most this many entries, so that an inclusion proof has at most 16 hashes."""

BEFORE_THE_FIRST = bytes(32)
"""The previous hash of the first seal."""


class Signer(Protocol):
    """An Ed25519 private key, wherever it is kept."""

    def public_key(self) -> Ed25519PublicKey: ...

    def sign(self, data: bytes) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Seal:
    """One link of the chain: a batch of entries, at positions from `first_position` on, under one signature."""

    seal_no: int
    epoch: int
    first_position: int
    entries: int
    merkle_root: bytes
    previous_hash: bytes
    key_id: str
    sealed_at: datetime

    def hash(self) -> bytes:
        """What is signed and what the next seal links to."""
        fields = (
            "thuchi.seal.1",
            str(self.seal_no),
            str(self.epoch),
            str(self.first_position),
            str(self.entries),
            self.merkle_root.hex(),
            self.previous_hash.hex(),
            self.key_id,
            self.sealed_at.astimezone(UTC).isoformat(timespec="microseconds"),
        )
        return sha256("\x1f".join(fields).encode()).digest()


def key_id_of(public_key: bytes) -> str:
    """The fingerprint of a raw public key (32 bytes)."""
    return sha256(public_key).hexdigest()


def is_signed(seal_hash: bytes, signature: bytes, public_key: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, seal_hash)
    except InvalidSignature:
        return False
    return True


@dataclass(frozen=True, slots=True)
class SealedBatch:
    """A seal as it was found, with what should stand behind it: `leaves` in the order of their positions."""

    seal: Seal
    seal_hash: bytes
    signature: bytes
    public_key: bytes
    leaves: Sequence[bytes]

    def difference(self, before: Seal | None) -> str | None:
        """What does not agree, in words; `before` is the seal before this one, null for the first."""
        return self.link_difference(before) or self.leaves_difference()

    def link_difference(self, before: Seal | None) -> str | None:
        """The same of the seal alone: its place in the chain, its hash and its signature."""
        seal = self.seal
        if seal.seal_no != (before.seal_no + 1 if before else 1):
            return "the seal before it is missing"
        if seal.previous_hash != (before.hash() if before else BEFORE_THE_FIRST):
            return "it does not link to the seal before it"
        if seal.first_position != (before.first_position + before.entries if before else 1):
            return "its positions do not follow those of the seal before it"
        if self.seal_hash != seal.hash():
            return "content does not match its hash"
        if key_id_of(self.public_key) != seal.key_id:
            return "its public key is not the one that it names"
        if not is_signed(self.seal_hash, self.signature, self.public_key):
            return "its signature is not valid"
        return None

    def leaves_difference(self) -> str | None:
        """The same of the entries that it covers."""
        if len(self.leaves) != self.seal.entries:
            return f"it seals {self.seal.entries} entries, {len(self.leaves)} are there"
        if merkle_root(self.leaves) != self.seal.merkle_root:
            return "its entries do not match its Merkle root"
        return None


def seal_entries(connection: Connection, signer: Signer, sealed_at: datetime, *, new_epoch: bool = False) -> list[Seal]:
    """Seals everything committed before the oldest running transaction, in the caller's transaction.

    `new_epoch` says that the database was restored into another cluster, where transaction ids begin anew.
    """
    with refusals():
        epoch = connection.scalar(
            text("SELECT ledger.current_epoch(:new_epoch, :at)"), {"new_epoch": new_epoch, "at": sealed_at}
        )
    last = connection.execute(
        text(
            "SELECT seal_no, seal_hash, first_position + entries AS next FROM ledger.seal ORDER BY seal_no DESC LIMIT 1"
        )
    ).one_or_none()
    number, previous, position = (last.seal_no, last.seal_hash, last.next) if last else (0, BEFORE_THE_FIRST, 1)
    public_key = signer.public_key().public_bytes_raw()
    seals = []
    for rows in _in_batches(connection, epoch or 0):
        number += 1
        seal = Seal(
            seal_no=number,
            epoch=epoch or 0,
            first_position=position,
            entries=len(rows),
            merkle_root=merkle_root([row.content_hash for row in rows]),
            previous_hash=previous,
            key_id=key_id_of(public_key),
            sealed_at=sealed_at,
        )
        _add(connection, seal, public_key, signer.sign(seal.hash()), [row.entry_id for row in rows])
        previous = seal.hash()
        position += len(rows)
        seals.append(seal)
    return seals


# What a restore brought comes first and by entry id: its transaction ids belong to another cluster.
_UNSEALED = """
    SELECT e.entry_id, e.content_hash
    FROM ledger.entry e
    CROSS JOIN (SELECT inherited_through FROM ledger.seal_epoch WHERE epoch = :epoch) here
    WHERE NOT EXISTS (SELECT FROM ledger.sealed_entry s WHERE s.entry_id = e.entry_id)
        AND (e.entry_id <= here.inherited_through OR e.xact < pg_snapshot_xmin(pg_current_snapshot()))
    ORDER BY CASE WHEN e.entry_id > here.inherited_through THEN e.xact END NULLS FIRST, e.entry_id
"""


def _in_batches(connection: Connection, epoch: int) -> Iterator[Sequence[Row[Any]]]:
    with connection.execute(text(_UNSEALED), {"epoch": epoch}, execution_options={"stream_results": True}) as rows:
        yield from rows.partitions(MOST_ENTRIES)


def _add(connection: Connection, seal: Seal, public_key: bytes, signature: bytes, entry_ids: list[int]) -> None:
    with refusals():
        connection.execute(
            text("""
                SELECT ledger.add_seal(:seal_no, :epoch, :merkle_root, :previous_hash, :seal_hash, :public_key,
                    :signature, :sealed_at, CAST(:entry_ids AS bigint[]))
            """),
            {
                "seal_no": seal.seal_no,
                "epoch": seal.epoch,
                "merkle_root": seal.merkle_root,
                "previous_hash": seal.previous_hash,
                "seal_hash": seal.hash(),
                "public_key": public_key,
                "signature": signature,
                "sealed_at": seal.sealed_at,
                "entry_ids": entry_ids,
            },
        )
