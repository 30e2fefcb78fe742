"""Identities and key packages: who signs, who agrees, and what starts a session.

Theory. An identity is two keys with one owner: Ed25519 to sign and X25519 to agree. The signing key
signs the agreement key, so nobody can pair his agreement key with another's name. Each relationship
has an identity of its own; two correspondents who compare notes find nothing in common (SES-1). A
key package is an identity with a fresh prekey and dates, signed; whoever holds it can start a
session without its owner being online. The prekey is an X25519 key in suite 1, one of X-Wing in suite 2.

Rules:

1. Every signature covers a label, so that no signature of one kind serves as one of another (SES-3).
2. A package is checked as a whole before any field is used: encoding, suite, both signatures, dates
   (SES-4, SES-5).
3. A package is for one session, unless it says that it may be used again (SES-6).
4. An identity makes packages of one suite only (EXT-6): whoever makes a second one knows the first.
"""

import hashlib

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from communicator_impl import wire, xwing
from communicator_impl.addresses.values import round_up_to_hour
from communicator_impl.entropy import Entropy
from communicator_impl.errors import InputError, PeerError
from communicator_impl.hpke import KeyPair
from communicator_impl.suite import Suite
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["Identity", "IdentityKey", "KeyPackage", "PackageSecret", "agreement_part", "make_package"]

_S, _P = PARAMETERS.suite, PARAMETERS.session
_FIELDS = frozenset(range(10))
_PREKEY_BYTES = {Suite.CLASSICAL: _S.public_key_bytes, Suite.HYBRID: PARAMETERS.hybrid.public_key_bytes}
_PACKAGE_BYTES_MAX = PARAMETERS.directory.contact_bytes_max


class IdentityKey(msgspec.Struct, frozen=True):
    """The public identity of one end of one relationship: 128 bytes."""

    sign: bytes
    agree: bytes
    binding: bytes

    def verify(self, label: str, message: bytes, signature: bytes) -> None:
        """Check a signature of this identity; raises `FORGED`."""
        try:
            key = Ed25519PublicKey.from_public_bytes(self.sign)
            key.verify(signature, label.encode() + b"\0" + message)
        except (InvalidSignature, ValueError) as error:
            raise PeerError(ErrorClass.FORGED, f"signature: {label}") from error

    def check(self) -> None:
        """Check that the signing key vouches for the agreement key (SES-2)."""
        self.verify(_P.binding_label, self.agree, self.binding)

    def to_bytes(self) -> bytes:
        """Return sign(32) ‖ agree(32) ‖ binding(64)."""
        return self.sign + self.agree + self.binding

    @classmethod
    def from_bytes(cls, data: bytes) -> "IdentityKey":
        """Read 128 bytes and check the binding."""
        n = _S.public_key_bytes
        if len(data) != 2 * n + _S.signature_bytes:
            raise PeerError(ErrorClass.MALFORMED, "identity length")
        key = cls(data[:n], data[n : 2 * n], data[2 * n :])
        key.check()
        return key


class Identity(msgspec.Struct, frozen=True):
    """The secret identity of one end of one relationship."""

    signing_seed: bytes
    agreement: KeyPair
    public: IdentityKey

    @classmethod
    def generate(cls, entropy: Entropy) -> "Identity":
        """Draw an identity for one relationship."""
        seed = entropy.draw("identity.sign", _S.secret_key_bytes)
        pair = KeyPair.generate(entropy, "identity.agree")
        signer = Ed25519PrivateKey.from_private_bytes(seed)
        binding = signer.sign(_P.binding_label.encode() + b"\0" + pair.public)
        public = IdentityKey(signer.public_key().public_bytes_raw(), pair.public, binding)
        return cls(seed, pair, public)

    def sign(self, label: str, message: bytes) -> bytes:
        """Sign label ‖ 0 ‖ message."""
        signer = Ed25519PrivateKey.from_private_bytes(self.signing_seed)
        return signer.sign(label.encode() + b"\0" + message)


