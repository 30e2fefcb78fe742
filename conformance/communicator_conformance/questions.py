"""Questions to whole roles: what scripts and traces ask of programs, with the seed and the lines of each question.

Rules:

1. Each question has a seed of its own, derived from the play's and the number of the question.
2. An answer gives all that the operation's row names, each in its form, and bytes that fit the wire schema.
3. A play comes to rest: a role that always wants to be asked again at once hangs, though it answers.
4. An answer that has its form and names what does not exist upsets who carries it on (`UPSET`): that is a failure of
   the role, and never the end of a run.
"""

import hashlib
from collections import deque
from collections.abc import Mapping
from typing import Any, Final

import cbor2

from communicator_conformance.errors import ConformanceError
from communicator_conformance.operations import unfit_result
from communicator_conformance.protocol import Accepted, Rejected, Unsupported
from communicator_conformance.testee import Testee
from communicator_conformance.verdicts import Fault
from communicator_spec.errors import ErrorClass

__all__ = ["BEGIN_S", "UPSET", "Answer", "Flaw", "Questions", "Refused"]

BEGIN_S: Final = 1_767_225_600
"""When every play begins: 2026-01-01T00:00Z."""
_LINES: Final = 64
_QUESTIONS_MAX: Final = 30_000  # five times what the longest play asks
UPSET: Final = (AttributeError, EOFError, LookupError, TypeError, ValueError, cbor2.CBORError)
"""What is raised where an answer is carried on that nobody can carry on (rule 4)."""

Answer = dict[str, Any]


class Flaw(ConformanceError):
    """A testee did what no testee may do, or could not do what it offers."""

    def __init__(self, fault: Fault, detail: str) -> None:
        super().__init__(detail)
        self.fault = fault


class Refused(ConformanceError):
    """A role refused what it was asked."""

    def __init__(self, op: str, error_class: ErrorClass, detail: str) -> None:
        super().__init__(f"{op}: {error_class} ({detail})")
        self.error_class = error_class


class Questions:
    """All questions of one play; with `trace` all their lines are kept, without `fit` any bytes are taken."""

    def __init__(self, seed: bytes, *, trace: bool = False, fit: bool = True) -> None:
        self.lines: deque[str] = deque(maxlen=None if trace else _LINES)
        self._seed = seed
        self._asked = 0
        self._fit = fit

    def ask(self, testee: Testee, name: str, op: str, now_s: int, args: Mapping[str, object]) -> Answer:
        """Ask the role `name`; its refusal raises `Refused`, anything that is no answer `Flaw` or `TesteeError`."""
        self._asked += 1
        if self._asked > _QUESTIONS_MAX:  # rule 3
            raise Flaw(Fault.HUNG, f"{name}: {op} is question {self._asked}, and the play does not come to rest")
        entropy = hashlib.sha256(self._seed + self._asked.to_bytes(8)).hexdigest()  # rule 1
        testee.lines.clear()
        try:
            answer = testee.ask(op, now_s, entropy, args)
        finally:
            self.lines.extend(f"{name} {line}" for line in testee.lines)
        if isinstance(answer, Rejected):
            raise Refused(f"{name}: {op}", answer.error_class, answer.detail)
        if isinstance(answer, Unsupported):
            raise Flaw(Fault.UNSUPPORTED, f"{op} is offered and not there")
        result: Answer = answer.result if isinstance(answer, Accepted) else {}
        _check(op, result, fit=self._fit)
        return result


def _check(op: str, result: Answer, *, fit: bool) -> None:
    why = unfit_result(op, result, fit=fit)
    if why is not None:  # rule 2
        raise Flaw(Fault.SCHEMA, f"{op}: {why}")
