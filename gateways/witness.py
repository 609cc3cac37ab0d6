"""Verifies that an answer is the bank's own: RFC 9421 over its status and digest, with Ed25519."""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from gateways.errors import Ambiguous, UnsafeKey
from gateways.signing import content_digest, signature_base

REPLAY_WINDOW_SECONDS = 600
"""How far from our clock an answer may have been signed: an older one is a replay."""

_STATED = re.compile(r'sig1=(\("@status" "content-digest"\);created=(\d+);keyid="[^"]+";alg="ed25519")')
_SIGNATURE = re.compile(r"sig1=:([A-Za-z0-9+/=]+):")


class SignedAtAnotherTime(Ambiguous):
    """The bank signed the answer, but not now: one of the two clocks is wrong, or the answer is a replay."""

    code = "signed_at_another_time"

    def __init__(self, offset_seconds: int) -> None:
        super().__init__(f"the answer was signed {offset_seconds} seconds from now, at another time")
        self.offset_seconds = offset_seconds


class BankKey:
    """The bank's public key, given to us by contract."""

    def __init__(self, path: Path, seconds_now: Callable[[], float]) -> None:
        try:
            key = load_pem_public_key(path.read_bytes())
        except ValueError as error:
            raise UnsafeKey(f"{path}: no public key in PEM form") from error
        if not isinstance(key, Ed25519PublicKey):
            raise UnsafeKey(f"{path}: not an Ed25519 key")
        self._key = key
        self._seconds_now = seconds_now

    def require_signed(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Raises `Ambiguous`: an answer that nobody signed tells nothing of what the bank did."""
        stated = _STATED.fullmatch(headers.get("signature-input", ""))
        signature = _SIGNATURE.fullmatch(headers.get("signature", ""))
        digest = content_digest(body)
        if stated is None or signature is None or headers.get("content-digest") != digest:
            raise Ambiguous("the answer is not signed by the bank, or its digest does not fit")
        try:
            base = signature_base({"@status": str(status), "content-digest": digest}, stated[1])
            self._key.verify(base64.b64decode(signature[1], validate=True), base)
        except (InvalidSignature, binascii.Error) as error:
            raise Ambiguous("the signature of the answer does not verify") from error
        offset_seconds = round(int(stated[2]) - self._seconds_now())
        if abs(offset_seconds) > REPLAY_WINDOW_SECONDS:
            raise SignedAtAnotherTime(offset_seconds)
