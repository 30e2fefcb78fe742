"""What a Particle is made of, and how each kind of field is written to disk.

Theory. A Particle has forty fields of a dozen shapes. Each shape has one pair of functions here, to and from the plain
values that CBOR carries; the record itself is then a table. Mappings become lists of rows in their own order, because
that order is part of the state.

Rules:

1. Reading is strict: a row that is not exactly what writing makes raises, and the caller turns that into `OwnError`.
2. Absent values are empty byte strings, −1 is written as 0: CBOR here has neither null nor negative numbers.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from communicator_impl import wire
from communicator_impl.addresses import EpochKey, LabelGrant, LabelRoot, Rdas, Root, TwoLayerRoot
from communicator_impl.addresses.values import epoch_key, rdas, root
from communicator_impl.body import Received, WireSet
from communicator_impl.errors import PeerError
from communicator_impl.hpke import KeyPair
from communicator_impl.keys import Identity, IdentityKey, KeyPackage, PackageSecret
from communicator_impl.session import Session
from communicator_impl.session_state import session_from_bytes, session_to_bytes
from communicator_spec import ErrorClass, Grant

__all__ = [
    "FLAG",
    "GRANTS",
    "IDENTITY",
    "INBOX",
    "INVITATION",
    "LOSSES",
    "NEVER",
    "NUMBER",
    "NUMBERS",
    "NUMBER_BY_NAME",
    "NUMBER_BY_NUMBER",
    "NUMBER_SET",
    "OUTBOX",
    "PEER",
    "PENDING",
    "PLACE",
    "ROOTS",
    "SECRETS",
    "SEEN",
    "SESSION",
    "Codec",
    "Delivered",
    "IssueGrant",
    "MayBeLost",
    "OwnRoot",
    "Queued",
    "RegisterRoot",
    "Request",
    "RevokeRoot",
    "Secret",
    "Setting",
    "without_revoked",
]

NEVER: Final = 1 << 62
"""A date that never comes."""

_ROWS_MAX: Final = 1 << 20
_BYTES_MAX: Final = 1 << 20

OwnRoot = LabelRoot | TwoLayerRoot
Secret = EpochKey | tuple[Rdas, ...]


class Setting(NamedTuple):
    """The services that one person uses now, in order of preference; any number of each (ROLE-2)."""

    receiving: tuple[int, ...]
    sending: tuple[int, ...]


class RegisterRoot(NamedTuple):
    """To a receiving service: here is a root; `verify_key` in two-layer/1 only.

    `access_key` shows the service, in this request and in all later ones about the root, whose it is (SVC-11).
    """

    service: int
    root: Root
    verify_key: bytes | None
    access_key: bytes


class IssueGrant(NamedTuple):
    """To a receiving service: these labels resolve from now on."""

    service: int
    grant: LabelGrant
    access_key: bytes


class RevokeRoot(NamedTuple):
    """To a receiving service: forget this root."""

    service: int
    root: Root
    access_key: bytes


Request = RegisterRoot | IssueGrant | RevokeRoot


class Queued(msgspec.Struct, frozen=True):
    """A message in the outbox; `service` is where the last transmission went, −1: nowhere yet."""

    content: bytes
    accepted_ms: int
    due_ms: int
    attempts: int = 0
    service: int = -1


class Delivered(msgspec.Struct, frozen=True):
    """A message for the application; `number` is the sender's and names it within the relationship."""

    number: int
    content: bytes


class MayBeLost(msgspec.Struct, frozen=True):
    """What the application is told after a device was restored from a backup (PORT-25).

    Of the own messages, those in `numbers` (ranges, both ends included) did not arrive and are not sent again, and any
    from `own` on may be lost; of the peer's, any from `peer` on.
    """

    own: int
    peer: int
    numbers: tuple[tuple[int, int], ...] = ()


class Codec(NamedTuple):
    """How one kind of field is written and read."""

    write: Callable[[Any], object]
    read: Callable[[object], Any]


