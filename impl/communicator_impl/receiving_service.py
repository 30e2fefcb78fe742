"""A receiving service: it takes bytes from anyone, and keeps what resolves for whoever owns the root.

Theory. The service knows roots and grants and nothing else: no person, and no list of a person's roots. A stranger who
posts bytes always gets the same answer, so that it can neither find valid addresses nor learn that one was spent,
expired or withdrawn. Only size and outer form are answered for, because they do not depend on the address.

How a request is taken, at `now_ms`:

1. read the outer form: too large, or malformed; the only two outward refusals (T9)
2. resolve the address: what fails is counted inside, by error class, and answered like success
3. if the root has room, spend the address and store the message, in one write (ADDR-17)
4. answer

Rules:

1. `Acceptance.answer` is all that may leave the operator. `root` tells whom to notify, `refusal` is for the log.
2. A message is confirmed by number, after the device has it durably; until then `fetch` returns it again, oldest first
   (DELIV-26, DELIV-28).
3. Owners are told apart by access keys, in `root_owners`; here a root is named by whoever may name it.
   `register_root`, `issue`, `revoke` and `confirm` may be repeated: a device that crashed does so.
4. New keys are stored before they are published; keys and grants whose time has ended are gone after `erase`. Until
   then an expired address is `EXPIRED`, afterwards `UNKNOWN`. In label/1 a spent one is `UNKNOWN` at once.
5. If the storage raises, throw the core away and build it anew: it is ahead of its disk.
"""

from enum import StrEnum
from typing import Final, NamedTuple

import msgspec

from communicator_impl.addresses import (
    KeySchedule,
    LabelGrant,
    LabelResolution,
    LabelTable,
    Position,
    Profile,
    Root,
    ServiceConfig,
    SpentBlock,
    TwoLayerRegistration,
    TwoLayerTable,
)
from communicator_impl.core_event import CoreEvent, Emit
from communicator_impl.entropy import Entropy
from communicator_impl.envelope import (
    AddressTables,
    Arrival,
    LabelRequest,
    TwoLayerRequest,
    decode_request,
    resolve,
    spend,
)
from communicator_impl.errors import PeerError
from communicator_impl.root_record import Item, RootRecord, address_name
from communicator_impl.storage import Storage
from communicator_spec import ErrorClass, Kind
from communicator_spec.parameters import PARAMETERS

__all__ = ["Acceptance", "Answer", "KeyLifetimes", "ReceivingService"]

_REASONS: Final = list(ErrorClass)
_SCHEDULE: Final = "schedule"
_PREFIX: Final = "root/"
_LIFETIME_S: Final = PARAMETERS.address.lifetime_long_term_s_max
_MESSAGES_MAX: Final = PARAMETERS.service.root_messages_max
_EPOCHS_MAX: Final = PARAMETERS.service.root_epochs_max


class Answer(StrEnum):
    """What a stranger learns."""

    TAKEN = "taken"
    TOO_LARGE = "too-large"
    MALFORMED = "malformed"


class Acceptance(NamedTuple):
    """The outward answer, and what stays inside: the root whose store grew, or why nothing was stored."""

    answer: Answer
    root: Root | None = None
    refusal: ErrorClass | None = None


class KeyLifetimes(msgspec.Struct, frozen=True):
    """How long new keys live. An inner key must outlive the addresses that are sealed to it (ADDR-9)."""

    outer_s: int = _LIFETIME_S
    inner_s: int = 2 * _LIFETIME_S


