"""A restored backup: both ends find each other again, nothing comes twice, and what may be lost is told (12.6)."""

from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.impl.small_town import DAY, HOUR, PROFILES, SETTINGS, TICK, Town, talk

from communicator_impl import session as sessions
from communicator_impl.addresses import Profile
from communicator_impl.body import Body, encode_body, encode_resync
from communicator_impl.body import Kind as BodyKind
from communicator_impl.body import Received as Receipt
from communicator_impl.errors import InputError
from communicator_impl.keys import Identity
from communicator_impl.particle_fields import Setting
from communicator_impl.root_record import Item
from communicator_spec import Command, Kind

MANY: Final = 40


class Backup:
    """A device and its application as they were."""

    def __init__(self, town: Town, p: int) -> None:
        self.p = p
        self.disk = dict(town.disks[p].values)
        self.application = dict(town.application[p])

    def restore(self, town: Town, *, known: bool = True) -> None:
        p = self.p
        town.disks[p].values = dict(self.disk)
        town.application[p] = dict(self.application)
        town.people[p] = town._manager(p)
        if known:
            town.people[p].restored(town.now)
        town.hand_over(p)
        town.fetch(p)  # step 1


def find_each_other(town: Town) -> None:
    town.run(6 * DAY)
    for p in (0, 1):
        assert town.people[p].is_synchronised(p), p
        assert not town.particle(p).asked


def expect_both_ways(town: Town) -> None:
    """Messages flow in both directions, and are acknowledged."""
    for p in (0, 1):
        town.submit(p, b"after all, from %d" % p)
    town.run(2 * DAY)
    for p in (0, 1):
        assert b"after all, from %d" % p in town.application[1 - p].values()
        assert not town.particle(p).outbox


def restored_town(profile: Profile, ends: tuple[int, ...] = (0,), before: int = 4, after: int = 4) -> Town:
    town = Town(profile)
    talk(town, turns=before)
    backups = [Backup(town, p) for p in ends]
    for turn in range(after):
        town.submit(turn % 2, b"later %d" % turn)
        town.run(3 * HOUR)
    for backup in backups:
        backup.restore(town)
    return town


def sent_by(town: Town, p: int, since: int) -> list[int]:
    return [e.value for e in town.reported(Kind.SENT)[since:] if e.relationship == p]


@PROFILES
@pytest.mark.parametrize("ends", [(0,), (1,), (0, 1)], ids=["first", "second", "both"])
def test_who_was_restored_finds_the_other_again(profile: Profile, ends: tuple[int, ...]) -> None:
    town = restored_town(profile, ends)
    since = len(town.reported(Kind.SENT))
    for p in ends:
        assert not town.people[p].is_synchronised(p)
        with pytest.raises(InputError):
            town.people[p].submit(town.now, p, b"too early")
    find_each_other(town)
    for p in ends:
        assert sent_by(town, p, since)[0] == Command.RESYNC
        assert town.people[p].losses(p)
    expect_both_ways(town)
    assert all(not town.people[p].needs_person(p) for p in (0, 1))


@pytest.mark.parametrize("first", [0, 1])
def test_when_both_begin_the_lower_key_wins(first: int) -> None:  # PORT-21
    town = restored_town(Profile.LABEL, (0, 1))
    signs = [_signing_key(town, p) for p in (0, 1)]
    for p in (first, 1 - first):
        town.wake(p)
    begun = [_associated(town, p) for p in (0, 1)]
    for p in (first, 1 - first):
        town.post()
        town.fetch(p)
    winner = 0 if signs[0] < signs[1] else 1
    assert [_associated(town, p) for p in (0, 1)] == [begun[winner]] * 2
    assert begun[0] != begun[1]
    find_each_other(town)
    expect_both_ways(town)


@PROFILES
def test_the_winner_learns_where_the_other_is_from_the_opening_that_it_refuses(profile: Profile) -> None:  # PORT-21
    town = Town(profile)
    talk(town)
    winner = 0 if _signing_key(town, 0) < _signing_key(town, 1) else 1
    loser, backups = 1 - winner, [Backup(town, winner)]
    old, sending = SETTINGS[loser]
    (free,) = {0, 1, 2} - set(old)
    moves = (Setting((3, old[1]), sending), Setting((3, free), sending))
    for gone, setting in zip(old, moves, strict=True):
        town.people[loser].move(town.now, loser, gone, setting, town.now, leave=True)
        town.run(3 * DAY)
    backups.append(Backup(town, loser))
    for gone in old:
        town.receiving[gone] = False
    for backup in backups:
        backup.restore(town)
    held = town.particle(winner).held_version
    town.run(2 * DAY)
    assert town.particle(winner).held_version > held
    find_each_other(town)
    expect_both_ways(town)


def _associated(town: Town, p: int) -> bytes:
    session = town.particle(p).session
    assert session is not None
    return session.associated


def _signing_key(town: Town, p: int) -> bytes:
    identity = town.particle(p).identity
    assert identity is not None
    return identity.public.sign