class KeyPackage(msgspec.Struct, frozen=True):
    """What a directory vends, or a code shows, to let someone start a session."""

    identity: IdentityKey
    prekey: bytes
    not_before_s: int
    not_after_s: int
    reusable: bool
    signature: bytes
    suite: Suite = Suite.CLASSICAL

    def encode(self) -> bytes:
        """Return the one encoding of this package."""
        return wire.encode({**self._signed_fields(), 9: self.signature})

    def digest(self) -> bytes:
        """Return the SHA-256 of the encoding."""
        return hashlib.sha256(self.encode()).digest()

    def identifier(self) -> bytes:
        """Return the 16 bytes that name this package."""
        return self.digest()[: _P.package_id_bytes]

    def agreement_key(self) -> bytes:
        """Return the X25519 key of the prekey, which takes part in the agreement."""
        return self.prekey[-_S.public_key_bytes :]

    def check(self, now: int) -> None:
        """Check both signatures and the dates: `FORGED`, `EXPIRED`."""
        self.identity.check()  # SES-2
        signed = wire.encode(self._signed_fields())
        self.identity.verify(_P.package_label, signed, self.signature)  # SES-4
        lifetime_s = self.not_after_s - self.not_before_s
        if not 0 < lifetime_s <= _P.package_lifetime_s_max:
            raise PeerError(ErrorClass.MALFORMED, "package lifetime")  # SES-22
        if not self.not_before_s <= now < self.not_after_s:  # SES-5
            raise PeerError(ErrorClass.EXPIRED, "package dates")

    @classmethod
    def decode(cls, data: bytes, now: int) -> "KeyPackage":
        """Read and check a package."""
        f = wire.fields(wire.decode(data, _PACKAGE_BYTES_MAX), _FIELDS)
        number = wire.uint(f[1])
        if wire.uint(f[0]) != _P.version or number not in _PREKEY_BYTES:
            raise wire.wrong("unknown package version or suite")  # ENV-5
        suite = Suite(number)
        key, signature = _S.public_key_bytes, _S.signature_bytes
        identity = IdentityKey(wire.octets(f[2], key), wire.octets(f[3], key), wire.octets(f[4], signature))
        prekey, begin, end = wire.octets(f[5], _PREKEY_BYTES[suite]), wire.uint(f[6]), wire.uint(f[7])
        package = cls(identity, prekey, begin, end, wire.boolean(f[8]), wire.octets(f[9], signature), suite)
        if suite is Suite.HYBRID:
            xwing.check_public(prekey)  # SES-29
        package.check(now)
        return package

    def _signed_fields(self) -> dict[int, object]:
        i = self.identity
        return {
            0: _P.version,
            1: int(self.suite),
            2: i.sign,
            3: i.agree,
            4: i.binding,
            5: self.prekey,
            6: self.not_before_s,
            7: self.not_after_s,
            8: self.reusable,
        }


class PackageSecret(msgspec.Struct, frozen=True):
    """What the owner keeps of a package that he gave out; erased once the package is used or ends."""

    package: KeyPackage
    prekey: KeyPair

    def agreement_pair(self) -> KeyPair:
        """Return the X25519 key pair of the prekey: the whole of it, or its part."""
        return agreement_part(self.prekey)


def agreement_part(prekey: KeyPair) -> KeyPair:
    """Return the part of a prekey that takes part in the agreement: all of it, or the X25519 key of suite 2."""
    return prekey if len(prekey.public) == _S.public_key_bytes else xwing.agreement_pair(prekey)


def make_package(
    identity: Identity,
    now: int,
    lifetime_s: int,
    entropy: Entropy,
    reusable: bool = False,
    suite: Suite = Suite.CLASSICAL,
) -> PackageSecret:
    """Make a package with a fresh prekey; its dates are whole hours around [now, now + lifetime]."""
    draw = xwing.generate if suite is Suite.HYBRID else KeyPair.generate
    prekey = draw(entropy, "package.prekey")
    begin, end = round_up_to_hour(now - 3599), round_up_to_hour(now + lifetime_s)
    if not 0 < end - begin <= _P.package_lifetime_s_max:
        raise InputError(ErrorClass.LIMIT, "package lifetime")
    draft = KeyPackage(identity.public, prekey.public, begin, end, reusable, b"", suite)
    signature = identity.sign(_P.package_label, wire.encode(draft._signed_fields()))
    return PackageSecret(msgspec.structs.replace(draft, signature=signature), prekey)
