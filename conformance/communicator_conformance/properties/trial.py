"""One example of a property: steps that a program is asked, what the rules say of each, and the vector that they make.

Theory. A property knows the rules, so it knows of every step whether it must be taken and what it must give, or with
which class it must be refused. A program that answers otherwise has failed at a named step, and what was asked until
then is a story that other programs can be told: a vector.

Rules:

1. Steps are asked, resolved and judged by the code that plays vectors (`runner.Play`), with the same seeds, so what
   failed here fails there.
2. A refusal that was right is left out of the vector, unless the step that failed comes after it: then the latest one
   is the vector's phase, and what follows is its probe.
3. The twin of a negative is the story without the judged step, or with the input that the property gives instead.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from communicator_conformance.errors import TesteeError
from communicator_conformance.questions import BEGIN_S
from communicator_conformance.runner import Failed, Play
from communicator_conformance.testee import Testee
from communicator_conformance.vectors import FORMAT, Expect, Ruling, Source, Step, Vector, spec_digest
from communicator_conformance.verdicts import Fault
from communicator_spec.errors import ErrorClass

__all__ = ["NOW", "Asked", "Counterexample", "Trial", "vectors_of"]

NOW: Final = BEGIN_S
Args = Mapping[str, object]


class Asked(NamedTuple):
    """A step; the class with which it must be refused, if it must; and what the twin is asked in its place."""

    step: Step
    refused: ErrorClass | None = None
    instead: Step | None = None


class Counterexample(Exception):
    """A program answered a step otherwise than the rules say. `is_final`: it cannot be asked again and again."""

    def __init__(
        self, fault: Fault, detail: str, asked: Sequence[Asked], lines: tuple[str, ...], *, is_final: bool
    ) -> None:
        super().__init__(detail)
        self.fault = fault
        self.asked = tuple(asked)
        self.lines = lines
        self.is_final = is_final


class Trial:
    """Asks one program, and remembers what."""

    def __init__(self, program: Testee, name: str, seed: int) -> None:
        self.asked: list[Asked] = []
        self._program = program
        self._play = Play(program, _vector(name, seed, (), Expect(Ruling.ACCEPT, ""), ()))
        program.lines.clear()

    def take(self, op: str, args: Args, result: Args | None = None, now: int = NOW) -> str:
        """Ask a step that must be taken and give this; return its name, for references."""
        step = self._step(op, args, now, result or {})
        self.asked.append(Asked(step))
        self._judged(step, None)
        return step.name

    def refuse(self, op: str, args: Args, refused: ErrorClass, now: int = NOW, instead: Args | None = None) -> None:
        """Ask a step that must be refused with this class; `instead` are arguments with which it would be taken."""
        step = self._step(op, args, now, {})
        twin = None if instead is None else msgspec.structs.replace(step, args=dict(instead))
        self.asked.append(Asked(step, refused, twin))
        self._judged(step, refused)

    def _step(self, op: str, args: Args, now: int, result: Mapping[str, object]) -> Step:
        name = f"{op.partition('.')[2]}-{len(self.asked) + 1}"
        return Step(name, op, dict(args), None if now == NOW else now, dict(result))

    def _judged(self, step: Step, refused: ErrorClass | None) -> None:
        try:
            if refused is None:
                self._play.take(step, Fault.REJECTED)
            else:
                self._play.judge(step, Expect(Ruling.REJECT, step.name, refused))
        except Failed as failed:
            raise Counterexample(*failed.result, self.asked, tuple(self._program.lines), is_final=False) from failed
        except TesteeError as error:
            lines = tuple(self._program.lines)
            raise Counterexample(error.fault, f"{step.name}: {error}", self.asked, lines, is_final=True) from error


def vectors_of(
    name: str, seed: int, clauses: tuple[str, ...], asked: Sequence[Asked], probe: Sequence[Step]
) -> tuple[Vector, ...]:
    """Return the vector of a counterexample, and its twin if it is a negative one.

    `probe` are steps that must be taken after a refusal at the end.
    """
    last = asked[-1]
    refusals = [place for place, one in enumerate(asked) if one.refused is not None]
    if not refusals:
        return (_vector(name, seed, clauses, Expect(Ruling.ACCEPT, last.step.name), [one.step for one in asked]),)
    judged = asked[refusals[-1]]
    assert judged.refused is not None
    before = [one.step for one in asked[: refusals[-1]] if one.refused is None]  # rule 2
    after = [one.step for one in asked[refusals[-1] + 1 :]] or list(probe)
    told = [*before, judged.step]
    twin = before if judged.instead is None else [*before, judged.instead]  # rule 3
    positive = _vector(name, seed, clauses, Expect(Ruling.ACCEPT, twin[-1].name), twin)
    expect = Expect(Ruling.REJECT, judged.step.name, judged.refused)
    return _vector(name, seed, clauses, expect, told, after, positive.id), positive


def _vector(
    name: str,
    seed: int,
    clauses: tuple[str, ...],
    expect: Expect,
    steps: Sequence[Step],
    probe: Sequence[Step] = (),
    twin: str | None = None,
) -> Vector:
    told = msgspec.json.encode([steps, probe, expect], order="sorted")
    case = f"{name}-{hashlib.sha256(told).hexdigest()[:12]}"
    entropy = hashlib.sha256(f"property {name} {seed}".encode()).hexdigest()
    source = Source("communicator-conformance property", f"{name} seed {seed}")
    title = f"a counterexample to the property {name}" if steps and expect.error_class else f"steps of {name}"
    return Vector(
        f"found/{case}", title, clauses, spec_digest(), FORMAT, source, NOW, entropy, tuple(steps), expect,
        twin=twin, probe=tuple(probe),
    )  # fmt: skip
