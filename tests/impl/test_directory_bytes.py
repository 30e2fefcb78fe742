"""What a directory writes and reads: names, entries, leaves, heads and trees, as bytes from anybody."""

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from tests.impl.naming import (
    NOW_S,
    SEED,
    entry,
    identity,
    refusal,
)

from communicator_impl import wire
from communicator_impl.directory import (
    Contact,
    Entry,
    Head,
    Leaf,
    Proof,
    checked_name,
    read_path,
)
from communicator_impl.errors import PeerError
from communicator_impl.log_tree import LogTree, Peaks
from communicator_spec import transparency
from communicator_spec.errors import ErrorClass
from communicator_spec.examples import examples

KEY = Ed25519PrivateKey.from_private_bytes(SEED).public_key().public_bytes_raw()
EXAMPLES = ("entry", "leaf", "head", "proof")


def test_the_examples_of_the_chapter_are_read_and_written() -> None:
    data = {name: examples()[name].data for name in EXAMPLES}
    assert Entry.decode(data["entry"]).encode() == data["entry"]
    assert Leaf.decode(data["leaf"]).encode() == data["leaf"]
    assert Head.decode(data["head"]).encode() == data["head"]
    proof = Proof.decode(data["proof"])
    assert proof.encode() == data["proof"]
    assert proof.head.encode() == data["head"]
    assert Contact.decode(examples()["contact"].data, 1_767_225_600).encode() == examples()["contact"].data


@pytest.mark.parametrize("name", ["alex", "Zoë", "a" * 128, "名" * 42])
def test_names(name: str) -> None:
    assert checked_name(name) == name


@pytest.mark.parametrize("name", ["", "a" * 129, "名" * 43, "Zoe\u0308", "\ud800", 7])
def test_names_that_are_none(name: object) -> None:
    assert refusal(checked_name, name) is ErrorClass.MALFORMED


def test_an_entry_is_signed_by_its_own_identity() -> None:  # DIR-1
    good = entry("alex")
    assert Entry.decode(good.encode()) == good
    for changes in ({"date_s": 1}, {"sequence": 1}, {"name": "blair"}, {"identity": identity("blair").public}):
        assert refusal(Entry.decode, msgspec.structs.replace(good, **changes).encode()) is ErrorClass.FORGED


def test_a_signature_of_the_identity_before_verifies_or_is_forged() -> None:  # DIR-1
    first, second = entry("alex"), entry("alex", 1, "alex anew", "alex")
    second.check_after(first)
    assert refusal(second.check_after, entry("alex", 0, "blair")) is ErrorClass.FORGED
    assert refusal(Entry.decode, entry("alex", 0, "alex", "alex").encode()) is ErrorClass.FORGED
    entry("alex", 1, "alex anew").check_after(first)


@given(st.binary(max_size=600))
def test_bytes_from_outside_get_a_normative_class(data: bytes) -> None:
    for decode in (Entry.decode, Leaf.decode, Head.decode, Proof.decode, read_path):
        assert refusal(decode, data) in (ErrorClass.MALFORMED, ErrorClass.TOO_LARGE, ErrorClass.FORGED)
    assert refusal(Contact.decode, data, NOW_S) in (ErrorClass.MALFORMED, ErrorClass.TOO_LARGE)


@given(st.sampled_from(EXAMPLES), st.integers(0, 10_000), st.integers(1, 255))
def test_bytes_that_were_changed_on_the_way_are_refused_or_are_another_value(name: str, at: int, flip: int) -> None:
    data = examples()[name].data
    place = at % len(data)
    bad = data[:place] + bytes([data[place] ^ flip]) + data[place + 1 :]
    kinds: dict[str, type[Entry | Leaf | Head | Proof]] = {"entry": Entry, "leaf": Leaf, "head": Head, "proof": Proof}
    try:
        made = kinds[name].decode(bad)
    except PeerError as error:
        found = error.error_class
    else:
        assert made.encode() == bad
        return
    assert found in (ErrorClass.MALFORMED, ErrorClass.FORGED)


def test_what_is_too_long_is_too_large() -> None:
    assert refusal(Entry.decode, bytes(513)) is ErrorClass.TOO_LARGE
    assert refusal(Proof.decode, bytes(5000)) is ErrorClass.TOO_LARGE
    assert refusal(Contact.decode, bytes(2901), NOW_S) is ErrorClass.TOO_LARGE
    assert refusal(read_path, wire.encode([bytes(32)] * 65)) is ErrorClass.TOO_LARGE
    assert len(read_path(wire.encode([bytes(32)] * 64))) == 64


@given(st.integers(0, 70))
def test_the_growing_tree_is_the_tree_of_the_standard(size: int) -> None:  # DIR-12
    leaves = [transparency.leaf_hash(bytes([i])) for i in range(size)]
    tree, peaks = LogTree(), Peaks().extended(leaves)
    for leaf in leaves:
        tree.append(leaf)
    assert tree.root() == peaks.root() == transparency.tree_hash(leaves)
    assert len(tree) == peaks.size == size
    for index in range(size):
        assert tree.inclusion_path(index) == transparency.inclusion_path(leaves, index)
    for first in range(1, size + 1):
        assert tree.consistency_path(first, size) == transparency.consistency_path(leaves, first)
        part = leaves[: (first + size) // 2]
        if first <= len(part):
            assert tree.consistency_path(first, len(part)) == transparency.consistency_path(part, first)
