"""What is played after the vectors: each kind of test knows its ids and plays those that were chosen.

Theory. Vectors are judged by twins and come first. Every other kind needs only the program under test, a partner that
is known to be right, and a seed; it is a row of `kinds`, in the order in which they are played.

Rules:

1. The ids of a kind are known before any program is started, and begin with the name of its area.
2. Whatever a kind draws, it draws from the seed of the run: the same seed gives the same results, byte for byte.
3. A kind never raises for what a program does; that is a result.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from communicator_conformance.scripts import between, plays_of, published_scripts
from communicator_conformance.testee import Testee
from communicator_conformance.verdicts import Result

__all__ = ["KINDS", "Kind", "kinds"]


class Kind(NamedTuple):
    """One kind: `tests` gives all ids, `play` the results of those chosen (testee, partner, chosen, seed), in order."""

    tests: Callable[[], tuple[str, ...]]
    play: Callable[[Testee, Testee, frozenset[str], int], Iterator[Result]]


def _scripts() -> tuple[str, ...]:
    return tuple(test for name, script in published_scripts().items() for test, *_ in plays_of(script, name))


def _play_scripts(program: Testee, partner: Testee, chosen: frozenset[str], seed: int) -> Iterator[Result]:
    return between(program, partner, published_scripts(), chosen, seed=seed)


def _traces() -> tuple[str, ...]:
    from communicator_conformance import traces

    return traces.tests()


def _play_traces(
    program: Testee, partner: Testee, chosen: frozenset[str], seed: int, examples: int | None
) -> Iterator[Result]:
    from communicator_conformance import traces  # slow to import, as those below

    return traces.play(program, partner, chosen, seed, examples)


def _properties() -> tuple[str, ...]:
    from communicator_conformance import properties

    return properties.tests()


def _play_properties(
    program: Testee, partner: Testee, chosen: frozenset[str], seed: int, examples: int | None, save: Path | None
) -> Iterator[Result]:
    from communicator_conformance import properties

    return properties.play(program, partner, chosen, seed, examples, save)


def _privacy() -> tuple[str, ...]:
    from communicator_conformance import privacy

    return privacy.ids_of()


def _play_privacy(
    program: Testee, partner: Testee, chosen: frozenset[str], seed: int, replications: int | None
) -> Iterator[Result]:
    from communicator_conformance import privacy

    return privacy.play(program, partner, chosen, seed, replications)


def kinds(examples: int | None = None, save: Path | None = None, replications: int | None = None) -> tuple[Kind, ...]:
    """Return all kinds, with so many examples of what is drawn, and a folder for the vectors of counterexamples.

    `replications` is how many populations play the games of privacy.
    """
    return (
        Kind(_scripts, _play_scripts),
        Kind(_traces, partial(_play_traces, examples=examples)),
        Kind(_properties, partial(_play_properties, examples=examples, save=save)),
        Kind(_privacy, partial(_play_privacy, replications=replications)),
    )


KINDS: Final = kinds()
