"""What one step of a relationship manager does, in a small town with faults in between."""

import pytest
from tests.impl.small_town import (
    DAY,
    HOUR,
    OPERATORS,
    PROFILES,
    SETTINGS,
    TICK,
    Town,
    expect_all_delivered,
    expect_once_each,
    talk,
)

from communicator_impl import session as sessions
from communicator_impl.addresses import Profile
from communicator_impl.body import Body, encode_body
from communicator_impl.body import Kind as BodyKind
from communicator_impl.body import Received as Receipt
from communicator_impl.errors import InputError, PeerError
from communicator_impl.inbox import Received
from communicator_impl.outbox import CONTENT_BYTES_MAX
from communicator_impl.particle import Particle
from communicator_impl.particle_fields import IssueGrant, RegisterRoot, RevokeRoot, Setting
from communicator_impl.relationship_manager import Step
from communicator_impl.root_record import Item
from communicator_spec import Command, ErrorClass, Kind


@PROFILES
def test_messages_arrive_once_and_are_acknowledged(profile: Profile) -> None:
    town = Town(profile)
    talk(town)
    expect_all_delivered(town)
    expect_once_each(town)
    assert len(town.reported(Kind.ACKNOWLEDGED)) == 6
    assert not town.reported(Kind.FAILED)
    assert not town.reported(Kind.REFUSED)
    assert town.people[0].undelivered(0) == ()


@PROFILES
def test_every_transmission_uses_a_fresh_address(profile: Profile) -> None:
    town = Town(profile, loses=lambda n: n % 2 == 0)
    talk(town)
    used = [(e.relationship, e.service, e.serial, e.position) for e in town.reported(Kind.SENT)]
    assert len(used) == len(set(used))


@PROFILES
def test_loss_is_repaired(profile: Profile) -> None:
    town = Town(profile, loses=lambda n: n % 3 != 0)
    talk(town)
    expect_all_delivered(town)
    expect_once_each(town)


@PROFILES
def test_repeated_bytes_are_refused_inside_and_answered_alike(profile: Profile) -> None:
    town = Town(profile, repeats=lambda n: n % 2 == 1)
    talk(town)
    expect_all_delivered(town)
    expect_once_each(town)
    assert town.reported(Kind.REFUSED)


@PROFILES
def test_order_does_not_matter(profile: Profile) -> None:
    town = Town(profile)
    for n in range(5):
        town.submit(0, b"message %d" % n)
    town.wake(0)
    town.queue.reverse()
    town.run(DAY)
    assert town.application[1] == {n: b"message %d" % n for n in range(5)}
    assert [e.message for e in town.reported(Kind.DELIVERED)] != [0, 1, 2, 3, 4]


@PROFILES
def test_an_escalated_message_is_delivered_once(profile: Profile) -> None:
    town = Town(profile)
    town.submit(0, b"hello")
    town.wake(0)
    late, town.queue = town.queue, []
    town.run(2 * DAY)  # escalates over another path
    town.queue = late
    town.now = late[0][0]
    town.run(2 * TICK)
    assert town.application[1] == {0: b"hello"}
    assert len(town.reported(Kind.DUPLICATE)) == 1


@PROFILES
def test_a_message_carries_the_new_address_set(profile: Profile) -> None:
    town = Town(profile)
    town.run(6 * DAY)  # ephemeral grants are due for renewal
    town.submit(0, b"hello")
    town.run(DAY)
    updated = town.reported(Kind.UPDATED)
    assert (updated[0].relationship, updated[0].value) == (1, 2)
    assert town.reported(Kind.ISSUED)[-1].t_ms >= 6 * DAY


@PROFILES
def test_a_move_is_announced_and_the_old_service_can_be_left(profile: Profile) -> None:
    town = Town(profile)
    talk(town, turns=2)
    moved = Setting((3, 1), (2, 3))
    town.people[0].move(town.now, 0, 0, moved, town.now + HOUR, leave=True)
    assert not town.people[0].released(0, 0)
    assert town.people[0].leave(town.now, 0, lambda _root: True) is None
    town.run(6 * DAY)
    assert town.people[0].released(0, 0)
    assert town.people[0].leave(town.now, 0, lambda _root: False) is None
    requests = town.people[0].leave(town.now, 0, lambda root: not town.rsa[0].fetch(root))
    assert requests is not None
    assert [request.service for request in requests] == [0]
    town.carry_out(requests)
    town.submit(1, b"to the new place")
    town.run(2 * DAY)
    assert b"to the new place" in town.application[0].values()
    assert {e.service for e in town.reported(Kind.SENT) if e.relationship == 1 and e.t_ms > 8 * DAY} <= {1, 3}
    assert [(e.service, e.value) for e in town.reported(Kind.LEFT)] == [(0, 0)]


