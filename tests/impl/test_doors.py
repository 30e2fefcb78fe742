"""Strangers knock: what is kept, what is shown, and that nothing happens before the person agrees."""

from types import FunctionType
from typing import get_type_hints

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from communicator_impl import session as sessions
from communicator_impl.body import Body, Kind, Received, encode_body
from communicator_impl.content import Attachment, Content, Location, encode_content
from communicator_impl.doors import Door, Doors, Knock, State, Visitor, Way, look
from communicator_impl.entropy import SeededEntropy
from communicator_impl.errors import InputError, OwnError, PeerError
from communicator_impl.keys import Identity, make_package
from communicator_spec.errors import ErrorClass

NOW, DAY = 1_767_225_600, 86_400
ENTROPY = SeededEntropy(b"doors")
OWN = Identity.generate(ENTROPY)
PACKAGES = [make_package(OWN, NOW, DAY, ENTROPY) for _ in range(3)]
NAMES = [secret.package.identifier() for secret in PACKAGES]
FILE = Attachment(9, (Location("https://sending.example/v1/attachments/x", b"k" * 32, b"d" * 32, NOW),), "image/jpeg")
HELLO = encode_content(Content("text/plain", b"we met at the lake", (FILE,)))


class Stranger:
    """Somebody who holds one package and writes again and again."""

    def __init__(self, place: int) -> None:
        self.identity = Identity.generate(ENTROPY)
        self._session = sessions.start(self.identity, PACKAGES[place].package, NOW, ENTROPY)

    def writes(self, content: bytes = HELLO, number: int = 0) -> bytes:
        body = encode_body(Body(Kind.MESSAGE, Received(), 0, number, content=content))
        self._session, text = sessions.seal(self._session, body, ENTROPY)
        return text


def knocked(doors: Doors, place: int, text: bytes) -> Doors:
    return doors.knock(text, PACKAGES[place], OWN, NOW, ENTROPY)


def one_way(door: Door = Door.DIRECTORY) -> Doors:
    return Doors().give_out(NAMES[0], door)


def test_a_stranger_waits_and_the_person_sees_who_and_what() -> None:
    stranger = Stranger(0)
    doors = knocked(one_way(), 0, stranger.writes())
    (way,) = doors.waiting()
    visitor = look(way, PACKAGES[0], OWN, ENTROPY)
    assert visitor.identity == stranger.identity.public
    (offer,) = visitor.offers
    assert (offer.application, offer.data) == ("the person", b"we met at the lake")  # DIR-11
    assert b"k" * 32 not in repr(visitor).encode()  # ATT-16: with nothing of the file but its name, nobody can fetch it


def test_agreeing_gives_the_first_message_once_and_it_begins_the_relationship() -> None:
    text = Stranger(0).writes()
    agreed, first = knocked(one_way(), 0, text).agree(NAMES[0])
    assert first == Knock(text, NOW)
    session, _, used = sessions.accept(OWN, PACKAGES, first.ciphertext, NOW, ENTROPY)
    assert used == PACKAGES[0]
    assert session.peer
    assert agreed.way(NAMES[0]).waiting is None
    with pytest.raises(InputError):
        agreed.agree(NAMES[0])


def test_declining_forgets_the_message_and_later_ones_are_dropped() -> None:
    stranger = Stranger(0)
    declined = knocked(one_way(), 0, stranger.writes()).decline(NAMES[0])
    assert declined.waiting() == ()
    assert knocked(declined, 0, stranger.writes()) == declined
    assert declined.forget(NAMES[0]) == Doors()


@pytest.mark.parametrize("door", [Door.IN_PERSON, Door.INTRODUCTION])
def test_whoever_comes_by_another_door_was_agreed_to_before(door: Door) -> None:
    came = knocked(one_way(door), 0, Stranger(0).writes())
    assert came.way(NAMES[0]).state is State.AGREED
    assert came.waiting() == ()


def test_one_stranger_has_one_entry_and_the_first_message_stays() -> None:
    stranger = Stranger(0)
    first = stranger.writes()
    doors = knocked(one_way(), 0, first)
    for number in range(1, 9):
        assert knocked(doors, 0, stranger.writes(number=number)) == doors  # PORT-16
    assert doors.way(NAMES[0]).waiting == Knock(first, NOW)


def test_no_step_returns_anything_to_send_or_to_fetch() -> None:
    steps = [value for name, value in vars(Doors).items() if isinstance(value, FunctionType) and name[0] != "_"]
    given = {get_type_hints(step)["return"] for step in (*steps, look)}
    names, agreed = tuple[Doors, tuple[bytes, ...]], tuple[Doors, Knock]
    assert given == {Doors, Way, Visitor, tuple[Way, ...], names, agreed, bytes}  # PORT-15


