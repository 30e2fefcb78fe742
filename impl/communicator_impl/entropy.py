"""Randomness as an argument: no core reads the operating system's randomness by itself.

Theory. A draw has a **label** that says what it is for. A seeded source derives it from (seed,
label, how many draws of this label came before), so a program that draws its keys in another order,
or draws one more salt, shifts nothing else: that is what makes vectors readable and simulations
comparable.

Rules:

1. `draw` gives bytes that nobody can predict without the seed: HMAC-SHA256(seed, "draw" ‖ label ‖
   counter ‖ block).
2. `fraction` has no counter: it depends on (seed, label, entity, index) alone, for delays and
   jitter. A simulation may inject its own table of fractions, so that model and implementation see
   the same world.
3. `real` is true only where the bytes come from the operating system; code may then let a library
   draw for itself.
4. A seeded source is for tests, vectors and simulations. Two programs with one seed share every
   key.
"""

import hmac
import secrets
import struct
from collections.abc import Callable
from typing import Protocol

__all__ = ["Entropy", "Fractions", "SeededEntropy", "SystemEntropy"]

Fractions = Callable[[str, int, int], float]
"""(label, entity, index) → a number in [0, 1)."""

_SCALE = 2.0**-53


class Entropy(Protocol):
    """A source of labelled randomness."""

    @property
    def real(self) -> bool:
        """Whether draws come from the operating system and can never be repeated."""
        ...

    def draw(self, label: str, n: int) -> bytes:
        """Return `n` unpredictable bytes for one purpose."""
        ...

    def fraction(self, label: str, entity: int, index: int) -> float:
        """Return a number in [0, 1) for delays and jitter; not for keys."""
        ...


class SystemEntropy:
    """The operating system's randomness; labels are ignored."""

    real = True

    def draw(self, label: str, n: int) -> bytes:
        """Return `n` bytes from the operating system."""
        return secrets.token_bytes(n)

    def fraction(self, label: str, entity: int, index: int) -> float:
        """Return a fresh number in [0, 1)."""
        return (int.from_bytes(secrets.token_bytes(8)) >> 11) * _SCALE


class SeededEntropy:
    """Reproducible randomness for tests, vectors and simulations."""

    real = False

    def __init__(self, seed: bytes, fractions: Fractions | None = None) -> None:
        self._seed = seed
        self._drawn: dict[str, int] = {}
        self._fractions = fractions

    def draw(self, label: str, n: int) -> bytes:
        """Return the next `n` bytes of this label, whatever other labels have drawn."""
        counter = self._drawn.get(label, 0)
        self._drawn[label] = counter + 1
        prefix = b"draw\0" + label.encode() + b"\0" + struct.pack(">Q", counter)
        blocks = (self._mac(prefix + struct.pack(">I", j)) for j in range((n + 31) // 32))
        return b"".join(blocks)[:n]

    def fraction(self, label: str, entity: int, index: int) -> float:
        """Return the number in [0, 1) that belongs to (label, entity, index)."""
        if self._fractions is not None:
            return self._fractions(label, entity, index)
        point = struct.pack(">QQ", entity, index)
        word = self._mac(b"fraction\0" + label.encode() + b"\0" + point)[:8]
        return (int.from_bytes(word) >> 11) * _SCALE

    def fork(self, name: str) -> "SeededEntropy":
        """Derive an independent source, for example one per simulated person."""
        return SeededEntropy(self._mac(b"fork\0" + name.encode()), self._fractions)

    def _mac(self, message: bytes) -> bytes:
        return hmac.digest(self._seed, message, "sha256")
