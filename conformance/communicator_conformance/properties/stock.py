"""What properties give to programs: keys of the published vectors, and what the partner makes with them.

Rules:

1. What the partner makes is asked once for each of a run's properties and kept: equal questions, equal bytes.
2. Names stand for roots and seeds: SHA-256 of the name, as long as is needed.
"""

import hashlib
from collections.abc import Mapping
from functools import cache
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from communicator_conformance.errors import ConformanceError
from communicator_conformance.properties.trial import NOW
from communicator_conformance.protocol import Accepted
from communicator_conformance.testee import Testee
from communicator_conformance.vectors import Step, published

__all__ = ["CIPHERTEXT", "Stock", "named", "step_of", "verify_key_of"]

CIPHERTEXT: Final = "612063697068657274657874"


@cache
def step_of(vector: str, op: str) -> Step:
    """Return the first step of a published vector that asks this operation."""
    return next(step for step in published()[vector].steps if step.op == op)


def named(name: str, size: int = 32) -> str:
    """Return bytes for a name, in hex."""
    return hashlib.sha256(name.encode()).hexdigest()[: 2 * size]


def verify_key_of(seed: str) -> str:
    """Return the public half of a signing seed (Ed25519), in hex."""
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed)).public_key().public_bytes_raw().hex()


class Stock:
    """What the partner makes."""

    def __init__(self, partner: Testee) -> None:
        self._partner = partner
        self._made: dict[bytes, dict[str, object]] = {}

    def make(self, op: str, args: Mapping[str, object], now: int = NOW, copy: int = 0) -> dict[str, object]:
        """Return what the partner gives; another `copy` has other randomness."""
        key = msgspec.json.encode([op, now, copy, args], order="sorted")
        if key not in self._made:
            answer = self._partner.ask(op, now, hashlib.sha256(key).hexdigest(), args)
            if not isinstance(answer, Accepted):
                raise ConformanceError(f"the partner does not take {op}: {answer}")
            self._made[key] = answer.result
        return self._made[key]
