"""`conform doctor`: what is wrong with an adapter, step by step, with the exact lines.

Theory. The first hour with a suite is lost on the adapter and not on the protocol: a line that is not flushed, a field
too many, an operation that is named and not there. The doctor asks the questions of a run in the order in which they
can go wrong, stops at the first that makes the rest pointless, and shows what was said.

What is looked at, in this order:

1. the program starts and says a hello that can be read
2. an operation that does not exist is unsupported
3. a question without arguments is refused, and the program lives
4. each operation that the hello offers works once, as the simplest vector asks it
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum

import msgspec

from communicator_conformance.errors import TesteeError
from communicator_conformance.hints import HINTS
from communicator_conformance.operations import OPERATIONS
from communicator_conformance.protocol import Rejected, Unsupported
from communicator_conformance.runner import play_all
from communicator_conformance.testee import Testee
from communicator_conformance.vectors import Vector
from communicator_conformance.verdicts import Fault, Status

__all__ = ["Finding", "State", "examine"]


class State(StrEnum):
    """How one look at an adapter ended."""

    WELL = "well"
    ILL = "ill"
    UNOFFERED = "not offered"


class Finding(msgspec.Struct, frozen=True):
    """One look: at what, what was found, what to do, and the lines that were exchanged."""

    what: str
    state: State
    detail: str = ""
    hint: str = ""
    lines: tuple[str, ...] = ()


def examine(testee: Testee, vectors: Mapping[str, Vector]) -> Iterator[Finding]:
    """Look at an adapter; the last finding is the one that makes the rest pointless, if there is one."""
    try:
        hello = testee.hello  # 1
    except TesteeError as error:
        yield _ill(testee, "hello", error.fault, str(error))
        return
    offers = ", ".join(sorted(hello.offers))
    yield Finding(
        "hello", State.WELL, f"{hello.name} {hello.version}, {hello.language}: {offers}", lines=_lines(testee)
    )
    for look in (_honest, _lives):  # 2, 3
        finding = look(testee)
        yield finding
        if finding.state is State.ILL:
            return
    for op in OPERATIONS:  # 4
        yield _once(testee, op, vectors)


def _honest(testee: Testee) -> Finding:
    testee.lines.clear()
    try:
        answer = testee.ask("doctor.nothing", 0, "", {})
    except TesteeError as error:
        return _ill(testee, "an operation that does not exist", error.fault, str(error))
    if not isinstance(answer, Unsupported):
        return _ill(testee, "an operation that does not exist", Fault.DISHONEST, "it was not unsupported")
    return Finding("an operation that does not exist", State.WELL, "unsupported", lines=_lines(testee))


def _lives(testee: Testee) -> Finding:
    """Ask the first operation that is offered without arguments."""
    what = "a question without arguments"
    offered = [op for op, operation in OPERATIONS.items() if operation.needs <= testee.hello.offers]
    if not offered:
        hint = "name a role, a profile or a feature whose operations you have; the README lists them"
        return Finding(what, State.ILL, "the hello offers nothing that an operation needs", hint)
    testee.lines.clear()
    try:
        answer = testee.ask(offered[0], 0, "00" * 32, {})
    except TesteeError as error:
        return _ill(testee, what, error.fault, str(error))
    if isinstance(answer, (Rejected, Unsupported)):
        return Finding(what, State.WELL, f"{offered[0]}: refused", lines=_lines(testee))
    return _ill(testee, what, Fault.ACCEPTED, f"{offered[0]} was taken")


def _once(testee: Testee, op: str, vectors: Mapping[str, Vector]) -> Finding:
    """Play the simplest vector with an operation."""
    needs = OPERATIONS[op].needs
    missing = needs - testee.hello.offers
    if missing:
        return Finding(op, State.UNOFFERED, f"needs {', '.join(sorted(missing))}")
    simple = _simplest(op, vectors, testee.hello.offers)
    if simple is None:
        return Finding(op, State.UNOFFERED, "every vector of it needs more than the hello offers")
    chosen = {name: vectors[name] for name in (simple.id, simple.twin) if name is not None}
    result = next(r for r in play_all(testee, chosen) if r.id == simple.id)
    if result.status is Status.PASSED:
        return Finding(op, State.WELL, simple.id)
    return Finding(
        op,
        State.ILL,
        f"{simple.id}: {result.fault}: {result.detail}",
        HINTS.get(result.fault or Fault.DIED, ""),
        result.lines,
    )


def _simplest(op: str, vectors: Mapping[str, Vector], offers: frozenset[str]) -> Vector | None:
    """Return the shortest vector in which an operation is taken: of a negative, what comes before its phase."""
    found = [v for _, v in sorted(vectors.items()) if v.needs <= offers and op in _taken(v)]
    return min(found, key=lambda vector: (vector.negative, len(vector.steps)), default=None)


def _taken(vector: Vector) -> set[str]:
    steps = vector.steps[:-1] if vector.negative else vector.steps
    return {step.op for step in steps} | ({vector.post.op} if vector.post and not vector.negative else set())


def _ill(testee: Testee, what: str, fault: Fault, detail: str) -> Finding:
    return Finding(what, State.ILL, f"{fault}: {detail}", HINTS.get(fault, ""), _lines(testee))


def _lines(testee: Testee) -> tuple[str, ...]:
    return tuple(testee.lines)
