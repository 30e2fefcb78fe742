"""A session: what one end of a relationship uses to turn bodies into ciphertexts of one length, and
back.

Theory. Between the ratchet, which takes any bytes, and the application stands padding: every
ciphertext has the length of a class, by default the only one, so that a receipt looks like a
message and a first message like any other (ENV-9). The initiator's messages carry a sealed opening
until the first reply arrives; the body then has 224 bytes less room.

::

    ordinary   ratchet message                          2,800 = 88 + 2 + body + zeros      body ≤ 2,710
    first      sealed opening(224) ‖ ratchet message    2,800 = 224 + 88 + 2 + body + zeros   body ≤ 2,486
    of suite 2 sealed opening(1344) ‖ ratchet message   2,800 = 1,344 + 88 + 2 + body + zeros body ≤ 1,366

Rules:

1. Sessions are frozen values. `seal` and `open_message` return the next one; whatever raises has
   changed nothing.
2. Bytes never repeat: each call of `seal` makes new ones, for the same body too (SES-9, SES-14).
3. The responder keeps the prekey only until the first message without an opening: from then on the
   initiator has seen a reply, and what is still under way is sent again as an ordinary message
   (SES-11).
4. A session is of the suite with which its relationship began; a restart stays in it, because the restart key says so
   (EXT-4). Before the first reply it begins again with the package, and the package says so (PORT-30).
"""

from collections.abc import Iterable

import msgspec

from communicator_impl import ratchet
from communicator_impl.agreement import (
    Opening,
    initiate,
    initiate_again,
    initiate_restart,
    open_opening,
    respond,
    respond_again,
    respond_restart,
    seal_opening,
    sealed_bytes,
)
from communicator_impl.entropy import Entropy
from communicator_impl.errors import InputError, PeerError
from communicator_impl.hpke import KeyPair
from communicator_impl.keys import Identity, IdentityKey, KeyPackage, PackageSecret, agreement_part, make_package
from communicator_impl.ratchet import RatchetState
from communicator_impl.suite import Suite
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = [
    "Session",
    "accept",
    "accept_anew",
    "accept_restart",
    "again",
    "open_message",
    "pair",
    "restart",
    "room",
    "seal",
    "start",
]

_P, _R = PARAMETERS.session, PARAMETERS.resync
_CLASSES = tuple(sorted(PARAMETERS.envelope.ciphertext_classes_bytes))
_PREFIX = _P.length_prefix_bytes
_KEY = PARAMETERS.suite.public_key_bytes
_PAIRING_LIFETIME_S = 3600


class Session(msgspec.Struct, frozen=True):
    """One end of one relationship's session."""

    ratchet: RatchetState
    associated: bytes
    peer: IdentityKey
    opening: Opening | None = None  # the initiator's until the first reply, the responder's copy
    peer_prekey: bytes | None = None  # initiator, until the first reply
    own_prekey: KeyPair | None = None  # responder, until the first message without an opening
    restart_key: bytes = b""  # suite 2 only: of the first agreement, for all restarts

    @property
    def suite(self) -> Suite:
        """The suite of the relationship."""
        return Suite.HYBRID if self.restart_key else Suite.CLASSICAL

    @property
    def awaits_reply(self) -> bool:
        """Whether this end started the session and has heard nothing yet."""
        return self.peer_prekey is not None

    @property
    def restart_s(self) -> int:
        """When the opening of this session was made, if it began anew, in seconds; else 0."""
        return (self.opening.restart_s or 0) if self.opening is not None else 0

    @property
    def of_package(self) -> bool:
        """Whether this end began with a package, and has heard nothing yet: the peer may have no session."""
        return self.peer_prekey is not None and self.peer_prekey != self.peer.agree


def room(session: Session) -> int:
    """Return how many bytes a body may have now."""
    return _CLASSES[-1] - _overhead(session)


def start(own: Identity, package: KeyPackage, now: int, entropy: Entropy) -> Session:
    """Start a session with the owner of a package; `seal` makes its first messages."""
    agreed, opening = initiate(own, package, now, entropy)
    state = ratchet.start_initiator(agreed.secrets, package.agreement_key(), entropy)
    begun = Session(state, agreed.associated, package.identity, opening, package.prekey)
    return msgspec.structs.replace(begun, restart_key=agreed.restart_key)


