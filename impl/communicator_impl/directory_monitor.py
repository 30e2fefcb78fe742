"""An owner's watch over his name: he reads every leaf of the log, and finds each that he did not make (DIR-17).

Theory. A directory can put a false entry into the log; it cannot do so unseen, because the owner of the name reads the
same log as whoever is deceived. The owner needs no entries: the hash of his name and the digests of his own entries
are enough. And he needs no proofs: who has read all leaves computes the tree by himself. ::

    kept position ──leaves──▶ draft ──tree of the head?──▶ kept position, alarms
                                └── no: forgotten, and the directory does not tell the truth about its log

Rules:

1. Nothing is kept before the tree of a head confirms it; a batch that is refused leaves no trace.
2. Position and alarms are stored in one write; an alarm stays until the person has seen it.
3. An own entry is noted before it is sent, so that no answer comes too early.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from communicator_impl import wire
from communicator_impl.directory import Entry, Head, Leaf, name_hash
from communicator_impl.errors import OwnError, PeerError
from communicator_impl.log_tree import Peaks
from communicator_impl.storage import Storage
from communicator_spec import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["DirectoryMonitor"]

_D: Final = PARAMETERS.directory
_PREFIX: Final = "directory-monitor/"
_BYTES_MAX: Final = 1 << 24
_ROWS_MAX: Final = 1 << 16


class _Position(msgspec.Struct, frozen=True):
    """How far the log was read, and what was found in it."""

    peaks: Peaks = Peaks()
    alarms: tuple[bytes, ...] = ()

    def to_bytes(self) -> bytes:
        """Encode for storage."""
        return wire.encode([[list(row) for row in self.peaks.rows], list(self.alarms)])

    @classmethod
    def from_bytes(cls, data: bytes) -> "_Position":
        """Read what `to_bytes` wrote."""
        try:
            peaks, alarms = wire.array(wire.decode(data, _BYTES_MAX), 2, size=2)
            rows = [wire.array(row, 2, size=2) for row in wire.array(peaks, 64)]
            found = tuple(wire.octets(item) for item in wire.array(alarms, _ROWS_MAX))
            return cls(Peaks(tuple((wire.uint(n), wire.octets(digest)) for n, digest in rows)), found)
        except PeerError as error:
            raise OwnError(ErrorClass.MALFORMED, "stored position in a log") from error


class DirectoryMonitor:
    """One name at one directory, watched by its owner; heads come from a `DirectoryReader`, which checked them."""

    def __init__(self, uri: str, name: str, storage: Storage) -> None:
        self._storage = storage
        self._name = name_hash(name)
        self._place = f"{_PREFIX}{uri}/{self._name.hex()}/"
        stored = storage.load(self._place + "position")
        self._kept = _Position() if stored is None else _Position.from_bytes(stored)
        self._draft = self._kept

    @property
    def alarms(self) -> tuple[Leaf, ...]:
        """Leaves of the own name that the owner did not make."""
        return tuple(Leaf.decode(data) for data in self._kept.alarms)

    def made(self, entry: Entry) -> None:
        """Note an entry of one's own; call it before it is sent."""
        self._storage.save(self._place + f"own/{entry.leaf().hash().hex()}", b"\x01")

    def wanted(self, head: Head) -> tuple[int, int] | None:
        """Return the range of leaves to ask for next, at most 1,024; None when all of this head are read."""
        size = self._draft.peaks.size
        return None if size >= head.size else (size, min(head.size, size + _D.leaves_max))

    def read(self, head: Head, leaves: Sequence[bytes]) -> None:
        """Take the leaves that were asked for; those of the whole head that do not make its tree are `FORGED`."""
        wanted = self.wanted(head)
        if wanted is None or not 0 < len(leaves) <= wanted[1] - wanted[0]:
            raise PeerError(ErrorClass.MALFORMED, "leaves that were not asked for")
        rows = [Leaf.decode(data) for data in leaves]
        alarms = tuple(row.encode() for row in rows if self._is_strange(row))
        peaks = self._draft.peaks.extended([row.hash() for row in rows])
        draft = _Position(peaks, (*self._draft.alarms, *alarms))
        if peaks.size < head.size:
            self._draft = draft
            return
        if peaks.root() != head.tree:
            self._draft = self._kept
            raise PeerError(ErrorClass.FORGED, "leaves that do not make the tree of their head")  # DIR-12
        self._storage.save(self._place + "position", draft.to_bytes())
        self._kept = self._draft = draft

    def seen(self) -> None:
        """Forget the alarms: the person has seen them."""
        quiet = _Position(self._kept.peaks)
        self._storage.save(self._place + "position", quiet.to_bytes())
        self._kept = self._draft = quiet

    def _is_strange(self, leaf: Leaf) -> bool:
        own = self._storage.load(self._place + f"own/{leaf.hash().hex()}")
        return leaf.name == self._name and own is None  # DIR-17
