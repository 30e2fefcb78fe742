"""The log of a directory in a database: one writer at a time, one tree for each size, for ever.

Theory. A directory is believed because everybody sees one log. So two instances must never make two logs of it: whoever
writes holds the lock of the row with the key that signs, and without that row nobody can sign. The tree is kept as the
hashes of its complete subtrees, which never change; a new leaf adds one and completes a few more, and each path is read
in one query. ::

    lock the key ─▶ newest head ─▶ entry, nodes ─▶ tree ─▶ head of the new size, signed ─▶ commit ─▶ answered

Rules:

1. Entry, nodes and head are written in one transaction: what is in the log is under a signed head (DIR-13).
2. A head of a size that was signed before has the same tree, or is not signed; only its date grows.
3. At the start the newest head is compared with the tree: a log that was tampered with is not gone on with.
4. A backup that is older than the newest head that anybody saw must not be gone on with: no directory can tell that by
   itself, and the readers of its log find it out.

Cost: O(log n) rows for each entry and each path.
"""

from collections.abc import Callable
from typing import Final, NamedTuple, TypeVar

from sqlalchemy import Connection, func, insert, select, tuple_, update

from communicator_impl.directory import Entry, Head, Proof, write_path
from communicator_impl.entropy import Entropy
from communicator_impl.errors import OwnError, PeerError
from communicator_impl.log_tree import Tree
from communicator_impl.services.directory_schema import log_entries, log_heads, log_nodes
from communicator_impl.services.kept import held_secret
from communicator_spec import ErrorClass
from communicator_spec.parameters import PARAMETERS
from communicator_spec.transparency import node_hash

__all__ = ["DirectoryLog", "Writer", "locked"]

Found = TypeVar("Found")

_D: Final = PARAMETERS.directory
_KEY: Final = "directory key"
_SEED_BYTES: Final = 32
_NO_HASH: Final = bytes(32)


class Writer(NamedTuple):
    """The right to write the log, until the transaction ends: the seed of the key that signs."""

    seed: bytes


def locked(connection: Connection, entropy: Entropy) -> Writer:
    """Wait for the writer's lock and take it; the first one who does so draws the key."""
    return Writer(held_secret(connection, _KEY, entropy.draw("directory.key", _SEED_BYTES)))


class _StoredTree(Tree):
    """The tree of the first `size` entries; what an answer is made of is read in one query."""

    def __init__(self, connection: Connection, size: int) -> None:
        self._connection = connection
        self._size = size
        self._known: dict[tuple[int, int], bytes] = {}
        self._wanted: set[tuple[int, int]] = set()

    def __len__(self) -> int:
        return self._size

    def node(self, level: int, place: int) -> bytes:
        """Return a hash, or note that it is wanted."""
        found = self._known.get((level, place))
        if found is None:
            self._wanted.add((level, place))
            return _NO_HASH
        return found

    def root(self) -> bytes:
        """Return the tree hash."""
        return self._read(super().root)

    def inclusion_path(self, index: int) -> tuple[bytes, ...]:
        """Return the siblings of a leaf."""
        path = super().inclusion_path
        return self._read(lambda: path(index))

    def consistency_path(self, first: int, second: int) -> tuple[bytes, ...]:
        """Return the proof that one tree begins another."""
        path = super().consistency_path
        return self._read(lambda: path(first, second))

    def append(self, leaf: bytes) -> None:
        """Write the hash of a leaf, and of each subtree that it completes."""
        rows = self._read(lambda: self._completed(leaf))
        values = [{"level": level, "place": place, "hash": digest} for (level, place), digest in rows.items()]
        self._connection.execute(insert(log_nodes), values)
        self._known |= rows
        self._size += 1

    def _completed(self, leaf: bytes) -> dict[tuple[int, int], bytes]:
        level, place, digest = 0, self._size, leaf
        rows = {(level, place): digest}
        while place & 1:
            digest = node_hash(self.node(level, place - 1), digest)
            level, place = level + 1, place >> 1
            rows[level, place] = digest
        return rows

    def _read(self, make: Callable[[], Found]) -> Found:
        """Make something twice: once to learn which nodes it takes, and once of them."""
        made = make()
        if not self._wanted:
            return made
        key = tuple_(log_nodes.c.level, log_nodes.c.place)
        rows = self._connection.execute(select(log_nodes).where(key.in_(sorted(self._wanted)))).all()
        self._known |= {(row.level, row.place): row.hash for row in rows}
        if not self._wanted <= self._known.keys():
            raise OwnError(ErrorClass.MALFORMED, "a node of the log is missing")
        self._wanted.clear()
        return make()


