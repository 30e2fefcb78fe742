"""A backup: everything that a device holds, encrypted for the same person's next device (chapter 12.3).

Theory. A backup is read by whoever has it and its key, so the key must be elsewhere: in the person's head, or on paper.
A passphrase is turned into a key by scrypt (RFC 7914), which makes each guess cost memory; a recovery key of 32 random
bytes is a key already. The backup itself is one AEAD over one value, so nobody without the key can change, cut or mix
it, and its head, which says how the key is made, is authenticated too.

::

    backup     [1, cost, salt (16), nonce (12), ChaCha20-Poly1305(key, nonce, values, head)]
    head       the encoding of [1, cost, salt, nonce]
    values     zeros up to a power of two ‖ [[key, value] …] ‖ its length (8)
    key        cost 0: HKDF(salt, recovery key);  otherwise scrypt(passphrase, salt, N = 2^cost, r = 8, p = 1)

Rules:

1. The passphrase, the recovery key and the derived key are in no value that is backed up: `make` looks, and raises
   (PORT-9).
2. A head is believed only within bounds: restoring costs at most 1 GiB, whoever made the file.
3. What was restored is old. The host tells the relationship manager so before anything else happens (12.6).
4. The length of a backup is told to a power of two.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple, NewType

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from communicator_impl import wire
from communicator_impl.entropy import Entropy
from communicator_impl.errors import InputError, PeerError
from communicator_impl.kdf import hkdf
from communicator_impl.storage import Storage
from communicator_spec.errors import ErrorClass

__all__ = ["COST", "COST_MIN", "Passphrase", "RecoveryKey", "Secret", "make", "recovery_key", "restore", "snapshot"]

Passphrase = NewType("Passphrase", str)
RecoveryKey = NewType("RecoveryKey", bytes)
Secret = Passphrase | RecoveryKey

COST: Final = 17
"""2^17 × 8 × 128 bytes: 128 MiB and a quarter of a second for each guess."""
COST_MIN: Final = 14
_COST_MAX: Final = 20
_VERSION: Final = 1
_SALT_BYTES: Final = 16
_NONCE_BYTES: Final = 12
_KEY_BYTES: Final = 32
_LENGTH_BYTES: Final = 8
_SMALLEST: Final = 1 << 12
_INFO: Final = b"communicator backup"
_BYTES_MAX: Final = 1 << 30
_ROWS_MAX: Final = 1 << 20
_NAME_BYTES_MAX: Final = 1 << 10
_PASSPHRASE_BYTES_MIN: Final = 8


class _Head(NamedTuple):
    cost: int
    salt: bytes
    nonce: bytes

    def encode(self) -> bytes:
        return wire.encode([_VERSION, *self])


def recovery_key(entropy: Entropy) -> RecoveryKey:
    """Draw a recovery key: 32 bytes, to be written down and kept elsewhere."""
    return RecoveryKey(entropy.draw("backup.key", _KEY_BYTES))


def snapshot(storage: Storage, prefix: str = "") -> dict[str, bytes]:
    """Return all values under a prefix, by key, ascending; all Particles and whatever else the host keeps there."""
    found = ((key, storage.load(key)) for key in storage.keys(prefix))
    return {key: value for key, value in found if value is not None}


def make(values: Mapping[str, bytes], secret: Secret, entropy: Entropy, cost: int = COST) -> bytes:
    """Encrypt values; a weak passphrase or cost, or a secret that is among the values, raises `InputError`."""
    if isinstance(secret, str) and not COST_MIN <= cost <= _COST_MAX:
        raise InputError(ErrorClass.REFUSED, "cost of a backup")
    head = _Head(
        0 if isinstance(secret, bytes) else cost,
        entropy.draw("backup.salt", _SALT_BYTES),
        entropy.draw("backup.nonce", _NONCE_BYTES),
    )
    raw = _raw(secret)
    key = _key(raw, head)
    if any(known in value for value in values.values() for known in (raw, key)):  # PORT-9
        raise InputError(ErrorClass.REFUSED, "the key of a backup is in it")
    rows = wire.encode([[name, values[name]] for name in sorted(values)])
    sealed = ChaCha20Poly1305(key).encrypt(head.nonce, _padded(rows), head.encode())
    return wire.encode([_VERSION, *head, sealed])


def restore(backup: bytes, secret: Secret) -> dict[str, bytes]:
    """Return the values of a backup; another secret and changed bytes are both `FORGED`, no backup `MALFORMED`."""
    version, cost, salt, nonce, sealed = wire.array(wire.decode(backup, _BYTES_MAX), 5, size=5)
    if wire.uint(version) != _VERSION:
        raise wire.wrong("unknown version of a backup")
    head = _Head(wire.uint(cost, _COST_MAX), wire.octets(salt, _SALT_BYTES), wire.octets(nonce, _NONCE_BYTES))
    if (head.cost == 0) != isinstance(secret, bytes):
        raise PeerError(ErrorClass.FORGED, "a secret of another kind")
    try:
        plain = ChaCha20Poly1305(_key(_raw(secret), head)).decrypt(head.nonce, wire.octets(sealed), head.encode())
    except InvalidTag as error:
        raise PeerError(ErrorClass.FORGED, "another secret, or a backup that was changed") from error
    rows = (wire.array(row, 2, size=2) for row in wire.array(wire.decode(_unpadded(plain), _BYTES_MAX), _ROWS_MAX))
    return {wire.text(name, _NAME_BYTES_MAX): wire.octets(value) for name, value in rows}


def _raw(secret: Secret) -> bytes:
    if isinstance(secret, bytes):
        if len(secret) != _KEY_BYTES:
            raise InputError(ErrorClass.MALFORMED, "length of a recovery key")
        return secret
    raw = secret.encode()
    if len(raw) < _PASSPHRASE_BYTES_MIN:
        raise InputError(ErrorClass.REFUSED, "a passphrase that is too short")
    return raw


def _key(raw: bytes, head: _Head) -> bytes:
    if head.cost == 0:
        return hkdf(head.salt, raw, _INFO, _KEY_BYTES)
    if not COST_MIN <= head.cost <= _COST_MAX:
        raise wire.wrong("cost of a backup")
    return Scrypt(salt=head.salt, length=_KEY_BYTES, n=1 << head.cost, r=8, p=1).derive(raw)


def _padded(rows: bytes) -> bytes:
    needed = max(_SMALLEST, len(rows) + _LENGTH_BYTES)
    size = 1 << (needed - 1).bit_length()
    return bytes(size - _LENGTH_BYTES - len(rows)) + rows + len(rows).to_bytes(_LENGTH_BYTES)


def _unpadded(plain: bytes) -> bytes:
    end = len(plain) - _LENGTH_BYTES
    length = int.from_bytes(plain[end:]) if end >= 0 else -1
    if not 0 <= length <= end or any(plain[: end - length]):
        raise wire.wrong("padding of a backup")
    return plain[end - length : end]
