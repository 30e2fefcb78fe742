"""Address profile two-layer/1: the recipient seals and signs, the sender seals again.

Theory. The recipient seals its root, an index and a date to the service's inner key, and signs that
with a key that only this relationship uses; the service can then tell that the recipient handed
this address out. The sender seals the whole to the service's outer key, afresh for each message,
and binds it to the ciphertext beside it; nobody but the service can tell that two addresses belong
together. One address is good for one message: the service keeps a bitmap of spent indices for each
root until they have expired, so neither a replay nor a second sealing of one RDAS passes.

::

    recipient                     correspondent                    receiving service
    issue(root, i, date) ──RDAS──▶ diversify(RDAS, ciphertext) ──SDA──▶ resolve ──▶ spend

Rules:

1. Signatures are Ed25519, one key for each relationship: no key can be recovered from a signature,
   and none is shared between relationships (T1; ADDR-7, ADDR-8).
2. `resolve` changes nothing; `spend` does, together with storing the message. Both refuse a spent
   index.
3. `resolve` checks in the order of ADDR-15, cheapest first where the order is free; its error class
   stays inside the service.
"""

import struct
from collections.abc import Iterable
from typing import NamedTuple

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from communicator_impl import hpke
from communicator_impl.addresses.config import ServiceConfig
from communicator_impl.addresses.schedule import KeySchedule
from communicator_impl.addresses.values import (
    Profile,
    Rda,
    Rdas,
    Root,
    Sda,
    SealingKey,
    access_key,
    ciphertext_digest,
    hours_of,
    rdas,
    root,
    sda,
    seal_info,
    seconds_of,
)
from communicator_impl.entropy import Entropy
from communicator_impl.errors import InputError, PeerError
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = [
    "OpenedAddress",
    "SpentBlock",
    "TwoLayerRegistration",
    "TwoLayerResolution",
    "TwoLayerRoot",
    "TwoLayerTable",
    "diversify",
    "open_address",
]

_P = PARAMETERS.address
_INNER = struct.Struct(f">{_P.root_bytes}sII")
_SIGNED = _P.signature_label.encode() + b"\0"
_BLOCK_BITS = 8


class TwoLayerRegistration(msgspec.Struct, frozen=True):
    """What a recipient registers at a receiving service: a root and the key that signs its addresses."""

    root: Root
    verify_key: bytes


class TwoLayerRoot(msgspec.Struct, frozen=True):
    """The recipient's half of one root: 16 random bytes and an Ed25519 seed, for one relationship."""

    root: Root
    signing_seed: bytes

    @classmethod
    def generate(cls, entropy: Entropy) -> "TwoLayerRoot":
        """Draw a root for one relationship at one receiving service (ADDR-5)."""
        seed = entropy.draw("two-layer.signing", PARAMETERS.suite.secret_key_bytes)
        return cls(root(entropy.draw("two-layer.root", _P.root_bytes)), seed)

    def registration(self) -> TwoLayerRegistration:
        """Return the public half."""
        key = Ed25519PrivateKey.from_private_bytes(self.signing_seed).public_key()
        return TwoLayerRegistration(self.root, key.public_bytes_raw())

    def access_key(self) -> bytes:
        """Derive what shows a service that one made this root; it tells nothing about the signing key (SVC-11)."""
        return access_key(self.signing_seed)

    def issue(
        self, config: ServiceConfig, indices: range, valid_until_s: int, now: int, entropy: Entropy
    ) -> tuple[Rdas, ...]:
        """Issue one signed address for each index; the caller never uses an index twice (ADDR-10)."""
        if indices and not 0 <= indices[0] <= indices[-1] <= _P.index_max:  # ADDR-34
            raise InputError(ErrorClass.LIMIT, "address index out of range")
        if valid_until_s - now > _P.lifetime_long_term_s_max:  # ADDR-29
            raise InputError(ErrorClass.LIMIT, "address lifetime")
        key = config.inner_for(now, valid_until_s)  # ADDR-9
        recipient, hours = hpke.public_key(key.public), hours_of(valid_until_s)
        info = seal_info(_P.inner_label, Profile.TWO_LAYER, key.number, config.uri)
        signer = Ed25519PrivateKey.from_private_bytes(self.signing_seed)
        out = []
        for index in indices:
            plain = _INNER.pack(self.root, index, hours)
            box = hpke.seal(recipient, info, plain, entropy, "two-layer.inner")
            rda = Rda(bytes([key.number]) + box)
            out.append(Rdas(rda + signer.sign(_SIGNED + rda)))
        return tuple(out)


def diversify(address: Rdas, key: SealingKey, ciphertext: bytes, entropy: Entropy) -> Sda:
    """Seal an address afresh for the one message whose ciphertext is given (ADDR-11, ADDR-12).

    What has not the length of an RDAS is `MALFORMED` (ADDR-7): sealed, it would be an address that no service takes.
    """
    bound = ciphertext_digest(ciphertext)
    info = seal_info(_P.outer_label, Profile.TWO_LAYER, key.generation, key.uri, bound)
    box = hpke.seal(hpke.public_key(key.public), info, rdas(address), entropy, "two-layer.outer")
    return Sda(bytes([key.generation]) + box)


class SpentBlock(msgspec.Struct, frozen=True):
    """Spent indices of one root, 256 a block; bit k stands for index 256 · block + k."""

    block: int
    bits: int
    erase_at_s: int  # when all spent addresses of the block have expired


