"""What owners of roots do at a receiving service, by their access keys and nothing else.

Theory. Nobody logs in, and a root's name opens nothing: whoever shows the access key with which a root was registered
is its owner. The service keeps the SHA-256 of the key, so that a stolen disk opens no store; and it finds the root by
that digest, so that there is no name beside the key which could be guessed. A person has as many keys as roots, and
nothing says that two belong together.

::

    access key ──SHA-256──▶ Owner ──root──▶ ReceivingService (RootRecord)

Rules:

1. An unknown key is `FORGED` whatever it asks, and a wish to forget succeeds: nothing tells what exists (SVC-12).
2. Registering again with the same values, revoking and confirming may be repeated with the same effect as once (SVC-7).
3. An owner's last use is kept by the day: enough to forget who is gone, and a fetch does not write each time (RECV-9).
4. What a notice allows is stored before the notice is given, so that a crash makes no device ring twice (RECV-13).
5. If the storage raises, throw this and the core away and build both anew. Between two writes a crash leaves a root
   without an owner, which registering again mends, or an owner without a root, which revoking again mends.
"""

import hashlib
import hmac
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from communicator_impl import wire
from communicator_impl.addresses import EpochKey, LabelGrant, Profile, Root
from communicator_impl.addresses.values import root as checked_root
from communicator_impl.envelope import Delivery
from communicator_impl.errors import OwnError, PeerError
from communicator_impl.latency import NO_NOTICE, Latency, Notice, tellable_ms
from communicator_impl.receiving_service import ReceivingService
from communicator_impl.root_record import Item, delivery_of
from communicator_impl.storage import Storage
from communicator_spec import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["EpochRegistration", "RootOwners", "RootRegistration", "Told", "checked_registration"]

_V: Final = PARAMETERS.service
_PREFIX: Final = "owner/"
_CLASSES: Final = list(Latency)
_OWNER_MAX: Final = 1 << 16
_ROWS_MAX: Final = 1 << 10
_DAY_S: Final = 86_400


class RootRegistration(NamedTuple):
    """What `POST /v1/roots` brings; `verify_key` in two-layer/1 and only there."""

    root: bytes
    profile: int
    access_key: bytes
    verify_key: bytes | None = None


class EpochRegistration(NamedTuple):
    """What `POST /v1/epochs` brings."""

    epoch: int
    key: bytes
    valid_until_s: int
    capacity: int
    lanes: int = 1


class Told(NamedTuple):
    """What a device that waits is told now, and from when on there may be more of what is stored; None: never."""

    deliveries: tuple[Delivery, ...]
    next_ms: int | None


class _Owner(msgspec.Struct, frozen=True):
    """What belongs to one access key; `key` is its digest, `day` that of the last use."""

    key: bytes
    root: Root
    profile: Profile
    day: int
    latency: Latency = Latency.IMMEDIATE
    epochs: tuple[tuple[int, Latency], ...] = ()
    notice: Notice = NO_NOTICE

    def latency_of(self, item: Item) -> Latency:
        """Return the class of one message: that of its epoch, or of the root."""
        return dict(self.epochs).get(item.serial, self.latency) if self.profile is Profile.LABEL else self.latency

    def to_bytes(self) -> bytes:
        """Encode for storage."""
        epochs = [[epoch, _CLASSES.index(latency)] for epoch, latency in self.epochs]
        at, told = self.notice
        return wire.encode([self.root, int(self.profile), self.day, _CLASSES.index(self.latency), epochs, at, told])

    @classmethod
    def from_bytes(cls, key: bytes, data: bytes) -> "_Owner":
        """Read what `to_bytes` wrote."""
        try:
            row = wire.array(wire.decode(data, _OWNER_MAX), 7, size=7)
            epochs = (wire.array(pair, 2, size=2) for pair in wire.array(row[4], _ROWS_MAX))
            return cls(
                key,
                checked_root(wire.octets(row[0])),
                Profile(wire.uint(row[1])),
                wire.uint(row[2]),
                _latency(row[3]),
                tuple((wire.uint(epoch), _latency(latency)) for epoch, latency in epochs),
                Notice(wire.uint(row[5]), wire.uint(row[6])),
            )
        except (PeerError, ValueError) as error:
            raise OwnError(ErrorClass.MALFORMED, "stored owner") from error


