"""Least squares disclosure: the profiles of all senders at once.

Sources: Pérez-González and Troncoso, "Understanding statistical disclosure: a least squares approach" (PETS 2012); Oya,
Troncoso and Pérez-González, "Do dummies pay off? Limits of dummy traffic protection in anonymous communications" (PETS
2014), for the expected number of arrivals when a mix delays.

Definition. With G(r, j), what mailbox j got in round r, and E(r, s), the messages of device s that are expected to come
in round r (`rounds`), the profiles P(s, j) minimise |G - E P|² + |P|²: one message for each device, spread over nobody,
keeps the system solvable where two devices always send together. The score of mailbox j for s is P(s, j).

All devices that sent anything are in the system, targets or not; that is what sets it apart from `disclosure`, which
sees one target against a background. Costs devices³: seconds for two thousand.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from communicator_simulations.adversaries.disclosure import Marks, judged_at_looks
from communicator_simulations.adversaries.ranking import Judged
from communicator_simulations.adversaries.rounds import Rounds
from communicator_simulations.adversaries.traffic import View

__all__ = ["attack", "profiles"]

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


def attack(submitted: View, arrived: View, targets: Sequence[int], right: Callable[[int], Flags], round_ms: int,
           mean_ms: float = 0.0, marks: Marks | None = None,
           whose: Callable[[int], Flags] | None = None) -> list[Judged]:  # fmt: skip
    """Attack devices of `submitted`, as `disclosure.attack` does."""
    return judged_at_looks(profiles, submitted, arrived, targets, right, round_ms, mean_ms, marks, whose)


def profiles(rounds: Rounds, devices: Sequence[int]) -> Floats:
    """Return the estimated profile of each device (row): how much of what it sends goes to each mailbox."""
    expected = rounds.expected
    gram = np.asarray((expected.T @ expected).todense(), dtype=np.float64) + np.eye(expected.shape[1])
    moments = np.asarray((expected.T @ rounds.got).todense(), dtype=np.float64)
    return np.asarray(np.linalg.solve(gram, moments)[list(devices)], dtype=np.float64)
