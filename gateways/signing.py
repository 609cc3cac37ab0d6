"""Signs a request so that a bank can prove who sent it: HTTP Message Signatures (RFC 9421) with Ed25519.

Covered are the method, the path with its query, the digest of the body (RFC 9530) and any header named by the caller,
such as the file name; the signature also carries when it was made and by which key.
"""

import hashlib
import hmac
import os
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateways.errors import UnsafeKey


class SigningKey:
    """A private key under the name by which the bank knows it."""

    def __init__(self, key_id: str, private_key: Ed25519PrivateKey) -> None:
        self._key_id = key_id
        self._private_key = private_key

    def __repr__(self) -> str:
        return f"SigningKey({self._key_id!r})"

    def signed_headers(
        self, method: str, path_and_query: str, body: bytes, headers: Mapping[str, str], created: int
    ) -> dict[str, str]:
        """The given headers (lower-case names), all of them covered, with digest and signature added."""
        digest = content_digest(body)
        path, _, query = path_and_query.partition("?")
        components = {"@method": method, "@path": path, "@query": f"?{query}", "content-digest": digest, **headers}
        parameters = f'{signature_parameters(components, created, self._key_id)};alg="ed25519"'
        signature = self._private_key.sign(signature_base(components, parameters))
        return {
            **headers,
            "content-digest": digest,
            "signature-input": f"sig1={parameters}",
            "signature": f"sig1=:{b64encode(signature).decode()}:",
        }


def hmac_signed_headers(
    key_id: str, key: str, method: str, target_uri: str, body: bytes, headers: Mapping[str, str], created: int
) -> dict[str, str]:
    """The same for a partner with whom we share a secret (`hmac-sha256`), over the whole address.

    Behind a proxy the address is the public one, from the settings: what the proxy makes of it is not what was signed.
    """
    components = _hmac_components(method, target_uri, body, headers)
    parameters = _hmac_parameters(components, created, key_id)
    signature = hmac.new(key.encode(), signature_base(components, parameters), hashlib.sha256).digest()
    return {
        **headers,
        "content-digest": components["content-digest"],
        "signature-input": f"sig1={parameters}",
        "signature": f"sig1=:{b64encode(signature).decode()}:",
    }


def hmac_signed_text(
    key_id: str, method: str, target_uri: str, body: bytes, headers: Mapping[str, str], created: int
) -> str:
    """What `hmac_signed_headers` signs."""
    components = _hmac_components(method, target_uri, body, headers)
    return signature_base(components, _hmac_parameters(components, created, key_id)).decode()


def _hmac_components(method: str, target_uri: str, body: bytes, headers: Mapping[str, str]) -> dict[str, str]:
    return {"@method": method, "@target-uri": target_uri, "content-digest": content_digest(body), **headers}


def _hmac_parameters(components: Mapping[str, str], created: int, key_id: str) -> str:
    return f'{signature_parameters(components, created, key_id)};alg="hmac-sha256"'


def signature_parameters(components: Mapping[str, str], created: int, key_id: str) -> str:
    names = " ".join(f'"{name}"' for name in components)
    return f'({names});created={created};keyid="{key_id}"'


def signature_base(components: Mapping[str, str], parameters: str) -> bytes:
    """The bytes that are signed (RFC 9421, section 2.5)."""
    lines = [f'"{name}": {value}' for name, value in components.items()]
    return "\n".join([*lines, f'"@signature-params": {parameters}']).encode()


def content_digest(body: bytes) -> str:
    return f"sha-256=:{b64encode(hashlib.sha256(body).digest()).decode()}:"


def load_key(key_id: str, path: Path) -> SigningKey:
    """The key in a PEM file that only its owner can read."""
    if path.stat().st_mode & 0o077:
        raise UnsafeKey(f"{path}: its mode must be 0600")
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except ValueError as error:
        raise UnsafeKey(f"{path}: no private key in PEM form") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise UnsafeKey(f"{path}: not an Ed25519 key")
    return SigningKey(key_id, key)


def ensure_key(path: Path) -> str:
    """The public key (PEM) of the key in `path`, which is made where there is none; given to the bank by contract."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        private = Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(private)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return public.decode()
