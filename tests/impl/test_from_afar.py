"""A relationship that begins with a contact: a link that somebody was sent, or found at a directory."""

from collections.abc import Callable

import pytest
from tests.impl.small_town import DAY, HOUR, PROFILES, SETTINGS, Town, expect_once_each, talk

from communicator_impl.addresses import Profile
from communicator_impl.body import Body
from communicator_impl.directory import Contact
from communicator_impl.errors import CommunicatorError, PeerError
from communicator_impl.inbox import Inbox
from communicator_impl.introduction import Introduction
from communicator_impl.own_addresses import OwnAddresses
from communicator_impl.root_record import Item
from communicator_impl.turn import Turn
from communicator_spec import ErrorClass, Kind


def said(town: Town, p: int) -> list[bytes]:
    return sorted(town.application[p].values())


@PROFILES
def test_two_people_who_never_met_write_to_each_other(profile: Profile) -> None:
    town = Town(profile, from_afar=True)
    talk(town)
    assert said(town, 1) == [b"message %d" % n for n in (0, 2, 4)]
    assert said(town, 0) == [b"message %d" % n for n in (1, 3, 5)]
    expect_once_each(town)
    assert len(town.reported(Kind.PAIRED)) == 2
    assert not town.reported(Kind.FAILED)


@PROFILES
def test_nobody_has_to_write_first(profile: Profile) -> None:
    town = Town(profile, from_afar=True)
    town.run(HOUR)
    assert all(town.people[p].peer_set(p) for p in (0, 1))
    assert town.particle(1).held_version == town.particle(0).version


@PROFILES
def test_a_first_message_that_is_lost_takes_the_other_address(profile: Profile) -> None:
    town = Town(profile, from_afar=True, loses=lambda n: n == 1)
    town.receiving[0] = False
    talk(town)
    assert said(town, 0) == [b"message %d" % n for n in (1, 3, 5)]


@PROFILES
def test_the_address_of_a_contact_is_revoked_when_the_peer_has_others(profile: Profile) -> None:  # SES-27
    town = Town(profile, from_afar=True)
    assert set(town.particle(0).contact) == {0, 1}
    talk(town)
    assert town.particle(0).contact == {}
    assert all(len(town.people[0].stores(0, service)) <= 1 for service in range(4))


@PROFILES
def test_a_contact_serves_one_stranger(profile: Profile) -> None:  # SES-28
    town = Town(profile, from_afar=True)
    contact, step = town.people[0].offer(town.now, 5, SETTINGS[0])
    town.carry_out(step.requests)
    before = len(town.reported(Kind.STORED))
    for relationship, count in ((6, 1), (7, 4)):  # the other writes to all addresses, the one that is spent included
        town.perform(town.people[1].approach(town.now, relationship, SETTINGS[1], contact))
        for _ in range(count):
            town.people[1].submit(town.now, relationship, b"from %d" % relationship)
        town.perform(town.people[1].wake(town.now, relationship, town))
        town.post()
    stored = town.reported(Kind.STORED)[before:]
    come = [
        message.content
        for service in range(4)
        for root, _ in town.people[0].stores(5, service)
        for message in town.people[0].receive(town.now, 5, service, town.rsa[service].fetch(root)).deliveries
    ]
    assert len(stored) > len(come) > 0  # the other stranger reached an address, and nobody
    assert len(set(come)) == 1  # whoever was opened first
    assert len([e for e in town.reported(Kind.PAIRED) if e.relationship == 5]) == 1


def test_a_contact_ends() -> None:
    town = Town(Profile.TWO_LAYER, from_afar=True)
    contact, _ = town.people[0].offer(town.now, 5, SETTINGS[0])
    with pytest.raises(PeerError) as caught:
        town.people[1].approach(town.now + 30 * DAY, 5, SETTINGS[1], contact)
    assert caught.value.error_class is ErrorClass.EXPIRED


def test_a_contact_that_was_changed_is_refused_and_nothing_begins() -> None:
    town = Town(Profile.TWO_LAYER, from_afar=True)
    contact, _ = town.people[0].offer(town.now, 5, SETTINGS[0])
    for place in range(0, len(contact), 7):
        changed = contact[:place] + bytes([contact[place] ^ 1]) + contact[place + 1 :]
        try:
            Contact.decode(changed, town.now // 1000)
        except CommunicatorError:
            with pytest.raises(CommunicatorError):
                town.people[1].approach(town.now, 5, SETTINGS[1], changed)
            assert 5 not in town.people[1].relationships()


def test_an_offer_can_be_taken_back() -> None:
    town = Town(Profile.TWO_LAYER, from_afar=True)
    contact, step = town.people[0].offer(town.now, 5, SETTINGS[0])
    town.carry_out(step.requests)
    revoked = town.people[0].refuse(town.now, 5)
    assert len(revoked.requests) == 2
    town.carry_out(revoked.requests)
    town.perform(town.people[1].approach(town.now, 5, SETTINGS[1], contact))
    before = len(town.reported(Kind.STORED))
    town.perform(town.people[1].wake(town.now, 5, town))
    town.post()
    assert len(town.reported(Kind.STORED)) == before


# -------------------------------------------------------------------- planted mistakes


def keeps_the_roots_of_a_contact(patch: pytest.MonkeyPatch) -> None:  # SES-27
    patch.setattr(OwnAddresses, "close_contact", lambda self, turn: None)


def takes_whoever_comes_by_a_contact(patch: pytest.MonkeyPatch) -> None:  # SES-28
    right_take, right_welcome = Inbox.take, Introduction.welcome

    def take(self: Inbox, turn: Turn, service: int, item: Item) -> tuple[int, ...]:
        return self._take_first(turn, service, item.body, turn.now_s) or right_take(self, turn, service, item)

    def welcome(self: Introduction, turn: Turn, ciphertext: bytes, came_s: int) -> Body:
        invitation = turn.particle.invitation
        body = right_welcome(self, turn, ciphertext, came_s)
        turn.particle.invitation = invitation
        return body

    patch.setattr(Inbox, "take", take)
    patch.setattr(Introduction, "welcome", welcome)


@pytest.mark.parametrize(
    ("plant", "finds"),
    [
        (keeps_the_roots_of_a_contact, test_the_address_of_a_contact_is_revoked_when_the_peer_has_others),
        (takes_whoever_comes_by_a_contact, test_a_contact_serves_one_stranger),
    ],
)
@PROFILES
def test_a_planted_mistake_is_found(
    plant: Callable[[pytest.MonkeyPatch], None],
    finds: Callable[[Profile], None],
    profile: Profile,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        finds(profile)


def test_who_moves_while_a_contact_is_out_stays_at_its_services_until_it_ends() -> None:  # STATE-10
    town = Town(Profile.TWO_LAYER, from_afar=True)
    town.people[0].offer(town.now, 5, SETTINGS[0])
    (until_ms,) = {e.value for e in town.reported(Kind.ISSUED) if e.relationship == 5}
    old, setting = SETTINGS[0].receiving[0], SETTINGS[0]._replace(receiving=(SETTINGS[0].receiving[1], 3))
    town.people[0].move(town.now, 5, old, setting, town.now, leave=True)
    town.people[0].wake(town.now, 5, town)
    assert town.people[0].leaving(5) == {old: until_ms}
    assert not [e for e in town.reported(Kind.RELEASED) if e.relationship == 5]
    town.people[0].refuse(town.now, 0)
    assert town.people[0].leave(town.now, old, lambda root: True) is None
