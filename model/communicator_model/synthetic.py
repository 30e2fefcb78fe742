"""A synthetic message trace that needs no data file, calibrated to the aggregates of CollegeMsg.

Panzarasa, Opsahl, Carley, "Patterns and dynamics of users' behavior and interaction" (JASIST 2009)
describe the data, SNAP publishes it. The tables below are aggregates measured on that file; no row
of it is copied. `calibration` says how close a trace comes.

How a trace is made:

1. People get a degree and a share of it that they initiate (the well-connected write first, the
   others are written to). A directed configuration model joins initiators with receivers.
2. Every pair gets a number of messages. A pair of two messages or more is two-sided with a chance
   that grows with their number, unless the receiver is one of those who never write.
3. Every pair starts at some time; each following message comes after a short pause (within an
   hour: a session goes on) or a long one. The more messages, the more of the pauses are short.
4. First contacts and long pauses are drawn several times over, and the hour of the day chooses.

Rules:

1. One generator for each step, seeded by (seed, step): same arguments, same bytes.
2. The numbers of people and messages are met exactly, the number of days at most.
3. Other sizes keep messages per pair and pauses. Degrees grow with pairs per person; the curve of
   first contacts is stretched over the days.

Not copied: that a person is active in some weeks only, with several people at a time. So a small
cut is less lively than one of the data: 200 people and 5 days hold about half the messages.
"""

import hashlib

import networkx as nx
import numpy as np
from numpy.random import PCG64, Generator
from numpy.typing import ArrayLike, NDArray

from communicator_model.draws import subseed
from communicator_model.traces import Trace, TraceError

