"""Shared bytes are found wherever they are, and only what a party must not link is held against it."""

import random
import re
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from communicator_spec.clauses import load_clauses
from communicator_spec.views import (
    KNOWLEDGE,
    WINDOW,
    Direction,
    Observation,
    Relation,
    Role,
    Witness,
    knowledge_of,
    must_not_link,
    outside,
    relation,
    shared_windows,
)

CHAPTER = Path(__file__).parents[2] / "spec/07-knowledge.md"
DRAWS = random.Random(7)


def noise(size: int) -> bytes:
    return DRAWS.randbytes(size)


def seen(data: bytes, *, role: Role = Role.SENDING, connection: int = 0, end: int = -1, person: int = -1,
         message: int = -1, transmission: int = -1) -> Observation:  # fmt: skip
    return Observation(0, role, 1, "submit", connection, Direction.IN, data, end, person, message, transmission)


def test_independent_bytes_have_no_witness() -> None:
    assert shared_windows([seen(noise(3000)) for _ in range(30)]) == []


def test_witness_gives_offsets_and_the_whole_match() -> None:
    shared = noise(40)
    views = [seen(noise(100) + shared + noise(20)), seen(noise(500)), seen(noise(7) + shared + noise(100))]
    (witness,) = shared_windows(views)
    assert witness == Witness(0, 2, 100, 7, shared)


@pytest.mark.parametrize(("size", "count"), [(WINDOW - 1, 0), (WINDOW, 1)])
def test_eight_bytes_are_enough_and_seven_are_not(size: int, count: int) -> None:
    shared = noise(size)
    found = shared_windows([seen(b"\1" + shared + b"\2"), seen(b"\3" + shared + b"\4")])
    assert len(found) == count


def test_matches_at_the_very_edges_are_found_and_none_across_observations() -> None:
    shared = noise(16)
    assert shared_windows([seen(shared), seen(shared)]) == [Witness(0, 1, 0, 0, shared)]
    assert shared_windows([seen(shared[:5]), seen(shared[5:10]), seen(shared[10:]), seen(shared[:7])]) == []
    assert shared_windows([seen(b""), seen(b"short"), seen(shared)]) == []
    assert shared_windows([]) == []


def test_two_matches_of_one_pair_are_two_witnesses() -> None:
    one, two = noise(10), noise(12)
    found = shared_windows([seen(one + noise(5) + two), seen(two + noise(50) + one)])
    assert [w.data for w in found] == [one, two]


def test_constants_are_allowed_with_what_touches_them() -> None:
    label, byte = b"communicator label/1 seal", b"\x58"
    views = [seen(noise(9) + label + byte + noise(30)), seen(noise(4) + label + byte + noise(9))]
    assert len(shared_windows(views)) == 1
    assert shared_windows(views, [label]) == []


def test_secret_after_a_constant_is_still_found() -> None:
    label, root = b"communicator root", noise(16)
    views = [seen(label + root + noise(5)), seen(noise(3) + label + root + noise(5))]
    (witness,) = shared_windows(views, [label])
    assert root in witness.data


def test_a_crowd_that_shares_a_window_costs_no_square() -> None:
    root = noise(16)
    views = [seen(noise(20) + root, connection=i, end=2 * i, person=5) for i in range(2000)]
    found = shared_windows(views, (), must_not_link(knowledge_of(Role.RECEIVING)))
    assert 1999 <= len(found) <= 20_000


@given(st.lists(st.binary(max_size=40), max_size=5), st.binary(min_size=1, max_size=3))
def test_agrees_with_the_obvious_search(pieces: list[bytes], alphabet: bytes) -> None:
    views = [seen(bytes(alphabet[b % len(alphabet)] for b in piece)) for piece in pieces]
    found = {(w.first, w.second) for w in shared_windows(views)}
    expected = {
        (i, j)
        for i, j in combinations(range(len(views)), 2)
        if any(views[i].data[k : k + WINDOW] in views[j].data for k in range(len(views[i].data) - WINDOW + 1))
    }
    assert found == expected


def test_every_witness_is_true_and_cannot_be_extended() -> None:
    views = [seen(bytes(DRAWS.choices(b"ab", k=60))) for _ in range(8)]
    for a, b, i, j, data in shared_windows(views):
        one, two = views[a].data, views[b].data
        assert one[i : i + len(data)] == two[j : j + len(data)] == data
        assert not i or not j or one[i - 1] != two[j - 1]