class TwoLayerResolution(msgspec.Struct, frozen=True):
    """What an address resolved to; nothing is spent yet."""

    root: Root
    index: int
    valid_until_s: int


class OpenedAddress(NamedTuple):
    """What is inside an address: what it says, and the bytes that the root's owner signed; nothing is checked yet."""

    resolution: TwoLayerResolution
    signed: Rdas


class _Held(msgspec.Struct):
    """One registered root; the only mutable record here."""

    verify_key: Ed25519PublicKey
    spent: dict[int, SpentBlock]


class TwoLayerTable:
    """A receiving service's roots of this profile with their spent indices."""

    def __init__(self) -> None:
        self._roots: dict[Root, _Held] = {}

    def register(self, entry: TwoLayerRegistration, spent: Iterable[SpentBlock] = ()) -> None:
        """Add a root, or restore one from storage with its spent blocks; a repetition changes nothing."""
        if len(entry.verify_key) != PARAMETERS.suite.public_key_bytes:
            raise PeerError(ErrorClass.MALFORMED, "verification key length")
        known = self._roots.get(entry.root)
        if known is not None:
            if known.verify_key.public_bytes_raw() != entry.verify_key:
                raise PeerError(ErrorClass.REFUSED, "root is registered already")  # RECV-6
            return
        key = Ed25519PublicKey.from_public_bytes(entry.verify_key)
        self._roots[entry.root] = _Held(key, {b.block: b for b in spent})

    def revoke(self, of: Root) -> None:
        """Forget a root: its addresses are unknown from now on."""
        self._roots.pop(of, None)

    def resolve(self, address: Sda, ciphertext: bytes, schedule: KeySchedule, now: int) -> TwoLayerResolution:
        """Find what an address stands for, or say why not; changes nothing (ADDR-15).

        1. open the outer layer, bound to the ciphertext: `MALFORMED`, `UNKNOWN`, `FORGED`
        2. open the inner layer: `UNKNOWN`, `FORGED`
        3. find the root: `UNKNOWN`
        4. verify the signature with that root's key: `FORGED`
        5. check the date: `EXPIRED`
        6. check that the index is unspent: `REPLAYED`
        """
        return self.admit(open_address(address, ciphertext, schedule, now), now)  # 1, 2

    def admit(self, opened: "OpenedAddress", now: int) -> TwoLayerResolution:
        """Take steps 3 to 6 for an address that was opened before: a host with a database loads its root in between."""
        found, signed = opened.resolution, opened.signed
        held = self._roots.get(found.root)  # 3
        if held is None:
            raise PeerError(ErrorClass.UNKNOWN, "no such root")
        try:  # 4
            held.verify_key.verify(signed[_P.rda_bytes :], _SIGNED + signed[: _P.rda_bytes])  # ADDR-7
        except InvalidSignature as error:
            raise PeerError(ErrorClass.FORGED, "address signature") from error
        if now >= found.valid_until_s:  # 5, ADDR-16
            raise PeerError(ErrorClass.EXPIRED, "address date")
        self._check_unspent(held, found)  # 6, ADDR-17
        return found

    def spend(self, found: TwoLayerResolution) -> SpentBlock:
        """Mark an index as spent and return the changed block, to be stored with the message."""
        held = self._roots.get(found.root)
        if held is None:
            raise PeerError(ErrorClass.UNKNOWN, "root was revoked")
        self._check_unspent(held, found)
        number, bit = found.index >> _BLOCK_BITS, 1 << (found.index & ((1 << _BLOCK_BITS) - 1))
        old = held.spent.get(number, SpentBlock(number, 0, 0))
        new = SpentBlock(number, old.bits | bit, max(old.erase_at_s, found.valid_until_s))
        held.spent[number] = new
        return new

    def erase(self, now: int) -> None:
        """Drop the blocks whose spent addresses have all expired: the date refuses those."""
        for held in self._roots.values():
            held.spent = {n: b for n, b in held.spent.items() if now < b.erase_at_s}

    @staticmethod
    def _check_unspent(held: _Held, found: TwoLayerResolution) -> None:
        block = held.spent.get(found.index >> _BLOCK_BITS)
        if block and block.bits >> (found.index & ((1 << _BLOCK_BITS) - 1)) & 1:
            raise PeerError(ErrorClass.REPLAYED, "address was spent")


def open_address(address: Sda, ciphertext: bytes, schedule: KeySchedule, now: int) -> OpenedAddress:
    """Open both layers of an address: steps 1 and 2 of `TwoLayerTable.resolve`."""
    signed = _open_outer(address, ciphertext, schedule, now)
    return OpenedAddress(_open_inner(Rda(signed[: _P.rda_bytes]), schedule, now), signed)


def _open_outer(address: Sda, ciphertext: bytes, schedule: KeySchedule, now: int) -> Rdas:
    generation = sda(address)[0]
    bound = ciphertext_digest(ciphertext)
    info = seal_info(_P.outer_label, Profile.TWO_LAYER, generation, schedule.uri, bound)
    return rdas(schedule.open_outer(generation, info, address[1:], now))


def _open_inner(address: Rda, schedule: KeySchedule, now: int) -> TwoLayerResolution:
    generation = address[0]
    info = seal_info(_P.inner_label, Profile.TWO_LAYER, generation, schedule.uri)
    plain = schedule.open_inner(generation, info, address[1:], now)
    found, index, hours = _INNER.unpack(plain)
    return TwoLayerResolution(root(found), index, seconds_of(hours))
