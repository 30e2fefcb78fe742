"""Who knows whom: graphs of a wished size, as pairs of people, fast enough for a million of them.

The models are those of networkx, under its names, and made here with arrays: networkx keeps a dictionary for each
person, which takes minutes and gigabytes at a million.

    watts-strogatz     a ring of neighbours, of whom some are exchanged for anybody (Nature 393, 1998): small worlds
    barabasi-albert    who comes knows those who are known already (Science 286, 1999): hubs; made without a loop over
                       people by looking up where an edge was copied from (Sanders, Schulz, Inf. Proc. Lett. 116, 2016)
    blocks             groups that know each other more than others: a stochastic block model of equal blocks
    power-law          a configuration model of degrees with a Pareto tail, loops and doubles erased
    ego-facebook       4,039 people of a real network (McAuley, Leskovec, NIPS 2012), from its file

Rules:

1. Pairs are (smaller, larger), each once, ascending. Same arguments, same pairs: Philox counts, and is keyed by (seed,
   model).
2. People who know nobody stay: numbers are not shifted.
3. The mean degree is met within 2 % at 10,000 people, except where doubles are erased from a heavy tail (power-law).
"""

from pathlib import Path
from typing import Final, Literal, get_args

import msgspec
import numpy as np
from numpy.random import Generator, Philox
from numpy.typing import NDArray

from communicator_model.draws import subseed
from communicator_model.traces import DataError, file_bytes

__all__ = ["FACEBOOK_FILE", "MODELS", "Graph", "GraphError", "Model", "acquaintances", "check_graph", "ego_facebook"]

Model = Literal["watts-strogatz", "barabasi-albert", "blocks", "power-law", "ego-facebook"]
MODELS: Final[tuple[Model, ...]] = get_args(Model)
FACEBOOK_FILE: Final = "facebook_combined.txt"

Pairs = NDArray[np.int64]


class GraphError(DataError):
    """There is no such graph: of this size, with these numbers, or in this file."""


class Graph(msgspec.Struct, frozen=True):
    """A wish for a graph. Each model reads what concerns it."""

    model: Model
    people: int
    mean_degree: float = 8.0
    rewired: float = 0.1  # watts-strogatz: the share of edges that lead to anybody
    blocks: int = 20
    within: float = 0.8  # blocks: the share of edges inside of blocks
    exponent: float = 2.5  # power-law: of the density of degrees


def acquaintances(graph: Graph, seed: int) -> Pairs:
    """Return the pairs (n, 2) of a graph; a million people of mean degree 8 take a few seconds. Raises `GraphError`."""
    check_graph(graph)
    rng = Generator(Philox(key=subseed(seed, "graph", graph.model)))
    match graph.model:
        case "watts-strogatz":
            return _watts_strogatz(rng, graph)
        case "barabasi-albert":
            return _barabasi_albert(rng, graph)
        case "blocks":
            return _blocks(rng, graph)
        case "power-law":
            return _power_law(rng, graph)
    raise GraphError("ego-facebook is read from its file")


def check_graph(graph: Graph) -> None:
    """Raise `GraphError` if there is no such graph."""
    if graph.people < 4 or not 1 <= graph.mean_degree <= (graph.people - 1) / 2:
        raise GraphError(
            f"no graph of {graph.people:,} people with {graph.mean_degree:g} acquaintances each: it takes 4 people, and"
            " a mean degree from 1 to half of the others"
        )
    if not 0 <= graph.rewired <= 1 or not 0 <= graph.within <= 1:
        raise GraphError("rewired and within are shares, from 0 to 1")
    if not 1 <= graph.blocks <= graph.people // 2:
        raise GraphError("blocks must be at least 1, with two people in each")
    if graph.model == "blocks" and not _has_room(graph):
        raise GraphError("such small blocks have no room for so many acquaintances; make fewer, or within smaller")
    if not 1.5 <= graph.exponent <= 6:
        raise GraphError("exponent must lie in [1.5, 6]")


