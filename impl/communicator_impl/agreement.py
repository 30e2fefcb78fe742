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
    begun again     8 zeros ‖ time(8) ‖ …, in suite 2 with a secret                                             176, 208
    sealed opening  key(32) ‖ sealed opening(176) ‖ tag(16)                                                     224
    of suite 2      key(1120) ‖ sealed opening(208) ‖ tag(16)                                                  1344

**Suite 2** has an X-Wing key as the prekey. The initiator draws a secret and sends it in the opening, so it is behind
ML-KEM; both ends mix it into what the three agreements give. The associated data names the package, too.

A **restart** is the same agreement between two ends that know each other, because one of them lost its state (chapter
12): the peer's agreement key stands for the prekey, the time for the package, and the label is another. In suite 2 a
key from the first agreement, which both ends keep, stands for the secret: there is no second ML-KEM key, and none is
needed.

Before the first reply the responder may have no session that a restart could be of. The initiator then begins **again**
with the package: the same agreement as the first time, with the time in the opening in place of the package's name.

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
from communicator_impl.keys import Identity, IdentityKey, KeyPackage, PackageSecret, agreement_part
from communicator_impl.ratchet import SharedSecrets
from communicator_impl.suite import Suite
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = [
    "Agreed",
    "Opening",
    "initiate",
    "initiate_again",
    "initiate_restart",
    "open_opening",
    "respond",
    "respond_again",
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
    shared, opening = _begin(own, package.identity, package.prekey, package.identifier(), entropy)  # 2
    return _derive(shared, own.public, package.identity, package), opening  # 3


def initiate_again(
    own: Identity, peer: IdentityKey, prekey: bytes, associated: bytes, made_s: int, entropy: Entropy
) -> tuple[Agreed, Opening]:
    """Agree once more with the owner of a package who has not answered; AD is that of the first time (PORT-30)."""
    shared, opening = _begin(own, peer, prekey, _RESTART_ZEROS + made_s.to_bytes(8), entropy)
    return _derived(shared, associated, _suite_of_prekey(prekey)), opening


def respond(own: Identity, secret: PackageSecret, opening: Opening) -> Agreed:
    """Agree with whoever sent this opening: the same three agreements from the other side."""
    is_again = opening.restart_s is not None  # PORT-31
    if opening.package_id != secret.package.identifier() and not is_again:
        raise PeerError(ErrorClass.FORGED, "opening names another package")  # SES-25
    shared, peer = _answer(own, secret.prekey, opening), opening.initiator
    return _derive(shared + opening.secret, peer, own.public, secret.package)


def respond_again(own: Identity, prekey: KeyPair, opening: Opening, associated: bytes) -> Agreed:
    """Agree with the initiator of a session who begins again with its package (PORT-31)."""
    shared = _answer(own, prekey, opening)
    return _derived(shared + opening.secret, associated, _suite_of_prekey(prekey.public))


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


def _begin(own: Identity, peer: IdentityKey, prekey: bytes, name: bytes, entropy: Entropy) -> tuple[bytes, Opening]:
    """Return what three agreements with a prekey give the initiator, with the secret of suite 2, and the opening."""
    ephemeral = KeyPair.generate(entropy, "agreement.ephemeral")
    is_hybrid = _suite_of_prekey(prekey) is Suite.HYBRID
    secret = entropy.draw("agreement.secret", _H.opening_secret_bytes) if is_hybrid else b""
    mine, passing, theirs = own.agreement.private_key(), ephemeral.private_key(), prekey[-_S.public_key_bytes :]
    shared = _agree(mine, theirs) + _agree(passing, peer.agree) + _agree(passing, theirs)
    return shared + secret, Opening(name, own.public, ephemeral.public, secret)


def _answer(own: Identity, pair: KeyPair, opening: Opening) -> bytes:
    """Return what the same three agreements give the responder."""
    prekey, mine, peer = agreement_part(pair).private_key(), own.agreement.private_key(), opening.initiator
    return _agree(prekey, peer.agree) + _agree(mine, opening.ephemeral) + _agree(prekey, opening.ephemeral)


def _bound(message: bytes, suite: Suite = Suite.CLASSICAL, restart_key: bytes = b"") -> bytes:
    """Return what a seal is bound to; without the restart key nobody opens that of a restart in suite 2 (PORT-28)."""
    digest = hashlib.sha256(message).digest()
    known = hashlib.sha256(restart_key).digest() if restart_key else b""
    return _label(_P.opening_label, suite) + digest + known


def _label(name: str, suite: Suite) -> bytes:
    return name.encode() + b"\0" + suite.to_bytes(2)


def _suite_of(restart_key: bytes) -> Suite:
    return Suite.HYBRID if restart_key else Suite.CLASSICAL


def _suite_of_prekey(prekey: bytes) -> Suite:
    return Suite.HYBRID if len(prekey) == _H.public_key_bytes else Suite.CLASSICAL


def _agree(own: X25519PrivateKey, peer: bytes) -> bytes:
    try:
        return own.exchange(hpke.public_key(peer))
    except ValueError as error:  # a point of small order
        raise PeerError(ErrorClass.FORGED, "agreement key of small order") from error


def _derive(shared: bytes, initiator: IdentityKey, responder: IdentityKey, package: KeyPackage) -> Agreed:
    """Derive what a session begins with; AD names both ends, in suite 2 the package too (SES-30)."""
    hybrid, label = package.suite is Suite.HYBRID, _label(_P.agreement_label, package.suite)
    names = initiator.to_bytes() + responder.to_bytes() + (package.digest() if hybrid else b"")
    return _derived(shared, hashlib.sha256(label + names).digest(), package.suite)  # SES-8


def _derived(shared: bytes, associated: bytes, suite: Suite) -> Agreed:
    """Derive the secrets, and in suite 2 a key for restarts."""
    label = _label(_P.agreement_label, suite)
    out = hkdf(_ZERO_SALT, _PREFIX + shared, label, _SECRETS_BYTES + (suite is Suite.HYBRID) * _H.restart_key_bytes)
    return Agreed(_secrets(out), associated, out[_SECRETS_BYTES:])


def _derive_restart(shared: bytes, initiator: IdentityKey, responder: IdentityKey, restart_key: bytes) -> Agreed:
    """Derive what a restart begins with, in the suite of the relationship (PORT-28, EXT-4)."""
    label = _label(PARAMETERS.resync.label, _suite_of(restart_key))
    out = hkdf(_ZERO_SALT, _PREFIX + shared + restart_key, label, _SECRETS_BYTES)
    associated = hashlib.sha256(label + initiator.to_bytes() + responder.to_bytes()).digest()
    return Agreed(_secrets(out), associated, restart_key)


def _secrets(out: bytes) -> SharedSecrets:
    return SharedSecrets(out[:32], out[32:64], out[64:_SECRETS_BYTES])
