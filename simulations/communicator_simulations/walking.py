"""`python -m communicator_simulations.walking`: the model, the population model and the real cores walk in step.

    python -m communicator_simulations.walking
    python -m communicator_simulations.walking --walks 1000 --depth 300 --profile label/1 --fidelity impl --seed 7
    python -m communicator_simulations.walking --json

Prints one line for each fidelity and profile, and the step at which they part if they do; then the status is 1. Same
seed, same walks.
"""

import argparse
import json
import sys
import time
from collections import Counter
from typing import Final, NamedTuple

from communicator_simulations.real import impl_fidelity
from communicator_simulations.runs import model_fidelity
from communicator_spec.formal.lockstep import Walked, walk_in_step
from communicator_spec.nodes import Fidelity

__all__ = ["Tally", "main", "walk_many"]

FIDELITIES: Final = ("model", "impl")
PROFILES: Final = ("label/1", "two-layer/1")


class Tally(NamedTuple):
    """What many walks of one fidelity and profile came to."""

    fidelity: str
    profile: str
    walks: int
    steps: int
    actions: dict[str, int]
    seconds: float
    parted: str | None


def fidelity_of(name: str, profile: str, number: int) -> Fidelity:
    """Return the population model, or the real cores with randomness of their own."""
    return model_fidelity(profile) if name == "model" else impl_fidelity(profile, number)


def walk_many(fidelity: str, profile: str, walks: int, depth: int, seed: int) -> Tally:
    """Take walks until all are taken or one parts."""
    began = time.perf_counter()
    actions: Counter[str] = Counter()
    for number in range(walks):
        walked: Walked = walk_in_step(profile, lambda n: fidelity_of(fidelity, profile, n), depth, number, seed)
        actions.update(walked.actions)
        if walked.divergence is not None:
            where = f"walk {number}, after {walked.steps} steps: {walked.divergence}"
            return Tally(
                fidelity, profile, number + 1, actions.total(), dict(sorted(actions.items())), _since(began), where
            )
    return Tally(fidelity, profile, walks, actions.total(), dict(sorted(actions.items())), _since(began), None)


def _since(began: float) -> float:
    return round(time.perf_counter() - began, 1)


def main(arguments: list[str] | None = None) -> int:
    """Walk as the arguments say; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m communicator_simulations.walking", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--walks", type=int, default=100, help="walks of each fidelity and profile (100)")
    parser.add_argument("--depth", type=int, default=150, help="steps of each walk (150)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fidelity", choices=FIDELITIES, action="append", help="only this one")
    parser.add_argument("--profile", choices=PROFILES, action="append", help="only this one")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    tallies = []
    for fidelity in given.fidelity or FIDELITIES:
        for profile in given.profile or PROFILES:
            tally = walk_many(fidelity, profile, given.walks, given.depth, given.seed)
            tallies.append(tally)
            if not given.json:
                _show(tally)
    if given.json:
        print(json.dumps([tally._asdict() for tally in tallies], indent=2))
    return int(any(tally.parted for tally in tallies))


def _show(tally: Tally) -> None:
    verdict = "ok  " if tally.parted is None else "FAIL"
    print(f"  {verdict}  {tally.fidelity:6} {tally.profile:12} {tally.walks:5,} walks {tally.steps:8,} steps in step, "
          f"{len(tally.actions)} actions  {tally.seconds:.1f} s", flush=True)  # fmt: skip
    if tally.parted:
        print(f"        {tally.parted}")


if __name__ == "__main__":
    sys.exit(main())
