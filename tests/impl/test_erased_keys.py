"""A key that was replaced is in no stored byte from the very write on that stores its successor."""

import pytest
from tests.properties.town import HOUR, Shape
from tests.properties.traffic import Traffic

from communicator_impl.addresses import LabelRoot, Profile
from communicator_impl.particle import Particle
from communicator_impl.storage import MemoryStorage

DAY = 24 * HOUR
PROFILES = pytest.mark.parametrize("profile", list(Profile))


class Watched(MemoryStorage):
    """Compares what each write drops with everything that is stored after it."""

    def __init__(self) -> None:
        super().__init__()
        self.is_full = False
        self.replaced = 0
        self.left_behind: list[bytes] = []

    def save(self, key: str, value: bytes) -> None:
        before = self.values.get(key)
        super().save(key, value)
        if before is None or not key.startswith("particle/"):
            return
        gone = keys_of(Particle.from_bytes(before)) - keys_of(Particle.from_bytes(value))
        self.replaced += len(gone)
        everything = b"\n".join(self.values.values())
        self.left_behind += [secret for secret in sorted(gone) if secret in everything]


def keys_of(particle: Particle) -> set[bytes]:
    """Return every secret key in a Particle: of the ratchet, its skipped messages, the package, the own addresses."""
    found: set[bytes | None] = set()
    if particle.session is not None:
        r, own = particle.session.ratchet, particle.session.own_prekey
        found |= {r.dhs.secret, r.rk, r.cks, r.ckr, r.hks, r.hkr, r.nhks, r.nhkr, own.secret if own else None}
        found |= {key for chain in r.skipped for key in (chain.header_key, *chain.keys.values())}
    if particle.invitation is not None:
        found.add(particle.invitation.prekey.secret)
    if particle.identity is not None:
        found |= {particle.identity.signing_seed, particle.identity.agreement.secret}
    for root in particle.roots.values():
        found.add(root.secret if isinstance(root, LabelRoot) else root.signing_seed)
    found |= {secret for secret in particle.secrets.values() if isinstance(secret, bytes)}
    return {key for key in found if key}


def lived(profile: Profile) -> tuple[Traffic, list[Watched]]:
    """Let two people meet, write for months with losses, move, and part."""
    town = Traffic(Shape((profile, profile), 4))
    disks = [Watched(), Watched()]
    for person, disk in enumerate(disks):
        town.device_disks[person] = disk  # type: ignore[call-overload]
        town.restart_device(person)
    town.meet(0, 1)
    for turn in range(6):
        town.write(turn % 2)
        town.write(turn % 2)
        town.wake(turn % 2, effects=turn % 3)  # some of it is lost, so that keys are skipped
        town.settle((1 + 3 * turn) * DAY)
    town.move(0, 0, 2, 0)
    town.settle(3 * DAY)
    return town, disks


@PROFILES
def test_no_key_outlives_the_write_that_replaces_it(profile: Profile) -> None:  # SEC-4
    town, disks = lived(profile)
    assert [disk.left_behind for disk in disks] == [[], []]
    assert min(disk.replaced for disk in disks) > 30
    town.refuse(0)
    assert [disk.left_behind for disk in disks] == [[], []]


def test_a_key_that_stays_somewhere_else_is_seen() -> None:
    town, disks = lived(Profile.LABEL)
    session = Particle.from_bytes(disks[0].values["particle/0"]).session
    assert session is not None
    assert session.ratchet.cks is not None
    disks[0].values["copy"] = session.ratchet.cks
    town.write(0)
    town.settle(HOUR)
    assert session.ratchet.cks in disks[0].left_behind
