"""The store of a device: one encrypted SQLite file, opened by a passphrase or a key file, used by one process.

Theory. A store holds keys and messages, so all values in it are sealed; what can be seen without the key is how many
values there are, how long they are, and their names, which hold numbers of relationships and messages and no words. A
random key seals the values; the passphrase only locks that key, so it can be changed without touching anything else. ::

    head        version, and the key of the values, sealed by scrypt(passphrase, salt, 2^17, 8, 1) or HKDF(key file)
    kept        name, nonce (12) ‖ ChaCha20-Poly1305(key of the values, nonce, value, name)

Rules:

1. What is written inside one `together` becomes durable at once, or not at all; outside of it each value by itself.
2. A store that a newer version made, one that is damaged, and a secret that does not fit raise `InputError` or
   `OwnError` that says so; the file is left as it is.
3. The file is for its owner's eyes (mode 0600), and for one process at a time; a killed process leaves no lock.
"""

import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NewType, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from communicator_impl.backup import Passphrase
from communicator_impl.errors import InputError, OwnError
from communicator_impl.kdf import hkdf
from communicator_spec import ErrorClass

__all__ = ["KeyFile", "Passphrase", "Secret", "Vault"]

KeyFile = NewType("KeyFile", bytes)
Secret = Passphrase | KeyFile

_VERSION: Final = 1
_COST: Final = 17
_KEY_BYTES: Final = 32
_SALT_BYTES: Final = 16
_NONCE_BYTES: Final = 12
_PASSPHRASE_BYTES_MIN: Final = 8
_APPLICATION: Final = 0x636F6D6D
_INFO: Final = b"communicator store"
_SCHEMA: Final = (
    "CREATE TABLE head (name TEXT PRIMARY KEY, value BLOB NOT NULL)",
    "CREATE TABLE kept (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",
)


class Vault:
    """A store that is open; it is the `Storage` of the cores (`storage`)."""

    def __init__(self, connection: sqlite3.Connection, key: bytes) -> None:
        self._connection = connection
        self._key = key
        self._aead = ChaCha20Poly1305(key)
        self._depth = 0

    @classmethod
    def create(cls, path: Path, secret: Secret) -> Self:
        """Make a new store; one that is there is never touched."""
        raw = _raw(secret)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError as error:
            raise InputError(ErrorClass.REFUSED, f"{path} is there already") from error
        except OSError as error:
            raise InputError(ErrorClass.REFUSED, f"{path} cannot be made: {error.strerror}") from error
        try:
            connection = _connected(path)
            key, salt = secrets.token_bytes(_KEY_BYTES), secrets.token_bytes(_SALT_BYTES)
            with _speaking(), connection:
                connection.execute("BEGIN IMMEDIATE")
                for statement in _SCHEMA:
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id = {_APPLICATION}")
                connection.execute(f"PRAGMA user_version = {_VERSION}")
                _write_head(connection, key, raw, salt, _cost(secret))
        except BaseException:
            path.unlink(missing_ok=True)  # nothing was in it
            raise
        return cls(connection, key)

    @classmethod
    def open(cls, path: Path, secret: Secret) -> Self:
        """Open a store."""
        if not path.is_file():
            raise InputError(ErrorClass.UNKNOWN, f"there is no store at {path}")
        connection = _connected(path)
        try:
            return cls(connection, _unlocked(connection, secret))
        except BaseException:
            connection.close()
            raise

    def change_secret(self, secret: Secret) -> None:
        """Lock the store by another passphrase or key file from now on."""
        raw, salt = _raw(secret), secrets.token_bytes(_SALT_BYTES)
        with self.together():
            self._connection.execute("DELETE FROM head")
            _write_head(self._connection, self._key, raw, salt, _cost(secret))

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Make everything that is written inside durable at once; if it raises, none of it was written."""
        if self._depth:
            yield
            return
        with _speaking():
            self._connection.execute("BEGIN IMMEDIATE")
        self._depth += 1
        try:
            yield
            self._commit()
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        finally:
            self._depth -= 1

    def _commit(self) -> None:
        with _speaking():
            self._connection.execute("COMMIT")

    def save(self, key: str, value: bytes) -> None:
        """Write one value."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = nonce + self._aead.encrypt(nonce, value, key.encode())
        with self.together(), _speaking():
            self._connection.execute("INSERT OR REPLACE INTO kept VALUES (?, ?)", (key, sealed))

    def load(self, key: str) -> bytes | None:
        """Return the value last saved under a name, if any."""
        with _speaking():
            row = self._connection.execute("SELECT value FROM kept WHERE name = ?", (key,)).fetchone()
        return None if row is None else self._opened(key, row[0])

    def delete(self, key: str) -> None:
        """Forget a name."""
        with self.together(), _speaking():
            self._connection.execute("DELETE FROM kept WHERE name = ?", (key,))

    def keys(self, prefix: str) -> Iterator[str]:
        """List names in ascending order."""
        with _speaking():
            rows = self._connection.execute(
                "SELECT name FROM kept WHERE name >= ? AND name < ? ORDER BY name", (prefix, prefix + "\U0010ffff")
            ).fetchall()
        return (name for (name,) in rows)

    def items(self, prefix: str) -> list[tuple[str, bytes]]:
        """Return names and values, in ascending order of the names."""
        with _speaking():
            rows = self._connection.execute(
                "SELECT name, value FROM kept WHERE name >= ? AND name < ? ORDER BY name",
                (prefix, prefix + "\U0010ffff"),
            ).fetchall()
        return [(name, self._opened(name, value)) for name, value in rows]

    def _opened(self, name: str, sealed: bytes) -> bytes:
        try:
            return self._aead.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], name.encode())
        except (InvalidTag, ValueError) as error:
            raise OwnError(ErrorClass.FORGED, "a value in the store was damaged or changed") from error


