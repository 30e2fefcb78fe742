"""Attacks on addresses: T1 to T4, T7, T9 and T13, each on bytes of the drafted scheme and on those of the real core.

Each function of a pair plays the same attack and returns how often it succeeded, of how many trials. On the standard
the receiving service is the reference implementation's core, in both address profiles.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final, NamedTuple

import cbor2

from communicator_impl import hpke, wire
from communicator_impl.addresses import (
    KeySchedule,
    LabelRoot,
    Profile,
    Rdas,
    ServiceConfig,
    TwoLayerRoot,
    derive_label,
)
from communicator_impl.addresses.values import Label, ciphertext_digest, seal_info
from communicator_impl.entropy import SeededEntropy
from communicator_impl.envelope import label_request, two_layer_request
from communicator_impl.errors import PeerError
from communicator_impl.receiving_service import ReceivingService
from communicator_impl.storage import MemoryStorage
from communicator_model.draws import subseed
from communicator_simulations.threats.drafted import (
    RDA_BYTES,
    SDA_BYTES,
    DraftedPerson,
    DraftedService,
    diversified,
)
from communicator_simulations.threats.recovery import candidates
from communicator_spec.parameters import PARAMETERS

__all__ = ["Shown", "entropy_of"]

TRIALS: Final = 10
_A: Final = PARAMETERS.address
_DAY_S: Final = 86_400
_HOUR_S: Final = 3600
_URI: Final = "https://p00.example"
_CIPHERTEXT: Final = bytes(max(PARAMETERS.envelope.ciphertext_classes_bytes))
_JUNK: Final = b"\xff" * len(_CIPHERTEXT)


class Shown(NamedTuple):
    """How often an attack succeeded, and what that means."""

    succeeded: int
    of: int
    how: str


def entropy_of(seed: int, name: str) -> SeededEntropy:
    """Return the entropy of one demonstration."""
    return SeededEntropy(subseed(seed, "threats", name).to_bytes(8))


class _Real:
    """A receiving service of the standard, and somebody who has one root in each profile there."""

    def __init__(self, seed: int, name: str) -> None:
        self.entropy, self.disk = entropy_of(seed, name), MemoryStorage()
        self.core = ReceivingService(0, _URI, tuple(Profile), 0, self.disk, self.entropy, lambda event: None)
        self.labels, self.signed = LabelRoot.generate(self.entropy), TwoLayerRoot.generate(self.entropy)
        self.until_s = _A.lifetime_long_term_s_max // _HOUR_S * _HOUR_S
        self.core.register_root(self.labels.root, None)
        self.core.register_root(self.signed.root, self.signed.registration().verify_key)
        self.core.issue(self.labels.grant(1, self.until_s, 1000, 0))

    @property
    def config(self) -> ServiceConfig:
        return self.core.config()

    def label(self, index: int) -> Label:
        return derive_label(self.labels.epoch_key(1), 0, index)

    def rdas(self, index: int) -> Rdas:
        return self.signed.issue(self.config, range(index, index + 1), self.until_s, 0, self.entropy)[0]

    def requests(self, index: int, ciphertext: bytes = _CIPHERTEXT) -> tuple[bytes, bytes]:
        """Return a message to the same numbered address of both profiles."""
        key = self.config.sealing_key(0)
        labelled = label_request(self.label(index), key, ciphertext, self.entropy)
        return labelled, two_layer_request(self.rdas(index), key, ciphertext, self.entropy)

    def stored(self) -> list[bytes]:
        """Return the ciphertexts of everything that is stored for this person."""
        return [item.body for root in (self.labels.root, self.signed.root) for item in self.core.fetch(root)]


def _drafted(seed: int, name: str, generations: int = 1) -> tuple[DraftedService, DraftedPerson, SeededEntropy]:
    entropy = entropy_of(seed, name)
    service, person = DraftedService.generate(generations, entropy), DraftedPerson(entropy)
    service.register(person)
    return service, person, entropy


# ---------------------------------------------------------------------- T1


def _linked(pairs: Iterator[tuple[bytes, bytes]], message_of: int, before: bytes = b"") -> tuple[int, int]:
    """Tell how many pairs of signed addresses have a public key in common, which two correspondents can compute."""
    found = total = 0
    for pair in pairs:
        keys = [candidates(before + one[:message_of], one[message_of:]) for one in pair]
        found, total = found + bool(keys[0] & keys[1]), total + 1
    return found, total


def t1_drafted(seed: int) -> Shown:
    """Recover the signing key of a person from what two correspondents hold."""
    service, _, entropy = _drafted(seed, "T1")
    people = [DraftedPerson(entropy) for _ in range(TRIALS)]
    same = ((p.address(service, 1, entropy), p.address(service, 1, entropy)) for p in people)
    others = ((a.address(service, 1, entropy), b.address(service, 1, entropy)) for a, b in pairwise(people))
    hits, of = _linked(same, RDA_BYTES)
    false, strangers = _linked(others, RDA_BYTES)
    return Shown(hits - false, of, f"pairs of one person linked {hits}/{of}, of two people {false}/{strangers}")


def t1_standard(seed: int) -> Shown:
    """Do the same with Ed25519 signatures, and one key for each relationship."""
    real, signed = _Real(seed, "T1"), (_A.signature_label.encode() + b"\0")

    def pairs() -> Iterator[tuple[bytes, bytes]]:
        for _ in range(TRIALS):
            roots = [TwoLayerRoot.generate(real.entropy) for _ in range(2)]
            one, other = (r.issue(real.config, range(1), real.until_s, 0, real.entropy)[0] for r in roots)
            yield one, other

    hits, of = _linked(pairs(), _A.rda_bytes, signed)
    return Shown(hits, of, f"pairs of one person linked {hits}/{of}")


# ---------------------------------------------------------------------- T2


def t2_drafted(seed: int) -> Shown:
    """Two honest readers of the drafts: one writes the number of the address, the other reads that of a key."""
    service, person, entropy = _drafted(seed, "T2", 2)
    lost = 0
    for number in range(1, TRIALS + 1):
        address = person.address(service, 1, entropy, number=number)
        before = len(service.store[person.root])
        service.accept(diversified(address, service, 1, _CIPHERTEXT, entropy))
        lost += len(service.store[person.root]) == before
    literal = diversified(person.address(service, 1, entropy, literal=True), service, 1, b"", entropy)
    says = service.accept(literal, len(literal))
    return Shown(lost, TRIALS, f"honest messages lost {lost}/{TRIALS}; with RDAS as written: “{says}”")


def t2_standard(seed: int) -> Shown:
    """The same messages under the standard's layout, which has a field for each of the two."""
    real = _Real(seed, "T2")
    for number in range(1, TRIALS + 1):
        for request in real.requests(number):
            real.core.accept(0, request)
    lost = 2 * TRIALS - len(real.stored())
    return Shown(lost, 2 * TRIALS, f"honest messages lost {lost}/{2 * TRIALS}")


