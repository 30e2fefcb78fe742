"""Intersection: who is there whenever the target is, and who cannot have been.

Sources: Berthold, Pfitzmann, Standtke, "The disadvantages of free mix routes and how to overcome them" (2000); Danezis
and Serjantov, "Statistical disclosure or intersection attacks on anonymity systems" (2004). The second form is theirs
turned to mailboxes of phones: two mailboxes of one phone are emptied together, so one that keeps mail while the other
is being emptied is somebody else's.

Definitions, for a target:

`present`: the score of a candidate is the number of target windows (as in `sealed_sender`) in which it was seen. Those
that were seen in all of them are the intersection; a target with several partners has an empty one, and then the rank
says more.

`contradicted`: a mailbox *waits* from when something comes until it is fetched. Each fetch of the target at a time
when a candidate has been waiting for longer than `TOLERANCE_MS`, and goes on waiting for longer than that, contradicts
that both are on one phone. The score is minus the number of such times over the number of the candidate's messages,
plus the share of target fetches with a fetch of the candidate within the tolerance: without the second, a mailbox that
never waits is never contradicted. The tolerance, 15 minutes, allows for devices that spread their fetches over ten.
"""

from collections.abc import Callable, Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from communicator_simulations.adversaries.ranking import Judged, judge
from communicator_simulations.adversaries.traffic import View
from communicator_simulations.adversaries.windows import apart, present

__all__ = ["TOLERANCE_MS", "contradicted", "seen_together"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

TOLERANCE_MS: Final = 15 * 60_000


def seen_together(view: View, targets: Iterable[int], anchors: Callable[[int], Ints], right: Callable[[int], Flags],
                  window_ms: int, whose: Callable[[int], Flags] | None = None) -> list[Judged]:  # fmt: skip
    """Attack with `present`; arguments as for `sealed_sender.attack`."""
    found: list[Judged] = []
    for target in targets:
        begins, _ = apart(anchors(target), window_ms)
        scores = np.bincount(present(view, begins, window_ms)[1], minlength=view.things).astype(np.float64)
        found += _judged(target, scores, right, whose)
    return found


def contradicted(
    waits: View, until_ms: Ints, targets: Iterable[int], fetched: Callable[[int], Ints],
    right: Callable[[int], Flags], whose: Callable[[int], Flags] | None = None,
) -> list[Judged]:  # fmt: skip
    """Attack with `contradicted`: row i of `waits` came at `t_ms[i]` and was fetched at `until_ms[i]`.

    `fetched` gives the times at which a target fetches.
    """
    messages = np.maximum(np.bincount(waits.thing, minlength=waits.things), 1)
    gone = View(np.sort(until_ms), waits.thing[np.argsort(until_ms, kind="stable")], *waits[2:])
    found: list[Judged] = []
    for target in targets:
        times = np.unique(fetched(target))
        if not times.size:
            continue
        against = np.searchsorted(times, until_ms - TOLERANCE_MS) - np.searchsorted(times, waits.t_ms + TOLERANCE_MS)
        scores = -np.bincount(waits.thing, np.maximum(against, 0) > 0, minlength=waits.things) / messages
        begins, _ = apart(times - TOLERANCE_MS, 2 * TOLERANCE_MS)
        together = np.bincount(present(gone, begins, 2 * TOLERANCE_MS)[1], minlength=waits.things) / begins.size
        found += _judged(target, scores + together, right, whose)
    return found


def _judged(target: int, scores: Floats, right: Callable[[int], Flags],
            whose: Callable[[int], Flags] | None) -> list[Judged]:  # fmt: skip
    candidates = np.ones(scores.size, dtype=bool) if whose is None else whose(target).copy()
    candidates[target] = False
    verdict = judge(scores[candidates], right(target)[candidates])
    return [] if verdict is None else [Judged(target, verdict)]