class RootOwners:
    """The owners of one receiving service's roots."""

    def __init__(self, core: ReceivingService, storage: Storage) -> None:
        self._core = core
        self._storage = storage
        self._owners: dict[bytes, _Owner] = {}
        self._by_root: dict[Root, bytes] = {}
        for name in storage.keys(_PREFIX):
            data = storage.load(name)
            if data is not None:
                self._remember(_Owner.from_bytes(bytes.fromhex(name.removeprefix(_PREFIX)), data))

    # ---------------------------------------------------------------- roots and grants

    def register(self, now_ms: int, wanted: RootRegistration) -> None:
        """Add a root; again with the same values is a success, with others `REFUSED` (RECV-6)."""
        profile, root = checked_registration(wanted, self._core.config().profiles)
        key = _digest(wanted.access_key)
        known, holder = self._owners.get(key), self._by_root.get(root)
        if (known is not None and (known.root, known.profile) != (root, profile)) or holder not in (None, key):
            raise PeerError(ErrorClass.REFUSED, "registered with other values")  # RECV-6
        self._core.register_root(root, wanted.verify_key)
        if known is None:
            self._keep(_Owner(key, root, profile, _day(now_ms)))

    def issue(self, now_ms: int, access_key: bytes, wanted: EpochRegistration) -> None:
        """Add an epoch of label/1; its labels resolve from now on."""
        owner = self._owner(access_key)
        epoch, key, valid_until_s, capacity, lanes = wanted
        self._core.issue(LabelGrant(owner.root, epoch, EpochKey(key), valid_until_s, capacity, lanes))
        self._touch(now_ms, owner)

    def revoke(self, now_ms: int, access_key: bytes, epoch: int | None = None) -> None:
        """Forget a root or one epoch; what is not there is forgotten already (RECV-8, SVC-12)."""
        owner = self._find(access_key)
        if owner is None:
            return
        self._core.revoke(owner.root, epoch)
        if epoch is None:
            self._forget(owner)
        else:
            epochs = tuple(row for row in owner.epochs if row[0] != epoch)
            self._keep(msgspec.structs.replace(owner, day=_day(now_ms), epochs=epochs))

    def set_latency(self, now_ms: int, access_key: bytes, latency: Latency, epoch: int | None = None) -> None:
        """Choose how soon a device learns of messages to the root, or to one epoch that is registered."""
        owner = msgspec.structs.replace(self._owner(access_key), day=_day(now_ms))
        if epoch is None:
            self._keep(msgspec.structs.replace(owner, latency=latency))
            return
        if owner.profile is not Profile.LABEL:
            raise PeerError(ErrorClass.MALFORMED, "epochs are of label/1")
        held = self._core.epochs(owner.root)
        rows = {**dict(owner.epochs), epoch: latency}
        self._keep(msgspec.structs.replace(owner, epochs=tuple(row for row in sorted(rows.items()) if row[0] in held)))

    # ---------------------------------------------------------------- messages

    def messages(self, now_ms: int, access_key: bytes) -> tuple[Delivery, ...]:
        """Answer a fetch without waiting: at most 64 of the oldest messages, whatever their class (RECV-11)."""
        owner = self._touch(now_ms, self._owner(access_key))
        return _deliveries(owner, self._core.fetch(owner.root)[: _V.fetch_messages_max])

    def tell(self, now_ms: int, access_key: bytes, after: int = -1) -> Told:
        """Answer whoever waits, with numbers above `after`: what the classes allow now, and when to look again."""
        owner = self._touch(now_ms, self._owner(access_key))
        items = [item for item in self._core.fetch(owner.root) if item.number > after]
        due = [(tellable_ms(owner.latency_of(item), item.number, owner.notice), item) for item in items]
        allowed = [item for at_ms, item in due if at_ms is not None and at_ms <= now_ms]  # RECV-13
        shown = allowed[: _V.fetch_messages_max]
        self._note(now_ms, owner, shown)
        later = [at_ms for at_ms, _ in due if at_ms is not None and at_ms > now_ms]
        return Told(_deliveries(owner, shown), now_ms if len(shown) < len(allowed) else min(later, default=None))

    def notice_ms(self, root: Root) -> int | None:
        """Return from when on the owner of a root may be told of what is stored there; None: when it asks.

        The host asks after each message that was stored, and wakes whoever waits at that time or at once.
        """
        key = self._by_root.get(root)
        owner = None if key is None else self._owners[key]
        if owner is None:
            return None
        times = [tellable_ms(owner.latency_of(i), i.number, owner.notice) for i in self._core.fetch(root)]
        return min((at_ms for at_ms in times if at_ms is not None), default=None)

    def confirm(self, now_ms: int, access_key: bytes, numbers: Sequence[int]) -> None:
        """Delete messages that the device has durably; numbers that are not stored are ignored."""
        if not 0 < len(numbers) <= _V.confirm_numbers_max:
            raise PeerError(ErrorClass.MALFORMED, "count of numbers")
        owner = self._touch(now_ms, self._owner(access_key))
        self._core.confirm(now_ms, owner.root, frozenset(numbers))

    def erase(self, now_ms: int) -> None:
        """Forget roots that their owners have not used for 427 days (RECV-9); once a day, for example."""
        for owner in list(self._owners.values()):
            if now_ms // 1000 >= (owner.day + 1) * _DAY_S + _V.root_idle_s:
                self._core.revoke(owner.root)
                self._forget(owner)

    # ---------------------------------------------------------------- state

    def _find(self, access_key: bytes) -> _Owner | None:
        """Look a key up by its digest, and compare that in constant time."""
        key = _digest(access_key)
        owner = self._owners.get(key)
        return owner if owner is not None and hmac.compare_digest(owner.key, key) else None

    def _owner(self, access_key: bytes) -> _Owner:
        owner = self._find(access_key)
        if owner is None:  # SVC-12, SVC-20
            raise PeerError(ErrorClass.FORGED, "access key")
        return owner

    def _touch(self, now_ms: int, owner: _Owner) -> _Owner:
        """Note the day on which an owner came."""
        if _day(now_ms) > owner.day:
            owner = msgspec.structs.replace(owner, day=_day(now_ms))
            self._keep(owner)
        return owner

    def _note(self, now_ms: int, owner: _Owner, items: Sequence[Item]) -> None:
        """Begin another pause if batched messages are told that were not told before."""
        batched = [i.number for i in items if owner.latency_of(i) is Latency.BATCHED]
        told = max(batched, default=-1) + 1
        if told > owner.notice.told:
            self._keep(msgspec.structs.replace(owner, notice=owner.notice.renewed(now_ms, told)))

    def _keep(self, owner: _Owner) -> None:
        self._storage.save(_name(owner.key), owner.to_bytes())
        self._remember(owner)

    def _remember(self, owner: _Owner) -> None:
        self._owners[owner.key] = owner
        self._by_root[owner.root] = owner.key

    def _forget(self, owner: _Owner) -> None:
        self._storage.delete(_name(owner.key))
        del self._owners[owner.key]
        del self._by_root[owner.root]


