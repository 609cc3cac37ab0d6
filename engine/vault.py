"""Keeps account numbers, personal ids and phones unreadable in the database, and still findable.

A value is stored twice: as ciphertext (AES-256-GCM under a named key, so keys can be rotated) and as a keyed
fingerprint (HMAC-SHA-256) that finds the exact value again without revealing it. The field's name is bound into
both, so that an account number pasted into the phone column neither decrypts nor matches.
"""

import hashlib
import hmac
import json
import os
import secrets
from base64 import b64decode, b64encode
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from engine.errors import ThuchiError

_NONCE_BYTES = 12


class CannotOpen(ThuchiError):
    """The stored value was not sealed by a key of this ring, or was changed since."""

    code = "cannot_open"


class UnsafeKeyFile(ThuchiError):
    """The key file can be read by others: its mode must be 0600."""

    code = "unsafe_key_file"


@dataclass(frozen=True, slots=True)
class Sealed:
    """A protected value as the database holds it."""

    ciphertext: bytes
    fingerprint: bytes


class Vault:
    def __init__(self, active: str, keys: dict[str, bytes], fingerprint_key: bytes) -> None:
        self._active = active
        self._ciphers = {name: AESGCM(key) for name, key in keys.items()}
        self._fingerprint_key = fingerprint_key

    def __repr__(self) -> str:
        return f"Vault(active={self._active!r})"

    def seal(self, field: str, value: str) -> Sealed:
        return Sealed(self.encrypt(field, value.encode()), self.fingerprint(field, value))

    def open(self, field: str, ciphertext: bytes) -> str:
        return self.decrypt(field, ciphertext).decode()

    def fingerprint(self, field: str, value: str) -> bytes:
        return hmac.new(self._fingerprint_key, f"{field}\0{value}".encode(), hashlib.sha256).digest()

    def encrypt(self, field: str, content: bytes) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        name = self._active.encode()
        return bytes([len(name)]) + name + nonce + self._ciphers[self._active].encrypt(nonce, content, field.encode())

    def decrypt(self, field: str, ciphertext: bytes) -> bytes:
        end = 1 + ciphertext[0]
        cipher = self._ciphers.get(ciphertext[1:end].decode(errors="replace"))
        if cipher is None:
            raise CannotOpen(f"{field}: sealed by a key that this ring does not hold")
        try:
            return cipher.decrypt(
                ciphertext[end : end + _NONCE_BYTES], ciphertext[end + _NONCE_BYTES :], field.encode()
            )
        except InvalidTag as error:
            raise CannotOpen(f"{field}: changed since it was sealed, or sealed for another field") from error


def mask(value: str) -> str:
    """The last four characters, the rest hidden: `•••••3456`. Values of up to four characters are hidden whole."""
    return "•" * max(len(value) - 4, 4) + value[-4:] if len(value) > 4 else "••••"


def open_vault(key_file: Path) -> Vault:
    """The vault over the key ring in `key_file`; a new ring is made where there is none."""
    if not key_file.exists():
        _write_new_ring(key_file)
    if key_file.stat().st_mode & 0o077:
        raise UnsafeKeyFile(str(key_file))
    ring = json.loads(key_file.read_text())
    return Vault(
        active=ring["active"],
        keys={name: b64decode(key) for name, key in ring["keys"].items()},
        fingerprint_key=b64decode(ring["fingerprint_key"]),
    )


def _write_new_ring(key_file: Path) -> None:
    key_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    ring = {
        "active": "1",
        "keys": {"1": b64encode(secrets.token_bytes(32)).decode()},
        "fingerprint_key": b64encode(secrets.token_bytes(32)).decode(),
    }
    # Linked into place whole: of two processes that start together one ring wins, and nobody reads half a ring.
    draft = key_file.with_name(f"{key_file.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(ring, file)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, key_file)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
