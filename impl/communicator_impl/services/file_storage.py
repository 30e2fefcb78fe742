"""Values by key in one file: what a reader keeps between two runs.

Theory. The port asks for whole values, each written at once or not at all (`storage`). A table in SQLite with a flush
for each transaction is that; one process uses a file at a time.
"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

__all__ = ["FileStorage"]


class FileStorage:
    """A storage in one SQLite file, which is made if it is not there."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.execute("CREATE TABLE IF NOT EXISTS kept (key TEXT PRIMARY KEY, value BLOB NOT NULL)")

    def save(self, key: str, value: bytes) -> None:
        """Write one value, durably."""
        self._connection.execute("INSERT OR REPLACE INTO kept VALUES (?, ?)", (key, value))

    def load(self, key: str) -> bytes | None:
        """Return the value last saved under a key, if any."""
        row = self._connection.execute("SELECT value FROM kept WHERE key = ?", (key,)).fetchone()
        return None if row is None else bytes(row[0])

    def delete(self, key: str) -> None:
        """Forget a key."""
        self._connection.execute("DELETE FROM kept WHERE key = ?", (key,))

    def keys(self, prefix: str) -> Iterator[str]:
        """List keys in ascending order."""
        rows = self._connection.execute("SELECT key FROM kept ORDER BY key").fetchall()
        return (key for (key,) in rows if key.startswith(prefix))

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