class ReceivingService:
    """One operator's receiving service; `service` is its number in the log, `uri` its name on the wire."""

    def __init__(
        self,
        service: int,
        uri: str,
        profiles: tuple[Profile, ...],
        now_ms: int,
        storage: Storage,
        entropy: Entropy,
        emit: Emit,
        lifetimes: KeyLifetimes | None = None,
    ) -> None:
        self._service = service
        self._storage = storage
        self._entropy = entropy
        self._emit = emit
        self._lifetimes = lifetimes or KeyLifetimes()
        self._tables = AddressTables(TwoLayerTable(), LabelTable())
        self._records: dict[Root, RootRecord] = {}
        self._schedule = KeySchedule(uri, profiles, ())
        self._restore(now_ms)

    # ---------------------------------------------------------------- keys

    def config(self) -> ServiceConfig:
        """Return what the well-known document carries."""
        return self._schedule.config()

    def rotate_keys(self, now_ms: int) -> None:
        """Begin a new generation of each key; the ones before it live on until their own end."""
        life = self._lifetimes
        self._keep_schedule(self._schedule.rotated(_s(now_ms), self._entropy, life.outer_s, life.inner_s))

    def erase(self, now_ms: int) -> None:
        """Erase what has ended: secret keys, epoch keys, spent marks (ADDR-14, ADDR-23); once a day, for example."""
        now = _s(now_ms)
        self._keep_schedule(self._schedule.erased(now))
        self._tables.two_layer.erase(now)
        self._tables.label.erase(now)
        for record in list(self._records.values()):
            erased = record.erased(now)
            if erased is not record:
                self._commit(erased)

    # ---------------------------------------------------------------- what owners do

    def register_root(self, root: Root, verify_key: bytes | None) -> None:
        """Add a root; in two-layer/1 with the key that verifies its addresses. Other keys for it are refused."""
        known = self._records.get(root)
        if known is not None:
            if known.verify_key != verify_key:
                raise PeerError(ErrorClass.REFUSED, "root is registered already")  # RECV-6
            return
        if verify_key is not None:
            self._tables.two_layer.register(TwoLayerRegistration(root, verify_key))
        self._commit(RootRecord(root, verify_key))

    def issue(self, grant: LabelGrant) -> None:
        """Add an epoch of label/1; its labels resolve from now on. In two-layer/1 the root is enough."""
        record = self._of(grant.root)
        if record.verify_key is not None:
            raise PeerError(ErrorClass.MALFORMED, "epochs are of label/1")
        if any(known == grant for known, _ in record.epochs):
            return  # RECV-6
        if len(record.epochs) >= _EPOCHS_MAX and grant.epoch not in self.epochs(grant.root):
            raise PeerError(ErrorClass.LIMIT, "epochs of one root")  # RECV-7
        self._tables.label.register(grant)
        self._commit(record.with_epoch(grant))

    def epochs(self, root: Root) -> frozenset[int]:
        """Return the epochs that are held for a root, also those whose date has passed until `erase`."""
        record = self._records.get(root)
        return frozenset(grant.epoch for grant, _ in record.epochs) if record else frozenset()

    def revoke(self, root: Root, epoch: int | None = None) -> None:
        """Forget a root: nothing sent to its addresses resolves any more, and nothing stored remains.

        With `epoch`, forget that grant alone; what came by it is still there. Either may be gone already (RECV-8).
        """
        if epoch is not None:
            if epoch in self.epochs(root):
                self._commit(self._of(root).without_epoch(epoch))
            self._tables.label.revoke(root, epoch)  # ADDR-24
            return
        self._storage.delete(_key(root))  # DELIV-30: one root, and nothing else
        self._records.pop(root, None)
        self._tables.two_layer.revoke(root)
        self._tables.label.revoke(root)  # ADDR-24

    def fetch(self, root: Root) -> tuple[Item, ...]:
        """Return everything stored for one root, oldest first; it stays until confirmed (RECV-11)."""
        record = self._records.get(root)
        return record.items if record else ()

    def confirm(self, now_ms: int, root: Root, numbers: frozenset[int]) -> None:
        """Delete messages of one root: the device has them durably."""
        record = self._records.get(root)
        if record is None:
            return
        gone = [item for item in record.items if item.number in numbers]
        if not gone:
            return
        self._commit(record.without(numbers))
        for item in gone:
            self._report(now_ms, Kind.CONFIRMED, root, item.serial, item.position)

    # ---------------------------------------------------------------- what strangers do

    def accept(self, now_ms: int, request: bytes) -> Acceptance:
        """Take bytes from anyone (the numbered steps above; ROLE-3)."""
        try:
            form = decode_request(request)  # 1
        except PeerError as error:
            return self._refuse(now_ms, _outward(error), error)  # ENV-12: no cause that depends on the address
        try:
            arrival = self._resolve(now_ms, form)  # 2
            self._check_room(arrival)
            spent = self._spend(arrival)  # 3
        except PeerError as error:
            return self._refuse(now_ms, self._uniform(error), error)
        serial, position = _name_of(arrival)
        self._store(arrival, spent)
        self._report(now_ms, Kind.STORED, arrival.root, serial, position)
        return Acceptance(Answer.TAKEN, arrival.root)  # 4, RECV-1

    def _resolve(self, now_ms: int, form: TwoLayerRequest | LabelRequest) -> Arrival:
        return resolve(form, self._schedule, self._tables, self._check_expiry(now_ms))

    def _check_expiry(self, now_ms: int) -> int:
        """Return the time, in seconds, against which keys and addresses are checked (ADDR-16)."""
        return _s(now_ms)

    def _check_room(self, arrival: Arrival) -> None:
        """Refuse, inside, what a full root cannot store; its address stays good for another attempt (RECV-4)."""
        if len(self._of(arrival.root).items) >= _MESSAGES_MAX:
            raise PeerError(ErrorClass.LIMIT, "messages of one root")

    def _spend(self, arrival: Arrival) -> Position | SpentBlock:
        return spend(arrival, self._tables)  # ADDR-17

    def _store(self, arrival: Arrival, spent: Position | SpentBlock) -> None:
        """Write the message and the spent mark at once."""
        record = self._of(arrival.root)
        serial, position = _name_of(arrival)
        marked = record.with_block(spent) if isinstance(spent, SpentBlock) else record.with_position(serial, spent)
        self._commit(marked.with_item(serial, position, arrival.ciphertext))

    def _uniform(self, error: PeerError) -> Answer:
        """Answer a request whose address did not resolve: like any other, whatever the error (ENV-8)."""
        return Answer.TAKEN

    def _refuse(self, now_ms: int, answer: Answer, error: PeerError) -> Acceptance:
        value = _REASONS.index(error.error_class)
        self._emit(CoreEvent(now_ms, Kind.REFUSED, service=self._service, value=value))
        return Acceptance(answer, refusal=error.error_class)

    # ---------------------------------------------------------------- state

    def _restore(self, now_ms: int) -> None:
        stored = self._storage.load(_SCHEDULE)
        if stored is None:
            self.rotate_keys(now_ms)
        else:
            self._schedule = KeySchedule.from_bytes(stored)
        for key in self._storage.keys(_PREFIX):
            data = self._storage.load(key)
            if data is not None:
                self._restore_root(RootRecord.from_bytes(data))

    def _restore_root(self, record: RootRecord) -> None:
        self._records[record.root] = record
        registration = record.registration()
        if registration is not None:
            self._tables.two_layer.register(registration, record.blocks)
        for grant, position in record.epochs:
            self._tables.label.register(grant, (position,))

    def _of(self, root: Root) -> RootRecord:
        record = self._records.get(root)
        if record is None:
            raise PeerError(ErrorClass.UNKNOWN, "no such root")
        return record

    def _commit(self, record: RootRecord) -> None:
        self._storage.save(_key(record.root), record.to_bytes())
        self._records[record.root] = record

    def _keep_schedule(self, schedule: KeySchedule) -> None:
        self._storage.save(_SCHEDULE, schedule.to_bytes())
        self._schedule = schedule

    def _report(self, now_ms: int, kind: Kind, root: Root, serial: int, position: int) -> None:
        self._emit(CoreEvent(now_ms, kind, root=root, service=self._service, serial=serial, position=position))


def _outward(error: PeerError) -> Answer:
    return Answer.TOO_LARGE if error.error_class is ErrorClass.TOO_LARGE else Answer.MALFORMED


def _name_of(arrival: Arrival) -> tuple[int, int]:
    """Return serial and position of the address that an arrival used."""
    found = arrival.resolution
    if isinstance(found, LabelResolution):
        return found.epoch, found.index
    return address_name(found.index)


def _s(now_ms: int) -> int:
    return now_ms // 1000


def _key(root: Root) -> str:
    return _PREFIX + root.hex()
