"""The sealed ledger as files that prove themselves: whoever has them and the public key needs no database.

`seals.jsonl` holds one seal a line. `entries.jsonl` holds the sealed entries in their order: an object for each entry,
followed by an array for each of its lines. Both ways stream; at most the hashes of one seal's entries are in memory.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, TextIO

from sqlalchemy import Connection, text

from ledger.seals import Seal, SealedBatch

_SEALS = """
    SELECT seal_no, epoch, first_position, entries, encode(merkle_root, 'hex') AS merkle_root,
        encode(previous_hash, 'hex') AS previous_hash, key_id, sealed_at, encode(seal_hash, 'hex') AS seal_hash,
        encode(signature, 'hex') AS signature
    FROM ledger.seal WHERE seal_no BETWEEN :first AND :last ORDER BY seal_no
"""

_ENTRIES = """
    SELECT p.position, e.entry_id, k.key, encode(k.request_hash, 'hex') AS request_hash, e.event, e.document,
        to_char(e.business_on, 'YYYY-MM-DD') AS business_on, e.description, r.original_entry_id AS reverses,
        to_char(e.recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US') AS recorded_at, e.person,
        e.xact::text AS xact,
        d.code, c.code, l.amount_vnd, l.fund, l.run, l.debit_reference, l.credit_reference
    FROM ledger.sealed_entry p
    JOIN ledger.entry e USING (entry_id)
    LEFT JOIN ledger.entry_key k USING (entry_id)
    LEFT JOIN ledger.reversal r ON r.reversing_entry_id = e.entry_id
    LEFT JOIN ledger.line l ON l.entry_id = e.entry_id
    LEFT JOIN ledger.account d ON d.account_id = l.debit_account_id
    LEFT JOIN ledger.account c ON c.account_id = l.credit_account_id
    WHERE p.seal_no <= :last
    ORDER BY p.position, l.line_no
"""

_HEADER = 12
"""So many columns of `_ENTRIES` belong to the entry, the others to the line."""


def export(connection: Connection, directory: Path, until_seal: int | None = None) -> int:
    """Writes all seals, or those up to `until_seal`, and their entries; tells how many seals."""
    directory.mkdir(parents=True, exist_ok=True)
    newest: int = connection.scalar(text("SELECT coalesce(max(seal_no), 0) FROM ledger.seal")) or 0
    last = newest if until_seal is None else min(newest, until_seal)
    with (directory / "seals.jsonl").open("w", encoding="utf-8") as file:
        for seal in written_seals(connection, 1, last):
            _write(file, seal)
    options = {"stream_results": True, "max_row_buffer": 5_000}
    with (
        (directory / "entries.jsonl").open("w", encoding="utf-8") as file,
        connection.execute(text(_ENTRIES), {"last": last}, execution_options=options) as rows,
    ):
        names = list(rows.keys())[:_HEADER]
        written = None
        for row in rows:
            if row[0] != written:
                _write(file, dict(zip(names, row[:_HEADER], strict=True)))
                written = row[0]
            _write(file, list(row[_HEADER:]))
    return last


def written_seals(connection: Connection, first: int, last: int) -> Iterator[dict[str, Any]]:
    """Seals by number in the form of `seals.jsonl`: hashes in hexadecimal."""
    for row in connection.execute(text(_SEALS), {"first": first, "last": last}).mappings():
        yield dict(row) | {"sealed_at": row["sealed_at"].isoformat()}


def read_seal(record: Mapping[str, Any]) -> Seal:
    """The seal that stands in a line of `seals.jsonl`."""
    return Seal(
        seal_no=record["seal_no"],
        epoch=record["epoch"],
        first_position=record["first_position"],
        entries=record["entries"],
        merkle_root=bytes.fromhex(record["merkle_root"]),
        previous_hash=bytes.fromhex(record["previous_hash"]),
        key_id=record["key_id"],
        sealed_at=datetime.fromisoformat(record["sealed_at"]),
    )


@dataclass(frozen=True, slots=True)
class ExportVerification:
    """What was found in an export; without a difference it is what the holder of the private key sealed."""

    seals: int
    entries: int
    lines: int
    first_difference: str | None


def verify_export(directory: Path, public_keys: Mapping[str, bytes]) -> ExportVerification:
    """Recomputes everything in an export from its files and the given public keys (raw, by key id)."""
    seals = entries = lines = 0
    before: Seal | None = None
    difference: str | None = None
    with (
        (directory / "seals.jsonl").open(encoding="utf-8") as sealed,
        (directory / "entries.jsonl").open(encoding="utf-8") as contents,
    ):
        found = _entries(contents)
        for number, record in enumerate(map(json.loads, sealed), start=1):
            leaves = []
            for _, (content_hash, line_count) in zip(range(record["entries"]), found, strict=False):
                leaves.append(content_hash)
                lines += line_count
            entries += len(leaves)
            seals += 1
            if record["key_id"] not in public_keys:
                difference = f"none of the given public keys is {record['key_id']}"
            else:
                batch = _batch(record, public_keys[record["key_id"]], leaves)
                difference = batch.difference(before)
                before = batch.seal
            if difference is not None:
                return ExportVerification(seals, entries, lines, f"seal {number}: {difference}")
        beyond = next(found, None)
    return ExportVerification(
        seals, entries, lines, None if beyond is None else "there are entries beyond the last seal"
    )


def _entries(file: TextIO) -> Iterator[tuple[bytes, int]]:
    """The content hash and the number of lines of each entry; the same hash as `ledger.content_hash` computes."""
    header: dict[str, Any] | None = None
    hashes = sha256()
    count = 0
    for record in map(json.loads, file):
        if isinstance(record, dict):
            if header is not None:
                yield _content_hash(header, hashes.digest()), count
            header, hashes, count = record, sha256(), 0
        else:
            hashes.update(sha256(_joined(record)).digest())
            count += 1
    if header is not None:
        yield _content_hash(header, hashes.digest()), count


def _content_hash(header: dict[str, Any], lines_hash: bytes) -> bytes:
    names = (
        *("entry_id", "key", "request_hash", "event", "document", "business_on"),
        *("description", "reverses", "recorded_at", "person", "xact"),
    )
    return sha256(_joined([header[name] for name in names]) + b"\x1f" + lines_hash).digest()


def _joined(fields: list[Any]) -> bytes:
    return "\x1f".join("" if field is None else str(field) for field in fields).encode()


def _batch(record: dict[str, Any], public_key: bytes, leaves: list[bytes]) -> SealedBatch:
    return SealedBatch(
        seal=read_seal(record),
        seal_hash=bytes.fromhex(record["seal_hash"]),
        signature=bytes.fromhex(record["signature"]),
        public_key=public_key,
        leaves=leaves,
    )


def _write(file: TextIO, record: object) -> None:
    file.write(json.dumps(record, ensure_ascii=False) + "\n")
