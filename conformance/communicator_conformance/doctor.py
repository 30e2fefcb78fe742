"""`conform doctor`: what is wrong with an adapter, step by step, with the exact lines.

Theory. The first hour with a suite is lost on the adapter and not on the protocol: a line that is not flushed, a field
too many, an operation that is named and not there. The doctor asks the questions of a run in the order in which they
can go wrong, stops at the first that makes the rest pointless, and shows what was said.

What is looked at, in this order:

1. the program starts and says a hello that can be read, with names that exist
2. an operation that does not exist is unsupported
3. an input that must be refused is refused, and the program lives
4. each operation that the hello offers works once, as the simplest vector asks it; what is on the list of known
   failures is known
"""

from collections.abc import Iterable, Iterator, Mapping, Set
from difflib import get_close_matches
from enum import StrEnum

import msgspec

from communicator_conformance.errors import TesteeError
from communicator_conformance.expectations import Expectation
from communicator_conformance.hints import HINTS
from communicator_conformance.operations import OPERATIONS, known_names
from communicator_conformance.protocol import Unsupported
from communicator_conformance.runner import HELLO, play_all
from communicator_conformance.testee import Testee
from communicator_conformance.vectors import Vector
from communicator_conformance.verdicts import Fault, Result, Status

__all__ = ["Finding", "State", "examine"]


class State(StrEnum):
    """How one look at an adapter ended."""

    WELL = "well"
    ILL = "ill"
    KNOWN = "known"
    UNOFFERED = "not offered"


class Finding(msgspec.Struct, frozen=True):
    """One look: at what, what was found, what to do, and the lines that were exchanged."""

    what: str
    state: State
    detail: str = ""
    hint: str = ""
    lines: tuple[str, ...] = ()


def examine(testee: Testee, vectors: Mapping[str, Vector], known: Iterable[Expectation] = ()) -> Iterator[Finding]:
    """Look at an adapter; the last finding is the one that makes the rest pointless, if there is one.

    `known` are failures that its list names.
    """
    try:
        hello = testee.hello  # 1
    except TesteeError as error:
        yield _ill(testee, "hello", error.fault, str(error))
        return
    offers = ", ".join(sorted(hello.offers))
    yield Finding(
        "hello", State.WELL, f"{hello.name} {hello.version}, {hello.language}: {offers}", lines=_lines(testee)
    )
    yield from map(_no_such_name, sorted(hello.offers - known_names()))
    honest = _honest(testee)  # 2
    yield honest
    if honest.state is State.ILL:
        return
    yield _refuses(testee, vectors)  # 3
    for op in OPERATIONS:  # 4
        yield _once(testee, op, vectors, {(row.id, row.fault) for row in known})


def _no_such_name(name: str) -> Finding:
    near = get_close_matches(name, sorted(known_names()), 1)
    hint = f"{near[0]} may be meant" if near else f"there is {', '.join(sorted(known_names()))}"
    return Finding("hello", State.ILL, f"offers {name}, which nothing needs", hint)


def _honest(testee: Testee) -> Finding:
    testee.lines.clear()
    try:
        answer = testee.ask("doctor.nothing", 0, "", {})
    except TesteeError as error:
        return _ill(testee, "an operation that does not exist", error.fault, str(error))
    if not isinstance(answer, Unsupported):
        return _ill(testee, "an operation that does not exist", Fault.DISHONEST, "it was not unsupported")
    return Finding("an operation that does not exist", State.WELL, "unsupported", lines=_lines(testee))


def _refuses(testee: Testee, vectors: Mapping[str, Vector]) -> Finding:
    """Play the simplest negative vector of an operation that is there."""
    what = "an input that must be refused"
    if not any(operation.needs <= testee.hello.offers for operation in OPERATIONS.values()):
        hint = "name a role, a profile or a feature whose operations you have; the README lists them"
        return Finding(what, State.ILL, "the hello offers nothing that an operation needs", hint)
    fitting = [v for _, v in sorted(vectors.items()) if v.negative and v.needs <= testee.hello.offers]
    for vector in sorted(fitting, key=lambda v: len(v.steps)):
        result = _result(testee, vector, vectors)
        if result.status is Status.PASSED:
            return Finding(what, State.WELL, vector.id)
        if result.fault is not Fault.UNSUPPORTED:
            return _failed(what, result)
    return Finding(what, State.UNOFFERED, "no vector of what is there has one")


def _once(testee: Testee, op: str, vectors: Mapping[str, Vector], known: Set[tuple[str, Fault | None]]) -> Finding:
    """Play the simplest vector with an operation."""
    needs = OPERATIONS[op].needs
    missing = needs - testee.hello.offers
    if missing:
        return Finding(op, State.UNOFFERED, f"needs {', '.join(sorted(missing))}")
    simple = _simplest(op, vectors, testee.hello.offers)
    if simple is None:
        return Finding(op, State.UNOFFERED, "every vector of it needs more than the hello offers")
    result = _result(testee, simple, vectors)
    if result.status is Status.PASSED:
        return Finding(op, State.WELL, simple.id)
    if (simple.id, result.fault) in known:
        return Finding(op, State.KNOWN, f"{simple.id}: {result.fault}")
    return _failed(op, result)


def _result(testee: Testee, vector: Vector, vectors: Mapping[str, Vector]) -> Result:
    chosen = {name: vectors[name] for name in (vector.id, vector.twin) if name is not None}
    results = {result.id: result for result in play_all(testee, chosen)}
    return results.get(vector.id, results[HELLO])  # a program that does not start again has said no hello


def _failed(what: str, result: Result) -> Finding:
    detail = f"{result.id}: {result.fault}: {result.detail}"
    return Finding(what, State.ILL, detail, HINTS.get(result.fault or Fault.DIED, ""), result.lines)


def _simplest(op: str, vectors: Mapping[str, Vector], offers: frozenset[str]) -> Vector | None:
    """Return the shortest vector in which an operation is taken: of a negative, what comes before its phase.

    Of equals that of the operation's own area is shown.
    """
    found = [v for _, v in sorted(vectors.items()) if v.needs <= offers and op in _taken(v)]
    area = op.partition(".")[0] + "/"
    return min(found, key=lambda v: (v.negative, len(v.steps), not v.id.startswith(area)), default=None)


def _taken(vector: Vector) -> set[str]:
    steps = vector.steps[:-1] if vector.negative else vector.steps
    return {step.op for step in steps} | ({vector.post.op} if vector.post and not vector.negative else set())


def _ill(testee: Testee, what: str, fault: Fault, detail: str) -> Finding:
    return Finding(what, State.ILL, f"{fault}: {detail}", HINTS.get(fault, ""), _lines(testee))


def _lines(testee: Testee) -> tuple[str, ...]:
    return tuple(testee.lines)
