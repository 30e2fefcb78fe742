"""What a core asks of a disk: whole values by key, each written at once or not at all.

Theory. A core keeps its state in memory and writes every change before anyone outside can learn of it. If a write is
one value under one key, the port stays so small that a dictionary, a directory of files and a database table all fit
behind it, and a crash leaves either the old value or the new one.

Rules:

1. `save` is atomic and durable when it returns. A core calls it once for each change that belongs together.
2. If `save` raises, the core that called it is ahead of its disk: throw it away and build a new one from the storage.
3. `keys` lists in ascending order, so that a rebuilt core does not depend on the order of writes.
"""

from collections.abc import Iterator
from typing import Protocol

__all__ = ["MemoryStorage", "Storage"]


class Storage(Protocol):
    """Durable values by key."""

    def save(self, key: str, value: bytes) -> None:
        """Write one value, atomically and durably."""
        ...

    def load(self, key: str) -> bytes | None:
        """Return the value last saved under a key, if any."""
        ...

    def delete(self, key: str) -> None:
        """Forget a key; one that is absent is no error."""
        ...

    def keys(self, prefix: str) -> Iterator[str]:
        """List the keys that begin with `prefix`, ascending."""
        ...


class MemoryStorage:
    """Values in a dictionary: for simulations and tests, where a crash loses the core and keeps the storage."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}

    def save(self, key: str, value: bytes) -> None:
        """Keep one value."""
        self.values[key] = value

    def load(self, key: str) -> bytes | None:
        """Return what was kept."""
        return self.values.get(key)

    def delete(self, key: str) -> None:
        """Forget a value."""
        self.values.pop(key, None)

    def keys(self, prefix: str) -> Iterator[str]:
        """List keys in ascending order."""
        return iter(sorted(key for key in self.values if key.startswith(prefix)))
