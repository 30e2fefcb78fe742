"""The people: which services each of them uses, which phone they carry, and whom they know.

Popularity of providers is Zipf's: provider k (from 0) has weight 1 / (k + 1)^s. One person's order of
providers is a draw without replacement by these weights, made by an exponential race: every provider
gets an exponential waiting time of rate equal to its weight, and they are listed as they arrive
(Efraimidis and Spirakis, "Weighted random sampling with a reservoir", 2006, use the same keys).

Rules:

1. Person i's draws are row i of matrices of fixed width, so they depend on (seed, person) and the
   number of providers alone: adding a person changes nobody else.
2. The order is drawn once, whatever the policy. `receiving` is its beginning and `spares` goes on
   from there, so the providers under a 1-service policy are the prefix of those under a 2-service
   policy, and a replacement is always one the person has never had.
3. Sending services come from an order of their own. A person may send and receive through the same
   provider; numbers below `providers` name the same provider in both roles.
4. Phones are drawn with equal chances from the set, by index.
5. Relationships are undirected pairs that have written. Nodes are integers, added in ascending
   order: nothing depends on the order of a set.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from communicator_model.draws import subseed
from communicator_model.traces import Trace

__all__ = [
    "Components",
    "Person",
    "Population",
    "PopulationError",
    "RelationshipStatistics",
    "cut_components",
    "describe",
    "relationship_graph",
]

Ids = NDArray[np.int32]
SPARES = 8


class PopulationError(ValueError):
    """The wished population cannot exist, for example with more services than providers."""


@dataclass(frozen=True, slots=True)
class Person:
    """One person: provider numbers in order of preference, and the index of their phone."""

    number: int
    receiving: tuple[int, ...]
    sending: tuple[int, ...]
    spares: tuple[int, ...]
    phone: int


@dataclass(frozen=True, eq=False, slots=True)
class Population:
    """People by number, one row each: `receiving`, `sending`, `spares` (people, k) and `phone`.

    Provider 0 is the most popular. The arrays are int32 and read-only.
    """

    providers: int
    receiving: Ids
    sending: Ids
    spares: Ids
    phone: Ids

    def __post_init__(self) -> None:
        for column in (self.receiving, self.sending, self.spares, self.phone):
            column.flags.writeable = False

    @classmethod
    def draw(
        cls,
        seed: int,
        *,
        people: int,
        providers: int,
        receiving: int = 1,
        sending: int = 1,
        zipf_s: float = 1.0,
        phones: int = 1,
        spares: int = SPARES,
        phone_seed: int | None = None,
    ) -> Self:
        """Draw a population; `spares` is a maximum, there are no more than providers left over.

        `phone_seed` decides who has which phone, if that is not to follow `seed`.

        Raises `PopulationError`. Costs people * providers draws: 1e5 people, 20 providers, 0.4 s.
        """
        _check(people, providers, receiving, sending, zipf_s, phones, spares)
        order = _orders(subseed(seed, "population", "receiving"), people, providers, zipf_s)
        outgoing = _orders(subseed(seed, "population", "sending"), people, providers, zipf_s)
        return cls(
            providers,
            order[:, :receiving].copy(),
            outgoing[:, :sending].copy(),
            order[:, receiving : receiving + spares].copy(),
            (
                _uniform(subseed(seed if phone_seed is None else phone_seed, "population", "phone"), people, 1)[:, 0]
                * phones
            ).astype(np.int32),
        )

    def __len__(self) -> int:
        return int(self.phone.size)

    def person(self, number: int) -> Person:
        """One person as plain tuples of integers."""
        return Person(
            number,
            tuple(self.receiving[number].tolist()),
            tuple(self.sending[number].tolist()),
            tuple(self.spares[number].tolist()),
            int(self.phone[number]),
        )

    def people(self) -> list[Person]:
        """Everyone, in order; about 2 µs each."""
        columns = (self.receiving, self.sending, self.spares, self.phone)
        rows = zip(*(column.tolist() for column in columns), strict=True)
        choices: dict[tuple[int, ...], tuple[int, ...]] = {}  # many people choose alike: one object for each choice

        def shared(choice: list[int]) -> tuple[int, ...]:
            return choices.setdefault(tuple(choice), tuple(choice))

        return [
            Person(number, shared(receiving), shared(sending), shared(spares), phone)
            for number, (receiving, sending, spares, phone) in enumerate(rows)
        ]

    def clients(self) -> NDArray[np.int64]:
        """For each provider, how many people receive through it, in whatever place."""
        return np.bincount(self.receiving.ravel(), minlength=self.providers)


def _check(
    people: int,
    providers: int,
    receiving: int,
    sending: int,
    zipf_s: float,
    phones: int,
    spares: int,
) -> None:
    if min(people, providers, receiving, sending, phones) < 1 or spares < 0:
        raise PopulationError("people, providers, receiving, sending and phones must be 1 or more, spares 0 or more")
    if max(receiving, sending) > providers:
        raise PopulationError(
            f"{receiving} receiving and {sending} sending services each need as many distinct"
            f" providers, but there are {providers}"
        )
    if not 0 <= zipf_s <= 10:
        raise PopulationError(f"a Zipf exponent of {zipf_s} is not within 0 (equal) and 10")


def _uniform(seed: int, people: int, width: int) -> NDArray[np.float64]:
    """One row a person, in [0, 1): a longer matrix begins with the shorter one (rule 1)."""
    return np.random.Generator(np.random.PCG64(seed)).random((people, width))


def _orders(seed: int, people: int, providers: int, zipf_s: float) -> Ids:
    """Each person's order of all providers, by an exponential race."""
    weights = np.arange(1, providers + 1, dtype=np.float64) ** -zipf_s
    arrivals = -np.log1p(-_uniform(seed, people, providers)) / weights
    return np.argsort(arrivals, axis=1, kind="stable").astype(np.int32)


