"""The reference adapter refuses arguments that are wrong in form, and lives: it is asked every operation with rubbish.

Each operation is asked as a vector asks it, with one place of its arguments spoilt at a time: missing, of another type,
of another length, out of range, a handle of another kind. Whatever it answers, it answers; and then it is of use.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from tests.conformance.spoiling import MISSING, spoilt

from communicator_conformance.operations import OPERATIONS
from communicator_conformance.protocol import Accepted, Answer, Rejected
from communicator_conformance.testee import Testee
from communicator_conformance.vectors import Step, Vector, published, step_entropy
from communicator_spec.errors import ErrorClass

SIZES = (0, 1, 15, 16, 17, 31, 32, 33, 138, 2799, 2901, 5000)
TEXTS = ("", "zz", "0", "h0", "٣", "9" * 5000, *("00" * n for n in SIZES), *("ff" * n for n in SIZES))
NUMBERS = (-1, 0, 1, 256, 1 << 33, (1 << 64) - 1, 1.5, True)
JUNK = (MISSING, None, *TEXTS, *NUMBERS, [], {}, [[]], [{}], [0, [[0, 0]]], [0, [[2, "x"]]], {"0": 0})
VECTORS = tuple(published().values())

KEY, NOW = "11" * 32, 1_767_225_600


@pytest.fixture(scope="module")
def reference() -> Iterator[Testee]:
    with Testee(["reference"]) as testee:
        yield testee


def _ask(testee: Testee, op: str, **args: object) -> Answer:
    return testee.ask(op, NOW, "00" * 32, args)


def _filled(value: object, given: dict[str, dict[str, Any]]) -> object:
    """Put results of earlier steps in the place of references."""
    if isinstance(value, list):
        return [_filled(item, given) for item in value]
    if not isinstance(value, str) or not value.startswith("$"):
        return value
    name, field, *index = value[1:].split(".")
    found: object = given[name][field]
    return found[int(index[0])] if index and isinstance(found, list) else found


def _first(op: str) -> Vector:
    """Return a vector in which an operation is taken; the state at the end becomes a step."""
    for vector in VECTORS:
        if vector.post and vector.post.op == op and not vector.negative:
            return msgspec.structs.replace(vector, steps=(*vector.steps, Step("post", op, vector.post.args)))
        if any(step.op == op for step in vector.steps[: -1 if vector.negative else None]):
            return vector
    raise AssertionError(op)


def _asked(testee: Testee, op: str) -> tuple[dict[str, Any], int, str]:
    """Play a vector up to an operation; return what it is asked with: arguments, time and entropy."""
    vector, given = _first(op), dict[str, dict[str, Any]]()
    for step in vector.steps:
        args = {name: _filled(value, given) for name, value in step.args.items()}
        now, entropy = vector.now if step.now is None else step.now, step_entropy(vector, step.name)
        if step.op == op:
            return args, now, entropy
        answer = testee.ask(step.op, now, entropy, args)
        assert isinstance(answer, Accepted)
        given[step.name] = answer.result
    raise AssertionError(op)


def _handles(testee: Testee) -> list[str]:
    """Return a handle of each kind."""
    made = []
    for op in ("service.load", "session.start", "ratchet.respond"):
        args, now, entropy = _asked(testee, op)
        answer = testee.ask(op, now, entropy, args)
        assert isinstance(answer, Accepted)
        made.append(str(answer.result["handle"]))
    return made


@pytest.mark.parametrize("op", OPERATIONS)
def test_rubbish_is_answered_and_survived(reference: Testee, op: str) -> None:
    handles = _handles(reference)
    args, now, entropy = _asked(reference, op)
    assert isinstance(reference.ask(op, now, entropy, {}), Rejected)
    for rubbish in spoilt(args, (*JUNK, *handles)):
        assert isinstance(reference.ask(op, now, entropy, rubbish), (Accepted, Rejected)), rubbish
    args, now, entropy = _asked(reference, op)
    assert isinstance(reference.ask(op, now, entropy, args), Accepted)


MALFORMED, LIMIT, UNKNOWN = ErrorClass.MALFORMED, ErrorClass.LIMIT, ErrorClass.UNKNOWN
BODY = {"kind": 0, "number": 1, "received": [0, []], "holds": 0, "content": "00"}
REFUSALS: dict[str, tuple[str, dict[str, object], ErrorClass]] = {
    "a body of an unknown kind": ("body.encode", BODY | {"kind": 6, "number": None}, MALFORMED),
    "ranges that are none": ("body.encode", BODY | {"received": [0, [[1]]]}, MALFORMED),
    "a lane beyond the largest": ("label.derive", {"key": KEY, "lane": 65_536, "index": 0}, LIMIT),
    "an index beyond the largest": ("label.derive", {"key": KEY, "lane": 0, "index": 1 << 32}, LIMIT),
    "a lane below zero": ("label.derive", {"key": KEY, "lane": -1, "index": 0}, MALFORMED),
    "a short epoch key": ("label.derive", {"key": KEY[2:], "lane": 0, "index": 0}, MALFORMED),
    "a secret key of 31 bytes": ("hpke.open", {"secret_key": KEY[2:], "info": "", "sealed": KEY * 2}, MALFORMED),
    "a handle that never was": ("ratchet.state", {"ratchet": "1000000"}, UNKNOWN),
}


@pytest.mark.parametrize("what", REFUSALS)
def test_it_is_refused_with_a_class_of_the_standard(reference: Testee, what: str) -> None:
    op, args, error_class = REFUSALS[what]
    answer = _ask(reference, op, **args)
    assert isinstance(answer, Rejected)
    assert answer.error_class is error_class


def test_a_body_without_content_is_encoded(reference: Testee) -> None:
    answer = _ask(reference, "body.encode", **BODY | {"content": None})
    assert isinstance(answer, Accepted)


def test_a_handle_of_another_kind_is_unknown(reference: Testee) -> None:
    service, session, ratchet = _handles(reference)
    asked = (("ratchet.state", "ratchet", session), ("service.erase", "service", ratchet))
    answers = [_ask(reference, op, **{name: handle}) for op, name, handle in asked]
    answers.append(_ask(reference, "session.seal", session=service, body="00"))
    assert [a.error_class for a in answers if isinstance(a, Rejected)] == [UNKNOWN] * 3