__all__ = ["synthesise"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

PEOPLE, MESSAGES, DAYS, PAIRS = 1_899, 59_835, 193.7, 13_838
DAY_S = 86_400
HOUR_S = 3_600
CLOCK_S = 53_761  # CollegeMsg begins at 14:56:01 UTC
CANDIDATES = 8
ROUNDS = 30

# All tables are measured on CollegeMsg. A quantile table is (probabilities, values).
Table = tuple[tuple[float, ...], tuple[float, ...]]
DEGREES: Table = (
    (0, 0.2, 0.25, 0.35, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975, 0.985, 0.99, 0.995, 1),
    (0.6, 1, 2, 3, 4, 5, 9, 13, 22, 37, 57, 79.5, 99, 117, 165, 255),
)
PAIR_MESSAGES: Table = (
    (0, 0.378, 0.578, 0.69, 0.757, 0.81, 0.845, 0.9, 0.95, 0.975, 0.985, 0.99, 0.995, 0.999, 1),
    (0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 9, 15, 22, 29, 36, 50, 95, 184),
)
FIRST_CONTACT_DAYS: Table = (
    (
        *(0, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5),
        *(0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.975, 0.99, 1),
    ),
    (
        *(0, 7.1, 8.6, 11.6, 14.6, 17.7, 19.2, 20.8, 22.7, 24.7, 27.7, 31.7, 34.1),
        *(36.2, 38.8, 40.7, 42.4, 47.1, 51.6, 58.7, 85.2, 126.4, 153.4, 174.7, 193.7),
    ),
)
SHORT_PAUSES_S: Table = (
    (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1),
    (1, 35, 64, 97, 136, 188, 261, 388, 675, 1429, 3600),
)
LONG_PAUSES_H: Table = (
    (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98, 0.99, 0.995, 1),
    (1, 1.9, 3.4, 5.9, 9.7, 14.8, 22.4, 37.9, 76, 120, 200, 397, 842, 1469, 2087, 3931),
)
# Share of a person's relationships that they began, by degree; the spread is that of a Beta.
INITIATED = ((1, 2, 3.5, 6.5, 12.5, 24, 48, 96, 200), (14, 17, 23, 29, 38, 43, 48, 65, 82))
INITIATED_CONCENTRATION = 2.5
# Fitted: of those who began nothing, these never write at all (28.9 % of all people).
SILENT = 0.48
# By messages of a pair: written from both sides; pauses within an hour.
TWO_SIDED = ((2, 3, 4, 5, 6, 8, 12, 20, 30), (0.65, 0.79, 0.86, 0.88, 0.93, 0.96, 0.97, 0.99, 1))
SHORT = ((2, 3, 4.5, 7, 11, 19, 35, 80), (0.355, 0.408, 0.462, 0.512, 0.585, 0.617, 0.664, 0.734))
# Fitted: share of pairs whose ends are swapped (see `_estrange`).
ESTRANGED = 0.65
# Fitted: what makes two people write much, against a pair's own standard normal: how talkative
# each of them is, and how well-connected the less connected one.
TALKATIVE, INVOLVED = 0.35, 0.33
# The rank of the first contact is raised to this power: pairs with much to say met early.
EARLY = ((1, 20, 200), (0.95, 1.19, 1.4))
SECOND_REPLIES, REPLIES = 0.85, 0.68
HOURS = (
    *(428, 444, 466, 508, 595, 701, 889, 969, 839, 698, 497, 234),
    *(78, 32, 36, 74, 121, 225, 273, 311, 312, 407, 413, 449),
)


def synthesise(seed: int, people: int = PEOPLE, messages: int = MESSAGES, days: float = DAYS) -> Trace:
    """Make a trace; 0.4 s at the size of CollegeMsg. Raises `TraceError` for impossible sizes."""
    if people < 2 or messages < people or not 0.01 <= days <= 36_525:
        raise TraceError(
            f"no trace of {people:,} people, {messages:,} messages, {days:g} days: it takes 2 people,"
            " one message for each of them, and between 0.01 and 36,525 days"
        )
    initiator, receiver, silent = _pairs(seed, people, messages)
    counts = _counts(_generator(seed, "counts"), initiator, receiver, messages)
    pair = np.repeat(np.arange(counts.size), counts)
    from_first = _sides(_generator(seed, "sides"), counts, silent[receiver])
    time_s = _times(_generator(seed, "times"), counts, days)
    sender = np.where(from_first, initiator[pair], receiver[pair])
    other = np.where(from_first, receiver[pair], initiator[pair])
    digest = hashlib.sha256(b"".join(x.astype("<i8").tobytes() for x in (time_s, sender, other)))
    return Trace.of(f"synthetic (seed {seed})", digest.hexdigest(), time_s, sender, other)


def _generator(seed: int, step: str) -> Generator:
    return Generator(PCG64(subseed(seed, "synthetic", step)))


def _draw(rng: Generator, table: Table, size: int | tuple[int, ...]) -> Floats:
    """Draw from a quantile table, linear between its points."""
    return np.interp(rng.random(size), *table)


def _curve(points: tuple[tuple[float, ...], tuple[float, ...]], at: ArrayLike) -> Floats:
    """A function of the logarithm, linear between its points."""
    return np.interp(np.log(at), np.log(points[0]), points[1])


def _pairs(seed: int, people: int, messages: int) -> tuple[Ints, Ints, Flags]:
    """Who writes to whom first: initiators and receivers, and for each person whether silent."""
    rng = _generator(seed, "degrees")
    pairs = max(people, round(messages * PAIRS / MESSAGES))
    pairs = min(pairs, messages, max(people * (people - 1) // 4, people - 1))
    degrees = _degrees(rng, people, pairs)
    mean = _curve(INITIATED, degrees) / 100
    share = rng.beta(mean * INITIATED_CONCENTRATION, (1 - mean) * INITIATED_CONCENTRATION)
    begun = rng.binomial(degrees, share)
    begun = _shift(rng, np.asarray(begun, dtype=np.int64), pairs - int(begun.sum()), np.zeros_like(begun), degrees)
    initiator, receiver = _join(seed, begun, degrees - begun)
    began = np.bincount(initiator, minlength=people)
    silent = (began == 0) & (rng.random(people) < SILENT)
    return initiator, receiver, silent


def _degrees(rng: Generator, people: int, pairs: int) -> Ints:
    """How many others each person writes with; the sum is twice the pairs."""
    scale = 2 * pairs / people / (2 * PAIRS / PEOPLE)
    most = np.full(people, people - 1, dtype=np.int64)
    drawn = np.rint(_draw(rng, DEGREES, people) * scale).astype(np.int64).clip(1, people - 1)
    return _shift(rng, drawn, 2 * pairs - int(drawn.sum()), np.ones_like(drawn), most)


def _shift(rng: Generator, values: Ints, missing: int, least: Ints, most: Ints) -> Ints:
    """Add `missing` (may be negative) in single steps to values drawn by size, within bounds."""
    values = values.copy()
    step = 1 if missing > 0 else -1
    while missing:
        room = (values < most) if step > 0 else (values > least)
        weights = np.where(room, values + 0.01, 0.0)
        # A batch touches nobody twice, so it keeps the bounds; half the room keeps the weights.
        size = max(1, min(abs(missing), int(room.sum()) // 2))
        chosen = rng.choice(values.size, size, replace=False, p=weights / weights.sum())
        values[chosen] += step
        missing -= step * size
    return values


def _join(seed: int, begun: Ints, received: Ints) -> tuple[Ints, Ints]:
    """Join initiators with receivers, nobody with themselves and no pair twice.

    A configuration model makes some such pairs; their ends are joined anew with each other. Few
    cannot be joined (1 in 1,000 at full size): any two take their place, the lonely first.
    """
    model_seed = subseed(seed, "synthetic", "graph") % 2**32
    model = nx.directed_configuration_model(received.tolist(), begun.tolist(), seed=model_seed)
    ends = np.array([(a, b) for a, b, _ in model.edges(keys=True)], dtype=np.int64)
    rng = _generator(seed, "join")
    people = begun.size
    ends = _estrange(rng, ends, begun + received)
    good, lost = _sieve(ends[:0], ends, people)
    for _ in range(ROUNDS):
        lost[:, 1] = rng.permutation(lost[:, 1])
        good, lost = _sieve(good, lost, people)
    while lost.size:
        lonely = np.flatnonzero(np.bincount(good.ravel(), minlength=people) == 0)
        lost = rng.integers(people, size=lost.shape)
        lost[: lonely.size, 1] = lonely[: lost.shape[0]]
        good, lost = _sieve(good, lost, people)
    return good[:, 0], good[:, 1]


def _estrange(rng: Generator, ends: Ints, degrees: Ints) -> Ints:
    """Let some of the well-connected initiators swap receivers with the others.

    Two pairs at a time; afterwards the initiator with more relationships has the receiver with
    fewer. This is why CollegeMsg has fewer triangles than its degrees alone would make.
    """
    half = round(ESTRANGED * ends.shape[0] / 2)
    some = rng.permutation(ends.shape[0])
    one, other = some[:half], some[half : 2 * half]
    initiators = degrees[ends[one, 0]] - degrees[ends[other, 0]]
    receivers = degrees[ends[one, 1]] - degrees[ends[other, 1]]
    alike = initiators * receivers > 0
    one, other = one[alike], other[alike]
    swapped = ends.copy()
    swapped[one, 1], swapped[other, 1] = ends[other, 1], ends[one, 1]
    return swapped


def _sieve(good: Ints, new: Ints, people: int) -> tuple[Ints, Ints]:
    """Append the new pairs that are neither loops nor there already; return the others too."""
    both = np.concatenate((good, new))
    keys = both.min(axis=1) * people + both.max(axis=1)
    fresh = np.zeros(keys.size, dtype=bool)
    fresh[np.unique(keys, return_index=True)[1]] = True
    fresh &= both[:, 0] != both[:, 1]
    return both[fresh], both[~fresh]


def _counts(rng: Generator, initiator: Ints, receiver: Ints, messages: int) -> Ints:
    """Messages of each pair; their sum is exact, and the talkative find more to say together."""
    pairs = initiator.size
    drawn = np.sort(np.rint(_draw(rng, PAIR_MESSAGES, pairs)).astype(np.int64).clip(1))
    degrees = np.bincount(np.concatenate((initiator, receiver)))
    talkative = rng.normal(size=degrees.size) * TALKATIVE
    liking = talkative[initiator] + talkative[receiver] + rng.normal(size=pairs)
    liking += INVOLVED * np.log(np.minimum(degrees[initiator], degrees[receiver]))
    drawn = drawn[np.argsort(np.argsort(liking))]
    drawn *= max(1, messages // int(drawn.sum()))
    # One-message pairs stay so where they can, for they are a statistic of their own.
    grows = drawn > 1 if (drawn > 1).any() else drawn > 0
    most = np.where(grows, messages, drawn)
    return _shift(rng, drawn, messages - int(drawn.sum()), np.ones_like(drawn), most)


def _sides(rng: Generator, counts: Ints, silent: Flags) -> Flags:
    """For each message, whether the initiator of its pair wrote it."""
    first = np.cumsum(counts) - counts
    two_sided = (counts > 1) & ~silent & (rng.random(counts.size) < _curve(TWO_SIDED, counts))
    turns = rng.random(int(counts.sum())) < REPLIES
    second = first[counts > 1] + 1
    turns[second] = rng.random(second.size) < SECOND_REPLIES
    turns &= np.repeat(two_sided, counts)
    turns[first] = False
    # A two-sided pair has at least one turn: the second message, if nothing else.
    turned = np.add.reduceat(turns, first, dtype=np.int64)
    turns[first[two_sided & (turned == 0)] + 1] = True
    total = np.cumsum(turns)
    return np.asarray((total - np.repeat(total[first], counts)) % 2 == 0, dtype=np.bool_)


def _times(rng: Generator, counts: Ints, days: float) -> Ints:
    """The second of each message, pair by pair, ascending within a pair."""
    end_s = int(days * DAY_S)
    first = np.cumsum(counts) - counts
    time_s = np.zeros(int(counts.sum()), dtype=np.int64)
    ranks = rng.random((counts.size, CANDIDATES)) ** _curve(EARLY, counts)[:, None]
    starts = np.interp(ranks, *FIRST_CONTACT_DAYS) * (days / DAYS) * DAY_S
    time_s[first] = _by_hour(rng, starts, np.zeros(counts.size), end_s)
    for place in range(1, int(counts.max())):
        pairs = np.flatnonzero(counts > place)
        at, before = first[pairs] + place, time_s[first[pairs] + place - 1]
        pauses = _draw(rng, LONG_PAUSES_H, (pairs.size, CANDIDATES)) * HOUR_S
        late = _by_hour(rng, before[:, None] + pauses, before, end_s)
        soon = np.minimum(before + _draw(rng, SHORT_PAUSES_S, pairs.size).astype(np.int64), end_s)
        short = rng.random(pairs.size) < _curve(SHORT, counts[pairs])
        time_s[at] = np.where(short, soon, late)
    return time_s


def _by_hour(rng: Generator, candidates_s: Floats, before_s: ArrayLike, end_s: int) -> Ints:
    """Choose one candidate a row, by the hour's activity; beyond the end, any time that is left."""
    hours = ((candidates_s + CLOCK_S) % DAY_S // HOUR_S).astype(np.int64)
    weights = np.where(candidates_s <= end_s, np.array(HOURS, dtype=np.float64)[hours], 0.0)
    total = np.cumsum(weights, axis=1)
    place = (total <= rng.random((total.shape[0], 1)) * total[:, -1:]).sum(axis=1)
    rest = np.asarray(before_s) + rng.random(total.shape[0]) * (end_s - np.asarray(before_s))
    rows = np.arange(total.shape[0])
    chosen = candidates_s[rows, np.minimum(place, CANDIDATES - 1)]
    return np.where(total[:, -1] > 0, chosen, rest).astype(np.int64)
