"""Linkage by what is equal or alike: addresses, and lengths.

What a sending service sees of a hand-over is its device, its destination, its time, its size, and as much of the
address as is not sealed. How long an address lives decides what equality tells:

| an address for each | is equal in |
|---|---|
| person | all that is sent to a person |
| relationship | all that is sent to one end at one service |
| day | the same, within one day |
| message | nothing |

Definition. A target is one hand-over. Candidates are the other hand-overs of the same device to the same receiving
service: what that party is permitted to know never decides. Right are those of the same relationship. The score is 1
if the addresses are equal (`equal`), or minus the difference of the lengths in bytes (`close`).

No trace has lengths, so `lengths` makes them: texts with a median of 67 bytes (the mix of ../research on padding),
log-normal, of which half of the variance is the writer's habit towards one person; a receipt has 24, and a cover
message the length of a text. They are padded to
size classes: `exact` (none), `ladder` (256 · 2^k), `one` (2,800, the standard's).
"""

from collections.abc import Callable, Sequence
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from communicator_model.draws import subseed
from communicator_simulations.adversaries.ranking import Judged, judge
from communicator_simulations.adversaries.traffic import COVER, Handed, Traffic
from communicator_spec import Command
from communicator_spec.parameters import PARAMETERS

__all__ = ["CLASSES", "PERIODS", "Classes", "Period", "addresses", "attack", "close", "equal", "lengths", "padded"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

Period = Literal["person", "relationship", "day", "message"]
PERIODS: Final[tuple[Period, ...]] = ("person", "relationship", "day", "message")
Classes = Literal["exact", "ladder", "one"]
CLASSES: Final[tuple[Classes, ...]] = ("exact", "ladder", "one")

_MEDIAN: Final = 67
_SPREAD: Final = 1.0
_RECEIPT: Final = 24
_MOST: Final = PARAMETERS.envelope.ciphertext_classes_bytes[0]
_DAY_MS: Final = 86_400_000
_TARGETS: Final = 400
_CROWD: Final = 400

Alike = Callable[[int, Ints], Floats]
"""(target, candidates) → scores; both are rows of the hand-overs."""


def addresses(traffic: Traffic, period: Period) -> Ints:
    """Return a number for the address of each hand-over: equal if and only if the addresses are."""
    t_ms, service, to = traffic.sent[:, 0], traffic.sent[:, 4], traffic.to
    if period == "message":
        return np.arange(t_ms.size)
    names = [traffic.person[to], service] if period == "person" else [to, service]
    names += [t_ms // _DAY_MS] if period == "day" else []
    _, found = np.unique(np.stack(names, axis=1), axis=0, return_inverse=True)
    return found.ravel().astype(np.int64)


def lengths(seen: Handed, seed: int) -> Ints:
    """Return the bytes of each hand-over, unpadded."""
    rng = np.random.Generator(np.random.PCG64(subseed(seed, "lengths")))
    habit = rng.standard_normal(int(seen.end.max(initial=0)) + 1)[seen.end]
    now = rng.standard_normal(seen.end.size)
    text = _MEDIAN * np.exp(_SPREAD * (habit + now) / np.sqrt(2))
    found = np.where(np.isin(seen.command, (Command.MESSAGE, COVER)), np.rint(text), _RECEIPT)
    return np.clip(found, 1, _MOST).astype(np.int64)


def padded(bytes_each: Ints, classes: Classes) -> Ints:
    """Return lengths after padding."""
    if classes == "exact":
        return bytes_each
    if classes == "one":
        return np.full_like(bytes_each, _MOST)
    steps = np.array([256, 512, 1024, 2048, _MOST])
    found: Ints = steps[np.searchsorted(steps, bytes_each)]
    return found


def equal(address: Ints) -> Alike:
    """Score by equal addresses."""
    return lambda target, others: (address[others] == address[target]).astype(np.float64)


def close(length: Ints) -> Alike:
    """Score by close lengths."""
    return lambda target, others: -np.abs(length[others] - length[target]).astype(np.float64)


def attack(seen: Handed, alike: Alike, seed: int, most: int = _TARGETS) -> list[Judged]:
    """Attack up to `most` hand-overs, drawn by the seed; of more than 400 candidates, so many are drawn, too.

    Verdicts are named by the device: hand-overs of one device share its habits, and are no independent targets.
    """
    rng = np.random.Generator(np.random.PCG64(subseed(seed, "targets")))
    group = np.unique(np.stack((seen.device, seen.service), axis=1), axis=0, return_inverse=True)[1].ravel()
    order = np.argsort(group, kind="stable")
    first = np.searchsorted(group[order], np.arange(int(group.max(initial=0)) + 2))
    found: list[Judged] = []
    for target in rng.permutation(seen.t_ms.size)[:most].tolist():
        others = order[first[group[target]] : first[group[target] + 1]]
        others = others[others != target]
        if others.size > _CROWD:
            others = np.sort(rng.choice(others, _CROWD, replace=False))
        if others.size:
            found += _judged(seen, alike, target, others)
    return found


def _judged(seen: Handed, alike: Alike, target: int, others: Ints) -> Sequence[Judged]:
    verdict = judge(alike(target, others), seen.end[others] == seen.end[target])
    return [] if verdict is None else [Judged(int(seen.device[target]), verdict)]
