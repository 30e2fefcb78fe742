"""Lines in, lines out: how the reference adapter reads requests and writes answers.

Theory. This half of the adapter knows JSON and no protocol; `adapter` knows the operations and no
JSON. Byte strings are hex on the line and bytes on this side of it. Arguments are read by what they
must be, so one that is missing, of another type or of another length is refused like any input.

Rules:

1. One answer for each line, in order, flushed at once.
2. A refusal becomes its normative class. Any other error is a bug: the program ends with it, and
   the test that found it fails.
3. A request without an operation that is known here is `unsupported`, whatever its arguments.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import IO, Any, Final, TypeVar

import msgspec

from communicator_impl import wire
from communicator_impl.entropy import Entropy, SeededEntropy
from communicator_impl.errors import CommunicatorError, InputError
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["Call", "Operation", "plain", "serve"]

Held = TypeVar("Held")
_HANDLE: Final = re.compile(r"0|[1-9][0-9]{0,17}")


class Call(msgspec.Struct):
    """One request: its arguments, its time, its randomness, and what lives between requests."""

    args: dict[str, Any]
    now: int
    entropy: Entropy
    held: list[Any]

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - JSON
        if name not in self.args:
            raise InputError(ErrorClass.MALFORMED, f"no {name}")
        return self.args[name]

    def raw(self, name: str, size: int | None = None) -> bytes:
        """Return an argument as bytes, of exactly `size` if that is given."""
        try:
            raw = bytes.fromhex(self[name])
        except (TypeError, ValueError) as error:
            raise InputError(ErrorClass.MALFORMED, f"{name} is not hex") from error
        if size not in (None, len(raw)):
            raise InputError(ErrorClass.MALFORMED, f"{name} has {len(raw)} bytes instead of {size}")
        return raw

    def raws(self, name: str) -> list[bytes]:
        """Return a list of byte strings."""
        found = self[name]
        if not isinstance(found, list):
            raise InputError(ErrorClass.MALFORMED, f"{name} is no list")
        return [msgspec.structs.replace(self, args={name: item}).raw(name) for item in found]

    def secret(self, name: str) -> bytes:
        """Return a secret key or a seed: 32 bytes."""
        return self.raw(name, PARAMETERS.suite.secret_key_bytes)

    def number(self, name: str) -> int:
        """Return an argument as an unsigned integer."""
        return wire.uint(self[name])

    def optional(self, name: str) -> int | None:
        """Return an unsigned integer that may be null or missing."""
        return None if self.args.get(name) is None else self.number(name)

    def text(self, name: str) -> str:
        """Return an argument as text."""
        return self._typed(name, str)

    def flag(self, name: str) -> bool:
        """Return an argument as true or false."""
        return self._typed(name, bool)

    def texts(self, name: str) -> list[str]:
        """Return a list of texts."""
        return [msgspec.structs.replace(self, args={name: item}).text(name) for item in self._typed(name, list)]

    def numbers(self, name: str) -> list[int]:
        """Return a list of unsigned integers."""
        return [wire.uint(item) for item in self._typed(name, list)]

    def table(self, name: str) -> dict[str, Any]:
        """Return an argument as an object."""
        return self._typed(name, dict)

    def rows(self, name: str) -> "list[Call]":
        """Return a list of objects, each to be read like the arguments."""
        rows = self[name]
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise InputError(ErrorClass.MALFORMED, f"{name} is not a list of objects")
        return [msgspec.structs.replace(self, args=row) for row in rows]

    def of(self, name: str, kind: type[Held]) -> Held:
        """Return what a handle stands for; a handle of another kind is as unknown as one that never was."""
        value = self.held[self._at(name)]
        if not isinstance(value, kind):
            raise InputError(ErrorClass.UNKNOWN, "handle of another kind")
        return value

    def put(self, name: str, value: object) -> None:
        """Put another value behind a handle."""
        self.held[self._at(name)] = value

    def keep(self, value: object, **more: object) -> dict[str, object]:
        """Hold a value behind a new handle, and return the handle with more results."""
        self.held.append(value)
        return {"handle": str(len(self.held) - 1), **more}

    def _typed(self, name: str, kind: type[Held]) -> Held:
        value = self[name]
        if not isinstance(value, kind):
            raise InputError(ErrorClass.MALFORMED, f"{name} is no {kind.__name__}")
        return value

    def _at(self, name: str) -> int:
        handle = self[name]
        at = int(handle) if isinstance(handle, str) and _HANDLE.fullmatch(handle) else len(self.held)
        if at >= len(self.held):
            raise InputError(ErrorClass.UNKNOWN, "handle")
        return at


Operation = Callable[[Call], object]


def serve(
    lines: Iterable[bytes], out: IO[bytes], hello: Mapping[str, object], operations: Mapping[str, Operation]
) -> None:
    """Answer requests until the input ends."""
    held: list[Any] = []
    for line in lines:
        request = msgspec.json.decode(line)
        kind = {"ok": hello} if request["op"] == "hello" else _answer(request, held, operations)
        out.write(msgspec.json.encode({"id": request["id"], **kind}) + b"\n")
        out.flush()


def _answer(request: dict[str, Any], held: list[Any], operations: Mapping[str, Operation]) -> dict[str, object]:
    operation = operations.get(request["op"])
    if operation is None:
        return {"unsupported": True}
    entropy = SeededEntropy(bytes.fromhex(request["entropy"]))
    try:
        return {"ok": plain(operation(Call(request["args"], request["now"], entropy, held)) or {})}
    except CommunicatorError as error:
        return {"error": {"class": error.error_class, "detail": error.detail}}


def plain(value: object) -> object:
    """Turn structs into objects and bytes into hex."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, msgspec.Struct):
        return plain(msgspec.structs.asdict(value))
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value