def _rows(value: object, size: int) -> Iterable[list[object]]:
    return (wire.array(row, size, size=size) for row in wire.array(value, _ROWS_MAX))


def _uints(row: Iterable[object]) -> tuple[int, ...]:
    return tuple(wire.uint(item) for item in row)


def _grant(row: list[object]) -> Grant:
    service, serial, until_ms, capacity = _uints((row[0], row[1], row[3], row[4]))
    return Grant(service, serial, wire.boolean(row[2]), until_ms, capacity)


def _read_number_by_number(value: object) -> dict[int, int]:
    return {wire.uint(key): wire.uint(number) for key, number in _rows(value, 2)}


def _read_number_by_name(value: object) -> dict[tuple[int, int], int]:
    return {(wire.uint(a), wire.uint(b)): wire.uint(number) for a, b, number in _rows(value, 3)}


def _write_outbox(outbox: dict[int, Queued]) -> object:
    return [[n, e.content, e.accepted_ms, e.due_ms, e.attempts, e.service + 1] for n, e in outbox.items()]


def _read_outbox(value: object) -> dict[int, Queued]:
    found = {}
    for row in _rows(value, 6):
        number, accepted_ms, due_ms, attempts, service = _uints((row[0], *row[2:]))
        found[number] = Queued(wire.octets(row[1]), accepted_ms, due_ms, attempts, service - 1)
    return found


def _write_identity(identity: Identity | None) -> object:
    if identity is None:
        return []
    pair = identity.agreement
    return [identity.signing_seed, pair.secret, pair.public, identity.public.to_bytes()]


def _read_identity(value: object) -> Identity | None:
    row = wire.array(value, 4)
    if not row:
        return None
    seed, secret, public, key = (wire.octets(item) for item in wire.array(row, 4, size=4))
    return Identity(seed, KeyPair(secret, public), IdentityKey.from_bytes(key))


def _write_invitation(invitation: PackageSecret | None) -> object:
    if invitation is None:
        return []
    package, pair = invitation.package, invitation.prekey
    return [package.encode(), package.not_before_s, pair.secret, pair.public]


def _read_invitation(value: object) -> PackageSecret | None:
    row = wire.array(value, 4)
    if not row:
        return None
    package, not_before_s, secret, public = wire.array(row, 4, size=4)
    decoded = KeyPackage.decode(wire.octets(package), wire.uint(not_before_s))
    return PackageSecret(decoded, KeyPair(wire.octets(secret), wire.octets(public)))


def _write_roots(roots: dict[int, OwnRoot]) -> object:
    rows: list[object] = []
    for service, own in roots.items():
        secret = own.secret if isinstance(own, LabelRoot) else own.signing_seed
        rows.append([service, isinstance(own, LabelRoot), own.root, secret])
    return rows


def _read_roots(value: object) -> dict[int, OwnRoot]:
    roots: dict[int, OwnRoot] = {}
    for service, label, name, secret in _rows(value, 4):
        kind = LabelRoot if wire.boolean(label) else TwoLayerRoot
        roots[wire.uint(service)] = kind(root(wire.octets(name)), wire.octets(secret))
    return roots


def _write_secrets(secrets: dict[tuple[int, int], Secret]) -> object:
    return [[*name, list(s) if isinstance(s, tuple) else s] for name, s in secrets.items()]


def _read_secret(value: object) -> Secret:
    if type(value) is bytes:
        return epoch_key(value)
    return tuple(rdas(wire.octets(item)) for item in wire.array(value, _ROWS_MAX))


def _read_secrets(value: object) -> dict[tuple[int, int], Secret]:
    return {(wire.uint(a), wire.uint(b)): _read_secret(secret) for a, b, secret in _rows(value, 3)}


def _write_peer(peer: WireSet | None) -> object:
    return b"" if peer is None else wire.encode(peer.to_wire())


def _read_peer(value: object) -> WireSet | None:
    data = wire.octets(value)
    return WireSet.from_wire(wire.decode(data, _BYTES_MAX)) if data else None


