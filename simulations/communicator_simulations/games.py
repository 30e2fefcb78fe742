"""Linkage games: may a role tell from what it saw that two things belong together?

Theory. A game draws pairs of things that a role saw: some belong together in the way that the knowledge table forbids
the role to learn, the others do not and are matched in everything that the role is permitted to know. A distinguisher
gives each pair a score. Its *advantage* is the share of true pairs that it calls true minus the share of false pairs
that it calls true, at a threshold that was chosen on another replication: 0 is guessing, 1 is certainty.

Rules:

1. What a role saw comes unfiltered from `TakenViews`; the pairs are chosen here, by the truth that only judges know.
2. Thresholds are trained on the first replication and tested on the others, so that no advantage is due to chance.
3. Bytes that are published (names, keys and digests of services) are on a list, and every exception is on it.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

import cbor2
import numpy as np
from numpy.typing import NDArray

from communicator_conformance.privacy.distinguishers import closest_s, count_gap, leaves, length_gap
from communicator_conformance.privacy.windows import Telling, Windows
from communicator_spec.views import Observation, Role, shared_windows

__all__ = ["GAMES", "Game", "Pair", "Thing", "advantage", "pairs_of", "threshold", "witness_of"]

PAIRS: Final = 120
"""How many pairs of each kind a game draws in one replication."""


class Thing(NamedTuple):
    """Something that a role saw, in one or many observations."""

    holder: int  # who saw it: a service, or the person of the correspondent
    matched: tuple[int, ...]  # what the role is permitted to know, and pairs are matched on
    subject: int  # the person whom it concerns
    relationship: int
    message: int
    seen: tuple[Observation, ...]


class Pair(NamedTuple):
    """Two things; `related` is the truth."""

    first: Thing
    second: Thing
    related: bool


class Game(NamedTuple):
    """One line of the knowledge table, played."""

    role: str
    question: str
    permitted: bool
    clauses: tuple[str, ...]
    things: Callable[["Seen"], list[Thing]]
    related: Callable[[Thing, Thing], bool]
    unrelated: Callable[[Thing, Thing], bool]
    scores: tuple[str, ...]


class Seen(NamedTuple):
    """All observations of one run, and the truth about ends."""

    observations: list[Observation]
    destinations: list[int]
    person: dict[int, int]


# ---------------------------------------------------------------- things


def submissions(seen: Seen) -> list[Thing]:
    """What a sending service sees: one hand-over at a time."""
    return [
        Thing(o.place, (o.place, service), seen.person[o.end], o.end, o.message, (o,))
        for o, service in zip(seen.observations, seen.destinations, strict=True)
        if o.role is Role.SENDING and o.message >= 0
    ]


def posts(seen: Seen) -> list[Thing]:
    """What a receiving service sees: one message at a root."""
    return [
        Thing(o.place, (o.place,), seen.person[o.end], o.end, index, (o,))
        for index, o in enumerate(seen.observations)
        if o.role is Role.RECEIVING and o.channel == "post"
    ]


def roots(seen: Seen) -> list[Thing]:
    """What a receiving service sees of one root over the whole run."""
    grouped: dict[tuple[int, int], list[Observation]] = {}
    for o in seen.observations:
        if o.role is Role.RECEIVING:
            grouped.setdefault((o.place, o.end), []).append(o)
    return [Thing(place, (place,), seen.person[end], end, -1, tuple(all_)) for (place, end), all_ in grouped.items()]


def _acquaintances(seen: Seen) -> list[Thing]:
    """What one correspondent's device decrypted in one relationship."""
    grouped: dict[int, list[Observation]] = {}
    for o in seen.observations:
        if o.role is Role.CORRESPONDENT:
            grouped.setdefault(o.place, []).append(o)
    return [
        Thing(seen.person[end], (), seen.person[end ^ 1], end ^ 1, -1, tuple(all_)) for end, all_ in grouped.items()
    ]