def accept(
    own: Identity,
    outstanding: Iterable[PackageSecret],
    ciphertext: bytes,
    now: int,
    entropy: Entropy,
) -> tuple[Session, bytes, PackageSecret]:
    """Answer a first message: the session, its body, and the package that was used (SES-6).

    Tries each outstanding package, 80 µs each; the caller keeps few of them for one root.
    """
    for secret in outstanding:
        sealed, message = _split(ciphertext, secret.package.prekey)
        if now >= secret.package.not_after_s + _P.package_grace_s:  # SES-10
            continue
        try:
            opening = open_opening(secret.prekey, sealed, message)  # EXT-4: in the suite of the package, and no other
        except PeerError as error:
            if error.error_class is ErrorClass.FORGED:
                continue
            raise
        if opening.restart_s is not None:  # PORT-31
            _check_restart(opening, opening.initiator, now, 0, of_package=True)
        agreed = respond(own, secret, opening)
        state = ratchet.start_responder(agreed.secrets, secret.agreement_pair())
        state, plain = ratchet.decrypt(state, message, agreed.associated, entropy)
        session = Session(state, agreed.associated, opening.initiator, opening, None, secret.prekey, agreed.restart_key)
        return session, _unpad(plain), secret
    _check_size(ciphertext)
    raise PeerError(ErrorClass.FORGED, "no outstanding package opens this")


def restart(own: Identity, peer: IdentityKey, now: int, entropy: Entropy, restart_key: bytes = b"") -> Session:
    """Start a session anew with a known peer, because this end lost its state (PORT-19).

    `restart_key` is that of the session before: it decides the suite.
    """
    agreed, opening = initiate_restart(own, peer, now, entropy, restart_key)
    state = ratchet.start_initiator(agreed.secrets, peer.agree, entropy)
    return Session(state, agreed.associated, peer, opening, peer.agree, restart_key=restart_key)


def again(own: Identity, session: Session, made_s: int, entropy: Entropy) -> Session:
    """Start anew with the package of a session that has had no reply (PORT-30)."""
    assert session.peer_prekey is not None
    prekey = session.peer_prekey
    agreed, opening = initiate_again(own, session.peer, prekey, session.associated, made_s, entropy)
    state = ratchet.start_initiator(agreed.secrets, prekey[-_KEY:], entropy)
    return Session(state, session.associated, session.peer, opening, prekey, restart_key=agreed.restart_key)


def accept_anew(
    own: Identity, session: Session, ciphertext: bytes, now: int, newest_s: int, entropy: Entropy
) -> tuple[Session, bytes]:
    """Answer the peer of a session that starts anew, in either way (PORT-19, PORT-31); raises as `accept_restart`."""
    try:
        return accept_restart(own, session.peer, ciphertext, now, newest_s, entropy, session.restart_key)
    except PeerError as error:
        prekey = session.own_prekey
        if error.error_class is not ErrorClass.FORGED or prekey is None or prekey == own.agreement:
            raise
    sealed, message = _split(ciphertext, prekey.public)
    opening = open_opening(prekey, sealed, message)
    _check_restart(opening, session.peer, now, newest_s, of_package=True)
    agreed = respond_again(own, prekey, opening, session.associated)
    state = ratchet.start_responder(agreed.secrets, agreement_part(prekey))
    state, plain = ratchet.decrypt(state, message, agreed.associated, entropy)
    begun = Session(state, agreed.associated, session.peer, opening, None, prekey, agreed.restart_key)
    return begun, _unpad(plain)


def accept_restart(
    own: Identity,
    peer: IdentityKey,
    ciphertext: bytes,
    now: int,
    newest_s: int,
    entropy: Entropy,
    restart_key: bytes = b"",
) -> tuple[Session, bytes]:
    """Answer a peer that starts anew; `newest_s` is the time of the latest opening adopted before (PORT-20).

    `FORGED`: not an opening of this peer's restart; `REPLAYED`: not later than the one before; `EXPIRED`: more than a
    day from now.
    """
    sealed, message = _split(ciphertext, own.agreement.public)
    opening = open_opening(own.agreement, sealed, message, restart_key)
    _check_restart(opening, peer, now, newest_s)
    agreed = respond_restart(own, opening, restart_key)
    state = ratchet.start_responder(agreed.secrets, own.agreement)
    state, plain = ratchet.decrypt(state, message, agreed.associated, entropy)
    begun = Session(state, agreed.associated, peer, opening, None, own.agreement, restart_key)
    return begun, _unpad(plain)


