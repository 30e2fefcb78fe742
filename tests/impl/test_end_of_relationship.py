"""The end of a relationship: who is told, what stays on the device, and what does not."""

from collections.abc import Callable, Iterator

import pytest
from tests.impl.small_town import DAY, HOUR, OPERATORS, PROFILES, SETTINGS, Town, talk

from communicator_impl.addresses import LabelRoot, Profile, Root
from communicator_impl.errors import InputError
from communicator_impl.particle import Particle
from communicator_impl.particle_fields import RevokeRoot
from communicator_impl.relationship_manager import Step
from communicator_spec import Command, Kind


def keys_of(p: Particle) -> Iterator[bytes]:
    """Every key and secret that a Particle holds."""
    assert p.identity is not None
    assert p.session is not None
    yield from (p.identity.signing_seed, p.identity.agreement.secret)
    state = p.session.ratchet
    chains = (key for chain in state.skipped for key in (chain.header_key, *chain.keys.values()))
    found = (state.dhs.secret, state.rk, state.cks, state.ckr, state.hks, state.hkr, state.nhks, state.nhkr, *chains)
    yield from (key for key in found if key is not None)
    for own in p.roots.values():
        yield own.secret if isinstance(own, LabelRoot) else own.signing_seed
    assert p.peer is not None
    held = [grant.secret for entry in p.peer.services for grant in entry.grants]
    for secret in (*p.secrets.values(), *held):
        yield from secret if isinstance(secret, tuple) else (secret,)


def refuses(town: Town) -> Step:
    return town.people[0].refuse(town.now, 0)


def refuses_aloud(town: Town) -> Step:
    return town.people[0].refuse(town.now, 0, tell=True, reach=town)


def is_told(town: Town) -> Step:
    town.perform(town.people[1].refuse(town.now, 1, tell=True, reach=town))
    town.post()
    service = town.reported(Kind.STORED)[-1].service
    root = town.people[0].root(0, service)
    assert root is not None
    received = town.people[0].receive(town.now, 0, service, town.rsa[service].fetch(root))
    return Step(received.requests)


ENDS = pytest.mark.parametrize("end", [refuses, refuses_aloud, is_told])


@PROFILES
@ENDS
def test_no_key_outlives_the_end(profile: Profile, end: Callable[[Town], Step]) -> None:  # PORT-11
    town = Town(profile)
    talk(town, turns=3)
    keys = list(keys_of(town.particle(0)))
    stored = town.disks[0].values["particle/0"]
    assert len(keys) > 12
    assert all(key in stored for key in keys)
    roots: set[Root] = {own.root for own in town.particle(0).roots.values()}
    step = end(town)
    stored = town.disks[0].values["particle/0"]
    assert not [key for key in keys if key in stored]
    assert all(bytes(root) in stored for root in roots)  # a crash now must not lose the revocations
    assert {request.root for request in step.requests if isinstance(request, RevokeRoot)} == roots
    assert len(step.requests) == len(roots)


@PROFILES
@ENDS
def test_what_the_person_needs_outlives_the_end(profile: Profile, end: Callable[[Town], Step]) -> None:  # PORT-10
    town = Town(profile)
    town.hand_over = lambda p: None  # type: ignore[method-assign]  # the application does not answer
    town.submit(0, b"said")
    town.submit(1, b"heard")
    town.run(HOUR)
    end(town)
    town.people[0] = town._manager(0)
    assert town.people[0].relationships() == (0,)
    assert [m.content for m in town.people[0].undelivered(0)] == [b"heard"]
    assert town.people[0].next_number(0) == 1
    again = town.people[0].wake(town.now, 0, town)
    assert [type(request) for request in again.requests] == [RevokeRoot, RevokeRoot]
    assert town.people[0].deadline_ms(0) > town.now + 1000 * DAY


@PROFILES
def test_who_is_told_hears_of_what_was_not_delivered_and_falls_silent(profile: Profile) -> None:  # DELIV-31, PORT-12
    town = Town(profile)
    talk(town, turns=2)
    sent = len(town.reported(Kind.SENT))
    town.submit(1, b"on its way")
    step = refuses_aloud(town)
    assert {out.service for out in step.transmissions} == {1, 2}
    assert [e.value for e in town.reported(Kind.SENT)[sent:]] == [Command.END] * 2
    town.perform(step)
    town.post()
    town.fetch(1)
    assert [(e.relationship, e.message) for e in town.reported(Kind.FAILED)] == [(1, 1)]
    assert town.particle(1).ended
    town.submit(1, b"still there?")
    assert [(e.relationship, e.message) for e in town.reported(Kind.FAILED)] == [(1, 1), (1, 2)]
    town.run(20 * DAY)
    assert len(town.reported(Kind.SENT)) == sent + 2  # PORT-13


def test_nobody_is_told_without_a_network() -> None:
    town = Town(Profile.LABEL)
    town.sending = [False] * OPERATORS
    assert refuses_aloud(town).transmissions == ()
    assert town.particle(0).ended


def test_an_invitation_that_was_withdrawn_is_not_answered() -> None:
    town = Town(Profile.LABEL)
    package = town.people[0].invite(town.now, 5, SETTINGS[0])
    answer = town.people[1].accept(town.now, 5, SETTINGS[1], package)
    assert town.people[0].refuse(town.now, 5, tell=True, reach=town) == Step()
    with pytest.raises(InputError):
        town.people[0].complete(town.now, 5, answer)
