"""ML-KEM-768 encapsulation with given randomness (FIPS 203, algorithms 14 and 17), for vectors and seeded worlds.

Theory. The library encapsulates with randomness of its own, and a vector needs bytes that are the same everywhere. So
this one half of ML-KEM is written here: it works on polynomials of degree below 256 modulo 3,329, multiplied in the
form that the number-theoretic transform gives them. Keys are made, and ciphertexts opened, by the library alone.

Rules:

1. For reproducible entropy only: it takes 15 ms, and its time depends on what it works on. Where randomness is real
   the library encapsulates.
2. What it makes, the library opens to the same secret; a test says so, and holds it against published vectors.
"""

import hashlib
from typing import Final

__all__ = ["CIPHERTEXT_BYTES", "PUBLIC_BYTES", "encapsulate"]

PUBLIC_BYTES: Final = 1184
CIPHERTEXT_BYTES: Final = 1088

_Q: Final = 3329
_N: Final = 256
_K: Final = 3
_ETA: Final = 2
_DU, _DV = 10, 4
_POLYNOMIAL_BYTES: Final = 384
_INVERSE_OF_128: Final = 3303
_ZETAS: Final = tuple(pow(17, int(f"{i:07b}"[::-1], 2), _Q) for i in range(128))
_GAMMAS: Final = tuple(pow(17, 2 * int(f"{i:07b}"[::-1], 2) + 1, _Q) for i in range(128))

Polynomial = list[int]


def encapsulate(public: bytes, m: bytes) -> tuple[bytes, bytes]:
    """Return the shared secret (32 bytes) and the ciphertext (1,088) that `m` (32) gives with a checked public key."""
    both = hashlib.sha3_512(m + hashlib.sha3_256(public).digest()).digest()
    return both[:32], _encrypt(public, m, both[32:])


def _encrypt(public: bytes, m: bytes, randomness: bytes) -> bytes:
    chunks = (public[i * _POLYNOMIAL_BYTES : (i + 1) * _POLYNOMIAL_BYTES] for i in range(_K))
    t, rho = [_unpacked(chunk, 12) for chunk in chunks], public[_K * _POLYNOMIAL_BYTES :]
    noise = [_noise(randomness, n) for n in range(2 * _K + 1)]
    y = [_transformed(f) for f in noise[:_K]]
    u = [_plus(_back(_product([_uniform(rho, i, j) for j in range(_K)], y)), noise[_K + i]) for i in range(_K)]
    message = [bit * ((_Q + 1) // 2) for bit in _unpacked(m, 1)]
    v = _plus(_plus(_back(_product(t, y)), noise[2 * _K]), message)
    return b"".join(_compressed(f, _DU) for f in u) + _compressed(v, _DV)


# -------------------------------------------------------------------- polynomials


def _transformed(f: Polynomial) -> Polynomial:
    """Algorithm 9."""
    f, i, length = list(f), 1, 128
    while length >= 2:
        for start in range(0, _N, 2 * length):
            zeta, i = _ZETAS[i], i + 1
            for j in range(start, start + length):
                t = zeta * f[j + length] % _Q
                f[j], f[j + length] = (f[j] + t) % _Q, (f[j] - t) % _Q
        length //= 2
    return f


def _back(f: Polynomial) -> Polynomial:
    """Algorithm 10."""
    f, i, length = list(f), 127, 2
    while length <= 128:
        for start in range(0, _N, 2 * length):
            zeta, i = _ZETAS[i], i - 1
            for j in range(start, start + length):
                t = f[j]
                f[j], f[j + length] = (t + f[j + length]) % _Q, zeta * (f[j + length] - t) % _Q
        length *= 2
    return [c * _INVERSE_OF_128 % _Q for c in f]


def _product(left: list[Polynomial], right: list[Polynomial]) -> Polynomial:
    """Return the sum of the products of two rows of transformed polynomials (algorithms 11 and 12)."""
    out = [0] * _N
    for a, b in zip(left, right, strict=True):
        for i, gamma in enumerate(_GAMMAS):
            a0, a1, b0, b1 = a[2 * i], a[2 * i + 1], b[2 * i], b[2 * i + 1]
            out[2 * i] += a0 * b0 + a1 * b1 % _Q * gamma
            out[2 * i + 1] += a0 * b1 + a1 * b0
    return [c % _Q for c in out]


def _plus(a: Polynomial, b: Polynomial) -> Polynomial:
    return [(x + y) % _Q for x, y in zip(a, b, strict=True)]


# -------------------------------------------------------------------- sampling and packing


def _uniform(rho: bytes, row: int, column: int) -> Polynomial:
    """Algorithm 7, at a place of the transposed matrix."""
    stream, out = hashlib.shake_128(rho + bytes((row, column))).digest(168 * 8), list[int]()
    for i in range(0, len(stream), 3):
        a, b, c = stream[i : i + 3]
        out += [d for d in (a + 256 * (b % 16), b // 16 + 16 * c) if d < _Q]
    return out[:_N]


def _noise(seed: bytes, number: int) -> Polynomial:
    """Algorithm 8."""
    bits = _unpacked(hashlib.shake_256(seed + bytes((number,))).digest(64 * _ETA), 1)
    return [(bits[4 * i] + bits[4 * i + 1] - bits[4 * i + 2] - bits[4 * i + 3]) % _Q for i in range(_N)]


def _unpacked(data: bytes, width: int) -> list[int]:
    """Algorithm 6."""
    number, mask = int.from_bytes(data, "little"), (1 << width) - 1
    return [number >> width * i & mask for i in range(8 * len(data) // width)]


def _compressed(f: Polynomial, width: int) -> bytes:
    """Compress (§4.2.1), then algorithm 5."""
    scaled = (((c << width) + _Q // 2) // _Q & (1 << width) - 1 for c in f)
    return sum(c << width * i for i, c in enumerate(scaled)).to_bytes(_N * width // 8, "little")
