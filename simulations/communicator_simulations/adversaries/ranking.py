"""What an attack's scores are worth: one verdict for each target, and intervals over targets.

Theory. For one target an attack gives each candidate a score; some candidates are right. The verdict is

| figure | meaning | guessing |
|---|---|---|
| advantage | chance that a right candidate scores above a wrong one, minus that of below (2 AUC - 1) | 0 |
| top 1, top 5 | chance that the first (one of the first five) is right, if ties are broken at random | right / all |
| suspects | anonymity set: how many score at least as high as the best right one, itself counted | about all / right |
| entropy | bits in the estimate: the scores, cut at zero, as a distribution; uniform if none is above | |
| after | time to identification: the first look from which on, at every later look, the first is right | never |

The advantage needs no threshold, so nothing is trained and no data are kept back for it.

Rules:

1. The unit of an interval is the target: verdicts of one target in several replications are averaged first. Targets
   are then drawn with replacement (percentile bootstrap, Efron 1979), 1,000 times. Targets of one run share its graph
   and its weather; the interval is about other targets of such populations, not about other populations.
2. A target without a right or without a wrong candidate is no target.
3. A time to identification that is not reached is infinite. It is reported as its median, and as the share that has
   one. Attacks that do not look more than once have none.
"""

import math
from collections.abc import Callable, Hashable, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from communicator_model.draws import subseed
from communicator_simulations.statistics import Interval

__all__ = ["FIGURES", "Judged", "Verdict", "judge", "looks", "mean_over_targets", "median_over_targets", "summarised"]

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

FIGURES: Final = ("advantage", "top_1", "top_5", "suspects", "entropy")
_DRAWS: Final = 1000
_FIRST: Final = 5


class Verdict(NamedTuple):
    """What an attack found out about one target."""

    advantage: float
    top_1: float
    top_5: float
    suspects: float
    entropy: float
    candidates: int
    after: float = math.nan


class Judged(NamedTuple):
    """A verdict, and whom it is about: verdicts with one target are of one and the same."""

    target: Hashable
    verdict: Verdict


def judge(scores: Floats, right: Flags, after: float = math.nan) -> Verdict | None:
    """Judge the scores of all candidates of one target; None if it is no target. Costs n log n."""
    true, false = scores[right], np.sort(scores[~right])
    if not true.size or not false.size:
        return None
    below = np.searchsorted(false, true, side="left")
    above = false.size - np.searchsorted(false, true, side="right")
    advantage = float((below - above).mean()) / false.size
    best = float(true.max())
    suspects = float(np.count_nonzero(scores >= best))
    return Verdict(advantage, _hit(scores, right, 1), _hit(scores, right, _FIRST), suspects, _entropy(scores),
                   scores.size, after)  # fmt: skip


def looks(total: int) -> list[int]:
    """Return after how many observations to look: 1, 2, 5, 10 and so on, and after all of them."""
    steps = [base * 10**power for power in range(8) for base in (1, 2, 5)]
    return [*(step for step in steps if step < total), total]


def identified_after(looked: Sequence[float], scores: Callable[[int], Floats], right: Flags) -> float:
    """Return the first look from which on the first candidate is right; `scores` takes the number of a look."""
    found = math.inf
    for number in range(len(looked) - 1, -1, -1):
        now = scores(number)
        if not _is_first(now, right):
            break
        found = float(looked[number])
    return found


def _is_first(scores: Floats, right: Flags) -> bool:
    """Tell whether all that score highest are right."""
    return bool(right[scores == scores.max()].all()) and bool(scores.max() > scores.min())


def _hit(scores: Floats, right: Flags, most: int) -> float:
    """Return the chance that one of the first `most` is right."""
    most = min(most, scores.size)
    edge = float(np.partition(scores, scores.size - most)[scores.size - most])
    if bool(right[scores > edge].any()):
        return 1.0
    tied = scores == edge
    ties, good = int(np.count_nonzero(tied)), int(np.count_nonzero(tied & right))
    slots = most - int(np.count_nonzero(scores > edge))
    return 1.0 - math.comb(ties - good, slots) / math.comb(ties, slots)


def _entropy(scores: Floats) -> float:
    cut = np.maximum(scores, 0.0)
    total = float(cut.sum())
    if total <= 0:
        return math.log2(scores.size)
    share = cut[cut > 0] / total
    return float(-(share * np.log2(share)).sum())


# -------------------------------------------------------------------- intervals


def mean_over_targets(judged: Sequence[Judged], figure: str, seed: int, confidence: float = 0.95) -> Interval:
    """Return the mean of a figure with its interval (1); `ValueError` without a target."""
    values = _by_target(judged, figure, lambda found: float(found.mean()))
    drawn = np.sort(values[_draws(values.size, seed, figure)].mean(axis=1))
    return _between(float(values.mean()), drawn, confidence, values.size)


def median_over_targets(judged: Sequence[Judged], seed: int, confidence: float = 0.95) -> Interval:
    """Return the median time to identification with its interval (3); infinite where it is not reached."""
    values = _by_target(judged, "after", _middle)
    drawn = np.sort(values)[np.sort(_draws(values.size, seed, "after"), axis=1)[:, (values.size - 1) // 2]]
    return _between(_middle(values), np.sort(drawn), confidence, values.size)


def summarised(judged: Sequence[Judged], seed: int) -> dict[str, float | int | None]:
    """Return every figure with the bounds of its interval: a row of a table. Infinite is None."""
    row: dict[str, float | int | None] = {"targets": len({one.target for one in judged})}
    row["candidates"] = float(np.mean([one.verdict.candidates for one in judged]))
    for figure in FIGURES:
        row |= _named(figure, mean_over_targets(judged, figure, seed))
    looked = not any(math.isnan(one.verdict.after) for one in judged)
    if not looked:
        return row | dict.fromkeys(
            ("after", "after_low", "after_high", "identified", "identified_low", "identified_high")
        )
    row |= _named("after", median_over_targets(judged, seed))
    reached = [Judged(t, v._replace(after=float(math.isfinite(v.after)))) for t, v in judged]
    return row | _named("identified", mean_over_targets(reached, "after", seed))


def _named(name: str, found: Interval) -> dict[str, float | int | None]:
    values = {name: found.mean, f"{name}_low": found.low, f"{name}_high": found.high}
    return {key: value if math.isfinite(value) else None for key, value in values.items()}


def _by_target(judged: Sequence[Judged], figure: str, joined: Callable[[Floats], float]) -> Floats:
    """Return one value for each target."""
    grouped: dict[Hashable, list[float]] = {}
    for target, verdict in judged:
        grouped.setdefault(target, []).append(float(getattr(verdict, figure)))
    if not grouped:
        raise ValueError("no target has both right and wrong candidates")
    return np.array([joined(np.array(values)) for values in grouped.values()])


def _middle(values: Floats) -> float:
    return float(np.sort(values)[(values.size - 1) // 2])


def _draws(targets: int, seed: int, figure: str) -> NDArray[np.int64]:
    rng = np.random.Generator(np.random.PCG64(subseed(seed, "bootstrap", figure)))
    return rng.integers(0, targets, (_DRAWS, targets))


def _between(found: float, drawn: Floats, confidence: float, targets: int) -> Interval:
    tail = (1 - confidence) / 2
    low, high = (float(drawn[round(level * (drawn.size - 1))]) for level in (tail, 1 - tail))
    return Interval(found, min(low, found), max(high, found), targets)
