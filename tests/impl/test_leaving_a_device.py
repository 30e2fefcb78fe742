"""What a person takes from a real device: an export without keys, a backup from which the device lives again."""

from collections.abc import Iterator

import pytest
from tests.impl.small_town import PROFILES, Town, talk
from tests.impl.test_export import spellings

from communicator_impl.addresses import LabelRoot, Profile
from communicator_impl.backup import COST_MIN, Passphrase, Secret, make, recovery_key, restore, snapshot
from communicator_impl.content import Content, encode_content
from communicator_impl.entropy import SeededEntropy
from communicator_impl.export import Kept, Relationship, export
from communicator_impl.particle import Particle
from communicator_impl.relationship_manager import RelationshipManager
from communicator_impl.storage import MemoryStorage

ENTROPY = SeededEntropy(b"leaving")
KEY, WORDS = recovery_key(ENTROPY), Passphrase("correct horse battery staple")


def secrets_of(p: Particle) -> Iterator[bytes]:
    """Yield every secret of a Particle that PORT-7 names, and the keys of its session."""
    assert p.identity is not None
    yield from (p.identity.signing_seed, p.identity.agreement.secret)
    for own in p.roots.values():
        yield own.secret if isinstance(own, LabelRoot) else own.signing_seed
    for secret in p.secrets.values():
        yield from secret if isinstance(secret, tuple) else (secret,)
    assert p.session is not None
    state = p.session.ratchet
    yield from (
        key for key in (state.rk, state.cks, state.ckr, state.hks, state.hkr, state.nhks, state.dhs.secret) if key
    )


def kept(texts: dict[int, bytes], *, sent: bool) -> list[Kept]:
    return [Kept(sent, n, n, encode_content(Content("text/plain", text))) for n, text in texts.items()]


@PROFILES
def test_an_export_holds_what_was_said_and_no_secret_of_the_device(profile: Profile) -> None:
    town = Town(profile)
    talk(town, turns=4)
    said = {n: b"message %d" % turn for n, turn in enumerate((0, 2))}
    heard = town.application[0]
    data = export([Relationship((*kept(said, sent=True), *kept(heard, sent=False)))])
    for n in range(4):
        assert b"message %d" % n in data  # PORT-6
    secrets = list(secrets_of(town.particle(0)))
    assert len(secrets) >= 7
    for secret in secrets:
        assert secret in town.disks[0].values["particle/0"]
        assert not any(spelling in data for spelling in spellings(secret))  # PORT-7


@PROFILES
@pytest.mark.parametrize("secret", [KEY, WORDS], ids=["recovery key", "passphrase"])
def test_a_device_lives_again_from_its_backup(profile: Profile, secret: Secret) -> None:
    town = Town(profile)
    talk(town, turns=4)
    backup = make(snapshot(town.disks[0]), secret, ENTROPY, COST_MIN)
    for known in secrets_of(town.particle(0)):
        assert known not in backup
    fresh = MemoryStorage()
    for key, value in restore(backup, secret).items():
        fresh.save(key, value)
    again = RelationshipManager(0, town.terms, town, fresh, ENTROPY, town.events.append, town.profiles)
    assert again.relationships() == town.people[0].relationships()
    assert fresh.values == town.disks[0].values
    assert again.next_number(0) == town.people[0].next_number(0)
