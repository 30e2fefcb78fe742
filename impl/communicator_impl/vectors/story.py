"""How a vector is told: steps, one judged, and for a negative what is wrong and what must still work.

Theory. Positive cases are played on the reference adapter's operations, and what these answer is
what the vector expects. A negative case is made from its positive twin by changing, adding or
leaving out exactly one step, so it differs by its defect and nothing else. Playing it proves that
the reference refuses it, with that class, and lives on.

Rules:

1. Everything is derived from names: no clock, no randomness of the machine, the same bytes on every
   machine.
2. A case whose outcome is not the one that its author states stops the generator.
3. What another seed changes stands under `drawn`, whether the step drew it or got it from a step that did; the rest of
   what a step gives stands under `result`.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, Self

import msgspec

from communicator_impl.adapter import HELLO, OPERATIONS
from communicator_impl.adapter.lines import Call, plain
from communicator_impl.entropy import SeededEntropy
from communicator_impl.errors import CommunicatorError, OwnError
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["NOW", "Case", "Step", "named_bytes", "render"]

NOW = 1_767_225_600  # 2026-01-01T00:00Z
_FORMAT = 1
_REFERRED = ("handle", "chunks")  # for later steps: a handle is the testee's own, the digest beside chunks says it all


def named_bytes(name: str, n: int = 32) -> bytes:
    """Return `n` ≤ 32 bytes that belong to a name: SHA-256 of it."""
    return hashlib.sha256(b"communicator vectors " + name.encode()).digest()[:n]


class Step(msgspec.Struct, frozen=True):
    """One request; bytes among the arguments are written as hex."""

    name: str
    op: str
    args: Mapping[str, object]
    now: int | None = None

    def renamed(self, name: str) -> Self:
        """Return the same step under another name."""
        return msgspec.structs.replace(self, name=name)


class Case(msgspec.Struct, frozen=True):
    """One vector before it is played; a class makes it a negative."""

    id: str
    title: str
    clauses: tuple[str, ...]
    steps: tuple[Step, ...]
    now: int = NOW
    refusal: ErrorClass | None = None
    twin: str | None = None
    probe: tuple[Step, ...] = ()
    post: Step | None = None
    flags: tuple[str, ...] = ()

    def refused(self, case: str, title: str, clauses: tuple[str, ...], refusal: ErrorClass) -> Self:
        """Begin a negative of this case: the same steps, and this case's last one as its probe."""
        area = self.id.split("/")[0]
        again = self.steps[-1].renamed("probe")
        return msgspec.structs.replace(
            self, id=f"{area}/{case}", title=title, clauses=clauses, refusal=refusal, twin=self.id, probe=(again,)
        )

    def changed(self, step: str, now: int | None = None, **args: object) -> Self:
        """Change arguments or the time of one step."""
        steps = tuple(
            msgspec.structs.replace(s, args={**s.args, **args}, now=now or s.now) if s.name == step else s
            for s in self.steps
        )
        return msgspec.structs.replace(self, steps=steps)

    def preceded(self, by: Step) -> Self:
        """Add one step before the last."""
        return msgspec.structs.replace(self, steps=(*self.steps[:-1], by, self.steps[-1]))

    def probed(self, *steps: Step) -> Self:
        """Probe with other steps."""
        return msgspec.structs.replace(self, probe=steps)


def render(case: Case) -> bytes:
    """Play a case and return its file."""
    seed = named_bytes(f"entropy {case.id}")
    player = _Player(case, seed, named_bytes(f"other entropy {case.id}"))
    before = [player.taken(step, False) for step in case.steps[:-1]]
    phase, expect = player.judged(case.steps[-1])
    whole: dict[str, object] = {
        "id": case.id,
        "title": case.title,
        "clauses": case.clauses,
        "spec": _spec_digest(),
        "format": _FORMAT,
        "source": {"name": HELLO["name"], "version": HELLO["version"]},
        "flags": case.flags,
        "twin": case.twin,
        "now": case.now,
        "entropy": seed,
        "steps": [*before, phase],
        "expect": expect,
        "probe": [player.taken(step, True) for step in case.probe],
        "post": player.state(case.post) if case.post else None,
    }
    kept = {name: value for name, value in whole.items() if value not in (None, (), [])}
    return msgspec.json.format(msgspec.json.encode(plain(kept)), indent=1) + b"\n"


