"""Sessions as bytes, for a device's own storage: deterministic CBOR, one encoding for one state.

Theory. State must be durable before a byte leaves the device (SES-15), so encoding it is part of
sending: it is kept cheap by packing the stored message keys into one byte string a chain instead of
thousands of items. About 600 bytes and 5 µs for a session without skipped messages; 72 kB at the
limit of 2,000 stored keys. A session of suite 2 has one item more, the restart key, and until the
first reply a prekey of 1,216 bytes.

Rules:

1. `session_to_bytes` and `session_from_bytes` are inverse; a byte string of length 0 stands for an
   absent value.
2. Stored bytes that do not decode are our own fault: `OwnError`, never a guess at a state.
3. The bytes hold secret keys. They belong into encrypted storage and never into an export.
"""

from collections.abc import Mapping

from communicator_impl import wire
from communicator_impl.agreement import Opening
from communicator_impl.errors import OwnError, PeerError
from communicator_impl.hpke import KeyPair
from communicator_impl.keys import IdentityKey
from communicator_impl.ratchet import RatchetState, SkippedChain
from communicator_impl.session import Session
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["ratchet_from_bytes", "ratchet_to_bytes", "session_from_bytes", "session_to_bytes"]

_P = PARAMETERS.session
_VERSIONS = {2: 8, 3: 9}  # of suite 1 and of suite 2, with the number of items
_KEY = 32
_ROW = 4 + _KEY
_RATCHET_ITEMS = 14
_PREKEYS = (_KEY, PARAMETERS.hybrid.public_key_bytes)
_OPENINGS = (_P.opening_bytes, PARAMETERS.hybrid.opening_bytes)
_BYTES_MAX = 1 << 18
_U32 = 0xFFFF_FFFF


def ratchet_to_bytes(state: RatchetState) -> bytes:
    """Encode a ratchet state."""
    return wire.encode(_ratchet_to_wire(state))


def ratchet_from_bytes(data: bytes) -> RatchetState:
    """Read what `ratchet_to_bytes` wrote."""
    try:
        return _ratchet_from_wire(wire.decode(data, _BYTES_MAX))
    except PeerError as error:
        raise OwnError(ErrorClass.MALFORMED, "stored ratchet state") from error


def session_to_bytes(session: Session) -> bytes:
    """Encode a session."""
    own, key = session.own_prekey, session.restart_key
    return wire.encode(
        [
            3 if key else 2,
            _ratchet_to_wire(session.ratchet),
            session.associated,
            session.peer.to_bytes(),
            session.opening.to_bytes() if session.opening else b"",
            session.peer_prekey or b"",
            own.secret if own else b"",
            own.public if own else b"",
            *([key] if key else ()),
        ]
    )


def session_from_bytes(data: bytes) -> Session:
    """Read what `session_to_bytes` wrote."""
    try:
        items = wire.array(wire.decode(data, _BYTES_MAX), max(_VERSIONS.values()))
        if not items or _VERSIONS.get(wire.uint(items[0])) != len(items):
            raise wire.wrong("unknown version of stored sessions")
        opening = wire.octets(items[4])
        return Session(
            _ratchet_from_wire(items[1]),
            wire.octets(items[2], _KEY),
            _identity(wire.octets(items[3])),
            _opening(opening) if opening else None,
            _prekey(items[5]),
            _pair(items[6], items[7]),
            wire.octets(items[8], _KEY) if len(items) > 8 else b"",
        )
    except PeerError as error:
        raise OwnError(ErrorClass.MALFORMED, "stored session") from error


def _ratchet_to_wire(s: RatchetState) -> list[object]:
    keys = (s.dhs.secret, s.dhs.public, s.dhr, s.rk, s.cks, s.ckr, s.hks, s.hkr, s.nhks, s.nhkr)
    chains = [[c.header_key, _pack(c.keys), c.end] for c in s.skipped]
    return [*(key or b"" for key in keys), s.ns, s.nr, s.pn, chains]


def _ratchet_from_wire(value: object) -> RatchetState:
    items = wire.array(value, _RATCHET_ITEMS, size=_RATCHET_ITEMS)
    secret, public, rk = (wire.octets(items[at], _KEY) for at in (0, 1, 3))
    nhks, nhkr = (wire.octets(items[at], _KEY) for at in (8, 9))
    dhr, cks, ckr, hks, hkr = (_optional(items[at]) for at in (2, 4, 5, 6, 7))
    ns, nr, pn = (wire.uint(items[at], _U32) for at in (10, 11, 12))
    chains = tuple(_chain(c) for c in wire.array(items[13], _P.receiving_chains_max))
    dhs = KeyPair(secret, public)
    return RatchetState(dhs, dhr, rk, cks, ckr, hks, hkr, nhks, nhkr, ns, nr, pn, chains)


def _pack(keys: Mapping[int, bytes]) -> bytes:
    return b"".join(n.to_bytes(4) + key for n, key in sorted(keys.items()))


def _chain(value: object) -> SkippedChain:
    header_key, packed, end = wire.array(value, 3, size=3)
    rows = wire.octets(packed)
    if len(rows) % _ROW:
        raise wire.wrong("stored message keys")
    starts = range(0, len(rows), _ROW)
    keys = {int.from_bytes(rows[at : at + 4]): rows[at + 4 : at + _ROW] for at in starts}
    if _pack(keys) != rows:
        raise wire.wrong("stored message keys out of order")
    return SkippedChain(wire.octets(header_key, _KEY), keys, wire.uint(end, _U32))


def _optional(value: object) -> bytes | None:
    return wire.octets(value, _KEY) if value != b"" else None


def _prekey(value: object) -> bytes | None:
    key = wire.octets(value)
    if key and len(key) not in _PREKEYS:
        raise wire.wrong("stored prekey")
    return key or None


def _pair(secret: object, public: object) -> KeyPair | None:
    own, shown = _optional(secret), _prekey(public)
    if own is None or shown is None:
        if own is not None or shown is not None:
            raise wire.wrong("half of a stored key pair")
        return None
    return KeyPair(own, shown)


def _identity(data: bytes) -> IdentityKey:
    """Read an identity without checking its binding again: it was checked when it came in."""
    if len(data) != 2 * _KEY + PARAMETERS.suite.signature_bytes:
        raise wire.wrong("stored identity")
    return IdentityKey(data[:_KEY], data[_KEY : 2 * _KEY], data[2 * _KEY :])


def _opening(data: bytes) -> Opening:
    if len(data) not in _OPENINGS:
        raise wire.wrong("stored opening")
    begin, end, rest = _P.package_id_bytes, _P.opening_bytes - _KEY, _P.opening_bytes
    return Opening(data[:begin], _identity(data[begin:end]), data[end:rest], data[rest:])