def own_acquaintances(seen: Seen) -> list[Thing]:
    """Relationships of one correspondent, compared with others that name the same services."""
    return [t._replace(matched=(t.holder, *_services(t))) for t in _acquaintances(seen)]


def acquaintances(seen: Seen) -> list[Thing]:
    """Relationships of all correspondents, compared with others that name the same services."""
    return [t._replace(matched=_services(t)) for t in _acquaintances(seen)]


def any_acquaintances(seen: Seen) -> list[Thing]:
    """Relationships of all correspondents, whatever services they name."""
    return _acquaintances(seen)


# ---------------------------------------------------------------- pairs


def _one_relationship(a: Thing, b: Thing) -> bool:
    return a.relationship == b.relationship and a.message != b.message


def _two_people(a: Thing, b: Thing) -> bool:
    return a.subject != b.subject and a.relationship >> 1 != b.relationship >> 1


def _one_person(a: Thing, b: Thing) -> bool:
    return a.subject == b.subject and a.relationship >> 1 != b.relationship >> 1


def _of_two_holders(test: Callable[[Thing, Thing], bool]) -> Callable[[Thing, Thing], bool]:
    return lambda a, b: a.holder != b.holder and test(a, b)


_ALONE: Final = ("shared bytes", "length", "timing", "count")
_OPENED: Final = (*_ALONE, "dates")

GAMES: Final = (
    Game("sending service", "two messages: one relationship?", False, ("KNOW-2",), submissions,
         _one_relationship, _two_people, ("shared bytes", "length", "timing")),
    Game("receiving service", "two roots: one person?", False, ("KNOW-3",), roots,
         _one_person, _two_people, _ALONE),
    Game("receiving service", "two messages: one relationship?", True, ("KNOW-3",), posts,
         _one_relationship, _two_people, ("shared bytes",)),
    Game("correspondent", "two of my relationships: one person?", False, ("KNOW-4",), own_acquaintances,
         _one_person, _two_people, _OPENED),
    Game("two colluding correspondents", "a relationship of each: one person?", False, ("KNOW-5",), acquaintances,
         _of_two_holders(_one_person), _of_two_holders(_two_people), _OPENED),
    Game("two colluding correspondents", "a relationship of each: one person, by its services?", True, ("KNOW-5",),
         any_acquaintances, _of_two_holders(_one_person), _of_two_holders(_two_people), ("services named",)),
)  # fmt: skip
"""The rows of the knowledge table that one party, or two correspondents, could break; and what is permitted, measured
as well: a receiving service knows its roots, and a correspondent must know which services its peer uses."""


def pairs_of(game: Game, seen: Seen, rng: np.random.Generator) -> list[Pair]:
    """Draw up to `PAIRS` related and as many unrelated pairs, matched on what the role may know."""
    groups: dict[tuple[int, ...], list[Thing]] = {}
    for thing in game.things(seen):
        groups.setdefault(thing.matched, []).append(thing)
    found: list[Pair] = []
    for related, test in ((True, game.related), (False, game.unrelated)):
        candidates = [
            Pair(a, b, related) for _, things in sorted(groups.items()) for a, b in _sample(things, rng) if test(a, b)
        ]
        order = rng.permutation(len(candidates))[:PAIRS]
        found += [candidates[i] for i in order]
    return found


def _sample(things: list[Thing], rng: np.random.Generator) -> list[tuple[Thing, Thing]]:
    """All pairs of a small group; of a large one neighbours after sorting by truth, and many at random."""
    n = len(things)
    if n <= 220:
        return [(things[i], things[j]) for i in range(n) for j in range(i + 1, n)]
    things = sorted(things, key=lambda t: (t.relationship, t.message))
    some = rng.integers(0, n, size=(6000, 2))
    return [*pairwise(things), *((things[i], things[j]) for i, j in some.tolist() if i != j)]


# ---------------------------------------------------------------- distinguishers


