"""What devices say to each other when nobody writes: receipts, requests, and addresses that are not used as offered."""

import pytest
from tests.impl.small_town import DAY, HOUR, PROFILES, Town, talk

from communicator_impl.addresses import Profile
from communicator_impl.particle_fields import NEVER
from communicator_impl.root_record import Item
from communicator_spec import Command, Kind


@PROFILES
@pytest.mark.parametrize("sent_before", range(4))
def test_a_receipt_avoids_the_operator_at_whom_the_message_arrived(profile: Profile, sent_before: int) -> None:
    town = Town(profile)  # DELIV-18
    town.people[1].change_senders(town.now, 1, (1, 2, 0))
    for n in range(sent_before + 1):
        town.submit(0, b"message %d" % n)
        town.run(3 * HOUR)
    at = [e.service for e in town.reported(Kind.DELIVERED)]
    ways = [e.via for e in town.reported(Kind.SENT) if e.value == Command.RECEIPT]
    assert len(at) == len(ways) == sent_before + 1
    assert set(at) <= {1, 2}
    assert all(via != service for via, service in zip(ways, at, strict=True))


@PROFILES
def test_a_receipt_takes_what_there_is(profile: Profile) -> None:
    town = Town(profile)
    town.people[1].change_senders(town.now, 1, (2,))
    for n in range(4):
        town.submit(0, b"message %d" % n)
        town.run(3 * HOUR)
    assert {e.via for e in town.reported(Kind.SENT) if e.value == Command.RECEIPT} == {2}
    assert {e.service for e in town.reported(Kind.DELIVERED)} == {1, 2}


def wait(town: Town, until_ms: int) -> None:
    """Wake person 0 whenever something is due; nothing that leaves arrives."""
    while town.people[0].deadline_ms(0) < until_ms:
        town.now = max(town.now, town.people[0].deadline_ms(0))
        town.carry_out(town.people[0].wake(town.now, 0, town).requests)


@PROFILES
def test_who_hears_nothing_asks_for_addresses_once_before_the_last_one_ends(profile: Profile) -> None:  # STATE-29
    town = Town(profile)
    talk(town, turns=6)
    last_ms = max(grant.valid_until_ms for grant in town.particle(0).held if grant.long_term)
    quiet = len(town.reported(Kind.SENT))
    wait(town, last_ms)
    sent = [(e.value, e.t_ms) for e in town.reported(Kind.SENT)[quiet:] if e.value != Command.UPDATE]
    assert sent == [(Command.REQUEST_UPDATE, last_ms - town.terms.long_term_refresh_ms // 4)]
    assert town.particle(0).request_due == NEVER


def test_nobody_asks_beyond_what_people_caused() -> None:  # STATE-12
    town = Town(Profile.LABEL)
    wait(town, 365 * DAY)
    assert [e.value for e in town.reported(Kind.SENT)] == [Command.UPDATE]  # pairing was the only cause
    assert town.particle(0).request_due == NEVER


@PROFILES
def test_a_newer_set_puts_the_question_off(profile: Profile) -> None:
    town = Town(profile)
    before = town.particle(0).request_due
    town.now += 250 * DAY
    town.submit(1, b"still here")
    town.run(DAY)
    assert town.particle(0).request_due > before + 200 * DAY


def long_term(town: Town, service: int) -> int:
    return next(g.serial for g in town.particle(0).mine if g.long_term and g.service == service)


def arrive(town: Town, serial: int) -> None:
    """Something comes to an own address of person 0 at service 0; whether it opens does not matter."""
    town.people[0].receive(town.now, 0, 0, [Item(number=7, serial=serial, position=0, body=bytes(2800))])


def reissued(town: Town) -> bool:
    """Whether the next transmission of person 0 comes with a new long-term grant at service 0."""
    before = long_term(town, 0)
    town.submit(0, b"next")
    town.carry_out(town.people[0].wake(town.now, 0, town).requests)
    return long_term(town, 0) > before


@PROFILES
def test_a_long_term_address_beside_an_ephemeral_one_is_replaced(profile: Profile) -> None:  # STATE-22
    town = Town(profile)
    arrive(town, long_term(town, 0))
    assert reissued(town)


@PROFILES
def test_a_long_term_address_is_kept_until_the_peer_holds_another(profile: Profile) -> None:
    town = Town(profile)
    town.now += 8 * DAY
    assert not reissued(town)  # but the ephemeral grants are, and the peer has not confirmed them
    arrive(town, long_term(town, 0))
    serial = long_term(town, 0)
    assert town.particle(0).spent[0, serial] == 1
    assert not reissued(town) or profile is Profile.TWO_LAYER  # there, one of two addresses is half of them


def test_a_long_term_address_alone_is_kept() -> None:
    town = Town(Profile.LABEL)
    town.now += 8 * DAY  # no ephemeral grant is valid any more
    arrive(town, long_term(town, 0))
    assert not reissued(town)


def test_an_ephemeral_address_says_nothing_about_the_long_term_one() -> None:
    town = Town(Profile.LABEL)
    arrive(town, next(g.serial for g in town.particle(0).mine if not g.long_term and g.service == 0))
    assert not reissued(town)
