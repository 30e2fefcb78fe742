"""Attachments: a file cut into chunks, each encrypted under a key of this one upload (chapter 10).

Theory. A server that stores a file may learn neither what it is nor, better than to a power of two, how long. So the
length goes inside, zeros follow the file, and the number of chunks is the smallest power of two that is enough. Each
chunk authenticates its place, whether it is the last, and how many there are, so chunks cannot be moved, repeated or
left out; the digest in the message binds the whole, and a second upload has a key of its own and no byte in common.

::

    plaintext         length (8) ‖ file ‖ zeros                      a whole number of chunks of 65,520 bytes
    nonce of chunk i  7 × 0x00 ‖ i (u32) ‖ 0x01 if last, else 0x00
    chunk i           ChaCha20-Poly1305(key, nonce, plaintext chunk, label ‖ 0x00 ‖ number of chunks (u32))
    digest            SHA-256 of all chunks, one after the other

Rules:

1. One chunk is in memory at a time, whatever the file. Pieces that come in may have any length.
2. `encrypt` draws its key itself: nobody can pass one in twice (ATT-3).
3. `decrypt` refuses as a whole: what it writes lies on a shelf until the last check has passed, and is dropped if any
   fails (ATT-2).
"""

import hashlib
import hmac
import struct
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from communicator_impl.entropy import Entropy
from communicator_impl.errors import InputError, PeerError
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["MemoryShelf", "Sealed", "Shelf", "chunks_of", "decrypt", "encrypt", "encrypt_with", "seal_chunk"]

_A: Final = PARAMETERS.attachment
_PLACE: Final = struct.Struct(">7xIB")
_LABEL: Final = _A.label.encode() + b"\0"

Put = Callable[[bytes], object]


class Sealed(NamedTuple):
    """What a message says of an upload: key and digest, 32 bytes each."""

    key: bytes
    digest: bytes


class Shelf(Protocol):
    """Where a file lies until it is known to be whole; a host puts a temporary file behind it."""

    def write(self, piece: bytes) -> object:
        """Add a piece; nobody sees it yet."""
        ...

    def keep(self) -> None:
        """Show the file: every check has passed."""
        ...

    def drop(self) -> None:
        """Forget all pieces."""
        ...


class MemoryShelf:
    """A shelf in memory, for small files and tests; `file` is None unless it was kept."""

    def __init__(self) -> None:
        self.file: bytes | None = None
        self._pieces: list[bytes] = []

    def write(self, piece: bytes) -> None:
        """Add a piece."""
        self._pieces.append(piece)

    def keep(self) -> None:
        """Show the file."""
        self.file = b"".join(self._pieces)

    def drop(self) -> None:
        """Forget all pieces."""
        self._pieces.clear()


def chunks_of(length: int) -> int:
    """Return how many chunks a file of `length` bytes takes; `TOO_LARGE` if it does not fit."""
    if length > _A.file_bytes_max:  # ATT-4
        raise InputError(ErrorClass.TOO_LARGE, f"{length} bytes, at most {_A.file_bytes_max}")
    needed = -(-(_A.length_bytes + length) // _A.chunk_plain_bytes)
    return 1 << (needed - 1).bit_length()


def seal_chunk(key: bytes, place: int, last: bool, chunks: int, plain: bytes) -> bytes:
    """Encrypt one chunk of 65,520 bytes: 65,536 bytes."""
    return ChaCha20Poly1305(key).encrypt(_PLACE.pack(place, last), plain, _LABEL + struct.pack(">I", chunks))


def encrypt(file: Iterable[bytes], length: int, put: Put, entropy: Entropy) -> Sealed:
    """Encrypt a file for one upload and put its chunks one after the other; `InputError` as in `encrypt_with`."""
    chunks_of(length)
    key = entropy.draw("attachment.key", _A.key_bytes)  # ATT-3
    return Sealed(key, encrypt_with(key, file, length, put))


def encrypt_with(key: bytes, file: Iterable[bytes], length: int, put: Put) -> bytes:
    """Encrypt under a given key and return the digest.

    A file that is too large raises before anything is put; one that has not `length` bytes raises `MALFORMED`.
    """
    chunks = chunks_of(length)  # ATT-4
    digest = hashlib.sha256()
    for place, plain in enumerate(_groups(_padded(file, length, chunks), _A.chunk_plain_bytes)):
        sealed = seal_chunk(key, place, place == chunks - 1, chunks, plain)  # ATT-1
        digest.update(sealed)
        put(sealed)
    return digest.digest()


def decrypt(ciphertext: Iterable[bytes], sealed: Sealed, length: int, shelf: Shelf) -> None:
    """Decrypt what was fetched; `length` is what the message states.

    1. Open each chunk at its place, and no more chunks than the length needs.
    2. Compare the length inside with the stated one, and what follows the file with zeros.
    3. When all is there, compare the digest; only then is the file kept.

    Any fault is `FORGED` and drops everything (ATT-2).
    """
    try:
        for piece in _opened(ciphertext, sealed, length):
            shelf.write(piece)
    except BaseException:
        shelf.drop()
        raise
    shelf.keep()


def _opened(ciphertext: Iterable[bytes], sealed: Sealed, length: int) -> Iterator[bytes]:
    chunks, place, left = chunks_of(length), 0, length
    digest, prefix = hashlib.sha256(), _A.length_bytes
    for chunk in _groups(ciphertext, _A.chunk_bytes):
        _need(place < chunks, "more chunks than the length needs")
        digest.update(chunk)
        plain = _open_chunk(sealed.key, place, chunks, chunk)  # 1
        if place == 0:
            _need(int.from_bytes(plain[:prefix]) == length, "another length inside")  # 2, ATT-11
            plain = plain[prefix:]
        piece, rest = plain[:left], plain[left:]
        _need(not any(rest), "padding")
        left, place = left - len(piece), place + 1
        yield piece
    _need(place == chunks, "fewer chunks than the length needs")
    _need(hmac.compare_digest(digest.digest(), sealed.digest), "digest")  # 3


def _open_chunk(key: bytes, place: int, chunks: int, chunk: bytes) -> bytes:
    nonce, bound = _PLACE.pack(place, place == chunks - 1), _LABEL + struct.pack(">I", chunks)
    _need(len(chunk) == _A.chunk_bytes, "length of a chunk")
    try:
        return ChaCha20Poly1305(key).decrypt(nonce, chunk, bound)
    except InvalidTag as error:
        raise PeerError(ErrorClass.FORGED, f"chunk {place}") from error


def _need(condition: bool, detail: str) -> None:
    if not condition:
        raise PeerError(ErrorClass.FORGED, detail)  # ATT-2


def _padded(file: Iterable[bytes], length: int, chunks: int) -> Iterator[bytes]:
    """Yield the plaintext of an upload in pieces; raises where the file proves longer or shorter than said."""
    left = length
    yield length.to_bytes(_A.length_bytes)
    for piece in file:
        left -= len(piece)
        if left < 0:
            break
        yield piece
    if left:
        raise InputError(ErrorClass.MALFORMED, "the file has another length")
    zeros = chunks * _A.chunk_plain_bytes - _A.length_bytes - length
    for begin in range(0, zeros, _A.chunk_plain_bytes):
        yield bytes(min(_A.chunk_plain_bytes, zeros - begin))


def _groups(pieces: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Cut a stream into groups of `size` bytes; the last one may be shorter."""
    held = bytearray()
    for piece in pieces:
        for begin in range(0, len(piece), size):
            held += piece[begin : begin + size]
            if len(held) >= size:
                yield bytes(held[:size])
                del held[:size]
    if held:
        yield bytes(held)
