"""Exchange of files through directories, as over SFTP: ours to the bank in `out/`, the bank's to us in `in/`.

A file of ours is written under a hidden temporary name, synced, noted in `sent/`, and then renamed: the bank sees it
whole or not at all, and after a crash one can tell whether it ever could. A file of the bank's that is not whole yet is
left alone; one that stays so is put into `quarantine/`, for a person.
"""

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from gateways.errors import BadBatch, Refused

SETTLE_SECONDS = 60
"""How long a file that is not whole may still be in the writing."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_IN_THE_WRITING = (".part", ".filepart", ".tmp", ".writing")
_TAIL_BYTES = 200


class Whereabouts(StrEnum):
    """What can be said of a file of ours."""

    NEVER_OUT = "never_out"
    """It never stood in `out/` under its name: the bank cannot have it."""
    WAITING = "waiting"
    """It stands in `out/`; the bank may be reading it."""
    GONE = "gone"
    """It stood in `out/` and was taken away."""


@dataclass(frozen=True, slots=True)
class Received:
    """A whole file of the bank's."""

    name: str
    content: bytes = field(repr=False)


class FileDrop:
    """One exchange directory. Its parts are made with owner-only rights where they are missing."""

    def __init__(self, root: Path, seconds_now: Callable[[], float]) -> None:
        self._out, self._in = root / "out", root / "in"
        self._sent, self._quarantine = root / "sent", root / "quarantine"
        self._seconds_now = seconds_now
        for directory in (root, self._out, self._in, self._sent, self._quarantine):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    def put(self, name: str, content: bytes) -> Whereabouts:
        """Hands a file over, once; `WAITING` when the bank can see it, `GONE` when it has taken it already.

        Raises `BadBatch` for a name that cannot be one, `Refused` where other content was sent under it.
        """
        if not _NAME.fullmatch(name):
            raise BadBatch([f"{name!r} is no file name: letters, digits, `.`, `_`, `-`, at most 100"])
        digest = hashlib.sha256(content).hexdigest()
        note = self._sent / name
        if note.exists() and note.read_text() != digest:
            raise Refused(f"{name}: other content was sent under this name")
        if self.whereabouts(name) is not Whereabouts.NEVER_OUT:
            return self.whereabouts(name)
        draft = self._draft(name)
        _write(draft, content)
        _write(note.with_name(f".{name}"), digest.encode())
        note.with_name(f".{name}").rename(note)
        _sync_directory(self._sent)
        draft.rename(self._out / name)
        _sync_directory(self._out)
        return Whereabouts.WAITING

    def whereabouts(self, name: str) -> Whereabouts:
        if (self._out / name).exists():
            return Whereabouts.WAITING
        if self._draft(name).exists() or not (self._sent / name).exists():
            return Whereabouts.NEVER_OUT
        return Whereabouts.GONE

    def received(self, pattern: str) -> Iterator[Received]:
        """The whole files in `in/` whose names fit, by name. Half files are passed over or put into quarantine."""
        for path in sorted(self._in.glob(pattern)):
            if path.name.startswith(".") or path.name.endswith(_IN_THE_WRITING) or not path.is_file():
                continue
            content = path.read_bytes()
            if _is_whole(content):
                yield Received(path.name, content)
            elif self._seconds_now() - path.stat().st_mtime > SETTLE_SECONDS:
                path.rename(self._quarantine / path.name)

    def take(self, name: str) -> Received | None:
        """One whole file of the bank's by its name."""
        return next(self.received(name), None) if _NAME.fullmatch(name) else None

    def quarantined(self) -> list[str]:
        return sorted(path.name for path in self._quarantine.iterdir())

    def problems(self) -> list[str]:
        """What would keep files from going to and fro."""
        wanted = {self._out: os.W_OK, self._in: os.R_OK, self._sent: os.W_OK, self._quarantine: os.W_OK}
        closed = [f"{path}: no access" for path, right in wanted.items() if not os.access(path, right)]
        return closed + [f"{path}: others can read it" for path in wanted if path.stat().st_mode & 0o007]

    def _draft(self, name: str) -> Path:
        return self._out / f".{name}.part"


def _is_whole(content: bytes) -> bool:
    """An XML file ends with the end of its document; any other ends with its last line."""
    if content.lstrip()[:1] == b"<":
        return re.search(rb"</(?:\w+:)?Document>\s*\Z", content[-_TAIL_BYTES:]) is not None
    return content.endswith(b"\n")


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_directory(path: Path) -> None:
    """A new name survives a power cut only once its directory is on the disk too."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
