"""Distinguishers: how much two things look as if they belonged together.

Theory. An attacker who sees two things has their bytes, their lengths, their times and how many there are. Each
distinguisher turns one of these into a number, the higher the closer; what threshold or which of two pairs it decides
for is the game's business. They know nothing of the protocol.

| name | looks at |
|---|---|
| shared bytes | how many windows of eight bytes both have (`Telling`) |
| equality | whether one string is in both |
| length | the difference of their mean lengths, bytes |
| timing | the shortest time between one of each, s |
| count | the ratio of their numbers |

Rules:

1. A thing is not empty.
2. No distinguisher reads a tag: those are the truth, which only judges know.
"""

import math
from collections.abc import Iterator, Sequence

import cbor2
import numpy as np

from communicator_conformance.privacy.windows import Telling
from communicator_spec.views import Observation

__all__ = ["closest_s", "count_gap", "equal_strings", "leaves", "length_gap", "shared_bytes", "strings_in"]

Seen = Sequence[Observation]


def shared_bytes(telling: Telling, ours: Sequence[bytes], theirs: Sequence[bytes]) -> float:
    """Return how many telling windows two lists of texts have in common."""
    a, b = telling.of_all(ours), telling.of_all(theirs)
    return float(np.intersect1d(a, b, assume_unique=True).size)


def equal_strings(ours: Seen, theirs: Seen) -> float:
    """Return 1 if the same bytes, whole, were seen on both sides."""
    return float(bool({o.data for o in ours} & {o.data for o in theirs}))


def length_gap(ours: Seen, theirs: Seen) -> float:
    """Return how far the mean lengths are apart, negative, bytes."""
    return -abs(_mean_length(ours) - _mean_length(theirs))


def closest_s(ours: Seen, theirs: Seen) -> float:
    """Return the shortest time between an observation of one and of the other, negative, s."""
    x, y = (np.sort(np.array([o.t_ms for o in seen])) for seen in (ours, theirs))
    at = np.searchsorted(y, x)
    after = np.abs(y[np.minimum(at, len(y) - 1)] - x)
    before = np.abs(x - y[np.maximum(at - 1, 0)])
    return -float(min(after.min(), before.min())) / 1000


def count_gap(ours: Seen, theirs: Seen) -> float:
    """Return how far the numbers are apart, negative, as the logarithm of their ratio."""
    return -abs(math.log(len(ours) / len(theirs)))


def _mean_length(seen: Seen) -> float:
    return sum(len(o.data) for o in seen) / len(seen)


# ---------------------------------------------------------------- strings


def strings_in(data: bytes) -> tuple[bytes, ...]:
    """Return the strings of a deterministic encoding, those of encodings inside strings too; of anything else, all.

    Numbers, versions and dates are structure: they occur everywhere, and are for other distinguishers.
    """
    value = _decoded(data)
    if value is None:
        return (data,)
    return tuple(inner for leaf in leaves(value) for inner in _strings_of(leaf))


def leaves(value: object) -> Iterator[object]:
    """Yield everything in lists and maps that is none, keys of maps included."""
    if isinstance(value, dict):
        value = [*value.keys(), *value.values()]
    if isinstance(value, list | tuple):
        for item in value:
            yield from leaves(item)
    else:
        yield value


def _strings_of(leaf: object) -> tuple[bytes, ...]:
    if isinstance(leaf, str):
        return (leaf.encode(),)
    return strings_in(leaf) if isinstance(leaf, bytes) else ()


def _decoded(data: bytes) -> object | None:
    """Return a list or a map if these bytes are its one encoding; ciphertext is hardly ever one by chance."""
    if not data or not 0x80 <= data[0] < 0xC0:
        return None
    try:
        value: object = cbor2.loads(data)
    except (cbor2.CBORDecodeError, ValueError, TypeError, RecursionError, OverflowError):
        return None
    return value if cbor2.dumps(value, canonical=True) == data else None
