"""The runner: plays vectors against a testee and says for each what came of it.

Theory. A vector is judged at one step. What comes before must simply work; what comes after, the
probe, must work again on the same objects. A refusal alone proves little: a program that refuses
everything refuses forgeries too. So a negative counts only if its faultless twin passes, and a
program that claims an operation must have it.

How one vector is played:

1. skip it when the hello does not offer what its operations need
2. play the steps before the phase: each is taken, gives bytes that fit the wire schema, and what the vector says
3. play the phase and hold the answer against the ruling
4. play the probe of a negative: each step is taken
5. compare the state at the end, if the testee shows it
6. after all vectors: a negative whose twin did not pass is vacuous

Rules:

1. A testee that hangs, dies or prints garbage fails the test it was playing; the next test meets a
   fresh process.
2. Results come in the order of the vectors' ids, whatever happened.
3. Nothing here compares texts.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping

import msgspec

from communicator_conformance.errors import TesteeError
from communicator_conformance.operations import unfit_result
from communicator_conformance.protocol import Accepted, Answer, Ignored, Rejected, Unsupported
from communicator_conformance.testee import Testee
from communicator_conformance.vectors import Expect, Ruling, Step, Vector, commitment, step_entropy
from communicator_conformance.verdicts import Fault, Result, Status

__all__ = ["HELLO", "HONESTY", "PROTOCOL_TESTS", "Failed", "Play", "Seen", "play_all"]

HELLO = "protocol/hello"
HONESTY = "protocol/honesty"
PROTOCOL_TESTS = (HELLO, HONESTY)
DERANDOMIZED = "derandomized"
PROJECTION = "projection"

Seen = Callable[[Result], None]


class Failed(Exception):
    """A step was not answered as it must be; never leaves who plays it."""

    def __init__(self, fault: Fault, detail: str) -> None:
        super().__init__(detail)
        self.result = (fault, detail)


def play_all(
    testee: Testee, vectors: Mapping[str, Vector], seen: Seen = lambda _: None, seed: int = 0
) -> tuple[Result, ...]:
    """Play everything; `seen` is told each result as soon as it is known, before twins are judged."""
    results = []
    for result in _results(testee, vectors, seed):
        results.append(result)
        seen(result)
    passed = {r.id for r in results if r.status is Status.PASSED}
    return tuple(_judge_twin(r, vectors.get(r.id), passed) for r in results)


def _results(testee: Testee, vectors: Mapping[str, Vector], seed: int) -> Iterator[Result]:
    try:
        testee.hello  # noqa: B018 - starts the program
    except TesteeError as error:
        yield Result(HELLO, Status.FAILED, fault=error.fault, detail=str(error), lines=tuple(testee.lines))
        return
    yield Result(HELLO, Status.PASSED)
    yield _guarded(testee, HONESTY, (), lambda: _probe_honesty(testee, seed))
    for name in sorted(vectors):
        yield _play(testee, vectors[name])


def _play(testee: Testee, vector: Vector) -> Result:
    testee.lines.clear()
    try:
        missing = vector.needs - testee.hello.offers  # 1
    except TesteeError as error:
        return Result(vector.id, Status.FAILED, vector.clauses, error.fault, str(error), tuple(testee.lines))
    if missing:
        return Result(vector.id, Status.SKIPPED, vector.clauses, detail=f"needs {', '.join(sorted(missing))}")
    return _guarded(testee, vector.id, vector.clauses, lambda: Play(testee, vector).run())


def _guarded(testee: Testee, name: str, clauses: tuple[str, ...], body: Callable[[], None]) -> Result:
    testee.lines.clear()
    try:
        body()
    except Failed as failed:
        return Result(name, Status.FAILED, clauses, *failed.result, tuple(testee.lines))
    except TesteeError as error:
        return Result(name, Status.FAILED, clauses, error.fault, str(error), tuple(testee.lines))
    return Result(name, Status.PASSED, clauses, lines=tuple(testee.lines) if testee.trace else ())


def _probe_honesty(testee: Testee, seed: int) -> None:
    op = f"probe.{hashlib.sha256(f'honesty {seed}'.encode()).hexdigest()[:12]}"  # another one for each seed
    if not isinstance(testee.ask(op, 0, "", {}), Unsupported):
        raise Failed(Fault.DISHONEST, "an operation that does not exist was not unsupported")


def _judge_twin(result: Result, vector: Vector | None, passed: set[str]) -> Result:
    if vector is None or vector.twin is None or result.status is not Status.PASSED or vector.twin in passed:  # 6
        return result
    detail = f"the faultless twin {vector.twin} did not pass"
    return msgspec.structs.replace(result, status=Status.FAILED, fault=Fault.VACUOUS, detail=detail)


class Play:
    """One vector on its way through one testee; what earlier steps gave stands in for references."""

    def __init__(self, testee: Testee, vector: Vector) -> None:
        self._testee = testee
        self._vector = vector
        self._given: dict[str, dict[str, object]] = {}

    def run(self) -> None:
        """Play the vector; raises when it fails."""
        *before, phase = self._vector.steps
        for step in before:  # 2
            self.take(step, Fault.REJECTED)
        self.judge(phase, self._vector.expect)  # 3
        for step in self._vector.probe:  # 4
            self.take(step, Fault.NOT_LIVE)
        self._compare_state()  # 5

    def judge(self, step: Step, expect: Expect) -> None:
        """Ask the step that is judged; raises when the answer is another one."""
        if expect.verdict is Ruling.ACCEPT:
            return self.take(step, Fault.REJECTED)
        answer = self._ask(step)
        if isinstance(answer, Rejected):
            return _judge_refusal(answer, expect)
        if expect.verdict is Ruling.IGNORE and not isinstance(answer, Ignored):
            raise Failed(Fault.ACCEPTED, f"{step.name}: taken, to be ignored")
        if expect.verdict is Ruling.REJECT:
            fault = Fault.IGNORED if isinstance(answer, Ignored) else Fault.ACCEPTED
            raise Failed(fault, f"{step.name}: {fault}, to be refused as {expect.error_class}")
        return self._judge_bytes(step, answer)

    def take(self, step: Step, fault: Fault) -> None:
        """Ask a step that must be taken, and give what the step says; raises `Failed` with `fault` if it is refused."""
        answer = self._ask(step)
        if isinstance(answer, Rejected):
            raise Failed(fault, f"{step.name}: {answer.error_class} ({answer.detail})")
        if isinstance(answer, Ignored):
            raise Failed(Fault.IGNORED, f"{step.name}: ignored, to be taken")
        self._judge_bytes(step, answer)
        self._given[step.name] = answer.result
        wanted = dict(step.result)
        if DERANDOMIZED in self._testee.hello.offers:
            wanted |= step.drawn
        for field, value in wanted.items():
            got = answer.result.get(field)
            if got != self._resolved(value):
                raise Failed(Fault.MISMATCH, f"{step.name}: {field} is {_short(got)}, not {_short(value)}")

    def _judge_bytes(self, step: Step, answer: Accepted | Ignored) -> None:
        why = unfit_result(step.op, answer.result) if isinstance(answer, Accepted) else None
        if why is not None:
            raise Failed(Fault.SCHEMA, f"{step.name}: {why}")

    def _ask(self, step: Step) -> Accepted | Ignored | Rejected:
        now = self._vector.now if step.now is None else step.now
        answer = self._request(step.op, now, step_entropy(self._vector, step.name), step.args)
        if isinstance(answer, Unsupported):
            raise Failed(Fault.UNSUPPORTED, f"{step.name}: {step.op} is offered and not there")
        return answer

    def _request(self, op: str, now: int, entropy: str, args: Mapping[str, object]) -> Answer:
        resolved = {name: self._resolved(value) for name, value in args.items()}
        return self._testee.ask(op, now, entropy, resolved)

    def _compare_state(self) -> None:
        post = self._vector.post
        if post is None or PROJECTION not in self._testee.hello.offers:
            return
        answer = self._request(post.op, self._vector.now, step_entropy(self._vector, "post"), post.args)
        if isinstance(answer, Unsupported):
            raise Failed(Fault.UNSUPPORTED, f"post: {post.op} is offered and not there")
        if not isinstance(answer, Accepted) or commitment(answer.result) != post.commitment:
            raise Failed(Fault.STATE, f"the state is {_short(answer)}, not {_short(post.state)}")

    def _resolved(self, value: object) -> object:
        """Put results of earlier steps in the place of references."""
        if isinstance(value, dict):
            return {k: self._resolved(v) for k, v in value.items()}
        if isinstance(value, list):
            return [self._resolved(v) for v in value]
        if not isinstance(value, str) or not value.startswith("$"):
            return value
        name, *path = value[1:].split(".")
        found: object = self._given[name]
        for part in path:
            found = _item(found, part)
        return found


def _judge_refusal(answer: Rejected, expect: Expect) -> None:
    if expect.error_class is None:
        raise Failed(Fault.REJECTED, f"{expect.phase}: {answer.error_class} ({answer.detail}), to be ignored")
    if answer.error_class is not expect.error_class:
        raise Failed(
            Fault.WRONG_CLASS, f"{expect.phase}: {answer.error_class} ({answer.detail}), not {expect.error_class}"
        )


def _item(value: object, part: str) -> object:
    if isinstance(value, dict) and part in value:
        return value[part]
    if isinstance(value, list) and part.isdecimal() and int(part) < len(value):
        return value[int(part)]
    raise Failed(Fault.MISMATCH, f"a result has no {part}")


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