class Scorer:
    """The distinguishers, with the windows of each thing computed once."""

    def __init__(self, published: Sequence[bytes]) -> None:
        """`published`: what everybody knows and repeats; windows that touch it tell nothing."""
        self._telling = Telling(published)
        self._cache: dict[int, tuple[tuple[Observation, ...], Windows]] = {}

    def score(self, name: str, pair: Pair) -> float:
        """Return how much a pair looks related."""
        a, b = pair.first, pair.second
        if name == "shared bytes":
            return float(np.intersect1d(self._of(a), self._of(b), assume_unique=True).size)
        if name in _LOOKS:
            return _LOOKS[name](a.seen, b.seen)
        sets = (_dates(a), _dates(b)) if name == "dates" else (set(_services(a)), set(_services(b)))
        return len(sets[0] & sets[1]) / max(1, len(sets[0] | sets[1]))

    def _of(self, thing: Thing) -> Windows:
        known = self._cache.get(id(thing.seen))
        if known is None:
            windows = self._telling.of_all([text for o in thing.seen for text in _texts(o)])
            known = self._cache[id(thing.seen)] = thing.seen, windows  # kept, so that the id stays its own
        return known[1]


_LOOKS: Final = {"length": length_gap, "timing": closest_s, "count": count_gap}


def _texts(o: Observation) -> list[bytes]:
    """What can link by its bytes: everything, or in what a correspondent could read, its byte strings.

    Numbers (versions, dates, counts) occur in every body; they are compared as numbers.
    """
    if o.role is not Role.CORRESPONDENT:
        return [o.data]
    return [leaf for leaf in leaves(cbor2.loads(o.data)) if isinstance(leaf, bytes)] or [b""]


def _dates(thing: Thing) -> set[int]:
    """The dates that occur: numbers too large to count anything."""
    found = (leaf for o in thing.seen for leaf in leaves(cbor2.loads(o.data)))
    return {leaf for leaf in found if isinstance(leaf, int) and leaf > 1_000_000}


def _services(thing: Thing) -> tuple[int, ...]:
    """The providers whose names occur."""
    named = {int(part[:2]) for o in thing.seen for part in o.data.split(b"https://p")[1:]}
    return tuple(sorted(named))


# ---------------------------------------------------------------- verdicts


def threshold(scores: NDArray[np.float64], truth: NDArray[np.bool_]) -> float:
    """Return the threshold with the largest advantage on the training pairs."""
    best, chosen = -1.0, float("inf")
    for candidate in np.unique(scores):
        found = advantage(scores, truth, float(candidate))
        if found > best:
            best, chosen = found, float(candidate)
    return chosen


def advantage(scores: NDArray[np.float64], truth: NDArray[np.bool_], at: float) -> float:
    """Return true-positive share minus false-positive share."""
    called = scores >= at
    return float(called[truth].mean() - called[~truth].mean())


def witness_of(pairs: Sequence[Pair], scores: NDArray[np.float64], published: Sequence[bytes]) -> str:
    """Show the bytes that link the clearest related pair."""
    related = [i for i, pair in enumerate(pairs) if pair.related and scores[i] > 0]
    if not related:
        return ""
    pair = pairs[max(related, key=lambda i: scores[i])]
    both = [o._replace(data=b"".join(_texts(o))) for o in (*pair.first.seen[:40], *pair.second.seen[:40])]
    split = len(pair.first.seen[:40])
    for w in shared_windows(both, published):
        if w.first < split <= w.second:
            a, b = both[w.first], both[w.second]
            return (
                f"{len(w.data)} bytes {w.data[:12].hex()}… at offset {w.first_offset} of a {a.channel} "
                f"and at offset {w.second_offset} of another relationship's {b.channel}"
                if pair.first.relationship != pair.second.relationship
                else f"{len(w.data)} bytes {w.data[:12].hex()}… at offset {w.first_offset} of one {a.channel} "
                f"and at offset {w.second_offset} of the next"
            )
    return ""
