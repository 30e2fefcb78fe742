"""Views made by hand: traffic in which nothing is to be found, and the same with a leak planted in it."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from communicator_simulations.adversaries.ranking import Judged, mean_over_targets
from communicator_simulations.adversaries.traffic import Handed, View
from communicator_simulations.statistics import Interval

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

PEOPLE: Final = 40
DAY_MS: Final = 86_400_000


class Made(NamedTuple):
    """Who handed over and who got something, and who writes to whom in truth (row: writer)."""

    submitted: View
    arrived: View
    partner: Ints


def view(t_ms: Ints, thing: Ints, people: int = PEOPLE) -> View:
    order = np.argsort(t_ms, kind="stable")
    numbers = np.arange(people)
    return View(t_ms[order], thing[order], numbers, np.zeros(people, dtype=np.int64), numbers)


def made(seed: int, *, messages: int = 40, receipt_ms: int | None = None, leaks: bool = True) -> Made:
    """Everybody writes to one partner at times of a Poisson process over two days, and it takes a second.

    `receipt_ms`: the partner's device answers so late. Not `leaks`: what arrives goes to anybody.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    writer = np.repeat(np.arange(PEOPLE), messages)
    t_ms = rng.integers(0, 2 * DAY_MS, writer.size)
    partner = rng.permutation(PEOPLE)
    while (partner == np.arange(PEOPLE)).any():
        partner = rng.permutation(PEOPLE)
    to = partner[writer] if leaks else rng.integers(0, PEOPLE, writer.size)
    times, got = t_ms + 1000, to
    if receipt_ms is not None:
        back = writer if leaks else rng.integers(0, PEOPLE, writer.size)
        times, got = np.concatenate((times, times + receipt_ms)), np.concatenate((got, back))
    return Made(view(t_ms, writer), view(times, got), partner)


def right(rows: Ints, partner: Ints) -> Flags:
    return np.asarray(rows == partner)


def handed(seed: int, relationships: int = 4, each: int = 12) -> Handed:
    """Every device hands over for a few relationships to one service."""
    rng = np.random.Generator(np.random.PCG64(seed))
    end = np.repeat(np.arange(PEOPLE * relationships), each) * 2
    order = rng.permutation(end.size)
    t_ms = np.sort(rng.integers(0, 2 * DAY_MS, end.size))
    end = end[order]
    return Handed(t_ms, end // (2 * relationships), np.zeros_like(end), end, np.zeros_like(end))


def advantage(judged: list[Judged]) -> Interval:
    return mean_over_targets(judged, "advantage", 1)
