"""Telling windows, links and distinguishers on bytes written by hand."""

import cbor2

from communicator_conformance.privacy.distinguishers import (
    closest_s,
    count_gap,
    equal_strings,
    length_gap,
    shared_bytes,
    strings_in,
)
from communicator_conformance.privacy.links import links_in, row_of
from communicator_conformance.privacy.views import Spot, Tag, Views
from communicator_conformance.privacy.windows import Telling
from communicator_spec.views import Direction, Observation, Relation, Role, shared_windows

S, R, C, N = Role.SENDING, Role.RECEIVING, Role.CORRESPONDENT, Role.NETWORK
KEY, OTHER, NAME = bytes(range(32)), bytes(range(64, 96)), b"https://r0.example"


def seen(role: Role, data: bytes, connection: int, t_s: int = 0, place: int = 0, **tags: int) -> Observation:
    return Observation(1000 * t_s, role, place, "bytes", connection, Direction.IN, data, **tags)


def found(*views: Observation, published: tuple[bytes, ...] = (NAME,)) -> set[tuple[tuple[Role, ...], Relation]]:
    return set(links_in(views, published, Telling(published)))


def test_windows_tell_unless_they_touch_what_is_published() -> None:
    telling = Telling([NAME])
    assert telling.of(KEY).size == 25
    assert telling.of(NAME).size == 0
    assert telling.of(KEY + NAME).size == 25
    assert telling.of(NAME + KEY[:7]).size == 0
    assert telling.of(b"short").size == 0
    assert telling.of_all([KEY, KEY, OTHER]).size == 50


def test_a_link_needs_bytes_a_forbidden_relation_and_two_connections() -> None:
    one = seen(S, KEY + b"x", 1, end=0, person=0, transmission=1)
    assert found(one, seen(S, b"yy" + KEY, 2, end=0, person=0, transmission=2)) == {((S,), Relation.SAME_RELATIONSHIP)}
    assert found(one, seen(S, b"yy" + KEY, 2, end=4, person=0)) == {((S,), Relation.SAME_PERSON)}
    assert found(one, seen(S, b"yy" + KEY, 2, end=4, person=1)) == set()
    assert found(one, seen(S, b"yy" + KEY, 1, end=4, person=0)) == set()
    assert found(one, seen(S, OTHER, 2, end=4, person=0)) == set()
    assert found(one, seen(S, KEY + b"x", 2, end=0, person=0, transmission=1)) == set()


def test_the_row_is_that_of_the_two_who_see() -> None:
    mine, his = seen(C, KEY, 1, place=2, end=0, person=0), seen(C, KEY, 2, place=3, end=4, person=0)
    assert found(mine, his) == {((C, C), Relation.SAME_PERSON)}
    assert found(mine, his._replace(place=2)) == {((C,), Relation.SAME_PERSON)}
    assert found(mine, seen(R, KEY, 3, end=4, person=0)) == {((C, R), Relation.SAME_PERSON)}
    assert found(mine, seen(S, KEY, 3, end=4, person=0)) == set()  # nobody of the table sees both
    assert row_of(mine, seen(S, KEY, 3)) is None


def test_a_stranger_between_two_observations_hides_no_link() -> None:
    views = [seen(R, bytes([n]) * 3 + KEY, n, end=2 * n, person=person) for n, person in enumerate((0, 1, 0))]
    assert found(*views) == {((R,), Relation.SAME_PERSON)}


def test_a_witness_names_the_bytes_where_they_are() -> None:
    views = [seen(R, cbor2.dumps([b"ab", KEY]), 1, person=0), seen(R, cbor2.dumps(["name", KEY]), 2, person=0)]
    ((witness),) = links_in(views, [], Telling([NAME])).values()
    left, right = bytes.fromhex(witness.left), bytes.fromhex(witness.right)
    assert left[witness.left_offset :][: witness.length] == right[witness.right_offset :][: witness.length] == KEY


def test_the_same_links_as_the_search_of_the_standard() -> None:
    views = [seen(S, bytes([n]) + KEY * (n % 2) + OTHER * (n % 3 == 0), n, end=2 * n, person=0) for n in range(9)]
    assert bool(shared_windows(views)) == bool(found(*views, published=(bytes(8),)))


def test_strings_are_those_of_encodings_inside_encodings() -> None:
    inner = cbor2.dumps({0: 1, 1: KEY}, canonical=True)
    assert strings_in(cbor2.dumps({1: inner, 2: "text"}, canonical=True)) == (KEY, b"text")
    assert strings_in(KEY) == (KEY,)
    assert strings_in(b"\xa1\x00") == (b"\xa1\x00",)
    assert strings_in(b"") == (b"",)


def test_distinguishers_are_higher_for_what_is_closer() -> None:
    one, near, far = ([seen(S, data, n, t)] for n, (data, t) in enumerate([(KEY, 0), (KEY + b"x", 5), (OTHER * 3, 60)]))
    telling = Telling([NAME])
    assert shared_bytes(telling, [KEY], [KEY + b"x"]) == 25
    assert shared_bytes(telling, [KEY], [OTHER]) == 0
    assert equal_strings(one, [*far, *one]) == 1
    assert equal_strings(one, near) == 0
    assert (length_gap(one, near), length_gap(one, far)) == (-1, -64)
    assert (closest_s(one, near), closest_s(one, far), closest_s([*one, *far], near)) == (-5, -60, -5)
    assert count_gap(one, near) == 0 > count_gap(one, [*near, *far])


def test_views_of_two_populations_do_not_share_connections() -> None:
    views, other = Views(), Views()
    for each, person in ((views, 0), (other, 1)):
        each.see(Spot(S, "r0.a", "word 1"), 0, "submit", KEY, Tag(person=person), also=2)
        each.pass_network("r0.a", "word 1 in", 0, "submit", KEY, Tag(person=person))
    views.add(other)
    assert sorted({o.connection for o in views.seen}) == [1, 2, 3, 4]
    assert [o.person for o in views.seen] == [0, 2, 0, 1, 2, 1]
    outside = [o.data for o in views.seen if o.role is N]
    assert [len(data) for data in outside] == [len(KEY)] * 2
    assert KEY not in outside