def seal(session: Session, body: bytes, entropy: Entropy) -> tuple[Session, bytes]:
    """Turn a body into a ciphertext of one class; store the new session before sending (SES-15)."""
    padded = _pad(body, _overhead(session))
    state, message = ratchet.encrypt(session.ratchet, padded, session.associated, entropy)
    if session.opening is not None and session.peer_prekey is not None:
        sealed = seal_opening(session.opening, session.peer_prekey, message, entropy, session.restart_key)
        message = sealed + message
    return msgspec.structs.replace(session, ratchet=state), message


def open_message(session: Session, ciphertext: bytes, entropy: Entropy) -> tuple[Session, bytes]:
    """Turn a ciphertext into its body and the session after it."""
    _check_size(ciphertext)
    try:
        state, plain = ratchet.decrypt(session.ratchet, ciphertext, session.associated, entropy)
    except PeerError as error:
        if session.own_prekey is None or error.error_class is not ErrorClass.FORGED:
            raise
        return _open_first(session, session.own_prekey, ciphertext, entropy)
    body = _unpad(plain)
    return Session(state, session.associated, session.peer, restart_key=session.restart_key), body  # SES-11


def pair(now: int, entropy_a: Entropy, entropy_b: Entropy) -> tuple[Session, Session]:
    """Establish a session between two people who meet: both may send at once.

    Built from what a start from afar is built from: b shows a package, a answers with an opening and an empty first
    ratchet message, b reads it. Nothing of it passes a service.
    """
    a, b = Identity.generate(entropy_a), Identity.generate(entropy_b)
    secret = make_package(b, now, _PAIRING_LIFETIME_S, entropy_b)
    begun = start(a, secret.package, now, entropy_a)
    begun, first = seal(begun, b"", entropy_a)
    answered, _, _ = accept(b, [secret], first, now, entropy_b)
    return (
        Session(begun.ratchet, begun.associated, begun.peer),
        Session(answered.ratchet, answered.associated, answered.peer),
    )


def _check_restart(opening: Opening, peer: IdentityKey, now: int, newest_s: int, *, of_package: bool = False) -> None:
    """Check whose opening it is, and its time; one that is sealed to a prekey is good for as long as that is."""
    made_s = opening.restart_s
    if made_s is None or opening.initiator != peer:
        raise PeerError(ErrorClass.FORGED, "no restart of this peer")
    if made_s <= newest_s:  # PORT-20
        raise PeerError(ErrorClass.REPLAYED, "an opening that is not later than one adopted before")
    if abs(made_s - now) > _R.clock_skew_s and not (of_package and made_s < now):
        raise PeerError(ErrorClass.EXPIRED, "an opening of another day")


def _open_first(session: Session, prekey: KeyPair, ciphertext: bytes, entropy: Entropy) -> tuple[Session, bytes]:
    """Open a further message of an initiator who has not seen a reply yet."""
    sealed, message = _split(ciphertext, prekey.public)
    if open_opening(prekey, sealed, message, session.restart_key) != session.opening:
        raise PeerError(ErrorClass.FORGED, "opening of another session")
    state, plain = ratchet.decrypt(session.ratchet, message, session.associated, entropy)
    return msgspec.structs.replace(session, ratchet=state), _unpad(plain)


def _split(ciphertext: bytes, prekey: bytes) -> tuple[bytes, bytes]:
    _check_size(ciphertext)
    n = sealed_bytes(prekey)
    return ciphertext[:n], ciphertext[n:]


def _check_size(ciphertext: bytes) -> None:
    if len(ciphertext) not in _CLASSES:  # ENV-9
        raise PeerError(ErrorClass.MALFORMED, "ciphertext of no size class")


def _overhead(session: Session) -> int:
    first = 0 if session.peer_prekey is None else sealed_bytes(session.peer_prekey)
    return first + ratchet.MESSAGE_OVERHEAD + _PREFIX


def _pad(body: bytes, overhead: int) -> bytes:
    """Length(2) ‖ body ‖ zeros, up to the smallest class that fits (ENV-16)."""
    for size in _CLASSES:
        if len(body) <= size - overhead:
            return len(body).to_bytes(_PREFIX) + body + bytes(size - overhead - len(body))
    raise InputError(ErrorClass.TOO_LARGE, f"body of {len(body)} bytes")  # ENV-11


def _unpad(padded: bytes) -> bytes:
    n = int.from_bytes(padded[:_PREFIX])
    body, rest = padded[_PREFIX : _PREFIX + n], padded[_PREFIX + n :]
    if len(padded) < _PREFIX + n or any(rest):
        raise PeerError(ErrorClass.MALFORMED, "padding")  # ENV-10
    return body
