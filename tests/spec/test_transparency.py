"""The log's tree is that of RFC 6962, and its proofs prove."""

from hashlib import sha256

import pytest

from communicator_spec.transparency import (
    consistency_path,
    inclusion_path,
    leaf_hash,
    tree_hash,
    verify_consistency,
    verify_inclusion,
)

# The leaves that implementations of RFC 6962 test with, and the hash of their tree.
LEAVES = [
    leaf_hash(bytes.fromhex(leaf))
    for leaf in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOT = "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
SIZES = range(1, 20)
MANY = [leaf_hash(bytes([i])) for i in SIZES]


def test_known_trees() -> None:
    assert tree_hash([]) == sha256(b"").digest()
    assert tree_hash(LEAVES).hex() == ROOT


@pytest.mark.parametrize("size", SIZES)
def test_every_leaf_is_proved_in_every_tree_and_nowhere_else(size: int) -> None:  # DIR-12, DIR-14
    leaves = MANY[:size]
    root = tree_hash(leaves)
    for index, leaf in enumerate(leaves):
        path = inclusion_path(leaves, index)
        assert verify_inclusion(leaf, index, size, path, root)
        assert not verify_inclusion(leaf_hash(b"other"), index, size, path, root)
        assert not verify_inclusion(leaf, index + 1, size, path, root)
        assert not verify_inclusion(leaf, index, size, (*path, root), root)
        assert not path or not verify_inclusion(leaf, index, size, path[:-1], root)
    assert not verify_inclusion(leaves[0], -1, size, (), root)


@pytest.mark.parametrize("size", SIZES)
def test_every_earlier_tree_is_the_beginning_and_a_changed_one_is_not(size: int) -> None:
    leaves = MANY[:size]
    new, forked = tree_hash(leaves), tree_hash([leaf_hash(b"fork"), *leaves[1:]])
    for first in range(1, size + 1):
        path, old = consistency_path(leaves, first), tree_hash(leaves[:first])
        assert verify_consistency(first, size, path, old, new)
        assert not verify_consistency(first, size, path, old, forked)
        assert not verify_consistency(first, size, path, leaf_hash(b"old"), new)
        assert not verify_consistency(first, size, (*path, new), old, new)
        assert not path or not verify_consistency(first, size, path[:-1], old, new)
    assert not verify_consistency(0, size, (), tree_hash([]), new)
    assert not verify_consistency(size + 1, size, (), new, new)
