"""Inclusion proofs: that one entry stands under a signed seal, shown without any other entry."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, text

from ledger.errors import UnknownEntry
from ledger.exports import read_seal, written_seals
from ledger.merkle import inclusion_path, root_along
from ledger.seals import is_signed, key_id_of

_LEAVES = "SELECT position, entry_id, content_hash FROM ledger.sealed_entry WHERE seal_no = :seal_no ORDER BY position"


def prove(connection: Connection, entry_id: int) -> dict[str, Any]:
    """The proof for an entry, to be written as JSON; hashes and keys in hexadecimal."""
    seal_no = connection.scalar(
        text("SELECT seal_no FROM ledger.sealed_entry WHERE entry_id = :entry_id"), {"entry_id": entry_id}
    )
    if seal_no is None:
        raise UnknownEntry(f"entry {entry_id} is not sealed")
    rows = connection.execute(text(_LEAVES), {"seal_no": seal_no}).all()
    index = [row.entry_id for row in rows].index(entry_id)
    (seal,) = written_seals(connection, seal_no, seal_no)
    public_key: bytes | None = connection.scalar(
        text("SELECT public_key FROM ledger.seal_key WHERE key_id = :key_id"), {"key_id": seal["key_id"]}
    )
    return {
        "entry": entry_id,
        "position": rows[index].position,
        "content_hash": rows[index].content_hash.hex(),
        "path": [beside.hex() for beside in inclusion_path([row.content_hash for row in rows], index)],
        "seal": seal,
        "public_key": (public_key or b"").hex(),
    }


def proof_difference(proof: Mapping[str, Any]) -> str | None:
    """What does not agree in a proof, in words. That the key is the fund's own is for the reader to know."""
    seal = read_seal(proof["seal"])
    public_key = bytes.fromhex(proof["public_key"])
    if key_id_of(public_key) != seal.key_id:
        return "the public key is not the one that the seal names"
    if not is_signed(seal.hash(), bytes.fromhex(proof["seal"]["signature"]), public_key):
        return "the signature of the seal is not valid"
    path = [bytes.fromhex(beside) for beside in proof["path"]]
    index = proof["position"] - seal.first_position
    if root_along(path, bytes.fromhex(proof["content_hash"]), index, seal.entries) != seal.merkle_root:
        return "the path does not lead to the root of the seal"
    return None
