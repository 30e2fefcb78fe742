"""Address profile label/1: a sender derives one label a message, the service finds it in a window.

Theory. Recipient, service and correspondent share an epoch key. The address of message i is a
pseudorandom label of i: without the key, two labels have nothing in common. The service keeps the
labels that may come next in one table for all roots, so finding the root of a message is one
lookup, and spending a label is removing it. The label travels with the ciphertext in one envelope
sealed to the service, so it cannot be lifted onto something else.

The window of one (root, epoch, lane): with `top` = highest spent index + 1 and W = 256, the table
holds the unspent labels of [max(0, top − W), top + W), cut at the grant's capacity. Messages may
come late or overtake by up to W; a larger gap is healed by the next epoch and a resend.

Rules:

1. The correspondent holds only the epochs it was granted; the service never holds the root secret,
   only epoch keys, and erases each when its date has passed (ADDR-23).
2. `resolve` changes nothing; `spend` does, together with storing the message.
3. A spent, revoked or foreign label is `UNKNOWN`: the service remembers no label that it removed,
   only positions.

Cost: a label is one HMAC (1.5 µs) and about 200 bytes of table; a lane of full width is 256 of them
at the start.
"""

import struct
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from communicator_impl import hpke
from communicator_impl.addresses.schedule import KeySchedule
from communicator_impl.addresses.values import (
    EpochKey,
    Label,
    Profile,
    Root,
    SealingKey,
    access_key,
    epoch_key,
    hours_of,
    root,
    seal_info,
)
from communicator_impl.addresses.values import label as checked_label
from communicator_impl.entropy import Entropy
from communicator_impl.errors import InputError, PeerError
from communicator_impl.kdf import hkdf_expand, prf
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = [
    "LabelChange",
    "LabelGrant",
    "LabelResolution",
    "LabelRoot",
    "LabelTable",
    "LoadedLabels",
    "OpenedLabel",
    "Position",
    "derive_label",
    "open_labelled",
    "seal_labelled",
]

_P = PARAMETERS.address
_PLACE = struct.Struct(">HI")


class LabelRoot(msgspec.Struct, frozen=True):
    """The recipient's half of one root: a random name, and the secret from which epoch keys come."""

    root: Root
    secret: bytes

    @classmethod
    def generate(cls, entropy: Entropy) -> "LabelRoot":
        """Draw a root for one relationship at one receiving service (ADDR-5)."""
        secret = entropy.draw("label.secret", _P.epoch_key_bytes)
        return cls(root(entropy.draw("label.root", _P.root_bytes)), secret)

    def epoch_key(self, epoch: int) -> EpochKey:
        """Derive the key of one epoch; it tells nothing about any other epoch."""
        if not 0 <= epoch <= _P.epoch_max:  # ADDR-34
            raise InputError(ErrorClass.LIMIT, "epoch out of range")
        info = _P.epoch_label.encode() + b"\0" + epoch.to_bytes(4)
        return EpochKey(hkdf_expand(self.secret, info, _P.epoch_key_bytes))  # ADDR-18

    def access_key(self) -> bytes:
        """Derive what shows a service that one made this root; it tells nothing about the epochs (SVC-11)."""
        return access_key(self.secret)

    def grant(self, epoch: int, valid_until_s: int, capacity: int, now: int, lanes: int = 1) -> "LabelGrant":
        """Make what is registered for an epoch; its key also goes to the one correspondent."""
        hours_of(valid_until_s)
        if valid_until_s - now > _P.lifetime_long_term_s_max:  # ADDR-29
            raise InputError(ErrorClass.LIMIT, "address lifetime")
        return LabelGrant(self.root, epoch, self.epoch_key(epoch), valid_until_s, capacity, lanes)


class LabelGrant(msgspec.Struct, frozen=True):
    """What a recipient registers for one epoch."""

    root: Root
    epoch: int
    key: EpochKey
    valid_until_s: int
    capacity: int
    lanes: int = 1


class Position(msgspec.Struct, frozen=True):
    """How far one lane has come; bit k of `spent` stands for index top − 1 − k."""

    lane: int
    top: int
    spent: int


class LabelResolution(msgspec.Struct, frozen=True):
    """What a label resolved to, and the ciphertext that came in its envelope; nothing is spent yet."""

    root: Root
    epoch: int
    lane: int
    index: int
    valid_until_s: int
    ciphertext: bytes


