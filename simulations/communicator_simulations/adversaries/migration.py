"""Migration linkage: the old and the new address of one end, and the two services of one person.

No paper is reproduced here: messengers with one address have neither. The features are those by which flows are matched
elsewhere; the observer is all receiving services together, and knows when an operator announced that it closes.

`successors`: a target is a root at the closing service that got at least `least` messages before the announcement.
Candidates are all roots at other services that were first seen after it. Right is the one of the same end. Four numbers
are made of each candidate, each scaled to mean 0 and deviation 1 over the candidates, and added:

1. how alike the sending services are that post to both (Jaccard),
2. minus the logarithm of the hours between the last arrival at the old root and the first at the new one,
3. how alike the hours of the day are at which both get something (cosine),
4. minus the distance of the logarithms of their rates, messages a day while seen.

`twins`: a target is a root; candidates are all roots at other services; right is the one of the same end. A sender
alternates between the services of its peer, and a phone fetches from both. The score is that of `sealed_sender`, from
the target's fetches to the candidates' in a window of ten minutes, plus the Jaccard of the sending services.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from communicator_model.draws import subseed
from communicator_simulations.adversaries.ranking import Judged, judge, looks
from communicator_simulations.adversaries.sealed_sender import scored
from communicator_simulations.adversaries.traffic import Traffic, View, arrivals, fetches
from communicator_simulations.adversaries.windows import apart

__all__ = ["WINDOW_MS", "successors", "twins"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

WINDOW_MS: Final = 600_000
_DAY_MS: Final = 86_400_000
_HOUR_MS: Final = 3_600_000


class _Features(NamedTuple):
    """What receiving services know of each root (rows)."""

    first_ms: Ints
    last_ms: Ints
    rate: Floats
    hours: Floats
    posters: Floats


def successors(traffic: Traffic, closing: int, announced_ms: int, least: int = 5) -> list[Judged]:
    """Attack the roots at the closing service."""
    view = arrivals(traffic, "root")
    known = _features(view, traffic.via)
    before = np.bincount(view.thing, view.t_ms < announced_ms, minlength=view.things)
    candidates = (view.service != closing) & (known.first_ms >= announced_ms)
    found: list[Judged] = []
    for target in np.flatnonzero((view.service == closing) & (before >= least)).tolist():
        if not candidates.any():
            break
        gap_h = np.abs(known.first_ms[candidates] - known.last_ms[target]) / _HOUR_MS
        scores = (
            _scaled(_jaccard(known.posters[target], known.posters[candidates]))
            - _scaled(np.log1p(gap_h))
            + _scaled(_cosine(known.hours[target], known.hours[candidates]))
            - _scaled(np.abs(np.log(known.rate[candidates] / known.rate[target])))
        )
        verdict = judge(scores, view.end[candidates] == view.end[target])
        if verdict is not None:
            found.append(Judged(int(view.end[target]), verdict))
    return found


def twins(traffic: Traffic, seed: int, least: int = 10) -> list[Judged]:
    """Attack the roots from which at least `least` messages were fetched."""
    came, view = arrivals(traffic, "root"), fetches(traffic, "root")
    place = {name: number for number, name in enumerate(zip(came.end.tolist(), came.service.tolist(), strict=True))}
    at = np.array([place[name] for name in zip(view.end.tolist(), view.service.tolist(), strict=True)], dtype=np.int64)
    posters = _features(came, traffic.via).posters[at]
    found: list[Judged] = []
    for target in np.flatnonzero(np.bincount(view.thing, minlength=view.things) >= least).tolist():
        begins, _ = apart(view.times_of(target), WINDOW_MS)
        score = scored(view, begins, looks(begins.size)[-1:], WINDOW_MS, subseed(seed, "twins", target))[0]
        candidates = view.service != view.service[target]
        alike = score[candidates] + _jaccard(posters[target], posters[candidates])
        verdict = judge(alike, view.end[candidates] == view.end[target])
        if verdict is not None:
            found.append(Judged(int(view.end[target]), verdict))
    return found


def _features(view: View, via: Ints) -> _Features:
    first = np.full(view.things, np.iinfo(np.int64).max)
    np.minimum.at(first, view.thing, view.t_ms)
    last = np.zeros(view.things, dtype=np.int64)
    np.maximum.at(last, view.thing, view.t_ms)
    number = np.bincount(view.thing, minlength=view.things)
    hours = np.zeros((view.things, 24))
    np.add.at(hours, (view.thing, view.t_ms % _DAY_MS // _HOUR_MS), 1.0)
    posters = np.zeros((view.things, int(via.max(initial=0)) + 1))
    known = via >= 0
    posters[view.thing[known], via[known]] = 1.0
    return _Features(first, last, number / (1 + (last - first) / _DAY_MS), hours, posters)


def _jaccard(one: Floats, others: Floats) -> Floats:
    shared = np.minimum(one, others).sum(axis=1)
    found: Floats = shared / np.maximum(np.maximum(one, others).sum(axis=1), 1e-12)
    return found


def _cosine(one: Floats, others: Floats) -> Floats:
    length = np.linalg.norm(others, axis=1) * np.linalg.norm(one)
    found: Floats = others @ one / np.maximum(length, 1e-12)
    return found


def _scaled(values: Floats) -> Floats:
    deviation = float(values.std())
    found: Floats = (values - values.mean()) / deviation if deviation > 0 else np.zeros_like(values)
    return found