@PROFILES
def test_a_standby_carries_on_when_a_service_dies(profile: Profile) -> None:
    town = Town(profile)
    town.receiving[2] = False
    for n in range(4):
        town.submit(0, b"message %d" % n)
        town.run(3 * HOUR)
    town.run(3 * DAY)
    assert len(town.application[1]) == 4


@PROFILES
def test_refusal_is_silent_and_stops_the_peer(profile: Profile) -> None:
    town = Town(profile)
    talk(town, turns=2)
    sent = len(town.reported(Kind.SENT))
    step = town.people[0].refuse(town.now, 0)
    assert {type(request) for request in step.requests} == {RevokeRoot}
    assert step.transmissions == ()
    town.carry_out(step.requests)
    town.submit(1, b"are you there?")
    town.run(20 * DAY)
    assert b"are you there?" not in town.application[0].values()
    assert [(e.relationship, e.message) for e in town.reported(Kind.FAILED)] == [(1, 1)]
    assert all(e.relationship == 1 for e in town.reported(Kind.SENT)[sent:])
    assert town.people[0].refuse(town.now, 0) == Step()


@PROFILES
def test_automated_commands_never_exceed_what_people_caused(profile: Profile) -> None:
    town = Town(profile)
    talk(town, turns=4)
    town.run(200 * DAY)
    commands = [e.value for e in town.reported(Kind.SENT) if e.value in (Command.RECEIPT, Command.UPDATE)]
    assert 0 < len(commands) <= 4 + 4 + 2  # accepted, delivered, paired


@PROFILES
@pytest.mark.parametrize("after", [True, False], ids=["after the save", "before the save"])
def test_a_device_may_die_at_every_save(profile: Profile, after: bool) -> None:
    whole = Town(profile)
    paired = [disk.saves for disk in whole.disks]
    talk(whole, turns=4)
    for p in (0, 1):
        for at in range(paired[p] + 1, whole.disks[p].saves + 1):
            town = Town(profile)
            town.disks[p].dies_at, town.disks[p].after = at, after
            talk(town, turns=4)
            assert town.lives == 3, f"person {p} did not die at save {at}"
            expect_all_delivered(town, turns=4)
            for q in (0, 1):
                assert town.people[q].undelivered(q) == ()


def test_requests_of_a_step_that_was_lost_are_returned_again() -> None:
    town = Town(Profile.LABEL)
    town.now += 6 * DAY
    town.submit(0, b"hello")
    lost = town.people[0].wake(town.now, 0, town)
    assert len(lost.transmissions) == 1
    town.people[0] = town._manager(0)
    assert town.people[0].deadline_ms(0) == 0
    again = town.people[0].wake(town.now, 0, town)
    assert again == Step(lost.requests, ())
    assert town.people[0].deadline_ms(0) > town.now


def test_what_does_not_open_changes_nothing_and_is_confirmed() -> None:
    town = Town(Profile.LABEL)
    junk = Item(number=7, serial=1, position=0, body=bytes(2800))
    events = len(town.events)
    received = town.people[0].receive(town.now, 0, 0, [junk])
    assert received == Received((), frozenset({7}))
    assert len(town.events) == events
    talk(town)
    expect_all_delivered(town)


def test_content_that_is_too_long_is_refused_and_nothing_happens() -> None:
    town = Town(Profile.LABEL)
    with pytest.raises(InputError) as caught:
        town.people[0].submit(town.now, 0, bytes(CONTENT_BYTES_MAX + 1))
    assert caught.value.error_class is ErrorClass.TOO_LARGE
    assert town.people[0].next_number(0) == 0
    town.submit(0, bytes(CONTENT_BYTES_MAX))
    town.run(HOUR)
    assert town.application[1] == {0: bytes(CONTENT_BYTES_MAX)}


