"""Time cut into rounds: who handed over in each, which mailboxes got something, and how late it may come.

A sending service that delays each message by an exponential time is a mix. Who looks on knows the mean of the delay:
it is published. So for each hand-over it knows how likely each later round is, which `late` gives in closed form.
"""

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from communicator_simulations.adversaries.traffic import View

__all__ = ["Rounds", "late", "rounds_of"]

Floats = NDArray[np.float64]
_LEFT_OUT: Final = 0.001
_LATEST: Final = 2000


class Rounds(NamedTuple):
    """Sparse counts: `sent` (rounds, devices), `got` (rounds, mailboxes); `expected` is `sent`, each spread over the
    rounds in which it may come.
    """

    sent: sparse.csr_array
    got: sparse.csr_array
    expected: sparse.csr_array


def late(round_ms: float, mean_ms: float) -> Floats:
    """Return how likely it is that what is sent in a round comes 0, 1, 2, … rounds later; at most 0.1 % are left out.

    Hand-overs are even within a round, and the delay is exponential.
    """
    if mean_ms <= 0:
        return np.ones(1)
    a = round_ms / mean_ms
    stay = -math.expm1(-a)
    number = min(_LATEST, math.ceil(math.log(1 / _LEFT_OUT) / a) + 1)
    later = stay * stay / a * np.exp(-a * np.arange(number))
    return np.concatenate(([1 - stay / a], later))


def rounds_of(submitted: View, arrived: View, round_ms: int, mean_ms: float, share: float = 1.0,
              marks: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None) -> Rounds:  # fmt: skip
    """Cut two views into rounds; `share`: only so much of the time that they span, from its beginning.

    `marks` are of each submission and of each arrival (a class of length): rounds of different marks are kept apart,
    for what goes in with one mark does not come out with another.
    """
    start = int(min(submitted.t_ms[0], arrived.t_ms[0]))
    end = start + int(share * (max(submitted.t_ms[-1], arrived.t_ms[-1]) - start)) + 1
    number = (end - start) // round_ms + 1
    classes = 1 if marks is None else int(max(marks[0].max(), marks[1].max())) + 1
    sent = _counts(submitted, None if marks is None else marks[0], start, end, round_ms, number, classes)
    got = _counts(arrived, None if marks is None else marks[1], start, end, round_ms, number, classes)
    return Rounds(sent, got, _spread(sent, late(round_ms, mean_ms), number))


def _counts(view: View, marks: NDArray[np.int64] | None, start: int, end: int, round_ms: int, number: int,
            classes: int) -> sparse.csr_array:  # fmt: skip
    kept = view.t_ms < end
    rows = (view.t_ms[kept] - start) // round_ms
    if marks is not None:
        rows = rows + marks[kept] * number
    ones = np.ones(rows.size)
    return sparse.csr_array((ones, (rows, view.thing[kept])), shape=(number * classes, view.things))


def _spread(sent: sparse.csr_array, weights: Floats, number: int) -> sparse.csr_array:
    """Spread each count over the rounds that follow, without leaving its class."""
    if weights.size == 1:
        return sent
    rows, columns = sent.nonzero()
    values = np.asarray(sent[rows, columns]).ravel()
    shift = np.arange(weights.size)
    later = rows[:, None] + shift
    inside = later // number == (rows // number)[:, None]
    spread = values[:, None] * weights
    where = np.broadcast_to(columns[:, None], later.shape)
    return sparse.csr_array((spread[inside], (later[inside], where[inside])), shape=sent.shape)
