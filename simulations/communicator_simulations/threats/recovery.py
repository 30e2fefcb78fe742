"""Recovering the public keys that may have made an ECDSA signature on P-256 (SEC 1, version 2.0, section 4.1.6).

Whoever has a message and a signature gets at most four keys, one of which is the signer's. Two signatures of one key
have that key in common; those of two keys have none, but for chance. Affine arithmetic, some milliseconds each.
"""

import hashlib
from typing import Final

__all__ = ["candidates"]

_P: Final = 2**256 - 2**224 + 2**192 + 2**96 - 1
_N: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_B: Final = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
_G: Final = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)

Point = tuple[int, int] | None
"""None is the point at infinity."""


def candidates(message: bytes, signature: bytes) -> frozenset[tuple[int, int]]:
    """Return the keys under which `signature` (r ‖ s, 64 bytes) is a signature of `message`; mostly two, or none."""
    r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
    if not (0 < r < _N and 0 < s < _N):
        return frozenset()
    e, inverse = int.from_bytes(hashlib.sha256(message).digest()), pow(r, -1, _N)
    found = set()
    for x in (r, r + _N):
        square = (x**3 - 3 * x + _B) % _P
        y = pow(square, (_P + 1) // 4, _P)
        if x >= _P or y * y % _P != square:
            continue
        for point in ((x, y), (x, _P - y)):
            key = _add(_times(s * inverse % _N, point), _times(-e * inverse % _N, _G))
            if key is not None:
                found.add(key)
    return frozenset(found)


def _add(a: Point, b: Point) -> Point:
    if a is None or b is None:
        return a or b
    if a[0] == b[0]:
        if (a[1] + b[1]) % _P == 0:
            return None
        slope = (3 * a[0] * a[0] - 3) * pow(2 * a[1], -1, _P)
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, _P)
    x = (slope * slope - a[0] - b[0]) % _P
    return x, (slope * (a[0] - x) - a[1]) % _P


def _times(k: int, point: Point) -> Point:
    found: Point = None
    while k:
        if k & 1:
            found = _add(found, point)
        point, k = _add(point, point), k >> 1
    return found
