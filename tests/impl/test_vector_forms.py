"""The encoder of vectors writes what the decoder takes, and at one place what it must not take."""

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from communicator_impl import wire
from communicator_impl.errors import PeerError
from communicator_impl.vectors.forms import Pairs, Raw, at, double, encode, endless, head, ordered, put

LEAVES = st.integers(0, (1 << 64) - 1) | st.binary(max_size=300) | st.text(max_size=80) | st.booleans()
VALUES = st.recursive(
    LEAVES, lambda inside: st.lists(inside, max_size=30) | st.dictionaries(st.integers(0, 300), inside), max_leaves=20
)


@given(VALUES)
def test_a_value_has_its_one_encoding(value: object) -> None:
    assert encode(value) == wire.encode(value)


@given(LEAVES.filter(lambda value: not isinstance(value, int) or isinstance(value, bool) or value < 1 << 32))
def test_a_longer_head_is_the_same_value_in_another_encoding(value: object) -> None:
    data = encode(value, longer=True)
    assert len(data) > len(encode(value))
    if not isinstance(value, bool):  # a truth value in two bytes is nothing at all
        assert cbor2.loads(data) == value
    with pytest.raises(PeerError):
        wire.decode(data, 4096)


@pytest.mark.parametrize("value", [b"abc", "abc", [1, [2]], {1: 2, 3: b"x"}])
def test_a_value_without_a_length_is_the_same_value_in_another_encoding(value: object) -> None:
    data = endless(value).data
    assert cbor2.loads(data) == value
    with pytest.raises(PeerError):
        wire.decode(data, 4096)


def test_a_map_keeps_the_order_that_it_is_given() -> None:
    one, two = Pairs(((2, 0), (1, 0))), Pairs(((1, 0), (1, 0)))
    assert encode(one) == bytes.fromhex("a202000100")
    assert encode(two) == bytes.fromhex("a201000100")
    assert encode(ordered({300: 1, 2: 0})) == wire.encode({300: 1, 2: 0})


def test_a_place_is_changed_and_nothing_else() -> None:
    value: object = {0: [1, {5: b"x"}], 7: "y"}
    assert at(value, (0, 1, 5)) == b"x"
    assert put(value, (0, 1, 5), Raw(b"\xf6")) == {0: [1, {5: Raw(b"\xf6")}], 7: "y"}
    assert value == {0: [1, {5: b"x"}], 7: "y"}


def test_numbers_of_other_kinds() -> None:
    assert cbor2.loads(double(17).data) == 17.0
    assert head(0, 23) == b"\x17"
    assert head(0, 23, longer=True) == b"\x18\x17"
    with pytest.raises(TypeError):
        encode(1.5)
