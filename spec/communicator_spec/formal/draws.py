"""Draws that depend on what they are for, and on nothing else.

A draw is a function of (seed, what for): the same walk is walked again from its numbers alone, on any machine, in any
order, on any number of workers. BLAKE2b is the function.
"""

import hashlib


def draw(below: int, seed: int, *what: int) -> int:
    """Return a number from 0 to before `below`, uniform up to 2^-64. `ValueError` if `below` is not positive."""
    if below < 1:
        raise ValueError("nothing to draw from")
    text = ",".join(map(str, (seed, *what))).encode()
    number = int.from_bytes(hashlib.blake2b(text, digest_size=16, person=b"formal walks").digest())
    return number * below >> 128
