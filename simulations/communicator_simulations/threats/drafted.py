"""The address scheme as it was first drafted. It is broken, and here only so that attacks on it can be shown.

Nothing but demonstrations uses this module. What it builds, with real cryptography:

    RDA_j  = j ‖ HPKE.seal(pk_j, root)              one root for everything that a person receives at a service
    RDAS_j = RDA_j ‖ ECDSA-P256(RDA_j)              one signing key for each person
    SDA    = j ‖ HPKE.seal(pk_j, RDAS_j)            request = SDA ‖ ciphertext

and a service that keeps every key for ever, marks nothing as spent, checks no date and says what is wrong. The text as
it stood was worse (`literal`): there RDAS_j is the signature alone, and j numbers addresses as well as keys.
"""

from enum import StrEnum
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from communicator_impl import hpke
from communicator_impl.entropy import Entropy
from communicator_impl.errors import PeerError

__all__ = ["RDA_BYTES", "SDA_BYTES", "DraftedAnswer", "DraftedPerson", "DraftedService", "diversified"]

ROOT_BYTES: Final = 16
RDA_BYTES: Final = 1 + hpke.OVERHEAD + ROOT_BYTES
SIGNATURE_BYTES: Final = 64
SDA_BYTES: Final = 1 + hpke.OVERHEAD + RDA_BYTES + SIGNATURE_BYTES
_HALF: Final = 32
_INFO: Final = b"drafted"
_SCHEME: Final = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)


class DraftedAnswer(StrEnum):
    """What a service of the drafts says to whoever posts."""

    STORED = "stored"
    NO_KEY = "no such key"
    NO_ROOT = "no such address"
    FORGED = "bad signature"


class DraftedPerson:
    """Somebody's root and signing key at one service."""

    def __init__(self, entropy: Entropy) -> None:
        self.root = entropy.draw("drafted.root", ROOT_BYTES)
        secret = int.from_bytes(entropy.draw("drafted.key", _HALF)) >> 1
        self._key = ec.derive_private_key(secret + 1, ec.SECP256R1())

    @property
    def verify_key(self) -> ec.EllipticCurvePublicKey:
        """What the service holds signatures against."""
        return self._key.public_key()

    def address(self, service: "DraftedService", generation: int, entropy: Entropy, *, number: int | None = None,
                literal: bool = False) -> bytes:  # fmt: skip
        """Return an RDAS: under a key's number, or under that of the address (`number`), which is called j as well."""
        box = hpke.seal(hpke.public_key(service.keys[generation].public), _INFO, self.root, entropy, "drafted.inner")
        rda = bytes([generation if number is None else number]) + box
        r, s = decode_dss_signature(self._key.sign(rda, _SCHEME))
        signature = r.to_bytes(_HALF) + s.to_bytes(_HALF)
        return signature if literal else rda + signature


def diversified(address: bytes, service: "DraftedService", generation: int, ciphertext: bytes, entropy: Entropy,
                key: bytes = b"") -> bytes:  # fmt: skip
    """Return the request of a sender: an address that nothing binds to the ciphertext. `key`: what was served to it."""
    public = hpke.public_key(key or service.keys[generation].public)
    return bytes([generation]) + hpke.seal(public, _INFO, address, entropy, "drafted.outer") + ciphertext


class DraftedService(msgspec.Struct):
    """A receiving service of the drafts; `store` has what it took, by root."""

    keys: dict[int, hpke.KeyPair]
    people: dict[bytes, ec.EllipticCurvePublicKey] = {}
    store: dict[bytes, list[bytes]] = {}

    @classmethod
    def generate(cls, generations: int, entropy: Entropy) -> "DraftedService":
        """Make a service with so many keys, numbered from 1."""
        return cls({j: hpke.KeyPair.generate(entropy, f"drafted.pk{j}") for j in range(1, generations + 1)})

    def register(self, person: DraftedPerson) -> None:
        """Take somebody's root."""
        self.people[person.root] = person.verify_key
        self.store.setdefault(person.root, [])

    def accept(self, request: bytes, sda_bytes: int = SDA_BYTES) -> DraftedAnswer:
        """Resolve an address and store what came with it, as often as it comes."""
        sda, ciphertext = request[:sda_bytes], request[sda_bytes:]
        try:
            address = self._open(sda[0], sda[1:])
            rda, signature = address[:RDA_BYTES], address[RDA_BYTES:]
            root = self._open(rda[0], rda[1:])
        except (KeyError, PeerError):
            return DraftedAnswer.NO_KEY
        key = self.people.get(root)
        if key is None:
            return DraftedAnswer.NO_ROOT
        try:
            halves = (int.from_bytes(signature[:_HALF]), int.from_bytes(signature[_HALF:]))
            key.verify(encode_dss_signature(*halves), rda, _SCHEME)
        except InvalidSignature:
            return DraftedAnswer.FORGED
        self.store[root].append(ciphertext)
        return DraftedAnswer.STORED

    def _open(self, generation: int, box: bytes) -> bytes:
        return hpke.open_sealed(self.keys[generation].private_key(), _INFO, box)