@PROFILES
def test_nothing_but_resync_leaves_before_the_answer(profile: Profile) -> None:  # PORT-17
    town = restored_town(profile)
    since = len(town.reported(Kind.SENT))
    town.people[0].move(town.now, 0, 0, Setting((3, 1), (2, 3)), town.now, leave=True)
    for _ in range(3):
        town.wake(0)
        town.now += TICK
    step = town.people[0].refuse(town.now, 0, tell=True, reach=town)
    assert step.transmissions == ()
    assert sent_by(town, 0, since) == [Command.RESYNC] * 2


@PROFILES
def test_numbers_and_versions_that_were_seen_are_not_given_again(profile: Profile) -> None:  # PORT-23
    town = Town(profile)
    talk(town, turns=2)
    backup = Backup(town, 0)
    town.now += 8 * DAY  # new ephemeral grants: higher versions
    for n in range(3):
        town.submit(0, b"of the lost device %d" % n)
        town.run(DAY)
    seen, version = town.particle(1).floor, town.particle(1).held_version
    serials = town.particle(0).serials
    backup.restore(town)
    assert town.particle(0).next_number < seen
    assert town.particle(0).version < version
    find_each_other(town)
    assert town.people[0].next_number(0) == seen
    assert town.particle(0).version > version
    town.submit(0, b"new")
    town.run(HOUR)
    assert town.particle(1).held_version > version
    assert all(town.particle(0).serials[s] > serial for s, serial in serials.items())


@PROFILES
def test_both_applications_hear_what_may_be_lost(profile: Profile) -> None:  # PORT-25
    town = Town(profile)
    talk(town, turns=2)  # one message each
    backup = Backup(town, 0)
    town.submit(1, b"read on the lost device")
    town.submit(0, b"said on the lost device")
    town.run(2 * DAY)
    town.receiving = [False] * len(town.receiving)
    town.submit(1, b"not delivered yet")
    town.run(HOUR)
    town.receiving = [True] * len(town.receiving)
    backup.restore(town)
    find_each_other(town)
    (restored,), (other,) = town.people[0].losses(0), town.people[1].losses(1)
    assert (restored.own, restored.peer) == (2, 1)
    assert (other.own, other.peer, other.numbers) == (1, 2, ((1, 1),))
    assert town.application[0][2] == b"not delivered yet"
    town.people[1].losses_told(town.now, 1)
    assert town.people[1].losses(1) == ()


def test_no_address_is_used_by_the_lost_device_and_the_restored_one() -> None:  # 12.6, step 2; ADDR-25
    town = Town(Profile.LABEL)
    backup = Backup(town, 0)
    town.now += 8 * DAY  # only long-term grants are valid, until the peer answers
    town.submit(0, b"of the lost device")
    town.wake(0)
    backup.restore(town)
    find_each_other(town)
    expect_both_ways(town)
    used = [(e.service, e.serial, e.position) for e in town.reported(Kind.SENT) if e.relationship == 0]
    assert len(used) == len(set(used))


@PROFILES
def test_the_answer_brings_fresh_grants_only(profile: Profile) -> None:  # 12.6, step 6
    town = restored_town(profile)
    before = dict(town.particle(1).serials)
    town.wake(0)
    town.post()
    town.fetch(1)
    town.receiving[2] = False  # one of the two services of person 1
    town.run(2 * HOUR)
    held = town.particle(0).held
    assert town.people[0].is_synchronised(0)
    assert {grant.service for grant in held} == {1}
    assert all(grant.serial > before[grant.service] for grant in held)
    town.receiving[2] = True
    expect_both_ways(town)
    town.submit(1, b"with the other service")
    town.run(2 * DAY)
    assert {grant.service for grant in town.particle(0).held} == {1, 2}


def test_what_was_confirmed_before_the_backup_is_not_delivered_again() -> None:  # PORT-26
    town = restored_town(Profile.LABEL, before=6, after=0)
    known = dict(town.application[0])
    find_each_other(town)
    assert town.application[0] == known


def test_a_message_of_the_lost_device_that_comes_late_takes_no_number_of_a_new_one() -> None:  # PORT-27
    town = Town(Profile.LABEL)
    talk(town, turns=2)
    backup = Backup(town, 0)
    town.submit(0, b"of the lost device")
    town.wake(0)
    late, town.queue = town.queue, []
    backup.restore(town)
    for _ in range(20):
        town.run(HOUR)
        if town.people[0].is_synchronised(0):
            break
    town.queue = [(town.now, ticket, out) for _, ticket, out in late] + town.queue
    town.post()
    town.fetch(1)
    number = town.people[0].next_number(0)
    town.submit(0, b"of the restored one")
    town.run(3 * DAY)
    assert town.application[1][number] == b"of the restored one"
    assert b"of the lost device" not in town.application[1].values()


def opening(town: Town, made_s: int, body: bytes | None = None) -> Item:
    """What person 0 would send first, had it begun anew at a time."""
    p = town.particle(0)
    assert p.identity is not None
    assert p.session is not None
    begun = sessions.restart(p.identity, p.session.peer, made_s, town.entropy)
    plain = encode_body(Body(BodyKind.RESYNC, Receipt(p.floor), p.held_version, content=encode_resync(p.next_number)))
    return Item(0, 1, 0, sessions.seal(begun, plain if body is None else body, town.entropy)[1])


