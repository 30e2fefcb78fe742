"""Double Ratchet with header encryption (Signal, revision 4 of the specification, §4), as pure
functions.

Theory. Two chains of message keys, one a direction. Each message key is used once and erased; each
turn of the conversation mixes a new Diffie-Hellman secret into the root, so a thief of today's
state reads neither yesterday's messages nor those after the next turn. A plain header would carry a
public key that links the messages of a turn; here the header is encrypted under a key that only the
two ends know, and a message is random bytes to everybody else.

::

    message   salt(16) ‖ sealed header(40 + 16) ‖ sealed body(n + 16)         88 bytes more than the body (SES-12)
    header    ratchet public key(32) ‖ previous chain's length(4) ‖ number(4)

    header    ChaCha20-Poly1305, key HK, nonce salt[:12], data AD
    body      ChaCha20-Poly1305, key HMAC(message key, label ‖ salt), nonce 0, data AD ‖ salt ‖ sealed header

Rules:

1. `encrypt` and `decrypt` take a state and return a new one; whatever raises has changed nothing
   (SES-16).
2. The salt is fresh for every message, so two copies of one state never use one key with one nonce
   (SES-14): a restored backup leaks nothing. Each body key is used once, hence the constant nonce.
3. One message skips at most 1,000 others (`LIMIT`). Keys of skipped messages are kept for at most 32
   receiving chains, 1,000 a chain and 2,000 in all; the oldest go first (SES-18, SES-19).
4. A message that no key opens is `FORGED`, one beyond the end of its chain too; a message number that was read before
   is `REPLAYED` where that can be told.
5. Key objects that are used again stay beside the state (`Loaded`): making one takes as long as using it. They are gone
   with the last state that has them, are never stored, and are no part of a state's value.
"""

import struct
from collections.abc import Mapping

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from communicator_impl.entropy import Entropy
from communicator_impl.errors import OwnError, PeerError
from communicator_impl.hpke import KeyPair, fresh_key_pair, public_key
from communicator_impl.kdf import hkdf, prf, prf_pair
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = [
    "MESSAGE_OVERHEAD",
    "RatchetState",
    "SharedSecrets",
    "SkippedChain",
    "decrypt",
    "encrypt",
    "start_initiator",
    "start_responder",
]

_P = PARAMETERS.session
MESSAGE_OVERHEAD = _P.overhead_bytes
_HEADER = struct.Struct(">32sII")
_NONCE_BYTES = 12
_ZERO_NONCE = bytes(_NONCE_BYTES)
_KEY = "ratchet.key"
_ROOT_INFO = _P.root_label.encode()
_MESSAGE_INFO = _P.message_label.encode() + b"\0"
_BODY_AT = _P.salt_bytes + _P.header_sealed_bytes


class SharedSecrets(msgspec.Struct, frozen=True):
    """What the key agreement gives both ends: a root key and the first two header keys."""

    root: bytes
    header_initiator: bytes
    header_responder: bytes


class SkippedChain(msgspec.Struct, frozen=True):
    """Message keys of one receiving chain that were passed over; the mapping is never changed."""

    header_key: bytes
    keys: Mapping[int, bytes]
    end: int = 0  # how many messages the chain has, once that is known; 0 while it goes on


class Loaded(msgspec.Struct, gc=False):
    """Key objects that states share until the next turn: the own ratchet key, the header ciphers of both directions."""

    own: X25519PrivateKey | None = None
    opening: ChaCha20Poly1305 | None = None
    sealing: ChaCha20Poly1305 | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Loaded)

    def __hash__(self) -> int:
        return 0


class RatchetState(msgspec.Struct, frozen=True):
    """One end's ratchet. Names follow Signal's specification: s for sending, r for receiving."""

    dhs: KeyPair
    dhr: bytes | None
    rk: bytes
    cks: bytes | None
    ckr: bytes | None
    hks: bytes | None
    hkr: bytes | None
    nhks: bytes
    nhkr: bytes
    ns: int = 0
    nr: int = 0
    pn: int = 0
    skipped: tuple[SkippedChain, ...] = ()  # the oldest chain first
    loaded: Loaded = msgspec.field(default_factory=Loaded)

    @property
    def can_send(self) -> bool:
        """Whether this end has a sending chain; the responder gets one with the first message."""
        return self.cks is not None


def start_initiator(shared: SharedSecrets, peer_key: bytes, entropy: Entropy) -> RatchetState:
    """Begin as the end that sends first, knowing the other's first ratchet key."""
    dhs, private = fresh_key_pair(entropy, _KEY)
    rk, cks, nhks = _step_root(shared.root, private, public_key(peer_key))
    hks, nhkr = shared.header_initiator, shared.header_responder
    return RatchetState(dhs, peer_key, rk, cks, None, hks, None, nhks, nhkr, loaded=Loaded(private))


