"""The sealed ledger as files that prove themselves: whoever has them and the public key needs no database.

`seals.jsonl` holds one seal a line. `entries.jsonl` holds the sealed entries in their order: an object for each entry,
followed by an array for each of its lines. Both ways stream; at most the hashes of one seal's entries are in memory.

There is one way only to write a record, to the byte. So any other byte in a file is found, also where JSON would not
mind (a blank, a capital letter in a hash), and its line is named.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import Connection, text

from ledger.errors import Refused
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
        e.xact::text AS xact, encode(e.content_hash, 'hex') AS content_hash,
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

_LEFT = """
    SELECT min(p.seal_no) FROM ledger.sealed_entry p
    WHERE NOT EXISTS (SELECT FROM ledger.entry e WHERE e.entry_id = p.entry_id)
        AND EXISTS (SELECT FROM ledger.partition g WHERE g.detached_at IS NOT NULL)
"""

_HEADER = (
    *("position", "entry_id", "key", "request_hash", "event", "document", "business_on"),
    *("description", "reverses", "recorded_at", "person", "xact", "content_hash"),
)
"""These columns of `_ENTRIES` belong to the entry, the others to the line. All but the first and last are hashed."""


def export(connection: Connection, directory: Path, until_seal: int | None = None) -> int:
    """Writes all seals, or those up to `until_seal`, and their entries; tells how many seals."""
    left: int | None = connection.scalar(text(_LEFT))
    if left is not None:
        raise Refused(f"entries of seal {left} have left the books: verify the export that was written before")
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
        written = None
        for row in rows:
            if row[0] != written:
                _write(file, dict(zip(_HEADER, row[: len(_HEADER)], strict=True)))
                written = row[0]
            _write(file, list(row[len(_HEADER) :]))
    return last


def written_seals(connection: Connection, first: int, last: int) -> Iterator[dict[str, Any]]:
    """Seals by number in the form of `seals.jsonl`: hashes in hexadecimal."""
    for row in connection.execute(text(_SEALS), {"first": first, "last": last}).mappings():
        yield dict(row) | {"sealed_at": _written_instant(row["sealed_at"])}


def _written_instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def read_seal(record: Mapping[str, Any]) -> Seal:
    """The seal that stands in a line of `seals.jsonl`; ValueError if it is not written as we write it."""
    seal = Seal(
        seal_no=record["seal_no"],
        epoch=record["epoch"],
        first_position=record["first_position"],
        entries=record["entries"],
        merkle_root=bytes.fromhex(record["merkle_root"]),
        previous_hash=bytes.fromhex(record["previous_hash"]),
        key_id=record["key_id"],
        sealed_at=datetime.fromisoformat(record["sealed_at"]),
    )
    written = (seal.merkle_root.hex(), seal.previous_hash.hex(), _written_instant(seal.sealed_at))
    if written != (record["merkle_root"], record["previous_hash"], record["sealed_at"]):
        raise ValueError(record)
    return seal


@dataclass(frozen=True, slots=True)
class ExportVerification:
    """What was found in an export; without a difference it is what the holder of the private key sealed.

    `head` is the hash of the last seal. Whoever noted it elsewhere knows that nothing is missing at the end either.
    """

    seals: int
    entries: int
    lines: int
    head: str | None
    first_difference: str | None


class _Damaged(Exception):
    """What is wrong with a line of an export, in words."""


def verify_export(directory: Path, public_keys: Mapping[str, bytes]) -> ExportVerification:
    """Recomputes everything in an export from its files and the given public keys (raw, by key id)."""
    reading = _Reading(public_keys)
    difference = None
    try:
        reading.read_key(directory / KEY_FILE)
        with (directory / "seals.jsonl").open("rb") as sealed, (directory / "entries.jsonl").open("rb") as contents:
            reading.read(sealed, contents)
    except _Damaged as damage:
        difference = str(damage)
    head = reading.before.hash().hex() if reading.before is not None else None
    return ExportVerification(reading.seals, reading.entries, reading.lines, head, difference)


KEY_FILE = "public-key.pem"
"""Our public key as it was when the export was written; what is trusted is the key that the reader has by himself."""


@dataclass(slots=True)
class _Reading:
    """How far an export has been read, and the last seal that agreed."""

    public_keys: Mapping[str, bytes]
    seals: int = 0
    entries: int = 0
    lines: int = 0
    before: Seal | None = None

    def read_key(self, path: Path) -> None:
        if path.exists() and path.read_bytes() not in [written_key(key) for key in self.public_keys.values()]:
            raise _Damaged(f"{KEY_FILE}: it is none of the given public keys")

    def read(self, sealed: BinaryIO, contents: BinaryIO) -> None:
        found = self._entries(_records(contents, "entries.jsonl"))
        for place, record in _records(sealed, "seals.jsonl"):
            batch = self._batch(place, record)
            wrong = f"seal {batch.seal.seal_no}: "
            difference = batch.link_difference(self.before)
            if difference is not None:
                raise _Damaged(wrong + difference)
            batch = replace(batch, leaves=list(islice(found, batch.seal.entries)))
            difference = batch.leaves_difference()
            if difference is not None:
                raise _Damaged(wrong + difference)
            self.before = batch.seal
            self.seals += 1
        if next(found, None) is not None:
            raise _Damaged("there are entries beyond the last seal")

    def _batch(self, place: str, record: Any) -> SealedBatch:
        """A seal as it is written, before its entries are read."""
        try:
            seal = read_seal(record)
            seal_hash, signature = bytes.fromhex(record["seal_hash"]), bytes.fromhex(record["signature"])
            written = {"seal_hash": seal_hash.hex(), "signature": signature.hex()}
            whole = all(type(record[name]) is int for name in _SEAL_FIELDS[:4])
            sound = whole and tuple(record) == _SEAL_FIELDS and record == record | written
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise _Damaged(f"{place}: not a seal as it was written") from error
        if not sound:
            raise _Damaged(f"{place}: not a seal as it was written")
        if seal.key_id not in self.public_keys:
            raise _Damaged(f"seal {seal.seal_no}: none of the given public keys is {seal.key_id}")
        return SealedBatch(seal, seal_hash, signature, self.public_keys[seal.key_id], [])

    def _entries(self, records: Iterator[tuple[str, Any]]) -> Iterator[bytes]:
        """The content hash of each entry; the same hash as `ledger.content_hash` computes."""
        header: dict[str, Any] | None = None
        header_place = ""
        hashes = sha256()
        for place, record in records:
            if isinstance(record, dict):
                if header is not None:
                    yield self._content_hash(header_place, header, hashes.digest())
                _require_types(place, list(record.values()), _HEADER_TYPES)
                if tuple(record) != _HEADER:
                    raise _Damaged(f"{place}: not an entry as it was written")
                header, header_place, hashes = record, place, sha256()
            else:
                if header is None:
                    raise _Damaged(f"{place}: a line without its entry")
                _require_types(place, record, _LINE_TYPES)
                hashes.update(sha256(_joined(record)).digest())
                self.lines += 1
        if header is not None:
            yield self._content_hash(header_place, header, hashes.digest())

    def _content_hash(self, place: str, header: dict[str, Any], lines_hash: bytes) -> bytes:
        self.entries += 1
        if header["position"] != self.entries:
            raise _Damaged(f"{place}: entry {header['entry_id']}: it stands at place {self.entries}, not where it says")
        hashed = [header[name] for name in _HEADER[1:-1]]
        content_hash = sha256(_joined(hashed) + b"\x1f" + lines_hash).digest()
        if header["content_hash"] != content_hash.hex():
            raise _Damaged(f"{place}: entry {header['entry_id']}: content does not match its hash")
        return content_hash


_SEAL_FIELDS = (
    *("seal_no", "epoch", "first_position", "entries", "merkle_root", "previous_hash"),
    *("key_id", "sealed_at", "seal_hash", "signature"),
)

_REQUIRED, _OPTIONAL = (str,), (str, type(None))
_HEADER_TYPES: tuple[tuple[type, ...], ...] = (
    *((int,), (int,), _REQUIRED, _REQUIRED, _REQUIRED, _REQUIRED, _REQUIRED),
    *(_REQUIRED, (int, type(None)), _REQUIRED, _OPTIONAL, _REQUIRED, _REQUIRED),
)
_LINE_TYPES: tuple[tuple[type, ...], ...] = (
    *(_REQUIRED, _REQUIRED, (int,), _REQUIRED),
    *(_OPTIONAL, _OPTIONAL, _OPTIONAL),
)


def _require_types(place: str, values: Any, types: tuple[tuple[type, ...], ...]) -> None:
    """In what is hashed an absent field is an empty one, and a number its digits: here neither may stand for the other.

    Only a description may be empty, and it is never absent.
    """
    sound = isinstance(values, list) and len(values) == len(types)
    if not sound or not all(type(value) in allowed for value, allowed in zip(values, types, strict=True)):
        raise _Damaged(f"{place}: not as it was written")
    if "" in values and not (types is _HEADER_TYPES and values.count("") == 1 and values[_DESCRIPTION] == ""):
        raise _Damaged(f"{place}: not as it was written")


_DESCRIPTION = _HEADER.index("description")

_LONGEST = 2**20
"""No line of an export is longer, in bytes."""


def _records(file: BinaryIO, name: str) -> Iterator[tuple[str, Any]]:
    """Each line with its place; one that is not to the byte what we write for its content is refused."""
    for number, line in enumerate(iter(lambda: file.readline(_LONGEST), b""), start=1):
        place = f"{name} line {number}"
        try:
            written = line.decode()
            record = json.loads(written)
            sound = _written(record) == written
        except (ValueError, RecursionError) as error:
            raise _Damaged(f"{place}: not as it was written") from error
        if not sound:
            raise _Damaged(f"{place}: not as it was written")
        yield place, record


def _joined(fields: list[Any]) -> bytes:
    return "\x1f".join(["" if field is None else str(field) for field in fields]).encode()


def written_key(public_key: bytes) -> bytes:
    """A raw public key as the file that holds it."""
    return Ed25519PublicKey.from_public_bytes(public_key).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


_encode = json.JSONEncoder(ensure_ascii=False).encode


def _written(record: object) -> str:
    return _encode(record) + "\n"


def _write(file: TextIO, record: object) -> None:
    file.write(_written(record))