@pytest.mark.parametrize(
    ("ages_s", "taken"),
    [
        ([0], 1), ([86_400], 1), ([-86_400], 1), ([86_401], 0), ([-86_401], 0),
        ([5, 4], 2), ([5, 5], 1), ([5, 6], 1), ([-5, 0], 1),
    ],
)  # fmt: skip
def test_an_opening_counts_if_it_is_later_and_of_today(ages_s: list[int], taken: int) -> None:  # PORT-20
    town = Town(Profile.LABEL)
    town.now += 100 * DAY
    for age_s in ages_s:
        town.people[1].receive(town.now, 1, 2, [opening(town, town.now // 1000 - age_s)])
    assert len(town.people[1].losses(1)) == taken


def test_an_opening_of_somebody_else_is_nothing() -> None:
    town = Town(Profile.LABEL)
    before = town.particle(1)
    assert before.identity is not None
    stranger = Identity.generate(town.entropy)
    begun = sessions.restart(stranger, before.identity.public, town.now // 1000, town.entropy)
    town.people[1].receive(town.now, 1, 2, [Item(0, 1, 0, sessions.seal(begun, b"", town.entropy)[1])])
    assert town.particle(1).session == before.session


def test_a_first_body_that_is_not_one_changes_nothing() -> None:  # SES-16
    town = Town(Profile.LABEL)
    before = town.particle(1).session
    town.people[1].receive(town.now, 1, 2, [opening(town, town.now // 1000, b"\xff")])
    assert town.particle(1).session == before


def test_three_attempts_a_day_and_then_a_person_is_asked() -> None:  # PORT-22
    town = restored_town(Profile.LABEL)
    manager = town.people[0]
    for _ in range(5):
        particle = town.particle(0)
        particle.resync_due = town.now  # whatever makes it begin
        manager._particles[0] = particle
        manager.wake(town.now, 0, town)
        town.now += HOUR
    assert len(town.particle(0).begun) == 3
    assert manager.needs_person(0)
    assert manager.deadline_ms(0) > town.now + 1000 * DAY
    manager.try_again(town.now, 0)
    town.perform(manager.wake(town.now, 0, town))
    find_each_other(town)


def test_a_copy_finds_out_by_a_receipt_for_what_it_never_said() -> None:  # PORT-18
    town = Town(Profile.LABEL)
    talk(town, turns=4)
    backup = Backup(town, 0)
    town.submit(0, b"of the lost device")
    town.wake(0)
    town.post()
    town.fetch(1)
    town.submit(1, b"I heard you")
    town.wake(1)
    town.post()
    backup.restore(town, known=False)
    assert not town.people[0].is_synchronised(0)
    assert b"I heard you" in town.application[0].values()
    find_each_other(town)
    expect_both_ways(town)


def test_a_copy_finds_out_by_a_version_that_it_never_made() -> None:  # PORT-18
    town = Town(Profile.LABEL)
    town.now += 8 * DAY  # a new set goes with what is sent next
    town.submit(1, b"hello")
    town.wake(1)
    town.post()
    town.fetch(0)
    backup = Backup(town, 0)
    town.now = town.people[0].deadline_ms(0)
    town.wake(0)  # a receipt
    town.post()
    town.fetch(1)
    town.submit(1, b"I have your new set")
    town.wake(1)
    town.post()
    backup.restore(town, known=False)
    assert not town.people[0].is_synchronised(0)
    find_each_other(town)
    expect_both_ways(town)


def test_what_a_copy_said_under_a_number_that_was_given_is_told_as_lost() -> None:
    town = Town(Profile.LABEL)
    backup = Backup(town, 0)
    for n in range(2):
        town.submit(0, b"of the lost device %d" % n)
    town.wake(0)
    town.post()
    town.fetch(1)
    town.submit(1, b"I heard you")
    town.wake(1)
    town.post()
    items = [town.rsa[s].fetch(root.root) for s, root in town.particle(0).roots.items()]
    backup.disk, fetched = dict(backup.disk), sum(map(len, items))
    assert fetched == 1
    town.disks[0].values = dict(backup.disk)
    town.people[0] = town._manager(0)
    town.submit(0, b"of the copy")  # number 0 again: it cannot know
    town.fetch(0)
    assert not town.people[0].is_synchronised(0)
    find_each_other(town)
    (told,) = town.people[0].losses(0)
    assert told.own == 0
    expect_both_ways(town)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_the_same_two_states_and_time_give_the_same_numbers(data: st.DataObject) -> None:  # PORT-24
    ends = data.draw(st.sampled_from([(0,), (1,), (0, 1)]))
    before, after = data.draw(st.integers(0, 4)), data.draw(st.integers(0, 6))
    one, other = (restored_town(Profile.LABEL, ends, before, after) for _ in range(2))
    for town in (one, other):
        town.run(2 * DAY)
    assert [e[:10] for e in one.events] == [e[:10] for e in other.events]
