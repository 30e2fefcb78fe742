"""The cores with a window in them: what each decrypts and keeps is told to whoever watches.

Theory. A view is taken at the boundary of a role, and some of what a role learns never crosses that boundary: the
address inside a seal, the body inside a message. So the classes of the cores, planted faults included, get subclasses
that hand over what they have just opened, and a disk that can be full.

Rules:

1. A watched part does what its base does, and then tells. It changes nothing and never raises by itself.
2. What is told is bytes as the role has them.
"""

from collections.abc import Callable
from typing import Any, Final

from communicator_impl.addresses import LabelResolution, LabelTable, Profile, TwoLayerTable
from communicator_impl.addresses.values import ciphertext_digest, seal_info
from communicator_impl.body import Body, encode_body
from communicator_impl.envelope import AddressTables, Arrival, LabelRequest, TwoLayerRequest
from communicator_impl.inbox import Inbox
from communicator_impl.particle import Particle
from communicator_impl.receiving_service import ReceivingService
from communicator_impl.relationship_manager import RelationshipManager
from communicator_impl.root_record import Item, address_name
from communicator_impl.storage import MemoryStorage
from communicator_impl.turn import Turn
from communicator_simulations.real import Parts
from communicator_spec.parameters import PARAMETERS

__all__ = ["Disk", "DiskFullError", "watched_manager", "watched_receiving"]

_A = PARAMETERS.address
_WINDOW: Final = 32
"""Labels of a window, instead of 256: the edges are met sooner, and a town is founded in half the time."""

Opened = Callable[[int, int, Item, bytes], None]
"""(end, service, item, plaintext)"""

Resolved = Callable[[int, Arrival, tuple[int, int], bytes], None]
"""(service, what it resolved to, serial and position, the address that was inside the seal)"""


class DiskFullError(Exception):
    """Nothing was written."""


class Disk(MemoryStorage):
    """A disk that refuses the next write when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.is_full = False

    def save(self, key: str, value: bytes) -> None:
        """Write, or raise once."""
        if self.is_full:
            self.is_full = False
            raise DiskFullError
        super().save(key, value)


def watched_manager(parts: Parts, opened: Opened) -> type[RelationshipManager]:
    """Return the manager of `parts`, whose inbox tells what it opens."""
    base: Any = parts.inbox

    class WatchedInbox(base):  # type: ignore[misc]  # chosen at run time
        def take(self, turn: Turn, service: int, item: Item) -> tuple[int, ...]:
            self._now_taking = (turn.relationship, service, item)
            taken: tuple[int, ...] = super().take(turn, service, item)
            return taken

        def _open(self, p: Particle, ciphertext: bytes) -> Body:
            body: Body = super()._open(p, ciphertext)
            opened(*self._now_taking, encode_body(body))
            return body

    inbox: type[Inbox] = WatchedInbox
    names = {"own_type": parts.own, "peer_type": parts.peer, "outbox_type": parts.outbox, "inbox_type": inbox}
    return type("WatchedManager", (parts.manager,), names)


def watched_receiving(parts: Parts, resolved: Resolved) -> type[ReceivingService]:
    """Return the receiving service of `parts`, which tells what it resolves."""
    base: Any = parts.receiving

    class WatchedReceiving(base):  # type: ignore[misc]  # chosen at run time
        def _restore(self, now_ms: int) -> None:
            self._tables = AddressTables(TwoLayerTable(), LabelTable(window=_WINDOW))
            super()._restore(now_ms)

        def _resolve(self, now_ms: int, form: TwoLayerRequest | LabelRequest) -> Arrival:
            arrival: Arrival = super()._resolve(now_ms, form)
            resolved(self._service, arrival, _name_of(arrival), self._address_inside(now_ms, form))
            return arrival

        def _address_inside(self, now_ms: int, form: TwoLayerRequest | LabelRequest) -> bytes:
            uri, at_s = self._schedule.uri, self._check_expiry(now_ms)
            if isinstance(form, TwoLayerRequest):
                sealed, bound = bytes(form.address), ciphertext_digest(form.ciphertext)
                info = seal_info(_A.outer_label, Profile.TWO_LAYER, sealed[0], uri, bound)
            else:
                sealed = form.sealed
                info = seal_info(_A.seal_label, Profile.LABEL, sealed[0], uri)
            plain: bytes = self._schedule.open_outer(sealed[0], info, sealed[1:], at_s)
            return plain if isinstance(form, TwoLayerRequest) else plain[: _A.label_bytes]

    watched: type[ReceivingService] = WatchedReceiving
    return watched


def _name_of(arrival: Arrival) -> tuple[int, int]:
    """Return serial and position of the address that an arrival used."""
    found = arrival.resolution
    return (found.epoch, found.index) if isinstance(found, LabelResolution) else address_name(found.index)
