"""What is fuzzed: one parser, what it promises, and bytes to begin with.

Theory. A parser of bytes that somebody else made has two ways to end: it gives a value, or it raises the one class of
errors that its module promises, with a normative class inside. Where a value has one encoding, the value's encoding is
the input, byte for byte. Anything else is a find: another exception, another encoding, memory or recursion without a
bound.

Rules:

1. A target is a pure function of its bytes. What it needs beside them (keys, a schedule, a session) is made once, from
   seeds, and is not changed by reading.
2. Bytes that come sealed or signed are sealed and signed by the target itself, so that what is inside is reached.
3. `covers` names the functions that a target stands for, as `module:qualified name`.
"""

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import NamedTuple

from communicator_impl.errors import CommunicatorError, PeerError
from communicator_spec.errors import ErrorClass

__all__ = ["Find", "Form", "Target", "judge"]


class Find(AssertionError):
    """A parser that broke its promise."""


class Form(StrEnum):
    """What the bytes are, for mutations that know it."""

    CBOR = "cbor"
    JSON = "json"
    TEXT = "text"
    RAW = "raw"


Read = Callable[[bytes], bytes | None]
"""Reads bytes; returns the encoding of the value where a value has one encoding, otherwise None."""


class Target(NamedTuple):
    """One parser; `refusal` is the only thing that it may raise."""

    name: str
    read: Read
    covers: tuple[str, ...]
    seeds: Callable[[], Iterable[bytes]]
    form: Form = Form.CBOR
    refusal: type[Exception] = PeerError


def judge(target: Target, data: bytes) -> bool:
    """Tell whether a target takes these bytes; raises `Find`, or what the parser should not have raised."""
    try:
        again = target.read(data)
    except target.refusal as error:
        if isinstance(error, CommunicatorError) and not isinstance(error.error_class, ErrorClass):
            raise Find(f"{target.name}: no normative class") from error
        return False
    if again is not None and again != data:
        raise Find(f"{target.name}: {data.hex()} was read, and is written {again.hex()}")
    return True
