"""What owners of roots do to the tables of a receiving service: the rules of `root_owners`, on a database.

Theory. An owner is an access key and nothing else; the row of a root is found by the digest of the key, which is
unique. Whatever changes what belongs to a root holds the lock of its row, so that two instances take turns where it
matters, and nowhere else.

Rules:

1. Every method takes a connection with a transaction, and raises before it writes.
2. Without its key, an answer does not depend on what exists (SVC-20). Keys are compared in constant time.
3. Numbers of messages come from a counter in the row of the root, which never goes back (RECV-10).
"""

import hashlib
import hmac
from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import Connection, Row, Select, delete, func, insert, select, update

from communicator_impl.addresses import EpochKey, LabelGrant, Profile, Root
from communicator_impl.addresses.label import LoadedLabels
from communicator_impl.envelope import Delivery
from communicator_impl.errors import PeerError
from communicator_impl.latency import NO_NOTICE, Latency, Notice, tellable_ms
from communicator_impl.root_owners import EpochRegistration, RootRegistration, Told, checked_registration
from communicator_impl.root_record import Item, delivery_of
from communicator_impl.services.clock import forget
from communicator_impl.services.database import add_new, insert_new, put
from communicator_impl.services.events import is_on, write
from communicator_impl.services.schema import accepted, blocks, epochs, labels, latencies, messages, positions, roots
from communicator_spec import ErrorClass, Kind
from communicator_spec.parameters import PARAMETERS
from communicator_spec.places import PlaceEvent

__all__ = ["ADDRESSES", "Owner", "ReceivingStore", "access_key_topic", "owner_topic"]

_V: Final = PARAMETERS.service
_DAY_S: Final = 86_400
ADDRESSES: Final = "addresses"
"""What is forgotten when marks of spent addresses are erased."""
_NOTHING_SPENT: Final = bytes(32)


class Owner(NamedTuple):
    """The root of an access key."""

    root: Root
    profile: Profile
    day: int
    latency: Latency
    notice: Notice