def derive_label(key: EpochKey, lane: int, index: int) -> Label:
    """Derive the label of one message: HMAC-SHA256(key, lane ‖ index), first 16 bytes (ADDR-19).

    A lane belongs to one device of the sender (ADDR-32); with one device it is 0. A lane or an index out of range is
    `LIMIT`.
    """
    try:
        place = _PLACE.pack(lane, index)
    except struct.error as error:  # ADDR-34
        raise InputError(ErrorClass.LIMIT, "lane or index out of range") from error
    return Label(prf(key, place)[: _P.label_bytes])


def seal_labelled(label: Label, ciphertext: bytes, key: SealingKey, entropy: Entropy) -> bytes:
    """Seal label and ciphertext in one envelope: generation ‖ key ‖ sealed ‖ tag (ADDR-20)."""
    info = seal_info(_P.seal_label, Profile.LABEL, key.generation, key.uri)
    recipient = hpke.public_key(key.public)
    box = hpke.seal(recipient, info, checked_label(label) + ciphertext, entropy, "label.seal")
    return bytes([key.generation]) + box


class _Held(msgspec.Struct, eq=False):
    """One registered epoch with the position of each of its lanes."""

    grant: LabelGrant
    lanes: dict[int, Position]


class LabelTable:
    """A receiving service's windows of this profile: one dictionary for all roots."""

    def __init__(self, window: int = _P.label_window) -> None:
        self._window = window
        self._grants: dict[tuple[Root, int], _Held] = {}
        self._labels: dict[Label, tuple[_Held, int, int]] = {}

    def register(self, grant: LabelGrant, positions: Iterable[Position] = ()) -> None:
        """Add an epoch, or restore one from storage with the positions of its lanes; a repetition changes nothing."""
        self._check(grant)
        known = self._grants.get((grant.root, grant.epoch))
        if known is not None:
            if known.grant != grant:
                raise PeerError(ErrorClass.REFUSED, "epoch is registered already")  # RECV-6
            return
        held = _Held(grant, {lane: Position(lane, 0, 0) for lane in range(grant.lanes)})
        held.lanes.update({p.lane: p for p in positions})
        self._grants[grant.root, grant.epoch] = held
        for position in held.lanes.values():
            self._open_window(held, position)

    def revoke(self, of: Root, epoch: int | None = None) -> None:
        """Forget all epochs of a root, or one: its labels are unknown from now on (ADDR-24)."""
        for name in [k for k in self._grants if k[0] == of and epoch in (None, k[1])]:
            self._forget(name)

    def resolve(self, sealed: bytes, schedule: KeySchedule, now: int) -> LabelResolution:
        """Open an envelope and find its label, or say why not; changes nothing (ADDR-21).

        1. open the envelope: `MALFORMED`, `UNKNOWN`, `FORGED`
        2. find the label: `UNKNOWN`
        3. check the epoch's date: `EXPIRED`
        """
        return self.find(open_labelled(sealed, schedule, now), now)  # 1

    def find(self, opened: "OpenedLabel", now: int) -> LabelResolution:
        """Take steps 2 and 3 for an envelope that was opened before."""
        label, ciphertext = opened
        entry = self._labels.get(label)  # 2
        if entry is None:
            raise PeerError(ErrorClass.UNKNOWN, "no such label")
        held, lane, index = entry
        grant = held.grant
        if now >= grant.valid_until_s:  # 3, ADDR-16
            raise PeerError(ErrorClass.EXPIRED, "epoch date")
        return LabelResolution(grant.root, grant.epoch, lane, index, grant.valid_until_s, ciphertext)

    def spend(self, found: LabelResolution) -> Position:
        """Remove a label, move the window and return the position, to be stored with the message."""
        held = self._grants.get((found.root, found.epoch))
        label = derive_label(held.grant.key, found.lane, found.index) if held else None
        if held is None or label not in self._labels:
            raise PeerError(ErrorClass.UNKNOWN, "label is gone")
        old = held.lanes[found.lane]
        new = _advanced(old, found.index, self._window)
        del self._labels[label]  # ADDR-17, ADDR-22
        self._slide(held, old, new)
        held.lanes[found.lane] = new
        return new

    def erase(self, now: int) -> None:
        """Forget the epochs whose date has passed, keys included (ADDR-23)."""
        for name in [k for k, held in self._grants.items() if now >= held.grant.valid_until_s]:
            self._forget(name)

    def _check(self, grant: LabelGrant) -> None:
        epoch_key(grant.key)
        if grant.valid_until_s % _P.date_granularity_s:  # ADDR-4
            raise PeerError(ErrorClass.MALFORMED, "a valid-until date is not a whole hour")
        if not 0 <= grant.epoch <= _P.epoch_max:  # ADDR-34
            raise PeerError(ErrorClass.LIMIT, "epoch out of range")
        if not 0 < grant.capacity <= _P.grant_capacity_max or not 0 < grant.lanes <= _P.lane_max:  # ADDR-33
            raise PeerError(ErrorClass.LIMIT, "capacity or lanes out of range")

    def _bounds(self, held: _Held, top: int) -> tuple[int, int]:
        return max(0, top - self._window), min(top + self._window, held.grant.capacity)

    def _open_window(self, held: _Held, position: Position) -> None:
        low, high = self._bounds(held, position.top)
        unspent = (i for i in range(low, high) if not _is_spent(position, i))
        self._add(held, position.lane, unspent)

    def _slide(self, held: _Held, old: Position, new: Position) -> None:
        old_low, old_high = self._bounds(held, old.top)
        new_low, new_high = self._bounds(held, new.top)
        self._drop(held, old.lane, range(old_low, min(new_low, old_high)))
        self._add(held, old.lane, range(max(old_high, new_low), new_high))

    def _add(self, held: _Held, lane: int, indices: Iterable[int]) -> None:
        for index in indices:
            self._labels.setdefault(derive_label(held.grant.key, lane, index), (held, lane, index))  # ADDR-36

    def _drop(self, held: _Held, lane: int, indices: Iterable[int]) -> None:
        for index in indices:
            label = derive_label(held.grant.key, lane, index)
            if label in self._labels and self._labels[label][0] is held:
                del self._labels[label]

    def _forget(self, name: tuple[Root, int]) -> None:
        held = self._grants.pop(name)
        for lane, position in held.lanes.items():
            self._drop(held, lane, range(*self._bounds(held, position.top)))