# ---------------------------------------------------------------------- T3


def t3_drafted(seed: int) -> Shown:
    """A sending service lifts the address off a message and puts it onto other bytes."""
    service, person, entropy = _drafted(seed, "T3")
    for _ in range(TRIALS):
        request = diversified(person.address(service, 1, entropy), service, 1, _CIPHERTEXT, entropy)
        service.accept(request[:SDA_BYTES] + _JUNK)
    stored = service.store[person.root].count(_JUNK)
    return Shown(stored, TRIALS, f"junk stored under a lifted address {stored}/{TRIALS}")


def t3_standard(seed: int) -> Shown:
    """The same with the standard's requests, in all ways that its form leaves."""
    real = _Real(seed, "T3")
    for number in range(TRIALS):
        labelled, two_layer = map(_fields, real.requests(number))
        real.core.accept(0, wire.encode({**two_layer, 3: _JUNK}))
        sealed = labelled[2]
        assert isinstance(sealed, bytes)
        head = 1 + hpke.OVERHEAD + _A.label_bytes
        real.core.accept(0, wire.encode({**labelled, 2: sealed[:head] + _JUNK[: len(sealed) - head]}))
    stored = len(real.stored())
    return Shown(stored, 2 * TRIALS, f"junk stored under a lifted address {stored}/{2 * TRIALS}")


def _fields(request: bytes) -> dict[int, object]:
    found: dict[int, object] = cbor2.loads(request)
    return found


# ---------------------------------------------------------------------- T4


def t4_drafted(seed: int) -> Shown:
    """A sending service posts what it has posted before, and again after a year."""
    service, person, entropy = _drafted(seed, "T4")
    requests = [diversified(person.address(service, 1, entropy), service, 1, _CIPHERTEXT, entropy)
                for _ in range(TRIALS)]  # fmt: skip
    for request in requests * 3:
        service.accept(request)
    again = len(service.store[person.root]) - TRIALS
    return Shown(again, 2 * TRIALS, f"replays stored {again}/{2 * TRIALS}")


def t4_standard(seed: int) -> Shown:
    """The same: at once, and when the addresses have expired."""
    real = _Real(seed, "T4")
    requests = [request for number in range(TRIALS) for request in real.requests(number)]
    for at_s in (0, 1, real.until_s):
        for request in requests:
            real.core.accept(at_s * 1000, request)
    again = len(real.stored()) - len(requests)
    return Shown(again, 2 * len(requests), f"replays stored {again}/{2 * len(requests)}")


# ---------------------------------------------------------------------- T7


def t7_drafted(seed: int) -> Shown:
    """Record requests, take the service's keys two years later, and see whom they were for."""
    service, person, entropy = _drafted(seed, "T7")
    recorded = [diversified(person.address(service, 1, entropy), service, 1, _CIPHERTEXT, entropy)
                for _ in range(TRIALS)]  # fmt: skip
    stolen = {number: pair.private_key() for number, pair in service.keys.items()}
    seen = 0
    for request in recorded:
        address = hpke.open_sealed(stolen[request[0]], b"drafted", request[1:SDA_BYTES])
        seen += hpke.open_sealed(stolen[address[0]], b"drafted", address[1:RDA_BYTES]) == person.root
    return Shown(seen, TRIALS, f"recorded messages unmasked {seen}/{TRIALS}")


