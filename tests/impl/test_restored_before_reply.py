"""A backup from before the first reply: who took up a link begins again with its package (chapter 12.6)."""

from collections.abc import Callable
from typing import Final

import pytest
from tests.impl.small_town import DAY, HOUR, PROFILES, Town
from tests.impl.test_resynchronisation import Backup, expect_both_ways, find_each_other, sent_by

from communicator_impl import resynchronisation
from communicator_impl import session as sessions
from communicator_impl.addresses import Profile
from communicator_impl.body import Body, encode_body, encode_resync
from communicator_impl.body import Kind as BodyKind
from communicator_impl.body import Received as Receipt
from communicator_impl.entropy import Entropy
from communicator_impl.introduction import CLASSICAL, Suites
from communicator_impl.keys import Identity
from communicator_impl.outbox import Outbox
from communicator_impl.resynchronisation import Resynchronisation
from communicator_impl.root_record import Item
from communicator_impl.session import Session
from communicator_impl.suite import Suite
from communicator_impl.turn import Turn
from communicator_spec import Command, Kind

HYBRID: Final = Suites(Suite.HYBRID, Suite.HYBRID)
SUITES: Final = pytest.mark.parametrize("suites", [CLASSICAL, HYBRID], ids=["classical", "hybrid"])
INVITER, GUEST = 0, 1


def linked(profile: Profile, suites: Suites) -> Town:
    """A link was taken up, and nothing has left the guest's device."""
    return Town(profile, from_afar=True, suites=suites)


def drop(town: Town) -> None:
    town.queue.clear()


def expect_synchronised(town: Town) -> None:
    find_each_other(town)
    expect_both_ways(town)
    assert len(town.reported(Kind.PAIRED)) == 2
    assert not town.people[INVITER].needs_person(INVITER)
    assert not town.particle(INVITER).contact


@PROFILES
@SUITES
@pytest.mark.parametrize("wrote", [False, True])
def test_the_inviter_has_heard_nothing(profile: Profile, suites: Suites, wrote: bool) -> None:  # PORT-30, PORT-31
    town = linked(profile, suites)
    if wrote:
        town.submit(GUEST, b"in the backup")
    backup = Backup(town, GUEST)
    town.wake(GUEST)
    drop(town)
    backup.restore(town)
    expect_synchronised(town)
    assert wrote is (b"in the backup" in town.application[INVITER].values())
    (told,) = town.people[GUEST].losses(GUEST)
    assert told.own == int(wrote)


@PROFILES
@SUITES
def test_the_inviter_knows_the_lost_device(profile: Profile, suites: Suites) -> None:  # PORT-31
    town = linked(profile, suites)
    backup = Backup(town, GUEST)  # without any root: the lost device's addresses are not those of the restored one
    town.submit(GUEST, b"of the lost device")
    town.wake(GUEST)
    town.post()
    town.fetch(INVITER)
    assert b"of the lost device" in town.application[INVITER].values()
    backup.restore(town)
    expect_synchronised(town)
    assert town.people[GUEST].next_number(GUEST) == 2  # PORT-23


@PROFILES
@SUITES
@pytest.mark.parametrize("writes", [False, True])
def test_the_answer_to_the_lost_device_shows_where_to_begin_again(
    profile: Profile, suites: Suites, writes: bool
) -> None:  # PORT-30
    town = linked(profile, suites)
    town.submit(GUEST, b"of both devices")
    town.wake(GUEST)
    backup = Backup(town, GUEST)
    town.post()
    town.fetch(INVITER)
    if writes:
        town.submit(INVITER, b"to the lost device")
    town.wake(INVITER)  # it answers, in the old session
    backup.restore(town)
    town.wake(GUEST)
    drop_those_of(town, GUEST)  # no address of the link is left
    town.post()
    town.fetch(GUEST)
    expect_synchronised(town)
    assert sent_by(town, GUEST, 0).count(Command.RESYNC) > 2


def drop_those_of(town: Town, p: int) -> None:
    town.queue = [entry for entry in town.queue if entry[2].relationship != p]


