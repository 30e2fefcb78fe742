"""Statistical disclosure: to whom does a device write, if one sees who sends and who receives in each round?

Sources: Danezis, "Statistical disclosure attacks: traffic confirmation in open environments" (2003); Mathewson and
Dingledine, "Practical traffic analysis: extending and resisting statistical disclosure" (PET 2004).

Definition. Rounds last `round_ms`. o(r) is what mailboxes got in round r, U(r, s) how much device s handed over, and
E(r, s) the same, spread over later rounds by the known delay (`rounds`); E = U without a delay. For the target s, with
a round weighted by E(r, s):

`uniform` (Danezis): mean of o(r) / |o(r)| over rounds with E > 0, times b, minus (b - 1) / N for each of N mailboxes. b
is the mean |o(r)| of these rounds: all others are taken to write to everybody alike.

`background` (Mathewson and Dingledine): mean of o(r) over these rounds, minus (mean |o(r)| - mean E(r, s)) times the
background, which is the share of each mailbox in all rounds with E(r, s) < 0.01; over the mean E(r, s).

Both estimate which share of the target's messages goes to each mailbox; the score is the estimate. Time to
identification is in days of looking: after 1/8, 1/4, 1/2 and all of the time.
"""

from collections.abc import Callable, Sequence
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from communicator_simulations.adversaries.ranking import Judged, identified_after, judge
from communicator_simulations.adversaries.rounds import Rounds, rounds_of
from communicator_simulations.adversaries.traffic import View

__all__ = ["SHARES", "Estimate", "Kind", "attack", "estimated", "judged_at_looks"]

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]
Marks = tuple[Ints, Ints]

SHARES: Final = (0.125, 0.25, 0.5, 1.0)
_TOUCHED: Final = 0.01
_DAY_MS: Final = 86_400_000

Kind = Literal["uniform", "background"]
Estimate = Callable[[Rounds, Sequence[int]], Floats]
"""(rounds, devices) → estimates (devices, mailboxes)."""


def attack(kind: Kind, submitted: View, arrived: View, targets: Sequence[int],
           right: Callable[[int], Flags], round_ms: int, mean_ms: float = 0.0, marks: Marks | None = None,
           whose: Callable[[int], Flags] | None = None) -> list[Judged]:  # fmt: skip
    """Attack devices of `submitted`; `right` and `whose` tell mailboxes of `arrived`, as for `sealed_sender.attack`."""

    def estimate(rounds: Rounds, devices: Sequence[int]) -> Floats:
        return estimated(kind, rounds, devices)

    return judged_at_looks(estimate, submitted, arrived, targets, right, round_ms, mean_ms, marks, whose)


def judged_at_looks(estimate: Estimate, submitted: View, arrived: View, targets: Sequence[int],
                    right: Callable[[int], Flags], round_ms: int, mean_ms: float, marks: Marks | None,
                    whose: Callable[[int], Flags] | None) -> list[Judged]:  # fmt: skip
    """Estimate after each share of the time, and judge the last estimate."""
    estimates = [estimate(rounds_of(submitted, arrived, round_ms, mean_ms, share, marks), targets) for share in SHARES]
    days = (arrived.t_ms[-1] - arrived.t_ms[0]) / _DAY_MS
    found: list[Judged] = []
    for row, target in enumerate(targets):
        candidates = np.ones(arrived.things, dtype=bool) if whose is None else whose(target)
        truth = right(target)[candidates]
        rows = [one[row, candidates] for one in estimates]
        verdict = judge(rows[-1], truth)
        if verdict is not None:
            after = identified_after([days * share for share in SHARES], rows.__getitem__, truth)
            found.append(Judged(target, verdict._replace(after=after)))
    return found


def estimated(kind: Kind, rounds: Rounds, devices: Sequence[int]) -> Floats:
    """Return the estimate for each device (row) and mailbox."""
    weights = rounds.expected[:, list(devices)]
    mass = np.maximum(np.asarray(weights.sum(axis=0)).ravel(), 1e-12)
    batch = np.asarray(rounds.got.sum(axis=1)).ravel()
    mean_batch = weights.T @ batch / mass
    if kind == "uniform":
        shares = sparse.diags_array(1 / np.maximum(batch, 1)) @ rounds.got
        seen = _dense(weights.T @ shares) / mass[:, None]
        found: Floats = mean_batch[:, None] * seen - (mean_batch[:, None] - 1) / rounds.got.shape[1]
        return found
    return _less_background(rounds, weights, mass, mean_batch)


def _less_background(rounds: Rounds, weights: sparse.csr_array, mass: Floats, mean_batch: Floats) -> Floats:
    seen = _dense(weights.T @ rounds.got) / mass[:, None]
    own = (weights.T.multiply(weights.T)).sum(axis=1) / mass  # mean of what the target sends in its own rounds
    alone = (weights >= _TOUCHED).astype(np.float64)
    total = np.asarray(rounds.got.sum(axis=0)).ravel()
    without = np.maximum(total - _dense(alone.T @ rounds.got), 0.0)
    background = without / np.maximum(without.sum(axis=1, keepdims=True), 1e-12)
    others = np.maximum(mean_batch - np.asarray(own).ravel(), 0.0)
    found: Floats = (seen - others[:, None] * background) / np.maximum(np.asarray(own).ravel(), 1e-12)[:, None]
    return found


def _dense(matrix: sparse.sparray) -> Floats:
    dense: Floats = np.asarray(matrix.todense(), dtype=np.float64)
    return dense
