"""Message authentication codes and RSA signatures, as providers ask for them: over a text, in UTF-8, compared in
constant time. What goes into the text is each provider's own matter.
"""

import base64
import binascii
import hashlib
import hmac
from enum import StrEnum

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from gateways.errors import BadBatch, UnsafeKey

_PKCS1_PADDING_BYTES = 11


class Digest(StrEnum):
    """The hash under an HMAC."""

    SHA256 = "sha256"
    SHA512 = "sha512"


def hmac_hex(key: str, text: str, digest: Digest = Digest.SHA256) -> str:
    """HMAC as lower-case hexadecimal digits.

    >>> hmac_hex("key", "The quick brown fox jumps over the lazy dog")[:16]
    'f7bc83f430538424'
    """
    return hmac.new(key.encode(), text.encode(), getattr(hashlib, digest.value)).hexdigest()


def same(computed: str, given: object) -> bool:
    """Whether a signature we were given is the one we computed, in a time that tells nothing of where they differ."""
    return isinstance(given, str) and hmac.compare_digest(computed.encode(), given.encode("utf-8", "replace"))


def rsa_sign(key: RSAPrivateKey, text: str) -> str:
    """RSASSA-PKCS1-v1_5 with SHA-256, in base64 without line breaks."""
    return base64.b64encode(key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())).decode("ascii")


def rsa_verifies(key: RSAPublicKey, text: str, signature: object) -> bool:
    """Whether the base64 signature is one of this text by the owner of the key."""
    if not isinstance(signature, str):
        return False
    try:
        key.verify(base64.b64decode(signature, validate=True), text.encode(), padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def rsa_encrypt(key: RSAPublicKey, text: str) -> str:
    """RSAES-PKCS1-v1_5 in one line of base64. Other bytes each time: whoever signs them must keep them."""
    plain = text.encode()
    room = key.key_size // 8 - _PKCS1_PADDING_BYTES
    if len(plain) > room:
        raise BadBatch([f"{len(plain)} bytes are to be encrypted, a key of {key.key_size} bits takes {room}"])
    return base64.b64encode(key.encrypt(plain, padding.PKCS1v15())).decode("ascii")


def rsa_private_key(text: str) -> RSAPrivateKey:
    """A private key as PEM, or as the base64 of PKCS#8 that ZaloPay's portal hands out."""
    try:
        if "-----BEGIN" in text:
            key = serialization.load_pem_private_key(text.encode(), password=None)
        else:
            key = serialization.load_der_private_key(base64.b64decode("".join(text.split())), password=None)
    except (ValueError, TypeError) as error:
        raise UnsafeKey("no RSA private key in PEM or PKCS#8 form") from error
    if not isinstance(key, RSAPrivateKey):
        raise UnsafeKey("not an RSA key")
    return key


def rsa_public_key(text: str) -> RSAPublicKey:
    """A public key as PEM, or as the bare base64 of SubjectPublicKeyInfo."""
    try:
        if "-----BEGIN" in text:
            key = serialization.load_pem_public_key(text.encode())
        else:
            key = serialization.load_der_public_key(base64.b64decode("".join(text.split())))
    except (ValueError, TypeError) as error:
        raise UnsafeKey("no RSA public key in PEM form") from error
    if not isinstance(key, RSAPublicKey):
        raise UnsafeKey("not an RSA key")
    return key
