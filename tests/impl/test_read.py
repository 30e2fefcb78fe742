"""READ: what a person has seen, told only if the person wants it, late, and never beyond what was received."""

import pytest
from tests.impl.small_town import DAY, HOUR, PROFILES, Town

from communicator_impl.addresses import Profile
from communicator_impl.body import Body, Received, encode_body, encode_read, read_of
from communicator_impl.body import Kind as BodyKind
from communicator_impl.errors import InputError
from communicator_impl.particle_fields import NEVER
from communicator_spec import Command, Kind


def heard(town: Town, count: int) -> None:
    """Person 1 gets some messages, and acknowledges them."""
    for n in range(count):
        town.submit(0, b"message %d" % n)
    town.run(3 * HOUR)


def sent(town: Town, command: Command) -> list[int]:
    return [e.t_ms for e in town.reported(Kind.SENT) if e.value == command]


@PROFILES
def test_the_peer_learns_what_was_seen_if_the_person_wants_it(profile: Profile) -> None:  # CONT-9, CONT-10
    town = Town(profile)
    heard(town, 4)
    town.people[1].tell_read(town.now, 1, on=True)
    town.people[1].read(town.now, 1, frozenset({0, 1, 3}))
    seen_ms = town.now
    town.run(DAY)
    assert town.people[0].seen(0) == Received(2, ((3, 3),))
    (told_ms,) = sent(town, Command.READ)
    assert told_ms - seen_ms >= town.terms.receipt_delay_min_ms


def test_nothing_is_told_unasked_or_after_it_was_turned_off() -> None:  # CONT-9
    town = Town(Profile.LABEL)
    heard(town, 4)
    town.people[1].read(town.now, 1, frozenset({0}))
    town.people[1].tell_read(town.now, 1, on=True)
    town.people[1].read(town.now, 1, frozenset({1}))
    town.people[1].tell_read(town.now, 1, on=False)
    town.run(DAY)
    assert sent(town, Command.READ) == []
    assert town.people[0].seen(0) == Received()


def test_what_was_not_received_was_not_seen() -> None:
    town = Town(Profile.LABEL)
    heard(town, 1)
    town.people[1].tell_read(town.now, 1, on=True)
    with pytest.raises(InputError):
        town.people[1].read(town.now, 1, frozenset({0, 1}))
    assert town.particle(1).read_due == NEVER


def test_seeing_counts_towards_the_human_rate() -> None:  # CONT-11
    town = Town(Profile.LABEL)
    heard(town, 2)
    town.people[1].tell_read(town.now, 1, on=True)
    credit = town.particle(1).credit
    for _ in range(credit + 3):
        town.people[1].read(town.now, 1, frozenset({0, 1}))
        town.people[1].read(town.now, 1, frozenset())
        particle = town.particle(1)
        particle.read_due = town.now  # as if something new had been seen
        town.people[1]._particles[1] = particle
        town.wake(1)
    assert len(sent(town, Command.READ)) == credit
    assert town.particle(1).credit == 0


def test_a_read_is_not_answered() -> None:  # DELIV-13, STATE-13
    town = Town(Profile.LABEL)
    heard(town, 1)
    town.people[1].tell_read(town.now, 1, on=True)
    town.people[1].read(town.now, 1, frozenset({0}))
    town.run(5 * DAY)
    assert len(sent(town, Command.READ)) == 1
    assert [e.relationship for e in town.reported(Kind.SENT) if e.value == Command.RECEIPT] == [1]


@pytest.mark.parametrize(
    ("seen", "fits"),
    [
        (Received(5, ((7, 9),)), True), (Received(0, ((2, 3), (8, 8))), True), (Received(), True),
        (Received(6), False), (Received(5, ((7, 10),)), False), (Received(0, ((4, 7),)), False),
    ],
)  # fmt: skip
def test_a_read_covers_only_what_the_receipt_beside_it_covers(seen: Received, fits: bool) -> None:  # CONT-12
    body = Body(BodyKind.READ, Received(5, ((7, 9),)), 1, content=encode_read(seen))
    if fits:
        encode_body(body)
        assert read_of(body) == seen
    else:
        with pytest.raises(InputError):
            encode_body(body)


def test_a_peer_that_says_too_much_costs_no_time() -> None:
    town = Town(Profile.LABEL)
    heard(town, 2)
    liar = town.particle(1)
    liar.floor, liar.tells_read, liar.read_floor, liar.read_due = 1 << 40, True, 1 << 40, town.now
    town.people[1]._particles[1] = liar
    town.run(HOUR)
    assert sent(town, Command.RESYNC)  # PORT-18: a receipt for what was never given
    town.run(3 * DAY)
    assert town.people[0].is_synchronised(0)
    assert town.people[0].losses(0)[0].own == 1 << 40
