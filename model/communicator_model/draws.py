"""Counter-based randomness: a draw depends on (seed, purpose, entity, index) and on nothing else.

Rules:

1. No draw depends on the order in which events happen to run, so the same seed gives the same run on any
   number of workers, and adding a person or a fault shifts nobody else's draws.
2. Two policies or faults that run under the same seed see the same world (common random numbers): whatever
   both draw under one (purpose, entity, index) is equal, and their difference is due to the policy.

The mixing function is the finaliser of SplitMix64 (Steele, Lea, Flood 2014), applied once for each coordinate.
"""

import hashlib
import math
from collections.abc import Callable

__all__ = ["Draw", "exponential", "stream", "subseed"]

_MASK = (1 << 64) - 1
_SCALE = 2.0**-53

Draw = Callable[[int, int], float]
"""(entity, index) → a number in [0, 1)."""


def subseed(seed: int, *path: str | int) -> int:
    """Derive a 64-bit seed for a named part of an experiment, for example `subseed(7, "replication", 3)`."""
    text = "\x1f".join([str(seed), *map(str, path)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])


def stream(seed: int, purpose: str) -> Draw:
    """Return the draws of one purpose: uniform in [0, 1), indexed by (entity, index)."""
    base = subseed(seed, "stream", purpose)

    def draw(entity: int, index: int) -> float:
        z = (base + entity * 0x9E3779B97F4A7C15) & _MASK
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        z = ((z ^ (z >> 31)) + (index + 1) * 0x9E3779B97F4A7C15) & _MASK
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        return ((z ^ (z >> 31)) >> 11) * _SCALE

    return draw


def exponential(u: float, mean: float) -> float:
    """Turn a uniform draw into an exponential one with the given mean."""
    return -mean * math.log1p(-u)