def start_responder(shared: SharedSecrets, own: KeyPair) -> RatchetState:
    """Begin as the end that waits for the first message."""
    first, second = shared.header_responder, shared.header_initiator
    return RatchetState(own, None, shared.root, None, None, None, None, nhks=first, nhkr=second)


def encrypt(state: RatchetState, plaintext: bytes, associated: bytes, entropy: Entropy) -> tuple[RatchetState, bytes]:
    """Encrypt one message; store the new state before the message leaves (SES-15)."""
    if state.cks is None or state.hks is None:
        # SES-17
        raise OwnError(ErrorClass.REFUSED, "no sending chain before the first message arrives")
    cks, message_key = _step_chain(state.cks)
    salt = entropy.draw("ratchet.salt", _P.salt_bytes)  # SES-14
    header = _HEADER.pack(state.dhs.public, state.pn, state.ns)
    sealed = _sealing(state.loaded, state.hks).encrypt(salt[:_NONCE_BYTES], header, associated)
    cipher = ChaCha20Poly1305(prf(message_key, _MESSAGE_INFO + salt))
    body = cipher.encrypt(_ZERO_NONCE, plaintext, associated + salt + sealed)
    new = msgspec.structs.replace(state, cks=cks, ns=state.ns + 1)
    return new, salt + sealed + body


def decrypt(state: RatchetState, message: bytes, associated: bytes, entropy: Entropy) -> tuple[RatchetState, bytes]:
    """Decrypt one message and return the state after it.

    1. try the header keys of skipped chains, and the keys kept for them
    2. try the current receiving header key, then the next one
    3. under the next one: keep what is left of the old chain, then turn the ratchet
    4. keep the keys of messages passed over, step the chain
    5. open the body; only then is there a new state
    """
    if len(message) < MESSAGE_OVERHEAD:
        raise PeerError(ErrorClass.MALFORMED, "shorter than a ratchet message")
    found = _try_skipped(state, message, associated)  # 1
    if found is not None:
        return found
    header, following = _find_header(state, message, associated)  # 2
    turned = state
    if following is not None:
        turned = _turn(_ended(_skip(state, header[1])), header[0], following, entropy)  # 3
    number = header[2]
    if number < turned.nr:
        raise PeerError(ErrorClass.REPLAYED, "message was read, or its key dropped")  # SES-20
    passed = _skip(turned, number)  # 4
    if passed.ckr is None:
        raise OwnError(ErrorClass.MALFORMED, "receiving header key without a chain")
    ckr, message_key = _step_chain(passed.ckr)
    plaintext = _open_body(message_key, message, associated)  # 5
    return msgspec.structs.replace(passed, ckr=ckr, nr=number + 1), plaintext


def _step_root(rk: bytes, own: X25519PrivateKey, peer: X25519PublicKey) -> tuple[bytes, bytes, bytes]:
    """Mix a Diffie-Hellman secret into the root: new root, chain key, next header key (SES-13)."""
    try:
        agreed = own.exchange(peer)
    except ValueError as error:  # a point of small order
        raise PeerError(ErrorClass.MALFORMED, "ratchet key of small order") from error
    out = hkdf(rk, agreed, _ROOT_INFO, 96)
    return out[:32], out[32:64], out[64:]


def _step_chain(ck: bytes) -> tuple[bytes, bytes]:
    """Return the next chain key and this message's key."""
    return prf_pair(ck, b"\x02", b"\x01")


def _turn(state: RatchetState, peer_key: bytes, opening: ChaCha20Poly1305, entropy: Entropy) -> RatchetState:
    """Answer a new ratchet key of the peer with one of our own; `opening` is the cipher of the next header key."""
    peer = public_key(peer_key)
    rk, ckr, nhkr = _step_root(state.rk, state.loaded.own or state.dhs.private_key(), peer)
    dhs, private = fresh_key_pair(entropy, _KEY)
    rk, cks, nhks = _step_root(rk, private, peer)
    return RatchetState(
        dhs,
        peer_key,
        rk,
        cks,
        ckr,
        hks=state.nhks,
        hkr=state.nhkr,
        nhks=nhks,
        nhkr=nhkr,
        pn=state.ns,
        skipped=state.skipped,
        loaded=Loaded(private, opening),
    )


def _sealing(loaded: Loaded, hks: bytes) -> ChaCha20Poly1305:
    if loaded.sealing is None:
        loaded.sealing = ChaCha20Poly1305(hks)
    return loaded.sealing


