"""A watch over a directory: is there one log for everybody, and does it say of a name what its owner said?

Theory. A directory that lies to one reader must show him another log, under a head that it signed. So a watch asks over
several ways at which the directory might take it for different people, and holds all heads against each other and
against the last one that it kept: either one log joins them, or the directory signed two. Two heads of one size with
two trees are proof that can be shown to anybody (`SplitView`). A head from another reader counts like one more way. ::

    each way ─▶ head ─▶ signature, date ─▶ consistency with the head that was kept ─▶ kept
                                                                  └── no path from any way: refused, nothing is kept
    newest head ─▶ leaves ─▶ tree of the head ─▶ leaves of watched names that their owner did not make

Rules:

1. The key of the directory is taken from its document once, and kept; another one is `FORGED`.
2. A way that does not answer is named and not held against the directory; a head that no path joins is.
3. What was found stays after a restart: heads, position and alarms are in the storage.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from communicator_impl.directory import Head, Leaf
from communicator_impl.directory_monitor import DirectoryMonitor
from communicator_impl.directory_reader import DirectoryReader
from communicator_impl.errors import CommunicatorError, PeerError, ServiceError
from communicator_impl.services.directory_client import DirectoryClient
from communicator_impl.storage import Storage
from communicator_spec import ErrorClass

__all__ = ["DirectoryWatch", "Seen"]

_PREFIX: Final = "directory-watch/"


class Seen(NamedTuple):
    """What one look found: sizes of the log by way, ways without an answer, and strange leaves by name."""

    sizes: tuple[tuple[str, int], ...]
    silent: tuple[str, ...]
    alarms: tuple[tuple[str, tuple[Leaf, ...]], ...]


class DirectoryWatch:
    """One directory, watched over one or more ways; `names` are those whose leaves are looked at (DIR-17)."""

    def __init__(
        self, uri: str, storage: Storage, ways: Sequence[DirectoryClient] = (), names: Sequence[str] = ()
    ) -> None:
        self._ways = tuple(ways) or (DirectoryClient(uri),)
        self._reader = DirectoryReader(uri, self._key(uri, storage), storage)
        self.monitors = {name: DirectoryMonitor(uri, name, storage) for name in names}

    @property
    def head(self) -> Head | None:
        """The newest head that was kept."""
        return self._reader.head

    @property
    def reader(self) -> DirectoryReader:
        """What reads answers of this directory, with the heads that were compared here."""
        return self._reader

    def look(self, now_ms: int, others: Sequence[Head] = ()) -> Seen:
        """Ask every way once, and take heads of other readers: `SplitView`, `FORGED`, `EXPIRED` (DIR-15, DIR-18)."""
        found = list(self._heads())
        silent = tuple(way.base for way in self._ways if way.base not in {one.base for one, _ in found})
        for head in sorted([*(head for _, head in found), *others], key=lambda head: head.size):
            self._compare(now_ms, head)
        for way, head in found:
            self._read_leaves(way, head)
        alarms = tuple((name, monitor.alarms) for name, monitor in self.monitors.items())
        return Seen(tuple((way.base, head.size) for way, head in found), silent, alarms)

    def _heads(self) -> Iterator[tuple[DirectoryClient, Head]]:
        for way in self._ways:
            try:
                yield way, way.head()
            except ServiceError:  # rule 2
                continue

    def _compare(self, now_ms: int, head: Head) -> None:
        """Hold a head against the one that was kept, with a path from whichever way has one."""
        gap = self._reader.gap(head)
        if gap is None:
            self._reader.compare(now_ms, head)
            return
        refused: CommunicatorError = PeerError(ErrorClass.FORGED, "no way joins two heads in one log")
        for way in self._ways:
            try:
                self._reader.compare(now_ms, head, way.consistency(*gap))
                return
            except ServiceError:
                continue
            except PeerError as error:
                refused = error
        raise refused

    def _read_leaves(self, way: DirectoryClient, head: Head) -> None:
        """Read what is new in a log that was found to be the one (DIR-17)."""
        for monitor in self.monitors.values():
            while (wanted := monitor.wanted(head)) is not None:
                monitor.read(head, way.leaves(*wanted))

    def _key(self, uri: str, storage: Storage) -> bytes:
        """Return the key that was kept, and hold the documents of all ways that answer against it (rule 1)."""
        place = f"{_PREFIX}{uri}/key"
        for way in self._ways:
            try:
                found = way.document().key
            except ServiceError:
                continue
            kept = storage.load(place)
            if kept is None:
                storage.save(place, found)
            elif kept != found:
                raise PeerError(ErrorClass.FORGED, "another key than the one that was kept")
        kept = storage.load(place)
        if kept is None:
            raise ServiceError(ErrorClass.UNKNOWN, "no document of the directory")
        return kept
