"""Key agreement of suite 1: one party holds the other's key package, and both get the same secrets.

Theory. The shape of X3DH: three Diffie-Hellman agreements between (identity, ephemeral) of the
initiator and (identity, prekey) of the responder. Two of them authenticate one end each, the third
gives forward secrecy. The associated data names both identities, so a session cannot be presented
as one between other people.

The **opening** tells the responder who calls and with which ephemeral key. It goes with every
message until the first reply, because any of them may be the first to arrive. In clear it would be
equal bytes in each of them; so it is sealed anew to the prekey for every message, and bound to the
message that it travels with.

::

    opening         package id(16) ‖ signing key(32) ‖ agreement key(32) ‖ binding(64) ‖ ephemeral key(32)      176
    of a restart    8 zeros ‖ time(8) ‖ …                                                                       176
    sealed opening  key(32) ‖ sealed opening(176) ‖ tag(16)                                                     224

A **restart** is the same agreement between two ends that know each other, because one of them lost its state (chapter
12): the peer's agreement key stands for the prekey, the time for the package, and the label is another.

Rules:

1. The initiator checks the package before use; the responder checks the binding in the opening
   (SES-2, SES-7).
2. The responder's answer depends on nothing that a stranger could try out: whatever is wrong is
   `FORGED`.
3. Functions here keep no state; `session` strings them together.
"""

import hashlib

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from communicator_impl import hpke
from communicator_impl.entropy import Entropy
from communicator_impl.errors import PeerError
from communicator_impl.hpke import KeyPair
from communicator_impl.kdf import hkdf
from communicator_impl.keys import Identity, IdentityKey, KeyPackage, PackageSecret
from communicator_impl.ratchet import SharedSecrets
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = [
    "Agreed",
    "Opening",
    "initiate",
    "initiate_restart",
    "open_opening",
    "respond",
    "respond_restart",
    "seal_opening",
]

_S, _P = PARAMETERS.suite, PARAMETERS.session
_LABEL = _P.agreement_label.encode() + b"\0" + _S.number.to_bytes(2)
_RESTART_LABEL = PARAMETERS.resync.label.encode() + b"\0" + _S.number.to_bytes(2)
_RESTART_ZEROS = bytes(8)  # where a package's name begins otherwise
_ZERO_SALT = bytes(_S.hash_bytes)
_PREFIX = b"\xff" * _S.public_key_bytes  # keeps the input apart from an encoded X25519 key


class Opening(msgspec.Struct, frozen=True):
    """Who starts a session, with which of the responder's packages and which ephemeral key."""

    package_id: bytes
    initiator: IdentityKey
    ephemeral: bytes

    @property
    def restart_s(self) -> int | None:
        """When this opening of a restart was made, in seconds; None for a session that begins with a package."""
        zeros, time = self.package_id[:8], self.package_id[8:]
        return int.from_bytes(time) if zeros == _RESTART_ZEROS else None

    def to_bytes(self) -> bytes:
        """Return the 176 bytes of the fixed layout."""
        return self.package_id + self.initiator.to_bytes() + self.ephemeral

    @classmethod
    def from_bytes(cls, data: bytes) -> "Opening":
        """Read the fixed layout and check the identity's binding."""
        if len(data) != _P.opening_bytes:
            raise PeerError(ErrorClass.MALFORMED, "opening length")
        begin, end = _P.package_id_bytes, _P.opening_bytes - _S.public_key_bytes
        return cls(data[:begin], IdentityKey.from_bytes(data[begin:end]), data[end:])


class Agreed(msgspec.Struct, frozen=True):
    """What both ends share after the agreement."""

    secrets: SharedSecrets
    associated: bytes


def initiate(own: Identity, package: KeyPackage, now: int, entropy: Entropy) -> tuple[Agreed, Opening]:
    """Agree with the owner of a package, who need not be online.

    1. check the package
    2. DH1 = (own identity, prekey), DH2 = (ephemeral, peer's identity), DH3 = (ephemeral, prekey)
    3. derive the secrets
    """
    package.check(now)  # 1
    ephemeral = KeyPair.generate(entropy, "agreement.ephemeral")
    mine, passing = own.agreement.private_key(), ephemeral.private_key()  # 2
    peer = package.identity
    shared = _agree(mine, package.prekey) + _agree(passing, peer.agree) + _agree(passing, package.prekey)
    opening = Opening(package.identifier(), own.public, ephemeral.public)
    return _derive(shared, own.public, peer), opening  # 3


def respond(own: Identity, secret: PackageSecret, opening: Opening) -> Agreed:
    """Agree with whoever sent this opening: the same three agreements from the other side."""
    if opening.package_id != secret.package.identifier():
        raise PeerError(ErrorClass.FORGED, "opening names another package")  # SES-25
    prekey, mine = secret.prekey.private_key(), own.agreement.private_key()
    peer = opening.initiator
    shared = _agree(prekey, peer.agree) + _agree(mine, opening.ephemeral) + _agree(prekey, opening.ephemeral)
    return _derive(shared, peer, own.public)


def initiate_restart(own: Identity, peer: IdentityKey, now: int, entropy: Entropy) -> tuple[Agreed, Opening]:
    """Agree anew with a peer that is known: its agreement key stands for the prekey (PORT-19)."""
    ephemeral = KeyPair.generate(entropy, "agreement.ephemeral")
    mine, passing = own.agreement.private_key(), ephemeral.private_key()
    shared = _agree(mine, peer.agree) + 2 * _agree(passing, peer.agree)
    opening = Opening(_RESTART_ZEROS + now.to_bytes(8), own.public, ephemeral.public)
    return _derive(shared, own.public, peer, _RESTART_LABEL), opening


def respond_restart(own: Identity, opening: Opening) -> Agreed:
    """Agree with the peer that sent this opening of a restart: the same agreements from the other side."""
    mine, peer = own.agreement.private_key(), opening.initiator
    shared = _agree(mine, peer.agree) + 2 * _agree(mine, opening.ephemeral)
    return _derive(shared, peer, own.public, _RESTART_LABEL)


def seal_opening(opening: Opening, prekey: bytes, message: bytes, entropy: Entropy) -> bytes:
    """Seal an opening to the prekey for the one message that follows it (SES-9)."""
    plain = opening.to_bytes()
    return hpke.seal(hpke.public_key(prekey), _bound(message), plain, entropy, "opening.seal")


def open_opening(prekey: X25519PrivateKey, sealed: bytes, message: bytes) -> Opening:
    """Open what `seal_opening` made for this message."""
    return Opening.from_bytes(hpke.open_sealed(prekey, _bound(message), sealed))


def _bound(message: bytes) -> bytes:
    digest = hashlib.sha256(message).digest()
    return _P.opening_label.encode() + b"\0" + _S.number.to_bytes(2) + digest


def _agree(own: X25519PrivateKey, peer: bytes) -> bytes:
    try:
        return own.exchange(hpke.public_key(peer))
    except ValueError as error:  # a point of small order
        raise PeerError(ErrorClass.FORGED, "agreement key of small order") from error


def _derive(shared: bytes, initiator: IdentityKey, responder: IdentityKey, label: bytes = _LABEL) -> Agreed:
    out = hkdf(_ZERO_SALT, _PREFIX + shared, label, 96)
    names = initiator.to_bytes() + responder.to_bytes()
    associated = hashlib.sha256(label + names).digest()  # SES-8
    return Agreed(SharedSecrets(out[:32], out[32:64], out[64:]), associated)
