"""The Merkle tree of a directory's log (chapter 8, DIR-12), and the proofs that a client checks.

Theory. A log is a list of leaves that only grows. Its tree hash commits to all of them; an inclusion path shows that a
leaf is in the tree of a head, a consistency path that an earlier tree is the beginning of a later one. Hashing and
paths are those of RFC 6962 and RFC 9162 §2.1, with SHA-256: leaves and nodes have prefixes of their own, so that a node
never passes for a leaf.

Rules:

1. `verify_…` return a truth value and never raise: what they check came from outside.
2. Making a path costs O(n) hashes; a directory that grows keeps its nodes.
"""

import hashlib
from collections.abc import Sequence

__all__ = [
    "consistency_path",
    "inclusion_path",
    "leaf_hash",
    "node_hash",
    "tree_hash",
    "verify_consistency",
    "verify_inclusion",
]


def leaf_hash(leaf: bytes) -> bytes:
    """Hash the encoding of one leaf."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two subtrees into one."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def tree_hash(leaves: Sequence[bytes]) -> bytes:
    """Return the hash of a tree, given the hashes of its leaves."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = _split(len(leaves))
    return node_hash(tree_hash(leaves[:k]), tree_hash(leaves[k:]))


def inclusion_path(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """Return the siblings from the leaf `index` to the root."""
    if len(leaves) == 1:
        return ()
    k = _split(len(leaves))
    if index < k:
        return (*inclusion_path(leaves[:k], index), tree_hash(leaves[k:]))
    return (*inclusion_path(leaves[k:], index - k), tree_hash(leaves[:k]))


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Tell whether a leaf, by its hash, is at `index` of the tree with this size and hash (RFC 9162 §2.1.3.2)."""
    if not 0 <= index < size:
        return False
    found, last = leaf, size - 1
    for sibling in path:
        if last == 0:
            return False
        if index & 1 or index == last:
            found = node_hash(sibling, found)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        index, last = index >> 1, last >> 1
    return last == 0 and found == root


def consistency_path(leaves: Sequence[bytes], first: int) -> tuple[bytes, ...]:
    """Return the proof that the tree of the first `first` leaves is the beginning of the whole; 0 < first ≤ size."""
    return _subproof(leaves, first, whole=True)


def _subproof(leaves: Sequence[bytes], first: int, *, whole: bool) -> tuple[bytes, ...]:
    if first == len(leaves):
        return () if whole else (tree_hash(leaves),)
    k = _split(len(leaves))
    if first <= k:
        return (*_subproof(leaves[:k], first, whole=whole), tree_hash(leaves[k:]))
    return (*_subproof(leaves[k:], first - k, whole=False), tree_hash(leaves[:k]))


def verify_consistency(first: int, second: int, path: Sequence[bytes], old: bytes, new: bytes) -> bool:
    """Tell whether the tree (first, old) is the beginning of the tree (second, new) (RFC 9162 §2.1.4.2)."""
    if not 0 < first <= second:
        return False
    if first == second:
        return not path and old == new
    hashes = [old, *path] if first & (first - 1) == 0 else list(path)
    if not hashes:
        return False
    place, last = first - 1, second - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    before = after = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            before, after = node_hash(sibling, before), node_hash(sibling, after)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            after = node_hash(after, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and before == old and after == new


def _split(size: int) -> int:
    """Return the largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1