class DirectoryLog:
    """The log of one directory; `uri` is its name in the heads."""

    def __init__(self, uri: str) -> None:
        self._uri = uri

    def open(self, connection: Connection, writer: Writer, now_s: int) -> None:
        """Sign the empty log of a new directory, and check that of an old one (rule 3)."""
        head = _newest(connection)
        if head is None:
            self._sign(connection, writer, _StoredTree(connection, 0), now_s)
            return
        entries = connection.execute(select(func.count()).select_from(log_entries)).scalar_one()
        tree = _StoredTree(connection, head.size).root()
        if (head.uri, head.size, head.tree) != (self._uri, entries, tree):
            raise OwnError(ErrorClass.MALFORMED, "the log does not fit its newest head, or has another URI")

    def append(self, connection: Connection, writer: Writer, entry: Entry, now_s: int) -> int:
        """Put an entry at the end, under a new head (DIR-12, DIR-13); who calls has checked it. Returns its place."""
        tree = _StoredTree(connection, self.head(connection).size)
        row = {"place": len(tree), "name": entry.name.encode(), "sequence": entry.sequence, "entry": entry.encode()}
        connection.execute(insert(log_entries).values(row))
        tree.append(entry.leaf().hash())
        self._sign(connection, writer, tree, now_s)
        return len(tree) - 1

    def refresh(self, connection: Connection, writer: Writer, now_s: int) -> None:
        """Sign the tree again if the newest head is half a day old (DIR-16)."""
        if self.is_stale(connection, now_s):
            self._sign(connection, writer, _StoredTree(connection, self.head(connection).size), now_s)

    def is_stale(self, connection: Connection, now_s: int) -> bool:
        """Tell whether a new head is due."""
        return now_s >= self.head(connection).date_s + _D.head_max_age_s // 2

    # ---------------------------------------------------------------- what anybody reads

    def head(self, connection: Connection) -> Head:
        """Return the newest head."""
        found = _newest(connection)
        if found is None:
            raise OwnError(ErrorClass.MALFORMED, "a log without a head")
        return found

    def entry(self, connection: Connection, name: str) -> tuple[int, Entry] | None:
        """Return the newest entry of a name and its place."""
        rows = select(log_entries.c.place, log_entries.c.entry).where(log_entries.c.name == name.encode())
        row = connection.execute(rows.order_by(log_entries.c.sequence.desc()).limit(1)).first()
        return None if row is None else (row.place, _own(row.entry))

    def proof(self, connection: Connection, name: str) -> bytes | None:
        """Return the proof of the newest entry of a name: first the entry, then a head that is at least as new."""
        found = self.entry(connection, name)
        if found is None:
            return None
        place, entry = found
        head = self.head(connection)
        return Proof(entry, place, _StoredTree(connection, head.size).inclusion_path(place), head).encode()

    def leaves(self, connection: Connection, first: int, to: int) -> tuple[bytes, ...]:
        """Return leaves from `first` up to, not including, `to`: at most 1,024, and none beyond the head."""
        if not first <= to:
            raise PeerError(ErrorClass.MALFORMED, "range of leaves")
        last = min(to, first + _D.leaves_max, self.head(connection).size)
        rows = select(log_entries.c.entry).where(log_entries.c.place >= first, log_entries.c.place < last)
        found = connection.execute(rows.order_by(log_entries.c.place)).scalars()
        return tuple(_own(data).leaf().encode() for data in found)

    def consistency(self, connection: Connection, first: int, second: int) -> bytes:
        """Prove that the tree of `first` leaves begins that of `second`: `MALFORMED`, `UNKNOWN` beyond the head."""
        if not 0 < first <= second:
            raise PeerError(ErrorClass.MALFORMED, "sizes of trees")
        size = self.head(connection).size
        if second > size:
            raise PeerError(ErrorClass.UNKNOWN, "tree that is not there yet")
        return write_path(_StoredTree(connection, size).consistency_path(first, second))

    # ---------------------------------------------------------------- signing

    def _sign(self, connection: Connection, writer: Writer, tree: Tree, now_s: int) -> None:
        """Sign a tree, with a date that is not before that of the newest head (rule 2)."""
        newest = _newest(connection)
        date_s = now_s if newest is None else max(now_s, newest.date_s)
        size, root = len(tree), tree.root()
        if newest is not None and (newest.size, newest.tree) > (size, root):
            raise OwnError(ErrorClass.REFUSED, "a head before the newest one")
        row = {"size": size, "tree": root, "head": Head.sign(writer.seed, self._uri, size, root, date_s).encode()}
        if newest is None or newest.size < size:
            connection.execute(insert(log_heads).values(row))
            return
        same = update(log_heads).where(log_heads.c.size == size, log_heads.c.tree == root)
        if connection.execute(same.values(head=row["head"])).rowcount != 1:
            raise OwnError(ErrorClass.REFUSED, "two trees of one size")


def _newest(connection: Connection) -> Head | None:
    data = connection.execute(select(log_heads.c.head).order_by(log_heads.c.size.desc()).limit(1)).scalar()
    if data is None:
        return None
    try:
        return Head.decode(data)
    except PeerError as error:
        raise OwnError(ErrorClass.MALFORMED, "stored head") from error


def _own(data: bytes) -> Entry:
    try:
        return Entry.decode(data)
    except PeerError as error:
        raise OwnError(ErrorClass.MALFORMED, "stored entry") from error
