"""Searching for a counterexample: Hypothesis chooses the steps, the machine says what must come of them.

Rules:

1. The examples follow from the seed of the run: no database, no deadline, nothing of earlier runs, and no constants of
   whatever modules happen to be loaded, which Hypothesis would draw.
2. What is found is shrunk by Hypothesis: fewer steps, then smaller choices. A program that hangs or dies is not asked
   again and again: its counterexample stays as it was found.
3. A vector is saved only if it fails alone on the program and passes on the partner.
"""

import contextlib
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar, Final, NamedTuple
from unittest.mock import patch

import msgspec
from hypothesis import HealthCheck, Phase, Verbosity, configuration, settings
from hypothesis import seed as seeded
from hypothesis.errors import Flaky
from hypothesis.internal.conjecture.providers import HypothesisProvider
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from communicator_conformance.errors import VectorError
from communicator_conformance.properties.stock import Stock
from communicator_conformance.properties.trial import Asked, Counterexample, Trial, vectors_of
from communicator_conformance.runner import HELLO, play_all
from communicator_conformance.testee import Testee
from communicator_conformance.vectors import Step, Vector, parse
from communicator_conformance.verdicts import Fault, Result, Status

__all__ = ["Machine", "Search", "search"]

STEPS: Final = 20


class _Ended(BaseException):
    """The program hung or died: Hypothesis must not go on. Never leaves this module."""

    def __init__(self, found: Counterexample) -> None:
        super().__init__()
        self.found = found


class Search(NamedTuple):
    """Who is asked: the program under test, and the partner, who makes what the program is given."""

    program: Testee
    partner: Testee
    stock: Stock
    seed: int


class Machine(RuleBasedStateMachine):
    """A property: rules that choose a step and know what must come of it. Each has a name, needs and clauses."""

    name: ClassVar[str]
    needs: ClassVar[frozenset[str]]
    clauses: ClassVar[tuple[str, ...]]
    examples: ClassVar[int] = 20
    of: ClassVar[Search]
    found: ClassVar[list[tuple[Counterexample, tuple[Step, ...]]]]

    def __init__(self) -> None:
        super().__init__()
        self.trial = Trial(self.of.program, self.name, self.of.seed)
        self.set_out()

    def set_out(self) -> None:
        """Ask what every example begins with."""

    def probe(self) -> Sequence[Step]:
        """Return steps that must be taken after a refusal."""
        return ()

    @contextlib.contextmanager
    def judged(self) -> Iterator[Trial]:
        """Ask steps; what fails ends the example."""
        try:
            yield self.trial
        except Counterexample as found:
            refused = found.asked[-1].refused is not None  # of what was to be taken nothing is left to probe
            self.found[:] = [(found, tuple(self.probe()) if refused else ())]
            if found.is_final:  # rule 2
                raise _Ended(found) from found
            raise


def search(machine: type[Machine], of: Search, examples: int, save: Path | None) -> Result:
    """Search for a counterexample to one property; save its vector, if there is one and a folder for it."""
    test = f"property/{machine.name}"
    latest: list[tuple[Counterexample, tuple[Step, ...]]] = []
    bound = type(machine.__name__, (machine,), {"of": of, "found": latest})
    own = int.from_bytes(hashlib.sha256(f"{test} {of.seed}".encode()).digest()[:8])
    flaky = ""
    try:
        with _nowhere(), patch.object(HypothesisProvider, "_maybe_draw_constant", _draw_none):  # rule 1
            run_state_machine_as_test(seeded(own)(bound), settings=_settings(examples))
        return Result(test, Status.PASSED, machine.clauses)
    except _Ended:
        pass
    except Counterexample:
        pass
    except Flaky:
        flaky = "; it does not always"
    found, probe = latest[0]
    kept = _kept(machine, of, found.asked, probe, save)
    return Result(test, Status.FAILED, machine.clauses, found.fault, f"{found}{flaky}; {kept}", found.lines)


@contextlib.contextmanager
def _nowhere() -> Iterator[None]:
    """Let Hypothesis keep nothing in the folder at hand."""
    before = configuration.storage_directory(intent_to_write=False).path
    with TemporaryDirectory() as folder:
        configuration.set_hypothesis_home_dir(folder)
        try:
            yield
        finally:
            configuration.set_hypothesis_home_dir(before)


def _draw_none(*_: object, **__: object) -> None:
    """Draw no constant."""


def _settings(examples: int) -> settings:
    return settings(
        max_examples=examples, stateful_step_count=STEPS, database=None, deadline=None, derandomize=False,
        phases=(Phase.generate, Phase.shrink), suppress_health_check=tuple(HealthCheck), report_multiple_bugs=False,
        print_blob=False, verbosity=Verbosity.quiet,
    )  # fmt: skip


def _kept(machine: type[Machine], of: Search, asked: Sequence[Asked], probe: Sequence[Step], save: Path | None) -> str:
    """Save the vector of a counterexample; return what came of that."""
    try:
        found = {v.id: parse(msgspec.json.encode(v), v.id) for v in
                 vectors_of(machine.name, of.seed, machine.clauses, asked, probe)}  # fmt: skip
    except (VectorError, IndexError) as error:
        return f"no vector: {error}"
    judged, *_ = found
    if _fault(of.program, found, judged) is None or _fault(of.partner, found, judged) is not None:  # rule 3
        return "no vector: these steps alone do not tell the two programs apart"
    steps = len(found[judged].steps) + len(found[judged].probe)
    if save is None:
        return f"{steps} steps show it"
    for name, vector in found.items():
        path = save / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(msgspec.json.format(msgspec.json.encode(vector), indent=1) + b"\n")
    return f"{steps} steps show it, saved as {judged}.json"


def _fault(program: Testee, vectors: Mapping[str, Vector], judged: str) -> Fault | None:
    results = {result.id: result for result in play_all(program, dict(vectors))}
    return results.get(judged, results[HELLO]).fault  # a program that does not start again has said no hello
