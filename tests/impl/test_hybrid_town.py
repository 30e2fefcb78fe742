"""Two devices in suite 2: they meet, talk, lose a device, and never go back to suite 1."""

import pytest
from tests.impl.small_town import DAY, HOUR, PROFILES, SETTINGS, Town, expect_all_delivered, expect_once_each, talk
from tests.impl.test_resynchronisation import Backup, expect_both_ways, find_each_other

from communicator_impl import session as sessions
from communicator_impl.addresses import Profile
from communicator_impl.errors import InputError
from communicator_impl.introduction import Suites
from communicator_impl.outbox import CONTENT_BYTES_MAX
from communicator_impl.particle import Particle
from communicator_impl.particle_fields import Setting
from communicator_impl.suite import Suite
from communicator_spec import Command, ErrorClass, Kind
from communicator_spec.parameters import PARAMETERS

HYBRID = Suites(Suite.HYBRID, Suite.HYBRID)


@PROFILES
@pytest.mark.parametrize("from_afar", [False, True])
def test_two_people_meet_and_talk_in_suite_2(profile: Profile, from_afar: bool) -> None:  # EXT-12
    town = Town(profile, from_afar=from_afar, suites=HYBRID)
    talk(town)
    assert len(town.reported(Kind.PAIRED)) == 2
    assert not town.reported(Kind.FAILED)
    expect_once_each(town)
    if not from_afar:
        expect_all_delivered(town)
    assert sum(len(said) for said in town.application) == 6
    assert [town.people[p].suite(p) for p in (0, 1)] == [Suite.HYBRID] * 2
    assert all(len(town.particle(p).mine) == 4 for p in (0, 1))  # both kinds at both services, after the first reply


@PROFILES
def test_a_message_that_has_no_room_beside_the_opening_waits_for_the_reply(profile: Profile) -> None:  # SES-33
    town = Town(profile, from_afar=True, suites=HYBRID)
    long = b"x" * CONTENT_BYTES_MAX
    assert len(long) > PARAMETERS.hybrid.first_room_bytes
    town.submit(1, long)
    town.wake(1)
    sent = [event.value for event in town.reported(Kind.SENT)]
    assert Command.MESSAGE not in sent
    assert Command.UPDATE in sent
    town.run(2 * DAY)
    assert town.application[0] == {0: long}
    first = next(event for event in town.reported(Kind.SENT) if event.value == Command.MESSAGE)
    assert first.t_ms < DAY + 2 * HOUR  # as soon as the reply came, not when a pause was over
    assert not town.particle(1).outbox


@PROFILES
@pytest.mark.parametrize("ends", [(0,), (1,), (0, 1)], ids=["first", "second", "both"])
def test_who_was_restored_begins_anew_in_suite_2(profile: Profile, ends: tuple[int, ...]) -> None:  # PORT-29, EXT-4
    town = Town(profile, suites=HYBRID)
    talk(town, turns=2)
    keys = [restart_key(town, p) for p in (0, 1)]
    backups = [Backup(town, p) for p in ends]
    for turn in range(2):
        town.submit(turn, b"later %d" % turn)
        town.run(3 * HOUR)
    for backup in backups:
        backup.restore(town)
    find_each_other(town)
    expect_both_ways(town)
    assert [restart_key(town, p) for p in (0, 1)] == keys
    assert keys[0] == keys[1] != b""


def restart_key(town: Town, p: int) -> bytes:
    session = town.particle(p).session
    assert session is not None
    return session.restart_key


def test_a_device_that_forgot_the_suite_finds_nobody() -> None:  # PORT-28
    """What an attacker would need who spoils a backup: the peer takes no restart of suite 1."""
    town = Town(Profile.LABEL, suites=HYBRID)
    talk(town, turns=2)
    backup = Backup(town, 0)
    particle = Particle.from_bytes(backup.disk["particle/0"])
    assert particle.session is not None
    own, before = particle.identity, particle.session
    assert own is not None
    particle.session = sessions.Session(before.ratchet, before.associated, before.peer)
    backup.disk["particle/0"] = particle.to_bytes()
    backup.restore(town)
    town.run(6 * DAY)
    assert not town.people[0].is_synchronised(0)
    assert town.people[1].suite(1) is Suite.HYBRID
    assert not [e for e in town.reported(Kind.RECEIVED) if e.value == Command.RESYNC]


def test_who_requires_suite_2_sends_nothing_to_a_contact_of_suite_1() -> None:  # EXT-11
    town = Town(Profile.LABEL, from_afar=True)
    contact, step = town.people[0].offer(town.now, 5, SETTINGS[0])
    town.carry_out(step.requests)
    town.suites = HYBRID
    strict = town._manager(1)
    before = dict(town.disks[1].values)
    with pytest.raises(InputError) as caught:
        strict.approach(town.now, 6, SETTINGS[1], contact)
    assert caught.value.error_class is ErrorClass.REFUSED
    assert 6 not in strict.relationships()
    assert town.disks[1].values == before


def test_a_contact_of_suite_2_names_as_many_services_as_fit() -> None:
    town = Town(Profile.LABEL, from_afar=True, suites=HYBRID)
    contact, step = town.people[0].offer(town.now, 5, Setting((0, 1, 2, 3), (2, 3)))
    town.carry_out(step.requests)
    town.perform(town.people[1].approach(town.now, 6, SETTINGS[1], contact))
    assert len(contact) <= PARAMETERS.directory.contact_bytes_max
    held = town.people[1].peer_set(6)
    assert held is not None
    assert len(held.services) == 2


def test_a_relationship_that_ended_keeps_no_restart_key() -> None:  # PORT-11
    town = Town(Profile.LABEL, suites=HYBRID)
    key = restart_key(town, 0)
    assert key in town.disks[0].values["particle/0"]
    town.people[0].refuse(town.now, 0)
    assert key not in town.disks[0].values["particle/0"]
    assert town.people[0].suite(0) is None
