"""Key agreement: one party holds the other's key package, and both get the same secrets.

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
    of suite 2      … ‖ secret(32)                                                                              208
    of a restart    8 zeros ‖ time(8) ‖ …                                                                       176
    sealed opening  key(32) ‖ sealed opening(176) ‖ tag(16)                                                     224
    of suite 2      key(1120) ‖ sealed opening(208) ‖ tag(16)                                                  1344

**Suite 2** has an X-Wing key as the prekey. The initiator draws a secret and sends it in the opening, so it is behind
ML-KEM; both ends mix it into what the three agreements give. The associated data names the package, too.

A **restart** is the same agreement between two ends that know each other, because one of them lost its state (chapter
12): the peer's agreement key stands for the prekey, the time for the package, and the label is another. In suite 2 a
key from the first agreement, which both ends keep, stands for the secret: there is no second ML-KEM key, and none is
needed.

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

from communicator_impl import hpke, xwing
from communicator_impl.entropy import Entropy
from communicator_impl.errors import PeerError
from communicator_impl.hpke import KeyPair
from communicator_impl.kdf import hkdf
from communicator_impl.keys import Identity, IdentityKey, KeyPackage, PackageSecret
from communicator_impl.ratchet import SharedSecrets
from communicator_impl.suite import Suite
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
    "sealed_bytes",
]

_S, _P, _H = PARAMETERS.suite, PARAMETERS.session, PARAMETERS.hybrid
_SECRETS_BYTES = 96
_LENGTHS = (_P.opening_bytes, _H.opening_bytes)
_RESTART_ZEROS = bytes(8)  # where a package's name begins otherwise
_ZERO_SALT = bytes(_S.hash_bytes)
_PREFIX = b"\xff" * _S.public_key_bytes  # keeps the input apart from an encoded X25519 key


class Opening(msgspec.Struct, frozen=True):
    """Who starts a session, with which of the responder's packages and which ephemeral key; `secret` in suite 2."""

    package_id: bytes
    initiator: IdentityKey
    ephemeral: bytes
    secret: bytes = b""

    @property
    def restart_s(self) -> int | None:
        """When this opening of a restart was made, in seconds; None for a session that begins with a package."""
        zeros, time = self.package_id[:8], self.package_id[8:]
        return int.from_bytes(time) if zeros == _RESTART_ZEROS else None

    def to_bytes(self) -> bytes:
        """Return the 176 bytes of the fixed layout, or 208."""
        return self.package_id + self.initiator.to_bytes() + self.ephemeral + self.secret

    @classmethod
    def from_bytes(cls, data: bytes) -> "Opening":
        """Read the fixed layout and check the identity's binding."""
        if len(data) not in _LENGTHS:
            raise PeerError(ErrorClass.MALFORMED, "opening length")
        begin, end = _P.package_id_bytes, _P.opening_bytes - _S.public_key_bytes
        ephemeral, secret = data[end : _P.opening_bytes], data[_P.opening_bytes :]
        return cls(data[:begin], IdentityKey.from_bytes(data[begin:end]), ephemeral, secret)


class Agreed(msgspec.Struct, frozen=True):
    """What both ends share after the agreement; `restart_key` in suite 2, for all restarts to come."""

    secrets: SharedSecrets
    associated: bytes
    restart_key: bytes = b""


def initiate(own: Identity, package: KeyPackage, now: int, entropy: Entropy) -> tuple[Agreed, Opening]:
    """Agree with the owner of a package, who need not be online, in the package's suite (EXT-5).

    1. check the package
    2. DH1 = (own identity, prekey), DH2 = (ephemeral, peer's identity), DH3 = (ephemeral, prekey)
    3. derive the secrets
    """
    package.check(now)  # 1
    ephemeral = KeyPair.generate(entropy, "agreement.ephemeral")
    secret = b"" if package.suite is Suite.CLASSICAL else entropy.draw("agreement.secret", _H.opening_secret_bytes)
    mine, passing = own.agreement.private_key(), ephemeral.private_key()  # 2
    peer, prekey = package.identity, package.agreement_key()
    shared = _agree(mine, prekey) + _agree(passing, peer.agree) + _agree(passing, prekey)
    opening = Opening(package.identifier(), own.public, ephemeral.public, secret)
    return _derive(shared + secret, own.public, peer, package), opening  # 3


def respond(own: Identity, secret: PackageSecret, opening: Opening) -> Agreed:
    """Agree with whoever sent this opening: the same three agreements from the other side."""
    if opening.package_id != secret.package.identifier():
        raise PeerError(ErrorClass.FORGED, "opening names another package")  # SES-25
    prekey, mine = secret.agreement_pair().private_key(), own.agreement.private_key()
    peer = opening.initiator
    shared = _agree(prekey, peer.agree) + _agree(mine, opening.ephemeral) + _agree(prekey, opening.ephemeral)
    return _derive(shared + opening.secret, peer, own.public, secret.package)