def test_a_closed_door_lets_nobody_in_and_sends_nobody_away() -> None:
    doors = Doors()
    for name in NAMES:
        doors = doors.give_out(name, Door.DIRECTORY)
    doors = knocked(doors, 0, Stranger(0).writes())
    doors = knocked(doors, 1, Stranger(1).writes()).agree(NAMES[1])[0]
    before = {name: doors.way(name) for name in NAMES[:2]}
    closed, ended = doors.close(Door.DIRECTORY)
    assert ended == (NAMES[2],)
    assert {name: closed.way(name) for name in NAMES[:2]} == before  # PORT-14
    assert knocked(closed, 2, Stranger(2).writes()) == closed
    assert closed.agree(NAMES[0])[1].came_s == NOW
    assert closed.close(Door.DIRECTORY) == (closed, ())
    assert doors.close(Door.INTRODUCTION) == (doors, ())


def test_what_opens_no_session_takes_nobodys_place() -> None:
    doors = one_way()
    other = Stranger(1).writes()
    refused = {other: ErrorClass.FORGED, bytes(2800): ErrorClass.FORGED, b"": ErrorClass.MALFORMED}
    for text, error_class in refused.items():
        with pytest.raises(PeerError) as caught:
            knocked(doors, 0, text)
        assert caught.value.error_class is error_class
    assert knocked(doors, 0, Stranger(0).writes()).waiting()


def test_a_first_message_that_cannot_be_shown_is_shown_as_such() -> None:
    (way,) = knocked(one_way(), 0, Stranger(0).writes(b"\xff")).waiting()
    (offer,) = look(way, PACKAGES[0], OWN, ENTROPY).offers
    assert not offer.can_be_shown


def test_what_is_not_in_the_table_is_refused_and_nothing_happens() -> None:
    doors = one_way()
    for call in (doors.agree, doors.decline, doors.forget):
        with pytest.raises(InputError) as caught:
            call(NAMES[0])
        assert caught.value.error_class is ErrorClass.REFUSED
    with pytest.raises(InputError):
        look(doors.way(NAMES[0]), PACKAGES[0], OWN, ENTROPY)
    with pytest.raises(InputError):
        doors.give_out(NAMES[0], Door.DIRECTORY)
    with pytest.raises(InputError) as caught:
        doors.way(NAMES[1])
    assert caught.value.error_class is ErrorClass.UNKNOWN


@pytest.mark.parametrize("junk", [b"", b"\x81\x00", b"\x81\x84\x40\x09\x00\x80"])
def test_damaged_bytes_are_our_own_fault(junk: bytes) -> None:
    assert Doors.from_bytes(one_way().to_bytes()) == one_way()
    with pytest.raises(OwnError):
        Doors.from_bytes(junk)


class AnyOrder(RuleBasedStateMachine):
    """Knocks, decisions and closed doors in any order, on three ways."""

    def __init__(self) -> None:
        super().__init__()
        self.doors = Doors()
        self.strangers = [Stranger(place) for place in range(3)]
        self.agreed: set[int] = set()

    @rule(place=st.integers(0, 2), door=st.sampled_from(Door))
    def give_out(self, place: int, door: Door) -> None:
        if all(way.name != NAMES[place] for way in self.doors.ways):
            self.doors = self.doors.give_out(NAMES[place], door)

    @rule(place=st.integers(0, 2))
    def knock(self, place: int) -> None:
        if any(way.name == NAMES[place] for way in self.doors.ways):
            self.doors = knocked(self.doors, place, self.strangers[place].writes())

    @rule(place=st.integers(0, 2), agree=st.booleans())
    def decide(self, place: int, agree: bool) -> None:
        if any(way.name == NAMES[place] for way in self.doors.waiting()):
            self.doors = self.doors.agree(NAMES[place])[0] if agree else self.doors.decline(NAMES[place])
            self.agreed |= {place} if agree else set()

    @rule(door=st.sampled_from(Door))
    def close(self, door: Door) -> None:
        waiting = self.doors.waiting()
        self.doors, _ = self.doors.close(door)
        assert self.doors.waiting() == waiting  # PORT-14

    @rule()
    def restart(self) -> None:
        assert Doors.from_bytes(self.doors.to_bytes()) == self.doors
        self.doors = Doors.from_bytes(self.doors.to_bytes())

    @invariant()
    def one_entry_and_one_message_for_each_stranger(self) -> None:
        assert len({way.name for way in self.doors.ways}) == len(self.doors.ways)
        assert len(self.doors.to_bytes()) <= len(self.doors.ways) * (2800 + 40) + 1  # PORT-16

    @invariant()
    def nobody_comes_by_a_contact_without_the_person(self) -> None:
        for way in self.doors.ways:
            if way.door is Door.DIRECTORY and way.state is State.AGREED:
                assert NAMES.index(way.name) in self.agreed  # DIR-11
            assert (way.waiting is not None) == (way.state is State.WAITING)


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)
