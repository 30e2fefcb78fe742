"""The secret keys of a service, encrypted in its database with a key from outside it.

Theory. A database is copied often: to a backup, to a replica, to a test. With the secret keys in it, each copy opens
what was sent to the service and signs in its name. So an operator may keep one key apart, in a file or as a credential
of the process, and the database has every other secret sealed with it (AES-256-GCM, RFC 5116; the name of the row is
authenticated too, so that no row can stand in for another). ::

    key file ──▶ Sealer ──▶ MAGIC ‖ nonce ‖ sealed row    schedule, secret, directory key, keys of an issuer

Rules:

1. The sealer is an option of the connections of a `Database`, as the event log is; without one, rows are plain.
2. At the start with a key, what is plain is sealed, and everything that is sealed is opened once: with another key, or
   with none, the service does not start (`SettingsError`), and nothing is written.
3. What is kept for owners (epoch keys, messages) is not sealed: it ends within weeks, and is read for each request.
"""

import secrets
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, select, update

from communicator_impl.services.authorization_schema import issuer_keys
from communicator_impl.services.schema import kept
from communicator_impl.services.settings import SettingsError

__all__ = ["ISSUER_KEY", "SEALER", "Sealer", "opened", "read_key", "sealed", "settle"]

SEALER: Final = "communicator_sealer"
ISSUER_KEY: Final = "issuer key"
SECRETS: Final = ("schedule", "secret", "directory key")
_MAGIC: Final = b"communicator sealed row 1\0"
_NONCE_BYTES: Final = 12
_KEY_BYTES: Final = 32
_WRONG: Final = "database.key_file: this is not the key with which the secrets of this database were encrypted"
_NONE: Final = "database.key_file: the secrets of this database are encrypted; name the file with their key"


class Sealer:
    """Seals rows with one key; shows nothing of it."""

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)

    def seal(self, name: str, plain: bytes) -> bytes:
        """Return a row as it is stored."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _MAGIC + nonce + self._aead.encrypt(nonce, plain, name.encode())

    def open(self, name: str, stored: bytes) -> bytes:
        """Return what was sealed under a name; `SettingsError` with another key."""
        rest = stored[len(_MAGIC) :]
        try:
            return self._aead.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], name.encode())
        except (InvalidTag, ValueError) as error:
            raise SettingsError(_WRONG) from error


def read_key(path: str) -> bytes:
    """Return the key in a file, empty if none is named: 32 bytes, or their 64 hexadecimal digits."""
    if not path:
        return b""
    data = Path(path).read_bytes()
    if len(data) == _KEY_BYTES:
        return data
    try:
        key = bytes.fromhex(data.decode("ascii").strip())
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise SettingsError(f"{path}: a key is 32 bytes or 64 hexadecimal digits; make one with `openssl rand -hex 32`")
    return key


def sealed(connection: Connection, name: str, plain: bytes) -> bytes:
    """Return a secret as this service stores it."""
    sealer = _sealer(connection)
    return plain if sealer is None else sealer.seal(name, plain)


def opened(connection: Connection, name: str, stored: bytes) -> bytes:
    """Return a secret from what is stored: `SettingsError` if it is sealed with a key that this service has not."""
    if not stored.startswith(_MAGIC):
        return stored
    sealer = _sealer(connection)
    if sealer is None:
        raise SettingsError(_NONE)
    return sealer.open(name, stored)


def settle(connection: Connection) -> int:
    """Open every secret once, and seal what is plain if there is a key; returns how many were (rule 2)."""
    found = select(kept.c.name, kept.c.value).where(kept.c.name.in_(SECRETS)).order_by(kept.c.name)
    count = 0
    for row in connection.execute(found.with_for_update()).all():
        fresh = _again(connection, row.name, row.value)
        if fresh is not None:
            count += 1
            connection.execute(update(kept).where(kept.c.name == row.name).values(value=fresh))
    keys = select(issuer_keys.c.id, issuer_keys.c.own).order_by(issuer_keys.c.id)
    for row in connection.execute(keys.with_for_update()).all():
        fresh = _again(connection, ISSUER_KEY, row.own)
        if fresh is not None:
            count += 1
            connection.execute(update(issuer_keys).where(issuer_keys.c.id == row.id).values(own=fresh))
    return count


def _again(connection: Connection, name: str, stored: bytes) -> bytes | None:
    """Return a plain secret sealed; None if it is to stay as it is."""
    plain = opened(connection, name, stored)
    is_plain = plain == stored and _sealer(connection) is not None
    return sealed(connection, name, plain) if is_plain else None


def _sealer(connection: Connection) -> Sealer | None:
    sealer = connection.get_execution_options().get(SEALER)
    return sealer if isinstance(sealer, Sealer) else None