def t7_standard(seed: int) -> Shown:
    """The same with the disk of a service that rotates once a year and erases what has ended."""
    real = _Real(seed, "T7")
    recorded = [request for number in range(TRIALS) for request in real.requests(number)]
    for day in (365, 730, 800):
        real.core.rotate_keys(day * _DAY_S * 1000)
        real.core.erase(day * _DAY_S * 1000)
    stolen = KeySchedule.from_bytes(real.disk.load("schedule") or b"")
    seen = sum(_opens(stolen, _fields(request)) for request in recorded)
    return Shown(seen, len(recorded), f"recorded messages unmasked {seen}/{len(recorded)}")


def _opens(stolen: KeySchedule, request: dict[int, object]) -> bool:
    """Tell whether any stolen key opens the outer layer of a recorded request."""
    profile, sealed = Profile(int(str(request[1]))), request[2]
    assert isinstance(sealed, bytes)
    is_label = profile is Profile.LABEL
    text, bound = (_A.seal_label, b"") if is_label else (_A.outer_label, _digest(request[3]))
    for key in stolen.outer:
        try:
            info = seal_info(text, profile, sealed[0], _URI, bound)
            hpke.open_sealed(hpke.KeyPair(key.secret, key.public.public).private_key(), info, sealed[1:])
        except PeerError:
            continue
        return True
    return False


def _digest(ciphertext: object) -> bytes:
    assert isinstance(ciphertext, bytes)
    return ciphertext_digest(ciphertext)


# ---------------------------------------------------------------------- T9


def t9_drafted(seed: int) -> Shown:
    """Tell addresses that exist from those that do not, by what the service answers."""
    service, person, entropy = _drafted(seed, "T9")
    nobody = DraftedPerson(entropy)
    told = 0
    for _ in range(TRIALS):
        good, bad = (service.accept(diversified(who.address(service, 1, entropy), service, 1, _CIPHERTEXT, entropy))
                     for who in (person, nobody))  # fmt: skip
        told += good != bad
    return Shown(told, TRIALS, f"addresses told apart {told}/{TRIALS}")


def t9_standard(seed: int) -> Shown:
    """The same; beside addresses that never were, also those that are spent, revoked or expired."""
    real, other = _Real(seed, "T9"), _Real(seed, "T9 nobody")
    told = of = 0
    for number in range(TRIALS):
        for good, bad in zip(real.requests(number), _foreign(other, real, number), strict=True):
            says = [real.core.accept(0, good).answer, real.core.accept(0, bad).answer, real.core.accept(0, good).answer,
                    real.core.accept(real.until_s * 1000, good).answer]  # fmt: skip
            told, of = told + (len(set(says)) > 1), of + 1
    return Shown(told, of, f"addresses told apart {told}/{of}")


def _foreign(other: _Real, at: _Real, number: int) -> tuple[bytes, bytes]:
    """Return requests to addresses of a root that this service does not have, sealed to its keys."""
    key, issued = at.config.sealing_key(0), range(number, number + 1)
    address = other.signed.issue(at.config, issued, other.until_s, 0, at.entropy)[0]
    return (label_request(other.label(number), key, _CIPHERTEXT, at.entropy),
            two_layer_request(address, key, _CIPHERTEXT, at.entropy))  # fmt: skip


# ---------------------------------------------------------------------- T13


def t13_drafted(seed: int) -> Shown:
    """A correspondent passes one address on; a stranger makes as many of it as it likes."""
    service, person, entropy = _drafted(seed, "T13")
    address = person.address(service, 1, entropy)
    for _ in range(TRIALS + 1):
        service.accept(diversified(address, service, 1, _JUNK, entropy))
    more = len(service.store[person.root]) - 1
    return Shown(more, TRIALS, f"messages beyond the first under one address {more}/{TRIALS}")


def t13_standard(seed: int) -> Shown:
    """The same, and what comes after the person has refused the correspondent."""
    real = _Real(seed, "T13")
    key = real.config.sealing_key(0)
    address, label = real.rdas(0), real.label(0)
    for _ in range(TRIALS + 1):
        real.core.accept(0, two_layer_request(address, key, _JUNK, real.entropy))
        real.core.accept(0, label_request(label, key, _JUNK, real.entropy))
    more = len(real.stored()) - 2
    for root in (real.labels.root, real.signed.root):
        real.core.revoke(root)
    for request in real.requests(1):
        real.core.accept(0, request)
    after = len(real.stored())
    how = f"messages beyond the first under one address {more}/{2 * TRIALS}, after refusal {after}/2"
    return Shown(more + after, 2 * TRIALS + 2, how)
