"""Properties: machines that ask a program steps in any order, and know from the rules what must come of each."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from communicator_conformance.errors import TesteeError
from communicator_conformance.properties.codecs import Bodies, Contents
from communicator_conformance.properties.ratchets import Ratchets, Readers
from communicator_conformance.properties.restarts import Restarts
from communicator_conformance.properties.searching import Machine, Search, search
from communicator_conformance.properties.services import Labels, TwoLayer
from communicator_conformance.properties.stock import Stock
from communicator_conformance.properties.tokens import Tokens
from communicator_conformance.testee import Testee
from communicator_conformance.verdicts import Result, Status

__all__ = ["MACHINES", "play", "tests"]

MACHINES: Final[tuple[type[Machine], ...]] = (Bodies, Contents, Labels, Ratchets, Readers, Restarts, Tokens, TwoLayer)


def tests() -> tuple[str, ...]:
    """Return the ids of all properties, in order."""
    return tuple(f"property/{machine.name}" for machine in MACHINES)


def play(
    program: Testee,
    partner: Testee,
    chosen: frozenset[str],
    seed: int,
    examples: int | None = None,
    save: Path | None = None,
) -> Iterator[Result]:
    """Search for counterexamples to the chosen properties; `save` is a folder for their vectors."""
    stock = Stock(partner)
    for machine in MACHINES:
        if f"property/{machine.name}" in chosen:
            number = machine.examples if examples is None else examples
            yield _played(machine, Search(program, partner, stock, seed), number, save)


def _played(machine: type[Machine], of: Search, examples: int, save: Path | None) -> Result:
    test = f"property/{machine.name}"
    try:
        missing = machine.needs - of.program.hello.offers
    except TesteeError as error:
        return Result(test, Status.FAILED, machine.clauses, error.fault, str(error))
    if missing:
        return Result(test, Status.SKIPPED, machine.clauses, detail=f"needs {', '.join(sorted(missing))}")
    return search(machine, of, examples, save)
