"""What a receiving service keeps for one root: its grants, what was spent, and what waits for its owner.

Theory. A message counts as taken when it is stored, and its address counts as spent at the same instant: if one could
happen without the other, a crash would lose a message or let a replay in. So everything about one root is one value,
and one write commits both.

Rules:

1. A record is a value; each change gives a new one, which is written before the change is visible.
2. Items are numbered by a counter that never goes back: confirming names exactly what was fetched (RECV-10).
3. `serial` and `position` name an address: epoch and index of label/1. In two-layer/1 the 32-bit address index
   carries both, serial << 16 | position.

Cost: a write is as large as the store of one root, a few messages of 2.9 kB while its device is away.
"""

import msgspec

from communicator_impl import wire
from communicator_impl.addresses import EpochKey, LabelGrant, Position, Profile, Root, SpentBlock, TwoLayerRegistration
from communicator_impl.addresses.values import epoch_key, root
from communicator_impl.envelope import Delivery
from communicator_impl.errors import InputError, OwnError, PeerError
from communicator_spec import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["Item", "RootRecord", "address_index", "address_name", "delivery_of", "item_of"]

_A = PARAMETERS.address
_RECORD_MAX = 1 << 30
_ROWS_MAX = 1 << 20
_BITS_BYTES = 32
_POSITION_BITS = 16


class Item(msgspec.Struct, frozen=True):
    """A stored message: its number in this store, the address it came to, and the sealed body."""

    number: int
    serial: int
    position: int
    body: bytes


class RootRecord(msgspec.Struct, frozen=True):
    """Everything about one root. `verify_key` is there in two-layer/1 only."""

    root: Root
    verify_key: bytes | None
    epochs: tuple[tuple[LabelGrant, Position], ...] = ()
    blocks: tuple[SpentBlock, ...] = ()
    items: tuple[Item, ...] = ()
    next_number: int = 0

    def registration(self) -> TwoLayerRegistration | None:
        """Return what the root was registered with, in two-layer/1."""
        return None if self.verify_key is None else TwoLayerRegistration(self.root, self.verify_key)

    def with_epoch(self, grant: LabelGrant) -> "RootRecord":
        """Add a grant of label/1, unspent."""
        return msgspec.structs.replace(self, epochs=(*self.epochs, (grant, Position(0, 0, 0))))

    def without_epoch(self, epoch: int) -> "RootRecord":
        """Forget a grant of label/1, its key included."""
        return msgspec.structs.replace(self, epochs=tuple(row for row in self.epochs if row[0].epoch != epoch))

    def with_position(self, epoch: int, position: Position) -> "RootRecord":
        """Replace how far an epoch has come."""
        epochs = tuple((grant, position if grant.epoch == epoch else old) for grant, old in self.epochs)
        return msgspec.structs.replace(self, epochs=epochs)

    def with_block(self, block: SpentBlock) -> "RootRecord":
        """Replace or add a block of spent indices."""
        others = tuple(b for b in self.blocks if b.block != block.block)
        return msgspec.structs.replace(self, blocks=(*others, block))

    def with_item(self, serial: int, position: int, body: bytes) -> "RootRecord":
        """Store a message."""
        item = Item(self.next_number, serial, position, body)
        return msgspec.structs.replace(self, items=(*self.items, item), next_number=self.next_number + 1)

    def without(self, numbers: frozenset[int]) -> "RootRecord":
        """Delete the messages with these numbers."""
        return msgspec.structs.replace(self, items=tuple(i for i in self.items if i.number not in numbers))

    def erased(self, now: int) -> "RootRecord":
        """Drop the epochs and blocks whose dates have passed, keys included (ADDR-23)."""
        epochs = tuple(e for e in self.epochs if now < e[0].valid_until_s)
        blocks = tuple(b for b in self.blocks if now < b.erase_at_s)
        if len(epochs) == len(self.epochs) and len(blocks) == len(self.blocks):
            return self
        return msgspec.structs.replace(self, epochs=epochs, blocks=blocks)

    def to_bytes(self) -> bytes:
        """Encode for storage, epoch keys included."""
        epochs = [
            [g.epoch, g.key, g.valid_until_s, g.capacity, g.lanes, p.lane, p.top, p.spent.to_bytes(_BITS_BYTES)]
            for g, p in self.epochs
        ]
        blocks = [[b.block, b.bits.to_bytes(_BITS_BYTES), b.erase_at_s] for b in self.blocks]
        items = [[i.number, i.serial, i.position, i.body] for i in self.items]
        key = b"" if self.verify_key is None else self.verify_key
        return wire.encode([self.root, key, epochs, blocks, items, self.next_number])

    @classmethod
    def from_bytes(cls, data: bytes) -> "RootRecord":
        """Read what `to_bytes` wrote."""
        try:
            name, key, epochs, blocks, items, following = wire.array(wire.decode(data, _RECORD_MAX), 6, size=6)
            of = root(wire.octets(name))
            return cls(
                of,
                wire.octets(key) or None,
                tuple(_epoch(of, row) for row in wire.array(epochs, _ROWS_MAX)),
                tuple(_block(row) for row in wire.array(blocks, _ROWS_MAX)),
                tuple(_item(row) for row in wire.array(items, _ROWS_MAX)),
                wire.uint(following),
            )
        except PeerError as error:
            raise OwnError(ErrorClass.MALFORMED, "stored root") from error


def address_index(serial: int, position: int) -> int:
    """Return the address index of two-layer/1 for a grant's serial and a position in it."""
    if not 0 <= position < 1 << _POSITION_BITS or not 0 <= serial <= _A.index_max >> _POSITION_BITS:
        raise InputError(ErrorClass.LIMIT, "serial or position out of range")
    return serial << _POSITION_BITS | position


def address_name(index: int) -> tuple[int, int]:
    """Return serial and position of an address index of two-layer/1."""
    return index >> _POSITION_BITS, index & ((1 << _POSITION_BITS) - 1)


def delivery_of(item: Item, profile: Profile) -> Delivery:
    """Return what the owner's device gets for a stored message (ENV-21)."""
    if profile is Profile.LABEL:
        return Delivery(item.number, item.body, item.position, item.serial)
    return Delivery(item.number, item.body, address_index(item.serial, item.position))


def item_of(delivery: Delivery) -> Item:
    """Return a delivery as a device takes it: in two-layer/1 the owner's own index tells serial and position."""
    if delivery.epoch is None:
        return Item(delivery.number, *address_name(delivery.index), delivery.ciphertext)
    return Item(delivery.number, delivery.epoch, delivery.index, delivery.ciphertext)


def _epoch(of: Root, value: object) -> tuple[LabelGrant, Position]:
    row = wire.array(value, 8, size=8)
    epoch, until_s, capacity, lanes, lane, top = (wire.uint(row[i]) for i in (0, 2, 3, 4, 5, 6))
    key: EpochKey = epoch_key(wire.octets(row[1]))
    spent = int.from_bytes(wire.octets(row[7], _BITS_BYTES))
    return LabelGrant(of, epoch, key, until_s, capacity, lanes), Position(lane, top, spent)


def _block(value: object) -> SpentBlock:
    block, bits, erase_at_s = wire.array(value, 3, size=3)
    return SpentBlock(wire.uint(block), int.from_bytes(wire.octets(bits, _BITS_BYTES)), wire.uint(erase_at_s))


def _item(value: object) -> Item:
    number, serial, position, body = wire.array(value, 4, size=4)
    return Item(wire.uint(number), wire.uint(serial), wire.uint(position), wire.octets(body))