class _Player:
    """Plays the steps of one case on the adapter's operations, twice over: with the case's seed and with another."""

    def __init__(self, case: Case, seed: bytes, other: bytes) -> None:
        self._case = case
        self._runs = _Run(case.now, seed), _Run(case.now, other)

    def taken(self, step: Step, shown: bool) -> dict[str, object]:
        """Play a step that must be taken; `shown` writes down what it gave."""
        try:
            given, other = (run.play(step) for run in self._runs)
        except CommunicatorError as error:
            raise OwnError(ErrorClass.REFUSED, f"{self._case.id}: {step.name}: {error}") from error
        told = {k: v for k, v in given.items() if k not in _REFERRED} if shown else {}
        drawn = {k: v for k, v in told.items() if other[k] != v}
        result = {k: v for k, v in told.items() if k not in drawn}
        return _request(step) | ({"result": result} if result else {}) | ({"drawn": drawn} if drawn else {})

    def judged(self, step: Step) -> tuple[dict[str, object], dict[str, object]]:
        """Play the last step and return it with what is expected of it."""
        if self._case.refusal is None:
            return self.taken(step, True), {"verdict": "accept", "phase": step.name}
        for run in self._runs:
            self._must_refuse(run, step)
        return _request(step), {"verdict": "reject", "phase": step.name, "class": self._case.refusal}

    def _must_refuse(self, run: "_Run", step: Step) -> None:
        try:
            run.play(step)
        except CommunicatorError as error:
            if error.error_class is self._case.refusal:
                return
            raise OwnError(ErrorClass.REFUSED, f"{self._case.id}: {error}") from error
        raise OwnError(ErrorClass.REFUSED, f"{self._case.id}: was taken")

    def state(self, step: Step) -> dict[str, object]:
        """Return the state at the end with its commitment."""
        state = self._runs[0].play(step)
        digest = hashlib.sha256(msgspec.json.encode(state, order="sorted")).digest()
        return {"op": step.op, "args": step.args, "state": state, "commitment": digest}


class _Run:
    """The objects and results of one play with one seed."""

    def __init__(self, now: int, seed: bytes) -> None:
        self._now = now
        self._seed = seed
        self._held: list[Any] = []
        self._given: dict[str, dict[str, object]] = {}

    def play(self, step: Step) -> dict[str, object]:
        """Play one step and return what it gave; raises what the operation raises."""
        args = {name: self._resolved(value) for name, value in step.args.items()}
        entropy = SeededEntropy(hashlib.sha256(self._seed + step.name.encode()).digest())
        call = Call(args, step.now or self._now, entropy, self._held)
        given = plain(OPERATIONS[step.op](call) or {})
        assert isinstance(given, dict)
        self._given[step.name] = given
        return given

    def _resolved(self, value: object) -> object:
        value = plain(value)
        if isinstance(value, list):
            return [self._resolved(item) for item in value]
        if not isinstance(value, str) or not value.startswith("$"):
            return value
        name, field, *index = value[1:].split(".")
        found: Any = self._given[name][field]
        return found[int(index[0])] if index else found


def _request(step: Step) -> dict[str, object]:
    out: dict[str, object] = {"name": step.name, "op": step.op, "args": step.args}
    return out if step.now is None else out | {"now": step.now}


def _spec_digest() -> str:
    p = PARAMETERS
    return hashlib.sha256(msgspec.json.encode([p.suite, p.address, p.envelope, p.session])).hexdigest()