def _opening(loaded: Loaded, hkr: bytes) -> ChaCha20Poly1305:
    if loaded.opening is None:
        loaded.opening = ChaCha20Poly1305(hkr)
    return loaded.opening


def _find_header(
    state: RatchetState, message: bytes, associated: bytes
) -> tuple[tuple[bytes, int, int], ChaCha20Poly1305 | None]:
    """Return the header, and the cipher of the next header key if it is that one which opens it.

    A peer that was written to since its last turn has probably turned: then the next one is tried first.
    """
    for is_next in (True, False) if state.ns else (False, True):
        if is_next:
            cipher = ChaCha20Poly1305(state.nhkr)
        elif state.hkr is not None:
            cipher = _opening(state.loaded, state.hkr)
        else:
            continue
        header = _open_header(cipher, message, associated)
        if header is not None:
            return header, cipher if is_next else None
    raise PeerError(ErrorClass.FORGED, "no header key opens this")


def _open_header(cipher: ChaCha20Poly1305, message: bytes, associated: bytes) -> tuple[bytes, int, int] | None:
    sealed = message[_P.salt_bytes : _BODY_AT]
    try:
        plain = cipher.decrypt(message[:_NONCE_BYTES], sealed, associated)
    except InvalidTag:
        return None
    peer_key, previous, number = _HEADER.unpack(plain)
    return peer_key, previous, number


def _open_body(message_key: bytes, message: bytes, associated: bytes) -> bytes:
    cipher = ChaCha20Poly1305(prf(message_key, _MESSAGE_INFO + message[: _P.salt_bytes]))
    try:
        return cipher.decrypt(_ZERO_NONCE, message[_BODY_AT:], associated + message[:_BODY_AT])
    except InvalidTag as error:
        raise PeerError(ErrorClass.FORGED, "body does not open") from error


def _try_skipped(state: RatchetState, message: bytes, associated: bytes) -> tuple[RatchetState, bytes] | None:
    for at, chain in enumerate(state.skipped):
        header = _open_header(ChaCha20Poly1305(chain.header_key), message, associated)
        if header is None:
            continue
        message_key = chain.keys.get(header[2])
        if message_key is None:
            if chain.header_key == state.hkr:  # the current chain goes on
                return None
            if header[2] >= chain.end:
                raise PeerError(ErrorClass.FORGED, "beyond the end of its chain")
            raise PeerError(ErrorClass.REPLAYED, "message was read, or its key dropped")  # SES-20
        plaintext = _open_body(message_key, message, associated)
        rest = {n: key for n, key in chain.keys.items() if n != header[2]}
        kept = (msgspec.structs.replace(chain, keys=rest),) if rest else ()
        skipped = state.skipped[:at] + kept + state.skipped[at + 1 :]
        return msgspec.structs.replace(state, skipped=skipped), plaintext
    return None


def _skip(state: RatchetState, until: int) -> RatchetState:
    """Keep the keys of messages before `until` in the current receiving chain."""
    if state.ckr is None or state.hkr is None or until <= state.nr:
        return state
    if until - state.nr > _P.skip_max:  # SES-18
        raise PeerError(ErrorClass.LIMIT, f"skips {until - state.nr} messages")
    ckr, fresh = state.ckr, {}
    for number in range(state.nr, until):
        ckr, fresh[number] = _step_chain(ckr)
    chains = state.skipped
    if chains and chains[-1].header_key == state.hkr:
        fresh, chains = {**chains[-1].keys, **fresh}, chains[:-1]
    skipped = _bounded((*chains, SkippedChain(state.hkr, fresh)))
    return msgspec.structs.replace(state, ckr=ckr, nr=until, skipped=skipped)


def _ended(state: RatchetState) -> RatchetState:
    """Note where the current receiving chain ends, if keys of it are kept."""
    if not state.skipped or state.skipped[-1].header_key != state.hkr:
        return state
    ended = msgspec.structs.replace(state.skipped[-1], end=state.nr)
    return msgspec.structs.replace(state, skipped=(*state.skipped[:-1], ended))


def _bounded(chains: tuple[SkippedChain, ...]) -> tuple[SkippedChain, ...]:
    """Drop the oldest keys beyond the limits on chains, on keys a chain and on keys in all (SES-19)."""
    kept: list[SkippedChain] = []
    room = _P.stored_keys_max
    for chain in reversed(chains[-_P.receiving_chains_max :]):
        most = min(room, _P.chain_keys_max)
        keys = chain.keys
        if len(keys) > most:
            keys = dict(sorted(keys.items())[len(keys) - most :])
        if keys:
            kept.append(msgspec.structs.replace(chain, keys=keys))
        room -= len(keys)
    return tuple(reversed(kept))
