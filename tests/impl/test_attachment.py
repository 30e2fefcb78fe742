"""Attachments: the layout of chapter 10 written out a second time, and everything that is refused."""

import hashlib
import tracemalloc
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from hypothesis import given, settings
from hypothesis import strategies as st

from communicator_impl.attachment import MemoryShelf, Sealed, chunks_of, decrypt, encrypt, encrypt_with, seal_chunk
from communicator_impl.entropy import SeededEntropy
from communicator_impl.errors import CommunicatorError, InputError, PeerError
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

P = PARAMETERS.attachment
PLAIN, CHUNK, MOST = P.chunk_plain_bytes, P.chunk_bytes, P.file_bytes_max
KEY = bytes(range(32))
lengths = st.sampled_from([0, 1, 7, PLAIN - 9, PLAIN - 8, PLAIN - 7, 2 * PLAIN - 8, 2 * PLAIN - 7, 5 * PLAIN])


def pattern(length: int) -> bytes:
    return (hashlib.sha512(b"file").digest() * (length // 64 + 1))[:length]


def sealed(file: bytes, key: bytes = KEY) -> tuple[bytes, Sealed]:
    chunks: list[bytes] = []
    digest = encrypt_with(key, [file], len(file), chunks.append)
    return b"".join(chunks), Sealed(key, digest)


def opened(ciphertext: bytes, known: Sealed, length: int, step: int = CHUNK) -> bytes:
    shelf = MemoryShelf()
    decrypt((ciphertext[i : i + step] for i in range(0, len(ciphertext), step)), known, length, shelf)
    assert shelf.file is not None
    return shelf.file


def refusal(ciphertext: bytes, length: int, digest: bytes | None = None) -> ErrorClass:
    """Return why it is refused, with a digest that is right unless one is given; nothing stays on the shelf."""
    shelf = MemoryShelf()
    known = Sealed(KEY, digest or hashlib.sha256(ciphertext).digest())
    with pytest.raises(CommunicatorError) as caught:
        decrypt([ciphertext], known, length, shelf)
    assert shelf.file is None
    assert shelf._pieces == []
    return caught.value.error_class


def by_the_table(plaintext: bytes, *, last: int | None = None, count: int | None = None) -> bytes:
    """Encrypt as the table of chapter 10 says, or with another last chunk or number of chunks."""
    chunks = [plaintext[i : i + PLAIN] for i in range(0, len(plaintext), PLAIN)]
    end, stated = len(chunks) - 1 if last is None else last, count or len(chunks)
    bound = b"communicator attachment\0" + stated.to_bytes(4)
    nonces = (bytes(7) + i.to_bytes(4) + bytes([i == end]) for i in range(len(chunks)))
    return b"".join(ChaCha20Poly1305(KEY).encrypt(n, c, bound) for n, c in zip(nonces, chunks, strict=True))


def padded(file: bytes, chunks: int, length: int | None = None) -> bytes:
    stated = len(file) if length is None else length
    return (stated.to_bytes(8) + file).ljust(chunks * PLAIN, b"\0")


FILE = pattern(3 * PLAIN)
GOOD = by_the_table(padded(FILE, 4))


@given(lengths, st.sampled_from([1, 1000, CHUNK, CHUNK + 1, 1 << 20]))
@settings(max_examples=25)
def test_a_file_comes_back_however_it_is_cut(length: int, step: int) -> None:
    file = pattern(length)
    ciphertext, known = sealed(file)
    assert opened(ciphertext, known, length, max(step, 100)) == file


@given(lengths)
@settings(max_examples=25)
def test_the_layout_is_that_of_the_table(length: int) -> None:
    file = pattern(length)
    chunks = chunks_of(length)
    assert chunks & (chunks - 1) == 0
    assert (chunks // 2) * PLAIN < length + 8 <= chunks * PLAIN
    ciphertext, known = sealed(file)
    assert ciphertext == by_the_table(padded(file, chunks))  # ATT-1
    assert known.digest == hashlib.sha256(ciphertext).digest()
    assert len(ciphertext) == chunks * CHUNK


def test_the_largest_file_takes_all_chunks_and_one_byte_more_is_too_large() -> None:
    assert chunks_of(MOST) == P.chunks_max
    assert chunks_of(0) == 1
    put: list[bytes] = []
    with pytest.raises(InputError) as caught:  # ATT-4
        encrypt([b"never read"], MOST + 1, put.append, SeededEntropy(b"large"))
    assert caught.value.error_class is ErrorClass.TOO_LARGE
    assert put == []


def test_two_uploads_of_one_file_have_no_block_in_common() -> None:
    entropy = SeededEntropy(b"twice")
    blocks, keys = [], set()
    for _ in range(2):
        chunks: list[bytes] = []
        known = encrypt([FILE], len(FILE), chunks.append, entropy)
        assert opened(b"".join(chunks), known, len(FILE)) == FILE
        whole = b"".join(chunks)
        blocks.append({whole[i : i + 16] for i in range(0, len(whole), 16)})
        keys.add(known.key)
    assert len(keys) == 2  # ATT-3
    assert not blocks[0] & blocks[1]


FORGERIES = {
    "a bit of a chunk": GOOD[:70_000] + bytes([GOOD[70_000] ^ 1]) + GOOD[70_001:],
    "a bit of a tag": GOOD[:-1] + bytes([GOOD[-1] ^ 0x80]),
    "two chunks swapped": GOOD[:CHUNK] + GOOD[2 * CHUNK : 3 * CHUNK] + GOOD[CHUNK : 2 * CHUNK] + GOOD[3 * CHUNK :],
    "a chunk twice": GOOD[: 2 * CHUNK] + GOOD[CHUNK : 2 * CHUNK] + GOOD[3 * CHUNK :],
    "the last chunk missing": GOOD[: 3 * CHUNK],
    "the first chunk missing": GOOD[CHUNK:],
    "a byte missing": GOOD[:-1],
    "a byte more": GOOD + b"\0",
    "a chunk more": GOOD + GOOD[:CHUNK],
    "nothing": b"",
    "no last chunk": by_the_table(padded(FILE, 4), last=-1),
    "the last chunk too early": by_the_table(padded(FILE, 4), last=2),
    "sealed for another number": by_the_table(padded(FILE, 4), count=8),
    "three chunks": by_the_table(padded(pattern(3 * PLAIN - 8), 3)),
    "more chunks than needed": by_the_table(padded(FILE, 8)),
    "padding that is not zeros": by_the_table(padded(FILE, 4)[:-1] + b"\1"),
    "padding of a whole chunk": by_the_table(padded(FILE, 8)[:-1] + b"\1"),
    "a longer length inside": by_the_table(padded(FILE, 4, len(FILE) + 1)),
    "a shorter length inside": by_the_table(padded(FILE, 4, len(FILE) - 1)),
    "a length beyond the end": by_the_table(padded(FILE, 4, 1 << 63)),
}


@pytest.mark.parametrize("what", FORGERIES)
def test_what_is_not_whole_is_forged_as_a_whole(what: str) -> None:
    assert opened(GOOD, Sealed(KEY, hashlib.sha256(GOOD).digest()), len(FILE)) == FILE
    assert refusal(FORGERIES[what], len(FILE)) is ErrorClass.FORGED  # ATT-2


@pytest.mark.parametrize("length", [0, len(FILE) - 1, len(FILE) + 1, 2 * PLAIN, 5 * PLAIN])
def test_the_length_of_the_message_is_that_inside(length: int) -> None:
    assert refusal(GOOD, length) is ErrorClass.FORGED  # ATT-11


def test_the_digest_of_the_message_is_that_of_the_ciphertext() -> None:
    assert refusal(GOOD, len(FILE), bytes(32)) is ErrorClass.FORGED


def test_another_key_opens_nothing() -> None:
    shelf = MemoryShelf()
    with pytest.raises(PeerError):
        decrypt([GOOD], Sealed(bytes(32), hashlib.sha256(GOOD).digest()), len(FILE), shelf)
    assert shelf.file is None


def test_an_interrupted_fetch_leaves_nothing() -> None:
    def breaks_off() -> Iterator[bytes]:
        yield GOOD[: 2 * CHUNK]
        raise ConnectionError

    shelf = MemoryShelf()
    with pytest.raises(ConnectionError):
        decrypt(breaks_off(), Sealed(KEY, hashlib.sha256(GOOD).digest()), len(FILE), shelf)
    assert shelf.file is None


@pytest.mark.parametrize("off", [-1, 1, PLAIN])
def test_a_file_of_another_length_than_said_is_refused(off: int) -> None:
    with pytest.raises(InputError) as caught:
        encrypt([FILE], len(FILE) + off, lambda _: None, SeededEntropy(b"off"))
    assert caught.value.error_class is ErrorClass.MALFORMED


def test_memory_does_not_grow_with_the_file() -> None:
    class Counts:
        kept = False
        size = 0

        def write(self, piece: bytes) -> None:
            self.size += len(piece)

        def keep(self) -> None:
            self.kept = True

        def drop(self) -> None:
            raise AssertionError

    length, piece = 64 * PLAIN - 8, bytes(PLAIN)
    bound = {place: seal_chunk(KEY, place, place == 63, 64, bytes(PLAIN)) for place in (63,)}
    tracemalloc.start()
    digest = encrypt_with(KEY, (piece[:n] for n in [PLAIN] * 63 + [PLAIN - 8]), length, lambda _: None)

    def again() -> Iterator[bytes]:
        yield seal_chunk(KEY, 0, False, 64, length.to_bytes(8) + bytes(PLAIN - 8))
        yield from (seal_chunk(KEY, place, False, 64, piece) for place in range(1, 63))
        yield bound[63]

    shelf = Counts()
    decrypt(again(), Sealed(KEY, digest), length, shelf)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert shelf.kept
    assert shelf.size == length
    assert peak < 16 * CHUNK  # of 64