def initiate_restart(
    own: Identity, peer: IdentityKey, now: int, entropy: Entropy, restart_key: bytes = b""
) -> tuple[Agreed, Opening]:
    """Agree anew with a peer that is known: its agreement key stands for the prekey (PORT-19)."""
    ephemeral = KeyPair.generate(entropy, "agreement.ephemeral")
    mine, passing = own.agreement.private_key(), ephemeral.private_key()
    shared = _agree(mine, peer.agree) + 2 * _agree(passing, peer.agree)
    opening = Opening(_RESTART_ZEROS + now.to_bytes(8), own.public, ephemeral.public)
    return _derive_restart(shared, own.public, peer, restart_key), opening


def respond_restart(own: Identity, opening: Opening, restart_key: bytes = b"") -> Agreed:
    """Agree with the peer that sent this opening of a restart: the same agreements from the other side."""
    mine, peer = own.agreement.private_key(), opening.initiator
    shared = _agree(mine, peer.agree) + 2 * _agree(mine, opening.ephemeral)
    return _derive_restart(shared, peer, own.public, restart_key)


def seal_opening(opening: Opening, prekey: bytes, message: bytes, entropy: Entropy, restart_key: bytes = b"") -> bytes:
    """Seal an opening to the prekey for the one message that follows it (SES-9)."""
    plain = opening.to_bytes()
    if len(prekey) == _H.public_key_bytes:
        return xwing.seal(prekey, _bound(message, Suite.HYBRID), plain, entropy, "opening.seal")
    info = _bound(message, _suite_of(restart_key), restart_key)
    return hpke.seal(hpke.public_key(prekey), info, plain, entropy, "opening.seal")


def open_opening(prekey: KeyPair, sealed: bytes, message: bytes, restart_key: bytes = b"") -> Opening:
    """Open what `seal_opening` made for this message."""
    if len(prekey.public) == _H.public_key_bytes:
        return Opening.from_bytes(xwing.open_sealed(prekey.secret, _bound(message, Suite.HYBRID), sealed))
    info = _bound(message, _suite_of(restart_key), restart_key)
    return Opening.from_bytes(hpke.open_sealed(prekey.private_key(), info, sealed))


def sealed_bytes(prekey: bytes) -> int:
    """Return how long an opening is that is sealed to a prekey of one or the other suite."""
    return _H.opening_sealed_bytes if len(prekey) == _H.public_key_bytes else _P.opening_sealed_bytes


def _bound(message: bytes, suite: Suite = Suite.CLASSICAL, restart_key: bytes = b"") -> bytes:
    """Return what a seal is bound to; without the restart key nobody opens that of a restart in suite 2 (PORT-28)."""
    digest = hashlib.sha256(message).digest()
    known = hashlib.sha256(restart_key).digest() if restart_key else b""
    return _label(_P.opening_label, suite) + digest + known


def _label(name: str, suite: Suite) -> bytes:
    return name.encode() + b"\0" + suite.to_bytes(2)


def _suite_of(restart_key: bytes) -> Suite:
    return Suite.HYBRID if restart_key else Suite.CLASSICAL


def _agree(own: X25519PrivateKey, peer: bytes) -> bytes:
    try:
        return own.exchange(hpke.public_key(peer))
    except ValueError as error:  # a point of small order
        raise PeerError(ErrorClass.FORGED, "agreement key of small order") from error


def _derive(shared: bytes, initiator: IdentityKey, responder: IdentityKey, package: KeyPackage) -> Agreed:
    """Derive what a session begins with; in suite 2 also a key for restarts, and AD that names the package (SES-30)."""
    hybrid = package.suite is Suite.HYBRID
    label = _label(_P.agreement_label, package.suite)
    out = hkdf(_ZERO_SALT, _PREFIX + shared, label, _SECRETS_BYTES + hybrid * _H.restart_key_bytes)
    names = initiator.to_bytes() + responder.to_bytes() + (package.digest() if hybrid else b"")
    return Agreed(_secrets(out), hashlib.sha256(label + names).digest(), out[_SECRETS_BYTES:])  # SES-8


def _derive_restart(shared: bytes, initiator: IdentityKey, responder: IdentityKey, restart_key: bytes) -> Agreed:
    """Derive what a restart begins with, in the suite of the relationship (PORT-28, EXT-4)."""
    label = _label(PARAMETERS.resync.label, _suite_of(restart_key))
    out = hkdf(_ZERO_SALT, _PREFIX + shared + restart_key, label, _SECRETS_BYTES)
    associated = hashlib.sha256(label + initiator.to_bytes() + responder.to_bytes()).digest()
    return Agreed(_secrets(out), associated, restart_key)


def _secrets(out: bytes) -> SharedSecrets:
    return SharedSecrets(out[:32], out[32:64], out[64:_SECRETS_BYTES])
