"""Merkle trees (RFC 9162, section 2.1): one root for a batch of entries, and a short proof that one stands in it.

A leaf is the content hash of an entry. Leaves and inner nodes are hashed with different first bytes, so that neither
can be passed off as the other.
"""

from collections.abc import Sequence
from hashlib import sha256


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """The root over at least one leaf."""
    level = [_leaf(leaf) for leaf in leaves]
    while len(level) > 1:
        level = _level_above(level)
    return level[0]


def inclusion_path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The hashes beside the way from the leaf at `index` (from 0) up to the root."""
    path = []
    level = [_leaf(leaf) for leaf in leaves]
    while len(level) > 1:
        if index ^ 1 < len(level):
            path.append(level[index ^ 1])
        level = _level_above(level)
        index >>= 1
    return path


def root_along(path: Sequence[bytes], leaf: bytes, index: int, leaves: int) -> bytes | None:
    """The root to which a path leads from a leaf (RFC 9162, section 2.1.3.2); null if it is none for that place."""
    if not 0 <= index < leaves:
        return None
    found = _leaf(leaf)
    last = leaves - 1
    remaining = iter(path)
    while last:
        if index % 2 or index < last:
            beside = next(remaining, None)
            if beside is None:
                return None
            found = _node(beside, found) if index % 2 else _node(found, beside)
        index >>= 1
        last >>= 1
    return found if next(remaining, None) is None else None


def _leaf(content_hash: bytes) -> bytes:
    return sha256(b"\0" + content_hash).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\1" + left + right).digest()


def _level_above(level: list[bytes]) -> list[bytes]:
    """A node without a neighbour rises as it is, which is what splitting at the largest power of two comes to."""
    above = [_node(left, right) for left, right in zip(level[::2], level[1::2], strict=False)]
    return above + level[-1:] if len(level) % 2 else above