def test_nothing_leaves_without_a_network_and_everything_does_afterwards() -> None:
    town = Town(Profile.LABEL)
    town.sending = [False] * OPERATORS
    town.submit(0, b"hello")
    town.run(DAY)
    assert not town.reported(Kind.SENT)
    town.sending = [True] * OPERATORS
    town.run(DAY)
    assert town.application[1] == {0: b"hello"}


def test_ciphertexts_and_requests_all_have_one_length() -> None:
    town = Town(Profile.LABEL)
    lengths: set[int] = set()
    deliver = town.deliver

    def measured(service: int, request: bytes) -> bool:
        lengths.add(len(request))
        return deliver(service, request)

    town.deliver = measured  # type: ignore[method-assign]
    talk(town)
    assert len(lengths) == 1


def command(town: Town, p: int, kind: BodyKind, holds: int) -> Item:
    """A command without content from person 1 − p, as it lies at the receiving service."""
    peer = Particle.from_bytes(town.disks[1 - p].values[f"particle/{1 - p}"])
    assert peer.session is not None
    plain = encode_body(Body(kind, Receipt(), holds))
    _, sealed = sessions.seal(peer.session, plain, town.entropy)
    return Item(0, 1, 0, sealed)


def test_a_request_for_an_update_is_not_answered_but_the_set_travels_again() -> None:
    town = Town(Profile.TWO_LAYER)
    town.people[0].receive(town.now, 0, 0, [command(town, 0, BodyKind.REQUEST_UPDATE, 1)])
    assert town.people[0].deadline_ms(0) > town.now + 100 * DAY
    held = Particle.from_bytes(town.disks[0].values["particle/0"])
    assert (held.confirmed, held.version) == (0, 1)
    assert [(e.kind, e.value) for e in town.events[-1:]] == [(Kind.RECEIVED, Command.REQUEST_UPDATE)]


def test_a_peer_that_ends_the_relationship_is_written_to_no_more() -> None:
    town = Town(Profile.LABEL)
    town.submit(0, b"too late")
    received = town.people[0].receive(town.now, 0, 0, [command(town, 0, BodyKind.END, 1)])
    assert [request.service for request in received.requests] == [0, 1]
    assert {type(request) for request in received.requests} == {RevokeRoot}
    town.carry_out(received.requests)
    town.run(DAY)
    assert not town.reported(Kind.SENT)
    assert [e.message for e in town.reported(Kind.FAILED)] == [0]


def test_a_service_in_use_is_not_left() -> None:
    town = Town(Profile.LABEL)
    assert town.people[0].leave(town.now, 1, lambda _root: True) is None
    assert not town.reported(Kind.LEFT)


@pytest.mark.parametrize("skew_ms", [-86_399_000, 86_399_000])
def test_an_invitation_is_read_by_a_device_whose_clock_is_wrong_by_a_day(skew_ms: int) -> None:  # SES-26
    town = Town(Profile.LABEL)
    package = town.people[0].invite(town.now, 5, SETTINGS[0])
    answer = town.people[1].accept(town.now + skew_ms, 5, SETTINGS[1], package)
    greeting, _ = town.people[0].complete(town.now, 5, answer)
    assert town.people[1].conclude(town.now + skew_ms, 5, greeting).requests


def test_texts_of_another_meeting_are_refused_and_change_nothing() -> None:
    town = Town(Profile.LABEL)
    package = town.people[0].invite(town.now, 5, SETTINGS[0])
    before = dict(town.disks[0].values)
    with pytest.raises(PeerError):
        town.people[0].complete(town.now, 5, bytes(2800))
    with pytest.raises(PeerError):
        town.people[1].accept(town.now, 5, SETTINGS[1], package[:-1])
    with pytest.raises(InputError):
        town.people[0].invite(town.now, 0, SETTINGS[0])
    with pytest.raises(InputError):
        town.people[0].conclude(town.now, 0, bytes(2800))
    assert town.disks[0].values == before
    answer = town.people[1].accept(town.now, 5, SETTINGS[1], package)
    greeting, _ = town.people[0].complete(town.now, 5, answer)
    assert {type(request) for request in town.people[1].conclude(town.now, 5, greeting).requests} == {
        RegisterRoot,
        IssueGrant,
    }
