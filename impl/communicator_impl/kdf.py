"""HKDF-SHA256 (RFC 5869) in one-shot calls: every key of the protocol is derived here.

Theory. Extract concentrates what is secret in the input into 32 bytes; expand stretches that into
as many as needed, separated by `info`. One-shot `hmac.digest` costs about 1.5 µs a call, and the
ratchet makes four such calls a message.

Rules:

1. `info` is never empty and starts with a label of the parameter table: two purposes never share an
   output.
2. Nothing here keeps state or draws randomness.
"""

import hmac

__all__ = ["HASH_BYTES", "hkdf", "hkdf_expand", "hkdf_extract", "prf"]

HASH_BYTES = 32


def prf(key: bytes, message: bytes) -> bytes:
    """Return HMAC-SHA256(key, message), 32 bytes."""
    return hmac.digest(key, message, "sha256")


def hkdf_extract(salt: bytes, secret: bytes) -> bytes:
    """Concentrate a secret into 32 bytes (RFC 5869 §2.2)."""
    return hmac.digest(salt, secret, "sha256")


def hkdf_expand(key: bytes, info: bytes, n: int) -> bytes:
    """Stretch a 32-byte key into `n` bytes, at most 8,160 (RFC 5869 §2.3)."""
    block, out = b"", b""
    for counter in range(1, (n + HASH_BYTES - 1) // HASH_BYTES + 1):
        block = hmac.digest(key, block + info + bytes([counter]), "sha256")
        out += block
    return out[:n]


def hkdf(salt: bytes, secret: bytes, info: bytes, n: int) -> bytes:
    """Extract, then expand."""
    return hkdf_expand(hkdf_extract(salt, secret), info, n)