class ReceivingStore:
    """The tables of one receiving service; `profiles` are those that it offers, `lanes_max` those of an epoch."""

    def __init__(self, profiles: Sequence[Profile], lanes_max: int) -> None:
        self._profiles = tuple(profiles)
        self._lanes_max = lanes_max

    # ---------------------------------------------------------------- roots and grants

    def register(self, connection: Connection, now_ms: int, wanted: RootRegistration) -> None:
        """Add a root; again with the same values is a success, with others `REFUSED` (RECV-6)."""
        profile, root = checked_registration(wanted, self._profiles)
        if wanted.verify_key is not None and len(wanted.verify_key) != PARAMETERS.suite.public_key_bytes:
            raise PeerError(ErrorClass.MALFORMED, "verification key length")
        values = {"root": root, "owner": _digest(wanted.access_key), "verify_key": wanted.verify_key}
        state = {"profile": int(profile), "day": _day(now_ms), "latency": Latency.IMMEDIATE, "next_number": 0}
        notice = {"notice_ms": NO_NOTICE.until_ms, "notice_told": NO_NOTICE.told}
        if insert_new(connection, roots, {**values, **state, **notice}):
            return
        columns = (roots.c.owner, roots.c.verify_key, roots.c.profile)
        known = connection.execute(select(*columns).where(roots.c.root == root)).first()
        if known is None or tuple(known) != (values["owner"], wanted.verify_key, int(profile)):  # RECV-6
            raise PeerError(ErrorClass.REFUSED, "registered with other values")

    def issue(self, connection: Connection, now_ms: int, access_key: bytes, wanted: EpochRegistration) -> None:
        """Add an epoch of label/1; its labels resolve from now on."""
        owner = self.owner(connection, access_key, lock=True)
        grant = LabelGrant(owner.root, wanted[0], EpochKey(wanted[1]), *wanted[2:])
        if owner.profile is not Profile.LABEL:
            raise PeerError(ErrorClass.MALFORMED, "epochs are of label/1")
        if grant.lanes > self._lanes_max:
            raise PeerError(ErrorClass.LIMIT, "lanes of an epoch")
        window = LoadedLabels()
        window.register(grant)
        self._touch(connection, now_ms, owner)
        held = {row.epoch: row for row in connection.execute(select(epochs).where(epochs.c.root == owner.root))}
        if grant.epoch in held:
            self._check_same(held[grant.epoch], grant)
            return
        if len(held) >= _V.root_epochs_max:  # RECV-7
            raise PeerError(ErrorClass.LIMIT, "epochs of one root")
        self._insert_epoch(connection, grant, window)

    def revoke(self, connection: Connection, access_key: bytes, epoch: int | None = None) -> None:
        """Forget a root or one epoch; what is not there is forgotten already (RECV-8, SVC-12)."""
        try:
            owner = self.owner(connection, access_key, lock=True)
        except PeerError:
            return
        if epoch is None:
            connection.execute(delete(roots).where(roots.c.root == owner.root))  # DELIV-30
            return
        connection.execute(delete(epochs).where(epochs.c.root == owner.root, epochs.c.epoch == epoch))  # ADDR-24
        connection.execute(delete(latencies).where(latencies.c.root == owner.root, latencies.c.epoch == epoch))

    def set_latency(
        self, connection: Connection, now_ms: int, access_key: bytes, latency: Latency, epoch: int | None = None
    ) -> None:
        """Choose how soon a device learns of messages to the root, or to one epoch that is registered."""
        owner = self.owner(connection, access_key, lock=True)
        if epoch is not None and owner.profile is not Profile.LABEL:
            raise PeerError(ErrorClass.MALFORMED, "epochs are of label/1")
        self._touch(connection, now_ms, owner)
        if epoch is None:
            connection.execute(update(roots).where(roots.c.root == owner.root).values(latency=latency))
            return
        held = select(epochs.c.epoch).where(epochs.c.root == owner.root)
        put(connection, latencies, [{"root": owner.root, "epoch": epoch, "latency": latency}])
        gone = latencies.c.epoch.not_in(held)
        connection.execute(delete(latencies).where(latencies.c.root == owner.root, gone))

    # ---------------------------------------------------------------- messages

    def messages(self, connection: Connection, now_ms: int, access_key: bytes) -> tuple[Delivery, ...]:
        """Answer a fetch without waiting: at most 64 of the oldest messages, whatever their class (RECV-11)."""
        owner = self.owner(connection, access_key, lock=is_on(connection))
        oldest = select(messages).where(messages.c.root == owner.root).order_by(messages.c.number)
        return self._deliveries(connection, now_ms, owner, oldest.limit(_V.fetch_messages_max))

    def tell(self, connection: Connection, now_ms: int, access_key: bytes, after: int = -1) -> tuple[Told, Notice]:
        """Answer whoever waits, with numbers above `after`: what the classes allow now, and when to look again.

        The notice is what is to be kept before this is told (`note`), if it is not the one that was.
        """
        owner = self.owner(connection, access_key, lock=is_on(connection))
        names = select(messages.c.number, messages.c.serial).where(messages.c.root == owner.root)
        found = connection.execute(names.where(messages.c.number > after).order_by(messages.c.number)).all()
        classes = self._classes(connection, owner)
        last = owner.notice.known(now_ms)
        due = [(tellable_ms(classes.get(row.serial, owner.latency), row.number, last), row) for row in found]
        allowed = [row for at_ms, row in due if at_ms is not None and at_ms <= now_ms]  # RECV-13
        shown = allowed[: _V.fetch_messages_max]
        batched = [r.number for r in shown if classes.get(r.serial, owner.latency) is Latency.BATCHED]
        told = max(batched, default=-1) + 1
        notice = owner.notice.renewed(now_ms, told) if told > owner.notice.told else owner.notice
        later = [at_ms for at_ms, _ in due if at_ms is not None and at_ms > now_ms]
        next_ms = now_ms if len(shown) < len(allowed) else min(later, default=None)
        numbers = [row.number for row in shown]
        of = select(messages).where(messages.c.root == owner.root, messages.c.number.in_(numbers))
        deliveries = self._deliveries(connection, now_ms, owner, of.order_by(messages.c.number)) if numbers else ()
        return Told(deliveries, next_ms), notice

    def note(self, connection: Connection, now_ms: int, access_key: bytes, notice: Notice) -> None:
        """Keep what a device was told of, and that it was here."""
        owner = self.owner(connection, access_key, lock=True)
        self._touch(connection, now_ms, owner)
        if notice.told > owner.notice.told:
            changed = update(roots).where(roots.c.root == owner.root)
            connection.execute(changed.values(notice_ms=notice.until_ms, notice_told=notice.told))

    def confirm(self, connection: Connection, now_ms: int, access_key: bytes, numbers: Sequence[int]) -> None:
        """Delete messages that the device has durably; numbers that are not stored are ignored."""
        if not 0 < len(numbers) <= _V.confirm_numbers_max:
            raise PeerError(ErrorClass.MALFORMED, "count of numbers")
        owner = self.owner(connection, access_key, lock=True)
        self._touch(connection, now_ms, owner)
        theirs = (messages.c.root == owner.root) & messages.c.number.in_(sorted(set(numbers)))
        gone = select(messages.c.serial, messages.c.position).where(theirs).order_by(messages.c.number)
        found = connection.execute(gone).all() if is_on(connection) else ()
        connection.execute(delete(messages).where(theirs))  # DELIV-26
        write(connection, [_event(now_ms, Kind.CONFIRMED, owner, *row) for row in found])

    # ---------------------------------------------------------------- what ends

    def erase(self, connection: Connection, now_ms: int) -> None:
        """Erase what has ended: epochs with their keys, spent marks, idle roots; once an hour, for example.

        Requests are resolved at the time at which they were accepted, so nothing is erased that the oldest one needs.
        """
        oldest_ms: int | None = connection.execute(select(func.min(accepted.c.at_ms))).scalar()
        now_s = forget(connection, ADDRESSES, min(now_ms, now_ms if oldest_ms is None else oldest_ms) // 1000)
        connection.execute(delete(epochs).where(epochs.c.valid_until_s <= now_s))  # ADDR-23
        connection.execute(delete(blocks).where(blocks.c.erase_at_s <= now_s))
        idle = (roots.c.day + 1) * _DAY_S + _V.root_idle_s <= now_s
        connection.execute(delete(roots).where(idle))  # RECV-9

    def pending(self, connection: Connection) -> int:
        """Count what all instances have accepted and none has resolved."""
        return connection.execute(select(func.count()).select_from(accepted)).scalar_one()

    # ---------------------------------------------------------------- rows

    def owner(self, connection: Connection, access_key: bytes, *, lock: bool = False) -> Owner:
        """Return the root of an access key; `FORGED` if there is none (SVC-12)."""
        digest = _digest(access_key)
        wanted = select(roots).where(roots.c.owner == digest)
        row = connection.execute(wanted.with_for_update() if lock else wanted).first()
        if row is None or not hmac.compare_digest(row.owner, digest):  # SVC-20
            raise PeerError(ErrorClass.FORGED, "access key")
        notice = Notice(row.notice_ms, row.notice_told)
        return Owner(Root(row.root), Profile(row.profile), row.day, Latency(row.latency), notice)

    @staticmethod
    def is_new_day(owner: Owner, now_ms: int) -> bool:
        """Tell whether the last use of a root was on an earlier day."""
        return _day(now_ms) > owner.day

    def _touch(self, connection: Connection, now_ms: int, owner: Owner) -> None:
        if self.is_new_day(owner, now_ms):
            connection.execute(update(roots).where(roots.c.root == owner.root).values(day=_day(now_ms)))

    def _check_same(self, row: "Row[tuple[object, ...]]", grant: LabelGrant) -> None:
        known = LabelGrant(grant.root, row.epoch, row.key, row.valid_until_s, row.capacity, row.lanes)
        if known != grant:
            raise PeerError(ErrorClass.REFUSED, "epoch is registered already")  # RECV-6

    def _insert_epoch(self, connection: Connection, grant: LabelGrant, window: LoadedLabels) -> None:
        values = {"key": grant.key, "valid_until_s": grant.valid_until_s}
        name = {"root": grant.root, "epoch": grant.epoch}
        connection.execute(insert(epochs).values(**name, **values, capacity=grant.capacity, lanes=grant.lanes))
        lanes = [{**name, "lane": lane, "top": 0, "bits": _NOTHING_SPENT} for lane in range(grant.lanes)]
        connection.execute(insert(positions), lanes)
        rows = [{**name, "label": c.label, "lane": c.lane, "place": c.index} for c in window.changes]
        add_new(connection, labels, rows)  # ADDR-36

    def _classes(self, connection: Connection, owner: Owner) -> dict[int, Latency]:
        if owner.profile is not Profile.LABEL:
            return {}
        rows = connection.execute(select(latencies).where(latencies.c.root == owner.root))
        return {row.epoch: Latency(row.latency) for row in rows}

    def _deliveries(
        self, connection: Connection, now_ms: int, owner: Owner, rows: "Select[tuple[object, ...]]"
    ) -> tuple[Delivery, ...]:
        items = [Item(row.number, row.serial, row.position, row.body) for row in connection.execute(rows)]
        if is_on(connection):
            write(connection, [_event(now_ms, Kind.FETCHED, owner, item.serial, item.position) for item in items])
        return tuple(delivery_of(item, owner.profile) for item in items)


def _event(now_ms: int, kind: Kind, owner: Owner, serial: int, position: int) -> PlaceEvent:
    return PlaceEvent(now_ms, kind, root=owner.root, serial=serial, position=position)


def owner_topic(owner: bytes) -> str:
    """Return the name under which whoever waits for messages is told: the digest of an access key in hex."""
    return owner.hex()


def access_key_topic(access_key: bytes) -> str:
    """Return the topic of whoever shows this access key."""
    return owner_topic(_digest(access_key))


def _digest(access_key: bytes) -> bytes:
    return hashlib.sha256(access_key).digest()


def _day(now_ms: int) -> int:
    return now_ms // 1000 // _DAY_S