def test_relations_are_told_from_the_tags() -> None:
    here = seen(b"", end=4, person=1, message=0, transmission=0)
    assert relation(here, seen(b"", end=4, person=2, message=0, transmission=0)) is Relation.SAME_TRANSMISSION
    assert relation(here, seen(b"", end=4, person=1, message=0, transmission=1)) is Relation.SAME_MESSAGE
    assert relation(here, seen(b"", end=4, person=1, message=1, transmission=2)) is Relation.SAME_RELATIONSHIP
    assert relation(here, seen(b"", end=5, person=2, message=0, transmission=0)) is Relation.BOTH_ENDS
    assert relation(here, seen(b"", end=8, person=1, message=0, transmission=0)) is Relation.SAME_PERSON
    assert relation(here, seen(b"", end=8, person=3)) is None
    assert relation(here, seen(b"")) is None
    assert relation(seen(b"")._replace(token=1), seen(b"", person=2)._replace(token=1)) is Relation.SAME_TOKEN
    assert relation(seen(b"")._replace(name=1), seen(b"")._replace(name=2)) is None


def test_from_outside_no_two_connections_share_bytes_and_a_connection_is_like_itself() -> None:
    data = noise(3000)
    shown = [outside(connection, data) for connection in range(200)]
    assert shown[7] == outside(7, data)
    views = [seen(view, connection=i, end=0, person=1, transmission=0) for i, view in enumerate(shown)]
    assert shared_windows(views, (), must_not_link(knowledge_of(Role.NETWORK))) == []
    clear = [view._replace(data=data) for view in views[:2]]
    assert len(shared_windows(clear, (), must_not_link(knowledge_of(Role.NETWORK)))) == 1
    assert outside(1, b"") == b""


@pytest.mark.parametrize("knowledge", KNOWLEDGE, ids=lambda k: " + ".join(k.party))
def test_shared_bytes_count_exactly_where_the_table_forbids(knowledge: object) -> None:
    row = next(k for k in KNOWLEDGE if k is knowledge)
    shared = noise(16)
    first = seen(shared, connection=0, end=4, person=1, message=0, transmission=0)
    first = first._replace(token=3, account=5, name=6)
    apart = seen(shared, connection=1, person=9)
    others = {
        Relation.SAME_TOKEN: apart._replace(token=3),
        Relation.SAME_ACCOUNT: apart._replace(account=5),
        Relation.SAME_NAME: apart._replace(name=6),
        Relation.SAME_TRANSMISSION: seen(shared, connection=1, end=4, person=1, message=0, transmission=0),
        Relation.SAME_MESSAGE: seen(shared, connection=1, end=4, person=1, message=0, transmission=1),
        Relation.SAME_RELATIONSHIP: seen(shared, connection=1, end=4, person=1, message=1, transmission=2),
        Relation.BOTH_ENDS: seen(shared, connection=1, end=5, person=2, message=0, transmission=0),
        Relation.SAME_PERSON: seen(shared, connection=1, end=8, person=1, message=0, transmission=0),
    }
    assert others.keys() == set(Relation)
    for kind, other in others.items():
        assert relation(first, other) is kind
        assert bool(shared_windows([first, other], (), must_not_link(row))) == (kind in row.forbidden)
        assert not shared_windows([first, other._replace(connection=0)], (), must_not_link(row))


def test_no_party_may_learn_that_two_relationships_are_one_person() -> None:
    assert all(Relation.SAME_PERSON in row.forbidden for row in KNOWLEDGE)


def test_unknown_coalition_has_no_row() -> None:
    with pytest.raises(KeyError):
        knowledge_of(Role.NETWORK, Role.NETWORK)


def test_the_table_of_the_chapter_says_the_same() -> None:
    rows = re.findall(r"^\| \*(.+?)\* \|(.+)\|(.+)\|(?: *\*?KNOW)", CHAPTER.read_text(encoding="utf-8"), re.MULTILINE)
    said = {tuple(p.strip() for p in party.split("+")): (_names(may), _names(no)) for party, may, no in rows}
    assert said == {
        tuple(row.party): ({r.value for r in row.permitted}, {r.value for r in row.forbidden}) for row in KNOWLEDGE
    }


def _names(cell: str) -> set[str]:
    return set() if cell.strip() == "nothing" else {name.strip() for name in cell.split(",")}


def test_the_clauses_of_the_table_exist() -> None:
    known = {clause.id for clause in load_clauses()}
    assert {clause for row in KNOWLEDGE for clause in row.clauses} <= known