# -------------------------------------------------------------------- the file


def _connected(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, timeout=0.5, check_same_thread=False)
    try:
        with _speaking():
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")  # rule 3
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("BEGIN EXCLUSIVE")
            connection.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def _speaking() -> Iterator[None]:
    """Say in one sentence what the database could not do, and what helps."""
    try:
        yield
    except sqlite3.OperationalError as error:
        text = str(error)
        if "locked" in text:
            raise InputError(ErrorClass.REFUSED, "another program uses this store; end it first") from error
        if "full" in text or "disk I/O" in text:
            raise OwnError(ErrorClass.LIMIT, "the disk is full; free some space, nothing was lost") from error
        raise OwnError(ErrorClass.MALFORMED, f"the store cannot be used: {text}") from error
    except sqlite3.DatabaseError as error:
        raise OwnError(ErrorClass.MALFORMED, "this is no store, or a damaged one; restore a backup") from error


def _unlocked(connection: sqlite3.Connection, secret: Secret) -> bytes:
    with _speaking():
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if application != _APPLICATION:
            raise OwnError(ErrorClass.MALFORMED, "this is no store of Communicator")
        if version > _VERSION:
            raise InputError(ErrorClass.REFUSED, "a newer version of this program made the store; use that version")
        head = dict(connection.execute("SELECT name, value FROM head").fetchall())
    try:
        cost, salt, nonce, sealed = int(head["cost"]), head["salt"], head["nonce"], head["key"]
    except (KeyError, ValueError) as error:
        raise OwnError(ErrorClass.MALFORMED, "the head of the store is damaged; restore a backup") from error
    if (cost == 0) != isinstance(secret, bytes):
        wanted = "a key file" if cost == 0 else "a passphrase"
        raise InputError(ErrorClass.REFUSED, f"this store is locked by {wanted}")
    raw = secret if isinstance(secret, bytes) else secret.encode()
    try:
        return ChaCha20Poly1305(_lock(raw, salt, cost)).decrypt(nonce, sealed, _INFO)
    except InvalidTag as error:
        raise InputError(ErrorClass.FORGED, "the passphrase or key file is not that of this store") from error


def _write_head(connection: sqlite3.Connection, key: bytes, raw: bytes, salt: bytes, cost: int) -> None:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    sealed = ChaCha20Poly1305(_lock(raw, salt, cost)).encrypt(nonce, key, _INFO)
    rows = [("cost", b"%d" % cost), ("salt", salt), ("nonce", nonce), ("key", sealed)]
    connection.executemany("INSERT INTO head VALUES (?, ?)", rows)


def _lock(raw: bytes, salt: bytes, cost: int) -> bytes:
    if cost == 0:
        return hkdf(salt, raw, _INFO, _KEY_BYTES)
    if cost != _COST:
        raise OwnError(ErrorClass.MALFORMED, "the head of the store is damaged; restore a backup")
    return Scrypt(salt=salt, length=_KEY_BYTES, n=1 << cost, r=8, p=1).derive(raw)


def _cost(secret: Secret) -> int:
    return 0 if isinstance(secret, bytes) else _COST


def _raw(secret: Secret) -> bytes:
    if isinstance(secret, bytes):
        if len(secret) != _KEY_BYTES:
            raise InputError(ErrorClass.MALFORMED, f"a key file has {_KEY_BYTES} bytes")
        return secret
    if len(secret.encode()) < _PASSPHRASE_BYTES_MIN:
        raise InputError(ErrorClass.REFUSED, f"a passphrase has at least {_PASSPHRASE_BYTES_MIN} bytes")
    return secret.encode()
