"""The Merkle tree of a log that grows: what a directory keeps, and the little that a reader of all leaves keeps.

Theory. `communicator_spec.transparency` says what the tree is, and hashes all of it each time. A directory keeps the
hash of each complete subtree instead, level by level: a new leaf adds one hash and completes a few more, and every path
is made of O(log² n) of them. Who reads all leaves and proves nothing to others needs the peaks alone: the complete
subtrees from left to right, one for each bit of the size.

Both agree with the functions of the standard for every size; a property test says so.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

from communicator_spec.transparency import node_hash, tree_hash

__all__ = ["LogTree", "Peaks", "Tree"]


class Tree(ABC):
    """The tree of a log, wherever the hashes of its complete subtrees are kept."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def node(self, level: int, place: int) -> bytes:
        """Return the hash of the leaves from `place` · 2^`level` on, 2^`level` of them; all of them are there."""

    def root(self) -> bytes:
        """Return the tree hash."""
        return self._subtree(0, len(self)) if len(self) else tree_hash(())

    def inclusion_path(self, index: int) -> tuple[bytes, ...]:
        """Return the siblings from the leaf `index` to the root; 0 ≤ index < size."""
        path, low, high = list[bytes](), 0, len(self)
        while high - low > 1:
            middle = low + _split(high - low)
            if index < middle:
                path.append(self._subtree(middle, high))
                high = middle
            else:
                path.append(self._subtree(low, middle))
                low = middle
        return tuple(reversed(path))

    def consistency_path(self, first: int, second: int) -> tuple[bytes, ...]:
        """Return the proof that the first `first` leaves begin the first `second`; 0 < first ≤ second ≤ size."""
        path, low, high, whole = list[bytes](), 0, second, True
        while first != high:
            middle = low + _split(high - low)
            if first <= middle:
                path.append(self._subtree(middle, high))
                high = middle
            else:
                path.append(self._subtree(low, middle))
                low, whole = middle, False
        if not whole:
            path.append(self._subtree(low, high))
        return tuple(reversed(path))

    def _subtree(self, low: int, high: int) -> bytes:
        """Return the hash of the leaves from `low` up to, not including, `high`."""
        size = high - low
        if size & (size - 1) == 0 and low % size == 0:
            level = size.bit_length() - 1
            return self.node(level, low >> level)
        middle = low + _split(size)
        return node_hash(self._subtree(low, middle), self._subtree(middle, high))


class LogTree(Tree):
    """The tree of a log in memory, by the hashes of its leaves: two hashes a leaf."""

    def __init__(self) -> None:
        self._levels: list[list[bytes]] = [[]]

    def __len__(self) -> int:
        return len(self._levels[0])

    def node(self, level: int, place: int) -> bytes:
        """Return the hash of a complete subtree."""
        return self._levels[level][place]

    def append(self, leaf: bytes) -> None:
        """Add the hash of a leaf: O(1) hashes on average."""
        self._levels[0].append(leaf)
        level = 0
        while len(self._levels[level]) % 2 == 0:
            if level + 1 == len(self._levels):
                self._levels.append([])
            self._levels[level + 1].append(node_hash(*self._levels[level][-2:]))
            level += 1


class Peaks(NamedTuple):
    """The complete subtrees of a log from left to right, as (leaves, hash); nothing else is needed to go on."""

    rows: tuple[tuple[int, bytes], ...] = ()

    @property
    def size(self) -> int:
        """Leaves of the log."""
        return sum(n for n, _ in self.rows)

    def extended(self, leaves: Sequence[bytes]) -> "Peaks":
        """Return the peaks after more leaves, by their hashes."""
        rows = list(self.rows)
        for leaf in leaves:
            rows.append((1, leaf))
            while len(rows) > 1 and rows[-1][0] == rows[-2][0]:
                (n, right), (_, left) = rows.pop(), rows.pop()
                rows.append((2 * n, node_hash(left, right)))
        return Peaks(tuple(rows))

    def root(self) -> bytes:
        """Return the tree hash."""
        if not self.rows:
            return tree_hash(())
        found = self.rows[-1][1]
        for _, left in reversed(self.rows[:-1]):
            found = node_hash(left, found)
        return found


def _split(size: int) -> int:
    """Return the largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1