@dataclass(frozen=True, slots=True)
class RelationshipStatistics:
    """A graph of relationships in numbers; `largest` is the share of people in the largest part."""

    people: int
    relationships: int
    degree_mean: float
    degree_median: float
    degree_max: int
    components: int
    largest: float
    transitivity: float


@dataclass(frozen=True, slots=True)
class Components:
    """What is left of a graph: its parts, the share of people in the largest, and the lonely."""

    components: int
    largest: float
    isolated: int


def relationship_graph(trace: Trace) -> "nx.Graph[int]":
    """The graph of who has written with whom; each edge carries its number of `messages`."""
    keys, messages = np.unique(trace.pair_keys(), return_counts=True)
    pairs = zip((keys // trace.people).tolist(), (keys % trace.people).tolist(), strict=True)
    graph: nx.Graph[int] = nx.Graph()
    graph.add_nodes_from(range(trace.people))
    for (low, high), count in zip(pairs, messages.tolist(), strict=True):
        graph.add_edge(low, high, messages=count)
    return graph


def describe(graph: "nx.Graph[int]") -> RelationshipStatistics:
    """Measure a graph; 0.1 s for 14,000 relationships."""
    degrees = np.array([degree for _, degree in graph.degree()], dtype=np.int64)
    whole = cut_components(graph, ())
    return RelationshipStatistics(
        people=graph.number_of_nodes(),
        relationships=graph.number_of_edges(),
        degree_mean=float(degrees.mean()),
        degree_median=float(np.median(degrees)),
        degree_max=int(degrees.max()),
        components=whole.components,
        largest=whole.largest,
        transitivity=float(nx.transitivity(graph)),
    )


def cut_components(graph: "nx.Graph[int]", cut_edges: Iterable[tuple[int, int]]) -> Components:
    """Into which parts the people fall when these relationships are lost; the graph is untouched.

    Pairs that are no relationship are ignored. A person without any relationship left is isolated.
    """
    left = graph.copy()
    left.remove_edges_from(cut_edges)
    sizes = [len(part) for part in nx.connected_components(left)]
    return Components(
        components=len(sizes),
        largest=max(sizes) / left.number_of_nodes(),
        isolated=sizes.count(1),
    )
