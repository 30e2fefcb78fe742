"""Every definition of `operators.qnt` has the value that is written here by hand; `with_node` asks Quint the same."""

import pytest
from tests.spec.formal.texts import checked, operators, source

from communicator_spec.formal import ir
from communicator_spec.formal.values import Map, Variant


def of(*values: object) -> frozenset[object]:
    return frozenset(values)


EXPECTED: dict[str, object] = {
    # arithmetic and comparison
    "sums": 9,
    "grouped": -4,
    "negative": -5,
    "quotients": (3, -3, -3, 3),
    "remainders": (1, -1, 1, -1),
    "powers": 1024,
    "comparisons": (True, True, True, False, True, False),
    # truth
    "connectives": (False, True, False, True, False, False),
    "lazyAnd": False,
    "lazyOr": True,
    "lazyImplies": True,
    "nothingHolds": False,
    "chosen": "many",
    "chosenDeep": "c",
    "negations": (True, False, False, False, True, True),
    # sets
    "unions": of(1, 2, 3),
    "intersections": of(2),
    "differences": of(1),
    "mixedSets": of(2),
    "memberships": (True, False, True, True, True),
    "intervals": of(2, 3, 4, 5),
    "emptyInterval": of(),
    "mapped": of(1, 4, 9),
    "mappedTogether": of(1),
    "filtered": of(2, 4, 6),
    "flattened": of(1, 2, 3),
    "powersets": of(of(), of(1), of(2), of(1, 2)),
    "products": of((1, "a"), (2, "a")),
    "quantifiers": (True, False, False, True),
    "sizes": (2, 4, 1, 3, 0),
    "theOnly": 7,
    "folded": 16,
    "foldedOnce": 5,
    "truths": of(True, False),
    # lists
    "appended": (1, 2, 3),
    "concatenated": (1, 2, 3),
    "firsts": ("a", ("b", "c"), "b", "c"),
    "slices": ((), ("b", "c"), ("a", "b", "c")),
    "replaced": ("a", "z", "c"),
    "ranged": (2, 3, 4),
    "indexed": of(0, 1, 2),
    "selected": (3, 4, 5),
    "foldedLeft": "two",
    "order": ("c", "b", "a"),
    "foldedRight": ("c", "b", "a"),
    "counted": False,
    "nested": 6,
    "differing": True,
    # maps
    "gotten": 2,
    "keyed": of("a", "b"),
    "added": Map({"a": 1, "b": 2}),
    "replacedKey": Map({"a": 2}),
    "changed": Map({"a": 11}),
    "changedBy": Map({"a": 2}),
    "madeBy": Map({1: 10, 2: 20, 3: 30}),
    "fromPairs": Map({1: "a", 2: "b"}),
    "byPair": "x",
    # records, tuples, cases
    "recorded": (1, 2),
    "spread": (10, 2, 30, 4, 5, 6, 7),
    "spreadSmall": (1, 6),
    "spreadOfCall": (9, 2),
    "tupled": (1, "a", True),
    "items": (1, "a", True),
    "cases": (12, 10, 0),
    "others": ("round", "other"),
    "made": Variant("Circle", 4),
    # local definitions and operators
    "locals": 6,
    "siblings": 13,
    "shadowed": of(of(11), of(12)),
    "unneeded": 0,
    "neededLater": False,
    "localOperator": 16,
    "higherOrder": 17,
    "named2": of(4),
    "inBody": of(2, 3),
    "inBodies": True,
    "ofWorld": of(102),
    "lambdaWithTuple": of(3, 7),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_definition_has_its_value(name: str) -> None:
    model = operators()
    assert model.value(name, model.init()) == EXPECTED[name]


def test_every_definition_is_expected() -> None:
    model = operators()
    defined = {
        declared.name
        for declared in ir.read(checked("operators")).modules[0].declarations
        if isinstance(declared, ir.Definition) and declared.qualifier == "val"
    }
    assert defined - {"Nothing"} == set(EXPECTED)
    assert defined <= set(model.definitions)


def test_records_are_named_after_their_alias() -> None:
    model = operators()
    state = model.init()
    assert type(model.value("recorded", state)).__name__ == "Point"
    assert type(model.value("spread", state)).__name__ == "Wide"


def test_a_chain_of_spreads_is_one_construction() -> None:
    assert "but(WIDE, a=10, c=30)" in source("operators") or "but(WIDE, c=30, a=10)" in source("operators")


def test_constant_stays_open() -> None:
    other = operators(base=7)
    assert other.value("ofWorld", other.init()) == of(9)


def test_same_text_gives_same_bytes() -> None:
    assert source("operators") == source("operators")
