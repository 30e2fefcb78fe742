"""How close a trace comes to the published and measured aggregates of CollegeMsg.

Sources:

- published: SNAP, https://snap.stanford.edu/data/CollegeMsg.html (people, messages, static edges,
  days), after Panzarasa, Opsahl, Carley, JASIST 60(5), 2009.
- measured: computed with `measure` on the file of SNAP, SHA-256 e00ba241…; aggregates only.

Rules:

1. `calibration` compares at the size of the trace: counts are compared as they are, so a trace of
   another size shows another ratio there, and shares and pauses can still be compared.
2. Burstiness is Goh and Barabási's (σ − μ) / (σ + μ) of the pauses within a pair (EPL 2008).
3. A message is answered by the next one of the other side of its pair, whenever that comes.
"""

from dataclasses import dataclass

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from communicator_model.traces import Trace

__all__ = ["COLLEGEMSG", "Statistic", "calibration", "measure"]

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

# The sizes down to `directed relationships` are published, the rest is measured.
COLLEGEMSG: dict[str, float] = {
    "people": 1_899,
    "messages": 59_835,
    "days": 193.7,
    "directed relationships": 20_296,
    "relationships": 13_838,
    "messages of a person, 50 %": 13,
    "messages of a person, 90 %": 183.2,
    "messages of a person, 99 %": 611.3,
    "share of people who never write": 0.2891,
    "degree, mean": 14.57,
    "degree, 50 %": 5,
    "degree, 75 %": 17,
    "degree, 90 %": 37,
    "degree, 99 %": 117.1,
    "transitivity": 0.05683,
    "degree assortativity": -0.1878,
    "share of people in the largest component": 0.9968,
    "messages of a pair, mean": 4.324,
    "messages of a pair, 50 %": 2,
    "messages of a pair, 90 %": 9,
    "messages of a pair, 99 %": 36,
    "share of pairs with one message": 0.378,
    "share of pairs written from both sides": 0.4667,
    "share of pauses within a minute": 0.1065,
    "share of pauses within an hour": 0.5684,
    "share of pauses within a day": 0.8369,
    "share of pauses within a week": 0.9504,
    "burstiness of pauses": 0.6462,
    "share of messages answered within an hour": 0.3068,
    "share of messages answered within a day": 0.4928,
    "share of messages in the eight busiest hours": 0.5697,
    "share of messages in the busiest five days": 0.1503,
    "weeks until 10 % are written": 2.388,
    "weeks until 50 % are written": 5.091,
    "weeks until 90 % are written": 14.79,
}


@dataclass(frozen=True, slots=True)
class Statistic:
    """One aggregate: its value in CollegeMsg, its value in the trace, and the second by the first."""

    name: str
    published: float
    here: float

    @property
    def ratio(self) -> float:
        """How close: 1 is equal."""
        return self.here / self.published


def calibration(trace: Trace) -> list[Statistic]:
    """Compare a trace with CollegeMsg, in the order in which a report prints it; about 0.3 s."""
    here = measure(trace)
    return [Statistic(name, value, here[name]) for name, value in COLLEGEMSG.items()]


def measure(trace: Trace) -> dict[str, float]:
    """All aggregates of a trace, by name."""
    return {**_sizes(trace), **_graph(trace), **_pairs(trace), **_rhythm(trace)}


def _sizes(trace: Trace) -> dict[str, float]:
    directed = trace.sender.astype(np.int64) * trace.people + trace.receiver
    written = np.bincount(np.concatenate((trace.sender, trace.receiver)), minlength=trace.people)
    return {
        "people": trace.people,
        "messages": trace.messages,
        "days": trace.duration_ms / DAY_MS,
        "directed relationships": np.unique(directed).size,
        "relationships": len(trace.pairs()),
        **{f"messages of a person, {q} %": float(np.percentile(written, q)) for q in (50, 90, 99)},
        "share of people who never write": 1 - np.unique(trace.sender).size / trace.people,
    }


def _graph(trace: Trace) -> dict[str, float]:
    pairs = trace.pairs()
    degrees = np.bincount(pairs.ravel(), minlength=trace.people)
    graph: nx.Graph[int] = nx.Graph()
    graph.add_nodes_from(range(trace.people))
    graph.add_edges_from(pairs.tolist())
    found: dict[str, float] = {
        "degree, mean": float(degrees.mean()),
        **{f"degree, {q} %": float(np.percentile(degrees, q)) for q in (50, 75, 90, 99)},
        "transitivity": float(nx.transitivity(graph)),
        "degree assortativity": float(nx.degree_assortativity_coefficient(graph)),
        "share of people in the largest component": max(len(part) for part in nx.connected_components(graph))
        / trace.people,
    }
    return found


def _pairs(trace: Trace) -> dict[str, float]:
    keys, counts = np.unique(trace.pair_keys(), return_counts=True)
    directed = np.unique(trace.sender.astype(np.int64) * trace.people + trace.receiver).size
    return {
        "messages of a pair, mean": float(counts.mean()),
        **{f"messages of a pair, {q} %": float(np.percentile(counts, q)) for q in (50, 90, 99)},
        "share of pairs with one message": float((counts == 1).mean()),
        "share of pairs written from both sides": directed / keys.size - 1,
    }


def _rhythm(trace: Trace) -> dict[str, float]:
    pauses, answers = _pauses_and_answers(trace)
    week = trace.t_ms / (7 * DAY_MS)
    of_day = (trace.origin_s * 1000 + trace.t_ms) % DAY_MS // HOUR_MS
    hours = np.sort(np.bincount(of_day, minlength=24))
    return {
        **{
            f"share of pauses within {name}": float((pauses <= ms).mean())
            for name, ms in (
                ("a minute", 60_000),
                ("an hour", HOUR_MS),
                ("a day", DAY_MS),
                ("a week", 7 * DAY_MS),
            )
        },
        "burstiness of pauses": float((pauses.std() - pauses.mean()) / (pauses.std() + pauses.mean())),
        "share of messages answered within an hour": float((answers <= HOUR_MS).mean()),
        "share of messages answered within a day": float((answers <= DAY_MS).mean()),
        "share of messages in the eight busiest hours": float(hours[-8:].sum() / hours.sum()),
        "share of messages in the busiest five days": _busiest(trace, 5) / trace.messages,
        **{f"weeks until {q} % are written": float(np.percentile(week, q)) for q in (10, 50, 90)},
    }


def _busiest(trace: Trace, days: int) -> int:
    """Messages in the window of that many days that has the most of them."""
    ends = np.searchsorted(trace.t_ms, trace.t_ms + days * DAY_MS, side="left")
    return int((ends - np.arange(ends.size)).max())


def _pauses_and_answers(trace: Trace) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Pauses within pairs (ms), and for each message the time to its answer (ms, inf: never)."""
    keys = trace.pair_keys()
    order = np.argsort(keys, kind="stable")
    keys, t_ms, sender = keys[order], trace.t_ms[order], trace.sender[order]
    same = keys[1:] == keys[:-1]
    # A run is a stretch of one sender in one pair; the next run of the pair answers all of it.
    starts = np.flatnonzero(np.append(True, ~same | (sender[1:] != sender[:-1])))
    run = np.cumsum(np.bincount(starts, minlength=keys.size)) - 1
    following = np.append(starts, keys.size)[run + 1]
    inside = np.minimum(following, keys.size - 1)
    answered = (following < keys.size) & (keys[inside] == keys)
    return (t_ms[1:] - t_ms[:-1])[same], np.where(answered, t_ms[inside] - t_ms, np.inf)
