"""The sealed-sender attack: who receives something soon after the target did?

Source: Martiny, Kaptchuk, Aviv, Roche, Wustrow, "Improving Signal's Sealed Sender" (NDSS 2021). A service that hides
senders still sees when each mailbox gets something. If devices acknowledge what they got, then soon after the target
got a message, its sender gets a receipt.

Definition, for a target with anchors (the times at which it got, or fetched, something):

1. Target windows are (a, a + w] for each anchor a that lies in no window before it; w is 60 s unless it is said.
2. For each of them `CONTROLS` (5) control windows of the same length begin at times drawn evenly from the time between
   the first and the last sighting of the view. They are not matched for the time of day, as in the paper.
3. The score of a candidate is the share of target windows in which it got something, minus the share of control
   windows in which it did. With one control window each this ranks as the paper's count, +1 and -1, does.
4. A candidate is any thing but the target; what is right is the question's (`right`).
5. Time to identification counts anchors: all that lie in the windows looked at. Looks are after 1, 2, 5, 10, …
   windows.

The anchor decides: a service that relays to phones sees when a message comes (*arrival*), and when it is fetched
(*fetch*). A receipt that waits for the phone is late for the one and prompt for the other.
"""

from collections.abc import Callable, Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from communicator_model.draws import subseed
from communicator_simulations.adversaries.ranking import Judged, identified_after, judge, looks
from communicator_simulations.adversaries.traffic import View
from communicator_simulations.adversaries.windows import apart, present

__all__ = ["CONTROLS", "WINDOW_MS", "attack", "scored"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

WINDOW_MS: Final = 60_000
CONTROLS: Final = 5


def attack(view: View, targets: Iterable[int], anchors: Callable[[int], Ints], right: Callable[[int], Flags], seed: int,
           window_ms: int = WINDOW_MS, whose: Callable[[int], Flags] | None = None) -> list[Judged]:  # fmt: skip
    """Attack each target; `right` says which things are right for it, `whose` which are candidates (else all others).

    `anchors` of a target need not be of the view. Targets are things of the view; what is judged is named by them.
    """
    found: list[Judged] = []
    for target in targets:
        begins, took = apart(anchors(target), window_ms)
        if not begins.size:
            continue
        candidates = np.ones(view.things, dtype=bool) if whose is None else whose(target).copy()
        candidates[target] = False
        truth = right(target)[candidates]
        prefixes = looks(begins.size)
        scores = scored(view, begins, prefixes, window_ms, subseed(seed, "controls", target))[:, candidates]
        anchored = np.cumsum(took)[np.array(prefixes) - 1].tolist()
        verdict = judge(scores[-1], truth)
        if verdict is not None:
            after = identified_after(anchored, scores.__getitem__, truth)
            found.append(Judged(target, verdict._replace(after=after)))
    return found


def scored(view: View, begins_ms: Ints, prefixes: list[int], window_ms: int, seed: int) -> Floats:
    """Return the scores of all things (columns) after so many windows (rows): 2 and 3."""
    rng = np.random.Generator(np.random.PCG64(seed))
    first, last = int(view.t_ms[0]), int(view.t_ms[-1])
    drawn = rng.integers(first - window_ms, last + 1, (begins_ms.size, CONTROLS))
    hit = _shares(view, begins_ms, prefixes, window_ms, 1)
    return hit - _shares(view, drawn.ravel(), prefixes, window_ms, CONTROLS)


def _shares(view: View, begins_ms: Ints, prefixes: list[int], window_ms: int, each: int) -> Floats:
    window, thing = present(view, begins_ms, window_ms)
    ends = np.searchsorted(window, np.array(prefixes) * each)
    counts = [np.bincount(thing[:end], minlength=view.things) / (n * each)
              for end, n in zip(ends.tolist(), prefixes, strict=True)]  # fmt: skip
    return np.array(counts, dtype=np.float64)