@PROFILES
@SUITES
def test_one_backup_restored_again(profile: Profile, suites: Suites) -> None:
    town = linked(profile, suites)
    backup = Backup(town, GUEST)
    for _ in range(3):  # the first two come to nothing
        drop(town)
        town.now += HOUR
        backup.restore(town)
        town.wake(GUEST)
    expect_synchronised(town)


@PROFILES
@SUITES
def test_both_were_restored(profile: Profile, suites: Suites) -> None:  # PORT-21
    town = linked(profile, suites)
    guest = Backup(town, GUEST)
    town.submit(GUEST, b"of the lost device")
    town.wake(GUEST)
    town.post()
    town.fetch(INVITER)
    inviter = Backup(town, INVITER)
    guest.restore(town)
    inviter.restore(town)
    for p in (INVITER, GUEST):
        town.wake(p)
    expect_synchronised(town)


@PROFILES
@SUITES
@pytest.mark.parametrize("knows", [False, True])
@pytest.mark.parametrize("days", [2, 9])
def test_an_answer_that_takes_days_is_read(profile: Profile, suites: Suites, knows: bool, days: int) -> None:
    town = linked(profile, suites)
    backup = Backup(town, GUEST)
    if knows:
        town.wake(GUEST)
        town.post()
        town.fetch(INVITER)
    else:
        backup.restore(town)
        town.wake(GUEST)
        town.post()
    for _ in range(days * 24):  # the inviter is away
        town.now += HOUR
        town.wake(GUEST)
        town.post()
    if knows:
        backup.restore(town)
    expect_synchronised(town)


@PROFILES
def test_who_has_heard_of_the_inviter_begins_with_its_identity(profile: Profile) -> None:  # PORT-19
    town = linked(profile, CLASSICAL)
    town.run(HOUR)
    backup = Backup(town, GUEST)
    town.run(DAY)
    backup.restore(town)
    session = town.particle(GUEST).session
    assert session is not None
    assert not session.of_package
    expect_synchronised(town)


def test_a_first_ciphertext_that_comes_late_takes_nothing_back() -> None:  # SES-6, SES-28
    town = linked(Profile.LABEL, CLASSICAL)
    backup = Backup(town, GUEST)
    town.submit(GUEST, b"of the lost device")
    town.wake(GUEST)
    late, town.queue = town.queue, []
    backup.restore(town)
    town.wake(GUEST)
    town.post()
    town.fetch(INVITER)
    begun = town.particle(INVITER).session
    town.queue = late
    town.post()
    town.fetch(INVITER)
    assert town.particle(INVITER).session == begun
    expect_synchronised(town)
    assert b"of the lost device" not in town.application[INVITER].values()


