"""A client's side of a directory: it believes an entry only in a log that everybody sees, and remembers which.

Theory. A directory that shows each asker another key must sign two logs. A reader keeps the last head it saw, and asks
with each new one for the proof that the older log is the beginning of the newer. Two readers who compare their heads
find out in the same way: either the directory joins both in one log, or it cannot. Two heads of one size with two trees
are proof by themselves (`SplitView`), to be shown to anybody.

How an answer is read, at `now_ms`:

1. bytes, the signature of the entry, head, date, name, inclusion (`Proof.check`)
2. consistency with the last head that was kept (DIR-15)
3. the sequence, against the last entry of the name that was read (DIR-19)
4. the signature of the identity before, where it is known (DIR-1)
5. keep head and entry; tell how the identity came to be the one it is (DIR-3)

Rules:

1. A refusal changes nothing. What was read is stored before it is returned.
2. The newest head is kept; an older one that fits is taken and not kept.
3. A host fetches: `gap` says for which two sizes a consistency path is needed.
"""

from enum import StrEnum
from typing import Final, NamedTuple

from communicator_impl.directory import Contact, Entry, Head, Proof, name_hash
from communicator_impl.errors import OwnError, PeerError
from communicator_impl.storage import Storage
from communicator_spec import ErrorClass
from communicator_spec.transparency import verify_consistency

__all__ = ["DirectoryReader", "Finding", "SplitView", "Succession", "kept_head"]

_PREFIX: Final = "directory-reader/"


class SplitView(PeerError):
    """Two heads of one size with two trees, both signed by the directory: proof that it showed two logs."""

    def __init__(self, ours: Head, theirs: Head) -> None:
        super().__init__(ErrorClass.FORGED, "two logs of one size")
        self.ours = ours
        self.theirs = theirs


class Succession(StrEnum):
    """How the identity of a name came to be the one it is, as far as this reader saw."""

    FIRST = "first"  # nothing was known of the name
    SAME = "same"
    SIGNED = "signed"  # replaced, with the signature of the identity before
    UNSIGNED = "unsigned"  # replaced, and nobody who held the identity before said so: show it to the person


class Finding(NamedTuple):
    """What a directory says about a name."""

    entry: Entry
    succession: Succession


class DirectoryReader:
    """What one client knows of one directory; `key` signs its heads and comes from its document."""

    def __init__(self, uri: str, key: bytes, storage: Storage) -> None:
        self._uri = uri
        self._key = key
        self._storage = storage
        self._head = kept_head(uri, storage)

    @property
    def head(self) -> Head | None:
        """The newest head that was kept."""
        return self._head

    def gap(self, other: Head) -> tuple[int, int] | None:
        """Return the two sizes for which a consistency path is needed to compare a head with the one kept, if any."""
        if self._head is None or 0 in (self._head.size, other.size) or self._head.size == other.size:
            return None
        return min(self._head.size, other.size), max(self._head.size, other.size)

    def read(self, now_ms: int, name: str, proof: Proof, path: tuple[bytes, ...] = ()) -> Finding:
        """Take the answer to a query (the numbered steps above): `FORGED`, `EXPIRED`, `REPLAYED`."""
        proof.check(now_ms // 1000, self._uri, self._key, name)  # 1, DIR-14
        self._check_consistent(proof.head, path)  # 2
        last = self.known(name)
        succession = _succession(last, proof.entry)  # 3, 4
        self._keep(proof.head)  # 5
        if last is None or last.sequence < proof.entry.sequence:
            self._storage.save(self._entry_place(name), proof.entry.encode())
        return Finding(proof.entry, succession)

    def compare(self, now_ms: int, other: Head, path: tuple[bytes, ...] = ()) -> None:
        """Take a head by itself, from the directory or from another client: `FORGED`, `EXPIRED`."""
        other.check(self._uri, self._key)
        other.check_date(now_ms // 1000)
        self._check_consistent(other, path)
        self._keep(other)

    def read_contact(self, now_ms: int, name: str, data: bytes) -> Contact:
        """Take a contact of a name whose entry was read before; `UNKNOWN` if it was not (DIR-6)."""
        entry = self.known(name)
        if entry is None:
            raise PeerError(ErrorClass.UNKNOWN, "no entry of this name was read")
        contact = Contact.decode(data, now_ms // 1000)
        contact.check(entry)
        return contact

    def known(self, name: str) -> Entry | None:
        """Return the last entry of a name that was read."""
        stored = self._storage.load(self._entry_place(name))
        if stored is None:
            return None
        try:
            return Entry.decode(stored)
        except PeerError as error:
            raise OwnError(ErrorClass.MALFORMED, "stored entry") from error

    def _check_consistent(self, other: Head, path: tuple[bytes, ...]) -> None:
        ours = self._head
        if ours is None or 0 in (ours.size, other.size):
            return
        if ours.size == other.size:
            if ours.tree != other.tree:
                raise SplitView(ours, other)  # DIR-15
            return
        old, new = sorted((ours, other), key=lambda head: head.size)
        if not verify_consistency(old.size, new.size, path, old.tree, new.tree):
            raise PeerError(ErrorClass.FORGED, "two logs that are not one")  # DIR-15

    def _keep(self, head: Head) -> None:
        if self._head is None or (head.size, head.date_s) > (self._head.size, self._head.date_s):
            self._storage.save(self._place("head"), head.encode())
            self._head = head

    def _place(self, what: str) -> str:
        return f"{_PREFIX}{self._uri}/{what}"

    def _entry_place(self, name: str) -> str:
        return self._place(f"entry/{name_hash(name).hex()}")


def _succession(last: Entry | None, entry: Entry) -> Succession:
    if last is None:
        return Succession.FIRST
    if entry.sequence < last.sequence:
        raise PeerError(ErrorClass.REPLAYED, "an older entry than one that was read")  # DIR-19
    if entry.sequence == last.sequence:
        if entry.encode() != last.encode():
            raise PeerError(ErrorClass.FORGED, "two entries of one sequence")  # DIR-19
        return Succession.SAME
    follows = entry.sequence == last.sequence + 1
    if follows:
        entry.check_after(last)  # DIR-1
    if entry.identity == last.identity:
        return Succession.SAME
    return Succession.SIGNED if follows and entry.before is not None else Succession.UNSIGNED  # DIR-3


def kept_head(uri: str, storage: Storage) -> Head | None:
    """Return the newest head of a directory that a reader on this storage kept."""
    stored = storage.load(f"{_PREFIX}{uri}/head")
    if stored is None:
        return None
    try:
        return Head.decode(stored)
    except PeerError as error:
        raise OwnError(ErrorClass.MALFORMED, "stored head") from error
