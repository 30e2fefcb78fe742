"""Resolves what was accepted: finds the root of each request, spends its address, and stores the message.

Theory. A stranger's answer must not depend on the address, and the surest way is to answer before anybody looks at it.
So acceptance stores bytes, and this takes them in batches: opened outside any lock, for that is where the time goes,
and then decided in one transaction under the locks of the roots in question.

How a batch is resolved:

1. take rows that nobody else has taken
2. open each with the keys as they are stored now, at the time at which it was accepted; nothing is decided by it
3. lock the roots that are named, in one order, so that two instances never wait for each other
4. load what these need: labels with their lanes, spent blocks, how many messages there are
5. decide one after the other, by the same tables as the core (`TwoLayerTable`, `LoadedLabels`)
6. write messages and spent marks, delete the rows, tell who waits (ADDR-17)

Rules:

1. One transaction does 3 to 6: a crash stores a message with its spent mark, or leaves the request to be resolved.
2. All instances see what is spent, because they look while they hold the lock of the root (ADDR-28).
3. What does not resolve is counted by class and forgotten; nobody outside learns of it (ENV-8).
4. A request at which the resolver itself fails is malformed, and holds up no other one; a database that fails, does.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from sqlalchemy import Connection, Row, delete, func, insert, select, tuple_, update
from sqlalchemy.exc import SQLAlchemyError

from communicator_impl.addresses import (
    EpochKey,
    KeySchedule,
    LabelGrant,
    Position,
    Root,
    SpentBlock,
    TwoLayerRegistration,
    TwoLayerResolution,
    TwoLayerTable,
)
from communicator_impl.addresses.label import LoadedLabels, OpenedLabel, open_labelled
from communicator_impl.addresses.two_layer import OpenedAddress, open_address
from communicator_impl.addresses.values import label as checked_label
from communicator_impl.envelope import TwoLayerRequest, decode_request
from communicator_impl.errors import PeerError
from communicator_impl.root_record import address_name
from communicator_impl.services.clock import forgotten_s
from communicator_impl.services.database import Database, add_new, put
from communicator_impl.services.events import is_on, refusal, write
from communicator_impl.services.generations import stored_schedule
from communicator_impl.services.observation import Log
from communicator_impl.services.receiving_store import ADDRESSES, owner_topic
from communicator_impl.services.schema import accepted, blocks, epochs, labels, messages, positions, roots
from communicator_spec import NONE, ErrorClass, Kind
from communicator_spec.events import named
from communicator_spec.parameters import PARAMETERS
from communicator_spec.places import PlaceEvent

__all__ = ["Looked", "Resolved", "Resolver"]

_MESSAGES_MAX: Final = PARAMETERS.service.root_messages_max
_CLASSES_BYTES: Final = PARAMETERS.envelope.ciphertext_classes_bytes
_BITS_BYTES: Final = 32
_BLOCK_BITS: Final = 8


class _Opened(NamedTuple):
    """A request on its way: `found` is what is inside, `ciphertext` what is stored if it resolves."""

    row: int
    at_ms: int
    found: OpenedAddress | OpenedLabel
    ciphertext: bytes
    request: int

    @property
    def now_s(self) -> int:
        """The time at which it is judged, in seconds."""
        return self.at_ms // 1000


class Resolved(NamedTuple):
    """What became of a batch: how many rows were taken, for whom something was stored, and what was refused inside."""

    rows: int
    topics: tuple[str, ...]
    stored: int
    refused: "Counter[ErrorClass]"


class Looked(NamedTuple):
    """A batch that was opened and is not decided: rows, what is inside, and what was refused (steps 1 and 2)."""

    ids: list[int]
    opened: list[_Opened]
    refused: "dict[int, tuple[ErrorClass, PlaceEvent]]"


class Resolver:
    """Takes batches until nothing is left; one thread of a process runs it."""

    def __init__(
        self, database: Database, batch: int = 64, failed: Callable[[str, BaseException], None] | None = None
    ) -> None:
        self._database = database
        self._failed = failed or Log().failed
        self._batch = batch
        self._stored = b""
        self._schedule: KeySchedule | None = None

    def step(self) -> Resolved:
        """Resolve one batch; `rows` 0: there was nothing to do."""
        if self._database.is_postgres:
            return self._database.transact(lambda connection: self._decide(connection, self._take(connection)))
        return self.decide(self.look())

    def look(self) -> Looked:
        """Take steps 1 and 2, where rows need not be held: where this process alone resolves, or what it opens twice
        is decided once."""
        with self._database.reading() as connection:
            return self._take(connection)

    def decide(self, looked: Looked) -> Resolved:
        """Take steps 3 to 6, of what is still there."""
        return self._database.transact(lambda connection: self._decide(connection, looked))

    def _take(self, connection: Connection) -> Looked:
        wanted = select(accepted).order_by(accepted.c.id).limit(self._batch).with_for_update(skip_locked=True)
        rows = connection.execute(wanted).all()  # 1
        taken = Looked([row.id for row in rows], [], {})
        schedule = self._keys(connection) if rows else None
        names = is_on(connection)
        for row in rows:
            request = named(row.request) if names else NONE
            try:
                assert schedule is not None
                taken.opened.append(_open(row.id, row.at_ms, row.request, schedule, request))  # 2
            except PeerError as error:
                taken.refused[row.id] = (error.error_class, _refused(row.at_ms, request, error))
            except Exception as error:  # rule 4
                taken.refused[row.id] = self._unexpected(row.at_ms, request, error)
        return taken

    def _unexpected(self, at_ms: int, request: int, error: Exception) -> "tuple[ErrorClass, PlaceEvent]":
        """Refuse what nobody thought of, and have it written down: the next batch would meet it again."""
        if isinstance(error, (SQLAlchemyError, OSError)):
            raise error
        self._failed("request not resolved", error)
        malformed = PeerError(ErrorClass.MALFORMED)
        return malformed.error_class, _refused(at_ms, request, malformed)

    def _keys(self, connection: Connection) -> KeySchedule:
        stored = stored_schedule(connection)
        if self._schedule is None or stored != self._stored:
            self._stored, self._schedule = stored, KeySchedule.from_bytes(stored)
        return self._schedule

    def _decide(self, connection: Connection, looked: Looked) -> Resolved:
        if not looked.ids:
            return Resolved(0, (), 0, Counter())
        gone = delete(accepted).where(accepted.c.id.in_(looked.ids)).returning(accepted.c.id)
        mine = set(connection.execute(gone).scalars())
        waiting = [one for one in looked.opened if one.row in mine]
        batch = _Batch(connection, waiting)  # 3, 4
        refused = [found for row, found in looked.refused.items() if row in mine]
        for one in waiting:
            try:
                batch.store(one)  # 5
            except PeerError as error:
                refused.append((error.error_class, _refused(one.at_ms, one.request, error)))
            except Exception as error:  # rule 4
                refused.append(self._unexpected(one.at_ms, one.request, error))
        topics = batch.write()  # 6
        write(connection, [event for _, event in refused])
        for topic in topics:
            self._database.tell(connection, topic)
        return Resolved(len(mine), topics, len(batch.messages), Counter(error_class for error_class, _ in refused))


def _open(row: int, at_ms: int, data: bytes, schedule: KeySchedule, request: int) -> _Opened:
    form, now_s = decode_request(data), at_ms // 1000
    if isinstance(form, TwoLayerRequest):
        opened = open_address(form.address, form.ciphertext, schedule, now_s)
        return _Opened(row, at_ms, opened, form.ciphertext, request)
    found = open_labelled(form.sealed, schedule, now_s)
    if len(found.ciphertext) not in _CLASSES_BYTES:  # ENV-9
        raise PeerError(ErrorClass.MALFORMED, "ciphertext of no size class")
    return _Opened(row, at_ms, found, found.ciphertext, request)


def _refused(at_ms: int, request: int, error: PeerError) -> PlaceEvent:
    return PlaceEvent(at_ms, Kind.REFUSED, message=request, value=refusal(error.error_class))


class _Batch:
    """The roots of one batch, locked, with what is needed to decide."""

    def __init__(self, connection: Connection, opened: Sequence[_Opened]) -> None:
        self._connection = connection
        self._forgotten_s = forgotten_s(connection, ADDRESSES)  # ADDR-17: what was erased is not new
        self.messages: list[dict[str, object]] = []
        self._events: list[PlaceEvent] = []
        self._blocks: dict[tuple[Root, int], SpentBlock] = {}
        self._positions: dict[tuple[Root, int, int], Position] = {}
        wanted = [one.found.label for one in opened if isinstance(one.found, OpenedLabel)]
        addressed = [one.found.resolution for one in opened if isinstance(one.found, OpenedAddress)]
        named = self._named(wanted) | {found.root for found in addressed}
        self._roots = self._locked(named)
        self._counts = self._counted(self._roots)
        self._two_layer = self._addresses(addressed)
        self._labels = self._windows(wanted)

    def store(self, one: _Opened) -> None:
        """Resolve one request, and store its message if its root has room; raises before anything is spent."""
        if isinstance(one.found, OpenedLabel):
            label = self._labels.find(one.found, max(one.now_s, self._forgotten_s))
            self._check_room(label.root)  # RECV-4
            position = self._labels.spend(label)  # ADDR-17
            self._positions[label.root, label.epoch, position.lane] = position
            self._add(one, label.root, label.epoch, label.index)
            return
        found = self._two_layer.admit(one.found, max(one.now_s, self._forgotten_s))
        self._check_room(found.root)
        block = self._two_layer.spend(found)
        self._blocks[found.root, block.block] = block
        self._add(one, found.root, *address_name(found.index))

    def write(self) -> tuple[str, ...]:
        """Write all that changed; returns whom to tell."""
        if not self.messages:
            return ()
        run = self._connection.execute
        run(insert(messages), self.messages)
        changed = sorted({Root(row["root"]) for row in self.messages if isinstance(row["root"], bytes)})
        for root in changed:
            run(update(roots).where(roots.c.root == root).values(next_number=self._counts[root][1]))
        put(self._connection, blocks, [_block_row(root, block) for (root, _), block in self._blocks.items()])
        lanes = [_position_row(name, position) for name, position in self._positions.items()]
        put(self._connection, positions, lanes)
        self._write_labels()
        write(self._connection, self._events)
        return tuple(owner_topic(self._roots[root].owner) for root in changed)

    # ---------------------------------------------------------------- loading

    def _named(self, wanted: Sequence[bytes]) -> set[Root]:
        if not wanted:
            return set()
        found = self._connection.execute(select(labels.c.root).where(labels.c.label.in_(wanted)).distinct())
        return {Root(row.root) for row in found}

    def _locked(self, named: Iterable[Root]) -> "dict[Root, Row[tuple[object, ...]]]":
        wanted = select(roots).where(roots.c.root.in_(sorted(named))).order_by(roots.c.root).with_for_update()
        return {Root(row.root): row for row in self._connection.execute(wanted)}

    def _counted(self, of: "dict[Root, Row[tuple[object, ...]]]") -> dict[Root, tuple[int, int]]:
        """Return for each root how many messages it has, and the number of the next."""
        count = select(messages.c.root, func.count().label("n")).where(messages.c.root.in_(list(of)))
        held = {Root(row.root): row.n for row in self._connection.execute(count.group_by(messages.c.root))}
        return {root: (held.get(root, 0), row.next_number) for root, row in of.items()}

    def _addresses(self, found: Sequence[TwoLayerResolution]) -> TwoLayerTable:
        table = TwoLayerTable()
        held = {root: list[SpentBlock]() for root, row in self._roots.items() if row.verify_key is not None}
        numbers = {one.index >> _BLOCK_BITS for one in found}
        known = select(blocks).where(blocks.c.root.in_(list(held)), blocks.c.block.in_(sorted(numbers)))
        for row in self._connection.execute(known):
            held[Root(row.root)].append(SpentBlock(row.block, int.from_bytes(row.bits), row.erase_at_s))
        for root, spent in held.items():
            table.register(TwoLayerRegistration(root, self._roots[root].verify_key), spent)
        return table

    def _windows(self, wanted: Sequence[bytes]) -> LoadedLabels:
        table = LoadedLabels()
        if not wanted:
            return table
        of_epoch = (epochs.c.root == labels.c.root) & (epochs.c.epoch == labels.c.epoch)
        of_lane = (positions.c.root == labels.c.root) & (positions.c.epoch == labels.c.epoch)
        columns = (labels, epochs.c.key, epochs.c.valid_until_s, epochs.c.capacity, epochs.c.lanes)
        found = select(*columns, positions.c.top, positions.c.bits).select_from(
            labels.join(epochs, of_epoch).join(positions, of_lane & (positions.c.lane == labels.c.lane))
        )
        for row in self._connection.execute(found.where(labels.c.label.in_(wanted))):
            key = EpochKey(row.key)
            grant = LabelGrant(Root(row.root), row.epoch, key, row.valid_until_s, row.capacity, row.lanes)
            position = Position(row.lane, row.top, int.from_bytes(row.bits))
            table.load(grant, position, checked_label(row.label), row.place)
        return table

    # ---------------------------------------------------------------- deciding and writing

    def _check_room(self, root: Root) -> None:
        held = self._counts.get(root)
        if held is None:
            raise PeerError(ErrorClass.UNKNOWN, "root was revoked")
        if held[0] >= _MESSAGES_MAX:
            raise PeerError(ErrorClass.LIMIT, "messages of one root")

    def _add(self, one: _Opened, root: Root, serial: int, position: int) -> None:
        count, number = self._counts[root]
        name = {"root": root, "number": number}
        self.messages.append({**name, "serial": serial, "position": position, "body": one.ciphertext})
        self._events.append(PlaceEvent(one.at_ms, Kind.STORED, NONE, root, one.request, "", serial, position))
        self._counts[root] = (count + 1, number + 1)

    def _write_labels(self) -> None:
        last = {(change.label, change.root, change.epoch): change for change in self._labels.changes}
        gone = [name for name, change in last.items() if not change.added]
        new = [change for change in last.values() if change.added]
        name = tuple_(labels.c.label, labels.c.root, labels.c.epoch)
        if gone:
            self._connection.execute(delete(labels).where(name.in_(gone)))
        if new:
            rows = [{"label": c.label, "root": c.root, "epoch": c.epoch, "lane": c.lane, "place": c.index} for c in new]
            add_new(self._connection, labels, rows)  # ADDR-36


def _block_row(root: Root, block: SpentBlock) -> dict[str, object]:
    bits = block.bits.to_bytes(_BITS_BYTES)
    return {"root": root, "block": block.block, "bits": bits, "erase_at_s": block.erase_at_s}


def _position_row(name: tuple[Root, int, int], position: Position) -> dict[str, object]:
    root, epoch, lane = name
    bits = position.spent.to_bytes(_BITS_BYTES)
    return {"root": root, "epoch": epoch, "lane": lane, "top": position.top, "bits": bits}