@pytest.mark.parametrize(
    ("ages_s", "taken"),
    [([0], 1), ([86_401], 1), ([-86_400], 1), ([-86_401], 0), ([5, 4], 2), ([5, 5], 1), ([5, 6], 1)],
)
@pytest.mark.parametrize("knows", [False, True])
@SUITES
def test_an_opening_counts_if_it_is_later_and_of_today(
    ages_s: list[int], taken: int, knows: bool, suites: Suites
) -> None:  # PORT-20
    town = linked(Profile.LABEL, suites)
    town.wake(GUEST)
    town.now += HOUR  # the contact lives for a day
    if knows:
        town.post()
        town.fetch(INVITER)
    for age_s in ages_s:
        town.people[INVITER].receive(town.now, INVITER, 0, [again(town, town.now // 1000 - age_s)])
    assert len(town.people[INVITER].losses(INVITER)) == taken


def again(town: Town, made_s: int, *, identity: Identity | None = None) -> Item:
    """What the guest would send first, had it begun again at a time."""
    p = town.particle(GUEST)
    own = identity or p.identity
    assert own is not None
    assert p.session is not None
    begun = sessions.again(own, p.session, made_s, town.entropy)
    addresses = town.people[GUEST]._own.complete_set(p)
    body = Body(BodyKind.RESYNC, Receipt(), p.held_version, content=encode_resync(0), addresses=addresses)
    return Item(0, 1, 0, sessions.seal(begun, encode_body(body), town.entropy)[1])


@SUITES
def test_nobody_else_takes_the_place_of_a_guest(suites: Suites) -> None:  # SES-6
    town = linked(Profile.LABEL, suites)
    town.wake(GUEST)
    town.post()
    town.fetch(INVITER)
    before = town.particle(INVITER).session
    stranger = Identity.generate(town.entropy)
    town.people[INVITER].receive(town.now, INVITER, 0, [again(town, town.now // 1000, identity=stranger)])
    assert town.particle(INVITER).session == before


def test_nobody_begins_again_after_the_first_reply() -> None:  # SES-11
    town = linked(Profile.LABEL, CLASSICAL)
    town.wake(GUEST)
    item = again(town, town.now // 1000)
    town.run(HOUR)
    town.submit(GUEST, b"I heard you")
    town.run(HOUR)
    town.people[INVITER].receive(town.now, INVITER, 0, [item])
    assert not town.people[INVITER].losses(INVITER)


# -------------------------------------------------------------------- planted mistakes


def begins_with_the_identity_alone(patch: pytest.MonkeyPatch) -> None:  # PORT-30
    patch.setattr(Session, "of_package", property(lambda self: False))


def keeps_the_version(patch: pytest.MonkeyPatch) -> None:  # PORT-30, PORT-23
    patch.setattr(resynchronisation, "_raise_version", lambda p, made_s: None)


def brings_no_set(patch: pytest.MonkeyPatch) -> None:  # PORT-30
    right = Outbox.send_resync

    def send_resync(self: Outbox, turn: Turn) -> None:
        patch.setattr(self._own, "refresh", lambda *args, **more: None)
        right(self, turn)

    patch.setattr(Outbox, "send_resync", send_resync)


def learns_nothing_from_the_old_session(patch: pytest.MonkeyPatch) -> None:  # PORT-30
    patch.setattr(Resynchronisation, "learn", lambda self, turn, body: None)


def takes_nobody_again(patch: pytest.MonkeyPatch) -> None:  # PORT-31
    def accept_anew(
        own: Identity, session: Session, ciphertext: bytes, now: int, newest_s: int, entropy: Entropy
    ) -> tuple[Session, bytes]:
        key = session.restart_key
        return sessions.accept_restart(own, session.peer, ciphertext, now, newest_s, entropy, key)

    patch.setattr(sessions, "accept_anew", accept_anew)


def takes_openings_of_any_time(patch: pytest.MonkeyPatch) -> None:  # PORT-20
    patch.setattr(sessions, "_check_restart", lambda *args, **more: None)


def both_insist(patch: pytest.MonkeyPatch) -> None:  # PORT-21
    patch.setattr(resynchronisation, "_is_adopted", lambda own, ours, theirs: True)


@pytest.mark.parametrize(
    ("plant", "finds"),
    [
        (begins_with_the_identity_alone, lambda: test_the_inviter_has_heard_nothing(Profile.LABEL, CLASSICAL, True)),
        (keeps_the_version, lambda: test_the_inviter_knows_the_lost_device(Profile.LABEL, CLASSICAL)),
        (brings_no_set, lambda: test_the_inviter_has_heard_nothing(Profile.LABEL, CLASSICAL, False)),
        (
            learns_nothing_from_the_old_session,
            lambda: test_the_answer_to_the_lost_device_shows_where_to_begin_again(Profile.TWO_LAYER, CLASSICAL, True),
        ),
        (takes_nobody_again, lambda: test_the_inviter_knows_the_lost_device(Profile.LABEL, HYBRID)),
        (
            takes_openings_of_any_time,
            lambda: test_an_opening_counts_if_it_is_later_and_of_today([-86_401], 0, True, CLASSICAL),
        ),
        (both_insist, lambda: test_both_were_restored(Profile.LABEL, CLASSICAL)),
    ],
)
def test_a_planted_mistake_is_found(
    plant: Callable[[pytest.MonkeyPatch], None], finds: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        finds()