def _read_session(value: object) -> Session | None:
    data = wire.octets(value)
    return session_from_bytes(data) if data else None


def _read_losses(value: object) -> tuple[MayBeLost, ...]:
    found = []
    for own, peer, numbers in _rows(value, 3):
        pairs = tuple((wire.uint(a), wire.uint(b)) for a, b in _rows(numbers, 2))
        found.append(MayBeLost(wire.uint(own), wire.uint(peer), pairs))
    return tuple(found)


def without_revoked(pending: tuple[Request, ...], requests: Sequence[Request]) -> tuple[Request, ...]:
    """Drop what a revocation makes pointless: repeated after it, a grant would name a root that is gone."""
    revoked = {request.root for request in requests if isinstance(request, RevokeRoot)}
    return tuple(request for request in pending if _root_of(request) not in revoked) if revoked else pending


def _root_of(request: Request) -> Root:
    return request.grant.root if isinstance(request, IssueGrant) else request.root


def _write_request(request: Request) -> object:
    if isinstance(request, RegisterRoot):
        return [0, request.service, request.root, request.access_key, request.verify_key or b""]
    if isinstance(request, RevokeRoot):
        return [1, request.service, request.root, request.access_key]
    g = request.grant
    return [2, request.service, g.root, request.access_key, g.epoch, g.key, g.valid_until_s, g.capacity, g.lanes]


def _read_request(value: object) -> Request:
    kind, service, name, key, *rest = wire.array(value, 9)
    place, of, shown = wire.uint(service), root(wire.octets(name)), wire.octets(key)
    if kind == 0:
        return RegisterRoot(place, of, wire.octets(rest[0]) or None, shown)
    if kind == 1:
        return RevokeRoot(place, of, shown)
    if kind != 2 or len(rest) != 5:
        raise PeerError(ErrorClass.MALFORMED, "stored request")
    epoch, until_s, capacity, lanes = _uints((rest[0], *rest[2:]))
    return IssueGrant(place, LabelGrant(of, epoch, epoch_key(wire.octets(rest[1])), until_s, capacity, lanes), shown)


NUMBER = Codec(int, wire.uint)
PLACE = Codec(lambda service: service + 1, lambda value: wire.uint(value) - 1)
FLAG = Codec(bool, wire.boolean)
NUMBERS = Codec(list, lambda value: _uints(wire.array(value, _ROWS_MAX)))
NUMBER_SET = Codec(sorted, lambda value: set(_uints(wire.array(value, _ROWS_MAX))))
NUMBER_BY_NUMBER = Codec(lambda d: [[k, v] for k, v in d.items()], _read_number_by_number)
NUMBER_BY_NAME = Codec(lambda d: [[*k, v] for k, v in d.items()], _read_number_by_name)
GRANTS = Codec(lambda grants: [list(g) for g in grants], lambda v: tuple(_grant(row) for row in _rows(v, 5)))
OUTBOX = Codec(_write_outbox, _read_outbox)
IDENTITY = Codec(_write_identity, _read_identity)
INVITATION = Codec(_write_invitation, _read_invitation)
ROOTS = Codec(_write_roots, _read_roots)
SECRETS = Codec(_write_secrets, _read_secrets)
PEER = Codec(_write_peer, _read_peer)
SESSION = Codec(lambda session: session_to_bytes(session) if session else b"", _read_session)
INBOX = Codec(
    lambda inbox: [[m.number, m.content] for m in inbox],
    lambda value: tuple(Delivered(wire.uint(n), wire.octets(c)) for n, c in _rows(value, 2)),
)
SEEN = Codec(lambda seen: seen.to_wire(), Received.from_wire)
LOSSES = Codec(lambda losses: [[m.own, m.peer, [list(pair) for pair in m.numbers]] for m in losses], _read_losses)
PENDING = Codec(
    lambda requests: [_write_request(r) for r in requests],
    lambda value: tuple(_read_request(row) for row in wire.array(value, _ROWS_MAX)),
)
