"""Files to and from banks after their use (lưu trữ): sealed, and no longer readable on disk.

A file to a bank is in use until the fate of all its payments is known; a statement until it was accepted. Then it is
written again under the vault's key, and the readable one is removed.
"""

import os
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, text

from engine import audit
from engine.errors import NotFound
from engine.vault import Vault

_FIELD = "exchange_file"

_DONE_WITH = """
    SELECT b.file_name FROM engine.batch b
    WHERE b.state IN ('answered', 'rejected') AND NOT EXISTS (
        SELECT FROM engine.attempt t JOIN engine.payment p USING (payment_id)
        WHERE t.batch_id = b.batch_id AND t.state <> 'failed' AND p.state = 'in_transit')
    UNION ALL
    SELECT f.file_name FROM reconciliation.statement_file f
    WHERE NOT EXISTS (SELECT FROM reconciliation.statement s WHERE s.file_id = f.file_id AND s.state <> 'accepted')
"""


def archive(connection: Connection, vault: Vault, used: list[Path], archived: Path, at: datetime) -> list[str]:
    """Seals every file in the `used` directories that nobody needs any more; returns their names."""
    done_with = set(connection.scalars(text(_DONE_WITH)))
    names = []
    for path in sorted(path for directory in used for path in directory.iterdir() if path.name in done_with):
        _write_whole(archived / f"{path.name}.sealed", vault.encrypt(_FIELD, path.read_bytes()))
        path.unlink()
        names.append(path.name)
        audit.record(connection, "file_archived", path.name, at)
    return names


def read_archived(connection: Connection, vault: Vault, archived: Path, name: str, at: datetime) -> bytes:
    """The content of an archived file; who read it is recorded."""
    path = archived / f"{Path(name).name}.sealed"
    if not path.exists():
        raise NotFound(f"there is no archived file {name}")
    audit.record(connection, "archived_file_read", name, at)
    return vault.decrypt(_FIELD, path.read_bytes())


def _write_whole(path: Path, content: bytes) -> None:
    draft = path.with_suffix(".draft")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
