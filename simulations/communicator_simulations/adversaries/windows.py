"""Which things were seen in which windows of time: what several attacks count."""

import numpy as np
from numpy.typing import NDArray

from communicator_simulations.adversaries.traffic import View

__all__ = ["apart", "present"]

Ints = NDArray[np.int64]


def apart(times_ms: Ints, window_ms: int) -> tuple[Ints, Ints]:
    """Return where windows begin, one after each time that lies in none before it, and how many times each takes in.

    A window is (begin, begin + window]; the time at which it begins counts as its own.
    """
    begins: list[int] = []
    counts: list[int] = []
    for t_ms in times_ms.tolist():
        if begins and t_ms <= begins[-1] + window_ms:
            counts[-1] += 1
        else:
            begins.append(t_ms)
            counts.append(1)
    return np.array(begins, dtype=np.int64), np.array(counts, dtype=np.int64)


def present(view: View, begins_ms: Ints, window_ms: int) -> tuple[Ints, Ints]:
    """Return the pairs (window, thing) of things seen in (begin, begin + window], each once, by window."""
    first = np.searchsorted(view.t_ms, begins_ms, side="right")
    last = np.searchsorted(view.t_ms, begins_ms + window_ms, side="right")
    many = last - first
    window = np.repeat(np.arange(begins_ms.size), many)
    places = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many) + np.repeat(first, many)
    pairs = np.sort(window * view.things + view.thing[places])
    pairs = pairs[np.diff(pairs, prepend=-1) > 0]
    return pairs // view.things, pairs % view.things