def checked_registration(wanted: RootRegistration, offered: Sequence[Profile]) -> tuple[Profile, Root]:
    """Check what is to be registered, as far as it does not depend on what is: `MALFORMED`, `REFUSED`."""
    if len(wanted.access_key) != _V.access_key_bytes:
        raise PeerError(ErrorClass.MALFORMED, "access key length")
    if wanted.profile not in Profile._value2member_map_:
        raise PeerError(ErrorClass.MALFORMED, "unknown profile")
    profile = Profile(wanted.profile)
    if (profile is Profile.TWO_LAYER) != (wanted.verify_key is not None):
        raise PeerError(ErrorClass.MALFORMED, "a verification key belongs to two-layer/1, and to it alone")
    if profile not in offered:
        raise PeerError(ErrorClass.REFUSED, "profile is not offered")
    return profile, checked_root(wanted.root)


def _deliveries(owner: _Owner, items: Sequence[Item]) -> tuple[Delivery, ...]:
    return tuple(delivery_of(item, owner.profile) for item in items)


def _digest(access_key: bytes) -> bytes:
    return hashlib.sha256(access_key).digest()


def _day(now_ms: int) -> int:
    return now_ms // 1000 // _DAY_S


def _latency(value: object) -> Latency:
    return _CLASSES[wire.uint(value, len(_CLASSES) - 1)]


def _name(key: bytes) -> str:
    return _PREFIX + key.hex()