class LabelChange(msgspec.Struct, frozen=True):
    """A label that came into the window of an epoch, or left it."""

    label: Label
    root: Root
    epoch: int
    lane: int
    index: int
    added: bool


class LoadedLabels(LabelTable):
    """Windows that are kept in a database: what is in question is loaded, and `changes` is to be written back."""

    def __init__(self, window: int = _P.label_window) -> None:
        super().__init__(window)
        self.changes: list[LabelChange] = []

    def load(self, grant: LabelGrant, position: Position, label: Label, index: int) -> None:
        """Load one label of one lane, as it was stored."""
        held = self._grants.setdefault((grant.root, grant.epoch), _Held(grant, {}))
        held.lanes[position.lane] = position
        self._labels[label] = (held, position.lane, index)

    def spend(self, found: LabelResolution) -> Position:
        """Remove a label, move the window, and record both."""
        key = self._grants[found.root, found.epoch].grant.key if (found.root, found.epoch) in self._grants else None
        position = super().spend(found)
        if key is not None:
            label = derive_label(key, found.lane, found.index)
            self.changes.append(LabelChange(label, found.root, found.epoch, found.lane, found.index, added=False))
        return position

    def _add(self, held: _Held, lane: int, indices: Iterable[int]) -> None:
        for index in indices:
            super()._add(held, lane, (index,))
            self._record(held, lane, index, added=True)

    def _drop(self, held: _Held, lane: int, indices: Iterable[int]) -> None:
        for index in indices:
            super()._drop(held, lane, (index,))
            self._record(held, lane, index, added=False)

    def _record(self, held: _Held, lane: int, index: int, *, added: bool) -> None:
        grant = held.grant
        label = derive_label(grant.key, lane, index)
        self.changes.append(LabelChange(label, grant.root, grant.epoch, lane, index, added))


class OpenedLabel(NamedTuple):
    """What is inside an envelope; nothing is checked yet."""

    label: Label
    ciphertext: bytes


def open_labelled(sealed: bytes, schedule: KeySchedule, now: int) -> OpenedLabel:
    """Open an envelope: step 1 of `LabelTable.resolve`."""
    if len(sealed) <= 1 + hpke.OVERHEAD + _P.label_bytes:
        raise PeerError(ErrorClass.MALFORMED, "shorter than a labelled envelope")
    generation = sealed[0]
    info = seal_info(_P.seal_label, Profile.LABEL, generation, schedule.uri)
    plain = schedule.open_outer(generation, info, sealed[1:], now)
    return OpenedLabel(Label(plain[: _P.label_bytes]), plain[_P.label_bytes :])


def _is_spent(position: Position, index: int) -> bool:
    return index < position.top and bool(position.spent >> (position.top - 1 - index) & 1)


def _advanced(old: Position, index: int, window: int) -> Position:
    top = max(old.top, index + 1)
    bits = old.spent << (top - old.top) | 1 << (top - 1 - index)
    return Position(old.lane, top, bits & ((1 << window) - 1))
