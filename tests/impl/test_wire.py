import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from communicator_impl import wire
from communicator_impl.errors import PeerError
from communicator_spec.errors import ErrorClass

LIMIT = 4096
SIMPLE = cbor2.CBORSimpleValue(0)
leaves = st.integers(0, 2**64 - 1) | st.binary(max_size=20) | st.text(max_size=8) | st.booleans()


def containers(inside: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.lists(inside, max_size=4) | st.dictionaries(st.integers(0, 300), inside, max_size=4)


values = containers(containers(leaves) | leaves) | leaves


def nested(depth: int) -> bytes:
    return b"\x81" * depth + b"\x00"


def refused(data: bytes) -> ErrorClass:
    with pytest.raises(PeerError) as caught:
        wire.decode(data, LIMIT)
    return caught.value.error_class


@given(values)
def test_values_come_back(value: object) -> None:
    assert wire.decode(wire.encode(value), LIMIT) == value


@given(st.binary(max_size=40))
def test_whatever_decodes_has_this_one_encoding(data: bytes) -> None:
    try:
        value = wire.decode(data, LIMIT)
    except PeerError:
        return
    assert wire.encode(value) == data


@pytest.mark.parametrize(
    ("fault", "data"),
    [
        ("longer integer than needed", "1800"),
        ("keys out of order", "a201000000"),
        ("duplicate key", "a200010002"),
        ("indefinite array", "9f00ff"),
        ("indefinite map", "bf0000ff"),
        ("trailing byte", "0000"),
        ("nothing", ""),
        ("cut short", "43aabb"),
        ("tag: date", "c100"),
        ("tag: regular expression", "d8236161"),
        ("tag: big number", "c249010000000000000000"),
        ("tag: self-described", "d9d9f700"),
        ("tag: shared value", "d81c00"),
        ("text that is not UTF-8", "61ff"),
    ],
)
def test_other_encodings_are_malformed(fault: str, data: str) -> None:
    assert refused(bytes.fromhex(data)) is ErrorClass.MALFORMED, fault


def test_one_byte_too_many_is_too_large() -> None:
    full = wire.encode(bytes(LIMIT - 3))
    assert len(full) == LIMIT
    wire.decode(full, LIMIT)
    assert refused(full + b"\0") is ErrorClass.TOO_LARGE


def test_eight_levels_pass_and_nine_are_malformed() -> None:
    wire.decode(nested(8), LIMIT)
    assert refused(nested(9)) is ErrorClass.MALFORMED


def test_a_map_names_its_keys() -> None:
    required, optional = frozenset({0, 1}), frozenset({2})
    assert wire.fields({0: 1, 1: 2}, required, optional) == {0: 1, 1: 2}
    assert wire.fields({0: 1, 1: 2, 2: 3}, required, optional)
    for wrong in (
        {0: 1},
        {0: 1, 1: 2, 3: 3},
        {False: 1, 1: 2},
        {SIMPLE: 1, 1: 2},
        [0, 1],
        {0: 1, "1": 2},
    ):
        with pytest.raises(PeerError):
            wire.fields(wrong, required, optional)


@pytest.mark.parametrize("value", [True, -1, 1.0, "1", None, 2**64])
def test_only_unsigned_integers_are_unsigned_integers(value: object) -> None:
    with pytest.raises(PeerError):
        wire.uint(value)


def test_readers_check_type_and_range() -> None:
    assert wire.octets(b"ab", 2) == b"ab"
    assert wire.text("ü", 2) == "ü"
    assert wire.array([1], 1) == [1]
    assert wire.boolean(False) is False
    for call in (
        lambda: wire.octets(b"ab", 3),
        lambda: wire.octets("ab"),
        lambda: wire.octets(b"ab", most=1),
        lambda: wire.text("ü", 1),
        lambda: wire.text("", 9),
        lambda: wire.array([1, 2], 1),
        lambda: wire.array([1], 2, size=2),
        lambda: wire.boolean(0),
        lambda: wire.text_map({0: 1}, 3, 3),
        lambda: wire.text_map({"a": 1, "b": 2}, 1, 3),
    ):
        with pytest.raises(PeerError):
            call()