def _once(pairs: Pairs, people: int) -> Pairs:
    """Return pairs in order, each once, without loops."""
    low, high = pairs.min(axis=1), pairs.max(axis=1)
    keys = np.unique((low * people + high)[low != high])
    return np.column_stack((keys // people, keys % people))


def _topped_up(rng: Generator, pairs: Pairs, wanted: int, people: int) -> Pairs:
    """Put anybody's pairs in the place of those that were loops or doubles."""
    pairs = _once(pairs, people)
    while wanted - len(pairs) > 0:
        more = rng.integers(people, size=(wanted - len(pairs), 2))
        pairs = _once(np.concatenate((pairs, more)), people)
    return pairs


def _watts_strogatz(rng: Generator, graph: Graph) -> Pairs:
    """Everybody knows the next ones on a ring; a half of an odd neighbour is drawn."""
    people, half = graph.people, graph.mean_degree / 2
    each = np.full(people, int(half)) + (rng.random(people) < half - int(half))
    who = np.repeat(np.arange(people), each)
    step = np.arange(who.size) - np.repeat(np.cumsum(each) - each, each) + 1
    other = (who + step) % people
    rewired = rng.random(who.size) < graph.rewired
    other[rewired] = rng.integers(people, size=int(rewired.sum()))
    return _topped_up(rng, np.column_stack((who, other)), who.size, people)


def _barabasi_albert(rng: Generator, graph: Graph) -> Pairs:
    """Edge i goes from person i // m to an end of any earlier edge: ends are ends in proportion to their degree.

    The list of ends is: its own person at even places, at place 2 i + 1 a copy of any earlier place. A copy of a copy
    is looked up until it is a person, which takes as many rounds as the logarithm.
    """
    each = max(1, round(graph.mean_degree / 2))
    edges = each * (graph.people - each)
    person = np.arange(edges) // each + each
    at = (rng.random(edges) * 2 * np.arange(edges)).astype(np.int64)
    found = np.full(edges, -1, dtype=np.int64)
    found[:each] = np.arange(each)  # the first to come knows those before it, who know nobody
    left = np.arange(each, edges)
    place = at[left]
    while left.size:
        is_person = place % 2 == 0
        found[left[is_person]] = person[place[is_person] // 2]
        copies = ~is_person
        edge = place[copies] // 2
        first = edge < each  # a copy of the target of the first edges
        found[left[copies][first]] = found[edge[first]]
        left, place = left[copies][~first], at[edge[~first]]
    return _topped_up(rng, np.column_stack((person, found)), edges, graph.people)


def _has_room(graph: Graph) -> bool:
    return graph.within * graph.mean_degree <= (graph.people / graph.blocks - 1) / 2


def _blocks(rng: Generator, graph: Graph) -> Pairs:
    """The first end is anybody; the other somebody of the same block, or anybody."""
    people, size = graph.people, graph.people / graph.blocks
    edges = round(graph.mean_degree * people / 2)
    pairs = np.empty((0, 2), dtype=np.int64)
    while len(pairs) < edges:
        first = rng.integers(people, size=edges - len(pairs))
        low = np.ceil((first / size).astype(np.int64) * size).astype(np.int64)
        near = (low + rng.random(first.size) * size).astype(np.int64).clip(max=people - 1)
        other = np.where(rng.random(first.size) < graph.within, near, rng.integers(people, size=first.size))
        pairs = _once(np.concatenate((pairs, np.column_stack((first, other)))), people)
    return pairs


def _power_law(rng: Generator, graph: Graph) -> Pairs:
    """Degrees with density proportional to k^-exponent above the least, which makes the mean; the most is a root."""
    people, tail = graph.people, graph.exponent - 1
    uniform = 1 - rng.random(people)
    most = max(graph.mean_degree, (graph.mean_degree * people) ** 0.5)
    low, high = 0.01, graph.mean_degree
    for _ in range(60):  # the least that makes the mean
        middle = (low + high) / 2
        mean = np.minimum(middle * uniform ** (-1 / tail), most).mean()
        low, high = (middle, high) if mean < graph.mean_degree else (low, middle)
    degrees = np.minimum(low * uniform ** (-1 / tail), most)
    whole = degrees.astype(np.int64) + (rng.random(people) < degrees % 1)
    stubs = rng.permutation(np.repeat(np.arange(people), whole))
    return _once(stubs[: stubs.size // 2 * 2].reshape(-1, 2), people)


def ego_facebook(path: Path) -> Pairs:
    """Read `facebook_combined.txt`: two numbers a line; numbers become dense. Raises `GraphError` with the line."""
    rows: list[tuple[int, int]] = []
    for number, line in enumerate(file_bytes(path).splitlines(), 1):
        parts = line.split()
        if not parts or line.startswith(b"#"):
            continue
        if len(parts) != 2 or not b"".join(parts).isdigit() or len(line) > 40:
            raise GraphError(f"{path}, line {number}: not two numbers of people")
        rows.append((int(parts[0]), int(parts[1])))
    if not rows:
        raise GraphError(f"{path}: no pair in it")
    names, dense = np.unique(np.array(rows, dtype=np.int64), return_inverse=True)
    return _once(dense.reshape(-1, 2).astype(np.int64), int(names.size))
