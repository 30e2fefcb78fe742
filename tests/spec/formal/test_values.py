import pytest

from communicator_spec.formal.values import (
    Map,
    Undefined,
    Variant,
    but,
    choices,
    divide,
    nth,
    only,
    ordered,
    power,
    remainder,
    replace_at,
    slice_of,
    tail,
)


@pytest.mark.parametrize(
    "undefined",
    [
        lambda: Map({1: 2})[3],
        lambda: Map({1: 2}).set(3, 4),
        lambda: nth((1, 2), 2),
        lambda: nth((1, 2), -1),
        lambda: tail(()),
        lambda: slice_of((1, 2), 1, 3),
        lambda: slice_of((1, 2), -1, 1),
        lambda: replace_at((1,), 1, 0),
        lambda: only(frozenset((1, 2))),
        lambda: only(frozenset()),
        lambda: divide(1, 0),
        lambda: remainder(1, 0),
        lambda: power(0, 0),
        lambda: power(2, -1),
    ],
)
def test_what_quint_leaves_undefined_raises(undefined: object) -> None:
    assert callable(undefined)
    with pytest.raises(Undefined):
        undefined()


def test_maps_are_values() -> None:
    one, other = Map({"a": 1, "b": 2}), Map({"b": 2, "a": 1})
    assert one == other
    assert hash(one) == hash(other)
    assert {one: "x"}[other] == "x"


def test_changing_a_map_leaves_the_old_one_alone() -> None:
    old = Map({"a": 1})
    hash(old)
    new = old.put("b", 2).set("a", 3)
    assert (old, new) == (Map({"a": 1}), Map({"a": 3, "b": 2}))
    assert hash(new) == hash(Map({"a": 3, "b": 2}))


def test_setting_what_is_there_changes_nothing() -> None:
    old = Map({"a": (1, 2)})
    assert old.set("a", old["a"]) is old


@pytest.mark.parametrize(
    ("values", "order"),
    [
        ([3, 1, 2], [1, 2, 3]),
        (["b", "a"], ["a", "b"]),
        ([True, False], [False, True]),
        ([(2, "a"), (1, "b")], [(1, "b"), (2, "a")]),
        ([frozenset((2,)), frozenset((1, 3)), frozenset()], [frozenset(), frozenset((1, 3)), frozenset((2,))]),
        ([Map({1: 3}), Map({1: 2, 0: 9})], [Map({0: 9, 1: 2}), Map({1: 3})]),
        ([Variant("B", 1), Variant("A", "x")], [Variant("A", "x"), Variant("B", 1)]),
    ],
)
def test_order_is_total_on_values_of_one_type(values: list[object], order: list[object]) -> None:
    assert list(ordered(frozenset(values))) == order


def test_order_refuses_what_is_no_value() -> None:
    with pytest.raises(TypeError):
        ordered([object(), object()])


def test_choices_are_all_or_what_is_wanted() -> None:
    values = frozenset((2, 1))
    assert list(choices(values, None, "n")) == [1, 2]
    assert list(choices(values, {"m": 5}, "n")) == [1, 2]
    assert list(choices(values, {"n": 2}, "n")) == [2]
    assert list(choices(values, {"n": 5}, "n")) == []


def test_but_refuses_fields_that_are_not_there() -> None:
    with pytest.raises(KeyError):
        but(Variant("A", 1), size=2)


def test_equal_sets_of_other_types_keep_their_elements() -> None:
    """To Python 0 is False, and records of two types may be equal; an order that was remembered would mix them up."""
    assert [type(value) for value in ordered(frozenset((0, 1)))] == [int, int]
    assert [type(value) for value in ordered(frozenset((False, True)))] == [bool, bool]
